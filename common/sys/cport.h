/*
 * The completion port: one narrow model, the same on Windows (a real I/O
 * completion port), on Linux (io_uring under a port kept in user space) and in
 * the simulator. tests/sys/test_cport.c holds all three to what stands here.
 *
 * Rules for the whole interface:
 * - An operation is accepted when a queue function returns SPD_ERR_OK. Every
 *   accepted operation completes exactly once: after success, immediate or
 *   late, after failure, cancel, or close of its socket or port. An operation
 *   that was not accepted never completes.
 * - A completion carries the key of its socket, the operation, the byte count
 *   and one error value. A post delivers key, byte count and operation (or
 *   none) untouched.
 * - Nothing leaves before commit. Datagrams queued on one socket leave in the
 *   order in which they were queued, also when the send buffer fills up. No
 *   order is promised between completions.
 * - An operation belongs to the port from the queue call until its completion
 *   is returned by wait. Until then its memory, and the buffers given with it,
 *   must stay valid. spd_op_fini asserts that it is idle, in every build.
 * - Out pointers are never NULL unless said otherwise.
 */
#ifndef SPD_SYS_CPORT_H
#define SPD_SYS_CPORT_H

#include <stdbool.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/time.h"

struct spd_cport;

/* Room for what the system needs for each operation (OVERLAPPED, message
 * headers, control data, list links). Implementations static_assert it. */
#define SPD_OP_SYSTEM_BYTES 448

/* A caller-owned operation. Embed it in a request and find the request again
 * with SPD_CONTAINER_OF. Zero is a valid idle value. */
struct spd_op {
    alignas(16) unsigned char system[SPD_OP_SYSTEM_BYTES];
    uint32_t in_flight; /* 1 while it belongs to a port; read only */
    uint32_t kind;      /* for the caller: never touched by the port */
};

#define SPD_CONTAINER_OF(pointer, type, member) \
    ((type *)(void *)((char *)(pointer) - offsetof(type, member)))

/* Make idle; and declare dead, which panics (base/assert.h) while the
 * operation still belongs to a port. Any thread. */
void spd_op_init(struct spd_op *op);
void spd_op_fini(struct spd_op *op);

struct spd_completion {
    uintptr_t key;
    struct spd_op *op; /* NULL for a post without one */
    uint32_t n_bytes;
    enum spd_err err;
    int32_t os_code;   /* behind err, for messages */
};

/* Features an implementation may use when the system has them. A test (or a
 * user on a broken system) can deny them to force the next best way. */
enum spd_cport_feature {
    SPD_CPORT_MULTISHOT = 1u << 0,  /* one kernel receive serves many operations */
    SPD_CPORT_TX_STAMP  = 1u << 1,  /* send stamps read through the ring */
    SPD_CPORT_DEFER     = 1u << 2,  /* completions only when the owner waits */
    SPD_CPORT_RIO       = 1u << 3,  /* Windows Registered I/O */
};

struct spd_cport_config {
    /* At most this many threads hold completions at the same time (a thread
     * holds them from the return of wait to its next wait on the port, or its
     * end). 0 means one for each processor. */
    unsigned concurrency_limit;
    /* The port is served by the one thread that first queues or waits: it
     * alone queues, commits, waits and closes sockets; others may only post
     * and close the port. Much cheaper; queue, commit and wait then take no
     * lock. */
    bool single_owner;
    /* Most sends queued and not yet committed; rounded up. 0 means 4096, the
     * most is 32768. */
    unsigned max_queued_sends;
    unsigned denied_features; /* of enum spd_cport_feature */
};

/* What the system gave. Texts are static. */
struct spd_cport_facts {
    const char *kind;         /* "io_uring", "iocp", "iocp+rio", "simulated" */
    const char *receive_path; /* "multishot", "poll+recvmmsg", "overlapped", ... */
    unsigned features;        /* in use, of enum spd_cport_feature */
    char note[160];           /* what was missing, if anything */
};

/* Create a port. Errors: NOTSUP or PERM when the system denies completion
 * ports (diag names the setting to change), NOMEM, LIMIT (descriptors). */
enum spd_err spd_cport_create(const struct spd_cport_config *config, struct spd_cport **out,
                              struct spd_diag *diag);

void spd_cport_facts(const struct spd_cport *port, struct spd_cport_facts *out);

/* Hand every queued send and receive of this port's sockets to the system, in
 * one system call where it can. *n_handed (may be NULL) is the number of sends
 * handed over by this call; sends that found the send buffer full follow by
 * themselves, in order, while some thread waits on the port. Failures of
 * single operations arrive as completions. */
enum spd_err spd_cport_commit(struct spd_cport *port, size_t *n_handed);

/* Wait for completions. Returns
 *   OK       *n_out of them (1..capacity) are in out;
 *   TIMEOUT  timeout_ns passed (0 polls, SPD_NS_FOREVER never does);
 *   CLOSED   the port was closed and holds no more completions;
 *   another  the system failed; the port can only be closed.
 * What is pending is committed first. */
enum spd_err spd_cport_wait(struct spd_cport *port, struct spd_completion *out, size_t capacity,
                            size_t *n_out, spd_ns timeout_ns);

/* Deliver a completion of our own: key, n_bytes and op (or NULL) arrive
 * untouched, err is OK. op, if any, belongs to the port until then. Any
 * thread, also when no thread waits. Errors: CLOSED, NOMEM. */
enum spd_err spd_cport_post(struct spd_cport *port, uintptr_t key, uint32_t n_bytes,
                            struct spd_op *op);

/* Close: no more is accepted; pending operations complete with CANCELLED and
 * can still be fetched; every waiting thread wakes, and once nothing is left
 * wait answers CLOSED. Any thread. Idempotent. Sockets of the port must still
 * be closed by their owner, before destroy. */
void spd_cport_close(struct spd_cport *port);

/* Free. No thread may be in wait, all completions must have been fetched and
 * all sockets closed (asserted). NULL is allowed. */
void spd_cport_destroy(struct spd_cport *port);

#endif
