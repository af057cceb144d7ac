/*
 * (a) Handing a burst over: our commit against sendmmsg on a connected socket,
 * both from page-sized units, both real-time, in turns.
 */
#include <stdlib.h>
#include <string.h>

#include "common/engine/packet_heap.h"
#include "common/sys/udp.h"
#include "tests/bench/bench.h"

#define ROUNDS_MAX 1000
#define SINK_PORT  9001
#define BURST_MAX  2048

struct subject {
    struct spd_cport *port;
    struct spd_udp *udp;
    struct spd_packet_heap *heap;
};

static void check(enum spd_err err, const struct spd_diag *diag)
{
    if (!err)
        return;
    fprintf(stderr, "benchmark: %s\n", diag->text);
    exit(1);
}

static void open_subject(struct subject *s, bool stamps)
{
    struct spd_cport_config port = { .single_owner = true, .max_queued_sends = BURST_MAX };
    struct spd_udp_config config = {
        .local = { .family = SPD_FAMILY_IPV4 },
        .send_buffer_bytes = 64u << 20,
        .receive_buffer_bytes = 64u << 20,
        .tclass = -1,
        .want_send_stamps = stamps,
    };
    struct spd_diag diag = { 0 };

    spd_addr_parse_host(BENCH_FAR, &config.remote);
    config.remote.port = SINK_PORT;
    check(spd_cport_create(&port, &s->port, &diag), &diag);
    check(spd_udp_open(s->port, 1, &config, &s->udp, &diag), &diag);
    check(spd_packet_heap_create(BURST_MAX, BENCH_PAYLOAD_BYTES, &s->heap, &diag), &diag);
}

static void drain(struct subject *s, size_t n, bool stamps)
{
    static int64_t sched[BURST_MAX], sent[BURST_MAX];
    struct spd_completion events[64];
    size_t n_out, n_stamps = 0;

    while (n > 0) {
        if (spd_cport_wait(s->port, events, 64, &n_out, SPD_NS_PER_S))
            bench_die("wait");
        n -= n_out;
    }
    if (stamps)
        for (size_t k; (k = spd_udp_stamps_collect(s->udp, sched, sent, BURST_MAX)) > 0;)
            n_stamps += k;
}

/* *prepare_ns is what writing and queueing took; the result the hand-over. */
static int64_t submit(struct subject *s, size_t n, bool stamps, int64_t *prepare_ns)
{
    int64_t start = bench_now_ns(), before, after;
    size_t n_handed;

    for (size_t i = 0; i < n; i++) {
        struct spd_unit *unit = spd_packet_heap_unit(s->heap, i);

        if (spd_udp_queue_send(s->udp, &unit->op, unit->data, BENCH_PAYLOAD_BYTES, NULL))
            bench_die("queue");
    }
    spd_udp_stamps_begin(s->udp);
    bench_fifo(true);
    before = bench_now_ns();
    if (spd_cport_commit(s->port, &n_handed) || n_handed != n)
        bench_die("commit");
    after = bench_now_ns();
    bench_fifo(false);
    *prepare_ns = before - start;
    drain(s, n, stamps);
    return after - before;
}

static void bench_size(struct subject *plain, struct subject *stamped, int fd, char *payload,
                       size_t n_packets, size_t n_rounds)
{
    static int64_t base[ROUNDS_MAX], ours[ROUNDS_MAX], with_stamps[ROUNDS_MAX];
    static int64_t prepare[ROUNDS_MAX], ignored[ROUNDS_MAX];
    static char keys[3][3][32];
    size_t k = n_packets == 100 ? 0 : n_packets == 1000 ? 1 : 2;
    double b;

    for (size_t r = 0; r < n_rounds; r++) {
        bench_fifo(true);
        base[r] = baseline_submit(fd, payload, n_packets);
        bench_fifo(false);
        ours[r] = submit(plain, n_packets, false, &prepare[r]);
        with_stamps[r] = submit(stamped, n_packets, true, &ignored[r]);
    }
    b = (double)bench_quantile(base, n_rounds, 0.5);
    snprintf(keys[k][0], sizeof(keys[k][0]), "submit_ratio_%zu", n_packets);
    snprintf(keys[k][1], sizeof(keys[k][1]), "submit_ratio_%zu_stamped", n_packets);
    snprintf(keys[k][2], sizeof(keys[k][2]), "prepare_ratio_%zu", n_packets);
    bench_report(keys[k][0], (double)bench_quantile(ours, n_rounds, 0.5) / b, "", 1.10,
                 "commit of a burst / sendmmsg");
    bench_report(keys[k][1], (double)bench_quantile(with_stamps, n_rounds, 0.5) / b, "", 1.30,
                 "the same with kernel stamps");
    bench_report(keys[k][2], (double)bench_quantile(prepare, n_rounds, 0.5) / b, "", 0,
                 "queueing it before, outside of the time slice");
}

void bench_submit(size_t n_rounds)
{
    struct subject plain, stamped;
    int fd = baseline_connect(SINK_PORT);
    char *payload = aligned_alloc(4096, (size_t)BURST_MAX * 4096);

    if (!payload)
        bench_die("memory");
    memset(payload, 1, (size_t)BURST_MAX * 4096);
    open_subject(&plain, false);
    open_subject(&stamped, true);
    bench_size(&plain, &stamped, fd, payload, 100, n_rounds);
    bench_size(&plain, &stamped, fd, payload, 1000, n_rounds);
    bench_size(&plain, &stamped, fd, payload, 2048, n_rounds);
}
