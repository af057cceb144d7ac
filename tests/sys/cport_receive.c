/*
 * Conformance: receiving, truncation, keys, and what is not lost.
 */
#include <string.h>

#include "tests/sys/cport_kit.h"

static void a_pending_receive_completes_with_key_operation_and_bytes(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receive = kit_requests(kit, 1, 64);
    struct kit_request *send = kit_requests(kit, 1, 4);

    receive->op.kind = 4711;
    kit_receive(kit, pair.receiver, receive);
    kit_expect_quiet(kit, kit->port, 10 * SPD_NS_PER_MS); /* it is pending */
    kit_send(kit, pair.sender, send, "hello", 5, NULL);
    kit_await(kit, receive, 1);
    kit_expect(receive, SPD_ERR_OK, 5);
    assert_true(receive->last.key == 2);
    assert_int_equal(receive->op.kind, 4711);
    assert_memory_equal(receive->buffer, "hello\0\0", 7);
    kit_await(kit, send, 1);
    assert_true(send->last.key == 1);
}

/* Many times over, with buffers of the usual size, so that room which is not
 * given back is missed. */
static void datagrams_that_come_before_a_receive_is_queued_are_kept(struct kit *kit)
{
    enum { N = 64, ROUNDS = 40 };
    struct spd_udp_config config = { .tclass = -1 };
    struct spd_udp *receiver = kit_open(kit, 2, &config), *sender;
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct kit_request *sends = kit_requests(kit, N, 4);

    config.remote = kit_address(receiver);
    sender = kit_open(kit, 1, &config);
    for (uint32_t round = 0; round < ROUNDS; round++) {
        kit_send_numbers(kit, sender, sends, N, 100 * round);
        kit_await(kit, sends, N);
        kit_expect_quiet(kit, kit->port, (round ? 1 : 20) * SPD_NS_PER_MS);
        for (size_t i = 0; i < N; i++)
            kit_receive(kit, receiver, &receives[i]);
        kit_await(kit, receives, N);
        for (uint32_t i = 0; i < N; i++) {
            assert_int_equal(receives[i].last.err, SPD_ERR_OK);
            assert_int_equal(kit_number(receives[i].buffer), 100 * round + i);
        }
    }
}

/* Receives run out in the middle of a stream, again and again: what comes then
 * is kept by port or socket, in order. */
static void fewer_receives_than_datagrams_lose_nothing(struct kit *kit)
{
    enum { N = 600, AT_ONCE = 7 };
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct kit_request *sends = kit_requests(kit, N, 4);
    size_t n = 0;

    for (; n < AT_ONCE; n++)
        kit_receive(kit, pair.receiver, &receives[n]);
    kit_send_numbers(kit, pair.sender, sends, N, 0);
    kit_await(kit, sends, N);
    while (n < N) {
        size_t first = n;

        kit_await(kit, receives, n);
        for (; n < N && n < first + AT_ONCE; n++)
            kit_receive(kit, pair.receiver, &receives[n]);
    }
    kit_await(kit, receives, N);
    for (uint32_t i = 0; i < N; i++)
        assert_int_equal(kit_number(receives[i].buffer), i);
}

static void a_datagram_longer_than_its_buffer_is_truncated(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, 3, 32);
    struct kit_request *sends = kit_requests(kit, 2, 100);

    for (size_t i = 0; i < 100; i++)
        sends[0].buffer[i] = (unsigned char)(i + 1);
    for (size_t i = 0; i < 2; i++) {
        memset(receives[i].buffer, 0xEE, 32);
        receives[i].capacity = 10;
        kit_receive(kit, pair.receiver, &receives[i]);
    }
    kit_send(kit, pair.sender, &sends[0], sends[0].buffer, 100, NULL);
    kit_send(kit, pair.sender, &sends[1], "next", 4, NULL);
    kit_await(kit, sends, 2);
    kit_await(kit, receives, 2);
    kit_expect(&receives[0], SPD_ERR_TRUNCATED, 10);
    assert_memory_equal(receives[0].buffer, sends[0].buffer, 10);
    assert_int_equal(receives[0].buffer[10], 0xEE);
    assert_true(receives[0].meta.truncated);
    kit_expect(&receives[1], SPD_ERR_OK, 4); /* the remainder is gone */
    assert_memory_equal(receives[1].buffer, "next", 4);
    assert_false(receives[1].meta.truncated);
}

/* The same when the datagram is there before the receive is queued. */
static void a_datagram_that_waited_is_truncated_likewise(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, 2, 32);
    struct kit_request *sends = kit_requests(kit, 2, 0);

    kit_send(kit, pair.sender, &sends[0], "0123456789abcdef", 16, NULL);
    kit_send(kit, pair.sender, &sends[1], "next", 4, NULL);
    kit_await(kit, sends, 2);
    kit_expect_quiet(kit, kit->port, 10 * SPD_NS_PER_MS);
    receives[0].capacity = 15;
    kit_receive(kit, pair.receiver, &receives[0]);
    kit_receive(kit, pair.receiver, &receives[1]);
    kit_await(kit, receives, 2);
    kit_expect(&receives[0], SPD_ERR_TRUNCATED, 15);
    assert_memory_equal(receives[0].buffer, "0123456789abcde\0", 16);
    kit_expect(&receives[1], SPD_ERR_OK, 4);
}

static void a_datagram_that_just_fits_is_not_truncated(struct kit *kit)
{
    struct spd_udp_config config = { .tclass = -1, .max_datagram_bytes = 256 };
    struct spd_udp *receiver = kit_open(kit, 2, &config);
    struct kit_request *receives = kit_requests(kit, 3, 512);
    struct kit_request *sends = kit_requests(kit, 3, 512);
    struct spd_udp *sender;

    config.remote = kit_address(receiver);
    sender = kit_open(kit, 1, &config);
    receives[0].capacity = 100;
    for (size_t i = 0; i < 3; i++)
        kit_receive(kit, receiver, &receives[i]);
    kit_send(kit, sender, &sends[0], sends[0].buffer, 100, NULL); /* as long as the buffer */
    kit_send(kit, sender, &sends[1], sends[1].buffer, 256, NULL); /* as the socket keeps */
    kit_send(kit, sender, &sends[2], sends[2].buffer, 257, NULL); /* one more */
    kit_await(kit, sends, 3);
    kit_await(kit, receives, 3);
    kit_expect(&receives[0], SPD_ERR_OK, 100);
    kit_expect(&receives[1], SPD_ERR_OK, 256);
    kit_expect(&receives[2], SPD_ERR_TRUNCATED, 256);
}

static void a_receive_without_room_takes_one_datagram(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, 3, 16);
    struct kit_request *sends = kit_requests(kit, 3, 4);

    receives[0].capacity = receives[1].capacity = 0;
    for (size_t i = 0; i < 3; i++)
        kit_receive(kit, pair.receiver, &receives[i]);
    kit_send(kit, pair.sender, &sends[0], NULL, 0, NULL);
    kit_send(kit, pair.sender, &sends[1], "abc", 3, NULL);
    kit_send(kit, pair.sender, &sends[2], "de", 2, NULL);
    kit_await(kit, sends, 3);
    kit_await(kit, receives, 3);
    kit_expect(&receives[0], SPD_ERR_OK, 0);
    kit_expect(&receives[1], SPD_ERR_TRUNCATED, 0);
    kit_expect(&receives[2], SPD_ERR_OK, 2);
}

static void a_full_receive_queue_refuses_and_that_never_completes(struct kit *kit)
{
    enum { ASKED = 16, MOST = 5000 };
    struct spd_udp_config config = { .tclass = -1, .max_queued_receives = ASKED };
    struct spd_udp *udp = kit_open(kit, 1, &config);
    struct kit_request *receives = kit_requests(kit, MOST + 1, 1);
    enum spd_err err = SPD_ERR_OK;
    size_t n = 0;

    while (n < MOST) {
        err = spd_udp_queue_receive(udp, &receives[n].op, receives[n].buffer, 1, NULL);
        if (err != SPD_ERR_OK)
            break;
        receives[n++].n_accepted = 1;
    }
    assert_int_equal(err, SPD_ERR_FULL);
    assert_true(n >= ASKED && n < MOST);
    assert_int_equal(receives[n].op.in_flight, 0);
    assert_int_equal(spd_udp_cancel(udp, NULL), SPD_ERR_OK);
    kit_await(kit, receives, n + 1);
    assert_int_equal(receives[n].n_completed, 0);
    kit_receive(kit, udp, &receives[n]); /* there is room again */
    assert_int_equal(spd_udp_cancel(udp, NULL), SPD_ERR_OK);
    kit_await(kit, receives, n + 1);
}

static void each_socket_of_many_completes_with_its_own_key(struct kit *kit)
{
    enum { N = 64 };
    struct spd_udp *sender = kit_open(kit, 9999, &(struct spd_udp_config){ .tclass = -1 });
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct kit_request *sends = kit_requests(kit, N, 1);
    struct spd_udp *receivers[N];

    for (size_t i = 0; i < N; i++) {
        receivers[i] = kit_open(kit, (uintptr_t)i * 0x01010101u,
                                &(struct spd_udp_config){ .tclass = -1, .max_queued_receives = 8 });
        kit_receive(kit, receivers[i], &receives[i]);
    }
    for (size_t i = 0; i < N; i++) {
        struct spd_addr to = kit_address(receivers[(i * 37) % N]);

        sends[i].buffer[0] = (unsigned char)((i * 37) % N);
        kit_send(kit, sender, &sends[i], sends[i].buffer, 1, &to);
    }
    kit_await(kit, sends, N);
    kit_await(kit, receives, N);
    for (size_t i = 0; i < N; i++) {
        kit_expect(&receives[i], SPD_ERR_OK, 1);
        assert_int_equal(receives[i].buffer[0], i);
        assert_true(receives[i].last.key == (uintptr_t)i * 0x01010101u);
        assert_true(sends[i].last.key == 9999);
    }
}

static void a_connected_socket_hears_its_peer_only(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct spd_udp *stranger = kit_open(kit, 3, &(struct spd_udp_config){ .tclass = -1 });
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *sends = kit_requests(kit, 2, 1);
    struct spd_addr to = kit_address(pair.sender);

    kit_receive(kit, pair.sender, receive);
    kit_send(kit, stranger, &sends[0], "s", 1, &to);
    kit_await(kit, &sends[0], 1);
    kit_expect_quiet(kit, kit->port, 20 * SPD_NS_PER_MS);
    kit_send(kit, pair.receiver, &sends[1], "p", 1, &to);
    kit_await(kit, sends, 2);
    kit_await(kit, receive, 1);
    kit_expect(receive, SPD_ERR_OK, 1);
    assert_int_equal(receive->buffer[0], 'p');
}

/* Every datagram is either received or counted as dropped, and what the
 * contract says of the room that datagrams take holds. */
static void datagrams_are_received_or_counted_as_dropped(struct kit *kit)
{
    enum { N = 1000, FIT = 200, BYTES = 512 };
    struct spd_udp_config config = { .tclass = -1,
                                     .receive_buffer_bytes = FIT * spd_udp_buffer_cost(BYTES) };
    struct spd_udp *receiver = kit_open(kit, 2, &config);
    struct kit_request *receives = kit_requests(kit, N, BYTES);
    struct kit_request *sends = kit_requests(kit, N, BYTES);
    struct spd_udp_facts facts;
    struct spd_udp *sender;
    uint64_t n_dropped = 0;
    size_t n_received = 0;

    spd_udp_facts(receiver, &facts);
    config.remote = kit_address(receiver);
    config.receive_buffer_bytes = 0;
    config.send_buffer_bytes = (size_t)4 << 20;
    sender = kit_open(kit, 1, &config);
    for (size_t i = 0; i < N; i++)
        kit_send(kit, sender, &sends[i], sends[i].buffer, BYTES, NULL);
    kit_await(kit, sends, N);
    for (size_t i = 0; i < N; i++)
        kit_receive(kit, receiver, &receives[i]);
    while (kit_take(kit, kit->port, 50 * SPD_NS_PER_MS))
        continue;
    for (size_t i = 0; i < N; i++)
        n_received += receives[i].n_completed;
    if (facts.receive_buffer_bytes >= (int64_t)config.receive_buffer_bytes)
        assert_true(n_received >= FIT);
    if (spd_udp_receive_drops(receiver, &n_dropped))
        assert_int_equal(n_received + n_dropped, N);
}

static void an_operation_can_be_used_again_and_again(struct kit *kit)
{
    /* Buffers of the usual size, so that room not given back is missed. */
    struct spd_udp_config config = { .tclass = -1 };
    struct kit_pair pair = { .receiver = kit_open(kit, 2, &config) };
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);

    config.remote = kit_address(pair.receiver);
    pair.sender = kit_open(kit, 1, &config);
    for (uint32_t i = 0; i < 400; i++) {
        kit_receive(kit, pair.receiver, receive);
        kit_send_numbers(kit, pair.sender, send, 1, i);
        kit_await(kit, receive, 1);
        kit_await(kit, send, 1);
        assert_int_equal(kit_number(receive->buffer), i);
        assert_int_equal(receive->n_completed, i + 1);
    }
}

const struct kit_case cport_receive_cases[] = {
    KIT_CASE(a_pending_receive_completes_with_key_operation_and_bytes, 0),
    KIT_CASE(datagrams_that_come_before_a_receive_is_queued_are_kept, 0),
    KIT_CASE(fewer_receives_than_datagrams_lose_nothing, 0),
    KIT_CASE(a_datagram_longer_than_its_buffer_is_truncated, 0),
    KIT_CASE(a_datagram_that_waited_is_truncated_likewise, 0),
    KIT_CASE(a_datagram_that_just_fits_is_not_truncated, 0),
    KIT_CASE(a_receive_without_room_takes_one_datagram, 0),
    KIT_CASE(a_full_receive_queue_refuses_and_that_never_completes, 0),
    KIT_CASE(each_socket_of_many_completes_with_its_own_key, 0),
    KIT_CASE(a_connected_socket_hears_its_peer_only, 0),
    KIT_CASE(datagrams_are_received_or_counted_as_dropped, 0),
    KIT_CASE(an_operation_can_be_used_again_and_again, 0),
    { NULL, NULL, 0 },
};
