/*
 * How a configuration comes to be: the lines of a file become entries
 * (config_read), entries become values by the table of keys (config_keys,
 * config_value, config_apply), sections become rules and tests (config_allow,
 * config_test). Any thread, one at a time for one load.
 */
#ifndef SPD_SERVICE_CONFIG_PRIVATE_H
#define SPD_SERVICE_CONFIG_PRIVATE_H

#include "service/config.h"

enum spd_config_section {
    SPD_CONFIG_SERVICE,
    SPD_CONFIG_REFLECTOR,
    SPD_CONFIG_LIMITS,
    SPD_CONFIG_METRICS,
    SPD_CONFIG_HISTORY,
    SPD_CONFIG_ALLOW,
    SPD_CONFIG_TEST,
    SPD_CONFIG_SECTION_COUNT,
};

struct spd_config_section_facts {
    const char *name;
    bool is_named;     /* [test "NAME"], any number of them */
    unsigned commands; /* whose options are keys too, of enum spd_command_bit */
    const char *help;
};
extern const struct spd_config_section_facts spd_config_sections[SPD_CONFIG_SECTION_COUNT];

enum spd_config_kind {
    SPD_CONFIG_FLAG,      /* yes or no; bool */
    SPD_CONFIG_COUNT,     /* decimal number; uint64_t */
    SPD_CONFIG_RATE,      /* 1.5Mbit; uint64_t bit/s */
    SPD_CONFIG_BYTES,     /* 64MiB; uint64_t */
    SPD_CONFIG_SPAN,      /* 5min, 90d; spd_ns */
    SPD_CONFIG_TEXT,      /* const char * */
    SPD_CONFIG_TEXTS,     /* struct spd_texts */
    SPD_CONFIG_PATH,      /* const char *; relative to the data folder */
    SPD_CONFIG_ADDRESSES, /* struct spd_texts of ADDR:PORT */
    SPD_CONFIG_TARGETS,   /* struct spd_config_targets */
    SPD_CONFIG_COMMAND,   /* unsigned */
    SPD_CONFIG_COMMANDS,  /* unsigned, several */
    SPD_CONFIG_CLASSES,   /* uint64_t, one bit a DSCP */
    SPD_CONFIG_CALENDAR,  /* struct spd_calendar */
    SPD_CONFIG_RATIO,     /* 1% or 0.01; double */
    SPD_CONFIG_REAL,      /* double, min and max in thousandths */
};

struct spd_config_key {
    enum spd_config_section section;
    const char *name;
    enum spd_config_kind kind;
    const char *argument; /* "TIME" */
    int64_t min, max;     /* of counts, bytes, rates (bit/s), spans (ns) and reals */
    /* As one would type it; NULL: none; "@...": this system's, see
     * spd_config_initial. */
    const char *initial;
    size_t offset; /* into struct spd_config, spd_config_rule or spd_config_test */
    const char *help;
};
extern const struct spd_config_key spd_config_keys[];
extern const size_t spd_n_config_keys;

/* The default of a key on this system, or NULL. */
const char *spd_config_initial(const struct spd_config_key *key);

/* Whether several values make one: the key may stand on several lines. */
bool spd_config_is_list(enum spd_config_kind kind);

/* Whether an option of the command line is a key of the section. */
bool spd_config_takes_option(enum spd_config_section section, const struct spd_option *option);

/* What is in force, for show. */
/* The default of an option in a section; NULL: none. */
const char *spd_config_option_initial(enum spd_config_section section,
                                      const struct spd_option *option);

struct spd_config_value {
    const char *section; /* "limits", "test \"voice\"" */
    const char *key;
    const char *text; /* NULL: not set */
    unsigned line;    /* 0: default */
};

/* A line of the file: KEY = VALUE. */
struct spd_config_entry {
    size_t heading; /* index */
    const char *key;
    const char *text;
    unsigned line;
    bool known; /* some key or option took it */
};

/* A line of the file: [SECTION] or [SECTION "NAME"]. */
struct spd_config_heading {
    enum spd_config_section section;
    const char *name;  /* "" without one */
    const char *title; /* as between the brackets */
    unsigned line;
};

struct spd_config_load {
    struct spd_config *config;
    struct spd_config_problems *problems;
    unsigned lines[SPD_CONFIG_PROBLEMS_MAX]; /* of the problems */
    const char *file;                        /* for messages */
    struct spd_config_heading *headings;
    size_t n_headings;
    struct spd_config_entry *entries;
    size_t n_entries;
    bool no_memory;
};

/* "FILE:LINE: ..."; line 0: "FILE: ...". */
void spd_config_complain(struct spd_config_load *load, unsigned line, const char *format, ...)
    SPD_PRINTF_LIKE(3, 4);

/* A copy that the configuration owns; NULL (and no_memory) when there is none. */
const char *spd_config_keep(struct spd_config_load *load, const char *text);
const char *spd_config_keep_n(struct spd_config_load *load, const char *text, size_t n);

/* *array of n items grows by one; returns the new item, zero, or NULL. */
void *spd_config_grow(struct spd_config_load *load, void **array, size_t *n, size_t item_bytes);

/* Fill headings and entries. Problems are told; errors are of the file. */
enum spd_err spd_config_read(struct spd_config_load *load, FILE *file);

#define SPD_CONFIG_WHY_BYTES 300

/* One value into its field, a list's item behind those before. False, with what is wrong in
 * why, when it is none. */
bool spd_config_set(struct spd_config_load *load, const struct spd_config_key *key,
                    const char *text, void *field, char why[SPD_CONFIG_WHY_BYTES]);
/* The same for the kinds that are lists. */
bool spd_config_set_list(struct spd_config_load *load, const struct spd_config_key *key,
                         const char *text, void *field, char why[SPD_CONFIG_WHY_BYTES]);

/* All keys of a section into base; heading NULL: the file has none. Options of
 * the command line go to *settings (not NULL where the section takes some), for
 * the command. operand may be NULL. */
void spd_config_apply(struct spd_config_load *load, enum spd_config_section section,
                      const struct spd_config_heading *heading, void *base, unsigned command,
                      const char *operand, struct spd_settings *settings);

/* The line of a key in a section, or 0. */
unsigned spd_config_line_of(const struct spd_config_load *load,
                            const struct spd_config_heading *heading, const char *key);
/* Its (first) value, or NULL. */
const char *spd_config_text_of(const struct spd_config_load *load,
                               const struct spd_config_heading *heading, const char *key);

/* One section each; out is zero. */
void spd_config_make_rule(struct spd_config_load *load, const struct spd_config_heading *heading,
                          struct spd_config_rule *out);
void spd_config_make_test(struct spd_config_load *load, const struct spd_config_heading *heading,
                          struct spd_config_test *out);

/* A message of the command line's parser as one of a file: "--rate x" becomes
 * "rate x". */
void spd_config_undash(char *text);

#endif
