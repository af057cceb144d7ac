/*
 * The page of metrics and the state of health over HTTP:
 *   GET /metrics  OpenMetrics (common/result/export_metrics.h)
 *   GET /healthz  200 or 503, with JSON that says why
 *
 * The server has threads of its own. They know nothing: for each request they
 * ask the thread that does, by a post to its completion port, and wait for the
 * answer for SPD_METRICS_PATIENCE_NS at most (503 then). Only GET and HEAD;
 * whatever else stands in a request is ignored or refused; connections serve one
 * request each.
 */
#ifndef SPD_SERVICE_METRICS_HTTP_H
#define SPD_SERVICE_METRICS_HTTP_H

#include <stdatomic.h>

#include "common/engine/reflector.h"
#include "common/result/export_metrics.h"
#include "common/sys/cport.h"
#include "service/options.h"

#define SPD_METRICS_DEFAULT_PORT 9862
#define SPD_METRICS_PATIENCE_NS  (2 * SPD_NS_PER_S)

/* A question on its way. It comes to the port with the key of the
 * configuration: c->op is &ask->op. Whoever waits there fills the snapshot (it
 * is empty) and answers, whatever happens: also after stop, for those that were
 * still under way. */
struct spd_metrics_ask {
    struct spd_op op;
    struct spd_metrics_snapshot snapshot;
    /* private: */
    struct spd_op back;
    struct spd_cport *to;
    enum spd_err err;
    atomic_int state;
};

/* The snapshot is filled (OK), or cannot be had. Takes the ask. Waits for nothing
 * but memory. */
void spd_metrics_answer(struct spd_metrics_ask *ask, enum spd_err err);

struct spd_metrics_http_config {
    const struct spd_texts *listen; /* ADDR:PORT; n 0: loopback on the default port */
    struct spd_cport *port;         /* who is asked */
    uintptr_t key;
};

struct spd_metrics_http;

/* Start serving. Addresses must be numbers. Errors, with a diag that names the
 * address: INVALID (no address), IN_USE, PERM, NOTSUP, NOMEM, IO. */
enum spd_err spd_metrics_http_start(const struct spd_metrics_http_config *config,
                                    struct spd_metrics_http **out, struct spd_diag *diag);

/* Where it listens: "127.0.0.1:9862, [::1]:9862". Valid until stop. */
const char *spd_metrics_http_text(const struct spd_metrics_http *http);

/* Ends the threads; those that wait for an answer give up. Blocks for up to
 * about 3 s, so not where something is waited for. Asks may be left on the
 * port. NULL is allowed. */
void spd_metrics_http_stop(struct spd_metrics_http *http);

/* The counters of the engine's reflector, for a snapshot; enabled and known are
 * set. */
void spd_metrics_from_reflector(const struct spd_reflector_counters *counters,
                                struct spd_metrics_reflector *out);

#endif
