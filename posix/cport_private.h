/*
 * What the completion port and its sockets share. Private to posix/.
 *
 * "Held" means: by the owner of a single-owner port, or under the lock of a
 * shared one. Everything here is called held, and every field is read and
 * written held, unless it says otherwise.
 */
#ifndef SPD_POSIX_CPORT_PRIVATE_H
#define SPD_POSIX_CPORT_PRIVATE_H

#include <netinet/in.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "common/base/assert.h"
#include "common/sys/cport.h"
#include "common/sys/udp.h"
#include "posix/ring.h"

/* ------------------------------------------------------------ operations */

/* How a send is put to the kernel, from the cheapest to the dearest. */
enum spd_send_form { SPD_SEND_PLAIN, SPD_SEND_TO, SPD_SEND_MESSAGE };

/* Destination and control data of one send; SPD_SEND_TO needs the first two
 * alone. */
struct spd_send_message {
    union {
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to;
    uint32_t to_bytes;
    struct msghdr header;
    struct iovec data;
    alignas(
        8) unsigned char control[CMSG_SPACE(sizeof(struct in6_pktinfo)) + CMSG_SPACE(sizeof(int))];
};

/* What stands in spd_op.system. The first 64 bytes are all that a plain send
 * or a receive touches. */
struct spd_op_system {
    struct spd_op *next;
    struct spd_udp *udp; /* valid until the operation is done */
    uintptr_t key;
    void *data;
    struct spd_udp_meta *meta; /* of a receive */
    uint64_t handed_over_at;   /* of a send, if has_handed_over_at */
    uint32_t n_bytes;          /* asked; then done, as the completion has it */
    uint32_t cost_bytes;       /* of a send: of the send buffer, with its margin */
    int32_t os_code;
    uint16_t err;
    uint8_t form; /* of a send: enum spd_send_form */
    bool has_handed_over_at;
    struct spd_send_message message;
};

_Static_assert(sizeof(struct spd_op_system) <= SPD_OP_SYSTEM_BYTES, "SPD_OP_SYSTEM_BYTES");
_Static_assert(offsetof(struct spd_op_system, message) <= 64, "first line of an operation");
_Static_assert(alignof(struct spd_op_system) <= 16, "alignment of spd_op.system");

static inline struct spd_op_system *spd_op_system(struct spd_op *op)
{
    return (struct spd_op_system *)(void *)op->system;
}

/* A queue of operations, linked through them, so that it never allocates. */
struct spd_op_list {
    struct spd_op *head;
    struct spd_op *tail;
    size_t n;
};

static inline void spd_op_list_push(struct spd_op_list *list, struct spd_op *op)
{
    spd_op_system(op)->next = NULL;
    if (list->head == NULL) {
        list->head = op;
    } else {
        spd_op_system(list->tail)->next = op;
    }
    list->tail = op;
    list->n++;
}

static inline struct spd_op *spd_op_list_pop(struct spd_op_list *list)
{
    struct spd_op *op = list->head;

    if (op != NULL) {
        list->head = spd_op_system(op)->next;
        list->n--;
    }
    return op;
}

/* Appends all of from, which becomes empty. */
static inline void spd_op_list_splice(struct spd_op_list *list, struct spd_op_list *from)
{
    if (from->head == NULL) {
        return;
    }
    if (list->head == NULL) {
        list->head = from->head;
    } else {
        spd_op_system(list->tail)->next = from->head;
    }
    list->tail = from->tail;
    list->n += from->n;
    *from = (struct spd_op_list){ NULL, NULL, 0 };
}

/* Takes op out; false when it is not in the list. */
bool spd_op_list_remove(struct spd_op_list *list, struct spd_op *op);

/* ------------------------------------------------------------------ port */

/* Completions that other threads post. */
struct spd_post {
    uintptr_t key;
    struct spd_op *op;
    uint32_t n_bytes;
};

struct spd_posts {
    pthread_mutex_t lock;
    struct spd_post *items; /* a ring of capacity items */
    size_t capacity;        /* a power of two */
    size_t first;
    atomic_size_t n; /* written under lock, read by anyone */
};

struct spd_waiter; /* cport_shared.c */

struct spd_cport {
    struct spd_ring ring;
    bool single_owner;
    bool owned;      /* the owner has come; owner is set */
    bool swept;      /* after close: what was pending has been cancelled */
    bool wake_armed; /* the kernel reads the eventfd for us */
    bool tick_armed; /* a timer is in the ring */
    struct __kernel_timespec tick;
    atomic_bool closed;
    const void *owner; /* spd_cport_this_thread of it */
    int os_errno;      /* not 0: the ring failed */
    unsigned max_queued_sends;
    size_t n_uncommitted;      /* sends queued since the last commit */
    size_t n_in_ring;          /* sends written to the ring and not handed over */
    struct spd_op_list done;   /* completions to be fetched */
    struct spd_udp *udps;      /* all sockets */
    struct spd_udp *senders;   /* those with sends to hand over */
    struct spd_udp *receivers; /* those whose receives need attention */
    struct spd_posts posts;
    atomic_bool sleeping; /* somebody is in the kernel: wake by the eventfd */
    int wake_fd;
    uint64_t wake_value;        /* where the kernel reads the eventfd into */
    struct spd_ring stamp_ring; /* reads send stamps */
    bool has_stamp_ring;
    uint64_t fixed_slots; /* a bit for each used slot of the file table */
    bool has_fixed_slots;
    uint16_t next_buffer_group;
    struct spd_cport_facts facts;

    /* Shared ports only: cport_shared.c. */
    pthread_mutex_t lock;
    pthread_key_t slot_key; /* not NULL in a thread that holds completions */
    unsigned concurrency_limit;
    unsigned n_holding;
    struct spd_waiter *waiters; /* last come, first woken */
    bool has_leader;
    unsigned n_wait_writable; /* sockets whose sends wait for room */
};

/* What a completion of the ring belongs to: the low bits of its user data,
 * above them the operation or socket. */
enum spd_tag {
    SPD_TAG_SEND = 0,
    SPD_TAG_RECEIVE = 1,  /* of the multishot receive */
    SPD_TAG_READABLE = 2, /* of its fall-back */
    SPD_TAG_WRITABLE = 3,
    SPD_TAG_WAKE = 4,
    SPD_TAG_NOTHING = 5,
    SPD_TAG_TICK = 6,
    SPD_TAG_STAMP = 7, /* in the ring of stamps */
    SPD_TAG_MASK = 15,
};

static inline uint64_t spd_tagged(const void *pointer, enum spd_tag tag)
{
    return (uint64_t)(uintptr_t)pointer | (uint64_t)tag;
}

/* Its address tells threads apart without a call. */
extern _Thread_local char spd_cport_this_thread;

/* Become the holder, and stop being it. Not held. The first caller of a
 * single-owner port becomes its owner; any other thread panics. */
void spd_cport_claim(struct spd_cport *port);

static inline void spd_cport_hold(struct spd_cport *port)
{
    if (!port->single_owner) {
        (void)pthread_mutex_lock(&port->lock);
    } else if (port->owner != &spd_cport_this_thread) {
        spd_cport_claim(port);
    }
}

static inline void spd_cport_release(struct spd_cport *port)
{
    if (!port->single_owner) {
        (void)pthread_mutex_unlock(&port->lock);
    }
}

/* An operation is done: it waits in the done list to be fetched. */
static inline void spd_cport_complete(struct spd_cport *port, struct spd_op *op, enum spd_err err,
                                      int os_code, uint32_t n_bytes)
{
    struct spd_op_system *system = spd_op_system(op);

    system->err = (uint16_t)err;
    system->os_code = os_code;
    system->n_bytes = n_bytes;
    spd_op_list_push(&port->done, op);
}

/* A submission slot for the port's own use. Everything written before may be
 * handed over to make room, so only from commit and wait, or after rewinding. */
struct io_uring_sqe *spd_cport_sqe(struct spd_cport *port);

/* Hand over what was written and take in what completed. Remembers a failure
 * of the ring in os_errno. */
void spd_cport_enter(struct spd_cport *port, bool get_events);
void spd_cport_reap(struct spd_cport *port);

/* Hand over all sends; returns how many. */
size_t spd_cport_flush(struct spd_cport *port, bool get_events);

/* Match datagrams to receives, and ask the kernel for more. */
void spd_cport_attend(struct spd_cport *port);

/* Take sends that were not handed over back out of the ring. */
void spd_cport_rewind(struct spd_cport *port);

/* All of the above that can be done without waiting. polls: the caller will not
 * enter the kernel to wait. */
void spd_cport_progress(struct spd_cport *port, bool polls);

/* Fetch up to capacity completions. */
size_t spd_cport_fetch(struct spd_cport *port, struct spd_completion *out, size_t capacity);

/* After close: cancel what is pending, once. */
void spd_cport_sweep(struct spd_cport *port);

/* Have the kernel read the eventfd, so that a write to it ends a wait. */
void spd_cport_arm_wake(struct spd_cport *port);

/* End the wait of whoever is in the kernel. Any thread. */
void spd_cport_kick(struct spd_cport *port);

/* The port's answer after its ring failed. */
enum spd_err spd_cport_failure(const struct spd_cport *port);

/* Wait on a single-owner port. */
enum spd_err spd_cport_wait_owned(struct spd_cport *port, struct spd_completion *out,
                                  size_t capacity, size_t *n_out, spd_ns timeout_ns);

void spd_cport_free(struct spd_cport *port);

/* Posts. push and close_posts: any thread. */
enum spd_err spd_posts_init(struct spd_posts *posts);
void spd_posts_free(struct spd_posts *posts);
enum spd_err spd_posts_push(struct spd_cport *port, const struct spd_post *post);
size_t spd_posts_fetch(struct spd_posts *posts, struct spd_completion *out, size_t capacity);

/* Shared ports. Not held, but for hand_receives and the wakes. */
enum spd_err spd_shared_init(struct spd_cport *port, unsigned concurrency_limit);
void spd_shared_free(struct spd_cport *port);
enum spd_err spd_shared_wait(struct spd_cport *port, struct spd_completion *out, size_t capacity,
                             size_t *n_out, spd_ns timeout_ns);
void spd_shared_hand_receives(struct spd_cport *port);
/* There may be completions, or a place to wait for them: wake whom it takes. */
void spd_shared_wake(struct spd_cport *port);
void spd_shared_wake_all(struct spd_cport *port);

/* CLOCK_MONOTONIC in ns: for time-outs, as condition variables use it. */
int64_t spd_cport_monotonic_ns(void);

#endif
