/*
 * Two questions to the kernel over rtnetlink (RFC 3549): which interface a
 * packet would leave through, and what that interface is. Any thread; blocks
 * for a system call or two, so never during a burst.
 *
 * Not sysfs: it may show the interfaces of another network namespace.
 */
#include "posix/route.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* A request with room for three addresses and indexes; an answer about one
 * link, with its statistics, stays under 4 KiB. */
struct request {
    struct nlmsghdr header;
    union {
        struct rtmsg route;
        struct ifinfomsg link;
    } body;
    unsigned char attributes[128];
};
enum { ANSWER_BYTES = 16384 };

static void add_attribute(struct request *request, unsigned short type, const void *data,
                          size_t n_bytes)
{
    size_t at = NLMSG_ALIGN(request->header.nlmsg_len);
    struct rtattr attribute = { .rta_len = (unsigned short)RTA_LENGTH(n_bytes), .rta_type = type };

    memcpy((char *)request + at, &attribute, sizeof attribute);
    memcpy((char *)request + at + RTA_LENGTH(0), data, n_bytes);
    request->header.nlmsg_len = (uint32_t)(at + RTA_SPACE(n_bytes));
}

/* Sends the request and reads one answer of the wanted type. Returns its
 * length, or 0. */
static size_t ask(struct request *request, unsigned short wanted, void *answer, size_t capacity)
{
    struct sockaddr_nl kernel = { .nl_family = AF_NETLINK };
    struct nlmsghdr header;
    ssize_t n = -1;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);

    if (fd < 0) {
        return 0;
    }
    if (sendto(fd, request, request->header.nlmsg_len, 0, (struct sockaddr *)&kernel,
               sizeof kernel) >= 0) {
        do {
            n = recv(fd, answer, capacity, 0);
        } while (n < 0 && errno == EINTR);
    }
    close(fd);
    if (n < (ssize_t)sizeof header) {
        return 0;
    }
    memcpy(&header, answer, sizeof header);
    if (header.nlmsg_type != wanted || header.nlmsg_len > (size_t)n) {
        return 0; /* NLMSG_ERROR: no route, no such link, or not permitted */
    }
    return header.nlmsg_len;
}

/* The attribute of this type in [at, end) of message; *n_bytes is its length. */
static const void *find_attribute(const char *message, size_t at, size_t end, unsigned type,
                                  size_t *n_bytes)
{
    while (at + sizeof(struct rtattr) <= end) {
        struct rtattr attribute;

        memcpy(&attribute, message + at, sizeof attribute);
        if (attribute.rta_len < sizeof attribute || at + attribute.rta_len > end) {
            return NULL;
        }
        if ((attribute.rta_type & NLA_TYPE_MASK) == type) {
            *n_bytes = attribute.rta_len - RTA_LENGTH(0);
            return message + at + RTA_LENGTH(0);
        }
        at += RTA_ALIGN(attribute.rta_len);
    }
    return NULL;
}

static void copy_name(char *to, size_t capacity, const void *text, size_t n_bytes)
{
    snprintf(to, capacity, "%.*s", (int)n_bytes, (const char *)text);
}

int spd_route_interface(const struct spd_addr *target, const struct spd_addr *source,
                        int interface_index)
{
    size_t n_address = target->family == SPD_FAMILY_IPV4 ? 4 : 16;
    unsigned char prefix_bits = (unsigned char)(n_address * 8);
    char answer[ANSWER_BYTES];
    struct request request;
    const void *value;
    size_t n;
    int found = 0;

    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body.route);
    request.header.nlmsg_type = RTM_GETROUTE;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.body.route.rtm_family = target->family == SPD_FAMILY_IPV4 ? AF_INET : AF_INET6;
    request.body.route.rtm_dst_len = prefix_bits;
    add_attribute(&request, RTA_DST, target->bytes, n_address);
    if (source != NULL && !spd_addr_is_any(source)) {
        request.body.route.rtm_src_len = prefix_bits;
        add_attribute(&request, RTA_SRC, source->bytes, n_address);
    }
    if (interface_index == 0 && target->scope_id != 0) {
        interface_index = (int)target->scope_id;
    }
    if (interface_index != 0) {
        add_attribute(&request, RTA_OIF, &interface_index, sizeof interface_index);
    }
    n = ask(&request, RTM_NEWROUTE, answer, sizeof answer);
    if (n > 0) {
        size_t n_value = 0;

        value = find_attribute(answer, NLMSG_LENGTH(sizeof(struct rtmsg)), n, RTA_OIF, &n_value);
        if (value != NULL && n_value == sizeof found) {
            memcpy(&found, value, sizeof found);
        }
    }
    return found;
}

bool spd_route_link(int interface_index, struct spd_link *out)
{
    char answer[ANSWER_BYTES];
    struct request request;
    struct ifinfomsg info;
    const size_t first = NLMSG_LENGTH(sizeof info);
    const void *value;
    size_t n_value = 0;
    size_t n;

    memset(&request, 0, sizeof request);
    request.header.nlmsg_len = NLMSG_LENGTH(sizeof request.body.link);
    request.header.nlmsg_type = RTM_GETLINK;
    request.header.nlmsg_flags = NLM_F_REQUEST;
    request.body.link.ifi_family = AF_UNSPEC;
    request.body.link.ifi_index = interface_index;
    n = ask(&request, RTM_NEWLINK, answer, sizeof answer);
    if (n < first) {
        return false;
    }
    memcpy(&info, answer + NLMSG_HDRLEN, sizeof info);
    memset(out, 0, sizeof *out);
    out->index = info.ifi_index;
    out->type = info.ifi_type;
    out->flags = info.ifi_flags;
    value = find_attribute(answer, first, n, IFLA_IFNAME, &n_value);
    if (value != NULL) {
        copy_name(out->name, sizeof out->name, value, n_value);
    }
    value = find_attribute(answer, first, n, IFLA_MTU, &n_value);
    if (value != NULL && n_value == sizeof out->mtu_bytes) {
        memcpy(&out->mtu_bytes, value, sizeof out->mtu_bytes);
    }
    value = find_attribute(answer, first, n, IFLA_LINKINFO, &n_value);
    if (value != NULL) {
        value = find_attribute(value, 0, n_value, IFLA_INFO_KIND, &n_value);
    }
    if (value != NULL) {
        copy_name(out->kind, sizeof out->kind, value, n_value);
    }
    return true;
}

uint32_t spd_route_link_header_bytes(const struct spd_link *link)
{
    switch (link->type) {
    case ARPHRD_ETHER:
        /* IEEE 802.1Q adds four octets; the tag is put in by the interface. */
        return strcmp(link->kind, "vlan") == 0 ? 18 : 14;
    case ARPHRD_INFINIBAND:
        return 4; /* RFC 4391 section 6 */
    case ARPHRD_PPP:
        return 4; /* RFC 1662 section 3.1: address, control, protocol */
    case ARPHRD_TUNNEL:
    case ARPHRD_SIT:
        return 20; /* RFC 2003, RFC 4213: the outer IPv4 header */
    case ARPHRD_IPGRE:
        return 24; /* RFC 2784: outer IPv4 header and GRE without options */
    case ARPHRD_TUNNEL6:
        return 40; /* RFC 2473 */
    case ARPHRD_IP6GRE:
        return 44;
    default:
        return 0; /* loopback; ARPHRD_NONE: IP packets as they are */
    }
}
