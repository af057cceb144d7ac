/*
 * The socket's inside, shared by the files that make it up: udp.c (life),
 * udp_option.c, udp_send.c, udp_receive.c and udp_wine.c.
 */
#ifndef SPD_WIN_UDP_H
#define SPD_WIN_UDP_H

#include <mswsock.h>

#include "common/sys/udp.h"
#include "win/cport.h"
#include "win/qos.h"

/* Received beside each other in the second buffer of every receive, and never
 * read: so a datagram is never cut by the system, whose reports of that differ. */
#define SPD_WIN_SCRATCH_BYTES 65536
/* Receives that share one such area. Each pending one locks its pages, and the
 * system bounds how often a page may be locked. */
#define SPD_WIN_SCRATCH_SHARERS 512

#define SPD_WIN_ICMP_KEPT 64

/* Control data as Winsock lays it out: header and data each start at a multiple
 * of the largest natural alignment. (The SDK's macros for it do not survive our
 * warnings.) */
#define SPD_WIN_CONTROL_ALIGN(n) (((n) + (size_t)7) & ~(size_t)7)
#define SPD_WIN_CONTROL_LEN(n)   (SPD_WIN_CONTROL_ALIGN(sizeof(WSACMSGHDR)) + (n))
#define SPD_WIN_CONTROL_SPACE(n) SPD_WIN_CONTROL_ALIGN(SPD_WIN_CONTROL_LEN(n))
#define SPD_WIN_CONTROL_DATA(h)  ((void *)((uintptr_t)(h) + SPD_WIN_CONTROL_LEN(0)))
static_assert(sizeof(WSACMSGHDR) == 16 && alignof(WSACMSGHDR) == 8, "the layout of control data");

struct spd_icmp_error {
    enum spd_err err;
    struct spd_addr offender;
};

struct spd_udp {
    struct spd_cport *port;
    uintptr_t key;
    SOCKET socket;
    LPFN_WSARECVMSG receive_message;
    struct spd_udp *next; /* in the port's list */
    struct spd_udp *previous;
    atomic_uint n_references; /* the caller's handle, and each operation in flight */
    atomic_bool closing;
    struct spd_addr remote; /* family NONE when not connected */
    uint8_t family;
    uint32_t max_datagram_bytes;
    unsigned max_queued_receives;
    atomic_uint n_receives;

    unsigned char *scratch;
    size_t n_scratch;
    size_t next_scratch;

    struct spd_udp_config config;
    bool wine;
    /* Guarded by the port's lock; see udp_wine.c. */
    uint64_t next_issue_number;
    uint64_t cancelled_before;  /* everything issued before was asked to end */
    uint64_t error_told_before; /* of an ICMP error, to receives issued before */
    int tclass; /* in force for the socket's sends unless they ask otherwise; -1 none */
    int marked; /* the socket option's value now, where that marks anything */
    bool tclass_control_refused;
    struct spd_qos_flow flow;
    struct spd_udp_facts facts;
    atomic_bool stamps_missing; /* asked for, and a datagram came without */

    SRWLOCK icmp_lock;
    struct spd_icmp_error icmp[SPD_WIN_ICMP_KEPT];
    size_t icmp_first;
    size_t n_icmp;
};

/* Apply the configuration before and after bind; fills udp->facts. */
enum spd_err spd_udp_options_before_bind(struct spd_udp *udp, const struct spd_udp_config *config,
                                         struct spd_diag *diag);
void spd_udp_options_after_connect(struct spd_udp *udp, const struct spd_udp_config *config);
/* Mark what is sent from now on, where the socket option does that. Returns
 * whether it does. */
bool spd_udp_mark(struct spd_udp *udp, int tclass);

/* Hand one operation to the system. The port's lock is held. Returns whether
 * the system took it; otherwise it has completed with its error. */
bool spd_udp_issue_send_locked(struct spd_udp *udp, struct spd_op *op);
void spd_udp_issue_receive_locked(struct spd_udp *udp, struct spd_op *op);

/* What one wait has found out and its completions share. */
struct spd_receive_context {
    bool have_pair;
    struct spd_clock_pair pair;
};

/* Make a receive ready to be issued, for the first time or again. */
void spd_udp_prepare_receive(struct spd_op *op);
/* Replace the system's socket by one like it. The port's lock is held. */
enum spd_err spd_udp_open_again(struct spd_udp *udp);
/* The system told of an ICMP error. The port's lock is held. */
void spd_udp_unreachable_locked(struct spd_udp *udp);
/* Wine ends more operations than Windows does. Returns whether the completion
 * was such a one: then the operation was handed over again. */
bool spd_udp_hand_over_again(struct spd_op *op);

/* Turn a completion of the system into the caller's. */
void spd_udp_finish_send(struct spd_op *op, uint32_t n_bytes, struct spd_completion *out);
void spd_udp_finish_receive(struct spd_op *op, uint32_t n_bytes,
                            struct spd_receive_context *context, struct spd_completion *out);
/* The error of a completed operation of the socket; keeps ICMP errors. */
enum spd_err spd_udp_error_of(struct spd_udp *udp, const struct spd_win_op *w, int32_t *os_code);
void spd_udp_keep_icmp_error(struct spd_udp *udp, enum spd_err err);

/* Ask the system to end the socket's pending operations. Any thread. */
void spd_udp_cancel_pending(struct spd_udp *udp);
void spd_udp_release(struct spd_udp *udp);

#endif
