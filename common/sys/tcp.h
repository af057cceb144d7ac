/*
 * TCP connections ("streams") for control channels: few octets, many peers, no hurry. Never
 * for test packets, and not on the completion port: one thread owns a set of
 * streams, reads and writes without blocking, and waits for all of them at once.
 *
 * Rules for the whole interface:
 * - A stream, and everything waited for together, belongs to one thread. Only
 *   spd_tcp_waker_wake may be called by others.
 * - read and write never block. TIMEOUT means "not now": wait for it.
 * - A stream that failed, or that the peer closed, stays so: close it.
 */
#ifndef SPD_SYS_TCP_H
#define SPD_SYS_TCP_H

#include <stdbool.h>
#include <stddef.h>

#include "common/base/addr.h"
#include "common/base/err.h"
#include "common/base/time.h"

struct spd_tcp;

/* Listen on an address (port 0 lets the system choose), IPv6 without IPv4.
 * Errors, with a diag that names the address and the remedy: IN_USE, PERM,
 * NOT_FOUND, NOTSUP, LIMIT, NOMEM. */
enum spd_err spd_tcp_listen(const struct spd_addr *local, struct spd_tcp **out,
                            struct spd_diag *diag);

/* The next connection that waits at a listener. Errors: TIMEOUT (none now),
 * LIMIT (no descriptors or memory: it waits on), another (it went away again;
 * go on). */
enum spd_err spd_tcp_accept(struct spd_tcp *listener, struct spd_tcp **out);

/* Connect, from local's address unless it is NULL or of family NONE. Blocks for
 * at most timeout_ns. Errors, with a diag: TIMEOUT, REFUSED, HOST_UNREACHABLE,
 * NET_UNREACHABLE, NOT_FOUND (local), LIMIT, NOMEM. */
enum spd_err spd_tcp_connect(const struct spd_addr *remote, const struct spd_addr *local,
                             spd_ns timeout_ns, struct spd_tcp **out, struct spd_diag *diag);

/* Both ends of a connection; of a listener the local one alone. Family NONE
 * where it is not known any more. */
void spd_tcp_local(const struct spd_tcp *stream, struct spd_addr *out);
void spd_tcp_peer(const struct spd_tcp *stream, struct spd_addr *out);

/* 1 to capacity octets. Errors: TIMEOUT (none now), CLOSED (the peer sends no
 * more), IO (the connection broke). */
enum spd_err spd_tcp_read(struct spd_tcp *stream, void *out, size_t capacity, size_t *n_out);

/* As many of the octets as there is room for, at least 1 of n (not 0). Errors:
 * TIMEOUT (no room now), IO (the peer is gone). */
enum spd_err spd_tcp_write(struct spd_tcp *stream, const void *bytes, size_t n, size_t *n_written);

/* What is written and not sent yet is still sent, as far as the peer takes it.
 * NULL is allowed. */
void spd_tcp_close(struct spd_tcp *stream);

/* Lets another thread end a wait. A wake before the wait counts for it; several
 * may count as one. Errors: LIMIT, NOMEM. */
struct spd_tcp_waker;
enum spd_err spd_tcp_waker_create(struct spd_tcp_waker **out, struct spd_diag *diag);
void spd_tcp_waker_wake(struct spd_tcp_waker *waker);    /* any thread */
void spd_tcp_waker_destroy(struct spd_tcp_waker *waker); /* NULL is allowed */

struct spd_tcp_want {
    struct spd_tcp *stream;
    bool read; /* or a connection to accept, or the peer's close, or failure */
    bool write;
    bool is_readable; /* set by wait; only what was wanted */
    bool is_writable;
};

#define SPD_TCP_WANTS_MAX 256

/* Until one of the wants (at most SPD_TCP_WANTS_MAX) is met, the waker (or
 * NULL) is woken, or the time is over. Errors: TIMEOUT, NOMEM, IO. */
enum spd_err spd_tcp_wait(struct spd_tcp_want *wants, size_t n, struct spd_tcp_waker *waker,
                          spd_ns timeout_ns);

#endif
