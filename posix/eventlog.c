/*
 * Events as lines on standard error, which systemd takes into the journal: there
 * each begins with its priority, sd-daemon(3). Any thread; one write a line, so
 * that lines of several threads do not mix.
 */
#include "common/sys/eventlog.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/text.h"

#define TEXT_BYTES (SPD_EVENTLOG_BYTES + 8) /* cut later, between characters */
#define LINE_BYTES (SPD_EVENTLOG_BYTES + 64)

static bool to_journal;

/* JOURNAL_STREAM names the device and inode of what systemd reads; somebody
 * may have sent standard error elsewhere since. systemd.exec(5). */
static bool is_journal(void)
{
    const char *text = getenv("JOURNAL_STREAM");
    unsigned long long device, inode;
    struct stat info;
    char *end;

    if (text == NULL || fstat(STDERR_FILENO, &info) != 0) {
        return false;
    }
    device = strtoull(text, &end, 10);
    if (end == text || *end != ':') {
        return false;
    }
    text = end + 1;
    inode = strtoull(text, &end, 10);
    return end != text && *end == '\0' && device == info.st_dev && inode == info.st_ino;
}

void spd_eventlog_open(const char *source, bool to_system)
{
    (void)source;    /* the journal knows the unit */
    (void)to_system; /* and reads the stream, or does not */
    to_journal = is_journal();
}

void spd_eventlog_close(void)
{
    to_journal = false;
}

void spd_eventlog_write(enum spd_event event, const char *format, ...)
{
    static const char *const priorities[] = { "<3>", "<4>", "<6>" };
    static const char *const words[] = { "stampede: error: ", "stampede: warning: ", "stampede: " };
    enum spd_eventlog_level level = spd_eventlog_level(event);
    char text[TEXT_BYTES], line[LINE_BYTES];
    va_list arguments;
    size_t n;

    va_start(arguments, format);
    (void)vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    n = spd_text_copy(line, sizeof line, to_journal ? priorities[level] : words[level]);
    n += spd_text_copy_plain(line + n, SPD_EVENTLOG_BYTES + 1, text);
    line[n++] = '\n';
    /* Whether anybody reads it cannot be told to anybody. */
    while (write(STDERR_FILENO, line, n) < 0 && errno == EINTR) {
    }
}
