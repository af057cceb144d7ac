/*
 * Main thread, before a test.
 */
#include "service/size_mix.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
    if (weight == 0)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "sizes %s: a weight of 0 has no packets",
                            where);
    if (mix->n == SPD_SIZE_MIX_MAX)
        return spd_diag_set(diag, SPD_ERR_RANGE, 0, "sizes %s: at most %d different ones", where,
                            SPD_SIZE_MIX_MAX);
    mix->item[mix->n].min_bytes = (uint16_t)min;
    mix->item[mix->n].max_bytes = (uint16_t)max;
    mix->item[mix->n++].weight = weight;
    return SPD_ERR_OK;
}

/* "SIZE", "MIN-MAX", either with ":WEIGHT" (or blank and WEIGHT in a file). */
static enum spd_err add_item(struct spd_size_mix *mix, struct limits limits, const char **text,
                             const char *where, struct spd_diag *diag)
{
    uint32_t min, max, weight = 1;
    const char *t = *text;
    bool ok = take_number(&t, &min);

    max = min;
    if (ok && *t == '-') {
        t++;
        ok = take_number(&t, &max);
    }
    if (ok && (*t == ':' || *t == ' ' || *t == '\t')) {
        while (*t == ':' || *t == ' ' || *t == '\t')
            t++;
        if (*t && *t != '#' && *t != '\n' && *t != '\r')
            ok = take_number(&t, &weight);
    }
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
        err = add_item(mix, limits, &t, text, diag);
        if (err || !*t)
            return err;
        if (*t++ != ',')
            return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                                "sizes %s: items are parted by commas, as in 40:7,576:4,1500:1",
                                text);
    }
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
    for (unsigned n = 1; !err && fgets(line, sizeof(line), file); n++) {
        const char *t = line + strspn(line, " \t\r\n");

        if (!*t || *t == '#')
            continue;
        snprintf(where, sizeof(where), "@%.200s, line %u", path, n);
        err = add_item(mix, limits, &t, where, diag);
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
