/*
 * (b) Processor time for each reflected packet while bursts of 1,000 arrive:
 * our reflector against recvmmsg + sendmmsg, both fed by the same client.
 * (d) How far the send time in a reply lies from the moment at which the reply
 * left, by the kernel's stamp on a packet socket of the far host.
 */
#include <arpa/inet.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"
#include "tests/bench/bench.h"

#define BURST      1000
#define ECHO_PORT  9011
#define OUR_PORT   9012
#define STAMP_PORT 9013 /* the bursts; single packets one above */
#define SAMPLES_MAX 200000

static void write_requests(char *payload, size_t n, uint32_t first_seq)
{
    for (size_t i = 0; i < n; i++) {
        struct spd_stamp_request request = { .seq = first_seq + (uint32_t)i,
                                             .error_estimate = 1 };

        (void)spd_stamp_write_request(payload + i * 4096, 4096, &request);
    }
}

/* Replies until n came or none for two seconds. */
static size_t drain(int fd, size_t n)
{
    struct timeval patience = { .tv_sec = 2 };
    char reply[2048];
    size_t got = 0;

    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
    while (got < n && recv(fd, reply, sizeof(reply), 0) >= 0)
        got++;
    return got;
}

static int64_t cpu_for_burst(int fd, pid_t server, char *payload)
{
    int64_t before = bench_cpu_ns(server);
    size_t n;

    (void)baseline_submit(fd, payload, BURST);
    /* Not blocked in recv meanwhile: on this path the cost of waking the client
     * for each reply would fall on the reflector, as it does on no network. */
    usleep(BURST * 10);
    n = drain(fd, BURST);
    if (n < BURST) {
        fprintf(stderr, "benchmark: %zu of %d replies\n", n, BURST);
        exit(1);
    }
    return bench_cpu_ns(server) - before;
}

void bench_reflect(size_t n_rounds)
{
    pid_t echo = bench_far_start(baseline_echo_batch, ECHO_PORT);
    pid_t ours = bench_far_start(subject_reflect, OUR_PORT);
    int echo_fd = baseline_connect(ECHO_PORT), our_fd = baseline_connect(OUR_PORT);
    int64_t *base = calloc(n_rounds, sizeof(*base)), *subject = calloc(n_rounds, sizeof(*subject));
    char *payload = aligned_alloc(4096, (size_t)BURST * 4096);

    if (!base || !subject || !payload)
        bench_die("memory");
    memset(payload, 0, (size_t)BURST * 4096);
    write_requests(payload, BURST, 0);
    for (size_t r = 0; r < n_rounds; r++) {
        base[r] = cpu_for_burst(echo_fd, echo, payload);
        subject[r] = cpu_for_burst(our_fd, ours, payload);
    }
    bench_far_stop(echo);
    bench_far_stop(ours);
    bench_report("reflect_cpu_ratio",
                 (double)bench_quantile(subject, n_rounds, 0.5) /
                     (double)bench_quantile(base, n_rounds, 0.5),
                 "", 1.15, "CPU for each reflected packet / recvmmsg + sendmmsg");
    bench_report("reflect_cpu_ns", (double)bench_quantile(subject, n_rounds, 0.5) / BURST, "ns", 0,
                 "CPU for each reflected packet");
    close(echo_fd);
    close(our_fd);
    free(base);
    free(subject);
    free(payload);
}

/* ---- stamps ---- */

static int open_tap(void)
{
    int fd = bench_far_socket(AF_PACKET, SOCK_DGRAM, htons(ETH_P_ALL));
    int on = 1, bytes = 64 << 20;

    if (fd < 0)
        bench_die("packet socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes));
    setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on));
    return fd;
}

static bool read_tap(int fd, int port, int64_t *error_ns)
{
    unsigned char data[2048], control[128];
    struct sockaddr_ll from;
    struct iovec vector = { data, sizeof(data) };
    struct msghdr message = { .msg_name = &from,
                              .msg_namelen = sizeof(from),
                              .msg_iov = &vector,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof(control) };
    ssize_t n = recvmsg(fd, &message, MSG_DONTWAIT);
    struct cmsghdr *c = n > 0 ? CMSG_FIRSTHDR(&message) : NULL;
    struct spd_stamp_reply reply;
    struct timespec t;
    spd_wall stamp;

    *error_ns = INT64_MIN;
    if (n < 0)
        return false;
    if (from.sll_pkttype != PACKET_OUTGOING || n < 28 + SPD_STAMP_BYTES || data[9] != 17 ||
        (data[20] << 8 | data[21]) != port || !c || c->cmsg_type != SCM_TIMESTAMPNS)
        return true;
    memcpy(&t, CMSG_DATA(c), sizeof(t));
    stamp.ns = t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
    if (spd_stamp_read_reply(data + 28, (size_t)n - 28, &reply) == SPD_ERR_OK)
        *error_ns = spd_ntptime_to_wall(reply.timestamp, stamp).ns - stamp.ns;
    return true;
}

static void run_stamps(int port, size_t n_bursts, size_t n_packets, int64_t *errors,
                       size_t *n_errors)
{
    pid_t ours = bench_far_start(subject_reflect, port);
    int fd = baseline_connect(port), tap = open_tap();
    char *payload = aligned_alloc(4096, n_packets * 4096);
    int64_t error;

    if (!payload)
        bench_die("memory");
    memset(payload, 0, n_packets * 4096);
    write_requests(payload, n_packets, 0);
    *n_errors = 0;
    for (size_t b = 0; b < n_bursts + 20; b++) {
        (void)baseline_submit(fd, payload, n_packets);
        (void)drain(fd, n_packets);
        while (read_tap(tap, port, &error))
            if (error != INT64_MIN && b >= 20 && *n_errors < SAMPLES_MAX)
                errors[(*n_errors)++] = error;
        usleep(2000);
    }
    bench_far_stop(ours);
    close(tap);
    close(fd);
    free(payload);
}

static void report_stamps(const char *keys[3], double limit, int64_t *errors, size_t n,
                          const char *text)
{
    double median = (double)bench_quantile(errors, n, 0.5);
    char line[120];

    for (size_t i = 0; i < n; i++)
        errors[i] = errors[i] < 0 ? -errors[i] : errors[i];
    snprintf(line, sizeof(line), "%s: signed median", text);
    bench_report(keys[0], median, "ns", 0, line);
    snprintf(line, sizeof(line), "%s: absolute, p50", text);
    bench_report(keys[1], (double)bench_quantile(errors, n, 0.5), "ns", 0, line);
    snprintf(line, sizeof(line), "%s: absolute, p99", text);
    bench_report(keys[2], (double)bench_quantile(errors, n, 0.99), "ns", limit, line);
}

void bench_stamps(size_t n_rounds)
{
    static const char *bursts[] = { "stamp_error_median_ns", "stamp_error_p50_ns",
                                    "stamp_error_p99_ns" };
    static const char *singles[] = { "stamp_error_single_median_ns", "stamp_error_single_p50_ns",
                                     "stamp_error_single_p99_ns" };
    int64_t *errors = calloc(SAMPLES_MAX, sizeof(*errors));
    size_t n;

    if (!errors)
        bench_die("memory");
    run_stamps(STAMP_PORT, n_rounds, 100, errors, &n);
    report_stamps(bursts, 5000, errors, n, "T3 against the kernel's stamp, bursts of 100");
    run_stamps(STAMP_PORT + 1, 20 * n_rounds, 1, errors, &n);
    report_stamps(singles, 0, errors, n, "T3 against the kernel's stamp, single packets");
    free(errors);
}
