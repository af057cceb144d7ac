/*
 * Priorities under limits that a test cannot give itself: raising RLIMIT_RTPRIO
 * or RLIMIT_NICE takes a right that containers withhold even from root. So the
 * linker puts a scheduler of our own before the calls, which follows the
 * kernel's rules for a user without rights (sched(7), setpriority(2)).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/resource.h>
#include <cmocka.h>

#include "common/sys/sched.h"

static struct {
    unsigned long rtprio_limit;
    unsigned long nice_limit; /* 20 - nice: 1..40 */
    bool has_no_fifo;
    int policy;
    int fifo_priority;
    int nice_value;
} kernel;

int __wrap_sched_setscheduler(pid_t pid, int policy, const struct sched_param *param);
int __wrap_sched_getscheduler(pid_t pid);
int __wrap_sched_getparam(pid_t pid, struct sched_param *param);
int __wrap_setpriority(__priority_which_t which, id_t who, int value);
int __wrap_getpriority(__priority_which_t which, id_t who);
int __wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit);

static int refuse(int code)
{
    errno = code;
    return -1;
}

int __wrap_sched_setscheduler(pid_t pid, int policy, const struct sched_param *param)
{
    assert_int_equal(pid, 0); /* the calling thread, never the process */
    if (policy == SCHED_FIFO && kernel.has_no_fifo) {
        return refuse(EINVAL);
    }
    if (policy == SCHED_FIFO && (unsigned long)param->sched_priority > kernel.rtprio_limit) {
        return refuse(EPERM);
    }
    kernel.policy = policy;
    kernel.fifo_priority = param->sched_priority;
    return 0;
}

int __wrap_sched_getscheduler(pid_t pid)
{
    assert_int_equal(pid, 0);
    return kernel.policy;
}

int __wrap_sched_getparam(pid_t pid, struct sched_param *param)
{
    assert_int_equal(pid, 0);
    param->sched_priority = kernel.fifo_priority;
    return 0;
}

int __wrap_setpriority(__priority_which_t which, id_t who, int value)
{
    assert_int_equal(which, PRIO_PROCESS);
    assert_int_equal(who, 0);
    value = value < -20 ? -20 : value;
    if (value < kernel.nice_value && 20 - value > (int)kernel.nice_limit) {
        return refuse(EACCES);
    }
    kernel.nice_value = value;
    return 0;
}

int __wrap_getpriority(__priority_which_t which, id_t who)
{
    assert_int_equal(which, PRIO_PROCESS);
    assert_int_equal(who, 0);
    return kernel.nice_value;
}

int __wrap_getrlimit(__rlimit_resource_t resource, struct rlimit *limit)
{
    limit->rlim_cur = resource == RLIMIT_RTPRIO ? kernel.rtprio_limit
                      : resource == RLIMIT_NICE ? kernel.nice_limit
                                                : RLIM_INFINITY;
    limit->rlim_max = limit->rlim_cur;
    return 0;
}

static void the_best_that_the_limits_allow_is_taken_and_the_rest_explained(void **state)
{
    static const struct {
        const char *name;
        unsigned long rtprio_limit;
        unsigned long nice_limit;
        bool has_no_fifo;
        int nice_before;
        enum spd_priority obtained;
        const char *text;
        const char *note; /* a part of it; empty: no note */
    } rows[] = {
        { "nothing allowed", 0, 0, false, 0, SPD_PRIORITY_NORMAL, "SCHED_OTHER, nice 0",
          "cap_sys_nice" },
        { "nothing allowed, nice 5", 0, 0, false, 5, SPD_PRIORITY_NORMAL, "SCHED_OTHER, nice 5",
          "rtprio 50" },
        { "real time without limit", 99, 0, false, 0, SPD_PRIORITY_TIME_CRITICAL, "SCHED_FIFO 50",
          "" },
        { "real time just enough", 50, 0, false, 0, SPD_PRIORITY_TIME_CRITICAL, "SCHED_FIFO 50",
          "" },
        { "real time just short", 49, 0, false, 0, SPD_PRIORITY_TIME_CRITICAL, "SCHED_FIFO 49",
          "RLIMIT_RTPRIO" },
        { "least real time", 1, 40, false, 0, SPD_PRIORITY_TIME_CRITICAL, "SCHED_FIFO 1",
          "RLIMIT_RTPRIO" },
        { "nice without limit", 0, 40, false, 0, SPD_PRIORITY_NICE, "SCHED_OTHER, nice -20",
          "run as root" },
        { "nice to -5", 0, 25, false, 0, SPD_PRIORITY_NICE, "SCHED_OTHER, nice -5", "EPERM" },
        { "nice to 3 from 7", 0, 17, false, 7, SPD_PRIORITY_NICE, "SCHED_OTHER, nice 3", "EPERM" },
        { "nice limit of no use", 0, 20, false, 0, SPD_PRIORITY_NORMAL, "SCHED_OTHER, nice 0",
          "EPERM" },
        { "no real-time class", 99, 0, true, 0, SPD_PRIORITY_NORMAL, "SCHED_OTHER, nice 0",
          "EINVAL" },
        { "limits beyond all numbers", ~0ul, ~0ul, false, 0, SPD_PRIORITY_TIME_CRITICAL,
          "SCHED_FIFO 50", "" },
    };

    (void)state;
    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct spd_priority_grant grant;
        bool is_raised;

        memset(&kernel, 0, sizeof kernel);
        kernel.rtprio_limit = rows[row].rtprio_limit;
        kernel.nice_limit = rows[row].nice_limit;
        kernel.has_no_fifo = rows[row].has_no_fifo;
        kernel.nice_value = rows[row].nice_before;
        spd_sched_probe(&grant);
        if (grant.obtained != rows[row].obtained || strcmp(grant.text, rows[row].text) != 0 ||
            strstr(grant.note, rows[row].note) == NULL ||
            (rows[row].note[0] == '\0') != (grant.note[0] == '\0')) {
            fail_msg("%s: %d \"%s\" \"%s\"", rows[row].name, grant.obtained, grant.text,
                     grant.note);
        }
        if (kernel.policy != SCHED_OTHER || kernel.nice_value != rows[row].nice_before) {
            fail_msg("%s: probe leaves the thread raised", rows[row].name);
        }
        spd_sched_raise(&grant);
        is_raised = kernel.policy == SCHED_FIFO || kernel.nice_value < rows[row].nice_before;
        if (is_raised != (grant.obtained != SPD_PRIORITY_NORMAL)) {
            fail_msg("%s: raise does not do what probe said", rows[row].name);
        }
        spd_sched_restore(&grant);
        if (kernel.policy != SCHED_OTHER || kernel.nice_value != rows[row].nice_before) {
            fail_msg("%s: restore leaves the thread raised", rows[row].name);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_best_that_the_limits_allow_is_taken_and_the_rest_explained),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
