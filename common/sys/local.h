/*
 * Connections between programs of this host alone: a Unix socket, or a named
 * pipe. The system itself says who is at the other end. For control, not for
 * test packets: few octets, many peers, no hurry.
 *
 * Rules for the whole interface:
 * - A set, and every connection and listener in it, belongs to one thread. Only
 *   spd_local_set_wake may be called by others.
 * - read and write never block. TIMEOUT means "not now": wait for it.
 * - A connection that failed, or that the peer closed, stays so: close it.
 * - Whatever comes is octets from somebody who may be hostile.
 */
#ifndef SPD_SYS_LOCAL_H
#define SPD_SYS_LOCAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/time.h"

struct spd_local_set;
struct spd_local;

/* What is waited for together. Errors: LIMIT, NOMEM, each with a diag. Destroy
 * after everything in it is closed (asserted); it may block for up to a second
 * for what is written and not sent yet. NULL is allowed. */
enum spd_err spd_local_set_create(struct spd_local_set **out, struct spd_diag *diag);
void spd_local_set_destroy(struct spd_local_set *set);

/* Ends a wait of the set. A wake before the wait counts for it; several may
 * count as one. Any thread. */
void spd_local_set_wake(struct spd_local_set *set);

/* Where the service listens unless the configuration says otherwise:
 * "/run/stampede/control.sock", "\\.\pipe\stampede". Static. */
const char *spd_local_default_name(void);

struct spd_local_config {
    /* The path of a socket (at most 107 octets); the name of a pipe, with or
     * without \\.\pipe\ before it. Not kept. */
    const char *name;
    /* Whom spd_local_peer calls an administrator, besides the user that the
     * listening program runs as. POSIX: a group, by name or number; root is one
     * always. Windows: a security descriptor (SDDL); whoever it allows everything (GA) is
     * one. NULL: root; members of Administrators, with their rights in force, and
     * SYSTEM. Not kept. */
    const char *admins;
};

/* Listen. Every user of this host may connect, none from another host. What a
 * listener that died has left behind is taken over. Errors, with a diag that
 * names the name and the remedy: IN_USE (another listens; on Windows also: has
 * connections left that came in under the name), PERM, NOT_FOUND (the folder,
 * the group), INVALID (the name, the descriptor), LIMIT, NOMEM, IO. */
enum spd_err spd_local_listen(struct spd_local_set *set, const struct spd_local_config *config,
                              struct spd_local **out, struct spd_diag *diag);

/* The next connection that waits at a listener, into the listener's set.
 * Errors: TIMEOUT (none now), LIMIT (no descriptors or memory: it waits on),
 * another (it went away again; go on). */
enum spd_err spd_local_accept(struct spd_local *listener, struct spd_local **out);

/* Connect to who listens under the name. Blocks for at most timeout_ns, while
 * the listener is busy. The listener may see who we are, not act in our name. Errors,
 * with a diag: NOT_FOUND or REFUSED (nobody listens), PERM, TIMEOUT, INVALID,
 * LIMIT, NOMEM, IO. */
enum spd_err spd_local_connect(struct spd_local_set *set, const char *name, spd_ns timeout_ns,
                               struct spd_local **out, struct spd_diag *diag);

struct spd_local_group {
    const char *id;   /* "1000", "S-1-5-32-544" */
    const char *name; /* "adm", "BUILTIN\Administrators"; the id where there is none */
};

/* Who is at the other end, as the system says, not the peer. */
struct spd_local_peer {
    const char *user;    /* "alice", "EXAMPLE\alice"; the id where there is no name */
    const char *user_id; /* "1000", "S-1-5-21-..." */
    uint32_t pid;        /* at the time it connected; for messages only: numbers are reused */
    bool is_admin;
    size_t n_groups; /* those in force, each once; at most 1,024 */
    const struct spd_local_group *groups;
};

/* Ask once, after the first octets of an accepted connection were read (Windows
 * knows the sender of what was read). Names come from the system's user
 * database: blocks as long as that does. The caller frees the result. Errors, with a diag:
 * TIMEOUT (nothing was read yet), PERM (the peer hides who it is), NOMEM, IO. */
enum spd_err spd_local_peer(const struct spd_local *connection, struct spd_local_peer **out,
                            struct spd_diag *diag);
void spd_local_peer_free(struct spd_local_peer *peer); /* NULL is allowed */

/* 1 to capacity octets. Errors: TIMEOUT (none now), CLOSED (the peer sends no
 * more), IO (the connection broke). */
enum spd_err spd_local_read(struct spd_local *connection, void *out, size_t capacity,
                            size_t *n_out);

/* As many of the octets as there is room for, at least 1 of n (not 0). Errors:
 * TIMEOUT (no room now), IO (the peer is gone). */
enum spd_err spd_local_write(struct spd_local *connection, const void *bytes, size_t n,
                             size_t *n_written);

/* A connection: what is written and not sent yet is still sent, as far as the
 * peer takes it within five seconds. A listener: who waits to be accepted is
 * turned away. NULL is allowed. */
void spd_local_close(struct spd_local *connection);

struct spd_local_want {
    struct spd_local *connection;
    bool read; /* or a connection to accept, or the peer's close, or failure */
    bool write;
    bool is_readable; /* set by wait; only what was wanted */
    bool is_writable;
};

#define SPD_LOCAL_WANTS_MAX 256

/* Until one of the wants (at most SPD_LOCAL_WANTS_MAX, all of this set) is met,
 * the set is woken, or the time is over. Errors: TIMEOUT, NOMEM, IO. */
enum spd_err spd_local_wait(struct spd_local_set *set, struct spd_local_want *wants, size_t n,
                            spd_ns timeout_ns);

#endif
