/* The kernel's limit: each event that is posted is written to every connection, one after another.

   usage: write_loop PORT MAX_CONNECTIONS

   As little HTTP as a benchmark needs: GET opens a stream and gets the last event, POST publishes
   its body (requests may be pipelined, but come whole). One thread, blocking writes. */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const char HEAD[] = "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
                           "Transfer-Encoding: chunked\r\n\r\n";
static const char DONE[] = "HTTP/1.1 204 No Content\r\n\r\n";

static int poller, *followers, count, most;
static char chunk[64 * 1024];
static size_t chunk_size;

static void die(const char *what) { perror(what); exit(1); }

static void publish(const char *body, int size) {
    static unsigned long version;
    char text[sizeof chunk - 32];
    int n = snprintf(text, sizeof text, "id: %lu\nevent: patch\ndata: %.*s\n\n", ++version, size, body);
    chunk_size = (size_t)snprintf(chunk, sizeof chunk, "%x\r\n%s\r\n", n, text);
    for (int i = 0; i < count; i++)
        if (send(followers[i], chunk, chunk_size, MSG_NOSIGNAL) < 0) {
            close(followers[i]);
            followers[i--] = followers[--count];
        }
}

static void posts(int fd, char *data) {
    for (char *end; (end = strstr(data, "\r\n\r\n"));) {
        char *length = strcasestr(data, "content-length:");
        int size = length ? atoi(length + 15) : 0;
        publish(end + 4, size);
        data = end + 4 + size;
        if (send(fd, DONE, sizeof DONE - 1, MSG_NOSIGNAL) < 0) return;
    }
}

static void request(int fd) {
    static char data[256 * 1024];
    ssize_t size = recv(fd, data, sizeof data - 1, 0);
    if (size <= 0) {
        /* A stream's socket stays in `followers` until a write fails. */
        epoll_ctl(poller, EPOLL_CTL_DEL, fd, NULL);
        shutdown(fd, SHUT_RDWR);
        return;
    }
    data[size] = 0;
    if (!strncmp(data, "POST", 4)) {
        posts(fd, data);
    } else if (count < most) {
        send(fd, HEAD, sizeof HEAD - 1, MSG_NOSIGNAL | MSG_MORE);
        send(fd, chunk, chunk_size, MSG_NOSIGNAL);
        followers[count++] = fd;
    }
}

static void watch(int fd) {
    struct epoll_event e = {.events = EPOLLIN, .data.fd = fd};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, fd, &e)) die("epoll_ctl");
}

int main(int argc, char **argv) {
    if (argc != 3) {
        fprintf(stderr, "usage: write_loop PORT MAX_CONNECTIONS\n");
        return 2;
    }
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    most = atoi(argv[2]);
    followers = calloc((size_t)most, sizeof *followers);
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1]))};
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    int listener = socket(AF_INET, SOCK_STREAM, 0), on = 1;
    setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 4096))
        die("listen");
    poller = epoll_create1(0);
    watch(listener);
    for (;;) {
        struct epoll_event ready[256];
        int n = epoll_wait(poller, ready, 256, -1);
        for (int i = 0; i < n; i++) {
            if (ready[i].data.fd != listener) {
                request(ready[i].data.fd);
                continue;
            }
            int fd = accept(listener, NULL, NULL);
            if (fd < 0) die("accept");
            setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
            watch(fd);
        }
    }
}
