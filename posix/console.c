/*
 * The terminal, and signals as completions. A thread of its own takes the
 * signals with sigwait, so that no code of ours runs in a signal handler: it
 * posts to the port and does nothing else. It must never touch the state of a
 * test, and never wait for anyone.
 */
#include "common/sys/console.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
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
    pthread_t thread;
    atomic_bool stopping;
    sigset_t signals;
    sigset_t mask_before;
} watch;

enum spd_err spd_console_init(struct spd_diag *diag)
{
    /* A closed standard stream would let the next socket or file take its
     * number, and a stray message would then go out on the network. */
    for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++) {
        int os;
        int stand_in;

        if (fcntl(fd, F_GETFD) >= 0) {
            continue;
        }
        stand_in = open("/dev/null", O_RDWR);
        if (stand_in == fd) {
            continue;
        }
        os = errno;
        if (stand_in >= 0) {
            close(stand_in);
            os = EBADF;
        }
        return spd_diag_set(diag, SPD_ERR_INTERNAL, os,
                            "standard stream %d is closed and /dev/null cannot stand in for it "
                            "(%s)",
                            fd, spd_oserr_name(os));
    }
    return SPD_ERR_OK;
}

bool spd_console_is_terminal(FILE *stream)
{
    int fd = fileno(stream);

    return fd >= 0 && isatty(fd) == 1;
}

unsigned spd_console_width(void)
{
    struct winsize size;

    if (ioctl(STDERR_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0) {
        return size.ws_col;
    }
    return 80;
}

/* 0 for what is no event: a time-out, or STOP_SIGNAL. */
static enum spd_console_event event_of(int signal_number)
{
    switch (signal_number) {
    case SIGINT:
        return SPD_CONSOLE_INTERRUPT;
    case SIGTERM:
    case SIGHUP:
        return SPD_CONSOLE_TERMINATE;
    case SIGUSR1:
        return SPD_CONSOLE_STATUS;
    default:
        return (enum spd_console_event)0;
    }
}

static void deliver(int signal_number)
{
    enum spd_console_event event = event_of(signal_number);

    /* For want of memory an event is late, not lost; a closed port needs none. */
    for (int attempt = 0; event != 0 && attempt < 100; attempt++) {
        if (spd_cport_post(watch.port, watch.key, (uint32_t)event, NULL) != SPD_ERR_NOMEM) {
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
    (void)pthread_setname_np(pthread_self(), "console");
    for (;;) {
        spd_ns left_ns = SPD_NS_FOREVER;
        int number;

        if (n_interrupts >= 2) {
            left_ns = PATIENCE_NS - spd_ticks_diff_ns(spd_clock_now(), first, frequency_hz);
            left_ns = left_ns > 0 ? left_ns : 0;
        }
        number = next_signal(left_ns);
        deliver(number);
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

/* SIGHUP stays ignored where the user said so (nohup). SIGINT does not: a shell
 * ignores it for what it starts in the background, and whoever then sends one
 * to us by hand means it. */
static void choose_signals(sigset_t *set)
{
    struct sigaction action;

    sigemptyset(set);
    sigaddset(set, SIGINT);
    sigaddset(set, SIGTERM);
    sigaddset(set, SIGUSR1);
    sigaddset(set, STOP_SIGNAL);
    if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
        sigaddset(set, SIGHUP);
    }
}

enum spd_err spd_console_watch(struct spd_cport *port, uintptr_t key, struct spd_diag *diag)
{
    int rc;

    if (watch.active) {
        return spd_diag_set(diag, SPD_ERR_IN_USE, 0, "the console is watched already");
    }
    watch.port = port;
    watch.key = key;
    atomic_store(&watch.stopping, false);
    choose_signals(&watch.signals);
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

void spd_console_unwatch(void)
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
