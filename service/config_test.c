/*
 * [test "NAME"] to a scheduled test, with all that can be found out about it
 * before it runs. Any thread.
 */
#include "common/base/addr.h"
#include "service/config_private.h"
#include "service/job.h"

/* Keys of which exactly one must be there. */
static void find_rule(struct spd_config_load *load, const struct spd_config_heading *heading,
                      struct spd_config_test *out)
{
    unsigned every = spd_config_line_of(load, heading, "every");
    unsigned calendar = spd_config_line_of(load, heading, "calendar");

    out->rule.kind = calendar ? SPD_SCHEDULE_CALENDAR : SPD_SCHEDULE_INTERVAL;
    if (every && calendar)
        spd_config_complain(load, every > calendar ? every : calendar,
                            "[%s]: every and calendar exclude each other", heading->title);
    if (!every && !calendar)
        spd_config_complain(load, heading->line,
                            "[%s]: when? give every = 5min or calendar = Mon..Fri 08:00",
                            heading->title);
}

static void check_delay(struct spd_config_load *load, const struct spd_config_heading *heading,
                        const struct spd_config_test *test)
{
    unsigned line = spd_config_line_of(load, heading, "random-delay");

    if (!line || test->random_delay_ns < spd_schedule_shortest_ns(&test->rule))
        return;
    spd_config_complain(load, line,
                        "[%s] random-delay: must be less than the shortest time between two runs, "
                        "%g s",
                        heading->title, (double)spd_schedule_shortest_ns(&test->rule) / 1e9);
}

/* What a command does not have. */
static void check_fit(struct spd_config_load *load, const struct spd_config_heading *heading,
                      const struct spd_config_test *test)
{
    if (test->command != SPD_COMMAND_BURST)
        return;
    if (test->log)
        spd_config_complain(load, spd_config_line_of(load, heading, "log"),
                            "[%s] log: bursts have no log; leave it out", heading->title);
    if (test->thresholds.has_mos_min)
        spd_config_complain(load, spd_config_line_of(load, heading, "mos-min"),
                            "[%s] mos-min: bursts tell nothing of voice; take a stream, as with "
                            "profile = voice",
                            heading->title);
}

/* What the settings say beyond what each of them is. */
static void check_whole(struct spd_config_load *load, const struct spd_config_heading *heading,
                        struct spd_config_test *test)
{
    struct spd_job_spec job = { .command = test->command, .settings = &test->settings };
    struct spd_diag diag = { 0 };

    if (!spd_job_check(&job, &diag) &&
        !spd_test_demand_read(test->command, &test->settings, &test->demand, &diag))
        return;
    spd_config_undash(diag.text);
    spd_config_complain(load, heading->line, "[%s] %s", heading->title, diag.text);
}

void spd_config_make_test(struct spd_config_load *load, const struct spd_config_heading *heading,
                          struct spd_config_test *out)
{
    const char *command = spd_config_text_of(load, heading, "command");
    const char *target = spd_config_text_of(load, heading, "target");
    size_t n_before = load->problems->n;
    struct spd_config_thresholds *thresholds = &out->thresholds;
    unsigned bit = 0;

    if (command && !spd_test_command_parse(command, &bit))
        bit = 0;
    spd_config_apply(load, SPD_CONFIG_TEST, heading, out, bit, target, &out->settings);
    out->command = bit;
    out->name = heading->name;
    out->line = heading->line;
    thresholds->has_loss_max = spd_config_line_of(load, heading, "loss-max") > 0;
    thresholds->has_pdv_p99_max = spd_config_line_of(load, heading, "pdv-p99-max") > 0;
    thresholds->has_mos_min = spd_config_line_of(load, heading, "mos-min") > 0;
    if (!command)
        spd_config_complain(load, heading->line, "[%s]: lacks command = burst, stream or qos",
                            heading->title);
    if (!target)
        spd_config_complain(load, heading->line, "[%s]: lacks target = HOST or HOST:PORT",
                            heading->title);
    find_rule(load, heading, out);
    if (load->problems->n == n_before)
        check_delay(load, heading, out);
    if (load->problems->n == n_before)
        check_fit(load, heading, out);
    if (load->problems->n == n_before)
        check_whole(load, heading, out);
}
