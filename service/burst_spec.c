/*
 * Main thread, before the test.
 */
#include "service/burst_spec.h"

#include <stdio.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/netif.h"
#include "common/wire/stamp.h"

enum spd_family spd_settings_family(const struct spd_settings *settings)
{
    if (settings->ipv4)
        return SPD_FAMILY_IPV4;
    return settings->ipv6 ? SPD_FAMILY_IPV6 : SPD_FAMILY_NONE;
}

static enum spd_err find_target(const struct spd_settings *settings, uint16_t default_port,
                                struct spd_burst_spec *spec, struct spd_diag *diag)
{
    char host[256];
    uint16_t port;
    enum spd_err err;

    if (!spd_addr_split(settings->host, default_port, false, host, sizeof(host), &port))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "%s: not a target; give HOST, HOST:PORT or [IPV6]:PORT with a port "
                            "from 1 to 65535",
                            settings->host);
    err = spd_netif_resolve(host, port, spd_settings_family(settings), &spec->target, diag);
    if (err)
        return err;
    if (spd_addr_is_multicast(&spec->target) || spd_addr_is_any(&spec->target))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "%s: bursts go to one host; this is not the address of one",
                            settings->host);
    snprintf(spec->target_name, sizeof(spec->target_name), "%s", settings->host);
    return SPD_ERR_OK;
}

static enum spd_err find_source(const struct spd_settings *settings, struct spd_burst_spec *spec,
                                struct spd_diag *diag)
{
    if (settings->interface_name) {
        if (strlen(settings->interface_name) >= sizeof(spec->interface_name))
            return spd_diag_set(diag, SPD_ERR_INVALID, 0, "--interface %s: name too long",
                                settings->interface_name);
        snprintf(spec->interface_name, sizeof(spec->interface_name), "%s",
                 settings->interface_name);
    }
    if (!settings->source)
        return SPD_ERR_OK;
    if (!spd_addr_parse_host(settings->source, &spec->source))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--source %s: not an address; give one of this host's, such as "
                            "192.0.2.7",
                            settings->source);
    if (spec->source.family != spec->target.family)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--source %s: is IPv%d, but %s is reached over IPv%d",
                            settings->source, spec->source.family, spec->target_name,
                            spec->target.family);
    return SPD_ERR_OK;
}

static enum spd_err find_path(struct spd_burst_spec *spec, struct spd_diag *diag)
{
    struct spd_netif_path path;
    enum spd_err err =
        spd_netif_path(&spec->target, spec->source.family ? &spec->source : NULL,
                       spec->interface_name[0] ? spec->interface_name : NULL, &path, diag);

    if (err)
        return err;
    spec->mtu_bytes = path.mtu_bytes;
    spec->link_header_bytes = path.link_header_bytes;
    return SPD_ERR_OK;
}

enum spd_err spd_burst_path_find(const struct spd_settings *settings, uint16_t default_port,
                                 struct spd_burst_spec *out, struct spd_diag *diag)
{
    struct spd_burst_spec spec = { 0 };
    enum spd_err err = find_target(settings, default_port, &spec, diag);

    if (!err)
        err = find_source(settings, &spec, diag);
    if (!err)
        err = find_path(&spec, diag);
    if (err)
        return err;
    /* Two runs must not share an SSID, even when started in the same tick. */
    spec.seed = ((uint64_t)spd_clock_wall().ns ^ (spd_clock_now().ticks << 20)) *
                UINT64_C(0x9E3779B97F4A7C15);
    *out = spec;
    return SPD_ERR_OK;
}

enum spd_err spd_burst_spec_make(const struct spd_settings *settings, struct spd_burst_spec *out,
                                 struct spd_diag *diag)
{
    enum spd_err err = spd_burst_path_find(settings, SPD_STAMP_DEFAULT_PORT, out, diag);

    if (err)
        return err;
    out->n_packets = (uint32_t)settings->n_packets;
    out->n_bursts = (uint32_t)settings->n_bursts;
    out->gap_ns = settings->gap_ns;
    out->size_bytes = (uint32_t)settings->size_bytes;
    out->dscp = (uint8_t)settings->dscp;
    out->n_retries = (unsigned)settings->n_retries;
    out->timeout_ns = settings->timeout_ns;
    out->gap_limit_ns = settings->gap_limit_ns;
    out->spin = settings->spin;
    out->kernel_stamps = !settings->user_stamps;
    return SPD_ERR_OK;
}
