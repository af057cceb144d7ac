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

/* Whose sizes they are: several options take some. */
static enum spd_err complain_of(const char *option, const char *text, enum spd_err err,
                                struct spd_diag *diag)
{
    struct spd_diag why;

    if (!err || !diag)
        return err;
    why = *diag;
    return spd_diag_set(diag, err, why.os_code, "--%s %.100s: %s", option, text, why.text);
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
    snprintf(name, sizeof(name), "%.*s", (int)(n_name < sizeof(name) ? n_name : 0), text);
    if (!spd_dscp_parse(name, &out->info.dscp))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--class %s: no such class; give a DSCP (EF, AF41, BE, 0..63), with a "
                            "port and sizes if wanted, as in EF:8620:200",
                            text);
    snprintf(number, sizeof(number), "%.*s", (int)(n_port < sizeof(number) ? n_port : 0), port);
    if (n_port > 0)
        value = number[0] >= '0' && number[0] <= '9' ? strtoul(number, &end, 10) : 0;
    if (n_port > 0 && (value < 1 || value > 65535 || *end))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--class %s: %.*s is no port; give one from 1 to 65535", text,
                            (int)n_port, port);
    out->info.target.port = (uint16_t)value;
    snprintf(out->info.name, sizeof(out->info.name), n_port ? "%s:%s" : "%s", name, number);
    if (sizes && *sizes)
        return complain_of("class", text, parse_sizes(sizes, path, &out->schedule.sizes, diag),
                           diag);
    return parse_sizes(settings->sizes, path, &out->schedule.sizes, diag);
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
    for (size_t k = 0; k < i; k++) {
        const struct spd_flow_info *other = &out->flows.flows[k].info;

        if (other->dscp == flow->info.dscp && other->target.port == flow->info.target.port)
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "--class %s: is the same as --class %s (DSCP %u, port %u): no "
                                "network can tell the two apart; give them different ports",
                                text, other->name, other->dscp, other->target.port);
    }
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
        err = complain_of("noise", text,
                          spd_size_mix_parse(colon ? colon + 1 : "imix",
                                             (uint16_t)spd_addr_header_bytes(&path.target),
                                             size_most(&path), &flow->schedule.sizes, diag),
                          diag);
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

static bool paced_alike(const struct spd_schedule_spec *a, const struct spd_schedule_spec *b)
{
    return a->pacing == b->pacing && a->interval_ns == b->interval_ns &&
           spd_size_mix_min(&a->sizes) == spd_size_mix_min(&b->sizes) &&
           spd_size_mix_max(&a->sizes) == spd_size_mix_max(&b->sizes);
}

/* Appends what one class sends, or each of them; returns the new length. */
static size_t add_pace(const struct spd_schedule_spec *s, const char *of_each, char *text,
                       size_t capacity, size_t n)
{
    uint16_t least = spd_size_mix_min(&s->sizes), most = spd_size_mix_max(&s->sizes);

    if (s->rate_bps && n < capacity)
        n += (size_t)snprintf(text + n, capacity - n, "%.0f bit/s%s, ", (double)s->rate_bps,
                              *of_each ? " of each class" : "");
    if (s->pacing == SPD_PACING_INTERVAL && n < capacity)
        n += (size_t)snprintf(text + n, capacity - n, "a packet%s every %.3f ms, ", of_each,
                              (double)s->interval_ns / 1e6);
    if (n >= capacity)
        return n;
    if (least == most)
        return n + (size_t)snprintf(text + n, capacity - n, "IP packets of %u bytes", most);
    return n +
           (size_t)snprintf(text + n, capacity - n, "IP packets of %u to %u bytes", least, most);
}

static void describe(const struct spd_settings *settings, struct spd_qos_spec *out)
{
    const struct spd_flow_spec *flows = out->flows.flows;
    bool alike = true;
    size_t n = 0;

    for (size_t i = 0; i < out->n_classes && n < sizeof(out->title); i++)
        n += (size_t)snprintf(out->title + n, sizeof(out->title) - n, "%s%s",
                              i > 0 ? " against " : "", flows[i].info.name);
    if (n < sizeof(out->title))
        snprintf(out->title + n, sizeof(out->title) - n, " to %s", settings->host);
    for (size_t i = 1; i < out->n_classes; i++)
        alike = alike && paced_alike(&flows[0].schedule, &flows[i].schedule);
    n = 0;
    if (alike)
        add_pace(&flows[0].schedule, " of each", out->pace, sizeof(out->pace), n);
    for (size_t i = 0; i < out->n_classes && !alike && n < sizeof(out->pace); i++) {
        n += (size_t)snprintf(out->pace + n, sizeof(out->pace) - n, "%s%s: ", i > 0 ? "; " : "",
                              flows[i].info.name);
        n = add_pace(&flows[i].schedule, "", out->pace, sizeof(out->pace), n);
    }
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
