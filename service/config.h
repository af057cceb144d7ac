/*
 * The configuration: one INI file, read as a whole or not at all.
 *
 * A struct spd_config never changes once loaded; any thread may read it. All
 * texts in it belong to it. What it cannot take, it refuses with FILE:LINE, what
 * is wrong, and what it takes; nothing is ignored. Keys are listed in config.md.
 */
#ifndef SPD_SERVICE_CONFIG_H
#define SPD_SERVICE_CONFIG_H

#include <stdbool.h>
#include <stdio.h>

#include "common/base/err.h"
#include "common/base/network.h"
#include "service/options.h"
#include "service/schedule_rule.h"
#include "service/test_demand.h"

#define SPD_CONFIG_TESTS_MAX  256
#define SPD_CONFIG_RULES_MAX  64
#define SPD_CONFIG_NAME_BYTES 41 /* of a test or rule, with the final zero */

/* Of tests that run at the same time. */
struct spd_config_limits {
    uint64_t n_tests;
    uint64_t n_packets;    /* that they may send, in sum */
    uint64_t rate_bps;     /* in sum */
    uint64_t memory_bytes; /* in sum */
    uint64_t n_targets;    /* different ones */
};

/* Whom or what a rule names. */
struct spd_config_target {
    bool is_network;
    struct spd_network network;
    const char *host; /* a name, or "*.example.com": any name that ends so */
};

struct spd_config_targets {
    struct spd_config_target target[SPD_TEXTS_MAX];
    size_t n;
};

/* [allow "NAME"]: users who are no administrators may ask for a test when one
 * of the rules that name them allows all of it. */
struct spd_config_rule {
    const char *name;
    struct spd_texts users;            /* names, numbers, SIDs; "*" is everybody */
    struct spd_texts groups;           /* likewise, of which a user is a member */
    unsigned commands;                 /* of enum spd_command_bit; all three where not given */
    struct spd_config_targets targets; /* n 0: any */
    uint64_t rate_bps_max;             /* of one test; 0: no more limit than [limits] */
    uint64_t n_packets_max;            /* likewise */
    uint64_t dscp_mask;                /* bit 46 is EF */
    unsigned line;
};

/* What a scheduled test must not miss. */
struct spd_config_thresholds {
    bool has_loss_max, has_pdv_p99_max, has_mos_min;
    double loss_ratio_max; /* 0.01 is 1 %, of the packets sent; of qos: of the first class */
    spd_ns pdv_p99_max_ns; /* either direction */
    double mos_min;
};

/* [test "NAME"] */
struct spd_config_test {
    const char *name;
    unsigned command;              /* SPD_COMMAND_BURST, _STREAM or _QOS */
    struct spd_settings settings;  /* as of the command line; quiet is set */
    struct spd_schedule_rule rule; /* with phase_ns 0 */
    spd_ns random_delay_ns;
    const char *exclusive; /* tests of one such group never run at the same time; or NULL */
    bool log;              /* keep the packets in a log */
    struct spd_config_thresholds thresholds;
    struct spd_test_demand demand;
    unsigned line;
};

struct spd_config_value;

struct spd_config {
    const char *file; /* NULL: defaults alone */
    struct {
        const char *data_folder; /* absolute */
        const char *control;     /* of struct spd_local_config: name */
        const char *admins;      /* likewise; or NULL */
    } service;
    struct {
        bool enabled;
        struct spd_settings settings; /* of stampede reflect; quiet is set */
    } reflector;
    struct {
        struct spd_config_limits total, user;
    } limits;
    struct {
        bool enabled;
        struct spd_texts listen; /* ADDR:PORT */
    } metrics;
    struct {
        const char *file;       /* of the database; absolute */
        const char *log_folder; /* of the tests' logs; absolute */
        spd_ns max_age_ns;
        uint64_t max_bytes; /* database and logs together */
        bool keep_logs;     /* a log stays as long as its result; else until the next run */
    } history;
    struct spd_config_rule *rules;
    size_t n_rules;
    struct spd_config_test *tests; /* in the order of the file */
    size_t n_tests;
    struct spd_config_value *values; /* private: for spd_config_show */
    size_t n_values;
    char **texts; /* private */
    size_t n_texts;
};

/* What is wrong with a file: each diag says FILE:LINE. */
#define SPD_CONFIG_PROBLEMS_MAX 32
struct spd_config_problems {
    struct spd_diag problem[SPD_CONFIG_PROBLEMS_MAX];
    size_t n; /* in all; the first SPD_CONFIG_PROBLEMS_MAX are kept */
};

/* path NULL: the defaults alone. Reads the file, opens nothing else, looks no
 * name up. Errors: NOT_FOUND, PERM, IO (the file), FORMAT (what stands in it),
 * NOMEM; *problems says what, with at least one. Free *out with
 * spd_config_free. About 60 kB of stack. */
enum spd_err spd_config_load(const char *path, struct spd_config **out,
                             struct spd_config_problems *problems);
void spd_config_free(struct spd_config *config); /* NULL is allowed */

/* NULL when there is none. */
const struct spd_config_test *spd_config_test_find(const struct spd_config *config,
                                                   const char *name);

/* Whether a section without a name ("reflector") says the same in both. */
bool spd_config_same_section(const struct spd_config *a, const struct spd_config *b,
                             const char *section);

/* What is in force, defaults too, and where each comes from: as an INI file
 * with comments, or as JSON. Errors: NOMEM, IO, with a diag. */
enum spd_err spd_config_show(const struct spd_config *config, FILE *stream, const char *stream_name,
                             bool json, struct spd_diag *diag);

#endif
