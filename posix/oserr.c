/*
 * The table from errno to enum spd_err. Any thread; pure, so that also the
 * threads of a burst may use it.
 */
#include "posix/oserr.h"

#include <errno.h>
#include <stddef.h>
#include <string.h>

static const struct {
    int os_errno;
    enum spd_err err;
} table[] = {
    { 0, SPD_ERR_OK },
    { EINVAL, SPD_ERR_INVALID },
    { EDESTADDRREQ, SPD_ERR_INVALID },
    { ERANGE, SPD_ERR_RANGE },
    { EOVERFLOW, SPD_ERR_RANGE },
    { ENOMEM, SPD_ERR_NOMEM },
    { ENOSYS, SPD_ERR_NOTSUP },
    { EOPNOTSUPP, SPD_ERR_NOTSUP },
    { ENOPROTOOPT, SPD_ERR_NOTSUP },
    { EAFNOSUPPORT, SPD_ERR_NOTSUP },
    { EPROTONOSUPPORT, SPD_ERR_NOTSUP },
    { EPERM, SPD_ERR_PERM },
    { EACCES, SPD_ERR_PERM },
    { EADDRINUSE, SPD_ERR_IN_USE },
    { EBUSY, SPD_ERR_IN_USE },
    { ENOENT, SPD_ERR_NOT_FOUND },
    { ENODEV, SPD_ERR_NOT_FOUND },
    { ENXIO, SPD_ERR_NOT_FOUND },
    { EADDRNOTAVAIL, SPD_ERR_NOT_FOUND },
    { ETIMEDOUT, SPD_ERR_TIMEOUT },
    { ETIME, SPD_ERR_TIMEOUT },
    { EBADF, SPD_ERR_CLOSED },
    { ESHUTDOWN, SPD_ERR_CLOSED },
    { ECANCELED, SPD_ERR_CANCELLED },
    { ENOSPC, SPD_ERR_FULL },
    { EMFILE, SPD_ERR_LIMIT },
    { ENFILE, SPD_ERR_LIMIT },
    { EAGAIN, SPD_ERR_LIMIT },
    { EMSGSIZE, SPD_ERR_TOO_BIG },
    { ENOBUFS, SPD_ERR_NO_BUFFERS },
    { ECONNREFUSED, SPD_ERR_REFUSED },
    { EHOSTUNREACH, SPD_ERR_HOST_UNREACHABLE },
    { EHOSTDOWN, SPD_ERR_HOST_UNREACHABLE },
    { ENETUNREACH, SPD_ERR_NET_UNREACHABLE },
    { ENETDOWN, SPD_ERR_NET_UNREACHABLE },
    { EINTR, SPD_ERR_INTERRUPTED },
};

enum spd_err spd_oserr_map(int os_errno)
{
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        if (table[i].os_errno == os_errno) {
            return table[i].err;
        }
    }
    return SPD_ERR_IO;
}

const char *spd_oserr_name(int os_errno)
{
    const char *name = strerrorname_np(os_errno);

    return name != NULL ? name : "errno ?";
}
