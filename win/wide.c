/*
 * Text between UTF-8 and UTF-16. Pure; any thread.
 */
#include "win/wide.h"

#include <windows.h>

#include <limits.h>
#include <stdlib.h>

wchar_t *spd_wide_from(const char *text)
{
    int n = MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, NULL, 0);
    wchar_t *wide = n > 0 ? calloc((size_t)n, sizeof(*wide)) : NULL;

    if (wide == NULL || MultiByteToWideChar(CP_UTF8, MB_ERR_INVALID_CHARS, text, -1, wide, n) == n)
        return wide;
    free(wide);
    return NULL;
}

bool spd_wide_to(const wchar_t *wide, char *out, size_t capacity)
{
    int room = capacity < INT_MAX ? (int)capacity : INT_MAX;

    if (WideCharToMultiByte(CP_UTF8, 0, wide, -1, out, room, NULL, NULL) > 0)
        return true;
    out[0] = '\0';
    return false;
}
