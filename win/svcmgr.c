/*
 * A service under the service control manager (SCM), or in the foreground. The
 * SCM calls service_main on a thread of its own, which runs the service, and
 * on_control on another for each thing it wants; Windows calls on_console for
 * Ctrl-C and the like. Both post an event and do nothing else. Installing and
 * controlling a service is in svcmgr_control.c.
 */
#include "common/sys/svcmgr.h"

#include <winsock2.h>
#include <windows.h>

#include <stdlib.h>

#include "win/oserr.h"
#include "win/wide.h"

#define CONTROL_STATUS 128 /* a user control: sc control NAME 128 */
#define START_NS       (60 * SPD_NS_PER_S)
#define STOP_NS        (30 * SPD_NS_PER_S)
#define ACCEPTED                                                                                   \
    (SERVICE_ACCEPT_STOP | SERVICE_ACCEPT_PRESHUTDOWN | SERVICE_ACCEPT_PARAMCHANGE |               \
     SERVICE_ACCEPT_POWEREVENT)

struct spd_svcmgr {
    SRWLOCK lock; /* over all of it */
    struct spd_cport *port;
    uintptr_t key;
    unsigned pending;             /* events that came before the watch: bits */
    SERVICE_STATUS_HANDLE handle; /* NULL: no SCM */
    SERVICE_STATUS status;
    int (*run)(struct spd_svcmgr *manager, void *context);
    void *context;
    bool has_run;
    int exit_code;
    DWORD code; /* why it has not run */
};

/* The callbacks of the console have no argument. */
static struct spd_svcmgr the_manager = { .lock = SRWLOCK_INIT };

/* For want of memory an event is late, not lost; a closed port needs none. */
static void post(const struct spd_svcmgr *m, enum spd_svcmgr_event event)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        if (spd_cport_post(m->port, m->key, (uint32_t)event, NULL) != SPD_ERR_NOMEM)
            return;
        Sleep(10);
    }
}

static void deliver(struct spd_svcmgr *m, enum spd_svcmgr_event event)
{
    AcquireSRWLockExclusive(&m->lock);
    if (m->port != NULL)
        post(m, event);
    else
        m->pending |= 1u << event;
    ReleaseSRWLockExclusive(&m->lock);
}

enum spd_err spd_svcmgr_watch(struct spd_svcmgr *manager, struct spd_cport *port, uintptr_t key,
                              struct spd_diag *diag)
{
    (void)diag;
    AcquireSRWLockExclusive(&manager->lock);
    manager->port = port;
    manager->key = key;
    for (unsigned event = SPD_SVCMGR_STOP; event <= SPD_SVCMGR_RESUME; event++)
        if (manager->pending & 1u << event)
            post(manager, (enum spd_svcmgr_event)event);
    manager->pending = 0;
    ReleaseSRWLockExclusive(&manager->lock);
    return SPD_ERR_OK;
}

void spd_svcmgr_unwatch(struct spd_svcmgr *manager)
{
    AcquireSRWLockExclusive(&manager->lock);
    manager->port = NULL;
    ReleaseSRWLockExclusive(&manager->lock);
}

/* ------------------------------------------------------------- the status */

static DWORD hint_ms(spd_ns expected_ns)
{
    spd_ns ms = expected_ns > 0 ? expected_ns / SPD_NS_PER_MS : 0;

    return ms < 3600000 ? (DWORD)ms : 3600000;
}

/* A service that stops does not come back; a step of what is pending tells the SCM that it goes
 * on. */
static void report(struct spd_svcmgr *m, DWORD state, spd_ns expected_ns)
{
    bool is_pending = state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING;

    AcquireSRWLockExclusive(&m->lock);
    if (m->handle != NULL &&
        (m->status.dwCurrentState != SERVICE_STOP_PENDING || state != SERVICE_RUNNING)) {
        m->status.dwCheckPoint = !is_pending                         ? 0
                                 : m->status.dwCurrentState == state ? m->status.dwCheckPoint + 1
                                                                     : 1;
        m->status.dwCurrentState = state;
        m->status.dwWaitHint = is_pending ? hint_ms(expected_ns) : 0;
        m->status.dwControlsAccepted = state == SERVICE_RUNNING ? ACCEPTED : 0;
        SetServiceStatus(m->handle, &m->status);
    }
    ReleaseSRWLockExclusive(&m->lock);
}

const char *spd_svcmgr_name(const struct spd_svcmgr *manager)
{
    return manager->handle != NULL ? "SCM" : NULL;
}

void spd_svcmgr_ready(struct spd_svcmgr *manager)
{
    report(manager, SERVICE_RUNNING, 0);
}

void spd_svcmgr_reloading(struct spd_svcmgr *manager)
{
    (void)manager; /* the SCM knows no such state: the service runs on */
}

void spd_svcmgr_stopping(struct spd_svcmgr *manager, spd_ns expected_ns)
{
    report(manager, SERVICE_STOP_PENDING, expected_ns);
}

void spd_svcmgr_extend(struct spd_svcmgr *manager, spd_ns expected_ns)
{
    DWORD state;

    AcquireSRWLockShared(&manager->lock);
    state = manager->status.dwCurrentState;
    ReleaseSRWLockShared(&manager->lock);
    if (state == SERVICE_START_PENDING || state == SERVICE_STOP_PENDING)
        report(manager, state, expected_ns);
}

void spd_svcmgr_status(struct spd_svcmgr *manager, const char *text)
{
    (void)manager;
    (void)text;
}

spd_ns spd_svcmgr_alive_interval_ns(const struct spd_svcmgr *manager)
{
    (void)manager; /* the SCM sees a process end, not hang */
    return 0;
}

void spd_svcmgr_alive(struct spd_svcmgr *manager)
{
    (void)manager;
}

/* ---------------------------------------------------------- what is wanted */

static DWORD WINAPI on_control(DWORD control, DWORD type, void *data, void *context)
{
    struct spd_svcmgr *m = context;

    (void)data;
    switch (control) {
    case SERVICE_CONTROL_STOP:
    case SERVICE_CONTROL_SHUTDOWN:
    case SERVICE_CONTROL_PRESHUTDOWN:
        report(m, SERVICE_STOP_PENDING, STOP_NS);
        deliver(m, SPD_SVCMGR_STOP);
        return NO_ERROR;
    case SERVICE_CONTROL_PARAMCHANGE:
        deliver(m, SPD_SVCMGR_RELOAD);
        return NO_ERROR;
    case SERVICE_CONTROL_POWEREVENT:
        if (type == PBT_APMRESUMEAUTOMATIC)
            deliver(m, SPD_SVCMGR_RESUME);
        return NO_ERROR;
    case CONTROL_STATUS:
        deliver(m, SPD_SVCMGR_STATUS);
        return NO_ERROR;
    case SERVICE_CONTROL_INTERROGATE:
        return NO_ERROR;
    default:
        return ERROR_CALL_NOT_IMPLEMENTED;
    }
}

static BOOL WINAPI on_console(DWORD type)
{
    deliver(&the_manager, type == CTRL_BREAK_EVENT ? SPD_SVCMGR_STATUS : SPD_SVCMGR_STOP);
    /* When this returns after a close, log-off or shutdown, Windows ends the
     * process at once: leave it the time that the system gives it. */
    if (type != CTRL_C_EVENT && type != CTRL_BREAK_EVENT)
        Sleep(INFINITE);
    return TRUE;
}

static void WINAPI service_main(DWORD argc, wchar_t **argv)
{
    struct spd_svcmgr *m = &the_manager;
    SERVICE_STATUS_HANDLE handle =
        RegisterServiceCtrlHandlerExW(argc > 0 ? argv[0] : L"", on_control, m);

    if (handle == NULL) {
        m->code = GetLastError();
        return;
    }
    AcquireSRWLockExclusive(&m->lock);
    m->handle = handle;
    m->status = (SERVICE_STATUS){ .dwServiceType = SERVICE_WIN32_OWN_PROCESS };
    ReleaseSRWLockExclusive(&m->lock);
    report(m, SERVICE_START_PENDING, START_NS);
    m->exit_code = m->run(m, m->context);
    m->has_run = true;
    /* Unless 0, a failure: the SCM then does what install told it. */
    AcquireSRWLockExclusive(&m->lock);
    if (m->exit_code != 0) {
        m->status.dwWin32ExitCode = ERROR_SERVICE_SPECIFIC_ERROR;
        m->status.dwServiceSpecificExitCode = (DWORD)m->exit_code;
    }
    ReleaseSRWLockExclusive(&m->lock);
    report(m, SERVICE_STOPPED, 0); /* after this the process may end at any time */
}

static enum spd_err run_under_scm(const char *name, int *exit_code, struct spd_diag *diag)
{
    wchar_t *wide = spd_wide_from(name);
    SERVICE_TABLE_ENTRYW table[] = { { wide, service_main }, { NULL, NULL } };
    char text[SPD_OSERR_TEXT_BYTES];
    DWORD code = 0;

    if (wide == NULL)
        return spd_diag_set(diag, SPD_ERR_INTERNAL, 0, "no memory for the name of the service");
    if (!StartServiceCtrlDispatcherW(table))
        code = GetLastError();
    free(wide);
    if (the_manager.has_run) {
        *exit_code = the_manager.exit_code;
        return SPD_ERR_OK;
    }
    code = code != 0 ? code : the_manager.code;
    return spd_diag_set(
        diag, code == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT ? SPD_ERR_PERM : SPD_ERR_INTERNAL,
        (int32_t)code, "%s%s",
        code == ERROR_FAILED_SERVICE_CONTROLLER_CONNECT
            ? "the service control manager has not started this program: use "
              "\"stampede service start\", or leave --scm out. "
            : "cannot be a service: ",
        spd_oserr_text(code, text));
}

enum spd_err spd_svcmgr_run(const struct spd_svcmgr_run *how,
                            int (*run)(struct spd_svcmgr *manager, void *context), void *context,
                            int *exit_code, struct spd_diag *diag)
{
    struct spd_svcmgr *m = &the_manager;

    m->run = run;
    m->context = context;
    m->has_run = false;
    if (how->is_scm)
        return run_under_scm(how->name, exit_code, diag);
    /* A parent may have had Ctrl-C ignored for its children. */
    SetConsoleCtrlHandler(NULL, FALSE);
    /* Without a console there is nobody to press Ctrl-C. */
    SetConsoleCtrlHandler(on_console, TRUE);
    *exit_code = run(m, context);
    SetConsoleCtrlHandler(on_console, FALSE);
    return SPD_ERR_OK;
}
