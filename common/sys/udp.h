/*
 * UDP sockets on a completion port. Rules as in sys/cport.h.
 *
 * Threads: with a single-owner port every function here is called by the
 * owner; otherwise by any thread, but close by one.
 */
#ifndef SPD_SYS_UDP_H
#define SPD_SYS_UDP_H

#include "common/base/addr.h"
#include "common/base/record.h"
#include "common/sys/cport.h"

struct spd_udp;

struct spd_udp_config {
    struct spd_addr local;        /* family must be set; port 0 lets the system choose */
    struct spd_addr remote;       /* connect to it, unless family is NONE */
    char interface_name[64];      /* bind to this interface; empty for any */
    size_t send_buffer_bytes;     /* wanted; 0 leaves the default */
    size_t receive_buffer_bytes;  /* wanted; 0 leaves the default */
    size_t max_datagram_bytes;    /* longest payload a receive keeps; 0 means 2048 */
    unsigned max_queued_receives; /* 0 means 4096 */
    int tclass;                   /* DSCP << 2 | ECN for all sends; -1 leaves 0 */
    int ttl;                      /* TTL or hop limit for sends; 0 leaves the default */
    bool dont_fragment;           /* a send above the path MTU fails with TOO_BIG */
    bool want_send_stamps;        /* from the kernel, see spd_udp_stamps_* */
    bool want_receive_stamps;     /* from the kernel, in spd_udp_meta */
    bool want_receive_details;    /* TTL, traffic class, destination in spd_udp_meta */
    bool v6_only;
};

/* What the system gave. */
struct spd_udp_facts {
    struct spd_addr local;         /* as bound (and connected) */
    int64_t send_buffer_bytes;     /* usable by payloads and their overhead */
    int64_t receive_buffer_bytes;
    unsigned send_stamps;          /* bit 1 << enum spd_stamp_source for each one delivered */
    enum spd_stamp_source receive_stamp;
    const char *send_stamp_path;   /* "io_uring", "error queue", "counter before the call", ... */
    bool tclass_set;               /* sends are marked as asked */
    bool connected;
    char note[160];                /* what was refused and what to do, if anything */
};

/* What is known of a received datagram. Filled when its operation completes. */
struct spd_udp_meta {
    struct spd_addr from;
    struct spd_addr to;        /* the local address it was sent to; family NONE if unknown */
    uint32_t interface_index;  /* it arrived on; 0 unknown */
    int16_t ttl;               /* -1 unknown */
    int16_t tclass;            /* DSCP << 2 | ECN; -1 unknown */
    uint8_t stamp_source;      /* enum spd_stamp_source of kernel_stamp; NONE if none */
    bool truncated;
    spd_wall kernel_stamp;
};

/* Open, bind, connect and attach to the port with this key.
 * Errors, with a diag that names the address and the remedy: IN_USE, PERM,
 * NOT_FOUND (no such local address or interface), NOTSUP, LIMIT, NOMEM,
 * NET_UNREACHABLE, HOST_UNREACHABLE. */
enum spd_err spd_udp_open(struct spd_cport *port, uintptr_t key,
                          const struct spd_udp_config *config, struct spd_udp **out,
                          struct spd_diag *diag);

void spd_udp_facts(const struct spd_udp *udp, struct spd_udp_facts *out);

/* Options of one send; NULL stands for none. */
struct spd_udp_send_options {
    const struct spd_addr *to;   /* NULL on a connected socket */
    const struct spd_addr *from; /* source address to use (port ignored), or NULL */
    int tclass;                  /* DSCP << 2 | ECN for this datagram, -1 as the socket has it.
                                    Ignored where the system cannot. */
};

/* Queue one datagram of 0..65507 bytes. data stays valid until completion,
 * options only during the call. Errors (then it never completes): CLOSED,
 * FULL (commit and wait first), INVALID (already in flight, or no address),
 * TOO_BIG (above 65507). */
enum spd_err spd_udp_queue_send(struct spd_udp *udp, struct spd_op *op, const void *data,
                                size_t n_bytes, const struct spd_udp_send_options *options);

/* Queue one receive into buffer. When the datagram is longer than capacity
 * (or than max_datagram_bytes) the completion says TRUNCATED, n_bytes is what
 * was kept, and the rest is gone. An ICMP error for this socket completes one
 * receive with REFUSED, HOST_UNREACHABLE, ...; the socket stays usable.
 * meta may be NULL. Errors as above. */
enum spd_err spd_udp_queue_receive(struct spd_udp *udp, struct spd_op *op, void *buffer,
                                   size_t capacity, struct spd_udp_meta *meta);

/* Complete the operation with CANCELLED unless it completes by itself first;
 * op NULL means every pending operation of the socket. Errors: NOT_FOUND when
 * nothing was pending. */
enum spd_err spd_udp_cancel(struct spd_udp *udp, struct spd_op *op);

/* Close the socket: pending operations complete with CANCELLED and are still
 * to be fetched from the port. The handle is dead when this returns; the local
 * port is free again. NULL is allowed. */
void spd_udp_close(struct spd_udp *udp);

/* Kernel send stamps. begin numbers the sends that follow from 0, in the order
 * of their hand-over (sends that failed are not numbered, NO_BUFFERS among
 * them), and forgets what was
 * there before. collect fetches what has arrived, without waiting, into
 * sched_ns and sent_ns (indexed by number, capacity n, 0 where still missing;
 * times of day in ns) and returns how many stamps it fetched. Neither
 * allocates. On sockets without kernel send stamps collect returns 0. */
void spd_udp_stamps_begin(struct spd_udp *udp);
size_t spd_udp_stamps_collect(struct spd_udp *udp, int64_t *sched_ns, int64_t *sent_ns, size_t n);

/* Hand sends over one by one, each right after a reading of the counter, which
 * spd_udp_handed_over_at gives for a send that completed. Always so on Windows
 * without RIO; on Linux off by default (the burst goes over whole) and dearer,
 * for sockets that get no kernel send stamps. handed_over_at returns false for
 * sends that went over whole. */
void spd_udp_stamp_by_counter(struct spd_udp *udp, bool on);
bool spd_udp_handed_over_at(const struct spd_op *op, spd_ticks *at);

/* ICMP errors that came back: the oldest one not fetched yet. *err is OK when
 * there is none. payload (capacity bytes, may be 0) gets the start of the
 * datagram that caused it, *n_payload how much; offender the router or host. */
enum spd_err spd_udp_take_icmp_error(struct spd_udp *udp, enum spd_err *err, void *payload,
                                     size_t capacity, size_t *n_payload,
                                     struct spd_addr *offender);

/* Datagrams that this socket's receive buffer dropped since it was opened.
 * Returns false where the system does not tell. */
bool spd_udp_receive_drops(struct spd_udp *udp, uint64_t *n_dropped);

/* Bytes of kernel memory that one queued datagram of n_bytes payload takes, so
 * that n of them fit in a buffer of n times that. */
size_t spd_udp_buffer_cost(size_t n_bytes);

#endif
