/* Opens Server-Sent Events streams over loopback, counts what arrives and checks its order.

   A delivery is an event whose data holds "t":topic,"q":number,"n":nanoseconds: the numbers of a
   topic grow by one, and `n` is CLOCK_MONOTONIC when it was published. Every delivery of every
   stream is checked, not a sample. `event: snapshot` may jump ahead, other events are only counted.

   stdout: `ready` once every stream has its first delivery, `begin` and `end` of the measured
   window, `credit` each time that as many deliveries came as there are streams, then a JSON report.
   stdin: where the window has no length, its end is the end of stdin. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static const char HELP[] =
    "usage: load --port PORT --path PATH [options]\n"
    "  --path PATH      what is in braces is repeated for each stop of a stream, # is its topic:\n"
    "                   '/v1/stops/bench:{#}/stream', '/v1/stream?{stop=bench:#&}'\n"
    "  --streams N      streams to open (100)\n"
    "  --topics N       topics to spread them over (1)\n"
    "  --stops N        topics of each stream (1)\n"
    "  --ramp N         streams to open in a second (0: all at once)\n"
    "  --patience S     seconds to wait until all are open (60)\n"
    "  --warmup S       seconds between `ready` and `begin` (1)\n"
    "  --duration S     seconds of the window (5); 0: until stdin ends, 900 s at most\n"
    "  --settle S       seconds to go on reading after `end` (0.5)\n"
    "  --tokens FILE    stream n sends line n as its bearer token, beginning anew at the end\n"
    "  --gzip           ask for gzip; deliveries are then not looked into, only bytes count\n";

/* Each source address has its own ports, so that 15,000 streams never run out of them. */
#define SOURCES 8
#define LONGEST 900.0
#define MAX_STOPS 64
#define NS 1000000000ull

enum phase { HEAD, SIZE, DATA, TRAIL, PLAIN, OVER };

struct stream {
    int fd, first_topic;
    enum phase phase;
    bool open;            /* has had its first delivery of every stop */
    int known;            /* stops that had one */
    uint32_t left;        /* bytes of this chunk */
    uint32_t carried;     /* bytes in `carry`: of the head, or of an unfinished event */
    uint32_t segments;    /* TCP segments with data, when the window began */
    char *carry;
    uint64_t *numbers;    /* the last number of each stop */
    uint64_t began;
};

/* Logarithmic buckets, each 1/32 of its power of two wide: within 3 %. */
struct histogram { uint64_t counts[64 * 32], total, largest; };

static struct { int port, streams, topics, stops, ramp; double patience, warmup, duration, settle;
                const char *path; bool gzip; FILE *tokens; } given =
    {.streams = 100, .topics = 1, .stops = 1, .patience = 60, .warmup = 1, .duration = 5,
     .settle = 0.5};

static struct { uint64_t refused, closed, deliveries, snapshots, others, goodbyes, bytes, reads,
                missing, repeated; } counts, at_begin, at_end;
static struct histogram latency, first_delivery;
static struct stream *streams;
static char **tokens;
static int token_count;
static int poller, started, opened;
static uint64_t window_begin, window_end;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void) {
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void record(struct histogram *h, uint64_t value) {
    int shift = value < 32 ? 0 : 58 - __builtin_clzll(value);
    h->counts[shift * 32 + (int)(value >> shift)]++;
    h->total++;
    if (value > h->largest) h->largest = value;
}

/* In milliseconds, the upper edge of the bucket. */
static double quantile(const struct histogram *h, double q) {
    uint64_t rank = (uint64_t)(q * h->total), seen = 0;
    for (int i = 0; i < 64 * 32; i++) {
        seen += h->counts[i];
        if (seen > rank) {
            int shift = i < 64 ? 0 : i / 32 - 1;
            uint64_t edge = (uint64_t)(i - shift * 32 + 1) << shift;
            return (edge < h->largest ? edge : h->largest) / 1e6;
        }
    }
    return h->largest / 1e6;
}

/* -- what arrives ----------------------------------------------------------------------------- */

static void over(struct stream *s) {
    if (s->phase == HEAD) counts.refused++;
    else counts.closed++;
    s->phase = OVER;
    close(s->fd);
    free(s->carry);
    s->carry = NULL;
}

static uint64_t number_after(const char *text, size_t size, const char *label) {
    const char *at = memmem(text, size, label, strlen(label));
    return at ? strtoull(at + strlen(label), NULL, 10) : 0;
}

static void first(struct stream *s, uint64_t time) {
    if (++s->known < given.stops) return;
    s->open = true;
    opened++;
    record(&first_delivery, time - s->began);
}

static void event(struct stream *s, const char *text, size_t size, uint64_t time) {
    const char *data = memmem(text, size, "\"t\":", 4);
    if (!data) {
        counts.others++;
        if (memmem(text, size, "event: goodbye", 14)) counts.goodbyes++;
        return;
    }
    size_t rest = size - (size_t)(data - text);
    int topic = (int)strtoul(data + 4, NULL, 10);
    uint64_t number = number_after(data, rest, "\"q\":"), sent = number_after(data, rest, "\"n\":");
    int stop = (topic - s->first_topic + given.topics) % given.topics;
    if (stop >= given.stops) {
        fprintf(stderr, "load: an event of topic %d came to a stream of %d\n", topic, s->first_topic);
        exit(1);
    }
    uint64_t *last = &s->numbers[stop];
    if (*last == 0 || memmem(text, size, "event: snapshot", 15)) {
        if (*last == 0) first(s, time);
        counts.snapshots++;
        if (number < *last) counts.repeated++;
    } else {
        counts.deliveries++;
        if (number <= *last) counts.repeated++;
        else counts.missing += number - *last - 1;
        if (window_begin && !window_end && sent >= window_begin) record(&latency, time - sent);
    }
    *last = number;
}

static void carry(struct stream *s, const char *data, size_t size) {
    s->carry = realloc(s->carry, s->carried + size + 1);
    if (!s->carry) die("realloc");
    memcpy(s->carry + s->carried, data, size);
    s->carried += (uint32_t)size;
    s->carry[s->carried] = 0;
}

static void drop_carry(struct stream *s) {
    free(s->carry);
    s->carry = NULL;
    s->carried = 0;
}

/* The stream's text, chunk framing taken off: events end by an empty line. */
static void text(struct stream *s, const char *data, size_t size, uint64_t time) {
    if (given.gzip) {
        if (!s->open) first(s, time);
        return;
    }
    bool whole = s->carried == 0;
    if (!whole) {
        carry(s, data, size);
        data = s->carry;
        size = s->carried;
    }
    const char *end;
    while ((end = memmem(data, size, "\n\n", 2))) {
        size_t length = (size_t)(end - data) + 2;
        event(s, data, length, time);
        data += length;
        size -= length;
    }
    if (whole && size) {
        carry(s, data, size);
    } else if (!whole && size == 0) {
        drop_carry(s);
    } else if (!whole) {
        memmove(s->carry, data, size);
        s->carried = (uint32_t)size;
    }
}

/* The head of the answer; where the body begins in `data`, NULL: not all is there, or a refusal. */
static const char *head(struct stream *s, const char *data, size_t size) {
    uint32_t before = s->carried;
    carry(s, data, size);
    char *end = strstr(s->carry, "\r\n\r\n");
    if (!end) return NULL;
    size_t length = (size_t)(end - s->carry) + 4;
    *end = 0;
    if (strncmp(s->carry, "HTTP/1.1 200", 12)) {
        over(s);
        return NULL;
    }
    s->phase = strcasestr(s->carry, "transfer-encoding: chunked") ? SIZE : PLAIN;
    drop_carry(s);
    return data + (length - before);
}

static int hex(char c) {
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10
         : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void bytes(struct stream *s, const char *data, size_t size, uint64_t time) {
    const char *end = data + size;
    if (s->phase == HEAD) {
        data = head(s, data, size);
        if (!data) return;
    }
    while (data < end && s->phase != OVER) {
        if (s->phase == PLAIN) {
            text(s, data, (size_t)(end - data), time);
            return;
        }
        if (s->phase == SIZE) {
            char c = *data++;
            if (hex(c) >= 0) s->left = s->left * 16 + (uint32_t)hex(c);
            else if (c == '\n' && s->left == 0) over(s);
            else if (c == '\n') s->phase = DATA;
        } else if (s->phase == DATA) {
            size_t part = (size_t)(end - data) < s->left ? (size_t)(end - data) : s->left;
            text(s, data, part, time);
            data += part;
            s->left -= (uint32_t)part;
            if (s->left == 0) s->phase = TRAIL;
        } else if (*data++ == '\n') {
            s->phase = SIZE;
        }
    }
}

static void receive(struct stream *s) {
    static char buffer[256 * 1024];
    ssize_t size = recv(s->fd, buffer, sizeof buffer, 0);
    if (size < 0 && (errno == EAGAIN || errno == EINTR)) return;
    if (size <= 0) {
        over(s);
        return;
    }
    counts.reads++;
    counts.bytes += (uint64_t)size;
    bytes(s, buffer, (size_t)size, now());
}

/* -- opening ---------------------------------------------------------------------------------- */

static void read_tokens(void) {
    size_t room = 0;
    for (char *line = NULL; getline(&line, &room, given.tokens) > 0; line = NULL, room = 0) {
        line[strcspn(line, "\n")] = 0;
        tokens = realloc(tokens, sizeof *tokens * (size_t)(token_count + 1));
        tokens[token_count++] = line;
    }
    if (!token_count) die("tokens");
}

static void put_path(char *request, size_t room, int first_topic) {
    const char *open = strchr(given.path, '{'), *close = strchr(given.path, '}');
    size_t n = (size_t)snprintf(request, room, "GET %.*s", (int)(open - given.path), given.path);
    for (int stop = 0; stop < given.stops; stop++)
        for (const char *c = open + 1; c < close; c++)
            n += (size_t)(*c == '#' ? snprintf(request + n, room - n, "%d",
                                               (first_topic + stop) % given.topics)
                                    : snprintf(request + n, room - n, "%c", *c));
    snprintf(request + n, room - n,
             "%s HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: text/event-stream\r\n"
             "User-Agent: stopcast-load\r\n%s\r\n",
             close + 1, given.gzip ? "Accept-Encoding: gzip\r\n" : "");
}

static void start(int index) {
    struct stream *s = &streams[index];
    struct sockaddr_in source = {.sin_family = AF_INET}, target = {.sin_family = AF_INET};
    source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + (uint32_t)(index % SOURCES));
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    target.sin_port = htons((uint16_t)given.port);
    s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
    if (s->fd < 0) die("socket");
    int on = 1;
    setsockopt(s->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof on);
    if (bind(s->fd, (struct sockaddr *)&source, sizeof source)) die("bind");
    s->first_topic = (int)((long)index * given.stops % given.topics);
    s->numbers = calloc((size_t)given.stops, sizeof *s->numbers);
    s->began = now();
    if (connect(s->fd, (struct sockaddr *)&target, sizeof target) && errno != EINPROGRESS) {
        over(s);
        return;
    }
    struct epoll_event e = {.events = EPOLLOUT, .data.ptr = s};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, s->fd, &e)) die("epoll_ctl");
}

static void ask(struct stream *s) {
    char request[8192];
    int error = 0;
    socklen_t size = sizeof error;
    getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &error, &size);
    put_path(request, sizeof request, s->first_topic);
    if (tokens) {
        size_t n = strlen(request) - 2;  /* before the empty line */
        snprintf(request + n, sizeof request - n, "Authorization: Bearer %s\r\n\r\n",
                 tokens[(s - streams) % token_count]);
    }
    if (error || send(s->fd, request, strlen(request), MSG_NOSIGNAL) < 0) {
        over(s);
        return;
    }
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
    if (epoll_ctl(poller, EPOLL_CTL_MOD, s->fd, &e)) die("epoll_ctl");
}

/* -- the run ---------------------------------------------------------------------------------- */

static void say(const char *line) {
    puts(line);
    fflush(stdout);
}

static void turn(void) {
    static struct epoll_event ready[1024];
    static uint64_t credits;
    int n = epoll_wait(poller, ready, 1024, 2);
    for (int i = 0; i < n; i++) {
        struct stream *s = ready[i].data.ptr;
        if (ready[i].events & EPOLLOUT) ask(s);
        else receive(s);
    }
    while (counts.deliveries >= (credits + 1) * (uint64_t)given.streams) {
        credits++;
        say("credit");
    }
}

static void turn_for(double seconds) {
    uint64_t until = now() + (uint64_t)(seconds * NS);
    while (now() < until) turn();
}

static void open_all(void) {
    uint64_t begin = now(), until = begin + (uint64_t)(given.patience * NS);
    while ((uint64_t)opened + counts.refused + counts.closed < (uint64_t)given.streams) {
        uint64_t time = now();
        if (time > until) return;
        int due = given.ramp ? (int)((time - begin) * (uint64_t)given.ramp / NS) + 1 : given.streams;
        /* By the hundred, so that answers are read in between. */
        for (int i = 0; i < 100 && started < due && started < given.streams; i++) start(started++);
        turn();
    }
}

static bool stdin_open(void) {
    char c;
    ssize_t n = read(STDIN_FILENO, &c, 1);
    return n > 0 || (n < 0 && errno == EAGAIN);
}

static void measure(void) {
    if (given.duration > 0) {
        turn_for(given.duration);
        return;
    }
    fcntl(STDIN_FILENO, F_SETFL, fcntl(STDIN_FILENO, F_GETFL) | O_NONBLOCK);
    uint64_t until = now() + (uint64_t)(LONGEST * NS);
    while (stdin_open() && now() < until) turn();
}

/* Of all streams since the last call: about the server's writes, where the client keeps up. */
static uint64_t segments(void) {
    uint64_t sum = 0;
    for (int i = 0; i < started; i++) {
        struct tcp_info info;
        socklen_t size = sizeof info;
        if (streams[i].phase == OVER) continue;
        if (getsockopt(streams[i].fd, IPPROTO_TCP, TCP_INFO, &info, &size)) die("TCP_INFO");
        sum += info.tcpi_data_segs_in - streams[i].segments;
        streams[i].segments = info.tcpi_data_segs_in;
    }
    return sum;
}

static void print_quantiles(const char *name, const struct histogram *h) {
    printf("\"%s\":[", name);
    for (int i = 0; i < 100; i++) printf("%.4f,", quantile(h, i / 100.0));
    printf("%.4f],\"%s_p999\":%.4f,\"%s_count\":%llu,", quantile(h, 1), name, quantile(h, 0.999),
           name, (unsigned long long)h->total);
}

static void print_report(double seconds, uint64_t segs, double cpu) {
    printf("{\"streams\":%d,\"opened\":%d,", given.streams, opened);
    print_quantiles("first_delivery", &first_delivery);
    print_quantiles("latency", &latency);
#define TOTAL(name) printf("\"%s\":%llu,", #name, (unsigned long long)counts.name)
#define WINDOW(name) printf("\"window_%s\":%llu,", #name, \
                            (unsigned long long)(at_end.name - at_begin.name))
    TOTAL(refused); TOTAL(closed); TOTAL(deliveries); TOTAL(snapshots); TOTAL(others);
    TOTAL(goodbyes); TOTAL(missing); TOTAL(repeated);
    WINDOW(deliveries); WINDOW(snapshots); WINDOW(others); WINDOW(bytes); WINDOW(reads);
    printf("\"window_segments\":%llu,\"window\":%.4f,\"cpu\":%.4f}\n",
           (unsigned long long)segs, seconds, cpu);
}

static void read_arguments(int argc, char **argv) {
    static const struct option names[] = {
        {"port", 1, 0, 'p'}, {"path", 1, 0, 'a'}, {"streams", 1, 0, 'n'}, {"topics", 1, 0, 't'},
        {"stops", 1, 0, 's'}, {"ramp", 1, 0, 'r'}, {"patience", 1, 0, 'P'}, {"warmup", 1, 0, 'w'},
        {"duration", 1, 0, 'd'}, {"settle", 1, 0, 'e'}, {"tokens", 1, 0, 'k'}, {"gzip", 0, 0, 'z'}, {"help", 0, 0, 'h'}, {0}};
    for (int c; (c = getopt_long(argc, argv, "", names, NULL)) != -1;) {
        switch (c) {
        case 'p': given.port = atoi(optarg); break;
        case 'a': given.path = optarg; break;
        case 'n': given.streams = atoi(optarg); break;
        case 't': given.topics = atoi(optarg); break;
        case 's': given.stops = atoi(optarg); break;
        case 'r': given.ramp = atoi(optarg); break;
        case 'P': given.patience = atof(optarg); break;
        case 'w': given.warmup = atof(optarg); break;
        case 'd': given.duration = atof(optarg); break;
        case 'e': given.settle = atof(optarg); break;
        case 'k': if (!(given.tokens = fopen(optarg, "r"))) die(optarg); break;
        case 'z': given.gzip = true; break;
        case 'h': fputs(HELP, stdout); exit(0);
        default: fputs(HELP, stderr); exit(2);
        }
    }
    if (!given.port || !given.path || !strchr(given.path, '{') || !strchr(given.path, '}') ||
        given.streams < 1 || given.topics < given.stops || given.stops < 1 ||
        given.stops > MAX_STOPS || given.duration > LONGEST) {
        fputs(HELP, stderr);
        exit(2);
    }
}

int main(int argc, char **argv) {
    read_arguments(argc, argv);
    if (given.tokens) read_tokens();
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    poller = epoll_create1(0);
    streams = calloc((size_t)given.streams, sizeof *streams);
    if (poller < 0 || !streams) die("load");
    open_all();
    say("ready");
    turn_for(given.warmup);
    segments();
    double cpu = cpu_seconds();
    at_begin = counts;
    window_begin = now();
    say("begin");
    measure();
    window_end = now();
    at_end = counts;
    cpu = cpu_seconds() - cpu;
    say("end");
    uint64_t segs = segments();
    turn_for(given.settle);
    print_report((double)(window_end - window_begin) / NS, segs, cpu);
    return 0;
}
