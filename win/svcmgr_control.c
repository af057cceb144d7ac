/*
 * Installing and controlling a service through the service control manager. On
 * the thread that asks; blocks. What a Windows (or Wine) does not have of the
 * finer settings is noted, and the service works without.
 */
#include "common/sys/svcmgr.h"

#include <winsock2.h>
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "win/install.h"
#include "win/oserr.h"
#include "win/wide.h"

#define LOOK_EVERY_MS  50
#define STOP_PATIENCE  (30 * SPD_NS_PER_S)
#define PRESHUTDOWN_MS 30000
#define PROCESS_END_MS 5000
#define RESET_AFTER_S  86400
#define COMMAND_UNITS  2048

static enum spd_err explain(struct spd_diag *diag, const char *what, const char *name, DWORD code)
{
    enum spd_err err = spd_oserr_map(code);
    char text[SPD_OSERR_TEXT_BYTES];

    return spd_diag_set(diag, err, (int32_t)code, "cannot %s %s: %s%s", what, name,
                        spd_oserr_text(code, text),
                        err == SPD_ERR_PERM        ? "; run this as administrator"
                        : err == SPD_ERR_NOT_FOUND ? "; install it first (stampede service install)"
                                                   : "");
}

void spd_install_note(struct spd_svcmgr_notes *notes, const char *what, DWORD code)
{
    char text[SPD_OSERR_TEXT_BYTES];

    if (notes == NULL || notes->n == sizeof(notes->text) / sizeof(notes->text[0]))
        return;
    snprintf(notes->text[notes->n++], sizeof(notes->text[0]), "%s: %s%s", what,
             code == ERROR_INVALID_LEVEL ? "not supported here: " : "", spd_oserr_text(code, text));
}

/* Returns 0 or a code. */
static DWORD open_service(const char *name, DWORD access, SC_HANDLE *service)
{
    wchar_t *wide = spd_wide_from(name);
    SC_HANDLE scm;
    DWORD code = 0;

    *service = NULL;
    if (wide == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    scm = OpenSCManagerW(NULL, NULL, SC_MANAGER_CONNECT);
    if (scm != NULL)
        *service = OpenServiceW(scm, wide, access);
    if (*service == NULL)
        code = GetLastError();
    if (scm != NULL)
        CloseServiceHandle(scm);
    free(wide);
    return code;
}

/* --------------------------------------------------------------- installing */

static enum spd_err no_tree(struct spd_diag *diag)
{
    return spd_diag_set(diag, SPD_ERR_NOTSUP, 0,
                        "a service is installed into the running Windows alone (leave --root out)");
}

/* A path in quotes, so that no blank in it lets another program be started. */
static bool put_path(wchar_t *command, const wchar_t *path)
{
    size_t n = wcslen(command), n_path = wcslen(path);

    if (n_path == 0 || wcschr(path, L'"') != NULL || path[n_path - 1] == L'\\' ||
        n + n_path + 40 > COMMAND_UNITS)
        return false;
    command[n] = L'"';
    wcscpy(command + n + 1, path);
    wcscat(command, L"\"");
    return true;
}

static enum spd_err make_command(const struct spd_svcmgr_service *service, wchar_t *command,
                                 struct spd_diag *diag)
{
    wchar_t own[1024];
    wchar_t *program = service->program ? spd_wide_from(service->program) : NULL;
    wchar_t *config = service->config_path ? spd_wide_from(service->config_path) : NULL;
    bool done = true;

    command[0] = L'\0';
    if (service->program == NULL) {
        DWORD n = GetModuleFileNameW(NULL, own, sizeof(own) / sizeof(own[0]));

        done = n > 0 && n < sizeof(own) / sizeof(own[0]) && put_path(command, own);
    } else {
        done = program != NULL && put_path(command, program);
    }
    if (done)
        wcscat(command, L" service run --scm");
    if (done && service->config_path != NULL) {
        wcscat(command, L" --config ");
        done = config != NULL && put_path(command, config);
    }
    free(program);
    free(config);
    return done ? SPD_ERR_OK
                : spd_diag_set(diag, SPD_ERR_INVALID, 0,
                               "the service cannot be started by the path of this program or its "
                               "configuration: give plain absolute paths");
}

static void configure(SC_HANDLE service, const struct spd_svcmgr_service *how,
                      struct spd_svcmgr_notes *notes)
{
    static wchar_t privileges[] = L"SeChangeNotifyPrivilege\0SeIncreaseWorkingSetPrivilege\0";
    SC_ACTION actions[] = { { SC_ACTION_RESTART, 5000 },
                            { SC_ACTION_RESTART, 30000 },
                            { SC_ACTION_RESTART, 60000 } };
    wchar_t *text = spd_wide_from(how->description ? how->description : "");
    SERVICE_DESCRIPTIONW description = { text };
    SERVICE_DELAYED_AUTO_START_INFO delayed = { TRUE };
    SERVICE_FAILURE_ACTIONSW failure = { .dwResetPeriod = RESET_AFTER_S,
                                         .cActions = sizeof(actions) / sizeof(actions[0]),
                                         .lpsaActions = actions };
    SERVICE_FAILURE_ACTIONS_FLAG also_exit_codes = { TRUE };
    SERVICE_SID_INFO sid = { SERVICE_SID_TYPE_UNRESTRICTED };
    SERVICE_REQUIRED_PRIVILEGES_INFOW required = { privileges };
    SERVICE_PRESHUTDOWN_INFO preshutdown = { PRESHUTDOWN_MS };
    const struct {
        DWORD level;
        void *info;
        const char *what;
    } rows[] = {
        { SERVICE_CONFIG_DESCRIPTION, &description, "description" },
        { SERVICE_CONFIG_DELAYED_AUTO_START_INFO, &delayed, "delayed automatic start" },
        { SERVICE_CONFIG_FAILURE_ACTIONS, &failure, "start again after a failure" },
        { SERVICE_CONFIG_FAILURE_ACTIONS_FLAG, &also_exit_codes, "start again after an error" },
        { SERVICE_CONFIG_SERVICE_SID_INFO, &sid, "an identity of its own (service SID)" },
        { SERVICE_CONFIG_REQUIRED_PRIVILEGES_INFO, &required, "no more privileges than needed" },
        { SERVICE_CONFIG_PRESHUTDOWN_INFO, &preshutdown, "time to end at shutdown" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
        if (!ChangeServiceConfig2W(service, rows[i].level, rows[i].info))
            spd_install_note(notes, rows[i].what, GetLastError());
    free(text);
}

/* Make the service, or give the one that is there this command. Returns 0 or a
 * code. */
static DWORD create(SC_HANDLE scm, const wchar_t *name, const wchar_t *display,
                    const wchar_t *command, SC_HANDLE *service)
{
    wchar_t account[300];

    /* An account that exists for this service alone, with no password and few
     * rights. */
    swprintf(account, sizeof(account) / sizeof(account[0]), L"NT SERVICE\\%ls", name);
    *service = CreateServiceW(scm, name, display, SERVICE_ALL_ACCESS, SERVICE_WIN32_OWN_PROCESS,
                              SERVICE_AUTO_START, SERVICE_ERROR_NORMAL, command, NULL, NULL, NULL,
                              account, NULL);
    if (*service != NULL)
        return 0;
    if (GetLastError() != ERROR_SERVICE_EXISTS)
        return GetLastError();
    *service = OpenServiceW(scm, name, SERVICE_ALL_ACCESS);
    if (*service == NULL || !ChangeServiceConfigW(*service, SERVICE_WIN32_OWN_PROCESS,
                                                  SERVICE_AUTO_START, SERVICE_ERROR_NORMAL, command,
                                                  NULL, NULL, NULL, account, NULL, display))
        return GetLastError();
    return 0;
}

enum spd_err spd_svcmgr_install(const struct spd_svcmgr_service *service,
                                struct spd_svcmgr_notes *notes, struct spd_diag *diag)
{
    wchar_t command[COMMAND_UNITS];
    wchar_t *name = spd_wide_from(service->name);
    wchar_t *display = spd_wide_from(service->display_name ? service->display_name : service->name);
    SC_HANDLE scm = NULL, handle = NULL;
    enum spd_err err = make_command(service, command, diag);
    DWORD code = 0;

    if (notes != NULL)
        notes->n = 0;
    if (!err && service->root != NULL)
        err = no_tree(diag);
    if (!err && (name == NULL || display == NULL))
        err = spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the name of a service");
    if (!err) {
        scm = OpenSCManagerW(NULL, NULL, SC_MANAGER_CREATE_SERVICE);
        code = scm == NULL ? GetLastError() : create(scm, name, display, command, &handle);
        if (code != 0)
            err = explain(diag, "install", service->name, code);
    }
    if (!err) {
        configure(handle, service, notes);
        spd_install_event_source(service, notes);
        spd_install_data_folder(service, notes);
    }
    if (handle != NULL)
        CloseServiceHandle(handle);
    if (scm != NULL)
        CloseServiceHandle(scm);
    free(name);
    free(display);
    return err;
}

/* ---------------------------------------------------------------- waiting */

/* Until the service is in the state, or stopped. Returns 0, WAIT_TIMEOUT or another code. */
static DWORD wait_for(SC_HANDLE service, DWORD state, spd_ns timeout_ns,
                      SERVICE_STATUS_PROCESS *status)
{
    spd_ticks start = spd_clock_now();
    DWORD n_bytes;

    for (;;) {
        if (!QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (BYTE *)status, sizeof(*status),
                                  &n_bytes))
            return GetLastError();
        if (status->dwCurrentState == state || status->dwCurrentState == SERVICE_STOPPED)
            return 0;
        if (spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) >= timeout_ns)
            return WAIT_TIMEOUT;
        Sleep(LOOK_EVERY_MS);
    }
}

static DWORD exit_code_of(const SERVICE_STATUS_PROCESS *status)
{
    if (status->dwWin32ExitCode == ERROR_SERVICE_NEVER_STARTED)
        return 0;
    return status->dwWin32ExitCode == ERROR_SERVICE_SPECIFIC_ERROR
               ? status->dwServiceSpecificExitCode
               : status->dwWin32ExitCode;
}

enum spd_err spd_svcmgr_start(const char *name, spd_ns timeout_ns, struct spd_diag *diag)
{
    SERVICE_STATUS_PROCESS status = { 0 };
    SC_HANDLE service;
    DWORD code = open_service(name, SERVICE_START | SERVICE_QUERY_STATUS, &service);

    if (code == 0 && !StartServiceW(service, 0, NULL) &&
        GetLastError() != ERROR_SERVICE_ALREADY_RUNNING)
        code = GetLastError();
    if (code == 0)
        code = wait_for(service, SERVICE_RUNNING, timeout_ns, &status);
    if (service != NULL)
        CloseServiceHandle(service);
    if (code != 0)
        return explain(diag, "start", name, code);
    if (status.dwCurrentState == SERVICE_RUNNING)
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_IO, (int32_t)exit_code_of(&status),
                        "%s ended while it started, with %lu; the event log (Application) says why",
                        name, (unsigned long)exit_code_of(&status));
}

/* A handle to the process of the service, to wait for its end; NULL: none, or not ours to open. */
static HANDLE open_process(SC_HANDLE service)
{
    SERVICE_STATUS_PROCESS status;
    DWORD n_bytes;

    if (!QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (BYTE *)&status, sizeof(status),
                              &n_bytes) ||
        status.dwProcessId == 0)
        return NULL;
    return OpenProcess(SYNCHRONIZE, FALSE, status.dwProcessId);
}

/* Returns 0 or a code. */
static DWORD ask_to_stop(SC_HANDLE service, spd_ns timeout_ns)
{
    SERVICE_STATUS_PROCESS status;
    SERVICE_STATUS unused;

    if (!ControlService(service, SERVICE_CONTROL_STOP, &unused)) {
        DWORD code = GetLastError();

        if (code == ERROR_SERVICE_NOT_ACTIVE)
            return 0;
        /* It starts, or stops already: see what becomes of it. */
        if (code != ERROR_SERVICE_CANNOT_ACCEPT_CTRL && code != ERROR_INVALID_SERVICE_CONTROL)
            return code;
    }
    return wait_for(service, SERVICE_STOPPED, timeout_ns, &status);
}

/* Also waits for the process, which ends a little after the service: until then its program cannot
 * be replaced or removed. Returns 0 or a code. */
static DWORD stop(SC_HANDLE service, spd_ns timeout_ns)
{
    HANDLE process = open_process(service);
    DWORD code = ask_to_stop(service, timeout_ns);

    if (process == NULL)
        return code;
    if (code == 0)
        WaitForSingleObject(process, PROCESS_END_MS);
    CloseHandle(process);
    return code;
}

enum spd_err spd_svcmgr_stop(const char *name, spd_ns timeout_ns, struct spd_diag *diag)
{
    SC_HANDLE service;
    DWORD code = open_service(name, SERVICE_STOP | SERVICE_QUERY_STATUS, &service);

    if (code == 0)
        code = stop(service, timeout_ns);
    if (service != NULL)
        CloseServiceHandle(service);
    return code == 0 ? SPD_ERR_OK : explain(diag, "stop", name, code);
}

enum spd_err spd_svcmgr_reload(const char *name, struct spd_diag *diag)
{
    SERVICE_STATUS unused;
    SC_HANDLE service;
    DWORD code = open_service(name, SERVICE_PAUSE_CONTINUE, &service);

    if (code == 0 && !ControlService(service, SERVICE_CONTROL_PARAMCHANGE, &unused))
        code = GetLastError();
    if (service != NULL)
        CloseServiceHandle(service);
    return code == 0 ? SPD_ERR_OK : explain(diag, "reload", name, code);
}

enum spd_err spd_svcmgr_uninstall(const struct spd_svcmgr_service *service,
                                  struct spd_svcmgr_notes *notes, struct spd_diag *diag)
{
    SC_HANDLE handle;
    DWORD code = open_service(service->name, SERVICE_STOP | SERVICE_QUERY_STATUS | DELETE, &handle);

    if (notes != NULL)
        notes->n = 0;
    if (service->root != NULL) {
        if (handle != NULL)
            CloseServiceHandle(handle);
        return no_tree(diag);
    }
    if (code == 0) {
        DWORD stop_code = stop(handle, STOP_PATIENCE);

        /* Deleted all the same, once it ends. */
        if (stop_code != 0)
            spd_install_note(notes, "stopping it", stop_code);
        if (!DeleteService(handle))
            code = GetLastError();
        CloseServiceHandle(handle);
    }
    if (code != 0)
        return explain(diag, "uninstall", service->name, code);
    spd_install_remove_event_source(service, notes);
    return SPD_ERR_OK;
}

static enum spd_svcmgr_state state_of(DWORD state)
{
    switch (state) {
    case SERVICE_START_PENDING:
        return SPD_SVCMGR_STARTING;
    case SERVICE_STOP_PENDING:
        return SPD_SVCMGR_STOPPING;
    case SERVICE_STOPPED:
        return SPD_SVCMGR_STOPPED;
    default:
        return SPD_SVCMGR_RUNNING;
    }
}

enum spd_err spd_svcmgr_query(const char *name, struct spd_svcmgr_info *out, struct spd_diag *diag)
{
    union {
        QUERY_SERVICE_CONFIGW config;
        BYTE bytes[8192]; /* the most there is */
    } answer;
    SERVICE_STATUS_PROCESS status;
    SC_HANDLE service;
    DWORD n_bytes;
    DWORD code = open_service(name, SERVICE_QUERY_STATUS | SERVICE_QUERY_CONFIG, &service);

    if (code == 0 && (!QueryServiceStatusEx(service, SC_STATUS_PROCESS_INFO, (BYTE *)&status,
                                            sizeof(status), &n_bytes) ||
                      !QueryServiceConfigW(service, &answer.config, sizeof(answer), &n_bytes)))
        code = GetLastError();
    if (service != NULL)
        CloseServiceHandle(service);
    if (code != 0)
        return explain(diag, "ask for the state of", name, code);
    *out =
        (struct spd_svcmgr_info){ .state = state_of(status.dwCurrentState),
                                  .pid = status.dwProcessId,
                                  .starts_at_boot = answer.config.dwStartType == SERVICE_AUTO_START,
                                  .exit_code = exit_code_of(&status) };
    return SPD_ERR_OK;
}

const char *spd_svcmgr_state_name(enum spd_svcmgr_state state)
{
    static const char *const names[] = {
        [SPD_SVCMGR_STOPPED] = "stopped", [SPD_SVCMGR_STARTING] = "starting",
        [SPD_SVCMGR_RUNNING] = "running", [SPD_SVCMGR_STOPPING] = "stopping",
        [SPD_SVCMGR_FAILED] = "failed",
    };

    return (size_t)state < sizeof(names) / sizeof(names[0]) ? names[state] : "?";
}
