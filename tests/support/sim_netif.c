/*
 * Simulated names and paths (common/sys/netif.h): "host7" is 10.0.0.7 and
 * 2001:db8::7, "localhost" the loopback; every other name is unknown.
 */
#include "common/sys/netif.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

static bool by_name(const char *host, enum spd_family family, struct spd_addr *out)
{
    char *end;
    unsigned long number;

    if (strcmp(host, "localhost") == 0)
        return spd_addr_parse_host(family == SPD_FAMILY_IPV6 ? "::1" : "127.0.0.1", out);
    if (strncmp(host, "host", 4) != 0 || host[4] < '1' || host[4] > '9')
        return false;
    number = strtoul(host + 4, &end, 10);
    if (*end || number > SIM_HOST_MAX)
        return false;
    *out =
        family == SPD_FAMILY_IPV6 ? sim_addr6((unsigned)number, 0) : sim_addr4((unsigned)number, 0);
    return true;
}

enum spd_err spd_netif_resolve(const char *host, uint16_t port, enum spd_family family,
                               struct spd_addr *out, struct spd_diag *diag)
{
    struct spd_addr found;
    enum spd_err err = sim_call_begins(SIM_CALL_RESOLVE);

    if (err == SPD_ERR_OK && !spd_addr_parse_host(host, &found) && !by_name(host, family, &found))
        err = SPD_ERR_NOT_FOUND;
    if (err == SPD_ERR_OK && family != SPD_FAMILY_NONE && found.family != family)
        err = SPD_ERR_NOT_FOUND;
    if (err != SPD_ERR_OK)
        return spd_diag_set(diag, err, 0, "cannot look up '%s': no such simulated host", host);
    found.port = port;
    *out = found;
    return SPD_ERR_OK;
}

enum spd_err spd_netif_path(const struct spd_addr *target, const struct spd_addr *source,
                            const char *interface_name, struct spd_netif_path *out,
                            struct spd_diag *diag)
{
    unsigned from = sim_current_host();
    unsigned to = sim_host_of(target);
    bool is_loopback = spd_addr_is_loopback(target);
    enum spd_err err = sim_call_begins(SIM_CALL_PATH);
    struct spd_netif_path path = { .is_loopback = is_loopback };

    if (err == SPD_ERR_OK && interface_name && interface_name[0] &&
        strcmp(interface_name, is_loopback ? "lo" : "sim0") != 0)
        err = SPD_ERR_NOT_FOUND;
    if (err == SPD_ERR_OK && source &&
        (source->family != target->family || (!spd_addr_is_any(source) && !sim_host_of(source))))
        err = SPD_ERR_NOT_FOUND;
    if (err != SPD_ERR_OK)
        return spd_diag_set(diag, err, 0, "no way to the target: no such source or interface");
    if (source && !spd_addr_is_any(source))
        path.source = *source;
    else if (is_loopback)
        path.source = *target;
    else
        path.source = target->family == SPD_FAMILY_IPV4 ? sim_addr4(from, 0) : sim_addr6(from, 0);
    path.source.port = 0;
    path.mtu_bytes = sim_link_mtu(from, to);
    path.link_header_bytes = sim_link_header(from, to);
    snprintf(path.interface_name, sizeof path.interface_name, "%s", is_loopback ? "lo" : "sim0");
    *out = path;
    return SPD_ERR_OK;
}
