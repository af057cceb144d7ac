/*
 * --via-service: the test runs in the service; progress and result come here.
 * The main thread waits for the service, a second one for Ctrl-C.
 */
#include <jansson.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/console.h"
#include "common/sys/thread.h"
#include "service/api_client.h"
#include "service/commands.h"
#include "service/progress.h"
#include "service/shut_port.h"

#define KEY_CONSOLE 1
#define KEY_STOP    2
#define RUN_ID      1
#define CANCEL_ID   2

struct via {
    const struct spd_settings *settings;
    struct spd_api_client *client;
    struct spd_cport *port;
    struct spd_thread *watcher;
    struct spd_progress progress;
    uint64_t test;
    bool cancelled;
    bool done;
    int exit_code;
};

/* Ends with KEY_STOP. */
static void watch(void *argument)
{
    struct spd_completion event;
    struct via *v = argument;
    size_t n = 0;

    while (spd_cport_wait(v->port, &event, 1, &n, SPD_NS_FOREVER) == SPD_ERR_OK &&
           event.key != KEY_STOP)
        if (event.n_bytes != SPD_CONSOLE_STATUS)
            spd_api_client_wake(v->client);
}

static enum spd_err begin(struct via *v, const struct spd_command *command, int argc, char **argv,
                          struct spd_diag *diag)
{
    struct spd_cport_config config = { 0 };
    char *ours[] = { "--via-service", "--json", "-j", "--quiet", "-q" };
    char **theirs = calloc((size_t)argc + 1, sizeof(*theirs));
    enum spd_err err;
    int n = 0;

    if (!theirs)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory");
    for (int i = 0; i < argc; i++) {
        bool mine = strncmp(argv[i], "--control", 9) == 0;

        if (mine) { /* with its value */
            i += argv[i][9] == 0;
            continue;
        }
        for (size_t k = 0; !mine && k < sizeof(ours) / sizeof(ours[0]); k++)
            mine = strcmp(argv[i], ours[k]) == 0;
        if (!mine)
            theirs[n++] = argv[i];
    }
    err = spd_api_client_open(v->settings->control, &v->client, diag);
    if (!err)
        err = spd_cport_create(&config, &v->port, diag);
    if (!err)
        err = spd_console_watch(v->port, KEY_CONSOLE, diag);
    if (!err && (err = spd_thread_start(&v->watcher, "spd-watch", watch, v)))
        spd_diag_set(diag, err, 0, "cannot start a thread: %s", spd_err_text(err));
    if (!err)
        err = spd_api_client_run(v->client, RUN_ID, command->name, n, theirs, diag);
    free(theirs);
    return err;
}

static void show_progress(struct via *v, const json_t *line)
{
    char text[160];

    snprintf(text, sizeof(text), "%s: %d %%%s", v->settings->host,
             (int)json_integer_value(json_object_get(line, "permille")) / 10,
             v->cancelled ? ", stopping" : "");
    spd_progress_show(&v->progress, text);
}

static const char *text_of(const json_t *line, const char *key)
{
    const char *text = json_string_value(json_object_get(line, key));

    return text ? text : "";
}

static void finish(struct via *v, const json_t *line)
{
    const json_t *result = json_object_get(line, "result");
    struct spd_diag diag = { 0 };

    v->done = true;
    v->exit_code = (int)json_integer_value(json_object_get(line, "exit_code"));
    spd_progress_clear(&v->progress);
    if (v->settings->json && json_is_object(result)) {
        json_dumpf(result, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(15));
        putchar('\n');
    } else if (!v->settings->json) {
        fputs(text_of(line, "text"), stdout);
    }
    if (fflush(stdout) != 0 && v->exit_code == SPD_EXIT_OK) {
        spd_diag_set(&diag, SPD_ERR_IO, 0, "cannot write to standard output");
        v->exit_code = spd_complain(&diag);
    }
    if (v->exit_code != SPD_EXIT_OK && text_of(line, "error_text")[0]) {
        spd_diag_set(&diag, SPD_ERR_IO, 0, "%s", text_of(line, "error_text"));
        (void)spd_complain(&diag);
    }
    if (text_of(line, "note")[0])
        fprintf(stderr, "stampede: not kept: %s\n", text_of(line, "note"));
}

static void on_line(struct via *v, const json_t *line)
{
    const char *event = text_of(line, "event");
    struct spd_diag diag = { 0 };
    int code = 0;

    if (json_integer_value(json_object_get(line, "id")) == CANCEL_ID)
        return; /* whatever it says, the test's own end follows */
    if (spd_api_client_refusal(line, &diag, &code)) {
        (void)spd_complain(&diag);
        v->exit_code = code;
        v->done = true;
    } else if (strcmp(event, "accepted") == 0) {
        v->test = (uint64_t)json_integer_value(json_object_get(line, "test"));
    } else if (strcmp(event, "progress") == 0) {
        show_progress(v, line);
    } else if (strcmp(event, "finished") == 0) {
        finish(v, line);
    }
}

/* Ctrl-C: the service ends the test with what there is; once more, and nobody
 * waits for that. */
static void on_interrupt(struct via *v)
{
    struct spd_diag ignored = { 0 };

    if (v->cancelled || v->test == 0) {
        v->done = true;
        v->exit_code = SPD_EXIT_ENVIRONMENT;
        return;
    }
    v->cancelled = true;
    (void)spd_api_client_ask(v->client, CANCEL_ID, "cancel", v->test, &ignored);
}

static void serve(struct via *v, struct spd_diag *diag)
{
    while (!v->done) {
        json_t *line = NULL;
        enum spd_err err = spd_api_client_next(v->client, SPD_NS_FOREVER, &line, diag);

        if (err == SPD_ERR_INTERRUPTED) {
            on_interrupt(v);
        } else if (err) {
            spd_progress_clear(&v->progress);
            v->exit_code = spd_complain(diag);
            v->done = true;
        } else {
            on_line(v, line);
            json_decref(line);
        }
    }
}

int spd_command_via_service(const struct spd_command *command, const struct spd_settings *settings,
                            int argc, char **argv)
{
    struct via v = { .settings = settings };
    struct spd_diag diag = { 0 };

    spd_progress_init(&v.progress, !settings->quiet);
    if (begin(&v, command, argc, argv, &diag))
        v.exit_code = spd_complain(&diag);
    else
        serve(&v, &diag);
    spd_progress_clear(&v.progress);
    spd_console_unwatch();
    if (v.watcher) {
        while (spd_cport_post(v.port, KEY_STOP, 0, NULL) == SPD_ERR_NOMEM)
            spd_thread_sleep(SPD_NS_PER_MS);
        spd_thread_join(v.watcher);
    }
    spd_shut_port(v.port);
    spd_api_client_close(v.client);
    return v.exit_code;
}
