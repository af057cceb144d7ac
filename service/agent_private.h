/*
 * The agent's parts, and what they share. Private to service/agent*.c; by the
 * controller's thread unless said otherwise.
 */
#ifndef SPD_SERVICE_AGENT_PRIVATE_H
#define SPD_SERVICE_AGENT_PRIVATE_H

#include <stdbool.h>

#include "common/sys/eventlog.h"
#include "common/sys/svcmgr.h"
#include "service/admission.h"
#include "service/agent_reflector.h"
#include "service/agent_store.h"
#include "service/api_server.h"
#include "service/config.h"
#include "service/controller.h"
#include "service/job.h"
#include "service/scheduler.h"

/* Below SPD_CONTROLLER_FIRST_KEY. */
enum spd_agent_key {
    SPD_AGENT_KEY_MANAGER = 1, /* enum spd_svcmgr_event */
    SPD_AGENT_KEY_API,         /* struct spd_api_message */
    SPD_AGENT_KEY_STORE,       /* struct spd_store_job */
    SPD_AGENT_KEY_REFLECTOR,   /* struct spd_reflector_ask */
    SPD_AGENT_KEY_METRICS,     /* struct spd_metrics_ask */
};

/* A configuration, as long as a test made from it runs. */
struct spd_agent_settings {
    struct spd_config *config;
    unsigned n_users; /* tests, and the agent while it is in force */
};

enum spd_agent_state {
    SPD_AGENT_FREE,
    SPD_AGENT_BEGINNING, /* the history is to give it its number */
    SPD_AGENT_RUNNING,
    SPD_AGENT_ENDING, /* cancelled, not yet over */
    SPD_AGENT_SAVING, /* over; the history is to keep it */
};

/* A test that somebody asked for, from then until the history has it. */
struct spd_agent_test {
    enum spd_agent_state state;
    uint64_t number;
    bool in_history;
    size_t place; /* in the controller */
    struct spd_agent_settings *from;
    struct spd_job_spec spec;
    struct spd_settings settings;            /* of a test by request */
    const struct spd_config_test *scheduled; /* or NULL: by request */
    struct spd_api_message *request;         /* or NULL */
    uint64_t connection;                     /* who asked for it; 0: nobody */
    bool gone;                               /* and does not wait any more */
    int64_t id;
    char user[192]; /* "" is the service */
    char target[256];
    char log[1024]; /* path, or "" */
    struct spd_admission_running running;
    unsigned permille;
    int64_t started_ns;
    int64_t planned_ns;
    bool cancelled;
};

/* The last result of a scheduled test, for those who watch. */
struct spd_agent_last {
    char name[SPD_CONFIG_NAME_BYTES];
    bool known; /* it has run */
    int64_t ended_ns;
    int exit_code;
    bool cancelled;
    bool threshold_missed;
    uint64_t n_runs, n_failed, n_missed;
    struct spd_job_figures figures;
};

struct spd_agent_counts {
    uint64_t n_started, n_finished, n_failed, n_cancelled, n_refused, n_missed;
    uint64_t n_store_errors, n_reloads, n_reloads_refused;
};

struct spd_agent {
    const char *config_path;
    struct spd_svcmgr *manager;
    struct spd_agent_settings *settings;
    struct spd_controller *controller;
    struct spd_scheduler *scheduler;
    struct spd_agent_store *store;
    struct spd_agent_reflector *reflector;
    struct spd_agent_settings *reflecting; /* those that it was started with; or NULL */
    struct spd_api_server *api;
    struct spd_agent_metrics *metrics;
    struct spd_agent_test tests[SPD_CONTROLLER_TESTS_MAX];
    struct spd_agent_last last[SPD_CONFIG_TESTS_MAX]; /* in the order of the configuration */
    struct spd_agent_counts counts;
    uint64_t next_unkept; /* number of a test that the history does not know */
    bool stopping;
    bool store_failing; /* the last result could not be kept */
    int64_t started_ns;
    spd_ns started_steady_ns;
    spd_ns alive_ns;  /* when the manager is to hear from us next, steady time */
    spd_ns watch_ns;  /* when the reflector's counters are asked for next */
    spd_ns retain_ns; /* when the history is cut back next */
};

/* ---- agent.c ---- */
spd_ns spd_agent_steady_ns(void);
struct spd_moment spd_agent_now(void);

/* ---- agent_parts.c ---- */
/* Errors: those of the local interface. */
enum spd_err spd_agent_parts_start(struct spd_agent *agent, struct spd_diag *diag);
/* Errors: what is wrong first; the configuration in force stays. */
enum spd_err spd_agent_reload(struct spd_agent *agent, struct spd_diag *diag);
void spd_agent_report_problems(enum spd_event event, const struct spd_config_problems *problems);
/* The same on each start of this host, another on other hosts. */
uint64_t spd_agent_seed_of_host(void);

/* ---- agent_tests.c: tests from the asking to the history ---- */

/* By request; answers it, now or once the test has its number. */
void spd_agent_tests_run(struct spd_agent *agent, struct spd_api_message *request);
void spd_agent_tests_cancel(struct spd_agent *agent, struct spd_api_message *request);
void spd_agent_tests_list(struct spd_agent *agent, struct spd_api_message *request);
/* Nobody waits for the tests of this connection any more. */
void spd_agent_tests_gone(struct spd_agent *agent, uint64_t connection);
void spd_agent_tests_cancel_all(struct spd_agent *agent);
/* Those that are not free; the settings of tests without end are counted too. */
size_t spd_agent_tests_count(const struct spd_agent *agent, enum spd_agent_state state);
bool spd_agent_tests_any(const struct spd_agent *agent);

/* What the controller and the store tell. */
void spd_agent_tests_on_progress(struct spd_agent *agent, size_t place, uint32_t permille);
void spd_agent_tests_on_finished(struct spd_agent *agent, size_t place, void *job);
void spd_agent_tests_on_store(struct spd_agent *agent, struct spd_store_job *job);

/* One test, for agent_tests.c and agent_end.c. */
enum spd_agent_told {
    SPD_AGENT_TOLD_PROGRESS,
    SPD_AGENT_TOLD_ACCEPTED,
    SPD_AGENT_TOLD_FINISHED,
};
/* To whoever waits for the test; takes the line. */
void spd_agent_test_tell(struct spd_agent *agent, const struct spd_agent_test *test, char *line,
                         enum spd_agent_told what);
void spd_agent_test_forget(struct spd_agent_test *test);
const char *spd_agent_test_name(const struct spd_agent_test *test); /* "" unless scheduled */
struct spd_agent_test *spd_agent_test_at(struct spd_agent *agent, size_t place);
/* What the history hears of it; NULL: no memory. */
struct spd_store_job *spd_agent_test_job(struct spd_agent *agent, const struct spd_agent_test *test,
                                         enum spd_store_verb verb);
/* It never ran: that is a result too. */
void spd_agent_test_unstarted(struct spd_agent *agent, struct spd_agent_test *test,
                              const struct spd_diag *diag);
void spd_agent_tests_begun(struct spd_agent *agent, const struct spd_store_job *job);

/* ---- agent_schedule.c: what the scheduler says is due ---- */
void spd_agent_schedule_step(struct spd_agent *agent);
/* A scheduled test is over: thresholds, what those who watch see, and which
 * logs the history's writer (job, or NULL) is to give up. */
void spd_agent_schedule_finished(struct spd_agent *agent, const struct spd_agent_test *test,
                                 const struct spd_job_result *result, struct spd_store_job *job);

/* Runs that were not started: told, counted and kept. */
void spd_agent_schedule_missed(struct spd_agent *agent, const struct spd_config_test *test,
                               const struct spd_scheduler_event *event, const char *why);

/* Start a test of the configuration that is due. */
void spd_agent_tests_start_scheduled(struct spd_agent *agent, const struct spd_config_test *test,
                                     spd_wall planned);

/* ---- agent_metrics.c: what those who watch see ---- */
struct spd_metrics_ask;
void spd_agent_metrics_start(struct spd_agent *agent);
void spd_agent_metrics_stop(struct spd_agent *agent); /* asks may still come */
void spd_agent_metrics_free(struct spd_agent *agent);
void spd_agent_metrics_answer(struct spd_agent *agent, struct spd_metrics_ask *ask);
/* Ask the reflector for its counters, once a second while somebody may look. */
void spd_agent_metrics_watch(struct spd_agent *agent, spd_ns now_ns);
void spd_agent_metrics_on_reflector(struct spd_agent *agent);
void spd_agent_metrics_forget_reflector(struct spd_agent *agent);

/* ---- agent_answer.c: what the local interface hears ---- */
void spd_agent_answer(struct spd_agent *agent, const struct spd_api_message *request, char *line);
void spd_agent_refuse(struct spd_agent *agent, const struct spd_api_message *request,
                      const struct spd_diag *diag);
void spd_agent_status(struct spd_agent *agent, const struct spd_api_message *request);

/* ---- agent_settings.c ---- */
enum spd_err spd_agent_settings_load(const char *path, bool may_default,
                                     struct spd_agent_settings **out,
                                     struct spd_config_problems *problems);
void spd_agent_settings_hold(struct spd_agent_settings *settings);
void spd_agent_settings_release(struct spd_agent_settings *settings); /* NULL is allowed */

#endif
