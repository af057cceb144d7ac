/*
 * stampede tests, cancel, status: questions to the service. Main thread.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "service/api_client.h"
#include "service/commands.h"

#define PATIENCE_NS (10 * SPD_NS_PER_S)

static const char *text_of(const json_t *object, const char *key)
{
    const char *text = json_string_value(json_object_get(object, key));

    return text ? text : "";
}

/* One question, one answer; the caller releases it. NULL: *code is set, and why
 * was said. */
static json_t *ask(const struct spd_settings *settings, const char *verb, uint64_t test, int *code)
{
    struct spd_api_client *client = NULL;
    struct spd_diag diag = { 0 };
    json_t *line = NULL;
    enum spd_err err = spd_api_client_open(settings->control, &client, &diag);

    if (!err)
        err = spd_api_client_ask(client, 1, verb, test, &diag);
    if (!err)
        err = spd_api_client_next(client, PATIENCE_NS, &line, &diag);
    *code = SPD_EXIT_OK;
    if (!err && spd_api_client_refusal(line, &diag, code)) {
        (void)spd_complain(&diag);
        json_decref(line);
        line = NULL;
    } else if (err) {
        *code = spd_complain(&diag);
    }
    spd_api_client_close(client);
    return line;
}

static int print_json(const json_t *line)
{
    json_dumpf(line, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
    putchar('\n');
    return SPD_EXIT_OK;
}

static void print_test(const json_t *t)
{
    time_t started = (time_t)(json_integer_value(json_object_get(t, "started_ns")) / 1000000000);
    struct tm *local = localtime(&started);
    char at[32] = "";

    if (local)
        strftime(at, sizeof(at), "%H:%M:%S", local);
    printf("%8" PRId64 "  %-7s %5.1f %%  %-8s  %-6s  %-24s  %s%s%s\n",
           (int64_t)json_integer_value(json_object_get(t, "test")), text_of(t, "state"),
           (double)json_integer_value(json_object_get(t, "permille")) / 10, at,
           text_of(t, "command"), text_of(t, "target"), text_of(t, "name"),
           text_of(t, "name")[0] && text_of(t, "user")[0] ? ", " : "", text_of(t, "user"));
}

int spd_command_tests(const struct spd_settings *settings)
{
    int code;
    json_t *line = ask(settings, "tests", 0, &code), *list = json_object_get(line, "tests");

    if (!line)
        return code;
    if (settings->json) {
        code = print_json(line);
    } else if (json_array_size(list) == 0) {
        puts("no test runs");
    } else {
        printf("%8s  %-7s %7s  %-8s  %-6s  %-24s  %s\n", "test", "state", "done", "since", "kind",
               "target", "name, user");
        for (size_t i = 0; i < json_array_size(list); i++)
            print_test(json_array_get(list, i));
    }
    json_decref(line);
    return code;
}

int spd_command_cancel(const struct spd_settings *settings)
{
    char *end = NULL;
    uint64_t test = strtoull(settings->host, &end, 10);
    struct spd_diag diag = { 0 };
    json_t *line;
    int code;

    if (settings->host[0] < '0' || settings->host[0] > '9' || *end || test == 0) {
        spd_diag_set(&diag, SPD_ERR_INVALID, 0,
                     "%s: not the number of a test; stampede tests lists them", settings->host);
        return spd_complain(&diag);
    }
    line = ask(settings, "cancel", test, &code);
    if (!line)
        return code;
    if (settings->json)
        code = print_json(line);
    else if (!settings->quiet)
        printf("test %" PRIu64 " ends with what it has\n", test);
    json_decref(line);
    return code;
}

static void print_number(const json_t *line, const char *key, const char *label)
{
    printf("  %-26s %" PRId64 "\n", label, (int64_t)json_integer_value(json_object_get(line, key)));
}

int spd_command_status(const struct spd_settings *settings)
{
    static const struct {
        const char *key, *label;
    } rows[] = {
        { "tests_running", "tests that run" },
        { "tests_scheduled", "tests on schedule" },
        { "tests_started", "started" },
        { "tests_finished", "finished" },
        { "tests_failed", "failed" },
        { "tests_cancelled", "cancelled" },
        { "tests_refused", "requests refused" },
        { "tests_missed", "scheduled runs missed" },
        { "history_errors", "errors of the history" },
        { "reloads_refused", "configurations refused" },
    };
    int code;
    json_t *line = ask(settings, "status", 0, &code);

    if (!line)
        return code;
    if (settings->json) {
        code = print_json(line);
    } else {
        printf("stampede %s serves\n  %-26s %s\n  %-26s %s\n", text_of(line, "version"),
               "reflector", text_of(line, "reflector")[0] ? text_of(line, "reflector") : "off",
               "history", json_is_true(json_object_get(line, "history")) ? "kept" : "not kept");
        for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
            print_number(line, rows[i].key, rows[i].label);
    }
    json_decref(line);
    return code;
}
