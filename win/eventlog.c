/*
 * Events in Windows' event log, or as lines on standard error. The texts are in
 * messages.mc: each shows the one string that it is given. Any thread.
 */
#include "common/sys/eventlog.h"

#include <winsock2.h>
#include <windows.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/text.h"
#include "win/wide.h"

#define TEXT_BYTES (SPD_EVENTLOG_BYTES + 8) /* cut later, between characters */

static HANDLE log_handle;

void spd_eventlog_open(const char *source, bool to_system)
{
    wchar_t *wide = to_system ? spd_wide_from(source) : NULL;

    spd_eventlog_close();
    if (wide != NULL)
        log_handle = RegisterEventSourceW(NULL, wide);
    free(wide);
}

void spd_eventlog_close(void)
{
    if (log_handle != NULL)
        DeregisterEventSource(log_handle);
    log_handle = NULL;
}

/* Returns false when the log does not take it. */
static bool report(enum spd_event event, const char *text)
{
    static const WORD types[] = { EVENTLOG_ERROR_TYPE, EVENTLOG_WARNING_TYPE,
                                  EVENTLOG_INFORMATION_TYPE };
    static const DWORD severities[] = { 3, 2, 1 };
    enum spd_eventlog_level level = spd_eventlog_level(event);
    wchar_t *wide = spd_wide_from(text);
    const wchar_t *strings[] = { wide };
    bool done = wide != NULL &&
                ReportEventW(log_handle, types[level], 0, severities[level] << 30 | (DWORD)event,
                             NULL, 1, 0, strings, NULL);

    free(wide);
    return done;
}

void spd_eventlog_write(enum spd_event event, const char *format, ...)
{
    static const char *const words[] = { "error: ", "warning: ", "" };
    char text[TEXT_BYTES], plain[SPD_EVENTLOG_BYTES + 1];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    spd_text_copy_plain(plain, sizeof(plain), text);
    if (log_handle != NULL && report(event, plain))
        return;
    /* Standard error has no buffer, but its own lock for a call. */
    fprintf(stderr, "stampede: %s%s\n", words[spd_eventlog_level(event)], plain);
    fflush(stderr);
}
