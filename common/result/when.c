/*
 * Whole days since 1970 and the Gregorian calendar, both ways. Any thread.
 */
#include "common/result/when.h"

#include <stdio.h>
#include <string.h>

#define DAY_S        INT64_C(86400)
#define DAYS_IN_ERA  INT64_C(146097) /* 400 years */
#define YEARS_IN_ERA 400
/* From 0000-03-01, where the count below starts, to 1970-01-01. */
#define DAYS_TO_1970 INT64_C(719468)

struct civil {
    int year, month, day, hour, minute, second;
};

static int64_t floor_div(int64_t a, int64_t b)
{
    return a / b - (a % b < 0);
}

/* Years begin in March, so that the leap day is their last one. */
static int64_t days_of(int year, int month, int day)
{
    int64_t y = month <= 2 ? year - 1 : year;
    int64_t era = floor_div(y, YEARS_IN_ERA), of_era = y - era * YEARS_IN_ERA;
    int64_t of_year = (153 * (month > 2 ? month - 3 : month + 9) + 2) / 5 + day - 1;

    return era * DAYS_IN_ERA + of_era * 365 + of_era / 4 - of_era / 100 + of_year - DAYS_TO_1970;
}

static void civil_of(spd_wall at, spd_ns offset_ns, struct civil *out)
{
    int64_t s = floor_div(at.ns, SPD_NS_PER_S) + offset_ns / SPD_NS_PER_S;
    int64_t days = floor_div(s, DAY_S), rest = s - days * DAY_S;
    int64_t shifted = days + DAYS_TO_1970, era = floor_div(shifted, DAYS_IN_ERA);
    int64_t of_era = shifted - era * DAYS_IN_ERA;
    int64_t year = (of_era - of_era / 1460 + of_era / 36524 - of_era / 146096) / 365;
    int64_t of_year = of_era - (365 * year + year / 4 - year / 100);
    int64_t march_month = (5 * of_year + 2) / 153;

    out->month = (int)(march_month < 10 ? march_month + 3 : march_month - 9);
    out->year = (int)(year + era * YEARS_IN_ERA + (out->month <= 2));
    out->day = (int)(of_year - (153 * march_month + 2) / 5 + 1);
    out->hour = (int)(rest / 3600);
    out->minute = (int)(rest % 3600 / 60);
    out->second = (int)(rest % 60);
}

const char *spd_when_text(spd_wall at, spd_ns offset_ns, char out[SPD_WHEN_BYTES])
{
    struct civil c;

    civil_of(at, offset_ns, &c);
    snprintf(out, SPD_WHEN_BYTES, "%04d-%02d-%02d %02d:%02d:%02d", c.year, c.month, c.day, c.hour,
             c.minute, c.second);
    return out;
}

const char *spd_when_utc(spd_wall at, char out[SPD_WHEN_BYTES])
{
    struct civil c;

    civil_of(at, 0, &c);
    snprintf(out, SPD_WHEN_BYTES, "%04d-%02d-%02dT%02d:%02d:%02dZ", c.year, c.month, c.day, c.hour,
             c.minute, c.second);
    return out;
}

const char *spd_when_name(spd_wall at, char out[SPD_WHEN_BYTES])
{
    struct civil c;

    civil_of(at, 0, &c);
    snprintf(out, SPD_WHEN_BYTES, "%04d%02d%02dT%02d%02d%02dZ", c.year, c.month, c.day, c.hour,
             c.minute, c.second);
    return out;
}

/* Exactly n digits; -1 if there are others. */
static int digits(const char **text, int n)
{
    int value = 0;

    for (; n > 0; n--, (*text)++) {
        unsigned digit = (unsigned)(**text - '0');

        if (digit > 9)
            return -1;
        value = value * 10 + (int)digit;
    }
    return value;
}

static bool skip(const char **text, char c)
{
    if (**text != c)
        return false;
    (*text)++;
    return true;
}

static bool read_date(const char **text, struct civil *c)
{
    static const int longest[] = { 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
    bool leap;

    c->year = digits(text, 4);
    if (c->year < 1970 || !skip(text, '-'))
        return false;
    c->month = digits(text, 2);
    if (c->month < 1 || c->month > 12 || !skip(text, '-'))
        return false;
    c->day = digits(text, 2);
    leap = c->year % 4 == 0 && (c->year % 100 != 0 || c->year % 400 == 0);
    return c->day >= 1 && c->day <= longest[c->month - 1] && (c->month != 2 || c->day < 29 || leap);
}

static bool read_time(const char **text, struct civil *c)
{
    c->hour = digits(text, 2);
    if (c->hour < 0 || c->hour > 23 || !skip(text, ':'))
        return false;
    c->minute = digits(text, 2);
    if (c->minute < 0 || c->minute > 59)
        return false;
    if (skip(text, ':'))
        c->second = digits(text, 2);
    return c->second >= 0 && c->second <= 59;
}

static bool parse_date(const char *text, spd_when_zone_fn *zone, spd_wall *out)
{
    struct civil c = { 0 };
    spd_wall at;
    bool utc;

    if (!read_date(&text, &c))
        return false;
    if ((*text == ' ' || *text == 'T') && text[1] != 'U') {
        text++;
        if (!read_time(&text, &c))
            return false;
    }
    utc = strcmp(text, "Z") == 0 || strcmp(text, " UTC") == 0;
    if (*text && !utc)
        return false;
    at.ns = days_of(c.year, c.month, c.day) * DAY_S + c.hour * 3600 + c.minute * 60 + c.second;
    if (at.ns > INT64_MAX / SPD_NS_PER_S - DAY_S)
        return false;
    at.ns *= SPD_NS_PER_S;
    if (!utc) {
        /* The offset is that of the moment itself, near which it may change. */
        spd_wall near = { at.ns - zone(at) };
        at.ns -= zone(near);
    }
    *out = at;
    return true;
}

static bool parse_ago(const char *text, spd_wall now, spd_wall *out)
{
    static const struct {
        const char *name;
        int64_t s;
    } units[] = { { "s", 1 }, { "min", 60 }, { "h", 3600 }, { "d", DAY_S }, { "w", 7 * DAY_S } };
    int64_t n = 0;
    const char *start = text;

    for (; *text >= '0' && *text <= '9' && text - start < 9; text++)
        n = n * 10 + (*text - '0');
    for (size_t i = 0; text > start && i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(text, units[i].name) == 0) {
            spd_ns ago_ns;

            if (__builtin_mul_overflow(n, units[i].s * SPD_NS_PER_S, &ago_ns) || ago_ns >= now.ns)
                return false;
            *out = (spd_wall){ now.ns - ago_ns };
            return true;
        }
    return false;
}

bool spd_when_parse(const char *text, spd_wall now, spd_when_zone_fn *zone, spd_wall *out)
{
    return parse_date(text, zone, out) || parse_ago(text, now, out);
}
