/*
 * The contract of common/sys/tcp.h: one source, run against each system and
 * the simulator. One thread plays both ends, since nothing blocks but waits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/console.h"
#include "common/sys/tcp.h"
#include "common/sys/thread.h"

#define PATIENCE_NS (20 * SPD_NS_PER_S)

static struct spd_addr loopback4(uint16_t port)
{
    return (struct spd_addr){ .family = SPD_FAMILY_IPV4, .port = port, .bytes = { 127, 0, 0, 1 } };
}

static struct spd_addr loopback6(uint16_t port)
{
    return (struct spd_addr){ .family = SPD_FAMILY_IPV6, .port = port, .bytes = { [15] = 1 } };
}

struct pair {
    struct spd_tcp *listener, *near, *far;
    struct spd_addr address; /* of the listener */
};

static void await(struct spd_tcp *stream, bool read, bool write)
{
    struct spd_tcp_want want = { .stream = stream, .read = read, .write = write };

    assert_int_equal(spd_tcp_wait(&want, 1, NULL, PATIENCE_NS), SPD_ERR_OK);
    assert_true(want.is_readable || want.is_writable);
}

static struct pair open_pair(void)
{
    struct spd_addr any = loopback4(0);
    struct spd_diag diag = { 0 };
    struct pair p = { 0 };

    if (spd_tcp_listen(&any, &p.listener, &diag))
        fail_msg("%s", diag.text);
    spd_tcp_local(p.listener, &p.address);
    assert_int_not_equal(p.address.port, 0);
    assert_int_equal(spd_tcp_accept(p.listener, &p.far), SPD_ERR_TIMEOUT);
    if (spd_tcp_connect(&p.address, NULL, PATIENCE_NS, &p.near, &diag))
        fail_msg("%s", diag.text);
    await(p.listener, true, false);
    assert_int_equal(spd_tcp_accept(p.listener, &p.far), SPD_ERR_OK);
    return p;
}

static void close_pair(struct pair *p)
{
    spd_tcp_close(p->near);
    spd_tcp_close(p->far);
    spd_tcp_close(p->listener);
}

/* All n octets, however they are cut. */
static void write_all(struct spd_tcp *stream, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t n_written = 0;
        enum spd_err err = spd_tcp_write(stream, bytes, n, &n_written);

        if (err == SPD_ERR_TIMEOUT) {
            await(stream, false, true);
            continue;
        }
        assert_int_equal(err, SPD_ERR_OK);
        assert_true(n_written >= 1 && n_written <= n);
        bytes += n_written;
        n -= n_written;
    }
}

static void read_all(struct spd_tcp *stream, char *bytes, size_t n)
{
    while (n > 0) {
        size_t n_read = 0;
        enum spd_err err = spd_tcp_read(stream, bytes, n, &n_read);

        if (err == SPD_ERR_TIMEOUT) {
            await(stream, true, false);
            continue;
        }
        assert_int_equal(err, SPD_ERR_OK);
        assert_true(n_read >= 1 && n_read <= n);
        bytes += n_read;
        n -= n_read;
    }
}

static void both_ends_know_each_other(void **state)
{
    struct spd_addr near_local, near_peer, far_local, far_peer;
    struct pair p = open_pair();

    (void)state;
    spd_tcp_local(p.near, &near_local);
    spd_tcp_peer(p.near, &near_peer);
    spd_tcp_local(p.far, &far_local);
    spd_tcp_peer(p.far, &far_peer);
    assert_true(spd_addr_equal(&near_local, &far_peer));
    assert_true(spd_addr_equal(&near_peer, &far_local));
    assert_true(spd_addr_equal(&far_local, &p.address));
    close_pair(&p);
}

static void octets_arrive_in_order_both_ways(void **state)
{
    struct pair p = open_pair();
    char got[12];

    (void)state;
    write_all(p.near, "request", 7);
    write_all(p.near, " one", 4);
    read_all(p.far, got, 11);
    assert_memory_equal(got, "request one", 11);
    write_all(p.far, "answer", 6);
    read_all(p.near, got, 6);
    assert_memory_equal(got, "answer", 6);
    close_pair(&p);
}

static void nothing_to_read_is_no_end(void **state)
{
    struct pair p = open_pair();
    size_t n = 77;
    char got;

    (void)state;
    assert_int_equal(spd_tcp_read(p.far, &got, 1, &n), SPD_ERR_TIMEOUT);
    assert_int_equal(n, 77);
    close_pair(&p);
}

static void what_was_written_before_a_close_can_be_read(void **state)
{
    struct pair p = open_pair();
    char got[8];
    size_t n;

    (void)state;
    write_all(p.near, "last", 4);
    spd_tcp_close(p.near);
    p.near = NULL;
    read_all(p.far, got, 4);
    assert_memory_equal(got, "last", 4);
    await(p.far, true, false);
    assert_int_equal(spd_tcp_read(p.far, got, 8, &n), SPD_ERR_CLOSED);
    assert_int_equal(spd_tcp_read(p.far, got, 8, &n), SPD_ERR_CLOSED);
    close_pair(&p);
}

static void writing_to_a_peer_that_is_gone_fails_and_kills_nobody(void **state)
{
    struct pair p = open_pair();
    enum spd_err err = SPD_ERR_OK;
    size_t n;

    (void)state;
    spd_tcp_close(p.far);
    p.far = NULL;
    await(p.near, true, false); /* its close is here */
    for (int i = 0; i < 200 && err != SPD_ERR_IO; i++) {
        err = spd_tcp_write(p.near, "x", 1, &n);
        assert_true(err == SPD_ERR_OK || err == SPD_ERR_TIMEOUT || err == SPD_ERR_IO);
        spd_thread_sleep(10 * SPD_NS_PER_MS);
    }
    assert_int_equal(err, SPD_ERR_IO);
    close_pair(&p);
}

static void a_peer_that_does_not_read_fills_the_window(void **state)
{
    static char block[60000], got[60000];
    struct pair p = open_pair();
    size_t written = 0, read = 0, n;
    enum spd_err err;

    (void)state;
    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(i * 7 + i / 251);
    while ((err = spd_tcp_write(p.near, block + written % sizeof(block),
                                sizeof(block) - written % sizeof(block), &n)) == SPD_ERR_OK) {
        written += n;
        assert_true(written < 512u << 20);
        if (written % 1000000 < n)
            spd_thread_sleep(SPD_NS_PER_MS);
    }
    assert_int_equal(err, SPD_ERR_TIMEOUT);
    assert_true(written > 10000);
    while (read < written) {
        size_t at = read % sizeof(block), most = sizeof(block) - at;

        most = most < written - read ? most : written - read;
        err = spd_tcp_read(p.far, got, most, &n);
        if (err == SPD_ERR_TIMEOUT) {
            await(p.far, true, false);
            continue;
        }
        assert_int_equal(err, SPD_ERR_OK);
        assert_memory_equal(got, block + at, n);
        read += n;
    }
    await(p.near, false, true);
    close_pair(&p);
}

static void a_port_has_one_listener(void **state)
{
    struct pair p = open_pair();
    struct spd_tcp *second = NULL;
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_tcp_listen(&p.address, &second, &diag);

    (void)state;
    assert_int_equal(err, SPD_ERR_IN_USE);
    assert_int_equal(diag.err, SPD_ERR_IN_USE);
    assert_true(diag.text[0] != '\0');
    assert_null(second);
    close_pair(&p);
}

static void a_port_is_free_again_after_close(void **state)
{
    struct pair p = open_pair();
    struct spd_tcp *again = NULL;
    struct spd_diag diag = { 0 };
    char got;

    (void)state;
    write_all(p.near, "x", 1);
    read_all(p.far, &got, 1);
    /* The listener's side closes first: its connections linger, not its port. */
    spd_tcp_close(p.far);
    spd_tcp_close(p.listener);
    spd_tcp_close(p.near);
    if (spd_tcp_listen(&p.address, &again, &diag))
        fail_msg("%s", diag.text);
    spd_tcp_close(again);
}

static void nobody_listening_refuses(void **state)
{
    struct pair p = open_pair();
    struct spd_tcp *stream = NULL;
    struct spd_diag diag = { 0 };

    (void)state;
    close_pair(&p);
    assert_int_equal(spd_tcp_connect(&p.address, NULL, PATIENCE_NS, &stream, &diag),
                     SPD_ERR_REFUSED);
    assert_int_equal(diag.err, SPD_ERR_REFUSED);
    assert_null(stream);
}

static void connections_wait_to_be_accepted_one_by_one(void **state)
{
    struct pair p = open_pair();
    struct spd_tcp *more[5], *got = NULL;

    (void)state;
    for (int i = 0; i < 5; i++)
        assert_int_equal(spd_tcp_connect(&p.address, NULL, PATIENCE_NS, &more[i], NULL),
                         SPD_ERR_OK);
    for (int i = 0; i < 5; i++) {
        await(p.listener, true, false);
        assert_int_equal(spd_tcp_accept(p.listener, &got), SPD_ERR_OK);
        spd_tcp_close(got);
    }
    assert_int_equal(spd_tcp_accept(p.listener, &got), SPD_ERR_TIMEOUT);
    for (int i = 0; i < 5; i++)
        spd_tcp_close(more[i]);
    close_pair(&p);
}

static void a_wait_tells_which_of_many(void **state)
{
    struct pair a = open_pair(), b = open_pair();
    struct spd_tcp_want wants[] = {
        { .stream = a.far, .read = true },
        { .stream = b.far, .read = true },
        { .stream = b.listener, .read = true },
        { .stream = a.near }, /* nothing is wanted of it */
    };

    (void)state;
    assert_int_equal(spd_tcp_wait(wants, 4, NULL, 0), SPD_ERR_TIMEOUT);
    write_all(b.near, "x", 1);
    assert_int_equal(spd_tcp_wait(wants, 4, NULL, PATIENCE_NS), SPD_ERR_OK);
    assert_false(wants[0].is_readable);
    assert_true(wants[1].is_readable);
    assert_false(wants[2].is_readable);
    assert_false(wants[3].is_readable || wants[3].is_writable || wants[1].is_writable);
    wants[0].write = true;
    assert_int_equal(spd_tcp_wait(wants, 4, NULL, 0), SPD_ERR_OK);
    assert_true(wants[0].is_writable && !wants[0].is_readable);
    close_pair(&a);
    close_pair(&b);
}

static void a_wait_lasts_as_long_as_told(void **state)
{
    struct pair p = open_pair();
    struct spd_tcp_want want = { .stream = p.far, .read = true };
    spd_ticks start = spd_clock_now();

    (void)state;
    assert_int_equal(spd_tcp_wait(&want, 1, NULL, 60 * SPD_NS_PER_MS), SPD_ERR_TIMEOUT);
    assert_true(spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) >=
                60 * SPD_NS_PER_MS);
    start = spd_clock_now();
    assert_int_equal(spd_tcp_wait(NULL, 0, NULL, 30 * SPD_NS_PER_MS), SPD_ERR_TIMEOUT);
    assert_true(spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) >=
                30 * SPD_NS_PER_MS);
    close_pair(&p);
}

static void a_wake_before_the_wait_counts_once(void **state)
{
    struct spd_tcp_waker *waker = NULL;

    (void)state;
    assert_int_equal(spd_tcp_waker_create(&waker, NULL), SPD_ERR_OK);
    assert_int_equal(spd_tcp_wait(NULL, 0, waker, 0), SPD_ERR_TIMEOUT);
    for (int i = 0; i < 1000; i++)
        spd_tcp_waker_wake(waker);
    assert_int_equal(spd_tcp_wait(NULL, 0, waker, PATIENCE_NS), SPD_ERR_OK);
    /* On a system where the wakes travel, the last may still be under way. */
    while (spd_tcp_wait(NULL, 0, waker, 50 * SPD_NS_PER_MS) == SPD_ERR_OK)
        ;
    assert_int_equal(spd_tcp_wait(NULL, 0, waker, 0), SPD_ERR_TIMEOUT);
    spd_tcp_waker_destroy(waker);
}

static void wake_soon(void *argument)
{
    spd_thread_sleep(20 * SPD_NS_PER_MS);
    spd_tcp_waker_wake(argument);
}

static void another_thread_ends_a_wait(void **state)
{
    struct spd_tcp_waker *waker = NULL;
    struct spd_thread *thread = NULL;
    struct pair p = open_pair();
    struct spd_tcp_want want = { .stream = p.far, .read = true };

    (void)state;
    assert_int_equal(spd_tcp_waker_create(&waker, NULL), SPD_ERR_OK);
    assert_int_equal(spd_thread_start(&thread, "wake", wake_soon, waker), SPD_ERR_OK);
    assert_int_equal(spd_tcp_wait(&want, 1, waker, PATIENCE_NS), SPD_ERR_OK);
    assert_false(want.is_readable);
    spd_thread_join(thread);
    spd_tcp_waker_destroy(waker);
    close_pair(&p);
}

static void addresses_that_are_not_ours_are_not_found(void **state)
{
    static const struct spd_addr foreign = { .family = SPD_FAMILY_IPV4, .bytes = { 192, 0, 2, 1 } };
    struct pair p = open_pair();
    struct spd_tcp *stream = NULL;
    struct spd_diag diag = { 0 };

    (void)state;
#ifndef SPD_SIMULATED
    assert_int_equal(spd_tcp_listen(&foreign, &stream, &diag), SPD_ERR_NOT_FOUND);
    assert_int_equal(spd_tcp_connect(&p.address, &foreign, PATIENCE_NS, &stream, &diag),
                     SPD_ERR_NOT_FOUND);
    assert_true(diag.text[0] != '\0');
#else
    (void)foreign;
    (void)diag;
    printf("skipped: every address of the simulator belongs to somebody\n");
#endif
    assert_null(stream);
    close_pair(&p);
}

static void ipv6_works_where_there_is_any(void **state)
{
    struct spd_addr any = loopback6(0), address;
    struct spd_tcp *listener = NULL, *near = NULL;

    (void)state;
    if (spd_tcp_listen(&any, &listener, NULL)) {
        printf("skipped: no IPv6 here\n");
        skip();
    }
    spd_tcp_local(listener, &address);
    assert_int_equal(address.family, SPD_FAMILY_IPV6);
    assert_int_equal(spd_tcp_connect(&address, NULL, PATIENCE_NS, &near, NULL), SPD_ERR_OK);
    spd_tcp_close(near);
    spd_tcp_close(listener);
}

static int start_network(void **state)
{
    struct spd_diag diag = { 0 };

    (void)state;
    return (int)spd_console_init(&diag);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends_know_each_other),
        cmocka_unit_test(octets_arrive_in_order_both_ways),
        cmocka_unit_test(nothing_to_read_is_no_end),
        cmocka_unit_test(what_was_written_before_a_close_can_be_read),
        cmocka_unit_test(writing_to_a_peer_that_is_gone_fails_and_kills_nobody),
        cmocka_unit_test(a_peer_that_does_not_read_fills_the_window),
        cmocka_unit_test(a_port_has_one_listener),
        cmocka_unit_test(a_port_is_free_again_after_close),
        cmocka_unit_test(nobody_listening_refuses),
        cmocka_unit_test(connections_wait_to_be_accepted_one_by_one),
        cmocka_unit_test(a_wait_tells_which_of_many),
        cmocka_unit_test(a_wait_lasts_as_long_as_told),
        cmocka_unit_test(a_wake_before_the_wait_counts_once),
        cmocka_unit_test(another_thread_ends_a_wait),
        cmocka_unit_test(addresses_that_are_not_ours_are_not_found),
        cmocka_unit_test(ipv6_works_where_there_is_any),
    };

    return cmocka_run_group_tests(tests, start_network, NULL);
}
