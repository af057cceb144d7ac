/*
 * Capacity against a token bucket played here: the first packets pass while
 * the bucket lasts, then packet k leaves k * L * 8 / R after.
 */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/analysis/dispersion.h"
#include "tests/support/random.h"

#define MOST         2048
#define HEADER_BYTES 14 /* the shaper counts Ethernet headers */

struct shaper {
    double rate_bps;
    double bucket_bytes;
    size_t queue_packets; /* 0: never full */
};

/* Departures through the shaper; a packet that finds the queue full is MISSING. */
static void shape(struct spd_dispersion_packet *packets, size_t n, const struct shaper *shaper)
{
    double ns_per_byte = 8e9 / shaper->rate_bps;
    double tokens = shaper->bucket_bytes;
    double updated_ns = 0.0;
    double left_ns[MOST];
    size_t n_left = 0;

    for (size_t i = 0; i < n; i++) {
        double bytes = packets[i].size_bytes + HEADER_BYTES;
        double at_ns = (double)packets[i].departed_ns;
        size_t n_queued = 0;

        for (size_t k = 0; k < n_left; k++)
            n_queued += left_ns[k] > at_ns;
        if (shaper->queue_packets > 0 && n_queued >= shaper->queue_packets) {
            packets[i].passage = SPD_PASSAGE_MISSING;
            continue;
        }
        double start_ns = n_left > 0 && left_ns[n_left - 1] > at_ns ? left_ns[n_left - 1] : at_ns;
        tokens += (start_ns - updated_ns) / ns_per_byte;
        if (tokens > shaper->bucket_bytes)
            tokens = shaper->bucket_bytes;
        updated_ns = start_ns;
        if (tokens < bytes) {
            updated_ns += (bytes - tokens) * ns_per_byte;
            tokens = bytes;
        }
        tokens -= bytes;
        left_ns[n_left++] = updated_ns;
        packets[i].passage = SPD_PASSAGE_ARRIVED;
        /* Another clock, a constant way behind. */
        packets[i].arrived_ns = (spd_ns)updated_ns - 123456789012;
    }
}

static void make(struct spd_dispersion_packet *packets, size_t n, uint32_t size_bytes,
                 spd_ns spacing_ns)
{
    for (size_t i = 0; i < n; i++)
        packets[i] = (struct spd_dispersion_packet){
            .departed_ns = 1000000 + (spd_ns)i * spacing_ns,
            .size_bytes = size_bytes,
            .passage = SPD_PASSAGE_ARRIVED,
        };
}

/* What the shaper's rate means at the IP layer. */
static double ip_rate(double rate_bps, uint32_t size_bytes)
{
    return rate_bps * size_bytes / (size_bytes + HEADER_BYTES);
}

static void check_within(const char *row, double got, double expected, double tolerance)
{
    if (got < expected * (1.0 - tolerance) || got > expected * (1.0 + tolerance))
        fail_msg("row \"%s\": %.0f bit/s, expected %.0f within %.2f %%", row, got, expected,
                 tolerance * 100.0);
}

static struct spd_dispersion measure(const struct spd_dispersion_packet *packets, size_t n)
{
    struct spd_dispersion d;

    assert_int_equal(spd_dispersion_measure(packets, n, &d), SPD_ERR_OK);
    return d;
}

enum trouble {
    NONE = 0,
    NOISE = 1,        /* stamps up to 20 us late */
    HOLES = 2,        /* a receiver that stands still for 4 ms now and then */
    LOSS_BEHIND = 4,  /* 5 % lost behind the bottleneck */
    REPLIES_LOST = 8, /* 30 % of the arrivals are known, without a stamp */
    SWAPS = 16,       /* neighbours swap places behind the bottleneck */
};

struct row {
    const char *name;
    double rate_bps;
    uint32_t size_bytes;
    size_t n;
    double bucket_bytes;
    size_t queue_packets;
    unsigned troubles;
};

static const struct row rows[] = {
    { "1 Mbit/s, 512 bytes", 1e6, 512, 200, 1600, 0, NONE },
    { "1 Mbit/s, 1500 bytes", 1e6, 1500, 200, 1600, 0, NONE },
    { "1 Mbit/s, 72 bytes: 18 packets pass at once", 1e6, 72, 200, 1600, 0, NONE },
    { "10 Mbit/s, 512 bytes", 10e6, 512, 200, 1600, 0, NOISE },
    { "10 Mbit/s, 1500 bytes, a receiver with holes", 10e6, 1500, 200, 1600, 0, NOISE | HOLES },
    { "100 Mbit/s, 512 bytes", 100e6, 512, 200, 1600, 0, NOISE },
    { "100 Mbit/s, 1000 bytes", 100e6, 1000, 200, 1600, 0, NOISE },
    { "100 Mbit/s, 1500 bytes", 100e6, 1500, 200, 1600, 0, NOISE },
    { "100 Mbit/s, 2048 packets, a receiver with holes", 100e6, 512, 2048, 1600, 0, NOISE | HOLES },
    { "20 packets", 10e6, 512, 20, 1600, 0, NONE },
    { "a bucket of a third of the burst", 10e6, 500, 200, 34000, 0, NONE },
    { "the queue holds 50 packets", 10e6, 512, 200, 1600, 50, NOISE },
    { "the queue holds 5 packets", 1e6, 512, 200, 1600, 5, NONE },
    { "loss behind the bottleneck", 10e6, 512, 200, 1600, 0, NOISE | LOSS_BEHIND },
    { "replies of arrivals are lost", 10e6, 512, 200, 1600, 0, NOISE | REPLIES_LOST },
    { "neighbours swapped", 10e6, 512, 200, 1600, 0, NOISE | SWAPS },
    { "all of it", 10e6, 1000, 1000, 1600, 0, NOISE | HOLES | LOSS_BEHIND | REPLIES_LOST | SWAPS },
};

static void trouble(struct spd_dispersion_packet *packets, size_t n, unsigned troubles,
                    struct spd_random *random)
{
    spd_ns open_ns = 0;
    spd_ns hole_ns = 0;

    for (size_t i = 0; i < n; i++) {
        struct spd_dispersion_packet *packet = &packets[i];

        if (troubles & SWAPS && i % 10 == 9) {
            spd_ns other = packets[i - 1].arrived_ns;
            packets[i - 1].arrived_ns = packet->arrived_ns;
            packet->arrived_ns = other;
        }
        if (packet->passage != SPD_PASSAGE_ARRIVED)
            continue;
        if (troubles & NOISE)
            packet->arrived_ns += (spd_ns)spd_random_below(random, 20000);
        if (troubles & HOLES) {
            if (packet->arrived_ns > hole_ns) {
                open_ns = packet->arrived_ns + 20000000;
                hole_ns = open_ns + 4000000;
            }
            if (packet->arrived_ns > open_ns)
                packet->arrived_ns = hole_ns;
        }
        if (troubles & LOSS_BEHIND && spd_random_below(random, 100) < 5)
            packet->passage = SPD_PASSAGE_MISSING;
        else if (troubles & REPLIES_LOST && spd_random_below(random, 100) < 30)
            packet->passage = SPD_PASSAGE_UNSEEN;
    }
}

static void the_rate_of_a_shaper_is_found_within_2_percent(void **state)
{
    static struct spd_dispersion_packet packets[MOST];
    struct spd_random random = spd_random_start("the_rate_of_a_shaper_is_found_within_2_percent");

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        const struct row *row = &rows[i];
        struct shaper shaper = { row->rate_bps, row->bucket_bytes, row->queue_packets };

        make(packets, row->n, row->size_bytes, 2000);
        shape(packets, row->n, &shaper);
        trouble(packets, row->n, row->troubles, &random);
        struct spd_dispersion d = measure(packets, row->n);
        check_within(row->name, d.capacity_ip_bps, ip_rate(row->rate_bps, row->size_bytes), 0.02);
        check_within(row->name, d.departure_ip_bps, row->size_bytes * 8e9 / 2000.0, 0.02);
        CHECK_ROW(row->name, !d.lower_bound);
    }
}

static void a_burst_that_arrives_as_it_left_gives_a_lower_bound(void **state)
{
    struct spd_dispersion_packet packets[100];
    const struct shaper fast = { 10e9, 1600, 0 };

    (void)state;
    make(packets, 100, 512, 2000);
    shape(packets, 100, &fast);
    struct spd_dispersion d = measure(packets, 100);
    assert_true(d.lower_bound);
    check_within("as it left", d.capacity_ip_bps, 512 * 8e9 / 2000.0, 0.001);
    assert_int_equal(d.departure_ns, 99 * 2000);
}

static void a_burst_that_left_at_once_is_no_lower_bound(void **state)
{
    struct spd_dispersion_packet packets[100];
    const struct shaper shaper = { 1e6, 1600, 0 };

    (void)state;
    make(packets, 100, 512, 0);
    shape(packets, 100, &shaper);
    struct spd_dispersion d = measure(packets, 100);
    assert_false(d.lower_bound);
    assert_true(d.departure_ip_bps == 0.0);
    check_within("at once", d.capacity_ip_bps, ip_rate(1e6, 512), 0.001);
}

/* Every other packet is lost behind the bottleneck: no runs are left. */
static void heavy_loss_is_measured_across_and_said_so(void **state)
{
    struct spd_dispersion_packet packets[200];
    const struct shaper shaper = { 10e6, 1600, 0 };

    (void)state;
    make(packets, 200, 512, 2000);
    shape(packets, 200, &shaper);
    for (size_t i = 0; i < 200; i += 2)
        packets[i].passage = SPD_PASSAGE_MISSING;
    struct spd_dispersion d = measure(packets, 200);
    assert_true(d.across_loss);
    check_within("half", d.capacity_ip_bps, ip_rate(10e6, 512) / 2.0, 0.02);
    assert_int_equal(d.n_arrived, 100);
}

static void too_little_gives_no_rate(void **state)
{
    struct spd_dispersion_packet packets[3] = { 0 };

    (void)state;
    struct spd_dispersion d = measure(packets, 0);
    assert_true(d.capacity_ip_bps == 0.0 && d.n_arrived == 0);
    make(packets, 3, 512, 2000);
    d = measure(packets, 1);
    assert_true(d.capacity_ip_bps == 0.0 && !d.lower_bound);
    assert_int_equal(d.n_arrived, 1);
    d = measure(packets, 3); /* all at time 0 */
    assert_true(d.capacity_ip_bps == 0.0 && !d.lower_bound);
    for (size_t i = 0; i < 3; i++)
        packets[i].passage = SPD_PASSAGE_MISSING;
    d = measure(packets, 3);
    assert_true(d.capacity_ip_bps == 0.0 && d.n_arrived == 0 && d.dispersion_ns == 0);
}

static void a_packet_pair_is_enough(void **state)
{
    struct spd_dispersion_packet packets[2];

    (void)state;
    make(packets, 2, 1250, 10);
    packets[0].arrived_ns = -500000;
    packets[1].arrived_ns = 500000;
    struct spd_dispersion d = measure(packets, 2);
    check_within("pair", d.capacity_ip_bps, 10e6, 1e-9);
    assert_int_equal(d.dispersion_ns, 1000000);
}

static void hostile_times_do_not_overflow(void **state)
{
    struct spd_dispersion_packet packets[4];

    (void)state;
    make(packets, 4, 512, 2000);
    packets[0].arrived_ns = INT64_MIN;
    packets[1].arrived_ns = INT64_MAX;
    packets[2].arrived_ns = INT64_MIN;
    packets[3].arrived_ns = INT64_MAX;
    struct spd_dispersion d = measure(packets, 4);
    assert_int_equal(d.dispersion_ns, INT64_MAX);
    assert_true(d.capacity_ip_bps >= 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_rate_of_a_shaper_is_found_within_2_percent),
        cmocka_unit_test(a_burst_that_arrives_as_it_left_gives_a_lower_bound),
        cmocka_unit_test(a_burst_that_left_at_once_is_no_lower_bound),
        cmocka_unit_test(heavy_loss_is_measured_across_and_said_so),
        cmocka_unit_test(too_little_gives_no_rate),
        cmocka_unit_test(a_packet_pair_is_enough),
        cmocka_unit_test(hostile_times_do_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
