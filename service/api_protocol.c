/*
 * jansson reads and writes; what may stand where is checked here.
 */
#include "service/api_protocol.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

struct spd_api_message *spd_api_message_create(void)
{
    struct spd_api_message *m = calloc(1, sizeof(*m));

    if (m)
        spd_op_init(&m->op);
    return m;
}

void spd_api_message_free(struct spd_api_message *m)
{
    if (!m)
        return;
    free(m->command);
    for (size_t i = 0; i < m->n_arguments; i++)
        free(m->arguments[i]);
    free(m->line);
    free(m);
}

/* ----------------------------------------------------------------- requests */

static const struct {
    const char *name;
    enum spd_api_verb verb;
} verbs[] = {
    { "run", SPD_API_RUN },       { "cancel", SPD_API_CANCEL }, { "tests", SPD_API_TESTS },
    { "status", SPD_API_STATUS }, { "reload", SPD_API_RELOAD },
};

static enum spd_err wrong(struct spd_diag *diag, const char *what)
{
    return spd_diag_set(diag, SPD_ERR_INVALID, 0, "%s; the lines are described in local_api.md",
                        what);
}

static enum spd_err read_verb(const json_t *request, struct spd_api_message *m,
                              struct spd_diag *diag)
{
    const char *verb = json_string_value(json_object_get(request, "do"));

    if (!verb)
        return wrong(diag, "\"do\" is missing");
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++)
        if (strcmp(verbs[i].name, verb) == 0) {
            m->verb = verbs[i].verb;
            return SPD_ERR_OK;
        }
    return wrong(diag, "\"do\" must be run, cancel, tests, status or reload");
}

/* Texts with a zero in them would be cut. */
static char *copy_text(const json_t *text)
{
    size_t n = json_string_length(text);
    char *copy;

    if (!json_is_string(text) || strlen(json_string_value(text)) != n)
        return NULL;
    copy = malloc(n + 1);
    if (copy)
        memcpy(copy, json_string_value(text), n + 1);
    return copy;
}

static enum spd_err read_run(const json_t *request, struct spd_api_message *m,
                             struct spd_diag *diag)
{
    const json_t *arguments = json_object_get(request, "arguments");
    size_t n = json_array_size(arguments);

    m->command = copy_text(json_object_get(request, "command"));
    if (!m->command)
        return wrong(diag, "\"command\" must be a text");
    if (!json_is_array(arguments) || n > SPD_API_ARGUMENTS_MAX)
        return wrong(diag, "\"arguments\" must be an array of at most 64 texts");
    for (size_t i = 0; i < n; i++) {
        m->arguments[i] = copy_text(json_array_get(arguments, i));
        if (!m->arguments[i])
            return wrong(diag, "\"arguments\" must hold texts");
        m->n_arguments++;
    }
    return SPD_ERR_OK;
}

static enum spd_err read_request(const json_t *request, struct spd_api_message *m,
                                 struct spd_diag *diag)
{
    const json_t *version = json_object_get(request, "stampede");
    const json_t *id = json_object_get(request, "id");
    const json_t *test = json_object_get(request, "test");
    enum spd_err err;

    if (!json_is_object(request))
        return wrong(diag, "a request is one JSON object on one line");
    if (json_is_integer(id) && json_integer_value(id) >= 0)
        m->id = json_integer_value(id);
    if (m->id < 0)
        return wrong(diag, "\"id\" must be a whole number from 0 on");
    if (json_integer_value(version) != SPD_API_VERSION)
        return wrong(diag, "\"stampede\" must be 1, the version of these lines");
    err = read_verb(request, m, diag);
    if (err)
        return err;
    if (m->verb == SPD_API_RUN)
        return read_run(request, m, diag);
    if (m->verb != SPD_API_CANCEL)
        return SPD_ERR_OK;
    if (!json_is_integer(test) || json_integer_value(test) < 1)
        return wrong(diag, "\"test\" must be the number of a test");
    m->test = (uint64_t)json_integer_value(test);
    return SPD_ERR_OK;
}

enum spd_err spd_api_request_read(const char *line, size_t n, struct spd_api_message *m,
                                  struct spd_diag *diag)
{
    json_error_t error;
    json_t *request = json_loadb(line, n, JSON_REJECT_DUPLICATES, &error);
    enum spd_err err;

    m->id = -1;
    if (!request)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "not JSON: %s at octet %d", error.text,
                            error.position);
    err = read_request(request, m, diag);
    json_decref(request);
    return err;
}

/* ------------------------------------------------------------------ answers */

static int append(const char *bytes, size_t n, void *context)
{
    struct {
        char *text;
        size_t n;
        size_t capacity;
    } *out = context;

    if (out->n + n + 2 > out->capacity) {
        size_t capacity = (out->n + n + 2) * 2;
        char *text = realloc(out->text, capacity);

        if (!text)
            return -1;
        out->text = text;
        out->capacity = capacity;
    }
    memcpy(out->text + out->n, bytes, n);
    out->n += n;
    return 0;
}

/* Takes the object. */
static char *finish(json_t *object)
{
    struct {
        char *text;
        size_t n;
        size_t capacity;
    } out = { NULL, 0, 0 };
    int rc = object
                 ? json_dump_callback(object, append, &out, JSON_COMPACT | JSON_REAL_PRECISION(15))
                 : -1;

    json_decref(object);
    if (rc != 0 || append("\n", 1, &out) != 0) {
        free(out.text);
        return NULL;
    }
    out.text[out.n] = 0;
    return out.text;
}

static json_t *begin(int64_t id, const char *event)
{
    return json_pack("{s:i, s:I, s:s}", "stampede", SPD_API_VERSION, "id", (json_int_t)id, "event",
                     event);
}

/* A text from anywhere: what is not UTF-8 becomes '?'. */
static json_t *any_text(const char *text)
{
    json_t *value = json_string(text ? text : "");
    char *copy;

    if (value)
        return value;
    copy = malloc(strlen(text) + 1);
    if (!copy)
        return NULL;
    strcpy(copy, text);
    for (char *at = copy; *at; at++)
        if ((unsigned char)*at > 126)
            *at = '?';
    value = json_string(copy);
    free(copy);
    return value;
}

char *spd_api_accepted(int64_t id, uint64_t test)
{
    json_t *o = begin(id, "accepted");

    json_object_set_new(o, "test", json_integer((json_int_t)test));
    return finish(o);
}

char *spd_api_refused(int64_t id, const struct spd_diag *diag, int exit_code)
{
    json_t *o = begin(id, "refused");

    json_object_set_new(o, "error", json_string(spd_err_name(diag->err)));
    json_object_set_new(o, "text", any_text(diag->text[0] ? diag->text : spd_err_text(diag->err)));
    json_object_set_new(o, "exit_code", json_integer(exit_code));
    return finish(o);
}

char *spd_api_progress(int64_t id, uint64_t test, unsigned permille)
{
    json_t *o = begin(id, "progress");

    json_object_set_new(o, "test", json_integer((json_int_t)test));
    json_object_set_new(o, "permille", json_integer((json_int_t)permille));
    return finish(o);
}

char *spd_api_finished(int64_t id, const struct spd_api_finished *f)
{
    json_t *o = begin(id, "finished");
    json_t *result = f->json && f->json[0] ? json_loads(f->json, 0, NULL) : NULL;

    json_object_set_new(o, "test", json_integer((json_int_t)f->test));
    json_object_set_new(o, "exit_code", json_integer(f->exit_code));
    json_object_set_new(o, "interrupted", json_boolean(f->interrupted));
    if (f->exit_code != 0 && f->diag->err) {
        json_object_set_new(o, "error", json_string(spd_err_name(f->diag->err)));
        json_object_set_new(o, "error_text", any_text(f->diag->text));
    }
    json_object_set_new(o, "text", any_text(f->text));
    json_object_set_new(o, "result", result ? result : json_null());
    json_object_set_new(o, "history",
                        f->history ? json_integer((json_int_t)f->history) : json_null());
    if (f->note)
        json_object_set_new(o, "note", any_text(f->note));
    return finish(o);
}

char *spd_api_tests(int64_t id, const struct spd_api_test *tests, size_t n)
{
    json_t *o = begin(id, "tests"), *list = json_array();

    for (size_t i = 0; i < n; i++) {
        json_t *t = json_object();

        json_object_set_new(t, "test", json_integer((json_int_t)tests[i].test));
        json_object_set_new(t, "name", any_text(tests[i].name));
        json_object_set_new(t, "user", any_text(tests[i].user));
        json_object_set_new(t, "command", any_text(tests[i].command));
        json_object_set_new(t, "target", any_text(tests[i].target));
        json_object_set_new(t, "state", any_text(tests[i].state));
        json_object_set_new(t, "permille", json_integer((json_int_t)tests[i].permille));
        json_object_set_new(t, "started_ns", json_integer((json_int_t)tests[i].started_ns));
        json_array_append_new(list, t);
    }
    json_object_set_new(o, "tests", list);
    return finish(o);
}

char *spd_api_answer(int64_t id, const char *event, const char *members)
{
    json_t *o = begin(id, event);
    size_t n = strlen(members);
    char *text = malloc(n + 3);
    json_t *more;

    if (text)
        snprintf(text, n + 3, "{%s}", members);
    more = text ? json_loads(text, 0, NULL) : NULL;
    free(text);
    if (more)
        json_object_update(o, more);
    json_decref(more);
    return finish(o);
}
