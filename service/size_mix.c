/*
 * Main thread, before a test.
 */
#include "service/size_mix.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define WEIGHT_MAX 1000000 /* SPD_SIZE_MIX_MAX of them fit in 32 bits */

struct limits {
    uint16_t least;
    uint16_t most;
};

/* Digits at *text as a number up to 10^9; moves *text behind them. */
static bool take_number(const char **text, uint32_t *out)
{
    uint64_t value = 0;

    if (!isdigit((unsigned char)**text))
        return false;
    while (isdigit((unsigned char)**text) && value < 1000000000)
        value = value * 10 + (uint64_t)(*(*text)++ - '0');
    *out = (uint32_t)value;
    return value < 1000000000;
}

static enum spd_err add(struct spd_size_mix *mix, struct limits limits, uint32_t min, uint32_t max,
                        uint32_t weight, const char *where, struct spd_diag *diag)
{
    if (min < limits.least || max > limits.most || min > max)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0,
                            "sizes %s: %u to %u bytes are not possible here; IP packets of this "
                            "test have %u to %u bytes",
                            where, min, max, limits.least, limits.most);
    if (weight == 0 || weight > WEIGHT_MAX)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "sizes %s: weights go from 1 to %d", where,
                            WEIGHT_MAX);
    if (mix->n == SPD_SIZE_MIX_MAX)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "sizes %s: at most %d different ones", where,
                            SPD_SIZE_MIX_MAX);
    mix->item[mix->n].min_bytes = (uint16_t)min;
    mix->item[mix->n].max_bytes = (uint16_t)max;
    mix->item[mix->n++].weight = weight;
    return SPD_ERR_OK;
}

/* ":WEIGHT", or in a file blanks and WEIGHT; without any it is 1. */
static bool take_weight(const char **text, bool in_file, uint32_t *weight)
{
    const char *t = *text;

    *weight = 1;
    if (*t == ':') {
        t++;
    } else if (in_file) {
        t += strspn(t, " \t");
        if (!isdigit((unsigned char)*t))
            return true;
    } else {
        return true;
    }
    *text = t;
    return take_number(text, weight);
}

/* "SIZE", "MIN-MAX", either with a weight. */
static enum spd_err add_item(struct spd_size_mix *mix, struct limits limits, const char **text,
                             bool in_file, const char *where, struct spd_diag *diag)
{
    uint32_t min, max, weight;
    const char *t = *text;
    bool ok = take_number(&t, &min);

    max = min;
    if (ok && *t == '-') {
        t++;
        ok = take_number(&t, &max);
    }
    ok = ok && take_weight(&t, in_file, &weight);
    if (!ok)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "sizes %s: not a size; give bytes as in 92, 64-1400, imix, "
                            "40:7,576:4,1500:1 or @FILE",
                            where);
    *text = t;
    return add(mix, limits, min, max, weight, where, diag);
}

static enum spd_err parse_list(struct spd_size_mix *mix, struct limits limits, const char *text,
                               struct spd_diag *diag)
{
    const char *t = text;
    enum spd_err err;

    for (;;) {
        err = add_item(mix, limits, &t, false, text, diag);
        if (err || !*t)
            return err;
        if (*t++ != ',')
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "sizes %s: items are parted by commas, as in 40:7,576:4,1500:1",
                                text);
    }
}

/* A line, of which a comment may have more than there is room for. */
static bool next_line(FILE *file, char *line, int capacity)
{
    int c;

    if (!fgets(line, capacity, file))
        return false;
    if (!strchr(line, '\n'))
        while ((c = getc(file)) != EOF && c != '\n')
            ;
    return true;
}

static enum spd_err parse_file(struct spd_size_mix *mix, struct limits limits, const char *path,
                               struct spd_diag *diag)
{
    FILE *file = fopen(path, "r");
    char line[256], where[320];
    enum spd_err err = SPD_ERR_OK;

    if (!file)
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, errno, "sizes @%s: cannot read the file: %s",
                            path, strerror(errno));
    for (unsigned n = 1; !err && next_line(file, line, sizeof(line)); n++) {
        const char *t = line + strspn(line, " \t\r\n");

        if (!*t || *t == '#')
            continue;
        snprintf(where, sizeof(where), "@%.200s, line %u", path, n);
        err = add_item(mix, limits, &t, true, where, diag);
        t += strspn(t, " \t\r\n");
        if (!err && *t && *t != '#')
            err = spd_diag_set(diag, SPD_ERR_INVALID, 0,
                               "sizes %s: a line is \"SIZE [WEIGHT]\", # begins a comment", where);
    }
    fclose(file);
    if (!err && mix->n == 0)
        err = spd_diag_set(diag, SPD_ERR_INVALID, 0, "sizes @%s: the file has no sizes", path);
    return err;
}

static uint32_t at_least(uint32_t size, struct limits limits)
{
    return size < limits.least ? limits.least : size;
}

enum spd_err spd_size_mix_parse(const char *text, uint16_t least_bytes, uint16_t most_bytes,
                                struct spd_size_mix *out, struct spd_diag *diag)
{
    struct limits limits = { least_bytes, most_bytes };
    struct spd_size_mix mix = { 0 };
    enum spd_err err;

    if (strcmp(text, "imix") == 0 || strcmp(text, "IMIX") == 0) {
        err = add(&mix, limits, at_least(40, limits), at_least(40, limits), 7, text, diag);
        if (!err)
            err = add(&mix, limits, 576, 576, 4, text, diag);
        if (!err)
            err = add(&mix, limits, 1500, 1500, 1, text, diag);
    } else if (text[0] == '@') {
        err = parse_file(&mix, limits, text + 1, diag);
    } else {
        err = parse_list(&mix, limits, text, diag);
    }
    if (!err)
        *out = mix;
    return err;
}
