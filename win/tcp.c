/*
 * TCP over non-blocking Winsock sockets and WSAPoll. The waker is a UDP socket
 * that sends to itself: WSAPoll waits for sockets alone. On the thread that owns
 * the streams.
 */
#include "common/sys/tcp.h"

#include <winsock2.h>
#include <ws2tcpip.h>
#include <windows.h>

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/sys/clock.h"
#include "win/oserr.h"
#include "win/sockaddr.h"

#define BACKLOG 128
/* WSAPoll of Windows before 10.0.19041 never tells that a connection failed;
 * so a connect is asked about by select, which does. */
#define CONNECT_SLICE_US 50000

struct spd_tcp {
    SOCKET socket;
};

struct spd_tcp_waker {
    SOCKET socket;
};

static const char *remedy(enum spd_err err)
{
    switch (err) {
    case SPD_ERR_IN_USE:
        return "; end the other program that has it, or choose another port";
    case SPD_ERR_PERM:
        return "; another program has it for itself alone, or Windows reserved it: choose another "
               "port";
    case SPD_ERR_NOT_FOUND:
        return "; no interface of this host has that address (ipconfig shows them)";
    case SPD_ERR_REFUSED:
        return "; nothing listens there: start it, or give the right port";
    case SPD_ERR_NET_UNREACHABLE:
    case SPD_ERR_HOST_UNREACHABLE:
        return "; check the address, the route and firewalls";
    default:
        return "";
    }
}

static enum spd_err explain(struct spd_diag *diag, const char *what, const struct spd_addr *addr,
                            int code)
{
    char addr_text[SPD_ADDR_TEXT_BYTES], text[SPD_OSERR_TEXT_BYTES];
    enum spd_err err = code == WSAETIMEDOUT ? SPD_ERR_TIMEOUT : spd_oserr_map((uint32_t)code);

    return spd_diag_set(diag, err, code, "cannot %s TCP %s: %s%s", what,
                        spd_addr_format(addr, addr_text), spd_oserr_text((uint32_t)code, text),
                        remedy(err));
}

static struct spd_tcp *stream_of(SOCKET socket)
{
    struct spd_tcp *stream = malloc(sizeof *stream);

    if (stream != NULL)
        stream->socket = socket;
    return stream;
}

static bool make_nonblocking(SOCKET s)
{
    u_long on = 1;

    return ioctlsocket(s, (long)FIONBIO, &on) == 0;
}

static SOCKET open_socket(int family, int type, int protocol)
{
    SOCKET s = WSASocketW(family, type, protocol, NULL, 0,
                          WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);

    if (s != INVALID_SOCKET && !make_nonblocking(s)) {
        int code = WSAGetLastError();

        closesocket(s);
        WSASetLastError(code);
        return INVALID_SOCKET;
    }
    return s;
}

static SOCKET open_stream(const struct spd_addr *addr)
{
    return open_socket(addr->family == SPD_FAMILY_IPV6 ? AF_INET6 : AF_INET, SOCK_STREAM,
                       IPPROTO_TCP);
}

static bool bind_to(SOCKET s, const struct spd_addr *local)
{
    SOCKADDR_INET address;
    int n = spd_sockaddr_from(local, &address);

    return bind(s, (struct sockaddr *)&address, n) == 0;
}

enum spd_err spd_tcp_listen(const struct spd_addr *local, struct spd_tcp **out,
                            struct spd_diag *diag)
{
    SOCKET s = open_stream(local);
    DWORD on = 1;

    if (s == INVALID_SOCKET)
        return explain(diag, "listen on", local, WSAGetLastError());
    /* Here SO_REUSEADDR would let another program take the port over. */
    (void)setsockopt(s, SOL_SOCKET, SO_EXCLUSIVEADDRUSE, (const char *)&on, sizeof on);
    if ((local->family == SPD_FAMILY_IPV6 &&
         setsockopt(s, IPPROTO_IPV6, IPV6_V6ONLY, (const char *)&on, sizeof on) != 0) ||
        !bind_to(s, local) || listen(s, BACKLOG) != 0) {
        int code = WSAGetLastError();

        closesocket(s);
        return explain(diag, "listen on", local, code);
    }
    *out = stream_of(s);
    if (*out == NULL) {
        closesocket(s);
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a connection");
    }
    return SPD_ERR_OK;
}

enum spd_err spd_tcp_accept(struct spd_tcp *listener, struct spd_tcp **out)
{
    struct spd_tcp *stream = stream_of(INVALID_SOCKET);

    if (stream == NULL)
        return SPD_ERR_LIMIT;
    stream->socket = accept(listener->socket, NULL, NULL);
    if (stream->socket == INVALID_SOCKET) {
        int code = WSAGetLastError();

        free(stream);
        if (code == WSAEWOULDBLOCK)
            return SPD_ERR_TIMEOUT;
        return code == WSAEMFILE || code == WSAENOBUFS ? SPD_ERR_LIMIT : SPD_ERR_IO;
    }
    if (!make_nonblocking(stream->socket)) {
        spd_tcp_close(stream);
        return SPD_ERR_IO;
    }
    *out = stream;
    return SPD_ERR_OK;
}

static spd_ns left_of(spd_ns timeout_ns, spd_ticks start)
{
    if (timeout_ns == SPD_NS_FOREVER)
        return SPD_NS_FOREVER;
    return timeout_ns - spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz());
}

/* Returns 0 or a code. */
static int finish_connect(SOCKET s, spd_ns timeout_ns)
{
    spd_ticks start = spd_clock_now();

    while (left_of(timeout_ns, start) > 0) {
        struct timeval slice = { .tv_usec = CONNECT_SLICE_US };
        fd_set written, failed;
        int code = 0, n = sizeof code, rc;

        FD_ZERO(&written);
        FD_ZERO(&failed);
        FD_SET(s, &written);
        FD_SET(s, &failed);
        rc = select(0, NULL, &written, &failed, &slice);
        if (rc < 0)
            return WSAGetLastError();
        if (rc == 0)
            continue;
        if (getsockopt(s, SOL_SOCKET, SO_ERROR, (char *)&code, &n) != 0)
            return WSAGetLastError();
        return FD_ISSET(s, &failed) && code == 0 ? WSAECONNREFUSED : code;
    }
    return WSAETIMEDOUT;
}

enum spd_err spd_tcp_connect(const struct spd_addr *remote, const struct spd_addr *local,
                             spd_ns timeout_ns, struct spd_tcp **out, struct spd_diag *diag)
{
    SOCKADDR_INET address;
    int n = spd_sockaddr_from(remote, &address), code = 0;
    SOCKET s = open_stream(remote);

    if (s == INVALID_SOCKET)
        return explain(diag, "connect to", remote, WSAGetLastError());
    if (local != NULL && local->family != SPD_FAMILY_NONE && !bind_to(s, local)) {
        code = WSAGetLastError();
        closesocket(s);
        return explain(diag, "connect from", local, code);
    }
    if (connect(s, (struct sockaddr *)&address, n) != 0) {
        code = WSAGetLastError();
        if (code == WSAEWOULDBLOCK)
            code = finish_connect(s, timeout_ns);
    }
    if (code == 0) {
        *out = stream_of(s);
        if (*out != NULL)
            return SPD_ERR_OK;
        closesocket(s);
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a connection");
    }
    closesocket(s);
    return explain(diag, "connect to", remote, code);
}

void spd_tcp_local(const struct spd_tcp *stream, struct spd_addr *out)
{
    SOCKADDR_INET address;
    int n = sizeof address;

    memset(out, 0, sizeof *out);
    if (getsockname(stream->socket, (struct sockaddr *)&address, &n) == 0)
        spd_sockaddr_to(&address, out);
}

void spd_tcp_peer(const struct spd_tcp *stream, struct spd_addr *out)
{
    SOCKADDR_INET address;
    int n = sizeof address;

    memset(out, 0, sizeof *out);
    if (getpeername(stream->socket, (struct sockaddr *)&address, &n) == 0)
        spd_sockaddr_to(&address, out);
}

static int at_most_int(size_t n)
{
    return n < INT32_MAX ? (int)n : INT32_MAX;
}

enum spd_err spd_tcp_read(struct spd_tcp *stream, void *out, size_t capacity, size_t *n_out)
{
    int n = recv(stream->socket, out, at_most_int(capacity), 0);

    if (n < 0)
        return WSAGetLastError() == WSAEWOULDBLOCK ? SPD_ERR_TIMEOUT : SPD_ERR_IO;
    if (n == 0)
        return SPD_ERR_CLOSED;
    *n_out = (size_t)n;
    return SPD_ERR_OK;
}

enum spd_err spd_tcp_write(struct spd_tcp *stream, const void *bytes, size_t n, size_t *n_written)
{
    int rc;

    SPD_ASSERT(n > 0);
    rc = send(stream->socket, bytes, at_most_int(n), 0);
    if (rc < 0)
        return WSAGetLastError() == WSAEWOULDBLOCK ? SPD_ERR_TIMEOUT : SPD_ERR_IO;
    *n_written = (size_t)rc;
    return SPD_ERR_OK;
}

void spd_tcp_close(struct spd_tcp *stream)
{
    if (stream == NULL)
        return;
    if (stream->socket != INVALID_SOCKET)
        closesocket(stream->socket);
    free(stream);
}

/* A socket bound to loopback and connected to itself takes nobody else's
 * datagrams. */
static bool connect_to_itself(SOCKET s)
{
    struct sockaddr_in address = { .sin_family = AF_INET };
    int n = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    return bind(s, (struct sockaddr *)&address, sizeof address) == 0 &&
           getsockname(s, (struct sockaddr *)&address, &n) == 0 &&
           connect(s, (struct sockaddr *)&address, sizeof address) == 0;
}

enum spd_err spd_tcp_waker_create(struct spd_tcp_waker **out, struct spd_diag *diag)
{
    struct spd_tcp_waker *waker = malloc(sizeof *waker);
    char text[SPD_OSERR_TEXT_BYTES];
    int code;

    if (waker == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the control thread");
    waker->socket = open_socket(AF_INET, SOCK_DGRAM, IPPROTO_UDP);
    if (waker->socket != INVALID_SOCKET && connect_to_itself(waker->socket)) {
        *out = waker;
        return SPD_ERR_OK;
    }
    code = WSAGetLastError();
    spd_tcp_waker_destroy(waker);
    return spd_diag_set(diag, spd_oserr_map((uint32_t)code), code,
                        "cannot wake the control thread: %s", spd_oserr_text((uint32_t)code, text));
}

void spd_tcp_waker_wake(struct spd_tcp_waker *waker)
{
    /* When there is no room, enough wakes wait already. */
    (void)send(waker->socket, "", 1, 0);
}

void spd_tcp_waker_destroy(struct spd_tcp_waker *waker)
{
    if (waker == NULL)
        return;
    if (waker->socket != INVALID_SOCKET)
        closesocket(waker->socket);
    free(waker);
}

static void clear(const struct spd_tcp_waker *waker)
{
    char octet;

    while (recv(waker->socket, &octet, 1, 0) > 0)
        ;
}

static int poll_ms(spd_ns left_ns)
{
    spd_ns ms = left_ns / SPD_NS_PER_MS + (left_ns % SPD_NS_PER_MS != 0);

    return left_ns <= 0 ? 0 : ms < INT32_MAX ? (int)ms : INT32_MAX;
}

/* Returns how many of the n_fds have something, 0 for time-out, -1 for failure. */
static int poll_for(WSAPOLLFD *fds, ULONG n_fds, spd_ns timeout_ns)
{
    spd_ticks start = spd_clock_now();
    spd_ns left_ns = timeout_ns;
    int rc;

    /* WSAPoll refuses an empty set. */
    if (n_fds == 0) {
        while ((left_ns = left_of(timeout_ns, start)) > 0)
            Sleep((DWORD)poll_ms(left_ns));
        return 0;
    }
    do {
        rc = WSAPoll(fds, n_fds, poll_ms(left_ns));
        left_ns = left_of(timeout_ns, start);
    } while (rc == 0 && left_ns > 0);
    return rc;
}

enum spd_err spd_tcp_wait(struct spd_tcp_want *wants, size_t n, struct spd_tcp_waker *waker,
                          spd_ns timeout_ns)
{
    WSAPOLLFD fds[SPD_TCP_WANTS_MAX + 1];
    size_t place[SPD_TCP_WANTS_MAX];
    ULONG n_fds = 0;
    int rc;

    SPD_ASSERT(n <= SPD_TCP_WANTS_MAX);
    if (waker)
        fds[n_fds++] = (WSAPOLLFD){ .fd = waker->socket, .events = POLLRDNORM };
    for (size_t i = 0; i < n; i++) {
        wants[i].is_readable = wants[i].is_writable = false;
        place[i] = SIZE_MAX;
        if (!wants[i].read && !wants[i].write)
            continue;
        place[i] = n_fds;
        fds[n_fds++] = (WSAPOLLFD){
            .fd = wants[i].stream->socket,
            .events = (short)((wants[i].read ? POLLRDNORM : 0) | (wants[i].write ? POLLWRNORM : 0)),
        };
    }
    rc = poll_for(fds, n_fds, timeout_ns);
    if (rc <= 0)
        return rc == 0 ? SPD_ERR_TIMEOUT : SPD_ERR_IO;
    if (waker && fds[0].revents != 0)
        clear(waker);
    for (size_t i = 0; i < n; i++) {
        short events = place[i] == SIZE_MAX ? 0 : fds[place[i]].revents;
        bool failed = events & (POLLERR | POLLHUP | POLLNVAL);

        wants[i].is_readable = wants[i].read && (failed || (events & POLLRDNORM));
        wants[i].is_writable = wants[i].write && (failed || (events & POLLWRNORM));
    }
    return SPD_ERR_OK;
}
