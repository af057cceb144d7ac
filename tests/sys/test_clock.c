/*
 * The contract of common/sys/clock.h. No upper bound on real time is asserted:
 * only what must hold on a machine of any speed and load.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/sched.h"
#include "common/sys/thread.h"

static void counter_never_goes_backwards_over_a_million_readings(void **state)
{
    spd_ticks last = spd_clock_now();
    spd_ticks first = last;

    (void)state;
    for (int i = 0; i < 1000000; i++) {
        spd_ticks now = spd_clock_now();

        if (now.ticks < last.ticks) {
            fail_msg("reading %d went from %llu to %llu", i, (unsigned long long)last.ticks,
                     (unsigned long long)now.ticks);
        }
        last = now;
    }
    assert_true(last.ticks > first.ticks);
}

enum { N_TURNS = 2000 };

struct relay {
    _Atomic unsigned turn; /* even: main, odd: helper */
    spd_ticks reading;     /* of whoever had the last turn */
    unsigned n_backwards;
};

static void take_turns(struct relay *relay, unsigned mine)
{
    for (unsigned turn = mine; turn < N_TURNS; turn += 2) {
        spd_ticks now;

        while (atomic_load_explicit(&relay->turn, memory_order_acquire) != turn) {
            spd_sched_yield();
        }
        now = spd_clock_now();
        relay->n_backwards += now.ticks < relay->reading.ticks;
        relay->reading = now;
        atomic_store_explicit(&relay->turn, turn + 1, memory_order_release);
    }
}

static void helper(void *argument)
{
    take_turns(argument, 1);
}

static void counter_never_goes_backwards_from_thread_to_thread(void **state)
{
    struct relay relay = { 0 };
    struct spd_thread *thread;

    (void)state;
    relay.reading = spd_clock_now();
    assert_int_equal(spd_thread_start(&thread, "relay", helper, &relay), SPD_ERR_OK);
    take_turns(&relay, 0);
    spd_thread_join(thread);
    assert_int_equal(relay.n_backwards, 0);
}

static void frequency_is_constant_and_fine_enough(void **state)
{
    uint64_t hz = spd_clock_frequency_hz();

    (void)state;
    /* base/time.h converts exactly up to 2^32 Hz; below 1 MHz no packet could
     * be told from the next. */
    assert_true(hz >= 1000000);
    assert_true(hz <= UINT64_C(1) << 32);
    for (int i = 0; i < 1000; i++) {
        assert_true(spd_clock_frequency_hz() == hz);
    }
}

static void counter_advances_at_its_frequency(void **state)
{
    uint64_t hz = spd_clock_frequency_hz();
    spd_ns by_counter;
    spd_ns by_wall;
    spd_ns slack;

    (void)state;
    /* The pairs tell how far apart their halves may be; the time of day may
     * run 500 ppm off. A step of the time of day spoils a try, not three. */
    for (int attempt = 0;; attempt++) {
        struct spd_clock_pair a;
        struct spd_clock_pair b;

        spd_clock_correlate(&a);
        spd_thread_sleep(100 * SPD_NS_PER_MS);
        spd_clock_correlate(&b);
        by_counter = spd_ticks_diff_ns(b.ticks, a.ticks, hz);
        by_wall = spd_wall_diff_ns(b.wall, a.wall);
        slack = a.uncertainty_ns + b.uncertainty_ns + by_counter / 2000;
        if (by_wall - by_counter <= slack && by_counter - by_wall <= slack) {
            return;
        }
        if (attempt == 2) {
            fail_msg("counter says %lld ns, time of day %lld ns, at most %lld ns apart",
                     (long long)by_counter, (long long)by_wall, (long long)slack);
        }
    }
}

static void correlate_agrees_with_direct_readings(void **state)
{
    (void)state;
    for (int i = 0; i < 200; i++) {
        struct spd_clock_pair pair;
        spd_ticks counter_before = spd_clock_now();
        spd_wall wall_before = spd_clock_wall();
        spd_wall wall_after;
        spd_ticks counter_after;

        memset(&pair, 0xa5, sizeof pair);
        spd_clock_correlate(&pair);
        wall_after = spd_clock_wall();
        counter_after = spd_clock_now();
        assert_true(pair.ticks.ticks >= counter_before.ticks);
        assert_true(pair.ticks.ticks <= counter_after.ticks);
        assert_true(pair.wall.ns >= wall_before.ns);
        assert_true(pair.wall.ns <= wall_after.ns);
        assert_true(pair.uncertainty_ns > 0);
        assert_true(pair.uncertainty_ns <=
                    spd_ticks_diff_ns(counter_after, counter_before, spd_clock_frequency_hz()) + 1);
    }
}

static void time_of_day_by_a_pair_lies_between_direct_readings(void **state)
{
    uint64_t hz = spd_clock_frequency_hz();

    (void)state;
    for (int i = 0; i < 200; i++) {
        struct spd_clock_pair pair;
        spd_wall before;
        spd_wall after;
        spd_wall at;
        spd_ticks now;
        spd_ns slack;

        spd_clock_correlate(&pair);
        before = spd_clock_wall();
        now = spd_clock_now();
        after = spd_clock_wall();
        at = spd_clock_pair_wall(&pair, now, hz);
        slack = pair.uncertainty_ns + spd_ticks_diff_ns(now, pair.ticks, hz) / 1000 +
                SPD_NS_PER_S / (spd_ns)hz + 100;
        assert_true(at.ns >= before.ns - slack);
        assert_true(at.ns <= after.ns + slack);
    }
}

static void time_of_day_is_that_of_the_c_library(void **state)
{
    int64_t before = (int64_t)time(NULL);
    int64_t seconds = spd_clock_wall().ns / SPD_NS_PER_S;
    int64_t after = (int64_t)time(NULL);

    (void)state;
    /* time() may lag by a clock interrupt. */
    assert_true(seconds >= before - 1);
    assert_true(seconds <= after + 1);
}

static void synchronisation_is_told_or_said_to_be_unknown(void **state)
{
    spd_ns max_error_ns = -7;
    int synchronised = spd_clock_is_synchronised(&max_error_ns);

    (void)state;
    assert_in_range(synchronised + 1, 0, 2);
    assert_true(max_error_ns >= -1);
    if (synchronised != 1) {
        assert_true(max_error_ns == -1);
    }
    print_message("synchronised: %d, maximum error %lld ns\n", synchronised,
                  (long long)max_error_ns);
}

static void source_is_a_lasting_text_with_its_resolution(void **state)
{
    const char *source = spd_clock_source();

    (void)state;
    assert_non_null(strstr(source, " ns"));
    assert_ptr_equal(source, spd_clock_source());
    print_message("%s\n", source);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(counter_never_goes_backwards_over_a_million_readings),
        cmocka_unit_test(counter_never_goes_backwards_from_thread_to_thread),
        cmocka_unit_test(frequency_is_constant_and_fine_enough),
        cmocka_unit_test(counter_advances_at_its_frequency),
        cmocka_unit_test(correlate_agrees_with_direct_readings),
        cmocka_unit_test(time_of_day_by_a_pair_lies_between_direct_readings),
        cmocka_unit_test(time_of_day_is_that_of_the_c_library),
        cmocka_unit_test(synchronisation_is_told_or_said_to_be_unknown),
        cmocka_unit_test(source_is_a_lasting_text_with_its_resolution),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
