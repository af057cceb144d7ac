/*
 * Main thread, before a test.
 */
#include "service/flow_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/dscp.h"
#include "common/sys/clock.h"
#include "common/wire/owamp_control.h"
#include "common/wire/owamp_test.h"
#include "common/wire/session_mark.h"
#include "common/wire/stamp.h"
#include "service/burst_spec.h"
#include "service/noise_port.h"
#include "service/size_mix.h"

const struct spd_profile spd_profiles[] = {
    { "voice", "EF", 20 * SPD_NS_PER_MS, "200",
      "G.711 voice: 160 octets in 40 of RTP, UDP and IP every 20 ms, 80 kbit/s" },
    { "video", "AF41", 10 * SPD_NS_PER_MS, "900-1300",
      "interactive video: about 0.9 Mbit/s in packets of 900 to 1300 bytes" },
    { "game", "AF21", 33333333, "80-300", "a game's updates: 30 a second, 80 to 300 bytes" },
};
const size_t spd_n_profiles = sizeof(spd_profiles) / sizeof(spd_profiles[0]);

enum spd_err spd_flow_path_find(const struct spd_settings *settings, uint16_t default_port,
                                struct spd_flows_spec *out, struct spd_flow_path *path,
                                struct spd_diag *diag)
{
    struct spd_burst_spec burst;
    enum spd_err err = spd_burst_path_find(settings, default_port, &burst, diag);

    if (err)
        return err;
    memset(out, 0, sizeof(*out));
    memcpy(out->interface_name, burst.interface_name, sizeof(out->interface_name));
    out->source = burst.source;
    out->timeout_ns = settings->timeout_ns ? settings->timeout_ns : SPD_NS_PER_S;
    out->late_limit_ns = settings->late_limit_ns ? settings->late_limit_ns : SPD_NS_PER_MS;
    out->kernel_stamps = !settings->user_stamps;
    out->spin = settings->spin;
    out->seed = burst.seed;
    path->target = burst.target;
    path->mtu_bytes = burst.mtu_bytes;
    return SPD_ERR_OK;
}

static const struct spd_profile *find_profile(const char *name)
{
    for (size_t i = 0; i < spd_n_profiles; i++)
        if (strcmp(spd_profiles[i].name, name) == 0)
            return &spd_profiles[i];
    return NULL;
}

/* "RATE:BYTES" */
static enum spd_err parse_bucket(const char *text, struct spd_schedule_spec *schedule,
                                 struct spd_diag *diag)
{
    const char *colon = strchr(text, ':');
    char rate[32], *end;
    unsigned long bytes = 0;

    if (colon && (size_t)(colon - text) < sizeof(rate)) {
        snprintf(rate, sizeof(rate), "%.*s", (int)(colon - text), text);
        bytes = strtoul(colon + 1, &end, 10);
        if (*end == '\0' && bytes >= 1 && bytes <= 1000000000 &&
            spd_rate_parse(rate, &schedule->rate_bps)) {
            schedule->pacing = SPD_PACING_BUCKET;
            schedule->bucket_bytes = (uint32_t)bytes;
            return SPD_ERR_OK;
        }
    }
    return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                        "--bucket %s: give a rate and a depth in bytes, as in 64kbit:3000", text);
}

static enum spd_err choose_pacing(const struct spd_settings *settings,
                                  const struct spd_profile *profile,
                                  struct spd_schedule_spec *schedule, struct spd_diag *diag)
{
    if (settings->bucket && settings->rate_bps)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--bucket and --rate exclude each other: a bucket has its own rate");
    if (settings->bucket)
        return parse_bucket(settings->bucket, schedule, diag);
    if (settings->rate_bps) {
        schedule->pacing = SPD_PACING_RATE;
        schedule->rate_bps = settings->rate_bps;
        return SPD_ERR_OK;
    }
    schedule->pacing = SPD_PACING_INTERVAL;
    schedule->interval_ns = profile ? profile->interval_ns : settings->interval_ns;
    return SPD_ERR_OK;
}

static size_t least_payload_bytes(const struct spd_settings *settings)
{
    if (!settings->one_way)
        return SPD_STAMP_BYTES;
    /* Without control every packet says whose it is. */
    return settings->no_control ? SPD_MARKED_PACKET_BYTES : SPD_OWAMP_TEST_BYTES;
}

static uint16_t size_most(const struct spd_flow_path *path)
{
    return path->mtu_bytes && path->mtu_bytes < 65535 ? (uint16_t)path->mtu_bytes : 65535;
}

enum spd_err spd_stream_spec_make(const struct spd_settings *settings, struct spd_flows_spec *out,
                                  struct spd_diag *diag)
{
    const struct spd_profile *profile = NULL;
    struct spd_flow_spec *flow = &out->flows[0];
    struct spd_flow_path path;
    uint8_t dscp = (uint8_t)settings->dscp;
    char least_text[8];
    uint16_t least;
    enum spd_err err;

    if (settings->profile) {
        profile = find_profile(settings->profile);
        if (!profile)
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "--profile %s: no such profile; there are voice, video and game",
                                settings->profile);
        if (settings->dscp == 0)
            (void)spd_dscp_parse(profile->dscp, &dscp);
    }
    err = spd_flow_path_find(settings,
                             settings->one_way ? SPD_OWAMP_CONTROL_PORT : SPD_STAMP_DEFAULT_PORT,
                             out, &path, diag);
    if (err)
        return err;
    least = (uint16_t)(spd_addr_header_bytes(&path.target) + least_payload_bytes(settings));
    snprintf(least_text, sizeof(least_text), "%u", least > 92 ? least : 92);
    out->n_flows = 1;
    flow->kind = settings->one_way ? SPD_FLOW_ONE_WAY : SPD_FLOW_TWO_WAY;
    flow->info.one_way = settings->one_way;
    flow->info.target = path.target;
    flow->info.dscp = dscp;
    flow->info.n_packets = (uint32_t)settings->n_packets;
    snprintf(flow->info.name, sizeof(flow->info.name), "%s",
             profile               ? profile->name
             : spd_dscp_name(dscp) ? spd_dscp_name(dscp)
                                   : "stream");
    err = choose_pacing(settings, profile, &flow->schedule, diag);
    if (!err)
        err = spd_size_mix_parse(settings->sizes ? settings->sizes
                                 : profile       ? profile->sizes
                                                 : least_text,
                                 least, size_most(&path), &flow->schedule.sizes, diag);
    flow->schedule.seed = out->seed;
    flow->info.rate_bps = flow->schedule.rate_bps;
    flow->info.interval_ns = flow->schedule.interval_ns;
    return err;
}

enum spd_err spd_noise_spec_make(const struct spd_settings *settings, struct spd_flows_spec *out,
                                 struct spd_diag *diag)
{
    struct spd_flow_spec *flow = &out->flows[0];
    struct spd_flow_path path;
    enum spd_err err;

    if (!settings->rate_bps)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--rate is missing: how much noise? as in --rate 100kbit");
    err = spd_flow_path_find(settings, SPD_NOISE_DEFAULT_PORT, out, &path, diag);
    if (err)
        return err;
    out->n_flows = 1;
    flow->kind = SPD_FLOW_NOISE;
    flow->info.target = path.target;
    flow->info.dscp = (uint8_t)settings->dscp;
    snprintf(flow->info.name, sizeof(flow->info.name), "noise");
    flow->info.rate_bps = settings->rate_bps;
    flow->schedule.pacing = settings->poisson ? SPD_PACING_POISSON : SPD_PACING_RATE;
    flow->schedule.rate_bps = settings->rate_bps;
    flow->schedule.seed = out->seed;
    flow->ends_ns = settings->duration_ns;
    return spd_size_mix_parse(settings->sizes ? settings->sizes : "imix",
                              (uint16_t)spd_addr_header_bytes(&path.target), size_most(&path),
                              &flow->schedule.sizes, diag);
}
