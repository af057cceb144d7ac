/*
 * Two network namespaces and the link between them. The near one belongs to
 * this process, the far one is held by a child; both end with their process.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/bench/bench.h"

static int near_ns = -1, far_ns = -1;

/* A child that dies with its parent. */
static pid_t fork_child(void)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

static int open_ns(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof(path), "/proc/%d/ns/net", (int)pid);
    return open(path, O_RDONLY | O_CLOEXEC);
}

static bool run_in(int ns, const char *command)
{
    pid_t pid = fork_child();
    int status = 1;

    if (pid == 0) {
        if (setns(ns, CLONE_NEWNET) != 0)
            _exit(1);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    return pid > 0 && waitpid(pid, &status, 0) == pid && status == 0;
}

/* Holds the far namespace until the parent ends. */
static bool start_holder(pid_t *holder)
{
    int ready[2];
    char byte;

    if (pipe(ready) != 0)
        return false;
    *holder = fork_child();
    if (*holder == 0) {
        if (unshare(CLONE_NEWNET) != 0 || write(ready[1], "", 1) != 1)
            _exit(1);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    bool ok = *holder > 0 && read(ready[0], &byte, 1) == 1;
    close(ready[0]);
    return ok;
}

/* A new link carries nothing for some milliseconds, and packets that wait for
 * address resolution are few: go on when a first packet has come through. */
static bool path_carries(void)
{
    struct sockaddr_in far = { .sin_family = AF_INET, .sin_port = htons(9) };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool carries = false;

    inet_pton(AF_INET, BENCH_FAR, &far.sin_addr);
    if (fd < 0 || connect(fd, (struct sockaddr *)&far, sizeof(far)) != 0)
        bench_die("probe");
    for (int i = 0; i < 500 && !carries; i++) {
        (void)send(fd, "", 1, 0);
        usleep(10000);
        /* Nobody listens there, so what comes back is an ICMP error. */
        carries = send(fd, "", 1, 0) < 0 && errno == ECONNREFUSED;
    }
    close(fd);
    return carries;
}

bool bench_path_open(void)
{
    char command[300];
    pid_t holder;

    if (unshare(CLONE_NEWNET) != 0) {
        fprintf(stderr, "cannot make a network namespace: %s; run as root\n", strerror(errno));
        return false;
    }
    near_ns = open_ns(getpid());
    if (near_ns < 0 || !start_holder(&holder)) {
        fprintf(stderr, "cannot make the far host: %s\n", strerror(errno));
        return false;
    }
    far_ns = open_ns(holder);
    snprintf(command, sizeof(command),
             "ip link set lo up && ip link add bn0 type veth peer name bf0 netns %d && "
             "ip addr add " BENCH_NEAR "/24 dev bn0 && ip link set bn0 up",
             (int)holder);
    if (!run_in(near_ns, command) ||
        !run_in(far_ns, "ip link set lo up && ip addr add " BENCH_FAR
                        "/24 dev bf0 && ip link set bf0 up")) {
        fprintf(stderr, "cannot make the link: is the ip command (iproute2) there?\n");
        return false;
    }
    if (!path_carries()) {
        fprintf(stderr, "the link carries nothing\n");
        return false;
    }
    return true;
}

pid_t bench_far_start(void (*serve)(int ready_fd, int argument), int argument)
{
    int ready[2];
    char byte;
    pid_t pid;

    if (pipe(ready) != 0)
        bench_die("pipe");
    pid = fork_child();
    if (pid == 0) {
        if (setns(far_ns, CLONE_NEWNET) != 0)
            bench_die("setns");
        bench_pin(0);
        serve(ready[1], argument);
        _exit(0);
    }
    close(ready[1]);
    if (pid < 0 || read(ready[0], &byte, 1) != 1)
        bench_die("far host");
    close(ready[0]);
    return pid;
}

void bench_far_stop(pid_t pid)
{
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

int bench_far_socket(int domain, int type, int protocol)
{
    int fd;

    if (setns(far_ns, CLONE_NEWNET) != 0)
        bench_die("setns");
    fd = socket(domain, type, protocol);
    if (setns(near_ns, CLONE_NEWNET) != 0)
        bench_die("setns");
    return fd;
}
