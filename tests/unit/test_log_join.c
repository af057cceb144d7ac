/* Two logs of one session become one, whatever is missing in either. */
#include "tests/unit/unit.h"

#include <stdio.h>

#include "common/result/log_join.h"
#include "common/result/log_order.h"
#include "tests/support/random.h"
#include "tests/unit/log_kit.h"

#define FIRST_SEQ UINT32_C(0xFFFFFFF0) /* wraps at the 17th packet */
#define OFFSET_NS (-7 * SPD_NS_PER_S)

/* A log of n packets; what the two sides know of packet i. */
static struct spd_flow_packet sent(uint32_t i)
{
    return (struct spd_flow_packet){ .seq = FIRST_SEQ + i,
                                     .size_bytes = 92,
                                     .flags = SPD_FLOW_SENT | SPD_FLOW_T1_KERNEL,
                                     .t1_ns = 1700000000000000000 + (int64_t)i * 20000000,
                                     .tclass_forward = SPD_FLOW_TCLASS_UNKNOWN,
                                     .tclass_reverse = SPD_FLOW_TCLASS_UNKNOWN };
}

static struct spd_flow_packet arrived(uint32_t i)
{
    struct spd_flow_packet packet = sent(i);

    packet.flags = SPD_FLOW_ARRIVED | SPD_FLOW_RX_KERNEL;
    packet.t2_ns = packet.t1_ns + 5000000 + OFFSET_NS;
    packet.t1_ns -= 30000; /* as carried: before the kernel's */
    packet.ttl_forward = 61;
    packet.tclass_forward = 46 << 2;
    return packet;
}

static void make(struct spd_log *log, enum spd_log_kind kind, size_t n)
{
    memset(log, 0, sizeof *log);
    snprintf(log->name, sizeof log->name, "%s.log",
             kind == SPD_LOG_ONE_WAY_RECEIVER ? "receiver" : "sender");
    log_kit_header(&log->header, kind);
    log->header.n_flows = 1;
    log->packets = calloc(n ? n : 1, sizeof *log->packets);
    log->n_packets = n;
    for (size_t i = 0; i < n; i++)
        log->packets[i] =
            kind == SPD_LOG_ONE_WAY_RECEIVER ? arrived((uint32_t)i) : sent((uint32_t)i);
    log->facts.ended = true;
    log->facts.n_records = n;
    log->facts.end.n_flows = 1;
    log->facts.end.flows[0].ending = SPD_LOG_ENDING_COUNT;
}

struct pair {
    struct spd_log sender;
    struct spd_log receiver;
    struct spd_log_join join;
    struct spd_diag diag;
};

static void make_pair(struct pair *pair, size_t n_sent, size_t n_arrived)
{
    memset(pair, 0, sizeof *pair);
    make(&pair->sender, SPD_LOG_ONE_WAY_SENDER, n_sent);
    make(&pair->receiver, SPD_LOG_ONE_WAY_RECEIVER, n_arrived);
}

static enum spd_err join(struct pair *pair)
{
    return spd_log_join(&pair->sender, &pair->receiver, &pair->join, &pair->diag);
}

static void drop_arrival(struct pair *pair, uint32_t i)
{
    size_t at = 0;

    while (pair->receiver.packets[at].seq != FIRST_SEQ + i)
        at++;
    memmove(&pair->receiver.packets[at], &pair->receiver.packets[at + 1],
            (pair->receiver.n_packets - at - 1) * sizeof pair->receiver.packets[0]);
    pair->receiver.n_packets--;
}

static void fini(struct pair *pair)
{
    spd_log_fini(&pair->sender);
    spd_log_fini(&pair->receiver);
}

static void packets_are_matched_across_the_wrap(void **state)
{
    struct pair pair;

    (void)state;
    make_pair(&pair, 40, 40);
    drop_arrival(&pair, 3);
    drop_arrival(&pair, 17);
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_int_equal(pair.join.n_matched, 38);
    assert_int_equal(pair.join.n_unmatched + pair.join.n_unjudged, 0);
    assert_true(pair.join.heard[0]);
    assert_int_equal(pair.sender.header.kind, SPD_LOG_ONE_WAY);
    assert_int_equal(pair.sender.n_packets, 40);
    assert_int_equal(pair.receiver.n_packets, 0);
    for (uint32_t i = 0; i < 40; i++) {
        struct spd_flow_packet expected = sent(i);
        if (i != 3 && i != 17) {
            expected.flags |= SPD_FLOW_ARRIVED | SPD_FLOW_RX_KERNEL;
            expected.t2_ns = arrived(i).t2_ns;
            expected.ttl_forward = 61;
            expected.tclass_forward = 46 << 2;
        }
        assert_memory_equal(&pair.sender.packets[i], &expected, sizeof expected);
    }
    fini(&pair);
}

static void arrivals_that_the_sender_fetched_are_no_duplicates(void **state)
{
    struct pair pair;
    int n_duplicates = 0;

    (void)state;
    make_pair(&pair, 40, 40);
    for (uint32_t i = 0; i < 40; i++) {
        pair.sender.packets[i].flags |= SPD_FLOW_ARRIVED;
        pair.sender.packets[i].t2_ns = arrived(i).t2_ns - (i % 2); /* rounded on the way */
    }
    pair.sender.packets[7].t2_ns -= 1000; /* fetched another copy than that one */
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_int_equal(pair.join.n_matched, 39);
    assert_int_equal(pair.sender.n_packets, 41);
    for (size_t i = 0; i < 41; i++)
        if (pair.sender.packets[i].flags & SPD_FLOW_DUPLICATE) {
            n_duplicates++;
            assert_int_equal(pair.sender.packets[i].seq, FIRST_SEQ + 7);
        }
    assert_int_equal(n_duplicates, 1);
    assert_int_equal(pair.sender.packets[0].ttl_forward, 61);
    fini(&pair);
}

static void order_of_arrival_does_not_matter(void **state)
{
    struct spd_random random = spd_random_start("log_join");

    (void)state;
    for (int round = 0; round < 50; round++) {
        struct pair pair;

        make_pair(&pair, 300, 300);
        for (size_t i = 299; i > 0; i--) {
            size_t j = spd_random_below(&random, i + 1);
            struct spd_flow_packet packet = pair.receiver.packets[i];
            pair.receiver.packets[i] = pair.receiver.packets[j];
            pair.receiver.packets[j] = packet;
        }
        assert_int_equal(join(&pair), SPD_ERR_OK);
        assert_int_equal(pair.join.n_matched, 300);
        for (uint32_t i = 0; i < 300; i++) {
            assert_int_equal(pair.sender.packets[i].seq, FIRST_SEQ + i);
            assert_int_equal(pair.sender.packets[i].t2_ns, arrived(i).t2_ns);
        }
        fini(&pair);
    }
}

static void further_arrivals_follow_the_first_one(void **state)
{
    struct pair pair;

    (void)state;
    make_pair(&pair, 5, 5);
    pair.receiver.packets = realloc(pair.receiver.packets, 8 * sizeof *pair.receiver.packets);
    pair.receiver.n_packets = 8;
    for (uint32_t i = 0; i < 3; i++) {
        struct spd_flow_packet *copy = &pair.receiver.packets[5 + i];
        *copy = arrived(i == 2 ? 4 : 2);
        copy->t2_ns += 1000 * (3 - i); /* the last one came first */
        copy->flags |= SPD_FLOW_DUPLICATE;
    }
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_int_equal(pair.sender.n_packets, 8);
    static const uint32_t seqs[] = { 0, 1, 2, 2, 2, 3, 4, 4 };
    static const bool again[] = { false, false, false, true, true, false, false, true };
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pair.sender.packets[i].seq, FIRST_SEQ + seqs[i]);
        assert_int_equal((pair.sender.packets[i].flags & SPD_FLOW_DUPLICATE) != 0, again[i]);
        assert_true(i == 0 || pair.sender.packets[i].t2_ns > pair.sender.packets[i - 1].t2_ns);
    }
    assert_int_equal(pair.join.n_matched, 5);
    fini(&pair);
}

static const struct {
    const char *name;
    uint8_t ending; /* of the receiver */
    bool ended;
    uint64_t n_lost; /* records, on a full disk */
    size_t n_left;   /* of 10 sent, when 4 were logged: the third of them missing */
} endings[] = {
    { "count", SPD_LOG_ENDING_COUNT, true, 0, 10 },
    { "termination packet", SPD_LOG_ENDING_TERMINATION, true, 0, 10 },
    { "done", SPD_LOG_ENDING_DONE, true, 0, 10 },
    { "time-out", SPD_LOG_ENDING_TIMEOUT, true, 0, 10 },
    { "by hand", SPD_LOG_ENDING_BY_HAND, true, 0, 5 },
    { "error", SPD_LOG_ENDING_ERROR, true, 0, 5 },
    { "full disk", SPD_LOG_ENDING_COUNT, true, 1, 5 },
    { "killed", SPD_LOG_ENDING_COUNT, false, 0, 5 },
};

static void what_a_receiver_did_not_stay_for_is_not_lost(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(endings); i++) {
        struct pair pair;

        make_pair(&pair, 10, 5);
        drop_arrival(&pair, 2);
        pair.receiver.facts.end.flows[0].ending = endings[i].ending;
        pair.receiver.facts.ended = endings[i].ended;
        pair.receiver.facts.end.n_records_lost = endings[i].n_lost;
        CHECK_ROW_INT(endings[i].name, join(&pair), SPD_ERR_OK);
        CHECK_ROW_INT(endings[i].name, pair.sender.n_packets, endings[i].n_left);
        CHECK_ROW_INT(endings[i].name, pair.join.n_unjudged, 10 - endings[i].n_left);
        CHECK_ROW_INT(endings[i].name, pair.sender.packets[2].flags & SPD_FLOW_ARRIVED, 0);
        fini(&pair);
    }
}

static void a_torn_log_of_the_sender_loses_no_arrival(void **state)
{
    struct pair pair;

    (void)state;
    make_pair(&pair, 6, 10);
    pair.sender.facts.ended = false;
    pair.sender.facts.condition.state = SPD_LOG_TORN;
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_int_equal(pair.sender.n_packets, 10);
    assert_int_equal(pair.join.n_matched, 6);
    assert_int_equal(pair.join.n_unmatched, 0);
    for (uint32_t i = 0; i < 10; i++) {
        assert_int_equal(pair.sender.packets[i].seq, FIRST_SEQ + i);
        assert_int_equal(pair.sender.packets[i].flags & (SPD_FLOW_SENT | SPD_FLOW_ARRIVED),
                         SPD_FLOW_SENT | SPD_FLOW_ARRIVED);
    }
    assert_int_equal(pair.sender.packets[8].t1_ns, arrived(8).t1_ns); /* as it was carried */
    fini(&pair);
}

static void arrivals_that_a_whole_sender_never_sent_are_left_out(void **state)
{
    struct pair pair;

    (void)state;
    make_pair(&pair, 6, 10);
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_int_equal(pair.sender.n_packets, 6);
    assert_int_equal(pair.join.n_unmatched, 4);
    fini(&pair);
}

static void the_senders_stamp_stands_unless_it_has_none(void **state)
{
    struct pair pair;

    (void)state;
    make_pair(&pair, 3, 3);
    pair.sender.packets[1].flags = SPD_FLOW_NOT_SENT; /* so it believed */
    pair.sender.packets[1].t1_ns = 0;
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_int_equal(pair.sender.packets[0].t1_ns, sent(0).t1_ns);
    assert_int_equal(pair.sender.packets[1].t1_ns, arrived(1).t1_ns);
    assert_int_equal(pair.sender.packets[1].flags & (SPD_FLOW_SENT | SPD_FLOW_NOT_SENT),
                     SPD_FLOW_SENT);
    fini(&pair);
}

static void each_flow_finds_its_receiver(void **state)
{
    struct pair pair;
    struct spd_log second;

    (void)state;
    make_pair(&pair, 8, 4);
    make(&second, SPD_LOG_ONE_WAY_RECEIVER, 4);
    pair.sender.header.n_flows = 2;
    memset(pair.sender.header.flows[0].sid, 0xA0, 16);
    memset(pair.sender.header.flows[1].sid, 0xB0, 16);
    memset(pair.receiver.header.flows[0].sid, 0xB0, 16);
    memset(second.header.flows[0].sid, 0xA0, 16);
    for (uint32_t i = 0; i < 8; i++) {
        pair.sender.packets[i] = sent(i / 2);
        pair.sender.packets[i].flow = i % 2;
    }
    second.n_packets = 3;
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_true(!pair.join.heard[0] && pair.join.heard[1]);
    assert_int_equal(pair.join.n_matched, 4);
    assert_int_equal(spd_log_join(&pair.sender, &second, &pair.join, NULL), SPD_ERR_OK);
    assert_true(pair.join.heard[0] && !pair.join.heard[1]);
    assert_int_equal(pair.join.n_matched, 3);
    for (uint32_t i = 0; i < 8; i++) {
        assert_int_equal(pair.sender.packets[i].flow, i / 4);
        assert_int_equal(pair.sender.packets[i].seq, FIRST_SEQ + i % 4);
        assert_int_equal((pair.sender.packets[i].flags & SPD_FLOW_ARRIVED) != 0, i != 3);
    }
    spd_log_fini(&second);
    fini(&pair);
}

enum mismatch {
    TWO_SENDERS,
    TWO_WAY,
    OTHER_SID,
    OTHER_TIME,
    OTHER_NUMBERS,
    MORE_FLOWS,
    N_MISMATCHES
};
static const char *const mismatches[] = { "two senders",      "two-way",
                                          "other identifier", "other time",
                                          "other numbers",    "flows without identifiers" };

static void logs_of_different_sessions_are_refused(void **state)
{
    (void)state;
    for (int row = 0; row < N_MISMATCHES; row++) {
        struct pair pair;

        make_pair(&pair, 6, 6);
        if (row == TWO_SENDERS)
            pair.receiver.header.kind = SPD_LOG_ONE_WAY_SENDER;
        if (row == TWO_WAY)
            pair.sender.header.kind = SPD_LOG_TWO_WAY;
        if (row == OTHER_SID)
            pair.receiver.header.flows[0].sid[15] ^= 1;
        for (size_t i = 0; i < 6; i++) {
            pair.receiver.packets[i].t1_ns += row == OTHER_TIME ? 3600 * SPD_NS_PER_S : 0;
            pair.receiver.packets[i].seq += row == OTHER_NUMBERS ? 1000 : 0;
        }
        if (row == MORE_FLOWS) {
            pair.sender.header.n_flows = 2;
            memset(pair.receiver.header.flows[0].sid, 0, 16);
        }
        CHECK_ROW_INT(mismatches[row], join(&pair), SPD_ERR_INVALID);
        CHECK_ROW(mismatches[row], strstr(pair.diag.text, "sender.log"));
        CHECK_ROW(mismatches[row], strstr(pair.diag.text, "receiver.log"));
        fini(&pair);
    }
}

static void all_lost_and_nothing_sent_are_no_error(void **state)
{
    struct pair pair;

    (void)state;
    make_pair(&pair, 5, 0);
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_int_equal(pair.sender.n_packets, 5);
    assert_int_equal(pair.join.n_matched, 0);
    fini(&pair);
    make_pair(&pair, 0, 0);
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_int_equal(pair.sender.n_packets, 0);
    fini(&pair);
}

static void without_identifiers_the_times_tell(void **state)
{
    struct pair pair;

    (void)state;
    make_pair(&pair, 5, 5);
    memset(pair.receiver.header.flows[0].sid, 0, 16);
    assert_int_equal(join(&pair), SPD_ERR_OK);
    assert_int_equal(pair.join.n_matched, 5);
    fini(&pair);
}

/* Every order comes out sorted, by insertion or by heap. */
static void any_order_can_be_sorted(void **state)
{
    struct spd_random random = spd_random_start("log_order");
    enum { N = 2000 };
    struct spd_flow_packet *packets = calloc(N, sizeof *packets);

    (void)state;
    for (int round = 0; round < 30; round++) {
        struct spd_log_bases bases = { .seq = { 10, UINT32_MAX - 5 }, .known = { true, true } };
        uint64_t sum = 0, sum_after = 0;

        for (uint32_t i = 0; i < N; i++) {
            uint32_t at = round == 0   ? i
                          : round == 1 ? N - i
                                       : (uint32_t)spd_random_below(&random, 500);
            packets[i] = arrived(at);
            packets[i].flow = (uint8_t)(round % 3 ? spd_random_below(&random, 2) : 0);
            packets[i].seq = bases.seq[packets[i].flow] + at;
            packets[i].t2_ns += (int64_t)spd_random_below(&random, 9);
            sum += packets[i].seq * UINT64_C(31) + (uint64_t)packets[i].t2_ns;
        }
        spd_log_order(packets, N, &bases);
        for (uint32_t i = 0; i < N; i++) {
            sum_after += packets[i].seq * UINT64_C(31) + (uint64_t)packets[i].t2_ns;
            if (i == 0)
                continue;
            uint64_t before = spd_log_order_key(&bases, &packets[i - 1]);
            uint64_t key = spd_log_order_key(&bases, &packets[i]);
            assert_true(before < key ||
                        (before == key && packets[i - 1].t2_ns <= packets[i].t2_ns));
        }
        assert_true(sum == sum_after);
    }
    free(packets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packets_are_matched_across_the_wrap),
        cmocka_unit_test(arrivals_that_the_sender_fetched_are_no_duplicates),
        cmocka_unit_test(order_of_arrival_does_not_matter),
        cmocka_unit_test(further_arrivals_follow_the_first_one),
        cmocka_unit_test(what_a_receiver_did_not_stay_for_is_not_lost),
        cmocka_unit_test(a_torn_log_of_the_sender_loses_no_arrival),
        cmocka_unit_test(arrivals_that_a_whole_sender_never_sent_are_left_out),
        cmocka_unit_test(the_senders_stamp_stands_unless_it_has_none),
        cmocka_unit_test(each_flow_finds_its_receiver),
        cmocka_unit_test(logs_of_different_sessions_are_refused),
        cmocka_unit_test(all_lost_and_nothing_sent_are_no_error),
        cmocka_unit_test(without_identifiers_the_times_tell),
        cmocka_unit_test(any_order_can_be_sorted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
