/*
 * What the service knows of itself, its reflector and its scheduled tests, as
 * a page for those who watch it: OpenMetrics 1.0, or the older text format of
 * Prometheus (0.0.4) for who asks for no other. Pure; any thread.
 *
 * Names begin with stampede_ and end with their unit. What is not known is left
 * out, not 0. metrics.md lists every family.
 */
#ifndef SPD_RESULT_EXPORT_METRICS_H
#define SPD_RESULT_EXPORT_METRICS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/analysis/quantile.h"
#include "common/base/err.h"

#define SPD_METRICS_BUCKETS_MAX 31 /* bounds; there is one bucket more than bounds */
#define SPD_METRICS_REASONS_MAX 8

/* How the last run of a test ended. */
enum spd_metrics_outcome {
    SPD_METRICS_NONE, /* it has not run since the service started */
    SPD_METRICS_FINISHED,
    SPD_METRICS_FAILED,
    SPD_METRICS_CANCELLED,
    SPD_METRICS_OUTCOME_COUNT
};

/* One direction of the last run. */
struct spd_metrics_way {
    bool known;
    spd_ns pdv_p50_ns; /* RFC 5481; SPD_NS_UNKNOWN is left out */
    spd_ns pdv_p95_ns;
    spd_ns pdv_p99_ns;
    uint64_t n;                                    /* packets in the buckets */
    spd_ns sum_ns;                                 /* of their delay variation */
    uint64_t buckets[SPD_METRICS_BUCKETS_MAX + 1]; /* packets in each, not cumulative */
};

/* A scheduled test. Texts are UTF-8; what is not is shown as "?". */
struct spd_metrics_test {
    char name[64];
    char kind[16];    /* "burst", "stream", "qos" */
    char target[256]; /* as it was asked for */
    bool running;     /* now */
    uint64_t n_runs;  /* ended, since the service started */
    uint64_t n_failed;
    uint64_t n_missed;
    /* The last run; outcome NONE: nothing below counts. */
    enum spd_metrics_outcome outcome;
    int64_t ended_ns; /* time of day */
    int exit_code;
    bool threshold_missed;
    bool measured; /* else nothing below counts */
    uint64_t n_sent;
    uint64_t n_lost;
    double loss_ratio;
    spd_ns rtt_p50_ns; /* RFC 2681, or SPD_NS_UNKNOWN */
    spd_ns rtt_p99_ns;
    double mos;                     /* 0: not known */
    struct spd_metrics_way ways[2]; /* forward, reverse */
};

/* Why the reflector did not answer; see engine/reflector.h. */
enum spd_metrics_refusal {
    SPD_METRICS_MALFORMED,
    SPD_METRICS_TRUNCATED,
    SPD_METRICS_LOOP,
    SPD_METRICS_SHORT,
    SPD_METRICS_NOT_ALLOWED,
    SPD_METRICS_SOURCE_RATE,
    SPD_METRICS_WITHOUT_PLACE,
    SPD_METRICS_TOTAL_RATE,
    SPD_METRICS_SESSIONS,
    SPD_METRICS_SOURCE_SESSIONS,
    SPD_METRICS_REFUSAL_COUNT
};

struct spd_metrics_reflector {
    bool enabled; /* else only that is shown */
    bool known;   /* the counters below were had */
    uint64_t n_received;
    uint64_t n_reflected;
    uint64_t n_refused[SPD_METRICS_REFUSAL_COUNT];
    uint64_t n_send_failed;
    uint64_t n_receive_failed;
    uint64_t n_dropped_by_system;
    uint64_t n_sessions; /* now */
    uint64_t n_sessions_expired;
    uint64_t n_sources; /* heard in the last second, where rates are limited */
};

struct spd_metrics_service {
    const char *version;     /* static */
    const char *system;      /* "Linux", "Windows": static; NULL is left out */
    int64_t started_ns;      /* time of day */
    spd_ns uptime_ns;        /* by a clock that nobody sets */
    uint64_t resident_bytes; /* 0: not known */
    uint64_t n_descriptors;  /* 0: not known */
    uint64_t n_running;      /* tests, now */
    uint64_t n_queued;
    uint64_t n_started; /* since the service started, from here on */
    uint64_t n_finished;
    uint64_t n_failed;
    uint64_t n_cancelled;
    uint64_t n_refused; /* by rules and limits */
    uint64_t n_missed;  /* runs that the schedule did not start */
    uint64_t n_store_errors;
    uint64_t n_reloads;
    uint64_t n_reloads_refused;
};

/* Everything at one moment. Zero is valid and empty. */
struct spd_metrics_snapshot {
    int64_t now_ns; /* time of day */
    struct spd_metrics_service service;
    struct spd_metrics_reflector reflector;
    const spd_ns *bound_ns;         /* of the buckets, ascending; static */
    size_t n_bounds;                /* up to SPD_METRICS_BUCKETS_MAX */
    struct spd_metrics_test *tests; /* by spd_metrics_snapshot_reserve */
    size_t n_tests;
    /* Why the service is not well: a sentence each; none when it is. */
    char reasons[SPD_METRICS_REASONS_MAX][200];
    size_t n_reasons;
};

/* Room for so many tests, zeroed; n_tests is set. Errors: NOMEM. */
enum spd_err spd_metrics_snapshot_reserve(struct spd_metrics_snapshot *snapshot, size_t n_tests);
/* Frees the tests and makes it empty. */
void spd_metrics_snapshot_clear(struct spd_metrics_snapshot *snapshot);
/* One more reason; beyond SPD_METRICS_REASONS_MAX it is dropped, since the
 * service is unwell either way. */
void spd_metrics_snapshot_add_reason(struct spd_metrics_snapshot *snapshot, const char *format, ...)
    SPD_PRINTF_LIKE(2, 3);

enum spd_metrics_format { SPD_METRICS_OPENMETRICS, SPD_METRICS_TEXT };

/* For the Content-Type of HTTP. Static. */
const char *spd_metrics_content_type(enum spd_metrics_format format);

/* Which one an Accept header asks for; NULL is none: TEXT. */
enum spd_metrics_format spd_metrics_format_of(const char *accept);

/* The page, to be freed; NULL: no memory. */
char *spd_export_metrics(const struct spd_metrics_snapshot *snapshot,
                         enum spd_metrics_format format, size_t *n_bytes);

/* {"schema": "stampede.health/1", "status": "ok" or "unwell", "reasons": [...],
 * ...} and a newline, to be freed; NULL: no memory. */
char *spd_export_health(const struct spd_metrics_snapshot *snapshot, size_t *n_bytes);

#endif
