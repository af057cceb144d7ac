/* stampede analyze as a whole, on logs that lie in the tree: the same numbers on
 * every system, and a clear word for everything that cannot be. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "service/commands.h"
#include "tests/unit/log_kit.h"

#define LOGS SPD_TEST_DATA "/log/"

static struct spd_diag complaint;

/* The program's own lives with main. */
int spd_complain(const struct spd_diag *diag)
{
    complaint = *diag;
    return diag->err == SPD_ERR_INVALID || diag->err == SPD_ERR_RANGE ? SPD_EXIT_USAGE
                                                                      : SPD_EXIT_ENVIRONMENT;
}

static const char out_path[] = SPD_TEST_NAME ".out";
static const char file_path[] = SPD_TEST_NAME ".tmp";
static const char log_path[] = SPD_TEST_NAME ".log";

static int tidy_up(void **state)
{
    (void)state;
    remove(out_path);
    remove(file_path);
    remove(log_path);
    return 0;
}

/* Run with standard output in a file; its text, to be freed, if out is given. */
static int run(char **out, const char *const *arguments)
{
    char *argv[16];
    int argc = 0, saved, code;
    struct spd_settings settings;
    FILE *file;

    while (arguments[argc] != NULL) {
        argv[argc] = (char *)(uintptr_t)arguments[argc];
        argc++;
    }
    complaint = (struct spd_diag){ 0 };
    if (spd_options_parse(SPD_COMMAND_ANALYZE, "LOG...", false, argc, argv, &settings, &complaint))
        return SPD_EXIT_USAGE;
    settings.quiet = true;
    file = fopen(out_path, "wb+");
    assert_non_null(file);
    fflush(stdout);
    saved = dup(1);
    assert_true(saved >= 0 && dup2(fileno(file), 1) >= 0);
    code = spd_command_analyze(&settings);
    fflush(stdout);
    assert_true(dup2(saved, 1) >= 0);
    close(saved);
    fclose(file);
    if (out != NULL) {
        size_t n;
        uint8_t *bytes = log_kit_file(out_path, &n);
        bytes[n] = '\0';
        *out = (char *)bytes;
    }
    return code;
}

#define RUN(out, ...) run((out), (const char *const[]){ __VA_ARGS__, NULL })

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);

    if (root == NULL)
        fail_msg("%s in: %s", error.text, text);
    return root;
}

static json_t *at(json_t *root, const char *path)
{
    char name[64];

    for (const char *dot; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
        snprintf(name, sizeof name, "%.*s", (int)(dot - path), path);
        root = json_object_get(root, name);
    }
    root = json_object_get(root, path);
    if (root == NULL)
        fail_msg("no %s", path);
    return root;
}

static const struct {
    const char *path; /* in the first flow */
    long long expected;
} joined[] = {
    { "forward.n_sent", 40 },
    { "forward.n_received", 38 },
    { "forward.n_lost", 2 },
    { "forward.n_loss_periods", 1 },
    { "forward.loss_period_max_packets", 2 },
    { "forward.n_duplicated", 1 },
    { "forward.reordering.n_reordered", 1 },
    { "forward.pdv.n", 38 },
    { "forward.pdv.min_ns", 0 },
    { "forward.pdv.median_ns", 2166500 },
    { "forward.pdv.p95_ns", 3846000 },
    { "forward.pdv.max_ns", 31316000 },
    { "forward.ipdv.min_ns", -31182000 },
    { "forward.ipdv.max_ns", 31109000 },
    { "forward.delay_raw.min_ns", -6995000000 },
    { "forward.minimum_ns", -6995000000 },
    { "loss.n_lost_forward", 2 },
};

static void a_sender_and_its_receiver_give_the_same_numbers_everywhere(void **state)
{
    char *text;

    (void)state;
    /* In whichever order they are given. */
    for (int order = 0; order < 2; order++) {
        const char *sender = LOGS "one_way_sender.bin", *receiver = LOGS "one_way_receiver.bin";
        assert_int_equal(RUN(&text, order ? receiver : sender, order ? sender : receiver, "--json"),
                         SPD_EXIT_OK);
        json_t *root = parse(text), *flow = json_array_get(json_object_get(root, "flows"), 0);
        for (size_t i = 0; i < N_ROWS(joined); i++)
            CHECK_ROW_INT(joined[i].path, json_integer_value(at(flow, joined[i].path)),
                          joined[i].expected);
        assert_string_equal(json_string_value(at(root, "test.kind")), "one-way");
        assert_int_equal(json_integer_value(at(root, "log.n_matched")), 38);
        double mos = json_real_value(at(flow, "forward.voice.mos"));
        assert_true(mos > 3.8 && mos < 3.9);
        json_decref(root);
        free(text);
    }
}

/* A later analysis with other wishes is what the log is for. */
static void wishes_reach_the_analysis(void **state)
{
    static const struct {
        const char *option, *value, *path;
        const char *expected;
    } rows[] = {
        { "--skew", "least-squares", "forward.skew.method", "\"least squares\"" },
        { "--skew", "least-absolute", "forward.skew.method", "\"least absolute deviation\"" },
        { "--skew", "hull", "forward.skew.method", "\"hull\"" },
        { "--skew", "off", "forward.skew.removed", "false" },
        { "--codec", "g.729a", "forward.voice.codec", "\"G.729A\"" },
        { "--minimum", "-7000000000", "forward.pdv.min_ns", "5020000" },
        { "--minimum", "-7s", "forward.pdv.min_ns", "5020000" },
        { "--minimum", "-6996ms", "forward.pdv.min_ns", "1020000" },
        { "--jump", "off", "forward.jumps.removed", "false" },
        { "--jump", "15.6ms", "forward.jumps.amount_ns", "15600000" },
        { "--flow", "EF", "name", "\"EF\"" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        char *text;

        CHECK_ROW_INT(
            rows[i].value,
            RUN(&text, LOGS "one_way_receiver.bin", rows[i].option, rows[i].value, "--json"),
            SPD_EXIT_OK);
        json_t *root = parse(text), *flow = json_array_get(json_object_get(root, "flows"), 0);
        char *got = json_dumps(at(flow, rows[i].path), JSON_ENCODE_ANY);
        CHECK_ROW_TEXT(rows[i].value, got, rows[i].expected);
        free(got);
        json_decref(root);
        free(text);
    }
}

static const struct {
    const char *name;
    const char *arguments[6];
    int code;
    const char *says;
} refusals[] = {
    { "no log", { "--json" }, SPD_EXIT_USAGE, "LOG... is missing" },
    { "not there", { "no_such.log" }, SPD_EXIT_ENVIRONMENT, "no_such.log" },
    { "foreign", { LOGS "no_log.bin" }, SPD_EXIT_ENVIRONMENT, "no log" },
    { "of tomorrow", { LOGS "newer_major.bin" }, SPD_EXIT_ENVIRONMENT, "2.0" },
    { "two-way and another",
      { LOGS "two_way.bin", LOGS "one_way_receiver.bin" },
      SPD_EXIT_USAGE,
      "do not belong together" },
    { "twice the same",
      { LOGS "one_way_receiver.bin", LOGS "one_way_receiver.bin" },
      SPD_EXIT_USAGE,
      "do not belong together" },
    { "skew", { LOGS "two_way.bin", "--skew", "ruler" }, SPD_EXIT_USAGE, "least-squares" },
    { "jump", { LOGS "two_way.bin", "--jump", "0" }, SPD_EXIT_USAGE, "--jump 0" },
    { "jump's unit", { LOGS "two_way.bin", "--jump", "5 apples" }, SPD_EXIT_USAGE, "auto or off" },
    { "codec", { LOGS "two_way.bin", "--codec", "gramophone" }, SPD_EXIT_USAGE, "G.711" },
    { "minimum", { LOGS "two_way.bin", "--minimum", "low" }, SPD_EXIT_USAGE, "minimum_ns" },
    { "minimum of many digits",
      { LOGS "two_way.bin", "--minimum", "99999999999999999999999" },
      SPD_EXIT_USAGE,
      "--minimum" },
    { "flow", { LOGS "two_way.bin", "--flow", "gold" }, SPD_EXIT_ENVIRONMENT, "EF, BE" },
    { "standard output twice",
      { LOGS "two_way.bin", "--csv", "-", "--json" },
      SPD_EXIT_USAGE,
      "--csv -" },
    { "one file for two",
      { LOGS "two_way.bin", "--csv", "x", "--json-lines", "x" },
      SPD_EXIT_USAGE,
      "same file" },
    { "nowhere",
      { LOGS "two_way.bin", "--csv", "no/such/folder.csv" },
      SPD_EXIT_ENVIRONMENT,
      "no/such/folder.csv" },
    { "nothing to draw",
      { LOGS "one_way_sender.bin", "--plot", "-" },
      SPD_EXIT_USAGE,
      "nothing to draw" },
};

static void what_cannot_be_is_said_clearly(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(refusals); i++) {
        CHECK_ROW_INT(refusals[i].name, run(NULL, refusals[i].arguments), refusals[i].code);
        if (!strstr(complaint.text, refusals[i].says))
            fail_msg("row \"%s\": it says \"%s\", not \"%s\"", refusals[i].name, complaint.text,
                     refusals[i].says);
    }
}

/* Torn at any byte, the log still gives all that stands before, or says that
 * there is nothing. */
static void a_log_torn_anywhere_is_analysed_as_far_as_it_goes(void **state)
{
    size_t n;
    uint8_t *bytes = log_kit_file(LOGS "one_way_receiver.bin", &n);

    (void)state;
    for (size_t cut = 0; cut < n; cut += 97) {
        FILE *file = fopen(log_path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes, 1, cut, file), cut);
        fclose(file);
        char *text = NULL;
        int code = RUN(&text, log_path, "--json");
        if (code == SPD_EXIT_OK) {
            json_t *root = parse(text);
            assert_string_not_equal(json_string_value(at(root, "log.state")), "whole");
            assert_true(json_string_value(at(root, "log.condition")) != NULL);
            json_decref(root);
        } else {
            assert_int_equal(code, SPD_EXIT_ENVIRONMENT);
            assert_non_null(strstr(complaint.text, log_path));
        }
        free(text);
    }
    free(bytes);
}

static void zero_one_and_only_lost_packets_are_no_error(void **state)
{
    (void)state;
    for (size_t n = 0; n <= 2; n++) {
        struct log_bytes bytes = { 0 };
        struct spd_log_header header;
        struct spd_flow_packet packets[2] = { log_kit_packet(0), log_kit_packet(1) };

        log_kit_header(&header, SPD_LOG_TWO_WAY);
        log_bytes_preamble(&bytes);
        log_bytes_header(&bytes, &header);
        for (size_t i = 0; n == 2 && i < 2; i++) {
            packets[i].flags = SPD_FLOW_SENT;
            packets[i].t2_ns = packets[i].t3_ns = packets[i].t4_ns = 0;
        }
        log_bytes_data(&bytes, packets, n);
        FILE *file = fopen(log_path, "wb");
        assert_non_null(file);
        assert_int_equal(fwrite(bytes.bytes, 1, bytes.n, file), bytes.n);
        fclose(file);
        log_bytes_fini(&bytes);
        char *text;
        assert_int_equal(RUN(&text, log_path), SPD_EXIT_OK);
        assert_non_null(strstr(text, n == 0 ? "sent 0" : n == 1 ? "sent 1 " : "lost 2 (100 %)"));
        free(text);
        assert_int_equal(RUN(NULL, log_path, "--csv", file_path, "--json"), SPD_EXIT_OK);
    }
}

static void rows_go_to_their_files(void **state)
{
    char *text;
    size_t n;

    (void)state;
    assert_int_equal(RUN(&text, LOGS "two_way.bin", "--json-lines", file_path), SPD_EXIT_OK);
    assert_non_null(strstr(text, "flow EF")); /* the report besides */
    free(text);
    uint8_t *bytes = log_kit_file(file_path, &n);
    assert_memory_equal(bytes, "{\"flow\":\"EF\",\"seq\":0,", 21);
    free(bytes);
    assert_int_equal(RUN(&text, LOGS "two_way.bin", "--csv", "-"), SPD_EXIT_OK);
    assert_memory_equal(text, "flow,seq,fate,", 14); /* and nothing else */
    free(text);
    assert_int_equal(RUN(&text, LOGS "two_way.bin", "--plot", file_path), SPD_EXIT_OK);
    free(text);
    bytes = log_kit_file(file_path, &n);
    bytes[n] = '\0';
    assert_non_null(strstr((char *)bytes, "<svg"));
    assert_non_null(strstr((char *)bytes, "</svg>"));
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_sender_and_its_receiver_give_the_same_numbers_everywhere),
        cmocka_unit_test(wishes_reach_the_analysis),
        cmocka_unit_test(what_cannot_be_is_said_clearly),
        cmocka_unit_test(a_log_torn_anywhere_is_analysed_as_far_as_it_goes),
        cmocka_unit_test(zero_one_and_only_lost_packets_are_no_error),
        cmocka_unit_test(rows_go_to_their_files),
    };
    return cmocka_run_group_tests(tests, NULL, tidy_up);
}
