/*
 * Conformance: several threads that wait on one port, and the limit to how
 * many hold completions. Threads never assert; the main thread judges.
 */
#include <stdatomic.h>

#include "common/sys/clock.h"
#include "common/sys/host.h"
#include "tests/sys/cport_kit.h"

#define MAX_WAITERS 6

struct waiter {
    struct spd_cport *port;
    spd_ns timeout_ns;
    spd_ns hold_ns;       /* how long it keeps what it got */
    unsigned n_most;      /* completions after which it ends; 0: never */
    atomic_uint *holders; /* threads that hold completions now */
    atomic_uint *most;    /* the most there ever were */
    unsigned char *seen;  /* by n_bytes */
    atomic_uint n_taken;
    atomic_int last; /* the last answer of wait */
    atomic_bool waiting;
};

static void hold(struct waiter *waiter)
{
    unsigned now, most;

    if (waiter->holders == NULL)
        return;
    now = ++*waiter->holders;
    most = *waiter->most;
    while (now > most && !atomic_compare_exchange_weak(waiter->most, &most, now))
        continue;
    if (waiter->hold_ns)
        spd_thread_sleep(waiter->hold_ns);
    --*waiter->holders;
}

static void wait_and_hold(void *argument)
{
    struct waiter *waiter = argument;

    for (;;) {
        struct spd_completion out[4];
        size_t n = 0;
        enum spd_err err;

        waiter->waiting = true;
        err = spd_cport_wait(waiter->port, out, waiter->hold_ns ? 1 : 4, &n, waiter->timeout_ns);
        waiter->last = (int)err;
        if (err != SPD_ERR_OK)
            return;
        for (size_t i = 0; i < n; i++) {
            if (waiter->seen)
                waiter->seen[out[i].n_bytes]++;
        }
        waiter->n_taken += (unsigned)n;
        hold(waiter);
        if (waiter->n_most && waiter->n_taken >= waiter->n_most)
            return;
    }
}

static struct waiter waiters[MAX_WAITERS];

static void start_waiters(struct kit *kit, size_t n, const struct waiter *like)
{
    for (size_t i = 0; i < n; i++) {
        waiters[i].port = kit->port;
        waiters[i].timeout_ns = like->timeout_ns;
        waiters[i].hold_ns = like->hold_ns;
        waiters[i].n_most = like->n_most;
        waiters[i].holders = like->holders;
        waiters[i].most = like->most;
        waiters[i].seen = like->seen;
        waiters[i].n_taken = 0;
        waiters[i].last = -1;
        waiters[i].waiting = false;
        kit_start(kit, wait_and_hold, &waiters[i]);
    }
    for (size_t i = 0; i < n; i++) {
        while (!waiters[i].waiting)
            spd_thread_sleep(SPD_NS_PER_MS);
    }
    spd_thread_sleep(20 * SPD_NS_PER_MS); /* so that they are inside, as a rule */
}

static unsigned sum_taken(size_t n)
{
    unsigned sum = 0;

    for (size_t i = 0; i < n; i++)
        sum += waiters[i].n_taken;
    return sum;
}

static void until_taken(size_t n, unsigned n_expected)
{
    spd_ticks start = spd_clock_now();

    while (sum_taken(n) < n_expected) {
        if (kit_elapsed_ns(start) > KIT_PATIENCE_NS)
            kit_fail("%u of %u completions reached a waiter", sum_taken(n), n_expected);
        spd_thread_sleep(SPD_NS_PER_MS);
    }
}

static void close_wakes_every_waiter(struct kit *kit)
{
    start_waiters(kit, MAX_WAITERS, &(struct waiter){ .timeout_ns = SPD_NS_FOREVER });
    spd_cport_close(kit->port);
    kit_join(kit); /* the test's time-out tells if one sleeps on */
    for (size_t i = 0; i < MAX_WAITERS; i++)
        assert_int_equal(waiters[i].last, SPD_ERR_CLOSED);
}

static void waiters_share_posts_and_each_goes_to_one(struct kit *kit)
{
    enum { N = 5000 };
    static unsigned char seen[N];

    for (size_t i = 0; i < N; i++)
        seen[i] = 0;
    start_waiters(kit, 4, &(struct waiter){ .timeout_ns = SPD_NS_FOREVER, .seen = seen });
    for (uint32_t i = 0; i < N; i++)
        kit_post(kit, 1, i, NULL);
    until_taken(4, N);
    spd_cport_close(kit->port);
    kit_join(kit);
    assert_int_equal(sum_taken(4), N);
    for (size_t i = 0; i < N; i++)
        assert_int_equal(seen[i], 1);
}

static void check_limit(struct kit *kit, unsigned limit, unsigned n_expected)
{
    static atomic_uint holders, most; /* threads may outlive a failed assertion */
    struct spd_cport_config config = { .concurrency_limit = limit };

    holders = most = 0;
    kit_create_port(kit, &config);
    start_waiters(kit, MAX_WAITERS,
                  &(struct waiter){ .timeout_ns = SPD_NS_FOREVER,
                                    .hold_ns = 3 * SPD_NS_PER_MS,
                                    .holders = &holders,
                                    .most = &most });
    for (uint32_t i = 0; i < 60; i++)
        kit_post(kit, 1, i, NULL);
    until_taken(MAX_WAITERS, 60);
    spd_cport_close(kit->port);
    kit_join(kit);
    assert_int_equal(sum_taken(MAX_WAITERS), 60);
    assert_int_equal(most, n_expected);
}

static void at_most_as_many_threads_as_the_limit_hold_completions(struct kit *kit)
{
    check_limit(kit, 2, 2);
}

static void a_limit_of_one_lets_one_thread_hold_completions(struct kit *kit)
{
    check_limit(kit, 1, 1);
}

static void no_limit_means_one_thread_for_each_processor(struct kit *kit)
{
    struct spd_host host;

    spd_host_read(&host);
    check_limit(kit, 0, host.n_processors < MAX_WAITERS ? host.n_processors : MAX_WAITERS);
}

static void a_thread_that_ends_gives_its_place_back(struct kit *kit)
{
    struct spd_cport_config config = { .concurrency_limit = 1 };

    kit_create_port(kit, &config);
    for (int round = 0; round < 3; round++) {
        start_waiters(kit, 1, &(struct waiter){ .timeout_ns = SPD_NS_FOREVER, .n_most = 1 });
        kit_post(kit, 1, 1, NULL);
        kit_join(kit); /* it ended holding a completion */
        assert_int_equal(sum_taken(1), 1);
    }
    kit_post(kit, 1, 2, NULL);
    kit_await_bare(kit, 1);
}

/* The datagram comes from another port, so that nothing of this one wakes the
 * waiter that is left but the kernel. */
static void a_waiter_that_times_out_leaves_the_others_served(struct kit *kit)
{
    struct spd_udp_config config = { .tclass = -1 };
    struct spd_udp *receiver = kit_open(kit, 2, &config), *sender;
    struct kit_request *receive = kit_requests(kit, 1, 16);
    struct kit_request *send = kit_requests(kit, 1, 4);
    enum spd_err err;

    config.remote = kit_address(receiver);
    sender = kit_open_on(kit, kit_other_port(kit), 1, &config);
    kit_receive(kit, receiver, receive);
    /* The first to wait may be the one that waits in the kernel for all. */
    start_waiters(kit, 1, &(struct waiter){ .timeout_ns = 100 * SPD_NS_PER_MS });
    waiters[1].port = kit->port;
    waiters[1].timeout_ns = SPD_NS_FOREVER;
    waiters[1].hold_ns = 0;
    waiters[1].n_most = 1;
    waiters[1].n_taken = 0;
    waiters[1].holders = NULL;
    waiters[1].seen = NULL;
    kit_start(kit, wait_and_hold, &waiters[1]);
    while (waiters[0].last != (int)SPD_ERR_TIMEOUT)
        spd_thread_sleep(SPD_NS_PER_MS);
    kit_send_numbers(kit, sender, send, 1, 77);
    err = spd_cport_commit(kit->other, NULL);
    until_taken(2, 1);
    kit_join(kit);
    assert_int_equal(err, SPD_ERR_OK);
    assert_int_equal(waiters[1].last, SPD_ERR_OK);
    assert_int_equal(waiters[1].n_taken, 1);
    assert_int_equal(receive->op.in_flight, 0);
    assert_int_equal(kit_number(receive->buffer), 77);
    receive->n_completed = 1;
    kit_await_on(kit, kit->other, send, 1);
}

const struct kit_case cport_waiter_cases[] = {
    KIT_CASE(close_wakes_every_waiter, KIT_SHARED_ONLY | KIT_THREADS_MEET),
    KIT_CASE(waiters_share_posts_and_each_goes_to_one, KIT_SHARED_ONLY | KIT_THREADS_MEET),
    KIT_CASE(at_most_as_many_threads_as_the_limit_hold_completions,
             KIT_SHARED_ONLY | KIT_THREADS_MEET | KIT_OWN_PORT),
    KIT_CASE(a_limit_of_one_lets_one_thread_hold_completions,
             KIT_SHARED_ONLY | KIT_THREADS_MEET | KIT_OWN_PORT),
    KIT_CASE(no_limit_means_one_thread_for_each_processor,
             KIT_SHARED_ONLY | KIT_THREADS_MEET | KIT_OWN_PORT),
    KIT_CASE(a_thread_that_ends_gives_its_place_back,
             KIT_SHARED_ONLY | KIT_THREADS_MEET | KIT_OWN_PORT),
    KIT_CASE(a_waiter_that_times_out_leaves_the_others_served, KIT_SHARED_ONLY | KIT_THREADS_MEET),
    { NULL, NULL, 0 },
};
