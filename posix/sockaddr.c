/*
 * Converts addresses. Pure; any thread, also during a burst.
 */
#include "posix/sockaddr.h"

#include <netinet/in.h>
#include <string.h>

int spd_sockaddr_family(enum spd_family family)
{
    switch (family) {
    case SPD_FAMILY_IPV4:
        return AF_INET;
    case SPD_FAMILY_IPV6:
        return AF_INET6;
    default:
        return AF_UNSPEC;
    }
}

socklen_t spd_sockaddr_from(const struct spd_addr *addr, struct sockaddr_storage *out)
{
    if (addr->family == SPD_FAMILY_IPV4) {
        struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(addr->port) };

        memcpy(&v4.sin_addr, addr->bytes, sizeof v4.sin_addr);
        memcpy(out, &v4, sizeof v4);
        return sizeof v4;
    }
    struct sockaddr_in6 v6 = { .sin6_family = AF_INET6,
                               .sin6_port = htons(addr->port),
                               .sin6_scope_id = addr->scope_id };

    memcpy(&v6.sin6_addr, addr->bytes, sizeof v6.sin6_addr);
    memcpy(out, &v6, sizeof v6);
    return sizeof v6;
}

bool spd_sockaddr_to(const struct sockaddr_storage *from, struct spd_addr *out)
{
    memset(out, 0, sizeof *out);
    if (from->ss_family == AF_INET) {
        struct sockaddr_in v4;

        memcpy(&v4, from, sizeof v4);
        out->family = SPD_FAMILY_IPV4;
        out->port = ntohs(v4.sin_port);
        memcpy(out->bytes, &v4.sin_addr, sizeof v4.sin_addr);
        return true;
    }
    if (from->ss_family == AF_INET6) {
        struct sockaddr_in6 v6;

        memcpy(&v6, from, sizeof v6);
        out->family = SPD_FAMILY_IPV6;
        out->port = ntohs(v6.sin6_port);
        out->scope_id = v6.sin6_scope_id;
        memcpy(out->bytes, &v6.sin6_addr, sizeof v6.sin6_addr);
        return true;
    }
    return false;
}
