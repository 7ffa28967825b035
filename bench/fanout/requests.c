/* Asks for one path again and again over kept connections; each asks anew when it has its answer.

   usage: requests PORT PATH CONNECTIONS SECONDS

   Prints JSON: requests, wrong (not 200), seconds, milliseconds to answer at each percentile, and
   of the very first request, which has its connection for itself. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define MOST 2000000
#define NS 1000000000ull

struct connection { int fd; size_t size; uint64_t asked; char data[64 * 1024]; };

static char request[1024];
static float *times;
static long answered, wrong;

static void die(const char *what) { perror(what); exit(1); }

static uint64_t now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

static void ask(struct connection *c) {
    c->size = 0;
    c->asked = now();
    if (send(c->fd, request, strlen(request), MSG_NOSIGNAL) < 0) die("send");
}

static struct connection *connected(int port) {
    struct connection *c = malloc(sizeof *c);
    struct sockaddr_in target = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int on = 1;
    target.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    c->fd = socket(AF_INET, SOCK_STREAM, 0);
    if (connect(c->fd, (struct sockaddr *)&target, sizeof target)) die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
    return c;
}

/* Reads what came; 1: the answer is whole. */
static int receive(struct connection *c) {
    ssize_t n = recv(c->fd, c->data + c->size, sizeof c->data - 1 - c->size, 0);
    if (n <= 0) die("the server closed a connection");
    c->size += (size_t)n;
    c->data[c->size] = 0;
    char *end = strstr(c->data, "\r\n\r\n"), *length = strcasestr(c->data, "content-length:");
    if (!end || !length || c->size < (size_t)(end - c->data) + 4 + (size_t)atol(length + 15)) return 0;
    if (strncmp(c->data, "HTTP/1.1 200", 12)) wrong++;
    if (answered < MOST) times[answered++] = (float)((now() - c->asked) / 1e6);
    return 1;
}

static int by_size(const void *a, const void *b) {
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

int main(int argc, char **argv) {
    if (argc != 5) {
        fprintf(stderr, "usage: requests PORT PATH CONNECTIONS SECONDS\n");
        return 2;
    }
    int port = atoi(argv[1]), connections = atoi(argv[3]), poller = epoll_create1(0);
    times = malloc(MOST * sizeof *times);
    snprintf(request, sizeof request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n", argv[2]);
    struct connection *c = connected(port);
    ask(c);
    while (!receive(c)) {}
    float first = times[0];
    answered = 0;
    uint64_t begin = now(), until = begin + (uint64_t)(atof(argv[4]) * NS);
    for (int i = 0; i < connections; i++) {
        c = connected(port);
        struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};
        if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &e)) die("epoll_ctl");
        ask(c);
    }
    while (now() < until) {
        struct epoll_event ready[256];
        int n = epoll_wait(poller, ready, 256, 100);
        for (int i = 0; i < n; i++)
            if (receive(ready[i].data.ptr)) ask(ready[i].data.ptr);
    }
    double seconds = (double)(now() - begin) / NS;
    qsort(times, (size_t)answered, sizeof *times, by_size);
    printf("{\"requests\":%ld,\"wrong\":%ld,\"seconds\":%.4f,\"first\":%.4f,\"answer\":[", answered,
           wrong, seconds, first);
    for (int i = 0; i <= 100; i++)
        printf("%s%.4f", i ? "," : "", answered ? times[(answered - 1) * i / 100] : 0);
    puts("]}");
    return 0;
}
