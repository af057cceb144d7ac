/*
 * The life of a UDP socket: open, facts, cancel, close, and what is kept of
 * ICMP errors. Runs on the threads that own or share the socket; open and close
 * may block for a moment and are never called within a burst.
 */
#include "win/udp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <mstcpip.h>

#include "win/interface.h"
#include "win/oserr.h"
#include "win/sockaddr.h"
#include "win/wine.h"

#define DEFAULT_DATAGRAM_BYTES  2048
#define DEFAULT_QUEUED_RECEIVES 4096
#define MOST_DATAGRAM_BYTES     65535

/* What the person in front of the program can do about it. */
static const char *remedy(enum spd_err err, const struct spd_addr *addr)
{
    switch (err) {
    case SPD_ERR_IN_USE:
        return "; end the other program that has it, or choose another port";
    case SPD_ERR_PERM:
        return "; another program has it for itself alone, or Windows reserved it (netsh int ipv4 "
               "show excludedportrange udp): choose another port";
    case SPD_ERR_NOT_FOUND:
        return "; no interface of this host has that address (ipconfig shows them)";
    case SPD_ERR_NOTSUP:
        return addr->family == SPD_FAMILY_IPV6 ? "; IPv6 is not available on this host" : "";
    case SPD_ERR_LIMIT:
        return "; too many sockets are open";
    case SPD_ERR_NET_UNREACHABLE:
    case SPD_ERR_HOST_UNREACHABLE:
        return "; there is no route to it (route print shows them)";
    default:
        return "";
    }
}

static enum spd_err fail(struct spd_diag *diag, const char *what, const struct spd_addr *addr,
                         DWORD code)
{
    char addr_text[SPD_ADDR_TEXT_BYTES];
    char text[SPD_OSERR_TEXT_BYTES];
    enum spd_err err = spd_oserr_map(code);

    return spd_diag_set(diag, err, (int32_t)code, "cannot %s UDP %s: %s%s", what,
                        spd_addr_format(addr, addr_text), spd_oserr_text(code, text),
                        remedy(err, addr));
}

static enum spd_err check_config(const struct spd_udp_config *config, struct spd_diag *diag)
{
    uint8_t family = config->local.family;

    if (family != SPD_FAMILY_IPV4 && family != SPD_FAMILY_IPV6)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "a UDP socket needs a local address family");
    if (config->remote.family != SPD_FAMILY_NONE && config->remote.family != family)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "the local and the remote address differ in family");
    if (config->tclass < -1 || config->tclass > 255)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "a traffic class lies in 0..255, not %d",
                            config->tclass);
    if (config->ttl < 0 || config->ttl > 255)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "a TTL lies in 1..255, not %d", config->ttl);
    return SPD_ERR_OK;
}

/* The structure and its memory, with the socket still to come. */
static struct spd_udp *allocate(struct spd_cport *port, uintptr_t key,
                                const struct spd_udp_config *config)
{
    struct spd_udp *udp = calloc(1, sizeof *udp);

    if (udp == NULL)
        return NULL;
    udp->port = port;
    udp->key = key;
    udp->socket = INVALID_SOCKET;
    udp->family = config->local.family;
    udp->wine = spd_wine_is();
    udp->tclass = -1;
    udp->max_datagram_bytes = DEFAULT_DATAGRAM_BYTES;
    if (config->max_datagram_bytes != 0)
        udp->max_datagram_bytes = config->max_datagram_bytes < MOST_DATAGRAM_BYTES
                                      ? (uint32_t)config->max_datagram_bytes
                                      : MOST_DATAGRAM_BYTES;
    udp->max_queued_receives =
        config->max_queued_receives != 0 ? config->max_queued_receives : DEFAULT_QUEUED_RECEIVES;
    udp->n_scratch =
        (udp->max_queued_receives + SPD_WIN_SCRATCH_SHARERS - 1) / SPD_WIN_SCRATCH_SHARERS;
    udp->scratch = VirtualAlloc(NULL, udp->n_scratch * SPD_WIN_SCRATCH_BYTES,
                                MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (udp->scratch == NULL) {
        free(udp);
        return NULL;
    }
    atomic_store(&udp->n_references, 1);
    InitializeSRWLock(&udp->icmp_lock);
    return udp;
}

static void deallocate(struct spd_udp *udp)
{
    VirtualFree(udp->scratch, 0, MEM_RELEASE);
    free(udp);
}

static enum spd_err bind_and_connect(struct spd_udp *udp, const struct spd_udp_config *config,
                                     struct spd_diag *diag)
{
    SOCKADDR_INET address;
    int length = spd_sockaddr_from(&config->local, &address);

    if (bind(udp->socket, (const struct sockaddr *)&address, length) != 0)
        return fail(diag, "open", &config->local, (DWORD)WSAGetLastError());
    /* Wine binds to any IPv4 address. */
    if (udp->wine && !spd_addr_is_any(&config->local) && !spd_addr_is_multicast(&config->local) &&
        !spd_interface_is_local(&config->local))
        return fail(diag, "open", &config->local, WSAEADDRNOTAVAIL);
    if (config->remote.family != SPD_FAMILY_NONE) {
        length = spd_sockaddr_from(&config->remote, &address);
        if (connect(udp->socket, (const struct sockaddr *)&address, length) != 0)
            return fail(diag, "connect", &config->remote, (DWORD)WSAGetLastError());
        udp->remote = config->remote;
        udp->facts.connected = true;
    }
    length = (int)sizeof address;
    if (getsockname(udp->socket, (struct sockaddr *)&address, &length) != 0)
        return fail(diag, "open", &config->local, (DWORD)WSAGetLastError());
    spd_sockaddr_to(&address, &udp->facts.local);
    return SPD_ERR_OK;
}

static enum spd_err attach(struct spd_udp *udp, const struct spd_addr *local, struct spd_diag *diag)
{
    GUID id = WSAID_WSARECVMSG;
    DWORD n_bytes;

    if (WSAIoctl(udp->socket, SIO_GET_EXTENSION_FUNCTION_POINTER, &id, sizeof id,
                 &udp->receive_message, sizeof udp->receive_message, &n_bytes, NULL, NULL) != 0)
        return fail(diag, "receive with details on", local, (DWORD)WSAGetLastError());
    if (CreateIoCompletionPort((HANDLE)udp->socket, udp->port->iocp, udp->key, 0) == NULL)
        return fail(diag, "attach to a completion port", local, GetLastError());
    return SPD_ERR_OK;
}

/* The socket itself, as udp->config has it. */
static enum spd_err open_socket(struct spd_udp *udp, struct spd_diag *diag)
{
    const struct spd_udp_config *config = &udp->config;
    enum spd_err err;

    udp->socket =
        WSASocketW(udp->family == SPD_FAMILY_IPV4 ? AF_INET : AF_INET6, SOCK_DGRAM, IPPROTO_UDP,
                   NULL, 0, WSA_FLAG_OVERLAPPED | WSA_FLAG_NO_HANDLE_INHERIT);
    if (udp->socket == INVALID_SOCKET)
        return fail(diag, "open", &config->local, (DWORD)WSAGetLastError());
    err = spd_udp_options_before_bind(udp, config, diag);
    if (err == SPD_ERR_OK)
        err = bind_and_connect(udp, config, diag);
    if (err == SPD_ERR_OK)
        err = attach(udp, &config->local, diag);
    if (err != SPD_ERR_OK) {
        closesocket(udp->socket);
        udp->socket = INVALID_SOCKET;
        return err;
    }
    spd_udp_options_after_connect(udp, config);
    return SPD_ERR_OK;
}

enum spd_err spd_udp_open(struct spd_cport *port, uintptr_t key,
                          const struct spd_udp_config *config, struct spd_udp **out,
                          struct spd_diag *diag)
{
    enum spd_err err = check_config(config, diag);
    struct spd_udp *udp;

    if (err != SPD_ERR_OK)
        return err;
    if (atomic_load(&port->closed))
        return spd_diag_set(diag, SPD_ERR_CLOSED, 0, "the completion port is closed");
    udp = allocate(port, key, config);
    if (udp == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a UDP socket");
    udp->config = *config;
    err = open_socket(udp, diag);
    if (err != SPD_ERR_OK) {
        deallocate(udp);
        return err;
    }
    spd_cport_add_socket(port, udp);
    *out = udp;
    return SPD_ERR_OK;
}

enum spd_err spd_udp_open_again(struct spd_udp *udp)
{
    /* The port that the first socket got, not a new one. */
    udp->config.local = udp->facts.local;
    if (udp->socket != INVALID_SOCKET)
        closesocket(udp->socket);
    memset(udp->facts.note, 0, sizeof udp->facts.note);
    udp->marked = -1;
    return open_socket(udp, NULL);
}

void spd_udp_facts(const struct spd_udp *udp, struct spd_udp_facts *out)
{
    *out = udp->facts;
    /* Windows takes the request also for cards whose driver stamps nothing. */
    if (atomic_load(&udp->stamps_missing))
        out->receive_stamp = SPD_STAMP_NONE;
}

void spd_udp_release(struct spd_udp *udp)
{
    if (atomic_fetch_sub(&udp->n_references, 1) == 1)
        deallocate(udp);
}

void spd_udp_cancel_pending(struct spd_udp *udp)
{
    CancelIoEx((HANDLE)udp->socket, NULL);
}

/* Note that the end of these operations was asked for. */
static void ask_cancel(struct spd_udp *udp, struct spd_op *op)
{
    spd_cport_lock(udp->port);
    if (op != NULL)
        spd_win_op(op)->cancel_asked = true;
    else
        udp->cancelled_before = udp->next_issue_number;
    spd_cport_unlock(udp->port);
}

enum spd_err spd_udp_cancel(struct spd_udp *udp, struct spd_op *op)
{
    bool any;
    DWORD code;

    if (op != NULL && (op->in_flight == 0 || spd_win_op(op)->udp != udp))
        return SPD_ERR_NOT_FOUND;
    /* Only the handle itself: Wine would say yes to nothing. */
    if (atomic_load(&udp->n_references) == 1)
        return SPD_ERR_NOT_FOUND;
    any = spd_cport_cancel_queued(udp->port, udp, op) > 0;
    if (any && op != NULL)
        return SPD_ERR_OK;
    ask_cancel(udp, op);
    if (CancelIoEx((HANDLE)udp->socket, op != NULL ? &spd_win_op(op)->overlapped : NULL))
        return SPD_ERR_OK;
    code = GetLastError();
    if (any)
        return SPD_ERR_OK;
    return code == ERROR_NOT_FOUND ? SPD_ERR_NOT_FOUND : spd_oserr_map(code);
}

void spd_udp_close(struct spd_udp *udp)
{
    if (udp == NULL)
        return;
    /* First: whatever fails from now on was cancelled. */
    atomic_store(&udp->closing, true);
    spd_cport_remove_socket(udp->port, udp);
    spd_cport_cancel_queued(udp->port, udp, NULL);
    spd_qos_end(&udp->flow);
    /* Cancel before the close, whose own reports differ between systems. */
    spd_udp_cancel_pending(udp);
    closesocket(udp->socket);
    spd_udp_release(udp);
}

void spd_udp_keep_icmp_error(struct spd_udp *udp, enum spd_err err)
{
    struct spd_icmp_error *kept;

    AcquireSRWLockExclusive(&udp->icmp_lock);
    /* When nobody fetches them the oldest give way. */
    if (udp->n_icmp == SPD_WIN_ICMP_KEPT) {
        udp->icmp_first = (udp->icmp_first + 1) % SPD_WIN_ICMP_KEPT;
        udp->n_icmp--;
    }
    kept = &udp->icmp[(udp->icmp_first + udp->n_icmp++) % SPD_WIN_ICMP_KEPT];
    kept->err = err;
    kept->offender = (struct spd_addr){ .family = SPD_FAMILY_NONE };
    /* Windows does not say who sent it. A closed port is told by its host. */
    if (err == SPD_ERR_REFUSED)
        kept->offender = udp->remote;
    kept->offender.port = 0;
    ReleaseSRWLockExclusive(&udp->icmp_lock);
}

enum spd_err spd_udp_take_icmp_error(struct spd_udp *udp, enum spd_err *err, void *payload,
                                     size_t capacity, size_t *n_payload, struct spd_addr *offender)
{
    (void)payload; /* Windows keeps nothing of the datagram that caused it. */
    (void)capacity;
    *n_payload = 0;
    *offender = (struct spd_addr){ .family = SPD_FAMILY_NONE };
    *err = SPD_ERR_OK;
    AcquireSRWLockExclusive(&udp->icmp_lock);
    if (udp->n_icmp > 0) {
        *err = udp->icmp[udp->icmp_first].err;
        *offender = udp->icmp[udp->icmp_first].offender;
        udp->icmp_first = (udp->icmp_first + 1) % SPD_WIN_ICMP_KEPT;
        udp->n_icmp--;
    }
    ReleaseSRWLockExclusive(&udp->icmp_lock);
    return SPD_ERR_OK;
}

bool spd_udp_receive_drops(struct spd_udp *udp, uint64_t *n_dropped)
{
    (void)udp;
    (void)n_dropped;
    return false; /* Windows counts them for the whole host only. */
}

size_t spd_udp_buffer_cost(size_t n_bytes)
{
    /* Windows charges the payload. Wine's host charges the memory that it takes:
     * a power of two around the payload, its headers and their bookkeeping. */
    size_t data_bytes = 512;

    while (data_bytes < n_bytes + 448)
        data_bytes *= 2;
    return data_bytes + 320;
}
