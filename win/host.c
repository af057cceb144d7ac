/*
 * Facts about this machine. Any thread; reads the registry and asks services,
 * so never during a burst.
 */
#include "common/sys/host.h"

#include <winsock2.h>
#include <windows.h>
#include <winternl.h>

#include <cpuid.h>
#include <powrprof.h>
#include <stdio.h>
#include <string.h>

#include "common/base/text.h"
#include "common/sys/clock.h"
#include "win/wine.h"

/* Documented for drivers; MinGW's user-mode headers lack it. */
NTSYSAPI NTSTATUS NTAPI RtlGetVersion(RTL_OSVERSIONINFOW *version);

#define CPUID_HYPERVISOR_VENDOR   0x40000000u
#define CPUID_HYPERV_PRIVILEGES   0x40000003u
#define HYPERV_CREATES_PARTITIONS 1u /* EBX: only the root partition may */

static void read_system(char *out, size_t capacity)
{
    RTL_OSVERSIONINFOW version = { .dwOSVersionInfoSize = sizeof version };
    const char *wine = spd_wine_version();

    /* Not GetVersionEx, which tells what the manifest asked for. */
    if (RtlGetVersion(&version) != 0)
        return;
    snprintf(out, capacity, "Windows %lu.%lu.%lu%s%s%s", version.dwMajorVersion,
             version.dwMinorVersion, version.dwBuildNumber, wine != NULL ? " (Wine " : "",
             wine != NULL ? wine : "", wine != NULL ? ")" : "");
}

static void read_processor(char *out, size_t capacity)
{
    wchar_t wide[96] = { 0 };
    DWORD n_bytes = sizeof wide - sizeof wide[0];
    char text[4 * 96];
    const char *start = text;
    size_t length;

    if (RegGetValueW(HKEY_LOCAL_MACHINE, L"HARDWARE\\DESCRIPTION\\System\\CentralProcessor\\0",
                     L"ProcessorNameString", RRF_RT_REG_SZ, NULL, wide, &n_bytes) != 0)
        return;
    if (WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, (int)sizeof text, NULL, NULL) == 0)
        return;
    /* The processors pad their names with blanks, on either side. */
    while (*start == ' ')
        start++;
    length = strlen(start);
    while (length > 0 && start[length - 1] == ' ')
        length--;
    text[(size_t)(start - text) + length] = '\0';
    spd_text_copy(out, capacity, start);
}

static const struct {
    char signature[13];
    const char *name;
} hypervisors[] = {
    { "Microsoft Hv", "Hyper-V" }, { "VMwareVMware", "VMware" },     { "KVMKVMKVM", "KVM" },
    { "XenVMMXenVMM", "Xen" },     { "VBoxVBoxVBox", "VirtualBox" }, { "TCGTCGTCGTCG", "QEMU" },
    { "prl hyperv", "Parallels" }, { "bhyve bhyve ", "bhyve" },      { "ACRNACRNACRN", "ACRN" },
};

static void name_hypervisor(const char *signature, char *out, size_t capacity)
{
    for (size_t i = 0; i < sizeof hypervisors / sizeof hypervisors[0]; i++) {
        if (strcmp(signature, hypervisors[i].signature) == 0) {
            snprintf(out, capacity, "%s", hypervisors[i].name);
            return;
        }
    }
    /* From below us: no control characters into a result. */
    for (const char *p = signature; *p != '\0'; p++)
        if (*p < ' ' || *p > '~')
            return;
    snprintf(out, capacity, "%s", signature);
}

static void read_hypervisor(struct spd_host *out)
{
    unsigned eax, ebx, ecx, edx;
    char signature[13] = "";

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || (ecx & (1u << 31)) == 0)
        return;
    out->virtual_machine = true;
    __cpuid(CPUID_HYPERVISOR_VENDOR, eax, ebx, ecx, edx);
    memcpy(signature, &ebx, 4);
    memcpy(signature + 4, &ecx, 4);
    memcpy(signature + 8, &edx, 4);
    name_hypervisor(signature, out->hypervisor, sizeof out->hypervisor);
    if (strcmp(signature, "Microsoft Hv") != 0 || eax < CPUID_HYPERV_PRIVILEGES)
        return;
    /* With Hyper-V or memory integrity on, Windows itself runs above the
     * hypervisor, as its root partition: that is no virtual machine. */
    __cpuid(CPUID_HYPERV_PRIVILEGES, eax, ebx, ecx, edx);
    if ((ebx & HYPERV_CREATES_PARTITIONS) != 0)
        out->virtual_machine = false;
}

static void read_power_scheme(char *out, size_t capacity)
{
    GUID *scheme = NULL;
    wchar_t wide[128] = { 0 };
    DWORD n_bytes = sizeof wide - sizeof wide[0];
    char text[4 * 128];

    if (PowerGetActiveScheme(NULL, &scheme) != ERROR_SUCCESS || scheme == NULL)
        return;
    if (PowerReadFriendlyName(NULL, scheme, NULL, NULL, (UCHAR *)wide, &n_bytes) == ERROR_SUCCESS &&
        WideCharToMultiByte(CP_UTF8, 0, wide, -1, text, (int)sizeof text, NULL, NULL) != 0)
        spd_text_copy(out, capacity, text);
    LocalFree(scheme);
}

void spd_host_read(struct spd_host *out)
{
    memset(out, 0, sizeof *out);
    read_system(out->system, sizeof out->system);
    read_processor(out->processor, sizeof out->processor);
    out->n_processors = (unsigned)GetActiveProcessorCount(ALL_PROCESSOR_GROUPS);
    read_hypervisor(out);
    snprintf(out->clock_source, sizeof out->clock_source, "%s", spd_clock_source());
    /* Wine ends a process that calls what it lacks, and has no power schemes. */
    if (!spd_wine_is())
        read_power_scheme(out->power_scheme, sizeof out->power_scheme);
}

const char *spd_host_name(char out[SPD_HOST_NAME_BYTES])
{
    DWORD n = SPD_HOST_NAME_BYTES;

    if (!GetComputerNameExA(ComputerNamePhysicalDnsHostname, out, &n))
        out[0] = 0;
    return out;
}
