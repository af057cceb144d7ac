/*
 * A veth pair between two namespaces; see posix_link.h.
 */
#include "tests/sys/posix_link.h"

#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/sys/posix_child.h"

static int west = -1;
static int east = -1;

static bool shell(const char *prefix, const char *arguments)
{
    char command[300];

    snprintf(command, sizeof command, "PATH=$PATH:/usr/sbin:/sbin %s %s", prefix, arguments);
    return system(command) == 0;
}

static void must(const char *prefix, const char *arguments)
{
    CHILD_CHECK_SHOW(shell(prefix, arguments), arguments);
}

/* A process that only holds the other namespace open while it is needed. */
static pid_t hold_namespace(void)
{
    int ready[2];
    char byte = 0;

    CHILD_CHECK(pipe(ready) == 0);
    pid_t pid = fork();

    CHILD_CHECK(pid >= 0);
    if (pid == 0) {
        (void)prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (unshare(CLONE_NEWNET) == 0) {
            (void)write(ready[1], "1", 1);
        }
        (void)close(ready[1]);
        for (;;) {
            (void)pause();
        }
    }
    (void)close(ready[1]);
    CHILD_CHECK(read(ready[0], &byte, 1) == 1);
    (void)close(ready[0]);
    return pid;
}

/* A new link is not ready at once: until the kernel has noticed its carrier, it
 * drops what is sent. */
static void await_running(const char *name)
{
    struct ifreq request;
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    CHILD_CHECK(fd >= 0);
    memset(&request, 0, sizeof request);
    snprintf(request.ifr_name, sizeof request.ifr_name, "%s", name);
    do { /* the child's alarm ends it */
        CHILD_CHECK(ioctl(fd, SIOCGIFFLAGS, &request) == 0);
        (void)usleep(1000);
    } while ((request.ifr_flags & IFF_RUNNING) == 0);
    (void)close(fd);
}

void link_up(void)
{
    char text[160];
    pid_t pid;

    child_own_network();
    if (!shell("ip link show lo", ">/dev/null 2>&1") || !shell("tc -V", ">/dev/null 2>&1")) {
        child_skip("needs the programs ip and tc (package iproute2)");
    }
    pid = hold_namespace();
    snprintf(text, sizeof text, "/proc/%d/ns/net", (int)pid);
    west = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
    east = open(text, O_RDONLY | O_CLOEXEC);
    CHILD_CHECK(west >= 0 && east >= 0);
    snprintf(text, sizeof text, "link add west type veth peer name east netns %d", (int)pid);
    must("ip", text);
    must("ip", "address add 192.0.2.1/24 dev west");
    must("ip", "address add 2001:db8::1/64 dev west nodad");
    must("ip", "link set west up");
    link_go_east();
    must("ip", "link set lo up");
    must("ip", "address add 192.0.2.2/24 dev east");
    must("ip", "address add 2001:db8::2/64 dev east nodad");
    must("ip", "link set east up");
    await_running("east");
    link_go_west();
    await_running("west");
    (void)kill(pid, SIGKILL); /* the descriptors hold the namespaces now */
}

void link_tc(const char *arguments)
{
    if (!shell("tc", arguments)) {
        child_skip("this kernel cannot shape a link as the test needs it");
    }
}

void link_go_east(void)
{
    CHILD_CHECK(setns(east, CLONE_NEWNET) == 0);
}

void link_go_west(void)
{
    CHILD_CHECK(setns(west, CLONE_NEWNET) == 0);
}
