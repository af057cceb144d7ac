/*
 * The state of health as JSON. Any thread that may allocate.
 */
#include <stdlib.h>
#include <string.h>

#include <jansson.h>

#include "common/result/export_metrics.h"

static bool set(json_t *object, const char *key, json_t *value)
{
    return json_object_set_new(object, key, value) == 0;
}

static bool set_reasons(json_t *root, const struct spd_metrics_snapshot *s)
{
    json_t *reasons = json_array();
    bool ok = set(root, "reasons", reasons);

    for (size_t i = 0; i < s->n_reasons && ok; i++) {
        json_t *reason = json_string(s->reasons[i]);

        /* Cut in the middle of a character, it is no UTF-8. */
        ok = json_array_append_new(reasons, reason ? reason : json_string("unreadable")) == 0;
    }
    return ok;
}

static char *line_of(json_t *root, size_t *n_bytes)
{
    size_t n = json_dumpb(root, NULL, 0, 0);
    char *line = n > 0 ? malloc(n + 2) : NULL;

    if (!line)
        return NULL;
    (void)json_dumpb(root, line, n, 0);
    line[n] = '\n';
    line[n + 1] = '\0';
    *n_bytes = n + 1;
    return line;
}

char *spd_export_health(const struct spd_metrics_snapshot *s, size_t *n_bytes)
{
    json_t *root = json_object();
    char *line = NULL;

    if (set(root, "schema", json_string("stampede.health/1")) &&
        set(root, "status", json_string(s->n_reasons ? "unwell" : "ok")) && set_reasons(root, s) &&
        set(root, "version", json_string(s->service.version ? s->service.version : "")) &&
        set(root, "uptime_ns", json_integer(s->service.uptime_ns)) &&
        set(root, "n_running", json_integer((json_int_t)s->service.n_running)) &&
        set(root, "n_queued", json_integer((json_int_t)s->service.n_queued)))
        line = line_of(root, n_bytes);
    json_decref(root);
    return line;
}
