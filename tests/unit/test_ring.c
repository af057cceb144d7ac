/*
 * The ring between a measuring thread and a writer: nothing is lost, nothing
 * comes twice, nothing is torn.
 */
#include "common/base/ring.h"

#include <stdatomic.h>
#include <stdio.h>

#include "common/sys/thread.h"
#include "tests/unit/unit.h"

struct record {
    uint64_t number;
    uint64_t copies[5];
};

static struct record make(uint64_t number)
{
    return (struct record){ number, { number, ~number, number * 3, number ^ 7, number + 1 } };
}

static bool is_whole(const struct record *r)
{
    struct record expected = make(r->number);

    return memcmp(r, &expected, sizeof(expected)) == 0;
}

static void rings_that_cannot_be_are_refused(void **state)
{
    static const struct {
        const char *name;
        size_t n, bytes;
        enum spd_err expected;
    } rows[] = {
        { "no records", 0, 8, SPD_ERR_INVALID },
        { "records of nothing", 8, 0, SPD_ERR_INVALID },
        { "more than there can be", SIZE_MAX, 2, SPD_ERR_INVALID },
        { "as many bytes", 2, SIZE_MAX, SPD_ERR_INVALID },
        { "one of one byte", 1, 1, SPD_ERR_OK },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_ring_buffer *ring = NULL;

        CHECK_ROW_INT(rows[i].name, spd_ring_buffer_create(rows[i].n, rows[i].bytes, &ring),
                      rows[i].expected);
        CHECK_ROW(rows[i].name, (ring != NULL) == (rows[i].expected == SPD_ERR_OK));
        spd_ring_buffer_destroy(ring);
    }
    spd_ring_buffer_destroy(NULL);
}

static void it_takes_what_was_asked_and_refuses_when_full(void **state)
{
    static const size_t sizes[] = { 1, 2, 3, 4, 5, 1000, 1024, 1025 };

    (void)state;
    for (size_t i = 0; i < N_ROWS(sizes); i++) {
        struct spd_ring_buffer *ring;
        struct record r, out;
        uint64_t n = 0, k = 0;
        char row[40];

        snprintf(row, sizeof(row), "%zu records", sizes[i]);
        assert_int_equal(spd_ring_buffer_create(sizes[i], sizeof(r), &ring), SPD_ERR_OK);
        CHECK_ROW_INT(row, spd_ring_buffer_pop(ring, &out, 1), 0);
        for (r = make(0); spd_ring_buffer_push(ring, &r); r = make(++n))
            CHECK_ROW(row, n < 2 * sizes[i]);
        CHECK_ROW(row, n >= sizes[i]);
        CHECK_ROW_INT(row, spd_ring_buffer_pop(ring, &out, 0), 0);
        while (spd_ring_buffer_pop(ring, &out, 1) == 1) {
            CHECK_ROW_INT(row, out.number, k++);
            CHECK_ROW(row, is_whole(&out));
        }
        CHECK_ROW_INT(row, k, n);
        spd_ring_buffer_destroy(ring);
    }
}

static void it_goes_round_many_times_in_order(void **state)
{
    struct spd_ring_buffer *ring;
    struct record r, out[7];
    uint64_t pushed = 0, popped = 0;

    (void)state;
    assert_int_equal(spd_ring_buffer_create(16, sizeof(r), &ring), SPD_ERR_OK);
    for (unsigned round = 0; round < 10000; round++) {
        size_t n;

        for (unsigned k = 0; k < round % 11; k++) {
            r = make(pushed);
            pushed += spd_ring_buffer_push(ring, &r);
        }
        n = spd_ring_buffer_pop(ring, out, round % 8);
        assert_true(n <= round % 8);
        for (size_t k = 0; k < n; k++) {
            assert_int_equal(out[k].number, popped++);
            assert_true(is_whole(&out[k]));
        }
    }
    assert_true(pushed > 10000 && pushed - popped <= 16);
    spd_ring_buffer_destroy(ring);
}

/* Two real threads; a small ring, so that both meet its ends all the time. */
enum { N_PASSED = 1000000 };

static struct spd_ring_buffer *shared;
static atomic_uint_fast64_t n_refused;

static void produce(void *argument)
{
    (void)argument;
    for (uint64_t i = 0; i < N_PASSED;) {
        struct record r = make(i);

        if (spd_ring_buffer_push(shared, &r)) {
            i++;
        } else {
            atomic_fetch_add(&n_refused, 1);
            spd_thread_sleep(0);
        }
    }
}

static void two_threads_pass_a_million_records_whole_and_in_order(void **state)
{
    struct spd_thread *producer;
    struct record out[50];
    uint64_t next = 0, n_empty = 0;

    (void)state;
    assert_int_equal(spd_ring_buffer_create(64, sizeof(struct record), &shared), SPD_ERR_OK);
    assert_int_equal(spd_thread_start(&producer, "producer", produce, NULL), SPD_ERR_OK);
    while (next < N_PASSED) {
        size_t n = spd_ring_buffer_pop(shared, out, N_ROWS(out));

        if (n == 0) {
            n_empty++;
            spd_thread_sleep(0);
        }
        for (size_t k = 0; k < n; k++, next++)
            if (out[k].number != next || !is_whole(&out[k]))
                fail_msg("record %llu came as %llu, %s", (unsigned long long)next,
                         (unsigned long long)out[k].number, is_whole(&out[k]) ? "whole" : "torn");
    }
    spd_thread_join(producer);
    assert_int_equal(spd_ring_buffer_pop(shared, out, 1), 0);
    spd_ring_buffer_destroy(shared);
    print_message("found full %llu times, empty %llu times\n",
                  (unsigned long long)atomic_load(&n_refused), (unsigned long long)n_empty);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rings_that_cannot_be_are_refused),
        cmocka_unit_test(it_takes_what_was_asked_and_refuses_when_full),
        cmocka_unit_test(it_goes_round_many_times_in_order),
        cmocka_unit_test(two_threads_pass_a_million_records_whole_and_in_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
