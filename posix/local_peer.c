/*
 * Who is at the other end of a Unix socket, as the kernel noted it when the
 * peer connected. On the thread that owns the set; asks the user database, and
 * blocks as long as that does.
 */
#include "posix/local.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "posix/oserr.h"
#include "posix/users.h"

#define GROUPS_MAX   1024
#define NUMBER_BYTES 12
/* The kernel's own limit is 65,536 supplementary groups. */
#define ASK_GROUPS_MAX 65536

struct group_texts {
    char id[NUMBER_BYTES];
    char name[SPD_USERS_NAME_BYTES];
};

/* The result, with what it points to but for the list of groups. */
struct whole_peer {
    struct spd_local_peer peer;
    char user[SPD_USERS_NAME_BYTES];
    char user_id[NUMBER_BYTES];
    struct spd_local_group *groups;
    struct group_texts texts[];
};

static enum spd_err explain(struct spd_diag *diag, int os_errno)
{
    return spd_diag_set(diag, os_errno == ENOMEM ? SPD_ERR_NOMEM : SPD_ERR_IO, os_errno,
                        "cannot ask the system who is at the other end: %s",
                        spd_oserr_name(os_errno));
}

/* The supplementary groups, with room for one more before them. Returns 0 or an errno; *out is
 * to be freed then. */
static int ask_groups(int fd, gid_t **out, size_t *n_out)
{
    socklen_t n_bytes = 0;

    *out = NULL;
    /* Without room it tells how much it needs. */
    if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &n_bytes) != 0 && errno != ERANGE) {
        return errno;
    }
    if (n_bytes > ASK_GROUPS_MAX * sizeof(gid_t)) {
        return E2BIG;
    }
    *out = malloc(sizeof(gid_t) + n_bytes);
    if (*out == NULL) {
        return ENOMEM;
    }
    if (n_bytes > 0 && getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, *out + 1, &n_bytes) != 0) {
        int os_errno = errno;

        free(*out);
        *out = NULL;
        return os_errno;
    }
    *n_out = n_bytes / sizeof(gid_t);
    return 0;
}

/* The primary group first, and each once as far as it matters. */
static size_t put_first(gid_t *groups, size_t n, gid_t primary)
{
    size_t n_kept = 1;

    groups[0] = primary;
    for (size_t i = 1; i <= n; i++) {
        if (groups[i] != primary) {
            groups[n_kept++] = groups[i];
        }
    }
    return n_kept;
}

static bool has_group(const gid_t *groups, size_t n, gid_t group)
{
    for (size_t i = 0; i < n; i++) {
        if (groups[i] == group) {
            return true;
        }
    }
    return false;
}

static struct whole_peer *make_peer(size_t n_groups)
{
    struct whole_peer *whole = calloc(1, sizeof *whole + n_groups * sizeof whole->texts[0]);

    if (whole == NULL) {
        return NULL;
    }
    whole->groups = calloc(n_groups, sizeof *whole->groups);
    if (whole->groups == NULL) {
        free(whole);
        return NULL;
    }
    return whole;
}

static void describe(struct whole_peer *whole, const struct ucred *who, const gid_t *groups,
                     size_t n_groups)
{
    (void)snprintf(whole->user_id, sizeof whole->user_id, "%u", (unsigned)who->uid);
    spd_users_name(who->uid, whole->user);
    for (size_t i = 0; i < n_groups; i++) {
        struct group_texts *texts = &whole->texts[i];

        (void)snprintf(texts->id, sizeof texts->id, "%u", (unsigned)groups[i]);
        spd_users_group_name(groups[i], texts->name);
        whole->groups[i] = (struct spd_local_group){ texts->id, texts->name };
    }
    whole->peer = (struct spd_local_peer){ .user = whole->user,
                                           .user_id = whole->user_id,
                                           .pid = (uint32_t)who->pid,
                                           .n_groups = n_groups,
                                           .groups = whole->groups };
}

enum spd_err spd_local_peer(const struct spd_local *connection, struct spd_local_peer **out,
                            struct spd_diag *diag)
{
    const struct spd_local_admins *admins = &connection->admins;
    struct whole_peer *whole;
    struct ucred who;
    socklen_t n_bytes = sizeof who;
    gid_t *groups;
    size_t n_groups = 0, n_told;
    int rc;

    if (getsockopt(connection->fd, SOL_SOCKET, SO_PEERCRED, &who, &n_bytes) != 0) {
        return explain(diag, errno);
    }
    rc = ask_groups(connection->fd, &groups, &n_groups);
    if (rc != 0) {
        return explain(diag, rc);
    }
    n_groups = put_first(groups, n_groups, who.gid);
    n_told = n_groups < GROUPS_MAX ? n_groups : GROUPS_MAX;
    whole = make_peer(n_told);
    if (whole == NULL) {
        free(groups);
        return explain(diag, ENOMEM);
    }
    describe(whole, &who, groups, n_told);
    whole->peer.is_admin = who.uid == 0 || who.uid == admins->own ||
                           (admins->has_group && has_group(groups, n_groups, admins->group));
    free(groups);
    *out = &whole->peer;
    return SPD_ERR_OK;
}

void spd_local_peer_free(struct spd_local_peer *peer)
{
    if (peer != NULL) {
        struct whole_peer *whole = (struct whole_peer *)(void *)peer; /* its first member */

        free(whole->groups);
        free(whole);
    }
}
