/*
 * Signals as completions. A thread of its own takes the signals with sigwait,
 * so that no code of ours runs in a signal handler: it posts to the port and
 * does nothing else. It must never touch the state of a test, and never wait
 * for anyone.
 */
#include "posix/signals.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <unistd.h>

#include "common/sys/clock.h"
#include "common/sys/thread.h"
#include "posix/oserr.h"

/* How long a process may take to answer an interrupt before a second one ends it. */
#define PATIENCE_NS (2 * SPD_NS_PER_S)

/* Ends the wait of the thread. Nobody else uses it here, and by itself it does
 * nothing to a process. */
#define STOP_SIGNAL SIGURG

static struct {
    bool active;
    struct spd_cport *port;
    uintptr_t key;
    uint32_t (*event_of)(int number);
    pthread_t thread;
    atomic_bool stopping;
    sigset_t signals;
    sigset_t mask_before;
} watch;

static void deliver(int signal_number)
{
    uint32_t event = watch.event_of(signal_number);

    /* For want of memory an event is late, not lost; a closed port needs none. */
    for (int attempt = 0; event != 0 && attempt < 100; attempt++) {
        if (spd_cport_post(watch.port, watch.key, event, NULL) != SPD_ERR_NOMEM) {
            return;
        }
        spd_thread_sleep(10 * SPD_NS_PER_MS);
    }
}

/* Ends the process with the status that an unhandled SIGINT gives. */
static _Noreturn void die_of_interrupt(void)
{
    sigset_t set;

    (void)signal(SIGINT, SIG_DFL);
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    (void)raise(SIGINT);
    (void)pthread_sigmask(SIG_UNBLOCK, &set, NULL);
    _exit(128 + SIGINT); /* not reached: the signal is delivered above */
}

/* The next signal, or 0 when left_ns have passed without one. */
static int next_signal(spd_ns left_ns)
{
    struct timespec t = { (time_t)(left_ns / SPD_NS_PER_S), (long)(left_ns % SPD_NS_PER_S) };
    int number;

    do {
        number = left_ns == SPD_NS_FOREVER ? sigwaitinfo(&watch.signals, NULL)
                                           : sigtimedwait(&watch.signals, NULL, &t);
    } while (number < 0 && errno == EINTR);
    return number < 0 ? 0 : number;
}

/* What came before unwatch is still an event: left pending, it would end the
 * process as soon as the signals are let through again. */
static void deliver_rest(void)
{
    int number;

    while ((number = next_signal(0)) != 0) {
        deliver(number);
    }
}

static void *watch_main(void *unused)
{
    uint64_t frequency_hz = spd_clock_frequency_hz();
    unsigned n_interrupts = 0;
    spd_ticks first = { 0 };

    (void)unused;
    (void)pthread_setname_np(pthread_self(), "signals");
    for (;;) {
        spd_ns left_ns = SPD_NS_FOREVER;
        int number;

        if (n_interrupts >= 2) {
            left_ns = PATIENCE_NS - spd_ticks_diff_ns(spd_clock_now(), first, frequency_hz);
            left_ns = left_ns > 0 ? left_ns : 0;
        }
        number = next_signal(left_ns);
        if (number != 0) {
            deliver(number);
        }
        if (atomic_load(&watch.stopping)) {
            deliver_rest();
            return NULL;
        }
        if (number == 0) {
            die_of_interrupt();
        }
        if (number == SIGINT && n_interrupts++ == 0) {
            first = spd_clock_now();
        }
    }
}

enum spd_err spd_signals_watch(const sigset_t *set, uint32_t (*event_of)(int number),
                               struct spd_cport *port, uintptr_t key, struct spd_diag *diag)
{
    int rc;

    if (watch.active) {
        return spd_diag_set(diag, SPD_ERR_IN_USE, 0, "the signals are watched already");
    }
    watch.port = port;
    watch.key = key;
    watch.event_of = event_of;
    atomic_store(&watch.stopping, false);
    watch.signals = *set;
    sigaddset(&watch.signals, STOP_SIGNAL);
    rc = pthread_sigmask(SIG_BLOCK, &watch.signals, &watch.mask_before);
    if (rc == 0) {
        rc = pthread_create(&watch.thread, NULL, watch_main, NULL);
        if (rc != 0) {
            (void)pthread_sigmask(SIG_SETMASK, &watch.mask_before, NULL);
        }
    }
    if (rc != 0) {
        return spd_diag_set(diag, spd_oserr_map(rc), rc,
                            "cannot start the thread that takes signals (%s); raise the limit on "
                            "processes (ulimit -u, TasksMax= in a systemd unit)",
                            spd_oserr_name(rc));
    }
    watch.active = true;
    return SPD_ERR_OK;
}

void spd_signals_unwatch(void)
{
    if (!watch.active) {
        return;
    }
    atomic_store(&watch.stopping, true);
    (void)pthread_kill(watch.thread, STOP_SIGNAL);
    (void)pthread_join(watch.thread, NULL);
    (void)pthread_sigmask(SIG_SETMASK, &watch.mask_before, NULL);
    watch.active = false;
}
