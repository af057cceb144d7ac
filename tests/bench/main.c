/*
 * spd_bench PROGRAM [--json FILE] [--rounds N]: every part, as a table, and as
 * JSON with facts about the host.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/sys/host.h"
#include "tests/bench/bench.h"

pid_t bench_start(char *const argv[])
{
    fflush(stdout); /* or the child would print what waits there, too */
    pid_t pid = fork();

    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
            _exit(127);
        execv(argv[0], argv);
        _exit(127);
    }
    return pid;
}

static int64_t peak_of(pid_t pid)
{
    struct rusage usage;
    int status;

    if (wait4(pid, &status, 0, &usage) != pid || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fprintf(stderr, "benchmark: the program failed\n");
        exit(1);
    }
    return usage.ru_maxrss * INT64_C(1024);
}

/* (e) */
void bench_memory(const char *program)
{
    char *burst[] = { (char *)program, "burst", BENCH_FAR ":9031", "--gap", "1ms", NULL };
    char *large[] = { (char *)program, "burst",   BENCH_FAR ":9031", "--gap", "1ms",
                      "--packets",     "2048", "--bursts",        "3",     NULL };
    pid_t reflector = bench_far_start(subject_reflect, 9031);

    bench_report("rss_peak_bytes", (double)peak_of(bench_start(burst)), "bytes", 0,
                 "peak memory of stampede burst, 10 bursts of 100");
    bench_report("rss_peak_2048_bytes", (double)peak_of(bench_start(large)), "bytes", 0,
                 "peak memory of stampede burst, 3 bursts of 2,048");
    bench_far_stop(reflector);
}

static void write_json(const char *path, size_t n_rounds)
{
    FILE *stream = fopen(path, "w");
    struct spd_host host;

    if (!stream)
        bench_die(path);
    spd_host_read(&host);
    fprintf(stream,
            "{\n  \"schema\": \"stampede.bench/1\",\n  \"version\": \"%s\",\n"
            "  \"system\": \"%s\",\n  \"processor\": \"%s\",\n  \"n_processors\": %u,\n"
            "  \"virtual_machine\": %s,\n  \"clock_source\": \"%s\",\n  \"n_rounds\": %zu,\n",
            SPD_VERSION, host.system, host.processor, host.n_processors,
            host.virtual_machine ? "true" : "false", host.clock_source, n_rounds);
    bench_report_write_json(stream);
    fputs("}\n", stream);
    if (fclose(stream) != 0)
        bench_die(path);
}

int main(int argc, char **argv)
{
    const char *json = NULL, *program = NULL;
    size_t n_rounds = 40;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0 && i + 1 < argc)
            json = argv[++i];
        else if (strcmp(argv[i], "--rounds") == 0 && i + 1 < argc)
            n_rounds = (size_t)strtoul(argv[++i], NULL, 10);
        else if (argv[i][0] != '-' && !program)
            program = argv[i];
        else
            program = NULL, argc = 0;
    }
    if (!program || n_rounds < 1 || n_rounds > 1000) {
        fprintf(stderr, "usage: spd_bench PROGRAM [--json FILE] [--rounds 1..1000]\n");
        return 2;
    }
    if (!bench_path_open()) {
        printf("skipped: no network namespaces\n");
        return 77;
    }
    bench_pin(-1);
    printf("medians of %zu rounds, interleaved\n", n_rounds);
    /* First: a child's peak counts that of the process which forked it. */
    bench_memory(program);
    bench_analysis(program);
    bench_submit(n_rounds);
    bench_reflect(n_rounds);
    bench_rtt(n_rounds);
    bench_stamps(n_rounds);
    bench_log(n_rounds);
    if (json)
        write_json(json, n_rounds);
    printf("%zu figures beyond their limit\n", bench_report_n_missed());
    return bench_report_n_missed() > 0 ? 1 : 0;
}
