/*
 * What a user without rights gets, and what root gets in the same place. Each
 * check lives in a child that gave up its rights or lowered its limits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cmocka.h>

#include "common/sys/console.h"
#include "common/sys/pagemem.h"
#include "common/sys/sched.h"
#include "common/sys/thread.h"
#include "common/sys/udp.h"
#include "tests/sys/posix_child.h"

#define KIB ((size_t)1024)
#define MIB ((size_t)1024 * 1024)

/* --- locked memory --- */

static size_t lock(size_t n_bytes, struct spd_diag *diag)
{
    size_t locked_bytes = 4711;
    void *memory = NULL;

    if (!MLOCK_IS_REAL) {
        child_skip("a sanitizer makes mlock do nothing");
    }
    memset(diag, 0, sizeof *diag);
    CHILD_CHECK(spd_pagemem_alloc(n_bytes, &memory, &locked_bytes, diag) == SPD_ERR_OK);
    memset(memory, 0x55, n_bytes);
    spd_pagemem_free(memory, n_bytes);
    return locked_bytes;
}

static void lock_beyond_the_limit(void)
{
    struct spd_diag diag;

    child_limit(RLIMIT_MEMLOCK, 64 * KIB, 64 * KIB);
    child_become_nobody();
    CHILD_CHECK(lock(32 * KIB, &diag) == 32 * KIB);
    CHILD_CHECK(diag.err == SPD_ERR_OK);
    CHILD_CHECK(lock(MIB, &diag) == 0);
    CHILD_CHECK(diag.err == SPD_ERR_LIMIT);
    CHILD_CHECK_SHOW(strstr(diag.text, "1048576") != NULL, diag.text);
    CHILD_CHECK_SHOW(strstr(diag.text, "65536") != NULL, diag.text);
    CHILD_CHECK_SHOW(strstr(diag.text, "memlock") != NULL, diag.text);
    CHILD_CHECK_SHOW(strstr(diag.text, "cap_ipc_lock") != NULL, diag.text);
    /* A refusal leaves nothing locked behind. */
    CHILD_CHECK(lock(64 * KIB, &diag) == 64 * KIB);
}

static void memory_beyond_the_lock_limit_is_there_but_not_locked(void **state)
{
    (void)state;
    child_run(lock_beyond_the_limit);
}

static void lock_nothing(void)
{
    struct spd_diag diag;

    child_limit(RLIMIT_MEMLOCK, 0, 0);
    child_become_nobody();
    CHILD_CHECK(lock(4 * KIB, &diag) == 0);
    CHILD_CHECK(diag.err == SPD_ERR_PERM);
    CHILD_CHECK_SHOW(diag.os_code == EPERM && strstr(diag.text, "memlock") != NULL, diag.text);
}

static void where_nothing_may_be_locked_the_reason_is_told(void **state)
{
    (void)state;
    child_run(lock_nothing);
}

static void lock_as_root(void)
{
    struct spd_diag diag;

    if (geteuid() != 0) {
        child_skip("needs root");
    }
    child_limit(RLIMIT_MEMLOCK, 64 * KIB, 64 * KIB);
    CHILD_CHECK(lock(16 * MIB, &diag) == 16 * MIB);
    CHILD_CHECK(diag.err == SPD_ERR_OK);
}

static void root_locks_beyond_the_limit(void **state)
{
    (void)state;
    child_run(lock_as_root);
}

/* --- working set --- */

static void working_set_below_the_hard_limit(void)
{
    struct spd_working_set set;
    struct spd_diag diag;

    child_limit(RLIMIT_MEMLOCK, 64 * KIB, 6 * MIB);
    child_become_nobody();
    CHILD_CHECK(lock(4 * MIB, &diag) == 0);
    spd_working_set_enlarge(4 * MIB, &set);
    CHILD_CHECK(set.obtained_bytes == (int64_t)(6 * MIB));
    CHILD_CHECK_SHOW(set.note[0] == '\0', set.note);
    CHILD_CHECK(lock(4 * MIB, &diag) == 4 * MIB);
}

static void the_lock_limit_is_raised_to_the_hard_one(void **state)
{
    (void)state;
    child_run(working_set_below_the_hard_limit);
}

static void working_set_above_the_hard_limit(void)
{
    struct spd_working_set set;

    child_limit(RLIMIT_MEMLOCK, 64 * KIB, 5 * MIB);
    child_become_nobody();
    spd_working_set_enlarge(16 * MIB, &set);
    CHILD_CHECK(set.requested_bytes == (int64_t)(16 * MIB));
    CHILD_CHECK(set.obtained_bytes == (int64_t)(5 * MIB));
    CHILD_CHECK_SHOW(strstr(set.note, "memlock") != NULL, set.note);
    CHILD_CHECK_SHOW(strstr(set.note, "cap_ipc_lock") != NULL, set.note);
}

static void no_more_than_the_hard_limit_is_claimed(void **state)
{
    (void)state;
    child_run(working_set_above_the_hard_limit);
}

static void working_set_as_root(void)
{
    struct spd_working_set set;

    if (geteuid() != 0) {
        child_skip("needs root");
    }
    child_limit(RLIMIT_MEMLOCK, 64 * KIB, 64 * KIB);
    spd_working_set_enlarge(16 * MIB, &set);
    CHILD_CHECK(set.obtained_bytes >= (int64_t)(16 * MIB));
    CHILD_CHECK_SHOW(set.note[0] == '\0', set.note);
}

static void root_gets_the_working_set_that_it_asks_for(void **state)
{
    (void)state;
    child_run(working_set_as_root);
}

/* --- priority --- */

static void no_priority_at_all(void)
{
    struct spd_priority_grant grant;

    child_limit(RLIMIT_RTPRIO, 0, 0);
    child_limit(RLIMIT_NICE, 0, 0);
    child_become_nobody();
    spd_sched_probe(&grant);
    CHILD_CHECK_SHOW(grant.obtained == SPD_PRIORITY_NORMAL, grant.text);
    CHILD_CHECK_SHOW(strstr(grant.text, "SCHED_OTHER") != NULL, grant.text);
    CHILD_CHECK_SHOW(strstr(grant.note, "EPERM") != NULL, grant.note);
    CHILD_CHECK_SHOW(strstr(grant.note, "run as root") != NULL, grant.note);
    CHILD_CHECK_SHOW(strstr(grant.note, "rtprio") != NULL, grant.note);
    CHILD_CHECK_SHOW(strstr(grant.note, "cap_sys_nice") != NULL, grant.note);
    spd_sched_raise(&grant);
    CHILD_CHECK(sched_getscheduler(0) == SCHED_OTHER);
    spd_sched_restore(&grant);
}

static void without_rights_the_priority_stays_normal_and_the_remedy_is_told(void **state)
{
    (void)state;
    child_run(no_priority_at_all);
}

static void nice_by_limit(void)
{
    static const struct {
        unsigned long limit;
        int nice_value;
    } rows[] = { { 40, -20 }, { 25, -5 } };

    for (size_t row = 0; row < sizeof rows / sizeof rows[0]; row++) {
        struct spd_priority_grant grant;
        char expected[32];
        int before = getpriority(PRIO_PROCESS, 0);

        child_limit(RLIMIT_RTPRIO, 0, 0);
        child_limit(RLIMIT_NICE, rows[row].limit, rows[row].limit);
        child_become_nobody();
        spd_sched_probe(&grant);
        snprintf(expected, sizeof expected, "nice %d", rows[row].nice_value);
        CHILD_CHECK_SHOW(grant.obtained == SPD_PRIORITY_NICE, grant.text);
        CHILD_CHECK_SHOW(strstr(grant.text, expected) != NULL, grant.text);
        CHILD_CHECK_SHOW(strstr(grant.note, "rtprio") != NULL, grant.note);
        CHILD_CHECK(getpriority(PRIO_PROCESS, 0) == before);
        spd_sched_raise(&grant);
        CHILD_CHECK(getpriority(PRIO_PROCESS, 0) == rows[row].nice_value);
        spd_sched_restore(&grant);
        CHILD_CHECK(getpriority(PRIO_PROCESS, 0) == before);
    }
}

static void nice_is_the_next_best(void **state)
{
    (void)state;
    child_run(nice_by_limit);
}

static void fifo_by_limit(void)
{
    struct spd_priority_grant grant;
    struct sched_param param;

    child_limit(RLIMIT_RTPRIO, 10, 10);
    child_become_nobody();
    spd_sched_probe(&grant);
    CHILD_CHECK_SHOW(grant.obtained == SPD_PRIORITY_TIME_CRITICAL, grant.note);
    CHILD_CHECK_SHOW(strcmp(grant.text, "SCHED_FIFO 10") == 0, grant.text);
    CHILD_CHECK_SHOW(strstr(grant.note, "RLIMIT_RTPRIO") != NULL, grant.note);
    spd_sched_raise(&grant);
    CHILD_CHECK(sched_getscheduler(0) == SCHED_FIFO);
    CHILD_CHECK(sched_getparam(0, &param) == 0 && param.sched_priority == 10);
    spd_sched_restore(&grant);
    CHILD_CHECK(sched_getscheduler(0) == SCHED_OTHER);
}

static void a_low_real_time_limit_is_used_to_the_full(void **state)
{
    (void)state;
    child_run(fifo_by_limit);
}

static void fifo_as_root(void)
{
    struct spd_priority_grant grant;

    if (geteuid() != 0) {
        child_skip("needs root");
    }
    spd_sched_probe(&grant);
    if (grant.obtained != SPD_PRIORITY_TIME_CRITICAL) {
        child_skip(grant.note); /* a container without the right */
    }
    CHILD_CHECK_SHOW(strcmp(grant.text, "SCHED_FIFO 50") == 0, grant.text);
    CHILD_CHECK_SHOW(grant.note[0] == '\0', grant.note);
}

static void root_gets_fifo_50_and_no_note(void **state)
{
    (void)state;
    child_run(fifo_as_root);
}

/* --- threads --- */

static void do_nothing(void *unused)
{
    (void)unused;
}

static void no_more_threads(void)
{
    const struct spd_cport_config config = { .concurrency_limit = 1 };
    struct spd_cport *port;
    struct spd_diag diag = { 0 };
    struct spd_thread *thread = (void *)&diag;

    CHILD_CHECK_SHOW(spd_cport_create(&config, &port, &diag) == SPD_ERR_OK, diag.text);
    child_limit(RLIMIT_NPROC, 1, 1);
    child_become_nobody();
    CHILD_CHECK(spd_thread_start(&thread, "one more", do_nothing, NULL) == SPD_ERR_LIMIT);
    CHILD_CHECK(thread == (void *)&diag);
    CHILD_CHECK(spd_console_watch(port, 1, &diag) == SPD_ERR_LIMIT);
    CHILD_CHECK_SHOW(strstr(diag.text, "limit") != NULL, diag.text);
    spd_console_unwatch();
}

static void too_many_threads_are_refused_as_a_limit(void **state)
{
    (void)state;
    child_run(no_more_threads);
}

/* --- sockets --- */

static enum spd_err open_udp(const char *local, uint16_t local_port, size_t buffer_bytes,
                             struct spd_udp_facts *facts, struct spd_diag *diag)
{
    const struct spd_cport_config config = { .single_owner = true };
    struct spd_udp_config udp_config = { .tclass = -1,
                                         .send_buffer_bytes = buffer_bytes,
                                         .receive_buffer_bytes = buffer_bytes };
    struct spd_completion completion;
    struct spd_cport *port;
    struct spd_udp *udp = NULL;
    enum spd_err err;
    size_t n;

    memset(diag, 0, sizeof *diag);
    CHILD_CHECK_SHOW(spd_cport_create(&config, &port, diag) == SPD_ERR_OK, diag->text);
    CHILD_CHECK(spd_addr_parse_host(local, &udp_config.local));
    udp_config.local.port = local_port;
    err = spd_udp_open(port, 1, &udp_config, &udp, diag);
    if (err == SPD_ERR_OK) {
        spd_udp_facts(udp, facts);
        spd_udp_close(udp);
    }
    spd_cport_close(port);
    while (spd_cport_wait(port, &completion, 1, &n, SPD_NS_FOREVER) == SPD_ERR_OK) {
    }
    spd_cport_destroy(port);
    return err;
}

static void reserved_port_as_nobody(void)
{
    struct spd_udp_facts facts;
    struct spd_diag diag;
    enum spd_err err;

    child_own_network(); /* where port 862 is nobody's, and the limit 1024 */
    child_become_nobody();
    err = open_udp("127.0.0.1", 862, 0, &facts, &diag);
    CHILD_CHECK_SHOW(err == SPD_ERR_PERM && diag.err == err, diag.text);
    CHILD_CHECK_SHOW(strstr(diag.text, "127.0.0.1:862") != NULL, diag.text);
    CHILD_CHECK_SHOW(strstr(diag.text, "root") != NULL, diag.text);
    CHILD_CHECK_SHOW(strstr(diag.text, "cap_net_bind_service") != NULL, diag.text);
    err = open_udp("127.0.0.1", 8620, 0, &facts, &diag);
    CHILD_CHECK_SHOW(err == SPD_ERR_OK, diag.text);
    CHILD_CHECK(facts.local.port == 8620);
}

static void port_862_is_not_permitted_to_nobody(void **state)
{
    (void)state;
    child_run(reserved_port_as_nobody);
}

static void reserved_port_as_root(void)
{
    struct spd_udp_facts facts;
    struct spd_diag diag;

    child_own_network();
    CHILD_CHECK_SHOW(open_udp("127.0.0.1", 862, 0, &facts, &diag) == SPD_ERR_OK, diag.text);
    CHILD_CHECK(facts.local.port == 862);
}

static void port_862_is_permitted_to_root(void **state)
{
    (void)state;
    child_run(reserved_port_as_root);
}

static void large_buffers_as_nobody(void)
{
    struct spd_udp_facts facts;
    struct spd_diag diag;

    child_become_nobody();
    CHILD_CHECK_SHOW(open_udp("127.0.0.1", 0, 64 * MIB, &facts, &diag) == SPD_ERR_OK, diag.text);
    CHILD_CHECK(facts.send_buffer_bytes > 0);
    CHILD_CHECK(facts.receive_buffer_bytes > 0);
    if (facts.send_buffer_bytes < (int64_t)(64 * MIB) ||
        facts.receive_buffer_bytes < (int64_t)(64 * MIB)) {
        CHILD_CHECK(facts.note[0] != '\0');
    }
}

static void smaller_buffers_than_asked_are_told(void **state)
{
    (void)state;
    child_run(large_buffers_as_nobody);
}

static void large_buffers_as_root(void)
{
    struct spd_udp_facts facts;
    struct spd_diag diag;

    if (geteuid() != 0) {
        child_skip("needs root");
    }
    CHILD_CHECK_SHOW(open_udp("127.0.0.1", 0, 64 * MIB, &facts, &diag) == SPD_ERR_OK, diag.text);
    CHILD_CHECK(facts.send_buffer_bytes >= (int64_t)(64 * MIB));
    CHILD_CHECK(facts.receive_buffer_bytes >= (int64_t)(64 * MIB));
}

static void root_gets_the_buffers_that_it_asks_for(void **state)
{
    (void)state;
    child_run(large_buffers_as_root);
}

/* --- io_uring --- */

/* From here on io_uring_setup fails with os_errno, as under the switch
 * kernel.io_uring_disabled (EPERM) or in a container (EPERM, ENOSYS). */
static void deny_io_uring(unsigned os_errno)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | os_errno),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { .len = sizeof code / sizeof code[0], .filter = code };

    CHILD_CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0) {
        child_skip("this kernel has no seccomp filters");
    }
}

static void expect_denial(enum spd_err expected, const char *remedy)
{
    for (int single_owner = 0; single_owner <= 1; single_owner++) {
        const struct spd_cport_config config = { .single_owner = single_owner != 0 };
        struct spd_diag diag = { 0 };
        struct spd_cport *port = (void *)&diag;
        enum spd_err err = spd_cport_create(&config, &port, &diag);

        CHILD_CHECK_SHOW(err == expected && diag.err == expected, diag.text);
        CHILD_CHECK_SHOW(strstr(diag.text, "io_uring") != NULL, diag.text);
        CHILD_CHECK(port == (void *)&diag);
        CHILD_CHECK_SHOW(strstr(diag.text, remedy) != NULL, diag.text);
    }
}

/* The switch is the whole machine's: a file stands before it, for this child
 * alone, that says what it would. */
static void show_switch(const char *value)
{
    static const char path[] = "/proc/sys/kernel/io_uring_disabled";
    char name[] = "io_uring-switch-XXXXXX";
    int fd = mkstemp(name);

    CHILD_CHECK(fd >= 0);
    CHILD_CHECK(write(fd, value, strlen(value)) == (ssize_t)strlen(value));
    close(fd);
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount(name, path, NULL, MS_BIND, NULL) != 0) {
        unlink(name);
        child_skip("needs root, to put a file before the switch");
    }
    unlink(name);
}

static void denied_by_switch(void)
{
    show_switch("2\n");
    deny_io_uring(EPERM);
    expect_denial(SPD_ERR_PERM, "kernel.io_uring_disabled=0");
}

static void denied_io_uring_names_the_switch(void **state)
{
    (void)state;
    child_run(denied_by_switch);
}

static void denied_by_profile(void)
{
    deny_io_uring(EPERM);
    expect_denial(SPD_ERR_PERM, "seccomp");
}

static void io_uring_denied_by_a_container_names_its_profile(void **state)
{
    (void)state;
    child_run(denied_by_profile);
}

static void absent_from_kernel(void)
{
    deny_io_uring(ENOSYS);
    expect_denial(SPD_ERR_NOTSUP, "io_uring");
}

static void a_kernel_without_io_uring_is_not_supported(void **state)
{
    (void)state;
    child_run(absent_from_kernel);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(memory_beyond_the_lock_limit_is_there_but_not_locked),
        cmocka_unit_test(where_nothing_may_be_locked_the_reason_is_told),
        cmocka_unit_test(root_locks_beyond_the_limit),
        cmocka_unit_test(the_lock_limit_is_raised_to_the_hard_one),
        cmocka_unit_test(no_more_than_the_hard_limit_is_claimed),
        cmocka_unit_test(root_gets_the_working_set_that_it_asks_for),
        cmocka_unit_test(without_rights_the_priority_stays_normal_and_the_remedy_is_told),
        cmocka_unit_test(nice_is_the_next_best),
        cmocka_unit_test(a_low_real_time_limit_is_used_to_the_full),
        cmocka_unit_test(root_gets_fifo_50_and_no_note),
        cmocka_unit_test(too_many_threads_are_refused_as_a_limit),
        cmocka_unit_test(port_862_is_not_permitted_to_nobody),
        cmocka_unit_test(port_862_is_permitted_to_root),
        cmocka_unit_test(smaller_buffers_than_asked_are_told),
        cmocka_unit_test(root_gets_the_buffers_that_it_asks_for),
        cmocka_unit_test(denied_io_uring_names_the_switch),
        cmocka_unit_test(io_uring_denied_by_a_container_names_its_profile),
        cmocka_unit_test(a_kernel_without_io_uring_is_not_supported),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
