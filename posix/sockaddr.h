/*
 * Between our addresses and the system's. Private to posix/.
 */
#ifndef SPD_POSIX_SOCKADDR_H
#define SPD_POSIX_SOCKADDR_H

#include <stdbool.h>
#include <sys/socket.h>

#include "common/base/addr.h"

/* AF_INET, AF_INET6; AF_UNSPEC for NONE. */
int spd_sockaddr_family(enum spd_family family);

/* Returns the length of what now stands in *out; family must be set. Any
 * thread; pure. */
socklen_t spd_sockaddr_from(const struct spd_addr *addr, struct sockaddr_storage *out);

/* Returns false, and *out is family NONE, for another family. */
bool spd_sockaddr_to(const struct sockaddr_storage *from, struct spd_addr *out);

#endif
