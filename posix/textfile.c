/*
 * Reads what the kernel tells in /proc and /sys. Any thread; it opens files, so
 * never during a burst.
 */
#include "posix/textfile.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool spd_textfile_read(const char *path, char *text, size_t capacity)
{
    size_t n = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    text[0] = '\0';
    if (fd < 0) {
        return false;
    }
    /* The kernel may give such a file out in pieces. */
    while (n < capacity - 1) {
        ssize_t got = read(fd, text + n, capacity - 1 - n);

        if (got < 0 && errno == EINTR) {
            continue;
        }
        if (got <= 0) {
            break;
        }
        n += (size_t)got;
    }
    close(fd);
    text[n] = '\0';
    return n > 0;
}

bool spd_textfile_read_line(const char *path, char *line, size_t capacity)
{
    size_t n;

    if (!spd_textfile_read(path, line, capacity)) {
        return false;
    }
    n = strcspn(line, "\n");
    while (n > 0 && (line[n - 1] == ' ' || line[n - 1] == '\t' || line[n - 1] == '\r')) {
        n--;
    }
    line[n] = '\0';
    return n > 0;
}

bool spd_textfile_number(const char *text, const char *key, uint64_t *number)
{
    size_t n_key = strlen(key);

    for (const char *line = text; line != NULL && *line != '\0';) {
        if (strncmp(line, key, n_key) == 0) {
            char *end;
            const char *digits = line + n_key;
            unsigned long long value;

            digits += strspn(digits, " \t");
            if (*digits < '0' || *digits > '9') {
                return false;
            }
            errno = 0;
            value = strtoull(digits, &end, 10);
            if (errno != 0) {
                return false;
            }
            *number = value;
            return true;
        }
        line = strchr(line, '\n');
        if (line != NULL) {
            line++;
        }
    }
    return false;
}
