/*
 * Where things live on Windows: the folder of all users' program data, wherever
 * this computer has it. Any thread.
 */
#include "common/sys/defaults.h"

#include <windows.h>

#include <ctype.h>
#include <shlobj.h>
#include <stdio.h>

static char config_file[4 * MAX_PATH + 40];
static char data_folder[4 * MAX_PATH + 40];

static const struct spd_defaults defaults = {
    .config_file = config_file,
    .data_folder = data_folder,
    .separator = '\\',
    .admins_are_group = false,
    .metrics = false,
};

static BOOL CALLBACK find(PINIT_ONCE once, void *argument, void **context)
{
    wchar_t wide[MAX_PATH];
    char folder[4 * MAX_PATH] = "C:\\ProgramData";

    (void)once;
    (void)argument;
    (void)context;
    if (SHGetFolderPathW(NULL, CSIDL_COMMON_APPDATA, NULL, SHGFP_TYPE_CURRENT, wide) == S_OK)
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, folder, sizeof(folder), NULL, NULL);
    snprintf(data_folder, sizeof(data_folder), "%s\\Stampede", folder);
    snprintf(config_file, sizeof(config_file), "%s\\Stampede\\stampede.ini", folder);
    return TRUE;
}

const struct spd_defaults *spd_defaults(void)
{
    static INIT_ONCE once = INIT_ONCE_STATIC_INIT;

    InitOnceExecuteOnce(&once, find, NULL, NULL);
    return &defaults;
}

bool spd_defaults_is_absolute(const char *path)
{
    if (path[0] == '\\' && path[1] == '\\')
        return true;
    return isalpha((unsigned char)path[0]) && path[1] == ':' && (path[2] == '\\' || path[2] == '/');
}
