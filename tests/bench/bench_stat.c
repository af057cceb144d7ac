/*
 * Clocks, quantiles, and the table of figures.
 */
#include <errno.h>
#include <math.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/bench.h"

#define REPORT_MAX 64

static struct {
    const char *key;
    double value;
    double limit;
} report[REPORT_MAX];
static size_t n_report;

static int64_t read_clock(clockid_t clock)
{
    struct timespec t;

    if (clock_gettime(clock, &t) != 0)
        bench_die("clock_gettime");
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

int64_t bench_now_ns(void)
{
    return read_clock(CLOCK_MONOTONIC_RAW);
}

int64_t bench_cpu_ns(pid_t pid)
{
    clockid_t clock;

    if (clock_getcpuclockid(pid, &clock) != 0)
        bench_die("clock_getcpuclockid");
    return read_clock(clock);
}

int64_t bench_thread_ns(pid_t tid)
{
    char path[64], text[64] = "";
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/schedstat", (int)tid);
    file = fopen(path, "r");
    if (!file || !fgets(text, sizeof(text), file))
        bench_die(path);
    fclose(file);
    return strtoll(text, NULL, 10);
}

static char removed[128];
static pid_t remover;

static void remove_file(void)
{
    if (getpid() == remover)
        remove(removed);
}

void bench_remove_at_end(const char *path)
{
    if (remover == 0 && atexit(remove_file) != 0)
        bench_die("atexit");
    remover = getpid();
    snprintf(removed, sizeof(removed), "%s", path);
}

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

int64_t bench_quantile(int64_t *values, size_t n, double q)
{
    qsort(values, n, sizeof(*values), compare);
    return n ? values[(size_t)(q * (double)(n - 1) + 0.5)] : 0;
}

void bench_pin(int cpu)
{
    cpu_set_t set;
    long n = sysconf(_SC_NPROCESSORS_ONLN);

    CPU_ZERO(&set);
    CPU_SET((size_t)(cpu >= 0 ? cpu : n - 1), &set);
    sched_setaffinity(0, sizeof(set), &set);
}

void bench_fifo(bool on)
{
    struct sched_param p = { .sched_priority = on ? 50 : 0 };

    if (sched_setscheduler(0, on ? SCHED_FIFO : SCHED_OTHER, &p) != 0)
        bench_die("sched_setscheduler");
}

void bench_die(const char *what)
{
    fprintf(stderr, "benchmark: %s: %s\n", what, strerror(errno));
    exit(1);
}

void bench_report(const char *key, double value, const char *unit, double limit, const char *text)
{
    if (n_report < REPORT_MAX) {
        report[n_report].key = key;
        report[n_report].value = value;
        report[n_report++].limit = limit;
    }
    printf("%-26s %12.*f %-6s", key, fabs(value) < 100 ? 3 : 0, value, unit);
    if (limit > 0)
        printf(" %s %-6g", value <= limit ? "<=" : "ABOVE", limit);
    else
        printf("          ");
    printf(" %s\n", text);
    fflush(stdout);
}

void bench_report_write_json(FILE *stream)
{
    for (size_t i = 0; i < n_report; i++)
        fprintf(stream, "  \"%s\": %.*f%s\n", report[i].key, fabs(report[i].value) < 100 ? 4 : 0,
                report[i].value, i + 1 < n_report ? "," : "");
}

size_t bench_report_n_missed(void)
{
    size_t n = 0;

    for (size_t i = 0; i < n_report; i++)
        n += report[i].limit > 0 && report[i].value > report[i].limit;
    return n;
}
