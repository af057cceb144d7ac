/*
 * What the tests of both systems share: the Windows program under Wine and the
 * native one, which meet over loopback, where both live (sockets of Wine belong
 * to its server).
 */
#ifndef SPD_TESTS_NET_SYSTEMS_H
#define SPD_TESTS_NET_SYSTEMS_H

#include "tests/net/net.h"

enum side { NATIVE, WINDOWS, N_SIDES };
extern const char *const side_names[N_SIDES];

/* From main's arguments: NATIVE -- COMMAND... (what runs the Windows program).
 * Exits with 2 when they are others. */
void systems_use(int argc, char **argv);

struct net_program *side_start(enum side side, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A stateful reflector on a port of its own, which is returned. */
struct net_program *side_reflector(enum side side, const char *address, uint16_t *port);

/* Ends as Ctrl-C ends it, and prints its result. */
json_t *side_interrupt(struct net_program *p, int patience_s);

/* Fails unless objects have the same keys, and arrays elements of the same kind. */
void systems_check_same_keys(const json_t *native, const json_t *windows);

/* Fails unless both are the same but for the last digits of real numbers. */
void systems_check_same(const char *what, const json_t *native, const json_t *windows);

bool systems_have_ipv6(void);

#endif
