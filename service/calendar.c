/*
 * Calendars as typed: fields become sets of bits. Any thread.
 */
#include "service/schedule_rule.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define CALENDAR_WORDS_MAX 4

static const char *const day_names[7] = { "monday", "tuesday",  "wednesday", "thursday",
                                          "friday", "saturday", "sunday" };

static const struct {
    const char *word;
    const char *means;
} shorthands[] = {
    { "hourly", "*:00" },
    { "daily", "00:00" },
    { "weekly", "Mon 00:00" },
    { "monthly", "*-01 00:00" },
};

/* What is being read, for messages. */
struct reading {
    const char *text;
    struct spd_diag *diag;
};

static enum spd_err refuse(const struct reading *r, const char *part, size_t length,
                           const char *why)
{
    return spd_diag_set(r->diag, SPD_ERR_INVALID, 0, "%.100s: \"%.*s\" %s", r->text,
                        (int)(length < 60 ? length : 60), part, why);
}

static bool take_number(const char **p, unsigned *out)
{
    unsigned value = 0;
    int n = 0;

    for (; isdigit((unsigned char)**p); (*p)++) {
        if (++n > 4)
            return false;
        value = value * 10 + (unsigned)(**p - '0');
    }
    *out = value;
    return n > 0;
}

/* One item of a list: "*", "5", "1..5", each with "/2" behind it perhaps. */
static enum spd_err parse_item(const struct reading *r, const char *item, size_t length,
                               unsigned least, unsigned most, uint64_t *bits)
{
    char range[60];
    const char *p = item;
    unsigned from = least, to = most, step = 1;
    bool single = false;

    if (*p == '*')
        p++;
    else if (!take_number(&p, &from))
        return refuse(r, item, length, "is no number");
    else if (strncmp(p, "..", 2) == 0) {
        p += 2;
        if (!take_number(&p, &to))
            return refuse(r, item, length, "lacks the end of its range, as in 1..5");
    } else
        single = true;
    if (*p == '/') {
        p++;
        if (!take_number(&p, &step) || step == 0)
            return refuse(r, item, length, "lacks its step, as in 0/15");
    } else if (single)
        to = from;
    if (p != item + length)
        return refuse(r, item, length, "is no number, range (1..5) or series (0/15)");
    if (from < least || from > most || to > most) {
        snprintf(range, sizeof(range), "is out of range: %u to %u", least, most);
        return refuse(r, item, length, range);
    }
    if (to < from)
        return refuse(r, item, length, "runs backwards");
    for (unsigned i = from; i <= to; i += step)
        *bits |= UINT64_C(1) << i;
    return SPD_ERR_OK;
}

static enum spd_err parse_field(const struct reading *r, const char *field, size_t length,
                                unsigned least, unsigned most, uint64_t *bits)
{
    *bits = 0;
    for (size_t at = 0;;) {
        size_t n = 0;
        enum spd_err err;

        while (at + n < length && field[at + n] != ',')
            n++;
        err = parse_item(r, field + at, n, least, most, bits);
        if (err || at + n == length)
            return err;
        at += n + 1;
    }
}

/* A day by three letters or all of them; 7 for no day. */
static unsigned find_day(const char *name, size_t length)
{
    for (unsigned i = 0; i < 7; i++) {
        size_t k = 0;

        if (length != 3 && length != strlen(day_names[i]))
            continue;
        while (k < length && tolower((unsigned char)name[k]) == day_names[i][k])
            k++;
        if (k == length)
            return i;
    }
    return 7;
}

/* "Mon..Fri,Sun"; a range may go over the end of the week. */
static enum spd_err parse_days(const struct reading *r, const char *field, size_t length,
                               struct spd_calendar *c)
{
    c->weekdays = 0;
    for (size_t at = 0;;) {
        size_t n = 0, n_first;
        unsigned from, to;

        while (at + n < length && field[at + n] != ',')
            n++;
        for (n_first = 0; n_first < n && field[at + n_first] != '.';)
            n_first++;
        from = to = find_day(field + at, n_first);
        if (n_first < n)
            to = n > n_first + 2 && field[at + n_first + 1] == '.'
                     ? find_day(field + at + n_first + 2, n - n_first - 2)
                     : 7;
        if (from > 6 || to > 6)
            return refuse(r, field + at, n, "is no day of the week; give Mon, or Mon..Fri");
        for (unsigned day = from;; day = (day + 1) % 7) {
            c->weekdays |= (uint8_t)(1u << day);
            if (day == to)
                break;
        }
        if (at + n == length)
            return SPD_ERR_OK;
        at += n + 1;
    }
}

/* Where the fields of a date or time end; how many there are, at most 4. */
static size_t split(const char *text, size_t length, char separator, const char *field[4],
                    size_t lengths[4])
{
    size_t n = 0;

    for (size_t at = 0; n < 4; n++) {
        size_t k = 0;

        while (at + k < length && text[at + k] != separator)
            k++;
        field[n] = text + at;
        lengths[n] = k;
        at += k;
        if (at == length)
            return n + 1;
        at++;
    }
    return n;
}

static enum spd_err parse_date(const struct reading *r, const char *word, size_t length,
                               struct spd_calendar *c)
{
    const char *field[4];
    size_t lengths[4], n = split(word, length, '-', field, lengths), month = n == 3 ? 1 : 0;
    uint64_t bits;
    enum spd_err err;

    if (n != 2 && n != 3)
        return refuse(r, word, length, "is no date; give MM-DD, as in *-01 or 12-24");
    if (n == 3 && (lengths[0] != 1 || field[0][0] != '*'))
        return refuse(r, word, length, "names a year; only * can stand there");
    err = parse_field(r, field[month], lengths[month], 1, 12, &bits);
    if (err)
        return err;
    c->months = (uint16_t)bits;
    err = parse_field(r, field[month + 1], lengths[month + 1], 1, 31, &bits);
    c->days = (uint32_t)bits;
    return err;
}

static enum spd_err parse_time(const struct reading *r, const char *word, size_t length,
                               struct spd_calendar *c)
{
    const char *field[4];
    size_t lengths[4], n = split(word, length, ':', field, lengths);
    uint64_t hours;
    enum spd_err err;

    if (n != 2 && n != 3)
        return refuse(r, word, length, "is no time; give HH:MM or HH:MM:SS");
    err = parse_field(r, field[0], lengths[0], 0, 23, &hours);
    if (!err)
        err = parse_field(r, field[1], lengths[1], 0, 59, &c->minutes);
    c->seconds = 1;
    if (!err && n == 3)
        err = parse_field(r, field[2], lengths[2], 0, 59, &c->seconds);
    c->hours = (uint32_t)hours;
    return err;
}

/* Whether some month of the set has some day of the set. */
static bool has_a_date(const struct spd_calendar *c)
{
    static const unsigned n_days[13] = { 0, 31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };

    for (unsigned month = 1; month <= 12; month++)
        for (unsigned day = 1; day <= n_days[month]; day++)
            if (c->months >> month & 1 && c->days >> day & 1)
                return true;
    return false;
}

static enum spd_err parse_words(const struct reading *r, const char *text, struct spd_calendar *c)
{
    bool had_days = false, had_date = false, had_time = false;
    const char *p = text;
    enum spd_err err = SPD_ERR_OK;

    while (!err && *(p += strspn(p, " \t"))) {
        size_t length = strcspn(p, " \t");

        if (had_time && !c->utc && length == 3 && strncmp(p, "UTC", 3) == 0) {
            c->utc = true;
        } else if (had_time) {
            return refuse(r, p, length, "is too much; the time comes last, but for UTC");
        } else if (memchr(p, ':', length)) {
            had_time = true;
            err = parse_time(r, p, length, c);
        } else if (isalpha((unsigned char)*p)) {
            if (had_days || had_date)
                return refuse(r, p, length, "is too much; days come first, and once");
            had_days = true;
            err = parse_days(r, p, length, c);
        } else {
            if (had_date)
                return refuse(r, p, length, "is a second date");
            had_date = true;
            err = parse_date(r, p, length, c);
        }
        p += length;
    }
    if (!err && !had_time)
        return spd_diag_set(r->diag, SPD_ERR_INVALID, 0,
                            "\"%.100s\": lacks a time; give one as in Mon..Fri 08:00, *:0/15 or "
                            "*-01 06:30",
                            r->text);
    return err;
}

enum spd_err spd_calendar_parse(const char *text, struct spd_calendar *out, struct spd_diag *diag)
{
    struct spd_calendar c = { .weekdays = 0x7F, .months = 0x1FFE, .days = 0xFFFFFFFE };
    struct reading r = { text, diag };
    char means[40];
    enum spd_err err;

    for (size_t i = 0; i < sizeof(shorthands) / sizeof(shorthands[0]); i++) {
        size_t length = strlen(shorthands[i].word);

        if (strncmp(text, shorthands[i].word, length) == 0 &&
            (text[length] == '\0' || strcmp(text + length, " UTC") == 0)) {
            snprintf(means, sizeof(means), "%s%s", shorthands[i].means, text + length);
            text = means;
            break;
        }
    }
    err = parse_words(&r, text, &c);
    if (err)
        return err;
    if (!has_a_date(&c))
        return spd_diag_set(diag, SPD_ERR_INVALID, 0, "%.100s: no year has such a date", r.text);
    *out = c;
    return SPD_ERR_OK;
}
