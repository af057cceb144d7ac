/*
 * The counters of the reflector as text and as JSON, from one table.
 */
#ifndef SPD_SERVICE_REFLECTOR_COUNTS_H
#define SPD_SERVICE_REFLECTOR_COUNTS_H

#include <stdbool.h>
#include <stdio.h>

#include "common/engine/reflector.h"

/* As text: what is not 0 on one line each; as JSON: one object on one line,
 * with "schema": "stampede.reflector/1" and every counter. */
void spd_reflector_counts_write(FILE *stream, const struct spd_reflector_counters *counters,
                                bool as_json);

#endif
