/*
 * Conformance: cancelling, and closing sockets.
 */
#include <string.h>

#include "tests/sys/cport_kit.h"

static struct spd_udp *open_one(struct kit *kit, uintptr_t key)
{
    return kit_open(kit, key, &(struct spd_udp_config){ .tclass = -1 });
}

static void cancelling_one_leaves_the_others(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, 3, 16);
    struct kit_request *sends = kit_requests(kit, 2, 4);

    for (size_t i = 0; i < 3; i++)
        kit_receive(kit, pair.receiver, &receives[i]);
    kit_commit(kit);
    assert_int_equal(spd_udp_cancel(pair.receiver, &receives[1].op), SPD_ERR_OK);
    kit_await(kit, &receives[1], 1);
    kit_expect(&receives[1], SPD_ERR_CANCELLED, 0);
    assert_true(receives[1].last.key == 2);
    assert_int_equal(receives[0].n_completed + receives[2].n_completed, 0);
    kit_send_numbers(kit, pair.sender, sends, 2, 50);
    kit_await(kit, sends, 2);
    kit_await(kit, receives, 3);
    assert_int_equal(kit_number(receives[0].buffer), 50);
    assert_int_equal(kit_number(receives[2].buffer), 51);
    assert_int_equal(kit_number(receives[1].buffer), 0); /* not written to */
}

static void cancelling_all_completes_each_once(struct kit *kit)
{
    enum { N = 100 };
    struct spd_udp *udp = open_one(kit, 5);
    struct spd_udp *bystander = open_one(kit, 6);
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct kit_request *other = kit_requests(kit, 1, 16);

    kit_receive(kit, bystander, other);
    for (size_t i = 0; i < N; i++)
        kit_receive(kit, udp, &receives[i]);
    kit_commit(kit);
    assert_int_equal(spd_udp_cancel(udp, NULL), SPD_ERR_OK);
    kit_await(kit, receives, N);
    for (size_t i = 0; i < N; i++)
        kit_expect(&receives[i], SPD_ERR_CANCELLED, 0);
    kit_expect_quiet(kit, kit->port, 10 * SPD_NS_PER_MS);
    assert_int_equal(other->n_completed, 0);
}

static void cancelling_what_is_not_pending_finds_nothing(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct spd_udp *stranger = open_one(kit, 9);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);

    assert_int_equal(spd_udp_cancel(pair.receiver, NULL), SPD_ERR_NOT_FOUND);
    assert_int_equal(spd_udp_cancel(pair.receiver, &receive->op), SPD_ERR_NOT_FOUND);
    kit_receive(kit, pair.receiver, receive);
    assert_int_equal(spd_udp_cancel(stranger, &receive->op), SPD_ERR_NOT_FOUND);
    assert_int_equal(spd_udp_cancel(stranger, NULL), SPD_ERR_NOT_FOUND);
    kit_send_numbers(kit, pair.sender, send, 1, 1);
    kit_await(kit, receive, 1);
    kit_await(kit, send, 1);
    kit_expect(receive, SPD_ERR_OK, 4);
    assert_int_equal(spd_udp_cancel(pair.receiver, &receive->op), SPD_ERR_NOT_FOUND);
    assert_int_equal(spd_udp_cancel(pair.sender, NULL), SPD_ERR_NOT_FOUND);
}

static void cancelling_twice_completes_once(struct kit *kit)
{
    struct spd_udp *udp = open_one(kit, 5);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    enum spd_err err;

    kit_receive(kit, udp, receive);
    kit_commit(kit);
    assert_int_equal(spd_udp_cancel(udp, &receive->op), SPD_ERR_OK);
    err = spd_udp_cancel(udp, &receive->op); /* may still be on its way out */
    assert_true(err == SPD_ERR_OK || err == SPD_ERR_NOT_FOUND);
    kit_await(kit, receive, 1);
    kit_expect(receive, SPD_ERR_CANCELLED, 0);
    assert_int_equal(spd_udp_cancel(udp, &receive->op), SPD_ERR_NOT_FOUND);
}

/* Sends that were never committed, taken back one by one, all, or by close. */
static void uncommitted_sends_taken_back_never_leave(struct kit *kit)
{
    enum { N = 6 };
    struct spd_cport *other = kit_other_port(kit);
    struct spd_udp *receiver = kit_open_on(kit, other, 2, &(struct spd_udp_config){ .tclass = -1 });
    struct spd_udp_config config = { .remote = kit_address(receiver), .tclass = -1 };
    struct spd_udp *sender = kit_open(kit, 1, &config);
    struct spd_udp *second = kit_open(kit, 3, &config);
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct kit_request *sends = kit_requests(kit, N, 4);

    for (size_t i = 0; i < N; i++)
        kit_receive(kit, receiver, &receives[i]);
    kit_send_numbers(kit, sender, sends, 4, 0);
    kit_send_numbers(kit, second, sends + 4, 2, 4);
    assert_int_equal(spd_udp_cancel(sender, &sends[1].op), SPD_ERR_OK);
    kit_close(kit, second);
    kit_await(kit, sends, N); /* commits what is left */
    kit_expect(&sends[0], SPD_ERR_OK, 4);
    kit_expect(&sends[1], SPD_ERR_CANCELLED, 0);
    kit_expect(&sends[2], SPD_ERR_OK, 4);
    kit_expect(&sends[3], SPD_ERR_OK, 4);
    kit_expect(&sends[4], SPD_ERR_CANCELLED, 0);
    kit_expect(&sends[5], SPD_ERR_CANCELLED, 0);
    while (kit_take(kit, other, 20 * SPD_NS_PER_MS))
        continue;
    assert_int_equal(kit_number(receives[0].buffer), 0);
    assert_int_equal(kit_number(receives[1].buffer), 2);
    assert_int_equal(kit_number(receives[2].buffer), 3);
    assert_int_equal(receives[2].n_completed, 1);
    assert_int_equal(receives[3].n_completed, 0);
}

static void a_cancelled_receive_eats_no_datagram(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, 2, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);

    kit_receive(kit, pair.receiver, &receives[0]);
    kit_expect_quiet(kit, kit->port, SPD_NS_PER_MS);
    assert_int_equal(spd_udp_cancel(pair.receiver, NULL), SPD_ERR_OK);
    kit_send_numbers(kit, pair.sender, send, 1, 12);
    kit_await(kit, send, 1);
    kit_await(kit, &receives[0], 1);
    kit_expect(&receives[0], SPD_ERR_CANCELLED, 0);
    kit_receive(kit, pair.receiver, &receives[1]);
    kit_await(kit, &receives[1], 1);
    kit_expect(&receives[1], SPD_ERR_OK, 4);
    assert_int_equal(kit_number(receives[1].buffer), 12);
}

/* ---- closing a socket ---- */

static void closing_with_2048_receives_pending_cancels_each_and_frees_the_port(struct kit *kit)
{
    enum { N = 2048 };
    struct spd_udp *udp = open_one(kit, 77);
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct spd_udp_config config = { .local = kit_address(udp), .tclass = -1 };

    for (size_t i = 0; i < N; i++)
        kit_receive(kit, udp, &receives[i]);
    kit_expect_quiet(kit, kit->port, SPD_NS_PER_MS);
    kit_close(kit, udp);
    udp = kit_open(kit, 78, &config); /* at once, before anything is fetched */
    assert_int_equal(kit_address(udp).port, config.local.port);
    kit_await(kit, receives, N);
    for (size_t i = 0; i < N; i++) {
        kit_expect(&receives[i], SPD_ERR_CANCELLED, 0);
        assert_true(receives[i].last.key == 77);
    }
}

static void a_port_closed_and_opened_again_hears_what_comes_then(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct spd_udp_config config = { .local = kit_address(pair.receiver), .tclass = -1 };
    struct kit_request *receives = kit_requests(kit, 2, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);
    struct spd_udp *receiver = pair.receiver;

    for (uint32_t round = 0; round < 5; round++) {
        kit_receive(kit, receiver, &receives[0]);
        kit_expect_quiet(kit, kit->port, SPD_NS_PER_MS);
        kit_close(kit, receiver);
        receiver = kit_open(kit, 30, &config);
        kit_receive(kit, receiver, &receives[1]);
        kit_send_numbers(kit, pair.sender, send, 1, round);
        kit_await(kit, send, 1);
        kit_await(kit, receives, 2);
        assert_int_equal(receives[0].last.err, SPD_ERR_CANCELLED);
        assert_int_equal(receives[1].last.err, SPD_ERR_OK);
        assert_int_equal(kit_number(receives[1].buffer), round);
    }
}

static void closing_one_socket_leaves_the_others_working(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct spd_udp *doomed = open_one(kit, 9);
    struct kit_request *receives = kit_requests(kit, 2, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);

    kit_receive(kit, pair.receiver, &receives[0]);
    kit_receive(kit, doomed, &receives[1]);
    kit_expect_quiet(kit, kit->port, SPD_NS_PER_MS);
    kit_close(kit, doomed);
    kit_send_numbers(kit, pair.sender, send, 1, 3);
    kit_await(kit, send, 1);
    kit_await(kit, receives, 2);
    kit_expect(&receives[0], SPD_ERR_OK, 4);
    kit_expect(&receives[1], SPD_ERR_CANCELLED, 0);
}

static void what_completed_before_the_close_keeps_its_result(struct kit *kit)
{
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *sends = kit_requests(kit, 20, 4);

    kit_send_numbers(kit, pair.sender, sends, 20, 0);
    kit_commit(kit);
    kit_close(kit, pair.sender);
    kit_await(kit, sends, 20);
    for (size_t i = 0; i < 20; i++) {
        kit_expect(&sends[i], SPD_ERR_OK, 4);
        assert_true(sends[i].last.key == 1);
    }
}

static void closing_no_socket_is_allowed(struct kit *kit)
{
    (void)kit;
    spd_udp_close(NULL);
    spd_cport_destroy(NULL);
}

const struct kit_case cport_cancel_cases[] = {
    KIT_CASE(cancelling_one_leaves_the_others, 0),
    KIT_CASE(cancelling_all_completes_each_once, 0),
    KIT_CASE(cancelling_what_is_not_pending_finds_nothing, 0),
    KIT_CASE(cancelling_twice_completes_once, 0),
    KIT_CASE(uncommitted_sends_taken_back_never_leave, 0),
    KIT_CASE(a_cancelled_receive_eats_no_datagram, 0),
    KIT_CASE(closing_with_2048_receives_pending_cancels_each_and_frees_the_port, 0),
    KIT_CASE(a_port_closed_and_opened_again_hears_what_comes_then, 0),
    KIT_CASE(closing_one_socket_leaves_the_others_working, 0),
    KIT_CASE(what_completed_before_the_close_keeps_its_result, 0),
    KIT_CASE(closing_no_socket_is_allowed, 0),
    { NULL, NULL, 0 },
};
