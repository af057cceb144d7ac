/*
 * The table of sections and keys. The parser, stampede config show and config.md
 * are made from it; what a test or the reflector takes besides stands in
 * options.c.
 */
#include "service/config_private.h"

#include <string.h>

#include "common/sys/defaults.h"
#include "common/sys/local.h"

#define IN_CONFIG(field) offsetof(struct spd_config, field)
#define IN_RULE(field)   offsetof(struct spd_config_rule, field)
#define IN_TEST(field)   offsetof(struct spd_config_test, field)

#define TESTS (SPD_COMMAND_BURST | SPD_COMMAND_STREAM | SPD_COMMAND_QOS)

#define MINUTE_NS (60 * SPD_NS_PER_S)
#define DAY_NS    (1440 * MINUTE_NS)
#define MANY      INT64_C(1000000000000)

const struct spd_config_section_facts spd_config_sections[SPD_CONFIG_SECTION_COUNT] = {
    [SPD_CONFIG_SERVICE] = { "service", false, 0, "the service itself" },
    [SPD_CONFIG_REFLECTOR] = { "reflector", false, SPD_COMMAND_REFLECT,
                               "answering the test packets of others" },
    [SPD_CONFIG_LIMITS] = { "limits", false, 0,
                            "what all tests that run at the same time may take together, and "
                            "those of one user who is no administrator" },
    [SPD_CONFIG_METRICS] = { "metrics", false, 0, "OpenMetrics over HTTP" },
    [SPD_CONFIG_HISTORY] = { "history", false, 0, "the database of results" },
    [SPD_CONFIG_ALLOW] = { "allow", true, 0,
                           "what users who are no administrators may ask for; a test is allowed "
                           "when one of the rules that name its user allows all of it" },
    [SPD_CONFIG_TEST] = { "test", true, TESTS, "a test that runs on schedule" },
};

const struct spd_config_key spd_config_keys[] = {
    { SPD_CONFIG_SERVICE, "data-folder", SPD_CONFIG_TEXT, "FOLDER", 0, 0, "@data-folder",
      IN_CONFIG(service.data_folder), "where the service keeps what it writes" },
    { SPD_CONFIG_SERVICE, "control", SPD_CONFIG_TEXT, "NAME", 0, 0, "@control",
      IN_CONFIG(service.control), "socket (Linux) or pipe (Windows) by which users ask for tests" },
    { SPD_CONFIG_SERVICE, "admins", SPD_CONFIG_TEXT, "GROUP|SDDL", 0, 0, NULL,
      IN_CONFIG(service.admins),
      "who may do everything, besides root and the service's own user: a group (Linux), or a "
      "security descriptor (Windows; without one Administrators and SYSTEM)" },

    { SPD_CONFIG_REFLECTOR, "enabled", SPD_CONFIG_FLAG, "yes|no", 0, 0, "no",
      IN_CONFIG(reflector.enabled), "reflect at all" },

    { SPD_CONFIG_LIMITS, "total-tests", SPD_CONFIG_COUNT, "N", 1, 64, "16",
      IN_CONFIG(limits.total.n_tests), "tests at once" },
    { SPD_CONFIG_LIMITS, "total-packets", SPD_CONFIG_COUNT, "N", 1, MANY, "100000000",
      IN_CONFIG(limits.total.n_packets), "packets that running tests may send" },
    { SPD_CONFIG_LIMITS, "total-rate", SPD_CONFIG_RATE, "RATE", 1000, MANY, "1Gbit",
      IN_CONFIG(limits.total.rate_bps), "bit/s of IP packets" },
    { SPD_CONFIG_LIMITS, "total-memory", SPD_CONFIG_BYTES, "BYTES", 1 << 20, MANY, "512MiB",
      IN_CONFIG(limits.total.memory_bytes), "memory of running tests" },
    { SPD_CONFIG_LIMITS, "total-targets", SPD_CONFIG_COUNT, "N", 1, 128, "64",
      IN_CONFIG(limits.total.n_targets), "different hosts measured at once" },
    { SPD_CONFIG_LIMITS, "user-tests", SPD_CONFIG_COUNT, "N", 0, 64, "2",
      IN_CONFIG(limits.user.n_tests), "tests at once" },
    { SPD_CONFIG_LIMITS, "user-packets", SPD_CONFIG_COUNT, "N", 1, MANY, "1000000",
      IN_CONFIG(limits.user.n_packets), "packets that running tests may send" },
    { SPD_CONFIG_LIMITS, "user-rate", SPD_CONFIG_RATE, "RATE", 1000, MANY, "10Mbit",
      IN_CONFIG(limits.user.rate_bps), "bit/s of IP packets" },
    { SPD_CONFIG_LIMITS, "user-memory", SPD_CONFIG_BYTES, "BYTES", 1 << 20, MANY, "64MiB",
      IN_CONFIG(limits.user.memory_bytes), "memory of running tests" },
    { SPD_CONFIG_LIMITS, "user-targets", SPD_CONFIG_COUNT, "N", 1, 128, "8",
      IN_CONFIG(limits.user.n_targets), "different hosts measured at once" },

    { SPD_CONFIG_METRICS, "enabled", SPD_CONFIG_FLAG, "yes|no", 0, 0, "@metrics",
      IN_CONFIG(metrics.enabled), "serve /metrics and /healthz" },
    { SPD_CONFIG_METRICS, "listen", SPD_CONFIG_ADDRESSES, "ADDR:PORT", 0, 0, "127.0.0.1:9862",
      IN_CONFIG(metrics.listen), "where; whoever reaches it may read it" },

    { SPD_CONFIG_HISTORY, "file", SPD_CONFIG_PATH, "FILE", 0, 0, "history.db",
      IN_CONFIG(history.file), "the database; relative to data-folder" },
    { SPD_CONFIG_HISTORY, "log-folder", SPD_CONFIG_PATH, "FOLDER", 0, 0, "logs",
      IN_CONFIG(history.log_folder), "of the packets' logs; relative to data-folder" },
    { SPD_CONFIG_HISTORY, "max-age", SPD_CONFIG_SPAN, "TIME", MINUTE_NS, 36500 * DAY_NS, "90d",
      IN_CONFIG(history.max_age_ns), "older results are deleted, with their logs" },
    { SPD_CONFIG_HISTORY, "max-size", SPD_CONFIG_BYTES, "BYTES", 1 << 20, MANY, "1GiB",
      IN_CONFIG(history.max_bytes), "of database and logs; the oldest results go first" },
    { SPD_CONFIG_HISTORY, "keep-logs", SPD_CONFIG_FLAG, "yes|no", 0, 0, "yes",
      IN_CONFIG(history.keep_logs),
      "a test's log stays as long as its result; no: until its next run" },

    { SPD_CONFIG_ALLOW, "users", SPD_CONFIG_TEXTS, "USER, ...", 0, 0, NULL, IN_RULE(users),
      "whom the rule names: names, numbers or SIDs; * is everybody" },
    { SPD_CONFIG_ALLOW, "groups", SPD_CONFIG_TEXTS, "GROUP, ...", 0, 0, NULL, IN_RULE(groups),
      "or members of these" },
    { SPD_CONFIG_ALLOW, "commands", SPD_CONFIG_COMMANDS, "COMMAND, ...", 0, 0, "burst, stream, qos",
      IN_RULE(commands), "burst, stream, qos" },
    { SPD_CONFIG_ALLOW, "targets", SPD_CONFIG_TARGETS, "NETWORK|HOST, ...", 0, 0, NULL,
      IN_RULE(targets), "10.0.0.0/8, host.example, *.example; any where not given" },
    { SPD_CONFIG_ALLOW, "max-rate", SPD_CONFIG_RATE, "RATE", 1000, MANY, NULL,
      IN_RULE(rate_bps_max), "of one test" },
    { SPD_CONFIG_ALLOW, "max-packets", SPD_CONFIG_COUNT, "N", 1, MANY, NULL, IN_RULE(n_packets_max),
      "of one test" },
    { SPD_CONFIG_ALLOW, "classes", SPD_CONFIG_CLASSES, "DSCP, ...", 0, 0, NULL, IN_RULE(dscp_mask),
      "that packets may bear; any where not given" },

    { SPD_CONFIG_TEST, "command", SPD_CONFIG_COMMAND, "COMMAND", 0, 0, NULL, IN_TEST(command),
      "burst, stream or qos; must be given" },
    { SPD_CONFIG_TEST, "target", SPD_CONFIG_TEXT, "HOST[:PORT]", 0, 0, NULL, IN_TEST(settings.host),
      "must be given" },
    { SPD_CONFIG_TEST, "every", SPD_CONFIG_SPAN, "TIME", SPD_NS_PER_S, 31 * DAY_NS, NULL,
      IN_TEST(rule.interval_ns), "this or calendar must be given: 30s, 5min, 1h" },
    { SPD_CONFIG_TEST, "calendar", SPD_CONFIG_CALENDAR, "WHEN", 0, 0, NULL, IN_TEST(rule.calendar),
      "in local time: Mon..Fri 08:00, *:0/15, *-01 06:30 UTC" },
    { SPD_CONFIG_TEST, "random-delay", SPD_CONFIG_SPAN, "TIME", 0, DAY_NS, "0s",
      IN_TEST(random_delay_ns), "begin up to so much later, another time each time" },
    { SPD_CONFIG_TEST, "exclusive", SPD_CONFIG_TEXT, "GROUP", 0, 0, NULL, IN_TEST(exclusive),
      "tests of one group never run at the same time" },
    { SPD_CONFIG_TEST, "log", SPD_CONFIG_FLAG, "yes|no", 0, 0, "no", IN_TEST(log),
      "keep every packet, for stampede analyze; not of bursts" },
    { SPD_CONFIG_TEST, "loss-max", SPD_CONFIG_RATIO, "RATIO", 0, 0, NULL,
      IN_TEST(thresholds.loss_ratio_max), "more loss misses the threshold: 1%, 0.01" },
    { SPD_CONFIG_TEST, "pdv-p99-max", SPD_CONFIG_SPAN, "TIME", 0, 60 * SPD_NS_PER_S, NULL,
      IN_TEST(thresholds.pdv_p99_max_ns),
      "so does more delay variation (RFC 5481, 99th percentile) either way" },
    { SPD_CONFIG_TEST, "mos-min", SPD_CONFIG_REAL, "MOS", 1000, 4500, NULL,
      IN_TEST(thresholds.mos_min), "so does less voice quality (G.107); not of bursts" },
};
const size_t spd_n_config_keys = sizeof(spd_config_keys) / sizeof(spd_config_keys[0]);

const char *spd_config_initial(const struct spd_config_key *key)
{
    if (!key->initial || key->initial[0] != '@')
        return key->initial;
    if (strcmp(key->initial, "@data-folder") == 0)
        return spd_defaults()->data_folder;
    if (strcmp(key->initial, "@control") == 0)
        return spd_local_default_name();
    return spd_defaults()->metrics ? "yes" : "no";
}

bool spd_config_is_list(enum spd_config_kind kind)
{
    switch (kind) {
    case SPD_CONFIG_TEXTS:
    case SPD_CONFIG_ADDRESSES:
    case SPD_CONFIG_TARGETS:
    case SPD_CONFIG_COMMANDS:
    case SPD_CONFIG_CLASSES:
        return true;
    default:
        return false;
    }
}

bool spd_config_takes_option(enum spd_config_section section, const struct spd_option *option)
{
    static const char *const elsewhere[] = { "help", "help-all", "json", "quiet" };

    if (!(option->commands & spd_config_sections[section].commands))
        return false;
    for (size_t i = 0; i < sizeof(elsewhere) / sizeof(elsewhere[0]); i++)
        if (strcmp(option->name, elsewhere[i]) == 0)
            return false;
    return section != SPD_CONFIG_TEST || spd_test_option_serves(option);
}
