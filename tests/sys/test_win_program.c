/*
 * What every program for Windows carries (win/stampede.rc, its manifest), and
 * the messages that are made of the system's error codes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "win/oserr.h"

#include <winsock2.h>
#include <windows.h>

static void arguments_and_files_are_named_in_utf8(void **state)
{
    (void)state;
    assert_int_equal(GetACP(), CP_UTF8);
}

static void the_program_carries_its_version(void **state)
{
    HRSRC resource = FindResourceW(NULL, MAKEINTRESOURCEW(VS_VERSION_INFO), (LPCWSTR)RT_VERSION);
    const unsigned char *bytes;
    const VS_FIXEDFILEINFO *info = NULL;
    char text[32];

    (void)state;
    assert_non_null(resource);
    bytes = LockResource(LoadResource(NULL, resource));
    /* The fixed part begins with its signature, at a multiple of four. */
    for (DWORD i = 0; i + sizeof *info <= SizeofResource(NULL, resource) && info == NULL; i += 4) {
        DWORD signature;

        memcpy(&signature, bytes + i, sizeof signature);
        if (signature == VS_FFI_SIGNATURE)
            info = (const VS_FIXEDFILEINFO *)(const void *)(bytes + i);
    }
    assert_non_null(info);
    snprintf(text, sizeof text, "%u.%u.%u", HIWORD(info->dwFileVersionMS),
             LOWORD(info->dwFileVersionMS), HIWORD(info->dwFileVersionLS));
    assert_string_equal(text, SPD_VERSION);
}

static void codes_of_the_system_have_our_errors(void **state)
{
    static const struct {
        uint32_t code;
        enum spd_err err;
    } rows[] = {
        { 0, SPD_ERR_OK },
        { WSAEADDRINUSE, SPD_ERR_IN_USE },
        { WSAEADDRNOTAVAIL, SPD_ERR_NOT_FOUND },
        { WSAEACCES, SPD_ERR_PERM },
        { WSAEMSGSIZE, SPD_ERR_TOO_BIG },
        { WSAECONNRESET, SPD_ERR_REFUSED },
        { ERROR_PORT_UNREACHABLE, SPD_ERR_REFUSED },
        { ERROR_CONNECTION_REFUSED, SPD_ERR_REFUSED },
        { WSAEHOSTUNREACH, SPD_ERR_HOST_UNREACHABLE },
        { WSAENETUNREACH, SPD_ERR_NET_UNREACHABLE },
        { ERROR_OPERATION_ABORTED, SPD_ERR_CANCELLED },
        { WSAENOBUFS, SPD_ERR_NO_BUFFERS },
        { ERROR_MORE_DATA, SPD_ERR_TRUNCATED },
        { 999999, SPD_ERR_IO },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        if (spd_oserr_map(rows[i].code) != rows[i].err)
            fail_msg("%u is %s, not %s", (unsigned)rows[i].code,
                     spd_err_name(spd_oserr_map(rows[i].code)), spd_err_name(rows[i].err));
    }
}

static void a_message_names_the_code_as_its_symbol_and_number(void **state)
{
    char text[SPD_OSERR_TEXT_BYTES];

    (void)state;
    assert_non_null(strstr(spd_oserr_text(WSAEADDRINUSE, text), "(WSAEADDRINUSE 10048)"));
    assert_true(text[0] != '(' && text[0] != ' ');
    assert_non_null(strstr(spd_oserr_text(999999, text), "(error 999999)"));
    assert_null(strchr(text, '\n'));
}

static void statuses_of_completions_become_codes(void **state)
{
    static const struct {
        uint32_t status;
        uint32_t code;
    } rows[] = {
        { 0, 0 },
        { 0x00000103, 0 }, /* STATUS_PENDING is not a failure */
        { 0x80000005, ERROR_MORE_DATA },
        { 0xC0000120, ERROR_OPERATION_ABORTED },
        { 0xC000023F, ERROR_PORT_UNREACHABLE },
        { 0xC000023D, ERROR_HOST_UNREACHABLE },
        { 0xC000023C, ERROR_NETWORK_UNREACHABLE },
        { 0xC0000236, ERROR_CONNECTION_REFUSED },
    };

    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        uint32_t code = spd_oserr_of_status((int32_t)rows[i].status);

        if (code != rows[i].code)
            fail_msg("%08x is %u, not %u", (unsigned)rows[i].status, (unsigned)code,
                     (unsigned)rows[i].code);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_and_files_are_named_in_utf8),
        cmocka_unit_test(the_program_carries_its_version),
        cmocka_unit_test(codes_of_the_system_have_our_errors),
        cmocka_unit_test(a_message_names_the_code_as_its_symbol_and_number),
        cmocka_unit_test(statuses_of_completions_become_codes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
