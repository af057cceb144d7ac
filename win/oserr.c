/*
 * Windows' error codes in our vocabulary. Any thread; spd_oserr_map takes no lock
 * and allocates nothing, so that completions can be judged on the hot path;
 * spd_oserr_text is for messages only and never called there.
 */
#include <winsock2.h>
#include <windows.h>
#include <winternl.h>

#include <stdio.h>
#include <string.h>

#include "win/oserr.h"

/* STATUS_SUCCESS up to the informational values count as done. */
#define STATUS_IS_DONE(status) ((status) >= 0)

struct error_row {
    uint32_t code;
    enum spd_err err;
    const char *name;
};

#define ROW(name, err)                                                                             \
    {                                                                                              \
        (uint32_t)(name), SPD_ERR_##err, #name                                                     \
    }

static const struct error_row rows[] = {
    ROW(ERROR_SUCCESS, OK),
    ROW(ERROR_FILE_NOT_FOUND, NOT_FOUND),
    ROW(ERROR_PATH_NOT_FOUND, NOT_FOUND),
    ROW(ERROR_ACCESS_DENIED, PERM),
    ROW(ERROR_INVALID_HANDLE, CLOSED),
    ROW(ERROR_NOT_ENOUGH_MEMORY, NOMEM),
    ROW(ERROR_OUTOFMEMORY, NOMEM),
    ROW(ERROR_NOT_SUPPORTED, NOTSUP),
    ROW(ERROR_INVALID_PARAMETER, INVALID),
    ROW(ERROR_CALL_NOT_IMPLEMENTED, NOTSUP),
    ROW(ERROR_SEM_TIMEOUT, TIMEOUT),
    ROW(ERROR_BROKEN_PIPE, CLOSED),
    ROW(ERROR_PIPE_BUSY, IN_USE),
    ROW(ERROR_NO_DATA, CLOSED),
    ROW(ERROR_PIPE_NOT_CONNECTED, CLOSED),
    ROW(ERROR_MORE_DATA, TRUNCATED),
    ROW(ERROR_MAX_THRDS_REACHED, LIMIT),
    ROW(WAIT_TIMEOUT, TIMEOUT),
    ROW(ERROR_ABANDONED_WAIT_0, CLOSED),
    ROW(ERROR_OPERATION_ABORTED, CANCELLED),
    ROW(ERROR_NOT_FOUND, NOT_FOUND),
    ROW(ERROR_CONNECTION_REFUSED, REFUSED),
    ROW(ERROR_NETWORK_UNREACHABLE, NET_UNREACHABLE),
    ROW(ERROR_HOST_UNREACHABLE, HOST_UNREACHABLE),
    ROW(ERROR_PROTOCOL_UNREACHABLE, REFUSED),
    ROW(ERROR_PORT_UNREACHABLE, REFUSED),
    ROW(ERROR_SERVICE_REQUEST_TIMEOUT, TIMEOUT),
    ROW(ERROR_SERVICE_ALREADY_RUNNING, IN_USE),
    ROW(ERROR_SERVICE_DISABLED, PROHIBITED),
    ROW(ERROR_SERVICE_DOES_NOT_EXIST, NOT_FOUND),
    ROW(ERROR_FAILED_SERVICE_CONTROLLER_CONNECT, PERM),
    ROW(ERROR_SERVICE_MARKED_FOR_DELETE, IN_USE),
    ROW(ERROR_SERVICE_EXISTS, IN_USE),
    ROW(ERROR_INVALID_LEVEL, NOTSUP),
    ROW(ERROR_PRIVILEGE_NOT_HELD, PERM),
    ROW(ERROR_NONE_MAPPED, NOT_FOUND),
    ROW(ERROR_NO_SYSTEM_RESOURCES, NO_BUFFERS),
    ROW(ERROR_WORKING_SET_QUOTA, NOMEM),
    ROW(ERROR_COMMITMENT_LIMIT, NOMEM),
    ROW(WSAEINTR, INTERRUPTED),
    ROW(WSAEBADF, CLOSED),
    ROW(WSAEACCES, PERM),
    ROW(WSAEFAULT, INVALID),
    ROW(WSAEINVAL, INVALID),
    ROW(WSAEMFILE, LIMIT),
    ROW(WSAENOTSOCK, CLOSED),
    ROW(WSAEDESTADDRREQ, INVALID),
    ROW(WSAEMSGSIZE, TOO_BIG),
    ROW(WSAENOPROTOOPT, NOTSUP),
    ROW(WSAEPROTONOSUPPORT, NOTSUP),
    ROW(WSAESOCKTNOSUPPORT, NOTSUP),
    ROW(WSAEOPNOTSUPP, NOTSUP),
    ROW(WSAEPFNOSUPPORT, NOTSUP),
    ROW(WSAEAFNOSUPPORT, NOTSUP),
    ROW(WSAEADDRINUSE, IN_USE),
    ROW(WSAEADDRNOTAVAIL, NOT_FOUND),
    ROW(WSAENETDOWN, NET_UNREACHABLE),
    ROW(WSAENETUNREACH, NET_UNREACHABLE),
    /* For a datagram socket: the time to live of an earlier send expired. */
    ROW(WSAENETRESET, HOST_UNREACHABLE),
    ROW(WSAECONNABORTED, CANCELLED),
    /* For a datagram socket: ICMP port unreachable answered an earlier send. */
    ROW(WSAECONNRESET, REFUSED),
    ROW(WSAENOBUFS, NO_BUFFERS),
    ROW(WSAENOTCONN, INVALID),
    ROW(WSAESHUTDOWN, CLOSED),
    ROW(WSAETIMEDOUT, TIMEOUT),
    ROW(WSAECONNREFUSED, REFUSED),
    ROW(WSAEHOSTDOWN, HOST_UNREACHABLE),
    ROW(WSAEHOSTUNREACH, HOST_UNREACHABLE),
    ROW(WSAEPROCLIM, LIMIT),
    ROW(WSASYSNOTREADY, NOTSUP),
    ROW(WSAVERNOTSUPPORTED, NOTSUP),
    ROW(WSANOTINITIALISED, INTERNAL),
    ROW(WSAHOST_NOT_FOUND, NOT_FOUND),
    ROW(WSATRY_AGAIN, TIMEOUT),
    ROW(WSANO_RECOVERY, IO),
    ROW(WSANO_DATA, NOT_FOUND),
};

static const struct error_row *find_row(uint32_t code)
{
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (rows[i].code == code)
            return &rows[i];
    return NULL;
}

enum spd_err spd_oserr_map(uint32_t code)
{
    const struct error_row *row = find_row(code);

    return row != NULL ? row->err : SPD_ERR_IO;
}

/* The system's own sentence, lower-cased at the start and without its full
 * stop and line end, so that it fits into a message of ours. */
static size_t system_text(uint32_t code, char *text, size_t capacity)
{
    wchar_t wide[SPD_OSERR_TEXT_BYTES];
    DWORD n_wide = FormatMessageW(FORMAT_MESSAGE_FROM_SYSTEM | FORMAT_MESSAGE_IGNORE_INSERTS, NULL,
                                  code, 0, wide, SPD_OSERR_TEXT_BYTES, NULL);

    while (n_wide > 0 && (wide[n_wide - 1] <= L' ' || wide[n_wide - 1] == L'.'))
        n_wide--;
    if (n_wide == 0)
        return 0;
    int n = WideCharToMultiByte(CP_UTF8, 0, wide, (int)n_wide, text, (int)capacity, NULL, NULL);
    if (n <= 0 || memchr(text, '\n', (size_t)n) != NULL)
        return 0;
    if (text[0] >= 'A' && text[0] <= 'Z' && n > 1 && text[1] >= 'a' && text[1] <= 'z')
        text[0] = (char)(text[0] - 'A' + 'a');
    return (size_t)n;
}

const char *spd_oserr_text(uint32_t code, char text[SPD_OSERR_TEXT_BYTES])
{
    const struct error_row *row = find_row(code);
    /* Leave room for the symbol and the number. */
    size_t n = system_text(code, text, SPD_OSERR_TEXT_BYTES - 48);

    if (n == 0)
        n = (size_t)snprintf(text, SPD_OSERR_TEXT_BYTES - 48, "%s",
                             spd_err_text(spd_oserr_map(code)));
    snprintf(text + n, SPD_OSERR_TEXT_BYTES - n, " (%s %lu)", row != NULL ? row->name : "error",
             (unsigned long)code);
    return text;
}

uint32_t spd_oserr_of_status(int32_t status)
{
    if (STATUS_IS_DONE(status))
        return 0;
    return RtlNtStatusToDosError((NTSTATUS)status);
}
