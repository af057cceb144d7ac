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

static void read_stamp(struct spd_udp_meta *meta, const struct cmsghdr *header)
{
    struct scm_timestamping stamps;

    if (header->cmsg_len < CMSG_LEN(sizeof stamps)) {
        return;
    }
    memcpy(&stamps, CMSG_DATA(header), sizeof stamps);
    /* The first is the software stamp, taken when the driver hands the packet
     * up (Documentation/networking/timestamping.rst). */
    meta->kernel_stamp.ns = (int64_t)stamps.ts[0].tv_sec * SPD_NS_PER_S + stamps.ts[0].tv_nsec;
    meta->stamp_source = meta->kernel_stamp.ns != 0 ? SPD_STAMP_KERNEL : SPD_STAMP_NONE;
}

static void read_v4(struct spd_udp_meta *meta, const struct cmsghdr *header)
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
            memcpy(meta->to.bytes, &info.ipi_addr, 4);
            meta->interface_index = (uint32_t)info.ipi_ifindex;
        }
        break;
    default:
        break;
    }
}

static void read_v6(struct spd_udp_meta *meta, const struct cmsghdr *header)
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
    /* Only for the macros that walk control data. */
    struct msghdr message = { .msg_control = (void *)(uintptr_t)control,
                              .msg_controllen = n_control };

    memset(meta, 0, sizeof *meta);
    meta->ttl = -1;
    meta->tclass = -1;
    meta->stamp_source = SPD_STAMP_NONE;
    (void)spd_sockaddr_to(from, &meta->from);
    for (struct cmsghdr *header = CMSG_FIRSTHDR(&message); header != NULL;
         header = CMSG_NXTHDR(&message, header)) {
        if (header->cmsg_level == SOL_SOCKET) {
            if (header->cmsg_type == SCM_TIMESTAMPING) {
                read_stamp(meta, header);
            }
        } else if (header->cmsg_level == IPPROTO_IP) {
            read_v4(meta, header);
        } else if (header->cmsg_level == IPPROTO_IPV6) {
            read_v6(meta, header);
        }
    }
    if (meta->to.family != SPD_FAMILY_NONE) {
        meta->to.port = udp->facts.local.port;
    }
    spd_udp_unmap(&meta->from);
}
