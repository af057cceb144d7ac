/*
 * What the parts of the Unix sockets share. Private to posix/.
 */
#ifndef SPD_POSIX_LOCAL_H
#define SPD_POSIX_LOCAL_H

#include <stdbool.h>
#include <sys/types.h>
#include <sys/un.h>

#include "common/sys/local.h"

struct spd_local_set {
    int waker;
    size_t n_members;
};

/* Who is an administrator. */
struct spd_local_admins {
    uid_t own; /* the user of the listening program */
    bool has_group;
    gid_t group;
};

struct spd_local {
    struct spd_local_set *set;
    int fd;
    struct spd_local_admins admins; /* of a listener and what it accepts */
    /* Of a listener: its socket file, and the file whose lock makes it ours. */
    int lock;
    char path[sizeof(((struct sockaddr_un *)0)->sun_path)];
};

/* A member of the set, with the descriptor -1; NULL for want of memory. */
struct spd_local *spd_local_make(struct spd_local_set *set);

/* INVALID with a diag when the name is no path of a socket. */
enum spd_err spd_local_address(const char *name, struct sockaddr_un *out, struct spd_diag *diag);

#endif
