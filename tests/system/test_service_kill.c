/*
 * The service is killed at random moments while tests finish: whatever a client
 * heard of with a number of the history is in the history, which is sound, and
 * the next start goes on from there. SPD_KILLS says how often (20), SPD_SEED
 * when.
 */
#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/result/store.h"
#include "tests/support/random.h"
#include "tests/system/service_kit.h"

enum { LINKS = 4, MOST_MS = 600, ACKNOWLEDGED_MAX = 1000000 };

static struct spd_random chance;
static struct service_link *links[LINKS];
static bool waits[LINKS]; /* for its test to end */
static int64_t *acknowledged;
static size_t n_acknowledged;

static void ask(size_t i)
{
    char text[300];
    int n = snprintf(text, sizeof(text),
                     "{\"stampede\":1,\"id\":1,\"do\":\"run\",\"command\":\"stream\",\"arguments\":"
                     "[\"127.0.0.1:%u\",\"--packets\",\"3\",\"--interval\",\"1\"]}\n",
                     service.port);

    /* A service that is just being killed hears nothing. */
    waits[i] = send(links[i]->fd, text, (size_t)n, MSG_NOSIGNAL) == n;
}

static void take_line(size_t i, const char *text, size_t n)
{
    json_t *line = json_loadb(text, n, 0, NULL);
    const char *event = json_string_value(json_object_get(line, "event"));

    if (!event || strcmp(event, "refused") == 0)
        fail_msg("the service said: %.*s", (int)n, text);
    if (strcmp(event, "finished") == 0) {
        assert_int_equal(net_int(line, "exit_code"), 0);
        assert_true(n_acknowledged < ACKNOWLEDGED_MAX);
        acknowledged[n_acknowledged++] = net_int(line, "history");
        waits[i] = false;
    }
    json_decref(line);
}

/* All that is there now; false at the end. */
static bool take(size_t i)
{
    struct service_link *link = links[i];
    ssize_t n = recv(link->fd, link->in + link->n, sizeof(link->in) - link->n, MSG_DONTWAIT);
    char *end;

    if (n <= 0)
        return n < 0 && (errno == EAGAIN || errno == EINTR);
    link->n += (size_t)n;
    while ((end = memchr(link->in, '\n', link->n)) != NULL) {
        take_line(i, link->in, (size_t)(end - link->in));
        end++;
        link->n -= (size_t)(end - link->in);
        memmove(link->in, end, link->n);
    }
    return true;
}

static void let_tests_run_until(int64_t until_ns)
{
    struct pollfd fds[LINKS];
    int64_t left_ns;

    while ((left_ns = until_ns - service_now_ns()) > 0) {
        for (size_t i = 0; i < LINKS; i++) {
            if (!waits[i])
                ask(i);
            fds[i] = (struct pollfd){ .fd = links[i]->fd, .events = POLLIN };
        }
        if (poll(fds, LINKS, (int)(left_ns / 1000000)) <= 0)
            continue;
        for (size_t i = 0; i < LINKS; i++)
            if (fds[i].revents && !take(i))
                fail_msg("the service ended by itself: %s", net_err(service.program));
    }
}

static void live_and_be_killed(void)
{
    service_start();
    for (size_t i = 0; i < LINKS; i++) {
        links[i] = service_link();
        waits[i] = false;
    }
    let_tests_run_until(service_now_ns() +
                        (int64_t)spd_random_below(&chance, MOST_MS * UINT64_C(1000)) * 1000);
    service_kill();
    /* What had been said is heard all the same. */
    for (size_t i = 0; i < LINKS; i++) {
        while (take(i))
            ;
        service_unlink(links[i]);
    }
    net_end(NULL);
}

static bool mark_found(void *context, const struct spd_store_run *run)
{
    bool *is_finished = context;

    if (run->id < ACKNOWLEDGED_MAX)
        is_finished[run->id] = run->state == SPD_STORE_FINISHED && run->figures.known;
    return true;
}

static void check_history(void)
{
    const struct spd_store_filter all = { 0 };
    bool *is_finished = calloc(ACKNOWLEDGED_MAX, sizeof(*is_finished));
    struct spd_store *store = NULL;
    struct spd_diag diag = { 0 };
    char path[200];

    assert_non_null(is_finished);
    snprintf(path, sizeof(path), "%s/data/history.db", service.folder);
    if (spd_store_open(path, SPD_STORE_READ, (spd_wall){ 0 }, &store, NULL, &diag) ||
        spd_store_check(store, &diag) ||
        spd_store_each(store, &all, mark_found, is_finished, NULL, &diag))
        fail_msg("%s", diag.text);
    spd_store_close(store);
    for (size_t i = 0; i < n_acknowledged; i++)
        if (acknowledged[i] >= ACKNOWLEDGED_MAX || !is_finished[acknowledged[i]])
            fail_msg("the history has lost run %lld", (long long)acknowledged[i]);
    free(is_finished);
}

static void nothing_acknowledged_is_lost_by_a_kill(void **state)
{
    const char *text = getenv("SPD_KILLS");
    long kills = text ? strtol(text, NULL, 10) : 20;
    const json_t *runs;
    size_t n_interrupted;

    (void)state;
    acknowledged = malloc(ACKNOWLEDGED_MAX * sizeof(*acknowledged));
    assert_non_null(acknowledged);
    service_configure("[test \"loop\"]\ncommand = stream\ntarget = 127.0.0.1:%u\npackets = 20\n"
                      "interval = 10ms\nevery = 1s\nlog = yes\n",
                      service.port);
    for (long i = 0; i < kills; i++) {
        live_and_be_killed();
        check_history();
    }
    service_start();
    runs = service_history();
    n_interrupted = service_count(runs, "interrupted", NULL);
    print_message("killed %ld times: %zu results acknowledged, none lost, %zu runs interrupted\n",
                  kills, n_acknowledged, n_interrupted);
    assert_true(n_acknowledged > (size_t)kills);
    assert_true(n_interrupted > 0);
    assert_int_equal(service_count(runs, "running", ""), 0);
    service_await("finished", "loop", service_count(runs, "finished", "loop") + 1);
    service_stop();
    check_history();
    free(acknowledged);
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(nothing_acknowledged_is_lost_by_a_kill, service_setup,
                                        service_teardown),
    };

    net_use(argc - 1, argv + 1);
    chance = spd_random_start("test_service_kill");
    return cmocka_run_group_tests_name("test_service_kill", tests, NULL, NULL);
}
