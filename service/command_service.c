/*
 * stampede service: installs, controls, and is the service. All of it on the
 * main thread but for run, which is where the manager of services wants it.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/sys/defaults.h"
#include "common/sys/eventlog.h"
#include "common/sys/svcmgr.h"
#include "service/agent.h"
#include "service/commands.h"
#include "service/unit_text.h"

#define NAME         "stampede"
#define DISPLAY_NAME "Stampede network measurement"
#define DESCRIPTION                                                                                \
    "Measures the network on schedule and on request, answers test packets of others, and keeps "  \
    "what it found."
/* As long as a slow disk may take to bring up the history. */
#define PATIENCE_NS (90 * SPD_NS_PER_S)

/* -------------------------------------------------------------------- run */

static int run_agent(struct spd_svcmgr *manager, void *context)
{
    const struct spd_settings *settings = context;
    const struct spd_agent_config config = { settings->config_path, manager };
    int code;

    spd_eventlog_open(NAME, settings->scm);
    code = spd_agent_run(&config);
    spd_eventlog_close();
    return code;
}

static int run(const struct spd_settings *settings, struct spd_diag *diag)
{
    const struct spd_svcmgr_run how = { .name = NAME, .is_scm = settings->scm };
    struct spd_settings copy = *settings;
    int code = SPD_EXIT_ENVIRONMENT;

    return spd_svcmgr_run(&how, run_agent, &copy, &code, diag) ? spd_complain(diag) : code;
}

/* -------------------------------------------------- install and uninstall */

static void warn(const struct spd_svcmgr_notes *notes)
{
    for (size_t i = 0; i < notes->n; i++)
        fprintf(stderr, "stampede: warning: %s\n", notes->text[i]);
}

static int install(const struct spd_settings *settings, struct spd_diag *diag)
{
    const struct spd_svcmgr_service service = { .name = NAME,
                                                .display_name = DISPLAY_NAME,
                                                .description = DESCRIPTION,
                                                .config_path = settings->config_path,
                                                .unit = spd_unit_text,
                                                .root = settings->root };
    static struct spd_svcmgr_notes notes;

    if (settings->config_path && !spd_defaults_is_absolute(settings->config_path)) {
        spd_diag_set(diag, SPD_ERR_INVALID, 0,
                     "--config %.200s: the service starts in a folder of its own; give an absolute "
                     "path",
                     settings->config_path);
        return spd_complain(diag);
    }
    if (spd_svcmgr_install(&service, &notes, diag))
        return spd_complain(diag);
    warn(&notes);
    printf("installed; it starts with the system%s\n",
           settings->root ? "" : ", or now with: stampede service start");
    return SPD_EXIT_OK;
}

static int uninstall(const struct spd_settings *settings, struct spd_diag *diag)
{
    const struct spd_svcmgr_service service = { .name = NAME, .root = settings->root };
    static struct spd_svcmgr_notes notes;

    if (spd_svcmgr_uninstall(&service, &notes, diag))
        return spd_complain(diag);
    warn(&notes);
    puts("uninstalled; configuration and history are kept");
    return SPD_EXIT_OK;
}

/* --------------------------------------------------------------- control */

static int start(const struct spd_settings *settings, struct spd_diag *diag)
{
    (void)settings;
    return spd_svcmgr_start(NAME, PATIENCE_NS, diag) ? spd_complain(diag) : SPD_EXIT_OK;
}

static int stop(const struct spd_settings *settings, struct spd_diag *diag)
{
    (void)settings;
    return spd_svcmgr_stop(NAME, PATIENCE_NS, diag) ? spd_complain(diag) : SPD_EXIT_OK;
}

static int reload(const struct spd_settings *settings, struct spd_diag *diag)
{
    (void)settings;
    return spd_svcmgr_reload(NAME, diag) ? spd_complain(diag) : SPD_EXIT_OK;
}

/* Status as it stands in a JSON string: spd_svcmgr_status has no line ends, but may have quotes. */
static void write_json_text(const char *text)
{
    putchar('"');
    for (; *text != '\0'; text++) {
        if (*text == '"' || *text == '\\')
            putchar('\\');
        if ((unsigned char)*text < ' ')
            printf("\\u%04x", (unsigned char)*text);
        else
            putchar(*text);
    }
    putchar('"');
}

static void write_status(const struct spd_svcmgr_info *info, bool json)
{
    const char *state = spd_svcmgr_state_name(info->state);
    bool is_over = info->state == SPD_SVCMGR_STOPPED || info->state == SPD_SVCMGR_FAILED;

    if (json) {
        printf("{\"schema\": \"stampede.service/1\", \"state\": \"%s\", \"pid\": %" PRIu32
               ", \"starts_at_boot\": %s, \"exit_code\": %" PRIu32 ", \"status\": ",
               state, info->pid, info->starts_at_boot ? "true" : "false", info->exit_code);
        write_json_text(info->status);
        puts("}");
        return;
    }
    printf("%s", state);
    if (info->pid != 0)
        printf(", process %" PRIu32, info->pid);
    if (is_over && info->exit_code != 0)
        printf(", ended with %" PRIu32, info->exit_code);
    printf(", %s at boot\n", info->starts_at_boot ? "starts" : "does not start");
    if (info->status[0] != '\0')
        printf("%s\n", info->status);
}

static int status(const struct spd_settings *settings, struct spd_diag *diag)
{
    struct spd_svcmgr_info info;

    if (spd_svcmgr_query(NAME, &info, diag))
        return spd_complain(diag);
    write_status(&info, settings->json);
    return info.state == SPD_SVCMGR_RUNNING ? SPD_EXIT_OK : SPD_EXIT_ENVIRONMENT;
}

/* ---------------------------------------------------------------- actions */

static const struct action {
    const char *name;
    int (*run)(const struct spd_settings *settings, struct spd_diag *diag);
    bool takes_config, takes_root, takes_scm, takes_json;
} actions[] = {
    { .name = "install", .run = install, .takes_config = true, .takes_root = true },
    { .name = "uninstall", .run = uninstall, .takes_root = true },
    { .name = "start", .run = start },
    { .name = "stop", .run = stop },
    { .name = "reload", .run = reload },
    { .name = "status", .run = status, .takes_json = true },
    { .name = "run", .run = run, .takes_config = true, .takes_scm = true },
};

static const struct action *find_action(const char *name)
{
    for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
        if (strcmp(actions[i].name, name) == 0)
            return &actions[i];
    return NULL;
}

const char *spd_command_service_action(size_t i)
{
    return i < sizeof(actions) / sizeof(actions[0]) ? actions[i].name : NULL;
}

int spd_command_service(const struct spd_settings *settings)
{
    const struct action *action = find_action(settings->host);
    const char *vain = NULL;
    struct spd_diag diag = { 0 };

    if (action == NULL) {
        spd_diag_set(&diag, SPD_ERR_INVALID, 0,
                     "%.100s: give install, uninstall, start, stop, reload, status or run",
                     settings->host);
        return spd_complain(&diag);
    }
    vain = settings->config_path && !action->takes_config ? "--config"
           : settings->root && !action->takes_root        ? "--root"
           : settings->scm && !action->takes_scm          ? "--scm"
           : settings->json && !action->takes_json        ? "--json"
                                                          : NULL;
    if (vain != NULL) {
        spd_diag_set(&diag, SPD_ERR_INVALID, 0, "%s means nothing to stampede service %s", vain,
                     action->name);
        return spd_complain(&diag);
    }
    return action->run(settings, &diag);
}
