/*
 * Priority of the calling thread through the real-time scheduler, or else nice.
 * Any thread; probe formats text, so it belongs before a test, while raise and
 * restore are one or two system calls and run around each burst.
 *
 * Everything here is by thread: on Linux the process id 0 of sched_setscheduler
 * and setpriority means the calling thread.
 */
#include "common/sys/sched.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "posix/oserr.h"

/* In the middle of 1..99, where the kernel puts threaded interrupts as well:
 * above every ordinary thread and below the kernel's own migration threads. */
enum { FIFO_PRIORITY = 50, NICE_BEST = -20 };

/* What probe found; limits belong to the process, so every thread gets it. */
static atomic_int fifo_priority = FIFO_PRIORITY;
static atomic_int nice_value = NICE_BEST;
/* What this thread had before it was raised. */
static _Thread_local int nice_before;

static int try_fifo(int priority)
{
    struct sched_param param = { .sched_priority = priority };

    return sched_setscheduler(0, SCHED_FIFO, &param) == 0 ? 0 : errno;
}

static void back_to_other(void)
{
    struct sched_param param = { .sched_priority = 0 };

    /* Lowering is always permitted. The nice value survives the detour. */
    (void)sched_setscheduler(0, SCHED_OTHER, &param);
}

static int limit_of(__rlimit_resource_t resource)
{
    struct rlimit limit;

    if (getrlimit(resource, &limit) != 0) {
        return 0;
    }
    return limit.rlim_cur > 99 ? 99 : (int)limit.rlim_cur;
}

/* Returns 0 when SCHED_FIFO is in force by the system's own account. */
static int probe_fifo(struct spd_priority_grant *grant)
{
    struct sched_param param = { 0 };
    int priority = FIFO_PRIORITY;
    int rc = try_fifo(priority);

    if (rc == EPERM && limit_of(RLIMIT_RTPRIO) > 0 && limit_of(RLIMIT_RTPRIO) < priority) {
        priority = limit_of(RLIMIT_RTPRIO);
        rc = try_fifo(priority);
    }
    if (rc != 0) {
        return rc;
    }
    if (sched_getscheduler(0) != SCHED_FIFO || sched_getparam(0, &param) != 0) {
        back_to_other();
        return ENOSYS;
    }
    back_to_other();
    atomic_store(&fifo_priority, param.sched_priority);
    grant->obtained = SPD_PRIORITY_TIME_CRITICAL;
    snprintf(grant->text, sizeof grant->text, "SCHED_FIFO %d", param.sched_priority);
    if (param.sched_priority < FIFO_PRIORITY) {
        snprintf(grant->note, sizeof grant->note,
                 "the limit RLIMIT_RTPRIO allows no more than %d; other real-time threads above "
                 "it may interrupt a burst",
                 param.sched_priority);
    }
    return 0;
}

/* Returns 0 when a better nice value than before is in force. */
static int probe_nice(struct spd_priority_grant *grant)
{
    int before = getpriority(PRIO_PROCESS, 0);
    int wanted = NICE_BEST;
    int rc = setpriority(PRIO_PROCESS, 0, wanted) == 0 ? 0 : errno;
    int now;

    if (rc != 0) {
        /* RLIMIT_NICE counts from 1 (nice 19) to 40 (nice -20). */
        wanted = 20 - limit_of(RLIMIT_NICE);
        if (wanted < NICE_BEST || wanted >= before) {
            return rc;
        }
        if (setpriority(PRIO_PROCESS, 0, wanted) != 0) {
            return errno;
        }
    }
    now = getpriority(PRIO_PROCESS, 0);
    (void)setpriority(PRIO_PROCESS, 0, before);
    if (now >= before) {
        return EACCES;
    }
    atomic_store(&nice_value, now);
    grant->obtained = SPD_PRIORITY_NICE;
    snprintf(grant->text, sizeof grant->text, "SCHED_OTHER, nice %d", now);
    return 0;
}

void spd_sched_probe(struct spd_priority_grant *grant)
{
    int rc;

    memset(grant, 0, sizeof *grant);
    rc = probe_fifo(grant);
    if (rc == 0) {
        return;
    }
    if (probe_nice(grant) != 0) {
        grant->obtained = SPD_PRIORITY_NORMAL;
        snprintf(grant->text, sizeof grant->text, "SCHED_OTHER, nice %d",
                 getpriority(PRIO_PROCESS, 0));
    }
    if (rc == EPERM) {
        snprintf(grant->note, sizeof grant->note,
                 "SCHED_FIFO refused (EPERM): run as root, or set rtprio %d in limits.conf, or "
                 "`setcap cap_sys_nice+ep` the program (as root: cpu.rt_runtime_us is 0)",
                 FIFO_PRIORITY);
    } else {
        snprintf(grant->note, sizeof grant->note,
                 "SCHED_FIFO refused (%s): this kernel offers no real-time class here",
                 spd_oserr_name(rc));
    }
}

void spd_sched_raise(const struct spd_priority_grant *grant)
{
    if (grant->obtained == SPD_PRIORITY_TIME_CRITICAL) {
        (void)try_fifo(atomic_load_explicit(&fifo_priority, memory_order_relaxed));
    } else if (grant->obtained == SPD_PRIORITY_NICE) {
        nice_before = getpriority(PRIO_PROCESS, 0);
        (void)setpriority(PRIO_PROCESS, 0, atomic_load_explicit(&nice_value, memory_order_relaxed));
    }
}

void spd_sched_restore(const struct spd_priority_grant *grant)
{
    if (grant->obtained == SPD_PRIORITY_TIME_CRITICAL) {
        back_to_other();
    } else if (grant->obtained == SPD_PRIORITY_NICE) {
        (void)setpriority(PRIO_PROCESS, 0, nice_before);
    }
}

void spd_sched_yield(void)
{
    (void)sched_yield();
}

spd_ns spd_sched_wait_slack_ns(void)
{
    /* A sleeping processor of a virtual machine takes 78 µs (p50) to 270 µs (p99)
     * to come back. */
    return 300 * SPD_NS_PER_US;
}

const char *spd_sched_yield_name(void)
{
    return "sched_yield";
}

int64_t spd_sched_involuntary_switches(void)
{
    struct rusage usage;

    return getrusage(RUSAGE_THREAD, &usage) == 0 ? (int64_t)usage.ru_nivcsw : -1;
}
