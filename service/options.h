/*
 * The one table of settings: what each is called, what it takes, its default,
 * which commands know it, and what it means. The parser, --help and the manual
 * are made from it.
 */
#ifndef SPD_SERVICE_OPTIONS_H
#define SPD_SERVICE_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/base/time.h"

/* Bits for the commands that know an option. */
enum spd_command_bit {
    SPD_COMMAND_BURST = 1u << 0,
    SPD_COMMAND_REFLECT = 1u << 1,
    SPD_COMMAND_STREAM = 1u << 2,
    SPD_COMMAND_NOISE = 1u << 3,
    SPD_COMMAND_ANALYZE = 1u << 4,
    SPD_COMMAND_QOS = 1u << 5,
    SPD_COMMAND_COMPARE = 1u << 6,
    SPD_COMMAND_RECEIVE = 1u << 7,
    SPD_COMMAND_TESTS = 1u << 8,
    SPD_COMMAND_CANCEL = 1u << 9,
    SPD_COMMAND_STATUS = 1u << 10,
    SPD_COMMAND_HISTORY = 1u << 11,
    SPD_COMMAND_CONFIG = 1u << 12,
    SPD_COMMAND_SERVICE = 1u << 13,
};

enum spd_option_kind {
    SPD_OPTION_FLAG,     /* no value; bool */
    SPD_OPTION_COUNT,    /* decimal number; uint64_t */
    SPD_OPTION_RATE,     /* 24kbit, 1.5M; uint64_t bit/s */
    SPD_OPTION_DURATION, /* 500us, 20ms, 2s; spd_ns */
    SPD_OPTION_DSCP,     /* EF, af41, 46; int, or -1 for "copy" where min is negative */
    SPD_OPTION_TEXT,     /* const char * into argv */
    SPD_OPTION_TEXTS,    /* repeatable; struct spd_texts */
};

#define SPD_TEXTS_MAX 64

struct spd_texts {
    const char *text[SPD_TEXTS_MAX];
    size_t n;
};

/* Every setting of every command, filled with defaults by parse. */
struct spd_settings {
    const char *host; /* the operand, or the first one */
    struct spd_texts operands;
    bool help;
    bool help_all;
    bool json;
    bool records;
    bool quiet;
    const char *config_path; /* NULL: the usual one */
    const char *root;        /* NULL: the running system */
    bool scm;
    bool via_service;
    const char *control; /* endpoint of the service; NULL: the default one */
    bool spin;
    bool ipv4;
    bool ipv6;
    bool stateful;
    bool user_stamps;
    uint64_t n_packets;
    uint64_t n_bursts;
    uint64_t size_bytes;
    uint64_t n_retries;
    uint64_t max_sessions;
    uint64_t batch;
    uint64_t rate_bps;
    bool poisson;
    bool sink;
    spd_ns interval_ns;
    spd_ns duration_ns;
    spd_ns late_limit_ns;
    const char *sizes;
    const char *bucket;
    const char *profile;
    const char *log;
    bool one_way;
    bool no_control;
    bool zero_padding;
    const char *port_range;
    spd_ns gap_ns;
    spd_ns timeout_ns;
    spd_ns gap_limit_ns;
    spd_ns idle_timeout_ns;
    int dscp;
    int reply_dscp;
    const char *csv;
    const char *json_lines;
    const char *plot;
    const char *skew;
    const char *jump;
    const char *codec;
    const char *minimum;
    const char *flow;
    const char *interface_name;
    const char *source;
    struct spd_texts listen;
    struct spd_texts allow; /* networks */
    uint64_t source_rate;   /* 0 in these three: no limit */
    uint64_t total_rate;
    uint64_t source_sessions;
    bool never_larger;
    struct spd_texts classes;
    const char *noise;
    const char *noise_host;
    uint64_t n_calibration;
    const char *calibration; /* of compare; NULL: as the logs say */
    const char *db; /* of history, as all below */
    const char *name;
    const char *since;
    const char *until;
    uint64_t limit;
};

struct spd_option {
    const char *name;      /* without the dashes */
    char letter;           /* short form, or 0 */
    unsigned commands;     /* of enum spd_command_bit */
    enum spd_option_kind kind;
    const char *argument;  /* "N", "TIME"; NULL for flags */
    int64_t min, max;      /* of counts (as they are) and durations (ns) */
    const char *initial;   /* the default as one would type it; NULL: none */
    size_t offset;         /* into struct spd_settings */
    const char *help;
    unsigned rare;         /* of these commands --help gives the name alone, --help-all the rest */
};

extern const struct spd_option spd_options[];
extern const size_t spd_n_options;

/* Parse the arguments that follow the command's name. Options and operands may
 * be mixed; "--" ends the options; "--name=value" works too. operand_name is
 * the one operand the command takes ("HOST"; it may be optional; with "..." behind
 * it, there may be several), or NULL for none. Errors:
 * INVALID or RANGE with a diag that names the option, what is wrong with it and
 * what it takes. With --help or --help-all given, the rest is not checked. */
enum spd_err spd_options_parse(unsigned command, const char *operand_name, bool operand_optional,
                               int argc, char **argv, struct spd_settings *out,
                               struct spd_diag *diag);

/* A rate as typed: a number with bit, kbit, Mbit or Gbit (k, M and G will do,
 * and "/s" may follow), in powers of 1,000; a bare number means bit/s. Returns
 * false for anything else, for 0 and beyond 10^12. */
bool spd_rate_parse(const char *text, uint64_t *out);

/* A duration as typed: a number with ns, us, ms, s or min; a bare number means
 * milliseconds. Returns false for anything else and beyond 10^6 s. */
bool spd_duration_parse(const char *text, spd_ns *out);

#endif
