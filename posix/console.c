/*
 * The terminal, and signals as completions (signals.c).
 */
#include "common/sys/console.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "posix/oserr.h"
#include "posix/signals.h"

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

/* 0 for what is no event. */
static uint32_t event_of(int signal_number)
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
        return 0;
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
    if (sigaction(SIGHUP, NULL, &action) == 0 && action.sa_handler != SIG_IGN) {
        sigaddset(set, SIGHUP);
    }
}

enum spd_err spd_console_watch(struct spd_cport *port, uintptr_t key, struct spd_diag *diag)
{
    sigset_t set;

    choose_signals(&set);
    return spd_signals_watch(&set, event_of, port, key, diag);
}

void spd_console_unwatch(void)
{
    spd_signals_unwatch();
}
