/*
 * Wrappers that fail on demand; see posix_faults.h. Each stands before the call
 * of the same name: __wrap_x is called for x, __real_x is x itself.
 */
#include "tests/sys/posix_faults.h"

#include <errno.h>
#include <grp.h>
#include <liburing.h>
#include <netdb.h>
#include <poll.h>
#include <pthread.h>
#include <pwd.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* WRAP: failure sets errno and gives a value. WRAP_CODE: it gives the errno,
 * sign it has. */
#define WRAP(type, name, parameters, arguments, value, ways)                                       \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        int code = fault_of(#name, ways);                                                          \
                                                                                                   \
        if (code != 0) {                                                                           \
            errno = code;                                                                          \
            return value;                                                                          \
        }                                                                                          \
        return __real_##name arguments;                                                            \
    }

#define WRAP_CODE(name, parameters, arguments, sign, ways)                                         \
    int __real_##name parameters;                                                                  \
    int __wrap_##name parameters;                                                                  \
    int __wrap_##name parameters                                                                   \
    {                                                                                              \
        int code = fault_of(#name, ways);                                                          \
                                                                                                   \
        return code != 0 ? sign code : __real_##name arguments;                                    \
    }

WRAP(int, mlock, (const void *at, size_t n), (at, n), -1, WAYS(ENOMEM, EPERM, EAGAIN))
WRAP(int, mlock2, (const void *at, size_t n, unsigned flags), (at, n, flags), -1,
     WAYS(ENOMEM, EPERM, ENOSYS))

/* --- descriptors and sockets --- */

WRAP(int, eventfd, (unsigned first, int flags), (first, flags), -1, WAYS(EMFILE, ENFILE, ENOMEM))
WRAP(int, socket, (int family, int type, int protocol), (family, type, protocol), -1,
     WAYS(EMFILE, EAFNOSUPPORT, ENOBUFS))
WRAP(int, bind, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1,
     WAYS(EADDRINUSE, EACCES, EADDRNOTAVAIL))
WRAP(int, connect, (int fd, const struct sockaddr *a, socklen_t n), (fd, a, n), -1,
     WAYS(ENETUNREACH, EHOSTUNREACH, EACCES))
WRAP(int, setsockopt, (int fd, int level, int name, const void *value, socklen_t n),
     (fd, level, name, value, n), -1, WAYS(EPERM, ENOPROTOOPT, ENOMEM))
WRAP(int, getsockopt, (int fd, int level, int name, void *value, socklen_t *n),
     (fd, level, name, value, n), -1, WAYS(ENOPROTOOPT, ENOBUFS))
WRAP(int, getsockname, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), -1, WAYS(ENOBUFS))
WRAP(int, getpeername, (int fd, struct sockaddr *a, socklen_t *n), (fd, a, n), -1, WAYS(ENOTCONN))
WRAP(int, listen, (int fd, int backlog), (fd, backlog), -1, WAYS(EADDRINUSE, EOPNOTSUPP))
WRAP(int, accept4, (int fd, struct sockaddr *a, socklen_t *n, int flags), (fd, a, n, flags), -1,
     WAYS(ONCE(EINTR), EMFILE, ECONNABORTED))
WRAP(int, poll, (struct pollfd * fds, nfds_t n, int limit_ms), (fds, n, limit_ms), -1,
     WAYS(ENOMEM, ONCE(EINTR)))
WRAP(ssize_t, send, (int fd, const void *data, size_t n, int flags), (fd, data, n, flags), -1,
     WAYS(ONCE(ENOBUFS), ONCE(EPERM), ONCE(EHOSTUNREACH)))
WRAP(ssize_t, sendto,
     (int fd, const void *data, size_t n, int flags, const struct sockaddr *a, socklen_t n_a),
     (fd, data, n, flags, a, n_a), -1, WAYS(ONCE(ENOBUFS), ONCE(EPERM), ONCE(ENETUNREACH)))
WRAP(ssize_t, sendmsg, (int fd, const struct msghdr *message, int flags), (fd, message, flags), -1,
     WAYS(ONCE(ENOBUFS), ONCE(EPERM), ONCE(EINVAL)))
WRAP(ssize_t, recv, (int fd, void *data, size_t n, int flags), (fd, data, n, flags), -1,
     WAYS(ONCE(ENOBUFS), ONCE(EINTR)))
WRAP(int, recvmmsg, (int fd, struct mmsghdr *m, unsigned n, int flags, struct timespec *t),
     (fd, m, n, flags, t), -1, WAYS(ONCE(ENOMEM), ONCE(EINTR), ONCE(EAGAIN)))
WRAP(int, ppoll,
     (struct pollfd * fds, nfds_t n, const struct timespec *limit, const sigset_t *signals),
     (fds, n, limit, signals), -1, WAYS(ENOMEM, ONCE(EINTR)))
WRAP(ssize_t, read, (int fd, void *data, size_t n), (fd, data, n), -1, WAYS(EIO, ONCE(EINTR)))
WRAP(ssize_t, write, (int fd, const void *data, size_t n), (fd, data, n), -1, WAYS(ONCE(EINTR)))

WRAP(int, fsync, (int fd), (fd), -1, WAYS(EIO, ENOSPC, ONCE(EINTR)))

WRAP(int, flock, (int fd, int what), (fd, what), -1, WAYS(EWOULDBLOCK, ENOLCK, ONCE(EINTR)))
WRAP(int, chmod, (const char *path, mode_t mode), (path, mode), -1, WAYS(EROFS, EPERM))
WRAP(int, mkdir, (const char *path, mode_t mode), (path, mode), -1, WAYS(EACCES, ENOSPC))
WRAP(int, stat, (const char *path, struct stat *info), (path, info), -1, WAYS(EACCES))
WRAP(int, lstat, (const char *path, struct stat *info), (path, info), -1, WAYS(EACCES))
WRAP(int, fstat, (int fd, struct stat *info), (fd, info), -1, WAYS(EIO))
WRAP(int, unlink, (const char *path), (path), -1, WAYS(EROFS))
WRAP(int, rename, (const char *from, const char *to), (from, to), -1, WAYS(EROFS, ENOSPC))
WRAP(ssize_t, readlink, (const char *path, char *out, size_t n), (path, out, n), -1, WAYS(ENOENT))

/* --- other programs --- */

WRAP(int, pipe2, (int fds[2], int flags), (fds, flags), -1, WAYS(EMFILE, ENFILE))
WRAP(pid_t, waitpid, (pid_t pid, int *status, int flags), (pid, status, flags), -1,
     WAYS(ONCE(EINTR)))
WRAP_CODE(posix_spawnp,
          (pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions,
           const posix_spawnattr_t *attributes, char *const argv[], char *const environment[]),
          (pid, file, actions, attributes, argv, environment), , WAYS(ENOENT, EAGAIN, ENOMEM))
WRAP_CODE(posix_spawn_file_actions_init, (posix_spawn_file_actions_t * actions), (actions), ,
          WAYS(ENOMEM))
WRAP_CODE(posix_spawn_file_actions_addopen,
          (posix_spawn_file_actions_t * actions, int fd, const char *path, int flags, mode_t mode),
          (actions, fd, path, flags, mode), , WAYS(ENOMEM))
WRAP_CODE(posix_spawn_file_actions_adddup2,
          (posix_spawn_file_actions_t * actions, int fd, int as), (actions, fd, as), , WAYS(ENOMEM))

/* Variable arguments: there is one more at most, passed on as it came. */
#define WRAP_VARIADIC(name, first_type, second_type, ways)                                         \
    int __real_##name(first_type first, second_type second, ...);                                  \
    int __wrap_##name(first_type first, second_type second, ...);                                  \
    int __wrap_##name(first_type first, second_type second, ...)                                   \
    {                                                                                              \
        int code = fault_of(#name, ways);                                                          \
        va_list rest;                                                                              \
        void *third;                                                                               \
                                                                                                   \
        if (code != 0) {                                                                           \
            errno = code;                                                                          \
            return -1;                                                                             \
        }                                                                                          \
        va_start(rest, second);                                                                    \
        third = va_arg(rest, void *);                                                              \
        va_end(rest);                                                                              \
        return __real_##name(first, second, third);                                                \
    }

WRAP_VARIADIC(ioctl, int, unsigned long, WAYS(ENOTTY, EINVAL))
WRAP_VARIADIC(fcntl, int, int, WAYS(EBADF, EINVAL))
WRAP_VARIADIC(open, const char *, int, WAYS(ENOENT, EMFILE, EACCES))

/* --- rings --- */

WRAP_CODE(io_uring_queue_init_params,
          (unsigned n, struct io_uring *ring, struct io_uring_params *parameters),
          (n, ring, parameters), -, WAYS(ENOMEM, EPERM, EINVAL))
WRAP_CODE(io_uring_setup, (unsigned n, struct io_uring_params *parameters), (n, parameters), -,
          WAYS(ENOSYS, EPERM, EMFILE))
WRAP_CODE(io_uring_register_files_sparse, (struct io_uring * ring, unsigned n), (ring, n), -,
          WAYS(ENOMEM, EINVAL, EMFILE))
WRAP_CODE(io_uring_register, (unsigned fd, unsigned what, const void *argument, unsigned n),
          (fd, what, argument, n), -, WAYS(EBADFD, EINVAL, ENOMEM))
/* Filling a slot may fail; emptying one (with -1) needs nothing that could be
 * missing. */
WRAP_CODE(io_uring_register_files_update,
          (struct io_uring * ring, unsigned at, const int *files, unsigned n), (ring, at, files, n),
          -, *files >= 0 ? WAYS(ENOMEM, EBADF) : NEVER)
WRAP_CODE(io_uring_register_buf_ring,
          (struct io_uring * ring, struct io_uring_buf_reg *buffers, unsigned flags),
          (ring, buffers, flags), -, WAYS(ENOMEM, EINVAL, EEXIST))
WRAP_CODE(io_uring_enter, (unsigned fd, unsigned n, unsigned n_wait, unsigned flags, sigset_t *set),
          (fd, n, n_wait, flags, set), -, WAYS(ONCE(EINTR), ONCE(EAGAIN), ONCE(EBADR)))
WRAP_CODE(io_uring_enter2,
          (unsigned fd, unsigned n, unsigned n_wait, unsigned flags, sigset_t *set, size_t n_set),
          (fd, n, n_wait, flags, set, n_set), -, WAYS(ONCE(EINTR), ONCE(EAGAIN), ONCE(EBADR)))
WRAP(struct io_uring_probe *, io_uring_get_probe_ring, (struct io_uring * ring), (ring), NULL,
     WAYS(ENOMEM))

/* --- threads and signals --- */

WRAP_CODE(pthread_create,
          (pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *),
           void *argument),
          (thread, attributes, run, argument), , WAYS(EAGAIN))
WRAP_CODE(pthread_mutex_init, (pthread_mutex_t * mutex, const pthread_mutexattr_t *attributes),
          (mutex, attributes), , WAYS(ENOMEM, EAGAIN))
WRAP_CODE(pthread_cond_init, (pthread_cond_t * condition, const pthread_condattr_t *attributes),
          (condition, attributes), , WAYS(ENOMEM, EAGAIN))
WRAP_CODE(pthread_condattr_init, (pthread_condattr_t * attributes), (attributes), , WAYS(ENOMEM))
WRAP_CODE(pthread_condattr_setclock, (pthread_condattr_t * attributes, clockid_t clock),
          (attributes, clock), , WAYS(EINVAL))
WRAP_CODE(pthread_setspecific, (pthread_key_t key, const void *value), (key, value), ,
          value != NULL ? WAYS(ENOMEM) : NEVER) /* likewise */
WRAP_CODE(pthread_setname_np, (pthread_t thread, const char *name), (thread, name), , WAYS(ERANGE))
WRAP_CODE(pthread_sigmask, (int how, const sigset_t *set, sigset_t *old), (how, set, old), ,
          how == SIG_BLOCK ? WAYS(EINVAL) : NEVER) /* a mask that was there goes back */
WRAP(int, sigaction, (int number, const struct sigaction *action, struct sigaction *old),
     (number, action, old), -1, WAYS(EINVAL))
WRAP(int, sigwaitinfo, (const sigset_t *set, siginfo_t *info), (set, info), -1, WAYS(ONCE(EINTR)))
WRAP(int, sigtimedwait, (const sigset_t *set, siginfo_t *info, const struct timespec *t),
     (set, info, t), -1, WAYS(ONCE(EINTR)))
WRAP_CODE(clock_nanosleep,
          (clockid_t clock, int flags, const struct timespec *t, struct timespec *left),
          (clock, flags, t, left), , WAYS(ONCE(EINTR)))

/* --- questions to the system --- */

WRAP(int, getrlimit, (__rlimit_resource_t resource, struct rlimit *limit), (resource, limit), -1,
     WAYS(EINVAL))
WRAP(int, setrlimit, (__rlimit_resource_t resource, const struct rlimit *limit), (resource, limit),
     -1, WAYS(EPERM))
WRAP(FILE *, open_memstream, (char **bytes, size_t *n), (bytes, n), NULL, WAYS(ENOMEM))
WRAP(ssize_t, getrandom, (void *out, size_t n, unsigned flags), (out, n, flags), -1,
     WAYS(ONCE(EINTR), ENOSYS))
WRAP(long, sysconf, (int name), (name), -1, WAYS(EINVAL))
WRAP(int, adjtimex, (struct timex * state), (state), -1, WAYS(EPERM))
WRAP(int, clock_getres, (clockid_t clock, struct timespec *t), (clock, t), -1, WAYS(EINVAL))
WRAP(int, getrusage, (__rusage_who_t who, struct rusage *usage), (who, usage), -1, WAYS(EINVAL))
WRAP(int, uname, (struct utsname * names), (names), -1, WAYS(EFAULT))
WRAP(int, sched_setscheduler, (pid_t pid, int policy, const struct sched_param *parameter),
     (pid, policy, parameter), -1, WAYS(EPERM, EINVAL))
WRAP(int, sched_getscheduler, (pid_t pid), (pid), -1, WAYS(ESRCH))
WRAP(int, sched_getparam, (pid_t pid, struct sched_param *parameter), (pid, parameter), -1,
     WAYS(ESRCH))
WRAP(int, setpriority, (__priority_which_t which, id_t who, int value), (which, who, value), -1,
     WAYS(EACCES, EPERM))
WRAP(int, getpriority, (__priority_which_t which, id_t who), (which, who), -1, WAYS(ESRCH))
WRAP(unsigned, if_nametoindex, (const char *name), (name), 0, WAYS(ENODEV, EMFILE))

/* --- users: an answer that fails, one that needs more room, and none --- */

WRAP_CODE(getpwuid_r,
          (uid_t uid, struct passwd *entry, char *memory, size_t n, struct passwd **out),
          (uid, entry, memory, n, out), , WAYS(EIO, ERANGE, ONCE(EINTR)))
WRAP_CODE(getgrgid_r, (gid_t gid, struct group *entry, char *memory, size_t n, struct group **out),
          (gid, entry, memory, n, out), , WAYS(EIO, ERANGE, ONCE(EINTR)))
WRAP_CODE(getgrnam_r,
          (const char *name, struct group *entry, char *memory, size_t n, struct group **out),
          (name, entry, memory, n, out), , WAYS(EMFILE, ERANGE, ONCE(EINTR)))

int __real_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list);
int __wrap_getaddrinfo(const char *host, const char *service, const struct addrinfo *hints,
                       struct addrinfo **list)
{
    static const int results[] = { EAI_MEMORY, EAI_AGAIN, EAI_SYSTEM };
    int which = fault_of("getaddrinfo", WAYS(1, 2, 3));

    if (which != 0) {
        errno = EMFILE;
        return results[which - 1];
    }
    return __real_getaddrinfo(host, service, hints, list);
}
