/*
 * Conformance: queueing sends, committing them, and their order.
 */
#include <string.h>

#include "tests/sys/cport_kit.h"

/* A receiver on a port of its own, so that waiting there commits nothing here. */
static struct spd_udp *receiver_elsewhere(struct kit *kit)
{
    struct spd_udp_config config = { .tclass = -1, .receive_buffer_bytes = (size_t)4 << 20 };

    return kit_open_on(kit, kit_other_port(kit), 2, &config);
}

static struct spd_udp *sender_to(struct kit *kit, uintptr_t key, const struct spd_udp *receiver)
{
    struct spd_udp_config config = { .remote = kit_address(receiver),
                                     .tclass = -1,
                                     .send_buffer_bytes = (size_t)4 << 20 };

    config.local = kit_loopback((enum spd_family)config.remote.family);
    return kit_open(kit, key, &config);
}

static void nothing_leaves_before_commit(struct kit *kit)
{
    struct spd_udp *receiver = receiver_elsewhere(kit);
    struct spd_udp *sender = sender_to(kit, 1, receiver);
    struct kit_request *receives = kit_requests(kit, 3, 16);
    struct kit_request *sends = kit_requests(kit, 3, 4);

    for (size_t i = 0; i < 3; i++)
        kit_receive(kit, receiver, &receives[i]);
    kit_send_numbers(kit, sender, sends, 3, 40);
    kit_expect_quiet(kit, kit->other, 50 * SPD_NS_PER_MS);
    kit_commit(kit);
    kit_await_on(kit, kit->other, receives, 3);
    for (uint32_t i = 0; i < 3; i++)
        assert_int_equal(kit_number(receives[i].buffer), 40 + i);
    kit_await(kit, sends, 3);
}

static void commit_hands_all_over_and_says_how_many(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, 100, 16);
    struct kit_request *sends = kit_requests(kit, 100, 4);
    size_t n = 99;

    assert_int_equal(spd_cport_commit(kit->port, &n), SPD_ERR_OK);
    assert_int_equal(n, 0);
    for (size_t i = 0; i < 100; i++)
        kit_receive(kit, pair.receiver, &receives[i]);
    kit_send_numbers(kit, pair.sender, sends, 100, 0);
    assert_int_equal(spd_cport_commit(kit->port, &n), SPD_ERR_OK);
    assert_int_equal(n, 100);
    assert_int_equal(spd_cport_commit(kit->port, &n), SPD_ERR_OK);
    assert_int_equal(n, 0);
    kit_await(kit, sends, 100);
    kit_await(kit, receives, 100);
    for (uint32_t i = 0; i < 100; i++) {
        kit_expect(&sends[i], SPD_ERR_OK, 4);
        assert_true(sends[i].last.key == 1);
    }
}

static void a_wait_commits_what_is_queued(struct kit *kit)
{
    struct spd_udp *receiver = receiver_elsewhere(kit);
    struct spd_udp *sender = sender_to(kit, 1, receiver);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);

    kit_receive(kit, receiver, receive);
    kit_send_numbers(kit, sender, send, 1, 5);
    kit_await(kit, send, 1);
    kit_await_on(kit, kit->other, receive, 1);
    kit_expect(send, SPD_ERR_OK, 4);
    kit_expect(receive, SPD_ERR_OK, 4);
}

static void a_burst_of_2048_arrives_each_once_in_order(struct kit *kit)
{
    enum { N = 2048 };
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct kit_request *sends = kit_requests(kit, N, 4);
    size_t n_handed = 0;

    for (size_t i = 0; i < N; i++)
        kit_receive(kit, pair.receiver, &receives[i]);
    kit_commit(kit);
    kit_send_numbers(kit, pair.sender, sends, N, 0);
    assert_int_equal(spd_cport_commit(kit->port, &n_handed), SPD_ERR_OK);
    assert_true(n_handed <= N);
    kit_await(kit, sends, N);
    kit_await(kit, receives, N);
    for (uint32_t i = 0; i < N; i++) {
        kit_expect(&sends[i], SPD_ERR_OK, 4);
        kit_expect(&receives[i], SPD_ERR_OK, 4);
        /* The oldest receive takes the oldest datagram. */
        assert_int_equal(kit_number(receives[i].buffer), i);
    }
}

static void sends_of_several_sockets_keep_their_order_each(struct kit *kit)
{
    enum { SOCKETS = 4, N = 64 };
    struct kit_pair pairs[SOCKETS];
    struct kit_request *receives = kit_requests(kit, SOCKETS * N, 16);
    struct kit_request *sends = kit_requests(kit, SOCKETS * N, 4);

    for (size_t s = 0; s < SOCKETS; s++) {
        pairs[s] = kit_open_pair(kit, SPD_FAMILY_IPV4);
        for (size_t i = 0; i < N; i++)
            kit_receive(kit, pairs[s].receiver, &receives[s * N + i]);
    }
    for (size_t i = 0; i < N; i++) {
        for (size_t s = 0; s < SOCKETS; s++)
            kit_send_numbers(kit, pairs[s].sender, &sends[s * N + i], 1, (uint32_t)(s * 1000 + i));
    }
    kit_await(kit, sends, SOCKETS * N);
    kit_await(kit, receives, SOCKETS * N);
    for (size_t s = 0; s < SOCKETS; s++) {
        for (size_t i = 0; i < N; i++)
            assert_int_equal(kit_number(receives[s * N + i].buffer), s * 1000 + i);
    }
}

static void an_empty_datagram_arrives_as_one(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, 3, 16);
    struct kit_request *sends = kit_requests(kit, 3, 4);

    for (size_t i = 0; i < 3; i++)
        kit_receive(kit, pair.receiver, &receives[i]);
    kit_send(kit, pair.sender, &sends[0], "abc", 3, NULL);
    kit_send(kit, pair.sender, &sends[1], NULL, 0, NULL);
    kit_send(kit, pair.sender, &sends[2], "de", 2, NULL);
    kit_await(kit, sends, 3);
    kit_await(kit, receives, 3);
    kit_expect(&sends[1], SPD_ERR_OK, 0);
    kit_expect(&receives[0], SPD_ERR_OK, 3);
    kit_expect(&receives[1], SPD_ERR_OK, 0);
    kit_expect(&receives[2], SPD_ERR_OK, 2);
}

static void the_longest_datagram_passes_and_a_longer_one_is_refused(struct kit *kit)
{
    enum { LONGEST = 65507 };
    struct spd_udp_config config = { .tclass = -1, .max_datagram_bytes = LONGEST };
    struct spd_udp *receiver = kit_open(kit, 2, &config);
    struct spd_udp *sender = sender_to(kit, 1, receiver);
    struct kit_request *receive = kit_requests(kit, 1, LONGEST);
    struct kit_request *send = kit_requests(kit, 1, LONGEST + 1);

    for (size_t i = 0; i < LONGEST; i++)
        send->buffer[i] = (unsigned char)(i * 7 + i / 251);
    assert_int_equal(spd_udp_queue_send(sender, &send->op, send->buffer, LONGEST + 1, NULL),
                     SPD_ERR_TOO_BIG);
    assert_int_equal(send->op.in_flight, 0);
    kit_receive(kit, receiver, receive);
    kit_send(kit, sender, send, send->buffer, LONGEST, NULL);
    kit_await(kit, send, 1);
    kit_expect(send, SPD_ERR_OK, LONGEST);
    kit_await(kit, receive, 1);
    kit_expect(receive, SPD_ERR_OK, LONGEST);
    assert_memory_equal(receive->buffer, send->buffer, LONGEST);
}

static void a_full_queue_refuses_and_what_it_refused_never_completes(struct kit *kit)
{
    enum { ASKED = 64, MOST = 4096 };
    struct spd_cport_config config = kit->config;
    struct kit_pair pair;
    struct kit_request *sends = kit_requests(kit, MOST + 1, 4);
    enum spd_err err = SPD_ERR_OK;
    size_t n = 0, n_handed = 0;

    config.max_queued_sends = ASKED;
    kit_create_port(kit, &config);
    pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    while (n < MOST) {
        err = spd_udp_queue_send(pair.sender, &sends[n].op, "x", 1, NULL);
        if (err != SPD_ERR_OK)
            break;
        sends[n++].n_accepted = 1;
    }
    assert_int_equal(err, SPD_ERR_FULL);
    assert_true(n >= ASKED && n < MOST);
    assert_int_equal(sends[n].op.in_flight, 0);
    assert_int_equal(spd_cport_commit(kit->port, &n_handed), SPD_ERR_OK);
    assert_int_equal(n_handed, n);
    /* Now there is room again, also for the one that was refused before. */
    kit_await(kit, sends, n + 1);
    assert_int_equal(sends[n].n_completed, 0);
    kit_send(kit, pair.sender, &sends[n], "y", 1, NULL);
    kit_await(kit, sends, n + 1);
}

static void a_send_without_an_address_is_refused(struct kit *kit)
{
    struct spd_udp *udp = kit_open(kit, 1, &(struct spd_udp_config){ .tclass = -1 });
    struct kit_request *send = kit_requests(kit, 1, 4);
    struct spd_udp_send_options options = { .tclass = -1 };

    assert_int_equal(spd_udp_queue_send(udp, &send->op, "x", 1, NULL), SPD_ERR_INVALID);
    assert_int_equal(spd_udp_queue_send(udp, &send->op, "x", 1, &options), SPD_ERR_INVALID);
    assert_int_equal(send->op.in_flight, 0);
}

static void an_operation_in_flight_is_refused_and_completes_once(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *send = kit_requests(kit, 1, 4);
    struct kit_request *receive = kit_requests(kit, 1, 16);

    kit_receive(kit, pair.receiver, receive);
    assert_int_equal(spd_udp_queue_receive(pair.receiver, &receive->op, receive->buffer, 16, NULL),
                     SPD_ERR_INVALID);
    assert_int_equal(spd_udp_queue_send(pair.sender, &receive->op, "x", 1, NULL), SPD_ERR_INVALID);
    kit_send_numbers(kit, pair.sender, send, 1, 3);
    assert_int_equal(spd_udp_queue_send(pair.sender, &send->op, "x", 1, NULL), SPD_ERR_INVALID);
    kit_await(kit, send, 1);
    kit_await(kit, receive, 1);
    kit_expect(send, SPD_ERR_OK, 4);
    kit_expect(receive, SPD_ERR_OK, 4);
}

static void an_unconnected_socket_sends_to_whom_it_is_told(struct kit *kit)
{
    struct spd_udp *sender = kit_open(kit, 1, &(struct spd_udp_config){ .tclass = -1 });
    struct kit_request *sends = kit_requests(kit, 6, 4);
    struct kit_request *receives = kit_requests(kit, 6, 16);
    struct spd_udp *receivers[3];
    struct spd_addr to, from = kit_address(sender);

    for (size_t i = 0; i < 3; i++) {
        receivers[i] = kit_open(kit, 10 + i, &(struct spd_udp_config){ .tclass = -1 });
        kit_receive(kit, receivers[i], &receives[i]);
        kit_receive(kit, receivers[i], &receives[3 + i]);
    }
    for (size_t i = 0; i < 6; i++) {
        to = kit_address(receivers[i % 3]); /* valid during the call only */
        sends[i].buffer[0] = (unsigned char)i;
        kit_send(kit, sender, &sends[i], sends[i].buffer, 1, &to);
        memset(&to, 0xEE, sizeof to);
    }
    kit_await(kit, sends, 6);
    kit_await(kit, receives, 6);
    for (size_t i = 0; i < 6; i++) {
        kit_expect(&receives[i], SPD_ERR_OK, 1);
        assert_int_equal(receives[i].buffer[0], i);
        assert_true(receives[i].last.key == 10 + i % 3);
        assert_true(spd_addr_equal(&receives[i].meta.from, &from));
    }
}

/* To a broadcast address without the right to: every system refuses that
 * before anything leaves. */
static void a_send_that_fails_completes_once_and_holds_nobody_up(struct kit *kit)
{
    enum { N = 64 };
    struct spd_udp *receiver = kit_open(kit, 2, &(struct spd_udp_config){ .tclass = -1 });
    struct spd_udp *sender = kit_open(kit, 1, &(struct spd_udp_config){ .tclass = -1 });
    struct kit_request *sends = kit_requests(kit, N, 4);
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct spd_addr to = kit_address(receiver), broadcast;
    uint32_t n_good = 0;

    assert_true(spd_addr_parse_host("255.255.255.255", &broadcast));
    broadcast.port = 9;
    for (size_t i = 0; i < N; i++) {
        if (i % 8 == 3)
            continue;
        kit_receive(kit, receiver, &receives[n_good++]);
    }
    for (size_t i = 0; i < N; i++) {
        sends[i].buffer[0] = (unsigned char)i;
        kit_send(kit, sender, &sends[i], sends[i].buffer, 1, i % 8 == 3 ? &broadcast : &to);
    }
    kit_await(kit, sends, N);
    kit_await(kit, receives, n_good);
    n_good = 0;
    for (size_t i = 0; i < N; i++) {
        if (i % 8 == 3) {
            kit_expect(&sends[i], SPD_ERR_PERM, 0);
            continue;
        }
        kit_expect(&sends[i], SPD_ERR_OK, 1);
        assert_int_equal(receives[n_good++].buffer[0], i);
    }
}

static void a_reply_leaves_from_the_address_that_was_asked(struct kit *kit)
{
    struct spd_udp_config config = { .tclass = -1, .want_receive_details = true };
    struct spd_udp *client, *server;
    struct kit_request *receives = kit_requests(kit, 2, 16);
    struct kit_request *sends = kit_requests(kit, 2, 4);
    struct spd_addr asked, source;
    struct spd_udp_send_options options = { .tclass = -1 };

    assert_true(spd_addr_parse_host("0.0.0.0", &config.local));
    server = kit_open(kit, 2, &config);
    config.local = kit_loopback(SPD_FAMILY_IPV4);
    client = kit_open(kit, 1, &config);
    assert_true(spd_addr_parse_host("127.0.0.2", &asked));
    asked.port = kit_address(server).port;
    kit_receive(kit, server, &receives[0]);
    kit_receive(kit, client, &receives[1]);
    kit_send(kit, client, &sends[0], "?", 1, &asked);
    kit_await(kit, &receives[0], 1);
    assert_true(spd_addr_equal_host(&receives[0].meta.to, &asked));
    options.to = &receives[0].meta.from;
    source = receives[0].meta.to;
    source.port = 1; /* to be ignored */
    options.from = &source;
    assert_int_equal(spd_udp_queue_send(server, &sends[1].op, "!", 1, &options), SPD_ERR_OK);
    sends[1].n_accepted = 1;
    kit_await(kit, receives, 2);
    kit_await(kit, sends, 2);
    if (kit_is_wine() && !spd_addr_equal(&receives[1].meta.from, &asked))
        kit_skip("Wine ignores the source address given with a datagram");
    assert_true(spd_addr_equal(&receives[1].meta.from, &asked));
}

const struct kit_case cport_send_cases[] = {
    KIT_CASE(nothing_leaves_before_commit, 0),
    KIT_CASE(commit_hands_all_over_and_says_how_many, 0),
    KIT_CASE(a_wait_commits_what_is_queued, 0),
    KIT_CASE(a_burst_of_2048_arrives_each_once_in_order, 0),
    KIT_CASE(sends_of_several_sockets_keep_their_order_each, 0),
    KIT_CASE(an_empty_datagram_arrives_as_one, 0),
    KIT_CASE(the_longest_datagram_passes_and_a_longer_one_is_refused, 0),
    KIT_CASE(a_full_queue_refuses_and_what_it_refused_never_completes, KIT_OWN_PORT),
    KIT_CASE(a_send_without_an_address_is_refused, 0),
    KIT_CASE(an_operation_in_flight_is_refused_and_completes_once, 0),
    KIT_CASE(an_unconnected_socket_sends_to_whom_it_is_told, 0),
    KIT_CASE(a_send_that_fails_completes_once_and_holds_nobody_up, 0),
    KIT_CASE(a_reply_leaves_from_the_address_that_was_asked, 0),
    { NULL, NULL, 0 },
};
