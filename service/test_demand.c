/*
 * Makes the test's specification towards this host itself, which looks no name
 * up, and counts what it says. Any thread; sends nothing.
 */
#include "service/test_demand.h"

#include <stdio.h>
#include <string.h>

#include "common/base/addr.h"
#include "common/sys/udp.h"
#include "service/burst_spec.h"
#include "service/flow_outcome.h"
#include "service/flow_spec.h"
#include "service/qos_spec.h"

/* A packet of a flow until its result is written, and what a test takes besides.
 * Measured by the largest resident set: 137 bytes a packet of a stream, 177 of
 * a comparison, and 2.7 MB a test. */
#define FLOW_PACKET_BYTES 192
#define FLOW_TEST_BYTES   (4u << 20)

static const struct {
    const char *name;
    unsigned command;
} commands[] = {
    { "burst", SPD_COMMAND_BURST },
    { "stream", SPD_COMMAND_STREAM },
    { "qos", SPD_COMMAND_QOS },
};

bool spd_test_command_parse(const char *text, unsigned *command)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (strcmp(commands[i].name, text) == 0) {
            *command = commands[i].command;
            return true;
        }
    return false;
}

const char *spd_test_command_name(unsigned command)
{
    for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
        if (commands[i].command == command)
            return commands[i].name;
    return NULL;
}

bool spd_test_option_serves(const struct spd_option *option)
{
    /* What says how to print, writes files, needs a program at the other end that
     * only receives, or says who runs the test. */
    static const char *const elsewhere[] = {
        "help", "help-all", "json",    "quiet",      "records",      "csv",     "json-lines",
        "plot", "log",      "one-way", "no-control", "zero-padding", "control", "via-service",
    };

    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        if (strcmp(option->name, elsewhere[i]) == 0)
            return false;
    return true;
}

/* ----------------------------------------------------------------- targets */

/* The host of HOST[:PORT], into the demand; the same with this host's address in
 * its place, so that nothing is looked up, into here. */
static enum spd_err add_target(const char *option, const char *text, bool ipv6,
                               struct spd_test_demand *demand, char here[40], struct spd_diag *diag)
{
    char *host = demand->target[demand->n_targets];
    struct spd_addr address;
    uint16_t port;

    if (!spd_addr_split(text, 1, false, host, sizeof(demand->target[0]), &port))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "%s%.200s: not a target; give HOST, HOST:PORT or [IPV6]:PORT with a "
                            "port from 1 to 65535",
                            option, text);
    if (spd_addr_parse_host(host, &address) &&
        (spd_addr_is_multicast(&address) || spd_addr_is_any(&address)))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "%s%.200s: tests go to one host; this is not the address of one",
                            option, text);
    demand->n_targets++;
    if (port == 1)
        snprintf(here, 40, "%s", ipv6 ? "::1" : "127.0.0.1");
    else
        snprintf(here, 40, ipv6 ? "[::1]:%u" : "127.0.0.1:%u", port);
    return SPD_ERR_OK;
}

static enum spd_err check_way(const struct spd_settings *s, struct spd_diag *diag)
{
    struct spd_addr source;

    if (s->source && !spd_addr_parse_host(s->source, &source))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "--source %.100s: not an address; give one of this host's, such as "
                            "192.0.2.7",
                            s->source);
    if (s->interface_name && strlen(s->interface_name) >= 64)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "--interface %.100s: name too long",
                            s->interface_name);
    return SPD_ERR_OK;
}

/* "@FILE" may stand for sizes. */
static bool has_file(const char *text)
{
    return text && strchr(text, '@') != NULL;
}

static bool reads_file(unsigned command, const struct spd_settings *s)
{
    bool reads = command != SPD_COMMAND_BURST && has_file(s->sizes);

    if (command == SPD_COMMAND_QOS) {
        reads = reads || has_file(s->noise);
        for (size_t i = 0; i < s->classes.n; i++)
            reads = reads || has_file(s->classes.text[i]);
    }
    return reads;
}

/* ------------------------------------------------------------------ counts */

static uint64_t clip(double value)
{
    return value < 1.8e19 ? (uint64_t)value : UINT64_MAX;
}

static void add_class(struct spd_test_demand *demand, uint8_t dscp)
{
    for (size_t i = 0; i < demand->n_classes; i++)
        if (demand->dscp[i] == dscp)
            return;
    if (demand->n_classes < SPD_DEMAND_CLASSES_MAX)
        demand->dscp[demand->n_classes++] = dscp;
}

static enum spd_err count_burst(const struct spd_settings *s, struct spd_test_demand *demand,
                                struct spd_diag *diag)
{
    struct spd_burst_spec spec;
    struct spd_plan plan;
    enum spd_err err = spd_burst_spec_make(s, &spec, diag);

    if (!err)
        err = spd_plan_make(&spec, 0, spd_udp_buffer_cost, &plan, diag);
    if (err)
        return err;
    demand->n_packets = (uint64_t)spec.n_packets * spec.n_bursts * (spec.n_retries + 1u);
    demand->memory_bytes = plan.total_bytes;
    /* As if a burst took no time itself, but what comes back some. */
    demand->rate_bps = clip(8e9 * spec.n_packets * spec.size_bytes /
                            (double)(spec.gap_ns > SPD_NS_PER_MS ? spec.gap_ns : SPD_NS_PER_MS));
    add_class(demand, spec.dscp);
    return SPD_ERR_OK;
}

static double rate_of(const struct spd_schedule_spec *schedule)
{
    if (schedule->pacing == SPD_PACING_INTERVAL)
        return 8e9 * spd_size_mix_max(&schedule->sizes) / (double)schedule->interval_ns;
    return (double)schedule->rate_bps;
}

static double mean_bits(const struct spd_schedule_spec *schedule)
{
    return (double)spd_size_mix_mean_milli(&schedule->sizes) * 8 / 1000;
}

static void count_flows(const struct spd_flows_spec *spec, struct spd_test_demand *demand)
{
    double rate = 0, longest_s = 0, n_packets = 0, n_kept = 0;

    for (size_t i = 0; i < spec->n_flows; i++) {
        const struct spd_flow_spec *flow = &spec->flows[i];
        double flow_rate = rate_of(&flow->schedule), bits = mean_bits(&flow->schedule), flow_s;

        rate += flow_rate;
        add_class(demand, flow->info.dscp);
        if (flow->kind == SPD_FLOW_NOISE) { /* it stands last, and ends with them */
            flow_s = longest_s - (double)flow->starts_ns / 1e9;
            n_packets += flow_rate * flow_s / bits;
            continue;
        }
        flow_s = flow->schedule.pacing == SPD_PACING_INTERVAL
                     ? flow->info.n_packets * (double)flow->schedule.interval_ns / 1e9
                     : flow->info.n_packets * bits / flow_rate;
        longest_s = flow_s > longest_s ? flow_s : longest_s;
        n_packets += flow->info.n_packets;
        n_kept += flow->info.n_packets;
    }
    demand->rate_bps = clip(rate + 0.5);
    demand->n_packets = clip(n_packets);
    demand->memory_bytes = clip(n_kept * FLOW_PACKET_BYTES + FLOW_TEST_BYTES);
}

static enum spd_err count_stream(const struct spd_settings *s, struct spd_test_demand *demand,
                                 struct spd_diag *diag)
{
    struct spd_flow_wishes wishes;
    struct spd_flows_spec spec;
    enum spd_err err = spd_flow_wishes_read(s, &wishes, diag);

    if (!err)
        err = spd_stream_spec_make(s, &spec, diag);
    if (!err)
        count_flows(&spec, demand);
    return err;
}

static enum spd_err count_qos(const struct spd_settings *s, struct spd_test_demand *demand,
                              struct spd_diag *diag)
{
    struct spd_qos_spec spec;
    enum spd_err err = spd_qos_spec_make(s, &spec, diag);

    if (!err)
        count_flows(&spec.flows, demand);
    return err;
}

static enum spd_err count(unsigned command, const struct spd_settings *s,
                          struct spd_test_demand *demand, struct spd_diag *diag)
{
    if (command == SPD_COMMAND_BURST)
        return count_burst(s, demand, diag);
    return command == SPD_COMMAND_STREAM ? count_stream(s, demand, diag)
                                         : count_qos(s, demand, diag);
}

/* ------------------------------------------------------------------ public */

/* What stands before the @ of a class: DSCP and port. */
struct class_text {
    char text[40];
};

/* Sizes that a file tells may be any. */
static void forget_files(struct spd_settings *s, struct class_text kept[SPD_TEXTS_MAX])
{
    static const char *const any = "65000";

    if (has_file(s->sizes))
        s->sizes = any;
    if (has_file(s->noise))
        s->noise = "1Gbit:65000";
    for (size_t i = 0; i < s->classes.n; i++) {
        const char *text = s->classes.text[i];

        if (!has_file(text))
            continue;
        snprintf(kept[i].text, sizeof(kept[i].text), "%.*s", (int)strcspn(text, "@"), text);
        s->classes.text[i] = kept[i].text;
    }
}

static bool is_ipv6(const struct spd_settings *s)
{
    char host[256];
    struct spd_addr address;
    uint16_t port;

    return s->ipv6 || (s->host && spd_addr_split(s->host, 1, false, host, sizeof(host), &port) &&
                       spd_addr_parse_host(host, &address) && address.family == SPD_FAMILY_IPV6);
}

/* Towards this host over one family. */
static enum spd_err find_over(unsigned command, const struct spd_settings *settings, bool ipv6,
                              bool may_read, struct spd_test_demand *out, struct spd_diag *diag)
{
    struct spd_settings s = *settings;
    struct spd_test_demand demand = { .command = command, .spins = s.spin };
    struct class_text kept[SPD_TEXTS_MAX];
    char here[40], noise_here[40];
    enum spd_err err = add_target("", s.host ? s.host : "", ipv6, &demand, here, diag);

    if (!err && command == SPD_COMMAND_QOS && s.noise_host)
        err = add_target("--noise-host ", s.noise_host, ipv6, &demand, noise_here, diag);
    if (!err)
        err = check_way(&s, diag);
    if (err)
        return err;
    demand.reads_file = reads_file(command, &s);
    if (demand.reads_file && !may_read)
        forget_files(&s, kept);
    s.host = here;
    s.noise_host = s.noise_host ? noise_here : NULL;
    s.source = s.interface_name = NULL;
    s.ipv6 = ipv6;
    s.ipv4 = !ipv6;
    err = count(command, &s, &demand, diag);
    if (!err)
        *out = demand;
    return err;
}

static enum spd_err find(unsigned command, const struct spd_settings *settings, bool may_read,
                         struct spd_test_demand *out, struct spd_diag *diag)
{
    bool ipv6 = is_ipv6(settings);
    enum spd_err err;

    if (!spd_test_command_name(command))
        return spd_diag_set(diag, SPD_ERR_NOTSUP, 0, "the service runs burst, stream and qos");
    err = find_over(command, settings, ipv6, may_read, out, diag);
    /* A host without IPv6 can tell nearly as much over IPv4. */
    if (ipv6 && err && err != SPD_ERR_INVALID && err != SPD_ERR_RANGE)
        err = find_over(command, settings, false, may_read, out, diag);
    return err;
}

enum spd_err spd_test_demand_find(unsigned command, const struct spd_settings *settings,
                                  struct spd_test_demand *out, struct spd_diag *diag)
{
    return find(command, settings, false, out, diag);
}

enum spd_err spd_test_demand_read(unsigned command, const struct spd_settings *settings,
                                  struct spd_test_demand *out, struct spd_diag *diag)
{
    return find(command, settings, true, out, diag);
}
