/*
 * The lines of the local interface: what is read, what is refused and why, and
 * what is written.
 */
#include "service/api_protocol.h"

#include <jansson.h>
#include <stdlib.h>

#include "tests/support/random.h"
#include "tests/unit/unit.h"

static void requests_are_read(void **state)
{
    static const struct {
        const char *line;
        int64_t id;
        enum spd_api_verb verb;
        const char *command;
        size_t n_arguments;
        uint64_t test;
    } rows[] = {
        { "{\"stampede\":1,\"id\":0,\"do\":\"tests\"}", 0, SPD_API_TESTS, NULL, 0, 0 },
        { " {\"do\":\"status\", \"id\":7,\"stampede\":1, \"more\":[1]} ", 7, SPD_API_STATUS, NULL,
          0, 0 },
        { "{\"stampede\":1,\"id\":1,\"do\":\"reload\"}", 1, SPD_API_RELOAD, NULL, 0, 0 },
        { "{\"stampede\":1,\"id\":9,\"do\":\"cancel\",\"test\":17}", 9, SPD_API_CANCEL, NULL, 0,
          17 },
        { "{\"stampede\":1,\"id\":2,\"do\":\"run\",\"command\":\"burst\",\"arguments\":[\"h\","
          "\"--packets\",\"9\"]}",
          2, SPD_API_RUN, "burst", 3, 0 },
        { "{\"stampede\":1,\"id\":2,\"do\":\"run\",\"command\":\"\",\"arguments\":[]}", 2,
          SPD_API_RUN, "", 0, 0 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_api_message *m = spd_api_message_create();
        struct spd_diag diag = { 0 };

        if (spd_api_request_read(rows[i].line, strlen(rows[i].line), m, &diag))
            fail_msg("%s: %s", rows[i].line, diag.text);
        assert_int_equal(m->id, rows[i].id);
        assert_int_equal(m->verb, rows[i].verb);
        assert_int_equal(m->n_arguments, rows[i].n_arguments);
        assert_int_equal(m->test, rows[i].test);
        if (rows[i].command)
            assert_string_equal(m->command, rows[i].command);
        spd_api_message_free(m);
    }
}

static void what_is_wrong_is_said(void **state)
{
    static const struct {
        const char *line;
        const char *says;
        int64_t id;
    } rows[] = {
        { "", "not JSON", -1 },
        { "hello", "not JSON", -1 },
        { "[]", "one JSON object", -1 },
        { "{}", "\"id\"", -1 },
        { "{\"id\":-1}", "\"id\"", -1 },
        { "{\"id\":1.5}", "\"id\"", -1 },
        { "{\"id\":1,\"id\":2}", "not JSON", -1 },
        { "{\"id\":1,\"do\":\"tests\"}", "\"stampede\" must be 1", 1 },
        { "{\"id\":1,\"stampede\":2,\"do\":\"tests\"}", "\"stampede\" must be 1", 1 },
        { "{\"id\":1,\"stampede\":1}", "\"do\" is missing", 1 },
        { "{\"id\":1,\"stampede\":1,\"do\":\"fly\"}", "must be run", 1 },
        { "{\"id\":1,\"stampede\":1,\"do\":\"cancel\"}", "\"test\"", 1 },
        { "{\"id\":1,\"stampede\":1,\"do\":\"cancel\",\"test\":0}", "\"test\"", 1 },
        { "{\"id\":1,\"stampede\":1,\"do\":\"cancel\",\"test\":\"1\"}", "\"test\"", 1 },
        { "{\"id\":1,\"stampede\":1,\"do\":\"run\",\"arguments\":[]}", "\"command\"", 1 },
        { "{\"id\":1,\"stampede\":1,\"do\":\"run\",\"command\":\"burst\"}", "\"arguments\"", 1 },
        { "{\"id\":1,\"stampede\":1,\"do\":\"run\",\"command\":\"burst\",\"arguments\":[1]}",
          "texts", 1 },
        { "{\"id\":1,\"stampede\":1,\"do\":\"run\",\"command\":\"b\\u0000c\",\"arguments\":[]}",
          "not JSON", -1 },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_api_message *m = spd_api_message_create();
        struct spd_diag diag = { 0 };

        assert_int_equal(spd_api_request_read(rows[i].line, strlen(rows[i].line), m, &diag),
                         SPD_ERR_INVALID);
        if (!strstr(diag.text, rows[i].says) || m->id != rows[i].id)
            fail_msg("%s: id %lld, %s", rows[i].line, (long long)m->id, diag.text);
        spd_api_message_free(m);
    }
}

static void any_octets_are_survived(void **state)
{
    static const char seed_line[] =
        "{\"stampede\":1,\"id\":2,\"do\":\"run\",\"command\":\"burst\",\"arguments\":[\"h\"]}";
    struct spd_random random = spd_random_start("api_protocol");

    (void)state;
    for (int i = 0; i < 20000; i++) {
        struct spd_api_message *m = spd_api_message_create();
        struct spd_diag diag = { 0 };
        char line[sizeof(seed_line)];

        memcpy(line, seed_line, sizeof(line));
        for (uint64_t k = spd_random_below(&random, 6); k > 0; k--)
            line[spd_random_below(&random, sizeof(line))] = (char)spd_random_below(&random, 256);
        if (spd_api_request_read(line, spd_random_below(&random, sizeof(line)), m, &diag))
            assert_true(diag.text[0]);
        spd_api_message_free(m);
    }
}

/* Takes the line. */
static json_t *read_back(char *line)
{
    json_t *object;

    assert_non_null(line);
    assert_ptr_equal(strchr(line, '\n'), line + strlen(line) - 1);
    object = json_loads(line, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(object);
    assert_int_equal(json_integer_value(json_object_get(object, "stampede")), 1);
    free(line);
    return object;
}

static void answers_are_one_line_each(void **state)
{
    struct spd_diag diag = { 0 };
    struct spd_api_finished finished = { .test = 17,
                                         .exit_code = 3,
                                         .interrupted = true,
                                         .diag = &diag,
                                         .text = "two\nlines\n",
                                         .json = "{\n  \"a\": 1.5\n}\n",
                                         .history = 17,
                                         .note = "disk \xff full" };
    struct spd_api_test test = { 4, "nightly", "alice", "qos", "192.0.2.7", "running", 250, 99 };
    json_t *o;

    (void)state;
    spd_diag_set(&diag, SPD_ERR_NO_REPLY, 0, "nobody\nanswers");
    o = read_back(spd_api_finished(5, &finished));
    assert_string_equal(json_string_value(json_object_get(o, "text")), "two\nlines\n");
    assert_true(json_real_value(json_object_get(json_object_get(o, "result"), "a")) == 1.5);
    assert_string_equal(json_string_value(json_object_get(o, "note")), "disk ? full");
    assert_string_equal(json_string_value(json_object_get(o, "error_text")), "nobody answers");
    assert_int_equal(json_integer_value(json_object_get(o, "id")), 5);
    json_decref(o);
    finished = (struct spd_api_finished){ .diag = &diag, .text = "", .json = "" };
    o = read_back(spd_api_finished(5, &finished));
    assert_true(json_is_null(json_object_get(o, "result")));
    assert_true(json_is_null(json_object_get(o, "history")));
    assert_null(json_object_get(o, "error"));
    json_decref(o);
    o = read_back(spd_api_refused(-1, &diag, 3));
    assert_string_equal(json_string_value(json_object_get(o, "event")), "refused");
    assert_int_equal(json_integer_value(json_object_get(o, "exit_code")), 3);
    json_decref(o);
    o = read_back(spd_api_tests(1, &test, 1));
    assert_int_equal(json_array_size(json_object_get(o, "tests")), 1);
    json_decref(o);
    o = read_back(spd_api_answer(1, "status", "\"a\":1,\"b\":\"x\""));
    assert_int_equal(json_integer_value(json_object_get(o, "a")), 1);
    json_decref(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(requests_are_read),
        cmocka_unit_test(what_is_wrong_is_said),
        cmocka_unit_test(any_octets_are_survived),
        cmocka_unit_test(answers_are_one_line_each),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
