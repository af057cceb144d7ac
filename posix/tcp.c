/*
 * TCP over non-blocking sockets and poll(2); the waker is an eventfd. On the
 * thread that owns the streams.
 */
#include "common/sys/tcp.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/assert.h"
#include "posix/oserr.h"
#include "posix/sockaddr.h"
#include "posix/waiting.h"

#define BACKLOG 128

struct spd_tcp {
    int fd;
};

struct spd_tcp_waker {
    int fd;
};

static const char *remedy(int os_errno)
{
    switch (os_errno) {
    case EADDRINUSE:
        return "; stop the program that holds the port ('ss -ltnp' names it) or choose another";
    case EACCES:
    case EPERM:
        return "; run as root, give the program cap_net_bind_service, or choose a port from 1024 "
               "up";
    case EADDRNOTAVAIL:
        return "; no interface of this host has that address ('ip addr' shows them)";
    case ECONNREFUSED:
        return "; nothing listens there: start it, or give the right port";
    case EHOSTUNREACH:
    case ENETUNREACH:
        return "; check the address, the route and firewalls";
    case EMFILE:
    case ENFILE:
        return "; too many files are open (ulimit -n)";
    default:
        return "";
    }
}

static enum spd_err explain(struct spd_diag *diag, const char *what, const struct spd_addr *addr,
                            int os_errno)
{
    char text[SPD_ADDR_TEXT_BYTES];
    enum spd_err err = os_errno == ETIMEDOUT ? SPD_ERR_TIMEOUT : spd_oserr_map(os_errno);

    return spd_diag_set(diag, err, os_errno, "cannot %s TCP %s: %s (%s)%s", what,
                        spd_addr_format(addr, text), spd_err_text(err), spd_oserr_name(os_errno),
                        remedy(os_errno));
}

static struct spd_tcp *stream_of(int fd)
{
    struct spd_tcp *stream = malloc(sizeof *stream);

    if (stream != NULL) {
        stream->fd = fd;
    }
    return stream;
}

static int open_socket(enum spd_family family)
{
    return socket(spd_sockaddr_family(family), SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

static bool bind_to(int fd, const struct spd_addr *local)
{
    struct sockaddr_storage address;
    socklen_t n = spd_sockaddr_from(local, &address);

    return bind(fd, (struct sockaddr *)&address, n) == 0;
}

enum spd_err spd_tcp_listen(const struct spd_addr *local, struct spd_tcp **out,
                            struct spd_diag *diag)
{
    int fd = open_socket(local->family);
    int on = 1;

    if (fd < 0) {
        return explain(diag, "listen on", local, errno);
    }
    /* Connections of a server before this one must not keep its port. */
    (void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    if ((local->family == SPD_FAMILY_IPV6 &&
         setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on) != 0) ||
        !bind_to(fd, local) || listen(fd, BACKLOG) != 0) {
        int os_errno = errno;

        close(fd);
        return explain(diag, "listen on", local, os_errno);
    }
    *out = stream_of(fd);
    if (*out == NULL) {
        close(fd);
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a connection");
    }
    return SPD_ERR_OK;
}

enum spd_err spd_tcp_accept(struct spd_tcp *listener, struct spd_tcp **out)
{
    struct spd_tcp *stream = stream_of(-1);

    if (stream == NULL) {
        return SPD_ERR_LIMIT;
    }
    do {
        stream->fd = accept4(listener->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
    } while (stream->fd < 0 && errno == EINTR);
    if (stream->fd < 0) {
        int os_errno = errno;

        free(stream);
        if (os_errno == EAGAIN) {
            return SPD_ERR_TIMEOUT;
        }
        return os_errno == EMFILE || os_errno == ENFILE || os_errno == ENOMEM || os_errno == ENOBUFS
                   ? SPD_ERR_LIMIT
                   : SPD_ERR_IO;
    }
    *out = stream;
    return SPD_ERR_OK;
}

/* Returns 0 or an errno. */
static int finish_connect(int fd, spd_ns timeout_ns)
{
    struct pollfd want = { .fd = fd, .events = POLLOUT };
    socklen_t n = sizeof(int);
    int rc = spd_waiting_poll(&want, 1, timeout_ns);
    int os_errno = 0;

    if (rc <= 0) {
        return rc == 0 ? ETIMEDOUT : errno;
    }
    return getsockopt(fd, SOL_SOCKET, SO_ERROR, &os_errno, &n) == 0 ? os_errno : errno;
}

enum spd_err spd_tcp_connect(const struct spd_addr *remote, const struct spd_addr *local,
                             spd_ns timeout_ns, struct spd_tcp **out, struct spd_diag *diag)
{
    struct sockaddr_storage address;
    socklen_t n = spd_sockaddr_from(remote, &address);
    int fd = open_socket(remote->family);
    int os_errno = 0;

    if (fd < 0) {
        return explain(diag, "connect to", remote, errno);
    }
    if (local != NULL && local->family != SPD_FAMILY_NONE && !bind_to(fd, local)) {
        os_errno = errno;
        close(fd);
        return explain(diag, "connect from", local, os_errno);
    }
    if (connect(fd, (struct sockaddr *)&address, n) != 0) {
        os_errno = errno == EINPROGRESS || errno == EINTR ? finish_connect(fd, timeout_ns) : errno;
    }
    if (os_errno == 0) {
        *out = stream_of(fd);
        if (*out != NULL) {
            return SPD_ERR_OK;
        }
        close(fd);
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a connection");
    }
    close(fd);
    return explain(diag, "connect to", remote, os_errno);
}

void spd_tcp_local(const struct spd_tcp *stream, struct spd_addr *out)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof address;

    *out = (struct spd_addr){ 0 };
    if (getsockname(stream->fd, (struct sockaddr *)&address, &n) == 0) {
        (void)spd_sockaddr_to(&address, out);
    }
}

void spd_tcp_peer(const struct spd_tcp *stream, struct spd_addr *out)
{
    struct sockaddr_storage address;
    socklen_t n = sizeof address;

    *out = (struct spd_addr){ 0 };
    if (getpeername(stream->fd, (struct sockaddr *)&address, &n) == 0) {
        (void)spd_sockaddr_to(&address, out);
    }
}

enum spd_err spd_tcp_read(struct spd_tcp *stream, void *out, size_t capacity, size_t *n_out)
{
    ssize_t n;

    do {
        n = recv(stream->fd, out, capacity, 0);
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

enum spd_err spd_tcp_write(struct spd_tcp *stream, const void *bytes, size_t n, size_t *n_written)
{
    ssize_t rc;

    SPD_ASSERT(n > 0);
    do {
        rc = send(stream->fd, bytes, n, MSG_NOSIGNAL);
    } while (rc < 0 && errno == EINTR);
    if (rc < 0) {
        return errno == EAGAIN ? SPD_ERR_TIMEOUT : SPD_ERR_IO;
    }
    *n_written = (size_t)rc;
    return SPD_ERR_OK;
}

void spd_tcp_close(struct spd_tcp *stream)
{
    if (stream == NULL) {
        return;
    }
    close(stream->fd);
    free(stream);
}

enum spd_err spd_tcp_waker_create(struct spd_tcp_waker **out, struct spd_diag *diag)
{
    struct spd_tcp_waker *waker = malloc(sizeof *waker);

    if (waker == NULL) {
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the control thread");
    }
    waker->fd = spd_waiting_waker();
    if (waker->fd < 0) {
        int os_errno = errno;

        free(waker);
        return spd_diag_set(diag, spd_oserr_map(os_errno), os_errno,
                            "cannot wake the control thread: eventfd: %s",
                            spd_oserr_name(os_errno));
    }
    *out = waker;
    return SPD_ERR_OK;
}

void spd_tcp_waker_wake(struct spd_tcp_waker *waker)
{
    spd_waiting_wake(waker->fd);
}

void spd_tcp_waker_destroy(struct spd_tcp_waker *waker)
{
    if (waker == NULL) {
        return;
    }
    close(waker->fd);
    free(waker);
}

enum spd_err spd_tcp_wait(struct spd_tcp_want *wants, size_t n, struct spd_tcp_waker *waker,
                          spd_ns timeout_ns)
{
    struct pollfd fds[SPD_TCP_WANTS_MAX + 1];
    int rc;

    SPD_ASSERT(n <= SPD_TCP_WANTS_MAX);
    for (size_t i = 0; i < n; i++) {
        short events = (short)((wants[i].read ? POLLIN : 0) | (wants[i].write ? POLLOUT : 0));

        /* Without a want, failure alone would still wake: leave it out. */
        fds[i] = (struct pollfd){ .fd = events ? wants[i].stream->fd : -1, .events = events };
        wants[i].is_readable = wants[i].is_writable = false;
    }
    fds[n] = (struct pollfd){ .fd = waker ? waker->fd : -1, .events = POLLIN };
    rc = spd_waiting_poll(fds, n + 1, timeout_ns);
    if (rc < 0) {
        return errno == ENOMEM ? SPD_ERR_NOMEM : SPD_ERR_IO;
    }
    if (rc == 0) {
        return SPD_ERR_TIMEOUT;
    }
    if (fds[n].revents != 0) {
        spd_waiting_clear(waker->fd);
    }
    for (size_t i = 0; i < n; i++) {
        bool failed = fds[i].revents & (POLLERR | POLLHUP | POLLNVAL);

        wants[i].is_readable = wants[i].read && (failed || (fds[i].revents & POLLIN));
        wants[i].is_writable = wants[i].write && (failed || (fds[i].revents & POLLOUT));
    }
    return SPD_ERR_OK;
}
