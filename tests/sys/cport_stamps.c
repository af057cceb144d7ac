/*
 * Conformance: kernel stamps, and stamps by the counter.
 */
#include "common/sys/clock.h"
#include "tests/sys/cport_kit.h"

enum { N = 100 };

/* The time of day is not adjusted by more than this while a case runs. */
#define SLACK_NS SPD_NS_PER_MS

struct stamped {
    struct spd_udp *sender, *receiver;
    struct spd_udp_facts facts;
    struct kit_request *sends, *receives;
    int64_t sched_ns[N], sent_ns[N];
};

static struct spd_udp *stamped_sender(struct kit *kit, const struct spd_udp *receiver)
{
    struct spd_udp_config config = { .remote = kit_address(receiver),
                                     .tclass = -1,
                                     .want_send_stamps = true,
                                     .receive_buffer_bytes = (size_t)4 << 20 };

    return kit_open(kit, 1, &config);
}

static void open_stamped(struct kit *kit, struct stamped *s)
{
    struct spd_udp_config config = { .tclass = -1,
                                     .want_receive_stamps = true,
                                     .receive_buffer_bytes = (size_t)4 << 20 };

    *s = (struct stamped){ 0 };
    s->receiver = kit_open(kit, 2, &config);
    s->sender = stamped_sender(kit, s->receiver);
    spd_udp_facts(s->sender, &s->facts);
    s->sends = kit_requests(kit, N, 4);
    s->receives = kit_requests(kit, N, 16);
}

static bool delivers(const struct stamped *s, enum spd_stamp_source source)
{
    return (s->facts.send_stamps & (1u << source)) != 0;
}

static void need_send_stamps(const struct stamped *s)
{
    if (!delivers(s, SPD_STAMP_KERNEL))
        kit_skip("this system gives no kernel send stamps");
}

static size_t n_missing(const struct stamped *s, size_t n)
{
    size_t n_zero = 0;

    for (size_t i = 0; i < n; i++) {
        n_zero += s->sent_ns[i] == 0;
        n_zero += delivers(s, SPD_STAMP_KERNEL_SCHED) && s->sched_ns[i] == 0;
    }
    return n_zero;
}

/* Send n, and fetch their stamps. Returns how many collect said it fetched. */
static size_t send_and_collect(struct kit *kit, struct stamped *s, size_t n)
{
    size_t n_fetched = 0;

    for (size_t i = 0; i < N; i++)
        s->sched_ns[i] = s->sent_ns[i] = 0;
    for (size_t i = 0; i < n; i++)
        s->sends[i].n_accepted = s->sends[i].n_completed = 0;
    kit_send_numbers(kit, s->sender, s->sends, n, 0);
    kit_await(kit, s->sends, n);
    for (int tries = 0; tries < 200; tries++) {
        n_fetched += spd_udp_stamps_collect(s->sender, s->sched_ns, s->sent_ns, N);
        if (n_missing(s, n) == 0)
            break;
        spd_thread_sleep(SPD_NS_PER_MS);
    }
    return n_fetched;
}

static void kernel_send_stamps_rise_and_agree_with_the_clock(struct kit *kit)
{
    static struct stamped s;
    spd_wall before, after;
    size_t n_fetched;

    open_stamped(kit, &s);
    need_send_stamps(&s);
    spd_udp_stamps_begin(s.sender);
    before = spd_clock_wall();
    n_fetched = send_and_collect(kit, &s, N);
    after = spd_clock_wall();
    assert_int_equal(n_missing(&s, N), 0);
    assert_int_equal(n_fetched, delivers(&s, SPD_STAMP_KERNEL_SCHED) ? 2 * N : N);
    for (size_t i = 0; i < N; i++) {
        assert_true(s.sent_ns[i] >= before.ns - SLACK_NS && s.sent_ns[i] <= after.ns + SLACK_NS);
        assert_true(i == 0 || s.sent_ns[i] >= s.sent_ns[i - 1]);
        assert_true(s.sched_ns[i] <= s.sent_ns[i]);
    }
    assert_int_equal(spd_udp_stamps_collect(s.sender, s.sched_ns, s.sent_ns, N), 0);
}

static void begin_numbers_from_zero_again(struct kit *kit)
{
    static struct stamped s;
    int64_t last_ns = 0;

    open_stamped(kit, &s);
    need_send_stamps(&s);
    for (size_t round = 0; round < 4; round++) {
        size_t n = 10 + 5 * round;

        spd_udp_stamps_begin(s.sender);
        send_and_collect(kit, &s, n);
        assert_int_equal(n_missing(&s, n), 0);
        assert_true(s.sent_ns[0] >= last_ns); /* of this round */
        assert_true(s.sent_ns[n] == 0);       /* and none beyond it */
        last_ns = s.sent_ns[n - 1];
    }
}

static void begin_forgets_stamps_that_nobody_fetched(struct kit *kit)
{
    static struct stamped s;
    int64_t begun_ns;

    open_stamped(kit, &s);
    need_send_stamps(&s);
    spd_udp_stamps_begin(s.sender);
    kit_send_numbers(kit, s.sender, s.sends, 30, 0);
    kit_await(kit, s.sends, 30);
    spd_thread_sleep(5 * SPD_NS_PER_MS);
    spd_udp_stamps_begin(s.sender);
    begun_ns = spd_clock_wall().ns;
    send_and_collect(kit, &s, 5);
    assert_int_equal(n_missing(&s, 5), 0);
    for (size_t i = 0; i < 5; i++)
        assert_true(s.sent_ns[i] >= begun_ns - SLACK_NS);
    for (size_t i = 5; i < N; i++)
        assert_true(s.sent_ns[i] == 0 && s.sched_ns[i] == 0);
}

static void receives_complete_while_stamps_are_wanted(struct kit *kit)
{
    static struct stamped s;

    open_stamped(kit, &s);
    for (size_t i = 0; i < N; i++)
        kit_receive(kit, s.receiver, &s.receives[i]);
    spd_udp_stamps_begin(s.sender);
    kit_send_numbers(kit, s.sender, s.sends, N, 0);
    kit_await(kit, s.receives, N);
    kit_await(kit, s.sends, N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(kit_number(s.receives[i].buffer), i);
}

static void kernel_receive_stamps_agree_with_the_clock(struct kit *kit)
{
    static struct stamped s;
    struct spd_udp_facts facts;
    spd_wall before, after;

    open_stamped(kit, &s);
    spd_udp_facts(s.receiver, &facts);
    if (facts.receive_stamp == SPD_STAMP_NONE)
        kit_skip("this system gives no kernel receive stamps");
    for (size_t i = 0; i < N; i++)
        kit_receive(kit, s.receiver, &s.receives[i]);
    before = spd_clock_wall();
    kit_send_numbers(kit, s.sender, s.sends, N, 0);
    kit_await(kit, s.sends, N);
    kit_await(kit, s.receives, N);
    after = spd_clock_wall();
    for (size_t i = 0; i < N; i++) {
        const struct spd_udp_meta *meta = &s.receives[i].meta;

        assert_int_equal(meta->stamp_source, facts.receive_stamp);
        assert_true(meta->kernel_stamp.ns >= before.ns - SLACK_NS);
        assert_true(meta->kernel_stamp.ns <= after.ns + SLACK_NS);
        assert_true(i == 0 || meta->kernel_stamp.ns >= s.receives[i - 1].meta.kernel_stamp.ns);
    }
}

static void sockets_that_want_no_stamps_get_none(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *send = kit_requests(kit, 1, 4);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    int64_t sched_ns = 0, sent_ns = 0;

    spd_udp_stamps_begin(pair.sender);
    kit_receive(kit, pair.receiver, receive);
    kit_send_numbers(kit, pair.sender, send, 1, 0);
    kit_await(kit, send, 1);
    kit_await(kit, receive, 1);
    spd_thread_sleep(2 * SPD_NS_PER_MS);
    assert_int_equal(spd_udp_stamps_collect(pair.sender, &sched_ns, &sent_ns, 1), 0);
    assert_true(sched_ns == 0 && sent_ns == 0);
    assert_int_equal(receive->meta.stamp_source, SPD_STAMP_NONE);
}

static void stamps_by_the_counter_rise_with_the_hand_over(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *sends = kit_requests(kit, N, 4);
    struct kit_request *receives = kit_requests(kit, N, 16);
    spd_ticks before, after, last;

    for (size_t i = 0; i < N; i++)
        kit_receive(kit, pair.receiver, &receives[i]);
    spd_udp_stamp_by_counter(pair.sender, true);
    kit_send_numbers(kit, pair.sender, sends, N, 0);
    last = before = spd_clock_now();
    kit_commit(kit);
    after = spd_clock_now();
    kit_await(kit, sends, N);
    for (size_t i = 0; i < N; i++) {
        spd_ticks at = { 0 };

        assert_true(spd_udp_handed_over_at(&sends[i].op, &at));
        assert_true(at.ticks >= last.ticks && at.ticks <= after.ticks);
        last = at;
    }
    kit_await(kit, receives, N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(kit_number(receives[i].buffer), i);
}

static void without_stamps_by_the_counter_there_are_none(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *sends = kit_requests(kit, 2, 4);
    spd_ticks at;

    if (kit_is_windows(kit))
        kit_skip("Windows hands sends over one by one, always stamped");
    spd_udp_stamp_by_counter(pair.sender, true);
    spd_udp_stamp_by_counter(pair.sender, false);
    kit_send_numbers(kit, pair.sender, sends, 2, 0);
    kit_await(kit, sends, 2);
    assert_false(spd_udp_handed_over_at(&sends[0].op, &at));
    assert_false(spd_udp_handed_over_at(&sends[1].op, &at));
}

const struct kit_case cport_stamp_cases[] = {
    KIT_CASE(kernel_send_stamps_rise_and_agree_with_the_clock, 0),
    KIT_CASE(begin_numbers_from_zero_again, 0),
    KIT_CASE(begin_forgets_stamps_that_nobody_fetched, 0),
    KIT_CASE(receives_complete_while_stamps_are_wanted, 0),
    KIT_CASE(kernel_receive_stamps_agree_with_the_clock, 0),
    KIT_CASE(sockets_that_want_no_stamps_get_none, 0),
    KIT_CASE(stamps_by_the_counter_rise_with_the_hand_over, 0),
    KIT_CASE(without_stamps_by_the_counter_there_are_none, 0),
    { NULL, NULL, 0 },
};
