/*
 * Questions of the threads of the HTTP server; see metrics_http.h. Private to
 * service/metrics_*.c.
 */
#ifndef SPD_SERVICE_METRICS_ASK_H
#define SPD_SERVICE_METRICS_ASK_H

#include "service/metrics_http.h"

/* Post a question and wait for its answer on back, a port on which nothing else
 * arrives and that the calling thread alone serves. On OK *out is filled and
 * the caller's, for spd_metrics_ask_free. Errors: TIMEOUT (no answer in time,
 * or *stopping), CLOSED (nobody is there to ask), NOMEM, or what the answer says. */
enum spd_err spd_metrics_ask(const struct spd_metrics_http_config *config, struct spd_cport *back,
                             atomic_bool *stopping, struct spd_metrics_ask **out);
void spd_metrics_ask_free(struct spd_metrics_ask *ask);

#endif
