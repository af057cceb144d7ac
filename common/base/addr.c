/*
 * Addresses: comparison, kinds, and text as RFC 5952 has it. Any thread.
 * Independent of the operating system's own address functions, so that the
 * same value gives the same text everywhere.
 */
#include "common/base/addr.h"

#include <string.h>

/* The four octets of an IPv4 address, also of one mapped into IPv6
 * (::ffff:0:0/96, RFC 4291 section 2.5.5.2), which travels as IPv4; or NULL. */
static const uint8_t *ipv4_octets(const struct spd_addr *a)
{
    static const uint8_t mapped_prefix[12] = { [10] = 0xFF, [11] = 0xFF };

    if (a->family == SPD_FAMILY_IPV4)
        return a->bytes;
    if (a->family == SPD_FAMILY_IPV6 && memcmp(a->bytes, mapped_prefix, sizeof mapped_prefix) == 0)
        return a->bytes + sizeof mapped_prefix;
    return NULL;
}

bool spd_addr_equal_host(const struct spd_addr *a, const struct spd_addr *b)
{
    return a->family == b->family && a->scope_id == b->scope_id &&
           memcmp(a->bytes, b->bytes, sizeof a->bytes) == 0;
}

bool spd_addr_equal(const struct spd_addr *a, const struct spd_addr *b)
{
    return a->port == b->port && spd_addr_equal_host(a, b);
}

bool spd_addr_is_any(const struct spd_addr *a)
{
    static const uint8_t zero[16];
    const uint8_t *v4 = ipv4_octets(a);

    if (v4)
        return memcmp(v4, zero, 4) == 0;
    return a->family == SPD_FAMILY_IPV6 && memcmp(a->bytes, zero, 16) == 0;
}

bool spd_addr_is_loopback(const struct spd_addr *a)
{
    static const uint8_t one[16] = { [15] = 1 };
    const uint8_t *v4 = ipv4_octets(a);

    if (v4)
        return v4[0] == 127;
    return a->family == SPD_FAMILY_IPV6 && memcmp(a->bytes, one, 16) == 0;
}

bool spd_addr_is_multicast(const struct spd_addr *a)
{
    static const uint8_t broadcast[4] = { 255, 255, 255, 255 };
    const uint8_t *v4 = ipv4_octets(a);

    if (v4)
        return v4[0] >> 4 == 0xE || memcmp(v4, broadcast, 4) == 0;
    return a->family == SPD_FAMILY_IPV6 && a->bytes[0] == 0xFF;
}

size_t spd_addr_header_bytes(const struct spd_addr *a)
{
    return ipv4_octets(a) ? 20 + 8 : 40 + 8;
}

/* The longest text, "[8 groups of 4%10 digits]:65535", has 58 characters, so
 * the writers below need no bounds. */
static char *put_char(char *p, char c)
{
    *p++ = c;
    return p;
}

static char *put_decimal(char *p, uint32_t value)
{
    char digits[10];
    size_t n = 0;

    do {
        digits[n++] = (char)('0' + value % 10);
        value /= 10;
    } while (value > 0);
    while (n > 0)
        *p++ = digits[--n];
    return p;
}

static char *put_ipv4(char *p, const uint8_t octets[4])
{
    for (int i = 0; i < 4; i++) {
        if (i > 0)
            p = put_char(p, '.');
        p = put_decimal(p, octets[i]);
    }
    return p;
}

/* Lower case and without leading zeros: RFC 5952 sections 4.1 and 4.3. */
static char *put_group(char *p, unsigned group)
{
    static const char hex[] = "0123456789abcdef";

    for (int shift = 12; shift >= 0; shift -= 4) {
        if (group >> shift != 0 || shift == 0)
            *p++ = hex[group >> shift & 0xF];
    }
    return p;
}

/* The first of the longest runs of two or more zero groups: RFC 5952 sections
 * 4.2.2 and 4.2.3. *n is 0 when there is none. */
static void find_zero_run(const unsigned groups[8], int *start, int *n)
{
    *start = *n = 0;
    for (int i = 0; i < 8;) {
        int end = i;
        while (end < 8 && groups[end] == 0)
            end++;
        if (end - i >= 2 && end - i > *n) {
            *start = i;
            *n = end - i;
        }
        i = end + 1;
    }
}

static char *put_ipv6(char *p, const uint8_t bytes[16])
{
    unsigned groups[8];
    int start, n;

    for (int i = 0; i < 8; i++)
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    find_zero_run(groups, &start, &n);
    for (int i = 0; i < 8;) {
        if (n > 0 && i == start) {
            p = put_char(p, ':');
            p = put_char(p, ':');
            i += n;
            continue;
        }
        if (i > 0 && !(n > 0 && i == start + n))
            p = put_char(p, ':');
        p = put_group(p, groups[i++]);
    }
    return p;
}

static char *put_host(char *p, const struct spd_addr *a)
{
    const uint8_t *v4 = ipv4_octets(a);

    if (a->family == SPD_FAMILY_NONE)
        return put_char(p, '-');
    if (a->family == SPD_FAMILY_IPV4)
        return put_ipv4(p, a->bytes);
    if (v4) {
        /* RFC 5952 section 5: the well-known prefix is shown in mixed notation. */
        memcpy(p, "::ffff:", 7);
        p = put_ipv4(p + 7, v4);
    } else {
        p = put_ipv6(p, a->bytes);
    }
    if (a->scope_id != 0) {
        p = put_char(p, '%'); /* RFC 4007 section 11 */
        p = put_decimal(p, a->scope_id);
    }
    return p;
}

const char *spd_addr_format_host(const struct spd_addr *a, char text[SPD_ADDR_TEXT_BYTES])
{
    *put_host(text, a) = '\0';
    return text;
}

const char *spd_addr_format(const struct spd_addr *a, char text[SPD_ADDR_TEXT_BYTES])
{
    char *p = text;

    /* RFC 5952 section 6: brackets, or the port would read as a group. */
    if (a->family == SPD_FAMILY_IPV6)
        p = put_char(p, '[');
    p = put_host(p, a);
    if (a->family == SPD_FAMILY_IPV6)
        p = put_char(p, ']');
    if (a->family != SPD_FAMILY_NONE) {
        p = put_char(p, ':');
        p = put_decimal(p, a->port);
    }
    *p = '\0';
    return text;
}
