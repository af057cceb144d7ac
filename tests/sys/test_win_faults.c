/*
 * Every call to Windows that may fail gets its turn: the first, the second, ...
 * time it fails, until an exchange of datagrams gets through without meeting
 * the failure. Each time the failure must be told (or not matter), every
 * accepted operation must complete once, and nothing may be left behind.
 *
 * The calls are caught by standing in for the import table: the linker takes
 * our pointer for the one of the import library.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "common/sys/clock.h"
#include "common/sys/console.h"
#include "common/sys/pagemem.h"
#include "common/sys/sched.h"
#include "common/sys/thread.h"
#include "win/udp.h"

#include <process.h>

static struct {
    const char *call; /* the one that fails */
    unsigned at;      /* at this call, counted from 1 */
    unsigned n_calls; /* so far */
    bool happened;
} fault;

/* What was taken and not given back. */
static struct {
    int sockets;
    int ports;
    int pages;
    int fibers;
    int blocks;
} held;

static bool fails(const char *call)
{
    if (fault.call == NULL || strcmp(fault.call, call) != 0 || ++fault.n_calls != fault.at)
        return false;
    fault.happened = true;
    return true;
}

static FARPROC real(const wchar_t *dll, const char *name)
{
    return GetProcAddress(LoadLibraryW(dll), name);
}

/* A stand-in that fails with this error and result when its turn has come, and
 * otherwise calls the real one and does what follows. */
#define STAND_IN(dll, type, name, parameters, arguments, error, failure, book)                     \
    static type WINAPI stand_in_##name parameters                                                  \
    {                                                                                              \
        static type(WINAPI *call) parameters;                                                      \
        type result;                                                                               \
                                                                                                   \
        if (fails(#name)) {                                                                        \
            WSASetLastError(error);                                                                \
            return failure;                                                                        \
        }                                                                                          \
        if (call == NULL)                                                                          \
            call = (void *)real(dll, #name);                                                       \
        result = call arguments;                                                                   \
        book;                                                                                      \
        return result;                                                                             \
    }                                                                                              \
    extern type(WINAPI *__imp_##name) parameters;                                                  \
    type(WINAPI *__imp_##name) parameters = stand_in_##name;

STAND_IN(L"ws2_32", SOCKET, WSASocketW,
         (int family, int type, int protocol, LPWSAPROTOCOL_INFOW info, GROUP group, DWORD flags),
         (family, type, protocol, info, group, flags), WSAEMFILE, INVALID_SOCKET,
         if (result != INVALID_SOCKET) held.sockets++)
STAND_IN(L"ws2_32", int, closesocket, (SOCKET s), (s), 0, 0, if (result == 0) held.sockets--)
STAND_IN(L"ws2_32", int, bind, (SOCKET s, const struct sockaddr *name, int length),
         (s, name, length), WSAEADDRINUSE, SOCKET_ERROR, (void)0)
STAND_IN(L"ws2_32", int, connect, (SOCKET s, const struct sockaddr *name, int length),
         (s, name, length), WSAENETUNREACH, SOCKET_ERROR, (void)0)
STAND_IN(L"ws2_32", int, getsockname, (SOCKET s, struct sockaddr *name, int *length),
         (s, name, length), WSAENOBUFS, SOCKET_ERROR, (void)0)
STAND_IN(L"ws2_32", int, setsockopt, (SOCKET s, int level, int option, const char *value, int n),
         (s, level, option, value, n), WSAENOPROTOOPT, SOCKET_ERROR, (void)0)
STAND_IN(L"ws2_32", int, getsockopt, (SOCKET s, int level, int option, char *value, int *n),
         (s, level, option, value, n), WSAENOPROTOOPT, SOCKET_ERROR, (void)0)
STAND_IN(L"ws2_32", int, WSASend,
         (SOCKET s, LPWSABUF buffers, DWORD n, LPDWORD n_sent, DWORD flags, LPWSAOVERLAPPED o,
          LPWSAOVERLAPPED_COMPLETION_ROUTINE routine),
         (s, buffers, n, n_sent, flags, o, routine), WSAENOBUFS, SOCKET_ERROR, (void)0)
STAND_IN(L"ws2_32", int, WSASendTo,
         (SOCKET s, LPWSABUF buffers, DWORD n, LPDWORD n_sent, DWORD flags,
          const struct sockaddr *to, int length, LPWSAOVERLAPPED o,
          LPWSAOVERLAPPED_COMPLETION_ROUTINE routine),
         (s, buffers, n, n_sent, flags, to, length, o, routine), WSAENOBUFS, SOCKET_ERROR, (void)0)
STAND_IN(L"kernel32", HANDLE, CreateIoCompletionPort,
         (HANDLE file, HANDLE port, ULONG_PTR key, DWORD n_threads), (file, port, key, n_threads),
         ERROR_NO_SYSTEM_RESOURCES, NULL,
         if (result != NULL && file == INVALID_HANDLE_VALUE) held.ports++)
STAND_IN(L"kernel32", BOOL, CloseHandle, (HANDLE handle), (handle), 0, TRUE, held.ports--)
STAND_IN(L"kernel32", BOOL, PostQueuedCompletionStatus,
         (HANDLE port, DWORD n_bytes, ULONG_PTR key, LPOVERLAPPED o), (port, n_bytes, key, o),
         ERROR_NO_SYSTEM_RESOURCES, FALSE, (void)0)
STAND_IN(L"kernel32", BOOL, CancelIoEx, (HANDLE file, LPOVERLAPPED o), (file, o), ERROR_NOT_FOUND,
         FALSE, (void)0)
STAND_IN(L"kernel32", LPVOID, VirtualAlloc, (LPVOID at, SIZE_T n, DWORD type, DWORD protect),
         (at, n, type, protect), ERROR_COMMITMENT_LIMIT, NULL, if (result != NULL) held.pages++)
STAND_IN(L"kernel32", BOOL, VirtualFree, (LPVOID at, SIZE_T n, DWORD type), (at, n, type), 0, TRUE,
         held.pages--)
STAND_IN(L"kernel32", BOOL, VirtualLock, (LPVOID at, SIZE_T n), (at, n), ERROR_ACCESS_DENIED, FALSE,
         (void)0)
STAND_IN(L"kernel32", DWORD, FlsAlloc, (PFLS_CALLBACK_FUNCTION callback), (callback),
         ERROR_NOT_ENOUGH_MEMORY, FLS_OUT_OF_INDEXES,
         if (result != FLS_OUT_OF_INDEXES) held.fibers++)
STAND_IN(L"kernel32", BOOL, FlsFree, (DWORD index), (index), 0, TRUE, held.fibers--)
STAND_IN(L"kernel32", BOOL, SetThreadPriority, (HANDLE thread, int priority), (thread, priority),
         ERROR_ACCESS_DENIED, FALSE, (void)0)
STAND_IN(L"kernel32", BOOL, SetConsoleCtrlHandler, (PHANDLER_ROUTINE routine, BOOL set),
         (routine, set), ERROR_NOT_ENOUGH_MEMORY, FALSE, (void)0)

/* The receive is a function that the system hands out. */
static LPFN_WSARECVMSG real_receive;

static INT WSAAPI stand_in_receive(SOCKET s, LPWSAMSG message, LPDWORD n_bytes, LPWSAOVERLAPPED o,
                                   LPWSAOVERLAPPED_COMPLETION_ROUTINE routine)
{
    if (fails("WSARecvMsg")) {
        WSASetLastError(WSAENOBUFS);
        return SOCKET_ERROR;
    }
    return real_receive(s, message, n_bytes, o, routine);
}

static void give_stand_in(DWORD code, int result, void *out)
{
    if (code != SIO_GET_EXTENSION_FUNCTION_POINTER || result != 0)
        return;
    memcpy(&real_receive, out, sizeof real_receive);
    *(LPFN_WSARECVMSG *)out = stand_in_receive;
}

STAND_IN(L"ws2_32", int, WSAIoctl,
         (SOCKET s, DWORD code, LPVOID in, DWORD n_in, LPVOID out, DWORD n_out, LPDWORD n,
          LPWSAOVERLAPPED o, LPWSAOVERLAPPED_COMPLETION_ROUTINE routine),
         (s, code, in, n_in, out, n_out, n, o, routine), WSAEOPNOTSUPP, SOCKET_ERROR,
         give_stand_in(code, result, out))

/* The C library's functions come through the linker's --wrap. */
void *__real_calloc(size_t n, size_t size);
void *__real_malloc(size_t size);
void __real_free(void *block);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_malloc(size_t size);
void __wrap_free(void *block);

static void *booked(void *block)
{
    held.blocks += block != NULL;
    return block;
}

void *__wrap_calloc(size_t n, size_t size)
{
    return fails("calloc") ? NULL : booked(__real_calloc(n, size));
}

void *__wrap_malloc(size_t size)
{
    return booked(__real_malloc(size));
}

void __wrap_free(void *block)
{
    held.blocks -= block != NULL;
    __real_free(block);
}

/* One exchange, as far as it gets. */
struct exchange {
    struct spd_cport *port;
    struct spd_udp *receiver;
    struct spd_udp *sender;
    struct spd_op ops[3]; /* a receive, a send on the connected socket, one to an address */
    bool accepted[3];
    unsigned n_completed[3];
    enum spd_err err; /* the first failure */
    struct spd_diag diag;
};

static struct exchange x;

static bool went_well(enum spd_err err)
{
    if (err != SPD_ERR_OK && x.err == SPD_ERR_OK)
        x.err = err;
    return err == SPD_ERR_OK;
}

static bool open_all(bool single_owner)
{
    struct spd_cport_config config = { .single_owner = single_owner };
    struct spd_udp_config udp = { .tclass = 0xB8,
                                  .ttl = 64,
                                  .dont_fragment = true,
                                  .want_receive_details = true,
                                  .want_receive_stamps = true,
                                  .send_buffer_bytes = 65536,
                                  .local = { .family = SPD_FAMILY_IPV4,
                                             .bytes = { 127, 0, 0, 1 } } };
    struct spd_udp_facts facts;

    if (!went_well(spd_cport_create(&config, &x.port, &x.diag)) ||
        !went_well(spd_udp_open(x.port, 1, &udp, &x.receiver, &x.diag)))
        return false;
    spd_udp_facts(x.receiver, &facts);
    udp.remote = facts.local;
    return went_well(spd_udp_open(x.port, 2, &udp, &x.sender, &x.diag));
}

static void queue_all(unsigned char buffer[64])
{
    struct spd_udp_facts facts;
    struct spd_udp_send_options options = { .to = &facts.local, .tclass = -1 };

    spd_udp_facts(x.receiver, &facts);
    x.accepted[0] = went_well(spd_udp_queue_receive(x.receiver, &x.ops[0], buffer, 64, NULL));
    x.accepted[1] = went_well(spd_udp_queue_send(x.sender, &x.ops[1], "ab", 2, NULL));
    x.accepted[2] = went_well(spd_udp_queue_send(x.receiver, &x.ops[2], "cd", 2, &options));
    went_well(spd_cport_commit(x.port, NULL));
}

/* Fetch until nothing comes for a while; with both sends failed the receive
 * stays pending, until the close ends it. */
static void fetch(spd_ns patience_ns)
{
    struct spd_completion out[4];
    size_t n;

    while (spd_cport_wait(x.port, out, 4, &n, patience_ns) == SPD_ERR_OK) {
        for (size_t i = 0; i < n; i++) {
            if (out[i].op == NULL)
                continue;
            x.n_completed[out[i].op - x.ops]++;
            if (out[i].err != SPD_ERR_CANCELLED)
                went_well(out[i].err);
        }
        if (x.n_completed[0] + x.n_completed[1] + x.n_completed[2] == 3)
            return;
    }
}

static void run_exchange(bool single_owner)
{
    unsigned char buffer[64];

    memset(&x, 0, sizeof x);
    if (open_all(single_owner)) {
        queue_all(buffer);
        went_well(spd_cport_post(x.port, 9, 1, NULL));
        fetch(500 * SPD_NS_PER_MS);
    }
    spd_udp_close(x.sender);
    spd_udp_close(x.receiver);
    if (x.port != NULL) {
        spd_cport_close(x.port);
        fetch(SPD_NS_PER_S);
    }
    spd_cport_destroy(x.port);
}

static void check_exchange(const char *call, unsigned at)
{
    for (int i = 0; i < 3; i++) {
        if (x.n_completed[i] != (x.accepted[i] ? 1 : 0))
            fail_msg("%s %u: operation %d completed %u times", call, at, i, x.n_completed[i]);
        spd_op_fini(&x.ops[i]);
    }
    if (x.err != SPD_ERR_OK && x.sender == NULL && x.diag.text[0] == '\0')
        fail_msg("%s %u: %s without a word", call, at, spd_err_name(x.err));
    if (held.sockets != 0 || held.ports != 0 || held.pages != 0 || held.fibers != 0 ||
        held.blocks != 0)
        fail_msg("%s %u: left %d sockets, %d ports, %d pages, %d fibers, %d blocks", call, at,
                 held.sockets, held.ports, held.pages, held.fibers, held.blocks);
}

/* Whether the failure of this call is always told. The others only cost an
 * option, a wake-up or a reading. */
static const struct {
    const char *call;
    bool told;
} calls[] = {
    { "calloc", true },
    { "VirtualAlloc", true },
    { "FlsAlloc", true },
    { "CreateIoCompletionPort", true },
    { "WSASocketW", true },
    { "setsockopt", false },
    { "getsockopt", false },
    { "WSAIoctl", false },
    { "bind", true },
    { "connect", true },
    { "getsockname", true },
    { "WSARecvMsg", true },
    { "WSASend", true },
    { "WSASendTo", true },
    { "PostQueuedCompletionStatus", false },
    { "CancelIoEx", false },
};

static void every_failing_call(bool single_owner)
{
    for (size_t i = 0; i < sizeof calls / sizeof calls[0]; i++) {
        unsigned at = 0;

        do {
            at++;
            memset(&held, 0, sizeof held);
            memset(&fault, 0, sizeof fault);
            fault.call = calls[i].call;
            fault.at = at;
            run_exchange(single_owner);
            fault.call = NULL;
            check_exchange(calls[i].call, at);
            if (fault.happened && calls[i].told && x.err == SPD_ERR_OK)
                fail_msg("%s %u: the failure was not told", calls[i].call, at);
            if (!fault.happened && x.err != SPD_ERR_OK)
                fail_msg("%s: without a failure: %s %s", calls[i].call, spd_err_name(x.err),
                         x.diag.text);
        } while (fault.happened && at < 100);
        print_message("%s: %u times\n", calls[i].call, at - 1);
    }
}

static void an_exchange_survives_every_failing_call(void **state)
{
    (void)state;
    every_failing_call(false);
}

static void a_single_owner_survives_every_failing_call(void **state)
{
    (void)state;
    every_failing_call(true);
}

static void arm(const char *call)
{
    memset(&fault, 0, sizeof fault);
    fault.call = call;
    fault.at = 1;
}

static void pages_that_cannot_be_locked_are_told(void **state)
{
    size_t n_bytes = 4 * spd_pagemem_page_bytes();
    struct spd_diag diag = { 0 };
    size_t locked_bytes = 99;
    void *memory;

    (void)state;
    arm("VirtualLock");
    assert_int_equal(spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, &diag), SPD_ERR_OK);
    assert_int_equal(locked_bytes, 0);
    assert_true(diag.text[0] != '\0');
    spd_pagemem_free(memory, n_bytes);
    arm("VirtualAlloc");
    assert_int_equal(spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, &diag), SPD_ERR_NOMEM);
}

static void a_refused_priority_gives_the_next_best_and_says_why(void **state)
{
    struct spd_priority_grant grant;

    (void)state;
    arm("SetThreadPriority");
    spd_sched_probe(&grant);
    assert_int_equal(grant.obtained, SPD_PRIORITY_MMCSS);
    assert_non_null(strstr(grant.text, "MMCSS"));
    assert_non_null(strstr(grant.note, "refused"));
    spd_sched_raise(&grant);
    spd_sched_restore(&grant);
}

static void a_console_that_cannot_be_watched_is_told(void **state)
{
    struct spd_cport_config config = { .single_owner = true };
    struct spd_cport *port;
    struct spd_diag diag = { 0 };

    (void)state;
    assert_int_equal(spd_cport_create(&config, &port, &diag), SPD_ERR_OK);
    arm("SetConsoleCtrlHandler");
    fault.at = 2; /* the first only undoes what a parent may have done */
    assert_int_not_equal(spd_console_watch(port, 1, &diag), SPD_ERR_OK);
    assert_true(diag.text[0] != '\0');
    fault.call = NULL;
    assert_int_equal(spd_console_watch(port, 1, &diag), SPD_ERR_OK);
    spd_console_unwatch();
    spd_cport_close(port);
    spd_cport_destroy(port);
}

static void run_nothing(void *argument)
{
    (void)argument;
}

static void a_thread_without_memory_is_not_started(void **state)
{
    struct spd_thread *thread = NULL;

    (void)state;
    arm("calloc");
    assert_int_equal(spd_thread_start(&thread, "test", run_nothing, NULL), SPD_ERR_NOMEM);
    assert_null(thread);
}

static void a_post_without_memory_is_refused(void **state)
{
    struct spd_cport_config config = { .single_owner = true };
    struct spd_completion completion;
    struct spd_cport *port;
    struct spd_op op = { .in_flight = 0 };
    struct spd_diag diag;
    size_t n;

    (void)state;
    assert_int_equal(spd_cport_create(&config, &port, &diag), SPD_ERR_OK);
    arm("PostQueuedCompletionStatus");
    assert_int_equal(spd_cport_post(port, 1, 2, &op), SPD_ERR_NOMEM);
    spd_op_fini(&op); /* it never belonged to the port */
    assert_int_equal(spd_cport_post(port, 1, 2, &op), SPD_ERR_OK);
    assert_int_equal(spd_cport_wait(port, &completion, 1, &n, SPD_NS_PER_S), SPD_ERR_OK);
    assert_ptr_equal(completion.op, &op);
    spd_cport_close(port);
    assert_int_equal(spd_cport_wait(port, &completion, 1, &n, 0), SPD_ERR_CLOSED);
    spd_cport_destroy(port);
}

static atomic_bool ending;

/* The wait hands the receive over, and times out. */
static void wait_and_end(void *argument)
{
    struct spd_completion completion;
    size_t n;

    (void)spd_cport_wait(argument, &completion, 1, &n, 3 * SPD_NS_PER_MS);
    atomic_store(&ending, true);
}

static void a_poll_sees_what_lies_behind_a_wake_up(void **state)
{
    struct spd_cport_config config = { .concurrency_limit = 1 };
    struct spd_completion completion;
    struct spd_cport *port;
    struct spd_diag diag;
    size_t n = 0;

    (void)state;
    assert_int_equal(spd_cport_create(&config, &port, &diag), SPD_ERR_OK);
    spd_cport_wake(port);
    assert_int_equal(spd_cport_post(port, 5, 6, NULL), SPD_ERR_OK);
    assert_int_equal(spd_cport_wait(port, &completion, 1, &n, 0), SPD_ERR_OK);
    assert_int_equal(completion.key, 5);
    assert_int_equal(spd_cport_wait(port, &completion, 1, &n, 0), SPD_ERR_TIMEOUT);
    spd_cport_close(port);
    spd_cport_destroy(port);
}

static void spin(spd_ns duration_ns)
{
    spd_ticks start = spd_clock_now();

    while (spd_ticks_diff_ns(spd_clock_now(), start, spd_clock_frequency_hz()) < duration_ns)
        ;
}

static void take_two(const char *when, unsigned round)
{
    struct spd_completion completion;
    size_t n = 0;

    for (int i = 0; i < 2; i++) {
        enum spd_err err = spd_cport_wait(x.port, &completion, 1, &n, 5 * SPD_NS_PER_S);

        if (err != SPD_ERR_OK || completion.err != SPD_ERR_OK || completion.n_bytes != 2)
            fail_msg("%s, round %u: %s, %s with %u bytes", when, round, spd_err_name(err),
                     spd_err_name(completion.err), (unsigned)completion.n_bytes);
    }
}

/* Windows leaves such an operation alone; Wine may complete it without its
 * result when that comes while the thread ends. */
static void an_operation_outlives_the_thread_that_handed_it_over(void **state)
{
    enum { N_ROUNDS = 400 };
    unsigned char buffer[64];
    struct spd_thread *thread;

    (void)state;
    memset(&x, 0, sizeof x);
    assert_true(open_all(false));
    for (unsigned round = 0; round < N_ROUNDS; round++) {
        memset(buffer, 0, sizeof buffer);
        atomic_store(&ending, false);
        assert_int_equal(spd_udp_queue_receive(x.receiver, &x.ops[0], buffer, 64, NULL),
                         SPD_ERR_OK);
        assert_int_equal(spd_thread_start(&thread, "ends", wait_and_end, x.port), SPD_ERR_OK);
        while (!atomic_load(&ending))
            SwitchToThread();
        spin((round % 16) * 100 * SPD_NS_PER_US); /* somewhere in its end */
        assert_int_equal(spd_udp_queue_send(x.sender, &x.ops[1], "ab", 2, NULL), SPD_ERR_OK);
        take_two("the thread ends", round);
        assert_memory_equal(buffer, "ab", 2);
        spd_thread_join(thread);
    }
    spd_udp_close(x.sender);
    spd_udp_close(x.receiver);
    spd_cport_close(x.port);
    spd_cport_destroy(x.port);
}

static int disarm(void **state)
{
    (void)state;
    fault.call = NULL;
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(an_exchange_survives_every_failing_call, disarm),
        cmocka_unit_test_teardown(a_single_owner_survives_every_failing_call, disarm),
        cmocka_unit_test_teardown(pages_that_cannot_be_locked_are_told, disarm),
        cmocka_unit_test_teardown(a_refused_priority_gives_the_next_best_and_says_why, disarm),
        cmocka_unit_test_teardown(a_console_that_cannot_be_watched_is_told, disarm),
        cmocka_unit_test_teardown(a_thread_without_memory_is_not_started, disarm),
        cmocka_unit_test_teardown(a_post_without_memory_is_refused, disarm),
        cmocka_unit_test_teardown(a_poll_sees_what_lies_behind_a_wake_up, disarm),
        cmocka_unit_test_teardown(an_operation_outlives_the_thread_that_handed_it_over, disarm),
    };
    struct spd_diag diag;

    if (spd_console_init(&diag) != SPD_ERR_OK) {
        printf("cannot start: %s\n", diag.text);
        return 1;
    }
    return cmocka_run_group_tests(tests, NULL, NULL);
}
