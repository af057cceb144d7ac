/*
 * What Windows needs for one operation, laid over the caller's struct spd_op.
 */
#ifndef SPD_WIN_OP_H
#define SPD_WIN_OP_H

#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

#include <assert.h>
#include <stdalign.h>

#include "common/sys/cport.h"
#include "common/sys/udp.h"

enum spd_win_op_what {
    SPD_WIN_OP_NONE,
    SPD_WIN_OP_POST,
    SPD_WIN_OP_SEND,
    SPD_WIN_OP_RECEIVE,
};

/* Room for the control data of every option that a receive may carry (packet
 * information 40, TTL 24, traffic class 24, stamp 24), with a margin: a buffer
 * that is too small turns the whole receive into an error. */
#define SPD_WIN_CONTROL_BYTES 192

/* What OVERLAPPED says until the system has written its result. */
#define SPD_WIN_STATUS_PENDING 0x103

struct spd_win_op {
    OVERLAPPED overlapped; /* first: a completion gives its address */
    struct spd_op *next;   /* in the port's list of operations not committed */
    struct spd_udp *udp;   /* holds a reference while in flight; NULL for a post */
    struct spd_udp_meta *meta;
    uint64_t handed_over_ticks;
    uint64_t issue_number; /* counts what the socket handed to the system */
    uint32_t capacity;     /* of the caller's buffer, for receives */
    int16_t tclass;        /* asked of this send; -1 none */
    uint8_t what;          /* enum spd_win_op_what */
    bool handed_over;      /* handed_over_ticks was taken */
    bool cancel_asked;     /* by name; see also cancelled_before of the socket */
    bool retried;
    enum spd_err failed; /* completed by us with this, not by the system */
    int32_t failed_code;
    WSABUF buffers[2];
    WSAMSG message;
    SOCKADDR_INET peer;
    alignas(16) unsigned char control[SPD_WIN_CONTROL_BYTES];
};

static_assert(sizeof(struct spd_win_op) <= SPD_OP_SYSTEM_BYTES, "the operation must fit");
static_assert(offsetof(struct spd_win_op, overlapped) == 0, "OVERLAPPED must come first");
static_assert(offsetof(struct spd_op, system) == 0, "and stand at the start of the operation");

static inline struct spd_win_op *spd_win_op(struct spd_op *op)
{
    return (struct spd_win_op *)(void *)op->system;
}

static inline struct spd_op *spd_win_op_of(OVERLAPPED *overlapped)
{
    return (struct spd_op *)(void *)overlapped;
}

/* Mark an idle operation as the port's own, and give it back. begin returns
 * false when it is in flight already. */
bool spd_win_op_begin(struct spd_op *op, enum spd_win_op_what what, struct spd_udp *udp);
void spd_win_op_end(struct spd_op *op);

#endif
