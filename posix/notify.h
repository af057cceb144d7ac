/*
 * systemd's notification protocol, sd_notify(3): datagrams of VARIABLE=VALUE lines to the Unix
 * socket that NOTIFY_SOCKET names. Private to posix/.
 */
#ifndef SPD_POSIX_NOTIFY_H
#define SPD_POSIX_NOTIFY_H

#include <stdbool.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "common/base/err.h"

struct spd_notify {
    int fd; /* -1: nobody wants to hear */
    struct sockaddr_un address;
    socklen_t n_address;
};

/* As the environment says. Without NOTIFY_SOCKET: OK, and nobody hears. Errors, with a diag:
 * INVALID (what the variable says is no socket), LIMIT, NO_BUFFERS. */
enum spd_err spd_notify_open(struct spd_notify *out, struct spd_diag *diag);
void spd_notify_close(struct spd_notify *notify);

/* Blocks for at most a second, when systemd is that busy. Any thread. */
void spd_notify_send(const struct spd_notify *notify, const char *format, ...)
    SPD_PRINTF_LIKE(2, 3);

#endif
