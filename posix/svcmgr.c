/*
 * A service under systemd, or in the foreground: signals become events, and
 * what the service has to say goes to systemd's socket. Installing and
 * controlling it is in svcmgr_control.c.
 */
#include "common/sys/svcmgr.h"

#include <inttypes.h>
#include <malloc.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/base/text.h"
#include "posix/notify.h"
#include "posix/oserr.h"
#include "posix/signals.h"

#define ARENAS_MAX 2

struct spd_svcmgr {
    struct spd_notify notify;
    spd_ns alive_interval_ns;
    sigset_t signals;
};

/* SIGHUP means reload to a service, SIGINT and SIGTERM the same. */
static uint32_t event_of(int number)
{
    switch (number) {
    case SIGINT:
    case SIGTERM:
        return SPD_SVCMGR_STOP;
    case SIGHUP:
        return SPD_SVCMGR_RELOAD;
    case SIGUSR1:
        return SPD_SVCMGR_STATUS;
    default:
        return 0;
    }
}

/* A number of the environment; 0 when there is none. */
static uint64_t number_of(const char *variable)
{
    const char *text = getenv(variable);
    char *end;
    unsigned long long number;

    if (text == NULL || text[0] < '0' || text[0] > '9') {
        return 0;
    }
    number = strtoull(text, &end, 10);
    return *end == '\0' ? number : 0;
}

/* sd_watchdog_enabled(3): meant for this process, or for whichever it is. */
static spd_ns alive_interval_ns(void)
{
    uint64_t pid = number_of("WATCHDOG_PID");
    uint64_t limit_us = number_of("WATCHDOG_USEC");

    if ((pid != 0 && pid != (uint64_t)getpid()) ||
        limit_us > (uint64_t)(SPD_NS_FOREVER / SPD_NS_PER_US)) {
        return 0;
    }
    return (spd_ns)limit_us * SPD_NS_PER_US / 2;
}

enum spd_err spd_svcmgr_run(const struct spd_svcmgr_run *how,
                            int (*run)(struct spd_svcmgr *manager, void *context), void *context,
                            int *exit_code, struct spd_diag *diag)
{
    struct spd_svcmgr manager = { .alive_interval_ns = alive_interval_ns() };
    sigset_t before;
    enum spd_err err;
    int rc;

    (void)how; /* systemd does not care for the name, and there is no SCM */
    /* The C library gives each new thread another arena, up to eight a processor,
     * and keeps them: some 4 MB each, for tests that follow one another. */
    (void)mallopt(M_ARENA_MAX, ARENAS_MAX);
    err = spd_notify_open(&manager.notify, diag);
    if (err != SPD_ERR_OK) {
        return err;
    }
    /* What comes before the watch waits for it, and threads inherit the mask. */
    sigemptyset(&manager.signals);
    sigaddset(&manager.signals, SIGINT);
    sigaddset(&manager.signals, SIGTERM);
    sigaddset(&manager.signals, SIGHUP);
    sigaddset(&manager.signals, SIGUSR1);
    rc = pthread_sigmask(SIG_BLOCK, &manager.signals, &before);
    if (rc != 0) {
        spd_notify_close(&manager.notify);
        return spd_diag_set(diag, SPD_ERR_INTERNAL, rc, "cannot block signals: %s",
                            spd_oserr_name(rc));
    }
    *exit_code = run(&manager, context);
    (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
    spd_notify_close(&manager.notify);
    return SPD_ERR_OK;
}

enum spd_err spd_svcmgr_watch(struct spd_svcmgr *manager, struct spd_cport *port, uintptr_t key,
                              struct spd_diag *diag)
{
    return spd_signals_watch(&manager->signals, event_of, port, key, diag);
}

void spd_svcmgr_unwatch(struct spd_svcmgr *manager)
{
    (void)manager;
    spd_signals_unwatch();
}

const char *spd_svcmgr_name(const struct spd_svcmgr *manager)
{
    return manager->notify.fd >= 0 ? "systemd" : NULL;
}

void spd_svcmgr_ready(struct spd_svcmgr *manager)
{
    spd_notify_send(&manager->notify, "READY=1");
}

void spd_svcmgr_reloading(struct spd_svcmgr *manager)
{
    struct timespec now;

    /* The time tells systemd which reload of several this answers. */
    (void)clock_gettime(CLOCK_MONOTONIC, &now);
    spd_notify_send(&manager->notify, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64,
                    (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000);
}

void spd_svcmgr_stopping(struct spd_svcmgr *manager, spd_ns expected_ns)
{
    spd_notify_send(&manager->notify, "STOPPING=1");
    spd_svcmgr_extend(manager, expected_ns);
}

void spd_svcmgr_extend(struct spd_svcmgr *manager, spd_ns expected_ns)
{
    if (expected_ns > 0) {
        spd_notify_send(&manager->notify, "EXTEND_TIMEOUT_USEC=%" PRId64,
                        expected_ns / SPD_NS_PER_US + 1);
    }
}

void spd_svcmgr_status(struct spd_svcmgr *manager, const char *text)
{
    char line[SPD_SVCMGR_STATUS_BYTES];

    (void)spd_text_copy(line, sizeof line, text);
    /* A further line would be a further message. */
    for (char *end = line; (end = strchr(end, '\n')) != NULL;) {
        *end = ' ';
    }
    spd_notify_send(&manager->notify, "STATUS=%s", line);
}

spd_ns spd_svcmgr_alive_interval_ns(const struct spd_svcmgr *manager)
{
    return manager->notify.fd >= 0 ? manager->alive_interval_ns : 0;
}

void spd_svcmgr_alive(struct spd_svcmgr *manager)
{
    spd_notify_send(&manager->notify, "WATCHDOG=1");
}
