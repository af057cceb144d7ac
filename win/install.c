/*
 * The event source and the data folder of a service. On the thread that
 * installs.
 */
#include "win/install.h"

#include <aclapi.h>
#include <sddl.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/sys/defaults.h"
#include "win/sid.h"
#include "win/wide.h"

#define SOURCES   L"SYSTEM\\CurrentControlSet\\Services\\EventLog\\Application\\"
#define KEY_UNITS 400
#define TYPES     (EVENTLOG_ERROR_TYPE | EVENTLOG_WARNING_TYPE | EVENTLOG_INFORMATION_TYPE)
/* SYSTEM and Administrators: all. The service: read, write and delete what is in it, not change
 * who may. */
#define WHO_MAY "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1301bf;;;%s)"

/* Returns false when the name is too long. */
static bool key_of(const char *name, wchar_t key[KEY_UNITS])
{
    wchar_t *wide = spd_wide_from(name);
    bool fits = wide != NULL && wcslen(wide) + sizeof(SOURCES) / sizeof(wchar_t) <= KEY_UNITS;

    if (fits) {
        wcscpy(key, SOURCES);
        wcscat(key, wide);
    }
    free(wide);
    return fits;
}

void spd_install_event_source(const struct spd_svcmgr_service *service,
                              struct spd_svcmgr_notes *notes)
{
    wchar_t key[KEY_UNITS], own[1024];
    wchar_t *program = service->program ? spd_wide_from(service->program) : own;
    DWORD types = TYPES;
    HKEY handle;
    LSTATUS code = ERROR_NOT_ENOUGH_MEMORY;

    if (program == own)
        GetModuleFileNameW(NULL, own, sizeof(own) / sizeof(own[0]));
    if (program != NULL && key_of(service->name, key)) {
        code = RegCreateKeyExW(HKEY_LOCAL_MACHINE, key, 0, NULL, 0, KEY_SET_VALUE, NULL, &handle,
                               NULL);
        if (code == 0) {
            code = RegSetValueExW(handle, L"EventMessageFile", 0, REG_SZ, (const BYTE *)program,
                                  (DWORD)((wcslen(program) + 1) * sizeof(*program)));
            if (code == 0)
                code = RegSetValueExW(handle, L"TypesSupported", 0, REG_DWORD, (const BYTE *)&types,
                                      sizeof(types));
            RegCloseKey(handle);
        }
    }
    if (program != own)
        free(program);
    if (code != 0)
        spd_install_note(notes, "event source", (DWORD)code);
}

void spd_install_remove_event_source(const struct spd_svcmgr_service *service,
                                     struct spd_svcmgr_notes *notes)
{
    wchar_t key[KEY_UNITS];
    LSTATUS code = key_of(service->name, key) ? RegDeleteKeyW(HKEY_LOCAL_MACHINE, key)
                                              : ERROR_NOT_ENOUGH_MEMORY;

    if (code != 0 && code != ERROR_FILE_NOT_FOUND)
        spd_install_note(notes, "event source", (DWORD)code);
}

/* The identity of the service, as text. Returns 0 or a code. */
static DWORD find_service_sid(const char *name, char text[SPD_SID_TEXT_BYTES])
{
    wchar_t account[300], domain[300];
    wchar_t *wide = spd_wide_from(name);
    unsigned char sid[SECURITY_MAX_SID_SIZE];
    DWORD n_sid = sizeof(sid), n_domain = sizeof(domain) / sizeof(domain[0]);
    SID_NAME_USE use;
    DWORD code = 0;

    if (wide == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    swprintf(account, sizeof(account) / sizeof(account[0]), L"NT SERVICE\\%ls", wide);
    free(wide);
    if (!LookupAccountNameW(NULL, account, sid, &n_sid, domain, &n_domain, &use))
        code = GetLastError();
    else if (!spd_sid_text(sid, text))
        code = ERROR_NOT_ENOUGH_MEMORY;
    return code;
}

/* Returns 0 or a code. */
static DWORD protect(wchar_t *folder, const char *sddl)
{
    wchar_t *wide = spd_wide_from(sddl);
    PSECURITY_DESCRIPTOR descriptor = NULL;
    PSID owner = NULL;
    PACL list = NULL;
    BOOL present, by_default;
    DWORD code = 0;

    if (wide == NULL)
        return ERROR_NOT_ENOUGH_MEMORY;
    if (!ConvertStringSecurityDescriptorToSecurityDescriptorW(wide, SDDL_REVISION_1, &descriptor,
                                                              NULL) ||
        !GetSecurityDescriptorOwner(descriptor, &owner, &by_default) ||
        !GetSecurityDescriptorDacl(descriptor, &present, &list, &by_default))
        code = GetLastError();
    /* Also when somebody else was faster and made the folder: it is taken from
     * him. */
    if (code == 0)
        code = SetNamedSecurityInfoW(folder, SE_FILE_OBJECT,
                                     OWNER_SECURITY_INFORMATION | DACL_SECURITY_INFORMATION |
                                         PROTECTED_DACL_SECURITY_INFORMATION,
                                     owner, NULL, list, NULL);
    LocalFree(descriptor);
    free(wide);
    return code;
}

void spd_install_data_folder(const struct spd_svcmgr_service *service,
                             struct spd_svcmgr_notes *notes)
{
    char sid[SPD_SID_TEXT_BYTES], sddl[sizeof(WHO_MAY) + SPD_SID_TEXT_BYTES];
    wchar_t *folder = spd_wide_from(spd_defaults()->data_folder);
    DWORD code = folder == NULL ? ERROR_NOT_ENOUGH_MEMORY : 0;

    if (code == 0 && !CreateDirectoryW(folder, NULL) && GetLastError() != ERROR_ALREADY_EXISTS)
        code = GetLastError();
    if (code == 0)
        code = find_service_sid(service->name, sid);
    if (code == 0) {
        snprintf(sddl, sizeof(sddl), WHO_MAY, sid);
        code = protect(folder, sddl);
    }
    free(folder);
    if (code != 0)
        spd_install_note(notes, "rights on the data folder", code);
}
