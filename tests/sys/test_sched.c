/*
 * The contract of common/sys/sched.h: whatever the system grants, the grant
 * says which priority it is, and a thread is normal again after probe and
 * restore. How the system itself sees the thread is asked in
 * test_posix_sched.c.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/sched.h"
#include "common/sys/thread.h"

static void assert_same_grant(const struct spd_priority_grant *a,
                              const struct spd_priority_grant *b)
{
    assert_int_equal(a->obtained, b->obtained);
    assert_string_equal(a->text, b->text);
    assert_string_equal(a->note, b->note);
}

static void probe_names_what_it_got_and_why_it_is_not_more(void **state)
{
    struct spd_priority_grant grant;

    (void)state;
    memset(&grant, 0xa5, sizeof grant);
    spd_sched_probe(&grant);
    assert_in_range(grant.obtained, SPD_PRIORITY_NORMAL, SPD_PRIORITY_TIME_CRITICAL);
    assert_non_null(memchr(grant.text, 0, sizeof grant.text));
    assert_non_null(memchr(grant.note, 0, sizeof grant.note));
    assert_true(grant.text[0] != '\0');
    if (grant.obtained != SPD_PRIORITY_TIME_CRITICAL) {
        assert_true(grant.note[0] != '\0');
    }
    print_message("priority: %s; %s\n", grant.text, grant.note);
}

static void probe_gives_the_same_every_time(void **state)
{
    struct spd_priority_grant first;
    struct spd_priority_grant again;

    (void)state;
    spd_sched_probe(&first);
    for (int i = 0; i < 20; i++) {
        spd_sched_probe(&again);
        assert_same_grant(&first, &again);
    }
}

static void a_thread_raised_and_restored_a_thousand_times_probes_as_before(void **state)
{
    struct spd_priority_grant before;
    struct spd_priority_grant after;

    (void)state;
    spd_sched_probe(&before);
    for (int i = 0; i < 1000; i++) {
        spd_sched_raise(&before);
        spd_sched_yield();
        spd_sched_restore(&before);
    }
    spd_sched_probe(&after);
    assert_same_grant(&before, &after);
}

static void a_normal_grant_raises_nothing(void **state)
{
    struct spd_priority_grant normal = { .obtained = SPD_PRIORITY_NORMAL };
    struct spd_priority_grant before;
    struct spd_priority_grant after;

    (void)state;
    spd_sched_probe(&before);
    spd_sched_raise(&normal);
    spd_sched_restore(&normal);
    spd_sched_probe(&after);
    assert_same_grant(&before, &after);
}

static void probe_elsewhere(void *argument)
{
    spd_sched_probe(argument);
}

static void every_thread_is_granted_the_same(void **state)
{
    struct spd_priority_grant here;
    struct spd_priority_grant there;
    struct spd_thread *thread;

    (void)state;
    spd_sched_probe(&here);
    assert_int_equal(spd_thread_start(&thread, "probe", probe_elsewhere, &there), SPD_ERR_OK);
    spd_thread_join(thread);
    assert_same_grant(&here, &there);
}

static void involuntary_switches_never_decrease(void **state)
{
    int64_t last = spd_sched_involuntary_switches();
    spd_ticks start = spd_clock_now();

    (void)state;
    assert_true(last >= -1);
    /* Long enough for a time slice or two to end. */
    while (spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) <
           50 * SPD_NS_PER_MS) {
        int64_t now = spd_sched_involuntary_switches();

        assert_true(last == -1 ? now == -1 : now >= last);
        last = now;
    }
    print_message("involuntary switches: %lld\n", (long long)last);
}

static void yield_has_a_name(void **state)
{
    (void)state;
    spd_sched_yield();
    assert_true(spd_sched_yield_name()[0] != '\0');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(probe_names_what_it_got_and_why_it_is_not_more),
        cmocka_unit_test(probe_gives_the_same_every_time),
        cmocka_unit_test(a_thread_raised_and_restored_a_thousand_times_probes_as_before),
        cmocka_unit_test(a_normal_grant_raises_nothing),
        cmocka_unit_test(every_thread_is_granted_the_same),
        cmocka_unit_test(involuntary_switches_never_decrease),
        cmocka_unit_test(yield_has_a_name),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
