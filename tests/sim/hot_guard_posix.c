/*
 * What must not be called in the hot section on Linux.
 */
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "tests/sim/hot_guard.h"

uint64_t hot_guard_thread(void)
{
    return (uint64_t)(uintptr_t)pthread_self();
}

void hot_guard_mark(int mark)
{
    (void)getpriority(PRIO_PROCESS, (id_t)(0x5eed0 + mark));
}

/* A function whose arguments are passed on as they are. */
#define GUARD(type, name, parameters, arguments)                                                   \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        hot_guard_note(#name);                                                                     \
        return __real_##name arguments;                                                            \
    }

/* Locks. */
GUARD(int, pthread_mutex_lock, (pthread_mutex_t * mutex), (mutex))
GUARD(int, pthread_mutex_trylock, (pthread_mutex_t * mutex), (mutex))
GUARD(int, pthread_cond_wait, (pthread_cond_t * cond, pthread_mutex_t *mutex), (cond, mutex))
GUARD(int, pthread_cond_timedwait,
      (pthread_cond_t * cond, pthread_mutex_t *mutex, const struct timespec *until),
      (cond, mutex, until))
GUARD(int, pthread_cond_signal, (pthread_cond_t * cond), (cond))
GUARD(int, pthread_cond_broadcast, (pthread_cond_t * cond), (cond))
GUARD(int, pthread_rwlock_rdlock, (pthread_rwlock_t * lock), (lock))
GUARD(int, pthread_rwlock_wrlock, (pthread_rwlock_t * lock), (lock))
GUARD(int, sem_wait, (sem_t * semaphore), (semaphore))
GUARD(int, sem_post, (sem_t * semaphore), (semaphore))

/* Memory of the system's own. */
GUARD(int, posix_memalign, (void **out, size_t alignment, size_t n), (out, alignment, n))
GUARD(void *, aligned_alloc, (size_t alignment, size_t n), (alignment, n))
GUARD(void *, mmap, (void *at, size_t n, int protection, int flags, int fd, off_t offset),
      (at, n, protection, flags, fd, offset))
GUARD(int, munmap, (void *at, size_t n), (at, n))
GUARD(int, mprotect, (void *at, size_t n, int protection), (at, n, protection))
GUARD(int, madvise, (void *at, size_t n, int advice), (at, n, advice))
GUARD(int, mlock, (const void *at, size_t n), (at, n))

/* Files. */
GUARD(FILE *, fopen, (const char *path, const char *mode), (path, mode))
GUARD(int, fclose, (FILE * file), (file))
GUARD(int, fflush, (FILE * file), (file))
GUARD(int, fputs, (const char *text, FILE *file), (text, file))
GUARD(int, puts, (const char *text), (text))
GUARD(size_t, fwrite, (const void *from, size_t size, size_t n, FILE *file), (from, size, n, file))
GUARD(size_t, fread, (void *to, size_t size, size_t n, FILE *file), (to, size, n, file))
GUARD(ssize_t, write, (int fd, const void *from, size_t n), (fd, from, n))
GUARD(ssize_t, read, (int fd, void *to, size_t n), (fd, to, n))
GUARD(int, close, (int fd), (fd))

int __real_open(const char *path, int flags, ...);
int __wrap_open(const char *path, int flags, ...);

int __wrap_open(const char *path, int flags, ...)
{
    va_list arguments;
    mode_t mode;

    va_start(arguments, flags);
    mode = va_arg(arguments, mode_t); /* garbage where none was given, and unused */
    va_end(arguments);
    hot_guard_note("open");
    return __real_open(path, flags, mode);
}

/* Text. */
GUARD(int, vsnprintf, (char *to, size_t n, const char *format, va_list arguments),
      (to, n, format, arguments))
GUARD(int, vfprintf, (FILE * file, const char *format, va_list arguments),
      (file, format, arguments))

int __wrap_snprintf(char *to, size_t n, const char *format, ...);
int __wrap_fprintf(FILE *file, const char *format, ...);
int __wrap_printf(const char *format, ...);

int __wrap_snprintf(char *to, size_t n, const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = __wrap_vsnprintf(to, n, format, arguments);
    va_end(arguments);
    return written;
}

int __wrap_fprintf(FILE *file, const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = __wrap_vfprintf(file, format, arguments);
    va_end(arguments);
    return written;
}

int __wrap_printf(const char *format, ...)
{
    va_list arguments;
    int written;

    va_start(arguments, format);
    written = __wrap_vfprintf(stdout, format, arguments);
    va_end(arguments);
    return written;
}

void hot_guard_offend(void)
{
    static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
    char text[8];

    (void)pthread_mutex_lock(&mutex);
    (void)pthread_mutex_unlock(&mutex);
    (void)snprintf(text, sizeof(text), "%d", (int)getpid());
}
