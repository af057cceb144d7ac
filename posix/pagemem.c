/*
 * Page memory through mmap and mlock, and how much of it this process may have.
 * Any thread; slow, so only before and after a test.
 */
#include "common/sys/pagemem.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "common/base/assert.h"
#include "posix/cgroup.h"
#include "posix/oserr.h"
#include "posix/textfile.h"

size_t spd_pagemem_page_bytes(void)
{
    return (size_t)getpagesize(); /* kept by the C library since the program's start */
}

/* A "Vm...:" line of /proc/self/status in bytes; -1 when it cannot be read. */
static int64_t status_bytes(const char *key)
{
    char text[4096];
    uint64_t kib;

    if (!spd_textfile_read("/proc/self/status", text, sizeof text) ||
        !spd_textfile_number(text, key, &kib)) {
        return -1;
    }
    return (int64_t)(kib * 1024);
}

static uint64_t lock_limit_bytes(void)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        return 0;
    }
    return limit.rlim_cur == RLIM_INFINITY ? UINT64_MAX : (uint64_t)limit.rlim_cur;
}

static void lock_pages(void *memory, size_t n_bytes, size_t *locked_bytes, struct spd_diag *diag)
{
    int os;

    if (mlock(memory, n_bytes) == 0) {
        *locked_bytes = n_bytes;
        return;
    }
    os = errno;
    /* A part may have been locked before the refusal: all or nothing. */
    (void)munlock(memory, n_bytes);
    *locked_bytes = 0;
    spd_diag_set(diag, os == EPERM ? SPD_ERR_PERM : SPD_ERR_LIMIT, os,
                 "cannot lock %zu bytes in memory (%s): RLIMIT_MEMLOCK is %llu bytes; run as root, "
                 "or raise memlock in limits.conf (LimitMEMLOCK= in a systemd unit), or `setcap "
                 "cap_ipc_lock+ep` the program",
                 n_bytes, spd_oserr_name(os), (unsigned long long)lock_limit_bytes());
}

enum spd_err spd_pagemem_alloc(size_t n_bytes, void **out, size_t *locked_bytes,
                               struct spd_diag *diag)
{
    size_t page_bytes = spd_pagemem_page_bytes();
    size_t available = spd_pagemem_available_bytes();
    char *memory;

    SPD_ASSERT(n_bytes != 0 && n_bytes % page_bytes == 0);
    /* The kernel promises more than it has and kills a process that takes it at
     * its word, so what cannot be there is refused before it is touched. */
    if (available != 0 && n_bytes > available) {
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0,
                            "cannot take %zu bytes of memory: %zu are available; ask for fewer "
                            "or smaller packets",
                            n_bytes, available);
    }
    memory = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE,
                  -1, 0);
    if (memory == MAP_FAILED) {
        int os = errno;

        return spd_diag_set(diag, SPD_ERR_NOMEM, os,
                            "cannot take %zu bytes of memory (%s); ask for fewer or smaller "
                            "packets",
                            n_bytes, spd_oserr_name(os));
    }
    /* MAP_POPULATE is best effort and silent when it stops half way. */
    for (size_t at = 0; at < n_bytes; at += page_bytes) {
        *(volatile char *)(memory + at) = 0;
    }
    lock_pages(memory, n_bytes, locked_bytes, diag);
    *out = memory;
    return SPD_ERR_OK;
}

void spd_pagemem_free(void *memory, size_t n_bytes)
{
    if (memory != NULL) {
        int rc = munmap(memory, n_bytes);

        SPD_ASSERT(rc == 0);
    }
}

static void raise_lock_limit(uint64_t minimum_bytes)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_MEMLOCK, &limit) != 0) {
        return;
    }
    if (limit.rlim_max < minimum_bytes) { /* RLIM_INFINITY is the greatest number */
        struct rlimit higher = { minimum_bytes, minimum_bytes };

        if (setrlimit(RLIMIT_MEMLOCK, &higher) == 0) {
            return;
        }
    }
    limit.rlim_cur = limit.rlim_max;
    (void)setrlimit(RLIMIT_MEMLOCK, &limit);
}

/* Whether more than the limit may be locked (CAP_IPC_LOCK, if it counts where
 * this process lives): tried on address space without memory behind it, since
 * MLOCK_ONFAULT does the accounting and touches nothing. */
static bool limit_is_void(uint64_t limit_bytes, int64_t locked_bytes)
{
    uint64_t page_bytes = spd_pagemem_page_bytes();
    uint64_t left = limit_bytes > (uint64_t)locked_bytes ? limit_bytes - (uint64_t)locked_bytes : 0;
    size_t n_bytes = (size_t)((left / page_bytes + 2) * page_bytes);
    void *space = mmap(NULL, n_bytes, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool is_void;

    if (space == MAP_FAILED) {
        return false;
    }
    is_void = mlock2(space, n_bytes, MLOCK_ONFAULT) == 0;
    (void)munmap(space, n_bytes);
    return is_void;
}

void spd_working_set_enlarge(size_t minimum_bytes, struct spd_working_set *out)
{
    uint64_t limit;
    uint64_t guaranteed;
    int64_t locked = status_bytes("VmLck:");
    size_t available = spd_pagemem_available_bytes();

    memset(out, 0, sizeof *out);
    out->requested_bytes = (int64_t)minimum_bytes;
    raise_lock_limit(minimum_bytes);
    limit = lock_limit_bytes();
    if (locked < 0) {
        out->obtained_bytes = -1;
        snprintf(out->note, sizeof out->note, "/proc/self/status does not tell VmLck");
        return;
    }
    if (limit != UINT64_MAX && limit_is_void(limit, locked)) {
        limit = UINT64_MAX;
    }
    /* What may be locked by right still has to exist. */
    guaranteed = available != 0 ? (uint64_t)locked + available : UINT64_MAX;
    guaranteed = guaranteed < limit ? guaranteed : limit;
    if (guaranteed > INT64_MAX) {
        out->obtained_bytes = -1;
        snprintf(out->note, sizeof out->note,
                 "no limit on locked memory, and the available "
                 "memory is not known");
        return;
    }
    out->obtained_bytes = (int64_t)guaranteed;
    if (guaranteed >= minimum_bytes) {
        return;
    }
    if (guaranteed == limit) {
        snprintf(out->note, sizeof out->note,
                 "RLIMIT_MEMLOCK is %llu bytes: run as root, or raise memlock in limits.conf "
                 "(LimitMEMLOCK= in a unit), or `setcap cap_ipc_lock+ep` the program",
                 (unsigned long long)limit);
    } else {
        snprintf(out->note, sizeof out->note, "only %zu bytes of memory are available", available);
    }
}

size_t spd_pagemem_available_bytes(void)
{
    char text[4096];
    uint64_t kib;
    uint64_t physical = UINT64_MAX;
    uint64_t group = spd_cgroup_available_bytes("/proc/self/cgroup", "/sys/fs/cgroup");

    if (spd_textfile_read("/proc/meminfo", text, sizeof text) &&
        spd_textfile_number(text, "MemAvailable:", &kib)) {
        physical = kib * 1024;
    }
    if (group < physical) {
        physical = group;
    }
    if (physical == UINT64_MAX) {
        return 0;
    }
    return physical == 0 ? 1 : (size_t)physical; /* 0 would say "unknown" */
}

size_t spd_pagemem_peak_bytes(void)
{
    int64_t peak = status_bytes("VmHWM:");

    return peak < 0 ? 0 : (size_t)peak;
}
