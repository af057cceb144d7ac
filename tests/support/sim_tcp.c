/*
 * Simulated TCP (common/sys/tcp.h): octets arrive in order and complete, one
 * link delay after they were written, unless sim_tcp_break cuts them off.
 * No loss, no rate, no handshake beyond the time it takes.
 */
#include "common/sys/tcp.h"

#include <stdlib.h>
#include <string.h>

#include "tests/support/sim_world.h"

#define WINDOW_BYTES 65536 /* written and not read yet, in one direction */
#define BACKLOG      128

struct spd_tcp {
    struct sim_node node; /* in the list of all */
    uint64_t id;
    unsigned host;
    struct spd_addr local, peer;
    bool is_listener;
    bool is_pending; /* connected, not accepted yet */
    bool ended;      /* the peer closed; what came before can be read */
    bool broken;
    uint64_t listener; /* of a pending one, by id */
    uint64_t other;    /* the far end, by id: it may be gone */
    unsigned char buffer[WINDOW_BYTES];
    size_t n_buffered;
    size_t n_on_the_way; /* to this end */
};

struct spd_tcp_waker {
    bool woken;
};

struct segment {
    struct sim_event event; /* first */
    uint64_t to;
    size_t n; /* 0: the end */
    unsigned char bytes[];
};

static struct sim_node streams;
static bool has_list;

static struct sim_node *all(void)
{
    if (!has_list) {
        sim_list_init(&streams);
        has_list = true;
    }
    return &streams;
}

#define FOR_ALL(s)                                                                                 \
    for (struct spd_tcp *s = (struct spd_tcp *)(void *)all()->next; &(s)->node != &streams;        \
         s = (struct spd_tcp *)(void *)(s)->node.next)

static struct spd_tcp *find(uint64_t id)
{
    FOR_ALL(s)
    {
        if (s->id == id)
            return s;
    }
    return NULL;
}

static struct spd_tcp *create(unsigned host)
{
    struct spd_tcp *s = sim_contract_alloc(sizeof *s);

    if (s == NULL)
        return NULL;
    s->id = sim_world()->next_id++;
    s->host = host;
    sim_list_append(all(), &s->node);
    sim_world()->n_alive++;
    return s;
}

static unsigned host_of(const struct spd_addr *addr)
{
    unsigned host = sim_host_of(addr);

    return host && !spd_addr_is_any(addr) ? host : sim_current_host();
}

/* ---- segments ---- */

static void segment_drop(struct sim_event *event)
{
    free(event);
}

static void segment_run(struct sim_event *event)
{
    struct segment *segment = (struct segment *)(void *)event;
    struct spd_tcp *to = find(segment->to);

    if (to != NULL && segment->n == 0) {
        to->ended = true;
    } else if (to != NULL) {
        memcpy(to->buffer + to->n_buffered, segment->bytes, segment->n);
        to->n_buffered += segment->n;
        to->n_on_the_way -= segment->n;
    }
    free(segment);
}

static void deliver(const struct spd_tcp *from, uint64_t to, const void *bytes, size_t n)
{
    struct segment *segment = sim_alloc(sizeof *segment + n);

    segment->event.run = segment_run;
    segment->event.drop = segment_drop;
    segment->to = to;
    segment->n = n;
    if (n > 0)
        memcpy(segment->bytes, bytes, n);
    sim_event_add(&segment->event, sim_now_ns() + sim_link_delay(from->host, host_of(&from->peer)));
}

/* ---- the contract ---- */

static struct spd_tcp *listener_at(const struct spd_addr *addr)
{
    unsigned host = host_of(addr);

    FOR_ALL(s)
    {
        if (s->is_listener && s->host == host && s->local.port == addr->port &&
            s->local.family == addr->family)
            return s;
    }
    return NULL;
}

enum spd_err spd_tcp_listen(const struct spd_addr *local, struct spd_tcp **out,
                            struct spd_diag *diag)
{
    struct spd_addr address = *local;
    struct spd_tcp *s;

    if (address.port == 0)
        address.port = sim_host(host_of(&address))->next_port++;
    if (listener_at(&address) != NULL)
        return spd_diag_set(diag, SPD_ERR_IN_USE, 0, "simulated: the port is taken");
    s = create(host_of(&address));
    if (s == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "simulated: no memory");
    s->is_listener = true;
    s->local = address;
    *out = s;
    return SPD_ERR_OK;
}

static struct spd_tcp *pending_at(const struct spd_tcp *listener, size_t *n)
{
    struct spd_tcp *first = NULL;

    *n = 0;
    FOR_ALL(s)
    {
        if (!s->is_pending || s->listener != listener->id)
            continue;
        first = first ? first : s;
        ++*n;
    }
    return first;
}

enum spd_err spd_tcp_accept(struct spd_tcp *listener, struct spd_tcp **out)
{
    size_t n;
    struct spd_tcp *s = pending_at(listener, &n);

    if (s == NULL)
        return SPD_ERR_TIMEOUT;
    s->is_pending = false;
    *out = s;
    return SPD_ERR_OK;
}

enum spd_err spd_tcp_connect(const struct spd_addr *remote, const struct spd_addr *local,
                             spd_ns timeout_ns, struct spd_tcp **out, struct spd_diag *diag)
{
    unsigned host = local && local->family ? host_of(local) : sim_current_host();
    struct spd_tcp *listener = listener_at(remote), *near, *far;
    spd_ns round_trip_ns = 2 * sim_link_delay(host, host_of(remote));
    size_t n = 0;

    if (listener != NULL)
        (void)pending_at(listener, &n);
    if (n == BACKLOG || round_trip_ns > timeout_ns) {
        sim_advance(timeout_ns);
        return spd_diag_set(diag, SPD_ERR_TIMEOUT, 0, "simulated: nobody accepts");
    }
    sim_advance(round_trip_ns);
    listener = listener_at(remote);
    if (listener == NULL)
        return spd_diag_set(diag, SPD_ERR_REFUSED, 0, "simulated: nobody listens");
    near = create(host);
    far = create(listener->host);
    if (near == NULL || far == NULL) {
        spd_tcp_close(near);
        spd_tcp_close(far);
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "simulated: no memory");
    }
    near->local = spd_addr_is_loopback(remote)        ? *remote
                  : remote->family == SPD_FAMILY_IPV4 ? sim_addr4(host, 0)
                                                      : sim_addr6(host, 0);
    near->local.port = sim_host(host)->next_port++;
    near->peer = *remote;
    far->local = *remote;
    far->peer = near->local;
    near->other = far->id;
    far->other = near->id;
    far->is_pending = true;
    far->listener = listener->id;
    *out = near;
    return SPD_ERR_OK;
}

void spd_tcp_local(const struct spd_tcp *stream, struct spd_addr *out)
{
    *out = stream->local;
}

void spd_tcp_peer(const struct spd_tcp *stream, struct spd_addr *out)
{
    *out = stream->peer;
}

enum spd_err spd_tcp_read(struct spd_tcp *stream, void *out, size_t capacity, size_t *n_out)
{
    size_t n = stream->n_buffered < capacity ? stream->n_buffered : capacity;

    sim_run_due();
    if (stream->broken)
        return SPD_ERR_IO;
    n = stream->n_buffered < capacity ? stream->n_buffered : capacity;
    if (n == 0)
        return stream->ended ? SPD_ERR_CLOSED : SPD_ERR_TIMEOUT;
    memcpy(out, stream->buffer, n);
    memmove(stream->buffer, stream->buffer + n, stream->n_buffered - n);
    stream->n_buffered -= n;
    *n_out = n;
    return SPD_ERR_OK;
}

static size_t room_of(const struct spd_tcp *stream)
{
    const struct spd_tcp *other = find(stream->other);

    return other ? WINDOW_BYTES - other->n_buffered - other->n_on_the_way : WINDOW_BYTES;
}

enum spd_err spd_tcp_write(struct spd_tcp *stream, const void *bytes, size_t n, size_t *n_written)
{
    struct spd_tcp *other = find(stream->other);
    size_t room = room_of(stream);

    SPD_ASSERT(n > 0);
    if (stream->broken || (other == NULL && stream->ended))
        return SPD_ERR_IO;
    if (room == 0)
        return SPD_ERR_TIMEOUT;
    n = n < room ? n : room;
    if (other != NULL) {
        other->n_on_the_way += n;
        deliver(stream, other->id, bytes, n);
    }
    *n_written = n;
    return SPD_ERR_OK;
}

void spd_tcp_close(struct spd_tcp *stream)
{
    if (stream == NULL)
        return;
    if (stream->is_listener) {
        size_t n;
        struct spd_tcp *pending;

        while ((pending = pending_at(stream, &n)) != NULL) {
            pending->is_pending = false;
            spd_tcp_close(pending);
        }
    } else if (!stream->broken && stream->other) {
        deliver(stream, stream->other, NULL, 0);
    }
    sim_list_remove(&stream->node);
    sim_world()->n_alive--;
    free(stream);
}

enum spd_err spd_tcp_waker_create(struct spd_tcp_waker **out, struct spd_diag *diag)
{
    struct spd_tcp_waker *waker = sim_contract_alloc(sizeof *waker);

    if (waker == NULL)
        return spd_diag_set(diag, SPD_ERR_NOMEM, 0, "simulated: no memory");
    sim_world()->n_alive++;
    *out = waker;
    return SPD_ERR_OK;
}

void spd_tcp_waker_wake(struct spd_tcp_waker *waker)
{
    waker->woken = true;
}

void spd_tcp_waker_destroy(struct spd_tcp_waker *waker)
{
    if (waker == NULL)
        return;
    sim_world()->n_alive--;
    free(waker);
}

static bool is_met(struct spd_tcp_want *want)
{
    struct spd_tcp *s = want->stream;
    size_t n = 0;

    if (s->is_listener)
        (void)pending_at(s, &n);
    want->is_readable = want->read && (n > 0 || s->n_buffered > 0 || s->ended || s->broken);
    want->is_writable = want->write && (s->broken || room_of(s) > 0);
    return want->is_readable || want->is_writable;
}

static bool any_is_met(struct spd_tcp_want *wants, size_t n, struct spd_tcp_waker *waker)
{
    bool met = waker != NULL && waker->woken;

    for (size_t i = 0; i < n; i++)
        met = is_met(&wants[i]) || met;
    if (met && waker != NULL)
        waker->woken = false;
    return met;
}

enum spd_err spd_tcp_wait(struct spd_tcp_want *wants, size_t n, struct spd_tcp_waker *waker,
                          spd_ns timeout_ns)
{
    spd_ns until_ns = sim_saturating_add(sim_now_ns(), timeout_ns);

    SPD_ASSERT(n <= SPD_TCP_WANTS_MAX);
    sim_run_due();
    for (;;) {
        if (any_is_met(wants, n, waker))
            return SPD_ERR_OK;
        if (sim_thread_run_one())
            continue;
        if (sim_now_ns() >= until_ns)
            return SPD_ERR_TIMEOUT;
        if (!sim_step_to(until_ns) && until_ns == SPD_NS_FOREVER)
            spd_panic(__FILE__, __LINE__, "a wait that nothing can end");
    }
}

void sim_tcp_break(unsigned host)
{
    FOR_ALL(s)
    {
        if (!s->is_listener && (s->host == host || host_of(&s->peer) == host))
            s->broken = true;
    }
}
