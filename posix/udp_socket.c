/*
 * Makes the UDP socket: options, buffers, bind, connect; and says what the
 * system gave and refused. Runs in the thread that opens a socket, before
 * there is any traffic, so it may allocate and format.
 */
#include "posix/udp_private.h"

#include <errno.h>
#include <linux/net_tstamp.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "posix/oserr.h"
#include "posix/sockaddr.h"

/* The kernel's own charge for one stamp in the error queue, rounded up. */
enum { STAMP_COST_BYTES = 1024 };

static void add_note(struct spd_udp *udp, const char *text)
{
    char *note = udp->facts.note;
    size_t n = strlen(note);

    (void)snprintf(note + n, sizeof udp->facts.note - n, "%s%s", n > 0 ? "; " : "", text);
}

static bool set_int(int fd, int level, int option, int value)
{
    return setsockopt(fd, level, option, &value, sizeof value) == 0;
}

void spd_udp_unmap(struct spd_addr *addr)
{
    static const uint8_t prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff };

    if (addr->family == SPD_FAMILY_IPV6 && memcmp(addr->bytes, prefix, sizeof prefix) == 0) {
        memmove(addr->bytes, addr->bytes + 12, 4);
        memset(addr->bytes + 4, 0, 12);
        addr->family = SPD_FAMILY_IPV4;
        addr->scope_id = 0;
    }
}

socklen_t spd_udp_sockaddr(const struct spd_udp *udp, const struct spd_addr *addr,
                           struct sockaddr_storage *out)
{
    if (addr->family == udp->family) {
        return spd_sockaddr_from(addr, out);
    }
    if (addr->family != SPD_FAMILY_IPV4 || udp->v6_only) {
        return 0;
    }
    struct spd_addr mapped = { .family = SPD_FAMILY_IPV6, .port = addr->port };

    mapped.bytes[10] = 0xff;
    mapped.bytes[11] = 0xff;
    memcpy(mapped.bytes + 12, addr->bytes, 4);
    return spd_sockaddr_from(&mapped, out);
}

/* A buffer of wanted bytes or more, as root beyond the limit of the system.
 * The kernel doubles what is asked, which gives the margin that sends need to
 * be sure of their room (udp_send.c). Returns what there is now. */
static int64_t set_buffer(int fd, int force, int option, size_t wanted)
{
    int value = wanted < (size_t)(INT32_MAX / 2) ? (int)wanted : INT32_MAX / 2;
    socklen_t n = sizeof value;

    if (wanted > 0 && !set_int(fd, SOL_SOCKET, force, value)) {
        (void)set_int(fd, SOL_SOCKET, option, value);
    }
    if (getsockopt(fd, SOL_SOCKET, option, &value, &n) != 0) {
        return 0;
    }
    return value;
}

static void set_buffers(struct spd_udp *udp, const struct spd_udp_config *config)
{
    size_t wanted_receive = config->receive_buffer_bytes;
    char text[120];

    /* Stamps of a burst wait in the receive buffer: SCHED and SND for each. */
    if (config->want_send_stamps) {
        wanted_receive += (size_t)2 * STAMP_COST_BYTES * udp->port->max_queued_sends;
    }
    udp->facts.send_buffer_bytes =
        set_buffer(udp->fd, SO_SNDBUFFORCE, SO_SNDBUF, config->send_buffer_bytes);
    udp->facts.receive_buffer_bytes =
        set_buffer(udp->fd, SO_RCVBUFFORCE, SO_RCVBUF, wanted_receive);
    udp->sends.limit_bytes = (uint64_t)udp->facts.send_buffer_bytes;
    if (udp->facts.send_buffer_bytes < (int64_t)config->send_buffer_bytes) {
        (void)snprintf(text, sizeof text,
                       "send buffer %lld of %zu bytes: run as root or raise net.core.wmem_max",
                       (long long)udp->facts.send_buffer_bytes, config->send_buffer_bytes);
        add_note(udp, text);
    }
    if (udp->facts.receive_buffer_bytes < (int64_t)wanted_receive) {
        (void)snprintf(text, sizeof text,
                       "receive buffer %lld of %zu bytes%s: run as root or raise "
                       "net.core.rmem_max",
                       (long long)udp->facts.receive_buffer_bytes, wanted_receive,
                       config->want_send_stamps ? " (holds send stamps too)" : "");
        add_note(udp, text);
    }
}

static bool set_tclass(const struct spd_udp *udp, int tclass)
{
    bool set = true;

    if (udp->family == SPD_FAMILY_IPV6) {
        set = set_int(udp->fd, IPPROTO_IPV6, IPV6_TCLASS, tclass);
    }
    if (udp->family == SPD_FAMILY_IPV4 || !udp->v6_only) {
        set = set_int(udp->fd, IPPROTO_IP, IP_TOS, tclass) && set;
    }
    return set;
}

/* Options that a measurement can do without are only noted when refused. */
static void set_header_options(struct spd_udp *udp, const struct spd_udp_config *config)
{
    bool v6 = udp->family == SPD_FAMILY_IPV6;
    bool v4 = !v6 || !udp->v6_only;
    int fd = udp->fd;
    bool ok = true;

    udp->facts.tclass_set = config->tclass < 0 || set_tclass(udp, config->tclass);
    udp->tclass = udp->facts.tclass_set ? config->tclass : -1;
    if (!udp->facts.tclass_set) {
        add_note(udp, "traffic class refused");
    }
    /* Without it a packet dropped in the local queue counts as sent. */
    ok = (!v4 || set_int(fd, IPPROTO_IP, IP_RECVERR, 1)) &&
         (!v6 || set_int(fd, IPPROTO_IPV6, IPV6_RECVERR, 1));
    if (!ok) {
        add_note(udp, "local drops and ICMP errors are not reported");
    }
    if (config->ttl > 0) {
        ok = (!v4 || (set_int(fd, IPPROTO_IP, IP_TTL, config->ttl) &&
                      set_int(fd, IPPROTO_IP, IP_MULTICAST_TTL, config->ttl))) &&
             (!v6 || (set_int(fd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, config->ttl) &&
                      set_int(fd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, config->ttl)));
        if (!ok) {
            add_note(udp, "TTL refused");
        }
    }
    if (config->dont_fragment) {
        ok = (!v4 || set_int(fd, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DO)) &&
             (!v6 || (set_int(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, IPV6_PMTUDISC_DO) &&
                      set_int(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1)));
        if (!ok) {
            add_note(udp, "fragmentation cannot be forbidden");
        }
    }
    if (config->want_receive_details) {
        /* A socket with an address of its own knows the destination: each piece of
         * control data costs some ten nanoseconds a packet. IPV6_RECVPKTINFO tells
         * the destination of IPv4 packets too. */
        bool any = spd_addr_is_any(&config->local);

        ok = (!v4 ||
              (set_int(fd, IPPROTO_IP, IP_RECVTTL, 1) && set_int(fd, IPPROTO_IP, IP_RECVTOS, 1))) &&
             (v6 || !any || set_int(fd, IPPROTO_IP, IP_PKTINFO, 1)) &&
             (!v6 || (set_int(fd, IPPROTO_IPV6, IPV6_RECVHOPLIMIT, 1) &&
                      set_int(fd, IPPROTO_IPV6, IPV6_RECVTCLASS, 1) &&
                      (!any || set_int(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1))));
        if (!ok) {
            add_note(udp, "TTL, traffic class or destination of received packets unknown");
        }
    }
}

/* ------------------------------------------------------------- bind, connect */

static enum spd_err explain_bind(const struct spd_udp_config *config, int os_errno,
                                 struct spd_diag *diag)
{
    char text[SPD_ADDR_TEXT_BYTES];
    const char *name = spd_oserr_name(os_errno);

    spd_addr_format(&config->local, text);
    switch (os_errno) {
    case EADDRINUSE:
        return spd_diag_set(diag, SPD_ERR_IN_USE, os_errno,
                            "cannot open UDP %s: in use (%s); stop the program that holds the "
                            "port ('ss -lunp' names it) or choose another port",
                            text, name);
    case EACCES:
    case EPERM:
        return spd_diag_set(diag, SPD_ERR_PERM, os_errno,
                            "cannot open UDP %s: not permitted (%s); run as root, give the program "
                            "cap_net_bind_service, or choose a port from 1024 up",
                            text, name);
    case EADDRNOTAVAIL:
    case ENODEV:
    case EINVAL: /* a link-local address without its scope */
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, os_errno,
                            "cannot open UDP %s: no interface has this address (%s); choose one "
                            "that 'ip address' lists",
                            text, name);
    default:
        return spd_diag_set(diag, spd_oserr_map(os_errno), os_errno, "cannot open UDP %s: %s", text,
                            name);
    }
}

static enum spd_err explain_connect(const struct spd_udp_config *config, int os_errno,
                                    struct spd_diag *diag)
{
    char text[SPD_ADDR_TEXT_BYTES];
    const char *name = spd_oserr_name(os_errno);

    spd_addr_format(&config->remote, text);
    switch (os_errno) {
    case ENETUNREACH:
        return spd_diag_set(diag, SPD_ERR_NET_UNREACHABLE, os_errno,
                            "cannot reach %s: this host has no route to it (%s); check "
                            "'ip route get' and the interface",
                            text, name);
    case EHOSTUNREACH:
        return spd_diag_set(diag, SPD_ERR_HOST_UNREACHABLE, os_errno,
                            "cannot reach %s: a route forbids it (%s); check 'ip route get'", text,
                            name);
    case EACCES:
        return spd_diag_set(diag, SPD_ERR_PERM, os_errno,
                            "cannot send to %s: not permitted (%s); broadcast is not supported, "
                            "and a prohibit route or a packet filter may forbid the address",
                            text, name);
    case EINVAL:
        return spd_diag_set(diag, SPD_ERR_INVALID, os_errno,
                            "cannot connect to %s: address refused (%s); a link-local address "
                            "needs its interface, and both ends the same kind",
                            text, name);
    default:
        return spd_diag_set(diag, spd_oserr_map(os_errno), os_errno, "cannot connect to %s: %s",
                            text, name);
    }
}

static enum spd_err bind_and_connect(struct spd_udp *udp, const struct spd_udp_config *config,
                                     struct spd_diag *diag)
{
    struct sockaddr_storage address;
    socklen_t n = spd_sockaddr_from(&config->local, &address);

    if (bind(udp->fd, (struct sockaddr *)&address, n) != 0) {
        return explain_bind(config, errno, diag);
    }
    if (config->remote.family != SPD_FAMILY_NONE) {
        n = spd_udp_sockaddr(udp, &config->remote, &address);
        if (n == 0) {
            char text[SPD_ADDR_TEXT_BYTES];

            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "cannot connect to %s: the local address is of the other IP "
                                "version",
                                spd_addr_format(&config->remote, text));
        }
        if (connect(udp->fd, (struct sockaddr *)&address, n) != 0) {
            return explain_connect(config, errno, diag);
        }
        udp->connected = true;
        udp->remote_is_v4 = config->remote.family == SPD_FAMILY_IPV4;
    }
    udp->facts.connected = udp->connected;
    n = sizeof address;
    if (getsockname(udp->fd, (struct sockaddr *)&address, &n) != 0 ||
        !spd_sockaddr_to(&address, &udp->facts.local)) {
        int os_errno = errno;

        return spd_diag_set(diag, spd_oserr_map(os_errno), os_errno,
                            "the system does not tell the address of a socket: %s",
                            spd_oserr_name(os_errno));
    }
    if (!spd_addr_is_any(&config->local)) {
        udp->bound_to = udp->facts.local;
    }
    return SPD_ERR_OK;
}

static enum spd_err bind_interface(struct spd_udp *udp, const char *name, struct spd_diag *diag)
{
    if (setsockopt(udp->fd, SOL_SOCKET, SO_BINDTODEVICE, name, (socklen_t)strlen(name)) == 0) {
        return SPD_ERR_OK;
    }
    int os_errno = errno;

    if (os_errno == ENODEV || os_errno == EINVAL) {
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, os_errno,
                            "there is no interface %s (%s); 'ip link' lists them", name,
                            spd_oserr_name(os_errno));
    }
    return spd_diag_set(diag, spd_oserr_map(os_errno), os_errno,
                        "cannot bind to interface %s: %s; run as root", name,
                        spd_oserr_name(os_errno));
}

enum spd_err spd_udp_socket_open(struct spd_udp *udp, const struct spd_udp_config *config,
                                 struct spd_diag *diag)
{
    bool v6 = config->local.family == SPD_FAMILY_IPV6;
    enum spd_err err;

    if (config->local.family != SPD_FAMILY_IPV4 && !v6) {
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "the local address of a socket is missing");
    }
    udp->family = config->local.family;
    udp->v6_only = config->v6_only;
    udp->fd =
        socket(spd_sockaddr_family((enum spd_family)udp->family), SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (udp->fd < 0) {
        int os_errno = errno;

        return spd_diag_set(diag, spd_oserr_map(os_errno), os_errno,
                            "cannot create an %s socket: %s%s", v6 ? "IPv6" : "IPv4",
                            spd_oserr_name(os_errno),
                            os_errno == EAFNOSUPPORT ? "; this host has that IP version disabled"
                            : os_errno == EMFILE     ? "; raise the limit of open files (ulimit -n)"
                                                     : "");
    }
    if (v6 && !set_int(udp->fd, IPPROTO_IPV6, IPV6_V6ONLY, config->v6_only ? 1 : 0)) {
        return spd_diag_set(diag, spd_oserr_map(errno), errno, "cannot set IPV6_V6ONLY: %s",
                            spd_oserr_name(errno));
    }
    if (config->interface_name[0] != '\0') {
        err = bind_interface(udp, config->interface_name, diag);
        if (err != SPD_ERR_OK) {
            return err;
        }
    }
    set_buffers(udp, config);
    set_header_options(udp, config);
    return bind_and_connect(udp, config, diag);
}
