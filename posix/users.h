/*
 * Names of users and groups. Asks the system's user database, which may be far
 * away: blocks as long as it does. Private to posix/. Any thread.
 */
#ifndef SPD_POSIX_USERS_H
#define SPD_POSIX_USERS_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define SPD_USERS_NAME_BYTES 256

/* The name; the number where there is no name, where it does not fit (cut, it
 * could be somebody else's), and where it looks like a number itself. */
void spd_users_name(uid_t uid, char name[SPD_USERS_NAME_BYTES]);
void spd_users_group_name(gid_t gid, char name[SPD_USERS_NAME_BYTES]);

/* A group by name or number. Returns 0, ENOENT when there is none, or another
 * errno. */
int spd_users_group_id(const char *name, gid_t *gid);

#endif
