/*
 * A datagram socket that is connected to itself. Any one thread.
 */
#include "common/sys/warmup.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "posix/oserr.h"
#include "posix/sockaddr.h"

struct spd_warmup {
    int fd;
};

static enum spd_err loopback_of(enum spd_family family, struct spd_addr *out)
{
    *out = (struct spd_addr){ .family = family };
    if (family == SPD_FAMILY_IPV4) {
        out->bytes[0] = 127;
        out->bytes[3] = 1;
    } else if (family == SPD_FAMILY_IPV6) {
        out->bytes[15] = 1;
    } else {
        return SPD_ERR_NOTSUP;
    }
    return SPD_ERR_OK;
}

/* Connected to itself, it takes nothing from anybody else. */
static int connect_to_itself(int fd, const struct spd_addr *loopback)
{
    struct sockaddr_storage at;
    socklen_t n = spd_sockaddr_from(loopback, &at);

    if (bind(fd, (struct sockaddr *)&at, n) != 0 ||
        getsockname(fd, (struct sockaddr *)&at, &n) != 0)
        return -1;
    return connect(fd, (struct sockaddr *)&at, n);
}

enum spd_err spd_warmup_create(enum spd_family family, struct spd_warmup **out)
{
    struct spd_addr loopback;
    struct spd_warmup *w;
    int error;

    if (loopback_of(family, &loopback))
        return SPD_ERR_NOTSUP;
    w = calloc(1, sizeof(*w));
    if (!w)
        return SPD_ERR_NOMEM;
    w->fd = socket(spd_sockaddr_family(family), SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (w->fd >= 0 && connect_to_itself(w->fd, &loopback) == 0) {
        *out = w;
        return SPD_ERR_OK;
    }
    error = errno;
    if (w->fd >= 0)
        close(w->fd);
    free(w);
    return error == EMFILE || error == ENFILE ? SPD_ERR_LIMIT
           : error == ENOMEM                  ? SPD_ERR_NOMEM
                                              : SPD_ERR_NOTSUP;
}

void spd_warmup_run(struct spd_warmup *w)
{
    char octet = 0;

    if (w && send(w->fd, &octet, 1, MSG_DONTWAIT) == 1)
        (void)recv(w->fd, &octet, 1, MSG_DONTWAIT);
}

void spd_warmup_destroy(struct spd_warmup *w)
{
    if (!w)
        return;
    close(w->fd);
    free(w);
}
