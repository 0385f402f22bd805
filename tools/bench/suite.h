/*
 * The algorithms that the bench measures, and the bytes of a packet under each. Constant tables and
 * pure functions.
 *
 * A size is the IP length of the ESP packet. Where the blocks of a cipher do not allow it, the
 * largest length below it is taken (AES-CBC: 120 for 128, 504 for 512).
 */
#ifndef TOOLS_BENCH_SUITE_H
#define TOOLS_BENCH_SUITE_H

#include <stdbool.h>
#include <stdint.h>

#include "crypto/suite.h"

struct bench_suite {
	const char *name;
	uint8_t suite;     /* enum crypto_suite */
	uint8_t integrity; /* enum api_integrity */
	uint8_t cipher;    /* enum api_cipher */
};

extern const struct bench_suite bench_suites[];
extern const uint32_t bench_n_suites;

/* NULL when there is none of this name. */
const struct bench_suite *bench_suite_find(const char *name);
const struct crypto_suite_shape *bench_suite_shape(const struct bench_suite *suite);

struct bench_layout {
	uint16_t ip_bytes;   /* of the ESP packet */
	uint16_t esp_bytes;  /* ESP header to the end of the ICV */
	uint16_t auth_bytes; /* ESP header to next header */
	uint16_t l4_bytes;   /* the UDP datagram inside */
};

enum {
	BENCH_IPV4_BYTES = 20,
	BENCH_ESP_BYTES = 8,
	BENCH_TRAILER_BYTES = 2,
};

struct bench_layout bench_layout(const struct bench_suite *suite, uint32_t size_bytes);

#endif
