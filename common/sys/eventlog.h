/*
 * What a service tells its administrators: the journal (lines on standard
 * error, with the priority that systemd reads), or Windows' event log. In the
 * foreground: lines on standard error.
 */
#ifndef SPD_SYS_EVENTLOG_H
#define SPD_SYS_EVENTLOG_H

#include <stdbool.h>

#include "common/base/err.h"

enum spd_eventlog_level {
    SPD_EVENTLOG_ERROR,
    SPD_EVENTLOG_WARNING,
    SPD_EVENTLOG_INFO,
};

/* Event numbers, which monitors look for: never give one a new meaning.
 *      name              number  level    */
#define SPD_EVENT_LIST(X)          \
    X(STARTED,            100, INFO)    \
    X(STOPPED,            101, INFO)    \
    X(RELOADED,           102, INFO)    \
    X(STATUS,             103, INFO)    \
    X(TEST_FINISHED,      110, INFO)    \
    X(NOTICE,             199, INFO)    \
    X(RELOAD_REFUSED,     200, WARNING) \
    X(TEST_FAILED,        210, WARNING) \
    X(TEST_MISSED,        211, WARNING) \
    X(THRESHOLD,          212, WARNING) \
    X(LIMIT,              220, WARNING) \
    X(PRIVILEGE,          221, WARNING) \
    X(REFUSED,            222, WARNING) \
    X(WARNING,            299, WARNING) \
    X(START_FAILED,       300, ERROR)   \
    X(STORE,              310, ERROR)   \
    X(REFLECTOR,          320, ERROR)   \
    X(ERROR,              399, ERROR)

#define SPD_EVENT_ENUM(name, number, level) SPD_EVENT_##name = number,
enum spd_event { SPD_EVENT_LIST(SPD_EVENT_ENUM) };
#undef SPD_EVENT_ENUM

/* Open once, before other threads write. to_system: to the system's log where
 * that is no stream (Windows); false keeps to standard error. Without open, and
 * where the log cannot be opened, lines go to standard error. */
void spd_eventlog_open(const char *source, bool to_system);
void spd_eventlog_close(void);

/* One event. Control characters, also those that a network sent, are shown as
 * \xNN; cut to SPD_EVENTLOG_BYTES. Any thread; may block for a moment; never on a
 * measuring path. */
#define SPD_EVENTLOG_BYTES 1000
void spd_eventlog_write(enum spd_event event, const char *format, ...) SPD_PRINTF_LIKE(2, 3);

static inline enum spd_eventlog_level spd_eventlog_level(enum spd_event event)
{
#define SPD_EVENT_LEVEL(name, number, level)                                                       \
    case SPD_EVENT_##name:                                                                         \
        return SPD_EVENTLOG_##level;

    switch (event) {
        SPD_EVENT_LIST(SPD_EVENT_LEVEL)
    }
#undef SPD_EVENT_LEVEL
    return SPD_EVENTLOG_ERROR;
}

#endif
