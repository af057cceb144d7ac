/*
 * Every call that posix/ makes to the system gets its turn to fail: each
 * scenario is run with the first call failing, then the second, and so on until
 * none was left to fail. Whatever fails, a scenario either gets by without it
 * or ends with an error of the list and a reason; it neither crashes nor hangs,
 * completes every operation exactly once, and keeps nothing.
 *
 * SPD_FAULTS=1 in the environment shows what each failure led to.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/console.h"
#include "common/sys/fs.h"
#include "common/sys/host.h"
#include "common/sys/netif.h"
#include "common/sys/pagemem.h"
#include "common/sys/sched.h"
#include "common/sys/thread.h"
#include "tests/sys/posix_exchange.h"
#include "tests/sys/posix_local.h"
#include "tests/sys/posix_service.h"
#include "tests/sys/posix_tcp.h"
#include "tests/sys/posix_faults.h"

enum { MOST_CALLS = 3000 };

static void pages(struct attempt *attempt)
{
    size_t n_bytes = 16 * spd_pagemem_page_bytes();
    struct spd_working_set set;
    struct spd_diag diag = { 0 };
    size_t locked_bytes = 0;
    void *memory = NULL;

    spd_working_set_enlarge(n_bytes, &set);
    attempt_expect(attempt, set.obtained_bytes >= set.requested_bytes || set.note[0] != '\0',
                   "a working set that is too small has no note");
    (void)spd_pagemem_peak_bytes();
    if (!attempt_ok(attempt, "alloc", spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, &diag),
                    &diag)) {
        return;
    }
    attempt_expect(attempt, locked_bytes == n_bytes || (locked_bytes == 0 && diag.text[0] != '\0'),
                   "memory that is not locked has no reason");
    memset(memory, 0x55, n_bytes);
    spd_pagemem_free(memory, n_bytes);
}

static void set_flag(void *argument)
{
    *(bool *)argument = true;
}

static void threads(struct attempt *attempt)
{
    struct spd_thread *thread = NULL;
    bool has_run = false;

    if (attempt_ok(attempt, "start", spd_thread_start(&thread, "flag", set_flag, &has_run), NULL)) {
        spd_thread_join(thread);
        attempt_expect(attempt, has_run, "the thread has not run");
    }
    spd_thread_sleep(SPD_NS_PER_MS);
}

static void facts(struct attempt *attempt)
{
    struct spd_host host;
    struct spd_clock_pair pair;
    struct spd_priority_grant grant;
    spd_ns max_error_ns = -7;
    int synchronised;

    spd_host_read(&host);
    attempt_expect(attempt, host.n_processors > 0, "no processors");
    attempt_expect(attempt, host.processor[0] != '\0' || host.system[0] == '\0', "no processor");
    synchronised = spd_clock_is_synchronised(&max_error_ns);
    attempt_expect(attempt, synchronised == 1 || max_error_ns == -1, "an error out of nothing");
    spd_clock_correlate(&pair);
    attempt_expect(attempt, pair.uncertainty_ns > 0, "no uncertainty");
    spd_sched_probe(&grant);
    attempt_expect(attempt, grant.text[0] != '\0', "a grant without a name");
    attempt_expect(attempt, grant.obtained == SPD_PRIORITY_TIME_CRITICAL || grant.note[0] != '\0',
                   "a lesser grant without a note");
    spd_sched_raise(&grant);
    spd_sched_restore(&grant);
    attempt_expect(attempt, spd_sched_involuntary_switches() >= -1, "switches");
}

static void paths(struct attempt *attempt)
{
    static const char *const hosts[] = { "127.0.0.1", "::1" };

    for (size_t i = 0; i < sizeof hosts / sizeof hosts[0]; i++) {
        struct spd_netif_path path;
        struct spd_addr target;
        struct spd_diag diag = { 0 };

        if (!attempt_ok(attempt, "resolve",
                        spd_netif_resolve(hosts[i], 862, SPD_FAMILY_NONE, &target, &diag), &diag) ||
            !attempt_ok(attempt, "path", spd_netif_path(&target, &target, "lo", &path, &diag),
                        &diag)) {
            return;
        }
        attempt_expect(attempt, spd_addr_equal_host(&path.source, &target), "another source");
        attempt_expect(attempt, path.link_header_bytes == 0, "a link header on loopback");
        attempt_expect(attempt, path.is_loopback, "no loopback");
    }
}

static void files(struct attempt *attempt)
{
    FILE *file = tmpfile();
    int32_t os_code = 0;

    attempt_expect(attempt, file != NULL && fputs("kept", file) >= 0 && fflush(file) == 0,
                   "the test has no file");
    if (!attempt_ok(attempt, "sync", spd_fs_sync(file, &os_code), NULL)) {
        attempt_expect(attempt, attempt->err == SPD_ERR_IO && os_code != 0, "no reason");
    }
    fclose(file);
}

static void console(struct attempt *attempt)
{
    const struct spd_cport_config config = { .concurrency_limit = 1 };
    struct spd_completion completion = { 0 };
    struct spd_cport *port = NULL;
    struct spd_diag diag = { 0 };
    size_t n = 0;

    if (!attempt_ok(attempt, "init", spd_console_init(&diag), &diag) ||
        !attempt_ok(attempt, "create", spd_cport_create(&config, &port, &diag), &diag)) {
        return;
    }
    (void)spd_console_width();
    if (attempt_ok(attempt, "watch", spd_console_watch(port, 7, &diag), &diag)) {
        attempt_expect(attempt, kill(getpid(), SIGUSR1) == 0, "kill");
        if (attempt_ok(attempt, "wait",
                       spd_cport_wait(port, &completion, 1, &n, attempt_patience_ns), NULL)) {
            attempt_expect(attempt, completion.n_bytes == SPD_CONSOLE_STATUS, "another event");
        }
        spd_console_unwatch();
    }
    attempt_drain(attempt, port);
}

/* --- exchanges of datagrams, see posix_exchange.c --- */

static void exchange_owned(struct attempt *attempt)
{
    exchange(attempt, &(struct exchange_kind){ .single_owner = true, .connected = true });
}

static void exchange_owned_unconnected(struct attempt *attempt)
{
    exchange(attempt, &(struct exchange_kind){ .single_owner = true });
}

static void exchange_owned_by_counter(struct attempt *attempt)
{
    exchange(attempt, &(struct exchange_kind){
                          .single_owner = true, .connected = true, .by_counter = true });
}

static void exchange_owned_without_features(struct attempt *attempt)
{
    exchange(attempt,
             &(struct exchange_kind){ .single_owner = true,
                                      .connected = true,
                                      .denied_features = SPD_CPORT_MULTISHOT | SPD_CPORT_TX_STAMP |
                                                         SPD_CPORT_DEFER });
}

static void exchange_shared(struct attempt *attempt)
{
    exchange(attempt, &(struct exchange_kind){ .connected = true });
}

static void exchange_refused(struct attempt *attempt)
{
    exchange(attempt, &(struct exchange_kind){
                          .single_owner = true, .connected = true, .nobody_there = true });
}

/* --- the torture --- */

/* Where the sanitizer is linked. */
int __lsan_do_recoverable_leak_check(void) __attribute__((weak));

/* A failure is told and counted, so that one run shows them all. */
struct torture {
    const char *name;
    void (*scenario)(struct attempt *);
    int n_runs;
    int n_refused;
    int n_broken;
};

static void complain(struct torture *torture, const char *where, const char *complaint)
{
    torture->n_broken++;
    print_message("BROKEN %s: %s\n", where, complaint);
}

static void compare_stock(struct torture *torture, const char *where, const struct holdings *before)
{
    struct holdings after;
    char complaint[512];

    /* A thread that was joined leaves the list of the system a moment later. */
    for (int i = 0; i < 200; i++) {
        faults_take_stock(&after);
        if (faults_same_stock(before, &after)) {
            return;
        }
        spd_thread_sleep(5 * SPD_NS_PER_MS);
    }
    snprintf(complaint, sizeof complaint, "leaves behind %s; before %s", faults_describe(&after),
             faults_describe(before));
    complain(torture, where, complaint);
}

/* Returns false when there was no n-th call to fail. */
static bool run_once(struct torture *torture, int n, int variant, bool lasting)
{
    struct attempt attempt = { .err = SPD_ERR_OK, .stage = "" };
    struct holdings before;
    const char *hit;
    char where[512];

    faults_take_stock(&before);
    faults_arm(n, variant, lasting);
    torture->scenario(&attempt);
    hit = faults_disarm();
    snprintf(where, sizeof where, "%s, call %d%s (%s, way %d) -> %s %s %.200s", torture->name, n,
             lasting ? " and on" : "", hit != NULL ? hit : "none", variant, attempt.stage,
             spd_err_name(attempt.err), attempt.text);
    if (getenv("SPD_FAULTS") != NULL) {
        print_message("%s\n", where);
    }
    if (attempt.broken) {
        complain(torture, where, attempt.complaint);
    }
    if ((unsigned)attempt.err >= SPD_ERR_COUNT) {
        complain(torture, where, "the error is none of the list");
    }
    if (hit == NULL && attempt.err != SPD_ERR_OK) {
        complain(torture, where, "fails without a fault");
    }
    compare_stock(torture, where, &before);
    torture->n_runs++;
    torture->n_refused += attempt.err != SPD_ERR_OK;
    return hit != NULL;
}

static void torture(const char *name, void (*scenario)(struct attempt *), int n_refused_at_least)
{
    struct torture torture = { .name = name, .scenario = scenario };

    /* Beyond every call there is nothing to fail. What the first run keeps for
     * good (a name read once) is not counted against the others. */
    assert_false(run_once(&torture, MOST_CALLS * 2, 0, false));
    for (int lasting = 0; lasting <= 1; lasting++) {
        for (int variant = 0; variant < FAULT_VARIANTS; variant++) {
            int n = 1;

            while (run_once(&torture, n, variant, lasting != 0)) {
                assert_true(n++ < MOST_CALLS);
            }
        }
    }
    if (__lsan_do_recoverable_leak_check != NULL) {
        assert_int_equal(__lsan_do_recoverable_leak_check(), 0);
    }
    print_message("%s: %d runs, %d refused\n", name, torture.n_runs, torture.n_refused);
    assert_int_equal(torture.n_broken, 0);
    assert_true(torture.n_refused >= n_refused_at_least);
}

#define TORTURE(scenario, at_least, test)                                                          \
    static void test(void **state)                                                                 \
    {                                                                                              \
        (void)state;                                                                               \
        torture(#scenario, scenario, at_least);                                                    \
    }

TORTURE(pages, 1, page_memory_survives_every_fault)
TORTURE(threads, 2, threads_survive_every_fault)
TORTURE(facts, 0, facts_survive_every_fault)
TORTURE(paths, 6, paths_survive_every_fault)
TORTURE(files, 2, files_survive_every_fault)
TORTURE(tcp_scenario, 10, tcp_survives_every_fault)
TORTURE(local_scenario, 10, local_connections_survive_every_fault)
TORTURE(service_scenario, 10, a_service_survives_every_fault)
TORTURE(install_scenario, 20, installing_survives_every_fault)
TORTURE(console, 4, the_console_survives_every_fault)
TORTURE(exchange_owned, 10, an_exchange_survives_every_fault)
TORTURE(exchange_owned_unconnected, 10, an_unconnected_exchange_survives_every_fault)
TORTURE(exchange_owned_by_counter, 10, an_exchange_one_by_one_survives_every_fault)
TORTURE(exchange_owned_without_features, 10, an_exchange_by_the_fall_backs_survives_every_fault)
TORTURE(exchange_shared, 10, a_shared_exchange_survives_every_fault)
TORTURE(exchange_refused, 10, a_refused_exchange_survives_every_fault)

int main(void)
{
#if defined(__SANITIZE_THREAD__)
    printf("skipped: the thread sanitizer keeps threads and descriptors of its own\n");
    return 77;
#endif
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(page_memory_survives_every_fault),
        cmocka_unit_test(threads_survive_every_fault),
        cmocka_unit_test(facts_survive_every_fault),
        cmocka_unit_test(paths_survive_every_fault),
        cmocka_unit_test(files_survive_every_fault),
        cmocka_unit_test(tcp_survives_every_fault),
        cmocka_unit_test(local_connections_survive_every_fault),
        cmocka_unit_test(a_service_survives_every_fault),
        cmocka_unit_test(installing_survives_every_fault),
        cmocka_unit_test(the_console_survives_every_fault),
        cmocka_unit_test(an_exchange_survives_every_fault),
        cmocka_unit_test(an_unconnected_exchange_survives_every_fault),
        cmocka_unit_test(an_exchange_one_by_one_survives_every_fault),
        cmocka_unit_test(an_exchange_by_the_fall_backs_survives_every_fault),
        cmocka_unit_test(a_shared_exchange_survives_every_fault),
        cmocka_unit_test(a_refused_exchange_survives_every_fault),
    };

    if (service_prepare() != 0)
        return 1;
    return cmocka_run_group_tests(tests, NULL, NULL) + service_clean_up();
}
