/*
 * Threads. What starts and joins them is any thread; run() runs on the new one.
 */
#include "common/sys/thread.h"

#include <winsock2.h>
#include <windows.h>

#include <process.h>
#include <stdlib.h>

#include "common/sys/clock.h"
#include "win/oserr.h"

#define NAME_CHARACTERS 15

struct spd_thread {
    HANDLE handle;
    void (*run)(void *argument);
    void *argument;
};

static unsigned __stdcall thread_main(void *context)
{
    struct spd_thread *thread = context;

    thread->run(thread->argument);
    return 0;
}

/* Since Windows 10 version 1607; only debuggers miss it before. */
static void set_name(HANDLE handle, const char *name)
{
    typedef HRESULT(WINAPI * set_description)(HANDLE thread, PCWSTR text);
    HMODULE kernel = GetModuleHandleW(L"kernelbase.dll");
    set_description set =
        kernel != NULL ? (set_description)(void *)GetProcAddress(kernel, "SetThreadDescription")
                       : NULL;
    wchar_t wide[NAME_CHARACTERS + 1] = { 0 };

    for (int i = 0; i < NAME_CHARACTERS && name[i] != '\0'; i++)
        wide[i] = (unsigned char)name[i];
    if (set != NULL)
        (void)set(handle, wide);
}

enum spd_err spd_thread_start(struct spd_thread **out, const char *name,
                              void (*run)(void *argument), void *argument)
{
    struct spd_thread *thread = calloc(1, sizeof *thread);

    if (thread == NULL)
        return SPD_ERR_NOMEM;
    thread->run = run;
    thread->argument = argument;
    /* Not CreateThread: the C library wants to know its threads. */
    thread->handle = (HANDLE)_beginthreadex(NULL, 0, thread_main, thread, CREATE_SUSPENDED, NULL);
    if (thread->handle == NULL) {
        enum spd_err err = errno == EAGAIN ? SPD_ERR_LIMIT : SPD_ERR_NOMEM;

        free(thread);
        return err;
    }
    set_name(thread->handle, name);
    ResumeThread(thread->handle);
    *out = thread;
    return SPD_ERR_OK;
}

void spd_thread_join(struct spd_thread *thread)
{
    if (thread == NULL)
        return;
    WaitForSingleObject(thread->handle, INFINITE);
    CloseHandle(thread->handle);
    free(thread);
}

void spd_thread_sleep(spd_ns duration_ns)
{
    uint64_t frequency_hz = spd_clock_frequency_hz();
    spd_ticks start = spd_clock_now();
    spd_ns left_ns = duration_ns;

    /* Sleep may return up to one tick of the system's timer early. */
    while (left_ns > 0) {
        spd_ns ms = (left_ns - 1) / SPD_NS_PER_MS + 1;

        Sleep(ms < (spd_ns)INFINITE ? (DWORD)ms : INFINITE - 1);
        left_ns = duration_ns - spd_ticks_diff_ns(spd_clock_now(), start, frequency_hz);
    }
}
