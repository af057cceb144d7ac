/*
 * Buffers of one connection.
 */
#include "service/api_connection.h"

#include <stdlib.h>
#include <string.h>

bool spd_api_connection_say(struct spd_api_connection *c, const char *line, size_t n)
{
    if (c->n_out + n > SPD_API_BACKLOG_BYTES)
        return false;
    if (c->at_out + c->n_out + n > c->out_capacity) {
        size_t capacity = (c->n_out + n) * 2;
        char *out = malloc(capacity);

        if (!out)
            return false;
        if (c->n_out > 0)
            memcpy(out, c->out + c->at_out, c->n_out);
        free(c->out);
        c->out = out;
        c->at_out = 0;
        c->out_capacity = capacity;
    }
    memcpy(c->out + c->at_out + c->n_out, line, n);
    c->n_out += n;
    return true;
}

bool spd_api_connection_flush(struct spd_api_connection *c, spd_ns now_ns)
{
    while (c->n_out > 0) {
        size_t n = 0;
        enum spd_err err = spd_local_write(c->local, c->out + c->at_out, c->n_out, &n);

        if (err == SPD_ERR_TIMEOUT)
            return true;
        if (err)
            return false;
        c->at_out += n;
        c->n_out -= n;
        c->active_ns = now_ns;
    }
    free(c->out); /* a result may have been large */
    c->out = NULL;
    c->at_out = c->out_capacity = 0;
    return true;
}

bool spd_api_connection_fill(struct spd_api_connection *c, spd_ns now_ns)
{
    size_t n = 0;
    enum spd_err err;

    if (c->n_in == sizeof(c->in))
        return true;
    err = spd_local_read(c->local, c->in + c->n_in, sizeof(c->in) - c->n_in, &n);
    if (err == SPD_ERR_TIMEOUT)
        return true;
    if (err)
        return false;
    if (c->n_in == 0)
        c->line_ns = now_ns;
    c->n_in += n;
    c->active_ns = now_ns;
    return true;
}

const char *spd_api_connection_line(const struct spd_api_connection *c, size_t *n, bool *too_long)
{
    const char *end = c->n_in ? memchr(c->in, '\n', c->n_in) : NULL;

    *too_long = !end && c->n_in == sizeof(c->in);
    if (!end)
        return NULL;
    *n = (size_t)(end - c->in);
    return c->in;
}

void spd_api_connection_drop(struct spd_api_connection *c, size_t n, spd_ns now_ns)
{
    c->n_in -= n + 1;
    memmove(c->in, c->in + n + 1, c->n_in);
    c->line_ns = now_ns;
}

void spd_api_connection_close(struct spd_api_connection *c)
{
    spd_local_close(c->local);
    spd_local_peer_free(c->peer);
    free(c->out);
    memset(c, 0, sizeof(*c));
}
