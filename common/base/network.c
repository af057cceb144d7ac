/*
 * Any thread.
 */
#include "common/base/network.h"

#include <stdio.h>
#include <string.h>

static unsigned family_bits(uint8_t family)
{
    return family == SPD_FAMILY_IPV4 ? 32 : 128;
}

/* One to three decimal digits without a leading zero, up to most. */
static bool parse_bits(const char *text, unsigned most, uint8_t *out)
{
    unsigned value = 0;
    size_t n = strlen(text);

    if (n < 1 || n > 3 || (text[0] == '0' && n > 1))
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9')
            return false;
        value = value * 10 + (unsigned)(*text - '0');
    }
    if (value > most)
        return false;
    *out = (uint8_t)value;
    return true;
}

static bool bit_of(const uint8_t *bytes, unsigned bit)
{
    return bytes[bit / 8] >> (7 - bit % 8) & 1;
}

bool spd_network_parse(const char *text, struct spd_network *out)
{
    char host[SPD_NETWORK_TEXT_BYTES];
    const char *slash = strchr(text, '/');
    size_t n = slash ? (size_t)(slash - text) : strlen(text);
    struct spd_network network;
    unsigned most;

    if (n >= sizeof(host))
        return false;
    memcpy(host, text, n);
    host[n] = '\0';
    /* A scope names a link, not a network. */
    if (strchr(host, '%') || !spd_addr_parse_host(host, &network.base))
        return false;
    most = family_bits(network.base.family);
    network.n_bits = (uint8_t)most;
    if (slash && !parse_bits(slash + 1, most, &network.n_bits))
        return false;
    for (unsigned bit = network.n_bits; bit < most; bit++)
        if (bit_of(network.base.bytes, bit))
            return false;
    *out = network;
    return true;
}

/* ::ffff:a.b.c.d as a.b.c.d. */
static struct spd_addr unmapped(const struct spd_addr *address)
{
    static const uint8_t prefix[12] = { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF };
    struct spd_addr out = *address;

    if (address->family != SPD_FAMILY_IPV6 || memcmp(address->bytes, prefix, sizeof(prefix)) != 0)
        return out;
    out.family = SPD_FAMILY_IPV4;
    memset(out.bytes, 0, sizeof(out.bytes));
    memcpy(out.bytes, address->bytes + sizeof(prefix), 4);
    return out;
}

bool spd_network_contains(const struct spd_network *network, const struct spd_addr *address)
{
    struct spd_addr a = unmapped(address);
    unsigned n_whole = network->n_bits / 8;

    if (a.family != network->base.family || a.family == SPD_FAMILY_NONE ||
        memcmp(a.bytes, network->base.bytes, n_whole) != 0)
        return false;
    for (unsigned bit = n_whole * 8; bit < network->n_bits; bit++)
        if (bit_of(a.bytes, bit) != bit_of(network->base.bytes, bit))
            return false;
    return true;
}

bool spd_networks_contain(const struct spd_network *networks, size_t n,
                          const struct spd_addr *address)
{
    for (size_t i = 0; i < n; i++)
        if (spd_network_contains(&networks[i], address))
            return true;
    return false;
}

const char *spd_network_format(const struct spd_network *network, char text[SPD_NETWORK_TEXT_BYTES])
{
    char host[SPD_ADDR_TEXT_BYTES];

    snprintf(text, SPD_NETWORK_TEXT_BYTES, "%.43s/%u", spd_addr_format_host(&network->base, host),
             network->n_bits);
    return text;
}
