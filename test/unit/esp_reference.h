/*
 * The cryptography of an ESP packet by OpenSSL, for every suite: what the code under test is
 * compared with. Shares nothing with it but the names of the suites. No state; what OpenSSL refuses
 * aborts.
 */
#ifndef TEST_UNIT_ESP_REFERENCE_H
#define TEST_UNIT_ESP_REFERENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "crypto/suite.h"

struct reference_keys {
	uint8_t auth_key[32];
	uint8_t cipher_key[32];
	uint8_t salt[4];
};

struct reference_shape {
	const char *hash;   /* NULL: the cipher authenticates */
	const char *cipher; /* NULL: none */
	bool gmac;
	uint8_t icv_bytes, iv_bytes, block_bytes, auth_key_bytes, cipher_key_bytes;
};
const struct reference_shape *reference_shape(enum crypto_suite suite);

/*
 * `esp` is a packet of n_bytes from the SPI to the next header, in the clear but with its IV in
 * place; `high` is the upper half of an extended sequence number, NULL where there is none.
 * Enciphers the packet and writes the ICV behind it.
 */
void reference_seal(enum crypto_suite suite, const struct reference_keys *keys,
		    const uint32_t *high, uint8_t *esp, size_t n_bytes);

/* The other way; n_bytes is without the ICV. False, and the packet unchanged: the ICV is wrong. */
bool reference_open(enum crypto_suite suite, const struct reference_keys *keys,
		    const uint32_t *high, uint8_t *esp, size_t n_bytes);

#endif
