/*
 * The one list of errors, with the same numbers on every system.
 *
 * Functions that can fail return enum spd_err and give their results through
 * pointers, which they leave untouched on failure. Where a person has to act,
 * the function also fills a struct spd_diag: what failed, on what, why, and
 * what to do. The operating system's own code is kept for that message only.
 */
#ifndef SPD_BASE_ERR_H
#define SPD_BASE_ERR_H

#include <stdint.h>

/*      name            text */
#define SPD_ERR_LIST(X) \
    X(OK,               "no error") \
    X(INVALID,          "invalid argument") \
    X(RANGE,            "value out of range") \
    X(FORMAT,           "malformed data") \
    X(NOMEM,            "out of memory") \
    X(NOTSUP,           "not supported here") \
    X(PERM,             "not permitted") \
    X(IN_USE,           "already in use") \
    X(NOT_FOUND,        "not found") \
    X(TIMEOUT,          "timed out") \
    X(CLOSED,           "closed") \
    X(CANCELLED,        "cancelled") \
    X(TRUNCATED,        "datagram longer than its buffer") \
    X(FULL,             "no room left") \
    X(LIMIT,            "a configured limit was reached") \
    X(TOO_BIG,          "packet larger than the path takes") \
    X(NO_BUFFERS,       "dropped locally for want of buffers") \
    X(REFUSED,          "port unreachable") \
    X(HOST_UNREACHABLE, "host unreachable") \
    X(NET_UNREACHABLE,  "network unreachable") \
    X(PROHIBITED,       "administratively prohibited") \
    X(NO_REPLY,         "no reply") \
    X(INTERRUPTED,      "interrupted") \
    X(IO,               "input or output error") \
    X(INTERNAL,         "internal error")

#define SPD_ERR_ENUM(name, text) SPD_ERR_##name,
enum spd_err { SPD_ERR_LIST(SPD_ERR_ENUM) SPD_ERR_COUNT };
#undef SPD_ERR_ENUM

/* Why something failed, for a person. Plain value; copy freely. */
struct spd_diag {
    enum spd_err err;
    int32_t os_code; /* errno, GetLastError or WSAGetLastError; 0 if none */
    char text[400];  /* UTF-8, one sentence or two, no newline */
};

/* The symbol without its prefix ("NOMEM") and the text for people. Never NULL,
 * also for numbers outside the list. Any thread. */
const char *spd_err_name(enum spd_err err);
const char *spd_err_text(enum spd_err err);

/* Whether the error is an ICMP "unreachable" that came back for a packet. */
int spd_err_is_unreachable(enum spd_err err);

/* Fills *diag (which may be NULL) with a formatted message and returns err, so
 * that a caller can write: return spd_diag_set(diag, SPD_ERR_IN_USE, errno, "..."). */
#if defined(__MINGW32__)
#define SPD_PRINTF_LIKE(f, a) __attribute__((format(gnu_printf, f, a)))
#else
#define SPD_PRINTF_LIKE(f, a) __attribute__((format(printf, f, a)))
#endif
enum spd_err spd_diag_set(struct spd_diag *diag, enum spd_err err, int32_t os_code,
                          const char *format, ...) SPD_PRINTF_LIKE(4, 5);

#endif
