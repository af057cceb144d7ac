/*
 * Installing and controlling a service through systemctl, which talks to
 * systemd in whatever way this version of it likes. On the thread that asks;
 * blocks until systemctl ends.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/sys/svcmgr.h"
#include "posix/child.h"
#include "posix/oserr.h"
#include "posix/unit.h"

#define OUTPUT_BYTES 4096
#define ARGUMENTS    10
/* Exit codes of systemctl, after LSB init scripts. */
#define EXIT_NO_PERMISSION 4
#define EXIT_NOT_INSTALLED 5

/* sd_booted(3) */
static bool systemd_runs(void)
{
    struct stat info;

    return lstat("/run/systemd/system", &info) == 0 && S_ISDIR(info.st_mode);
}

static enum spd_err no_systemd(struct spd_diag *diag)
{
    return spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                        "systemd does not run here; start the service by hand (stampede service "
                        "run), or install it into another system's tree (--root)");
}

static enum spd_err explain(struct spd_diag *diag, const char *verb, const char *name, int status,
                            char *output)
{
    enum spd_err err = status == EXIT_NO_PERMISSION   ? SPD_ERR_PERM
                       : status == EXIT_NOT_INSTALLED ? SPD_ERR_NOT_FOUND
                                                      : SPD_ERR_IO;

    output[strcspn(output, "\n")] = '\0';
    return spd_diag_set(diag, err, 0, "cannot %s %s: %.180s (systemctl: %d)%s%s", verb, name,
                        output, status,
                        err == SPD_ERR_PERM        ? "; become root first"
                        : err == SPD_ERR_NOT_FOUND ? "; install it first (stampede service install)"
                                                   : "; its log tells more: journalctl -u ",
                        err == SPD_ERR_IO ? name : "");
}

/* systemctl verb NAME.service, after up to two options. output (OUTPUT_BYTES) may be NULL. */
static enum spd_err systemctl(const char *const options[2], const char *verb, const char *name,
                              char *output, struct spd_diag *diag)
{
    char own_output[OUTPUT_BYTES], unit[SPD_UNIT_NAME_BYTES];
    const char *words[ARGUMENTS] = { "systemctl", "--no-pager", "--no-ask-password" };
    char *argv[ARGUMENTS];
    int n = 3, status = 0, rc;

    output = output != NULL ? output : own_output;
    for (int i = 0; i < 2 && options != NULL && options[i] != NULL; i++) {
        words[n++] = options[i];
    }
    words[n++] = verb;
    if (name != NULL) {
        (void)snprintf(unit, sizeof unit, "%s.service", name);
        words[n++] = unit;
    }
    for (int i = 0; i < ARGUMENTS; i++) {
        argv[i] = (char *)(uintptr_t)words[i]; /* not written to */
    }
    rc = spd_child_run(argv, output, OUTPUT_BYTES, &status);
    if (rc != 0) {
        return spd_diag_set(diag, rc == ENOENT ? SPD_ERR_NOTSUP : spd_oserr_map(rc), rc,
                            "cannot run systemctl: %s", spd_oserr_name(rc));
    }
    return status == 0 ? SPD_ERR_OK
                       : explain(diag, verb, name != NULL ? name : "systemd", status, output);
}

enum spd_err spd_svcmgr_install(const struct spd_svcmgr_service *service,
                                struct spd_svcmgr_notes *notes, struct spd_diag *diag)
{
    const char *options[2] = { "--quiet", NULL };
    char root[SPD_UNIT_PATH_BYTES + sizeof "--root="];
    enum spd_err err;

    if (notes != NULL) {
        notes->n = 0;
    }
    if (service->root == NULL && !systemd_runs()) {
        return no_systemd(diag);
    }
    err = spd_unit_write(service, diag);
    if (err != SPD_ERR_OK) {
        return err;
    }
    if (service->root != NULL) {
        (void)snprintf(root, sizeof root, "--root=%s", service->root);
        options[1] = root;
    } else {
        err = systemctl(NULL, "daemon-reload", NULL, NULL, diag);
    }
    return err != SPD_ERR_OK ? err : systemctl(options, "enable", service->name, NULL, diag);
}

enum spd_err spd_svcmgr_uninstall(const struct spd_svcmgr_service *service,
                                  struct spd_svcmgr_notes *notes, struct spd_diag *diag)
{
    const char *options[2] = { "--quiet", "--now" };
    char root[SPD_UNIT_PATH_BYTES + sizeof "--root="];
    enum spd_err err;

    if (notes != NULL) {
        notes->n = 0;
    }
    if (service->root == NULL && !systemd_runs()) {
        return no_systemd(diag);
    }
    if (!spd_unit_exists(service)) {
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0, "%s is not installed", service->name);
    }
    if (service->root != NULL) {
        (void)snprintf(root, sizeof root, "--root=%s", service->root);
        options[1] = root;
    }
    err = systemctl(options, "disable", service->name, NULL, diag);
    if (err == SPD_ERR_OK) {
        err = spd_unit_remove(service, diag);
    }
    if (err == SPD_ERR_OK && service->root == NULL) {
        err = systemctl(NULL, "daemon-reload", NULL, NULL, diag);
    }
    return err;
}

static enum spd_err control(const char *verb, const char *name, struct spd_diag *diag)
{
    return systemd_runs() ? systemctl(NULL, verb, name, NULL, diag) : no_systemd(diag);
}

enum spd_err spd_svcmgr_start(const char *name, spd_ns timeout_ns, struct spd_diag *diag)
{
    (void)timeout_ns; /* TimeoutStartSec= of the unit */
    return control("start", name, diag);
}

enum spd_err spd_svcmgr_stop(const char *name, spd_ns timeout_ns, struct spd_diag *diag)
{
    (void)timeout_ns; /* TimeoutStopSec= of the unit */
    return control("stop", name, diag);
}

enum spd_err spd_svcmgr_reload(const char *name, struct spd_diag *diag)
{
    return control("reload", name, diag);
}

/* The value of a line "KEY=value" of systemctl show, in value; "" when there is none. */
static void property(const char *output, const char *key, char *value, size_t capacity)
{
    size_t n = strlen(key);

    value[0] = '\0';
    for (const char *line = output; line != NULL && *line != '\0';) {
        const char *end = line + strcspn(line, "\n");

        if (strncmp(line, key, n) == 0 && line[n] == '=') {
            size_t n_value = (size_t)(end - line) - n - 1;

            n_value = n_value < capacity - 1 ? n_value : capacity - 1;
            memcpy(value, line + n + 1, n_value);
            value[n_value] = '\0';
            return;
        }
        line = *end == '\n' ? end + 1 : NULL;
    }
}

static enum spd_svcmgr_state state_of(const char *active)
{
    static const struct {
        const char *text;
        enum spd_svcmgr_state state;
    } rows[] = {
        { "active", SPD_SVCMGR_RUNNING },        { "reloading", SPD_SVCMGR_RUNNING },
        { "activating", SPD_SVCMGR_STARTING },   { "maintenance", SPD_SVCMGR_STARTING },
        { "deactivating", SPD_SVCMGR_STOPPING }, { "failed", SPD_SVCMGR_FAILED },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (strcmp(rows[i].text, active) == 0) {
            return rows[i].state;
        }
    }
    return SPD_SVCMGR_STOPPED;
}

enum spd_err spd_svcmgr_query(const char *name, struct spd_svcmgr_info *out, struct spd_diag *diag)
{
    static const char *const options[2] = {
        "--property=LoadState,ActiveState,UnitFileState,MainPID,ExecMainStatus,StatusText", NULL
    };
    char output[OUTPUT_BYTES], value[SPD_SVCMGR_STATUS_BYTES];
    enum spd_err err =
        systemd_runs() ? systemctl(options, "show", name, output, diag) : no_systemd(diag);

    if (err != SPD_ERR_OK) {
        return err;
    }
    property(output, "LoadState", value, sizeof value);
    if (strcmp(value, "loaded") != 0) {
        return spd_diag_set(diag, SPD_ERR_NOT_FOUND, 0,
                            "%s is not installed; install it first (stampede service install)",
                            name);
    }
    *out = (struct spd_svcmgr_info){ 0 };
    property(output, "ActiveState", value, sizeof value);
    out->state = state_of(value);
    property(output, "UnitFileState", value, sizeof value);
    out->starts_at_boot = strcmp(value, "enabled") == 0;
    property(output, "MainPID", value, sizeof value);
    out->pid = (uint32_t)strtoull(value, NULL, 10);
    property(output, "ExecMainStatus", value, sizeof value);
    out->exit_code = (uint32_t)strtoull(value, NULL, 10);
    property(output, "StatusText", out->status, sizeof out->status);
    return SPD_ERR_OK;
}

const char *spd_svcmgr_state_name(enum spd_svcmgr_state state)
{
    static const char *const names[] = {
        [SPD_SVCMGR_STOPPED] = "stopped", [SPD_SVCMGR_STARTING] = "starting",
        [SPD_SVCMGR_RUNNING] = "running", [SPD_SVCMGR_STOPPING] = "stopping",
        [SPD_SVCMGR_FAILED] = "failed",
    };

    return (size_t)state < sizeof names / sizeof names[0] ? names[state] : "?";
}
