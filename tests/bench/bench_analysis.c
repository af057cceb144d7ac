/*
 * (f) What it takes to analyse a log: stampede analyze of two-way logs with
 * every correction to make and every figure to find, from 10,000 records to ten
 * million.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/result/log_writer.h"
#include "tests/bench/bench.h"
#include "tests/support/random.h"

#define START_NS    INT64_C(1700000000000000000)
#define INTERVAL_NS INT64_C(20000000)
#define BATCH       1024

/* Beside what n log n comes to from the smallest to the largest log. */
#define GROWTH_MARGIN 0.01

static const struct {
    size_t n;
    size_t n_runs;
} sizes[] = { { 10, 21 }, { 10000, 21 }, { 100000, 9 }, { 1000000, 5 }, { 10000000, 2 } };

enum { N_SIZES = sizeof(sizes) / sizeof(sizes[0]), LARGEST = N_SIZES - 1 };

/* ---- logs ---- */

/* A queue that others fill: it drains by `drain` between two packets. */
static int64_t queue_step(struct spd_random *random, int64_t *queue_ns)
{
    *queue_ns += (int64_t)spd_random_below(random, 8) == 0
                     ? (int64_t)spd_random_below(random, 40 * SPD_NS_PER_MS)
                     : 0;
    *queue_ns -= 3 * SPD_NS_PER_MS;
    if (*queue_ns < 0)
        *queue_ns = 0;
    return *queue_ns + (int64_t)spd_random_below(random, 20 * SPD_NS_PER_US);
}

/* Between clocks that drift apart by 20 ppm, the far one of which leaps three
 * times: one in 100 is lost, one in 200 arrives late, one in 500 twice. */
static struct spd_flow_packet packet_at(size_t i, size_t n, struct spd_random *random,
                                        int64_t queues_ns[2])
{
    int64_t t1_ns = START_NS + (int64_t)i * INTERVAL_NS;
    int64_t jumps_ns = (int64_t)(i * 4 / n) * 500 * SPD_NS_PER_MS;
    int64_t far_ns = (int64_t)i * INTERVAL_NS / 50000 + jumps_ns - 3 * SPD_NS_PER_S;
    int64_t there_ns = t1_ns + 5 * SPD_NS_PER_MS + queue_step(random, &queues_ns[0]);
    struct spd_flow_packet p = { .seq = (uint32_t)i,
                                 .size_bytes = 92,
                                 .flags = SPD_FLOW_SENT | SPD_FLOW_T1_KERNEL,
                                 .t1_ns = t1_ns,
                                 .tclass_forward = SPD_FLOW_TCLASS_UNKNOWN,
                                 .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN };

    if (spd_random_below(random, 100) == 0)
        return p;
    if (spd_random_below(random, 200) == 0)
        there_ns += 3 * INTERVAL_NS;
    p.flags |= SPD_FLOW_ARRIVED | SPD_FLOW_RETURNED | SPD_FLOW_RX_KERNEL;
    p.t2_ns = there_ns + far_ns;
    p.t3_ns = p.t2_ns + 30000;
    p.t4_ns = there_ns + 30000 + 3 * SPD_NS_PER_MS + queue_step(random, &queues_ns[1]);
    p.reflector_seq = (uint32_t)i;
    return p;
}

static void check(enum spd_err err, const struct spd_diag *diag)
{
    if (!err)
        return;
    fprintf(stderr, "benchmark: %s\n", diag->text);
    exit(1);
}

static void write_log(const char *path, size_t n)
{
    static struct spd_log_header header = { .kind = SPD_LOG_TWO_WAY,
                                            .created_ns = START_NS,
                                            .counter_hz = 1000000000,
                                            .send_stamp = SPD_STAMP_KERNEL,
                                            .receive_stamp = SPD_STAMP_KERNEL,
                                            .n_flows = 1 };
    static struct spd_flow_packet batch[2 * BATCH];
    struct spd_log_end end = { .ended_ns = START_NS + (int64_t)n * INTERVAL_NS, .n_flows = 1 };
    struct spd_random random = { 1 };
    int64_t queues_ns[2] = { 0, 0 };
    struct spd_log_writer *writer;
    struct spd_diag diag = { 0 };

    strcpy(header.flows[0].info.name, "stream");
    end.flows[0] =
        (struct spd_log_flow_end){ .n_packets_known = true, .n_packets = (uint32_t)n, .n_sent = n };
    check(spd_log_writer_create(path, &header, &writer, &diag), &diag);
    for (size_t i = 0; i < n;) {
        size_t n_batch = 0;

        for (; i < n && n_batch < BATCH; i++) {
            batch[n_batch] = packet_at(i, n, &random, queues_ns);
            if (batch[n_batch++].t2_ns != 0 && spd_random_below(&random, 500) == 0) {
                batch[n_batch] = batch[n_batch - 1];
                batch[n_batch].t4_ns += SPD_NS_PER_MS;
                batch[n_batch++].flags |= SPD_FLOW_DUPLICATE;
            }
        }
        check(spd_log_writer_append(writer, batch, n_batch, &diag), &diag);
    }
    check(spd_log_writer_end(writer, &end, &diag), &diag);
    spd_log_writer_destroy(writer);
}

/* In a process of its own: a child's peak counts that of the one it is forked
 * from. */
static size_t make_log(const char *path, size_t n)
{
    pid_t pid = fork();
    struct stat facts;
    int status;

    if (pid == 0) {
        write_log(path, n);
        _exit(0);
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || status != 0 || stat(path, &facts) != 0)
        bench_die("writing a log");
    return (size_t)facts.st_size;
}

/* ---- analysis ---- */

struct cost {
    int64_t cpu_ns;
    int64_t wall_ns;
    int64_t peak_bytes;
};

static int64_t ns_of(struct timeval t)
{
    return t.tv_sec * INT64_C(1000000000) + t.tv_usec * INT64_C(1000);
}

static struct cost analyse(const char *program, const char *path)
{
    char *arguments[] = { (char *)program, "analyze", (char *)path, "--json", "--quiet", NULL };
    int64_t started_ns = bench_now_ns();
    pid_t pid = bench_start(arguments);
    struct rusage usage;
    int status;

    if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "benchmark: analyze failed\n");
        exit(1);
    }
    return (struct cost){ .cpu_ns = ns_of(usage.ru_utime) + ns_of(usage.ru_stime),
                          .wall_ns = bench_now_ns() - started_ns,
                          .peak_bytes = usage.ru_maxrss * INT64_C(1024) };
}

/* The least of some runs: what else the computer does only adds to it. */
static struct cost least_of(const char *program, const char *path, size_t n_runs)
{
    struct cost least = analyse(program, path);

    for (size_t i = 1; i < n_runs; i++) {
        struct cost cost = analyse(program, path);

        if (cost.cpu_ns < least.cpu_ns)
            least.cpu_ns = cost.cpu_ns;
        if (cost.wall_ns < least.wall_ns)
            least.wall_ns = cost.wall_ns;
        if (cost.peak_bytes > least.peak_bytes)
            least.peak_bytes = cost.peak_bytes;
    }
    return least;
}

/* The steepest slope to the largest log from any other one, in logarithms, less
 * what the program takes for a log of next to nothing. */
static double growth_of(const struct cost costs[N_SIZES])
{
    double steepest = 0.0;

    for (size_t i = 1; i < LARGEST; i++) {
        double times = (double)(costs[LARGEST].cpu_ns - costs[0].cpu_ns) /
                       (double)(costs[i].cpu_ns - costs[0].cpu_ns);
        double slope = log(times) / log((double)sizes[LARGEST].n / (double)sizes[i].n);

        steepest = fmax(steepest, slope);
    }
    return steepest;
}

/* That of n log n from the second log to the largest one. */
static double growth_limit(void)
{
    double from = (double)sizes[1].n, to = (double)sizes[LARGEST].n;

    return log(to * log(to) / (from * log(from))) / log(to / from) + GROWTH_MARGIN;
}

void bench_analysis(const char *program)
{
    struct cost costs[N_SIZES];
    double worst_ratio = 0.0;
    char path[64];

    for (size_t i = 0; i < N_SIZES; i++) {
        size_t n_bytes;

        snprintf(path, sizeof(path), "/tmp/stampede-bench-%d.log", (int)getpid());
        bench_remove_at_end(path);
        n_bytes = make_log(path, sizes[i].n);
        costs[i] = least_of(program, path, sizes[i].n_runs);
        if (sizes[i].n >= 1000000)
            worst_ratio = fmax(worst_ratio, (double)costs[i].peak_bytes / (double)n_bytes);
        remove(path);
    }
    bench_report("analysis_records_per_s",
                 (double)sizes[LARGEST].n * 1e9 / (double)costs[LARGEST].wall_ns, "/s", 0,
                 "stampede analyze of 10,000,000 records, both directions");
    bench_report("analysis_peak_to_log_ratio", worst_ratio, "", 2.0,
                 "its peak memory / the log, of 1,000,000 or of 10,000,000");
    bench_report("analysis_growth_exponent", growth_of(costs), "", growth_limit(),
                 "its time grows with this power, from 10,000 on");
}
