/*
 * The report of paced flows for people. Called by whoever shows results; may
 * block on the stream; never on a measuring thread. Every figure is read
 * through the field table, so that text and JSON cannot differ.
 */
#include "common/result/report_flow.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/result/flow_result.h"
#include "common/result/report_text.h"

/* Where figures come from: the whole result, or one flow of it. */
struct place {
    const struct spd_result *result;
    enum spd_field_group group;
    size_t index;
};

static void get(const struct place *place, const char *prefix, const char *leaf,
                struct spd_field_value *out)
{
    char path[96];

    snprintf(path, sizeof path, "%s%s", prefix, leaf);
    const struct spd_field *field = spd_field_find(place->group, path);
    SPD_ASSERT(field != NULL);
    spd_field_get(field, place->result, place->index, out);
}

static uint64_t number(const struct place *place, const char *prefix, const char *leaf)
{
    struct spd_field_value value;

    get(place, prefix, leaf, &value);
    return value.kind == SPD_FIELD_UNSIGNED ? value.as.number : 0;
}

static bool is_known(const struct place *place, const char *prefix, const char *leaf)
{
    struct spd_field_value value;

    get(place, prefix, leaf, &value);
    return value.kind != SPD_FIELD_NULL;
}

static double real(const struct place *place, const char *prefix, const char *leaf)
{
    struct spd_field_value value;

    get(place, prefix, leaf, &value);
    return value.kind == SPD_FIELD_REAL ? value.as.real : 0.0;
}

static bool is_true(const struct place *place, const char *prefix, const char *leaf)
{
    struct spd_field_value value;

    get(place, prefix, leaf, &value);
    return value.kind == SPD_FIELD_BOOL && value.as.boolean;
}

static spd_ns duration(const struct place *place, const char *prefix, const char *leaf)
{
    struct spd_field_value value;

    get(place, prefix, leaf, &value);
    return value.kind == SPD_FIELD_INTEGER ? value.as.integer : SPD_NS_UNKNOWN;
}

/* A copy, since the value may stand in its own room. */
static const char *text(const struct place *place, const char *path, char room[96])
{
    struct spd_field_value value;

    get(place, path, "", &value);
    snprintf(room, 96, "%s", value.kind == SPD_FIELD_TEXT ? value.as.text : "");
    return room;
}

static void add_count(char *line, const struct place *place, const char *what, const char *prefix,
                      const char *leaf)
{
    spd_line_add(line, "%s%" PRIu64, what, number(place, prefix, leaf));
}

static void add_duration(char *line, const struct place *place, const char *what,
                         const char *prefix, const char *leaf)
{
    char room[SPD_REPORT_TEXT_BYTES];

    spd_line_add(line, "%s%s", what, spd_report_duration(duration(place, prefix, leaf), room));
}

static void add_title(struct spd_page *page, const struct place *whole, const struct place *flow)
{
    char room[96];
    char *line = spd_page_line(page, NULL);
    uint64_t smallest = number(flow, "sending.size_min_bytes", "");
    uint64_t largest = number(flow, "sending.size_max_bytes", "");

    if (text(whole, "target.name", room)[0] != '\0')
        spd_line_add(line, "%.40s  ", room);
    spd_line_add(line, "%s", text(whole, "test.kind", room));
    if (text(flow, "name", room)[0] != '\0')
        spd_line_add(line, "  flow %s", room);
    text(flow, "dscp_name", room);
    if (room[0] != '\0')
        spd_line_add(line, "  DSCP %s", room);
    else
        add_count(line, flow, "  DSCP ", "dscp", "");
    if (largest > smallest)
        spd_line_add(line, "  %" PRIu64 " to %" PRIu64 " bytes", smallest, largest);
    else if (largest > 0)
        spd_line_add(line, "  %" PRIu64 " bytes", largest);
}

/* Of the directions that are known; both counts where there is more than one. */
static const struct {
    const char *prefix;
    const char *name;
} ways[] = { { "forward", "forward " }, { "reverse", "reverse " } };

static bool way_is_known(const struct place *flow, size_t way)
{
    return is_known(flow, ways[way].prefix, ".n_sent");
}

static void add_packets(struct spd_page *page, const struct place *flow)
{
    char room[SPD_REPORT_TEXT_BYTES];
    char *line = spd_page_line(page, "Packets");
    uint64_t n_sent = number(flow, "forward", ".n_sent");
    uint64_t n_lost = number(flow, "loss.n_lost", "");

    if (!way_is_known(flow, 0)) {
        add_count(line, flow, "sent ", "sending.n_sent", "");
        spd_line_add(line, "   arrivals unknown: give the log of the receiver, too");
        return;
    }
    spd_line_add(line, "sent %" PRIu64 "   received %" PRIu64 "   lost %" PRIu64, n_sent,
                 n_sent >= n_lost ? n_sent - n_lost : 0, n_lost);
    if (n_lost > 0 && n_sent > 0)
        spd_line_add(line, " (%s)", spd_report_percent((double)n_lost / (double)n_sent, room));
    if (number(flow, "sending.n_not_sent", "") > 0)
        add_count(line, flow, "   not sent ", "sending.n_not_sent", "");
}

static void add_losses(struct spd_page *page, const struct place *flow)
{
    char *line;

    if (number(flow, "forward", ".n_lost") == 0 && number(flow, "reverse", ".n_lost") == 0)
        return;
    line = spd_page_line(page, "Lost");
    if (way_is_known(flow, 1) && is_known(flow, "loss.n_lost_forward", "")) {
        add_count(line, flow, "forward ", "loss.n_lost_forward", "");
        add_count(line, flow, "   reverse ", "loss.n_lost_reverse", "");
        if (number(flow, "loss.n_lost_unknown", "") > 0)
            add_count(line, flow, "   unknown ", "loss.n_lost_unknown", "");
        spd_line_add(line, "   ");
    } else if (way_is_known(flow, 1)) {
        spd_line_add(line, "direction unknown   ");
    }
    add_count(line, flow, "runs ", "forward", ".n_loss_periods");
    add_count(line, flow, ", longest ", "forward", ".loss_period_max_packets");
}

static void add_order(struct spd_page *page, const struct place *flow)
{
    char *line = spd_page_line(page, "Reordered");

    for (size_t way = 0; way < 2; way++)
        if (way_is_known(flow, way)) {
            spd_line_add(line, "%s%s", way > 0 ? "   " : "",
                         way_is_known(flow, 1) ? ways[way].name : "");
            add_count(line, flow, "", ways[way].prefix, ".reordering.n_reordered");
        }
    add_count(line, flow, "   duplicates ", "forward", ".n_duplicated");
}

static void add_sending(struct spd_page *page, const struct place *flow)
{
    char room[SPD_REPORT_TEXT_BYTES];
    uint64_t asked = number(flow, "schedule.rate_bps", "");
    char *line = spd_page_line(page, "Rate");

    spd_line_add(line, "%s", spd_report_rate(real(flow, "sending.rate_bps", ""), room));
    if (asked > 0)
        spd_line_add(line, " of %s asked", spd_report_rate((double)asked, room));
    else if (duration(flow, "schedule.interval_ns", "") != SPD_NS_UNKNOWN)
        add_duration(line, flow, ", every ", "schedule.interval_ns", "");
    if (number(flow, "sending.n_late", "") > 0) {
        add_count(line, flow, "   late ", "sending.n_late", "");
        add_duration(line, flow, ", at most ", "sending.lateness_max_ns", "");
    }
}

static void add_distribution(struct spd_page *page, const struct place *flow, const char *label,
                             const char *prefix, const char *leaf)
{
    static const char *const leaves[] = { ".min_ns", ".median_ns", ".p95_ns", ".p99_ns",
                                          ".max_ns" };
    char *line = spd_page_line(page, label);
    char path[48], room[SPD_REPORT_TEXT_BYTES];

    snprintf(path, sizeof path, "%s%s", prefix, leaf);
    for (size_t i = 0; i < 5; i++)
        spd_line_right(line, SPD_PAGE_INDENT + 11 * (i + 1),
                       spd_report_duration(duration(flow, path, leaves[i]), room));
}

static void add_delays(struct spd_page *page, const struct place *flow)
{
    static const char *const heads[] = { "min", "median", "p95", "p99", "max" };
    char *line = spd_page_line(page, "");
    bool two_way = way_is_known(flow, 1);
    char room[SPD_REPORT_TEXT_BYTES];

    for (size_t i = 0; i < 5; i++)
        spd_line_right(line, SPD_PAGE_INDENT + 11 * (i + 1), heads[i]);
    if (two_way)
        add_distribution(page, flow, "Round trip", "round_trip", "");
    add_distribution(page, flow, two_way ? "Variation forward" : "Variation", "forward", ".pdv");
    if (two_way)
        add_distribution(page, flow, "Variation reverse", "reverse", ".pdv");
    add_distribution(page, flow, two_way ? "IPDV forward" : "IPDV", "forward", ".ipdv");
    if (two_way)
        add_distribution(page, flow, "IPDV reverse", "reverse", ".ipdv");
    line = spd_page_line(page, "Jitter (RFC 3550)");
    for (size_t way = 0; way < 2; way++)
        if (way_is_known(flow, way))
            spd_line_add(line, "%s%s%s", way > 0 ? "   " : "", two_way ? ways[way].name : "",
                         spd_report_duration(duration(flow, ways[way].prefix, ".jitter_ns"), room));
    spd_line_add(line, "   variation: RFC 5481 PDV");
}

/* What became of the skew: of this direction's, or of what all say together. */
static void describe_removal(const struct place *flow, const char *prefix, bool several, char *what,
                             size_t capacity)
{
    static const struct {
        const char *finding;
        const char *says;
    } kept[] = {
        { "not-significant", "not significant" },
        { "implausible",
          "not removed: no two clocks drift apart so fast, but a queue may grow so" },
        { "disputed", "not removed: the two directions disagree, so a queue grew or drained" },
    };
    double removed_ppb = real(flow, prefix, ".skew.removed_ppb");
    char path[48], finding[96];

    snprintf(path, sizeof path, "%s.skew.finding", prefix);
    text(flow, path, finding);
    if (is_true(flow, prefix, ".skew.removed")) {
        /* The same to the last digit shown. */
        if (fabs(removed_ppb - real(flow, prefix, ".skew.skew_ppb")) < 10.0)
            snprintf(what, capacity, "removed");
        else
            snprintf(what, capacity, "; %+.2f ppm removed, %s", removed_ppb / 1e3,
                     strcmp(finding, "at-least") == 0 ? "the least that all show"
                     : several                        ? "as the better of both directions shows"
                                                      : "as the best of all flows shows");
        return;
    }
    snprintf(what, capacity, "kept");
    for (size_t i = 0; i < sizeof kept / sizeof kept[0]; i++)
        if (strcmp(finding, kept[i].finding) == 0)
            snprintf(what, capacity, "%s", kept[i].says);
}

static void add_skew(struct spd_page *page, const struct place *flow, const char *label,
                     const char *prefix)
{
    char room[96], path[48], removal[120], what[280];

    describe_removal(flow, prefix, way_is_known(flow, 1), removal, sizeof removal);
    snprintf(path, sizeof path, "%s.skew.method", prefix);
    if (is_known(flow, prefix, ".skew.skew_ppb"))
        snprintf(what, sizeof what, "skew %+.2f ppm (%+.2f to %+.2f)%s%s, by %s",
                 real(flow, prefix, ".skew.skew_ppb") / 1e3,
                 real(flow, prefix, ".skew.low_ppb") / 1e3,
                 real(flow, prefix, ".skew.high_ppb") / 1e3, removal[0] == ';' ? "" : " ", removal,
                 text(flow, path, room));
    else
        snprintf(what, sizeof what, "skew unknown%s",
                 is_true(flow, prefix, ".skew.removed") ? removal : "");
    spd_page_wrap(page, label, what, 2);
}

static void add_jumps(struct spd_page *page, const struct place *flow, const char *prefix)
{
    char room[SPD_REPORT_TEXT_BYTES];
    uint64_t n_steps = number(flow, prefix, ".jumps.n_steps");
    uint64_t n_jumps = number(flow, prefix, ".jumps.n") - n_steps;
    char *line;

    if (n_jumps + n_steps == 0)
        return;
    line = spd_page_line(page, "");
    if (n_jumps > 0)
        spd_line_add(line, "timer jumps of %s: %" PRIu64 "   ",
                     spd_report_duration(duration(flow, prefix, ".jumps.amount_ns"), room),
                     n_jumps);
    if (n_steps > 0)
        spd_line_add(line, "steps of the time of day: %" PRIu64 "   ", n_steps);
    spd_line_add(line, is_true(flow, prefix, ".jumps.removed") ? "removed" : "kept");
}

static void add_corrections(struct spd_page *page, const struct place *flow)
{
    bool two_way = way_is_known(flow, 1);

    for (size_t way = 0; way < 2; way++) {
        if (!way_is_known(flow, way))
            continue;
        add_skew(page, flow,
                 !two_way   ? "Clocks"
                 : way == 0 ? "Clocks forward"
                            : "Clocks reverse",
                 ways[way].prefix);
        add_jumps(page, flow, ways[way].prefix);
    }
}

static void add_voice(struct spd_page *page, const struct place *flow)
{
    char room[96];
    char *line;

    if (!is_known(flow, "forward", ".voice.mos") && !is_known(flow, "reverse", ".voice.mos"))
        return;
    line = spd_page_line(page, "MOS (G.107)");
    for (size_t way = 0; way < 2; way++)
        if (is_known(flow, ways[way].prefix, ".voice.mos"))
            spd_line_add(line, "%s%.2f (R %.1f)   ", way_is_known(flow, 1) ? ways[way].name : "",
                         real(flow, ways[way].prefix, ".voice.mos"),
                         real(flow, ways[way].prefix, ".voice.r"));
    const char *codec =
        is_known(flow, "forward", ".voice.codec") ? "forward.voice.codec" : "reverse.voice.codec";
    spd_line_add(line, "%s", text(flow, codec, room));
}

static void add_end(struct spd_page *page, const struct place *whole, const struct place *flow)
{
    spd_ns step_ns = duration(whole, "test.clock_step_ns", "");
    char room[96];
    char *line;

    if (text(flow, "ended_by", room)[0] != '\0') {
        line = spd_page_line(page, "Session");
        spd_line_add(line, "ended by %s", room);
        if (step_ns != SPD_NS_UNKNOWN && (step_ns >= SPD_NS_PER_MS || step_ns <= -SPD_NS_PER_MS))
            add_duration(line, whole, "   clock stepped by ", "test.clock_step_ns", "");
        if (number(flow, "receiving.n_dropped_local", "") > 0)
            add_count(line, flow, "   dropped by this host ", "receiving.n_dropped_local", "");
    }
    line = spd_page_line(page, "Stamps");
    spd_line_add(line, "sent: %s", text(whole, "stamps.send_source", room));
    spd_line_add(line, "   received: %s", text(whole, "stamps.receive_source", room));
}

static void add_log(struct spd_page *page, const struct place *whole)
{
    struct spd_field_value value;

    get(whole, "outcome.text", "", &value);
    if (value.kind == SPD_FIELD_TEXT)
        spd_page_wrap(page, "Ended early", value.as.text, 2);
    get(whole, "log.condition", "", &value);
    if (value.kind == SPD_FIELD_TEXT)
        spd_page_wrap(page, "Log", value.as.text, 2);
    if (number(whole, "log.n_records_lost", "") > 0) {
        char *line = spd_page_line(page, "Log");
        add_count(line, whole, "", "log.n_records_lost", "");
        spd_line_add(line, " packets found the disk full; they count as lost here");
    }
    if (number(whole, "log.n_unjudged", "") > 0) {
        char *line = spd_page_line(page, "Left out");
        add_count(line, whole, "", "log.n_unjudged", "");
        spd_line_add(line, " packets sent after the receiver had stopped");
    }
    if (number(whole, "log.n_unmatched", "") > 0) {
        char *line = spd_page_line(page, "Left out");
        add_count(line, whole, "", "log.n_unmatched", "");
        spd_line_add(line, " packets that the sender's log does not have");
    }
}

static bool any_stamps(const struct place *flow)
{
    return number(flow, "forward", ".pdv.n") > 0 || number(flow, "reverse", ".pdv.n") > 0;
}

static void add_flow(struct spd_page *page, const struct spd_result *result, size_t index)
{
    struct place whole = { result, SPD_FIELD_FLOW_TEST, 0 };
    struct place flow = { result, SPD_FIELD_FLOW, index };

    add_title(page, &whole, &flow);
    spd_page_line(page, NULL);
    add_packets(page, &flow);
    add_losses(page, &flow);
    if (any_stamps(&flow))
        add_order(page, &flow);
    add_sending(page, &flow);
    spd_page_line(page, NULL);
    if (any_stamps(&flow)) {
        add_delays(page, &flow);
        spd_page_line(page, NULL);
        add_corrections(page, &flow);
        add_voice(page, &flow);
    } else if (way_is_known(&flow, 0)) {
        spd_line_add(spd_page_line(page, "Delays"), "none: no packet arrived with its time stamps");
    }
    add_end(page, &whole, &flow);
}

enum spd_err spd_report_flow_write(FILE *file, const char *stream_name,
                                   const struct spd_result *result, struct spd_diag *diag)
{
    struct place whole = { result, SPD_FIELD_FLOW_TEST, 0 };
    struct spd_page *page = calloc(1, sizeof *page);
    struct spd_stream stream;

    if (page == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "not enough memory to write %s", stream_name);
    spd_stream_init(&stream, file, stream_name);
    for (size_t i = 0; i < result->flow->n_flows; i++) {
        page->n_lines = 0;
        if (i > 0)
            spd_page_line(page, NULL);
        add_flow(page, result, i);
        if (i + 1 == result->flow->n_flows) {
            add_log(page, &whole);
            spd_report_environment(page, result);
        }
        spd_page_tighten(page, 0);
        spd_page_write(page, &stream);
    }
    free(page);
    return spd_stream_finish(&stream, diag);
}
