/*
 * Conformance: threads that post, close and queue while one waits. Threads
 * never assert; they count, and the main thread judges.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "tests/sys/cport_kit.h"

#define N_POSTERS 4
#define N_POSTS   100000

/* ---- many posters ---- */

struct poster {
    struct spd_cport *port;
    uintptr_t key;
    uint32_t n_posts;
    atomic_uint n_refused;
};

static void post_many(void *argument)
{
    struct poster *poster = argument;

    for (uint32_t i = 0; i < poster->n_posts; i++) {
        if (spd_cport_post(poster->port, poster->key, i, NULL) != SPD_ERR_OK)
            poster->n_refused++;
    }
}

/* Takes posts until all have come or none comes for long; each may come once. */
static void take_each_once(struct kit *kit, unsigned char *seen, size_t n_posts)
{
    struct spd_completion out[256];
    size_t n_taken = 0, n;

    while (n_taken < N_POSTERS * n_posts) {
        enum spd_err err = spd_cport_wait(kit->port, out, 256, &n, KIT_PATIENCE_NS);

        if (err != SPD_ERR_OK)
            kit_fail("%u posts of %u lost", (unsigned)(N_POSTERS * n_posts - n_taken),
                     (unsigned)(N_POSTERS * n_posts));
        for (size_t i = 0; i < n; i++) {
            assert_true(out[i].key < N_POSTERS && out[i].n_bytes < n_posts && !out[i].op);
            assert_int_equal(seen[out[i].key * n_posts + out[i].n_bytes]++, 0);
        }
        n_taken += n;
    }
}

static void four_threads_post_100000_each_and_none_is_lost(struct kit *kit)
{
    static struct poster posters[N_POSTERS];
    unsigned char *seen = calloc(N_POSTERS, N_POSTS);

    assert_non_null(seen);
    for (uintptr_t i = 0; i < N_POSTERS; i++) {
        posters[i] = (struct poster){ .port = kit->port, .key = i, .n_posts = N_POSTS };
        kit_start(kit, post_many, &posters[i]);
    }
    take_each_once(kit, seen, N_POSTS);
    kit_join(kit);
    for (size_t i = 0; i < N_POSTERS; i++)
        assert_int_equal(posters[i].n_refused, 0);
    free(seen);
}

static void posts_from_other_threads_meet_datagrams(struct kit *kit)
{
    enum { N = 200 };
    static struct poster posters[2];
    struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);
    struct kit_request *receives = kit_requests(kit, N, 16);
    struct kit_request *sends = kit_requests(kit, N, 4);

    for (size_t i = 0; i < N; i++)
        kit_receive(kit, pair.receiver, &receives[i]);
    for (uintptr_t i = 0; i < 2; i++) {
        posters[i] = (struct poster){ .port = kit->port, .key = 100 + i, .n_posts = 5000 };
        kit_start(kit, post_many, &posters[i]);
    }
    for (uint32_t i = 0; i < N; i += 10) {
        kit_send_numbers(kit, pair.sender, sends + i, 10, i);
        kit_await(kit, sends + i, 10);
    }
    kit_await(kit, receives, N);
    kit_await_bare(kit, 10000);
    for (uint32_t i = 0; i < N; i++) {
        kit_expect(&receives[i], SPD_ERR_OK, 4);
        assert_int_equal(kit_number(receives[i].buffer), i);
        kit_expect(&sends[i], SPD_ERR_OK, 4);
    }
}

/* ---- wake-ups from another thread ---- */

static void post_later(void *argument)
{
    struct poster *poster = argument;

    spd_thread_sleep(30 * SPD_NS_PER_MS);
    post_many(poster);
}

static void a_post_from_another_thread_ends_a_wait_for_ever(struct kit *kit)
{
    static struct poster poster;
    struct spd_completion out;
    size_t n = 0;

    for (int round = 0; round < 3; round++) {
        poster = (struct poster){ .port = kit->port, .key = 8, .n_posts = 1 };
        kit_start(kit, post_later, &poster);
        assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, SPD_NS_FOREVER), SPD_ERR_OK);
        assert_true(out.key == 8);
        kit_join(kit);
    }
}

static void close_later(void *argument)
{
    spd_thread_sleep(30 * SPD_NS_PER_MS);
    spd_cport_close(argument);
}

static void a_close_by_another_thread_ends_a_wait_for_ever(struct kit *kit)
{
    struct kit_request *request = kit_requests(kit, 1, 16);
    struct spd_udp *udp = kit_open(kit, 4, &(struct spd_udp_config){ .tclass = -1 });
    struct spd_completion out;
    size_t n = 0;

    kit_receive(kit, udp, request);
    kit_start(kit, close_later, kit->port);
    assert_true(kit_take(kit, kit->port, SPD_NS_FOREVER)); /* the receive, cancelled */
    kit_expect(request, SPD_ERR_CANCELLED, 0);
    assert_true(request->last.key == 4);
    assert_int_equal(spd_cport_wait(kit->port, &out, 1, &n, SPD_NS_FOREVER), SPD_ERR_CLOSED);
}

/* ---- many threads with sockets of their own ---- */

struct talker {
    struct spd_udp *sender, *receiver;
    struct spd_cport *port;
    struct kit_request *sends, *receives;
    uint32_t n;
    atomic_uint n_refused;
};

static void talk(void *argument)
{
    struct talker *talker = argument;

    for (uint32_t i = 0; i < talker->n; i++) {
        struct kit_request *receive = &talker->receives[i], *send = &talker->sends[i];

        if (spd_udp_queue_receive(talker->receiver, &receive->op, receive->buffer,
                                  receive->capacity, &receive->meta) != SPD_ERR_OK ||
            spd_udp_queue_send(talker->sender, &send->op, send->buffer, 4, NULL) != SPD_ERR_OK ||
            spd_cport_commit(talker->port, NULL) != SPD_ERR_OK)
            talker->n_refused++;
        if (i % 16 == 15)
            spd_thread_sleep(SPD_NS_PER_MS); /* leave room in the socket's buffer */
    }
}

static void threads_may_queue_on_their_own_sockets_of_one_port(struct kit *kit)
{
    enum { N_TALKERS = 4, N = 320 };
    static struct talker talkers[N_TALKERS];

    for (size_t t = 0; t < N_TALKERS; t++) {
        struct kit_pair pair = kit_open_pair(kit, SPD_FAMILY_IPV4);

        talkers[t].sender = pair.sender;
        talkers[t].receiver = pair.receiver;
        talkers[t].port = kit->port;
        talkers[t].n = N;
        talkers[t].n_refused = 0;
        talkers[t].sends = kit_requests(kit, N, 4);
        talkers[t].receives = kit_requests(kit, N, 4);
        for (size_t i = 0; i < N; i++)
            talkers[t].sends[i].n_accepted = talkers[t].receives[i].n_accepted = 1;
        kit_start(kit, talk, &talkers[t]);
    }
    for (size_t t = 0; t < N_TALKERS; t++) {
        kit_await(kit, talkers[t].sends, N);
        kit_await(kit, talkers[t].receives, N);
        assert_int_equal(talkers[t].n_refused, 0);
    }
}

const struct kit_case cport_thread_cases[] = {
    KIT_CASE(four_threads_post_100000_each_and_none_is_lost, 0),
    KIT_CASE(posts_from_other_threads_meet_datagrams, 0),
    KIT_CASE(a_post_from_another_thread_ends_a_wait_for_ever, 0),
    KIT_CASE(a_close_by_another_thread_ends_a_wait_for_ever, 0),
    KIT_CASE(threads_may_queue_on_their_own_sockets_of_one_port, KIT_SHARED_ONLY),
    { NULL, NULL, 0 },
};
