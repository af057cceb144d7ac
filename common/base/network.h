/*
 * Networks as prefixes: "192.0.2.0/24", "2001:db8::/32". Pure; any thread.
 */
#ifndef SPD_BASE_NETWORK_H
#define SPD_BASE_NETWORK_H

#include "common/base/addr.h"

/* Plain value. Bits behind the prefix are zero. */
struct spd_network {
    struct spd_addr base; /* port and scope are 0 */
    uint8_t n_bits;       /* of the prefix: 0 to 32 or 128 */
};

#define SPD_NETWORK_TEXT_BYTES 48 /* "v6/128" and the final zero */

/* "192.0.2.0/24", "::/0"; an address alone means all its bits. Returns false
 * for anything else, and for bits that are set behind the prefix
 * ("192.0.2.7/24" may mean the host or its network). */
bool spd_network_parse(const char *text, struct spd_network *out);

/* Whether the address is of that network. IPv4 addresses mapped into IPv6
 * (::ffff:192.0.2.7, RFC 4291 section 2.5.5.2) count as what they stand for. */
bool spd_network_contains(const struct spd_network *network, const struct spd_addr *address);

/* Whether it is of any of them. */
bool spd_networks_contain(const struct spd_network *networks, size_t n,
                          const struct spd_addr *address);

/* "192.0.2.0/24"; returns text. */
const char *spd_network_format(const struct spd_network *network,
                               char text[SPD_NETWORK_TEXT_BYTES]);

#endif
