/*
 * Bounded UTF-8 text in plain structs. Pure; any thread.
 */
#ifndef SPD_BASE_TEXT_H
#define SPD_BASE_TEXT_H

#include <stddef.h>

/* Copy text (NULL counts as empty) into to, cut at a character boundary when
 * it does not fit, always ended with a zero. capacity counts the zero and must
 * not be 0; the two must not overlap. Returns the bytes copied, without the
 * zero. */
size_t spd_text_copy(char *to, size_t capacity, const char *text);

/* The same, and control characters are spelled out ("\\x0A"): text from others
 * then takes one line, and moves no cursor. */
size_t spd_text_copy_plain(char *to, size_t capacity, const char *text);

#endif
