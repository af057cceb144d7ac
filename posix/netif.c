/*
 * Name look-up through the C library, and the way to a target as a connected
 * UDP socket and the routes tell it. Any thread; blocks (a look-up for as long
 * as the resolver is set to try), so never during a burst.
 */
#include "common/sys/netif.h"

#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/base/text.h"
#include "posix/oserr.h"
#include "posix/route.h"
#include "posix/sockaddr.h"

static const char *family_text(enum spd_family family)
{
    switch (family) {
    case SPD_FAMILY_IPV4:
        return "IPv4 ";
    case SPD_FAMILY_IPV6:
        return "IPv6 ";
    default:
        return "";
    }
}

/* Tells an unknown name from a name server that fails. */
static enum spd_err lookup_failed(int rc, int os, const char *host, enum spd_family family,
                                  struct spd_diag *diag)
{
    switch (rc) {
    case EAI_NONAME:
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0,
                            "no %saddress for host \"%.120s\" (%s); check the spelling, or give "
                            "an address",
                            family_text(family), host, gai_strerror(rc));
    case EAI_AGAIN:
    case EAI_FAIL:
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0,
                            "cannot look up host \"%.120s\": the name server fails or does not "
                            "answer (%s); check /etc/resolv.conf, or give an address",
                            host, gai_strerror(rc));
    case EAI_MEMORY:
        return spd_diag_set(diag, SPD_ERR_NOMEM, ENOMEM, "cannot look up host \"%.120s\": %s", host,
                            gai_strerror(rc));
    case EAI_SYSTEM:
        return spd_diag_set(diag, os == ENOMEM ? SPD_ERR_NOMEM : SPD_ERR_NOT_FOUND, os,
                            "cannot look up host \"%.120s\": the resolver fails (%s); give an "
                            "address",
                            host, spd_oserr_name(os));
    default:
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0, "cannot look up host \"%.120s\": %s", host,
                            gai_strerror(rc));
    }
}

enum spd_err spd_netif_resolve(const char *host, uint16_t port, enum spd_family family,
                               struct spd_addr *out, struct spd_diag *diag)
{
    struct addrinfo hints = { .ai_family = spd_sockaddr_family(family), .ai_socktype = SOCK_DGRAM };
    struct addrinfo *list = NULL;
    struct spd_addr found = { 0 };
    int rc;

    /* An empty name is nobody's, and not worth asking a name server. */
    rc = host[0] == '\0' ? EAI_NONAME : getaddrinfo(host, NULL, &hints, &list);
    if (rc != 0) {
        int os = errno;

        return lookup_failed(rc, os, host, family, diag);
    }
    /* The first that we can use: the system sorts by RFC 6724. */
    for (const struct addrinfo *at = list; at != NULL && found.family == 0; at = at->ai_next) {
        struct sockaddr_storage address = { 0 };

        if (at->ai_addrlen <= sizeof address) {
            memcpy(&address, at->ai_addr, at->ai_addrlen);
            (void)spd_sockaddr_to(&address, &found);
        }
    }
    freeaddrinfo(list);
    if (found.family == SPD_FAMILY_NONE) {
        return lookup_failed(EAI_NODATA, 0, host, family, diag);
    }
    found.port = port;
    *out = found;
    return SPD_ERR_OK;
}

/* Bind the probing socket to the interface and the source that were asked. */
static enum spd_err constrain(int fd, const struct spd_addr *source, const char *interface_name,
                              struct spd_diag *diag)
{
    char text[SPD_ADDR_TEXT_BYTES];

    if (interface_name[0] != '\0' && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, interface_name,
                                                (socklen_t)strlen(interface_name)) != 0) {
        int os = errno;

        return spd_diag_set(diag, spd_oserr_map(os), os, "cannot use interface \"%.63s\" (%s)",
                            interface_name, spd_oserr_name(os));
    }
    if (source != NULL) {
        struct sockaddr_storage address;
        struct spd_addr any_port = *source;
        socklen_t n;

        any_port.port = 0;
        n = spd_sockaddr_from(&any_port, &address);
        if (bind(fd, (struct sockaddr *)&address, n) != 0) {
            int os = errno;

            return spd_diag_set(diag, SPD_ERR_NOT_FOUND, os,
                                "%s is no address of this host%s%.63s (%s); `ip address` lists "
                                "them",
                                spd_addr_format_host(source, text),
                                interface_name[0] != '\0' ? " on interface " : "", interface_name,
                                spd_oserr_name(os));
        }
    }
    return SPD_ERR_OK;
}

static enum spd_err connect_failed(int os, const struct spd_addr *target,
                                   const struct spd_addr *source, const char *interface_name,
                                   struct spd_diag *diag)
{
    char to[SPD_ADDR_TEXT_BYTES];
    char from[SPD_ADDR_TEXT_BYTES] = "";

    if (source != NULL) {
        spd_addr_format_host(source, from);
    }
    /* EINVAL: a source that cannot reach it (127.0.0.1 to elsewhere), a
     * link-local target without interface, or a blackhole route. */
    return spd_diag_set(diag, SPD_ERR_NET_UNREACHABLE, os,
                        "no route to %s%s%s%s%.63s (%s); check `ip route`, the source and the "
                        "interface",
                        spd_addr_format_host(target, to), from[0] != '\0' ? " from " : "", from,
                        interface_name[0] != '\0' ? " through " : "", interface_name,
                        spd_oserr_name(os));
}

/* What the connected socket knows: source and MTU. */
static enum spd_err ask_socket(int fd, const struct spd_addr *target, const struct spd_addr *source,
                               const char *interface_name, struct spd_netif_path *path,
                               struct spd_diag *diag)
{
    struct sockaddr_storage address;
    struct spd_addr with_port = *target;
    socklen_t n;
    bool is_v4 = target->family == SPD_FAMILY_IPV4;
    int mtu = 0;

    if (with_port.port == 0) {
        with_port.port = 9; /* any will do: nothing is sent */
    }
    n = spd_sockaddr_from(&with_port, &address);
    if (connect(fd, (struct sockaddr *)&address, n) != 0) {
        return connect_failed(errno, target, source, interface_name, diag);
    }
    n = sizeof address;
    if (getsockname(fd, (struct sockaddr *)&address, &n) != 0 ||
        !spd_sockaddr_to(&address, &path->source)) {
        return connect_failed(errno, target, source, interface_name, diag);
    }
    path->source.port = 0;
    n = sizeof mtu;
    if (getsockopt(fd, is_v4 ? IPPROTO_IP : IPPROTO_IPV6, is_v4 ? IP_MTU : IPV6_MTU, &mtu, &n) ==
            0 &&
        mtu > 0) {
        path->mtu_bytes = (uint32_t)mtu;
    }
    return SPD_ERR_OK;
}

/* What the routes know: the interface and its kind. */
static void ask_routes(const struct spd_addr *target, int interface_index,
                       struct spd_netif_path *path)
{
    struct spd_link link;
    int index = spd_route_interface(target, &path->source, interface_index);

    /* With SO_BINDTODEVICE the socket goes there, whatever the routes say. */
    if (interface_index != 0) {
        index = interface_index;
    }
    path->is_loopback = spd_addr_is_loopback(target);
    if (index == 0 || !spd_route_link(index, &link)) {
        path->link_header_bytes = path->is_loopback ? 0 : 14;
        return;
    }
    path->is_loopback = (link.flags & IFF_LOOPBACK) != 0;
    path->link_header_bytes = spd_route_link_header_bytes(&link);
    spd_text_copy(path->interface_name, sizeof path->interface_name, link.name);
    if (path->mtu_bytes == 0) {
        path->mtu_bytes = link.mtu_bytes;
    }
}

enum spd_err spd_netif_path(const struct spd_addr *target, const struct spd_addr *source,
                            const char *interface_name, struct spd_netif_path *out,
                            struct spd_diag *diag)
{
    const char *name = interface_name != NULL ? interface_name : "";
    struct spd_netif_path path = { 0 };
    unsigned index = 0;
    enum spd_err err;
    int fd;

    if (source != NULL && source->family == SPD_FAMILY_NONE) {
        source = NULL;
    }
    if (spd_sockaddr_family(target->family) == AF_UNSPEC ||
        (source != NULL && source->family != target->family)) {
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "source and target must both be IPv4 or both be IPv6");
    }
    if (name[0] != '\0') {
        index = if_nametoindex(name);
        if (index == 0) {
            return spd_diag_set(diag, SPD_ERR_NOT_FOUND, errno,
                                "no interface \"%.63s\" on this host; `ip link` lists them", name);
        }
    }
    fd = socket(spd_sockaddr_family(target->family), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        int os = errno;

        return spd_diag_set(diag, os == EAFNOSUPPORT ? SPD_ERR_NET_UNREACHABLE : spd_oserr_map(os),
                            os, "cannot open a %ssocket (%s)", family_text(target->family),
                            spd_oserr_name(os));
    }
    err = constrain(fd, source, name, diag);
    if (err == SPD_ERR_OK) {
        err = ask_socket(fd, target, source, name, &path, diag);
    }
    close(fd);
    if (err != SPD_ERR_OK) {
        return err;
    }
    ask_routes(target, (int)index, &path);
    *out = path;
    return SPD_ERR_OK;
}
