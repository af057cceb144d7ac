/*
 * See posix_local.h.
 */
#include "tests/sys/posix_local.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/sys/local.h"

struct ends {
    struct attempt *attempt;
    struct spd_local_set *set;
    struct spd_local *listener, *near, *far;
    char name[40];
};

/* Until there is something to read, or to accept. A failing call of the wait is
 * told, and the next wait goes on. */
static bool await(struct ends *e, struct spd_local *connection)
{
    for (int i = 0; i < 100; i++) {
        struct spd_local_want want = { .connection = connection, .read = true };
        enum spd_err err = spd_local_wait(e->set, &want, 1, attempt_patience_ns);

        if (err == SPD_ERR_OK && want.is_readable) {
            return true;
        }
        if (err != SPD_ERR_OK && !attempt_ok(e->attempt, "wait", err, NULL)) {
            return false;
        }
    }
    attempt_expect(e->attempt, false, "a wait that is never met");
    return false;
}

static bool open_both(struct ends *e)
{
    /* By name, so that the database is asked. */
    const struct spd_local_config config = { .name = e->name, .admins = "daemon" };
    struct spd_diag diag = { 0 };

    return attempt_ok(e->attempt, "set", spd_local_set_create(&e->set, &diag), &diag) &&
           attempt_ok(e->attempt, "listen", spd_local_listen(e->set, &config, &e->listener, &diag),
                      &diag) &&
           attempt_ok(e->attempt, "connect",
                      spd_local_connect(e->set, e->name, attempt_patience_ns, &e->near, &diag),
                      &diag) &&
           await(e, e->listener) &&
           attempt_ok(e->attempt, "accept", spd_local_accept(e->listener, &e->far), NULL);
}

static void ask_who(struct ends *e)
{
    struct spd_local_peer *peer = NULL;
    struct spd_diag diag = { 0 };
    char uid[12];

    if (!attempt_ok(e->attempt, "peer", spd_local_peer(e->far, &peer, &diag), &diag)) {
        return;
    }
    snprintf(uid, sizeof uid, "%u", (unsigned)geteuid());
    /* A name may be missing; then the number stands for it. */
    attempt_expect(e->attempt, strcmp(peer->user_id, uid) == 0 && peer->user[0] != '\0',
                   "somebody else");
    attempt_expect(e->attempt, peer->is_admin, "not ourselves");
    attempt_expect(e->attempt, peer->n_groups >= 1 && peer->groups[0].name[0] != '\0',
                   "a user without a group");
    spd_local_peer_free(peer);
}

static void talk(struct ends *e)
{
    char got[8];
    size_t n = 0;

    if (!attempt_ok(e->attempt, "write", spd_local_write(e->near, "hello", 5, &n), NULL)) {
        return;
    }
    attempt_expect(e->attempt, n == 5, "part of five octets");
    if (!await(e, e->far) ||
        !attempt_ok(e->attempt, "read", spd_local_read(e->far, got, sizeof got, &n), NULL)) {
        return;
    }
    attempt_expect(e->attempt, n == 5 && memcmp(got, "hello", 5) == 0, "other octets");
    ask_who(e);
    spd_local_set_wake(e->set);
    (void)attempt_ok(e->attempt, "woken", spd_local_wait(e->set, NULL, 0, attempt_patience_ns),
                     NULL);
}

void local_scenario(struct attempt *attempt)
{
    struct ends e = { .attempt = attempt };

    snprintf(e.name, sizeof e.name, "test-faults-%d.sock", (int)getpid());
    if (open_both(&e)) {
        talk(&e);
    }
    spd_local_close(e.near);
    spd_local_close(e.far);
    spd_local_close(e.listener);
    spd_local_set_destroy(e.set);
    /* What a failing unlink left must not fail the next run; the lock stays by intention. */
    (void)remove(e.name);
    strcat(e.name, ".lock");
    (void)remove(e.name);
}
