/*
 * Reads arguments by the table in options.c. Main thread, before anything else.
 */
#include "service/options.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/dscp.h"

struct parse {
    unsigned command;
    const char *operand_name;
    struct spd_settings *settings;
    struct spd_diag *diag;
};

static const struct spd_option *find_long(unsigned command, const char *name, size_t length)
{
    for (size_t i = 0; i < spd_n_options; i++)
        if ((spd_options[i].commands & command) && strlen(spd_options[i].name) == length &&
            strncmp(spd_options[i].name, name, length) == 0)
            return &spd_options[i];
    return NULL;
}

static const struct spd_option *find_short(unsigned command, char letter)
{
    for (size_t i = 0; i < spd_n_options; i++)
        if ((spd_options[i].commands & command) && letter && spd_options[i].letter == letter)
            return &spd_options[i];
    return NULL;
}

static void *field_of(const struct parse *p, const struct spd_option *option)
{
    return (char *)p->settings + option->offset;
}

/* Decimal digits only; saturates. */
static bool parse_count(const char *text, uint64_t *out)
{
    uint64_t value = 0;

    if (!*text)
        return false;
    for (; *text; text++) {
        unsigned digit = (unsigned)(*text - '0');

        if (digit > 9)
            return false;
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *out = value;
    return true;
}

bool spd_duration_parse(const char *text, spd_ns *out)
{
    static const struct {
        const char *name;
        double ns;
    } units[] = {
        { "ns", 1 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "min", 60e9 }, { "", 1e6 },
    };
    char *end;
    double value;

    if (!isdigit((unsigned char)text[0]) || (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')))
        return false;
    value = strtod(text, &end);
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strcmp(end, units[i].name) == 0) {
            double ns = value * units[i].ns;

            if (!(ns <= 1e15))
                return false;
            *out = (spd_ns)(ns + 0.5);
            return true;
        }
    return false;
}

bool spd_rate_parse(const char *text, uint64_t *out)
{
    static const struct {
        const char *name;
        double bps;
    } units[] = {
        { "", 1 },       { "bit", 1 },    { "k", 1e3 }, { "kbit", 1e3 }, { "M", 1e6 },
        { "Mbit", 1e6 }, { "mbit", 1e6 }, { "G", 1e9 }, { "Gbit", 1e9 }, { "gbit", 1e9 },
    };
    char *end;
    double value;
    size_t length;

    if (!isdigit((unsigned char)text[0]) || (text[0] == '0' && (text[1] == 'x' || text[1] == 'X')))
        return false;
    value = strtod(text, &end);
    length = strlen(end);
    if (length > 2 && strcmp(end + length - 2, "/s") == 0)
        length -= 2;
    for (size_t i = 0; i < sizeof(units) / sizeof(units[0]); i++)
        if (strlen(units[i].name) == length && strncmp(end, units[i].name, length) == 0) {
            double bps = value * units[i].bps;

            if (!(bps >= 1 && bps <= 1e12))
                return false;
            *out = (uint64_t)(bps + 0.5);
            return true;
        }
    return false;
}

static enum spd_err set_rate(const struct parse *p, const struct spd_option *o, const char *text)
{
    if (!spd_rate_parse(text, (uint64_t *)field_of(p, o)))
        return spd_diag_set(p->diag, SPD_ERR_INVALID, 0,
                            "--%s %s: not a rate; give bit/s as in 24kbit, 1.5Mbit or 64000",
                            o->name, text);
    return SPD_ERR_OK;
}

static enum spd_err set_count(const struct parse *p, const struct spd_option *o, const char *text)
{
    uint64_t value;

    if (!parse_count(text, &value))
        return spd_diag_set(p->diag, SPD_ERR_INVALID, 0,
                            "--%s %s: not a whole number; give %" PRId64 " to %" PRId64, o->name,
                            text, o->min, o->max);
    if (value < (uint64_t)o->min || value > (uint64_t)o->max)
        return spd_diag_set(p->diag, SPD_ERR_RANGE, 0,
                            "--%s %s: out of range; give %" PRId64 " to %" PRId64, o->name, text,
                            o->min, o->max);
    *(uint64_t *)field_of(p, o) = value;
    return SPD_ERR_OK;
}

static enum spd_err set_duration(const struct parse *p, const struct spd_option *o,
                                 const char *text)
{
    spd_ns value;

    if (!spd_duration_parse(text, &value))
        return spd_diag_set(p->diag, SPD_ERR_INVALID, 0,
                            "--%s %s: not a time; give a number with ns, us, ms, s or min, as in "
                            "--%s %s",
                            o->name, text, o->name, o->initial);
    if (value < o->min || value > o->max)
        return spd_diag_set(p->diag, SPD_ERR_RANGE, 0, "--%s %s: out of range; give %gms to %gs",
                            o->name, text, (double)o->min / 1e6, (double)o->max / 1e9);
    *(spd_ns *)field_of(p, o) = value;
    return SPD_ERR_OK;
}

static enum spd_err set_dscp(const struct parse *p, const struct spd_option *o, const char *text)
{
    uint8_t dscp;

    if (o->min < 0 && strcmp(text, "copy") == 0) {
        *(int *)field_of(p, o) = -1;
        return SPD_ERR_OK;
    }
    if (!spd_dscp_parse(text, &dscp))
        return spd_diag_set(p->diag, SPD_ERR_INVALID, 0,
                            "--%s %s: no such DSCP; give a name (EF, AF11..AF43, CS0..CS7, VA, "
                            "LE, BE) or a number from 0 to 63%s",
                            o->name, text, o->min < 0 ? ", or copy" : "");
    *(int *)field_of(p, o) = dscp;
    return SPD_ERR_OK;
}

static enum spd_err set_text(const struct parse *p, const struct spd_option *o, const char *text)
{
    struct spd_texts *texts = field_of(p, o);

    if (!*text)
        return spd_diag_set(p->diag, SPD_ERR_INVALID, 0, "--%s: is empty; give %s", o->name,
                            o->argument);
    if (o->kind == SPD_OPTION_TEXT) {
        *(const char **)field_of(p, o) = text;
        return SPD_ERR_OK;
    }
    if (texts->n == SPD_TEXTS_MAX)
        return spd_diag_set(p->diag, SPD_ERR_RANGE, 0, "--%s: may be given at most %d times",
                            o->name, SPD_TEXTS_MAX);
    texts->text[texts->n++] = text;
    return SPD_ERR_OK;
}

static enum spd_err set_option(const struct parse *p, const struct spd_option *o, const char *text)
{
    switch (o->kind) {
    case SPD_OPTION_FLAG:
        *(bool *)field_of(p, o) = true;
        return SPD_ERR_OK;
    case SPD_OPTION_COUNT:
        return set_count(p, o, text);
    case SPD_OPTION_RATE:
        return set_rate(p, o, text);
    case SPD_OPTION_DURATION:
        return set_duration(p, o, text);
    case SPD_OPTION_DSCP:
        return set_dscp(p, o, text);
    case SPD_OPTION_TEXT:
    case SPD_OPTION_TEXTS:
        break;
    }
    return set_text(p, o, text);
}

/* What stands where a value is wanted: a number that starts with a dash is one. */
static bool looks_like_option(const char *text)
{
    return text[0] == '-' && text[1] && !isdigit((unsigned char)text[1]);
}

/* One option at argv[i]; *used is 1 or 2. */
static enum spd_err parse_option(const struct parse *p, int argc, char **argv, int i, int *used)
{
    const char *name = argv[i] + (argv[i][1] == '-' ? 2 : 1);
    bool is_long = argv[i][1] == '-';
    const char *value = is_long ? strchr(name, '=') : NULL;
    size_t length = value ? (size_t)(value - name) : strlen(name);
    const struct spd_option *o =
        is_long ? find_long(p->command, name, length) : find_short(p->command, name[0]);

    *used = 1;
    if (!o)
        return spd_diag_set(p->diag, SPD_ERR_INVALID, 0,
                            "%s: no such option here; --help lists them", argv[i]);
    if (is_long)
        value = value ? value + 1 : NULL;
    else if (length > 1)
        value = name + 1;
    if (o->kind == SPD_OPTION_FLAG && value)
        return spd_diag_set(p->diag, SPD_ERR_INVALID, 0, "--%s takes no value", o->name);
    if (o->kind != SPD_OPTION_FLAG && !value) {
        if (i + 1 >= argc || looks_like_option(argv[i + 1]))
            return spd_diag_set(p->diag, SPD_ERR_INVALID, 0, "--%s needs a value: --%s %s", o->name,
                                o->name, o->argument);
        value = argv[i + 1];
        *used = 2;
    }
    return set_option(p, o, value);
}

static enum spd_err set_defaults(const struct parse *p)
{
    enum spd_err err = SPD_ERR_OK;

    memset(p->settings, 0, sizeof(*p->settings));
    for (size_t i = 0; i < spd_n_options && !err; i++)
        if ((spd_options[i].commands & p->command) && spd_options[i].initial)
            err = set_option(p, &spd_options[i], spd_options[i].initial);
    return err;
}

static enum spd_err set_operand(const struct parse *p, const char *text)
{
    if (!p->operand_name)
        return spd_diag_set(p->diag, SPD_ERR_INVALID, 0, "%s: this command takes no operand", text);
    if (p->settings->host && !strstr(p->operand_name, "..."))
        return spd_diag_set(p->diag, SPD_ERR_INVALID, 0, "%s: only one %s can be given", text,
                            p->operand_name);
    if (p->settings->operands.n == SPD_TEXTS_MAX)
        return spd_diag_set(p->diag, SPD_ERR_RANGE, 0, "%s: at most %d of %s can be given", text,
                            SPD_TEXTS_MAX, p->operand_name);
    if (!p->settings->host)
        p->settings->host = text;
    p->settings->operands.text[p->settings->operands.n++] = text;
    return SPD_ERR_OK;
}

enum spd_err spd_options_parse(unsigned command, const char *operand_name, bool operand_optional,
                               int argc, char **argv, struct spd_settings *out,
                               struct spd_diag *diag)
{
    struct parse p = { command, operand_name, out, diag };
    bool options_over = false;
    enum spd_err err = set_defaults(&p);

    for (int i = 0, used = 1; i < argc && !err; i += used) {
        used = 1;
        if (!options_over && strcmp(argv[i], "--") == 0)
            options_over = true;
        else if (!options_over && argv[i][0] == '-' && argv[i][1]) /* -4 is an option */
            err = parse_option(&p, argc, argv, i, &used);
        else
            err = set_operand(&p, argv[i]);
        if (!err && (out->help || out->help_all))
            return SPD_ERR_OK;
    }
    if (!err && operand_name && !operand_optional && !out->host)
        err = spd_diag_set(diag, SPD_ERR_INVALID, 0, "%s is missing; --help shows examples",
                           operand_name);
    if (!err && out->ipv4 && out->ipv6)
        err = spd_diag_set(diag, SPD_ERR_INVALID, 0, "--ipv4 and --ipv6 exclude each other");
    return err;
}
