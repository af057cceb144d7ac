/*
 * (g) What logging costs the path that receives: processor time of the thread
 * which receives the packets of a one-way session, with a log and without,
 * alternately from the same client. The log's own thread shares the processor.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/engine/receiver.h"
#include "common/wire/owamp_test.h"
#include "common/wire/session_mark.h"
#include "service/receive_log.h"
#include "service/record_log.h"
#include "tests/bench/bench.h"

#define BURST       1000
#define N_MAX       50000000u /* packets of a session: more than are sent */
#define PLAIN_PORT  9021
#define LOGGED_PORT 9022
/* The difference is small and the bursts are quick. */
#define ROUNDS_FACTOR 4

/* ---- the far host ---- */

struct far {
    struct spd_receiver *receiver;
    struct spd_record_log *log;
    const char *path;
    int ready_fd;
};

static void notify(void *context, enum spd_receiver_event event, uint32_t number)
{
    struct far *far = context;
    static struct spd_log_header header;
    struct spd_diag diag = { 0 };

    (void)number;
    if (event == SPD_RECEIVER_OPENED && write(far->ready_fd, "", 1) != 1)
        bench_die("ready");
    if (event != SPD_RECEIVER_BEGAN || !far->path)
        return;
    spd_receive_log_header(spd_receiver_record(far->receiver), (const uint8_t[16]){ 0 }, NULL,
                           &header);
    if (spd_record_log_start(far->path, &header, &far->log, &diag)) {
        fprintf(stderr, "benchmark: %s\n", diag.text);
        exit(1);
    }
    spd_receiver_set_ring(far->receiver, spd_record_log_ring(far->log));
}

static void receive(int ready_fd, int port, const char *path)
{
    struct far far = { .path = path, .ready_fd = ready_fd };
    struct spd_receiver_spec spec = { .kernel_stamps = true, .timeout_ns = 3600 * SPD_NS_PER_S };
    struct spd_diag diag = { 0 };

    spd_addr_parse_host(BENCH_FAR, &spec.listen);
    spec.listen.port = (uint16_t)port;
    if (spd_receiver_create(&spec, NULL, notify, &far, &far.receiver, &diag)) {
        fprintf(stderr, "benchmark: %s\n", diag.text);
        exit(1);
    }
    while (spd_receiver_step(far.receiver, SPD_NS_FOREVER))
        ;
    fprintf(stderr, "benchmark: %s\n", spd_receiver_record(far.receiver)->outcome.text);
    exit(1);
}

static char log_path[64];

static void receive_plain(int ready_fd, int port)
{
    receive(ready_fd, port, NULL);
}

static void receive_logged(int ready_fd, int port)
{
    receive(ready_fd, port, log_path);
}

/* ---- the near host ---- */

static void write_packets(char *payload, uint64_t session, uint32_t first_seq)
{
    struct spd_session_mark mark = { .session = session, .n_packets = N_MAX };

    for (uint32_t i = 0; i < BURST; i++) {
        char *packet = payload + (size_t)i * 4096;
        struct spd_owamp_test test = { .seq = first_seq + i,
                                       .timestamp = UINT64_C(1) << 63,
                                       .error_estimate = 1 };

        spd_owamp_test_write((uint8_t *)packet, &test);
        spd_session_mark_write(packet, &mark);
    }
}

/* Of the receiving thread, which is the first of its process. The burst waits in
 * the socket until all of it is there: how often the receiver would be woken
 * meanwhile is chance, and costs three times as much as a packet. */
static int64_t burst_cost(int fd, pid_t pid, char *payload)
{
    int64_t before = bench_thread_ns(pid), after = before;

    kill(pid, SIGSTOP);
    usleep(2000);
    (void)baseline_submit(fd, payload, BURST);
    usleep(2000);
    kill(pid, SIGCONT);
    /* All received when it has stopped working. */
    usleep(BURST * 5);
    for (int64_t last = -1; last != after;) {
        last = after;
        usleep(2000);
        after = bench_thread_ns(pid);
    }
    return after - before;
}

void bench_log(size_t n_times)
{
    size_t n_rounds = ROUNDS_FACTOR * n_times;
    int64_t *plain = calloc(n_rounds, sizeof(*plain)), *logged = calloc(n_rounds, sizeof(*logged));
    char *payload = aligned_alloc(4096, (size_t)BURST * 4096);
    pid_t plain_pid, logged_pid;
    double base, with_log;

    snprintf(log_path, sizeof(log_path), "/tmp/stampede-bench-%d.log", (int)getpid());
    bench_remove_at_end(log_path);
    plain_pid = bench_far_start(receive_plain, PLAIN_PORT);
    logged_pid = bench_far_start(receive_logged, LOGGED_PORT);
    int plain_fd = baseline_connect(PLAIN_PORT), logged_fd = baseline_connect(LOGGED_PORT);

    if (!plain || !logged || !payload)
        bench_die("memory");
    memset(payload, 0, (size_t)BURST * 4096);
    for (size_t r = 0; r < n_rounds + 2; r++) {
        size_t at = r < 2 ? 0 : r - 2; /* the first ones open the log and warm up */
        bool swap = r % 2;

        write_packets(payload, 1, (uint32_t)r * BURST);
        if (swap)
            logged[at] = burst_cost(logged_fd, logged_pid, payload);
        plain[at] = burst_cost(plain_fd, plain_pid, payload);
        if (!swap)
            logged[at] = burst_cost(logged_fd, logged_pid, payload);
    }
    bench_far_stop(plain_pid);
    bench_far_stop(logged_pid);
    remove(log_path);
    base = (double)bench_quantile(plain, n_rounds, 0.5);
    with_log = (double)bench_quantile(logged, n_rounds, 0.5);
    bench_report("log_cost_ratio", with_log / base, "", 1.05,
                 "CPU for each packet received with a log / without");
    bench_report("receive_cpu_ns", base / BURST, "ns", 0, "CPU for each packet received");
    close(plain_fd);
    close(logged_fd);
    free(plain);
    free(logged);
    free(payload);
}
