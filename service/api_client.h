/*
 * The other end of the local interface: a program that asks the service. Blocks;
 * one thread.
 */
#ifndef SPD_SERVICE_API_CLIENT_H
#define SPD_SERVICE_API_CLIENT_H

#include <stdbool.h>

#include "common/base/err.h"
#include "common/base/time.h"

struct json_t;
struct spd_api_client;

/* name NULL: the default endpoint. Errors: as spd_local_connect, with a diag
 * that says how to start the service. */
enum spd_err spd_api_client_open(const char *name, struct spd_api_client **out,
                                 struct spd_diag *diag);
void spd_api_client_close(struct spd_api_client *client); /* NULL is allowed */

/* Ask: verb and what belongs to it ("run": command and arguments; "cancel":
 * test). Errors: IO (the service is gone), NOMEM. */
enum spd_err spd_api_client_run(struct spd_api_client *client, int64_t id, const char *command,
                                int argc, char *const *argv, struct spd_diag *diag);
enum spd_err spd_api_client_ask(struct spd_api_client *client, int64_t id, const char *verb,
                                uint64_t test, struct spd_diag *diag);

/* The next line, as a jansson object that the caller releases; waits for it.
 * Errors: TIMEOUT, IO (the service is gone), FORMAT, NOMEM, INTERRUPTED (wake
 * was called), with a diag. */
enum spd_err spd_api_client_next(struct spd_api_client *client, spd_ns timeout_ns,
                                 struct json_t **out, struct spd_diag *diag);

/* Any thread, also a signal's watcher: next returns INTERRUPTED. */
void spd_api_client_wake(struct spd_api_client *client);

/* The error in a "refused" line; OK for other lines. */
enum spd_err spd_api_client_refusal(const struct json_t *line, struct spd_diag *diag,
                                    int *exit_code);

#endif
