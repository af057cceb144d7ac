/*
 * Bounded UTF-8 text. Any thread. Never allocates, never writes past capacity.
 */
#include "common/base/text.h"

#include <string.h>

#include "common/base/assert.h"

size_t spd_text_copy(char *to, size_t capacity, const char *text)
{
    SPD_ASSERT(capacity > 0);
    size_t n = text ? strnlen(text, capacity) : 0;

    if (n == capacity) {
        /* Too long. text[n] is the first byte left out: step back to the start
         * of its character. No character has more than three continuation
         * bytes; what goes on longer is no UTF-8 and is cut where it stands. */
        n = capacity - 1;
        size_t start = n;
        while (start > 0 && n - start < 3 && ((unsigned char)text[start] & 0xC0) == 0x80)
            start--;
        if (((unsigned char)text[start] & 0xC0) != 0x80)
            n = start;
    }
    if (n > 0)
        memcpy(to, text, n);
    to[n] = '\0';
    return n;
}
