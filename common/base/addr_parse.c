/*
 * Text to addresses. Any thread. Strict: what two programs could read as two
 * different addresses ("010.0.0.1", "127.1") is none. Looks nothing up.
 */
#include "common/base/addr.h"

#include <string.h>

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* One to max_digits decimal digits of at most `most` in value. Returns the end
 * of the number, or NULL. */
static const char *take_decimal(const char *p, int max_digits, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    int n = 0;

    for (; is_digit(*p); p++) {
        if (++n > max_digits)
            return NULL;
        value = value * 10 + (uint64_t)(*p - '0');
    }
    if (n == 0 || value > most)
        return NULL;
    *out = value;
    return p;
}

/* Dotted decimal up to the end of text. A leading zero is refused: some read
 * such a number as octal (RFC 6943 section 3.1.1). */
static bool parse_ipv4(const char *p, uint8_t octets[4])
{
    for (int i = 0; i < 4; i++) {
        uint64_t value;
        if (i > 0 && *p++ != '.')
            return false;
        if (p[0] == '0' && is_digit(p[1]))
            return false;
        p = take_decimal(p, 3, 255, &value);
        if (!p)
            return false;
        octets[i] = (uint8_t)value;
    }
    return *p == '\0';
}

static int hex_value(char c)
{
    if (is_digit(c))
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static const char *take_group(const char *p, uint8_t out[2])
{
    unsigned value = 0;
    int n = 0;

    for (; hex_value(*p) >= 0; p++) {
        if (++n > 4)
            return NULL;
        value = value << 4 | (unsigned)hex_value(*p);
    }
    out[0] = (uint8_t)(value >> 8);
    out[1] = (uint8_t)value;
    return n > 0 ? p : NULL;
}

/* Groups separated by single colons, the last 32 bits perhaps dotted decimal,
 * up to "::" or the end. Appends to bytes[*n..]. Returns where it stopped, or
 * NULL. */
static const char *take_groups(const char *p, uint8_t bytes[16], size_t *n)
{
    for (;;) {
        if (*n + 4 <= 16 && parse_ipv4(p, bytes + *n)) {
            *n += 4;
            return p + strlen(p);
        }
        if (*n + 2 > 16)
            return NULL;
        p = take_group(p, bytes + *n);
        if (!p)
            return NULL;
        *n += 2;
        if (p[0] != ':' || p[1] == ':')
            return p;
        p++;
    }
}

/* RFC 4291 section 2.2, without scope. */
static bool parse_ipv6(const char *p, uint8_t out[16])
{
    uint8_t bytes[16] = { 0 }, tail[16] = { 0 };
    size_t n = 0, n_tail = 0;

    if (!(p[0] == ':' && p[1] == ':')) {
        p = take_groups(p, bytes, &n);
        if (!p)
            return false;
    }
    if (p[0] == ':' && p[1] == ':') {
        p += 2;
        if (*p != '\0') {
            p = take_groups(p, tail, &n_tail);
            if (!p)
                return false;
        }
        /* "::" stands for one group at least. */
        if (n + n_tail > 14)
            return false;
        memcpy(bytes + 16 - n_tail, tail, n_tail);
        n = 16;
    }
    if (*p != '\0' || n != 16)
        return false;
    memcpy(out, bytes, 16);
    return true;
}

/* Only link-local addresses, unicast and multicast, have a scope that needs a
 * number here (RFC 4007 section 6). */
static bool takes_scope(const uint8_t bytes[16])
{
    return (bytes[0] == 0xFE && (bytes[1] & 0xC0) == 0x80) ||
           (bytes[0] == 0xFF && ((bytes[1] & 0x0F) == 1 || (bytes[1] & 0x0F) == 2));
}

bool spd_addr_parse_host(const char *text, struct spd_addr *out)
{
    struct spd_addr a = { .family = SPD_FAMILY_IPV4 };
    char host[48]; /* the longest without scope has 45 characters */
    const char *percent = strchr(text, '%');
    size_t n = percent ? (size_t)(percent - text) : strlen(text);

    if (n >= sizeof host)
        return false;
    memcpy(host, text, n);
    host[n] = '\0';

    if (!percent && parse_ipv4(host, a.bytes)) {
        *out = a;
        return true;
    }
    a.family = SPD_FAMILY_IPV6;
    if (!parse_ipv6(host, a.bytes))
        return false;
    if (percent) {
        uint64_t scope;
        const char *end = take_decimal(percent + 1, 10, UINT32_MAX, &scope);
        if (!end || *end != '\0' || !takes_scope(a.bytes))
            return false;
        a.scope_id = (uint32_t)scope;
    }
    *out = a;
    return true;
}

/* Where the host ends and what follows it: port_text is NULL when there is no
 * port. Returns false for unpaired or misplaced brackets. */
static bool find_parts(const char *text, const char **host, size_t *n_host, const char **port_text)
{
    const char *colon = strchr(text, ':');
    *port_text = NULL;

    if (text[0] == '[') {
        const char *end = strchr(text, ']');
        /* Brackets are for IPv6 only: "[192.0.2.1]" is a mistake to report. */
        if (!end || !colon || colon > end || (end[1] != '\0' && end[1] != ':'))
            return false;
        *host = text + 1;
        *n_host = (size_t)(end - text) - 1;
        if (end[1] == ':')
            *port_text = end + 2;
    } else if (colon && !strchr(colon + 1, ':')) {
        *host = text;
        *n_host = (size_t)(colon - text);
        *port_text = colon + 1;
    } else {
        *host = text; /* a name, an IPv4 address, or bare IPv6 */
        *n_host = strlen(text);
    }
    return *n_host > 0 && !memchr(*host, '[', *n_host) && !memchr(*host, ']', *n_host);
}

bool spd_addr_split(const char *text, uint16_t default_port, bool allow_zero, char *host,
                    size_t host_capacity, uint16_t *port)
{
    const char *host_text, *port_text;
    size_t n_host;
    uint64_t value = default_port;

    if (!find_parts(text, &host_text, &n_host, &port_text) || n_host >= host_capacity)
        return false;
    if (port_text) {
        const char *end = take_decimal(port_text, 5, UINT16_MAX, &value);
        if (!end || *end != '\0' || (value == 0 && !allow_zero))
            return false;
    }
    memcpy(host, host_text, n_host);
    host[n_host] = '\0';
    *port = (uint16_t)value;
    return true;
}
