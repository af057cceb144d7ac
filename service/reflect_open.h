/*
 * From the settings of stampede reflect to a reflector: by hand, and in the
 * service.
 */
#ifndef SPD_SERVICE_REFLECT_OPEN_H
#define SPD_SERVICE_REFLECT_OPEN_H

#include "common/engine/reflector.h"
#include "service/listen.h"
#include "service/options.h"

/* What --allow names, up to SPD_TEXTS_MAX networks. Errors: INVALID with a diag
 * that names the one that is none, or an option that has no effect without
 * another. Opens nothing. */
enum spd_err spd_reflect_limits(const struct spd_settings *settings, struct spd_network *allow,
                                size_t *n_allow, struct spd_diag *diag);

/* Open it on a port of which the calling thread becomes the owner. *listen is
 * where it listens then. Errors: INVALID (the settings), and as
 * spd_reflector_create. */
enum spd_err spd_reflect_open(const struct spd_settings *settings, struct spd_cport *port,
                              uintptr_t first_key, struct spd_listen *listen,
                              struct spd_reflector **out, struct spd_diag *diag);

#endif
