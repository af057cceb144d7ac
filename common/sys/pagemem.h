/*
 * Memory in whole pages, touched and locked, and the working set.
 */
#ifndef SPD_SYS_PAGEMEM_H
#define SPD_SYS_PAGEMEM_H

#include <stddef.h>

#include "common/base/err.h"

size_t spd_pagemem_page_bytes(void); /* asked of the system once */

/* n_bytes (a multiple of the page size, not 0) of zeroed memory, page-aligned,
 * every page touched. *locked_bytes says how much is locked in memory: all or
 * 0, never an error; diag (may be NULL) then says why and what to do.
 * Errors: NOMEM. Free with the same size. */
enum spd_err spd_pagemem_alloc(size_t n_bytes, void **out, size_t *locked_bytes,
                               struct spd_diag *diag);
void spd_pagemem_free(void *memory, size_t n_bytes);

struct spd_working_set {
    int64_t requested_bytes;
    int64_t obtained_bytes; /* guaranteed to stay resident; -1 the system does not tell */
    char note[160];
};

/* Ask for a working set of at least minimum_bytes and read back what is in
 * force. Windows: SetProcessWorkingSetSizeEx with a hard minimum. Linux: the
 * lock limit is raised as far as allowed, and what counts as guaranteed is the
 * memory locked in place (VmLck) plus what may still be locked. Process wide. */
void spd_working_set_enlarge(size_t minimum_bytes, struct spd_working_set *out);

/* Memory that this process may still take, by the system's own account
 * (available physical memory, or the limit of its container); 0 unknown. */
size_t spd_pagemem_available_bytes(void);

/* Peak resident memory of this process; 0 unknown. */
size_t spd_pagemem_peak_bytes(void);

#endif
