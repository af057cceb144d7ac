/*
 * Priority of the calling thread. The probe runs at set-up; raise, yield and
 * restore run on the time-critical thread around each burst and neither lock,
 * allocate nor format.
 */
#include "common/sys/sched.h"

#include <winsock2.h>
#include <windows.h>

#include <avrt.h>
#include <stdio.h>
#include <string.h>

#include "win/oserr.h"
#include "win/wine.h"

/* MMCSS, in a library that servers without the desktop features lack. It gives
 * a handle that restore needs; a thread is raised at most once at a time, and
 * each thread may be, so it is kept with the thread, in the slot. */
static struct {
    HANDLE(WINAPI *set)(LPCWSTR task, LPDWORD task_index);
    BOOL(WINAPI *set_priority)(HANDLE handle, AVRT_PRIORITY priority);
    BOOL(WINAPI *revert)(HANDLE handle);
    DWORD slot;
    bool usable;
} mmcss;
static INIT_ONCE mmcss_once = INIT_ONCE_STATIC_INIT;

static BOOL CALLBACK load_mmcss(INIT_ONCE *once, void *parameter, void **context)
{
    HMODULE dll = LoadLibraryExW(L"avrt.dll", NULL, LOAD_LIBRARY_SEARCH_SYSTEM32);

    (void)once;
    (void)parameter;
    (void)context;
    if (dll == NULL)
        return TRUE;
    mmcss.set = (void *)GetProcAddress(dll, "AvSetMmThreadCharacteristicsW");
    mmcss.set_priority = (void *)GetProcAddress(dll, "AvSetMmThreadPriority");
    mmcss.revert = (void *)GetProcAddress(dll, "AvRevertMmThreadCharacteristics");
    mmcss.slot = TlsAlloc();
    mmcss.usable = mmcss.set != NULL && mmcss.set_priority != NULL && mmcss.revert != NULL &&
                   mmcss.slot != TLS_OUT_OF_INDEXES;
    return TRUE;
}

/* Set and read back: what counts is what is in force. */
static bool set_priority(int wanted)
{
    HANDLE thread = GetCurrentThread();

    return SetThreadPriority(thread, wanted) && GetThreadPriority(thread) == wanted;
}

static bool join_mmcss(void)
{
    DWORD task_index = 0;
    HANDLE handle;

    if (!mmcss.usable)
        return false;
    handle = mmcss.set(L"Pro Audio", &task_index);
    if (handle == NULL)
        return false;
    mmcss.set_priority(handle, AVRT_PRIORITY_CRITICAL);
    TlsSetValue(mmcss.slot, handle);
    return true;
}

static void leave_mmcss(void)
{
    HANDLE handle = mmcss.usable ? TlsGetValue(mmcss.slot) : NULL;

    if (handle == NULL)
        return;
    mmcss.revert(handle);
    TlsSetValue(mmcss.slot, NULL);
}

static bool apply(enum spd_priority priority)
{
    switch (priority) {
    case SPD_PRIORITY_TIME_CRITICAL:
        return set_priority(THREAD_PRIORITY_TIME_CRITICAL);
    case SPD_PRIORITY_MMCSS:
        return join_mmcss();
    case SPD_PRIORITY_NICE:
        return set_priority(THREAD_PRIORITY_HIGHEST);
    default:
        return true;
    }
}

static void withdraw(enum spd_priority priority)
{
    if (priority == SPD_PRIORITY_MMCSS)
        leave_mmcss();
    else if (priority != SPD_PRIORITY_NORMAL)
        SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_NORMAL);
}

static const char *class_name(DWORD priority_class)
{
    switch (priority_class) {
    case IDLE_PRIORITY_CLASS:
        return "IDLE_PRIORITY_CLASS";
    case BELOW_NORMAL_PRIORITY_CLASS:
        return "BELOW_NORMAL_PRIORITY_CLASS";
    case NORMAL_PRIORITY_CLASS:
        return "NORMAL_PRIORITY_CLASS";
    case ABOVE_NORMAL_PRIORITY_CLASS:
        return "ABOVE_NORMAL_PRIORITY_CLASS";
    case HIGH_PRIORITY_CLASS:
        return "HIGH_PRIORITY_CLASS";
    case REALTIME_PRIORITY_CLASS:
        return "REALTIME_PRIORITY_CLASS";
    default:
        return "an unknown priority class";
    }
}

static const char *priority_name(enum spd_priority priority)
{
    switch (priority) {
    case SPD_PRIORITY_TIME_CRITICAL:
        return "THREAD_PRIORITY_TIME_CRITICAL";
    case SPD_PRIORITY_MMCSS:
        return "MMCSS \"Pro Audio\", critical";
    case SPD_PRIORITY_NICE:
        return "THREAD_PRIORITY_HIGHEST";
    default:
        return "THREAD_PRIORITY_NORMAL";
    }
}

void spd_sched_probe(struct spd_priority_grant *grant)
{
    char text[SPD_OSERR_TEXT_BYTES];
    DWORD refused = 0;
    enum spd_priority priority = SPD_PRIORITY_TIME_CRITICAL;

    InitOnceExecuteOnce(&mmcss_once, load_mmcss, NULL, NULL);
    SetLastError(0);
    while (!apply(priority)) {
        withdraw(priority);
        if (refused == 0)
            refused = GetLastError();
        priority--;
    }
    memset(grant, 0, sizeof *grant);
    grant->obtained = priority;
    snprintf(grant->text, sizeof grant->text, "%s in %s", priority_name(priority),
             class_name(GetPriorityClass(GetCurrentProcess())));
    withdraw(priority);
    if (priority != SPD_PRIORITY_TIME_CRITICAL)
        snprintf(grant->note, sizeof grant->note,
                 "time-critical priority was refused (%s): run outside a job that limits it",
                 spd_oserr_text(refused, text));
    else if (spd_wine_is())
        snprintf(grant->note, sizeof grant->note,
                 "Wine takes the priority and does not pass it on to its host");
}

void spd_sched_raise(const struct spd_priority_grant *grant)
{
    (void)apply(grant->obtained);
}

void spd_sched_restore(const struct spd_priority_grant *grant)
{
    withdraw(grant->obtained);
}

void spd_sched_yield(void)
{
    SwitchToThread();
}

spd_ns spd_sched_wait_slack_ns(void)
{
    /* Waits end with the system timer, 1 ms at best (timeBeginPeriod). */
    return 1500 * SPD_NS_PER_US;
}

const char *spd_sched_yield_name(void)
{
    return "SwitchToThread";
}

int64_t spd_sched_involuntary_switches(void)
{
    return -1; /* Windows counts switches, but not which were involuntary. */
}
