/* JSON read back by a JSON parser. */
#include "tests/unit/unit.h"

#include <jansson.h>
#include <stdio.h>

#include "common/result/export_json.h"
#include "tests/unit/result_kit.h"

static json_t *round_trip(const struct spd_result *result, bool with_packets)
{
    struct spd_diag diag = { 0 };
    json_error_t error;
    size_t n_bytes;
    FILE *file = kit_file();

    assert_int_equal(spd_export_json(file, "a file", result, with_packets, &diag), SPD_ERR_OK);
    char *text = kit_contents(file, &n_bytes);
    kit_close(file);
    assert_int_equal(strlen(text), n_bytes);
    assert_int_equal(text[n_bytes - 1], '\n');
    json_t *root = json_loads(text, JSON_REJECT_DUPLICATES, &error);
    if (root == NULL)
        fail_msg("line %d: %s", error.line, error.text);
    free(text);
    return root;
}

static const json_t *at_path(const json_t *node, const char *path)
{
    char copy[128];

    snprintf(copy, sizeof copy, "%s", path);
    for (char *name = strtok(copy, "."); name != NULL && node != NULL; name = strtok(NULL, "."))
        node = json_object_get(node, name);
    return node;
}

static void make(struct kit *kit, size_t n_bursts, size_t n_packets)
{
    memset(kit, 0, sizeof *kit);
    builder_init(&kit->record, n_bursts, n_packets, 0);
    spd_env_set_text(&kit->record.environment, SPD_ENV_PRIORITY, "high", "low", false, "why");
    spd_env_set_number(&kit->record.environment, SPD_ENV_HEAP, 1, 2, "");
    kit_compute(kit);
}

/* Leaves of a tree: as many as fields, so that nothing is there beside them. */
static size_t n_leaves(const json_t *node)
{
    const char *key;
    json_t *child;
    size_t n = 0;

    if (!json_is_object(node))
        return 1;
    json_object_foreach((json_t *)node, key, child) n += n_leaves(child);
    return n;
}

static void check_group(enum spd_field_group group, const json_t *object)
{
    for (size_t i = 0; i < spd_field_count(group); i++) {
        const char *path = spd_field_path(spd_field_at(group, i));
        CHECK_ROW(path, at_path(object, path) != NULL);
    }
    if (group != SPD_FIELD_TEST)
        assert_int_equal(n_leaves(object), spd_field_count(group));
}

static void every_field_is_there_and_nothing_else(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit, 2, 5);
    json_t *root = round_trip(&kit.result, true);
    check_group(SPD_FIELD_TEST, root);
    const json_t *bursts = json_object_get(root, "bursts");
    assert_int_equal(json_array_size(bursts), 2);
    check_group(SPD_FIELD_BURST, json_array_get(bursts, 1));
    const json_t *packets = json_object_get(root, "packets");
    assert_int_equal(json_array_size(packets), 10);
    check_group(SPD_FIELD_PACKET, json_array_get(packets, 9));
    const json_t *environment = json_object_get(root, "environment");
    assert_int_equal(json_object_size(environment), 2);
    check_group(SPD_FIELD_ENVIRONMENT, json_object_get(environment, "heap_bytes"));
    check_group(SPD_FIELD_ENVIRONMENT, json_object_get(environment, "priority"));
    json_object_del(root, "bursts");
    json_object_del(root, "packets");
    json_object_del(root, "environment");
    assert_int_equal(n_leaves(root), spd_field_count(SPD_FIELD_TEST));
    json_decref(root);
    kit_fini(&kit);
}

static void packets_come_only_when_asked_for(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit, 1, 3);
    json_t *root = round_trip(&kit.result, false);
    assert_null(json_object_get(root, "packets"));
    assert_non_null(json_object_get(root, "bursts"));
    json_decref(root);
    kit_fini(&kit);
}

static void integers_of_64_bits_are_exact(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit, 1, 3);
    kit.record.packets[1].t1_wire_ns = INT64_MAX;
    kit.record.packets[1].left_host_ns = INT64_MIN;
    kit.record.packets[1].dispatched_ticks = INT64_MAX;
    kit.record.packets[1].returned_ticks = UINT64_MAX;
    kit.record.packets[1].seq = UINT32_MAX;
    kit.record.n_replies_late = (UINT64_C(1) << 53) + 1;
    json_t *root = round_trip(&kit.result, true);
    const json_t *packet = json_array_get(json_object_get(root, "packets"), 1);
    assert_true(json_integer_value(json_object_get(packet, "t1_wire_ns")) == INT64_MAX);
    assert_true(json_integer_value(json_object_get(packet, "left_host_ns")) == INT64_MIN);
    assert_true(json_integer_value(json_object_get(packet, "dispatched_ticks")) == INT64_MAX);
    assert_string_equal(json_string_value(json_object_get(packet, "returned_ticks")),
                        "18446744073709551615");
    assert_true(json_integer_value(json_object_get(packet, "seq")) == UINT32_MAX);
    assert_true(json_integer_value(at_path(root, "replies.n_late")) ==
                (json_int_t)((UINT64_C(1) << 53) + 1));
    json_decref(root);
    kit_fini(&kit);
}

static void kinds_are_those_of_json(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit, 1, 3);
    json_t *root = round_trip(&kit.result, false);
    assert_string_equal(json_string_value(json_object_get(root, "schema")), "stampede.burst/1");
    assert_true(json_is_false(at_path(root, "test.interrupted")));
    assert_true(json_is_real(at_path(root, "loss.ratio")));
    assert_true(json_is_null(at_path(root, "outcome.error")));
    assert_true(json_is_integer(at_path(root, "round_trip.p95_ns")));
    assert_true(json_is_integer(at_path(root, "environment.heap_bytes.obtained")));
    assert_true(json_is_string(at_path(root, "environment.priority.obtained")));
    json_decref(root);
    kit_fini(&kit);
}

static void an_empty_test_is_an_object_too(void **state)
{
    struct kit kit;

    (void)state;
    make(&kit, 0, 0);
    memset(&kit.record.environment, 0, sizeof kit.record.environment);
    json_t *root = round_trip(&kit.result, true);
    assert_int_equal(json_array_size(json_object_get(root, "bursts")), 0);
    assert_int_equal(json_array_size(json_object_get(root, "packets")), 0);
    assert_int_equal(json_object_size(json_object_get(root, "environment")), 0);
    assert_true(json_is_null(at_path(root, "loss.ratio")));
    assert_true(json_is_null(at_path(root, "test.started_ns")));
    json_decref(root);
    kit_fini(&kit);
}

static const struct {
    const char *name;
    const char *given;
    const char *expected;
} texts[] = {
    { "quotes, backslash and control characters", "a\"b\\c\nd\x01", "a\"b\\c\nd\x01" },
    { "UTF-8",
      "b\xC3\xBC"
      "cher.example",
      "b\xC3\xBC"
      "cher.example" },
    { "Latin-1 is not UTF-8",
      "b\xFC"
      "cher.example",
      "b?cher.example" },
    { "a cut character", "b\xC3", "b?" },
};

static void any_text_becomes_valid_json(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ROWS(texts); i++) {
        struct kit kit;

        make(&kit, 1, 1);
        snprintf(kit.record.target_name, sizeof kit.record.target_name, "%s", texts[i].given);
        json_t *root = round_trip(&kit.result, false);
        CHECK_ROW_TEXT(texts[i].name, json_string_value(at_path(root, "target.name")),
                       texts[i].expected);
        json_decref(root);
        kit_fini(&kit);
    }
}

static void a_stream_that_refuses_is_named(void **state)
{
    struct spd_diag diag = { 0 };
    struct kit kit;
    FILE *file = kit_unwritable();

    (void)state;
    make(&kit, 1, 3);
    assert_int_equal(spd_export_json(file, "out.json", &kit.result, true, &diag), SPD_ERR_IO);
    assert_int_equal(diag.err, SPD_ERR_IO);
    assert_non_null(strstr(diag.text, "out.json"));
    assert_true(diag.os_code != 0);
    kit_close(file);
    kit_fini(&kit);
}

static void a_full_disk_is_reported(void **state)
{
    struct spd_diag diag = { 0 };
    struct kit kit;
    FILE *file = fopen("/dev/full", "wb");

    (void)state;
    if (file == NULL) {
        print_message("skipped: this system has no /dev/full\n");
        skip();
    }
    make(&kit, 1, 3);
    assert_int_equal(spd_export_json(file, "out.json", &kit.result, true, &diag), SPD_ERR_IO);
    assert_non_null(strstr(diag.text, "space"));
    fclose(file);
    kit_fini(&kit);
}

/* The parser's library takes its memory here, so that the N-th time can fail. */
static long allowed = -1;

static void *grudging_malloc(size_t n)
{
    if (allowed == 0)
        return NULL;
    if (allowed > 0)
        allowed--;
    return malloc(n);
}

static void every_failing_allocation_is_an_error_and_leaks_nothing(void **state)
{
    struct kit kit;
    long n = 0;
    enum spd_err err;

    (void)state;
    make(&kit, 1, 2);
    json_set_alloc_funcs(grudging_malloc, free);
    do {
        struct spd_diag diag = { 0 };
        FILE *file = kit_file();

        allowed = n++;
        err = spd_export_json(file, "a file", &kit.result, true, &diag);
        allowed = -1;
        if (err != SPD_ERR_OK) {
            assert_int_equal(err, SPD_ERR_NOMEM);
            assert_non_null(strstr(diag.text, "memory"));
        }
        kit_close(file);
    } while (err != SPD_ERR_OK && n < 100000);
    json_set_alloc_funcs(malloc, free);
    assert_int_equal(err, SPD_ERR_OK);
    assert_true(n > 100);
    kit_fini(&kit);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field_is_there_and_nothing_else),
        cmocka_unit_test(packets_come_only_when_asked_for),
        cmocka_unit_test(integers_of_64_bits_are_exact),
        cmocka_unit_test(kinds_are_those_of_json),
        cmocka_unit_test(an_empty_test_is_an_object_too),
        cmocka_unit_test(any_text_becomes_valid_json),
        cmocka_unit_test(a_stream_that_refuses_is_named),
        cmocka_unit_test(a_full_disk_is_reported),
        cmocka_unit_test(every_failing_allocation_is_an_error_and_leaks_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
