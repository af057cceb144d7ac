/* Normalisation, against the worked example of its definition. */
#include "tests/unit/unit.h"

#include "common/analysis/normalise.h"

#define LOST SPD_NS_UNKNOWN

struct row {
    const char *name;
    size_t n;
    struct {
        int64_t sent, received;
        spd_ns latency;
    } raw[4], normal[4];
};

static const struct row rows[] = {
    { "the example of the definition",
      3,
      { { 10, 13, 3 }, { 11, 19, 8 }, { 12, 18, 6 } },
      { { 0, 0, 0 }, { 1, 6, 5 }, { 2, 5, 3 } } },
    { "a receiver's clock that is behind gives negative latencies",
      3,
      { { 1000, 903, -97 }, { 1001, 909, -92 }, { 1002, 908, -94 } },
      { { 0, 0, 0 }, { 1, 6, 5 }, { 2, 5, 3 } } },
    { "the lowest send time need not be the first",
      3,
      { { 12, 18, 6 }, { 10, 13, 3 }, { 11, 19, 8 } },
      { { 2, 5, 3 }, { 0, 0, 0 }, { 1, 6, 5 } } },
    { "a lost packet stays lost and counts with its send time",
      3,
      { { 10, LOST, LOST }, { 11, 19, 8 }, { 12, 18, 6 } },
      { { 0, LOST, LOST }, { 1, 3, 2 }, { 2, 2, 0 } } },
    { "one packet is its own minimum", 1, { { 7, 4, -3 } }, { { 0, 0, 0 } } },
};

static void the_lowest_send_time_and_latency_are_subtracted(void **state)
{
    (void)state;
    for (size_t r = 0; r < N_ROWS(rows); r++) {
        const struct row *row = &rows[r];
        struct spd_point points[4] = { 0 };

        for (size_t i = 0; i < row->n; i++)
            points[i] = (struct spd_point){ .sent_ns = row->raw[i].sent,
                                            .latency_ns = row->raw[i].latency };
        struct spd_normal_origin origin = spd_normalise_origin(points, row->n);
        spd_normalise(points, row->n, &origin);
        for (size_t i = 0; i < row->n; i++) {
            CHECK_ROW_INT(row->name, points[i].sent_ns, row->normal[i].sent);
            CHECK_ROW_INT(row->name, points[i].latency_ns, row->normal[i].latency);
            if (points[i].latency_ns != LOST)
                CHECK_ROW_INT(row->name, points[i].sent_ns + points[i].latency_ns,
                              row->normal[i].received);
        }
    }
}

static void the_minimum_may_come_from_elsewhere(void **state)
{
    struct spd_point points[2] = { { .sent_ns = 5, .latency_ns = 30 },
                                   { .sent_ns = 6, .latency_ns = 24 } };
    struct spd_normal_origin origin = spd_normalise_origin(points, 2);

    (void)state;
    origin.latency_ns = 25;
    spd_normalise(points, 2, &origin);
    assert_int_equal(points[0].latency_ns, 5);
    assert_int_equal(points[1].latency_ns, -1);
}

static void nothing_has_no_origin(void **state)
{
    struct spd_point lost = { .sent_ns = 9, .latency_ns = LOST };
    struct spd_normal_origin none = spd_normalise_origin(NULL, 0);
    struct spd_normal_origin origin = spd_normalise_origin(&lost, 1);

    (void)state;
    assert_true(none.latency_ns == LOST && none.sent_ns == 0);
    assert_true(origin.latency_ns == LOST && origin.sent_ns == 9);
    spd_normalise(&lost, 1, &origin);
    assert_true(lost.latency_ns == LOST);
}

static void impossible_stamps_are_held_at_the_ends(void **state)
{
    struct spd_point points[2] = { { .sent_ns = INT64_MIN + 1, .latency_ns = INT64_MIN + 1 },
                                   { .sent_ns = INT64_MAX, .latency_ns = INT64_MAX } };
    struct spd_normal_origin origin = spd_normalise_origin(points, 2);

    (void)state;
    spd_normalise(points, 2, &origin);
    assert_true(points[1].sent_ns == INT64_MAX && points[1].latency_ns == INT64_MAX);
    assert_int_equal(points[0].latency_ns, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_lowest_send_time_and_latency_are_subtracted),
        cmocka_unit_test(the_minimum_may_come_from_elsewhere),
        cmocka_unit_test(nothing_has_no_origin),
        cmocka_unit_test(impossible_stamps_are_held_at_the_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
