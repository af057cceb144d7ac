/*
 * One connection of the local interface. Private to service/api_*.c; by the
 * interface's thread.
 */
#ifndef SPD_SERVICE_API_CONNECTION_H
#define SPD_SERVICE_API_CONNECTION_H

#include "service/api_message.h"
#include "service/api_protocol.h"

#define SPD_API_OUTSTANDING_MAX 8           /* requests without an answer */
#define SPD_API_DROPPABLE_BYTES (64u << 10) /* waits for the peer: no more progress */
#define SPD_API_BACKLOG_BYTES   (64u << 20) /* waits for the peer: enough */

struct spd_api_connection {
    struct spd_local *local; /* NULL: a free place */
    uint64_t number;
    struct spd_local_peer *peer; /* NULL: it has said nothing yet */
    spd_ns active_ns;            /* last octets, either way */
    spd_ns line_ns;              /* when the line that is not whole yet began */
    char in[SPD_API_LINE_MAX_BYTES];
    size_t n_in;
    char *out;
    size_t n_out;
    size_t at_out;
    size_t out_capacity;
    unsigned n_outstanding;
    unsigned n_running; /* tests that it waits for */
    bool ending;        /* closes once everything is written and answered */
};

/* Queue a line for the peer. False: the backlog is full, or no memory: close. */
bool spd_api_connection_say(struct spd_api_connection *c, const char *line, size_t n);

/* Write what there is room for. False: the peer is gone. */
bool spd_api_connection_flush(struct spd_api_connection *c, spd_ns now_ns);

/* Read once. False: the peer is gone, or sends no more. */
bool spd_api_connection_fill(struct spd_api_connection *c, spd_ns now_ns);

/* The next whole line in the buffer, or NULL; *n is its length without the
 * newline. Take it out with drop before the next call. *too_long is set when
 * the buffer is full without a newline. */
const char *spd_api_connection_line(const struct spd_api_connection *c, size_t *n, bool *too_long);
void spd_api_connection_drop(struct spd_api_connection *c, size_t n, spd_ns now_ns);

/* Free everything; the place is free then. */
void spd_api_connection_close(struct spd_api_connection *c);

#endif
