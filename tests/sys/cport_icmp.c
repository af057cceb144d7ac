/*
 * Conformance: datagrams to a port where nobody listens.
 */
#include <string.h>

#include "tests/sys/cport_kit.h"

/* A connected sender whose peer has gone; *dead is where the peer was. */
static struct spd_udp *sender_without_peer(struct kit *kit, struct spd_addr *dead)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);

    *dead = kit_address(pair.receiver);
    kit_close(kit, pair.receiver);
    return pair.sender;
}

static void port_unreachable_completes_a_receive_with_refused(struct kit *kit)
{
    struct spd_addr dead;
    struct spd_udp *sender = sender_without_peer(kit, &dead);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);

    kit_receive(kit, sender, receive);
    kit_send_numbers(kit, sender, send, 1, 1);
    kit_await(kit, send, 1);
    kit_expect(send, SPD_ERR_OK, 4);
    kit_await(kit, receive, 1);
    kit_expect(receive, SPD_ERR_REFUSED, 0);
    assert_true(receive->last.key == 1);
}

static void one_icmp_error_completes_one_receive(struct kit *kit)
{
    struct spd_addr dead;
    struct spd_udp *sender = sender_without_peer(kit, &dead);
    struct kit_request *receives = kit_requests(kit, 3, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);

    if (kit_is_wine())
        kit_skip("Wine fails every pending receive with one ICMP error");
    for (size_t i = 0; i < 3; i++)
        kit_receive(kit, sender, &receives[i]);
    kit_send_numbers(kit, sender, send, 1, 1);
    kit_await(kit, send, 1);
    kit_await(kit, &receives[0], 1);
    kit_expect_quiet(kit, kit->port, 10 * SPD_NS_PER_MS);
    assert_int_equal(receives[1].n_completed + receives[2].n_completed, 0);
}

static void a_socket_stays_usable_after_port_unreachable(struct kit *kit)
{
    struct spd_udp_config config = { .tclass = -1 };
    struct spd_udp *sender = sender_without_peer(kit, &config.local);
    struct kit_request *receives = kit_requests(kit, 3, 16);
    struct kit_request *sends = kit_requests(kit, 3, 4);
    struct spd_addr to = kit_address(sender);
    struct spd_udp *reborn;

    kit_receive(kit, sender, &receives[0]);
    kit_send_numbers(kit, sender, &sends[0], 1, 1);
    kit_await(kit, &receives[0], 1);
    assert_int_equal(receives[0].last.err, SPD_ERR_REFUSED);
    kit_receive(kit, sender, &receives[1]);
    reborn = kit_open(kit, 20, &config);
    kit_receive(kit, reborn, &receives[2]);
    kit_send_numbers(kit, sender, &sends[1], 1, 2);
    kit_send(kit, reborn, &sends[2], "back", 4, &to);
    kit_await(kit, sends, 3);
    kit_await(kit, receives, 3);
    kit_expect(&sends[1], SPD_ERR_OK, 4);
    kit_expect(&receives[1], SPD_ERR_OK, 4);
    kit_expect(&receives[2], SPD_ERR_OK, 4);
    assert_memory_equal(receives[1].buffer, "back", 4);
    assert_int_equal(kit_number(receives[2].buffer), 2);
}

static void sends_to_a_dead_port_complete_once_each(struct kit *kit)
{
    enum { N = 32 };
    struct spd_addr dead;
    struct spd_udp *sender = sender_without_peer(kit, &dead);
    struct kit_request *sends = kit_requests(kit, N, 4);

    /* An error that came back for one may be told by the next: both are right. */
    kit_send_numbers(kit, sender, sends, N, 0);
    kit_await(kit, sends, N);
    for (size_t i = 0; i < N; i++)
        assert_true(sends[i].last.err == SPD_ERR_OK || sends[i].last.err == SPD_ERR_REFUSED);
    kit_expect(&sends[0], SPD_ERR_OK, 4);
}

static void an_icmp_error_names_the_datagram_that_caused_it(struct kit *kit)
{
    struct spd_addr dead, offender;
    struct spd_udp *sender = sender_without_peer(kit, &dead);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);
    unsigned char payload[16];
    size_t n_payload = 99;
    enum spd_err err = SPD_ERR_INTERNAL;

    if (kit_is_windows(kit))
        kit_skip("Windows does not show the datagram that an ICMP error is about");
    assert_int_equal(
        spd_udp_take_icmp_error(sender, &err, payload, sizeof payload, &n_payload, &offender),
        SPD_ERR_OK);
    assert_int_equal(err, SPD_ERR_OK);
    kit_receive(kit, sender, receive);
    kit_send_numbers(kit, sender, send, 1, 0x0A0B0C0D);
    kit_await(kit, send, 1);
    kit_await(kit, receive, 1);
    assert_int_equal(
        spd_udp_take_icmp_error(sender, &err, payload, sizeof payload, &n_payload, &offender),
        SPD_ERR_OK);
    assert_int_equal(err, SPD_ERR_REFUSED);
    assert_int_equal(n_payload, 4);
    assert_int_equal(kit_number(payload), 0x0A0B0C0D);
    assert_true(spd_addr_equal_host(&offender, &dead));
    assert_int_equal(
        spd_udp_take_icmp_error(sender, &err, payload, sizeof payload, &n_payload, &offender),
        SPD_ERR_OK);
    assert_int_equal(err, SPD_ERR_OK);
}

static void an_icmp_error_to_one_socket_does_not_touch_another(struct kit *kit)
{
    struct kit_pair healthy = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct spd_addr dead;
    struct spd_udp *sender = sender_without_peer(kit, &dead);
    struct kit_request *receives = kit_requests(kit, 2, 16);
    struct kit_request *sends = kit_requests(kit, 2, 4);

    kit_receive(kit, sender, &receives[0]);
    kit_receive(kit, healthy.receiver, &receives[1]);
    kit_send_numbers(kit, sender, &sends[0], 1, 1);
    kit_await(kit, &receives[0], 1);
    kit_send_numbers(kit, healthy.sender, &sends[1], 1, 2);
    kit_await(kit, sends, 2);
    kit_await(kit, receives, 2);
    kit_expect(&receives[0], SPD_ERR_REFUSED, 0);
    kit_expect(&receives[1], SPD_ERR_OK, 4);
}

const struct kit_case cport_icmp_cases[] = {
    KIT_CASE(port_unreachable_completes_a_receive_with_refused, 0),
    KIT_CASE(one_icmp_error_completes_one_receive, 0),
    KIT_CASE(a_socket_stays_usable_after_port_unreachable, 0),
    KIT_CASE(sends_to_a_dead_port_complete_once_each, 0),
    KIT_CASE(an_icmp_error_names_the_datagram_that_caused_it, 0),
    KIT_CASE(an_icmp_error_to_one_socket_does_not_touch_another, 0),
    { NULL, NULL, 0 },
};
