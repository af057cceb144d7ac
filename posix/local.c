/*
 * Unix stream sockets without blocking, and poll(2). On the thread that owns
 * the set. Listening is in local_listen.c, identity in local_peer.c.
 */
#include "posix/local.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/assert.h"
#include "common/base/text.h"
#include "common/sys/clock.h"
#include "common/sys/thread.h"
#include "posix/oserr.h"
#include "posix/waiting.h"

/* A full queue of a listener gives no sign when it has room again. */
#define ASK_AGAIN_NS (10 * SPD_NS_PER_MS)

enum spd_err spd_local_set_create(struct spd_local_set **out, struct spd_diag *diag)
{
    struct spd_local_set *set = calloc(1, sizeof *set);

    if (set == NULL) {
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for local connections");
    }
    set->waker = spd_waiting_waker();
    if (set->waker < 0) {
        int os_errno = errno;

        free(set);
        return spd_diag_set(diag, spd_oserr_map(os_errno), os_errno,
                            "cannot wake the thread of the local connections: eventfd: %s",
                            spd_oserr_name(os_errno));
    }
    *out = set;
    return SPD_ERR_OK;
}

void spd_local_set_destroy(struct spd_local_set *set)
{
    if (set == NULL) {
        return;
    }
    SPD_ASSERT(set->n_members == 0);
    close(set->waker);
    free(set);
}

void spd_local_set_wake(struct spd_local_set *set)
{
    spd_waiting_wake(set->waker);
}

const char *spd_local_default_name(void)
{
    return "/run/stampede/control.sock";
}

struct spd_local *spd_local_make(struct spd_local_set *set)
{
    struct spd_local *local = calloc(1, sizeof *local);

    if (local != NULL) {
        local->set = set;
        local->fd = local->lock = -1;
        set->n_members++;
    }
    return local;
}

enum spd_err spd_local_address(const char *name, struct sockaddr_un *out, struct spd_diag *diag)
{
    size_t n = strlen(name);

    if (n == 0 || n >= sizeof out->sun_path) {
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "'%.120s': the path of a local socket has 1 to %zu octets, this one "
                            "has %zu",
                            name, sizeof out->sun_path - 1, n);
    }
    *out = (struct sockaddr_un){ .sun_family = AF_UNIX };
    (void)spd_text_copy(out->sun_path, sizeof out->sun_path, name);
    return SPD_ERR_OK;
}

enum spd_err spd_local_accept(struct spd_local *listener, struct spd_local **out)
{
    struct spd_local *local = spd_local_make(listener->set);

    if (local == NULL) {
        return SPD_ERR_LIMIT;
    }
    do {
        local->fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (local->fd < 0 && errno == EINTR);
    if (local->fd < 0) {
        int os_errno = errno;

        spd_local_close(local);
        if (os_errno == EAGAIN) {
            return SPD_ERR_TIMEOUT;
        }
        return os_errno == EMFILE || os_errno == ENFILE || os_errno == ENOMEM || os_errno == ENOBUFS
                   ? SPD_ERR_LIMIT
                   : SPD_ERR_IO;
    }
    local->admins = listener->admins;
    *out = local;
    return SPD_ERR_OK;
}

/* Returns 0 or an errno. */
static int connect_until(int fd, const struct sockaddr_un *address, spd_ns timeout_ns)
{
    spd_ticks start = spd_clock_now();

    while (connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
        spd_ns left_ns =
            timeout_ns - spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz());

        if (errno == EINTR) {
            continue; /* nothing is under way: a Unix socket connects at once or not */
        }
        if (errno != EAGAIN) {
            return errno;
        }
        if (left_ns <= 0) {
            return ETIMEDOUT;
        }
        spd_thread_sleep(left_ns < ASK_AGAIN_NS ? left_ns : ASK_AGAIN_NS);
    }
    return 0;
}

static const char *connect_remedy(int os_errno)
{
    switch (os_errno) {
    case ENOENT:
    case ECONNREFUSED:
        return "; nobody listens there: start the service ('stampede service start'), or give the "
               "name that it listens under";
    case ETIMEDOUT:
        return "; the service is too busy to answer, try again";
    case EMFILE:
    case ENFILE:
        return "; too many files are open (ulimit -n)";
    default:
        return "";
    }
}

enum spd_err spd_local_connect(struct spd_local_set *set, const char *name, spd_ns timeout_ns,
                               struct spd_local **out, struct spd_diag *diag)
{
    struct sockaddr_un address;
    enum spd_err err = spd_local_address(name, &address, diag);
    struct spd_local *local;
    int os_errno;

    if (err != SPD_ERR_OK) {
        return err;
    }
    local = spd_local_make(set);
    if (local == NULL) {
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a connection");
    }
    local->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    os_errno = local->fd < 0 ? errno : connect_until(local->fd, &address, timeout_ns);
    if (os_errno == 0) {
        *out = local;
        return SPD_ERR_OK;
    }
    spd_local_close(local);
    return spd_diag_set(diag, spd_oserr_map(os_errno), os_errno, "cannot connect to %s: %s (%s)%s",
                        name, spd_err_text(spd_oserr_map(os_errno)), spd_oserr_name(os_errno),
                        connect_remedy(os_errno));
}

enum spd_err spd_local_read(struct spd_local *connection, void *out, size_t capacity, size_t *n_out)
{
    ssize_t n;

    do {
        n = recv(connection->fd, out, capacity, 0);
    } while (n < 0 && errno == EINTR);
    if (n < 0) {
        return errno == EAGAIN ? SPD_ERR_TIMEOUT : SPD_ERR_IO;
    }
    if (n == 0) {
        return SPD_ERR_CLOSED;
    }
    *n_out = (size_t)n;
    return SPD_ERR_OK;
}

enum spd_err spd_local_write(struct spd_local *connection, const void *bytes, size_t n,
                             size_t *n_written)
{
    ssize_t rc;

    SPD_ASSERT(n > 0);
    do {
        rc = send(connection->fd, bytes, n, MSG_NOSIGNAL);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        return errno == EAGAIN ? SPD_ERR_TIMEOUT : SPD_ERR_IO;
    }
    *n_written = (size_t)rc;
    return SPD_ERR_OK;
}

void spd_local_close(struct spd_local *connection)
{
    if (connection == NULL) {
        return;
    }
    if (connection->path[0] != '\0') {
        (void)unlink(connection->path);
    }
    if (connection->fd >= 0) {
        close(connection->fd);
    }
    if (connection->lock >= 0) {
        close(connection->lock); /* after unlink: the next one's socket stays */
    }
    connection->set->n_members--;
    free(connection);
}

enum spd_err spd_local_wait(struct spd_local_set *set, struct spd_local_want *wants, size_t n,
                            spd_ns timeout_ns)
{
    struct pollfd fds[SPD_LOCAL_WANTS_MAX + 1];
    int rc;

    SPD_ASSERT(n <= SPD_LOCAL_WANTS_MAX);
    for (size_t i = 0; i < n; i++) {
        short events = (short)((wants[i].read ? POLLIN : 0) | (wants[i].write ? POLLOUT : 0));

        SPD_ASSERT(wants[i].connection->set == set);
        /* Without a want, failure alone would still wake: leave it out. */
        fds[i] = (struct pollfd){ .fd = events ? wants[i].connection->fd : -1, .events = events };
        wants[i].is_readable = wants[i].is_writable = false;
    }
    fds[n] = (struct pollfd){ .fd = set->waker, .events = POLLIN };
    rc = spd_waiting_poll(fds, n + 1, timeout_ns);
    if (rc < 0) {
        return errno == ENOMEM ? SPD_ERR_NOMEM : SPD_ERR_IO;
    }
    if (rc == 0) {
        return SPD_ERR_TIMEOUT;
    }
    if (fds[n].revents != 0) {
        spd_waiting_clear(set->waker);
    }
    for (size_t i = 0; i < n; i++) {
        bool failed = fds[i].revents & (POLLERR | POLLHUP | POLLNVAL);

        wants[i].is_readable = wants[i].read && (failed || (fds[i].revents & POLLIN));
        wants[i].is_writable = wants[i].write && (failed || (fds[i].revents & POLLOUT));
    }
    return SPD_ERR_OK;
}
