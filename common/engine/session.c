/*
 * The states of a burst test, on the test handler's thread. Each state has one
 * function that is called after the completions at hand were given to their
 * owners, and that moves on when it can.
 */
#include "common/engine/session.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "common/engine/discovery.h"
#include "common/engine/dispatch.h"
#include "common/engine/environment.h"
#include "common/engine/unreachable.h"
#include "common/sys/clock.h"

#define EVENTS_MAX 64
/* Kernel stamps wake nobody: look for them this often while some are missing. */
#define STAMP_POLL_NS (SPD_NS_PER_MS / 2)
/* When all replies are there, stamps that have not come after this never will. */
#define STAMP_PATIENCE_NS (200 * SPD_NS_PER_MS)

/* What other threads want is read at least this often, should the post that is
 * to wake this one fail for want of memory. */
#define CONTROL_POLL_NS SPD_NS_PER_S

enum session_key { KEY_CONTROL = 1, KEY_DISCOVERY, KEY_DISPATCH };

enum state {
    STATE_START,
    STATE_DISCOVER,
    STATE_OPEN,
    STATE_WANT_TURN,
    STATE_AWAIT_TURN,
    STATE_COLLECT,
    STATE_PAUSE,
    STATE_TAIL,
    STATE_CLOSE,
    STATE_FINISHED
};

struct spd_session {
    struct spd_burst_spec spec;
    struct spd_plan plan;
    struct spd_cport *port;
    struct spd_discovery *discovery;
    struct spd_dispatch *dispatch;
    struct spd_test_record record;
    spd_session_notify *notify;
    void *context;
    uint64_t counter_hz;
    enum state state;
    atomic_bool granted; /* set by other threads, who then post to wake this one */
    atomic_bool cancel_wanted;
    bool cancelled; /* as of the step that runs */
    bool woken;     /* the post of the grant was fetched: it must not come in the hot section */
    uint32_t burst_index; /* of the burst in hand */
    uint32_t attempt;
    uint64_t activity_seen;
    spd_ns active_ns;     /* when something last came in */
    spd_ns answered_ns;   /* when the last reply of the burst came; 0 before */
    spd_ns due_ns;        /* when the state wants to be looked at again */
};

static spd_ns steady_ns(const struct spd_session *s)
{
    return (spd_ns)spd_ticks_to_ns(spd_clock_now().ticks, s->counter_hz);
}

static void init_record(struct spd_session *s)
{
    struct spd_test_record *r = &s->record;

    r->target = s->spec.target;
    memcpy(r->target_name, s->spec.target_name, sizeof(r->target_name));
    r->dscp = s->spec.dscp;
    r->size_bytes = (uint16_t)s->spec.size_bytes;
    r->ssid = (uint16_t)s->spec.seed ? (uint16_t)s->spec.seed : 1;
    r->counter_hz = s->counter_hz;
    r->link_header_bytes = s->spec.link_header_bytes;
}

enum spd_err spd_session_create(const struct spd_burst_spec *spec, const struct spd_plan *plan,
                                const struct spd_cport_config *port_config,
                                spd_session_notify *notify, void *context,
                                struct spd_session **out, struct spd_diag *diag)
{
    struct spd_session *s = calloc(1, sizeof(*s));
    struct spd_test_record *r;
    enum spd_err err = SPD_ERR_NOMEM;

    if (!s)
        return spd_diag_set(diag, err, 0, "no memory for the test");
    s->spec = *spec;
    s->plan = *plan;
    s->notify = notify;
    s->context = context;
    s->counter_hz = spd_clock_frequency_hz();
    init_record(s);
    r = &s->record;
    r->packets = calloc(plan->n_records, sizeof(*r->packets));
    r->bursts = calloc(plan->n_burst_records, sizeof(*r->bursts));
    r->extra_replies = calloc(SPD_DISPATCH_EXTRA_REPLIES, sizeof(*r->extra_replies));
    if (!r->packets || !r->bursts || !r->extra_replies)
        spd_diag_set(diag, err, 0, "no memory for %u packet records; ask for fewer packets",
                     plan->n_records);
    else
        err = spd_cport_create(port_config, &s->port, diag);
    if (err) {
        spd_session_destroy(s);
        return err;
    }
    *out = s;
    return SPD_ERR_OK;
}

void spd_session_grant(struct spd_session *s)
{
    atomic_store(&s->granted, true);
    (void)spd_cport_post(s->port, KEY_CONTROL, 0, NULL);
}

void spd_session_cancel(struct spd_session *s)
{
    atomic_store(&s->cancel_wanted, true);
    (void)spd_cport_post(s->port, KEY_CONTROL, 0, NULL);
}

struct spd_test_record *spd_session_record(struct spd_session *s)
{
    return &s->record;
}

static void go(struct spd_session *s, enum state state, spd_ns due_ns)
{
    s->state = state;
    s->due_ns = due_ns;
}

/* End the test; what was measured so far stays. */
static void give_up(struct spd_session *s)
{
    go(s, STATE_CLOSE, 0);
}

static void give_out(struct spd_session *s, const struct spd_completion *events, size_t n,
                     spd_ticks dequeued)
{
    for (size_t i = 0; i < n; i++)
        switch (events[i].key) {
        case KEY_DISCOVERY:
            spd_discovery_on_completion(s->discovery, &events[i]);
            break;
        case KEY_DISPATCH:
            spd_dispatch_on_completion(s->dispatch, &events[i], dequeued);
            break;
        default: /* KEY_CONTROL */
            s->woken = true;
            break;
        }
}

static void on_start(struct spd_session *s, spd_ns now_ns)
{
    struct spd_diag *outcome = &s->record.outcome;

    if (spd_discovery_start(s->port, KEY_DISCOVERY, &s->spec, &s->discovery, outcome))
        give_up(s);
    else
        go(s, STATE_DISCOVER, now_ns);
}

static void on_discover(struct spd_session *s, spd_ns now_ns)
{
    switch (spd_discovery_advance(s->discovery, now_ns, &s->record.outcome)) {
    case SPD_DISCOVERY_RUNNING:
        s->due_ns = spd_discovery_due_ns(s->discovery);
        break;
    case SPD_DISCOVERY_FAILED:
        give_up(s);
        break;
    case SPD_DISCOVERY_DONE:
        s->record.reflector_mode = (uint8_t)spd_discovery_mode(s->discovery);
        s->record.ssid_returned = spd_discovery_ssid_returned(s->discovery);
        spd_environment_note_reflector(&s->record.environment,
                                       spd_discovery_mode(s->discovery),
                                       s->record.ssid_returned);
        spd_discovery_stop(s->discovery);
        go(s, STATE_OPEN, now_ns);
        break;
    }
}

static void on_open(struct spd_session *s, spd_ns now_ns)
{
    if (!spd_discovery_is_idle(s->discovery)) {
        s->due_ns = SPD_NS_MAX;
        return;
    }
    if (spd_dispatch_create(s->port, KEY_DISPATCH, &s->spec, &s->plan, &s->record, &s->dispatch,
                            &s->record.outcome))
        give_up(s);
    else
        go(s, STATE_WANT_TURN, now_ns);
}

static void on_want_turn(struct spd_session *s, spd_ns now_ns)
{
    atomic_store(&s->granted, false);
    s->woken = false;
    s->active_ns = now_ns;
    go(s, STATE_AWAIT_TURN, SPD_NS_MAX);
    s->notify(s->context, SPD_SESSION_TURN_WANTED, s->burst_index);
}

static void end_turn(struct spd_session *s)
{
    s->notify(s->context, SPD_SESSION_TURN_OVER, s->burst_index);
}

/* The burst is queued only when its turn has come: the port commits what is
 * pending before it waits, so a burst queued before the wait for the turn would
 * leave then, outside of its time slice. */
static void on_await_turn(struct spd_session *s, spd_ns now_ns)
{
    enum spd_err err;

    if (s->cancelled) {
        end_turn(s);
        give_up(s);
        return;
    }
    if (!atomic_load(&s->granted) || (!s->woken && now_ns - s->active_ns < CONTROL_POLL_NS))
        return;
    err = spd_dispatch_prepare(s->dispatch, s->burst_index, s->attempt);
    if (err) {
        spd_diag_set(&s->record.outcome, err, 0, "cannot queue a burst of %u packets: %s",
                     s->spec.n_packets, spd_err_text(err));
        end_turn(s);
        give_up(s);
        return;
    }
    spd_dispatch_submit(s->dispatch);
    s->active_ns = steady_ns(s);
    s->answered_ns = 0;
    s->activity_seen = spd_dispatch_activity(s->dispatch);
    go(s, STATE_COLLECT, s->active_ns);
}

/* Whether the burst is over: all there, the network silent, or cancelled. */
static bool burst_is_over(struct spd_session *s, spd_ns now_ns)
{
    bool stamps_missing = spd_dispatch_collect_stamps(s->dispatch);
    uint64_t activity = spd_dispatch_activity(s->dispatch);

    if (activity != s->activity_seen) {
        s->activity_seen = activity;
        s->active_ns = now_ns;
    }
    if (spd_dispatch_is_complete(s->dispatch))
        return true;
    if (spd_dispatch_all_answered(s->dispatch)) {
        if (s->answered_ns == 0)
            s->answered_ns = now_ns;
        if (now_ns - s->answered_ns >= STAMP_PATIENCE_NS)
            return true;
    }
    if (s->cancelled || now_ns - s->active_ns >= s->spec.timeout_ns) {
        /* What has not left this host by now must not leave with the next burst. */
        if (!spd_dispatch_cancel_sends(s->dispatch))
            return true;
        s->active_ns = now_ns;
    }
    s->due_ns = s->active_ns + s->spec.timeout_ns;
    if (stamps_missing && s->due_ns > now_ns + STAMP_POLL_NS)
        s->due_ns = now_ns + STAMP_POLL_NS;
    return false;
}

static void after_burst(struct spd_session *s, const struct spd_burst_record *burst, spd_ns now_ns)
{
    bool repeat = burst->broken != SPD_BROKEN_WHOLE && burst->broken != SPD_BROKEN_UNKNOWN &&
                  s->attempt < s->spec.n_retries && !s->cancelled;

    if (repeat) {
        s->record.bursts[s->record.n_bursts - 1].superseded = true;
        s->attempt++;
    } else {
        s->attempt = 0;
        s->burst_index++;
    }
    if (s->burst_index == s->spec.n_bursts || s->cancelled)
        go(s, STATE_TAIL, now_ns);
    else
        go(s, STATE_PAUSE, now_ns + s->spec.gap_ns);
}

static void on_collect(struct spd_session *s, spd_ns now_ns)
{
    struct spd_burst_record *burst;

    if (!burst_is_over(s, now_ns))
        return;
    burst = spd_dispatch_finish(s->dispatch);
    burst->interrupted = s->cancelled;
    end_turn(s);
    s->notify(s->context, SPD_SESSION_PROGRESS, (uint32_t)s->record.n_bursts);
    after_burst(s, burst, steady_ns(s));
}

static void on_pause(struct spd_session *s, spd_ns now_ns)
{
    if (s->cancelled)
        go(s, STATE_TAIL, now_ns);
    else if (now_ns >= s->due_ns)
        go(s, STATE_WANT_TURN, now_ns);
}

/* Packets missing at the very end leave open where they were lost: one more
 * packet shows how far the reflector counted. */
static bool tail_is_open(const struct spd_session *s)
{
    const struct spd_test_record *r = &s->record;

    if (r->reflector_mode != SPD_REFLECTOR_STATEFUL || r->n_packets == 0)
        return false;
    return r->packets[r->n_packets - 1].n_replies == 0;
}

static void on_tail(struct spd_session *s, spd_ns now_ns)
{
    if (s->cancelled || !tail_is_open(s) || spd_dispatch_tail_answered(s->dispatch)) {
        give_up(s);
        return;
    }
    if (now_ns < s->due_ns)
        return;
    if (spd_dispatch_tail_probe(s->dispatch))
        s->due_ns = now_ns + s->spec.timeout_ns;
    else
        give_up(s);
}

static bool is_idle(const struct spd_session *s)
{
    return spd_discovery_is_idle(s->discovery) && spd_dispatch_is_idle(s->dispatch);
}

/* Fetch what is left in the port, a late cancel for instance; what is posted
 * from now on is refused. */
static void shut_port(struct spd_session *s)
{
    struct spd_completion events[EVENTS_MAX];
    size_t n;

    spd_cport_close(s->port);
    while (spd_cport_wait(s->port, events, EVENTS_MAX, &n, SPD_NS_PER_S) == SPD_ERR_OK)
        give_out(s, events, n, spd_clock_now());
}

static void finish(struct spd_session *s)
{
    s->record.interrupted = s->cancelled;
    spd_unreachable_conclude(&s->record);
    shut_port(s);
    s->state = STATE_FINISHED;
    s->notify(s->context, SPD_SESSION_FINISHED, (uint32_t)s->record.n_bursts);
}

static void on_close(struct spd_session *s)
{
    spd_discovery_stop(s->discovery);
    spd_dispatch_stop(s->dispatch);
    s->due_ns = SPD_NS_MAX;
    if (is_idle(s))
        finish(s);
}

/* The system failed: the port can only be closed. What was measured stays. */
static void on_port_failed(struct spd_session *s, enum spd_err err)
{
    spd_diag_set(&s->record.outcome, err, 0, "the completion port failed: %s", spd_err_text(err));
    if (s->state == STATE_COLLECT)
        spd_dispatch_finish(s->dispatch)->interrupted = true;
    if (s->state == STATE_COLLECT || s->state == STATE_AWAIT_TURN)
        end_turn(s);
    spd_discovery_stop(s->discovery);
    spd_dispatch_stop(s->dispatch);
    finish(s);
}

static void advance(struct spd_session *s, spd_ns now_ns)
{
    if (s->cancelled && (s->state == STATE_DISCOVER || s->state == STATE_OPEN ||
                         s->state == STATE_WANT_TURN))
        give_up(s);
    switch (s->state) {
    case STATE_START:
        on_start(s, now_ns);
        break;
    case STATE_DISCOVER:
        on_discover(s, now_ns);
        break;
    case STATE_OPEN:
        on_open(s, now_ns);
        break;
    case STATE_WANT_TURN:
        on_want_turn(s, now_ns);
        break;
    case STATE_AWAIT_TURN:
        on_await_turn(s, now_ns);
        break;
    case STATE_COLLECT:
        on_collect(s, now_ns);
        break;
    case STATE_PAUSE:
        on_pause(s, now_ns);
        break;
    case STATE_TAIL:
        on_tail(s, now_ns);
        break;
    case STATE_CLOSE:
        on_close(s);
        break;
    case STATE_FINISHED:
        break;
    }
}

spd_ns spd_session_due_in_ns(const struct spd_session *s)
{
    spd_ns now_ns;

    if (s->due_ns == SPD_NS_MAX)
        return SPD_NS_FOREVER;
    now_ns = steady_ns(s);
    return s->due_ns > now_ns ? s->due_ns - now_ns : 0;
}

bool spd_session_step(struct spd_session *s, spd_ns max_wait_ns)
{
    struct spd_completion events[EVENTS_MAX];
    spd_ns wait_ns = spd_session_due_in_ns(s);
    enum state before = s->state;
    size_t n = 0;
    enum spd_err err;

    if (s->state == STATE_FINISHED)
        return false;
    if (wait_ns > max_wait_ns)
        wait_ns = max_wait_ns;
    if (wait_ns > CONTROL_POLL_NS)
        wait_ns = CONTROL_POLL_NS;
    if (s->spec.spin && s->state == STATE_COLLECT)
        wait_ns = 0;
    err = spd_cport_wait(s->port, events, EVENTS_MAX, &n, wait_ns);
    if (err && err != SPD_ERR_TIMEOUT) {
        on_port_failed(s, err);
        return false;
    }
    give_out(s, events, n, spd_clock_now());
    s->cancelled = atomic_load(&s->cancel_wanted);
    /* States follow one another without waiting until one has to wait. */
    do {
        before = s->state;
        advance(s, steady_ns(s));
    } while (s->state != before);
    return s->state != STATE_FINISHED;
}

void spd_session_destroy(struct spd_session *s)
{
    if (!s)
        return;
    SPD_ASSERT(s->state == STATE_FINISHED || s->state == STATE_START);
    if (s->port && s->state == STATE_START)
        shut_port(s);
    /* Only a port that failed for good leaves operations behind: the system may
     * still write to their memory, so it is lost rather than used again. */
    if (is_idle(s)) {
        spd_discovery_free(s->discovery);
        spd_dispatch_free(s->dispatch);
        spd_cport_destroy(s->port);
    }
    free(s->record.packets);
    free(s->record.bursts);
    free(s->record.extra_replies);
    free(s);
}
