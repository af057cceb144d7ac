/*
 * Pictures of flows: well-formed whatever is drawn, and every packet in them.
 */
#include "common/result/plot.h"

#include "common/analysis/quantile.h"
#include "tests/unit/result_kit.h"
#include "tests/unit/unit.h"

/* ---------------------------------------------------------- well-formed XML */

enum { DEPTH_MAX = 16, NAME_MAX_ = 16 };

static bool is_name_char(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == ':';
}

/* One of the entities that XML itself has. Returns what follows it. */
static const char *skip_entity(const char *p)
{
    static const char *const known[] = { "&amp;", "&lt;", "&gt;", "&quot;", "&apos;" };

    for (size_t i = 0; i < N_ROWS(known); i++)
        if (strncmp(p, known[i], strlen(known[i])) == 0)
            return p + strlen(known[i]);
    fail_msg("no entity: %.20s", p);
    return NULL;
}

static const char *skip_attributes(const char *p)
{
    while (*p == ' ') {
        p++;
        assert_true(is_name_char(*p));
        while (is_name_char(*p))
            p++;
        assert_true(p[0] == '=' && p[1] == '"');
        for (p += 2; *p != '"';) {
            assert_true(*p && *p != '<');
            p = *p == '&' ? skip_entity(p) : p + 1;
        }
        p++;
    }
    return p;
}

/* Elements nest and close, attributes are quoted, nothing stands bare that
 * must be escaped, no octet is one that XML forbids. */
static void check_well_formed(const char *text)
{
    char open[DEPTH_MAX][NAME_MAX_];
    size_t depth = 0, n_roots = 0;

    for (const char *p = text; *p;) {
        if (*p != '<') {
            assert_true((unsigned char)*p >= 0x20 || *p == '\n');
            assert_true(depth > 0 || *p == '\n');
            assert_true(*p != '>' || strcmp(open[depth - 1], "style") == 0);
            p = *p == '&' ? skip_entity(p) : p + 1;
            continue;
        }
        bool closes = p[1] == '/';
        const char *name = p + 1 + closes;
        size_t n = 0;

        while (is_name_char(name[n]))
            n++;
        assert_in_range(n, 1, NAME_MAX_ - 1);
        p = skip_attributes(name + n);
        if (closes) {
            assert_true(depth > 0 && strlen(open[depth - 1]) == n &&
                        strncmp(open[depth - 1], name, n) == 0);
            depth--;
        } else if (*p == '/') {
            p++;
        } else {
            assert_true(depth < DEPTH_MAX);
            memcpy(open[depth], name, n);
            open[depth++][n] = '\0';
            n_roots += depth == 1;
        }
        assert_true(*p == '>');
        p++;
    }
    assert_int_equal(depth, 0);
    assert_int_equal(n_roots, 1);
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        n++;
    return n;
}

/* ------------------------------------------------------------------ drawing */

static char *draw(const struct spd_plot *plot)
{
    struct spd_diag diag = { 0 };
    FILE *file = kit_file();
    char *text;

    if (spd_plot_write(file, "picture", plot, &diag))
        fail_msg("%s", diag.text);
    text = kit_contents(file, NULL);
    kit_close(file);
    check_well_formed(text);
    /* Numbers that are none, however they came about. */
    assert_null(strstr(text, "nan"));
    assert_null(strstr(text, "inf"));
    return text;
}

/* Every so many of them lost; 0: none. */
static struct spd_plot_point *points(size_t n, spd_ns latency_ns, size_t every)
{
    struct spd_plot_point *p = calloc(n + 1, sizeof(*p));

    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        p[i].seq = (uint32_t)i;
        p[i].latency_ns = every && i % every == 0 ? SPD_NS_UNKNOWN : latency_ns * (spd_ns)(i % 97);
    }
    return p;
}

static void each_packet_is_drawn_or_marked_lost(void **state)
{
    struct spd_plot_point *a = points(500, 1000000, 50), *b = points(500, 10000, 0);
    struct spd_plot plot = { .title = "a title",
                             .subtitle = "",
                             .n_series = 2,
                             .series = { { "EF", a, 500 }, { "BE", b, 500 } } };
    char *text = draw(&plot);

    (void)state;
    /* One of each in the legend, and one beside the lane of the lost ones. */
    assert_int_equal(count(text, "<circle"), 490 + 2);
    assert_int_equal(count(text, ">lost</text>"), 1);
    assert_int_equal(count(text, "l3.1 3.1l-3.1 3.1"), 500);
    assert_int_equal(count(text, "v11\"/>"), 10);
    assert_non_null(strstr(text, "EF: 500 packets, 10 lost"));
    assert_non_null(strstr(text, "BE: 500 packets, 0 lost"));
    assert_non_null(strstr(text, "prefers-color-scheme:dark"));
    free(text);
    free(a);
    free(b);
}

static void every_number_of_points_and_losses_is_drawn(void **state)
{
    static const struct {
        const char *name;
        size_t n;
        spd_ns latency_ns;
        size_t every;
    } rows[] = {
        { "no packet", 0, 0, 0 },
        { "one packet", 1, 0, 0 },
        { "one packet, lost", 1, 5, 1 },
        { "two packets", 2, 1, 0 },
        { "all lost", 300, 5, 1 },
        { "all the same", 300, 0, 0 },
        { "as many as are drawn one by one", 6000, 1000, 7 },
        { "one more", 6001, 1000, 7 },
        { "many", 100000, 5000000, 1000 },
        { "many, all lost", 20000, 1, 1 },
        { "very late", 300, INT64_MAX / 300, 0 },
        { "later than any axis", 300, INT64_MAX / 97, 0 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_plot_point *p = points(rows[i].n, rows[i].latency_ns, rows[i].every);
        size_t n_lost = rows[i].every ? (rows[i].n + rows[i].every - 1) / rows[i].every : 0;
        struct spd_plot plot = { .title = rows[i].name,
                                 .subtitle = "sub",
                                 .n_series = 1,
                                 .series = { { "BE", p, rows[i].n } } };
        char *text = draw(&plot), legend[80];

        snprintf(legend, sizeof(legend), "BE: %zu packets, %zu lost", rows[i].n, n_lost);
        CHECK_ROW(rows[i].name, strstr(text, legend) != NULL);
        if (rows[i].n <= 6000)
            CHECK_ROW_INT(rows[i].name, count(text, "<circle"),
                          rows[i].n - n_lost + 1 + (n_lost > 0));
        else
            CHECK_ROW_INT(rows[i].name, count(text, "<circle"), 1 + (n_lost > 0));
        CHECK_ROW(rows[i].name, (count(text, "v11\"/>") > 0) == (n_lost > 0));
        free(text);
        free(p);
    }
}

/* Above the limit columns are drawn: the one packet that stands out is in one
 * that reaches to the top of the panel, at y = 85. */
static void an_extreme_among_many_is_still_there(void **state)
{
    struct spd_plot_point *p = points(200000, 0, 0);
    struct spd_plot plot = {
        .title = "t", .subtitle = "", .n_series = 1, .series = { { "BE", p, 200000 } }
    };
    size_t n_digits;
    char *text;

    (void)state;
    p[123456].latency_ns = 100 * SPD_NS_PER_MS;
    p[123457].latency_ns = p[5].latency_ns = SPD_NS_UNKNOWN;
    text = draw(&plot);
    assert_int_equal(count(text, "V84.0\"/>"), 1);
    /* What is lost is no latency: nothing lies far outside of the picture. */
    for (const char *digits = text; *digits; digits += n_digits ? n_digits : 1) {
        n_digits = strspn(digits, "0123456789");
        assert_true(n_digits <= 6);
    }
    free(text);
    free(p);
}

static void numbers_need_not_begin_at_0(void **state)
{
    struct spd_plot_point p[] = { { UINT32_MAX - 1, 5 }, { UINT32_MAX, SPD_NS_UNKNOWN } };
    struct spd_plot plot = {
        .title = "t", .subtitle = "", .n_series = 1, .series = { { "BE", p, 2 } }
    };
    char *text = draw(&plot);

    (void)state;
    assert_non_null(strstr(text, ">4294967294</text>"));
    assert_non_null(strstr(text, ">4294967295</text>"));
    free(text);
}

static void as_many_series_as_there_may_be(void **state)
{
    struct spd_plot_point *p = points(20, 1000, 3);
    struct spd_plot plot = { .title = "t", .subtitle = "", .n_series = SPD_PLOT_SERIES_MAX };
    char *text;

    (void)state;
    for (size_t i = 0; i < SPD_PLOT_SERIES_MAX; i++)
        plot.series[i] = (struct spd_plot_series){ "a class", p, 20 };
    text = draw(&plot);
    assert_int_equal(count(text, "a class: 20 packets, 7 lost"), SPD_PLOT_SERIES_MAX);
    free(text);
    free(p);
}

/* What would not fit in one row begins another, and all below it moves down. */
static void a_legend_stays_within_the_picture(void **state)
{
    struct spd_plot_point p[] = { { 0, 0 }, { 1, 100 } };
    struct spd_plot plot = { .title = "t", .subtitle = "", .n_series = 4 };
    char *text;

    (void)state;
    for (size_t i = 0; i < 4; i++)
        plot.series[i] = (struct spd_plot_series){ "EF, there", p, 2 };
    text = draw(&plot);
    for (const char *at = text; (at = strstr(at, "<text x=\"")) != NULL; at++)
        assert_in_range(strtol(at + 9, NULL, 10), 0, 960 - 200);
    assert_int_equal(count(text, "y=\"51\">EF"), 3);
    assert_int_equal(count(text, "y=\"71\">EF"), 1);
    assert_int_equal(count(text, "y=\"95\">Normalised"), 1);
    free(text);
}

/* A verdict of two sentences is longer than the picture is wide. */
static void long_texts_are_broken_into_lines(void **state)
{
    struct spd_plot_point p[] = { { 0, 0 }, { 1, 100 } };
    char wide[300], *text;
    struct spd_plot plot = {
        .title = "t", .subtitle = wide, .n_series = 1, .series = { { "EF", p, 2 } }
    };

    (void)state;
    for (size_t i = 0; i < sizeof(wide); i++)
        wide[i] = i % 10 == 9 ? ' ' : 'a';
    wide[sizeof(wide) - 1] = '\0';
    text = draw(&plot);
    assert_int_equal(count(text, "<text class=\"s\" x=\"86\""), 3);
    assert_int_equal(count(text, "aaaaaaaaa</text>"), 3);
    assert_int_equal(count(text, "aaaaaaaaa"), 30);
    free(text);
    /* Without a blank they break anywhere but inside a character. */
    for (size_t i = 0; i + 2 < sizeof(wide); i += 2)
        memcpy(wide + i, "\xC3\xA9", 2);
    wide[sizeof(wide) - 2] = '\0';
    text = draw(&plot);
    assert_int_equal(count(text, "\xC3\xA9"), 149);
    assert_int_equal(count(text, ">\xA9"), 0);
    assert_int_equal(count(text, "\xC3</text>"), 0);
    assert_int_equal(count(text, "<text class=\"s\" x=\"86\""), 2);
    free(text);
}

static void sequence_numbers_are_labelled_at_round_ones(void **state)
{
    static const struct {
        const char *name;
        uint32_t first, last;
        const char *has[4], *has_not;
    } rows[] = {
        { "one", 7, 7, { ">7</text>" }, ">0</text>" },
        { "behind a calibration",
          100,
          599,
          { ">100</text>", ">200</text>", ">500</text>" },
          ">599<" },
        { "nothing round at the ends",
          37,
          63,
          { ">40</text>", ">45</text>", ">60</text>" },
          ">37<" },
        { "many",
          0,
          99999999,
          { ">0</text>", ">20000000</text>", ">80000000</text>" },
          ">99999999<" },
        { "up to the last one", UINT32_MAX - 9, UINT32_MAX, { ">4294967295</text>" }, ">0</text>" },
        { "all of them", 0, UINT32_MAX, { ">0</text>", ">4000000000</text>" }, ">5000000000<" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_plot_point p[] = { { rows[i].first, 1 }, { rows[i].last, 2 } };
        struct spd_plot plot = { .title = "t",
                                 .subtitle = "",
                                 .n_series = 1,
                                 .series = { { "EF", p, rows[i].first == rows[i].last ? 1 : 2 } } };
        char *text = draw(&plot);

        for (size_t k = 0; k < 4 && rows[i].has[k]; k++)
            if (!strstr(text, rows[i].has[k]))
                fail_msg("row \"%s\": no %s", rows[i].name, rows[i].has[k]);
        CHECK_ROW(rows[i].name, !strstr(text, rows[i].has_not));
        free(text);
    }
}

static void names_of_others_stay_text(void **state)
{
    struct spd_plot_point p = { 0, 1 };
    struct spd_plot plot = { .title = "<script>&\"'</text>",
                             .subtitle = "a\nb\x01\x1b[31m",
                             .n_series = 1,
                             .series = { { "</g><x y=\"&amp;", &p, 1 } } };
    char *text = draw(&plot);

    (void)state;
    assert_null(strstr(text, "<script>"));
    assert_non_null(strstr(text, "&lt;script&gt;&amp;&quot;'&lt;/text&gt;"));
    assert_non_null(strstr(text, "ab[31m"));
    assert_non_null(strstr(text, "&lt;/g&gt;&lt;x y=&quot;&amp;amp;: 1 packets"));
    free(text);
}

/* Longer than the buffer in which lines are formatted. */
static void long_names_are_drawn_whole(void **state)
{
    char name[2000];
    struct spd_plot_point p = { 0, 1 };
    struct spd_plot plot = {
        .title = name, .subtitle = name, .n_series = 1, .series = { { name, &p, 1 } }
    };
    char *text;

    (void)state;
    memset(name, '<', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    text = draw(&plot);
    assert_int_equal(count(text, "&lt;"), 3 * (sizeof(name) - 1));
    free(text);
}

static void what_cannot_be_written_is_told(void **state)
{
    struct spd_plot_point p = { 0, 1 };
    struct spd_plot plot = {
        .title = "t", .subtitle = "", .n_series = 1, .series = { { "B", &p, 1 } }
    };
    struct spd_diag diag = { 0 };
    FILE *file = kit_unwritable();

    (void)state;
    assert_int_equal(spd_plot_write(file, "a picture", &plot, &diag), SPD_ERR_IO);
    assert_non_null(strstr(diag.text, "a picture"));
    kit_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_packet_is_drawn_or_marked_lost),
        cmocka_unit_test(every_number_of_points_and_losses_is_drawn),
        cmocka_unit_test(an_extreme_among_many_is_still_there),
        cmocka_unit_test(numbers_need_not_begin_at_0),
        cmocka_unit_test(as_many_series_as_there_may_be),
        cmocka_unit_test(a_legend_stays_within_the_picture),
        cmocka_unit_test(long_texts_are_broken_into_lines),
        cmocka_unit_test(sequence_numbers_are_labelled_at_round_ones),
        cmocka_unit_test(names_of_others_stay_text),
        cmocka_unit_test(long_names_are_drawn_whole),
        cmocka_unit_test(what_cannot_be_written_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
