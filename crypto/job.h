/*
 * ESP crypto as jobs: submit a burst, collect what is done, never one SA at a time.
 *
 * A job points at its packet and at the keys of its SA; its owner keeps all three in place
 * until the job is collected. One struct crypto per worker thread; no locks, no allocation after
 * crypto_new(). The cpu backend (cpu.c) groups what was submitted by algorithm and runs each group
 * through IPsec-MB at full width, across SAs; results come in the order of completion, not of
 * submission. Whether a job is inbound (verify, then decrypt) or outbound (encrypt, then sign) is
 * its own: both share a group where the algorithm lets them.
 */
#ifndef CRYPTO_JOB_H
#define CRYPTO_JOB_H

#include <stddef.h>
#include <stdint.h>

#define CRYPTO_BURST     64 /* widest group that is run in one call */
#define CRYPTO_ICV_BYTES 16 /* largest ICV of any algorithm */

/* What a group has in common. The order is the index of the cpu backend's table. */
enum crypto_suite {
	CRYPTO_HMAC_SHA1_NULL,
	CRYPTO_HMAC_MD5_NULL,
	CRYPTO_HMAC_SHA1_AES_CBC,
	CRYPTO_HMAC_MD5_AES_CBC,
	CRYPTO_N_SUITES,
};

enum crypto_direction {
	CRYPTO_VERIFY, /* check the ICV, then decrypt */
	CRYPTO_SIGN,   /* encrypt, then write the ICV */
};

enum crypto_status {
	CRYPTO_PENDING,
	CRYPTO_DONE,
	CRYPTO_BAD_ICV,
	CRYPTO_FAILED, /* the backend refused the job; the packet must not be used */
};

/* Authentication key as kept in an SA: HMAC inner and outer mid-states, RFC 2104 4. 64 bytes. */
struct crypto_auth_key {
	uint8_t inner[32];
	uint8_t outer[32];
};

/* Cipher key as kept in an SA: raw, expanded per packet. 64 bytes. */
struct crypto_cipher_key {
	uint8_t key[32];
	uint64_t iv_seed;
	uint8_t salt[4];
	uint8_t key_bytes;
	uint8_t reserved[19];
};

/* An SA's keys: two cache lines, of which a packet with NULL encryption touches the first. */
struct crypto_key {
	struct crypto_auth_key auth;
	struct crypto_cipher_key cipher;
};

/* Lives at the head of whatever its owner keeps of the packet, who finds that from it. */
struct crypto_job {
	const struct crypto_key *key;
	uint8_t *esp;          /* first byte of the ESP header; authentication begins here */
	uint16_t auth_bytes;   /* SPI … next header; the ICV follows at esp + auth_bytes */
	uint16_t cipher_start; /* offset of the first ciphered byte from esp; its IV precedes it */
	uint16_t cipher_bytes; /* a multiple of the block */
	uint8_t suite;         /* enum crypto_suite */
	uint8_t direction;     /* enum crypto_direction */
	uint8_t status;        /* enum crypto_status, written by crypto_collect() */
};

struct crypto;

/* Number of the NUMA node, or -1. Returns NULL when there is no memory or no usable CPU. */
struct crypto *crypto_new(int numa_node);
void crypto_free(struct crypto *c);

/*
 * Hands over n jobs. Returns how many were taken, the first ones of the array; fewer than n only
 * when the backend's queues are full: collect, then submit the rest.
 */
unsigned crypto_submit(struct crypto *c, struct crypto_job *const jobs[], unsigned n);

/* Fills out[] with at most `max` finished jobs. Everything submitted before is finished: 0 = none.
 */
unsigned crypto_collect(struct crypto *c, struct crypto_job *out[], unsigned max);

/* Bytes of the ICV on the wire, of the IV, and of the cipher's block (4 with NULL: RFC 4303 2.4).
 */
struct crypto_suite_shape {
	uint8_t icv_bytes;
	uint8_t iv_bytes;
	uint8_t block_bytes;
	uint8_t auth_key_bytes;
	uint8_t cipher_key_bytes;
};
extern const struct crypto_suite_shape crypto_suite_shape[CRYPTO_N_SUITES];

/*
 * Fills the SA's key lines from expanded keys (crypto/keys.h). auth_key_bytes and cipher_key_bytes
 * must be the suite's. The IV seed is random. Returns 0, -EINVAL or -EIO. Control thread only.
 */
int crypto_prepare(struct crypto *c, enum crypto_suite suite, const uint8_t *auth_key,
		   const uint8_t *cipher_key, struct crypto_key *key);

#endif
