/*
 * Keeps the way of a send warm. After a pause of a millisecond the code and the
 * data of the network stack have left the processor's caches, and the next send
 * takes several microseconds longer than the one before; how many, nobody can
 * foretell. Who writes the time of sending into the packet runs this first.
 *
 * Plain object, one thread.
 */
#ifndef SPD_SYS_WARMUP_H
#define SPD_SYS_WARMUP_H

#include "common/base/addr.h"
#include "common/base/err.h"

struct spd_warmup;

/* Errors: NOTSUP (this system has no use for it, or no loopback addresses of
 * the family), LIMIT, NOMEM. Who meets one does without. */
enum spd_err spd_warmup_create(enum spd_family family, struct spd_warmup **out);

/* One octet from a socket to itself, on the loopback interface: nothing reaches
 * any network. Takes some microseconds; never blocks; cannot fail in a way that
 * matters. NULL is allowed and does nothing. */
void spd_warmup_run(struct spd_warmup *warmup);

void spd_warmup_destroy(struct spd_warmup *warmup); /* NULL is allowed */

#endif
