/*
 * Running the conformance cases: each gets a fresh port, and after it every
 * request must have completed exactly as often as it was accepted.
 */
#include "tests/sys/cport_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sys/clock.h"
#include "common/sys/host.h"

#define LATE_NS (5 * SPD_NS_PER_MS) /* a second completion would come by then */

struct kit_block {
    struct kit_block *next;
    size_t n;
    unsigned char *buffers;
    struct kit_request requests[];
};

struct running {
    const struct kit_case *what;
    const struct spd_cport_config *config;
    struct kit kit;
};

/* ---- the end of a case ---- */

/* fail_msg() prints its text somewhere else than cmocka the failure; keep them
 * together. */
void kit_fail_at(const char *file, int line, const char *format, ...)
{
    static char text[300];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    _assert_true(0, text, file, line);
}

void kit_skip(const char *why)
{
    printf("skipped: %s\n", why);
    fflush(stdout);
    skip();
}

bool kit_is_simulated(const struct kit *kit)
{
    return strcmp(kit->facts.kind, "simulated") == 0;
}

bool kit_is_io_uring(const struct kit *kit)
{
    return strcmp(kit->facts.kind, "io_uring") == 0;
}

bool kit_is_windows(const struct kit *kit)
{
    return strncmp(kit->facts.kind, "iocp", 4) == 0;
}

bool kit_is_wine(void)
{
    struct spd_host host;

    spd_host_read(&host);
    return strstr(host.system, "Wine") != NULL;
}

/* ---- ports ---- */

static struct spd_cport *create_port(const struct spd_cport_config *config)
{
    struct spd_cport *port = NULL;
    struct spd_diag diag = { 0 };
    enum spd_err err = spd_cport_create(config, &port, &diag);

    if (err != SPD_ERR_OK)
        kit_fail("cannot create a port: %s: %s", spd_err_name(err), diag.text);
    return port;
}

void kit_create_port(struct kit *kit, const struct spd_cport_config *config)
{
    kit->port = create_port(config);
    spd_cport_facts(kit->port, &kit->facts);
}

struct spd_cport *kit_other_port(struct kit *kit)
{
    if (kit->other == NULL)
        kit->other = create_port(&kit->config);
    return kit->other;
}

/* ---- requests ---- */

struct kit_request *kit_requests(struct kit *kit, size_t n, size_t capacity)
{
    struct kit_block *block = calloc(1, sizeof *block + n * sizeof block->requests[0]);

    assert_non_null(block);
    block->n = n;
    block->next = kit->blocks;
    kit->blocks = block;
    if (capacity) {
        block->buffers = calloc(n, capacity);
        assert_non_null(block->buffers);
    }
    for (size_t i = 0; i < n; i++) {
        spd_op_init(&block->requests[i].op);
        block->requests[i].buffer = capacity ? block->buffers + i * capacity : NULL;
        block->requests[i].capacity = capacity;
    }
    return block->requests;
}

static bool is_ours(const struct kit *kit, const struct kit_request *request)
{
    for (const struct kit_block *block = kit->blocks; block; block = block->next) {
        if (request >= block->requests && request < block->requests + block->n)
            return true;
    }
    return false;
}

static void note(struct kit *kit, const struct spd_completion *completion)
{
    struct kit_request *request;

    if (completion->op == NULL) {
        if (kit->n_bare == kit->bare_capacity) {
            kit->bare_capacity = kit->n_bare ? 2 * kit->n_bare : 64;
            kit->bare = realloc(kit->bare, kit->bare_capacity * sizeof kit->bare[0]);
        }
        kit->bare[kit->n_bare++] = *completion;
        return;
    }
    request = SPD_CONTAINER_OF(completion->op, struct kit_request, op);
    if (!is_ours(kit, request))
        kit_fail("a completion carries an operation that nobody queued");
    if (completion->op->in_flight)
        kit_fail("an operation is still in flight after its completion was fetched");
    request->n_completed++;
    request->last = *completion;
    kit->n_in_order++;
}

bool kit_take(struct kit *kit, struct spd_cport *port, spd_ns timeout_ns)
{
    struct spd_completion out[64];
    size_t n = 0;
    enum spd_err err = spd_cport_wait(port, out, 64, &n, timeout_ns);

    if (err == SPD_ERR_TIMEOUT)
        return false;
    if (err != SPD_ERR_OK)
        kit_fail("wait says %s", spd_err_name(err));
    if (n == 0 || n > 64)
        kit_fail("wait says OK with %u completions", (unsigned)n);
    for (size_t i = 0; i < n; i++)
        note(kit, &out[i]);
    return true;
}

static const struct kit_request *first_pending(const struct kit_request *requests, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (requests[i].n_completed < requests[i].n_accepted)
            return &requests[i];
    }
    return NULL;
}

void kit_await_on(struct kit *kit, struct spd_cport *port, const struct kit_request *requests,
                  size_t n)
{
    const struct kit_request *pending;

    while ((pending = first_pending(requests, n)) != NULL) {
        if (!kit_take(kit, port, KIT_PATIENCE_NS))
            kit_fail("request %u of %u never completed", (unsigned)(pending - requests),
                     (unsigned)n);
    }
}

void kit_await(struct kit *kit, const struct kit_request *requests, size_t n)
{
    kit_await_on(kit, kit->port, requests, n);
}

void kit_await_bare(struct kit *kit, size_t n)
{
    while (kit->n_bare < n) {
        if (!kit_take(kit, kit->port, KIT_PATIENCE_NS))
            kit_fail("only %u of %u posts arrived", (unsigned)kit->n_bare, (unsigned)n);
    }
}

void kit_expect_quiet(struct kit *kit, struct spd_cport *port, spd_ns duration_ns)
{
    if (kit_take(kit, port, duration_ns))
        kit_fail("a completion came that should not");
}

void kit_expect(const struct kit_request *request, enum spd_err err, size_t n_bytes)
{
    if (request->n_completed != 1)
        kit_fail("completed %u times, not once", request->n_completed);
    if (request->last.err != err || request->last.n_bytes != n_bytes)
        kit_fail("completed with %s and %u bytes, not %s and %u", spd_err_name(request->last.err),
                 request->last.n_bytes, spd_err_name(err), (unsigned)n_bytes);
}

/* ---- one case ---- */

/* Everything closed, fetched and freed. Counts what completes; asserts nothing,
 * because it also runs after a failure. False when a port does not end. */
static bool drain(struct kit *kit, struct spd_cport *port)
{
    struct spd_completion out[64];
    size_t n;

    if (port == NULL)
        return true;
    spd_cport_close(port);
    for (;;) {
        enum spd_err err = spd_cport_wait(port, out, 64, &n, KIT_PATIENCE_NS);

        if (err != SPD_ERR_OK)
            return err == SPD_ERR_CLOSED;
        for (size_t i = 0; i < n; i++) {
            struct kit_request *request;

            if (out[i].op == NULL)
                continue;
            request = SPD_CONTAINER_OF(out[i].op, struct kit_request, op);
            if (is_ours(kit, request))
                request->n_completed++;
        }
    }
}

static void join_all(struct kit *kit)
{
    for (size_t i = 0; i < KIT_MAX_THREADS; i++) {
        if (kit->threads[i])
            spd_thread_join(kit->threads[i]);
        kit->threads[i] = NULL;
    }
}

static bool end(struct kit *kit)
{
    bool closed;

    for (size_t i = 0; i < KIT_MAX_SOCKETS; i++) {
        if (kit->sockets[i])
            spd_udp_close(kit->sockets[i]);
        kit->sockets[i] = NULL;
    }
    if (kit->port)
        spd_cport_close(kit->port); /* wakes the threads */
    join_all(kit);
    closed = drain(kit, kit->port);
    closed = drain(kit, kit->other) && closed;
    if (closed && kit->port)
        spd_cport_destroy(kit->port);
    if (closed && kit->other)
        spd_cport_destroy(kit->other);
    kit->port = kit->other = NULL;
    return closed;
}

static void forget(struct kit *kit, bool closed)
{
    free(kit->bare);
    kit->bare = NULL;
    while (kit->blocks && closed) {
        struct kit_block *block = kit->blocks;

        kit->blocks = block->next;
        free(block->buffers);
        free(block);
    }
}

static void check_exactly_once(const struct kit *kit)
{
    for (const struct kit_block *block = kit->blocks; block; block = block->next) {
        for (size_t i = 0; i < block->n; i++) {
            const struct kit_request *request = &block->requests[i];

            if (request->n_completed != request->n_accepted)
                kit_fail("request %u was accepted %u times and completed %u times", (unsigned)i,
                         request->n_accepted, request->n_completed);
        }
    }
}

static void run_case(void **state)
{
    struct running *running = *state;
    struct kit *kit = &running->kit;
    struct spd_completion late;
    size_t n;

    *kit = (struct kit){ .config = *running->config };
    kit_create_port(kit, &kit->config);
    if ((running->what->flags & KIT_THREADS_MEET) && kit_is_simulated(kit))
        kit_skip("threads that wait for each other; the simulator has one");
    if (running->what->flags & KIT_OWN_PORT) {
        spd_cport_close(kit->port);
        spd_cport_destroy(kit->port);
        kit->port = NULL;
    }
    running->what->run(kit);
    join_all(kit);
    if (kit->port) {
        enum spd_err err = spd_cport_wait(kit->port, &late, 1, &n, LATE_NS);

        if (err == SPD_ERR_OK)
            kit_fail("a completion too many");
    }
    if (!end(kit))
        kit_fail("a closed port never says CLOSED");
    check_exactly_once(kit);
}

static int after_case(void **state)
{
    struct running *running = *state;

    forget(&running->kit, end(&running->kit));
    return 0;
}

int kit_run_group(const char *mode, const struct spd_cport_config *config,
                  const struct kit_case *const *themes, size_t n_themes)
{
    struct CMUnitTest tests[128];
    struct running *running = calloc(128, sizeof *running);
    size_t n = 0;
    int n_failed;

    if (running == NULL)
        return 1;
    for (size_t t = 0; t < n_themes; t++) {
        for (const struct kit_case *what = themes[t]; what->name; what++) {
            if ((what->flags & KIT_SHARED_ONLY) && config->single_owner)
                continue;
            if (n == 128)
                abort();
            running[n] = (struct running){ .what = what, .config = config };
            tests[n] = (struct CMUnitTest){
                .name = what->name,
                .test_func = run_case,
                .teardown_func = after_case,
                .initial_state = &running[n],
            };
            n++;
        }
    }
    printf("%s:\n", mode);
    n_failed = _cmocka_run_group_tests(mode, tests, n, NULL, NULL);
    free(running);
    return n_failed;
}

spd_ns kit_elapsed_ns(spd_ticks since)
{
    return spd_ticks_diff_ns(spd_clock_now(), since, spd_clock_frequency_hz());
}
