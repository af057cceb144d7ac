/*
 * The thread of one test. It steps the session and posts what happens to the
 * controller's port: key is first_key + event, n_bytes the number.
 */
#ifndef SPD_SERVICE_TEST_HANDLER_H
#define SPD_SERVICE_TEST_HANDLER_H

#include "common/engine/session.h"

struct spd_test_handler;

/* How many keys a handler uses from first_key on. */
#define SPD_TEST_HANDLER_KEYS 8

/* Create the session and start its thread. Errors: NOMEM, LIMIT, and as
 * spd_session_create. */
enum spd_err spd_test_handler_start(struct spd_cport *controller_port, uintptr_t first_key,
                                    const struct spd_burst_spec *spec,
                                    const struct spd_plan *plan,
                                    const struct spd_cport_config *port_config,
                                    struct spd_test_handler **out, struct spd_diag *diag);

/* By the controller's thread. */
void spd_test_handler_grant(struct spd_test_handler *handler);
void spd_test_handler_cancel(struct spd_test_handler *handler);

/* After SPD_SESSION_FINISHED was posted: wait for the thread's end. */
struct spd_test_record *spd_test_handler_join(struct spd_test_handler *handler);

/* After join. Frees the record too. NULL is allowed. */
void spd_test_handler_destroy(struct spd_test_handler *handler);

#endif
