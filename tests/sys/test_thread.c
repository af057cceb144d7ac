/*
 * The contract of common/sys/thread.h.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/sched.h"
#include "common/sys/thread.h"

struct job {
    atomic_uint *n_running;
    unsigned n_awaited;
    int result;
};

static void finish_late(void *argument)
{
    struct job *job = argument;

    spd_thread_sleep(50 * SPD_NS_PER_MS);
    job->result = 42;
}

static void join_waits_for_the_end_of_the_thread(void **state)
{
    struct job job = { 0 };
    struct spd_thread *thread = NULL;

    (void)state;
    assert_int_equal(spd_thread_start(&thread, "late", finish_late, &job), SPD_ERR_OK);
    assert_non_null(thread);
    spd_thread_join(thread);
    assert_int_equal(job.result, 42);
}

/* Ends only when all the others run too: proves that they run beside each
 * other, and not one after the other. */
static void meet(void *argument)
{
    struct job *job = argument;

    atomic_fetch_add(job->n_running, 1);
    while (atomic_load(job->n_running) < job->n_awaited) {
        spd_thread_sleep(SPD_NS_PER_MS);
    }
    job->result = 1;
}

static void many_threads_run_beside_each_other(void **state)
{
    enum { N = 64 };
    atomic_uint n_running = 0;
    struct job jobs[N];
    struct spd_thread *threads[N];

    (void)state;
    for (int i = 0; i < N; i++) {
        jobs[i] = (struct job){ .n_running = &n_running, .n_awaited = N };
        assert_int_equal(spd_thread_start(&threads[i], "meet", meet, &jobs[i]), SPD_ERR_OK);
    }
    for (int i = 0; i < N; i++) {
        spd_thread_join(threads[i]);
        assert_int_equal(jobs[i].result, 1);
    }
}

static void a_long_or_empty_name_is_no_error(void **state)
{
    static const char *const names[] = {
        "", "exactly15chars!", "sixteen chars ab",
        "a name that is much longer than any system keeps, by far"
    };

    (void)state;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        atomic_uint n_running = 0;
        struct job job = { .n_running = &n_running, .n_awaited = 1 };
        struct spd_thread *thread;

        if (spd_thread_start(&thread, names[i], meet, &job) != SPD_ERR_OK) {
            fail_msg("\"%s\" is refused", names[i]);
        }
        spd_thread_join(thread);
        assert_int_equal(job.result, 1);
    }
}

static void join_of_nothing_is_allowed(void **state)
{
    (void)state;
    spd_thread_join(NULL);
}

static void sleep_lasts_at_least_as_long_as_asked(void **state)
{
    static const spd_ns durations_ns[] = { -5,      0,       1,
                                           999,     100000,  1000000,
                                           1500000, 3999999, 20 * SPD_NS_PER_MS };

    (void)state;
    for (size_t i = 0; i < sizeof durations_ns / sizeof durations_ns[0]; i++) {
        for (int repeat = 0; repeat < 5; repeat++) {
            spd_ticks start = spd_clock_now();
            spd_ns slept_ns;

            spd_thread_sleep(durations_ns[i]);
            slept_ns = spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz());
            if (slept_ns < durations_ns[i]) {
                fail_msg("asked for %lld ns, slept %lld ns", (long long)durations_ns[i],
                         (long long)slept_ns);
            }
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(join_waits_for_the_end_of_the_thread),
        cmocka_unit_test(many_threads_run_beside_each_other),
        cmocka_unit_test(a_long_or_empty_name_is_no_error),
        cmocka_unit_test(join_of_nothing_is_allowed),
        cmocka_unit_test(sleep_lasts_at_least_as_long_as_asked),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
