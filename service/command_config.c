/*
 * stampede config check, stampede config show: the main thread reads a file and
 * tells what it says.
 */
#include <stdio.h>
#include <string.h>

#include "common/result/when.h"
#include "common/sys/clock.h"
#include "common/sys/defaults.h"
#include "common/sys/zone.h"
#include "service/commands.h"
#include "service/config.h"

/* All that is wrong, so that it can be mended at once. */
static int complain(const struct spd_config_problems *problems)
{
    size_t n = problems->n < SPD_CONFIG_PROBLEMS_MAX ? problems->n : SPD_CONFIG_PROBLEMS_MAX;
    int code = SPD_EXIT_ENVIRONMENT;

    for (size_t i = 0; i < n; i++)
        code = spd_complain(&problems->problem[i]);
    if (problems->n > n)
        fprintf(stderr, "stampede: and %zu more\n", problems->n - n);
    return n > 0 && problems->problem[0].err == SPD_ERR_FORMAT ? SPD_EXIT_USAGE : code;
}

static void write_when(const struct spd_config_test *test)
{
    char text[SPD_WHEN_BYTES];
    spd_wall next;

    if (test->rule.kind == SPD_SCHEDULE_INTERVAL)
        printf("every %g s\n", (double)test->rule.interval_ns / 1e9);
    else if (spd_rule_next(&test->rule, spd_zone_offset_ns, spd_clock_wall(), &next))
        printf("next %s\n", spd_when_text(next, spd_zone_offset_ns(next), text));
    else
        printf("never\n");
}

static int check(const struct spd_config *config)
{
    printf("%s: good, with %zu test%s and %zu rule%s\n", config->file, config->n_tests,
           config->n_tests == 1 ? "" : "s", config->n_rules, config->n_rules == 1 ? "" : "s");
    for (size_t i = 0; i < config->n_tests; i++) {
        const struct spd_config_test *test = &config->tests[i];

        printf("  %s: stampede %s %s, ", test->name, spd_test_command_name(test->command),
               test->settings.host);
        write_when(test);
    }
    return SPD_EXIT_OK;
}

static int run(const struct spd_settings *settings, bool shows, const char *path)
{
    static struct spd_config_problems problems; /* large */
    struct spd_config *config = NULL;
    struct spd_diag diag = { 0 };
    int code = SPD_EXIT_OK;

    if (spd_config_load(path, &config, &problems))
        return complain(&problems);
    if (!shows)
        code = check(config);
    else if (spd_config_show(config, stdout, "standard output", settings->json, &diag))
        code = spd_complain(&diag);
    spd_config_free(config);
    return code;
}

int spd_command_config(const struct spd_settings *settings)
{
    const struct spd_texts *words = &settings->operands;
    bool shows = strcmp(words->text[0], "show") == 0;
    struct spd_diag diag = { 0 };

    if (!shows && strcmp(words->text[0], "check") != 0)
        spd_diag_set(&diag, SPD_ERR_INVALID, 0, "%.100s: give check or show", words->text[0]);
    else if (words->n > 2)
        spd_diag_set(&diag, SPD_ERR_INVALID, 0, "%.100s: only one FILE can be given",
                     words->text[2]);
    else if (settings->json && !shows)
        spd_diag_set(&diag, SPD_ERR_INVALID, 0, "--json is for stampede config show");
    if (diag.err)
        return spd_complain(&diag);
    return run(settings, shows, words->n > 1 ? words->text[1] : spd_defaults()->config_file);
}
