/*
 * The console. Windows calls on_event on a thread of its own for each Ctrl-C
 * and the like; it posts to the port and does nothing else but, at the end of
 * its patience, let the system end the process.
 */
#include "common/sys/console.h"

#include <winsock2.h>
#include <windows.h>

#include <fcntl.h>
#include <io.h>
#include <stdlib.h>

#include "common/sys/clock.h"
#include "win/oserr.h"

/* How long a process may take to answer an interrupt before a second one ends it. */
#define PATIENCE_NS   (2 * SPD_NS_PER_S)
#define LOOK_EVERY_MS 20
#define WIDTH_UNKNOWN 80

/* The lock keeps unwatch from returning while an event is being posted. */
static SRWLOCK lock = SRWLOCK_INIT;
static struct {
    bool active;
    struct spd_cport *port;
    uintptr_t key;
    unsigned n_interrupts;
    spd_ticks first_interrupt;
    unsigned generation; /* counts the watches */
} watch;

static UINT code_page_before;

static void restore_code_page(void)
{
    if (code_page_before != 0)
        SetConsoleOutputCP(code_page_before);
}

/* Our messages are UTF-8; the console is asked to show them so, while we run. */
static void use_utf8(void)
{
    UINT code_page = GetConsoleOutputCP();

    if (code_page == 0 || code_page == CP_UTF8)
        return;
    code_page_before = code_page;
    if (SetConsoleOutputCP(CP_UTF8))
        atexit(restore_code_page);
}

enum spd_err spd_console_init(struct spd_diag *diag)
{
    static bool done;
    char text[SPD_OSERR_TEXT_BYTES];
    WSADATA data;
    int code;

    if (done)
        return SPD_ERR_OK;
    code = WSAStartup(MAKEWORD(2, 2), &data);
    if (code != 0)
        return spd_diag_set(diag, SPD_ERR_INTERNAL, code,
                            "the network of Windows does not start: %s",
                            spd_oserr_text((uint32_t)code, text));
    /* CSV and JSON are the same bytes on every system. */
    _setmode(_fileno(stdout), _O_BINARY);
    _setmode(_fileno(stderr), _O_BINARY);
    use_utf8();
    done = true;
    return SPD_ERR_OK;
}

bool spd_console_is_terminal(FILE *stream)
{
    int fd = _fileno(stream);
    DWORD mode;

    /* Not _isatty, to which NUL is one as well. */
    return fd >= 0 && GetConsoleMode((HANDLE)_get_osfhandle(fd), &mode);
}

unsigned spd_console_width(void)
{
    CONSOLE_SCREEN_BUFFER_INFO info;

    if (!GetConsoleScreenBufferInfo(GetStdHandle(STD_ERROR_HANDLE), &info) ||
        info.srWindow.Right < info.srWindow.Left)
        return WIDTH_UNKNOWN;
    return (unsigned)(info.srWindow.Right - info.srWindow.Left) + 1;
}

/* Post the event if somebody watches. *impatient says that it is a further
 * interrupt, *first when the first one came. */
static bool deliver(enum spd_console_event event, bool *impatient, spd_ticks *first,
                    unsigned *generation)
{
    bool watched;

    AcquireSRWLockExclusive(&lock);
    watched = watch.active;
    *impatient = false;
    if (watched) {
        if (event == SPD_CONSOLE_INTERRUPT && watch.n_interrupts++ == 0)
            watch.first_interrupt = spd_clock_now();
        *impatient = event == SPD_CONSOLE_INTERRUPT && watch.n_interrupts > 1;
        *first = watch.first_interrupt;
        *generation = watch.generation;
        (void)spd_cport_post(watch.port, watch.key, (uint32_t)event, NULL);
    }
    ReleaseSRWLockExclusive(&lock);
    return watched;
}

static bool still_watched(unsigned generation)
{
    bool same;

    AcquireSRWLockShared(&lock);
    same = watch.active && watch.generation == generation;
    ReleaseSRWLockShared(&lock);
    return same;
}

/* Returns when the process reacts; ends it when it does not. */
static void wait_for_reaction(spd_ticks first, unsigned generation)
{
    uint64_t frequency_hz = spd_clock_frequency_hz();

    while (still_watched(generation)) {
        if (spd_ticks_diff_ns(spd_clock_now(), first, frequency_hz) >= PATIENCE_NS) {
            restore_code_page();
            /* As the handler of the system does; Wine's would exit with 0. */
            ExitProcess((UINT)STATUS_CONTROL_C_EXIT);
        }
        Sleep(LOOK_EVERY_MS);
    }
}

static BOOL WINAPI on_event(DWORD type)
{
    enum spd_console_event event = type == CTRL_C_EVENT       ? SPD_CONSOLE_INTERRUPT
                                   : type == CTRL_BREAK_EVENT ? SPD_CONSOLE_STATUS
                                                              : SPD_CONSOLE_TERMINATE;
    bool impatient;
    unsigned generation;
    spd_ticks first;

    if (!deliver(event, &impatient, &first, &generation))
        return FALSE;
    if (impatient)
        wait_for_reaction(first, generation);
    /* When this returns after a close, log-off or shutdown, Windows ends the
     * process at once: leave it the time that the system gives it. */
    if (event == SPD_CONSOLE_TERMINATE)
        Sleep(INFINITE);
    return TRUE;
}

enum spd_err spd_console_watch(struct spd_cport *port, uintptr_t key, struct spd_diag *diag)
{
    char text[SPD_OSERR_TEXT_BYTES];
    bool active;
    DWORD code;

    AcquireSRWLockExclusive(&lock);
    active = watch.active;
    if (!active) {
        watch.active = true;
        watch.port = port;
        watch.key = key;
        watch.n_interrupts = 0;
        watch.generation++;
    }
    ReleaseSRWLockExclusive(&lock);
    if (active)
        return spd_diag_set(diag, SPD_ERR_IN_USE, 0, "the console is watched already");
    /* A parent may have had Ctrl-C ignored for its children. */
    SetConsoleCtrlHandler(NULL, FALSE);
    if (SetConsoleCtrlHandler(on_event, TRUE))
        return SPD_ERR_OK;
    code = GetLastError();
    AcquireSRWLockExclusive(&lock);
    watch.active = false;
    ReleaseSRWLockExclusive(&lock);
    return spd_diag_set(diag, spd_oserr_map(code), (int32_t)code, "cannot watch the console: %s",
                        spd_oserr_text(code, text));
}

void spd_console_unwatch(void)
{
    bool active;

    AcquireSRWLockExclusive(&lock);
    active = watch.active;
    watch.active = false;
    watch.port = NULL;
    ReleaseSRWLockExclusive(&lock);
    if (active)
        SetConsoleCtrlHandler(on_event, FALSE);
}
