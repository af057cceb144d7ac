/*
 * Security identifiers as text and names, and what tokens tell. Any thread;
 * spd_sid_name may block.
 */
#include "win/sid.h"

#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/text.h"
#include "win/wide.h"

#define NAME_UNITS 256

bool spd_sid_text(PSID sid, char text[SPD_SID_TEXT_BYTES])
{
    wchar_t *wide = NULL;
    bool done;

    text[0] = '\0';
    if (!ConvertSidToStringSidW(sid, &wide))
        return false;
    done = spd_wide_to(wide, text, SPD_SID_TEXT_BYTES);
    LocalFree(wide);
    return done;
}

void spd_sid_name(PSID sid, char name[SPD_SID_NAME_BYTES])
{
    wchar_t account[NAME_UNITS], domain[NAME_UNITS], whole[2 * NAME_UNITS + 1];
    DWORD n_account = NAME_UNITS, n_domain = NAME_UNITS;
    SID_NAME_USE use;

    if (LookupAccountSidW(NULL, sid, account, &n_account, domain, &n_domain, &use) &&
        account[0] != L'\0') {
        swprintf(whole, sizeof(whole) / sizeof(whole[0]), L"%ls%ls%ls", domain,
                 domain[0] != L'\0' ? L"\\" : L"", account);
        if (spd_wide_to(whole, name, SPD_SID_NAME_BYTES))
            return;
    }
    spd_sid_text(sid, name);
}

void *spd_sid_token_info(HANDLE token, TOKEN_INFORMATION_CLASS what, DWORD *code)
{
    DWORD n_bytes = 0;
    void *info;

    GetTokenInformation(token, what, NULL, 0, &n_bytes);
    info = n_bytes > 0 ? malloc(n_bytes) : NULL;
    if (info == NULL) {
        *code = n_bytes > 0 ? ERROR_NOT_ENOUGH_MEMORY : GetLastError();
        return NULL;
    }
    if (GetTokenInformation(token, what, info, n_bytes, &n_bytes))
        return info;
    *code = GetLastError();
    free(info);
    return NULL;
}

DWORD spd_sid_own(char text[SPD_SID_TEXT_BYTES])
{
    TOKEN_USER *user;
    DWORD code = 0;
    HANDLE token;

    if (!OpenProcessToken(GetCurrentProcess(), TOKEN_QUERY, &token))
        return GetLastError();
    user = spd_sid_token_info(token, TokenUser, &code);
    CloseHandle(token);
    if (user == NULL)
        return code;
    if (!spd_sid_text(user->User.Sid, text))
        code = ERROR_NOT_ENOUGH_MEMORY;
    free(user);
    return code;
}
