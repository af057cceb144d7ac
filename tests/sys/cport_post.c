/*
 * Conformance: posts, time-outs and the end of a port.
 */
#include <string.h>

#include "common/base/assert.h"
#include "common/sys/clock.h"
#include "tests/sys/cport_kit.h"

static void post_delivers_key_bytes_and_operation_untouched(struct kit *kit)
{
    static const struct {
        uintptr_t key;
        uint32_t n_bytes;
    } rows[] = { { 0, 0 },
                 { 1, UINT32_MAX },
                 { UINTPTR_MAX, 1 },
                 { (uintptr_t)1 << (sizeof(uintptr_t) * 8 - 1), UINT32_C(0x80000000) } };
    struct kit_request *requests = kit_requests(kit, 4, 0);

    for (size_t i = 0; i < 4; i++) {
        requests[i].op.kind = 0xC0FFEE00u + (uint32_t)i;
        kit_post(kit, rows[i].key, rows[i].n_bytes, &requests[i]);
    }
    kit_await(kit, requests, 4);
    for (size_t i = 0; i < 4; i++) {
        kit_expect(&requests[i], SPD_ERR_OK, rows[i].n_bytes);
        assert_true(requests[i].last.key == rows[i].key);
        assert_ptr_equal(requests[i].last.op, &requests[i].op);
        assert_int_equal(requests[i].op.kind, 0xC0FFEE00u + i);
    }
}

static void post_without_operation_delivers_none(struct kit *kit)
{
    kit_post(kit, 7, 11, NULL);
    kit_await_bare(kit, 1);
    assert_null(kit->bare[0].op);
    assert_true(kit->bare[0].key == 7);
    assert_int_equal(kit->bare[0].n_bytes, 11);
    assert_int_equal(kit->bare[0].err, SPD_ERR_OK);
}

static void posts_made_before_anyone_waits_are_kept(struct kit *kit)
{
    enum { N = 1000 };
    unsigned char seen[N] = { 0 };

    for (uint32_t i = 0; i < N; i++)
        kit_post(kit, 3, i, NULL);
    kit_await_bare(kit, N);
    for (size_t i = 0; i < N; i++) {
        assert_true(kit->bare[i].n_bytes < N);
        assert_int_equal(seen[kit->bare[i].n_bytes]++, 0);
    }
}

static void a_wait_with_room_for_one_returns_one(struct kit *kit)
{
    unsigned char seen[5] = { 0 };

    for (uint32_t i = 0; i < 5; i++)
        kit_post(kit, 1, i, NULL);
    for (int i = 0; i < 5; i++) {
        struct spd_completion out[2];
        size_t n = 99;

        out[1].key = 0xABCD;
        assert_int_equal(spd_cport_wait(kit->port, out, 1, &n, KIT_PATIENCE_NS), SPD_ERR_OK);
        assert_int_equal(n, 1);
        assert_true(out[1].key == 0xABCD);
        assert_true(out[0].n_bytes < 5);
        assert_int_equal(seen[out[0].n_bytes]++, 0);
    }
}

static void a_wait_returns_no_more_than_it_has_room_for(struct kit *kit)
{
    size_t n_seen = 0;

    for (uint32_t i = 0; i < 100; i++)
        kit_post(kit, 1, i, NULL);
    while (n_seen < 100) {
        struct spd_completion out[9];
        size_t n = 0;

        out[8].key = 0xABCD;
        assert_int_equal(spd_cport_wait(kit->port, out, 8, &n, KIT_PATIENCE_NS), SPD_ERR_OK);
        assert_true(n >= 1 && n <= 8);
        assert_true(out[8].key == 0xABCD);
        n_seen += n;
    }
    assert_int_equal(n_seen, 100);
}

static void a_wait_of_zero_polls(struct kit *kit)
{
    struct spd_completion out[4];
    size_t n = 77;

    assert_int_equal(spd_cport_wait(kit->port, out, 4, &n, 0), SPD_ERR_TIMEOUT);
    assert_int_equal(n, 77); /* untouched on failure */
    kit_post(kit, 5, 6, NULL);
    assert_int_equal(spd_cport_wait(kit->port, out, 4, &n, 0), SPD_ERR_OK);
    assert_int_equal(n, 1);
    assert_int_equal(spd_cport_wait(kit->port, out, 4, &n, 0), SPD_ERR_TIMEOUT);
}

static void a_wait_does_not_time_out_early(struct kit *kit)
{
    static const spd_ns waits_ns[] = { 50 * SPD_NS_PER_MS, 7 * SPD_NS_PER_MS + 300 * SPD_NS_PER_US,
                                       900 * SPD_NS_PER_US };

    for (size_t i = 0; i < sizeof waits_ns / sizeof waits_ns[0]; i++) {
        struct spd_completion out;
        size_t n;
        spd_ticks start = spd_clock_now();
        spd_ns elapsed_ns;

        assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, waits_ns[i]), SPD_ERR_TIMEOUT);
        elapsed_ns = kit_elapsed_ns(start);
        /* CLOCK_MONOTONIC_RAW and the timer's clock may run 500 ppm apart. */
        if (elapsed_ns < waits_ns[i] - waits_ns[i] / 1000)
            kit_fail("a wait of %lld ns ended after %lld ns", (long long)waits_ns[i],
                     (long long)elapsed_ns);
    }
}

static void time_out_closed_and_completions_are_told_apart(struct kit *kit)
{
    struct spd_completion out;
    size_t n;

    assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, SPD_NS_PER_MS), SPD_ERR_TIMEOUT);
    kit_post(kit, 1, 2, NULL);
    spd_cport_close(kit->port);
    assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, SPD_NS_PER_MS), SPD_ERR_OK);
    assert_int_equal(out.n_bytes, 2);
    assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, SPD_NS_PER_MS), SPD_ERR_CLOSED);
    assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, 0), SPD_ERR_CLOSED);
    assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, SPD_NS_FOREVER), SPD_ERR_CLOSED);
}

static void posts_made_before_the_close_are_delivered(struct kit *kit)
{
    struct kit_request *requests = kit_requests(kit, 10, 0);

    for (uint32_t i = 0; i < 10; i++) {
        kit_post(kit, i, i, &requests[i]);
        kit_post(kit, i, i, NULL);
    }
    spd_cport_close(kit->port);
    kit_await(kit, requests, 10);
    kit_await_bare(kit, 10);
    for (uint32_t i = 0; i < 10; i++)
        kit_expect(&requests[i], SPD_ERR_OK, i);
}

static void a_post_after_the_close_is_refused(struct kit *kit)
{
    struct kit_request *request = kit_requests(kit, 1, 0);

    spd_cport_close(kit->port);
    assert_int_equal(spd_cport_post(kit->port, 1, 2, &request->op), SPD_ERR_CLOSED);
    assert_int_equal(spd_cport_post(kit->port, 1, 2, NULL), SPD_ERR_CLOSED);
    assert_int_equal(request->op.in_flight, 0);
    spd_op_fini(&request->op);
}

static void closing_twice_is_closing_once(struct kit *kit)
{
    struct spd_completion out;
    size_t n;

    spd_cport_close(kit->port);
    spd_cport_close(kit->port);
    assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, SPD_NS_FOREVER), SPD_ERR_CLOSED);
    spd_cport_close(kit->port);
    assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, SPD_NS_FOREVER), SPD_ERR_CLOSED);
}

static void an_operation_is_in_flight_until_it_is_fetched(struct kit *kit)
{
    struct kit_request *request = kit_requests(kit, 1, 0);

    assert_int_equal(request->op.in_flight, 0);
    kit_post(kit, 1, 2, request);
    assert_int_equal(request->op.in_flight, 1);
    kit_await(kit, request, 1);
    assert_int_equal(request->op.in_flight, 0);
    kit_post(kit, 1, 3, request); /* and can be used again */
    kit_await(kit, request, 1);
    assert_int_equal(request->last.n_bytes, 3);
}

static jmp_buf panicked;

static void leap(const char *file, int line, const char *what)
{
    (void)file;
    (void)line;
    (void)what;
    longjmp(panicked, 1);
}

static bool fini_panics(struct spd_op *op)
{
    volatile bool did = true;

    spd_panic_set_handler(leap);
    if (setjmp(panicked) == 0) {
        spd_op_fini(op);
        did = false;
    }
    spd_panic_set_handler(NULL);
    return did;
}

static void freeing_an_operation_early_is_caught(struct kit *kit)
{
    struct kit_request *post = kit_requests(kit, 1, 0);
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct spd_udp *udp = kit_open(kit, 1, &(struct spd_udp_config){ .tclass = -1 });

    assert_false(fini_panics(&post->op));
    kit_post(kit, 1, 2, post);
    assert_true(fini_panics(&post->op));
    kit_receive(kit, udp, receive);
    assert_true(fini_panics(&receive->op));
    kit_await(kit, post, 1); /* also commits the receive */
    assert_false(fini_panics(&post->op));
    assert_true(fini_panics(&receive->op));
    assert_int_equal(spd_udp_cancel(udp, &receive->op), SPD_ERR_OK);
    assert_true(fini_panics(&receive->op)); /* cancelled, not fetched */
    kit_await(kit, receive, 1);
    assert_false(fini_panics(&receive->op));
}

static void two_ports_do_not_see_each_others_posts(struct kit *kit)
{
    struct spd_cport *other = kit_other_port(kit);

    kit_post(kit, 1, 2, NULL);
    kit_expect_quiet(kit, other, 5 * SPD_NS_PER_MS);
    kit_await_bare(kit, 1);
    assert_int_equal(spd_cport_post(other, 9, 9, NULL), SPD_ERR_OK);
    kit_expect_quiet(kit, kit->port, 5 * SPD_NS_PER_MS);
    assert_true(kit_take(kit, other, KIT_PATIENCE_NS));
    assert_true(kit->bare[1].key == 9);
}

static void facts_name_the_port(struct kit *kit)
{
    assert_true(strlen(kit->facts.kind) > 0);
    assert_true(strlen(kit->facts.receive_path) > 0);
    assert_int_equal(kit->facts.features & kit->config.denied_features, 0);
}

const struct kit_case cport_post_cases[] = {
    KIT_CASE(post_delivers_key_bytes_and_operation_untouched, 0),
    KIT_CASE(post_without_operation_delivers_none, 0),
    KIT_CASE(posts_made_before_anyone_waits_are_kept, 0),
    KIT_CASE(a_wait_with_room_for_one_returns_one, 0),
    KIT_CASE(a_wait_returns_no_more_than_it_has_room_for, 0),
    KIT_CASE(a_wait_of_zero_polls, 0),
    KIT_CASE(a_wait_does_not_time_out_early, 0),
    KIT_CASE(time_out_closed_and_completions_are_told_apart, 0),
    KIT_CASE(posts_made_before_the_close_are_delivered, 0),
    KIT_CASE(a_post_after_the_close_is_refused, 0),
    KIT_CASE(closing_twice_is_closing_once, 0),
    KIT_CASE(an_operation_is_in_flight_until_it_is_fetched, 0),
    KIT_CASE(freeing_an_operation_early_is_caught, 0),
    KIT_CASE(two_ports_do_not_see_each_others_posts, 0),
    KIT_CASE(facts_name_the_port, 0),
    { NULL, NULL, 0 },
};
