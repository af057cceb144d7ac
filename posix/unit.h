/*
 * The file of a unit of systemd. Private to posix/.
 */
#ifndef SPD_POSIX_UNIT_H
#define SPD_POSIX_UNIT_H

#include <stdbool.h>

#include "common/sys/svcmgr.h"

#define SPD_UNIT_NAME_BYTES 64
#define SPD_UNIT_PATH_BYTES 512

/* Write service->unit, with the program and the configuration in its ExecStart=, as
 * ROOT/etc/systemd/system/NAME.service: whole, or not at all. Errors, with a diag: PERM, INVALID
 * (a path that no unit can name), NOT_FOUND, NOMEM, FULL, IO. */
enum spd_err spd_unit_write(const struct spd_svcmgr_service *service, struct spd_diag *diag);

bool spd_unit_exists(const struct spd_svcmgr_service *service);
enum spd_err spd_unit_remove(const struct spd_svcmgr_service *service, struct spd_diag *diag);

#endif
