/*
 * Socket options: what the configuration asks for and what the system gives,
 * which goes into the facts. Runs at open, and spd_udp_mark before a send.
 */
#include "win/udp.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <mstcpip.h>

#include "win/interface.h"
#include "win/oserr.h"
#include "win/wine.h"

/* Add a sentence to the facts' note, if it still fits. */
static void add_note(struct spd_udp *udp, const char *format, ...) SPD_PRINTF_LIKE(2, 3);
static void add_note(struct spd_udp *udp, const char *format, ...)
{
    size_t used = strlen(udp->facts.note);
    size_t room = sizeof udp->facts.note - used;
    const char *separator = used > 0 ? "; " : "";
    char sentence[sizeof udp->facts.note];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(sentence, sizeof sentence, format, arguments);
    va_end(arguments);
    if (n > 0 && (size_t)n + strlen(separator) < room)
        snprintf(udp->facts.note + used, room, "%s%s", separator, sentence);
}

static bool set_option(struct spd_udp *udp, int level, int name, int value)
{
    return setsockopt(udp->socket, level, name, (const char *)&value, sizeof value) == 0;
}

/* The same option has a number of its own for each family. */
static bool set_ip_option(struct spd_udp *udp, int name4, int name6, int value)
{
    return udp->family == SPD_FAMILY_IPV4 ? set_option(udp, IPPROTO_IP, name4, value)
                                          : set_option(udp, IPPROTO_IPV6, name6, value);
}

static int64_t set_buffer(struct spd_udp *udp, int name, size_t wanted_bytes, const char *what,
                          const char *host_limit)
{
    int value = wanted_bytes < INT32_MAX ? (int)wanted_bytes : INT32_MAX;
    int length = (int)sizeof value;
    int64_t obtained;

    if (value > 0)
        setsockopt(udp->socket, SOL_SOCKET, name, (const char *)&value, sizeof value);
    if (getsockopt(udp->socket, SOL_SOCKET, name, (char *)&value, &length) != 0)
        return -1;
    obtained = value;
    /* Wine repeats what it was asked for; its host's limit counts. */
    if (udp->wine) {
        int64_t limit = spd_wine_host_limit(host_limit);
        if (limit >= 0 && limit < obtained)
            obtained = limit;
    }
    if (wanted_bytes > (size_t)INT32_MAX || obtained < (int64_t)wanted_bytes)
        add_note(udp, "%s buffer: %lld of %zu bytes", what, (long long)obtained, wanted_bytes);
    return obtained;
}

static void set_receive_details(struct spd_udp *udp)
{
    bool ok = set_ip_option(udp, IP_PKTINFO, IPV6_PKTINFO, 1);

    ok = set_ip_option(udp, IP_RECVTTL, IPV6_HOPLIMIT, 1) && ok;
    ok = set_ip_option(udp, IP_RECVTOS, IPV6_RECVTCLASS, 1) && ok;
    if (!ok)
        add_note(udp, "TTL, traffic class or destination of received packets is not told");
}

/* Stamps by the driver or the card, Windows 10 build 20348 and later. */
static void set_receive_stamps(struct spd_udp *udp)
{
    TIMESTAMPING_CONFIG config = { .Flags = TIMESTAMPING_FLAG_RX };
    DWORD n_bytes;

    if (WSAIoctl(udp->socket, SIO_TIMESTAMPING, &config, sizeof config, NULL, 0, &n_bytes, NULL,
                 NULL) == 0)
        udp->facts.receive_stamp = SPD_STAMP_KERNEL;
}

/* Send through this interface. With the address of the interface as the local
 * one this is so anyway: Windows sends from where the source address is. */
static enum spd_err set_interface(struct spd_udp *udp, const char *name,
                                  const struct spd_addr *local, struct spd_diag *diag)
{
    char text[SPD_OSERR_TEXT_BYTES];
    bool has_local = false;
    uint32_t index = spd_interface_look_up(name, local, &has_local);
    DWORD code;
    bool ok;

    if (index == 0)
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0,
                            "there is no interface \"%s\" (ipconfig shows their names)", name);
    /* In network byte order for IPv4, in the host's for IPv6: documented so. */
    if (udp->family == SPD_FAMILY_IPV4)
        ok = set_option(udp, IPPROTO_IP, IP_UNICAST_IF, (int)htonl(index));
    else
        ok = set_option(udp, IPPROTO_IPV6, IPV6_UNICAST_IF, (int)index);
    if (ok || has_local)
        return SPD_ERR_OK;
    code = (DWORD)WSAGetLastError();
    return spd_diag_set(diag, SPD_ERR_NOTSUP, (int32_t)code,
                        "cannot bind to the interface \"%s\" (%s); give its address as the source",
                        name, spd_oserr_text(code, text));
}

enum spd_err spd_udp_options_before_bind(struct spd_udp *udp, const struct spd_udp_config *config,
                                         struct spd_diag *diag)
{
    BOOL report_resets = TRUE;
    DWORD n_bytes;

    udp->facts.send_stamp_path = "counter before the call";
    /* Else any program of the same user could take the port over. */
    set_option(udp, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, 1);
    /* The default, but a default that many turn off: ICMP port unreachable
     * completes a receive. */
    WSAIoctl(udp->socket, SIO_UDP_CONNRESET, &report_resets, sizeof report_resets, NULL, 0,
             &n_bytes, NULL, NULL);
    if (udp->family == SPD_FAMILY_IPV6)
        set_option(udp, IPPROTO_IPV6, IPV6_V6ONLY, config->v6_only);
    udp->facts.send_buffer_bytes =
        set_buffer(udp, SO_SNDBUF, config->send_buffer_bytes, "send", "net/core/wmem_max");
    udp->facts.receive_buffer_bytes =
        set_buffer(udp, SO_RCVBUF, config->receive_buffer_bytes, "receive", "net/core/rmem_max");
    if (config->ttl > 0 && !set_ip_option(udp, IP_TTL, IPV6_UNICAST_HOPS, config->ttl))
        add_note(udp, "the TTL could not be set");
    if (config->dont_fragment && !set_ip_option(udp, IP_DONTFRAGMENT, IPV6_DONTFRAG, 1))
        add_note(udp, "\"don't fragment\" could not be set");
    if (config->want_receive_details)
        set_receive_details(udp);
    if (config->want_receive_stamps)
        set_receive_stamps(udp);
    if (config->interface_name[0] != '\0')
        return set_interface(udp, config->interface_name, &config->local, diag);
    return SPD_ERR_OK;
}

bool spd_udp_mark(struct spd_udp *udp, int tclass)
{
    /* Windows takes IP_TOS and marks nothing; Wine passes it on to its host. */
    if (!udp->wine)
        return false;
    if (tclass == udp->marked)
        return true;
    if (!set_ip_option(udp, IP_TOS, IPV6_TCLASS, tclass))
        return false;
    udp->marked = tclass;
    return true;
}

#define POLICY_REMEDY "add a policy-based QoS rule (New-NetQosPolicy -DSCPAction)"

static void set_tclass(struct spd_udp *udp, int tclass)
{
    const struct spd_qos_api *api = spd_qos_system();
    uint32_t code = 0;

    /* 0 is what leaves an unmarked socket. */
    udp->tclass = tclass;
    udp->facts.tclass_set = tclass <= 0 || spd_udp_mark(udp, tclass);
    if (udp->facts.tclass_set)
        return;
    if (udp->wine) {
        add_note(udp, "Wine cannot mark this socket's packets");
    } else if ((tclass & 3) != 0) {
        add_note(udp, "Windows cannot send with ECN %d", tclass & 3);
    } else if (!udp->facts.connected) {
        add_note(udp, "Windows marks connected sockets only: " POLICY_REMEDY);
    } else if (api == NULL) {
        add_note(udp, "not marked, qWAVE is missing: " POLICY_REMEDY);
    } else if (spd_qos_mark(api, udp->socket, (uint8_t)(tclass >> 2), &udp->flow, &code)) {
        udp->facts.tclass_set = true;
    } else {
        add_note(udp, "not marked (qWAVE error %lu): run as administrator or " POLICY_REMEDY,
                 (unsigned long)code);
    }
}

void spd_udp_options_after_connect(struct spd_udp *udp, const struct spd_udp_config *config)
{
    set_tclass(udp, config->tclass);
}
