/*
 * Programs in hosts; see net.h. Their output goes to files in memory, so that
 * a program never waits for its reader and no thread has to read.
 */
#include "tests/net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/net/net_private.h"

enum { NOBODY = 65534, PROGRAMS_MAX = 128, WORDS_MAX = 64, AWAIT_S = 60 };

struct net_program {
    pid_t pid; /* 0 once it has ended and was waited for */
    int pid_fd;
    int out_fd, err_fd;
    int status;
    char *out, *err; /* as last read */
    char name[200];  /* for messages */
};

static struct net_program programs[PROGRAMS_MAX];
static size_t n_programs;
static char *used[8];
static size_t n_used;

void net_use(int argc, char **argv)
{
    if (argc < 1 || (size_t)argc > sizeof(used) / sizeof(used[0])) {
        fprintf(stderr, "usage: TEST COMMAND... (the program under test)\n");
        exit(2);
    }
    n_used = (size_t)argc;
    memcpy(used, argv, n_used * sizeof(used[0]));
}

const char *net_used(void)
{
    return used[n_used - 1];
}

pid_t net_fork(void)
{
    pid_t parent = getpid(), pid = fork();

    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(126);
    }
    return pid;
}

static void limit(__rlimit_resource_t resource, rlim_t value)
{
    struct rlimit r = { value, value };

    if (setrlimit(resource, &r) != 0)
        _exit(126);
}

/* A user without rights may not even reach the program's folder: that is why
 * it is opened before. */
static void become_nobody(void)
{
    pid_t parent = getppid();

    limit(RLIMIT_MEMLOCK, 8 << 20); /* what Linux gives by itself */
    limit(RLIMIT_RTPRIO, 0);
    limit(RLIMIT_NICE, 0);
    if (setgroups(0, NULL) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        _exit(126);
    /* The change of user has cleared it. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent)
        _exit(126);
}

static _Noreturn void become(const struct net_program *p, const struct net_how *how, char **words)
{
    int in = open("/dev/null", O_RDONLY), out = p->out_fd, program = -1;
    extern char **environ;

    if (how->output)
        out = open(how->output, O_WRONLY | O_CREAT | O_TRUNC, 0666);
    if (in < 0 || out < 0 || dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(p->err_fd, 2) < 0)
        _exit(126);
    if (!net_enter(how->host))
        _exit(126);
    if (strchr(words[0], '/'))
        program = open(words[0], O_PATH | O_CLOEXEC);
    if (how->nobody)
        become_nobody();
    if (program >= 0 && how->nobody)
        fexecve(program, words, environ);
    execvp(words[0], words);
    fprintf(stderr, "cannot run %s: %s\n", words[0], strerror(errno));
    _exit(127);
}

bool net_ended_within(struct net_program *p, int timeout_ms)
{
    struct pollfd fd = { .fd = p->pid_fd, .events = POLLIN };

    if (p->pid == 0)
        return true;
    if (poll(&fd, 1, timeout_ms) <= 0)
        return false;
    while (waitpid(p->pid, &p->status, 0) < 0)
        assert_int_equal(errno, EINTR);
    p->pid = 0;
    return true;
}

static struct net_program *new_program(const char *name)
{
    struct net_program *p = &programs[n_programs];

    assert_true(n_programs < PROGRAMS_MAX);
    memset(p, 0, sizeof(*p));
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->out_fd = memfd_create("standard output", MFD_CLOEXEC);
    p->err_fd = memfd_create("standard error", MFD_CLOEXEC);
    assert_true(p->out_fd >= 0 && p->err_fd >= 0);
    fflush(NULL); /* or the child says it again */
    p->pid = net_fork();
    if (p->pid == 0)
        return p;
    n_programs++;
    assert_true(p->pid > 0);
    p->pid_fd = pidfd_open(p->pid, 0);
    assert_true(p->pid_fd >= 0);
    return p;
}

struct net_program *net_start_command(const struct net_how *how, char *const *words, size_t n_words,
                                      const char *arguments)
{
    struct net_program *p;
    char name[200], *copy = net_alloc(strlen(arguments) + 1), *rest = copy, *all[WORDS_MAX];
    size_t n = 0;

    strcpy(copy, arguments);
    for (; n < n_words; n++)
        all[n] = words[n];
    for (char *word; (word = strsep(&rest, " ")) != NULL;)
        if (*word) {
            assert_true(n + 1 < WORDS_MAX);
            all[n++] = word;
        }
    all[n] = NULL;
    snprintf(name, sizeof(name), "%s %s", n_words > 0 ? words[n_words - 1] : "", arguments);
    p = new_program(name);
    if (p->pid == 0)
        become(p, how, all);
    return p;
}

struct net_program *net_start_body(enum net_host host, void (*body)(void *), void *argument)
{
    struct net_program *p = new_program("a child of the test");

    if (p->pid == 0) {
        if (!net_enter(host))
            _exit(126);
        body(argument);
        _exit(0);
    }
    return p;
}

struct net_program *net_start(const struct net_how *how, const char *format, ...)
{
    char text[2000];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert_true(n >= 0 && (size_t)n < sizeof(text));
    return net_start_command(how, used, n_used, text);
}

/* All of a file in memory, as text. Its offset is the writer's: leave it alone. */
static const char *read_all(int fd, char **text)
{
    struct stat facts;
    ssize_t n;

    assert_int_equal(fstat(fd, &facts), 0);
    free(*text);
    *text = malloc((size_t)facts.st_size + 1);
    assert_non_null(*text);
    n = pread(fd, *text, (size_t)facts.st_size, 0);
    (*text)[n > 0 ? n : 0] = '\0';
    return *text;
}

const char *net_out(struct net_program *p)
{
    return read_all(p->out_fd, &p->out);
}

const char *net_err(struct net_program *p)
{
    return read_all(p->err_fd, &p->err);
}

void net_await(struct net_program *p, const char *text)
{
    for (int i = 0; i < AWAIT_S * 100; i++) {
        bool ended = net_ended_within(p, 10);

        if (strstr(net_err(p), text))
            return;
        if (ended)
            break;
    }
    fail_msg("%s: never said \"%s\"; it said: %s", p->name, text, net_err(p));
}

void net_signal(struct net_program *p, int number)
{
    if (p->pid > 0)
        kill(p->pid, number);
}

int net_wait(struct net_program *p, int seconds)
{
    if (!net_ended_within(p, seconds * 1000)) {
        char *said = strdup(net_err(p));

        kill(p->pid, SIGKILL);
        net_ended_within(p, -1);
        print_error("%s\n", said ? said : "");
        free(said);
        fail_msg("%s: still ran after %d s", p->name, seconds);
    }
    return WIFEXITED(p->status) ? WEXITSTATUS(p->status) : 128 + WTERMSIG(p->status);
}

json_t *net_result(struct net_program *p, int seconds)
{
    int code = net_wait(p, seconds);
    json_error_t error;
    json_t *root;

    if (code != 0)
        fail_msg("%s: exit code %d: %s", p->name, code, net_err(p));
    root = json_loads(net_out(p), JSON_REJECT_DUPLICATES, &error);
    if (!root)
        fail_msg("%s: not JSON: line %d: %s", p->name, error.line, error.text);
    net_keep_json(root);
    return root;
}

struct net_program *net_reflector(const struct net_how *how, const char *address, uint16_t port,
                                  const char *options)
{
    struct net_program *p = net_start(
        how, strchr(address, ':') ? "reflect --listen [%s]:%u %s" : "reflect --listen %s:%u %s",
        address, port, options);

    net_await(p, "reflecting on ");
    return p;
}

void net_programs_end(void)
{
    for (size_t i = 0; i < n_programs; i++) {
        struct net_program *p = &programs[i];

        if (p->pid > 0) {
            kill(p->pid, SIGKILL);
            while (waitpid(p->pid, NULL, 0) < 0 && errno == EINTR)
                ;
        }
        close(p->pid_fd);
        close(p->out_fd);
        close(p->err_fd);
        free(p->out);
        free(p->err);
    }
    n_programs = 0;
}
