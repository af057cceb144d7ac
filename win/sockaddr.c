/*
 * Addresses as Winsock has them. Pure; any thread.
 */
#include "win/sockaddr.h"

#include <string.h>

int spd_sockaddr_from(const struct spd_addr *addr, SOCKADDR_INET *out)
{
    memset(out, 0, sizeof *out);
    if (addr->family == SPD_FAMILY_IPV4) {
        out->Ipv4.sin_family = AF_INET;
        out->Ipv4.sin_port = htons(addr->port);
        memcpy(&out->Ipv4.sin_addr, addr->bytes, 4);
        return (int)sizeof out->Ipv4;
    }
    out->Ipv6.sin6_family = AF_INET6;
    out->Ipv6.sin6_port = htons(addr->port);
    out->Ipv6.sin6_scope_id = addr->scope_id;
    memcpy(&out->Ipv6.sin6_addr, addr->bytes, 16);
    return (int)sizeof out->Ipv6;
}

void spd_sockaddr_to(const SOCKADDR_INET *from, struct spd_addr *out)
{
    memset(out, 0, sizeof *out);
    if (from->si_family == AF_INET) {
        out->family = SPD_FAMILY_IPV4;
        out->port = ntohs(from->Ipv4.sin_port);
        memcpy(out->bytes, &from->Ipv4.sin_addr, 4);
    } else if (from->si_family == AF_INET6) {
        out->family = SPD_FAMILY_IPV6;
        out->port = ntohs(from->Ipv6.sin6_port);
        out->scope_id = from->Ipv6.sin6_scope_id;
        memcpy(out->bytes, &from->Ipv6.sin6_addr, 16);
    }
}
