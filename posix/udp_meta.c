/*
 * The control data of a received datagram becomes spd_udp_meta. Pure; runs in
 * the thread that takes completions in, once a datagram.
 */
#include "posix/udp_private.h"

#include <linux/errqueue.h>
#include <string.h>

#include "posix/sockaddr.h"

/* Control data comes from the kernel, but a value may be one byte or an int,
 * and is not always aligned. */
static int read_int(const struct cmsghdr *header)
{
    int value = 0;
    size_t n = header->cmsg_len - CMSG_LEN(0);

    if (n >= sizeof value) {
        memcpy(&value, CMSG_DATA(header), sizeof value);
    } else if (n >= 1) {
        value = *CMSG_DATA(header);
    }
    return value;
}

/* The software stamp, taken when the driver hands the packet up, comes alone or
 * as the first of three (Documentation/networking/timestamping.rst). */
static void read_stamp(struct spd_udp_meta *meta, const struct cmsghdr *header)
{
    struct timespec at;

    if ((header->cmsg_type != SCM_TIMESTAMPNS && header->cmsg_type != SCM_TIMESTAMPING) ||
        header->cmsg_len < CMSG_LEN(sizeof at)) {
        return;
    }
    memcpy(&at, CMSG_DATA(header), sizeof at);
    meta->kernel_stamp.ns = (int64_t)at.tv_sec * SPD_NS_PER_S + at.tv_nsec;
    meta->stamp_source = meta->kernel_stamp.ns != 0 ? SPD_STAMP_KERNEL : SPD_STAMP_NONE;
}

static void read_v4(const struct spd_udp *udp, struct spd_udp_meta *meta,
                    const struct cmsghdr *header)
{
    struct in_pktinfo info;

    switch (header->cmsg_type) {
    case IP_TTL:
        meta->ttl = (int16_t)(read_int(header) & 0xff);
        break;
    case IP_TOS:
        meta->tclass = (int16_t)(read_int(header) & 0xff);
        break;
    case IP_PKTINFO:
        if (header->cmsg_len >= CMSG_LEN(sizeof info)) {
            memcpy(&info, CMSG_DATA(header), sizeof info);
            meta->to.family = SPD_FAMILY_IPV4;
            meta->to.port = udp->facts.local.port;
            memcpy(meta->to.bytes, &info.ipi_addr, 4);
            meta->interface_index = (uint32_t)info.ipi_ifindex;
        }
        break;
    default:
        break;
    }
}

static void read_v6(const struct spd_udp *udp, struct spd_udp_meta *meta,
                    const struct cmsghdr *header)
{
    struct in6_pktinfo info;

    switch (header->cmsg_type) {
    case IPV6_HOPLIMIT:
        meta->ttl = (int16_t)(read_int(header) & 0xff);
        break;
    case IPV6_TCLASS:
        meta->tclass = (int16_t)(read_int(header) & 0xff);
        break;
    case IPV6_PKTINFO:
        if (header->cmsg_len >= CMSG_LEN(sizeof info)) {
            memcpy(&info, CMSG_DATA(header), sizeof info);
            meta->to.family = SPD_FAMILY_IPV6;
            meta->to.port = udp->facts.local.port;
            memcpy(meta->to.bytes, &info.ipi6_addr, 16);
            meta->interface_index = info.ipi6_ifindex;
            if (IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) {
                meta->to.scope_id = info.ipi6_ifindex;
            }
            spd_udp_unmap(&meta->to);
        }
        break;
    default:
        break;
    }
}

void spd_udp_meta_read(const struct spd_udp *udp, struct spd_udp_meta *meta,
                       const struct sockaddr_storage *from, const unsigned char *control,
                       size_t n_control)
{
    *meta = (struct spd_udp_meta){ .to = udp->bound_to, .ttl = -1, .tclass = -1 };
    (void)spd_sockaddr_to(from, &meta->from);
    while (n_control >= sizeof(struct cmsghdr)) {
        const struct cmsghdr *header = (const struct cmsghdr *)(const void *)control;
        size_t n = CMSG_ALIGN(header->cmsg_len);

        if (header->cmsg_len < sizeof *header || header->cmsg_len > n_control) {
            break;
        }
        if (header->cmsg_level == SOL_SOCKET) {
            read_stamp(meta, header);
        } else if (header->cmsg_level == IPPROTO_IP) {
            read_v4(udp, meta, header);
        } else if (header->cmsg_level == IPPROTO_IPV6) {
            read_v6(udp, meta, header);
        }
        control += n;
        n_control -= n < n_control ? n : n_control;
    }
    spd_udp_unmap(&meta->from);
}
