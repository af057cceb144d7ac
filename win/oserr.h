/*
 * Windows' error codes in our vocabulary: one table for Win32, Winsock and the
 * NTSTATUS values that completions carry.
 */
#ifndef SPD_WIN_OSERR_H
#define SPD_WIN_OSERR_H

#include <stddef.h>
#include <stdint.h>

#include "common/base/err.h"

/* Our error for a code of GetLastError or WSAGetLastError; IO for codes that
 * the table does not have. */
enum spd_err spd_oserr_map(uint32_t code);

#define SPD_OSERR_TEXT_BYTES 160

/* "access is denied (WSAEACCES 10013)", for messages. Returns text. */
const char *spd_oserr_text(uint32_t code, char text[SPD_OSERR_TEXT_BYTES]);

/* The Win32 code behind the NTSTATUS of a completed operation; 0 for success. */
uint32_t spd_oserr_of_status(int32_t status);

#endif
