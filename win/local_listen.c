/*
 * A named pipe that listens: several instances of it wait for clients, so that
 * some find one while others are being accepted. On the thread that owns the
 * set.
 */
#include "win/local.h"

#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "win/oserr.h"
#include "win/wide.h"

/* SYSTEM and Administrators; and, put in its place, ourselves: may do all, also make further
 * instances. Who logged on to this host may read and write (0x12019b: that, without making
 * instances); nobody may over the network. */
#define WHO_MAY_CONNECT "D:P(D;;GA;;;NU)(A;;GA;;;SY)(A;;GA;;;BA)(A;;GA;;;%s)(A;;0x0012019b;;;AU)"
#define ADMINS          "O:SYG:SYD:P(A;;GA;;;SY)(A;;GA;;;BA)"

void spd_local_admins_release(struct spd_local_admins *admins)
{
    if (admins == NULL || --admins->n_users > 0)
        return;
    LocalFree(admins->descriptor);
    LocalFree(admins->own);
    free(admins);
}

/* Returns 0 or a code. */
static DWORD parse(const char *sddl, PSECURITY_DESCRIPTOR *out)
{
    wchar_t *wide = spd_wide_from(sddl);
    DWORD code = 0;

    if (wide == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(wide, SDDL_REVISION_1, out, NULL))
        code = GetLastError();
    free(wide);
    return code;
}

/* Whether the system can check an access against it, and it allows anybody
 * anything. */
static bool is_whole(PSECURITY_DESCRIPTOR descriptor)
{
    PSID owner = NULL, group = NULL;
    PACL list = NULL;
    BOOL present = FALSE, by_default;

    return GetSecurityDescriptorOwner(descriptor, &owner, &by_default) && owner != NULL &&
           GetSecurityDescriptorGroup(descriptor, &group, &by_default) && group != NULL &&
           GetSecurityDescriptorDacl(descriptor, &present, &list, &by_default) && present &&
           list != NULL && list->AceCount > 0;
}

static enum spd_err parse_admins(const char *sddl, PSECURITY_DESCRIPTOR *out, struct spd_diag *diag)
{
    char whole[2048];
    DWORD code = ERROR_INVALID_PARAMETER;

    /* The owner and the group say nothing about who is allowed, but must be there. Wine takes
     * any text before the list: look at the start. */
    if (sddl == NULL)
        sddl = ADMINS;
    if (strncmp(sddl, "O:", 2) == 0 || strncmp(sddl, "D:", 2) == 0) {
        int n = snprintf(whole, sizeof(whole), "%s%s", sddl[0] == 'O' ? "" : "O:SYG:SY", sddl);

        if (n < (int)sizeof(whole))
            code = parse(whole, out);
    }
    if (code == ERROR_NOT_ENOUGH_MEMORY)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a security descriptor");
    if (code == 0 && is_whole(*out))
        return SPD_ERR_OK;
    return spd_diag_set(diag, SPD_ERR_INVALID, (int32_t)code,
                        "'%.150s' is no security descriptor (SDDL) that says who is an "
                        "administrator, such as D:(A;;GA;;;BA)",
                        sddl);
}

static enum spd_err make_admins(const char *sddl, struct spd_local_admins **out,
                                struct spd_diag *diag)
{
    struct spd_local_admins *admins = calloc(1, sizeof(*admins));
    char text[SPD_OSERR_TEXT_BYTES], connect[sizeof(WHO_MAY_CONNECT) + SPD_SID_TEXT_BYTES];
    enum spd_err err;
    DWORD code;

    if (admins == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a listener");
    admins->n_users = 1;
    err = parse_admins(sddl, &admins->descriptor, diag);
    if (err)
        goto fail;
    code = spd_sid_own(admins->own_user);
    if (code == 0) {
        snprintf(connect, sizeof(connect), WHO_MAY_CONNECT, admins->own_user);
        code = parse(connect, &admins->own);
    }
    if (code != 0) {
        err = spd_diag_set(diag, spd_oserr_map(code), (int32_t)code,
                           "cannot tell who may connect: %s", spd_oserr_text(code, text));
        goto fail;
    }
    *out = admins;
    return SPD_ERR_OK;

fail:
    spd_local_admins_release(admins);
    return err;
}

/* ------------------------------------------------------------- instances */

static void begin_connect(struct spd_local_instance *instance)
{
    DWORD code;

    memset(&instance->connect.overlapped, 0, sizeof(instance->connect.overlapped));
    code = ConnectNamedPipe(instance->pipe, &instance->connect.overlapped) ? 0 : GetLastError();
    /* A client was faster; or so fast that it is gone again. */
    instance->connected = code == ERROR_PIPE_CONNECTED || code == ERROR_NO_DATA;
    if (instance->connected) {
        spd_local_op_begun(&instance->connect, 1); /* without a completion */
        instance->connect.code = 0;
    } else {
        spd_local_op_begun(&instance->connect, code);
    }
}

/* Returns 0 or a code. */
static DWORD open_instance(struct spd_local *local, struct spd_local_instance *instance, bool first)
{
    SECURITY_ATTRIBUTES attributes = { .nLength = sizeof(attributes),
                                       .lpSecurityDescriptor = local->admins->own };
    DWORD code;

    instance->pipe = CreateNamedPipeW(
        local->listener->path,
        PIPE_ACCESS_DUPLEX | FILE_FLAG_OVERLAPPED | (first ? FILE_FLAG_FIRST_PIPE_INSTANCE : 0),
        PIPE_TYPE_BYTE | PIPE_READMODE_BYTE | PIPE_WAIT | PIPE_REJECT_REMOTE_CLIENTS,
        PIPE_UNLIMITED_INSTANCES, SPD_LOCAL_PIPE_BYTES, SPD_LOCAL_PIPE_BYTES, 0, &attributes);
    if (instance->pipe == INVALID_HANDLE_VALUE)
        return GetLastError();
    if (CreateIoCompletionPort(instance->pipe, local->set->port, 0, 0) == NULL) {
        code = GetLastError();
        CloseHandle(instance->pipe);
        instance->pipe = INVALID_HANDLE_VALUE;
        return code;
    }
    begin_connect(instance);
    return 0;
}

static bool is_connected(const struct spd_local_instance *instance)
{
    return instance->connected ||
           (instance->pipe != INVALID_HANDLE_VALUE && !instance->connect.pending);
}

bool spd_local_listener_is_ready(const struct spd_local_listener *listener)
{
    for (size_t i = 0; i < SPD_LOCAL_BACKLOG; i++)
        if (is_connected(&listener->instances[i]))
            return true;
    return false;
}

bool spd_local_listener_close(struct spd_local *local)
{
    bool over = true;

    for (size_t i = 0; i < SPD_LOCAL_BACKLOG; i++) {
        struct spd_local_instance *instance = &local->listener->instances[i];

        if (instance->pipe == INVALID_HANDLE_VALUE)
            continue;
        over = spd_local_op_settle(local->set, instance->pipe, &instance->connect) && over;
        CloseHandle(instance->pipe);
        instance->pipe = INVALID_HANDLE_VALUE;
    }
    free(local->listener->path);
    local->listener->path = NULL;
    return over;
}

/* Wine does not keep a second first instance from being made: ask. */
static bool is_taken(const wchar_t *path)
{
    return WaitNamedPipeW(path, 1) || GetLastError() == ERROR_SEM_TIMEOUT;
}

static enum spd_err explain(struct spd_diag *diag, const char *name, DWORD code)
{
    /* Not allowed to add an instance to somebody's pipe: then it is somebody's. */
    enum spd_err err = code == ERROR_PIPE_BUSY || code == ERROR_ACCESS_DENIED ? SPD_ERR_IN_USE
                                                                              : spd_oserr_map(code);
    char text[SPD_OSERR_TEXT_BYTES];

    return spd_diag_set(
        diag, err, (int32_t)code, "cannot listen on %s: %s%s", name, spd_oserr_text(code, text),
        err == SPD_ERR_IN_USE ? "; another program has this pipe: stop it, or choose another name"
                              : "");
}

static enum spd_err open_listener(struct spd_local *local, const char *name, struct spd_diag *diag)
{
    struct spd_local_listener *listener = calloc(1, sizeof(*listener));
    enum spd_err err;

    if (listener == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a listener");
    local->listener = listener;
    for (size_t i = 0; i < SPD_LOCAL_BACKLOG; i++)
        listener->instances[i].pipe = INVALID_HANDLE_VALUE;
    err = spd_local_path(name, &listener->path, diag);
    if (err)
        return err;
    if (is_taken(listener->path))
        return explain(diag, name, ERROR_PIPE_BUSY);
    for (size_t i = 0; i < SPD_LOCAL_BACKLOG; i++) {
        DWORD code = open_instance(local, &listener->instances[i], i == 0);

        if (code != 0)
            return explain(diag, name, code);
    }
    return SPD_ERR_OK;
}

enum spd_err spd_local_listen(struct spd_local_set *set, const struct spd_local_config *config,
                              struct spd_local **out, struct spd_diag *diag)
{
    struct spd_local *local = spd_local_make(set);
    enum spd_err err;

    if (local == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a listener");
    err = make_admins(config->admins, &local->admins, diag);
    if (!err)
        err = open_listener(local, config->name, diag);
    if (err) {
        spd_local_close(local);
        return err;
    }
    *out = local;
    return SPD_ERR_OK;
}

/* An instance whose client is taken from it gets the next one; one that could
 * not be made is tried again. */
static enum spd_err take(struct spd_local *listener, struct spd_local_instance *instance,
                         struct spd_local **out)
{
    struct spd_local_instance next = { .pipe = INVALID_HANDLE_VALUE };
    struct spd_local *local;
    bool failed = instance->connect.code != 0;

    local = spd_local_make(listener->set);
    if (local == NULL)
        return SPD_ERR_LIMIT;
    local->pipe = instance->pipe;
    local->admins = listener->admins;
    local->admins->n_users++;
    *instance = next;
    /* When that fails, fewer clients can come at once, and accept tries again. */
    (void)open_instance(listener, instance, false);
    if (failed) {
        spd_local_close(local);
        return SPD_ERR_IO;
    }
    *out = local;
    return SPD_ERR_OK;
}

enum spd_err spd_local_accept(struct spd_local *listener, struct spd_local **out)
{
    struct spd_local_listener *l = listener->listener;
    size_t n_open = 0;

    spd_local_pump(listener->set, 0);
    for (size_t i = 0; i < SPD_LOCAL_BACKLOG; i++) {
        struct spd_local_instance *instance = &l->instances[i];

        if (instance->pipe == INVALID_HANDLE_VALUE)
            (void)open_instance(listener, instance, false);
        n_open += instance->pipe != INVALID_HANDLE_VALUE;
        if (is_connected(instance))
            return take(listener, instance, out);
    }
    return n_open > 0 ? SPD_ERR_TIMEOUT : SPD_ERR_LIMIT;
}
