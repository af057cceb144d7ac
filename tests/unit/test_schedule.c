/*
 * When packets are due, against arithmetic done by hand or in wider numbers.
 */
#include "common/engine/schedule.h"

#include <math.h>

#include "tests/support/random.h"
#include "tests/unit/unit.h"

static struct spd_size_mix one_size(uint16_t bytes)
{
    struct spd_size_mix mix = { .n = 1 };

    mix.item[0].min_bytes = mix.item[0].max_bytes = bytes;
    mix.item[0].weight = 1;
    return mix;
}

static struct spd_size_mix imix(void)
{
    struct spd_size_mix mix = { .n = 3,
                                .item = { { 40, 40, 7 }, { 576, 576, 4 }, { 1500, 1500, 1 } } };

    return mix;
}

static struct spd_schedule start(struct spd_schedule_spec spec)
{
    struct spd_schedule schedule;

    spd_schedule_init(&schedule, &spec);
    return schedule;
}

/* ------------------------------------------------------------- due times */

static void due_times_are_exact(void **state)
{
    static const struct {
        const char *name;
        struct spd_schedule_spec spec;
        uint16_t size;
        spd_ns due_ns[6];
    } rows[] = {
        { "an interval",
          { .pacing = SPD_PACING_INTERVAL, .interval_ns = 20000000 },
          92,
          { 0, 20000000, 40000000, 60000000, 80000000, 100000000 } },
        { "the shortest interval",
          { .pacing = SPD_PACING_INTERVAL, .interval_ns = 1 },
          92,
          { 0, 1, 2, 3, 4, 5 } },
        /* 736 bits at 24 kbit/s take 30.666.. ms. */
        { "a rate that divides with a remainder",
          { .pacing = SPD_PACING_RATE, .rate_bps = 24000 },
          92,
          { 0, 30666666, 61333333, 92000000, 122666666, 153333333 } },
        { "a rate of one bit in a second",
          { .pacing = SPD_PACING_RATE, .rate_bps = 1 },
          1,
          { 0, 8000000000, 16000000000, 24000000000, 32000000000, 40000000000 } },
        /* 800 bits at 10^12 bit/s take 0.8 ns. */
        { "less than a nanosecond each",
          { .pacing = SPD_PACING_RATE, .rate_bps = UINT64_C(1000000000000) },
          100,
          { 0, 0, 1, 2, 3, 4 } },
        /* The bucket is full of two packets and a half; after that half of one
         * is there, and 800 bits at 8 kbit/s take 100 ms. */
        { "a bucket for two packets and a half",
          { .pacing = SPD_PACING_BUCKET, .rate_bps = 8000, .bucket_bytes = 250 },
          100,
          { 0, 0, 50000000, 150000000, 250000000, 350000000 } },
        { "a bucket for one packet",
          { .pacing = SPD_PACING_BUCKET, .rate_bps = 8000, .bucket_bytes = 100 },
          100,
          { 0, 100000000, 200000000, 300000000, 400000000, 500000000 } },
        /* 8 bits at 3 bit/s: the due time is rounded up, the level is not. */
        { "a bucket whose refill is no whole number",
          { .pacing = SPD_PACING_BUCKET, .rate_bps = 3, .bucket_bytes = 1 },
          1,
          { 0, 2666666667, 5333333334, 8000000000, 10666666667, 13333333334 } },
        { "a bucket deeper than the flow is long",
          { .pacing = SPD_PACING_BUCKET, .rate_bps = 1, .bucket_bytes = 1000000000 },
          1500,
          { 0, 0, 0, 0, 0, 0 } },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_schedule_spec spec = rows[i].spec;
        struct spd_schedule s;

        spec.sizes = one_size(rows[i].size);
        s = start(spec);
        for (size_t k = 0; k < N_ROWS(rows[i].due_ns); k++) {
            spd_ns due_ns;
            uint16_t size;

            spd_schedule_next(&s, &due_ns, &size);
            CHECK_ROW_INT(rows[i].name, due_ns, rows[i].due_ns[k]);
            CHECK_ROW_INT(rows[i].name, size, rows[i].size);
        }
    }
}

/* Each due time is that of all bits before it, not of a sum of rounded gaps. */
static void a_rate_does_not_drift_over_a_million_packets(void **state)
{
    static const uint64_t rates[] = { 24000, 99991, 128000, 7777777, 1000000007, 40000000000 };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rates); i++) {
        struct spd_schedule s = start((struct spd_schedule_spec){
            .pacing = SPD_PACING_RATE, .rate_bps = rates[i], .sizes = imix(), .seed = i });
        unsigned __int128 bits = 0;
        char row[40];

        snprintf(row, sizeof(row), "%llu bit/s", (unsigned long long)rates[i]);
        for (size_t k = 0; k < 1000000; k++) {
            spd_ns due_ns;
            uint16_t size;

            spd_schedule_next(&s, &due_ns, &size);
            CHECK_ROW_INT(row, due_ns, (spd_ns)(bits * 1000000000u / rates[i]));
            bits += size * 8u;
        }
    }
}

/* The rule of the token bucket, in nanobits and 128 bits, packet by packet. */
static void a_bucket_keeps_its_rate_and_depth_over_a_million_packets(void **state)
{
    static const struct {
        const char *name;
        uint64_t rate_bps;
        uint32_t bucket_bytes;
    } rows[] = {
        { "as deep as the largest packet", 128000, 1500 },
        { "deeper", 99991, 10000 },
        { "fast", 40000000007, 65536 },
        { "deepest", 1000000, 1000000000 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_schedule s =
            start((struct spd_schedule_spec){ .pacing = SPD_PACING_BUCKET,
                                              .rate_bps = rows[i].rate_bps,
                                              .bucket_bytes = rows[i].bucket_bytes,
                                              .sizes = imix(),
                                              .seed = 3 });
        unsigned __int128 depth = (unsigned __int128)rows[i].bucket_bytes * 8 * 1000000000;
        unsigned __int128 used = 0;
        spd_ns last_ns = 0;

        for (size_t k = 0; k < 1000000; k++) {
            unsigned __int128 had;
            spd_ns due_ns;
            uint16_t size;

            spd_schedule_next(&s, &due_ns, &size);
            CHECK_ROW(rows[i].name, due_ns >= last_ns);
            used += (unsigned __int128)size * 8 * 1000000000;
            had = depth + (unsigned __int128)due_ns * rows[i].rate_bps;
            CHECK_ROW(rows[i].name, had >= used); /* never early */
            if (due_ns > last_ns)                 /* nor later than it must */
                CHECK_ROW(rows[i].name, had - used < rows[i].rate_bps);
            last_ns = due_ns;
        }
    }
}

/* ---------------------------------------------------------------- Poisson */

enum { N_GAPS = 200000 };

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

/* Mean and variance within 5 standard errors (those of an exponential variable
 * with mean 1: 1 / sqrt n and sqrt(8 / n)); the whole distribution by the
 * Kolmogorov-Smirnov distance at a level of about 10^-6. */
static void poisson_gaps_are_exponential(void **state)
{
    struct spd_random random = spd_random_start("poisson_gaps_are_exponential");
    static double gaps[N_GAPS];

    (void)state;
    for (int round = 0; round < 5; round++) {
        struct spd_schedule s =
            start((struct spd_schedule_spec){ .pacing = SPD_PACING_POISSON,
                                              .rate_bps = 100000,
                                              .sizes = one_size(250),
                                              .seed = spd_random_u64(&random) });
        double mean = 0, variance = 0, distance = 0, mean_ns = 250 * 8e9 / 100000;
        spd_ns last_ns, due_ns;
        uint16_t size;

        spd_schedule_next(&s, &last_ns, &size);
        assert_int_equal(last_ns, 0);
        for (size_t k = 0; k < N_GAPS; k++) {
            spd_schedule_next(&s, &due_ns, &size);
            assert_true(due_ns >= last_ns);
            gaps[k] = (double)(due_ns - last_ns) / mean_ns;
            mean += gaps[k] / N_GAPS;
            last_ns = due_ns;
        }
        for (size_t k = 0; k < N_GAPS; k++)
            variance += (gaps[k] - mean) * (gaps[k] - mean) / (N_GAPS - 1);
        qsort(gaps, N_GAPS, sizeof(gaps[0]), compare);
        for (size_t k = 0; k < N_GAPS; k++) {
            double expected = 1 - exp(-gaps[k]);

            distance = fmax(distance, fabs(expected - (double)k / N_GAPS));
            distance = fmax(distance, fabs(expected - (double)(k + 1) / N_GAPS));
        }
        assert_true(fabs(mean - 1) < 5 / sqrt(N_GAPS));
        assert_true(fabs(variance - 1) < 5 * sqrt(8.0 / N_GAPS));
        assert_true(distance < 2.7 / sqrt(N_GAPS));
    }
}

/* Larger packets are followed by longer gaps, so that the rate in bits holds. */
static void poisson_keeps_its_rate_with_mixed_sizes(void **state)
{
    struct spd_random random = spd_random_start("poisson_keeps_its_rate_with_mixed_sizes");
    struct spd_schedule s = start((struct spd_schedule_spec){ .pacing = SPD_PACING_POISSON,
                                                              .rate_bps = 1000000,
                                                              .sizes = imix(),
                                                              .seed = spd_random_u64(&random) });
    double bits = 0, squares = 0;
    spd_ns due_ns = 0;
    uint16_t size = 0;

    (void)state;
    for (size_t k = 0; k < N_GAPS; k++) {
        spd_schedule_next(&s, &due_ns, &size);
        bits += size * 8.0;
        squares += size * 8.0 * size * 8.0;
    }
    /* The time of n gaps has the variance of their means' squares summed. */
    assert_true(fabs((double)due_ns / 1000 - bits) < 5 * sqrt(squares));
}

/* ------------------------------------------------------------------ sizes */

static void sizes_come_by_their_weights(void **state)
{
    struct spd_random random = spd_random_start("sizes_come_by_their_weights");
    struct spd_size_mix mix = {
        .n = 4, .item = { { 40, 40, 7 }, { 576, 576, 4 }, { 1500, 1500, 1 }, { 100, 109, 20 } }
    };
    struct spd_schedule s = start((struct spd_schedule_spec){ .pacing = SPD_PACING_INTERVAL,
                                                              .interval_ns = 1,
                                                              .sizes = mix,
                                                              .seed = spd_random_u64(&random) });
    enum { N = 320000 };
    static size_t n_of[1501];

    (void)state;
    memset(n_of, 0, sizeof(n_of));
    for (size_t k = 0; k < N; k++) {
        spd_ns due_ns;
        uint16_t size;

        spd_schedule_next(&s, &due_ns, &size);
        assert_true(size <= 1500);
        n_of[size]++;
    }
    for (size_t size = 0; size <= 1500; size++) {
        double share = size == 40                   ? 7 / 32.0
                       : size == 576                ? 4 / 32.0
                       : size == 1500               ? 1 / 32.0
                       : size >= 100 && size <= 109 ? 2 / 32.0
                                                    : 0;
        double sigma = sqrt(N * share * (1 - share));

        if (fabs((double)n_of[size] - N * share) > 5 * sigma)
            fail_msg("%zu of %d packets have %zu bytes, expected %.0f", n_of[size], (int)N, size,
                     N * share);
    }
}

static void facts_of_a_mix(void **state)
{
    struct spd_size_mix mix = imix(), range = { .n = 1, .item = { { 64, 1400, 1 } } };

    (void)state;
    assert_int_equal(spd_size_mix_min(&mix), 40);
    assert_int_equal(spd_size_mix_max(&mix), 1500);
    assert_int_equal(spd_size_mix_mean_milli(&mix), (7 * 40 + 4 * 576 + 1500) * 1000 / 12);
    assert_int_equal(spd_size_mix_min(&range), 64);
    assert_int_equal(spd_size_mix_max(&range), 1400);
    assert_int_equal(spd_size_mix_mean_milli(&range), 732000);
    mix = one_size(65535);
    assert_int_equal(spd_size_mix_mean_milli(&mix), 65535000);
}

/* ------------------------------------------------------------------- seeds */

static bool same_sequence(uint64_t seed_a, uint64_t seed_b)
{
    struct spd_schedule_spec spec = {
        .pacing = SPD_PACING_POISSON, .rate_bps = 100000, .sizes = imix(), .seed = seed_a
    };
    struct spd_schedule a = start(spec), b;

    spec.seed = seed_b;
    b = start(spec);
    for (size_t k = 0; k < 1000; k++) {
        spd_ns due_a, due_b;
        uint16_t size_a, size_b;

        spd_schedule_next(&a, &due_a, &size_a);
        spd_schedule_next(&b, &due_b, &size_b);
        if (due_a != due_b || size_a != size_b)
            return false;
    }
    return true;
}

static void the_seed_decides_alone(void **state)
{
    (void)state;
    assert_true(same_sequence(7, 7));
    assert_true(same_sequence(0, 0));
    assert_false(same_sequence(7, 8));
    assert_false(same_sequence(0, UINT64_MAX));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(due_times_are_exact),
        cmocka_unit_test(a_rate_does_not_drift_over_a_million_packets),
        cmocka_unit_test(a_bucket_keeps_its_rate_and_depth_over_a_million_packets),
        cmocka_unit_test(poisson_gaps_are_exponential),
        cmocka_unit_test(poisson_keeps_its_rate_with_mixed_sizes),
        cmocka_unit_test(sizes_come_by_their_weights),
        cmocka_unit_test(facts_of_a_mix),
        cmocka_unit_test(the_seed_decides_alone),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
