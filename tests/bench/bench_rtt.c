/*
 * (c) A round trip as a program sees it: our port against our reflector, and a
 * bare blocking send/recv against a bare blocking recvfrom/sendto; waiting and
 * spinning. In turns; the spinning reflector is stopped while others run.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/engine/packet_heap.h"
#include "common/sys/udp.h"
#include "common/wire/stamp.h"
#include "tests/bench/bench.h"

#define BARE_PORT 9021
#define WAIT_PORT 9022
#define SPIN_PORT 9023
#define PINGS     50

struct client {
    struct spd_cport *port;
    struct spd_udp *udp;
    struct spd_packet_heap *heap;
    bool spin;
};

static void open_client(struct client *c, uint16_t port_number, bool spin)
{
    struct spd_cport_config port = { .single_owner = true };
    struct spd_udp_config config = { .local = { .family = SPD_FAMILY_IPV4 }, .tclass = -1 };
    struct spd_stamp_request request = { .error_estimate = 1 };
    struct spd_diag diag = { 0 };
    struct spd_unit *unit;

    c->spin = spin;
    spd_addr_parse_host(BENCH_FAR, &config.remote);
    config.remote.port = port_number;
    if (spd_cport_create(&port, &c->port, &diag) ||
        spd_udp_open(c->port, 1, &config, &c->udp, &diag) ||
        spd_packet_heap_create(2, 2048, &c->heap, &diag)) {
        fprintf(stderr, "benchmark: %s\n", diag.text);
        exit(1);
    }
    unit = spd_packet_heap_unit(c->heap, 0);
    (void)spd_stamp_write_request(unit->data, unit->capacity, &request);
}

static int64_t ping(struct client *c)
{
    struct spd_unit *out = spd_packet_heap_unit(c->heap, 0);
    struct spd_unit *in = spd_packet_heap_unit(c->heap, 1);
    int64_t before = bench_now_ns();
    struct spd_completion events[2];
    unsigned pending = 2;

    if (spd_udp_queue_receive(c->udp, &in->op, in->data, in->capacity, &in->meta) ||
        spd_udp_queue_send(c->udp, &out->op, out->data, BENCH_PAYLOAD_BYTES, NULL) ||
        spd_cport_commit(c->port, NULL))
        bench_die("ping");
    while (pending > 0) {
        size_t n = 0;
        enum spd_err err =
            spd_cport_wait(c->port, events, 2, &n, c->spin ? 0 : 10 * SPD_NS_PER_S);

        if (err && !(c->spin && err == SPD_ERR_TIMEOUT))
            bench_die("wait");
        pending -= (unsigned)n;
    }
    return bench_now_ns() - before;
}

void bench_rtt(size_t n_rounds)
{
    pid_t bare = bench_far_start(baseline_echo_blocking, BARE_PORT);
    pid_t waiting = bench_far_start(subject_reflect, WAIT_PORT);
    pid_t spinning = bench_far_start(subject_reflect, -SPIN_PORT);
    size_t n = n_rounds * PINGS;
    int64_t *base = calloc(n, sizeof(*base)), *wait = calloc(n, sizeof(*wait));
    int64_t *spin = calloc(n, sizeof(*spin));
    char *payload = calloc(1, 4096);
    struct client wait_client, spin_client;
    int fd = baseline_connect(BARE_PORT);
    double b;

    if (!base || !wait || !spin || !payload)
        bench_die("memory");
    kill(spinning, SIGSTOP);
    open_client(&wait_client, WAIT_PORT, false);
    open_client(&spin_client, SPIN_PORT, true);
    for (size_t r = 0; r < n_rounds; r++) {
        for (size_t i = 0; i < PINGS; i++)
            base[r * PINGS + i] = baseline_ping(fd, payload);
        for (size_t i = 0; i < PINGS; i++)
            wait[r * PINGS + i] = ping(&wait_client);
        kill(spinning, SIGCONT);
        usleep(1000);
        for (size_t i = 0; i < PINGS; i++)
            spin[r * PINGS + i] = ping(&spin_client);
        kill(spinning, SIGSTOP);
    }
    b = (double)bench_quantile(base, n, 0.5);
    bench_report("rtt_p50_ratio_wait", (double)bench_quantile(wait, n, 0.5) / b, "", 1.10,
                 "round trip p50, waiting / bare blocking pair");
    bench_report("rtt_p50_ratio_spin", (double)bench_quantile(spin, n, 0.5) / b, "", 0.6,
                 "round trip p50, spinning / bare blocking pair");
    bench_report("rtt_p50_bare_ns", b, "ns", 0, "round trip p50 of the bare blocking pair");
    bench_far_stop(bare);
    bench_far_stop(waiting);
    bench_far_stop(spinning);
}
