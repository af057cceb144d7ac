/*
 * An exchange of datagrams on loopback that uses every function of cport.h and
 * udp.h. Every step may fail; what was begun is then still brought to its end.
 */
#ifndef SPD_TESTS_SYS_POSIX_EXCHANGE_H
#define SPD_TESTS_SYS_POSIX_EXCHANGE_H

#include <stdatomic.h>

#include "common/sys/udp.h"
#include "tests/sys/posix_attempt.h"

struct exchange_kind {
    bool single_owner;
    bool connected;
    bool by_counter;   /* sends handed over one by one */
    bool nobody_there; /* sends go to a port that nobody has */
    unsigned denied_features;
};

/* Opens a port and two sockets, sends, receives, posts, reads stamps, cancels,
 * closes; checks that every operation accepted completed exactly once. */
void exchange(struct attempt *attempt, const struct exchange_kind *kind);

/* --- shared by posix_exchange.c and posix_exchange_steps.c --- */

enum {
    N_SENDS = 4,
    FIRST_RECEIVE = N_SENDS,
    N_RECEIVES = 4,
    SPARE = FIRST_RECEIVE + N_RECEIVES, /* a receive that gets nothing: cancelled */
    LEFT_OVER,                          /* another: closed with its socket */
    POSTED,
    N_OPS,
    PAYLOAD = 64,
    N_POSTS = 1000,
    KEY_WEST = 100,
    KEY_EAST,
    KEY_POST,
};

struct run {
    struct attempt *attempt;
    const struct exchange_kind *kind;
    struct spd_cport *port;
    struct spd_udp *west;
    struct spd_udp *east;
    struct spd_addr west_address;
    struct spd_addr east_address;
    struct spd_op ops[N_OPS];
    bool accepted[N_OPS];
    unsigned n_completed[N_OPS];
    enum spd_err errs[N_OPS];
    unsigned char data[N_OPS][PAYLOAD];
    struct spd_udp_meta metas[N_OPS];
    atomic_int post_outcome; /* enum spd_err, -1 before */
    unsigned n_plain;        /* posts without operation that came */
    bool has_come[N_POSTS];
};

/* Takes note of a completion. */
void exchange_take(struct run *run, const struct spd_completion *completion);
/* Waits until the operations [first, first + n) have completed; returns whether
 * all of them succeeded. */
bool exchange_await(struct run *run, const char *stage, size_t first, size_t n);

/* The steps; each notes its outcome in run->attempt. */
void exchange_send_and_receive(struct run *run);
void exchange_send_to_nobody(struct run *run);
void exchange_post(struct run *run);
void exchange_flood(struct run *run);
void exchange_cancel(struct run *run);

#endif
