/*
 * AES-128, encryption of single blocks (FIPS 197). Not for secrets: it takes a
 * different time for different keys. OWAMP derives its pseudo-random schedules
 * from it, under a key that both ends and everybody between them know (RFC
 * 4656 sections 5.3 and 6.4). Pure; any thread.
 */
#ifndef SPD_WIRE_AES128_H
#define SPD_WIRE_AES128_H

#include <stdint.h>

struct spd_aes128 {
    uint8_t round_keys[11][16];
};

void spd_aes128_init(struct spd_aes128 *aes, const uint8_t key[16]);
/* in and out may be the same block. */
void spd_aes128_encrypt(const struct spd_aes128 *aes, const uint8_t in[16], uint8_t out[16]);

#endif
