/*
 * A test of the service from the asking to the end: every event in every state,
 * in every order up to a length, by a walk through all sequences. The
 * controller, the history and the local interface are played by this program,
 * which keeps the books: each request is answered once, each accepted test told
 * its end once, nothing is used after its end, nothing is left.
 */
#include <stdlib.h>

#include "common/sys/eventlog.h"
#include "service/agent_private.h"
#include "tests/unit/unit.h"

/* Five events reach every state, and each event in it. More: SPD_DEPTH. */
enum { DEPTH = 5, DEPTH_MAX = 9, PLACE = 3, PLACE_2 = 4 };

/* ------------------------------------------------------------------- the others */

static struct {
    bool place_taken[8];
    bool cancelled[8];
    bool start_fails;
    bool store_refuses;
    struct spd_store_job *jobs[4]; /* that the history has */
    size_t n_jobs;
    unsigned n_answers, n_accepted, n_refused, n_finished, n_progress;
    unsigned n_scheduler_finished;
    bool gone; /* the connection of all requests */
} other;

enum spd_err spd_controller_start(struct spd_controller *c, const struct spd_test_kind *kind,
                                  const void *spec, size_t *test, struct spd_diag *diag)
{
    (void)c;
    (void)kind;
    assert_non_null(((const struct spd_job_spec *)spec)->settings);
    if (other.start_fails)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "no memory");
    *test = other.place_taken[PLACE] ? PLACE_2 : PLACE;
    assert_false(other.place_taken[*test]);
    other.place_taken[*test] = true;
    other.cancelled[*test] = false;
    return SPD_ERR_OK;
}

void spd_controller_cancel(struct spd_controller *c, size_t test)
{
    (void)c;
    assert_true(other.place_taken[test]);
    other.cancelled[test] = true;
}

void spd_controller_release(struct spd_controller *c, size_t test)
{
    (void)c;
    assert_true(other.place_taken[test]);
    other.place_taken[test] = false;
}

struct spd_store_job *spd_store_job_create(enum spd_store_verb verb)
{
    struct spd_store_job *job = calloc(1, sizeof(*job));

    job->verb = verb;
    return job;
}

void spd_store_job_free(struct spd_store_job *job)
{
    if (!job)
        return;
    free(job->result);
    free(job->text);
    free(job);
}

bool spd_agent_store_send(struct spd_agent_store *store, struct spd_store_job *job)
{
    (void)store;
    if (other.store_refuses)
        return false;
    other.jobs[other.n_jobs++] = job;
    return true;
}

void spd_api_server_send(struct spd_api_server *server, struct spd_api_message *m)
{
    (void)server;
    assert_non_null(m->line);
    assert_true(m->is_answer || !other.gone);
    other.n_answers += m->is_answer;
    other.n_accepted += m->begins_test;
    other.n_finished += m->ends_test;
    other.n_progress += m->droppable;
    other.n_refused += strstr(m->line, "\"refused\"") != NULL && m->is_answer;
    spd_api_message_free(m);
}

static struct spd_job_result result;

const struct spd_test_kind spd_test_kind_job = { 0 };

enum spd_err spd_job_check(const struct spd_job_spec *spec, struct spd_diag *diag)
{
    return spec->settings->csv ? spd_diag_set(diag, SPD_ERR_NOTSUP, 0, "no files") : SPD_ERR_OK;
}

const struct spd_job_result *spd_job_result(const void *job)
{
    (void)job;
    return &result;
}

void spd_scheduler_finished(struct spd_scheduler *scheduler, const char *test)
{
    (void)scheduler;
    (void)test;
    other.n_scheduler_finished++;
}

void spd_eventlog_write(enum spd_event event, const char *format, ...)
{
    (void)event;
    (void)format;
}

static bool admits;

enum spd_err spd_admission_ask(const struct spd_config *config, const struct spd_local_peer *user,
                               const struct spd_admission_request *request,
                               const struct spd_admission_running *running, size_t n_running,
                               struct spd_diag *diag)
{
    (void)config;
    (void)user;
    (void)request;
    (void)running;
    (void)n_running;
    return admits ? SPD_ERR_OK : spd_diag_set(diag, SPD_ERR_PERM, 0, "no rule allows it");
}

void spd_admission_enter(const struct spd_local_peer *user,
                         const struct spd_admission_request *request,
                         struct spd_admission_running *out)
{
    (void)request;
    snprintf(out->user_id, sizeof(out->user_id), "%s", user ? user->user_id : "");
}

void spd_config_free(struct spd_config *config)
{
    (void)config;
}

enum spd_err spd_test_demand_find(unsigned command, const struct spd_settings *settings,
                                  struct spd_test_demand *out, struct spd_diag *diag)
{
    (void)command;
    (void)settings;
    (void)diag;
    memset(out, 0, sizeof(*out));
    return SPD_ERR_OK;
}

bool spd_test_command_parse(const char *text, unsigned *command)
{
    *command = SPD_COMMAND_BURST;
    return strcmp(text, "burst") == 0;
}

const char *spd_test_command_name(unsigned command)
{
    return command == SPD_COMMAND_BURST ? "burst" : NULL;
}

/* ---- never called here ---- */

enum spd_err spd_config_load(const char *path, struct spd_config **out,
                             struct spd_config_problems *problems)
{
    (void)path;
    (void)out;
    (void)problems;
    return SPD_ERR_NOT_FOUND;
}

const struct spd_config_test *spd_config_test_find(const struct spd_config *config,
                                                   const char *name)
{
    (void)config;
    (void)name;
    return NULL;
}

size_t spd_scheduler_step(struct spd_scheduler *scheduler, struct spd_moment now,
                          struct spd_scheduler_event *events, size_t capacity)
{
    (void)scheduler;
    (void)now;
    (void)events;
    (void)capacity;
    return 0;
}

const char *spd_missed_text(enum spd_missed_why why)
{
    (void)why;
    return "";
}

struct spd_moment spd_agent_now(void)
{
    return (struct spd_moment){ { 1 }, 1 };
}

void spd_api_server_counts(struct spd_api_server *server, struct spd_api_counts *out)
{
    (void)server;
    memset(out, 0, sizeof(*out));
}

const char *spd_agent_reflector_text(const struct spd_agent_reflector *reflector)
{
    (void)reflector;
    return "";
}

/* -------------------------------------------------------------------- the events */

enum event {
    RUN,
    RUN_NONSENSE,
    SCHEDULE,
    BEGUN,
    BEGUN_NOT,
    PROGRESS,
    END_WELL,
    END_BADLY,
    KEPT,
    KEPT_NOT,
    CANCEL_OWN,
    CANCEL_OF_OTHER,
    CANCEL_ADMIN,
    GONE,
    STOP,
    LIST,
    N_EVENTS
};

static const char *const event_names[N_EVENTS] = {
    "run",          "run nonsense", "schedule", "begun",    "begun not",  "progress",
    "end well",     "end badly",    "kept",     "kept not", "cancel own", "cancel of other",
    "cancel admin", "gone",         "stop",     "list",
};

static const struct spd_local_peer alice = { .user = "alice", .user_id = "1000" };
static const struct spd_local_peer bob = { .user = "bob", .user_id = "1001" };
static const struct spd_local_peer root = { .user = "root", .user_id = "0", .is_admin = true };

struct world {
    struct spd_agent *agent;
    struct spd_config *config;
    struct spd_config_test scheduled;
    unsigned n_requests; /* that want an answer */
    unsigned n_scheduled;
    bool gone; /* the connection of all requests */
};

static struct spd_api_message *request(struct world *w, enum spd_api_verb verb,
                                       const struct spd_local_peer *peer)
{
    struct spd_api_message *m = spd_api_message_create();

    m->verb = verb;
    m->peer = peer;
    m->connection = 5;
    m->id = 1;
    w->n_requests++;
    return m;
}

static void run(struct world *w, const char *argument)
{
    struct spd_api_message *m = request(w, SPD_API_RUN, &alice);

    m->command = strdup("burst");
    m->arguments[m->n_arguments++] = strdup("192.0.2.7");
    if (argument)
        m->arguments[m->n_arguments++] = strdup(argument);
    spd_agent_tests_run(w->agent, m);
}

static void cancel(struct world *w, const struct spd_local_peer *peer)
{
    struct spd_api_message *m = request(w, SPD_API_CANCEL, peer);

    m->test = 1;
    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++)
        if (w->agent->tests[i].state > SPD_AGENT_BEGINNING)
            m->test = w->agent->tests[i].number;
    spd_agent_tests_cancel(w->agent, m);
    spd_api_message_free(m);
}

/* The oldest job of the history, if it is one of these. */
static struct spd_store_job *take_job(bool begin)
{
    struct spd_store_job *job = other.n_jobs ? other.jobs[0] : NULL;

    if (!job || (job->verb == SPD_STORE_BEGIN) != begin)
        return NULL;
    other.n_jobs--;
    memmove(other.jobs, other.jobs + 1, other.n_jobs * sizeof(*other.jobs));
    return job;
}

static bool give_back(struct world *w, bool begin, bool well)
{
    static int64_t next = 1;
    struct spd_store_job *job = take_job(begin);

    if (!job)
        return false;
    if (well && job->verb != SPD_STORE_FINISH)
        job->id = next++;
    if (!well)
        spd_diag_set(&job->diag, SPD_ERR_FULL, 0, "disk full");
    spd_agent_tests_on_store(w->agent, job);
    return true;
}

static size_t taken_place(void)
{
    return other.place_taken[PLACE] ? PLACE : other.place_taken[PLACE_2] ? PLACE_2 : 0;
}

static bool end(struct world *w, bool well)
{
    size_t place = taken_place();

    if (place == 0)
        return false;
    memset(&result, 0, sizeof(result));
    result.figures.known = well;
    result.exit_code = well ? 0 : 3;
    result.interrupted = other.cancelled[place];
    spd_agent_tests_on_finished(w->agent, place, w);
    return true;
}

/* False: it cannot happen now. At most two tests at once keep the walk short. */
static bool happen(struct world *w, enum event event)
{
    size_t n_tests = SPD_CONTROLLER_TESTS_MAX - spd_agent_tests_count(w->agent, SPD_AGENT_FREE);

    switch (event) {
    case RUN:
    case RUN_NONSENSE:
        if (n_tests >= 2 || w->gone)
            return false;
        run(w, event == RUN ? NULL : "--nonsense");
        return true;
    case SCHEDULE:
        if (n_tests >= 2 || w->agent->stopping)
            return false;
        w->n_scheduled++;
        spd_agent_tests_start_scheduled(w->agent, &w->scheduled, (spd_wall){ 1 });
        return true;
    case BEGUN:
    case BEGUN_NOT:
        return give_back(w, true, event == BEGUN);
    case PROGRESS:
        if (taken_place() == 0)
            return false;
        spd_agent_tests_on_progress(w->agent, taken_place(), 500);
        return true;
    case END_WELL:
    case END_BADLY:
        return end(w, event == END_WELL);
    case KEPT:
    case KEPT_NOT:
        return give_back(w, false, event == KEPT);
    case CANCEL_OWN:
    case CANCEL_OF_OTHER:
    case CANCEL_ADMIN:
        if (w->gone)
            return false;
        cancel(w, event == CANCEL_OWN ? &alice : event == CANCEL_ADMIN ? &root : &bob);
        return true;
    case GONE:
        if (w->gone)
            return false;
        w->gone = other.gone = true;
        spd_agent_tests_gone(w->agent, 5);
        return true;
    case STOP:
        if (w->agent->stopping)
            return false;
        w->agent->stopping = true;
        spd_agent_tests_cancel_all(w->agent);
        return true;
    case LIST: {
        struct spd_api_message *m = w->gone ? NULL : request(w, SPD_API_TESTS, &root);

        if (!m)
            return false;
        spd_agent_tests_list(w->agent, m);
        spd_api_message_free(m);
        return true;
    }
    case N_EVENTS:
        break;
    }
    return false;
}

/* What is to end has been told so. */
static void check_cancelled(const struct world *w)
{
    for (size_t i = 0; i < SPD_CONTROLLER_TESTS_MAX; i++) {
        const struct spd_agent_test *t = &w->agent->tests[i];

        assert_false(t->state == SPD_AGENT_RUNNING && t->cancelled);
        if (t->state == SPD_AGENT_ENDING)
            assert_true(other.cancelled[t->place]);
    }
}

/* Everything that was begun comes to its end, and the books agree. */
static void settle(struct world *w)
{
    for (int i = 0; i < 20 && spd_agent_tests_any(w->agent); i++) {
        while (give_back(w, true, true) || give_back(w, false, true))
            ;
        (void)end(w, true);
    }
    assert_false(spd_agent_tests_any(w->agent));
    assert_int_equal(other.n_jobs, 0);
    assert_int_equal(taken_place(), 0);
    assert_int_equal(w->agent->settings->n_users, 1);
    assert_int_equal(other.n_scheduler_finished, w->n_scheduled);
    assert_int_equal(other.n_answers, w->n_requests);
    if (!w->gone)
        assert_int_equal(other.n_finished, other.n_accepted);
    else
        assert_true(other.n_finished <= other.n_accepted);
}

static void begin_world(struct world *w, struct spd_agent_settings *settings)
{
    memset(&other, 0, sizeof(other));
    memset(w->agent, 0, sizeof(*w->agent));
    settings->n_users = 1;
    settings->config = w->config;
    w->agent->settings = settings;
    w->agent->store = (struct spd_agent_store *)w; /* never looked into */
    w->agent->api = (struct spd_api_server *)w;
    w->n_requests = w->n_scheduled = 0;
    w->gone = false;
    admits = true;
}

static void prepare(struct world *w)
{
    w->agent = calloc(1, sizeof(*w->agent));
    w->config = calloc(1, sizeof(*w->config));
    w->scheduled = (struct spd_config_test){ .name = "nightly", .command = SPD_COMMAND_BURST };
    w->scheduled.settings.host = "192.0.2.7";
}

static void every_order_of_events_ends_well(void **state)
{
    static const bool histories[] = { false, true };
    struct spd_agent_settings settings;
    struct world w = { 0 };
    const char *wish = getenv("SPD_DEPTH");
    size_t depth = wish ? strtoul(wish, NULL, 10) : DEPTH;
    unsigned long n_walks = 0;

    (void)state;
    assert_in_range(depth, 1, DEPTH_MAX);
    prepare(&w);
    for (size_t h = 0; h < N_ROWS(histories); h++) {
        unsigned path[DEPTH_MAX] = { 0 };

        for (;;) {
            size_t impossible = depth;
            size_t at;

            begin_world(&w, &settings);
            if (histories[h])
                w.agent->store = NULL; /* results are not kept */
            for (size_t i = 0; i < depth && impossible == depth; i++) {
                if (!happen(&w, (enum event)path[i]))
                    impossible = i;
                check_cancelled(&w);
            }
            settle(&w);
            n_walks++;
            /* The next path; what follows an impossible event need not be tried. */
            at = impossible < depth ? impossible : depth - 1;
            for (size_t i = at + 1; i < depth; i++)
                path[i] = 0;
            while (++path[at] == N_EVENTS) {
                path[at] = 0;
                if (at-- == 0)
                    break;
            }
            if (at == SIZE_MAX)
                break;
        }
    }
    print_message("  %lu sequences of %u events\n", n_walks, (unsigned)depth);
    assert_true(n_walks > 10000);
    free(w.agent);
    free(w.config);
    (void)event_names;
}

static void who_may_not_is_told(void **state)
{
    struct spd_agent_settings settings;
    struct world w = { 0 };

    (void)state;
    prepare(&w);
    begin_world(&w, &settings);
    admits = false;
    run(&w, NULL);
    assert_int_equal(other.n_refused, 1);
    admits = true;
    run(&w, "--csv=x");
    assert_int_equal(other.n_refused, 2);
    run(&w, NULL);
    assert_true(give_back(&w, true, true));
    cancel(&w, &bob);
    assert_int_equal(other.n_refused, 3);
    assert_false(other.cancelled[PLACE]);
    cancel(&w, &alice);
    assert_true(other.cancelled[PLACE]);
    settle(&w);
    other.start_fails = true;
    run(&w, NULL);
    settle(&w);
    assert_int_equal(other.n_finished, 2);
    other.store_refuses = true;
    other.start_fails = false;
    run(&w, NULL);
    settle(&w);
    assert_int_equal(other.n_finished, 3);
    free(w.agent);
    free(w.config);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_order_of_events_ends_well),
        cmocka_unit_test(who_may_not_is_told),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
