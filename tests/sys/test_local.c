/*
 * The contract of common/sys/local.h: one source, run against each system. One
 * thread plays both ends, since nothing blocks but waits.
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
#include "common/sys/local.h"
#include "common/sys/random.h"
#include "common/sys/thread.h"

#define PATIENCE_NS (20 * SPD_NS_PER_S)
#define N_MANY      200

struct pair {
    struct spd_local_set *set;
    struct spd_local *listener, *near, *far;
};

/* The name of a pipe there, a file of the current folder here; ours alone. */
static char name[64];

static void await(struct spd_local_set *set, struct spd_local *connection, bool read, bool write)
{
    struct spd_local_want want = { .connection = connection, .read = read, .write = write };

    assert_int_equal(spd_local_wait(set, &want, 1, PATIENCE_NS), SPD_ERR_OK);
    assert_true(want.is_readable || want.is_writable);
}

static struct spd_local *listen_in(struct spd_local_set *set)
{
    const struct spd_local_config config = { .name = name };
    struct spd_local *listener = NULL;
    struct spd_diag diag = { 0 };

    if (spd_local_listen(set, &config, &listener, &diag))
        fail_msg("%s", diag.text);
    return listener;
}

static struct spd_local *connect_in(struct spd_local_set *set)
{
    struct spd_local *near = NULL;
    struct spd_diag diag = { 0 };

    if (spd_local_connect(set, name, PATIENCE_NS, &near, &diag))
        fail_msg("%s", diag.text);
    return near;
}

static struct pair open_pair(void)
{
    struct pair p = { 0 };
    struct spd_diag diag = { 0 };

    if (spd_local_set_create(&p.set, &diag))
        fail_msg("%s", diag.text);
    p.listener = listen_in(p.set);
    assert_int_equal(spd_local_accept(p.listener, &p.far), SPD_ERR_TIMEOUT);
    p.near = connect_in(p.set);
    await(p.set, p.listener, true, false);
    assert_int_equal(spd_local_accept(p.listener, &p.far), SPD_ERR_OK);
    return p;
}

static void close_pair(struct pair *p)
{
    spd_local_close(p->near);
    spd_local_close(p->far);
    spd_local_close(p->listener);
    spd_local_set_destroy(p->set);
}

/* All n octets, however they are cut. */
static void write_all(struct pair *p, struct spd_local *to, const char *bytes, size_t n)
{
    while (n > 0) {
        size_t n_written = 0;
        enum spd_err err = spd_local_write(to, bytes, n, &n_written);

        if (err == SPD_ERR_TIMEOUT) {
            await(p->set, to, false, true);
            continue;
        }
        assert_int_equal(err, SPD_ERR_OK);
        assert_true(n_written >= 1 && n_written <= n);
        bytes += n_written;
        n -= n_written;
    }
}

static void read_all(struct pair *p, struct spd_local *from, char *bytes, size_t n)
{
    while (n > 0) {
        size_t n_read = 0;
        enum spd_err err = spd_local_read(from, bytes, n, &n_read);

        if (err == SPD_ERR_TIMEOUT) {
            await(p->set, from, true, false);
            continue;
        }
        assert_int_equal(err, SPD_ERR_OK);
        assert_true(n_read >= 1 && n_read <= n);
        bytes += n_read;
        n -= n_read;
    }
}

static void expect_end(struct pair *p, struct spd_local *from)
{
    char got;
    size_t n;

    await(p->set, from, true, false);
    assert_int_equal(spd_local_read(from, &got, 1, &n), SPD_ERR_CLOSED);
    assert_int_equal(spd_local_read(from, &got, 1, &n), SPD_ERR_CLOSED);
}

static void octets_arrive_in_order_both_ways(void **state)
{
    struct pair p = open_pair();
    char got[12];

    (void)state;
    write_all(&p, p.near, "request", 7);
    write_all(&p, p.near, " one", 4);
    read_all(&p, p.far, got, 11);
    assert_memory_equal(got, "request one", 11);
    write_all(&p, p.far, "answer", 6);
    read_all(&p, p.near, got, 6);
    assert_memory_equal(got, "answer", 6);
    close_pair(&p);
}

static void nothing_to_read_is_no_end(void **state)
{
    struct pair p = open_pair();
    size_t n = 77;
    char got;

    (void)state;
    assert_int_equal(spd_local_read(p.far, &got, 1, &n), SPD_ERR_TIMEOUT);
    assert_int_equal(spd_local_read(p.near, &got, 1, &n), SPD_ERR_TIMEOUT);
    assert_int_equal(n, 77);
    close_pair(&p);
}

static void what_was_written_before_a_close_can_be_read(void **state)
{
    char got[8];

    (void)state;
    for (int accepted = 0; accepted <= 1; accepted++) {
        struct pair p = open_pair();
        struct spd_local **writer = accepted ? &p.far : &p.near;
        struct spd_local *reader = accepted ? p.near : p.far;

        write_all(&p, *writer, "last", 4);
        spd_local_close(*writer);
        *writer = NULL;
        read_all(&p, reader, got, 4);
        assert_memory_equal(got, "last", 4);
        expect_end(&p, reader);
        close_pair(&p);
    }
}

static void writing_to_a_peer_that_is_gone_fails_and_kills_nobody(void **state)
{
    struct pair p = open_pair();
    enum spd_err err = SPD_ERR_OK;
    size_t n;

    (void)state;
    spd_local_close(p.far);
    p.far = NULL;
    await(p.set, p.near, true, false); /* its close is here */
    for (int i = 0; i < 200 && err != SPD_ERR_IO; i++) {
        err = spd_local_write(p.near, "x", 1, &n);
        assert_true(err == SPD_ERR_OK || err == SPD_ERR_TIMEOUT || err == SPD_ERR_IO);
        spd_thread_sleep(10 * SPD_NS_PER_MS);
    }
    assert_int_equal(err, SPD_ERR_IO);
    close_pair(&p);
}

/* Writes until there is no room; returns how many octets that took. */
static size_t fill(struct spd_local *to)
{
    static char block[60000];
    size_t written = 0, n;
    enum spd_err err;

    for (size_t i = 0; i < sizeof(block); i++)
        block[i] = (char)(i * 7 + i / 251);
    while ((err = spd_local_write(to, block + written % sizeof(block),
                                  sizeof(block) - written % sizeof(block), &n)) == SPD_ERR_OK) {
        written += n;
        assert_true(written < 512u << 20);
    }
    assert_int_equal(err, SPD_ERR_TIMEOUT);
    return written;
}

static void drain(struct pair *p, struct spd_local *from, size_t n_total)
{
    static char got[60000];
    size_t n_read = 0, n;

    while (n_read < n_total) {
        enum spd_err err = spd_local_read(from, got, sizeof(got), &n);

        if (err == SPD_ERR_TIMEOUT) {
            await(p->set, from, true, false);
            continue;
        }
        assert_int_equal(err, SPD_ERR_OK);
        for (size_t i = 0; i < n; i++) {
            size_t at = (n_read + i) % 60000;

            assert_int_equal(got[i], (char)(at * 7 + at / 251));
        }
        n_read += n;
    }
    assert_int_equal(n_read, n_total);
}

static void a_peer_that_does_not_read_leaves_no_room(void **state)
{
    struct pair p = open_pair();
    size_t n_written, n;
    struct spd_local_want want = { .connection = p.near, .write = true };

    (void)state;
    n_written = fill(p.near);
    assert_int_equal(spd_local_wait(p.set, &want, 1, 0), SPD_ERR_TIMEOUT);
    assert_int_equal(spd_local_write(p.near, "x", 1, &n), SPD_ERR_TIMEOUT);
    drain(&p, p.far, n_written);
    await(p.set, p.near, false, true);
    write_all(&p, p.near, "x", 1);
    close_pair(&p);
}

static void a_close_loses_nothing_that_the_peer_still_reads(void **state)
{
    struct pair p = open_pair();
    size_t n_written = fill(p.far);

    (void)state;
    spd_local_close(p.far);
    p.far = NULL;
    drain(&p, p.near, n_written);
    expect_end(&p, p.near);
    close_pair(&p);
}

static void the_end_of_a_set_waits_for_no_peer_for_long(void **state)
{
    struct spd_local_set *mine = NULL;
    struct pair p = open_pair();
    struct spd_local *near;

    (void)state;
    assert_int_equal(spd_local_set_create(&mine, NULL), SPD_ERR_OK);
    near = connect_in(mine);
    (void)fill(near);
    spd_local_close(near);
    spd_local_set_destroy(mine);
    close_pair(&p);
}

static void a_name_has_one_listener(void **state)
{
    const struct spd_local_config config = { .name = name };
    struct pair p = open_pair();
    struct spd_local *second = NULL;
    struct spd_diag diag = { 0 };

    (void)state;
    assert_int_equal(spd_local_listen(p.set, &config, &second, &diag), SPD_ERR_IN_USE);
    assert_int_equal(diag.err, SPD_ERR_IN_USE);
    assert_non_null(strstr(diag.text, name));
    assert_null(second);
    /* The first one goes on. */
    write_all(&p, p.near, "x", 1);
    second = connect_in(p.set);
    spd_local_close(second);
    close_pair(&p);
}

static void a_name_is_free_again_after_close(void **state)
{
    struct pair p = open_pair();
    struct pair again;

    (void)state;
    /* The client may stay: a peer must not keep a service from starting again. */
    spd_local_close(p.far);
    spd_local_close(p.listener);
    p.far = p.listener = NULL;
    again = open_pair();
    close_pair(&again);
    close_pair(&p);
}

static void nobody_listening_is_told(void **state)
{
    struct pair p = open_pair();
    struct spd_local_set *set = NULL;
    struct spd_local *near = NULL;
    struct spd_diag diag = { 0 };
    enum spd_err err;

    (void)state;
    close_pair(&p);
    assert_int_equal(spd_local_set_create(&set, NULL), SPD_ERR_OK);
    err = spd_local_connect(set, name, PATIENCE_NS, &near, &diag);
    assert_true(err == SPD_ERR_NOT_FOUND || err == SPD_ERR_REFUSED);
    assert_int_equal(diag.err, err);
    assert_non_null(strstr(diag.text, name));
    assert_null(near);
    spd_local_set_destroy(set);
}

static void a_bad_name_is_refused(void **state)
{
    char long_name[400];
    const char *const rows[] = { "", long_name };
    struct spd_local_set *set = NULL;

    (void)state;
    memset(long_name, 'n', sizeof(long_name) - 1);
    long_name[sizeof(long_name) - 1] = '\0';
    assert_int_equal(spd_local_set_create(&set, NULL), SPD_ERR_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct spd_local_config config = { .name = rows[i] };
        struct spd_local *local = NULL;
        struct spd_diag diag = { 0 };

        assert_int_equal(spd_local_listen(set, &config, &local, &diag), SPD_ERR_INVALID);
        assert_true(diag.text[0] != '\0');
        assert_int_equal(spd_local_connect(set, rows[i], 0, &local, &diag), SPD_ERR_INVALID);
        assert_null(local);
    }
    spd_local_set_destroy(set);
}

static void unknown_administrators_are_refused(void **state)
{
    static const char *const rows[] = { "no such group (D:", "D:", "D:(A;;GA;;;no such group)",
                                        "" };
    struct spd_local_set *set = NULL;

    (void)state;
    assert_int_equal(spd_local_set_create(&set, NULL), SPD_ERR_OK);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const struct spd_local_config config = { .name = name, .admins = rows[i] };
        struct spd_local *local = NULL;
        struct spd_diag diag = { 0 };
        enum spd_err err = spd_local_listen(set, &config, &local, &diag);

        if (err != SPD_ERR_NOT_FOUND && err != SPD_ERR_INVALID)
            fail_msg("'%s': %s", rows[i], spd_err_name(err));
        assert_non_null(strstr(diag.text, rows[i]));
        assert_null(local);
    }
    spd_local_set_destroy(set);
}

static void connections_wait_to_be_accepted_one_by_one(void **state)
{
    struct pair p = open_pair();
    struct spd_local *more[3], *got = NULL;

    (void)state;
    for (int i = 0; i < 3; i++)
        more[i] = connect_in(p.set);
    for (int i = 0; i < 3; i++) {
        await(p.set, p.listener, true, false);
        assert_int_equal(spd_local_accept(p.listener, &got), SPD_ERR_OK);
        spd_local_close(got);
    }
    assert_int_equal(spd_local_accept(p.listener, &got), SPD_ERR_TIMEOUT);
    for (int i = 0; i < 3; i++)
        spd_local_close(more[i]);
    close_pair(&p);
}

static void who_leaves_before_being_accepted_harms_nobody(void **state)
{
    struct pair p = open_pair();
    struct spd_local *got = NULL;
    char octet;
    size_t n;

    (void)state;
    for (int i = 0; i < 3; i++)
        spd_local_close(connect_in(p.set));
    /* Each is accepted and has ended, or went away without a trace. */
    for (int i = 0; i < 3; i++) {
        enum spd_err err = spd_local_accept(p.listener, &got);

        if (err == SPD_ERR_OK) {
            await(p.set, got, true, false);
            assert_int_equal(spd_local_read(got, &octet, 1, &n), SPD_ERR_CLOSED);
            spd_local_close(got);
        }
    }
    close_pair(&p);
    p = open_pair();
    write_all(&p, p.near, "x", 1);
    read_all(&p, p.far, &octet, 1);
    close_pair(&p);
}

static void many_talk_at_once(void **state)
{
    static struct spd_local *near[N_MANY], *far[N_MANY];
    struct pair p = open_pair();
    struct spd_local_want wants[N_MANY];
    size_t n_told = 0;

    (void)state;
    for (int i = 0; i < N_MANY; i++) {
        near[i] = connect_in(p.set);
        await(p.set, p.listener, true, false);
        assert_int_equal(spd_local_accept(p.listener, &far[i]), SPD_ERR_OK);
        wants[i] = (struct spd_local_want){ .connection = far[i], .read = true };
    }
    assert_int_equal(spd_local_wait(p.set, wants, N_MANY, 0), SPD_ERR_TIMEOUT);
    for (int i = 0; i < N_MANY; i += 3)
        write_all(&p, near[i], (const char *)&i, sizeof(i));
    while (n_told < (N_MANY + 2) / 3) {
        assert_int_equal(spd_local_wait(p.set, wants, N_MANY, PATIENCE_NS), SPD_ERR_OK);
        for (int i = 0; i < N_MANY; i++) {
            int got = -1;

            if (!wants[i].is_readable)
                continue;
            read_all(&p, far[i], (char *)&got, sizeof(got));
            assert_int_equal(got, i);
            assert_int_equal(i % 3, 0);
            n_told++;
        }
    }
    for (int i = 0; i < N_MANY; i++) {
        spd_local_close(i % 2 ? near[i] : far[i]);
        spd_local_close(i % 2 ? far[i] : near[i]);
    }
    close_pair(&p);
}

static void a_wait_tells_which_of_many(void **state)
{
    struct pair p = open_pair();
    struct spd_local *near = connect_in(p.set), *far = NULL;
    struct spd_local_want wants[4] = { { 0 } };

    (void)state;
    await(p.set, p.listener, true, false);
    assert_int_equal(spd_local_accept(p.listener, &far), SPD_ERR_OK);
    wants[0] = (struct spd_local_want){ .connection = p.far, .read = true };
    wants[1] = (struct spd_local_want){ .connection = far, .read = true };
    wants[2] = (struct spd_local_want){ .connection = p.listener, .read = true };
    wants[3] = (struct spd_local_want){ .connection = p.near }; /* nothing is wanted of it */
    assert_int_equal(spd_local_wait(p.set, wants, 4, 0), SPD_ERR_TIMEOUT);
    write_all(&p, near, "x", 1);
    assert_int_equal(spd_local_wait(p.set, wants, 4, PATIENCE_NS), SPD_ERR_OK);
    assert_false(wants[0].is_readable);
    assert_true(wants[1].is_readable);
    assert_false(wants[2].is_readable);
    assert_false(wants[3].is_readable || wants[3].is_writable || wants[1].is_writable);
    wants[0].write = true;
    assert_int_equal(spd_local_wait(p.set, wants, 4, 0), SPD_ERR_OK);
    assert_true(wants[0].is_writable && !wants[0].is_readable);
    spd_local_close(near);
    spd_local_close(far);
    close_pair(&p);
}

static void a_wait_lasts_as_long_as_told(void **state)
{
    struct pair p = open_pair();
    struct spd_local_want want = { .connection = p.far, .read = true };
    spd_ticks start = spd_clock_now();

    (void)state;
    assert_int_equal(spd_local_wait(p.set, &want, 1, 60 * SPD_NS_PER_MS), SPD_ERR_TIMEOUT);
    assert_true(spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) >=
                60 * SPD_NS_PER_MS);
    start = spd_clock_now();
    assert_int_equal(spd_local_wait(p.set, NULL, 0, 30 * SPD_NS_PER_MS), SPD_ERR_TIMEOUT);
    assert_true(spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) >=
                30 * SPD_NS_PER_MS);
    close_pair(&p);
}

static void a_wake_before_the_wait_counts_once(void **state)
{
    struct spd_local_set *set = NULL;

    (void)state;
    assert_int_equal(spd_local_set_create(&set, NULL), SPD_ERR_OK);
    assert_int_equal(spd_local_wait(set, NULL, 0, 0), SPD_ERR_TIMEOUT);
    for (int i = 0; i < 1000; i++)
        spd_local_set_wake(set);
    assert_int_equal(spd_local_wait(set, NULL, 0, PATIENCE_NS), SPD_ERR_OK);
    assert_int_equal(spd_local_wait(set, NULL, 0, 0), SPD_ERR_TIMEOUT);
    spd_local_set_destroy(set);
}

static void wake_soon(void *argument)
{
    spd_thread_sleep(20 * SPD_NS_PER_MS);
    spd_local_set_wake(argument);
}

static void another_thread_ends_a_wait(void **state)
{
    struct spd_thread *thread = NULL;
    struct pair p = open_pair();
    struct spd_local_want want = { .connection = p.far, .read = true };

    (void)state;
    assert_int_equal(spd_thread_start(&thread, "wake", wake_soon, p.set), SPD_ERR_OK);
    assert_int_equal(spd_local_wait(p.set, &want, 1, PATIENCE_NS), SPD_ERR_OK);
    assert_false(want.is_readable);
    spd_thread_join(thread);
    close_pair(&p);
}

static bool has_no_group_twice(const struct spd_local_peer *peer)
{
    for (size_t i = 0; i < peer->n_groups; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(peer->groups[i].id, peer->groups[j].id) == 0)
                return false;
    return true;
}

static void the_system_says_who_is_there(void **state)
{
    struct pair p = open_pair();
    struct spd_local_peer *peer = NULL;
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_local_peer(p.far, &peer, &diag);
    char got;

    (void)state;
    assert_true(err == SPD_ERR_OK || err == SPD_ERR_TIMEOUT); /* nothing was read yet */
    spd_local_peer_free(peer);
    write_all(&p, p.near, "x", 1);
    read_all(&p, p.far, &got, 1);
    peer = NULL;
    if (spd_local_peer(p.far, &peer, &diag))
        fail_msg("%s", diag.text);
    print_message("user %s (%s), pid %u, %s, %u groups, first %s (%s)\n", peer->user, peer->user_id,
                  (unsigned)peer->pid, peer->is_admin ? "admin" : "user", (unsigned)peer->n_groups,
                  peer->groups[0].name, peer->groups[0].id);
    assert_true(peer->user[0] != '\0' && peer->user_id[0] != '\0');
    assert_int_not_equal(peer->pid, 0);
    assert_true(peer->is_admin); /* the user that the listener runs as */
    assert_true(peer->n_groups >= 1);
    for (size_t i = 0; i < peer->n_groups; i++)
        assert_true(peer->groups[i].id[0] != '\0' && peer->groups[i].name[0] != '\0');
    assert_true(has_no_group_twice(peer));
    spd_local_peer_free(peer);
    spd_local_peer_free(NULL);
    close_pair(&p);
}

static void the_default_name_is_a_name(void **state)
{
    struct spd_local_set *set = NULL;
    struct spd_local *local = NULL;

    (void)state;
    assert_int_equal(spd_local_set_create(&set, NULL), SPD_ERR_OK);
    assert_int_not_equal(spd_local_connect(set, spd_local_default_name(), 0, &local, NULL),
                         SPD_ERR_INVALID);
    spd_local_close(local);
    spd_local_set_destroy(set);
}

static int start(void **state)
{
    struct spd_diag diag = { 0 };
    uint64_t number = 0;

    (void)state;
    if (spd_random_fill(&number, sizeof(number), &diag) || spd_console_init(&diag)) {
        print_message("%s\n", diag.text);
        return -1;
    }
    snprintf(name, sizeof(name), "test-local-%016llx", (unsigned long long)number);
    return 0;
}

/* Only the lock file is left. */
static int clean_up(void **state)
{
    char lock[sizeof(name) + sizeof(".lock")];

    (void)state;
    snprintf(lock, sizeof(lock), "%s.lock", name);
    (void)remove(lock);
    return remove(name) == 0; /* must be gone already */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(octets_arrive_in_order_both_ways),
        cmocka_unit_test(nothing_to_read_is_no_end),
        cmocka_unit_test(what_was_written_before_a_close_can_be_read),
        cmocka_unit_test(writing_to_a_peer_that_is_gone_fails_and_kills_nobody),
        cmocka_unit_test(a_peer_that_does_not_read_leaves_no_room),
        cmocka_unit_test(a_close_loses_nothing_that_the_peer_still_reads),
        cmocka_unit_test(the_end_of_a_set_waits_for_no_peer_for_long),
        cmocka_unit_test(a_name_has_one_listener),
        cmocka_unit_test(a_name_is_free_again_after_close),
        cmocka_unit_test(nobody_listening_is_told),
        cmocka_unit_test(a_bad_name_is_refused),
        cmocka_unit_test(unknown_administrators_are_refused),
        cmocka_unit_test(connections_wait_to_be_accepted_one_by_one),
        cmocka_unit_test(who_leaves_before_being_accepted_harms_nobody),
        cmocka_unit_test(many_talk_at_once),
        cmocka_unit_test(a_wait_tells_which_of_many),
        cmocka_unit_test(a_wait_lasts_as_long_as_told),
        cmocka_unit_test(a_wake_before_the_wait_counts_once),
        cmocka_unit_test(another_thread_ends_a_wait),
        cmocka_unit_test(the_system_says_who_is_there),
        cmocka_unit_test(the_default_name_is_a_name),
    };

    return cmocka_run_group_tests(tests, start, clean_up);
}
