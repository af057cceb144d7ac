/*
 * Names of code points. Any thread. One table serves both directions; the
 * first name of a code point is the one that is shown.
 */
#include "common/base/dscp.h"

#include <stddef.h>

#define DSCP_MAX 63

struct dscp_entry {
    const char *name; /* upper case */
    uint8_t dscp;
};

/* BE, CS0..CS7: RFC 2474 section 4.2.2; DF: RFC 4594 section 1.5.4; AF: RFC 2597
 * section 6; EF: RFC 3246 section 2.7; VA: RFC 5865 section 4; LE: RFC 8622. */
static const struct dscp_entry dscp_table[] = {
    { "BE", 0 },           { "CS0", 0 },   { "DF", 0 },    { "LE", 1 },    { "CS1", 8 },
    { "CS2", 16 },         { "CS3", 24 },  { "CS4", 32 },  { "CS5", 40 },  { "CS6", 48 },
    { "CS7", 56 },         { "AF11", 10 }, { "AF12", 12 }, { "AF13", 14 }, { "AF21", 18 },
    { "AF22", 20 },        { "AF23", 22 }, { "AF31", 26 }, { "AF32", 28 }, { "AF33", 30 },
    { "AF41", 34 },        { "AF42", 36 }, { "AF43", 38 }, { "EF", 46 },   { "VA", 44 },
    { "VOICE-ADMIT", 44 },
};

#define DSCP_ENTRIES (sizeof dscp_table / sizeof dscp_table[0])

/* Without the locale: under a Turkish one the standard library's "i" is no "I". */
static char upper(char c)
{
    return c >= 'a' && c <= 'z' ? (char)(c - 'a' + 'A') : c;
}

static bool equal_ignoring_case(const char *text, const char *upper_name)
{
    while (*text && upper(*text) == *upper_name) {
        text++;
        upper_name++;
    }
    return *text == '\0' && *upper_name == '\0';
}

static int digit_value(char c)
{
    c = upper(c);
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : 99;
}

static bool parse_number(const char *text, uint8_t *dscp)
{
    int base = 10, value = 0;

    if (text[0] == '0' && upper(text[1]) == 'X') {
        base = 16;
        text += 2;
    }
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        int digit = digit_value(*text);
        if (digit >= base)
            return false;
        value = value * base + digit;
        if (value > DSCP_MAX)
            return false;
    }
    *dscp = (uint8_t)value;
    return true;
}

bool spd_dscp_parse(const char *text, uint8_t *dscp)
{
    for (size_t i = 0; i < DSCP_ENTRIES; i++) {
        if (equal_ignoring_case(text, dscp_table[i].name)) {
            *dscp = dscp_table[i].dscp;
            return true;
        }
    }
    return parse_number(text, dscp);
}

const char *spd_dscp_name(uint8_t dscp)
{
    for (size_t i = 0; i < DSCP_ENTRIES; i++) {
        if (dscp_table[i].dscp == dscp)
            return dscp_table[i].name;
    }
    return NULL;
}
