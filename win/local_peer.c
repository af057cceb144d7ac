/*
 * Who is at the other end of a named pipe: for a moment we are in the client's
 * place, and look at what rights that gives. On the thread that owns the set;
 * asks the user database, and blocks as long as that does.
 */
#include "win/local.h"

#include <stdlib.h>
#include <string.h>

#include "common/base/assert.h"
#include "win/oserr.h"

#define GROUPS_MAX 1024

struct group_texts {
    char id[SPD_SID_TEXT_BYTES];
    char name[SPD_SID_NAME_BYTES];
};

/* The result, with what it points to but for the list of groups. */
struct whole_peer {
    struct spd_local_peer peer;
    char user[SPD_SID_NAME_BYTES];
    char user_id[SPD_SID_TEXT_BYTES];
    struct spd_local_group *groups;
    struct group_texts texts[];
};

/* The client's token. Returns 0 or a code. */
static DWORD open_client(HANDLE pipe, HANDLE *token)
{
    DWORD code = 0;

    if (!ImpersonateNamedPipeClient(pipe))
        return GetLastError();
    if (!OpenThreadToken(GetCurrentThread(), TOKEN_QUERY, TRUE, token))
        code = GetLastError();
    /* To go on in somebody else's place would be worse than to end. */
    if (!RevertToSelf())
        spd_panic(__FILE__, __LINE__, "RevertToSelf");
    return code;
}

static enum spd_err explain(struct spd_diag *diag, DWORD code)
{
    enum spd_err err = code == ERROR_CANNOT_IMPERSONATE    ? SPD_ERR_TIMEOUT
                       : code == ERROR_CANT_OPEN_ANONYMOUS ? SPD_ERR_PERM
                                                           : spd_oserr_map(code);
    char text[SPD_OSERR_TEXT_BYTES];

    return spd_diag_set(diag, err, (int32_t)code,
                        "cannot ask the system who is at the other end: %s",
                        spd_oserr_text(code, text));
}

/* A group that only takes rights away gives none. */
static bool is_in_force(const SID_AND_ATTRIBUTES *group)
{
    return (group->Attributes & SE_GROUP_ENABLED) != 0 &&
           (group->Attributes & SE_GROUP_USE_FOR_DENY_ONLY) == 0;
}

static bool is_admin(HANDLE token, const struct spd_local_admins *admins, const char *user_id)
{
    GENERIC_MAPPING mapping = { FILE_GENERIC_READ, FILE_GENERIC_WRITE, FILE_GENERIC_EXECUTE,
                                FILE_ALL_ACCESS };
    PRIVILEGE_SET privileges;
    DWORD n_bytes = sizeof(privileges), granted = 0;
    BOOL allowed = FALSE;

    if (strcmp(user_id, admins->own_user) == 0)
        return true;
    return AccessCheck(admins->descriptor, token, FILE_ALL_ACCESS, &mapping, &privileges, &n_bytes,
                       &granted, &allowed) &&
           allowed && granted == FILE_ALL_ACCESS;
}

static struct whole_peer *make_peer(size_t n_groups)
{
    struct whole_peer *whole = calloc(1, sizeof(*whole) + n_groups * sizeof(whole->texts[0]));

    if (whole == NULL)
        return NULL;
    whole->groups = calloc(n_groups + 1, sizeof(*whole->groups));
    if (whole->groups == NULL) {
        free(whole);
        return NULL;
    }
    return whole;
}

static void put_groups(struct whole_peer *whole, const TOKEN_GROUPS *groups, size_t n_most)
{
    size_t n = 0;

    for (DWORD i = 0; i < groups->GroupCount && n < n_most; i++) {
        struct group_texts *texts = &whole->texts[n];

        if (!is_in_force(&groups->Groups[i]) || !spd_sid_text(groups->Groups[i].Sid, texts->id))
            continue;
        spd_sid_name(groups->Groups[i].Sid, texts->name);
        whole->groups[n++] = (struct spd_local_group){ texts->id, texts->name };
    }
    whole->peer.n_groups = n;
    whole->peer.groups = whole->groups;
}

static struct whole_peer *describe(const struct spd_local *connection, HANDLE token, DWORD *code)
{
    TOKEN_USER *user = spd_sid_token_info(token, TokenUser, code);
    TOKEN_GROUPS *groups = spd_sid_token_info(token, TokenGroups, code);
    struct whole_peer *whole = NULL;
    ULONG pid = 0;

    if (user != NULL && groups != NULL) {
        size_t n_most = groups->GroupCount < GROUPS_MAX ? groups->GroupCount : GROUPS_MAX;

        *code = ERROR_NOT_ENOUGH_MEMORY;
        whole = make_peer(n_most);
        if (whole != NULL && !spd_sid_text(user->User.Sid, whole->user_id)) {
            free(whole->groups);
            free(whole);
            whole = NULL;
        }
        if (whole != NULL) {
            put_groups(whole, groups, n_most);
            spd_sid_name(user->User.Sid, whole->user);
            (void)GetNamedPipeClientProcessId(connection->pipe, &pid);
            whole->peer.user = whole->user;
            whole->peer.user_id = whole->user_id;
            whole->peer.pid = pid;
            whole->peer.is_admin = is_admin(token, connection->admins, whole->user_id);
        }
    }
    free(user);
    free(groups);
    return whole;
}

enum spd_err spd_local_peer(const struct spd_local *connection, struct spd_local_peer **out,
                            struct spd_diag *diag)
{
    struct whole_peer *whole;
    HANDLE token = NULL;
    DWORD code;

    SPD_ASSERT(connection->admins != NULL && connection->listener == NULL);
    code = open_client(connection->pipe, &token);
    if (code != 0)
        return explain(diag, code);
    whole = describe(connection, token, &code);
    CloseHandle(token);
    if (whole == NULL)
        return explain(diag, code);
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
