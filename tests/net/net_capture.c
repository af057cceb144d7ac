/*
 * A tap on an interface, see net.h: a packet socket whose receive buffer keeps
 * all that passes until somebody asks, so that capturing needs no thread and
 * disturbs what it watches as little as can be.
 */
#include "tests/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <sys/socket.h>
#include <time.h>

#include "tests/net/net_private.h"

enum { SNAP = 128, BUFFER_BYTES = 256 << 20, ETHERNET = 14, IPV4 = 20, UDP = 8, CAPTURES_MAX = 8 };

struct net_capture {
    int fd;
    struct net_frame *frames;
    size_t n, capacity;
};

static struct net_capture captures[CAPTURES_MAX];
static size_t n_captures;

/* UDP over IPv4, of which the first SNAP octets are kept. */
static void filter(int fd)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 12),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, ETH_P_IP, 0, 3),
        BPF_STMT(BPF_LD | BPF_B | BPF_ABS, 23),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, IPPROTO_UDP, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SNAP),
        BPF_STMT(BPF_RET | BPF_K, 0),
    };
    struct sock_fprog program = { sizeof(code) / sizeof(code[0]), code };

    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

struct net_capture *net_capture_start(enum net_host host, const char *interface)
{
    struct net_capture *c = &captures[n_captures];
    struct sockaddr_ll at = { .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL) };
    int buffer_bytes = BUFFER_BYTES, on = 1;

    assert_true(n_captures < CAPTURES_MAX);
    memset(c, 0, sizeof(*c));
    /* Protocol 0: nothing is captured before the filter is in place. */
    c->fd = net_socket(host, AF_PACKET, SOCK_RAW, 0);
    assert_true(net_enter(host));
    at.sll_ifindex = (int)if_nametoindex(interface);
    net_leave(host);
    assert_true(at.sll_ifindex > 0);
    filter(c->fd);
    assert_int_equal(
        setsockopt(c->fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer_bytes, sizeof(buffer_bytes)), 0);
    assert_int_equal(setsockopt(c->fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)), 0);
    assert_int_equal(bind(c->fd, (struct sockaddr *)&at, sizeof(at)), 0);
    n_captures++;
    return c;
}

static int64_t stamp_of(struct msghdr *message)
{
    for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS) {
            struct timespec t;

            memcpy(&t, CMSG_DATA(c), sizeof(t));
            return t.tv_sec * NET_S + t.tv_nsec;
        }
    fail_msg("a captured frame has no time stamp");
    return 0;
}

static void dissect(const uint8_t *frame, size_t n, struct net_frame *out)
{
    const uint8_t *ip = frame + ETHERNET, *udp = ip + IPV4;
    size_t n_kept;

    assert_true(n >= ETHERNET + IPV4 + UDP && ip[0] == 0x45);
    out->tclass = ip[1];
    out->ttl = ip[8];
    out->from_port = (uint16_t)(udp[0] << 8 | udp[1]);
    out->to_port = (uint16_t)(udp[2] << 8 | udp[3]);
    out->n_payload = (size_t)(udp[4] << 8 | udp[5]) - UDP;
    n_kept = n - ETHERNET - IPV4 - UDP;
    if (n_kept > sizeof(out->payload))
        n_kept = sizeof(out->payload);
    memcpy(out->payload, udp + UDP, n_kept);
}

/* False when nothing is left. */
static bool take_one(struct net_capture *c)
{
    uint8_t frame[SNAP];
    char control[256];
    struct sockaddr_ll from = { 0 };
    struct iovec part = { frame, sizeof(frame) };
    struct msghdr message = { .msg_name = &from,
                              .msg_namelen = sizeof(from),
                              .msg_iov = &part,
                              .msg_iovlen = 1,
                              .msg_control = control,
                              .msg_controllen = sizeof(control) };
    ssize_t n = recvmsg(c->fd, &message, MSG_DONTWAIT);
    struct net_frame *f;

    if (n < 0) {
        assert_int_equal(errno, EAGAIN);
        return false;
    }
    if (c->n == c->capacity) {
        c->capacity = c->capacity ? 2 * c->capacity : 1024;
        c->frames = realloc(c->frames, c->capacity * sizeof(*c->frames));
        assert_non_null(c->frames);
    }
    f = &c->frames[c->n++];
    memset(f, 0, sizeof(*f));
    f->at_ns = stamp_of(&message);
    f->outgoing = from.sll_pkttype == PACKET_OUTGOING;
    dissect(frame, (size_t)n, f);
    f->link_bytes = (uint16_t)(ETHERNET + IPV4 + UDP + f->n_payload);
    return true;
}

const struct net_frame *net_capture_frames(struct net_capture *c, size_t *n)
{
    struct tpacket_stats stats = { 0 };
    socklen_t size = sizeof(stats);

    while (take_one(c))
        ;
    assert_int_equal(getsockopt(c->fd, SOL_PACKET, PACKET_STATISTICS, &stats, &size), 0);
    if (stats.tp_drops > 0)
        fail_msg("the capture lost %u frames itself", stats.tp_drops);
    *n = c->n;
    return c->frames;
}

uint32_t net_u32(const struct net_frame *frame, size_t offset)
{
    const uint8_t *p = frame->payload + offset;

    assert_true(offset + 4 <= sizeof(frame->payload));
    return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

void net_captures_end(void)
{
    /* Their sockets are closed with all others. */
    for (size_t i = 0; i < n_captures; i++)
        free(captures[i].frames);
    n_captures = 0;
}
