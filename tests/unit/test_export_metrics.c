/*
 * The page of metrics: every line of it belongs to a family that stands in
 * metrics.md, both formats keep their rules, and what is not known is not there.
 */
#include "common/result/export_metrics.h"

#include <stdio.h>

#include <jansson.h>

#include "tests/unit/unit.h"

static long allocations_left = -1;
void *__real_realloc(void *old, size_t n);
void *__wrap_realloc(void *old, size_t n);

void *__wrap_realloc(void *old, size_t n)
{
    if (allocations_left == 0)
        return NULL;
    if (allocations_left > 0)
        allocations_left--;
    return __real_realloc(old, n);
}

static const spd_ns bounds[] = { 10000, 1000000, 1500000000 };

static void fill_test(struct spd_metrics_test *t)
{
    *t = (struct spd_metrics_test){
        .name = "voice",
        .kind = "stream",
        .target = "reflector.example:862",
        .running = true,
        .n_runs = 7,
        .n_failed = 2,
        .n_missed = 1,
        .outcome = SPD_METRICS_FINISHED,
        .ended_ns = INT64_C(1700000000250000000),
        .exit_code = 1,
        .threshold_missed = true,
        .measured = true,
        .n_sent = 2048,
        .n_lost = 16,
        .loss_ratio = 0.0078125,
        .rtt_p50_ns = 20000001,
        .rtt_p99_ns = 35000000,
        .mos = 4.25,
        .ways = { { .known = true,
                    .pdv_p50_ns = 40000,
                    .pdv_p95_ns = 900000,
                    .pdv_p99_ns = 1200000,
                    .n = 10,
                    .sum_ns = 7000000,
                    .buckets = { 4, 3, 2, 1 } },
                  { .pdv_p50_ns = SPD_NS_UNKNOWN } },
    };
}

static void fill(struct spd_metrics_snapshot *s)
{
    *s = (struct spd_metrics_snapshot){
        .now_ns = INT64_C(1700000060000000000),
        .service = { .version = "9.8.7",
                     .system = "Linux",
                     .started_ns = INT64_C(1699999999000000000),
                     .uptime_ns = 61 * SPD_NS_PER_S,
                     .resident_bytes = 5000000,
                     .n_descriptors = 33,
                     .n_running = 1,
                     .n_queued = 2,
                     .n_started = 100,
                     .n_finished = 90,
                     .n_failed = 6,
                     .n_cancelled = 3,
                     .n_refused = 11,
                     .n_missed = 12,
                     .n_store_errors = 13,
                     .n_reloads = 14,
                     .n_reloads_refused = 15 },
        .reflector = { .enabled = true,
                       .known = true,
                       .n_received = 1000,
                       .n_reflected = 900,
                       .n_refused = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10 },
                       .n_send_failed = 21,
                       .n_receive_failed = 22,
                       .n_dropped_by_system = 23,
                       .n_sessions = 24,
                       .n_sessions_expired = 25,
                       .n_sources = 26 },
        .bound_ns = bounds,
        .n_bounds = N_ROWS(bounds),
    };
    assert_int_equal(spd_metrics_snapshot_reserve(s, 1), SPD_ERR_OK);
    fill_test(&s->tests[0]);
}

static char *page_of(const struct spd_metrics_snapshot *s, enum spd_metrics_format format)
{
    size_t n = 0;
    char *page = spd_export_metrics(s, format, &n);

    assert_non_null(page);
    assert_int_equal(n, strlen(page));
    return page;
}

/* Whether the page has this line. */
static bool has(const char *page, const char *line)
{
    size_t n = strlen(line);

    for (const char *at = page; (at = strstr(at, line)); at += n)
        if ((at == page || at[-1] == '\n') && at[n] == '\n')
            return true;
    return false;
}

static const struct {
    const char *line;
    const char *text; /* of the older format, where it differs */
} lines[] = {
    { "# TYPE stampede_build info", "# TYPE stampede_build_info gauge" },
    { "stampede_build_info{version=\"9.8.7\",system=\"Linux\"} 1", NULL },
    { "stampede_healthy 1", NULL },
    { "stampede_start_time_seconds 1699999999.0", NULL },
    { "stampede_uptime_seconds 61.0", NULL },
    { "stampede_resident_memory_bytes 5000000", NULL },
    { "stampede_open_descriptors 33", NULL },
    { "stampede_tests_running 1", NULL },
    { "stampede_tests_queued 2", NULL },
    { "# TYPE stampede_tests_started counter", "# TYPE stampede_tests_started_total counter" },
    { "stampede_tests_started_total 100", NULL },
    { "stampede_tests_ended_total{outcome=\"finished\"} 90", NULL },
    { "stampede_tests_ended_total{outcome=\"failed\"} 6", NULL },
    { "stampede_tests_ended_total{outcome=\"cancelled\"} 3", NULL },
    { "stampede_tests_refused_total 11", NULL },
    { "stampede_schedule_missed_runs_total 12", NULL },
    { "stampede_history_errors_total 13", NULL },
    { "stampede_config_reloads_total{outcome=\"in_force\"} 14", NULL },
    { "stampede_config_reloads_total{outcome=\"refused\"} 15", NULL },
    { "stampede_reflector_enabled 1", NULL },
    { "stampede_reflector_received_packets_total 1000", NULL },
    { "stampede_reflector_reflected_packets_total 900", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"malformed\"} 1", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"too_long\"} 2", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"loop\"} 3", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"reply_would_be_larger\"} 4", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"network_not_allowed\"} 5", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"source_rate\"} 6", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"too_many_new_sources\"} 7", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"total_rate\"} 8", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"sessions\"} 9", NULL },
    { "stampede_reflector_refused_packets_total{reason=\"source_sessions\"} 10", NULL },
    { "stampede_reflector_errors_total{operation=\"send\"} 21", NULL },
    { "stampede_reflector_errors_total{operation=\"receive\"} 22", NULL },
    { "stampede_reflector_dropped_packets_total 23", NULL },
    { "stampede_reflector_sessions 24", NULL },
    { "stampede_reflector_expired_sessions_total 25", NULL },
    { "stampede_reflector_sources 26", NULL },
    { "stampede_test_info{test=\"voice\",kind=\"stream\",target=\"reflector.example:862\"} 1",
      NULL },
    { "stampede_test_running{test=\"voice\"} 1", NULL },
    { "stampede_test_runs_total{test=\"voice\"} 7", NULL },
    { "stampede_test_failed_runs_total{test=\"voice\"} 2", NULL },
    { "stampede_test_missed_runs_total{test=\"voice\"} 1", NULL },
    { "# TYPE stampede_test_outcome stateset", "# TYPE stampede_test_outcome gauge" },
    { "stampede_test_outcome{test=\"voice\",stampede_test_outcome=\"none\"} 0", NULL },
    { "stampede_test_outcome{test=\"voice\",stampede_test_outcome=\"finished\"} 1", NULL },
    { "stampede_test_outcome{test=\"voice\",stampede_test_outcome=\"failed\"} 0", NULL },
    { "stampede_test_end_time_seconds{test=\"voice\"} 1700000000.25", NULL },
    { "stampede_test_age_seconds{test=\"voice\"} 59.75", NULL },
    { "stampede_test_exit_code{test=\"voice\"} 1", NULL },
    { "stampede_test_threshold_missed{test=\"voice\"} 1", NULL },
    { "stampede_test_sent_packets{test=\"voice\"} 2048", NULL },
    { "stampede_test_lost_packets{test=\"voice\"} 16", NULL },
    { "stampede_test_loss_ratio{test=\"voice\"} 0.0078125", NULL },
    { "stampede_test_mos{test=\"voice\"} 4.25", NULL },
    { "stampede_test_round_trip_seconds{test=\"voice\",percentile=\"50\"} 0.020000001", NULL },
    { "stampede_test_round_trip_seconds{test=\"voice\",percentile=\"99\"} 0.035", NULL },
    { "stampede_test_delay_variation_percentile_seconds{test=\"voice\",direction=\"forward\","
      "percentile=\"95\"} 0.0009",
      NULL },
    { "# TYPE stampede_test_delay_variation_seconds gaugehistogram",
      "# TYPE stampede_test_delay_variation_seconds histogram" },
    { "stampede_test_delay_variation_seconds_bucket{test=\"voice\",direction=\"forward\","
      "le=\"0.00001\"} 4",
      NULL },
    { "stampede_test_delay_variation_seconds_bucket{test=\"voice\",direction=\"forward\","
      "le=\"0.001\"} 7",
      NULL },
    { "stampede_test_delay_variation_seconds_bucket{test=\"voice\",direction=\"forward\","
      "le=\"1.5\"} 9",
      NULL },
    { "stampede_test_delay_variation_seconds_bucket{test=\"voice\",direction=\"forward\","
      "le=\"+Inf\"} 10",
      NULL },
    { "stampede_test_delay_variation_seconds_gsum{test=\"voice\",direction=\"forward\"} 0.007",
      "stampede_test_delay_variation_seconds_sum{test=\"voice\",direction=\"forward\"} 0.007" },
    { "stampede_test_delay_variation_seconds_gcount{test=\"voice\",direction=\"forward\"} 10",
      "stampede_test_delay_variation_seconds_count{test=\"voice\",direction=\"forward\"} 10" },
};

static void every_value_of_a_snapshot_is_shown(void **state)
{
    struct spd_metrics_snapshot s;

    (void)state;
    fill(&s);
    for (int old = 0; old < 2; old++) {
        char *page = page_of(&s, old ? SPD_METRICS_TEXT : SPD_METRICS_OPENMETRICS);

        for (size_t i = 0; i < N_ROWS(lines); i++) {
            const char *line = old && lines[i].text ? lines[i].text : lines[i].line;

            CHECK_ROW(line, has(page, line));
        }
        assert_null(strstr(page, "reverse"));
        free(page);
    }
    spd_metrics_snapshot_clear(&s);
}

/* ---- the rules of the formats ---- */

static const char *const suffixes[] = { "",        "_total", "_info",  "_bucket",
                                        "_gcount", "_gsum",  "_count", "_sum" };

static bool is_sample_of(const char *line, const char *family)
{
    size_t n = strlen(family);

    if (strncmp(line, family, n) != 0)
        return false;
    for (size_t i = 0; i < N_ROWS(suffixes); i++) {
        size_t n_suffix = strlen(suffixes[i]);

        if (strncmp(line + n, suffixes[i], n_suffix) == 0 &&
            (line[n + n_suffix] == ' ' || line[n + n_suffix] == '{'))
            return true;
    }
    return false;
}

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), n_end = strlen(end);

    return n >= n_end && strcmp(text + n - n_end, end) == 0;
}

/* All lines of a family stand together, behind its HELP, TYPE and UNIT; a unit
 * is the end of the name. Returns the number of families. */
static unsigned check_structure(char *page, bool old)
{
    char family[128] = "", seen[8192] = "", name[130], word[100];
    unsigned n_families = 0;
    bool ended = false;

    for (char *line = strtok(page, "\n"); line; line = strtok(NULL, "\n")) {
        assert_false(ended);
        if (sscanf(line, "# HELP %127s", family) == 1) {
            snprintf(name, sizeof(name), " %s ", family);
            if (strstr(seen, name))
                fail_msg("%s: twice", family);
            strcat(seen, name);
            n_families++;
        } else if (sscanf(line, "# TYPE %129s %99s", name, word) == 2) {
            assert_string_equal(name, family);
            assert_true(strcmp(word, "counter") != 0 || ends_with(name, "_total") == old);
        } else if (sscanf(line, "# UNIT %129s %99s", name, word) == 2) {
            assert_string_equal(name, family);
            assert_true(!old && ends_with(name, word));
        } else if (strcmp(line, "# EOF") == 0) {
            ended = true;
        } else if (!is_sample_of(line, family)) {
            fail_msg("\"%s\" is no sample of %s", line, family);
        }
    }
    assert_int_equal(ended, !old);
    return n_families;
}

static void families_stand_together_with_their_help_type_and_unit(void **state)
{
    struct spd_metrics_snapshot s;

    (void)state;
    fill(&s);
    assert_int_equal(spd_metrics_snapshot_reserve(&s, 3), SPD_ERR_OK);
    for (size_t i = 0; i < 3; i++) {
        fill_test(&s.tests[i]);
        snprintf(s.tests[i].name, sizeof(s.tests[i].name), "test %zu", i);
        s.tests[i].ways[1] = s.tests[i].ways[0];
    }
    for (int old = 0; old < 2; old++) {
        char *page = page_of(&s, old ? SPD_METRICS_TEXT : SPD_METRICS_OPENMETRICS);

        assert_true(check_structure(page, old) > 35);
        free(page);
    }
    spd_metrics_snapshot_clear(&s);
}

static void every_family_is_described(void **state)
{
    static char text[32768];
    struct spd_metrics_snapshot s;
    FILE *file = fopen(SPD_METRICS_MD, "rb");
    unsigned n_described = 0, n_families = 0;
    char *page;

    (void)state;
    assert_non_null(file);
    assert_true(fread(text, 1, sizeof(text) - 1, file) > 1000);
    fclose(file);
    fill(&s);
    page = page_of(&s, SPD_METRICS_OPENMETRICS);
    for (char *line = strtok(page, "\n"); line; line = strtok(NULL, "\n")) {
        char name[100], type[40], row[200];

        if (sscanf(line, "# TYPE %99s %39s", name, type) != 2)
            continue;
        snprintf(row, sizeof(row), "| `%s` | %s |", name, type);
        CHECK_ROW(row, strstr(text, row));
        n_families++;
    }
    for (const char *at = text; (at = strstr(at, "\n| `stampede_")); at++)
        n_described++;
    assert_int_equal(n_described, n_families);
    free(page);
    spd_metrics_snapshot_clear(&s);
}

/* ---- what is not known, and what is odd ---- */

static void what_is_not_known_is_left_out(void **state)
{
    static const struct {
        const char *name;
        enum spd_metrics_outcome outcome;
        bool measured;
        const char *absent[3];
        const char *present;
    } rows[] = {
        { "never ran",
          SPD_METRICS_NONE,
          true,
          { "_age_seconds{", "_exit_code{", "_loss_ratio{" },
          "stampede_test_outcome{test=\"voice\",stampede_test_outcome=\"none\"} 1" },
        { "failed",
          SPD_METRICS_FAILED,
          false,
          { "_loss_ratio{", "_mos{", "_bucket{" },
          "stampede_test_exit_code{test=\"voice\"} 1" },
    };
    struct spd_metrics_snapshot s;
    char *page;

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        fill(&s);
        s.tests[0].outcome = rows[i].outcome;
        s.tests[0].measured = rows[i].measured;
        page = page_of(&s, SPD_METRICS_OPENMETRICS);
        CHECK_ROW(rows[i].name, has(page, rows[i].present));
        for (size_t k = 0; k < 3; k++)
            CHECK_ROW(rows[i].absent[k], !strstr(page, rows[i].absent[k]));
        free(page);
        spd_metrics_snapshot_clear(&s);
    }
    fill(&s);
    s.tests[0].mos = 0;
    s.tests[0].rtt_p50_ns = SPD_NS_UNKNOWN;
    s.tests[0].ways[0].pdv_p95_ns = SPD_NS_UNKNOWN;
    s.service.resident_bytes = 0;
    s.service.n_descriptors = 0;
    s.service.system = NULL;
    s.reflector.known = false;
    page = page_of(&s, SPD_METRICS_OPENMETRICS);
    assert_null(strstr(page, "_mos{"));
    assert_null(strstr(page, "round_trip_seconds{test=\"voice\",percentile=\"50\""));
    assert_non_null(strstr(page, "round_trip_seconds{test=\"voice\",percentile=\"99\""));
    assert_null(strstr(page, "percentile=\"95\""));
    assert_null(strstr(page, "resident"));
    assert_null(strstr(page, "descriptors"));
    assert_true(has(page, "stampede_build_info{version=\"9.8.7\"} 1"));
    assert_true(has(page, "stampede_reflector_enabled 1"));
    assert_null(strstr(page, "received_packets"));
    free(page);
    spd_metrics_snapshot_clear(&s);
}

static void an_empty_snapshot_is_a_page(void **state)
{
    struct spd_metrics_snapshot s = { 0 };

    (void)state;
    for (int old = 0; old < 2; old++) {
        char *page = page_of(&s, old ? SPD_METRICS_TEXT : SPD_METRICS_OPENMETRICS);

        assert_null(strstr(page, "stampede_test_"));
        assert_true(check_structure(page, old) > 8);
        free(page);
    }
}

static void labels_are_escaped_and_always_utf_8(void **state)
{
    static const struct {
        const char *value;
        const char *shown;
    } rows[] = {
        { "plain", "plain" },
        { "a\"b\\c\nd", "a\\\"b\\\\c\\nd" },
        { "\x01\x7f\t", "???" },
        { "M\xC3\xBCnchen \xE2\x82\xAC \xF0\x9F\x90\x8E",
          "M\xC3\xBCnchen \xE2\x82\xAC \xF0\x9F\x90\x8E" },
        { "\xFF\xFE", "??" },
        { "\xC3", "?" },                /* cut */
        { "\xE2\x82", "??" },           /* cut */
        { "\xC0\xAF", "??" },           /* longer than need be */
        { "\xED\xA0\x80", "???" },      /* a surrogate */
        { "\xF4\x90\x80\x80", "????" }, /* beyond Unicode */
        { "\xC3(", "?(" },
    };
    struct spd_metrics_snapshot s;

    (void)state;
    fill(&s);
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        char line[200], *page;

        snprintf(s.tests[0].name, sizeof(s.tests[0].name), "%s", rows[i].value);
        snprintf(line, sizeof(line), "stampede_test_running{test=\"%s\"} 1", rows[i].shown);
        page = page_of(&s, SPD_METRICS_OPENMETRICS);
        CHECK_ROW(rows[i].shown, has(page, line));
        free(page);
    }
    spd_metrics_snapshot_clear(&s);
}

static void numbers_at_their_ends_are_exact(void **state)
{
    static const struct {
        int64_t ended_ns;
        const char *shown;
    } rows[] = {
        { 0, "0.0" },
        { 1, "0.000000001" },
        { -1, "-0.000000001" },
        { -2500000000, "-2.5" },
        { INT64_MAX, "9223372036.854775807" },
        { INT64_MIN, "-9223372036.854775808" },
    };
    struct spd_metrics_snapshot s;
    char *page;

    (void)state;
    fill(&s);
    s.now_ns = 0;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        char line[200];

        s.tests[0].ended_ns = rows[i].ended_ns;
        s.now_ns = rows[i].ended_ns; /* the age is 0 */
        snprintf(line, sizeof(line), "stampede_test_end_time_seconds{test=\"voice\"} %s",
                 rows[i].shown);
        page = page_of(&s, SPD_METRICS_OPENMETRICS);
        CHECK_ROW(rows[i].shown, has(page, line));
        free(page);
    }
    s.reflector.n_received = UINT64_MAX;
    page = page_of(&s, SPD_METRICS_OPENMETRICS);
    assert_true(has(page, "stampede_reflector_received_packets_total 18446744073709551615"));
    free(page);
    spd_metrics_snapshot_clear(&s);
}

static void short_memory_gives_no_page(void **state)
{
    struct spd_metrics_snapshot s;
    char *page = NULL;
    size_t n = 77;
    long k = 0;

    (void)state;
    fill(&s);
    for (; !page; k++) {
        allocations_left = k;
        page = spd_export_metrics(&s, SPD_METRICS_OPENMETRICS, &n);
        allocations_left = -1;
        assert_true(page || n == 77);
    }
    assert_true(k > 2);
    free(page);
    spd_metrics_snapshot_clear(&s);
}

/* ---- around the page ---- */

static void the_format_is_the_one_asked_for(void **state)
{
    static const struct {
        const char *accept;
        enum spd_metrics_format format;
    } rows[] = {
        { NULL, SPD_METRICS_TEXT },
        { "", SPD_METRICS_TEXT },
        { "*/*", SPD_METRICS_TEXT },
        { "text/plain;version=0.0.4", SPD_METRICS_TEXT },
        /* Prometheus 2.42 */
        { "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;"
          "q=0.75,text/plain;version=0.0.4;q=0.5,*/*;q=0.1",
          SPD_METRICS_OPENMETRICS },
        { "text/plain, Application/OpenMetrics-Text; version=1.0.0", SPD_METRICS_OPENMETRICS },
        { "application/openmetrics-text;q=0, text/plain", SPD_METRICS_TEXT },
        { "application/openmetrics-text;q=0.0", SPD_METRICS_TEXT },
        { "application/openmetrics-text;q=0.01", SPD_METRICS_OPENMETRICS },
        { "application/openmetrics-text, text/plain;q=0", SPD_METRICS_OPENMETRICS },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++)
        CHECK_ROW_INT(rows[i].accept ? rows[i].accept : "none",
                      spd_metrics_format_of(rows[i].accept), rows[i].format);
    assert_non_null(strstr(spd_metrics_content_type(SPD_METRICS_OPENMETRICS), "version=1.0.0"));
    assert_non_null(strstr(spd_metrics_content_type(SPD_METRICS_TEXT), "version=0.0.4"));
}

static void health_tells_why(void **state)
{
    struct spd_metrics_snapshot s;
    json_t *root;
    char *line;
    size_t n = 0;

    (void)state;
    fill(&s);
    line = spd_export_health(&s, &n);
    assert_int_equal(n, strlen(line));
    assert_int_equal(line[n - 1], '\n');
    root = json_loads(line, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "ok");
    assert_int_equal(json_array_size(json_object_get(root, "reasons")), 0);
    assert_int_equal(json_integer_value(json_object_get(root, "uptime_ns")), 61 * SPD_NS_PER_S);
    json_decref(root);
    free(line);
    for (int i = 0; i < SPD_METRICS_REASONS_MAX + 3; i++)
        spd_metrics_snapshot_add_reason(&s, "%d \"%s\"", i, i ? "why" : "\xFF");
    line = spd_export_health(&s, &n);
    root = json_loads(line, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(root, "status")), "unwell");
    assert_int_equal(json_array_size(json_object_get(root, "reasons")), SPD_METRICS_REASONS_MAX);
    assert_string_equal(json_string_value(json_array_get(json_object_get(root, "reasons"), 1)),
                        "1 \"why\"");
    json_decref(root);
    free(line);
    line = page_of(&s, SPD_METRICS_TEXT);
    assert_true(has(line, "stampede_healthy 0"));
    free(line);
    spd_metrics_snapshot_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_value_of_a_snapshot_is_shown),
        cmocka_unit_test(families_stand_together_with_their_help_type_and_unit),
        cmocka_unit_test(every_family_is_described),
        cmocka_unit_test(what_is_not_known_is_left_out),
        cmocka_unit_test(an_empty_snapshot_is_a_page),
        cmocka_unit_test(labels_are_escaped_and_always_utf_8),
        cmocka_unit_test(numbers_at_their_ends_are_exact),
        cmocka_unit_test(short_memory_gives_no_page),
        cmocka_unit_test(the_format_is_the_one_asked_for),
        cmocka_unit_test(health_tells_why),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
