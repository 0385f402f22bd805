/*
 * ESP crypto as jobs: submit a burst, collect what is done, never one SA at a time.
 *
 * A job points at its packet and at the keys of its SA; its owner keeps all three in place
 * until the job is collected. One struct crypto per worker thread; no locks, no allocation after
 * crypto_new(). The cpu backend (cpu.c) groups what was submitted by algorithm and runs each group
 * through IPsec-MB at full width, across SAs; results come in the order of completion, not of
 * submission. Whether a job is inbound (verify, then decrypt) or outbound (encrypt, then sign) is
 * its own: both share a group where the algorithm lets them. Other backends are engines (engine.h),
 * whose results may come turns later.
 *
 * A packet with a bad ICV is as it came: nothing of it was deciphered; a device may have done so.
 * IVs are the backend's business: see crypto_packet_number_be() and iv.h.
 */
#ifndef CRYPTO_JOB_H
#define CRYPTO_JOB_H

#include "crypto/suite.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define CRYPTO_BURST 64 /* widest group that is run in one call */

enum crypto_direction {
	CRYPTO_VERIFY, /* check the ICV, then decrypt */
	CRYPTO_SIGN,   /* encrypt, then write the ICV */
};

enum crypto_status {
	CRYPTO_PENDING,
	CRYPTO_DONE,
	CRYPTO_BAD_ICV,
	CRYPTO_FAILED,  /* the backend refused the job; the packet must not be used */
	CRYPTO_SA_GONE, /* the SA was retired while the job was in flight; likewise */
};

/* Who does an SA's cryptography. */
enum crypto_backend {
	CRYPTO_CPU,             /* cpu.c; done when it is collected */
	CRYPTO_LOOKASIDE,       /* a crypto device; in its own time */
	CRYPTO_INLINE,          /* the network port, ESP headers by us */
	CRYPTO_INLINE_PROTOCOL, /* the network port, all of ESP */
	CRYPTO_N_BACKENDS,
};

/* What every packet of an SA needs; 64 bytes. Which of the two it is, the suite says. */
union crypto_auth_key {
	/* HMAC inner and outer mid-states, RFC 2104 4. */
	struct {
		uint8_t inner[32];
		uint8_t outer[32];
	};
	/* GCM and GMAC need nothing else: their packets do not touch the line of the cipher. */
	struct {
		uint8_t key[32];      /* raw, expanded per packet */
		uint8_t hash_key[16]; /* H of SP 800-38D 7.1, as the backend wants it */
		uint8_t salt[4];
		uint8_t reserved[12];
	} aead;
};

struct crypto_session;

/* Cipher key as kept in an SA beside an HMAC: raw, expanded per packet. 64 bytes. */
struct crypto_cipher_key {
	uint8_t key[32];
	uint64_t iv_seed;
	struct crypto_session *session; /* of a backend other than the cpu; see engine.h */
	uint8_t reserved[16];
};

/* An SA's keys: two cache lines; the second is touched by CBC and by other backends only. */
struct crypto_key {
	union crypto_auth_key auth;
	struct crypto_cipher_key cipher;
};
_Static_assert(sizeof(struct crypto_key) == 128, "two cache lines");

/*
 * Lives at the head of whatever its owner keeps of the packet, who finds that from it. To be
 * signed: header, payload and trailer in the clear, with room for IV and ICV, which the backend
 * writes.
 *
 * With an extended sequence number (`esn`) the upper half is not in the packet but authenticated:
 * RFC 4303 2.2.1 (HMAC), RFC 4106 5, RFC 4543 3.3.
 */
struct crypto_job {
	const struct crypto_key *key;
	uint8_t *esp;           /* first byte of the ESP header; authentication begins here */
	uint32_t sequence_high; /* with esn */
	uint16_t auth_bytes;    /* SPI … next header; the ICV follows at esp + auth_bytes */
	uint16_t cipher_start;  /* offset of what follows the IV, or the header, from esp */
	uint16_t cipher_bytes;  /* a multiple of the block */
	uint8_t suite;          /* enum crypto_suite */
	uint8_t direction;      /* enum crypto_direction */
	uint8_t status;         /* enum crypto_status, written by crypto_collect() */
	bool esn;
	uint8_t backend; /* enum crypto_backend; key->cipher.session is set if not CRYPTO_CPU */
};
_Static_assert(sizeof(struct crypto_job) <= 32, "half a cache line");

/*
 * What numbers a packet once and for all under a key. The SAs of a set share their keys, so there
 * it is SPI ‖ sequence number, never the number alone; an SA with extended numbers has a key for
 * itself, and its SPI says nothing then. 8 bytes as on the wire.
 */
static inline uint64_t crypto_packet_number_be(const struct crypto_job *job)
{
	uint64_t number_be;
	memcpy(&number_be, job->esp, sizeof(number_be));
	if (job->esn) {
		uint32_t high_be = __builtin_bswap32(job->sequence_high);
		memcpy(&number_be, &high_be, sizeof(high_be));
	}
	return number_be;
}

struct crypto;

/* Number of the NUMA node, or -1. Returns NULL when there is no memory or no usable CPU. */
struct crypto *crypto_new(int numa_node);
void crypto_free(struct crypto *c);

/*
 * Hands over n jobs, each to its backend or, where that has no room, to the cpu. Returns how many
 * were taken, the first ones of the array; fewer than n only when the queues of the cpu backend are
 * full: collect, then submit the rest.
 */
unsigned crypto_submit(struct crypto *c, struct crypto_job *const jobs[], unsigned n);

/*
 * Fills out[] with at most `max` finished jobs; 0 = none. Everything that the cpu was given before
 * is finished.
 */
unsigned crypto_collect(struct crypto *c, struct crypto_job *out[], unsigned max);

/*
 * For who has the cpu's jobs run in place (crypto_run): hands over those of other backends as far
 * as there is room, and returns how many of n are left for the cpu, at the head of the array.
 */
unsigned crypto_divert(struct crypto *c, struct crypto_job *jobs[], unsigned n);

/* Jobs that other backends than the cpu have not given back yet. */
unsigned crypto_in_flight(const struct crypto *c);
/* While held, new jobs are done by the cpu, so that what is in flight comes to an end. */
void crypto_hold(struct crypto *c, bool hold);

/*
 * Has the cpu run n jobs of any backend to their end, in place: when it returns, each has its
 * status and the array its order. What submit and collect do, without their queues, for who has
 * nothing to do meanwhile; jobs that were submitted stay where they are.
 */
void crypto_run(struct crypto *c, struct crypto_job *const jobs[], unsigned n);

/*
 * Fills the SA's key lines from expanded keys (crypto/keys.h), of the suite's sizes; what the suite
 * has none of may be NULL. The IV seed is random. Returns 0, -EINVAL or -EIO. Control thread only.
 */
int crypto_prepare(struct crypto *c, enum crypto_suite suite, const uint8_t *auth_key,
		   const uint8_t *cipher_key, const uint8_t *salt, struct crypto_key *key);

#endif
