/*
 * Pages, locks and the working set. Runs at set-up, on any thread; never within
 * a burst.
 */
#include "common/sys/pagemem.h"

#include <winsock2.h>
#include <windows.h>

#include <psapi.h>
#include <stdio.h>

#include "common/base/assert.h"
#include "win/oserr.h"
#include "win/wine.h"

/* What the process needs beside the memory that is to be guaranteed or locked:
 * its code, stacks and the C library. */
#define MARGIN_BYTES ((SIZE_T)8 << 20)

static DWORD page_bytes(void)
{
    static DWORD known;

    if (known == 0) {
        SYSTEM_INFO info;

        GetSystemInfo(&info);
        known = info.dwPageSize;
    }
    return known;
}

size_t spd_pagemem_page_bytes(void)
{
    return page_bytes();
}

/* Ask for a privilege that the account has but that is off by default. */
static void enable_privilege(const wchar_t *name)
{
    TOKEN_PRIVILEGES wanted = { .PrivilegeCount = 1 };
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_ADJUST_PRIVILEGES, &token))
        return;
    wanted.Privileges[0].Attributes = SE_PRIVILEGE_ENABLED;
    if (LookupPrivilegeValueW(NULL, name, &wanted.Privileges[0].Luid))
        AdjustTokenPrivileges(token, FALSE, &wanted, 0, NULL, NULL);
    CloseHandle(token);
}

/* Raise the bounds to at least minimum_bytes; hard when allowed. Returns the
 * error that refused even the soft minimum, or 0. */
static DWORD set_working_set(SIZE_T minimum_bytes, bool *hard)
{
    HANDLE process = GetCurrentProcess();
    SIZE_T minimum_now = 0;
    SIZE_T maximum_now = 0;
    SIZE_T maximum_bytes = minimum_bytes + MARGIN_BYTES;
    DWORD flags = 0;

    GetProcessWorkingSetSizeEx(process, &minimum_now, &maximum_now, &flags);
    if (minimum_bytes < minimum_now)
        minimum_bytes = minimum_now;
    if (maximum_bytes < maximum_now)
        maximum_bytes = maximum_now;
    enable_privilege(L"SeIncreaseWorkingSetPrivilege");
    *hard = true;
    if (SetProcessWorkingSetSizeEx(process, minimum_bytes, maximum_bytes,
                                   QUOTA_LIMITS_HARDWS_MIN_ENABLE |
                                       QUOTA_LIMITS_HARDWS_MAX_DISABLE))
        return 0;
    *hard = false;
    if (SetProcessWorkingSetSizeEx(process, minimum_bytes, maximum_bytes, 0))
        return 0;
    return GetLastError();
}

static void read_working_set(SIZE_T *minimum_bytes, DWORD *flags)
{
    SIZE_T maximum_bytes;

    *minimum_bytes = 0;
    *flags = 0;
    GetProcessWorkingSetSizeEx(GetCurrentProcess(), minimum_bytes, &maximum_bytes, flags);
}

void spd_working_set_enlarge(size_t minimum_bytes, struct spd_working_set *out)
{
    char text[SPD_OSERR_TEXT_BYTES];
    bool hard = false;
    SIZE_T minimum_now;
    DWORD flags;
    DWORD code = set_working_set(minimum_bytes, &hard);

    read_working_set(&minimum_now, &flags);
    out->requested_bytes = (int64_t)minimum_bytes;
    out->obtained_bytes = (int64_t)minimum_now;
    out->note[0] = '\0';
    if (spd_wine_is()) {
        /* It answers with a constant and changes nothing. */
        out->obtained_bytes = -1;
        snprintf(out->note, sizeof out->note,
                 "Wine takes the request without effect; only locked memory stays resident");
    } else if (code != 0) {
        snprintf(out->note, sizeof out->note,
                 "%s; grant the right \"Increase a process working set\"",
                 spd_oserr_text(code, text));
    } else if ((flags & QUOTA_LIMITS_HARDWS_MIN_ENABLE) == 0) {
        snprintf(out->note, sizeof out->note,
                 "Windows may go below it when memory is short (no hard minimum granted)");
    }
}

/* Lock the pages, with a larger working set when the present one is too small
 * for them. Returns 0 or the error. */
static DWORD lock_pages(void *memory, size_t n_bytes)
{
    SIZE_T minimum_now;
    DWORD flags;
    bool hard;
    DWORD code;

    if (VirtualLock(memory, n_bytes))
        return 0;
    code = GetLastError();
    if (code != ERROR_WORKING_SET_QUOTA && code != ERROR_NOT_ENOUGH_MEMORY)
        return code;
    read_working_set(&minimum_now, &flags);
    if (set_working_set(minimum_now + n_bytes + MARGIN_BYTES, &hard) != 0)
        return code;
    return VirtualLock(memory, n_bytes) ? 0 : GetLastError();
}

enum spd_err spd_pagemem_alloc(size_t n_bytes, void **out, size_t *locked_bytes,
                               struct spd_diag *diag)
{
    char text[SPD_OSERR_TEXT_BYTES];
    volatile unsigned char *touched;
    void *memory;
    DWORD code;

    SPD_ASSERT(n_bytes > 0 && n_bytes % page_bytes() == 0);
    memory = VirtualAlloc(NULL, n_bytes, MEM_RESERVE | MEM_COMMIT, PAGE_READWRITE);
    if (memory == NULL) {
        code = GetLastError();
        return spd_diag_set(diag, SPD_ERR_NOMEM, (int32_t)code,
                            "cannot get %zu bytes of memory: %s; ask for fewer or smaller packets",
                            n_bytes, spd_oserr_text(code, text));
    }
    code = lock_pages(memory, n_bytes);
    /* Touched also when locked: a page under Wine gets its frame only then. */
    touched = memory;
    for (size_t i = 0; i < n_bytes; i += page_bytes())
        touched[i] = 0;
    *out = memory;
    *locked_bytes = code == 0 ? n_bytes : 0;
    if (code != 0)
        spd_diag_set(diag, SPD_ERR_PERM, (int32_t)code,
                     "%zu bytes are not locked in memory: %s; %s", n_bytes,
                     spd_oserr_text(code, text),
                     spd_wine_is() ? "raise the host's lock limit (ulimit -l)"
                                   : "grant the right \"Increase a process working set\" or free "
                                     "memory");
    return SPD_ERR_OK;
}

void spd_pagemem_free(void *memory, size_t n_bytes)
{
    (void)n_bytes; /* the system knows; its locks end with the pages */
    if (memory != NULL)
        VirtualFree(memory, 0, MEM_RELEASE);
}

/* What the job that contains this process leaves it; SIZE_MAX without one. */
static size_t job_bytes_left(void)
{
    JOBOBJECT_EXTENDED_LIMIT_INFORMATION job = { 0 };
    PROCESS_MEMORY_COUNTERS_EX memory = { .cb = sizeof memory };

    if (!QueryInformationJobObject(NULL, JobObjectExtendedLimitInformation, &job, sizeof job, NULL))
        return SIZE_MAX;
    if ((job.BasicLimitInformation.LimitFlags & JOB_OBJECT_LIMIT_PROCESS_MEMORY) == 0)
        return SIZE_MAX;
    if (!GetProcessMemoryInfo(GetCurrentProcess(), (PROCESS_MEMORY_COUNTERS *)&memory,
                              sizeof memory))
        return SIZE_MAX;
    return memory.PrivateUsage < job.ProcessMemoryLimit
               ? job.ProcessMemoryLimit - memory.PrivateUsage
               : 0;
}

size_t spd_pagemem_available_bytes(void)
{
    MEMORYSTATUSEX status = { .dwLength = sizeof status };
    size_t available = job_bytes_left();

    if (!GlobalMemoryStatusEx(&status))
        return available != SIZE_MAX ? available : 0;
    if (status.ullAvailPhys < available)
        available = (size_t)status.ullAvailPhys;
    if (status.ullAvailPageFile < available)
        available = (size_t)status.ullAvailPageFile; /* what may still be committed */
    return available;
}

size_t spd_pagemem_peak_bytes(void)
{
    PROCESS_MEMORY_COUNTERS memory = { .cb = sizeof memory };

    if (!GetProcessMemoryInfo(GetCurrentProcess(), &memory, sizeof memory))
        return 0;
    return memory.PeakWorkingSetSize;
}
