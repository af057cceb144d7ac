/*
 * Bounded UTF-8 text. Any thread. Never allocates, never writes past capacity.
 */
#include "common/base/text.h"

#include <stdbool.h>
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

/* How many bytes the character at text has, as far as they are there. */
static size_t character_bytes(const char *text)
{
    size_t n = 1;

    while (n < 4 && ((unsigned char)text[n] & 0xC0) == 0x80)
        n++;
    return n;
}

size_t spd_text_copy_plain(char *to, size_t capacity, const char *text)
{
    static const char digits[] = "0123456789ABCDEF";
    size_t n = 0;

    SPD_ASSERT(capacity > 0);
    for (text = text ? text : ""; *text != '\0';) {
        unsigned char c = (unsigned char)*text;
        const char spelled[4] = { '\\', 'x', digits[c >> 4], digits[c & 15] };
        bool control = c < ' ' || c == 0x7F;
        size_t n_in = control ? 1 : character_bytes(text);
        size_t n_out = control ? sizeof(spelled) : n_in;

        if (n_out > capacity - 1 - n)
            break;
        memcpy(to + n, control ? spelled : text, n_out);
        n += n_out;
        text += n_in;
    }
    to[n] = '\0';
    return n;
}
