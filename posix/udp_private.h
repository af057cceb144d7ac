/*
 * The inside of a socket, for the files that share it. Private to posix/.
 * Held, as cport_private.h has it, unless it says otherwise.
 */
#ifndef SPD_POSIX_UDP_PRIVATE_H
#define SPD_POSIX_UDP_PRIVATE_H

#include <linux/time_types.h>

#include "posix/cport_private.h"

enum {
    SPD_UDP_N_ICMP = 32,        /* ICMP errors kept until they are taken */
    SPD_UDP_ICMP_PAYLOAD = 160, /* octets of the datagram kept with each */
    SPD_UDP_N_READ = 32,        /* datagrams or stamps read by one call */
    SPD_UDP_MAX_PAYLOAD = 65507,
};

struct spd_udp_icmp {
    enum spd_err err;
    struct spd_addr offender;
    uint32_t n_payload;
    unsigned char payload[SPD_UDP_ICMP_PAYLOAD];
};

/* A send stamp as the kernel gave it. */
struct spd_udp_stamp {
    uint32_t id;
    uint32_t is_sched;
    int64_t at_ns;
};

/* Sends. They stand in one of two queues, in_ring before backlog. */
struct spd_udp_sends {
    struct spd_op_list in_ring; /* written to the ring, not handed over */
    struct spd_op_list backlog; /* wait for commit, or for room in the send buffer */
    uint64_t limit_bytes;       /* the size of the send buffer */
    uint64_t charged_bytes;     /* at most this much of it is in use */
    uint64_t in_ring_bytes;     /* of that, by sends not handed over */
    size_t n_failed;            /* of in_ring, found by reap */
    bool measured;              /* charged_bytes was measured since the last commit */
    bool wait_writable;         /* the kernel tells when there is room again */
    bool by_counter;
};

/* Receives, and the datagrams that came before their receive. */
struct spd_udp_receives {
    struct spd_op_list queued;
    size_t max_queued;
    bool armed; /* the kernel receives, or tells when it could */
    bool multishot;
    int pending_errno;      /* an error for the next receive */
    unsigned char *buffers; /* n_buffers of buffer_bytes */
    size_t buffer_bytes;
    unsigned n_buffers;
    unsigned control_bytes; /* room for control data in each */
    unsigned name_bytes;
    size_t payload_offset;
    size_t payload_bytes;                     /* what is kept of a datagram */
    struct io_uring_buf_ring *kernel_buffers; /* multishot: free ones, the kernel's */
    struct msghdr shape;                      /* multishot: the layout of a buffer */
    uint16_t group;
    uint16_t *free_buffers; /* fall-back: a stack of them */
    unsigned n_free;        /* in both ways */
    uint16_t *kept;         /* datagrams without a receive: a queue of buffers */
    unsigned first_kept;
    unsigned n_kept;
    struct mmsghdr *messages; /* fall-back: SPD_UDP_N_READ of them */
    struct iovec *vectors;
};

/* Send stamps. Kernel numbers ("id") run over all sends that reached the
 * network layer; numbers of the contract leave out those that failed there. */
struct spd_udp_stamps {
    bool wanted;
    bool through_ring;
    bool armed;           /* the ring reads stamps as they come */
    bool lost_count;      /* too many failures to number what follows */
    uint32_t next_id;     /* the kernel's number of the next send */
    uint32_t first_id;    /* that of number 0 */
    uint32_t *failed_ids; /* since begin, ascending */
    size_t n_failed;
    size_t max_failed;
    struct spd_udp_stamp *stash; /* read in passing, to be collected */
    size_t n_stash;
    size_t max_stash;
};

struct spd_udp {
    struct spd_cport *port;
    uintptr_t key;
    int fd;
    int ring_fd;       /* fd or the fixed slot */
    uint8_t sqe_flags; /* IOSQE_FIXED_FILE with a slot */
    uint8_t family;
    bool connected;
    bool remote_is_v4;
    bool v6_only;
    bool in_senders;
    bool in_receivers;
    int tclass; /* of all sends, -1 as the system has it */
    struct spd_udp *next_sender;
    struct spd_udp *next_receiver;
    struct spd_udp *next; /* of the port */
    struct spd_udp_sends sends;
    struct spd_udp_receives receives;
    struct spd_udp_stamps stamps;
    bool want_receive_stamps;
    bool want_receive_details;
    struct spd_addr bound_to; /* where datagrams come to; NONE when only they can tell */
    size_t max_datagram_bytes;
    unsigned max_queued_receives;
    uint32_t drops_seen; /* the kernel's 32-bit count when last read */
    uint64_t n_dropped;
    struct spd_udp_error_buffers *error_buffers; /* to read the error queue */
    struct spd_udp_icmp *icmp;                   /* SPD_UDP_N_ICMP, a ring */
    unsigned first_icmp;
    unsigned n_icmp;
    struct spd_udp_facts facts;
};

/* udp_socket.c: make the socket and fill facts. Not held. */
enum spd_err spd_udp_socket_open(struct spd_udp *udp, const struct spd_udp_config *config,
                                 struct spd_diag *diag);
/* An address for this socket: IPv4 becomes mapped on an IPv6 socket. 0 when it
 * cannot be. Pure. */
socklen_t spd_udp_sockaddr(const struct spd_udp *udp, const struct spd_addr *addr,
                           struct sockaddr_storage *out);
/* And back: mapped becomes IPv4. Pure. */
void spd_udp_unmap(struct spd_addr *addr);

/* udp_send.c. measure asks the kernel how much of the send buffer is in use;
 * write puts one send into the ring, false when that has no room. */
void spd_udp_sends_measure(struct spd_udp *udp);
bool spd_udp_sends_write(struct spd_udp *udp, struct spd_op *op);
void spd_udp_sends_rewind(struct spd_udp *udp);
void spd_udp_want_senders(struct spd_udp *udp);
/* udp_send_flush.c */
void spd_udp_sends_flush(struct spd_udp *udp, size_t *n_handed);
void spd_udp_sends_writable(struct spd_udp *udp, int result);
void spd_udp_send_failed(struct spd_op *op, int os_errno);

/* udp_buffers.c. A buffer holds, in both ways of receiving:
 * io_uring_recvmsg_out, the name, control data, payload. */
enum spd_err spd_udp_buffers_init(struct spd_udp *udp);
void spd_udp_buffers_free(struct spd_udp *udp);
void spd_udp_buffers_give_back(struct spd_udp_receives *receives, unsigned index);
static inline unsigned char *spd_udp_buffer_at(const struct spd_udp_receives *receives,
                                               unsigned index)
{
    return receives->buffers + (size_t)index * receives->buffer_bytes;
}

/* udp_receive.c */
void spd_udp_receives_attend(struct spd_udp *udp);
void spd_udp_receives_completed(struct spd_udp *udp, int result, unsigned flags);
void spd_udp_receives_readable(struct spd_udp *udp, int result);
void spd_udp_receives_failed(struct spd_udp *udp, int os_errno);
void spd_udp_want_receivers(struct spd_udp *udp);

/* udp_meta.c: the control data of a datagram. Pure. */
void spd_udp_meta_read(const struct spd_udp *udp, struct spd_udp_meta *meta,
                       const struct sockaddr_storage *from, const unsigned char *control,
                       size_t n_control);

/* udp_stamps.c */
enum spd_err spd_udp_stamps_init(struct spd_udp *udp);
void spd_udp_stamps_free(struct spd_udp *udp);
void spd_udp_stamps_stash(struct spd_udp *udp, const struct spd_udp_stamp *stamp);
void spd_udp_stamps_disarm(struct spd_udp *udp);

/* udp_error.c: read the error queue; stamps go to sink, or to the stash when
 * sink is NULL; ICMP errors are kept. Returns how many stamps there were. */
typedef void spd_udp_stamp_sink(void *context, const struct spd_udp_stamp *stamp);
enum spd_err spd_udp_errors_init(struct spd_udp *udp);
void spd_udp_errors_free(struct spd_udp *udp);
void spd_udp_errors_drain(struct spd_udp *udp, spd_udp_stamp_sink *sink, void *context);

/* udp.c: cancel everything that is pending. */
size_t spd_udp_cancel_all(struct spd_udp *udp);
/* Have no receive in the kernel until the next wait, if that can be had. */
void spd_udp_pause_receives(struct spd_udp *udp);

#endif
