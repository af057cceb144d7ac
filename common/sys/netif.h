/*
 * Names and paths: host look-up, the interface and MTU towards a target.
 */
#ifndef SPD_SYS_NETIF_H
#define SPD_SYS_NETIF_H

#include "common/base/addr.h"
#include "common/base/err.h"

/* Look a host name or numeric address up (family NONE: whatever the system
 * prefers) and give it the port. Blocks. Errors: NOT_FOUND with a diag that
 * tells an unknown name from a failing name server. */
enum spd_err spd_netif_resolve(const char *host, uint16_t port, enum spd_family family,
                               struct spd_addr *out, struct spd_diag *diag);

struct spd_netif_path {
    struct spd_addr source;    /* the address the system would send from; port 0 */
    uint32_t mtu_bytes;        /* of the first hop, or of the path if known; 0 unknown */
    uint32_t link_header_bytes; /* in front of the IP packet on the outgoing link: 14 Ethernet, 0 loopback */
    char interface_name[64];   /* empty when unknown */
    bool is_loopback;
};

/* The way to a target. source (or NULL) forces the source address, interface
 * (or NULL, or "") the outgoing interface. Sends nothing. Errors:
 * NET_UNREACHABLE, NOT_FOUND (no such source or interface). */
enum spd_err spd_netif_path(const struct spd_addr *target, const struct spd_addr *source,
                            const char *interface_name, struct spd_netif_path *out,
                            struct spd_diag *diag);

#endif
