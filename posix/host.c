/*
 * Facts about this machine from uname, /proc, /sys and the processor itself.
 * Any thread; opens files, so never during a burst. What cannot be found out
 * stays empty.
 */
#include "common/sys/host.h"

#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>
#if defined(__x86_64__) || defined(__i386__)
#include <cpuid.h>
#endif

#include "common/base/text.h"
#include "common/sys/clock.h"
#include "posix/textfile.h"

static void read_processor(struct spd_host *out, const struct utsname *names)
{
    char text[4096];
    const char *at = NULL;

    /* The first processor stands for all. ARM has no "model name". */
    if (spd_textfile_read("/proc/cpuinfo", text, sizeof text)) {
        at = strstr(text, "model name");
        at = at != NULL ? strchr(at, ':') : NULL;
    }
    if (at == NULL) {
        spd_text_copy(out->processor, sizeof out->processor, names->machine);
        return;
    }
    at += 1 + strspn(at + 1, " \t");
    snprintf(out->processor, sizeof out->processor, "%.*s", (int)strcspn(at, "\n"), at);
}

/* The name behind a signature of CPUID leaf 0x40000000. */
static const char *hypervisor_name(const char *signature)
{
    static const struct {
        const char *signature;
        const char *name;
    } known[] = {
        { "KVMKVMKVM", "KVM" },          { "Microsoft Hv", "Hyper-V" },
        { "VMwareVMware", "VMware" },    { "XenVMMXenVMM", "Xen" },
        { "TCGTCGTCGTCG", "QEMU" },      { "VBoxVBoxVBox", "VirtualBox" },
        { "bhyve bhyve ", "bhyve" },     { "ACRNACRNACRN", "ACRN" },
        { " lrpepyh  vr", "Parallels" },
    };

    for (size_t i = 0; i < sizeof known / sizeof known[0]; i++) {
        if (strcmp(signature, known[i].signature) == 0) {
            return known[i].name;
        }
    }
    return signature;
}

/* The processor's own word, where it has one. */
static bool ask_processor(char *name, size_t capacity)
{
#if defined(__x86_64__) || defined(__i386__)
    unsigned a;
    unsigned b;
    unsigned c;
    unsigned d;
    char signature[13];

    /* Leaf 1, ECX bit 31: "running under a hypervisor". */
    if (__get_cpuid(1, &a, &b, &c, &d) == 0 || (c >> 31) == 0) {
        return false;
    }
    __cpuid(0x40000000, a, b, c, d);
    memcpy(signature, &b, 4);
    memcpy(signature + 4, &c, 4);
    memcpy(signature + 8, &d, 4);
    signature[12] = '\0';
    for (char *at = signature; *at != '\0'; at++) {
        if (*at < ' ' || *at > '~') {
            *at = '?'; /* it goes into results: keep it printable */
        }
    }
    spd_text_copy(name, capacity, hypervisor_name(signature));
    return true;
#else
    (void)name;
    (void)capacity;
    return false;
#endif
}

static void read_hypervisor(struct spd_host *out)
{
    if (ask_processor(out->hypervisor, sizeof out->hypervisor)) {
        out->virtual_machine = true;
        return;
    }
    /* Xen guests, and what ARM firmware says of its hypervisor ("linux,kvm"). */
    out->virtual_machine =
        spd_textfile_read_line("/sys/hypervisor/type", out->hypervisor, sizeof out->hypervisor) ||
        spd_textfile_read_line("/proc/device-tree/hypervisor/compatible", out->hypervisor,
                               sizeof out->hypervisor);
}

void spd_host_read(struct spd_host *out)
{
    struct utsname names;
    long n_processors = sysconf(_SC_NPROCESSORS_ONLN);

    memset(out, 0, sizeof *out);
    memset(&names, 0, sizeof names);
    if (uname(&names) == 0) {
        snprintf(out->system, sizeof out->system, "%.30s %.64s", names.sysname, names.release);
    }
    read_processor(out, &names);
    out->n_processors = n_processors > 0 ? (unsigned)n_processors : 1;
    read_hypervisor(out);
    spd_text_copy(out->clock_source, sizeof out->clock_source, spd_clock_source());
    (void)spd_textfile_read_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor",
                                 out->power_scheme, sizeof out->power_scheme);
}

const char *spd_host_name(char out[SPD_HOST_NAME_BYTES])
{
    struct utsname names;

    out[0] = 0;
    if (uname(&names) == 0)
        snprintf(out, SPD_HOST_NAME_BYTES, "%s", names.nodename);
    return out;
}
