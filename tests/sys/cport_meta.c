/*
 * Conformance: what is known of a received datagram, and IPv6.
 */
#include <string.h>

#include "tests/sys/cport_kit.h"

/* Marked and limited datagrams over one family; the fields must come through. */
static void check_details(struct kit *kit, enum spd_family family)
{
    enum { EF = 46 << 2, TTL = 33 };
    struct spd_udp_config config = {
        .local = kit_loopback(family), .tclass = EF, .ttl = TTL, .want_receive_details = true
    };
    struct spd_udp *receiver = kit_open(kit, 2, &config);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);
    struct spd_udp_facts facts;
    struct spd_udp *sender;
    struct spd_addr from, to = kit_address(receiver);

    config.remote = to;
    sender = kit_open(kit, 1, &config);
    from = kit_address(sender);
    spd_udp_facts(sender, &facts);
    kit_receive(kit, receiver, receive);
    kit_send_numbers(kit, sender, send, 1, 9);
    kit_await(kit, send, 1);
    kit_await(kit, receive, 1);
    kit_expect(receive, SPD_ERR_OK, 4);
    assert_true(spd_addr_equal(&receive->meta.from, &from));
    assert_true(spd_addr_equal_host(&receive->meta.to, &to));
    assert_int_equal(receive->meta.ttl, TTL);
    if (facts.tclass_set)
        assert_int_equal(receive->meta.tclass, EF);
    else
        assert_int_equal(receive->meta.tclass, 0); /* it says that it marks nothing */
    assert_false(receive->meta.truncated);
}

static void details_of_an_ipv4_datagram_are_right(struct kit *kit)
{
    check_details(kit, SPD_FAMILY_IPV4);
}

static void details_of_an_ipv6_datagram_are_right(struct kit *kit)
{
    kit_need_ipv6();
    check_details(kit, SPD_FAMILY_IPV6);
}

static void facts_of_a_connected_socket_name_both_ends(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct spd_udp_facts sender, receiver;

    spd_udp_facts(pair.sender, &sender);
    spd_udp_facts(pair.receiver, &receiver);
    assert_true(sender.connected);
    assert_false(receiver.connected);
    assert_true(sender.local.port != 0 && receiver.local.port != 0);
    assert_true(sender.local.port != receiver.local.port);
    assert_true(spd_addr_is_loopback(&sender.local));
    assert_true(sender.send_buffer_bytes > 0 && receiver.receive_buffer_bytes > 0);
}

static void a_mark_of_one_datagram_is_its_own(struct kit *kit)
{
    static const int marks[] = { 0xB8, -1, 0x20, 0xB9, -1 };
    struct spd_udp_config config = { .tclass = 0x48, .want_receive_details = true };
    struct spd_udp *receiver = kit_open(kit, 2, &config);
    struct kit_request *receives = kit_requests(kit, 5, 16);
    struct kit_request *sends = kit_requests(kit, 5, 4);
    struct spd_udp *sender;

    if (kit_is_windows(kit))
        kit_skip("Windows marks sockets, not datagrams");
    config.remote = kit_address(receiver);
    sender = kit_open(kit, 1, &config);
    for (size_t i = 0; i < 5; i++) {
        struct spd_udp_send_options options = { .tclass = marks[i] };

        kit_receive(kit, receiver, &receives[i]);
        assert_int_equal(spd_udp_queue_send(sender, &sends[i].op, "x", 1, &options), SPD_ERR_OK);
        sends[i].n_accepted = 1;
    }
    kit_await(kit, sends, 5);
    kit_await(kit, receives, 5);
    for (size_t i = 0; i < 5; i++)
        assert_int_equal(receives[i].meta.tclass, marks[i] < 0 ? 0x48 : marks[i]);
}

static void meta_tells_senders_apart(struct kit *kit)
{
    enum { N = 8 };
    struct spd_udp *receiver = kit_open(kit, 2, &(struct spd_udp_config){ .tclass = -1 });
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct kit_request *sends = kit_requests(kit, N, 1);
    struct spd_addr to = kit_address(receiver), from[N];

    for (size_t i = 0; i < N; i++) {
        struct spd_udp *sender = kit_open(kit, 1, &(struct spd_udp_config){ .tclass = -1 });

        from[i] = kit_address(sender);
        sends[i].buffer[0] = (unsigned char)i;
        kit_receive(kit, receiver, &receives[i]);
        kit_send(kit, sender, &sends[i], sends[i].buffer, 1, &to);
    }
    kit_await(kit, sends, N);
    kit_await(kit, receives, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(receives[i].buffer[0] < N);
        assert_true(spd_addr_equal(&receives[i].meta.from, &from[receives[i].buffer[0]]));
    }
}

static void a_burst_over_ipv6_arrives_in_order(struct kit *kit)
{
    enum { N = 256 };
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct kit_request *sends = kit_requests(kit, N, 4);
    struct kit_pair pair;

    kit_need_ipv6();
    pair = kit_open_pair(kit, SPD_FAMILY_IPV6);
    for (size_t i = 0; i < N; i++)
        kit_receive(kit, pair.receiver, &receives[i]);
    kit_send_numbers(kit, pair.sender, sends, N, 0);
    kit_await(kit, sends, N);
    kit_await(kit, receives, N);
    for (uint32_t i = 0; i < N; i++) {
        kit_expect(&receives[i], SPD_ERR_OK, 4);
        assert_int_equal(kit_number(receives[i].buffer), i);
        assert_int_equal(receives[i].meta.from.family, SPD_FAMILY_IPV6);
    }
}

static void a_reply_over_ipv6_reaches_the_asker(struct kit *kit)
{
    struct kit_request *receives = kit_requests(kit, 2, 16);
    struct kit_request *sends = kit_requests(kit, 2, 4);
    struct kit_pair pair;

    kit_need_ipv6();
    pair = kit_open_pair(kit, SPD_FAMILY_IPV6);
    kit_receive(kit, pair.receiver, &receives[0]);
    kit_receive(kit, pair.sender, &receives[1]);
    kit_send(kit, pair.sender, &sends[0], "?", 1, NULL);
    kit_await(kit, &receives[0], 1);
    kit_send(kit, pair.receiver, &sends[1], "!!", 2, &receives[0].meta.from);
    kit_await(kit, sends, 2);
    kit_await(kit, receives, 2);
    kit_expect(&receives[1], SPD_ERR_OK, 2);
}

const struct kit_case cport_meta_cases[] = {
    KIT_CASE(details_of_an_ipv4_datagram_are_right, 0),
    KIT_CASE(details_of_an_ipv6_datagram_are_right, 0),
    KIT_CASE(facts_of_a_connected_socket_name_both_ends, 0),
    KIT_CASE(a_mark_of_one_datagram_is_its_own, 0),
    KIT_CASE(meta_tells_senders_apart, 0),
    KIT_CASE(a_burst_over_ipv6_arrives_in_order, 0),
    KIT_CASE(a_reply_over_ipv6_reaches_the_asker, 0),
    { NULL, NULL, 0 },
};
