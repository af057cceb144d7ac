/*
 * What the parts of the named pipes share. Private to win/.
 */
#ifndef SPD_WIN_LOCAL_H
#define SPD_WIN_LOCAL_H

#include <winsock2.h>
#include <windows.h>

#include <stdbool.h>

#include "common/sys/local.h"
#include "win/sid.h"

#define SPD_LOCAL_PIPE_BYTES 65536
/* How many clients can connect before the next accept. */
#define SPD_LOCAL_BACKLOG 8
/* How long a peer may take to read what was written before a close. */
#define SPD_LOCAL_LINGER_NS (5 * SPD_NS_PER_S)

/* An operation of the system; pending from its start until its completion is
 * dequeued, and its memory belongs to the system so long. */
struct spd_local_op {
    OVERLAPPED overlapped;
    bool pending;
    DWORD code; /* of the last one: 0, or why it failed */
    DWORD n_bytes;
};

struct spd_local_set {
    HANDLE port;
    volatile LONG wakes; /* 1: a wake is on its way or waits to be seen */
    bool woken;
    size_t n_members;
    struct spd_local *closing; /* closed by their owner, but not over yet */
};

/* Who is an administrator. */
struct spd_local_admins {
    PSECURITY_DESCRIPTOR descriptor; /* of a listener its own; else NULL */
    PSECURITY_DESCRIPTOR own;        /* whom the pipe lets in */
    char own_user[SPD_SID_TEXT_BYTES];
    unsigned n_users; /* the listener and the connections that it accepted */
};

struct spd_local_instance {
    HANDLE pipe;
    struct spd_local_op connect;
    bool connected;
};

struct spd_local_listener {
    wchar_t *path;
    struct spd_local_instance instances[SPD_LOCAL_BACKLOG];
};

struct spd_local {
    struct spd_local_set *set;
    struct spd_local_admins *admins;     /* shared; NULL for who connected */
    struct spd_local_listener *listener; /* NULL for a connection */
    struct spd_local *next;              /* among those that are closing */
    spd_ticks closed_at;
    HANDLE pipe;
    struct spd_local_op read, write;
    DWORD read_code; /* why there will be nothing more to read; 0 */
    size_t in_at, in_end;
    char in[8192];
    char out[16384];
};

/* A member of the set without a pipe; NULL for want of memory. */
struct spd_local *spd_local_make(struct spd_local_set *set);

/* Note what has completed; waits for the first of it at most timeout_ms. */
void spd_local_pump(struct spd_local_set *set, DWORD timeout_ms);

/* Take note that the operation was begun, or how it ended at once: code is 0, ERROR_IO_PENDING,
 * or why it was refused. */
void spd_local_op_begun(struct spd_local_op *op, DWORD code);

/* Wait, for at most a second, until a cancelled operation is over. */
bool spd_local_op_settle(struct spd_local_set *set, HANDLE pipe, struct spd_local_op *op);

/* The full name, for the caller to free. INVALID with a diag, NOMEM. */
enum spd_err spd_local_path(const char *name, wchar_t **out, struct spd_diag *diag);

bool spd_local_listener_is_ready(const struct spd_local_listener *listener);
/* Returns false when something is still under way: it must not be freed. */
bool spd_local_listener_close(struct spd_local *local);
void spd_local_admins_release(struct spd_local_admins *admins);

#endif
