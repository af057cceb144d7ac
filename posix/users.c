/*
 * The user database, through the reentrant calls, whose buffer grows with the
 * entry: a group comes with the names of all its members.
 */
#include "posix/users.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/text.h"

#define FIRST_BYTES 1024
#define MOST_BYTES  (1u << 20)

union entry {
    struct passwd user;
    struct group group;
};

/* What is asked for: a user by number, a group by number, or by name. */
enum question { USER_OF, GROUP_OF, GROUP_NAMED };

static int ask_once(enum question question, id_t id, const char *name, union entry *entry,
                    char *memory, size_t n_bytes, bool *found)
{
    struct passwd *user = NULL;
    struct group *group = NULL;
    int rc;

    do {
        rc = question == USER_OF    ? getpwuid_r(id, &entry->user, memory, n_bytes, &user)
             : question == GROUP_OF ? getgrgid_r(id, &entry->group, memory, n_bytes, &group)
                                    : getgrnam_r(name, &entry->group, memory, n_bytes, &group);
    } while (rc == EINTR);
    *found = user != NULL || group != NULL;
    return rc;
}

/* Returns 0, ENOENT, or another errno. With 0, *memory is to be freed. */
static int ask(enum question question, id_t id, const char *name, union entry *entry, char **memory)
{
    for (size_t n_bytes = FIRST_BYTES; n_bytes <= MOST_BYTES; n_bytes *= 4) {
        bool found = false;
        int rc;

        *memory = malloc(n_bytes);
        if (*memory == NULL) {
            return ENOMEM;
        }
        rc = ask_once(question, id, name, entry, *memory, n_bytes, &found);
        if (rc == 0 && found) {
            return 0;
        }
        free(*memory);
        *memory = NULL;
        if (rc != ERANGE) {
            return rc == 0 ? ENOENT : rc;
        }
    }
    return ERANGE;
}

static bool is_number(const char *text)
{
    return text[0] != '\0' && text[strspn(text, "0123456789")] == '\0';
}

static void take_name(const char *name, char out[SPD_USERS_NAME_BYTES])
{
    if (strlen(name) < SPD_USERS_NAME_BYTES && name[0] != '\0' && !is_number(name)) {
        (void)spd_text_copy(out, SPD_USERS_NAME_BYTES, name);
    }
}

void spd_users_name(uid_t uid, char name[SPD_USERS_NAME_BYTES])
{
    union entry entry;
    char *memory;

    (void)snprintf(name, SPD_USERS_NAME_BYTES, "%u", (unsigned)uid);
    if (ask(USER_OF, uid, NULL, &entry, &memory) == 0) {
        take_name(entry.user.pw_name, name);
        free(memory);
    }
}

void spd_users_group_name(gid_t gid, char name[SPD_USERS_NAME_BYTES])
{
    union entry entry;
    char *memory;

    (void)snprintf(name, SPD_USERS_NAME_BYTES, "%u", (unsigned)gid);
    if (ask(GROUP_OF, gid, NULL, &entry, &memory) == 0) {
        take_name(entry.group.gr_name, name);
        free(memory);
    }
}

int spd_users_group_id(const char *name, gid_t *gid)
{
    union entry entry;
    char *memory;
    int rc;

    if (is_number(name)) {
        unsigned long long number = strtoull(name, NULL, 10);

        if (number >= UINT32_MAX) { /* (gid_t)-1 is nobody's */
            return ENOENT;
        }
        *gid = (gid_t)number;
        return 0;
    }
    rc = ask(GROUP_NAMED, 0, name, &entry, &memory);
    if (rc == 0) {
        *gid = entry.group.gr_gid;
        free(memory);
    }
    return rc;
}
