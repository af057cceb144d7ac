/*
 * One connection, one thread; lines out, lines in.
 */
#include "service/api_client.h"

#include <jansson.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/local.h"
#include "service/api_protocol.h"

#define CONNECT_NS (5 * SPD_NS_PER_S)
#define CHUNK      65536

struct spd_api_client {
    struct spd_local_set *set;
    struct spd_local *local;
    atomic_bool woken;
    char *in;
    size_t n_in;
    size_t capacity;
    size_t n_seen; /* octets that hold no newline */
};

enum spd_err spd_api_client_open(const char *name, struct spd_api_client **out,
                                 struct spd_diag *diag)
{
    struct spd_api_client *c = calloc(1, sizeof(*c));
    struct spd_diag own = { 0 };
    enum spd_err err;

    if (!name)
        name = spd_local_default_name();
    if (!c)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory");
    err = spd_local_set_create(&c->set, &own);
    if (!err)
        err = spd_local_connect(c->set, name, CONNECT_NS, &c->local, &own);
    if (!err) {
        *out = c;
        return SPD_ERR_OK;
    }
    spd_api_client_close(c);
    if (err == SPD_ERR_NOT_FOUND || err == SPD_ERR_REFUSED)
        return spd_diag_set(diag, err, own.os_code,
                            "no service answers at %s; start it with stampede service start, or "
                            "leave --via-service out",
                            name);
    *diag = own;
    return err;
}

void spd_api_client_close(struct spd_api_client *c)
{
    if (!c)
        return;
    spd_local_close(c->local);
    spd_local_set_destroy(c->set);
    free(c->in);
    free(c);
}

void spd_api_client_wake(struct spd_api_client *c)
{
    atomic_store(&c->woken, true);
    spd_local_set_wake(c->set);
}

static enum spd_err gone(struct spd_diag *diag)
{
    return spd_diag_set(diag, SPD_ERR_IO, 0,
                        "the service closed the connection; its log says why (stampede service "
                        "status)");
}

/* Takes the request. */
static enum spd_err send_request(struct spd_api_client *c, json_t *request, struct spd_diag *diag)
{
    char *line = request ? json_dumps(request, JSON_COMPACT) : NULL;
    size_t n = line ? strlen(line) : 0, at = 0;
    enum spd_err err = SPD_ERR_OK;

    json_decref(request);
    if (!line)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the request");
    line[n++] = '\n'; /* where the zero was */
    while (!err && at < n) {
        struct spd_local_want want = { .connection = c->local, .write = true };
        size_t written = 0;

        err = spd_local_write(c->local, line + at, n - at, &written);
        if (err == SPD_ERR_TIMEOUT)
            err = spd_local_wait(c->set, &want, 1, SPD_NS_FOREVER);
        at += written;
    }
    free(line);
    return err ? gone(diag) : SPD_ERR_OK;
}

enum spd_err spd_api_client_run(struct spd_api_client *c, int64_t id, const char *command, int argc,
                                char *const *argv, struct spd_diag *diag)
{
    json_t *arguments = json_array();

    for (int i = 0; i < argc; i++)
        if (json_array_append_new(arguments, json_string(argv[i])) != 0) {
            json_decref(arguments);
            return spd_diag_set(diag, SPD_ERR_INVALID, 0, "%s: not UTF-8", argv[i]);
        }
    return send_request(c,
                        json_pack("{s:i, s:I, s:s, s:s, s:o}", "stampede", SPD_API_VERSION, "id",
                                  (json_int_t)id, "do", "run", "command", command, "arguments",
                                  arguments),
                        diag);
}

enum spd_err spd_api_client_ask(struct spd_api_client *c, int64_t id, const char *verb,
                                uint64_t test, struct spd_diag *diag)
{
    json_t *request =
        json_pack("{s:i, s:I, s:s}", "stampede", SPD_API_VERSION, "id", (json_int_t)id, "do", verb);

    if (test)
        json_object_set_new(request, "test", json_integer((json_int_t)test));
    return send_request(c, request, diag);
}

/* Room for one chunk more. */
static bool make_room(struct spd_api_client *c)
{
    size_t capacity = c->capacity * 2 + CHUNK;
    char *in;

    if (c->capacity - c->n_in >= CHUNK)
        return true;
    in = realloc(c->in, capacity);
    if (!in)
        return false;
    c->in = in;
    c->capacity = capacity;
    return true;
}

static enum spd_err take_line(struct spd_api_client *c, size_t n, json_t **out,
                              struct spd_diag *diag)
{
    json_error_t error;

    *out = json_loadb(c->in, n, 0, &error);
    c->n_in -= n + 1;
    c->n_seen = 0;
    memmove(c->in, c->in + n + 1, c->n_in);
    if (*out && json_is_object(*out))
        return SPD_ERR_OK;
    json_decref(*out);
    return spd_diag_set(diag, SPD_ERR_FORMAT, 0,
                        "what answers there is not the service of stampede: %s", error.text);
}

enum spd_err spd_api_client_next(struct spd_api_client *c, spd_ns timeout_ns, json_t **out,
                                 struct spd_diag *diag)
{
    for (;;) {
        char *end =
            c->n_in > c->n_seen ? memchr(c->in + c->n_seen, '\n', c->n_in - c->n_seen) : NULL;
        struct spd_local_want want = { .connection = c->local, .read = true };
        size_t n = 0;
        enum spd_err err;

        if (end)
            return take_line(c, (size_t)(end - c->in), out, diag);
        c->n_seen = c->n_in;
        if (!make_room(c))
            return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the answer");
        err = spd_local_read(c->local, c->in + c->n_in, CHUNK, &n);
        c->n_in += n;
        if (err == SPD_ERR_TIMEOUT) {
            if (atomic_exchange(&c->woken, false))
                return spd_diag_set(diag, SPD_ERR_INTERRUPTED, 0, "interrupted");
            if (spd_local_wait(c->set, &want, 1, timeout_ns) == SPD_ERR_TIMEOUT &&
                !want.is_readable && !atomic_load(&c->woken) && timeout_ns != SPD_NS_FOREVER)
                return spd_diag_set(diag, SPD_ERR_TIMEOUT, 0, "the service does not answer");
        } else if (err) {
            return gone(diag);
        }
    }
}

enum spd_err spd_api_client_refusal(const json_t *line, struct spd_diag *diag, int *exit_code)
{
    const char *event = json_string_value(json_object_get(line, "event"));
    const char *text = json_string_value(json_object_get(line, "text"));

    if (!event || strcmp(event, "refused") != 0)
        return SPD_ERR_OK;
    *exit_code = (int)json_integer_value(json_object_get(line, "exit_code"));
    return spd_diag_set(diag, SPD_ERR_REFUSED, 0, "%s", text ? text : "the service refused");
}
