/*
 * What the unit tests share: cmocka and checks that name the table row.
 */
#ifndef SPD_TESTS_UNIT_UNIT_H
#define SPD_TESTS_UNIT_UNIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Fails with the row's name unless the condition holds. */
#define CHECK_ROW(row, condition)                                                                  \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fail_msg("row \"%s\": %s", (row), #condition);                                         \
    } while (0)

/* The same for two integers, showing both. */
#define CHECK_ROW_INT(row, got, expected)                                                          \
    do {                                                                                           \
        long long got_ = (long long)(got), expected_ = (long long)(expected);                      \
        if (got_ != expected_)                                                                     \
            fail_msg("row \"%s\": %s is %lld (0x%llx), expected %lld (0x%llx)", (row), #got, got_, \
                     (unsigned long long)got_, expected_, (unsigned long long)expected_);          \
    } while (0)

#define CHECK_ROW_TEXT(row, got, expected)                                                         \
    do {                                                                                           \
        if (strcmp((got), (expected)) != 0)                                                        \
            fail_msg("row \"%s\": %s is \"%s\", expected \"%s\"", (row), #got, (got), (expected)); \
    } while (0)

#define N_ROWS(table) (sizeof(table) / sizeof((table)[0]))

/* A copy on the heap of exactly this size, so that a sanitizer sees the first
 * byte beyond it. Free it. */
static inline void *exact_copy(const void *bytes, size_t n)
{
    void *copy = malloc(n ? n : 1);

    if (!copy)
        abort();
    if (n > 0)
        memcpy(copy, bytes, n);
    return copy;
}

#endif
