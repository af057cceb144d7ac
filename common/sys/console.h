/*
 * The console: terminal or not, Ctrl-C and the like as completions of a port,
 * and the process's start (UTF-8 arguments, binary standard output).
 */
#ifndef SPD_SYS_CONSOLE_H
#define SPD_SYS_CONSOLE_H

#include <stdbool.h>
#include <stdio.h>

#include "common/sys/cport.h"

/* Call first in main: standard output takes bytes as they are ("\n" stays
 * "\n"), the network is ready (WSAStartup). Errors: INTERNAL with a diag. */
enum spd_err spd_console_init(struct spd_diag *diag);

bool spd_console_is_terminal(FILE *stream);
unsigned spd_console_width(void); /* columns of standard error; 80 when unknown */

enum spd_console_event {
    SPD_CONSOLE_INTERRUPT = 1, /* Ctrl-C, SIGINT */
    SPD_CONSOLE_TERMINATE,     /* SIGTERM, SIGHUP, console closed, log-off, shutdown */
    SPD_CONSOLE_STATUS,        /* SIGUSR1, Ctrl-Break */
};

/* From now on post such events to the port, with this key and the event in
 * n_bytes. One watch a process; call before other threads are started (they
 * inherit the signal mask). A second interrupt within a process that does not
 * react within two seconds ends it as the system would. */
enum spd_err spd_console_watch(struct spd_cport *port, uintptr_t key, struct spd_diag *diag);
void spd_console_unwatch(void);

#endif
