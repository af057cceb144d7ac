/*
 * UTF-8, which we speak, and UTF-16, which Windows does. Private to win/.
 */
#ifndef SPD_WIN_WIDE_H
#define SPD_WIN_WIDE_H

#include <stdbool.h>
#include <stddef.h>
#include <wchar.h>

/* The text in UTF-16, for the caller to free; NULL for want of memory, and for
 * what is no UTF-8. */
wchar_t *spd_wide_from(const char *text);

/* Into out, capacity octets with the zero (not 0). Returns false, and out is
 * then empty, when it does not fit. */
bool spd_wide_to(const wchar_t *wide, char *out, size_t capacity);

#endif
