/*
 * See service_kit.h.
 */
#include "tests/system/service_kit.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

enum { PATIENCE_S = 60, HISTORY_MAX = 100000 };

struct service service;

/* More than the harness below has places for. */
static json_t **lines;
static size_t n_lines;
static struct service_link *links;

static const struct net_how here = { .host = NET_HERE };

int64_t service_now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * NET_S + t.tv_nsec;
}

int service_setup(void **state)
{
    static unsigned n;
    char cwd[900];

    (void)state;
    memset(&service, 0, sizeof(service));
    service.notify_fd = -1;
    snprintf(service.folder, sizeof(service.folder), "service.%d.%u", (int)getpid(), n++);
    snprintf(service.control, sizeof(service.control), "%s/control.sock", service.folder);
    assert_non_null(getcwd(cwd, sizeof(cwd)));
    snprintf(service.path, sizeof(service.path), "%s/%s", cwd, service.folder);
    assert_int_equal(mkdir(service.folder, 0755), 0);
    service.port = net_free_port(NET_HERE);
    service.other_port = net_free_port(NET_HERE);
    service.metrics_port = net_free_port(NET_HERE); /* of TCP, where nobody is either */
    return 0;
}

int service_teardown(void **state)
{
    if (service.program)
        service_kill();
    if (service.notify_fd >= 0)
        close(service.notify_fd);
    while (links)
        service_unlink(links);
    while (n_lines > 0)
        json_decref(lines[--n_lines]);
    free(lines);
    lines = NULL;
    net_end(state);
    net_sh(NET_HERE, "rm -rf %s", service.folder);
    return net_end(state);
}

void service_configure(const char *format, ...)
{
    char path[128];
    va_list arguments;
    FILE *file;

    snprintf(path, sizeof(path), "%s/stampede.ini", service.folder);
    file = fopen(path, "w");
    assert_non_null(file);
    fprintf(file,
            "[service]\ndata-folder = %s/data\ncontrol = %s\n"
            "[reflector]\nenabled = yes\nlisten = 127.0.0.1:%u\n"
            "[metrics]\nenabled = yes\nlisten = 127.0.0.1:%u\n",
            service.path, service.control, service.port, service.metrics_port);
    va_start(arguments, format);
    vfprintf(file, format, arguments);
    va_end(arguments);
    assert_int_equal(fclose(file), 0);
}

/* ---------------------------------------------------------------- the service */

void service_start(void)
{
    service.pid = 0;
    service.program = net_start(&here, "service run --config %s/stampede.ini", service.folder);
    net_await(service.program, " serves; ");
}

void service_start_managed(unsigned watchdog_ms)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = PATIENCE_S };
    char text[32];

    service.pid = 0;
    snprintf(at.sun_path, sizeof(at.sun_path), "%s/notify", service.folder);
    service.notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    assert_true(service.notify_fd >= 0);
    assert_int_equal(bind(service.notify_fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(
        setsockopt(service.notify_fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    /* systemd's path is absolute, and must fit. */
    snprintf(at.sun_path, sizeof(at.sun_path), "/proc/%d/cwd/%s/notify", (int)getpid(),
             service.folder);
    snprintf(text, sizeof(text), "%u000", watchdog_ms);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    setenv("WATCHDOG_USEC", text, 1);
    unsetenv("WATCHDOG_PID");
    service.program = net_start(&here, "service run --config %s/stampede.ini", service.folder);
    unsetenv("NOTIFY_SOCKET");
    unsetenv("WATCHDOG_USEC");
}

void service_hear_notice(const char *text)
{
    int64_t until_ns = service_now_ns() + PATIENCE_S * NET_S;

    while (service_now_ns() < until_ns) {
        ssize_t n = recv(service.notify_fd, service.heard, sizeof(service.heard) - 1, 0);

        if (n < 0 && errno != EINTR)
            break;
        service.heard[n > 0 ? n : 0] = '\0';
        if (strncmp(service.heard, text, strlen(text)) == 0)
            return;
    }
    fail_msg("the manager never heard \"%s\"; the service said: %s", text,
             net_err(service.program));
}

void service_stop(void)
{
    struct net_program *program = service.program;
    int code;

    service.program = NULL;
    net_signal(program, SIGTERM);
    code = net_wait(program, PATIENCE_S);
    if (code != 0)
        fail_msg("the service ended with %d: %s", code, net_err(program));
}

void service_kill(void)
{
    struct net_program *program = service.program;

    service.program = NULL;
    net_signal(program, SIGKILL);
    net_ended_within(program, PATIENCE_S * 1000);
}

/* Who listens, as a connection is told. */
static pid_t listener(void)
{
    struct ucred who = { 0 };
    socklen_t size = sizeof(who);
    int fd = service_connect();

    assert_int_equal(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &size), 0);
    close(fd);
    return who.pid;
}

pid_t service_pid(void)
{
    if (service.pid == 0)
        service.pid = listener();
    return service.pid;
}

struct net_program *service_client(bool nobody, const char *format, ...)
{
    struct net_how how = { .host = NET_HERE, .nobody = nobody };
    char text[1800];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    return net_start(&how, "%s --control %s", text, service.control);
}

/* ---------------------------------------------------------------- the history */

const json_t *service_history(void)
{
    struct net_program *p =
        net_start(&here, "history list --json --limit %d --db %s/data/history.db", HISTORY_MAX,
                  service.folder);
    const json_t *runs = json_object_get(net_result(p, PATIENCE_S), "runs");

    assert_true(json_is_array(runs));
    return runs;
}

const json_t *service_find(const json_t *runs, int64_t id)
{
    for (size_t i = 0; i < json_array_size(runs); i++)
        if (net_int(json_array_get(runs, i), "id") == id)
            return json_array_get(runs, i);
    return NULL;
}

size_t service_count(const json_t *runs, const char *state, const char *name)
{
    size_t n = 0;

    for (size_t i = 0; i < json_array_size(runs); i++) {
        const json_t *run = json_array_get(runs, i);

        n += (!state || strcmp(net_text(run, "state"), state) == 0) &&
             (!name || strcmp(net_text(run, "name"), name) == 0);
    }
    return n;
}

const json_t *service_await(const char *state, const char *name, size_t n)
{
    int64_t until_ns = service_now_ns() + PATIENCE_S * NET_S;
    const json_t *runs;

    do {
        runs = service_history();
        if (service_count(runs, state, name) >= n)
            return runs;
        usleep(700000);
    } while (service_now_ns() < until_ns);
    fail_msg("the history never had %zu runs %s of %s; the service said: %s", n,
             state ? state : "of any state", name ? name : "any name", net_err(service.program));
    return runs;
}

/* -------------------------------------------------------- the local interface */

int service_connect(void)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct timeval patience = { .tv_sec = PATIENCE_S };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_true(fd >= 0);
    snprintf(at.sun_path, sizeof(at.sun_path), "%s", service.control);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)), 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof(at)) != 0)
        fail_msg("cannot connect to the service: %s", strerror(errno));
    return fd;
}

struct service_link *service_link(void)
{
    struct service_link *link = calloc(1, sizeof(*link));

    assert_non_null(link);
    link->next = links;
    links = link;
    link->fd = -1;
    link->fd = service_connect();
    return link;
}

void service_unlink(struct service_link *link)
{
    struct service_link **at = &links;

    while (*at != link)
        at = &(*at)->next;
    *at = link->next;
    if (link->fd >= 0)
        close(link->fd);
    free(link);
}

static void keep_line(json_t *line)
{
    lines = realloc(lines, (n_lines + 1) * sizeof(*lines));
    assert_non_null(lines);
    lines[n_lines++] = line;
}

void service_say(struct service_link *link, const char *format, ...)
{
    char text[4096];
    va_list arguments;
    int n;

    va_start(arguments, format);
    n = vsnprintf(text, sizeof(text), format, arguments);
    va_end(arguments);
    assert_true(n > 0 && (size_t)n + 1 < sizeof(text));
    text[n++] = '\n';
    assert_int_equal(send(link->fd, text, (size_t)n, MSG_NOSIGNAL), n);
}

const json_t *service_hear(struct service_link *link)
{
    char *end;
    json_error_t error;
    json_t *line;

    while ((end = memchr(link->in, '\n', link->n)) == NULL) {
        ssize_t n = recv(link->fd, link->in + link->n, sizeof(link->in) - link->n, 0);

        if (n <= 0)
            fail_msg("the service said no more (%s); before: %.*s",
                     n ? strerror(errno) : "it closed", (int)link->n, link->in);
        link->n += (size_t)n;
    }
    line = json_loadb(link->in, (size_t)(end - link->in), JSON_REJECT_DUPLICATES, &error);
    if (!line)
        fail_msg("not JSON: %s: %.*s", error.text, (int)(end - link->in), link->in);
    keep_line(line);
    end++;
    link->n -= (size_t)(end - link->in);
    memmove(link->in, end, link->n);
    return line;
}

const json_t *service_hear_event(struct service_link *link, const char *event)
{
    const json_t *line;

    do {
        line = service_hear(link);
        if (strcmp(net_text(line, "event"), "refused") == 0 && strcmp(event, "refused") != 0)
            fail_msg("refused instead of %s: %s", event, net_text(line, "text"));
    } while (strcmp(net_text(line, "event"), event) != 0);
    return line;
}

int64_t service_ask_test(struct service_link *link, int id, const char *arguments)
{
    service_say(link, "{\"stampede\":1,\"id\":%d,\"do\":\"run\",%s}", id, arguments);
    return net_int(service_hear_event(link, "accepted"), "test");
}

const json_t *service_status(void)
{
    struct service_link *link = service_link();
    const json_t *line;

    service_say(link, "{\"stampede\":1,\"id\":1,\"do\":\"status\"}");
    line = service_hear_event(link, "status");
    service_unlink(link);
    return line;
}

/* --------------------------------------------------------------------- others */

const char *service_get(const char *path)
{
    enum { CAPACITY = 1 << 20 };
    struct sockaddr_in at = { .sin_family = AF_INET,
                              .sin_port = htons(service.metrics_port),
                              .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    struct timeval patience = { .tv_sec = PATIENCE_S };
    int fd = net_socket(NET_HERE, AF_INET, SOCK_STREAM, 0);
    char request[200], *answer = net_alloc(CAPACITY);
    size_t got = 0;
    ssize_t n;

    snprintf(request, sizeof(request),
             "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
             "Accept: application/openmetrics-text\r\n\r\n",
             path);
    assert_int_equal(setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)), 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof(at)), 0);
    assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
    while (got + 1 < CAPACITY && (n = recv(fd, answer + got, CAPACITY - 1 - got, 0)) > 0)
        got += (size_t)n;
    return answer;
}

size_t service_rss_kib(void)
{
    char path[64], line[200];
    size_t kib = 0;
    FILE *file;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)service_pid());
    file = fopen(path, "r");
    assert_non_null(file);
    while (fgets(line, sizeof(line), file))
        (void)sscanf(line, "VmRSS: %zu", &kib);
    fclose(file);
    assert_true(kib > 0);
    return kib;
}

size_t service_descriptors(void)
{
    char path[64];
    size_t n = 0;
    DIR *dir;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)service_pid());
    dir = opendir(path);
    assert_non_null(dir);
    while (readdir(dir))
        n++;
    closedir(dir);
    return n - 2; /* . and .. */
}
