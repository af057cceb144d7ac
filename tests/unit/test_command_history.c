/* stampede history as a whole, on a database of its own: what it shows, to
 * people and to programs, and its word for everything that cannot be. */
#include <jansson.h>
#include <stdio.h>
#include <unistd.h>

#include "common/result/export_history.h"
#include "service/commands.h"
#include "tests/unit/store_kit.h"

/* What was said on standard error. */
static char complaint[2048];

static const char out_path[] = SPD_TEST_NAME ".out";
static const char said_path[] = SPD_TEST_NAME ".err";
static const char csv_path[] = SPD_TEST_NAME ".csv";

static int tidy(void **state)
{
    remove(out_path);
    remove(said_path);
    remove(csv_path);
    return store_kit_tidy(state);
}

/* Send what goes to a descriptor to a file; take_back gives back what it was. */
static int send_to(int descriptor, FILE *file)
{
    int saved;

    fflush(NULL);
    saved = dup(descriptor);
    assert_true(file && saved >= 0 && dup2(fileno(file), descriptor) >= 0);
    return saved;
}

static void take_back(int descriptor, int saved)
{
    fflush(NULL);
    assert_true(dup2(saved, descriptor) >= 0);
    close(saved);
}

static char *contents(const char *path)
{
    size_t n;
    uint8_t *bytes = store_kit_read_file(path, &n);

    assert_non_null(bytes);
    bytes[n] = 0;
    return (char *)bytes;
}

/* Give standard output, to be freed, if out is given. */
static int run(char **out, const char *const *arguments)
{
    char *argv[16] = { (char *)(uintptr_t) "--db", (char *)(uintptr_t)store_kit_path };
    int argc = 2, code, saved_out, saved_err;
    struct spd_settings settings;
    struct spd_diag diag = { 0 };
    FILE *file = fopen(out_path, "wb+"), *said = fopen(said_path, "wb+");

    for (; *arguments; arguments++)
        argv[argc++] = (char *)(uintptr_t)*arguments;
    saved_out = send_to(1, file);
    saved_err = send_to(2, said);
    code = spd_options_parse(SPD_COMMAND_HISTORY, "[list | show ID... | export]", true, argc, argv,
                             &settings, &diag)
               ? spd_complain(&diag)
               : spd_command_history(&settings);
    take_back(1, saved_out);
    take_back(2, saved_err);
    fclose(file);
    fclose(said);
    char *text = contents(said_path);
    snprintf(complaint, sizeof(complaint), "%s", text);
    free(text);
    if (out)
        *out = contents(out_path);
    return code;
}

#define RUN(out, ...) run((out), (const char *const[]){ __VA_ARGS__, NULL })

/* n finished runs, then a failed one, a missed one and one that runs. */
static struct spd_store *fill(int n)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_store_run failed = { .kind = "burst",
                                    .target = "a\x1b[2Jb\xc2\x9b"
                                              "c\n",
                                    .user = "mallory",
                                    .started = store_kit_wall(10000),
                                    .ended = store_kit_wall(10001),
                                    .state = SPD_STORE_FAILED,
                                    .exit_code = 3,
                                    .error = "a\x1b[2Jb: no such host" };
    struct spd_store_run missed = { .name = "voice",
                                    .kind = "stream",
                                    .target = "h",
                                    .scheduled = store_kit_wall(10002),
                                    .started = store_kit_wall(10003),
                                    .state = SPD_STORE_MISSED,
                                    .error = "3 runs were missed" };
    struct spd_store_run runs = { .kind = "qos", .target = "h", .started = store_kit_wall(10004) };
    struct spd_diag diag = { 0 };
    int64_t id;

    for (int i = 0; i < n; i++)
        store_kit_keep(store, i);
    assert_int_equal(spd_store_add(store, &failed, &id, &diag), SPD_ERR_OK);
    assert_int_equal(spd_store_add(store, &missed, &id, &diag), SPD_ERR_OK);
    assert_int_equal(spd_store_begin(store, &runs, &id, &diag), SPD_ERR_OK);
    return store; /* stays open: reading works beside the writer */
}

static size_t count(const char *text, const char *what)
{
    size_t n = 0;

    for (; (text = strstr(text, what)) != NULL; text += strlen(what))
        n++;
    return n;
}

static void the_list_has_a_line_for_each_run_the_newest_first(void **state)
{
    struct spd_store *store = fill(4);
    char *text;

    (void)state;
    assert_int_equal(RUN(&text, "list"), SPD_EXIT_OK);
    assert_int_equal(count(text, "\n"), 8);
    assert_memory_equal(text, "    id  started ", 16);
    assert_non_null(strstr(text, "     7  20"));
    assert_true(strstr(text, "running") < strstr(text, "missed"));
    assert_true(strstr(text, "missed") < strstr(text, "failed"));
    assert_non_null(strstr(text, "  voice: 3 runs were missed\n"));
    /* Run 3: 1 % lost, 1000003 ns, 30 ns, 4.25. */
    assert_non_null(
        strstr(text, "     1 %   1.00 ms     30 ns 4.25  site \"B\" \xe2\x80\x93 voice"));
    assert_non_null(strstr(text, "  qos host2.example:862\n"));
    free(text);
    assert_int_equal(RUN(&text, "--limit", "2"), SPD_EXIT_OK); /* list is what it does */
    assert_int_equal(count(text, "\n"), 3);
    free(text);
    assert_int_equal(RUN(&text, "--name", "voice"), SPD_EXIT_OK);
    assert_int_equal(count(text, "\n"), 2);
    free(text);
    assert_int_equal(
        RUN(&text, "--since", "2026-11-20 22:40:01Z", "--until", "2026-11-20T22:40:03Z"),
        SPD_EXIT_OK);
    assert_int_equal(count(text, "\n"), 3);
    free(text);
    spd_store_close(store);
}

static void a_list_ends_after_fifty_and_an_export_does_not(void **state)
{
    struct spd_store *store = fill(60);
    char *text;

    (void)state;
    assert_int_equal(RUN(&text, "list"), SPD_EXIT_OK);
    assert_int_equal(count(text, "\n"), 51);
    free(text);
    assert_int_equal(RUN(&text, "export"), SPD_EXIT_OK);
    assert_int_equal(count(text, "\"state\""), 63);
    free(text);
    assert_int_equal(RUN(&text, "list", "--csv", "-"), SPD_EXIT_OK);
    assert_int_equal(count(text, "\r\n"), 64);
    free(text);
    spd_store_close(store);
}

static void no_control_character_of_a_user_reaches_the_terminal(void **state)
{
    struct spd_store *store = fill(1);
    char *text;

    (void)state;
    for (int i = 0; i < 2; i++) {
        assert_int_equal(i ? RUN(&text, "show", "2") : RUN(&text, "list"), SPD_EXIT_OK);
        assert_non_null(strstr(text, "a?[2Jb?c?"));
        assert_null(strchr(text, '\x1b'));
        assert_null(strstr(text, "\xc2\x9b"));
        free(text);
    }
    spd_store_close(store);
}

static void show_tells_all_of_a_run(void **state)
{
    static const char *const lines[] = {
        "run 4: finished (exit code 1)\n",
        "  test            site \"B\" \xe2\x80\x93 voice\n",
        "  command         burst\n",
        "  target          host3.example:862\n",
        "  asked for by    nora\n",
        "\n  scheduled       20",
        "\n  started         20",
        "\n  ended           20",
        "  packets sent    300, lost 3 (1 %)\n",
        "  round trip      p50 1.00 ms, p99 -\n",
        "  variation fwd   p50 10 ns, p95 23 ns, p99 30 ns\n",
        "  voice (MOS)     4.25\n",
    };
    struct spd_store *store = fill(4);
    char *text;

    (void)state;
    assert_int_equal(RUN(&text, "show", "4"), SPD_EXIT_OK);
    for (size_t i = 0; i < N_ROWS(lines); i++)
        if (!strstr(text, lines[i]))
            fail_msg("no \"%s\" in:\n%s", lines[i], text);
    free(text);
    assert_int_equal(RUN(&text, "show", "7", "6"), SPD_EXIT_OK);
    assert_non_null(strstr(text, "run 7: running\n"));
    assert_non_null(strstr(text, "run 6: missed\n  why             3 runs were missed\n"));
    free(text);
    spd_store_close(store);
}

static json_t *parse(const char *text)
{
    json_error_t error;
    json_t *root = json_loads(text, 0, &error);

    if (!root)
        fail_msg("%s in: %s", error.text, text);
    return root;
}

static long long number_at(json_t *run, const char *a, const char *b, const char *c)
{
    json_t *value = json_object_get(run, a);

    if (b)
        value = json_object_get(value, b);
    if (c)
        value = json_object_get(value, c);
    if (!json_is_integer(value))
        fail_msg("no number %s %s %s", a, b ? b : "", c ? c : "");
    return json_integer_value(value);
}

static void json_has_every_column_and_what_was_kept(void **state)
{
    struct spd_store *store = fill(4);
    char *text;

    (void)state;
    assert_int_equal(RUN(&text, "show", "4", "--json"), SPD_EXIT_OK);
    json_t *root = parse(text);
    free(text);
    assert_string_equal(json_string_value(json_object_get(root, "schema")),
                        SPD_JSON_SCHEMA_HISTORY);
    assert_string_equal(json_string_value(json_object_get(root, "database")), store_kit_path);
    assert_int_equal(json_array_size(json_object_get(root, "runs")), 1);
    json_t *one = json_array_get(json_object_get(root, "runs"), 0);
    assert_int_equal(number_at(one, "id", NULL, NULL), 4);
    assert_int_equal(number_at(one, "n_lost", NULL, NULL), 3);
    assert_true(number_at(one, "started_ns", NULL, NULL) == store_kit_wall(3).ns + 5);
    assert_string_equal(json_string_value(json_object_get(one, "started")), "2026-11-20T22:40:03Z");
    assert_int_equal(number_at(one, "forward", "pdv", "p95_ns"), 23);
    assert_int_equal(number_at(one, "reverse", "pdv", "p99_ns"), -1);
    assert_true(json_is_null(json_object_get(json_object_get(one, "round_trip"), "p99_ns")));
    assert_int_equal(number_at(one, "result", "number", NULL), 3);
    assert_int_equal(json_array_size(json_object_get(one, "environment")), 1);
    json_t *histogram = json_object_get(one, "histogram");
    assert_int_equal(json_array_size(histogram), 3);
    assert_int_equal(number_at(json_array_get(histogram, 0), "n", NULL, NULL), 3);
    assert_true(json_is_null(json_object_get(json_array_get(histogram, 1), "pdv_upper_ns")));
    json_decref(root);

    assert_int_equal(RUN(&text, "list", "--json"), SPD_EXIT_OK);
    root = parse(text);
    free(text);
    assert_int_equal(json_array_size(json_object_get(root, "runs")), 7);
    one = json_array_get(json_object_get(root, "runs"), 0); /* the one that runs */
    assert_true(json_is_null(json_object_get(one, "exit_code")));
    assert_true(json_is_null(json_object_get(one, "n_sent")));
    assert_null(json_object_get(one, "result")); /* a list is short */
    json_decref(root);
    spd_store_close(store);
}

static void what_is_no_text_or_no_json_goes_out_as_well_as_it_can(void **state)
{
    struct spd_store *store = store_kit_open(store_kit_path, SPD_STORE_WRITE);
    struct spd_store_run odd = store_kit_run(1);
    struct spd_diag diag = { 0 };
    int64_t id;
    char *text;

    (void)state;
    odd.target = "h\xff\xfe";
    odd.result = "{ not json";
    odd.name = "a,\"b\"";
    assert_int_equal(spd_store_add(store, &odd, &id, &diag), SPD_ERR_OK);
    assert_int_equal(RUN(&text, "export"), SPD_EXIT_OK);
    json_t *root = parse(text);
    free(text);
    json_t *one = json_array_get(json_object_get(root, "runs"), 0);
    assert_string_equal(json_string_value(json_object_get(one, "target")), "h??");
    assert_string_equal(json_string_value(json_object_get(one, "result")), "{ not json");
    json_decref(root);
    assert_int_equal(RUN(&text, "export", "--csv", "-"), SPD_EXIT_OK);
    assert_non_null(strstr(text, ",\"a,\"\"b\"\"\",nora,stream,h\xff\xfe,finished,"));
    free(text);
    spd_store_close(store);
}

static void csv_has_a_header_and_a_row_for_each_run(void **state)
{
    struct spd_store *store = fill(3);
    char *text;
    size_t n = 0, n_commas = 0;

    (void)state;
    assert_int_equal(RUN(&text, "export", "--csv", csv_path), SPD_EXIT_OK);
    assert_string_equal(text, "");
    free(text);
    uint8_t *bytes = store_kit_read_file(csv_path, &n);
    assert_non_null(bytes);
    bytes[n] = 0;
    text = (char *)bytes;
    assert_int_equal(count(text, "\r\n"), 7);
    assert_memory_equal(text, "id,name,user,kind,target,state,scheduled,", 41);
    for (char *c = text; *c != '\r'; c++)
        n_commas += *c == ',';
    assert_int_equal(n_commas + 1, spd_history_n_columns());
    /* The oldest first, with empty cells for what is not known. */
    assert_non_null(strstr(text, "\r\n1,,nora,burst,host0.example:862,finished,,,"
                                 "2026-11-20T22:40:00Z,1795214400000000005,"
                                 "2026-11-20T22:40:00Z,1795214400000000007,0,,,,0,0,0.01,1000000,"
                                 ",10,20,30,,,-1,\r\n2,"));
    free(text);
    spd_store_close(store);
}

static const struct {
    const char *name;
    const char *arguments[5];
    int code;
    const char *says;
} refusals[] = {
    { "another verb", { "delete" }, SPD_EXIT_USAGE, "history knows list, show ID and export" },
    { "show what", { "show" }, SPD_EXIT_USAGE, "needs the ID of a run" },
    { "no ID", { "show", "x" }, SPD_EXIT_USAGE, "x: not the ID of a run" },
    { "no whole ID", { "show", "1x" }, SPD_EXIT_USAGE, "1x: not the ID of a run" },
    { "ID 0", { "show", "0" }, SPD_EXIT_USAGE, "0: not the ID of a run" },
    { "an ID beyond all", { "show", "99999999999999999999" }, SPD_EXIT_USAGE, "not the ID" },
    { "an ID that is not there", { "show", "1", "77" }, SPD_EXIT_ENVIRONMENT, "holds no run 77" },
    { "list with more", { "list", "voice" }, SPD_EXIT_USAGE, "voice: history list takes no more" },
    { "a bad time", { "--since", "yesterday" }, SPD_EXIT_USAGE, "--since yesterday: not a time" },
    { "another bad time", { "--until", "25:00" }, SPD_EXIT_USAGE, "--until 25:00: not a time" },
    { "a bad limit", { "--limit", "many" }, SPD_EXIT_USAGE, "--limit many" },
    { "two for one output",
      { "export", "--json", "--csv", "-" },
      SPD_EXIT_USAGE,
      "both want standard output" },
    { "a folder that is not there",
      { "export", "--csv", "no-such-folder/x.csv" },
      SPD_EXIT_ENVIRONMENT,
      "cannot write no-such-folder/x.csv" },
};

static void what_cannot_be_is_said_clearly(void **state)
{
    struct spd_store *store = fill(1);

    (void)state;
    for (size_t i = 0; i < N_ROWS(refusals); i++) {
        CHECK_ROW_INT(refusals[i].name, run(NULL, refusals[i].arguments), refusals[i].code);
        if (!strstr(complaint, refusals[i].says))
            fail_msg("row \"%s\": it says \"%s\"", refusals[i].name, complaint);
    }
    spd_store_close(store);
    tidy(NULL);
    assert_int_equal(RUN(NULL, "list"), SPD_EXIT_ENVIRONMENT);
    assert_non_null(strstr(complaint, store_kit_path));
    assert_non_null(strstr(complaint, "no such file"));
}

static void every_column_is_explained(void **state)
{
    (void)state;
    for (size_t i = 0; i < spd_history_n_columns(); i++) {
        const struct spd_history_column *column = spd_history_column_at(i);
        const char *name = spd_history_column_name(column);

        CHECK_ROW(name, spd_history_column_help(column)[0]);
        CHECK_ROW(name, !strstr(name, "_ns") == !!strcmp(spd_history_column_unit(column), "ns"));
        for (size_t k = 0; k < i; k++)
            CHECK_ROW(name, strcmp(name, spd_history_column_name(spd_history_column_at(k))) != 0);
    }
    assert_null(spd_history_column_at(spd_history_n_columns()));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(the_list_has_a_line_for_each_run_the_newest_first, tidy),
        cmocka_unit_test_setup(a_list_ends_after_fifty_and_an_export_does_not, tidy),
        cmocka_unit_test_setup(no_control_character_of_a_user_reaches_the_terminal, tidy),
        cmocka_unit_test_setup(show_tells_all_of_a_run, tidy),
        cmocka_unit_test_setup(json_has_every_column_and_what_was_kept, tidy),
        cmocka_unit_test_setup(what_is_no_text_or_no_json_goes_out_as_well_as_it_can, tidy),
        cmocka_unit_test_setup(csv_has_a_header_and_a_row_for_each_run, tidy),
        cmocka_unit_test_setup(what_cannot_be_is_said_clearly, tidy),
        cmocka_unit_test(every_column_is_explained),
    };
    return cmocka_run_group_tests(tests, NULL, tidy);
}
