/*
 * From the keys of AKA to the keys of ESP: TS 33.203 Annex I. The same function serves the UE and
 * the P-CSCF; the S-CSCF hands over IK and CK as they are (seed 6.3). Any thread.
 */
#ifndef CRYPTO_KEYS_H
#define CRYPTO_KEYS_H

#include "crypto/alg.h"

#include <stdint.h>

#define KEYS_AKA_BYTES  16 /* IK, CK: TS 33.102 6.3.7 */
#define KEYS_ESP_BYTES  32 /* the longest key of ESP that an SA can hold */
#define KEYS_SALT_BYTES 4  /* RFC 4106 4, RFC 4543 3.2 */

/* One set's keys, the same for all its SAs. The owner wipes it (crypto/wipe.h). */
struct esp_keys {
	uint8_t auth_key[KEYS_ESP_BYTES];
	uint8_t cipher_key[KEYS_ESP_BYTES];
	uint8_t salt[KEYS_SALT_BYTES]; /* of AES-GMAC or AES-GCM; zero with others */
	uint8_t auth_key_bytes;
	uint8_t cipher_key_bytes;
};

/*
 * Fills *out, unused bytes with zeros. Returns 0; -EINVAL for a pair that would leave the packet
 * without integrity (seed 6.3) or authenticate it twice, *out being zero then; -EIO when the
 * library fails.
 */
int keys_expand(enum alg_integrity integrity, enum alg_cipher cipher,
		const uint8_t ik[static KEYS_AKA_BYTES], const uint8_t ck[static KEYS_AKA_BYTES],
		struct esp_keys *out);

#endif
