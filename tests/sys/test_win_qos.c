/*
 * DSCP marking through qWAVE, against functions that stand in for Windows'
 * own: Wine has none that work, and each step of the real ones may refuse.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "win/qos.h"

#define HANDLE_GIVEN  ((HANDLE)(uintptr_t)0x51)
#define FLOW_GIVEN    77u
#define SOCKET_MARKED ((SOCKET)1234)

static struct {
    const char *refuse; /* this call fails */
    char calls[64];     /* their first letters, in order */
    struct sockaddr *destination;
    DWORD add_flags;
    int operation;
    ULONG value_bytes;
    DWORD value;
} fake;

static BOOL called(const char *name)
{
    size_t n = strlen(fake.calls);

    fake.calls[n] = name[0];
    if (fake.refuse == NULL || strcmp(fake.refuse, name) != 0)
        return TRUE;
    SetLastError(ERROR_ACCESS_DENIED);
    return FALSE;
}

static BOOL WINAPI fake_create(struct spd_qos_version *version, HANDLE *handle)
{
    assert_int_equal(version->major, 1);
    assert_int_equal(version->minor, 0);
    *handle = HANDLE_GIVEN;
    return called("create");
}

static BOOL WINAPI fake_close(HANDLE handle)
{
    assert_ptr_equal(handle, HANDLE_GIVEN);
    return called("Close");
}

static BOOL WINAPI fake_add(HANDLE handle, SOCKET socket, struct sockaddr *destination,
                            int traffic_type, DWORD flags, UINT32 *flow_id)
{
    assert_ptr_equal(handle, HANDLE_GIVEN);
    assert_true(socket == SOCKET_MARKED);
    assert_int_equal(traffic_type, 0);
    fake.destination = destination;
    fake.add_flags = flags;
    *flow_id = FLOW_GIVEN;
    return called("add");
}

static BOOL WINAPI fake_remove(HANDLE handle, SOCKET socket, UINT32 flow_id, DWORD flags)
{
    assert_ptr_equal(handle, HANDLE_GIVEN);
    assert_true(socket == SOCKET_MARKED);
    assert_int_equal(flow_id, FLOW_GIVEN);
    assert_int_equal(flags, 0);
    return called("remove");
}

static BOOL WINAPI fake_set(HANDLE handle, UINT32 flow_id, int operation, ULONG n_bytes,
                            void *value, DWORD flags, OVERLAPPED *overlapped)
{
    assert_ptr_equal(handle, HANDLE_GIVEN);
    assert_int_equal(flow_id, FLOW_GIVEN);
    assert_int_equal(flags, 0);
    assert_null(overlapped);
    fake.operation = operation;
    fake.value_bytes = n_bytes;
    memcpy(&fake.value, value, sizeof fake.value);
    return called("set");
}

static const struct spd_qos_api api = { fake_create, fake_close, fake_add, fake_remove, fake_set };

static int forget(void **state)
{
    (void)state;
    memset(&fake, 0, sizeof fake);
    return 0;
}

static void a_connected_socket_is_marked_with_the_dscp(void **state)
{
    struct spd_qos_flow flow = { 0 };
    uint32_t code = 4711;

    (void)state;
    assert_true(spd_qos_mark(&api, SOCKET_MARKED, 46, &flow, &code));
    assert_string_equal(fake.calls, "cas");
    assert_null(fake.destination);
    assert_int_equal(fake.add_flags, 2); /* QOS_NON_ADAPTIVE_FLOW */
    assert_int_equal(fake.operation, 2); /* QOSSetOutgoingDSCPValue */
    assert_int_equal(fake.value_bytes, 4);
    assert_int_equal(fake.value, 46);
    spd_qos_end(&flow);
    assert_string_equal(fake.calls, "casrC");
    spd_qos_end(&flow); /* nothing left to end */
    assert_string_equal(fake.calls, "casrC");
}

static void every_refusal_is_told_and_leaves_nothing_behind(void **state)
{
    static const struct {
        const char *refuse;
        const char *calls;
    } rows[] = {
        { "create", "c" },
        { "add", "caC" },
        { "set", "casrC" },
    };

    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        struct spd_qos_flow flow = { .flow_id = 99 };
        uint32_t code = 0;

        forget(state);
        fake.refuse = rows[i].refuse;
        if (spd_qos_mark(&api, SOCKET_MARKED, 46, &flow, &code))
            fail_msg("%s was refused and nobody noticed", rows[i].refuse);
        assert_int_equal(code, ERROR_ACCESS_DENIED);
        assert_string_equal(fake.calls, rows[i].calls);
        assert_int_equal(flow.flow_id, 99);
        assert_null(flow.api);
    }
}

static void what_is_no_dscp_is_refused_before_any_call(void **state)
{
    struct spd_qos_flow flow = { 0 };
    uint32_t code = 0;

    (void)state;
    assert_false(spd_qos_mark(&api, SOCKET_MARKED, 64, &flow, &code));
    assert_int_equal(code, ERROR_INVALID_PARAMETER);
    assert_string_equal(fake.calls, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_connected_socket_is_marked_with_the_dscp, forget),
        cmocka_unit_test_setup(every_refusal_is_told_and_leaves_nothing_behind, forget),
        cmocka_unit_test_setup(what_is_no_dscp_is_refused_before_any_call, forget),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
