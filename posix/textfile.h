/*
 * Small text files of /proc and /sys. Private to posix/.
 */
#ifndef SPD_POSIX_TEXTFILE_H
#define SPD_POSIX_TEXTFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Read the first capacity - 1 bytes of a file as a string. Returns false, and
 * text is then empty, when it cannot be read. Any thread. */
bool spd_textfile_read(const char *path, char *text, size_t capacity);

/* The same, and only the first line, without blanks at its end. */
bool spd_textfile_read_line(const char *path, char *line, size_t capacity);

/* The number behind "key" at the start of a line ("VmLck:   16 kB" with key
 * "VmLck:"). Returns false when there is none. */
bool spd_textfile_number(const char *text, const char *key, uint64_t *number);

#endif
