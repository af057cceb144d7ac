/*
 * Targets that do not answer, answer with ICMP errors, fall silent in the
 * middle, and networks in which others send what nobody asked for.
 */
#include "common/base/cursor.h"
#include "common/sys/udp.h"
#include "common/wire/ntptime.h"
#include "common/wire/stamp.h"
#include "tests/sim/sim_burst.h"
#include "tests/unit/unit.h"

static void run_unjudged(struct sim_burst *b, const struct sim_burst_scenario *s)
{
    sim_burst_create(b, s);
    assert_int_equal(b->err, SPD_ERR_OK);
    while (sim_burst_step(b, SPD_NS_FOREVER))
        continue;
    assert_true(b->finished);
}

/* ---- from the start ---- */

struct nothing_row {
    const char *name;
    struct sim_burst_scenario scenario;
    enum spd_err expected;
    const char *says;
};

static const struct nothing_row nothing_rows[] = {
    { "no reflector there",
      { .no_reflector = true },
      SPD_ERR_REFUSED,
      "no reflector listens on that port" },
    { "no reflector there, over IPv6",
      { .no_reflector = true, .ipv6 = true },
      SPD_ERR_REFUSED,
      "[2001:db8::2]:862" },
    { "host unreachable",
      { .from_start = true, .forward.icmp = SPD_ERR_HOST_UNREACHABLE },
      SPD_ERR_HOST_UNREACHABLE,
      "host unreachable" },
    { "network unreachable",
      { .from_start = true, .forward.icmp = SPD_ERR_NET_UNREACHABLE },
      SPD_ERR_NET_UNREACHABLE,
      "network unreachable" },
    { "prohibited",
      { .from_start = true, .forward.icmp = SPD_ERR_PROHIBITED },
      SPD_ERR_PROHIBITED,
      "prohibited" },
    { "nothing arrives there",
      { .from_start = true, .forward.loss_ppm = 1000000 },
      SPD_ERR_NO_REPLY,
      "never answered" },
    { "nothing comes back",
      { .from_start = true, .reverse.loss_ppm = 1000000 },
      SPD_ERR_NO_REPLY,
      "never answered" },
    { "replies are too late",
      { .from_start = true,
        .reverse.delay_ns = 5 * SPD_NS_PER_S,
        .timeout_ns = 100 * SPD_NS_PER_MS },
      SPD_ERR_NO_REPLY,
      "UDP port 862" },
};

static void target_that_never_answers_is_reported_with_what_to_do(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(nothing_rows); i++) {
        const struct nothing_row *row = &nothing_rows[i];
        struct sim_burst b;

        run_unjudged(&b, &row->scenario);
        CHECK_ROW_INT(row->name, b.record->outcome.err, row->expected);
        if (!strstr(b.record->outcome.text, row->says) ||
            !strstr(b.record->outcome.text, "host2.example"))
            fail_msg("row \"%s\": it says \"%s\"", row->name, b.record->outcome.text);
        CHECK_ROW_INT(row->name, b.record->n_bursts, 0);
        CHECK_ROW_INT(row->name, b.record->n_packets, 0);
        CHECK_ROW_INT(row->name, b.n_turns, 0);
        sim_burst_destroy(&b);
    }
}

/* One ICMP error is not believed: it may be about somebody else's packet, or a
 * lie. */
static void one_icmp_error_does_not_end_the_search(void **state)
{
    static const struct sim_outage none[1];
    struct sim_burst_scenario s = { .from_start = true, .forward.icmp = SPD_ERR_HOST_UNREACHABLE };
    struct sim_link good = { .outages = none };
    struct sim_burst b;

    (void)state;
    sim_burst_create(&b, &s);
    /* The first probe leaves in the first step; then the path is mended. */
    (void)sim_burst_step(&b, 0);
    sim_link_set(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &good);
    while (sim_burst_step(&b, SPD_NS_FOREVER))
        continue;
    assert_int_equal(b.record->outcome.err, SPD_ERR_OK);
    assert_int_equal(b.record->n_bursts, 1);
    sim_burst_destroy(&b);
}

/* ---- in the middle ---- */

static void break_path(struct sim_burst *b, uint32_t turn)
{
    const struct sim_link *broken = b->scenario.context;
    struct sim_link good = { .delay_ns = 30000 };

    sim_link_set(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, turn == 1 ? broken : &good);
}

static void icmp_errors_in_the_middle_are_unreachable_and_not_loss(void **state)
{
    static const enum spd_err errors[] = { SPD_ERR_HOST_UNREACHABLE, SPD_ERR_NET_UNREACHABLE,
                                           SPD_ERR_PROHIBITED, SPD_ERR_REFUSED };

    (void)state;
    for (size_t i = 0; i < N_ROWS(errors); i++)
        for (int stateless = 0; stateless < 2; stateless++) {
            struct sim_link broken = { .delay_ns = 30000, .icmp = errors[i] };
            struct sim_burst_scenario s = { .n_bursts = 3,
                                            .stateless = stateless != 0,
                                            .timeout_ns = 50 * SPD_NS_PER_MS,
                                            .context = &broken,
                                            .on_turn = break_path };
            const char *row = spd_err_name(errors[i]);
            struct sim_burst b;

            sim_burst_run(&b, &s);
            CHECK_ROW_INT(row, b.record->outcome.err, SPD_ERR_OK);
            CHECK_ROW_INT(row, b.summary.loss.n_unreachable, 20);
            CHECK_ROW_INT(row, b.summary.loss.n_received, 40);
            CHECK_ROW_INT(row, b.summary.loss.n_lost, 0);
            for (uint32_t k = 20; k < 40; k++) {
                CHECK_ROW_INT(row, b.record->packets[k].fate, SPD_FATE_UNREACHABLE);
                CHECK_ROW_INT(row, b.record->packets[k].err, errors[i]);
            }
            sim_burst_check(row, &b, SIM_CHECK_FATES | SIM_CHECK_STAMPS);
            sim_burst_destroy(&b);
        }
}

static void kill_reflector(struct sim_burst *b, uint32_t turn)
{
    if (turn == 1)
        sim_burst_kill_reflector(b);
}

static void reflector_that_ends_in_the_middle_is_refused_and_not_lost(void **state)
{
    struct sim_burst_scenario s = { .n_bursts = 3,
                                    .timeout_ns = 50 * SPD_NS_PER_MS,
                                    .on_turn = kill_reflector };
    struct sim_burst b;

    (void)state;
    sim_burst_run(&b, &s);
    assert_int_equal(b.summary.loss.n_received, 20);
    assert_int_equal(b.summary.loss.n_unreachable, 40);
    assert_int_equal(b.summary.loss.n_lost, 0);
    assert_int_equal(b.record->packets[59].err, SPD_ERR_REFUSED);
    sim_burst_destroy(&b);
}

static void path_that_falls_silent_in_the_middle_ends_in_loss_and_in_time(void **state)
{
    for (int reverse = 0; reverse < 2; reverse++) {
        static const struct sim_outage outage = { 15 * SPD_NS_PER_MS, 3000 * SPD_NS_PER_S };
        struct sim_burst_scenario s = { .n_bursts = 4, .timeout_ns = 100 * SPD_NS_PER_MS };
        struct sim_link *link = reverse ? &s.reverse : &s.forward;
        const char *row = reverse ? "reverse" : "forward";
        struct sim_burst b;

        (void)state;
        *link = (struct sim_link){ .outages = &outage, .n_outages = 1 };
        sim_burst_run(&b, &s);
        CHECK_ROW_INT(row, b.record->outcome.err, SPD_ERR_OK);
        CHECK_ROW_INT(row, b.record->n_bursts, 4);
        CHECK_ROW_INT(row, b.summary.loss.n_received, 40);
        CHECK_ROW_INT(row, b.summary.loss.n_lost, 40);
        /* Nothing came after them that could tell where. */
        CHECK_ROW_INT(row, b.summary.loss.n_lost_unknown, 40);
        CHECK_ROW(row, sim_now_ns() - b.first_turn_ns < SPD_NS_PER_S);
        sim_burst_check(row, &b, SIM_CHECK_SOUND | SIM_CHECK_STAMPS);
        sim_burst_destroy(&b);
    }
}

/* ---- strangers ---- */

/* A host that sends in the reflector's name to the session's socket. */
struct stranger {
    struct spd_cport *port;
    struct spd_udp *udp;
    uint16_t ssid; /* of the session it wants to disturb */
    uint32_t n_malformed, n_unexpected;
};

static void stranger_open(struct stranger *stranger)
{
    const struct spd_cport_config config = { .single_owner = true };
    const struct spd_udp_config socket = { .local = sim_addr4(SIM_BURST_STRANGER, SIM_BURST_PORT),
                                           .tclass = -1 };
    struct spd_diag diag;

    assert_int_equal(spd_cport_create(&config, &stranger->port, &diag), SPD_ERR_OK);
    assert_int_equal(spd_udp_open(stranger->port, 1, &socket, &stranger->udp, &diag), SPD_ERR_OK);
}

static void stranger_close(struct stranger *stranger)
{
    spd_udp_close(stranger->udp);
    spd_cport_close(stranger->port);
    spd_cport_destroy(stranger->port);
}

static void stranger_send(struct stranger *stranger, const struct spd_addr *to, const void *bytes,
                          size_t n)
{
    struct spd_addr from = sim_addr4(SIM_BURST_REFLECTOR, SIM_BURST_PORT);
    struct spd_udp_send_options options = { .to = to, .from = &from, .tclass = -1 };
    struct spd_completion done;
    struct spd_op op;
    size_t n_done;

    spd_op_init(&op);
    assert_int_equal(spd_udp_queue_send(stranger->udp, &op, bytes, n, &options), SPD_ERR_OK);
    assert_int_equal(spd_cport_wait(stranger->port, &done, 1, &n_done, 0), SPD_ERR_OK);
    spd_op_fini(&op);
}

/* The session's socket, as the path knows it. */
static struct spd_addr session_address(void)
{
    size_t n;
    const struct sim_truth *truth = sim_truth(SIM_BURST_SENDER, SIM_BURST_REFLECTOR, &n);

    return truth[n - 1].from;
}

static void write_forged(uint8_t bytes[SPD_STAMP_BYTES], uint16_t ssid, uint32_t seq)
{
    struct spd_writer w = spd_writer_over(bytes, SPD_STAMP_BYTES);

    memset(bytes, 0, SPD_STAMP_BYTES);
    spd_write_u32(&w, seq);
    spd_write_u64(&w, UINT64_C(0xE000000000000000));
    spd_write_u16(&w, SPD_ERROR_ESTIMATE_UNKNOWN);
    spd_write_u16(&w, ssid);
    spd_write_u64(&w, UINT64_C(0xE000000000000000));
    spd_write_u32(&w, seq);
    spd_write_u64(&w, 0);
    spd_write_u16(&w, SPD_ERROR_ESTIMATE_UNKNOWN);
}

static void disturb(struct sim_burst *b, uint32_t turn)
{
    struct stranger *stranger = b->scenario.context;
    struct spd_addr to;
    uint8_t bytes[1500];

    if (turn == 0)
        return; /* nothing has told the session's port yet */
    to = session_address();
    /* Too short to be a reply. */
    for (size_t n = 0; n < SPD_STAMP_REPLY_MIN_BYTES; n++) {
        memset(bytes, 0xFF, sizeof(bytes));
        stranger_send(stranger, &to, bytes, n);
        stranger->n_malformed++;
    }
    /* A zero Multiplier (RFC 4656 section 4.1.2). */
    write_forged(bytes, b->record->ssid, 0);
    bytes[12] = bytes[13] = 0;
    stranger_send(stranger, &to, bytes, SPD_STAMP_BYTES);
    stranger->n_malformed++;
    /* Of another session, and of one that has no identifier: this reflector
     * returns it. */
    for (uint32_t k = 0; k < 40; k++) {
        write_forged(bytes, (uint16_t)(b->record->ssid + 1 + k), k);
        stranger_send(stranger, &to, bytes, SPD_STAMP_BYTES);
        write_forged(bytes, 0, k);
        stranger_send(stranger, &to, bytes, SPD_STAMP_BYTES);
        stranger->n_unexpected += 2;
    }
    /* Replies to what this burst does not send yet. */
    for (uint32_t k = 0; k < 40; k++) {
        write_forged(bytes, b->record->ssid, (uint32_t)b->record->n_packets + 20 + k);
        stranger_send(stranger, &to, bytes, SPD_STAMP_BYTES);
        stranger->n_unexpected++;
    }
    write_forged(bytes, b->record->ssid, UINT32_MAX);
    stranger_send(stranger, &to, bytes, SPD_STAMP_BYTES);
    write_forged(bytes, b->record->ssid, 0x80000000u);
    stranger_send(stranger, &to, bytes, SPD_STAMP_BYTES);
    stranger->n_unexpected += 2;
    /* Noise, longer than any reply may be. */
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)sim_random();
    bytes[14] = (uint8_t) ~(b->record->ssid >> 8);
    bytes[13] |= 1;
    stranger_send(stranger, &to, bytes, sizeof(bytes));
    stranger->n_unexpected++;
}

static void strangers_change_no_figure_and_are_counted(void **state)
{
    struct stranger stranger = { 0 };
    struct sim_burst_scenario s = { .n_bursts = 5,
                                    .forward.delay_ns = 100000,
                                    .reverse.delay_ns = 100000,
                                    .context = &stranger,
                                    .on_turn = disturb };
    struct sim_burst b;

    (void)state;
    sim_burst_create(&b, &s);
    stranger_open(&stranger);
    while (sim_burst_step(&b, SPD_NS_FOREVER))
        continue;
    sim_burst_judge(&b);
    assert_int_equal(b.record->n_replies_malformed, stranger.n_malformed);
    assert_int_equal(b.record->n_replies_unexpected, stranger.n_unexpected);
    assert_int_equal(b.summary.loss.n_received, 100);
    assert_int_equal(b.summary.loss.n_duplicated, 0);
    assert_int_equal(b.summary.rtt.min_ns, 200000);
    assert_int_equal(b.summary.rtt.max_ns, 200000);
    assert_int_equal(b.summary.fwd.pdv.max_ns, 0);
    assert_true(b.record->ssid_returned);
    stranger_close(&stranger);
    sim_burst_destroy(&b);
}

/* Replies while the sockets change and close must not crash anything. */
static void flood_of_noise_at_any_moment_crashes_nothing(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct stranger stranger = { 0 };
        struct sim_burst_scenario s = { .seed = seed,
                                        .n_bursts = 3,
                                        .forward = { .delay_ns = 100000, .loss_ppm = 50000 },
                                        .reverse = { .delay_ns = 100000, .loss_ppm = 50000 },
                                        .timeout_ns = 5 * SPD_NS_PER_MS };
        uint8_t bytes[1500];
        struct sim_burst b;
        uint16_t port = 49152;

        sim_burst_create(&b, &s);
        stranger_open(&stranger);
        while (sim_burst_step(&b, 50000))
            for (int k = 0; k < 5; k++) {
                struct spd_addr to = sim_addr4(SIM_BURST_SENDER, port);
                size_t n = (size_t)(sim_random() % sizeof(bytes));

                for (size_t i = 0; i < n; i++)
                    bytes[i] = (uint8_t)sim_random();
                if (n > 30 && sim_random() % 2) { /* of this session, of small numbers */
                    bytes[14] = (uint8_t)(b.record->ssid >> 8);
                    bytes[15] = (uint8_t)b.record->ssid;
                    memset(bytes + 24, 0, 3);
                }
                port = (uint16_t)(49152 + sim_random() % 4);
                stranger_send(&stranger, &to, bytes, n);
            }
        sim_burst_judge(&b);
        assert_int_equal(b.summary.loss.n_sent, b.record->n_packets);
        stranger_close(&stranger);
        sim_burst_destroy(&b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_that_never_answers_is_reported_with_what_to_do),
        cmocka_unit_test(one_icmp_error_does_not_end_the_search),
        cmocka_unit_test(icmp_errors_in_the_middle_are_unreachable_and_not_loss),
        cmocka_unit_test(reflector_that_ends_in_the_middle_is_refused_and_not_lost),
        cmocka_unit_test(path_that_falls_silent_in_the_middle_ends_in_loss_and_in_time),
        cmocka_unit_test(strangers_change_no_figure_and_are_counted),
        cmocka_unit_test(flood_of_noise_at_any_moment_crashes_nothing),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
