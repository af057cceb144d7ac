/*
 * See posix_service.h.
 */
#include "tests/sys/posix_service.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/sys/eventlog.h"
#include "common/sys/svcmgr.h"

enum { KEY = 12 };

static char folder[32];
static int nowhere = -1;

static const char *in_folder(const char *name)
{
    static char path[200];

    snprintf(path, sizeof path, "%s%s", folder, name);
    return path;
}

int service_prepare(void)
{
    char path[200];
    FILE *file;

    snprintf(folder, sizeof folder, "/tmp/stampede-test-XXXXXX");
    if (mkdtemp(folder) == NULL) {
        return -1;
    }
    file = fopen(in_folder("/systemctl"), "w");
    if (file == NULL) {
        return -1;
    }
    fputs("#!/bin/sh\nexit 0\n", file);
    if (fclose(file) != 0 || chmod(in_folder("/systemctl"), 0755) != 0) {
        return -1;
    }
    snprintf(path, sizeof path, "%s:/usr/bin:/bin", folder);
    nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
    return nowhere < 0 || setenv("PATH", path, 1) != 0;
}

static void remove_unit(void)
{
    (void)remove(in_folder("/etc/systemd/system/x.service"));
    (void)remove(in_folder("/etc/systemd/system/x.service.new"));
    (void)rmdir(in_folder("/etc/systemd/system"));
    (void)rmdir(in_folder("/etc/systemd"));
    (void)rmdir(in_folder("/etc"));
}

int service_clean_up(void)
{
    close(nowhere);
    remove_unit();
    return remove(in_folder("/systemctl")) != 0 || rmdir(folder) != 0;
}

static void hear_a_reload(struct attempt *attempt, struct spd_svcmgr *manager,
                          struct spd_cport *port)
{
    struct spd_completion completion = { 0 };
    struct spd_diag diag = { 0 };
    size_t n = 0;

    if (!attempt_ok(attempt, "watch", spd_svcmgr_watch(manager, port, KEY, &diag), &diag)) {
        return;
    }
    attempt_expect(attempt, kill(getpid(), SIGHUP) == 0, "kill");
    if (attempt_ok(attempt, "wait", spd_cport_wait(port, &completion, 1, &n, attempt_patience_ns),
                   NULL)) {
        attempt_expect(attempt, completion.n_bytes == SPD_SVCMGR_RELOAD, "another event");
    }
    spd_svcmgr_unwatch(manager);
}

static int serve(struct spd_svcmgr *manager, void *context)
{
    const struct spd_cport_config config = { .concurrency_limit = 1 };
    struct attempt *attempt = context;
    struct spd_cport *port = NULL;
    struct spd_diag diag = { 0 };

    spd_svcmgr_ready(manager);
    spd_svcmgr_reloading(manager);
    spd_svcmgr_alive(manager);
    if (attempt_ok(attempt, "port", spd_cport_create(&config, &port, &diag), &diag)) {
        hear_a_reload(attempt, manager, port);
        attempt_drain(attempt, port);
    }
    spd_svcmgr_stopping(manager, SPD_NS_PER_S);
    return 5;
}

static void write_event(void)
{
    int real = dup(STDERR_FILENO);

    (void)dup2(nowhere, STDERR_FILENO);
    spd_eventlog_open("x", false);
    spd_eventlog_write(SPD_EVENT_STARTED, "a line that nobody reads");
    spd_eventlog_close();
    (void)dup2(real, STDERR_FILENO);
    close(real);
}

void service_scenario(struct attempt *attempt)
{
    const struct spd_svcmgr_run how = { .name = "x" };
    struct spd_diag diag = { 0 };
    int exit_code = 0;

    (void)setenv("NOTIFY_SOCKET", "@stampede-test-of-nobody", 1);
    (void)setenv("JOURNAL_STREAM", "1:1", 1);
    if (attempt_ok(attempt, "run", spd_svcmgr_run(&how, serve, attempt, &exit_code, &diag),
                   &diag)) {
        attempt_expect(attempt, exit_code == 5, "another exit code");
    } else {
        attempt_expect(attempt, exit_code == 0, "an exit code out of nothing");
    }
    write_event();
    (void)unsetenv("NOTIFY_SOCKET");
    (void)unsetenv("JOURNAL_STREAM");
}

void install_scenario(struct attempt *attempt)
{
    const struct spd_svcmgr_service service = { .name = "x",
                                                .unit = "[Service]\nExecStart=/bin/true\n",
                                                .root = folder };
    struct spd_diag diag = { 0 };

    if (attempt_ok(attempt, "install", spd_svcmgr_install(&service, NULL, &diag), &diag)) {
        attempt_expect(attempt, access(in_folder("/etc/systemd/system/x.service"), R_OK) == 0,
                       "no unit");
        (void)attempt_ok(attempt, "uninstall", spd_svcmgr_uninstall(&service, NULL, &diag), &diag);
    }
    remove_unit();
}
