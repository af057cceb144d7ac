/*
 * CRC-32C (Castagnoli; RFC 3385, RFC 9260 appendix A): finds every burst of
 * errors of up to 32 bits. Pure; any thread.
 */
#ifndef SPD_RESULT_CRC32C_H
#define SPD_RESULT_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/* Of n bytes that follow those whose CRC is crc; 0 for the first ones. */
uint32_t spd_crc32c(uint32_t crc, const void *bytes, size_t n);

#endif
