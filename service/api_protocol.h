/*
 * The lines of the local interface: JSON, one object each; described in
 * local_api.md. Pure; any thread.
 */
#ifndef SPD_SERVICE_API_PROTOCOL_H
#define SPD_SERVICE_API_PROTOCOL_H

#include "common/base/err.h"
#include "service/api_message.h"

#define SPD_API_VERSION        1
#define SPD_API_LINE_MAX_BYTES 65536 /* of a request */

/* Read a request (without its newline) into message. Whatever stands there:
 * errors are INVALID with a diag that says what is wrong; message->id is set as
 * far as it could be read, else it is -1. */
enum spd_err spd_api_request_read(const char *line, size_t n, struct spd_api_message *message,
                                  struct spd_diag *diag);

/* What the service says. Each gives a line with its newline, to be freed with
 * free, or NULL: no memory. */
char *spd_api_accepted(int64_t id, uint64_t test);
char *spd_api_refused(int64_t id, const struct spd_diag *diag, int exit_code);
char *spd_api_progress(int64_t id, uint64_t test, unsigned permille);

struct spd_api_finished {
    uint64_t test;
    int exit_code;
    bool interrupted;
    const struct spd_diag *diag; /* why exit_code is not 0 */
    const char *text;            /* the report */
    const char *json;            /* the result, one object, or "" */
    uint64_t history;            /* its number there; 0: it could not be kept */
    const char *note;            /* for people, or NULL */
};
char *spd_api_finished(int64_t id, const struct spd_api_finished *finished);

struct spd_api_test {
    uint64_t test;
    const char *name; /* of a scheduled test, or "" */
    const char *user;
    const char *command;
    const char *target;
    const char *state; /* "waiting", "running", "ending" */
    unsigned permille;
    int64_t started_ns; /* time of day */
};
char *spd_api_tests(int64_t id, const struct spd_api_test *tests, size_t n);

/* members: an object's text, without braces, of further facts. */
char *spd_api_answer(int64_t id, const char *event, const char *members);

#endif
