/*
 * IPv4 and IPv6 addresses with a port, independent of the operating system.
 */
#ifndef SPD_BASE_ADDR_H
#define SPD_BASE_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum spd_family { SPD_FAMILY_NONE = 0, SPD_FAMILY_IPV4 = 4, SPD_FAMILY_IPV6 = 6 };

/* Plain value. IPv4 stands in the first four bytes; the rest is zero. */
struct spd_addr {
    uint8_t family;     /* enum spd_family */
    uint8_t reserved;   /* zero, so that values can be compared and hashed */
    uint16_t port;      /* host byte order */
    uint32_t scope_id;  /* IPv6 link-local interface index, else 0 */
    uint8_t bytes[16];  /* network byte order */
};

#define SPD_ADDR_TEXT_BYTES 72 /* "[v6%scope]:port" and the final zero */

bool spd_addr_equal(const struct spd_addr *a, const struct spd_addr *b);
bool spd_addr_equal_host(const struct spd_addr *a, const struct spd_addr *b);
bool spd_addr_is_any(const struct spd_addr *a);
bool spd_addr_is_loopback(const struct spd_addr *a);
bool spd_addr_is_multicast(const struct spd_addr *a); /* or IPv4 broadcast */

/* Octets of IP and UDP header in front of a UDP payload: 28 or 48. */
size_t spd_addr_header_bytes(const struct spd_addr *a);

/* "192.0.2.1:862", "[2001:db8::1]:862" (RFC 5952). Returns text. */
const char *spd_addr_format(const struct spd_addr *a, char text[SPD_ADDR_TEXT_BYTES]);
/* The same without port and brackets. */
const char *spd_addr_format_host(const struct spd_addr *a, char text[SPD_ADDR_TEXT_BYTES]);

/* Parses a numeric address without port ("::1", "127.0.0.1", "fe80::1%3"; the
 * scope must be a number here). Returns false when it is none. */
bool spd_addr_parse_host(const char *text, struct spd_addr *out);

/* Splits "host", "host:port", "[v6]", "[v6]:port" or a bare IPv6 address into
 * host (without brackets) and port; *port is default_port when none is given.
 * Returns false when the port is no number from 1 to 65535 (0 is allowed when
 * allow_zero) or the host does not fit. Does not look the host up. */
bool spd_addr_split(const char *text, uint16_t default_port, bool allow_zero,
                    char *host, size_t host_capacity, uint16_t *port);

#endif
