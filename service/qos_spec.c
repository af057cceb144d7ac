/*
 * Main thread, before a test.
 */
#include "service/qos_spec.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/dscp.h"
#include "common/wire/stamp.h"
#include "service/flow_spec.h"
#include "service/noise_port.h"
#include "service/size_mix.h"

#define USUAL_BYTES 92 /* 64 octets in UDP over IPv4 */

static uint16_t size_most(const struct spd_flow_path *path)
{
    return path->mtu_bytes && path->mtu_bytes < 65535 ? (uint16_t)path->mtu_bytes : 65535;
}

/* Sizes as typed, or the usual one. */
static enum spd_err parse_sizes(const char *text, const struct spd_flow_path *path,
                                struct spd_size_mix *out, struct spd_diag *diag)
{
    size_t least = spd_addr_header_bytes(&path->target) + SPD_STAMP_BYTES;
    char usual[24];

    snprintf(usual, sizeof(usual), "%zu", least > USUAL_BYTES ? least : USUAL_BYTES);
    return spd_size_mix_parse(text ? text : usual, (uint16_t)least, size_most(path), out, diag);
}

/* "NAME[:PORT[:SIZES]]" */
static enum spd_err parse_class(const char *text, const struct spd_settings *settings,
                                const struct spd_flow_path *path, struct spd_flow_spec *out,
                                struct spd_diag *diag)
{
    size_t n_name = strcspn(text, ":");
    const char *port = text[n_name] ? text + n_name + 1 : "";
    size_t n_port = strcspn(port, ":");
    const char *sizes = port[n_port] ? port + n_port + 1 : NULL;
    char name[sizeof(out->info.name)], number[8], *end;
    unsigned long value = path->target.port;

    out->info.target = path->target;
    if (n_name >= sizeof(name) || n_port >= sizeof(number))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "--class %s: too long", text);
    snprintf(name, sizeof(name), "%.*s", (int)n_name, text);
    if (!spd_dscp_parse(name, &out->info.dscp))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--class %s: no such class; give a DSCP (EF, AF41, BE, 0..63), with a "
                            "port and sizes if wanted, as in EF:8620:200",
                            text);
    snprintf(number, sizeof(number), "%.*s", (int)n_port, port);
    if (n_port > 0)
        value = strtoul(number, &end, 10);
    if (n_port > 0 && (*end || value < 1 || value > 65535))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--class %s: %s is no port; give one from 1 to 65535", text, number);
    out->info.target.port = (uint16_t)value;
    snprintf(out->info.name, sizeof(out->info.name), n_port ? "%s:%s" : "%s", name, number);
    return parse_sizes(sizes && *sizes ? sizes : settings->sizes, path, &out->schedule.sizes, diag);
}

/* Packets of one size at a rate come in equal intervals, in which classes can
 * take turns. */
static void choose_pacing(const struct spd_settings *settings, struct spd_schedule_spec *schedule)
{
    const struct spd_size_mix *sizes = &schedule->sizes;

    schedule->pacing = SPD_PACING_INTERVAL;
    schedule->interval_ns = settings->interval_ns;
    if (!settings->rate_bps)
        return;
    schedule->rate_bps = settings->rate_bps;
    schedule->interval_ns =
        (spd_ns)((uint64_t)spd_size_mix_max(sizes) * 8 * SPD_NS_PER_S / settings->rate_bps);
    if (spd_size_mix_min(sizes) == spd_size_mix_max(sizes) && schedule->interval_ns > 0)
        return;
    schedule->pacing = SPD_PACING_RATE;
    schedule->interval_ns = 0;
}

static enum spd_err add_class(const struct spd_settings *settings, const char *text,
                              const struct spd_flow_path *path, struct spd_qos_spec *out,
                              struct spd_diag *diag)
{
    size_t i = out->n_classes;
    struct spd_flow_spec *flow = &out->flows.flows[i];
    enum spd_err err;

    if (i == SPD_QOS_CLASSES_MAX)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "--class %s: at most %d classes in one run",
                            text, SPD_QOS_CLASSES_MAX);
    flow->kind = SPD_FLOW_TWO_WAY;
    err = parse_class(text, settings, path, flow, diag);
    if (err)
        return err;
    for (size_t k = 0; k < i; k++)
        if (strcmp(out->flows.flows[k].info.name, flow->info.name) == 0)
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "--class %s: given twice; give the two different ports", text);
    flow->info.n_packets = (uint32_t)settings->n_packets + out->n_calibration;
    choose_pacing(settings, &flow->schedule);
    flow->schedule.seed = out->flows.seed + i;
    flow->info.rate_bps = flow->schedule.rate_bps;
    flow->info.interval_ns = flow->schedule.interval_ns;
    out->flows.n_flows = ++out->n_classes;
    return SPD_ERR_OK;
}

/* Interleaved packet by packet: at random places of a common interval, or else
 * one after the other by equal parts of their own. */
static void interleave(struct spd_qos_spec *out)
{
    const struct spd_schedule_spec *first = &out->flows.flows[0].schedule;
    bool together = first->pacing == SPD_PACING_INTERVAL;

    for (size_t i = 1; i < out->n_classes; i++) {
        const struct spd_schedule_spec *s = &out->flows.flows[i].schedule;

        together = together && s->pacing == first->pacing && s->interval_ns == first->interval_ns;
    }
    for (size_t i = 0; i < out->n_classes; i++) {
        struct spd_flow_spec *flow = &out->flows.flows[i];

        if (together) {
            flow->n_turns = (uint32_t)out->n_classes;
            flow->turn = (uint32_t)i;
            flow->turn_seed = out->flows.seed;
        } else {
            uint64_t bits = spd_size_mix_mean_milli(&flow->schedule.sizes) * 8 / 1000;
            spd_ns mean_ns = flow->schedule.rate_bps
                                 ? (spd_ns)(bits * SPD_NS_PER_S / flow->schedule.rate_bps)
                                 : flow->schedule.interval_ns;

            flow->starts_ns = mean_ns * (spd_ns)i / (spd_ns)out->n_classes;
        }
    }
}

/* ------------------------------------------------------------------- noise */

/* The calibration is over for the slowest class. */
static spd_ns calibration_ns(const struct spd_qos_spec *spec)
{
    spd_ns longest_ns = 0;

    for (size_t i = 0; i < spec->n_classes; i++) {
        struct spd_schedule schedule;
        spd_ns due_ns = 0;
        uint16_t size;

        spd_schedule_init(&schedule, &spec->flows.flows[i].schedule);
        for (uint32_t k = 0; k <= spec->n_calibration; k++)
            spd_schedule_next(&schedule, &due_ns, &size);
        due_ns += spec->flows.flows[i].starts_ns;
        longest_ns = due_ns > longest_ns ? due_ns : longest_ns;
    }
    return longest_ns;
}

static enum spd_err find_sink(const struct spd_settings *settings,
                              const struct spd_flow_path *classes, struct spd_flow_path *out,
                              struct spd_diag *diag)
{
    struct spd_settings towards = *settings;
    struct spd_flows_spec ignored;

    if (settings->noise_host) {
        towards.host = settings->noise_host;
        return spd_flow_path_find(&towards, SPD_NOISE_DEFAULT_PORT, &ignored, out, diag);
    }
    *out = *classes;
    out->target.port = SPD_NOISE_DEFAULT_PORT;
    return SPD_ERR_OK;
}

/* "RATE[:SIZES]" */
static enum spd_err add_noise(const struct spd_settings *settings,
                              const struct spd_flow_path *classes, struct spd_qos_spec *out,
                              struct spd_diag *diag)
{
    struct spd_flow_spec *flow = &out->flows.flows[out->flows.n_flows];
    const char *text = settings->noise, *colon = strchr(text, ':');
    size_t n_rate = colon ? (size_t)(colon - text) : strlen(text);
    struct spd_flow_path path;
    char rate[32];
    enum spd_err err;

    snprintf(rate, sizeof(rate), "%.*s", (int)(n_rate < sizeof(rate) ? n_rate : 0), text);
    if (!spd_rate_parse(rate, &flow->schedule.rate_bps))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--noise %s: give a rate, and sizes if wanted, as in 100kbit or "
                            "100kbit:64-1400",
                            text);
    err = find_sink(settings, classes, &path, diag);
    if (!err)
        err = spd_size_mix_parse(colon ? colon + 1 : "imix",
                                 (uint16_t)spd_addr_header_bytes(&path.target), size_most(&path),
                                 &flow->schedule.sizes, diag);
    if (err)
        return err;
    flow->kind = SPD_FLOW_NOISE;
    flow->info.target = path.target;
    flow->info.rate_bps = flow->schedule.rate_bps;
    snprintf(flow->info.name, sizeof(flow->info.name), "noise");
    /* Packets of one size at a rate could march in step with a class. */
    flow->schedule.pacing =
        spd_size_mix_min(&flow->schedule.sizes) == spd_size_mix_max(&flow->schedule.sizes)
            ? SPD_PACING_POISSON
            : SPD_PACING_RATE;
    flow->schedule.seed = out->flows.seed ^ UINT64_C(0x6E6F697365);
    flow->starts_ns = calibration_ns(out);
    out->flows.n_flows++;
    out->has_noise = true;
    return SPD_ERR_OK;
}

/* ------------------------------------------------------------------- people */

static void describe(const struct spd_settings *settings, struct spd_qos_spec *out)
{
    const struct spd_schedule_spec *s = &out->flows.flows[0].schedule;
    size_t n = 0;

    for (size_t i = 0; i < out->n_classes && n < sizeof(out->title); i++)
        n += (size_t)snprintf(out->title + n, sizeof(out->title) - n, "%s%s",
                              i > 0 ? " against " : "", out->flows.flows[i].info.name);
    if (n < sizeof(out->title))
        snprintf(out->title + n, sizeof(out->title) - n, " to %s", settings->host);
    n = 0;
    if (s->rate_bps)
        n = (size_t)snprintf(out->pace, sizeof(out->pace), "%.0f bit/s of each class, ",
                             (double)s->rate_bps);
    if (s->pacing == SPD_PACING_INTERVAL)
        n += (size_t)snprintf(out->pace + n, sizeof(out->pace) - n,
                              "a packet of each every %.3f ms, ", (double)s->interval_ns / 1e6);
    if (spd_size_mix_min(&s->sizes) == spd_size_mix_max(&s->sizes))
        snprintf(out->pace + n, sizeof(out->pace) - n, "IP packets of %u bytes",
                 spd_size_mix_max(&s->sizes));
    else
        snprintf(out->pace + n, sizeof(out->pace) - n, "IP packets of %u to %u bytes",
                 spd_size_mix_min(&s->sizes), spd_size_mix_max(&s->sizes));
}

enum spd_err spd_qos_spec_make(const struct spd_settings *settings, struct spd_qos_spec *out,
                               struct spd_diag *diag)
{
    static const struct spd_texts usual = { { "EF", "BE" }, 2 };
    const struct spd_texts *classes = settings->classes.n ? &settings->classes : &usual;
    struct spd_flow_path path;
    enum spd_err err;

    memset(out, 0, sizeof(*out));
    if (classes->n < 2)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--class %s: one class has nothing to be compared with; give two, as "
                            "in --class EF --class BE",
                            classes->text[0]);
    if (!settings->noise && settings->noise_host)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--noise-host %s: how much noise? as in --noise 100kbit",
                            settings->noise_host);
    err = spd_flow_path_find(settings, SPD_STAMP_DEFAULT_PORT, &out->flows, &path, diag);
    if (err)
        return err;
    if (settings->noise)
        out->n_calibration = (uint32_t)settings->n_calibration;
    for (size_t i = 0; i < classes->n && !err; i++)
        err = add_class(settings, classes->text[i], &path, out, diag);
    if (err)
        return err;
    interleave(out);
    describe(settings, out);
    return settings->noise ? add_noise(settings, &path, out, diag) : SPD_ERR_OK;
}
