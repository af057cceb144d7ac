/*
 * The manager of services: systemd, or Windows' service control manager (SCM).
 * First what a service says to it and hears from it, then how a service is
 * installed and controlled. Everything works without a manager too, so that a
 * service can run in the foreground.
 */
#ifndef SPD_SYS_SVCMGR_H
#define SPD_SYS_SVCMGR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/time.h"
#include "common/sys/cport.h"

/* ------------------------------------------------------- within a service */

struct spd_svcmgr;

enum spd_svcmgr_event {
    SPD_SVCMGR_STOP = 1, /* SIGTERM, SIGINT; stop, shutdown, preshutdown of the SCM; Ctrl-C */
    SPD_SVCMGR_RELOAD,   /* SIGHUP; "parameter change" of the SCM */
    SPD_SVCMGR_STATUS,   /* SIGUSR1; Ctrl-Break; user control 128 of the SCM */
    SPD_SVCMGR_RESUME,   /* the machine slept (only Windows tells) */
};

struct spd_svcmgr_run {
    const char *name; /* of the service, for the SCM: "Stampede" */
    /* The SCM started this process. Nobody can find out: whoever asks the SCM waits 10 s for a
     * refusal. So the command line says it (--scm). Elsewhere it means nothing. */
    bool is_scm;
};

/* Run a service: calls run(manager, context) once, and gives in *exit_code what it returned.
 * Where the SCM wants it, that is on a thread of the SCM's. Call before any
 * other thread is started (they inherit the signal mask), instead of
 * spd_console_watch. One a process. The manager is told that the service starts before run, and
 * that it has stopped (with the exit code, which is a failure unless 0) after it. Errors: PERM
 * (is_scm, but the SCM did not start this process), INTERNAL, each with a diag; run was not
 * called then. */
enum spd_err spd_svcmgr_run(const struct spd_svcmgr_run *how,
                            int (*run)(struct spd_svcmgr *manager, void *context), void *context,
                            int *exit_code, struct spd_diag *diag);

/* All of the following only within run. */

/* From now on post events to the port, with this key and the event in n_bytes;
 * those that came before are posted at once. Once. Errors: NOMEM, LIMIT. The
 * port must live until unwatch, after which nothing is posted. */
enum spd_err spd_svcmgr_watch(struct spd_svcmgr *manager, struct spd_cport *port, uintptr_t key,
                              struct spd_diag *diag);
void spd_svcmgr_unwatch(struct spd_svcmgr *manager);

/* Whether somebody hears what follows: "systemd", "SCM", or NULL. Static. */
const char *spd_svcmgr_name(const struct spd_svcmgr *manager);

/* The start or a reload is done: the service works. */
void spd_svcmgr_ready(struct spd_svcmgr *manager);
/* A reload has begun; ready ends it, also when the old configuration stays. */
void spd_svcmgr_reloading(struct spd_svcmgr *manager);
/* The end has begun, and takes about this long. */
void spd_svcmgr_stopping(struct spd_svcmgr *manager, spd_ns expected_ns);
/* Starting, reloading or stopping goes on, and takes about this long from now. */
void spd_svcmgr_extend(struct spd_svcmgr *manager, spd_ns expected_ns);
/* One line for people ("3 tests run, 12 waiting"), cut to fit. The SCM has no place for it. */
#define SPD_SVCMGR_STATUS_BYTES 160
void spd_svcmgr_status(struct spd_svcmgr *manager, const char *text);

/* How often the manager wants to hear spd_svcmgr_alive (half of what it allows);
 * 0 for never. A thread calls it that is certain that the service works: without it the manager
 * ends the service and starts it again. */
spd_ns spd_svcmgr_alive_interval_ns(const struct spd_svcmgr *manager);
void spd_svcmgr_alive(struct spd_svcmgr *manager);

/* ------------------------------------------------------ from outside of it */

/* What could not be had and is not needed ("delayed start: not supported
 * here"): for people. */
struct spd_svcmgr_notes {
    size_t n;
    char text[8][240];
};

struct spd_svcmgr_service {
    const char *name; /* of the service: "Stampede", of the unit: "stampede" */
    /* The rest is for install and uninstall alone. */
    const char *display_name; /* Windows */
    const char *description;  /* Windows */
    const char *program;      /* absolute path; NULL: this program */
    const char *config_path;  /* absolute path; NULL: the default */
    const char *unit;         /* Linux: the text of the unit; ExecStart= gets program and config */
    const char *root; /* Linux: install into this tree, not into the running system; or NULL */
};

/* Install: written down, started at the next boot, not started now. What is
 * there already is replaced. Errors, with a diag: PERM (not an administrator), NOTSUP (no manager
 * here), INVALID (a path), IO, NOMEM. Blocks. notes may be NULL. */
enum spd_err spd_svcmgr_install(const struct spd_svcmgr_service *service,
                                struct spd_svcmgr_notes *notes, struct spd_diag *diag);

/* Stop it and undo install. Configuration and history stay. Errors: NOT_FOUND, else as above. */
enum spd_err spd_svcmgr_uninstall(const struct spd_svcmgr_service *service,
                                  struct spd_svcmgr_notes *notes, struct spd_diag *diag);

/* Each waits until it is done or has failed, at most timeout_ns (on Linux the unit's own limits
 * hold instead). A service that runs already, or does not run, is OK. Errors, with a
 * diag: NOT_FOUND (not installed), PERM, NOTSUP, TIMEOUT, IO (the service failed). */
enum spd_err spd_svcmgr_start(const char *name, spd_ns timeout_ns, struct spd_diag *diag);
enum spd_err spd_svcmgr_stop(const char *name, spd_ns timeout_ns, struct spd_diag *diag);
/* Read the configuration again. The answer is in the log of the service. */
enum spd_err spd_svcmgr_reload(const char *name, struct spd_diag *diag);

enum spd_svcmgr_state {
    SPD_SVCMGR_STOPPED,
    SPD_SVCMGR_STARTING,
    SPD_SVCMGR_RUNNING,
    SPD_SVCMGR_STOPPING,
    SPD_SVCMGR_FAILED, /* ended by itself; only systemd tells it from stopped */
};

struct spd_svcmgr_info {
    enum spd_svcmgr_state state;
    uint32_t pid; /* 0: none */
    bool starts_at_boot;
    uint32_t exit_code; /* of the last run, when it is over */
    char status[160];   /* what spd_svcmgr_status said; "" */
};

/* Errors: NOT_FOUND (not installed), NOTSUP, PERM, IO. */
enum spd_err spd_svcmgr_query(const char *name, struct spd_svcmgr_info *out, struct spd_diag *diag);

/* "running". Static, never NULL. */
const char *spd_svcmgr_state_name(enum spd_svcmgr_state state);

#endif
