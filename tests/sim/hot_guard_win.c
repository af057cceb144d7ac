/*
 * What must not be called in the hot section on Windows.
 */
#include <windows.h>

#include <stdarg.h>
#include <stdio.h>

#include "tests/sim/hot_guard.h"

uint64_t hot_guard_thread(void)
{
    return GetCurrentThreadId();
}

void hot_guard_mark(int mark)
{
    (void)mark;
}

/* Both ways to it: by the import table, and by the jump that the linker adds
 * where the header does not say that the function is imported. */
#define GUARD_IMPORT(type, name, parameters, arguments)                                            \
    extern type(WINAPI *__real___imp_##name) parameters;                                           \
    extern type(WINAPI *__wrap___imp_##name) parameters;                                           \
    type WINAPI __wrap_##name parameters;                                                          \
    type WINAPI __wrap_##name parameters                                                           \
    {                                                                                              \
        hot_guard_note(#name);                                                                     \
        return __real___imp_##name arguments;                                                      \
    }                                                                                              \
    type(WINAPI *__wrap___imp_##name) parameters = __wrap_##name;

/* Locks. */
GUARD_IMPORT(void, EnterCriticalSection, (LPCRITICAL_SECTION section), (section))
GUARD_IMPORT(void, AcquireSRWLockExclusive, (PSRWLOCK lock), (lock))
GUARD_IMPORT(void, AcquireSRWLockShared, (PSRWLOCK lock), (lock))
GUARD_IMPORT(DWORD, WaitForSingleObject, (HANDLE handle, DWORD ms), (handle, ms))
GUARD_IMPORT(BOOL, SleepConditionVariableSRW,
             (PCONDITION_VARIABLE condition, PSRWLOCK lock, DWORD ms, ULONG flags),
             (condition, lock, ms, flags))

/* Memory of the system's own. */
GUARD_IMPORT(LPVOID, HeapAlloc, (HANDLE heap, DWORD flags, SIZE_T n), (heap, flags, n))
GUARD_IMPORT(LPVOID, VirtualAlloc, (LPVOID at, SIZE_T n, DWORD type, DWORD protection),
             (at, n, type, protection))
GUARD_IMPORT(BOOL, VirtualFree, (LPVOID at, SIZE_T n, DWORD type), (at, n, type))

/* Files. */
GUARD_IMPORT(HANDLE, CreateFileW,
             (LPCWSTR path, DWORD access, DWORD share, LPSECURITY_ATTRIBUTES security,
              DWORD creation, DWORD flags, HANDLE pattern),
             (path, access, share, security, creation, flags, pattern))
GUARD_IMPORT(BOOL, WriteFile,
             (HANDLE file, LPCVOID from, DWORD n, LPDWORD n_written, LPOVERLAPPED overlapped),
             (file, from, n, n_written, overlapped))

/* Text: snprintf and its like are inline functions around these. */
#define GUARD(type, name, parameters, arguments)                                                   \
    type __real_##name parameters;                                                                 \
    type __wrap_##name parameters;                                                                 \
    type __wrap_##name parameters                                                                  \
    {                                                                                              \
        hot_guard_note(#name);                                                                     \
        return __real_##name arguments;                                                            \
    }

GUARD(int, __mingw_vsnprintf, (char *to, size_t n, const char *format, va_list arguments),
      (to, n, format, arguments))
GUARD(int, __mingw_vfprintf, (FILE * file, const char *format, va_list arguments),
      (file, format, arguments))
GUARD(int, __mingw_vprintf, (const char *format, va_list arguments), (format, arguments))

void hot_guard_offend(void)
{
    static SRWLOCK lock = SRWLOCK_INIT;
    char text[8];

    AcquireSRWLockExclusive(&lock);
    ReleaseSRWLockExclusive(&lock);
    (void)snprintf(text, sizeof(text), "%d", (int)GetCurrentThreadId() % 100);
}
