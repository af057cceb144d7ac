/*
 * Addresses as Winsock has them.
 */
#ifndef SPD_WIN_SOCKADDR_H
#define SPD_WIN_SOCKADDR_H

#include <winsock2.h>
#include <ws2tcpip.h>

#include "common/base/addr.h"

/* The family must be IPv4 or IPv6. Returns the length for the family. */
int spd_sockaddr_from(const struct spd_addr *addr, SOCKADDR_INET *out);

/* The other way; family NONE for what is neither. */
void spd_sockaddr_to(const SOCKADDR_INET *from, struct spd_addr *out);

#endif
