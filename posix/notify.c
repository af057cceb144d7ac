/*
 * Messages to systemd. Any thread; never on a measuring path.
 */
#include "posix/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "posix/oserr.h"

#define MOST_BYTES 512

/* "/path", or "@name" for a socket in the abstract namespace. */
static bool read_address(const char *name, struct spd_notify *out)
{
    size_t n = strlen(name);

    if ((name[0] != '/' && name[0] != '@') || n < 2 || n >= sizeof out->address.sun_path) {
        return false;
    }
    out->address = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(out->address.sun_path, name, n);
    out->n_address = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n);
    if (name[0] == '@') {
        out->address.sun_path[0] = '\0';
    } else {
        out->n_address++; /* with the zero */
    }
    return true;
}

enum spd_err spd_notify_open(struct spd_notify *out, struct spd_diag *diag)
{
    const char *name = getenv("NOTIFY_SOCKET");
    struct timeval limit = { .tv_sec = 1 };

    out->fd = -1;
    if (name == NULL || name[0] == '\0') {
        return SPD_ERR_OK;
    }
    if (!read_address(name, out)) {
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "NOTIFY_SOCKET is '%.110s', which is no address of a socket", name);
    }
    out->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (out->fd < 0) {
        return spd_diag_set(diag, spd_oserr_map(errno), errno, "cannot talk to systemd: socket: %s",
                            spd_oserr_name(errno));
    }
    /* Without the limit a message waits for as long as systemd does. */
    (void)setsockopt(out->fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    return SPD_ERR_OK;
}

void spd_notify_close(struct spd_notify *notify)
{
    if (notify->fd >= 0) {
        close(notify->fd);
        notify->fd = -1;
    }
}

void spd_notify_send(const struct spd_notify *notify, const char *format, ...)
{
    char text[MOST_BYTES];
    va_list arguments;
    ssize_t rc;
    int n;

    if (notify->fd < 0) {
        return;
    }
    va_start(arguments, format);
    n = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (n < 0) {
        return;
    }
    /* What cannot be sent cannot be told either; the watchdog ends what is out of touch. */
    do {
        rc = sendto(notify->fd, text, (size_t)n < sizeof text ? (size_t)n : sizeof text - 1,
                    MSG_NOSIGNAL, (const struct sockaddr *)&notify->address, notify->n_address);
    } while (rc < 0 && errno == EINTR);
}
