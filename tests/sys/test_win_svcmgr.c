/*
 * A service under the service control manager: this program installs itself as
 * one, which notes in a file what happens to it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/console.h"
#include "common/sys/eventlog.h"
#include "common/sys/svcmgr.h"
#include "common/sys/thread.h"

#include <winsock2.h>
#include <windows.h>

#define PATIENCE_NS (30 * SPD_NS_PER_S)

static char name[64];
static char notes_path[MAX_PATH];

/* ------------------------------------------------------------ the service */

static void note(const char *text)
{
    FILE *file = fopen(notes_path, "ab");

    if (file != NULL) {
        fprintf(file, "%s\n", text);
        fclose(file);
    }
}

/* What the SCM thinks of the service, whose name is that of the file up to the
 * blank. */
static void note_state(void)
{
    struct spd_svcmgr_info info;
    const char *file = strrchr(notes_path, '\\');

    snprintf(name, sizeof(name), "%.*s", (int)strcspn(file + 1, " "), file + 1);
    note(spd_svcmgr_query(name, &info, NULL) == SPD_ERR_OK ? spd_svcmgr_state_name(info.state)
                                                           : "?");
}

static int serve(struct spd_svcmgr *manager, void *context)
{
    const struct spd_cport_config config = { .concurrency_limit = 1 };
    struct spd_cport *port = NULL;
    struct spd_completion completion;
    size_t n;

    (void)context;
    note(spd_svcmgr_name(manager) != NULL ? spd_svcmgr_name(manager) : "nobody");
    spd_svcmgr_extend(manager, SPD_NS_PER_S);
    if (strstr(notes_path, "fails") != NULL)
        return 7;
    if (spd_cport_create(&config, &port, NULL) != SPD_ERR_OK ||
        spd_svcmgr_watch(manager, port, 1, NULL) != SPD_ERR_OK)
        return 8;
    spd_svcmgr_ready(manager);
    note("ready");
    while (spd_cport_wait(port, &completion, 1, &n, SPD_NS_FOREVER) == SPD_ERR_OK) {
        if (completion.n_bytes == SPD_SVCMGR_STOP)
            break;
        note(completion.n_bytes == SPD_SVCMGR_RELOAD   ? "reload"
             : completion.n_bytes == SPD_SVCMGR_STATUS ? "status"
                                                       : "?");
    }
    spd_svcmgr_stopping(manager, 5 * SPD_NS_PER_S);
    spd_svcmgr_ready(manager); /* too late: it goes on stopping */
    note_state();
    spd_svcmgr_unwatch(manager);
    return 0;
}

/* service run --scm --config FILE, where FILE takes the notes. */
static int be_the_service(int argc, char **argv)
{
    const struct spd_svcmgr_run how = { .name = "StampedeTest", .is_scm = true };
    struct spd_diag diag = { 0 };
    int exit_code = 99;

    if (argc != 6 || strcmp(argv[4], "--config") != 0)
        return 98;
    snprintf(notes_path, sizeof(notes_path), "%s", argv[5]);
    if (spd_svcmgr_run(&how, serve, NULL, &exit_code, &diag) != SPD_ERR_OK)
        note(diag.text);
    return exit_code;
}

/* --------------------------------------------------------------- the tests */

/* Waits until the service has noted all of it. */
static void expect_notes(const char *expected)
{
    char text[400] = "";

    for (int i = 0; i < 600; i++) {
        FILE *file = fopen(notes_path, "rb");
        size_t n = file != NULL ? fread(text, 1, sizeof(text) - 1, file) : 0;

        if (file != NULL)
            fclose(file);
        text[n] = '\0';
        if (strcmp(text, expected) == 0)
            return;
        spd_thread_sleep(50 * SPD_NS_PER_MS);
    }
    fail_msg("the notes are '%s'", text);
}

static struct spd_svcmgr_service the_service(void)
{
    return (struct spd_svcmgr_service){ .name = name,
                                        .display_name = name, /* must be the only one, too */
                                        .description = "Is removed by the test that installs it",
                                        .config_path = notes_path };
}

static void install(void)
{
    const struct spd_svcmgr_service service = the_service();
    struct spd_svcmgr_notes notes;
    struct spd_diag diag = { 0 };

    if (spd_svcmgr_install(&service, &notes, &diag))
        fail_msg("%s", diag.text);
    for (size_t i = 0; i < notes.n; i++)
        print_message("note: %s\n", notes.text[i]);
}

static struct spd_svcmgr_info query(void)
{
    struct spd_svcmgr_info info = { 0 };
    struct spd_diag diag = { 0 };

    if (spd_svcmgr_query(name, &info, &diag))
        fail_msg("%s", diag.text);
    return info;
}

static void choose_names(const char *what)
{
    char folder[MAX_PATH];

    GetTempPathA(sizeof(folder), folder);
    snprintf(name, sizeof(name), "StampedeTest%s%lu", what, (unsigned long)GetCurrentProcessId());
    snprintf(notes_path, sizeof(notes_path), "%s%s notes.txt", folder, name);
    remove(notes_path);
}

static void read_image_path(wchar_t *path, DWORD n_bytes)
{
    wchar_t key[200];

    swprintf(key, 200, L"SYSTEM\\CurrentControlSet\\Services\\%hs", name);
    assert_int_equal(RegGetValueW(HKEY_LOCAL_MACHINE, key, L"ImagePath",
                                  RRF_RT_REG_SZ | RRF_RT_REG_EXPAND_SZ | RRF_NOEXPAND, NULL, path,
                                  &n_bytes),
                     0);
}

static bool has_event_source(void)
{
    char key[200], file[MAX_PATH];
    DWORD n_bytes = sizeof(file);

    snprintf(key, sizeof(key), "SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\%s",
             name);
    return RegGetValueA(HKEY_LOCAL_MACHINE, key, "EventMessageFile", RRF_RT_REG_SZ, NULL, file,
                        &n_bytes) == 0;
}

/* As "sc control NAME 128" does. */
static void ask_for_status(void)
{
    SC_HANDLE scm = OpenSCManagerA(NULL, NULL, SC_MANAGER_CONNECT);
    SC_HANDLE service = OpenServiceA(scm, name, SERVICE_USER_DEFINED_CONTROL);
    SERVICE_STATUS status;

    assert_non_null(service);
    assert_true(ControlService(service, 128, &status));
    CloseServiceHandle(service);
    CloseServiceHandle(scm);
}

static void a_service_lives_from_install_to_uninstall(void **state)
{
    struct spd_svcmgr_service service;
    struct spd_svcmgr_info info;
    struct spd_diag diag = { 0 };
    wchar_t path[1024];

    (void)state;
    choose_names("Lives");
    service = the_service();
    install();
    install(); /* in its place */
    read_image_path(path, sizeof(path));
    assert_int_equal(path[0], L'"');
    assert_non_null(wcsstr(path, L".exe\" service run --scm --config \""));
    assert_true(has_event_source());
    info = query();
    assert_int_equal(info.state, SPD_SVCMGR_STOPPED);
    assert_true(info.starts_at_boot);
    assert_int_equal(info.pid, 0);

    if (spd_svcmgr_start(name, PATIENCE_NS, &diag))
        fail_msg("%s", diag.text);
    info = query();
    assert_int_equal(info.state, SPD_SVCMGR_RUNNING);
    assert_int_not_equal(info.pid, 0);
    assert_int_equal(spd_svcmgr_start(name, PATIENCE_NS, &diag), SPD_ERR_OK); /* runs already */
    expect_notes("SCM\nready\n");
    if (spd_svcmgr_reload(name, &diag))
        fail_msg("%s", diag.text);
    expect_notes("SCM\nready\nreload\n");
    ask_for_status();
    expect_notes("SCM\nready\nreload\nstatus\n");
    if (spd_svcmgr_stop(name, PATIENCE_NS, &diag))
        fail_msg("%s", diag.text);
    expect_notes("SCM\nready\nreload\nstatus\nstopping\n");
    info = query();
    assert_int_equal(info.state, SPD_SVCMGR_STOPPED);
    assert_int_equal(info.exit_code, 0);
    assert_int_equal(spd_svcmgr_stop(name, PATIENCE_NS, &diag), SPD_ERR_OK); /* stopped already */

    if (spd_svcmgr_uninstall(&service, NULL, &diag))
        fail_msg("%s", diag.text);
    assert_int_equal(spd_svcmgr_query(name, &info, &diag), SPD_ERR_NOT_FOUND);
    assert_int_equal(spd_svcmgr_uninstall(&service, NULL, &diag), SPD_ERR_NOT_FOUND);
    assert_false(has_event_source());
    remove(notes_path);
}

static void uninstall_stops_a_service_that_runs(void **state)
{
    struct spd_svcmgr_service service;
    struct spd_svcmgr_notes notes;
    struct spd_diag diag = { 0 };

    (void)state;
    choose_names("Runs");
    service = the_service();
    install();
    assert_int_equal(spd_svcmgr_start(name, PATIENCE_NS, &diag), SPD_ERR_OK);
    expect_notes("SCM\nready\n");
    if (spd_svcmgr_uninstall(&service, &notes, &diag))
        fail_msg("%s", diag.text);
    assert_int_equal(notes.n, 0);
    expect_notes("SCM\nready\nstopping\n");
    remove(notes_path);
}

static void a_service_that_cannot_start_is_told_with_its_code(void **state)
{
    struct spd_svcmgr_service service;
    struct spd_diag diag = { 0 };

    (void)state;
    choose_names("fails");
    service = the_service();
    install();
    assert_int_equal(spd_svcmgr_start(name, PATIENCE_NS, &diag), SPD_ERR_IO);
    assert_non_null(strstr(diag.text, "with 7"));
    assert_int_equal(query().exit_code, 7);
    assert_int_equal(spd_svcmgr_uninstall(&service, NULL, &diag), SPD_ERR_OK);
    remove(notes_path);
}

static void a_path_that_could_start_another_program_is_refused(void **state)
{
    static const struct {
        const char *program, *config_path;
    } rows[] = {
        { "C:\\a\" \"b.exe", NULL },
        { "", NULL },
        { "C:\\a.exe", "C:\\x\" --evil \"" },
        { "C:\\a.exe", "C:\\folder\\" },
    };

    (void)state;
    choose_names("Paths");
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct spd_svcmgr_service service = the_service();
        struct spd_diag diag = { 0 };
        struct spd_svcmgr_info info;

        service.program = rows[i].program;
        service.config_path = rows[i].config_path;
        assert_int_equal(spd_svcmgr_install(&service, NULL, &diag), SPD_ERR_INVALID);
        assert_true(diag.text[0] != '\0');
        assert_int_equal(spd_svcmgr_query(name, &info, NULL), SPD_ERR_NOT_FOUND);
    }
}

/* ------------------------------------------------------------- the events */

static void every_event_has_its_text(void **state)
{
    static const struct {
        const char *event;
        enum spd_event number;
    } rows[] = {
#define ROW(name, number, level) { #name, SPD_EVENT_##name },
        SPD_EVENT_LIST(ROW)
#undef ROW
    };
    static const DWORD severities[] = { 3, 2, 1 };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        DWORD_PTR arguments[] = { (DWORD_PTR)L"the text" };
        DWORD id = severities[spd_eventlog_level(rows[i].number)] << 30 | (DWORD)rows[i].number;
        wchar_t text[64] = L"";

        if (!FormatMessageW(FORMAT_MESSAGE_FROM_HMODULE | FORMAT_MESSAGE_ARGUMENT_ARRAY, NULL, id,
                            0, text, 64, (va_list *)arguments) ||
            wcsncmp(text, L"the text", 8) != 0)
            fail_msg("%s: no text", rows[i].event);
    }
}

/* However a test ends. */
static int remove_service(void **state)
{
    const struct spd_svcmgr_service service = the_service();

    (void)state;
    (void)spd_svcmgr_uninstall(&service, NULL, NULL);
    remove(notes_path);
    return 0;
}

static int start(void **state)
{
    (void)state;
    return (int)spd_console_init(NULL);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(a_service_lives_from_install_to_uninstall, remove_service),
        cmocka_unit_test_teardown(uninstall_stops_a_service_that_runs, remove_service),
        cmocka_unit_test_teardown(a_service_that_cannot_start_is_told_with_its_code,
                                  remove_service),
        cmocka_unit_test(a_path_that_could_start_another_program_is_refused),
        cmocka_unit_test(every_event_has_its_text),
    };

    if (argc > 1 && strcmp(argv[1], "service") == 0)
        return be_the_service(argc, argv);
    return cmocka_run_group_tests(tests, start, NULL);
}
