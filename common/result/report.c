/*
 * The report for people. Called by whoever shows results; may block on the
 * stream; never on a measuring thread. Every figure is read through the field
 * table, so that text and JSON cannot differ.
 */
#include "common/result/report.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/base/dscp.h"
#include "common/result/report_text.h"

/* A field of the test by prefix and leaf. */
static void get(const struct spd_result *result, const char *prefix, const char *leaf,
                struct spd_field_value *out)
{
    char path[96];

    snprintf(path, sizeof path, "%s%s", prefix, leaf);
    const struct spd_field *field = spd_field_find(SPD_FIELD_TEST, path);
    SPD_ASSERT(field != NULL);
    spd_field_get(field, result, 0, out);
}

static uint64_t number(const struct spd_result *result, const char *path)
{
    struct spd_field_value value;

    get(result, path, "", &value);
    return value.kind == SPD_FIELD_UNSIGNED ? value.as.number : 0;
}

static double real(const struct spd_result *result, const char *prefix, const char *leaf,
                   double otherwise)
{
    struct spd_field_value value;

    get(result, prefix, leaf, &value);
    return value.kind == SPD_FIELD_REAL ? value.as.real : otherwise;
}

static bool is_true(const struct spd_result *result, const char *prefix, const char *leaf)
{
    struct spd_field_value value;

    get(result, prefix, leaf, &value);
    return value.kind == SPD_FIELD_BOOL && value.as.boolean;
}

static void add_duration(char *line, size_t column, const struct spd_result *result,
                         const char *prefix, const char *leaf)
{
    struct spd_field_value value;
    char text[SPD_REPORT_TEXT_BYTES];

    get(result, prefix, leaf, &value);
    spd_line_right(line, column,
                   spd_report_duration(
                       value.kind == SPD_FIELD_INTEGER ? value.as.integer : SPD_NS_UNKNOWN, text));
}

static void add_title(struct spd_page *page, const struct spd_result *result)
{
    const struct spd_test_record *record = result->record;
    char address[SPD_ADDR_TEXT_BYTES];
    char tail[160] = "";
    size_t n = 0;
    const char *dscp = spd_dscp_name(record->dscp);
    char *line = spd_page_line(page, NULL);

    spd_addr_format_host(&record->target, address);
    bool named = record->target_name[0] != '\0' && strcmp(record->target_name, address) != 0;
    spd_addr_format(&record->target, address);
    named = named && strcmp(record->target_name, address) != 0;
    n += (size_t)snprintf(tail, sizeof tail, "  %u bytes  DSCP ", record->size_bytes);
    n += dscp != NULL ? (size_t)snprintf(tail + n, sizeof tail - n, "%s", dscp)
                      : (size_t)snprintf(tail + n, sizeof tail - n, "%u", record->dscp);
    n += (size_t)snprintf(tail + n, sizeof tail - n, "  %zu x %" PRIu32 " packets%s",
                          (size_t)number(result, "burst_counts.n_asked"),
                          record->n_bursts > 0 ? record->bursts[0].n_packets : 0,
                          record->interrupted ? "  INTERRUPTED" : "");
    /* The address gives way to the name, and a name too long to the address. */
    if (named &&
        n + strlen(address) + 3 + spd_text_columns(record->target_name) <= SPD_PAGE_COLUMNS)
        spd_line_add(line, "%s (%s)%s", record->target_name, address, tail);
    else if (named && n + spd_text_columns(record->target_name) <= SPD_PAGE_COLUMNS)
        spd_line_add(line, "%s%s", record->target_name, tail);
    else
        spd_line_add(line, "%s%s", address, tail);
}

static void add_share(char *line, const struct spd_result *result, const char *what,
                      const char *count, const char *ratio)
{
    char text[SPD_REPORT_TEXT_BYTES];
    uint64_t n = number(result, count);

    spd_line_add(line, "%s%" PRIu64, what, n);
    if (n > 0 && ratio != NULL)
        spd_line_add(line, " (%s)", spd_report_percent(real(result, ratio, "", -1.0), text));
}

/* "late 3   malformed 2": those that are not zero. Returns whether there are any. */
struct tally {
    const char *path;
    const char *text;
};

static bool add_tallies(char *line, const struct spd_result *result, const struct tally *tallies,
                        size_t n, const char *separator)
{
    bool any = false;

    for (size_t i = 0; i < n; i++) {
        uint64_t count = number(result, tallies[i].path);
        if (count == 0)
            continue;
        spd_line_add(line, "%s%s %" PRIu64, any ? "   " : separator, tallies[i].text, count);
        any = true;
    }
    return any;
}

static void add_tally_line(struct spd_page *page, const char *label,
                           const struct spd_result *result, const struct tally *tallies, size_t n)
{
    char *line = spd_page_line(page, label);

    if (!add_tallies(line, result, tallies, n, ""))
        page->n_lines--;
}

/* Directions are shown when they can be told, and what is known of them in any
 * case. */
static void add_lost(struct spd_page *page, const struct spd_result *result)
{
    bool told = result->record->reflector_mode == SPD_REFLECTOR_STATEFUL ||
                number(result, "loss.n_lost_forward") > 0;
    char *line = spd_page_line(page, "Lost");

    if (told) {
        add_share(line, result, "forward ", "loss.n_lost_forward", "loss.ratio_forward");
        add_share(line, result, "   reverse ", "loss.n_lost_reverse", "loss.ratio_reverse");
    }
    if (!told || number(result, "loss.n_lost_unknown") > 0)
        add_share(line, result, told ? "   unknown " : "direction unknown ", "loss.n_lost_unknown",
                  NULL);
}

static void add_packets(struct spd_page *page, const struct spd_result *result)
{
    static const struct tally unusual[] = {
        { "packet_counts.n_not_sent", "not sent" },
        { "packet_counts.n_unreachable", "unreachable (ICMP)" },
        { "packet_counts.n_unresolved", "awaited at the end" },
    };
    static const struct tally replies[] = {
        { "replies.n_dropped_local", "dropped by this host" },
        { "replies.n_late", "late" },
        { "replies.n_malformed", "malformed" },
        { "replies.n_unexpected", "unexpected" },
    };
    char *line = spd_page_line(page, "Packets");

    add_share(line, result, "sent ", "packet_counts.n_sent", NULL);
    add_share(line, result, "   received ", "packet_counts.n_received", NULL);
    add_share(line, result, "   lost ", "loss.n_lost", "loss.ratio");
    add_tally_line(page, "", result, unusual, 3);

    add_lost(page, result);
    line = spd_page_line(page, "Reordered");
    if (result->summary->fwd.reorder_known) {
        add_share(line, result, "forward ", "reordering.forward.n_reordered", NULL);
        add_share(line, result, "   reverse ", "reordering.reverse.n_reordered", NULL);
    } else {
        add_share(line, result, "there and back ", "reordering.round_trip.n_reordered", NULL);
    }
    add_share(line, result, "   duplicated ", "duplicates.n_duplicated", NULL);
    if (number(result, "loss.n_lost") > 0)
        add_share(line, result, "   longest loss ", "loss.runs.longest_packets", NULL);
    add_tally_line(page, "Replies", result, replies, 4);
}

static void add_distribution(struct spd_page *page, const struct spd_result *result,
                             const char *label, const char *prefix)
{
    static const char *const leaves[] = { ".min_ns", ".median_ns", ".p95_ns", ".p99_ns",
                                          ".max_ns" };
    char *line = spd_page_line(page, label);

    for (size_t i = 0; i < 5; i++)
        add_duration(line, SPD_PAGE_INDENT + 11 * (i + 1), result, prefix, leaves[i]);
}

static void add_delays(struct spd_page *page, const struct spd_result *result)
{
    static const char *const heads[] = { "min", "median", "p95", "p99", "max" };
    char *line = spd_page_line(page, "");

    for (size_t i = 0; i < 5; i++)
        spd_line_right(line, SPD_PAGE_INDENT + 11 * (i + 1), heads[i]);
    if (result->summary->rtt.n > 0 || result->summary->rtt_counter.n == 0)
        add_distribution(page, result, "Round trip", "round_trip");
    if (result->summary->rtt_counter.n > 0)
        add_distribution(page, result, "  by the counter", "round_trip_by_counter");
    add_distribution(page, result, "In the reflector", "in_reflector");
    if (result->summary->clocks_synchronised) {
        add_distribution(page, result, "Delay forward", "delay_forward");
        add_distribution(page, result, "Delay reverse", "delay_reverse");
    }
    add_distribution(page, result, "Variation forward", "pdv_forward");
    add_distribution(page, result, "Variation reverse", "pdv_reverse");

    line = spd_page_line(page, "Jitter (RFC 3550)");
    spd_line_pad(line, SPD_PAGE_INDENT);
    spd_line_add(line, "forward ");
    add_duration(line, 0, result, "jitter.forward_ns", "");
    spd_line_add(line, "   reverse ");
    add_duration(line, 0, result, "jitter.reverse_ns", "");
    spd_line_add(line, "   (variation is RFC 5481 PDV)");
}

static void add_way(struct spd_page *page, const struct spd_result *result, const char *label,
                    const char *prefix)
{
    const char *bound = is_true(result, prefix, ".lower_bound") ? ">= " : "";
    char *line = spd_page_line(page, label);
    char rate[SPD_REPORT_TEXT_BYTES];
    char text[2 * SPD_REPORT_TEXT_BYTES];

    add_duration(line, SPD_PAGE_INDENT + 11, result, prefix, ".departure_ns");
    add_duration(line, SPD_PAGE_INDENT + 22, result, prefix, ".dispersion_ns");
    snprintf(text, sizeof text, "%s%s", bound,
             spd_report_rate(real(result, prefix, ".ip_bps", 0.0), rate));
    spd_line_right(line, SPD_PAGE_INDENT + 40, text);
    snprintf(text, sizeof text, "%s%s", bound,
             spd_report_rate(real(result, prefix, ".link_bps", 0.0), rate));
    spd_line_right(line, SPD_PAGE_INDENT + 58, text);
}

static void add_capacity(struct spd_page *page, const struct spd_result *result)
{
    char *line = spd_page_line(page, "Bottleneck");
    char text[SPD_REPORT_TEXT_BYTES];
    uint64_t header_bytes = number(result, "test.link_header_bytes");

    snprintf(text, sizeof text, "+%" PRIu64 " B link header", header_bytes);
    spd_line_right(line, SPD_PAGE_INDENT + 11, "left in");
    spd_line_right(line, SPD_PAGE_INDENT + 22, "came in");
    spd_line_right(line, SPD_PAGE_INDENT + 40, "IP capacity");
    spd_line_right(line, SPD_PAGE_INDENT + 58, text);
    add_way(page, result, "  forward", "capacity_forward");
    add_way(page, result, "  reverse", "capacity_reverse");
}

static void add_bursts(struct spd_page *page, const struct spd_result *result)
{
    static const struct tally reasons[] = {
        { "burst_counts.n_attempts_switched", "switched" },
        { "burst_counts.n_attempts_gap", "gap" },
        { "burst_counts.n_attempts_send_failed", "send failed" },
        { "burst_counts.n_attempts_buffer_overflow", "buffer full" },
    };
    char *line = spd_page_line(page, "Bursts");
    uint64_t n_asked = number(result, "burst_counts.n_asked");
    uint64_t n_repeated = number(result, "burst_counts.n_attempts") - n_asked;

    spd_line_add(line, "%" PRIu64 " of %" PRIu64 " whole   handed over in ",
                 number(result, "burst_counts.n_whole"), n_asked);
    add_duration(line, 0, result, "submission.median_ns", "");
    if (number(result, "burst_counts.n_unknown") > 0)
        add_share(line, result, "   unknown ", "burst_counts.n_unknown", NULL);
    if (n_repeated > 0)
        spd_line_add(line, "   repeated %" PRIu64, n_repeated);
    (void)add_tallies(line, result, reasons, 4, "   broken: ");
}

static void add_stamps(struct spd_page *page, const struct spd_result *result)
{
    static const struct tally unusual[] = {
        { "stamps.n_packets_left_out", "left out: replies" },
        { "stamps.n_bursts_clock_step", "clock steps" },
        { "stamps.n_bursts_reflector_step", "reflector clock steps" },
    };
    struct spd_field_value sent;
    struct spd_field_value received;
    char *line = spd_page_line(page, "Stamps");

    get(result, "stamps.t1_source", "", &sent);
    get(result, "stamps.t4_source", "", &received);
    spd_line_add(line, "sent: %s   received: %s", sent.as.text, received.as.text);
    add_tally_line(page, "", result, unusual, 3);
}

enum spd_err spd_report_write(FILE *file, const char *stream_name, const struct spd_result *result,
                              struct spd_diag *diag)
{
    struct spd_stream stream;
    struct spd_page *page = calloc(1, sizeof *page);

    if (page == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "not enough memory to write %s", stream_name);
    add_title(page, result);
    spd_page_line(page, NULL);
    add_packets(page, result);
    spd_page_line(page, NULL);
    add_delays(page, result);
    spd_page_line(page, NULL);
    add_capacity(page, result);
    spd_page_line(page, NULL);
    add_bursts(page, result);
    add_stamps(page, result);
    spd_report_environment(page, result);
    spd_page_tighten(page, 0);

    spd_stream_init(&stream, file, stream_name);
    spd_page_write(page, &stream);
    free(page);
    return spd_stream_finish(&stream, diag);
}
