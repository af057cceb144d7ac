/*
 * What lies behind the base packet of a request: an Extra Padding TLV (RFC 8972
 * section 4.1) of pseudo-random octets, so that nothing on the way can compress
 * them and a reflector that knows TLVs finds a well-formed one. Pure.
 */
#ifndef SPD_WIRE_PADDING_H
#define SPD_WIRE_PADDING_H

#include <stddef.h>
#include <stdint.h>

/* Fill octets 0 .. n_bytes - 1 with pseudo-random ones from *state (not 0). */
void spd_padding_fill(void *packet, size_t n_bytes, uint64_t *state);

/* Make a packet of n_bytes out of a filled buffer: the TLV header behind octet
 * 44 for that length; one to three octets that hold no header become zero.
 * Octets before 44 stay. */
void spd_padding_set_length(void *packet, size_t n_bytes);

#endif
