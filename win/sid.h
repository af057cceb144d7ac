/*
 * Security identifiers: of users, groups and this process. Private to win/.
 */
#ifndef SPD_WIN_SID_H
#define SPD_WIN_SID_H

#include <winsock2.h>
#include <windows.h>

#include <stdbool.h>

/* "S-1-" and fifteen numbers of ten digits, and more than fits. */
#define SPD_SID_TEXT_BYTES 192
#define SPD_SID_NAME_BYTES 512

/* "S-1-5-32-544"; false and "" for want of memory. Any thread. */
bool spd_sid_text(PSID sid, char text[SPD_SID_TEXT_BYTES]);

/* "BUILTIN\Administrators", or the text again where there is no name. Asks the
 * user database, which may be a domain's: blocks as long as it does. */
void spd_sid_name(PSID sid, char name[SPD_SID_NAME_BYTES]);

/* What GetTokenInformation tells, for the caller to free; NULL with the code in *code. */
void *spd_sid_token_info(HANDLE token, TOKEN_INFORMATION_CLASS what, DWORD *code);

/* The user of this process, as text. Returns 0 or a code. */
DWORD spd_sid_own(char text[SPD_SID_TEXT_BYTES]);

#endif
