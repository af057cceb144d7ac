/*
 * Signals as completions of a port. Private to posix/: the console and the
 * manager of services use it, one of them at a time.
 */
#ifndef SPD_POSIX_SIGNALS_H
#define SPD_POSIX_SIGNALS_H

#include <signal.h>
#include <stdint.h>

#include "common/base/err.h"
#include "common/sys/cport.h"

/* From now on post event_of(number) in n_bytes, with this key, for each signal
 * of the set (0 is not posted). They are blocked in the calling thread, and in those it
 * starts. A second SIGINT within a process that does not react within two seconds ends it as the
 * system would. Errors, with a diag: IN_USE (there is a watch already), NOMEM, LIMIT. */
enum spd_err spd_signals_watch(const sigset_t *set, uint32_t (*event_of)(int number),
                               struct spd_cport *port, uintptr_t key, struct spd_diag *diag);

/* What came before is posted still; then the mask is what it was. */
void spd_signals_unwatch(void);

#endif
