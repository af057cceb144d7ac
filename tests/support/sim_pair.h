/*
 * For the tests of the simulator: a sender on host 1 and a receiver on host 2,
 * on one port, in a fresh world.
 */
#ifndef SPD_SIM_PAIR_H
#define SPD_SIM_PAIR_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "common/sys/udp.h"
#include "tests/support/sim.h"

#define MS  SPD_NS_PER_MS
#define MAX 64

struct sim_pair {
    struct spd_cport *port;
    struct spd_udp *sender, *receiver; /* keys 1 and 2 */
    struct spd_op sends[MAX], receives[MAX];
    unsigned char sent[MAX][100], received[MAX][100];
    struct spd_udp_meta meta[MAX];
    enum spd_err send_err[MAX];
    spd_ns came_ns[MAX]; /* true time at which receive i completed; -1 never */
    size_t n_came;
};
extern struct sim_pair net;

/* Open both like this, and queue all receives. */
void net_open(const struct spd_udp_config *like);
/* n datagrams, numbered in their first byte. */
void net_send(size_t n, size_t n_bytes);
/* Take everything that completes within a time. */
void net_run(spd_ns duration_ns);
void net_close(void);
/* Over this link, n datagrams of 100 bytes, and a second. */
void net_send_over(const struct sim_link *link, size_t n);

int net_fresh_world(void **state);
int net_end_world(void **state);
#define WORLD_TEST(f) cmocka_unit_test_setup_teardown(f, net_fresh_world, net_end_world)

#endif
