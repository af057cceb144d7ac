/*
 * See posix_tcp.h.
 */
#include "tests/sys/posix_tcp.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/sys/fs.h"
#include "common/sys/random.h"
#include "common/sys/tcp.h"
#include "common/sys/warmup.h"

struct streams {
    struct attempt *attempt;
    struct spd_tcp_waker *waker;
    struct spd_tcp *listener, *near, *far;
    struct spd_addr address;
};

/* Until there is something to read, or to accept. A failing call of the wait is
 * told, and the next wait goes on. */
static bool await(struct streams *s, struct spd_tcp *stream)
{
    for (int i = 0; i < 100; i++) {
        struct spd_tcp_want want = { .stream = stream, .read = true };
        enum spd_err err = spd_tcp_wait(&want, 1, s->waker, attempt_patience_ns);

        if (err == SPD_ERR_OK && want.is_readable)
            return true;
        if (err && !attempt_ok(s->attempt, "wait", err, NULL))
            return false;
    }
    attempt_expect(s->attempt, false, "a wait that is never met");
    return false;
}

static bool open_both(struct streams *s)
{
    struct spd_addr any = { .family = SPD_FAMILY_IPV4, .bytes = { 127, 0, 0, 1 } };
    struct spd_diag diag = { 0 };

    if (!attempt_ok(s->attempt, "waker", spd_tcp_waker_create(&s->waker, &diag), &diag) ||
        !attempt_ok(s->attempt, "listen", spd_tcp_listen(&any, &s->listener, &diag), &diag))
        return false;
    spd_tcp_local(s->listener, &s->address);
    if (s->address.family == SPD_FAMILY_NONE) {
        s->attempt->err = SPD_ERR_IO; /* and nobody can find it */
        s->attempt->stage = "local";
        return false;
    }
    if (!attempt_ok(s->attempt, "connect",
                    spd_tcp_connect(&s->address, &any, attempt_patience_ns, &s->near, &diag),
                    &diag))
        return false;
    return await(s, s->listener) &&
           attempt_ok(s->attempt, "accept", spd_tcp_accept(s->listener, &s->far), NULL);
}

static void talk(struct streams *s)
{
    struct spd_addr peer, local;
    char got[8];
    size_t n = 0;

    spd_tcp_peer(s->far, &peer);
    spd_tcp_local(s->near, &local);
    attempt_expect(s->attempt,
                   peer.family == SPD_FAMILY_NONE || local.family == SPD_FAMILY_NONE ||
                       spd_addr_equal(&peer, &local),
                   "the ends do not know each other");
    if (!attempt_ok(s->attempt, "write", spd_tcp_write(s->near, "hello", 5, &n), NULL))
        return;
    attempt_expect(s->attempt, n == 5, "part of five octets");
    if (!await(s, s->far) ||
        !attempt_ok(s->attempt, "read", spd_tcp_read(s->far, got, sizeof got, &n), NULL))
        return;
    attempt_expect(s->attempt, n == 5 && memcmp(got, "hello", 5) == 0, "other octets");
    spd_tcp_waker_wake(s->waker);
    (void)attempt_ok(s->attempt, "woken", spd_tcp_wait(NULL, 0, s->waker, attempt_patience_ns),
                     NULL);
    spd_tcp_close(s->near);
    s->near = NULL;
    if (await(s, s->far)) {
        enum spd_err err = spd_tcp_read(s->far, got, sizeof got, &n);

        if (err != SPD_ERR_CLOSED)
            (void)attempt_ok(s->attempt, "read the end", err, NULL);
        attempt_expect(s->attempt, err != SPD_ERR_OK, "octets out of nothing");
    }
}

/* A run that fails matters to nobody. */
static void warm_up(struct attempt *attempt)
{
    struct spd_warmup *warmup = NULL;

    if (attempt_ok(attempt, "warm-up", spd_warmup_create(SPD_FAMILY_IPV4, &warmup), NULL))
        spd_warmup_run(warmup);
    spd_warmup_destroy(warmup);
}

void __real_free(void *at);

static void write_to_memory(struct attempt *attempt)
{
    struct spd_fs_memory memory;
    struct spd_diag diag = { 0 };
    char *bytes = NULL;

    if (!attempt_ok(attempt, "memory", spd_fs_memory_open(&memory, &diag), &diag))
        return;
    fputs("some", memory.file);
    if (attempt_ok(attempt, "take memory", spd_fs_memory_close(&memory, &bytes, NULL), NULL))
        attempt_expect(attempt, strcmp(bytes, "some") == 0, "other octets");
    __real_free(bytes); /* the books know nothing of what the C library took */
}

void tcp_scenario(struct attempt *attempt)
{
    struct streams s = { .attempt = attempt };
    struct spd_diag diag = { 0 };
    unsigned char octets[16];

    if (attempt_ok(attempt, "random", spd_random_fill(octets, sizeof octets, &diag), &diag) &&
        open_both(&s))
        talk(&s);
    warm_up(attempt);
    write_to_memory(attempt);
    if (attempt_ok(attempt, "folder", spd_fs_make_folder("fault.dir/a", &diag), &diag)) {
        rmdir("fault.dir/a");
        rmdir("fault.dir");
    }
    spd_tcp_close(s.near);
    spd_tcp_close(s.far);
    spd_tcp_close(s.listener);
    spd_tcp_waker_destroy(s.waker);
}
