/*
 * The bare system calls that Stampede is measured against: nothing but what the
 * job needs, in the cheapest form that delivers each datagram by itself.
 */
#include <arpa/inet.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define BATCH 64
#define BURST_MAX 2048
#define PACKET_MAX 2048

static struct sockaddr_in address(const char *host, int port)
{
    struct sockaddr_in a = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };

    inet_pton(AF_INET, host, &a.sin_addr);
    return a;
}

static void large_buffers(int fd)
{
    int bytes = 64 << 20;

    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes));
}

static int serve_on(int port, int ready_fd)
{
    struct sockaddr_in a = address(BENCH_FAR, port);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        bench_die("bind");
    large_buffers(fd);
    if (write(ready_fd, "", 1) != 1)
        bench_die("ready");
    return fd;
}

void baseline_echo_batch(int ready_fd, int port)
{
    static char data[BATCH][PACKET_MAX];
    static struct sockaddr_in from[BATCH];
    static struct iovec vectors[BATCH];
    static struct mmsghdr messages[BATCH];
    int fd = serve_on(port, ready_fd);

    for (int i = 0; i < BATCH; i++) {
        messages[i].msg_hdr.msg_name = &from[i];
        messages[i].msg_hdr.msg_iov = &vectors[i];
        messages[i].msg_hdr.msg_iovlen = 1;
        vectors[i].iov_base = data[i];
    }
    for (;;) {
        int n, sent = 0;

        for (int i = 0; i < BATCH; i++) {
            vectors[i].iov_len = PACKET_MAX;
            messages[i].msg_hdr.msg_namelen = sizeof(from[i]);
        }
        n = recvmmsg(fd, messages, BATCH, MSG_WAITFORONE, NULL);
        if (n <= 0)
            continue;
        for (int i = 0; i < n; i++)
            vectors[i].iov_len = messages[i].msg_len;
        while (sent < n) {
            int done = sendmmsg(fd, messages + sent, (unsigned)(n - sent), 0);

            if (done <= 0)
                break;
            sent += done;
        }
    }
}

void baseline_echo_blocking(int ready_fd, int port)
{
    static char data[PACKET_MAX];
    int fd = serve_on(port, ready_fd);

    for (;;) {
        struct sockaddr_in from;
        socklen_t length = sizeof(from);
        ssize_t n = recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &length);

        if (n >= 0)
            (void)sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, length);
    }
}

int baseline_connect(int port)
{
    struct sockaddr_in a = address(BENCH_FAR, port);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0 || connect(fd, (struct sockaddr *)&a, sizeof(a)) != 0)
        bench_die("connect");
    large_buffers(fd);
    return fd;
}

int64_t baseline_submit(int fd, char *payload, size_t n)
{
    static struct iovec vectors[BURST_MAX];
    static struct mmsghdr messages[BURST_MAX];
    int64_t before, after;
    size_t sent = 0;

    for (size_t i = 0; i < n; i++) {
        vectors[i] = (struct iovec){ payload + i * 4096, BENCH_PAYLOAD_BYTES };
        messages[i].msg_hdr = (struct msghdr){ .msg_iov = &vectors[i], .msg_iovlen = 1 };
    }
    before = bench_now_ns();
    while (sent < n) {
        int done = sendmmsg(fd, messages + sent, (unsigned)(n - sent), 0);

        if (done <= 0)
            bench_die("sendmmsg");
        sent += (size_t)done;
    }
    after = bench_now_ns();
    return after - before;
}

int64_t baseline_ping(int fd, char *payload)
{
    char reply[PACKET_MAX];
    int64_t before = bench_now_ns();

    if (send(fd, payload, BENCH_PAYLOAD_BYTES, 0) < 0 || recv(fd, reply, sizeof(reply), 0) < 0)
        bench_die("ping");
    return bench_now_ns() - before;
}
