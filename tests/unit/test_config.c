/*
 * The configuration: what each key does, and every way to be wrong, with the
 * line. A file is taken as a whole or not at all.
 */
#include <stdio.h>

#include "common/sys/defaults.h"
#include "common/sys/local.h"
#include "service/config_private.h"
#include "tests/support/random.h"
#include "tests/unit/config_kit.h"
#include "tests/unit/unit.h"

#define S SPD_NS_PER_S

/* ------------------------------------------------------------------ defaults */

static void check_defaults(const struct spd_config *c)
{
    char path[2000];

    assert_string_equal(c->service.data_folder, spd_defaults()->data_folder);
    assert_string_equal(c->service.control, spd_local_default_name());
    assert_null(c->service.admins);
    assert_false(c->reflector.enabled);
    assert_int_equal(c->reflector.settings.max_sessions, 1024);
    assert_int_equal(c->reflector.settings.reply_dscp, -1);
    assert_true(c->reflector.settings.quiet);
    assert_int_equal(c->limits.total.n_tests, 16);
    assert_int_equal(c->limits.total.rate_bps, 1000000000);
    assert_int_equal(c->limits.user.n_tests, 2);
    assert_int_equal(c->limits.user.memory_bytes, 64 << 20);
    assert_int_equal(c->metrics.enabled, spd_defaults()->metrics);
    assert_int_equal(c->metrics.listen.n, 1);
    assert_string_equal(c->metrics.listen.text[0], "127.0.0.1:9862");
    assert_int_equal(c->history.max_age_ns, 90 * 86400 * S);
    assert_int_equal(c->history.max_bytes, 1 << 30);
    assert_true(c->history.keep_logs);
    snprintf(path, sizeof(path), "%s%chistory.db", spd_defaults()->data_folder,
             spd_defaults()->separator);
    assert_string_equal(c->history.file, path);
    snprintf(path, sizeof(path), "%s%clogs", spd_defaults()->data_folder,
             spd_defaults()->separator);
    assert_string_equal(c->history.log_folder, path);
    assert_int_equal(c->n_rules, 0);
    assert_int_equal(c->n_tests, 0);
}

static void without_a_file_the_defaults_are_in_force(void **state)
{
    static struct spd_config_problems problems;
    struct spd_config *config = NULL;

    (void)state;
    assert_int_equal(spd_config_load(NULL, &config, &problems), SPD_ERR_OK);
    assert_null(config->file);
    check_defaults(config);
    spd_config_free(config);
    spd_config_free(NULL);
}

static void an_empty_file_means_the_defaults(void **state)
{
    static const char *const texts[] = {
        "",
        "\n\n",
        "# nothing\n; nothing\n   ; nothing",
        "[limits]\n",
        "\xEF\xBB\xBF[limits]\r\n",
        "\r\n[service]\r\n\r\n[limits]",
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(texts); i++) {
        struct spd_config *config = config_kit_good(texts[i]);

        assert_string_equal(config->file, CONFIG_KIT_FILE);
        check_defaults(config);
        spd_config_free(config);
    }
}

static void a_file_that_is_not_there_is_not_found(void **state)
{
    static struct spd_config_problems problems;
    struct spd_config *config = NULL;

    (void)state;
    assert_int_equal(spd_config_load("no-such-file.ini", &config, &problems), SPD_ERR_NOT_FOUND);
    assert_null(config);
    assert_int_equal(problems.n, 1);
    assert_non_null(strstr(problems.problem[0].text, "no-such-file.ini"));
}

static void a_folder_is_no_file(void **state)
{
    static struct spd_config_problems problems;
    struct spd_config *config = NULL;
    enum spd_err err = spd_config_load(".", &config, &problems);

    (void)state;
    assert_true(err == SPD_ERR_IO || err == SPD_ERR_PERM); /* Windows does not even open it */
    assert_null(config);
    assert_int_equal(problems.n, 1);
    assert_int_equal(problems.problem[0].err, err);
}

/* --------------------------------------------------------------------- values */

static void every_section_takes_its_keys(void **state)
{
    struct spd_config *c = config_kit_good("[service]\n"
                                           "control = other\n"
                                           "[reflector]\n"
                                           "enabled = yes\n"
                                           "listen = 127.0.0.1:8620, [::1]:8620\n"
                                           "listen = 192.0.2.7 ; a comment\n"
                                           "stateful = on\n"
                                           "max-sessions = 7\n"
                                           "idle-timeout = 60s\n"
                                           "reply-dscp = EF\n"
                                           "allow = 10.0.0.0/8,2001:db8::/32\n"
                                           "source-rate = 100\n"
                                           "[limits]\n"
                                           "total-tests = 64\n"
                                           "user-rate = 2.5Mbit\n"
                                           "user-memory = 1.5MiB\n"
                                           "[metrics]\n"
                                           "enabled: true\n"
                                           "listen = 0.0.0.0:9000\n"
                                           "listen = [::]:9000\n"
                                           "[history]\n"
                                           "max-age = 36h\n"
                                           "max-size = 500MB\n"
                                           "keep-logs = no\n");

    (void)state;
    assert_string_equal(c->service.control, "other");
    assert_true(c->reflector.enabled);
    assert_int_equal(c->reflector.settings.listen.n, 3);
    assert_string_equal(c->reflector.settings.listen.text[1], "[::1]:8620");
    assert_string_equal(c->reflector.settings.listen.text[2], "192.0.2.7");
    assert_true(c->reflector.settings.stateful);
    assert_int_equal(c->reflector.settings.max_sessions, 7);
    assert_int_equal(c->reflector.settings.idle_timeout_ns, 60 * S);
    assert_int_equal(c->reflector.settings.reply_dscp, 46);
    assert_int_equal(c->reflector.settings.allow.n, 2);
    assert_int_equal(c->reflector.settings.source_rate, 100);
    assert_int_equal(c->limits.total.n_tests, 64);
    assert_int_equal(c->limits.user.rate_bps, 2500000);
    assert_int_equal(c->limits.user.memory_bytes, 3 << 19);
    assert_true(c->metrics.enabled);
    assert_int_equal(c->metrics.listen.n, 2);
    assert_string_equal(c->metrics.listen.text[1], "[::]:9000");
    assert_int_equal(c->history.max_age_ns, 36 * 3600 * S);
    assert_int_equal(c->history.max_bytes, 500000000);
    assert_false(c->history.keep_logs);
    spd_config_free(c);
}

static void administrators_are_named_as_the_system_does(void **state)
{
    static const char group[] = "[service]\nadmins = \"some group\"\n";
    static const char sddl[] = "[service]\nadmins = D:(A;;GA;;;BA)(A;;GRGW;;;AU)\n";
    bool by_group = spd_defaults()->admins_are_group;
    struct spd_config *c = config_kit_good(by_group ? group : sddl);

    (void)state;
    assert_string_equal(c->service.admins,
                        by_group ? "some group" : "D:(A;;GA;;;BA)(A;;GRGW;;;AU)");
    spd_config_free(c);
    config_kit_bad("the other way", by_group ? sddl : group, 2,
                   by_group ? "name or number of a group" : "a security descriptor");
}

static void rules_are_taken_whole(void **state)
{
    struct spd_config *c = config_kit_good("[allow \"help desk\"]\n"
                                           "users = alice, 1000\n"
                                           "users = EXAMPLE\\bob\n"
                                           "groups = helpdesk\n"
                                           "commands = burst,qos\n"
                                           "targets = 10.0.0.0/8, *.example, pc7\n"
                                           "max-rate = 1Mbit\n"
                                           "max-packets = 10000\n"
                                           "classes = EF, 0\n"
                                           "[allow \"all\"]\n"
                                           "users = *\n");
    const struct spd_config_rule *r = &c->rules[0];

    (void)state;
    assert_int_equal(c->n_rules, 2);
    assert_string_equal(r->name, "help desk");
    assert_int_equal(r->line, 1);
    assert_int_equal(r->users.n, 3);
    assert_string_equal(r->users.text[2], "EXAMPLE\\bob");
    assert_int_equal(r->groups.n, 1);
    assert_int_equal(r->commands, SPD_COMMAND_BURST | SPD_COMMAND_QOS);
    assert_int_equal(r->targets.n, 3);
    assert_true(r->targets.target[0].is_network);
    assert_int_equal(r->targets.target[0].network.n_bits, 8);
    assert_string_equal(r->targets.target[1].host, "*.example");
    assert_int_equal(r->rate_bps_max, 1000000);
    assert_int_equal(r->n_packets_max, 10000);
    assert_true(r->dscp_mask == (UINT64_C(1) << 46 | 1));
    r = &c->rules[1];
    assert_int_equal(r->commands, SPD_COMMAND_BURST | SPD_COMMAND_QOS | SPD_COMMAND_STREAM);
    assert_int_equal(r->targets.n, 0);
    assert_int_equal(r->rate_bps_max, 0);
    assert_true(r->dscp_mask == UINT64_MAX);
    spd_config_free(c);
}

static void tests_take_the_options_of_their_command(void **state)
{
    struct spd_config *c = config_kit_good("[test \"voice\"]\n"
                                           "command = stream\n"
                                           "target = pc7.example:8620\n"
                                           "profile = voice\n"
                                           "packets = 500\n"
                                           "ipv4 = yes\n"
                                           "spin = no\n"
                                           "every = 5min\n"
                                           "random-delay = 30s\n"
                                           "exclusive = wan\n"
                                           "log = yes\n"
                                           "loss-max = 1%\n"
                                           "pdv-p99-max = 30ms\n"
                                           "mos-min = 3.6\n"
                                           "[test \"classes\"]\n"
                                           "command = qos\n"
                                           "target = 192.0.2.7\n"
                                           "class = EF::100:7,576:4, AF41\n"
                                           "class = BE\n"
                                           "calendar = \"Mon..Fri 08:00\"\n"
                                           "[test \"burst\"]\n"
                                           "every = 1h\n"
                                           "target = 2001:db8::7\n"
                                           "command = burst\n"
                                           "dscp = EF\n"
                                           "loss-max = 0.02\n");
    const struct spd_config_test *t = &c->tests[0];

    (void)state;
    assert_int_equal(c->n_tests, 3);
    assert_string_equal(t->name, "voice");
    assert_int_equal(t->command, SPD_COMMAND_STREAM);
    assert_string_equal(t->settings.host, "pc7.example:8620");
    assert_string_equal(t->settings.profile, "voice");
    assert_int_equal(t->settings.n_packets, 500);
    assert_int_equal(t->settings.timeout_ns, S); /* the command's default */
    assert_true(t->settings.ipv4 && t->settings.quiet && !t->settings.spin);
    assert_int_equal(t->rule.kind, SPD_SCHEDULE_INTERVAL);
    assert_int_equal(t->rule.interval_ns, 300 * S);
    assert_int_equal(t->random_delay_ns, 30 * S);
    assert_string_equal(t->exclusive, "wan");
    assert_true(t->log);
    assert_true(t->thresholds.has_loss_max && t->thresholds.has_pdv_p99_max &&
                t->thresholds.has_mos_min);
    assert_true(t->thresholds.loss_ratio_max > 0.0099 && t->thresholds.loss_ratio_max < 0.0101);
    assert_int_equal(t->thresholds.pdv_p99_max_ns, 30 * SPD_NS_PER_MS);
    assert_true(t->thresholds.mos_min > 3.59 && t->thresholds.mos_min < 3.61);
    assert_int_equal(t->demand.rate_bps, 80000);
    assert_string_equal(t->demand.target[0], "pc7.example");
    t = &c->tests[1];
    assert_int_equal(t->line, 15);
    assert_int_equal(t->settings.classes.n, 3);
    assert_string_equal(t->settings.classes.text[0], "EF::100:7,576:4");
    assert_int_equal(t->rule.kind, SPD_SCHEDULE_CALENDAR);
    assert_int_equal(t->rule.calendar.weekdays, 0x1F);
    assert_null(t->exclusive);
    assert_false(t->log || t->thresholds.has_loss_max || t->thresholds.has_mos_min);
    assert_ptr_equal(spd_config_test_find(c, "burst"), &c->tests[2]);
    assert_null(spd_config_test_find(c, "nobody"));
    assert_true(c->tests[2].thresholds.has_loss_max);
    spd_config_free(c);
}

/* ------------------------------------------------------------------- refusals */

#define TEST   "[test \"a\"]\ncommand = stream\ntarget = h\n"
#define EVERY  TEST "every = 5min\n"
#define LONG10 "xxxxxxxxxx"
#define LONG50 LONG10 LONG10 LONG10 LONG10 LONG10

static void what_is_wrong_is_told_with_its_line(void **state)
{
    static const struct {
        const char *text;
        unsigned line;
        const char *says;
    } rows[] = {
        /* lines */
        { "total-tests = 3\n", 1, "before the first [section]" },
        { "[limits]\nhello\n", 2, "no KEY = VALUE" },
        { "[limits]\n= 3\n", 2, "no KEY = VALUE" },
        { "[limits]\ntotal-tests =\n", 2, "has no value" },
        { "[limits]\ntotal-tests = ; 3\n", 2, "has no value" },
        { "[limits]\ntotal-tests = \"\"\n", 2, "has no value" },
        { "[limits\ntotal-tests = 3\n", 1, "lacks its ]" },
        { "[limits] total-tests = 3\n", 1, "behind the ]" },
        { "\n\n[limit]\ntotal-tests = 3\n", 3, "[limit]: no such section; there are [service]" },
        { "[Limits]\n", 1, "no such section" },
        { "[]\n", 1, "no such section" },
        { "[limits \"x\"]\n", 1, "has no name" },
        { "[limits]\n[metrics]\n[limits]\n", 3, "is there already, in line 1" },
        { "[limits]\nuser-tests = 1\n  total-tests = 99\n", 3, "total-tests = 99" }, /* indented */
        { "[limits]\nuser-tests = " LONG50 LONG50 LONG50 LONG50 "\n", 2, "are allowed" },
        { "[limits]\n\xEF\xBB\xBFtotal-tests = 3\n", 2, "no such key" },
        /* names */
        { "[test]\n", 1, "give it a name" },
        { "[test voice]\n", 1, "give it a name" },
        { "[test \"\"]\n", 1, "give it a name" },
        { "[test \"a/b\"]\n", 1, "give it a name" },
        { "[test \"..\"]\n", 1, "give it a name" },
        { "[test \"a ]\n", 1, "give it a name" },
        { "[test \"" LONG50 "\"]\n", 1, "give it a name" },
        { "[allow \"a\"]\nusers = *\n[allow \"a\"]\nusers = *\n", 3, "in line 1" },
        { EVERY TEST, 5, "in line 1" },
        /* keys */
        { "[limits]\ntests = 3\n", 2, "[limits] tests: no such key; there are total-tests" },
        { "[limits]\nTotal-Tests = 3\n", 2, "no such key" },
        { "[limits]\ntotal-tests = 3\ntotal-tests = 3\n", 3, "is there already, in line 2" },
        { "[reflector]\nstateful = yes\nstateful = yes\n", 3, "is there already, in line 2" },
        { "[reflector]\npackets = 3\n", 2, "no such key" },
        { "[reflector]\njson = yes\n", 2, "no such key" },
        { "[reflector]\nhelp = yes\n", 2, "no such key" },
        { EVERY "bursts = 3\n", 5, "no such key here" },
        { EVERY "csv = x\n", 5, "no such key" },
        { EVERY "plot = x.svg\n", 5, "no such key" },
        { EVERY "one-way = yes\n", 5, "no such key" },
        { EVERY "quiet = yes\n", 5, "no such key" },
        { EVERY "via-service = yes\n", 5, "no such key" },
        { EVERY "control = x\n", 5, "no such key" },
        { EVERY "target = x\n", 5, "is there already, in line 3" },
        /* values */
        { "[limits]\ntotal-tests = 0\n", 2, "from 1 to 64" },
        { "[limits]\ntotal-tests = 65\n", 2, "[limits] total-tests = 65: give a whole number" },
        { "[limits]\ntotal-tests = -1\n", 2, "whole number" },
        { "[limits]\ntotal-tests = 3 # three\n", 2, "whole number" },
        { "[limits]\ntotal-tests = 18446744073709551619\n", 2, "whole number" },
        { "[limits]\nuser-rate = fast\n", 2, "bit/s" },
        { "[limits]\nuser-rate = 1bit\n", 2, "bit/s" },
        { "[limits]\nuser-memory = 64M\n", 2, "bytes" },
        { "[limits]\nuser-memory = 1kB\n", 2, "bytes" },
        { "[metrics]\nenabled = 1\n", 2, "neither yes nor no" },
        { "[metrics]\nenabled = YES\n", 2, "neither yes nor no" },
        { "[metrics]\nlisten = localhost:9862\n", 2, "\"localhost:9862\": give ADDR:PORT" },
        { "[metrics]\nlisten = 127.0.0.1:0\n", 2, "give ADDR:PORT" },
        { "[metrics]\nlisten = 127.0.0.1:1,,[::1]:1\n", 2, "empty item" },
        { "[metrics]\nlisten = 127.0.0.1:1,\n", 2, "empty item" },
        { "[history]\nmax-age = 90\n", 2, "with its unit" },
        { "[history]\nmax-age = 1s\n", 2, "from 1min to 36500d" },
        { "[history]\nmax-age = 1e3d\n", 2, "with its unit" },
        { "[history]\nmax-age = -5d\n", 2, "with its unit" },
        { "[service]\ndata-folder = data\n", 2, "whole path" },
        { "[reflector]\nlisten = here\n", 2, "listen here: not an address" },
        { "[reflector]\nlisten = 0.0.0.0:99999\n", 2, "not an address" },
        { "[reflector]\nallow = 10.0.0.1/8\n", 2, "no network" },
        { "[reflector]\nsource-sessions = 3\n", 1, "no sessions to count" },
        { "[reflector]\nstateful = maybe\n", 2, "neither yes nor no" },
        { "[reflector]\nmax-sessions = 0\n", 2, "max-sessions 0: out of range; give 1" },
        { "[reflector]\nipv4 = yes\nipv6 = yes\n", 1, "exclude each other" },
        /* rules */
        { "[allow \"a\"]\ntargets = h\n", 1, "names nobody" },
        { "[allow \"a\"]\nusers = *\ntargets = h:862\n", 3, "without port" },
        { "[allow \"a\"]\nusers = *\ntargets = 10.0.0.1/8\n", 3, "prefix" },
        { "[allow \"a\"]\nusers = *\ntargets = 10.0.0\n", 3, "\"10.0.0\"" },
        { "[allow \"a\"]\nusers = *\ntargets = *\n", 3, "\"*\"" },
        { "[allow \"a\"]\nusers = *\ncommands = reflect\n", 3, "burst, stream and qos" },
        { "[allow \"a\"]\nusers = *\nclasses = EF, gold\n", 3, "\"gold\": no such DSCP" },
        /* tests */
        { "[test \"a\"]\ntarget = h\nevery = 1min\n", 1, "lacks command" },
        { "[test \"a\"]\ncommand = qos\nevery = 1min\n", 1, "lacks target" },
        { "[test \"a\"]\ncommand = reflect\ntarget = h\nevery = 1min\npackets = 3\n", 2,
          "burst, stream and qos" },
        { TEST, 1, "when?" },
        { EVERY "calendar = daily\n", 5, "exclude each other" },
        { TEST "every = 0s\n", 4, "from 1s to 31d" },
        { TEST "calendar = 25:00\n", 4, "\"25\" is out of range: 0 to 23" },
        { TEST "calendar = 02-30 00:00\n", 4, "no year" },
        { EVERY "random-delay = 5min\n", 5, "300 s" },
        { TEST "calendar = *:0/10\nrandom-delay = 600s\n", 5, "600 s" },
        { EVERY "packets = many\n", 5, "] packets many: not a whole number" },
        { EVERY "packets = 0\n", 5, "out of range" },
        { EVERY "ipv4 = 4\n", 5, "neither yes nor no" },
        { EVERY "dscp = gold\n", 5, "dscp gold: no such DSCP" },
        { EVERY "rate = 1Mbit\nbucket = 1Mbit:3000\n", 1, "exclude each other" },
        { EVERY "ipv4 = yes\nipv6 = yes\n", 1, "exclude each other" },
        { EVERY "size = 20\n", 1, "20" },
        { EVERY "profile = fax\n", 1, "no such profile" },
        { EVERY "codec = G.999\n", 1, "G.999" },
        { EVERY "loss-max = 2\n", 5, "ratio" },
        { EVERY "loss-max = 101%\n", 5, "ratio" },
        { EVERY "mos-min = 3.6x\n", 5, "from 1 to 4.5" },
        { EVERY "mos-min = 5\n", 5, "from 1 to 4.5" },
        { EVERY "pdv-p99-max = 30\n", 5, "with its unit" },
        { "[test \"a\"]\ncommand = qos\ntarget = h\nevery = 1min\nclass = EF\n", 1, "one class" },
        { "[test \"a\"]\ncommand = qos\ntarget = h\nevery = 1min\nclass = EF, , BE\n", 5,
          "empty item" },
        { "[test \"a\"]\ncommand = burst\ntarget = h\nevery = 1min\nlog = yes\n", 5, "no log" },
        { "[test \"a\"]\ncommand = burst\ntarget = h\nevery = 1min\nmos-min = 3\n", 5, "voice" },
        { "[test \"a\"]\ncommand = stream\ntarget = h:0\nevery = 1min\n", 1, "not a target" },
        { "[test \"a\"]\ncommand = stream\ntarget = --help\nevery = 1min\ncodec = x\n", 1, "x" },
        { "[limits]\ntotal-rate = 1Mbit\n" EVERY "rate = 2Mbit\n", 3,
          "[test \"a\"] [limits] total-rate is 1 Mbit/s" },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++)
        config_kit_bad(rows[i].text, rows[i].text, rows[i].line, rows[i].says);
}

static void all_that_is_wrong_is_told_in_order(void **state)
{
    static const char text[] = "[test \"a\"]\ncommand = stream\ntarget = h\nevery = x\nspeed = 3\n"
                               "[limits]\ntotal-tests = 0\n[nowhere]\nx = y\n"
                               "[test \"b\"]\ncommand = burst\n";
    static const unsigned lines[] = { 4, 5, 7, 8, 10, 10 };
    static struct spd_config_problems problems;
    struct spd_config *config = NULL;

    (void)state;
    assert_int_equal(config_kit_load_n(text, strlen(text), &config, &problems), SPD_ERR_FORMAT);
    assert_null(config);
    assert_int_equal(problems.n, N_ROWS(lines));
    for (size_t i = 0; i < N_ROWS(lines); i++) {
        unsigned line = 0;

        assert_int_equal(sscanf(problems.problem[i].text, CONFIG_KIT_FILE ":%u:", &line), 1);
        assert_int_equal(line, lines[i]);
    }
}

static void many_problems_are_counted(void **state)
{
    static struct spd_config_problems problems;
    struct spd_config *config = NULL;
    static char text[20000];
    size_t n = 0;

    (void)state;
    n += (size_t)snprintf(text, sizeof(text), "[limits]\n");
    for (int i = 0; i < 1000; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "key%d = 1\n", i);
    assert_int_equal(config_kit_load_n(text, n, &config, &problems), SPD_ERR_FORMAT);
    assert_int_equal(problems.n, 1000);
}

static void the_longest_line_is_taken_whole(void **state)
{
    char text[300] = "[service]\ncontrol = ";
    size_t begin = strlen("[service]\n"), n = strlen(text);
    struct spd_config *config;

    (void)state;
    memset(text + n, 'x', 198 - (n - begin)); /* as config.md says */
    config = config_kit_good(text);
    assert_int_equal(strlen(config->service.control), 198 - (n - begin));
    spd_config_free(config);
    strcat(text, "x");
    config_kit_bad("one more", text, 2, "has 199 bytes, and 198 are allowed");
}

static void lists_have_only_so_many_items(void **state)
{
    static const char *const lists[] = { "users", "targets" };

    (void)state;
    for (size_t i = 0; i < N_ROWS(lists); i++) {
        char text[4000], says[100];
        size_t n =
            (size_t)snprintf(text, sizeof(text), "[allow \"x\"]\n%s", i > 0 ? "users = *\n" : "\n");

        for (int k = 0; k < SPD_TEXTS_MAX; k++)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s = host\n", lists[i]);
        spd_config_free(config_kit_good(text));
        snprintf(text + n, sizeof(text) - n, "%s = host\n", lists[i]);
        snprintf(says, sizeof(says), "[allow \"x\"] %s = host: \"host\": is one too many",
                 lists[i]);
        config_kit_bad(lists[i], text, SPD_TEXTS_MAX + 3, says);
    }
}

static void there_are_only_so_many_tests(void **state)
{
    static struct spd_config_problems problems;
    struct spd_config *config = NULL;
    static char text[100000];
    size_t n = 0;

    (void)state;
    for (int i = 0; i < SPD_CONFIG_TESTS_MAX; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n,
                              "[test \"%d\"]\ncommand = burst\ntarget = h\nevery = 1h\n", i);
    assert_int_equal(config_kit_load_n(text, n, &config, &problems), SPD_ERR_OK);
    assert_int_equal(config->n_tests, SPD_CONFIG_TESTS_MAX);
    spd_config_free(config);
    config = NULL;
    n += (size_t)snprintf(text + n, sizeof(text) - n,
                          "[test \"x\"]\ncommand = burst\ntarget = h\nevery = 1h\n");
    assert_int_equal(config_kit_load_n(text, n, &config, &problems), SPD_ERR_FORMAT);
    assert_non_null(strstr(problems.problem[0].text, "257 tests"));
}

/* ------------------------------------------------------------- hostile files */

static void a_file_of_anything_is_refused_or_taken(void **state)
{
    static const char *const pieces[] = {
        "[",
        "]",
        "[test \"",
        "\"]",
        "\n",
        "\n",
        "=",
        " = ",
        ";",
        " ;",
        "#",
        "\"",
        "\t",
        "\r\n",
        "[limits]",
        "[reflector]\n",
        "total-tests",
        "class",
        "listen",
        "every",
        "calendar",
        "command = qos\n",
        "target = h\n",
        "every = 1min\n",
        "EF, BE",
        "0.0.0.0",
        ",",
        "%s%n",
        "\xEF\xBB\xBF",
        "\xFF\xFE",
        "yes",
        "1",
        "--",
        "@/etc/passwd",
        LONG50 LONG50,
    };
    static struct spd_config_problems problems;
    struct spd_random random = spd_random_start("test_config");
    size_t n_good = 0;

    (void)state;
    for (int round = 0; round < 3000; round++) {
        struct spd_config *config = NULL;
        char text[4000];
        size_t n = 0;

        for (uint64_t k = spd_random_below(&random, 40); k > 0; k--) {
            const char *piece = pieces[spd_random_below(&random, N_ROWS(pieces))];

            memcpy(text + n, piece, strlen(piece));
            n += strlen(piece);
            if (spd_random_below(&random, 30) == 0)
                text[n++] = (char)spd_random_below(&random, 256);
        }
        if (!config_kit_load_n(text, n, &config, &problems)) {
            assert_int_equal(problems.n, 0);
            spd_config_free(config);
            n_good++;
        } else {
            assert_true(problems.n > 0);
            assert_null(config);
        }
    }
    assert_true(n_good > 0);
}

static void zeros_and_long_lines_are_told(void **state)
{
    static struct spd_config_problems problems;
    struct spd_config *config = NULL;
    static char text[1 << 20];

    (void)state;
    assert_int_equal(config_kit_load_n("[limits]\ntotal-\0tests = 3\n", 26, &config, &problems),
                     SPD_ERR_FORMAT);
    assert_non_null(strstr(problems.problem[0].text, "UTF-8"));
    memset(text, 'x', sizeof(text));
    memcpy(text, "[limits]\n", 9);
    text[sizeof(text) - 1] = '\n';
    assert_int_equal(config_kit_load_n(text, sizeof(text), &config, &problems), SPD_ERR_FORMAT);
    assert_int_equal(problems.n, 1);
    assert_non_null(strstr(problems.problem[0].text, ":2: has 1048566 bytes"));
    memset(text, '#', sizeof(text) - 1); /* a comment may be as long as it likes */
    assert_int_equal(config_kit_load_n(text, sizeof(text), &config, &problems), SPD_ERR_OK);
    spd_config_free(config);
}

/* ------------------------------------------------------------------ the table */

static void every_default_is_a_value(void **state)
{
    (void)state;
    for (size_t i = 0; i < spd_n_config_keys; i++) {
        const struct spd_config_key *key = &spd_config_keys[i];

        assert_true(strlen(key->name) > 0 && strlen(key->help) > 10);
        assert_non_null(key->argument);
        for (size_t k = 0; k < i; k++)
            assert_false(spd_config_keys[k].section == key->section &&
                         strcmp(spd_config_keys[k].name, key->name) == 0);
        if (key->initial)
            assert_non_null(spd_config_initial(key));
    }
}

/* What show writes is the same configuration. */
static void what_is_shown_can_be_loaded_and_is_the_same(void **state)
{
    static const char text[] = "[reflector]\nlisten = 127.0.0.1:1, [::1]:2\nstateful = yes\n"
                               "[limits]\nuser-rate = 64kbit\n"
                               "[allow \"x\"]\nusers = a, b\ntargets = 10.0.0.0/8\n"
                               "[test \"q\"]\ncommand = qos\ntarget = h\ncalendar = daily\n"
                               "class = EF::100:7,576:4, BE\nlog = yes\n";
    struct spd_config *config = config_kit_good(text), *again;
    static char shown[2][20000];
    struct spd_diag diag = { 0 };

    (void)state;
    for (int round = 0; round < 2; round++) {
        FILE *file = fopen(SPD_TEST_NAME ".out", "wb+");
        size_t n;

        assert_non_null(file);
        assert_int_equal(spd_config_show(config, file, "the file", false, &diag), SPD_ERR_OK);
        rewind(file);
        n = fread(shown[round], 1, sizeof(shown[round]) - 1, file);
        shown[round][n] = '\0';
        fclose(file);
        again = config_kit_good(shown[round]);
        assert_int_equal(again->n_tests, 1);
        assert_int_equal(again->tests[0].settings.classes.n, 2);
        assert_int_equal(again->reflector.settings.listen.n, 2);
        assert_int_equal(again->limits.user.rate_bps, 64000);
        assert_int_equal(again->rules[0].users.n, 2);
        assert_int_equal(again->n_values, config->n_values);
        for (size_t i = 0; i < config->n_values; i++) {
            const struct spd_config_value *a = &config->values[i], *b = &again->values[i];

            assert_string_equal(a->section, b->section);
            assert_string_equal(a->key, b->key);
            assert_int_equal(a->text == NULL, b->text == NULL);
            if (a->text)
                assert_string_equal(a->text, b->text);
        }
        spd_config_free(config);
        config = again;
    }
    spd_config_free(config);
    remove(SPD_TEST_NAME ".out");
    assert_non_null(strstr(shown[0], "user-rate = 64kbit "));
    assert_non_null(strstr(shown[0], "; line 5\n"));
    assert_non_null(strstr(shown[0], "; admins is not set\n"));
    assert_non_null(strstr(shown[0], "; default\n"));
}

static void sections_that_say_the_same_are_the_same(void **state)
{
    static const struct {
        const char *a, *b, *section;
        bool same;
    } rows[] = {
        { "", "", "reflector", true },
        { "", "[reflector]\nenabled = no\n", "reflector", true }, /* the default */
        { "", "[reflector]\nenabled = yes\n", "reflector", false },
        { "[reflector]\nenabled = yes\n", "# moved\n\n[reflector]\nenabled = yes\n", "reflector",
          true },
        { "[reflector]\nlisten = 127.0.0.1:1\n", "[reflector]\nlisten = 127.0.0.1:2\n", "reflector",
          false },
        { "[metrics]\nenabled = no\n", "[metrics]\nenabled = yes\n", "reflector", true },
        { "[metrics]\nenabled = no\n", "[metrics]\nenabled = yes\n", "metrics", false },
    };

    (void)state;
    for (size_t i = 0; i < N_ROWS(rows); i++) {
        struct spd_config *a = config_kit_good(rows[i].a), *b = config_kit_good(rows[i].b);

        if (spd_config_same_section(a, b, rows[i].section) != rows[i].same)
            fail_msg("row %zu", i);
        spd_config_free(a);
        spd_config_free(b);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_a_file_the_defaults_are_in_force),
        cmocka_unit_test(an_empty_file_means_the_defaults),
        cmocka_unit_test(a_file_that_is_not_there_is_not_found),
        cmocka_unit_test(a_folder_is_no_file),
        cmocka_unit_test(every_section_takes_its_keys),
        cmocka_unit_test(administrators_are_named_as_the_system_does),
        cmocka_unit_test(rules_are_taken_whole),
        cmocka_unit_test(tests_take_the_options_of_their_command),
        cmocka_unit_test(what_is_wrong_is_told_with_its_line),
        cmocka_unit_test(all_that_is_wrong_is_told_in_order),
        cmocka_unit_test(many_problems_are_counted),
        cmocka_unit_test(the_longest_line_is_taken_whole),
        cmocka_unit_test(lists_have_only_so_many_items),
        cmocka_unit_test(sections_that_say_the_same_are_the_same),
        cmocka_unit_test(there_are_only_so_many_tests),
        cmocka_unit_test(a_file_of_anything_is_refused_or_taken),
        cmocka_unit_test(zeros_and_long_lines_are_told),
        cmocka_unit_test(every_default_is_a_value),
        cmocka_unit_test(what_is_shown_can_be_loaded_and_is_the_same),
    };

    return cmocka_run_group_tests(tests, config_kit_set_up, NULL);
}
