/*
 * A child and a pipe to hear it. Blocks the calling thread until it ends.
 */
#include "posix/child.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

/* All of it is read, so that the child never waits for us; the start is kept. */
static void listen_to(int fd, char *output, size_t capacity)
{
    char spare[256];
    size_t n_kept = 0;
    ssize_t n;

    do {
        size_t room = capacity - 1 - n_kept;

        n = read(fd, room > 0 ? output + n_kept : spare, room > 0 ? room : sizeof spare);
        if (n > 0 && room > 0) {
            n_kept += (size_t)n;
        }
    } while (n > 0 || (n < 0 && errno == EINTR));
    output[n_kept] = '\0';
}

static int start(char *const argv[], int output_fd, pid_t *pid)
{
    posix_spawn_file_actions_t actions;
    int rc = posix_spawn_file_actions_init(&actions);

    if (rc != 0) {
        return rc;
    }
    rc = posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    if (rc == 0) {
        rc = posix_spawn_file_actions_adddup2(&actions, output_fd, STDOUT_FILENO);
    }
    if (rc == 0) {
        rc = posix_spawn_file_actions_adddup2(&actions, output_fd, STDERR_FILENO);
    }
    if (rc == 0) {
        rc = posix_spawnp(pid, argv[0], &actions, NULL, argv, environ);
    }
    (void)posix_spawn_file_actions_destroy(&actions);
    return rc;
}

int spd_child_run(char *const argv[], char *output, size_t capacity, int *status)
{
    int fds[2], raw = 0, rc;
    pid_t pid = 0;

    output[0] = '\0';
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return errno;
    }
    rc = start(argv, fds[1], &pid);
    close(fds[1]);
    if (rc == 0) {
        listen_to(fds[0], output, capacity);
        while (waitpid(pid, &raw, 0) < 0) {
            if (errno != EINTR) {
                rc = errno;
                break;
            }
        }
    }
    close(fds[0]);
    if (rc == 0) {
        *status = WIFEXITED(raw) ? WEXITSTATUS(raw) : 128 + WTERMSIG(raw);
    }
    return rc;
}
