/*
 * Conformance: closing a port with sockets, and sockets that cannot be opened.
 */
#include <string.h>

#include "tests/sys/cport_kit.h"

static void closing_the_port_cancels_what_is_pending(struct kit *kit)
{
    enum { N = 50 };
    struct spd_udp *udp = kit_open(kit, 6, &(struct spd_udp_config){ .tclass = -1 });
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct spd_completion out;
    size_t n;

    for (size_t i = 0; i < N; i++)
        kit_receive(kit, udp, &receives[i]);
    kit_expect_quiet(kit, kit->port, SPD_NS_PER_MS);
    kit_post(kit, 1, 1, NULL);
    spd_cport_close(kit->port);
    kit_await(kit, receives, N);
    kit_await_bare(kit, 1);
    for (size_t i = 0; i < N; i++) {
        kit_expect(&receives[i], SPD_ERR_CANCELLED, 0);
        assert_true(receives[i].last.key == 6);
    }
    assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, SPD_NS_FOREVER), SPD_ERR_CLOSED);
}

static void a_closed_port_takes_no_operation_and_no_socket(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct spd_udp_config config = { .local = kit_loopback(SPD_FAMILY_IPV4), .tclass = -1 };
    struct kit_request *request = kit_requests(kit, 1, 16);
    struct spd_udp *udp = NULL;
    struct spd_diag diag = { 0 };

    spd_cport_close(kit->port);
    assert_int_equal(spd_udp_queue_send(pair.sender, &request->op, "x", 1, NULL), SPD_ERR_CLOSED);
    assert_int_equal(spd_udp_queue_receive(pair.receiver, &request->op, request->buffer, 16, NULL),
                     SPD_ERR_CLOSED);
    assert_int_equal(spd_udp_open(kit->port, 1, &config, &udp, &diag), SPD_ERR_CLOSED);
    assert_null(udp);
    assert_int_equal(request->op.in_flight, 0);
}

static void sends_queued_and_not_committed_are_cancelled_by_the_close(struct kit *kit)
{
    struct spd_cport *other = kit_other_port(kit);
    struct spd_udp *receiver = kit_open_on(kit, other, 2, &(struct spd_udp_config){ .tclass = -1 });
    struct spd_udp_config config = { .remote = kit_address(receiver), .tclass = -1 };
    struct spd_udp *sender = kit_open(kit, 1, &config);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *sends = kit_requests(kit, 5, 4);

    kit_receive(kit, receiver, receive);
    kit_send_numbers(kit, sender, sends, 5, 0);
    spd_cport_close(kit->port);
    kit_await(kit, sends, 5);
    for (size_t i = 0; i < 5; i++)
        kit_expect(&sends[i], SPD_ERR_CANCELLED, 0);
    kit_expect_quiet(kit, other, 20 * SPD_NS_PER_MS);
}

static void closing_one_port_leaves_another_working(struct kit *kit)
{
    struct spd_cport *other = kit_other_port(kit);
    struct spd_udp *receiver = kit_open_on(kit, other, 2, &(struct spd_udp_config){ .tclass = -1 });
    struct spd_udp_config config = { .remote = kit_address(receiver), .tclass = -1 };
    struct spd_udp *sender = kit_open(kit, 1, &config);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);

    kit_receive(kit, receiver, receive);
    kit_send_numbers(kit, sender, send, 1, 8);
    kit_await(kit, send, 1);
    spd_cport_close(kit->port);
    kit_await_on(kit, other, receive, 1);
    kit_expect(receive, SPD_ERR_OK, 4);
}

static void sockets_close_after_their_port(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct spd_udp_config config = { .local = kit_address(pair.receiver), .tclass = -1 };
    struct spd_udp *again;

    kit_receive(kit, pair.receiver, receive);
    kit_expect_quiet(kit, kit->port, SPD_NS_PER_MS);
    spd_cport_close(kit->port);
    kit_close(kit, pair.receiver);
    again = kit_open_on(kit, kit_other_port(kit), 1, &config); /* its port is free */
    assert_int_equal(kit_address(again).port, config.local.port);
    kit_await(kit, receive, 1);
    kit_expect(receive, SPD_ERR_CANCELLED, 0);
}

static void a_taken_port_is_refused_by_name(struct kit *kit)
{
    struct spd_udp *first = kit_open(kit, 1, &(struct spd_udp_config){ .tclass = -1 });
    struct spd_udp_config config = { .local = kit_address(first), .tclass = -1 };
    struct spd_udp *second = NULL;
    struct spd_diag diag = { 0 };
    char address[SPD_ADDR_TEXT_BYTES];

    assert_int_equal(spd_udp_open(kit->port, 2, &config, &second, &diag), SPD_ERR_IN_USE);
    assert_null(second);
    assert_int_equal(diag.err, SPD_ERR_IN_USE);
    assert_non_null(strstr(diag.text, spd_addr_format(&config.local, address)));
    kit_close(kit, first);
    kit_open(kit, 3, &config);
}

static void an_address_of_somebody_else_is_refused(struct kit *kit)
{
    struct spd_udp_config config = { .tclass = -1 };
    struct spd_udp *udp = NULL;
    struct spd_diag diag = { 0 };

    assert_true(spd_addr_parse_host("192.0.2.77", &config.local)); /* RFC 5737 */
    assert_int_equal(spd_udp_open(kit->port, 2, &config, &udp, &diag), SPD_ERR_NOT_FOUND);
    assert_null(udp);
    assert_non_null(strstr(diag.text, "192.0.2.77"));
}

static void an_interface_that_does_not_exist_is_refused(struct kit *kit)
{
    struct spd_udp_config config = { .local = kit_loopback(SPD_FAMILY_IPV4), .tclass = -1 };
    struct spd_udp *udp = NULL;
    struct spd_diag diag = { 0 };

    strcpy(config.interface_name, "nosuchif0");
    assert_int_equal(spd_udp_open(kit->port, 2, &config, &udp, &diag), SPD_ERR_NOT_FOUND);
    assert_null(udp);
    assert_true(diag.text[0] != '\0');
}

static void the_wildcard_hears_what_comes_to_loopback(struct kit *kit)
{
    struct spd_udp_config config = { .tclass = -1, .want_receive_details = true };
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);
    struct spd_udp *receiver;
    struct spd_addr to = kit_loopback(SPD_FAMILY_IPV4);

    assert_true(spd_addr_parse_host("0.0.0.0", &config.local));
    receiver = kit_open(kit, 2, &config);
    config = (struct spd_udp_config){ .remote = to, .tclass = -1 };
    config.remote.port = kit_address(receiver).port;
    kit_receive(kit, receiver, receive);
    kit_send_numbers(kit, kit_open(kit, 1, &config), send, 1, 21);
    kit_await(kit, send, 1);
    kit_await(kit, receive, 1);
    kit_expect(receive, SPD_ERR_OK, 4);
    assert_true(spd_addr_equal_host(&receive->meta.to, &to));
}

const struct kit_case cport_close_cases[] = {
    KIT_CASE(closing_the_port_cancels_what_is_pending, 0),
    KIT_CASE(a_closed_port_takes_no_operation_and_no_socket, 0),
    KIT_CASE(sends_queued_and_not_committed_are_cancelled_by_the_close, 0),
    KIT_CASE(closing_one_port_leaves_another_working, 0),
    KIT_CASE(sockets_close_after_their_port, 0),
    KIT_CASE(a_taken_port_is_refused_by_name, 0),
    KIT_CASE(an_address_of_somebody_else_is_refused, 0),
    KIT_CASE(an_interface_that_does_not_exist_is_refused, 0),
    KIT_CASE(the_wildcard_hears_what_comes_to_loopback, 0),
    { NULL, NULL, 0 },
};
