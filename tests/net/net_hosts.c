/*
 * Hosts and links; see net.h. A host is a descriptor of a network namespace
 * that this process holds, and nothing else.
 */
#include "tests/net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <sched.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/net/net_private.h"

static int here_fd = -1;
static int host_fd[NET_N_HOSTS] = { -1, -1, -1 };

_Noreturn void net_skip_all(const char *why)
{
    printf("skipped: %s\n", why);
    fflush(NULL);
    exit(77);
}

static void open_here(void)
{
    if (here_fd < 0)
        here_fd = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    assert_true(here_fd >= 0);
}

bool net_enter(enum net_host host)
{
    return host == NET_HERE || (host_fd[host] >= 0 && setns(host_fd[host], CLONE_NEWNET) == 0);
}

void net_leave(enum net_host host)
{
    if (host != NET_HERE && setns(here_fd, CLONE_NEWNET) != 0) {
        perror("cannot return to the test's own network");
        abort();
    }
}

int net_socket(enum net_host host, int domain, int type, int protocol)
{
    int fd;

    open_here();
    assert_true(net_enter(host));
    fd = socket(domain, type | SOCK_CLOEXEC, protocol);
    net_leave(host);
    if (fd < 0)
        fail_msg("no socket: %s", strerror(errno));
    net_keep_fd(fd);
    return fd;
}

enum { FIRST_PORT = 12000, N_PORTS = 20000 }; /* below what systems give */

uint16_t net_free_port(enum net_host host)
{
    /* Not one that the system gives: another program's socket might have it by the
     * time at which it is used. Nor the one given before. */
    static unsigned next;
    struct sockaddr_in at = { .sin_family = AF_INET };
    int rc;

    if (next == 0)
        next = (unsigned)getpid();
    do {
        int fd = net_socket(host, AF_INET, SOCK_DGRAM, 0);

        at.sin_port = htons((uint16_t)(FIRST_PORT + next++ * 7 % N_PORTS));
        rc = bind(fd, (struct sockaddr *)&at, sizeof(at));
        net_drop_fd(fd);
    } while (rc != 0);
    return ntohs(at.sin_port);
}

/* ip and tc live where only root looks for programs. */
static void set_path(void)
{
    char path[4096];
    const char *old = getenv("PATH");

    snprintf(path, sizeof(path), "%s:/usr/sbin:/sbin", old ? old : "/usr/bin:/bin");
    setenv("PATH", path, 1);
}

/* Runs a command; its output is kept in said. Returns its exit status. */
static int run_shell(enum net_host host, const char *command, char *said, size_t n_said)
{
    int out[2], status = -1;
    size_t n = 0;
    ssize_t got;
    pid_t pid;

    if (pipe2(out, O_CLOEXEC) != 0)
        return -1;
    fflush(NULL);
    pid = net_fork();
    if (pid == 0) {
        if (host != NET_HERE && setns(host_fd[host], CLONE_NEWNET) != 0)
            _exit(126);
        dup2(out[1], 1);
        dup2(out[1], 2);
        execl("/bin/sh", "sh", "-c", command, (char *)NULL);
        _exit(127);
    }
    close(out[1]);
    while (n + 1 < n_said && (got = read(out[0], said + n, n_said - 1 - n)) > 0)
        n += (size_t)got;
    said[n] = '\0';
    close(out[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    return status;
}

void net_sh(enum net_host host, const char *format, ...)
{
    char command[2000], said[2000];
    va_list arguments;
    int status;

    va_start(arguments, format);
    vsnprintf(command, sizeof(command), format, arguments);
    va_end(arguments);
    status = run_shell(host, command, said, sizeof(said));
    if (status != 0)
        fail_msg("\"%s\" in host %d failed (%d): %s", command, (int)host, status, said);
}

void net_require_hosts(void)
{
    char said[500];

    set_path();
    open_here();
    if (unshare(CLONE_NEWNET) != 0) {
        snprintf(said, sizeof(said), "network namespaces are not allowed here (%s); run as root",
                 strerror(errno));
        net_skip_all(said);
    }
    net_leave(NET_NEAR);
    if (run_shell(NET_HERE, "ip -V && tc -V", said, sizeof(said)) != 0)
        net_skip_all("ip or tc is missing; apt-get install iproute2");
}

static void new_host(enum net_host host)
{
    if (host_fd[host] >= 0)
        close(host_fd[host]);
    open_here();
    if (unshare(CLONE_NEWNET) != 0)
        fail_msg("no network namespace: %s", strerror(errno));
    host_fd[host] = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
    net_leave(host);
    assert_true(host_fd[host] >= 0);
    /* Router solicitations and the like would cross the links, and so would
     * the probes of neighbours that are known already. */
    net_sh(host, "echo 1 >/proc/sys/net/ipv6/conf/default/disable_ipv6 || true;"
                 "ip link set lo up");
}

/* A veth pair between two hosts, each end with an address. */
static void join(enum net_host a, const char *name_a, const char *addr_a, enum net_host b,
                 const char *name_b, const char *addr_b, int prefix)
{
    static const char mac[] = "02:00:00:00:00:";

    net_sh(a,
           "ip link add %s address %s%02x type veth peer name %s address %s%02x netns "
           "/proc/%d/fd/%d",
           name_a, mac, 2 * (int)a + 1, name_b, mac, 2 * (int)b + 2, (int)getpid(), host_fd[b]);
    net_sh(a,
           "ip addr add %s/%d dev %s && ip link set %s up && "
           "ip neigh replace %s lladdr %s%02x dev %s nud permanent",
           addr_a, prefix, name_a, name_a, addr_b, mac, 2 * (int)b + 2, name_a);
    net_sh(b,
           "ip addr add %s/%d dev %s && ip link set %s up && "
           "ip neigh replace %s lladdr %s%02x dev %s nud permanent",
           addr_b, prefix, name_b, name_b, addr_a, mac, 2 * (int)a + 1, name_b);
}

void net_build(enum net_layout layout)
{
    new_host(NET_NEAR);
    new_host(NET_FAR);
    if (layout == NET_DIRECT) {
        join(NET_NEAR, "n0", NET_NEAR_ADDR, NET_FAR, "f0", NET_FAR_ADDR, 16);
        return;
    }
    new_host(NET_ROUTER);
    join(NET_NEAR, "n0", NET_NEAR_ADDR, NET_ROUTER, "r1", "10.77.1.254", 24);
    join(NET_ROUTER, "r2", "10.77.2.254", NET_FAR, "f0", NET_FAR_ADDR, 24);
    net_sh(NET_ROUTER, "echo 1 >/proc/sys/net/ipv4/ip_forward");
    net_sh(NET_NEAR, "ip route add default via 10.77.1.254");
    net_sh(NET_FAR, "ip route add default via 10.77.2.254");
}

void net_hosts_end(void)
{
    for (int i = 0; i < NET_N_HOSTS; i++) {
        if (host_fd[i] >= 0)
            close(host_fd[i]);
        host_fd[i] = -1;
    }
}
