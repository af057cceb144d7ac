/*
 * What the tests of the whole service share: a folder with a configuration, the
 * service itself, its clients, its history, and bare lines of the local
 * interface. Linux only; on tests/net/net.h. A helper that cannot do what it is
 * asked fails the running cmocka case and says why.
 */
#ifndef SPD_TESTS_SYSTEM_SERVICE_KIT_H
#define SPD_TESTS_SYSTEM_SERVICE_KIT_H

#include <sys/types.h>

#include "tests/net/net.h"

struct service {
    char folder[64];     /* relative to where the test runs, so that a socket's path is short */
    char path[1024];     /* the same, absolute */
    char control[96];    /* the endpoint */
    uint16_t port;       /* of the reflector */
    uint16_t other_port; /* nobody's yet */
    uint16_t metrics_port;
    int notify_fd; /* the manager's end, once the service was started managed */
    struct net_program *program;
    pid_t pid;       /* once it was asked for */
    char heard[512]; /* from the service, last */
};

extern struct service service;

/* For each case: a folder of its own; and its end, whatever happened. */
int service_setup(void **state);
int service_teardown(void **state);

/* Write the configuration: folder, control, reflector and metrics, then what
 * the format says. */
void service_configure(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Start it, and wait until it serves. Managed: under a played systemd, which
 * wants to hear from it every watchdog_ms. */
void service_start(void);
void service_start_managed(unsigned watchdog_ms);

/* The next message to the played systemd that begins with the text; those before
 * it are passed over. In service.heard. */
void service_hear_notice(const char *text);

/* SIGTERM, and fail unless it exits with 0. */
void service_stop(void);
/* SIGKILL, and wait. */
void service_kill(void);
pid_t service_pid(void);

/* The program under test with these arguments and --control. */
struct net_program *service_client(bool nobody, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* ------------------------------------------------------------ the history */

/* All runs, the newest first; owned by the harness. */
const json_t *service_history(void);
/* The run of that number; NULL if there is none. */
const json_t *service_find(const json_t *runs, int64_t id);
/* Runs with this state (NULL: any) and name (NULL: any). */
size_t service_count(const json_t *runs, const char *state, const char *name);
/* Wait until there are so many. */
const json_t *service_await(const char *state, const char *name, size_t n);

/* ------------------------------------------------------- the local interface */

struct service_link {
    struct service_link *next;
    int fd;
    size_t n;
    char in[1 << 20];
};

/* One more connection; closed by unlink, or with the case. */
struct service_link *service_link(void);
void service_unlink(struct service_link *link);
int service_connect(void); /* the bare socket; who asked for it closes it */
void service_say(struct service_link *link, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The next line; owned by the harness. Fails after a minute, or at the end. */
const json_t *service_hear(struct service_link *link);
/* The next line with this event. */
const json_t *service_hear_event(struct service_link *link, const char *event);
/* A request for a test, and its number once it is accepted. */
int64_t service_ask_test(struct service_link *link, int id, const char *arguments);
/* What status says, by a connection of its own. */
const json_t *service_status(void);

/* ------------------------------------------------------------------ others */

/* GET by HTTP from the page of metrics; the whole answer, freed by net_end. */
const char *service_get(const char *path);

/* Of the service's process. */
size_t service_rss_kib(void);
size_t service_descriptors(void);

int64_t service_now_ns(void); /* CLOCK_MONOTONIC */

#endif
