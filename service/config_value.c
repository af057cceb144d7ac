/*
 * One value as typed into its field, by the kind of its key. Any thread.
 */
#include <string.h>

#include "service/config_private.h"

#define WHY_BYTES SPD_CONFIG_WHY_BYTES

/* A decimal number, with a fraction if wanted, and where it ends; no sign, no
 * exponent, no hexadecimal. */
static bool take_real(const char **text, double *out)
{
    const char *p = *text;
    double value = 0, place = 1;
    int n = 0;

    for (; *p >= '0' && *p <= '9'; p++, n++)
        value = value * 10 + (*p - '0');
    if (*p == '.')
        for (p++; *p >= '0' && *p <= '9'; p++, n++)
            value += (*p - '0') * (place /= 10);
    if (n == 0)
        return false;
    *text = p;
    *out = value;
    return true;
}

struct unit {
    const char *name;
    double factor;
};

static bool take_unit(const char *text, const struct unit *units, double *value)
{
    while (*text == ' ')
        text++;
    for (; units->name; units++)
        if (strcmp(text, units->name) == 0) {
            *value *= units->factor;
            return true;
        }
    return false;
}

static bool set_flag(const char *text, void *field, char why[WHY_BYTES])
{
    static const char *const yes[] = { "yes", "true", "on" }, *const no[] = { "no", "false",
                                                                              "off" };

    for (size_t i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
        if (strcmp(text, yes[i]) == 0 || strcmp(text, no[i]) == 0) {
            *(bool *)field = strcmp(text, yes[i]) == 0;
            return true;
        }
    snprintf(why, WHY_BYTES, "neither yes nor no");
    return false;
}

static bool set_count(const struct spd_config_key *key, const char *text, void *field,
                      char why[WHY_BYTES])
{
    uint64_t value = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9' && value <= (uint64_t)key->max; p++)
        value = value * 10 + (uint64_t)(*p - '0');
    if (p == text || *p || value < (uint64_t)key->min || value > (uint64_t)key->max) {
        snprintf(why, WHY_BYTES, "give a whole number from %lld to %lld", (long long)key->min,
                 (long long)key->max);
        return false;
    }
    *(uint64_t *)field = value;
    return true;
}

static bool set_rate(const struct spd_config_key *key, const char *text, void *field,
                     char why[WHY_BYTES])
{
    uint64_t value;

    if (!spd_rate_parse(text, &value) || value < (uint64_t)key->min || value > (uint64_t)key->max) {
        snprintf(why, WHY_BYTES, "give bit/s from %g to %g, as in 24kbit, 1.5Mbit or 64000",
                 (double)key->min, (double)key->max);
        return false;
    }
    *(uint64_t *)field = value;
    return true;
}

static bool set_bytes(const struct spd_config_key *key, const char *text, void *field,
                      char why[WHY_BYTES])
{
    static const struct unit units[] = {
        { "", 1 },     { "B", 1 },      { "kB", 1e3 },      { "KB", 1e3 },         { "MB", 1e6 },
        { "GB", 1e9 }, { "KiB", 1024 }, { "MiB", 1048576 }, { "GiB", 1073741824 }, { NULL, 0 },
    };
    double value;

    if (!take_real(&text, &value) || !take_unit(text, units, &value) || value < (double)key->min ||
        value > (double)key->max) {
        snprintf(why, WHY_BYTES, "give bytes from %lld to %lld, as in 64MiB, 1.5GB or 1000000",
                 (long long)key->min, (long long)key->max);
        return false;
    }
    *(uint64_t *)field = (uint64_t)value;
    return true;
}

/* As short as it is exact. */
static void write_span(spd_ns ns, char out[32])
{
    static const struct {
        spd_ns ns;
        const char *name;
    } units[] = {
        { 86400 * SPD_NS_PER_S, "d" }, { 3600 * SPD_NS_PER_S, "h" }, { 60 * SPD_NS_PER_S, "min" },
        { SPD_NS_PER_S, "s" },         { SPD_NS_PER_MS, "ms" },      { 1, "ns" },
    };
    size_t i = 0;

    while (ns != 0 && ns % units[i].ns != 0)
        i++;
    snprintf(out, 32, "%lld%s", (long long)(ns ? ns / units[i].ns : 0), ns ? units[i].name : "s");
}

static bool set_span(const struct spd_config_key *key, const char *text, void *field,
                     char why[WHY_BYTES])
{
    static const struct unit units[] = {
        { "ns", 1 },     { "us", 1e3 },   { "ms", 1e6 },    { "s", 1e9 },
        { "min", 60e9 }, { "h", 3600e9 }, { "d", 86400e9 }, { NULL, 0 },
    };
    char least[32], most[32];
    double value;

    if (!take_real(&text, &value) || !take_unit(text, units, &value) || value < (double)key->min ||
        value > (double)key->max) {
        write_span(key->min, least);
        write_span(key->max, most);
        snprintf(why, WHY_BYTES, "give a time from %s to %s with its unit: ms, s, min, h or d",
                 least, most);
        return false;
    }
    *(spd_ns *)field = (spd_ns)(value + 0.5);
    return true;
}

static bool set_ratio(const char *text, void *field, char why[WHY_BYTES])
{
    static const struct unit units[] = { { "", 1 }, { "%", 0.01 }, { NULL, 0 } };
    double value;

    if (!take_real(&text, &value) || !take_unit(text, units, &value) || value > 1) {
        snprintf(why, WHY_BYTES, "give a ratio from 0 to 1, or 0%% to 100%%");
        return false;
    }
    *(double *)field = value;
    return true;
}

static bool set_real(const struct spd_config_key *key, const char *text, void *field,
                     char why[WHY_BYTES])
{
    double value;

    if (!take_real(&text, &value) || *text || value * 1000 < (double)key->min ||
        value * 1000 > (double)key->max) {
        snprintf(why, WHY_BYTES, "give a number from %g to %g", (double)key->min / 1000,
                 (double)key->max / 1000);
        return false;
    }
    *(double *)field = value;
    return true;
}

static bool set_command(const char *text, void *field, char why[WHY_BYTES])
{
    unsigned command;

    if (!spd_test_command_parse(text, &command)) {
        snprintf(why, WHY_BYTES, "no such command here; there are burst, stream and qos");
        return false;
    }
    *(unsigned *)field |= command;
    return true;
}

static bool set_calendar(const char *text, void *field, char why[WHY_BYTES])
{
    struct spd_diag diag = { 0 };

    if (spd_calendar_parse(text, field, &diag)) {
        /* It begins with the text itself, as far as that goes. */
        const char *rest = strstr(diag.text, ": ");

        snprintf(why, WHY_BYTES, "%.290s", rest ? rest + 2 : diag.text);
        return false;
    }
    return true;
}

bool spd_config_set(struct spd_config_load *load, const struct spd_config_key *key,
                    const char *text, void *field, char why[WHY_BYTES])
{
    switch (key->kind) {
    case SPD_CONFIG_FLAG:
        return set_flag(text, field, why);
    case SPD_CONFIG_COUNT:
        return set_count(key, text, field, why);
    case SPD_CONFIG_RATE:
        return set_rate(key, text, field, why);
    case SPD_CONFIG_BYTES:
        return set_bytes(key, text, field, why);
    case SPD_CONFIG_SPAN:
        return set_span(key, text, field, why);
    case SPD_CONFIG_RATIO:
        return set_ratio(text, field, why);
    case SPD_CONFIG_REAL:
        return set_real(key, text, field, why);
    case SPD_CONFIG_CALENDAR:
        return set_calendar(text, field, why);
    case SPD_CONFIG_COMMAND:
        return set_command(text, field, why);
    case SPD_CONFIG_TEXT:
    case SPD_CONFIG_PATH:
        *(const char **)field = spd_config_keep(load, text);
        return true;
    default:
        return spd_config_set_list(load, key, text, field, why);
    }
}
