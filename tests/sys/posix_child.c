/*
 * Forked children for tests; see posix_child.h.
 */
#include "tests/sys/posix_child.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cmocka.h>

enum { NOBODY = 65534, SKIPPED = 77, PATIENCE_S = 60 };

_Noreturn void child_fail(const char *file, int line, const char *what, const char *text)
{
    fprintf(stderr, "%s:%d: not true in the child: %s %s\n", file, line, what, text);
    fflush(NULL);
    _exit(1);
}

_Noreturn void child_skip(const char *why)
{
    printf("skipped: %s\n", why);
    fflush(NULL);
    _exit(SKIPPED);
}

static int run(void (*body)(void))
{
    int status = 0;
    pid_t pid;

    fflush(NULL); /* or the child says it again */
    pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        alarm(PATIENCE_S);
        body();
        fflush(NULL);
        _exit(0);
    }
    while (waitpid(pid, &status, 0) < 0) {
        assert_int_equal(errno, EINTR);
    }
    return status;
}

void child_run(void (*body)(void))
{
    int status = run(body);

    if (WIFEXITED(status) && WEXITSTATUS(status) == SKIPPED) {
        skip();
    }
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fail_msg("the child ended with %s %d", WIFEXITED(status) ? "status" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status));
    }
}

void child_run_to_death(void (*body)(void), int signal_number)
{
    int status = run(body);

    if (!WIFSIGNALED(status) || WTERMSIG(status) != signal_number) {
        fail_msg("the child ended with %s %d, expected signal %d",
                 WIFEXITED(status) ? "status" : "signal",
                 WIFEXITED(status) ? WEXITSTATUS(status) : WTERMSIG(status), signal_number);
    }
}

void child_become_nobody(void)
{
    if (geteuid() == NOBODY) {
        return;
    }
    if (geteuid() != 0 || setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0) {
        child_skip("needs root, to become nobody");
    }
}

void child_limit(int resource, unsigned long soft, unsigned long hard)
{
    struct rlimit limit = { soft, hard };

    if (setrlimit((__rlimit_resource_t)resource, &limit) != 0) {
        CHILD_CHECK(errno == EPERM);
        child_skip("needs the right to raise a hard limit (CAP_SYS_RESOURCE)");
    }
}

void child_own_network(void)
{
    struct ifreq request;
    int fd;

    if (unshare(CLONE_NEWNET) != 0) {
        child_skip("needs root, to have a network namespace");
    }
    memset(&request, 0, sizeof request);
    snprintf(request.ifr_name, sizeof request.ifr_name, "lo");
    fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    CHILD_CHECK(fd >= 0);
    CHILD_CHECK(ioctl(fd, SIOCGIFFLAGS, &request) == 0);
    request.ifr_flags = (short)(request.ifr_flags | IFF_UP);
    CHILD_CHECK(ioctl(fd, SIOCSIFFLAGS, &request) == 0);
    close(fd);
}
