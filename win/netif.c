/*
 * Name look-up through Winsock, and the way to a target as a connected UDP
 * socket and the list of adapters tell it. Any thread; blocks (a look-up for as
 * long as the resolver is set to try), so never during a burst.
 */
#include "common/sys/netif.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "win/interface.h"
#include "win/oserr.h"
#include "win/sockaddr.h"
#include "win/wine.h"

#define ETHERNET_HEADER_BYTES 14
#define MOST_IP_PACKET_BYTES  65535
#define NAME_MOST_CHARACTERS  512

static int family_number(enum spd_family family)
{
    return family == SPD_FAMILY_IPV4 ? AF_INET : family == SPD_FAMILY_IPV6 ? AF_INET6 : AF_UNSPEC;
}

static const char *family_text(enum spd_family family)
{
    return family == SPD_FAMILY_IPV4 ? "IPv4 " : family == SPD_FAMILY_IPV6 ? "IPv6 " : "";
}

/* Tells an unknown name from a name server that fails. */
static enum spd_err lookup_failed(DWORD code, const char *host, enum spd_family family,
                                  struct spd_diag *diag)
{
    char text[SPD_OSERR_TEXT_BYTES];

    switch (code) {
    case WSATRY_AGAIN:
    case WSANO_RECOVERY:
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, (int32_t)code,
                            "cannot look up host \"%.120s\": the name server fails or does not "
                            "answer (%s); check ipconfig /all, or give an address",
                            host, spd_oserr_text(code, text));
    case WSA_NOT_ENOUGH_MEMORY:
        return spd_diag_set(diag, SPD_ERR_NOMEM, (int32_t)code,
                            "cannot look up host \"%.120s\": %s", host, spd_oserr_text(code, text));
    default:
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, (int32_t)code,
                            "no %saddress for host \"%.120s\" (%s); check the spelling, or give an "
                            "address",
                            family_text(family), host, spd_oserr_text(code, text));
    }
}

/* The first that we can use: the system sorts by RFC 6724. */
static bool first_usable(const ADDRINFOW *list, struct spd_addr *found)
{
    for (const ADDRINFOW *at = list; at != NULL; at = at->ai_next) {
        SOCKADDR_INET address = { 0 };

        if (at->ai_addrlen > sizeof address)
            continue;
        memcpy(&address, at->ai_addr, at->ai_addrlen);
        spd_sockaddr_to(&address, found);
        if (found->family != SPD_FAMILY_NONE)
            return true;
    }
    return false;
}

enum spd_err spd_netif_resolve(const char *host, uint16_t port, enum spd_family family,
                               struct spd_addr *out, struct spd_diag *diag)
{
    ADDRINFOW hints = { .ai_family = family_number(family), .ai_socktype = SOCK_DGRAM };
    ADDRINFOW *list = NULL;
    wchar_t wide[NAME_MOST_CHARACTERS];
    struct spd_addr found = { 0 };
    bool usable;
    int code;

    /* Numbers need no resolver, and a number of the other family none either. */
    if (spd_addr_parse_host(host, &found)) {
        if (family != SPD_FAMILY_NONE && found.family != family)
            return lookup_failed(WSAHOST_NOT_FOUND, host, family, diag);
        found.port = port;
        *out = found;
        return SPD_ERR_OK;
    }
    /* An empty name would mean this host to Winsock. */
    if (host[0] == '\0' || MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, host, -1, wide,
                                               NAME_MOST_CHARACTERS) == 0)
        return lookup_failed(WSAHOST_NOT_FOUND, host, family, diag);
    code = GetAddrInfoW(wide, NULL, &hints, &list);
    if (code != 0)
        return lookup_failed((DWORD)code, host, family, diag);
    usable = first_usable(list, &found);
    FreeAddrInfoW(list);
    if (!usable)
        return lookup_failed(WSANO_DATA, host, family, diag);
    found.port = port;
    *out = found;
    return SPD_ERR_OK;
}

static enum spd_err no_route(const struct spd_addr *target, DWORD code, struct spd_diag *diag)
{
    char addr_text[SPD_ADDR_TEXT_BYTES];
    char text[SPD_OSERR_TEXT_BYTES];

    return spd_diag_set(diag, SPD_ERR_NET_UNREACHABLE, (int32_t)code,
                        "no route to %s: %s; check `route print`, the source and the interface",
                        spd_addr_format_host(target, addr_text), spd_oserr_text(code, text));
}

static enum spd_err no_such_source(const struct spd_addr *source, const char *interface_name,
                                   DWORD code, struct spd_diag *diag)
{
    char addr_text[SPD_ADDR_TEXT_BYTES];

    return spd_diag_set(diag, SPD_ERR_NOT_FOUND, (int32_t)code,
                        "%s is no address of this host%s%.63s; `ipconfig` lists them",
                        spd_addr_format_host(source, addr_text),
                        interface_name[0] != '\0' ? " on interface " : "", interface_name);
}

/* The source address of a socket that is connected to the target. Sends
 * nothing. */
static enum spd_err probe_source(const struct spd_addr *target, const struct spd_addr *source,
                                 const IP_ADAPTER_ADDRESSES *through, struct spd_addr *out,
                                 struct spd_diag *diag)
{
    SOCKADDR_INET address;
    int length = (int)sizeof address;
    struct spd_addr bind_to;
    struct spd_addr connect_to = *target;
    enum spd_err err = SPD_ERR_OK;
    SOCKET probe = WSASocketW(family_number((enum spd_family)target->family), SOCK_DGRAM,
                              IPPROTO_UDP, NULL, 0, 0);

    if (probe == INVALID_SOCKET)
        return no_route(target, (DWORD)WSAGetLastError(), diag);
    if (through != NULL) {
        DWORD index =
            target->family == SPD_FAMILY_IPV4 ? htonl(through->IfIndex) : through->Ipv6IfIndex;
        /* A refusal shows when the source is compared with the interface. */
        setsockopt(probe, target->family == SPD_FAMILY_IPV4 ? IPPROTO_IP : IPPROTO_IPV6,
                   IP_UNICAST_IF, (const char *)&index, sizeof index);
    }
    if (source != NULL) {
        bind_to = *source;
        bind_to.port = 0;
        if (bind(probe, (struct sockaddr *)&address, spd_sockaddr_from(&bind_to, &address)) != 0) {
            err = no_such_source(source, "", (DWORD)WSAGetLastError(), diag);
            goto done;
        }
        /* Wine binds to any IPv4 address. */
        if (spd_wine_is() && !spd_interface_is_local(source)) {
            err = no_such_source(source, "", WSAEADDRNOTAVAIL, diag);
            goto done;
        }
    }
    if (connect_to.port == 0)
        connect_to.port = 9; /* discard: Winsock takes no 0 here */
    if (connect(probe, (struct sockaddr *)&address, spd_sockaddr_from(&connect_to, &address)) !=
            0 ||
        getsockname(probe, (struct sockaddr *)&address, &length) != 0) {
        err = no_route(target, (DWORD)WSAGetLastError(), diag);
        goto done;
    }
    spd_sockaddr_to(&address, out);
    out->port = 0;
done:
    closesocket(probe);
    return err;
}

/* The first address of the adapter that suits the target. */
static bool address_on(const IP_ADAPTER_ADDRESSES *adapter, uint8_t family, struct spd_addr *out)
{
    for (const IP_ADAPTER_UNICAST_ADDRESS *u = adapter->FirstUnicastAddress; u != NULL;
         u = u->Next) {
        SOCKADDR_INET address = { 0 };

        if (u->Address.iSockaddrLength > (INT)sizeof address)
            continue;
        memcpy(&address, u->Address.lpSockaddr, (size_t)u->Address.iSockaddrLength);
        spd_sockaddr_to(&address, out);
        out->port = 0;
        if (out->family == family)
            return true;
    }
    return false;
}

static const IP_ADAPTER_ADDRESSES *adapter_of(const IP_ADAPTER_ADDRESSES *list,
                                              const struct spd_addr *addr, bool loopback)
{
    for (const IP_ADAPTER_ADDRESSES *a = list; a != NULL; a = a->Next)
        if (loopback ? a->IfType == IF_TYPE_SOFTWARE_LOOPBACK : spd_interface_has(a, addr))
            return a;
    return NULL;
}

/* What a packet carries on the link in front of IP. Wireless cards look like
 * Ethernet to Windows; what they send is theirs. */
static uint32_t link_header_bytes(DWORD type)
{
    return type == IF_TYPE_ETHERNET_CSMACD || type == IF_TYPE_IEEE80211 ? ETHERNET_HEADER_BYTES : 0;
}

static void describe(const IP_ADAPTER_ADDRESSES *adapter, struct spd_netif_path *path)
{
    if (WideCharToMultiByte(CP_UTF8, 0, adapter->FriendlyName, -1, path->interface_name,
                            (int)sizeof path->interface_name, NULL, NULL) == 0)
        /* Too long for us: the system's own name is always shorter. */
        snprintf(path->interface_name, sizeof path->interface_name, "%s", adapter->AdapterName);
    /* The loopback interface of Windows says 2^32 - 1. */
    path->mtu_bytes = adapter->Mtu < MOST_IP_PACKET_BYTES ? adapter->Mtu : MOST_IP_PACKET_BYTES;
    path->link_header_bytes = link_header_bytes(adapter->IfType);
}

static enum spd_err find_path(const IP_ADAPTER_ADDRESSES *list, const struct spd_addr *target,
                              const struct spd_addr *source, const char *interface_name,
                              struct spd_netif_path *path, struct spd_diag *diag)
{
    const IP_ADAPTER_ADDRESSES *through = NULL;
    const IP_ADAPTER_ADDRESSES *adapter;
    enum spd_err err;

    if (interface_name[0] != '\0') {
        through = spd_interface_find(list, interface_name);
        if (through == NULL)
            return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0,
                                "there is no interface \"%.63s\"; `ipconfig` lists them",
                                interface_name);
        if (source != NULL && !spd_interface_has(through, source))
            return no_such_source(source, interface_name, 0, diag);
    }
    err = probe_source(target, source, through, &path->source, diag);
    if (err != SPD_ERR_OK)
        return err;
    if (through != NULL && !spd_interface_has(through, &path->source) &&
        !address_on(through, target->family, &path->source))
        return spd_diag_set(diag, SPD_ERR_NET_UNREACHABLE, 0,
                            "the interface \"%.63s\" has no %saddress", interface_name,
                            family_text((enum spd_family)target->family));
    path->is_loopback = spd_addr_is_loopback(target) || spd_addr_equal_host(&path->source, target);
    adapter = through != NULL ? through : adapter_of(list, &path->source, path->is_loopback);
    if (adapter != NULL)
        describe(adapter, path);
    return SPD_ERR_OK;
}

enum spd_err spd_netif_path(const struct spd_addr *target, const struct spd_addr *source,
                            const char *interface_name, struct spd_netif_path *out,
                            struct spd_diag *diag)
{
    struct spd_netif_path path = { 0 };
    IP_ADAPTER_ADDRESSES *list;
    enum spd_err err;

    if (source != NULL && source->family == SPD_FAMILY_NONE)
        source = NULL;
    if (source != NULL && source->family != target->family)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "source and target differ in family; give both as IPv4 or as IPv6");
    list = spd_interface_list();
    err =
        find_path(list, target, source, interface_name != NULL ? interface_name : "", &path, diag);
    free(list);
    if (err == SPD_ERR_OK)
        *out = path;
    return err;
}
