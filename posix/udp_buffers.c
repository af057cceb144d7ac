/*
 * The buffers that datagrams arrive in: they belong to the socket, and are
 * lent to the kernel. Sizes are chosen when a socket is opened; after that
 * nothing allocates. Runs held.
 */
#include "posix/udp_private.h"

#include <linux/errqueue.h>
#include <string.h>
#include <sys/mman.h>

enum {
    MAX_BUFFERS = 32, /* one pass of the kernel, and they stay in the cache */
    MIN_BUFFERS = 16,
    MAX_POOL_BYTES = 4 << 20,
    DEFAULT_DATAGRAM_BYTES = 2048,
    DEFAULT_RECEIVES = 4096,
    CACHE_LINE = 64,
    NAME_BYTES_V4 = 16, /* sockaddr_in */
    NAME_BYTES_V6 = 32, /* sockaddr_in6, so that control data is aligned */
};

_Static_assert(sizeof(struct sockaddr_in) <= NAME_BYTES_V4, "room for the name");
_Static_assert(sizeof(struct sockaddr_in6) <= NAME_BYTES_V6, "room for the name");
_Static_assert(sizeof(struct io_uring_recvmsg_out) == 16, "head of a multishot buffer");

static unsigned control_bytes(const struct spd_udp *udp)
{
    size_t n = 0;

    if (udp->stamps.wanted) {
        n += CMSG_SPACE(sizeof(struct scm_timestamping));
    } else if (udp->want_receive_stamps) {
        n += CMSG_SPACE(sizeof(struct timespec));
    }
    if (udp->want_receive_details) {
        /* TTL, class and destination; of IPv4 and IPv6 the larger. */
        n += 2 * CMSG_SPACE(sizeof(int)) + CMSG_SPACE(sizeof(struct in6_pktinfo));
    }
    return (unsigned)n;
}

static bool register_buffers(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;
    size_t n_bytes = receives->n_buffers * sizeof(struct io_uring_buf);
    struct io_uring_buf_reg reg;
    void *memory;

    memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                  -1, 0);
    if (memory == MAP_FAILED) {
        return false;
    }
    memset(&reg, 0, sizeof reg);
    reg.ring_addr = (uint64_t)(uintptr_t)memory;
    reg.ring_entries = receives->n_buffers;
    reg.bgid = udp->port->next_buffer_group;
    if (io_uring_register_buf_ring(&udp->port->ring.uring, &reg, 0) != 0) {
        (void)munmap(memory, n_bytes);
        return false;
    }
    receives->group = udp->port->next_buffer_group++;
    receives->kernel_buffers = memory;
    io_uring_buf_ring_init(receives->kernel_buffers);
    return true;
}

static bool allocate_fallback(struct spd_udp_receives *receives)
{
    receives->free_buffers = calloc(receives->n_buffers, sizeof receives->free_buffers[0]);
    receives->messages = calloc(SPD_UDP_N_READ, sizeof receives->messages[0]);
    receives->vectors = calloc(SPD_UDP_N_READ, sizeof receives->vectors[0]);
    return receives->free_buffers != NULL && receives->messages != NULL &&
           receives->vectors != NULL;
}

void spd_udp_buffers_give_back(struct spd_udp_receives *receives, unsigned index)
{
    if (receives->kernel_buffers != NULL) {
        io_uring_buf_ring_add(receives->kernel_buffers, spd_udp_buffer_at(receives, index),
                              (unsigned)receives->buffer_bytes, (unsigned short)index,
                              io_uring_buf_ring_mask(receives->n_buffers), 0);
        io_uring_buf_ring_advance(receives->kernel_buffers, 1);
    } else {
        receives->free_buffers[receives->n_free] = (uint16_t)index;
    }
    receives->n_free++;
}

static void choose_sizes(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;
    size_t payload =
        udp->max_datagram_bytes != 0 ? udp->max_datagram_bytes : DEFAULT_DATAGRAM_BYTES;

    receives->max_queued =
        udp->max_queued_receives != 0 ? udp->max_queued_receives : DEFAULT_RECEIVES;
    if (payload > SPD_UDP_MAX_PAYLOAD) {
        payload = SPD_UDP_MAX_PAYLOAD;
    }
    receives->name_bytes = udp->family == SPD_FAMILY_IPV6 ? NAME_BYTES_V6 : NAME_BYTES_V4;
    receives->control_bytes = control_bytes(udp);
    receives->payload_offset =
        sizeof(struct io_uring_recvmsg_out) + receives->name_bytes + receives->control_bytes;
    receives->buffer_bytes =
        (receives->payload_offset + payload + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
    receives->payload_bytes = payload;
    receives->n_buffers = MIN_BUFFERS;
    while (receives->n_buffers < receives->max_queued && receives->n_buffers < MAX_BUFFERS &&
           2 * receives->n_buffers * receives->buffer_bytes <= MAX_POOL_BYTES) {
        receives->n_buffers *= 2;
    }
}

enum spd_err spd_udp_buffers_init(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;

    choose_sizes(udp);
    receives->buffers =
        mmap(NULL, receives->n_buffers * receives->buffer_bytes, PROT_READ | PROT_WRITE,
             MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
    if (receives->buffers == MAP_FAILED) {
        receives->buffers = NULL;
        return SPD_ERR_NOMEM;
    }
    receives->kept = calloc(receives->n_buffers, sizeof receives->kept[0]);
    if (receives->kept == NULL) {
        return SPD_ERR_NOMEM;
    }
    if ((udp->port->facts.features & SPD_CPORT_MULTISHOT) != 0 && register_buffers(udp)) {
        receives->multishot = true;
        receives->shape.msg_namelen = receives->name_bytes;
        receives->shape.msg_controllen = receives->control_bytes;
    } else if (!allocate_fallback(receives)) {
        return SPD_ERR_NOMEM;
    }
    for (unsigned i = 0; i < receives->n_buffers; i++) {
        spd_udp_buffers_give_back(receives, i);
    }
    return SPD_ERR_OK;
}

void spd_udp_buffers_free(struct spd_udp *udp)
{
    struct spd_udp_receives *receives = &udp->receives;

    if (receives->kernel_buffers != NULL) {
        (void)io_uring_unregister_buf_ring(&udp->port->ring.uring, receives->group);
        (void)munmap(receives->kernel_buffers, receives->n_buffers * sizeof(struct io_uring_buf));
    }
    if (receives->buffers != NULL) {
        (void)munmap(receives->buffers, receives->n_buffers * receives->buffer_bytes);
    }
    free(receives->kept);
    free(receives->free_buffers);
    free(receives->messages);
    free(receives->vectors);
}
