/*
 * What Linux itself says of a thread that sched.c has raised and restored.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/sched.h"
#include "common/sys/thread.h"
#include "tests/sys/posix_child.h"

static int nice_now(void)
{
    return getpriority(PRIO_PROCESS, 0);
}

static void probe_leaves_the_thread_as_it_was(void **state)
{
    struct spd_priority_grant grant;
    int nice_before = nice_now();

    (void)state;
    for (int i = 0; i < 10; i++) {
        spd_sched_probe(&grant);
        assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
        assert_int_equal(nice_now(), nice_before);
    }
}

static void raise_gives_what_probe_said_and_restore_takes_it_back(void **state)
{
    struct spd_priority_grant grant;
    int nice_before = nice_now();

    (void)state;
    spd_sched_probe(&grant);
    for (int i = 0; i < 10; i++) {
        spd_sched_raise(&grant);
        switch (grant.obtained) {
        case SPD_PRIORITY_TIME_CRITICAL:
            assert_int_equal(sched_getscheduler(0), SCHED_FIFO);
            break;
        case SPD_PRIORITY_NICE:
            assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
            assert_true(nice_now() < nice_before);
            break;
        default:
            assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
            assert_int_equal(nice_now(), nice_before);
        }
        spd_sched_restore(&grant);
        assert_int_equal(sched_getscheduler(0), SCHED_OTHER);
        assert_int_equal(nice_now(), nice_before);
    }
}

static void look(void *argument)
{
    int *seen = argument;

    seen[0] = sched_getscheduler(0);
    seen[1] = nice_now();
}

struct bystander {
    atomic_int stage;
    int policy;
    int nice_value;
};

static void stand_by(void *argument)
{
    struct bystander *bystander = argument;

    atomic_store(&bystander->stage, 1);
    while (atomic_load(&bystander->stage) != 2) {
        spd_thread_sleep(SPD_NS_PER_MS);
    }
    bystander->policy = sched_getscheduler(0);
    bystander->nice_value = nice_now();
}

static void only_the_calling_thread_is_raised(void **state)
{
    struct bystander bystander = { 0 };
    struct spd_priority_grant grant;
    struct spd_thread *thread;
    int nice_before = nice_now();

    (void)state;
    assert_int_equal(spd_thread_start(&thread, "bystander", stand_by, &bystander), SPD_ERR_OK);
    while (atomic_load(&bystander.stage) != 1) {
        spd_thread_sleep(SPD_NS_PER_MS);
    }
    spd_sched_probe(&grant);
    spd_sched_raise(&grant);
    atomic_store(&bystander.stage, 2);
    spd_thread_join(thread);
    spd_sched_restore(&grant);
    assert_int_equal(bystander.policy, SCHED_OTHER);
    assert_int_equal(bystander.nice_value, nice_before);
}

static void a_thread_started_after_a_restore_is_normal(void **state)
{
    struct spd_priority_grant grant;
    struct spd_thread *thread;
    int seen[2] = { -1, -1 };

    (void)state;
    spd_sched_probe(&grant);
    spd_sched_raise(&grant);
    spd_sched_restore(&grant);
    assert_int_equal(spd_thread_start(&thread, "look", look, seen), SPD_ERR_OK);
    spd_thread_join(thread);
    assert_int_equal(seen[0], SCHED_OTHER);
    assert_int_equal(seen[1], nice_now());
}

static void compete(void *argument)
{
    atomic_int *stop = argument;

    while (!atomic_load(stop)) {
    }
}

/* Two busy threads on one processor: each must be thrown off it now and then. */
static void share_one_processor(void)
{
    struct spd_thread *thread;
    atomic_int stop = 0;
    cpu_set_t one;
    int64_t before;

    CPU_ZERO(&one);
    CHILD_CHECK(sched_getaffinity(0, sizeof one, &one) == 0);
    for (size_t cpu = 0, found = 0; cpu < CPU_SETSIZE; cpu++) {
        if (CPU_ISSET(cpu, &one) && found++ > 0) {
            CPU_CLR(cpu, &one);
        }
    }
    CHILD_CHECK(sched_setaffinity(0, sizeof one, &one) == 0);
    CHILD_CHECK(spd_thread_start(&thread, "compete", compete, &stop) == SPD_ERR_OK);
    before = spd_sched_involuntary_switches();
    CHILD_CHECK(before >= 0);
    while (spd_sched_involuntary_switches() < before + 3) {
    }
    atomic_store(&stop, 1);
    spd_thread_join(thread);
}

static void switches_are_counted_when_two_threads_share_a_processor(void **state)
{
    (void)state;
    child_run(share_one_processor);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_leaves_the_thread_as_it_was),
        cmocka_unit_test(raise_gives_what_probe_said_and_restore_takes_it_back),
        cmocka_unit_test(only_the_calling_thread_is_raised),
        cmocka_unit_test(a_thread_started_after_a_restore_is_normal),
        cmocka_unit_test(switches_are_counted_when_two_threads_share_a_processor),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
