/*
 * Tells Wine from Windows by the export that Wine offers for the purpose. Any
 * thread; spd_wine_host_limit reads a file and is for set-up only.
 */
#include "win/wine.h"

#include <winsock2.h>
#include <windows.h>

#include <stdio.h>
#include <stdlib.h>

const char *spd_wine_version(void)
{
    typedef const char *(CDECL * get_version)(void);
    HMODULE ntdll = GetModuleHandleW(L"ntdll.dll");
    get_version get =
        ntdll != NULL ? (get_version)(void *)GetProcAddress(ntdll, "wine_get_version") : NULL;

    return get != NULL ? get() : NULL;
}

int64_t spd_wine_host_limit(const char *name)
{
    char path[128];
    char text[32] = "";
    FILE *file;
    int64_t limit = -1;

    /* Wine shows the host's root as this device, whatever drives are mapped. */
    snprintf(path, sizeof path, "\\\\?\\unix\\proc\\sys\\%s", name);
    for (char *p = path; *p != '\0'; p++)
        if (*p == '/')
            *p = '\\';
    file = fopen(path, "rb");
    if (file == NULL)
        return -1;
    if (fgets(text, sizeof text, file) != NULL) {
        char *end;
        long long value = strtoll(text, &end, 10);
        if (end != text && value >= 0)
            limit = value;
    }
    fclose(file);
    return limit;
}
