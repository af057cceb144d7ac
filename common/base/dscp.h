/*
 * Names of Differentiated Services code points (RFC 2474, 2597, 3246, 5865,
 * 8622). Pure; any thread.
 */
#ifndef SPD_BASE_DSCP_H
#define SPD_BASE_DSCP_H

#include <stdbool.h>
#include <stdint.h>

/* "EF", "af41", "CS5", "BE", "LE", "VA", or a number 0..63 (decimal or 0x..).
 * Returns false for anything else. */
bool spd_dscp_parse(const char *text, uint8_t *dscp);

/* "EF", or NULL where the code point has no name. */
const char *spd_dscp_name(uint8_t dscp);

#endif
