/*
 * Named pipes, overlapped, on a completion port of their own. One read is
 * always under way ahead of who wants to read, and one write behind who wrote.
 * On the thread that owns the set. Listening is in local_listen.c, identity in
 * local_peer.c.
 */
#include "win/local.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/sys/clock.h"
#include "win/oserr.h"
#include "win/wide.h"

#define ENTRIES      64
#define SETTLE_MS    1000
#define SETTLE_STEP  20
#define ASK_AGAIN_MS 20
#define NAME_MOST    200
#define PREFIX       "\\\\.\\pipe\\"
/* Not GENERIC_WRITE: with that comes the right to make instances of the pipe. */
#define CLIENT_ACCESS (FILE_READ_DATA | FILE_WRITE_DATA | FILE_READ_ATTRIBUTES | SYNCHRONIZE)

static enum spd_err explain(struct spd_diag *diag, const char *what, const char *name, DWORD code,
                            const char *remedy)
{
    enum spd_err err = spd_oserr_map(code);
    char text[SPD_OSERR_TEXT_BYTES];

    return spd_diag_set(diag, err, (int32_t)code, "cannot %s%s: %s%s", what, name,
                        spd_oserr_text(code, text), remedy);
}

enum spd_err spd_local_set_create(struct spd_local_set **out, struct spd_diag *diag)
{
    struct spd_local_set *set = calloc(1, sizeof(*set));

    if (set == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for local connections");
    set->port = CreateIoCompletionPort(INVALID_HANDLE_VALUE, NULL, 0, 1);
    if (set->port == NULL) {
        DWORD code = GetLastError();

        free(set);
        return explain(diag, "make a completion port for local connections", "", code, "");
    }
    *out = set;
    return SPD_ERR_OK;
}

void spd_local_set_wake(struct spd_local_set *set)
{
    if (InterlockedExchange(&set->wakes, 1) != 0)
        return;
    /* For want of memory a wake is late, not lost. */
    for (int i = 0; i < 100 && !PostQueuedCompletionStatus(set->port, 0, 0, NULL); i++)
        Sleep(10);
}

const char *spd_local_default_name(void)
{
    return PREFIX "stampede";
}

struct spd_local *spd_local_make(struct spd_local_set *set)
{
    struct spd_local *local = calloc(1, sizeof(*local));

    if (local != NULL) {
        local->set = set;
        local->pipe = INVALID_HANDLE_VALUE;
        set->n_members++;
    }
    return local;
}

enum spd_err spd_local_path(const char *name, wchar_t **out, struct spd_diag *diag)
{
    bool whole = strncmp(name, PREFIX, sizeof(PREFIX) - 1) == 0;
    const char *rest = whole ? name + sizeof(PREFIX) - 1 : name;
    char path[sizeof(PREFIX) + NAME_MOST];

    if (rest[0] == '\0' || strlen(rest) > NAME_MOST || strchr(rest, '\\') != NULL)
        return spd_diag_set(diag, SPD_ERR_INVALID, 0,
                            "'%.120s': the name of a pipe has 1 to %d octets, none of them \\ "
                            "(but for %s before it)",
                            name, NAME_MOST, PREFIX);
    strcpy(path, PREFIX);
    strcat(path, rest);
    *out = spd_wide_from(path);
    if (*out == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for the name of a pipe");
    return SPD_ERR_OK;
}

/* --------------------------------------------------------- operations */

void spd_local_op_begun(struct spd_local_op *op, DWORD code)
{
    /* Also what succeeded at once is told by the completion port. */
    op->pending = code == 0 || code == ERROR_IO_PENDING;
    op->code = op->pending ? 0 : code;
    op->n_bytes = 0;
}

void spd_local_pump(struct spd_local_set *set, DWORD timeout_ms)
{
    OVERLAPPED_ENTRY entries[ENTRIES];
    ULONG n = 0;

    do {
        n = 0;
        if (!GetQueuedCompletionStatusEx(set->port, entries, ENTRIES, &n, timeout_ms, FALSE))
            return;
        for (ULONG i = 0; i < n; i++) {
            struct spd_local_op *op = (struct spd_local_op *)(void *)entries[i].lpOverlapped;

            if (op == NULL) {
                InterlockedExchange(&set->wakes, 0);
                set->woken = true;
                continue;
            }
            op->pending = false;
            op->code = spd_oserr_of_status((int32_t)op->overlapped.Internal);
            op->n_bytes = entries[i].dwNumberOfBytesTransferred;
        }
        timeout_ms = 0;
    } while (n == ENTRIES);
}

bool spd_local_op_settle(struct spd_local_set *set, HANDLE pipe, struct spd_local_op *op)
{
    if (op->pending)
        CancelIoEx(pipe, &op->overlapped);
    for (int waited = 0; op->pending && waited < SETTLE_MS; waited += SETTLE_STEP)
        spd_local_pump(set, SETTLE_STEP);
    return !op->pending;
}

/* -------------------------------------------------------- connections */

static DWORD open_pipe(const wchar_t *path, spd_ns timeout_ns, HANDLE *pipe)
{
    spd_ticks start = spd_clock_now();

    for (;;) {
        /* The server may ask who we are, not be us. */
        *pipe = CreateFileW(path, CLIENT_ACCESS, 0, NULL, OPEN_EXISTING,
                            FILE_FLAG_OVERLAPPED | SECURITY_SQOS_PRESENT | SECURITY_IDENTIFICATION,
                            NULL);
        if (*pipe != INVALID_HANDLE_VALUE)
            return 0;
        if (GetLastError() != ERROR_PIPE_BUSY)
            return GetLastError();
        if (spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) >= timeout_ns)
            return ERROR_SEM_TIMEOUT;
        WaitNamedPipeW(path, ASK_AGAIN_MS);
    }
}

static const char *connect_remedy(DWORD code)
{
    switch (code) {
    case ERROR_FILE_NOT_FOUND:
        return "; nobody listens there: start the service (stampede service start), or give the "
               "name that it listens under";
    case ERROR_SEM_TIMEOUT:
        return "; the service is too busy to answer, try again";
    default:
        return "";
    }
}

enum spd_err spd_local_connect(struct spd_local_set *set, const char *name, spd_ns timeout_ns,
                               struct spd_local **out, struct spd_diag *diag)
{
    wchar_t *path = NULL;
    enum spd_err err = spd_local_path(name, &path, diag);
    struct spd_local *local;
    DWORD code;

    if (err)
        return err;
    local = spd_local_make(set);
    if (local == NULL) {
        free(path);
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory for a connection");
    }
    code = open_pipe(path, timeout_ns, &local->pipe);
    if (code == 0 && CreateIoCompletionPort(local->pipe, set->port, 0, 0) == NULL)
        code = GetLastError();
    free(path);
    if (code == 0) {
        *out = local;
        return SPD_ERR_OK;
    }
    spd_local_close(local);
    return explain(diag, "connect to ", name, code, connect_remedy(code));
}

/* Begin to read ahead, unless that is done or useless. */
static void read_ahead(struct spd_local *local)
{
    if (local->read.pending || local->in_at < local->in_end || local->read_code != 0)
        return;
    local->in_at = local->in_end = 0;
    memset(&local->read.overlapped, 0, sizeof(local->read.overlapped));
    spd_local_op_begun(&local->read, ReadFile(local->pipe, local->in, sizeof(local->in), NULL,
                                              &local->read.overlapped)
                                         ? 0
                                         : GetLastError());
}

/* What a read that is over has brought. */
static void take_read(struct spd_local *local)
{
    if (local->read.pending)
        return;
    if (local->read.code != 0) {
        local->read_code = local->read.code;
        local->read.code = 0;
    }
    local->in_end += local->read.n_bytes;
    local->read.n_bytes = 0;
}

enum spd_err spd_local_read(struct spd_local *connection, void *out, size_t capacity, size_t *n_out)
{
    size_t n;

    take_read(connection);
    if (connection->in_at == connection->in_end) {
        read_ahead(connection);
        spd_local_pump(connection->set, 0);
        take_read(connection);
    }
    n = connection->in_end - connection->in_at;
    if (n == 0 && connection->read_code == 0)
        return SPD_ERR_TIMEOUT;
    if (n == 0)
        return connection->read_code == ERROR_BROKEN_PIPE ||
                       connection->read_code == ERROR_PIPE_NOT_CONNECTED
                   ? SPD_ERR_CLOSED
                   : SPD_ERR_IO;
    n = n < capacity ? n : capacity;
    memcpy(out, connection->in + connection->in_at, n);
    connection->in_at += n;
    *n_out = n;
    return SPD_ERR_OK;
}

enum spd_err spd_local_write(struct spd_local *connection, const void *bytes, size_t n,
                             size_t *n_written)
{
    struct spd_local_op *op = &connection->write;

    SPD_ASSERT(n > 0);
    if (op->pending)
        spd_local_pump(connection->set, 0);
    if (op->code != 0)
        return SPD_ERR_IO;
    if (op->pending)
        return SPD_ERR_TIMEOUT;
    n = n < sizeof(connection->out) ? n : sizeof(connection->out);
    memcpy(connection->out, bytes, n);
    memset(&op->overlapped, 0, sizeof(op->overlapped));
    spd_local_op_begun(op,
                       WriteFile(connection->pipe, connection->out, (DWORD)n, NULL, &op->overlapped)
                           ? 0
                           : GetLastError());
    if (op->code != 0)
        return SPD_ERR_IO;
    *n_written = n;
    return SPD_ERR_OK;
}

/* -------------------------------------------------------------- the end */

static bool is_over(const struct spd_local *local)
{
    return !local->read.pending && !local->write.pending;
}

static void free_local(struct spd_local *local)
{
    if (local->pipe != INVALID_HANDLE_VALUE)
        CloseHandle(local->pipe);
    spd_local_admins_release(local->admins);
    free(local->listener);
    free(local);
}

/* Whose last octets were taken, or took too long, goes. */
static void reap(struct spd_local_set *set, spd_ns patience_ns)
{
    struct spd_local **link = &set->closing;

    while (*link != NULL) {
        struct spd_local *local = *link;

        if (!is_over(local) && spd_ticks_diff_ns(spd_clock_now(), local->closed_at,
                                                 spd_clock_frequency_hz()) >= patience_ns)
            CancelIoEx(local->pipe, NULL);
        if (!is_over(local)) {
            link = &local->next;
            continue;
        }
        *link = local->next;
        free_local(local);
    }
}

void spd_local_close(struct spd_local *connection)
{
    struct spd_local_set *set;

    if (connection == NULL)
        return;
    set = connection->set;
    set->n_members--;
    if (connection->listener != NULL) {
        /* What the system still holds must stay, also when that is for ever. */
        if (spd_local_listener_close(connection))
            free_local(connection);
        return;
    }
    if (connection->pipe != INVALID_HANDLE_VALUE) {
        spd_local_pump(set, 0);
        (void)spd_local_op_settle(set, connection->pipe, &connection->read);
    }
    if (is_over(connection)) {
        free_local(connection);
        return;
    }
    connection->closed_at = spd_clock_now();
    connection->next = set->closing;
    set->closing = connection;
}

void spd_local_set_destroy(struct spd_local_set *set)
{
    if (set == NULL)
        return;
    SPD_ASSERT(set->n_members == 0);
    for (int waited = 0; set->closing != NULL && waited < SETTLE_MS; waited += SETTLE_STEP) {
        spd_local_pump(set, SETTLE_STEP);
        reap(set, SPD_LOCAL_LINGER_NS);
    }
    for (int waited = 0; set->closing != NULL && waited < SETTLE_MS; waited += SETTLE_STEP) {
        reap(set, 0);
        spd_local_pump(set, SETTLE_STEP);
    }
    reap(set, 0);
    CloseHandle(set->port);
    free(set);
}

/* --------------------------------------------------------------- waiting */

/* Whether any want is met; each is asked, and reads ahead. */
static bool look(struct spd_local_want *wants, size_t n)
{
    bool met = false;

    for (size_t i = 0; i < n; i++) {
        struct spd_local *local = wants[i].connection;

        if (local->listener != NULL) {
            wants[i].is_readable = wants[i].read && spd_local_listener_is_ready(local->listener);
        } else {
            take_read(local);
            if (wants[i].read)
                read_ahead(local);
            take_read(local);
            wants[i].is_readable =
                wants[i].read && (local->in_at < local->in_end || local->read_code != 0);
            wants[i].is_writable = wants[i].write && !local->write.pending;
        }
        met = met || wants[i].is_readable || wants[i].is_writable;
    }
    return met;
}

static DWORD wait_ms(const struct spd_local_set *set, spd_ns left_ns)
{
    spd_ns ms = left_ns == SPD_NS_FOREVER ? (spd_ns)INFINITE
                                          : left_ns / SPD_NS_PER_MS + (left_ns % SPD_NS_PER_MS > 0);

    /* Those that are closing have an end of their own. */
    if (set->closing != NULL && ms > 1000)
        return 1000;
    return ms < (spd_ns)INFINITE ? (DWORD)ms : INFINITE;
}

enum spd_err spd_local_wait(struct spd_local_set *set, struct spd_local_want *wants, size_t n,
                            spd_ns timeout_ns)
{
    spd_ticks start = spd_clock_now();

    SPD_ASSERT(n <= SPD_LOCAL_WANTS_MAX);
    for (size_t i = 0; i < n; i++) {
        SPD_ASSERT(wants[i].connection->set == set);
        wants[i].is_readable = wants[i].is_writable = false;
    }
    for (;;) {
        spd_ns left_ns = SPD_NS_FOREVER;
        bool met;

        (void)look(wants, n); /* reads ahead, so that there is something to wait for */
        spd_local_pump(set, 0);
        met = look(wants, n);
        reap(set, SPD_LOCAL_LINGER_NS);
        if (set->woken || met) {
            set->woken = false;
            return SPD_ERR_OK;
        }
        if (timeout_ns != SPD_NS_FOREVER)
            left_ns =
                timeout_ns - spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz());
        if (left_ns <= 0)
            return SPD_ERR_TIMEOUT;
        spd_local_pump(set, wait_ms(set, left_ns));
    }
}
