/*
 * Which interface the kernel would send through, and what kind it is, over
 * rtnetlink. Private to posix/.
 */
#ifndef SPD_POSIX_ROUTE_H
#define SPD_POSIX_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/base/addr.h"

struct spd_link {
    int index;
    uint16_t type;  /* ARPHRD_... */
    unsigned flags; /* IFF_... */
    uint32_t mtu_bytes;
    char name[16];
    char kind[16]; /* "vlan", "veth", ...; empty for hardware */
};

/* The index of the interface towards target; 0 when the system does not tell.
 * source may be NULL; interface_index 0 leaves the choice to the routes. */
int spd_route_interface(const struct spd_addr *target, const struct spd_addr *source,
                        int interface_index);

/* Returns false when there is no such interface or the system does not tell. */
bool spd_route_link(int interface_index, struct spd_link *out);

/* Octets in front of the IP packet on this link. */
uint32_t spd_route_link_header_bytes(const struct spd_link *link);

#endif
