/*
 * The completion port's inside, for the sockets on it.
 */
#ifndef SPD_WIN_CPORT_H
#define SPD_WIN_CPORT_H

#include <stdatomic.h>

#include "common/sys/cport.h"
#include "win/op.h"
#include "win/slots.h"

/* Operations linked through their next. */
struct spd_op_list {
    struct spd_op *head;
    struct spd_op *tail;
    size_t n;
};

struct spd_cport {
    HANDLE iocp;
    bool single_owner;
    DWORD owner; /* thread id of the single owner; 0 until it shows */
    unsigned max_queued_sends;

    /* Guards what follows; not taken when the port has a single owner. */
    SRWLOCK lock;
    struct spd_op_list queued; /* accepted, not yet committed, in order */
    struct spd_op_list done;   /* completed by us, not yet fetched */
    unsigned n_queued_sends;
    atomic_size_t n_queued;
    atomic_size_t n_done;

    /* Guards the list of sockets; close may come from any thread. */
    SRWLOCK sockets_lock;
    struct spd_udp *sockets;
    size_t n_sockets;

    /* Accepted operations and posts that wait has not returned yet. */
    atomic_size_t n_outstanding;
    atomic_bool closed;
    atomic_uint n_waiting;
    OVERLAPPED wake; /* its address marks a completion that only wakes */
    struct spd_slots slots;
};

/* Lock the queue; a single owner needs none. */
void spd_cport_lock(struct spd_cport *port);
void spd_cport_unlock(struct spd_cport *port);

/* The calling thread acts as the owner: panics when it is not. */
void spd_cport_check_owner(struct spd_cport *port);

void spd_op_list_append(struct spd_op_list *list, struct spd_op *op);
/* Unlink the first; NULL when empty. */
struct spd_op *spd_op_list_take(struct spd_op_list *list);

/* Accept an operation that was begun: it counts as outstanding and is queued.
 * Errors: CLOSED, FULL. */
enum spd_err spd_cport_accept(struct spd_cport *port, struct spd_op *op);

/* Complete an accepted operation without the system. The lock is held. */
void spd_cport_complete_locked(struct spd_cport *port, struct spd_op *op, enum spd_err err,
                               int32_t os_code);

/* Wake one waiting thread, so that it looks around. */
void spd_cport_wake(struct spd_cport *port);

/* Complete the socket's queued operations (all, or just op) with CANCELLED.
 * Returns how many. */
size_t spd_cport_cancel_queued(struct spd_cport *port, struct spd_udp *udp, struct spd_op *op);

/* The list of sockets. */
void spd_cport_add_socket(struct spd_cport *port, struct spd_udp *udp);
void spd_cport_remove_socket(struct spd_cport *port, struct spd_udp *udp);

#endif
