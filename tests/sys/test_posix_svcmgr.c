/*
 * A service under systemd, with its socket played by the test; then systemctl:
 * the real one on a tree of its own, and a played one that writes down how it was called.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/console.h"
#include "common/sys/svcmgr.h"
#include "common/sys/thread.h"
#include "tests/sys/posix_child.h"

enum { KEY = 4711 };

static const struct spd_svcmgr_run how = { .name = "stampede" };
static int played; /* systemd's end */
static char folder[64];

/* Goes with the program, however the tests end. */
static int make_folder(void **state)
{
    (void)state;
    snprintf(folder, sizeof folder, "/tmp/stampede-test-XXXXXX");
    return mkdtemp(folder) == NULL;
}

static int remove_folder(void **state)
{
    char command[128];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command) != 0;
}

/* Opens systemd's socket and names it in the environment. */
static void play_systemd(const char *name)
{
    struct sockaddr_un address = { .sun_family = AF_UNIX };
    socklen_t n = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name));

    memcpy(address.sun_path, name, strlen(name));
    if (name[0] == '@') {
        address.sun_path[0] = '\0';
    } else {
        (void)unlink(name);
        n++;
    }
    played = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHILD_CHECK(played >= 0);
    CHILD_CHECK(bind(played, (struct sockaddr *)&address, n) == 0);
    CHILD_CHECK(setenv("NOTIFY_SOCKET", name, 1) == 0);
}

static void play_abstract(void)
{
    char name[64];

    snprintf(name, sizeof name, "@stampede-test-%d", (int)getpid());
    play_systemd(name);
}

/* The next message, "" when there is none. */
static const char *heard(void)
{
    static char text[600];
    ssize_t n = recv(played, text, sizeof text - 1, MSG_DONTWAIT);

    text[n > 0 ? n : 0] = '\0';
    return text;
}

static void expect_heard(const char *expected)
{
    const char *text = heard();

    CHILD_CHECK_SHOW(strcmp(text, expected) == 0, text);
}

static void run_as_service(int (*run)(struct spd_svcmgr *, void *), int expected)
{
    struct spd_diag diag = { 0 };
    int exit_code = -1;

    CHILD_CHECK_SHOW(spd_svcmgr_run(&how, run, NULL, &exit_code, &diag) == SPD_ERR_OK, diag.text);
    CHILD_CHECK(exit_code == expected);
}

/* --- the protocol --- */

static int live_a_life(struct spd_svcmgr *manager, void *context)
{
    const char prefix[] = "RELOADING=1\nMONOTONIC_USEC=";
    struct timespec now;
    const char *text;
    double us;

    (void)context;
    CHILD_CHECK(strcmp(spd_svcmgr_name(manager), "systemd") == 0);
    expect_heard("");
    spd_svcmgr_extend(manager, 3 * SPD_NS_PER_S);
    expect_heard("EXTEND_TIMEOUT_USEC=3000001");
    spd_svcmgr_ready(manager);
    expect_heard("READY=1");
    spd_svcmgr_status(manager, "3 tests\nREADY=1");
    expect_heard("STATUS=3 tests READY=1");
    spd_svcmgr_alive(manager);
    expect_heard("WATCHDOG=1");
    spd_svcmgr_reloading(manager);
    text = heard();
    CHILD_CHECK_SHOW(strncmp(text, prefix, sizeof prefix - 1) == 0, text);
    us = strtod(text + sizeof prefix - 1, NULL);
    CHILD_CHECK(clock_gettime(CLOCK_MONOTONIC, &now) == 0);
    CHILD_CHECK(us > 0 && us <= (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3);
    CHILD_CHECK(us >= (double)now.tv_sec * 1e6 + (double)now.tv_nsec / 1e3 - 60e6);
    spd_svcmgr_stopping(manager, SPD_NS_PER_S);
    expect_heard("STOPPING=1");
    expect_heard("EXTEND_TIMEOUT_USEC=1000001");
    return 3;
}

static void be_a_service_of_a_path(void)
{
    char name[80];

    snprintf(name, sizeof name, "%s/notify", folder);
    play_systemd(name);
    run_as_service(live_a_life, 3);
}

static void be_a_service_of_an_abstract_socket(void)
{
    play_abstract();
    run_as_service(live_a_life, 3);
}

static void systemd_hears_a_life(void **state)
{
    (void)state;
    child_run(be_a_service_of_a_path);
    child_run(be_a_service_of_an_abstract_socket);
}

static int say_a_long_status(struct spd_svcmgr *manager, void *context)
{
    char status[400];

    (void)context;
    memset(status, 'a', sizeof status - 1);
    status[sizeof status - 1] = '\0';
    spd_svcmgr_status(manager, status);
    CHILD_CHECK(strlen(heard()) == sizeof "STATUS=" - 1 + SPD_SVCMGR_STATUS_BYTES - 1);
    return 0;
}

static void be_long_winded(void)
{
    play_abstract();
    run_as_service(say_a_long_status, 0);
}

static void a_long_status_is_cut(void **state)
{
    (void)state;
    child_run(be_long_winded);
}

static int speak_to_the_dead(struct spd_svcmgr *manager, void *context)
{
    (void)context;
    close(played);
    spd_svcmgr_ready(manager);
    spd_svcmgr_alive(manager);
    return 0;
}

static void survive_systemd(void)
{
    play_abstract();
    run_as_service(speak_to_the_dead, 0);
}

static void a_service_survives_that_nobody_hears(void **state)
{
    (void)state;
    child_run(survive_systemd);
}

static void read_bad_sockets(void)
{
    static const char *const rows[] = { "relative", "/", "@", "vsock:2:1234" };
    char long_name[200];

    memset(long_name, 'n', sizeof long_name - 1);
    long_name[0] = '/';
    long_name[sizeof long_name - 1] = '\0';
    for (size_t i = 0; i <= sizeof rows / sizeof rows[0]; i++) {
        struct spd_diag diag = { 0 };
        int exit_code = 77;

        CHILD_CHECK(setenv("NOTIFY_SOCKET", i < sizeof rows / sizeof rows[0] ? rows[i] : long_name,
                           1) == 0);
        CHILD_CHECK_SHOW(spd_svcmgr_run(&how, live_a_life, NULL, &exit_code, &diag) ==
                             SPD_ERR_INVALID,
                         diag.text);
        CHILD_CHECK(exit_code == 77 && diag.text[0] != '\0');
    }
}

static void a_socket_that_is_none_is_refused(void **state)
{
    (void)state;
    child_run(read_bad_sockets);
}

static spd_ns interval_ns;

static int read_interval(struct spd_svcmgr *manager, void *context)
{
    (void)context;
    interval_ns = spd_svcmgr_alive_interval_ns(manager);
    return 0;
}

static void read_watchdogs(void)
{
    char own[16];
    const struct {
        const char *limit_us, *pid;
        spd_ns expected;
    } rows[] = {
        { "30000000", NULL, 15 * SPD_NS_PER_S },
        { "30000000", own, 15 * SPD_NS_PER_S },
        { "30000000", "1", 0 }, /* another's */
        { NULL, NULL, 0 },
        { "", NULL, 0 },
        { "-5", NULL, 0 },
        { "30s", NULL, 0 },
        { "99999999999999999999", NULL, 0 },
    };

    snprintf(own, sizeof own, "%d", (int)getpid());
    play_abstract();
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        (void)unsetenv("WATCHDOG_USEC");
        (void)unsetenv("WATCHDOG_PID");
        if (rows[i].limit_us != NULL) {
            CHILD_CHECK(setenv("WATCHDOG_USEC", rows[i].limit_us, 1) == 0);
        }
        if (rows[i].pid != NULL) {
            CHILD_CHECK(setenv("WATCHDOG_PID", rows[i].pid, 1) == 0);
        }
        run_as_service(read_interval, 0);
        CHILD_CHECK_SHOW(interval_ns == rows[i].expected,
                         rows[i].limit_us != NULL ? rows[i].limit_us : "none");
    }
}

static void a_watchdog_is_heard_of_in_half_its_time(void **state)
{
    (void)state;
    child_run(read_watchdogs);
}

/* --- signals --- */

static void expect_event(struct spd_cport *port, enum spd_svcmgr_event event)
{
    struct spd_completion completion;
    size_t n = 0;

    CHILD_CHECK(spd_cport_wait(port, &completion, 1, &n, SPD_NS_FOREVER) == SPD_ERR_OK);
    CHILD_CHECK(n == 1 && completion.key == KEY && completion.op == NULL);
    CHILD_CHECK(completion.n_bytes == (uint32_t)event);
}

static struct spd_cport *make_port(void)
{
    const struct spd_cport_config config = { .concurrency_limit = 1 };
    struct spd_cport *port = NULL;

    CHILD_CHECK(spd_cport_create(&config, &port, NULL) == SPD_ERR_OK);
    return port;
}

static int take_each_signal(struct spd_svcmgr *manager, void *context)
{
    static const struct {
        int number;
        enum spd_svcmgr_event event;
    } rows[] = {
        { SIGTERM, SPD_SVCMGR_STOP }, { SIGHUP, SPD_SVCMGR_RELOAD }, { SIGUSR1, SPD_SVCMGR_STATUS },
        { SIGINT, SPD_SVCMGR_STOP },  { SIGHUP, SPD_SVCMGR_RELOAD },
    };
    struct spd_cport *port = make_port();
    struct spd_completion completion;
    size_t n = 0;

    (void)context;
    /* Before anybody listens: it waits, and ends nobody. */
    CHILD_CHECK(kill(getpid(), SIGHUP) == 0);
    CHILD_CHECK(spd_svcmgr_watch(manager, port, KEY, NULL) == SPD_ERR_OK);
    expect_event(port, SPD_SVCMGR_RELOAD);
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        CHILD_CHECK(kill(getpid(), rows[i].number) == 0);
        expect_event(port, rows[i].event);
    }
    spd_svcmgr_unwatch(manager);
    /* Afterwards, too. */
    CHILD_CHECK(kill(getpid(), SIGUSR1) == 0);
    CHILD_CHECK(spd_cport_wait(port, &completion, 1, &n, 20 * SPD_NS_PER_MS) == SPD_ERR_TIMEOUT);
    CHILD_CHECK(spd_svcmgr_watch(manager, port, KEY, NULL) == SPD_ERR_OK);
    expect_event(port, SPD_SVCMGR_STATUS);
    spd_svcmgr_unwatch(manager);
    spd_cport_close(port);
    CHILD_CHECK(spd_cport_wait(port, &completion, 1, &n, SPD_NS_FOREVER) == SPD_ERR_CLOSED);
    spd_cport_destroy(port);
    return 0;
}

static void serve_with_signals(void)
{
    (void)signal(SIGHUP, SIG_IGN); /* as under nohup: a service reloads all the same */
    run_as_service(take_each_signal, 0);
}

static void each_signal_becomes_one_event(void **state)
{
    (void)state;
    child_run(serve_with_signals);
}

/* --- installing --- */

static const char unit_text[] = "[Unit]\nDescription=A test\n\n[Service]\nType=notify\n"
                                "ExecStart=/usr/bin/stampede service run\nRestart=on-failure\n\n"
                                "[Install]\nWantedBy=multi-user.target\n";

static void read_whole(const char *path, char *text, size_t capacity)
{
    FILE *file = fopen(path, "r");
    size_t n;

    CHILD_CHECK_SHOW(file != NULL, path);
    n = fread(text, 1, capacity - 1, file);
    text[n] = '\0';
    fclose(file);
}

static bool is_there(const char *path)
{
    struct stat info;

    return lstat(path, &info) == 0;
}

static void install_into_a_tree(void)
{
    struct spd_svcmgr_service service = { .name = "stampede-test",
                                          .program = "/opt/a \"b\"/100%/stampede",
                                          .config_path = "/etc/my $HOME\\c.ini",
                                          .unit = unit_text,
                                          .root = folder };
    char unit[256], wanted[256], text[1024];
    struct spd_svcmgr_notes notes;
    struct spd_diag diag = { 0 };

    if (system("systemctl --version >/dev/null 2>&1") != 0) {
        child_skip("no systemctl here");
    }
    snprintf(unit, sizeof unit, "%s/etc/systemd/system/stampede-test.service", folder);
    snprintf(wanted, sizeof wanted,
             "%s/etc/systemd/system/multi-user.target.wants/stampede-test.service", folder);
    CHILD_CHECK(spd_svcmgr_uninstall(&service, &notes, &diag) == SPD_ERR_NOT_FOUND);
    for (int i = 0; i < 2; i++) { /* the second time in its place */
        CHILD_CHECK_SHOW(spd_svcmgr_install(&service, &notes, &diag) == SPD_ERR_OK, diag.text);
        read_whole(unit, text, sizeof text);
        CHILD_CHECK_SHOW(strcmp(text, "[Unit]\nDescription=A test\n\n[Service]\nType=notify\n"
                                      "ExecStart=\"/opt/a \\\"b\\\"/100%%/stampede\" service run "
                                      "--config \"/etc/my $$HOME\\\\c.ini\"\n"
                                      "Restart=on-failure\n\n[Install]\n"
                                      "WantedBy=multi-user.target\n") == 0,
                         text);
        CHILD_CHECK(is_there(wanted));
    }
    CHILD_CHECK_SHOW(spd_svcmgr_uninstall(&service, &notes, &diag) == SPD_ERR_OK, diag.text);
    CHILD_CHECK(!is_there(unit) && !is_there(wanted));
}

static void a_unit_is_installed_into_a_tree_and_removed(void **state)
{
    (void)state;
    child_run(install_into_a_tree);
}

static void install_what_no_unit_can_name(void)
{
    static const struct {
        const char *program, *config_path;
    } rows[] = {
        { "stampede", NULL },
        { "/opt/$x/stampede", NULL },
        { "/opt/stampede\nExecStartPre=/bin/sh", NULL },
        { "/opt/stampede", "relative.ini" },
        { "/opt/stampede", "/etc/a\nb.ini" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct spd_svcmgr_service service = { .name = "stampede-test",
                                              .program = rows[i].program,
                                              .config_path = rows[i].config_path,
                                              .unit = unit_text,
                                              .root = folder };
        struct spd_diag diag = { 0 };

        CHILD_CHECK_SHOW(spd_svcmgr_install(&service, NULL, &diag) == SPD_ERR_INVALID,
                         rows[i].program);
        CHILD_CHECK(diag.text[0] != '\0');
    }
}

static void what_no_unit_can_name_is_refused(void **state)
{
    (void)state;
    child_run(install_what_no_unit_can_name);
}

static void install_without_rights(void)
{
    struct spd_svcmgr_service service = {
        .name = "stampede-test", .program = "/opt/stampede", .unit = unit_text, .root = "/usr"
    };
    struct spd_diag diag = { 0 };

    child_become_nobody();
    CHILD_CHECK_SHOW(spd_svcmgr_install(&service, NULL, &diag) == SPD_ERR_PERM, diag.text);
    CHILD_CHECK_SHOW(strstr(diag.text, "root") != NULL, diag.text);
}

static void installing_needs_rights_and_says_so(void **state)
{
    (void)state;
    child_run(install_without_rights);
}

/* A systemctl of our own, first in PATH, and systemd's folder, in a mount
 * namespace. It appends its arguments to "calls" and does what "script" says. */
static void play_systemctl(const char *script)
{
    char path[128], environment[256];
    FILE *file;

    if (unshare(CLONE_NEWNS) != 0 || mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/run", "tmpfs", 0, NULL) != 0 ||
        mount("tmpfs", "/etc/systemd/system", "tmpfs", 0, NULL) != 0) {
        child_skip("needs root, and a system with systemd's folders");
    }
    CHILD_CHECK(mkdir("/run/systemd", 0755) == 0 && mkdir("/run/systemd/system", 0755) == 0);
    snprintf(path, sizeof path, "%s/systemctl", folder);
    file = fopen(path, "w");
    CHILD_CHECK(file != NULL);
    fprintf(file, "#!/bin/sh\necho \"$*\" >>%s/calls\n%s\n", folder, script);
    CHILD_CHECK(fclose(file) == 0 && chmod(path, 0755) == 0);
    snprintf(environment, sizeof environment, "%s:/usr/bin:/bin", folder);
    CHILD_CHECK(setenv("PATH", environment, 1) == 0);
}

static void expect_calls(const char *expected)
{
    char path[128], text[2048];

    snprintf(path, sizeof path, "%s/calls", folder);
    read_whole(path, text, sizeof text);
    CHILD_CHECK_SHOW(strcmp(text, expected) == 0, text);
    (void)unlink(path);
}

#define CALL "--no-pager --no-ask-password "

static void control_a_service(void)
{
    const struct spd_svcmgr_service service = { .name = "x", .unit = unit_text };
    struct spd_diag diag = { 0 };
    char text[1024];

    play_systemctl("");
    CHILD_CHECK_SHOW(spd_svcmgr_install(&service, NULL, &diag) == SPD_ERR_OK, diag.text);
    expect_calls(CALL "daemon-reload\n" CALL "--quiet enable x.service\n");
    read_whole("/etc/systemd/system/x.service", text, sizeof text);
    /* This program, without a configuration. */
    CHILD_CHECK_SHOW(strstr(text, "test_posix_svcmgr\" service run\n") != NULL, text);
    CHILD_CHECK(spd_svcmgr_start("x", 0, &diag) == SPD_ERR_OK);
    CHILD_CHECK(spd_svcmgr_reload("x", &diag) == SPD_ERR_OK);
    CHILD_CHECK(spd_svcmgr_stop("x", 0, &diag) == SPD_ERR_OK);
    expect_calls(CALL "start x.service\n" CALL "reload x.service\n" CALL "stop x.service\n");
    CHILD_CHECK_SHOW(spd_svcmgr_uninstall(&service, NULL, &diag) == SPD_ERR_OK, diag.text);
    expect_calls(CALL "--quiet --now disable x.service\n" CALL "daemon-reload\n");
    CHILD_CHECK(!is_there("/etc/systemd/system/x.service"));
}

static void systemctl_is_told_what_to_do(void **state)
{
    (void)state;
    child_run(control_a_service);
}

static void fail_as_systemctl_does(void)
{
    static const struct {
        const char *script;
        enum spd_err expected;
        const char *says;
    } rows[] = {
        { "echo 'Failed to start x.service: Access denied' >&2; echo more; exit 4", SPD_ERR_PERM,
          "Access denied (systemctl: 4); become root" },
        { "echo 'Unit x.service not found.' >&2; exit 5", SPD_ERR_NOT_FOUND, "install it first" },
        { "echo 'Job failed' >&2; exit 1", SPD_ERR_IO, "journalctl -u x" },
        { "kill -9 $$", SPD_ERR_IO, "137" },
        { "head -c 1000000 /dev/zero | tr '\\0' x; exit 1", SPD_ERR_IO, "xxx" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct spd_diag diag = { 0 };

        play_systemctl(rows[i].script);
        CHILD_CHECK_SHOW(spd_svcmgr_start("x", 0, &diag) == rows[i].expected, diag.text);
        CHILD_CHECK_SHOW(strstr(diag.text, rows[i].says) != NULL, diag.text);
        CHILD_CHECK(strchr(diag.text, '\n') == NULL);
    }
}

static void what_systemctl_refuses_is_explained(void **state)
{
    (void)state;
    child_run(fail_as_systemctl_does);
}

static void query_services(void)
{
    static const struct {
        const char *script;
        enum spd_svcmgr_state state;
        unsigned pid;
        bool boot;
        unsigned exit_code;
        const char *status;
    } rows[] = {
        { "printf 'LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\nMainPID=42\\n"
          "ExecMainStatus=0\\nStatusText=3 tests, a=b\\n'",
          SPD_SVCMGR_RUNNING, 42, true, 0, "3 tests, a=b" },
        { "printf 'LoadState=loaded\\nActiveState=failed\\nUnitFileState=disabled\\nMainPID=0\\n"
          "ExecMainStatus=3'",
          SPD_SVCMGR_FAILED, 0, false, 3, "" },
        { "printf 'LoadState=loaded\\nActiveState=activating\\n'", SPD_SVCMGR_STARTING, 0, false, 0,
          "" },
        { "printf 'ActiveState=deactivating\\nLoadState=loaded\\n'", SPD_SVCMGR_STOPPING, 0, false,
          0, "" },
        { "printf 'ActiveState=inactive\\nLoadState=loaded\\n'", SPD_SVCMGR_STOPPED, 0, false, 0,
          "" },
    };
    struct spd_svcmgr_info info;
    struct spd_diag diag = { 0 };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        play_systemctl(rows[i].script);
        CHILD_CHECK_SHOW(spd_svcmgr_query("x", &info, &diag) == SPD_ERR_OK, diag.text);
        CHILD_CHECK_SHOW(info.state == rows[i].state && info.pid == rows[i].pid &&
                             info.starts_at_boot == rows[i].boot &&
                             info.exit_code == rows[i].exit_code &&
                             strcmp(info.status, rows[i].status) == 0,
                         rows[i].script);
    }
    play_systemctl("printf 'LoadState=not-found\\nActiveState=inactive\\n'");
    CHILD_CHECK(spd_svcmgr_query("x", &info, &diag) == SPD_ERR_NOT_FOUND);
}

static void the_state_of_a_service_is_read(void **state)
{
    (void)state;
    child_run(query_services);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(systemd_hears_a_life),
        cmocka_unit_test(a_long_status_is_cut),
        cmocka_unit_test(a_service_survives_that_nobody_hears),
        cmocka_unit_test(a_socket_that_is_none_is_refused),
        cmocka_unit_test(a_watchdog_is_heard_of_in_half_its_time),
        cmocka_unit_test(each_signal_becomes_one_event),
        cmocka_unit_test(a_unit_is_installed_into_a_tree_and_removed),
        cmocka_unit_test(what_no_unit_can_name_is_refused),
        cmocka_unit_test(installing_needs_rights_and_says_so),
        cmocka_unit_test(systemctl_is_told_what_to_do),
        cmocka_unit_test(what_systemctl_refuses_is_explained),
        cmocka_unit_test(the_state_of_a_service_is_read),
    };

    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
