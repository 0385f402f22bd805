/*
 * Inside of the cpu backend: cpu.c holds the queues, cpu_hmac.c and cpu_cbc.c the suites with an
 * HMAC, cpu_aead.c GCM and GMAC. Nobody else includes this. Everything belongs to the one thread
 * that uses the struct crypto.
 */
#ifndef CRYPTO_CPU_H
#define CRYPTO_CPU_H

#include <intel-ipsec-mb.h>
#include <stdbool.h>
#include <string.h>

#include "crypto/engine.h"
#include "crypto/gcm_lanes.h"
#include "crypto/job.h"

/* Jobs that are run together. */
enum cpu_group_kind {
	CPU_SHA1,
	CPU_MD5,
	CPU_SHA256,
	CPU_AEAD,
	CPU_N_GROUPS,
};

enum cpu_cipher {
	CPU_NO_CIPHER, /* or none of its own: AEAD */
	CPU_AES128_CBC,
	CPU_AES256_CBC,
	CPU_3DES_CBC,
	CPU_N_CIPHERS,
};

struct cpu_suite {
	uint8_t group;  /* enum cpu_group_kind */
	uint8_t cipher; /* enum cpu_cipher */
};
extern const struct cpu_suite cpu_suite[CRYPTO_N_SUITES];

enum {
	CPU_AES_BLOCK_BYTES = 16,
	CPU_AES_SCHEDULE_BYTES = 15 * CPU_AES_BLOCK_BYTES, /* AES-256: 14 rounds */
	CPU_SEQUENCE_BYTES = 4,
	/* Finished and not yet collected: what a full set of groups makes, twice. */
	CPU_MAX_DONE = 2 * CPU_N_GROUPS * CRYPTO_BURST,
};
_Static_assert((CPU_MAX_DONE & (CPU_MAX_DONE - 1)) == 0, "the ring is indexed with a mask");

/* The jobs that wait for their run. */
struct cpu_group {
	unsigned n;
	struct crypto_job *job[CRYPTO_BURST];
};

/* A packet's round keys of AES, for the time of one call. */
struct cpu_schedule {
	_Alignas(16) uint8_t encrypt[CPU_AES_SCHEDULE_BYTES];
	_Alignas(16) uint8_t decrypt[CPU_AES_SCHEDULE_BYTES];
};

struct hmac_lanes;

struct crypto {
	IMB_MGR *mgr;
	const struct hmac_lanes *hmac_lanes; /* for SHA-1 and MD5; NULL: IPsec-MB does them */
	struct cpu_group group[CPU_N_GROUPS];
	struct crypto_job *done[CPU_MAX_DONE]; /* ring */
	unsigned done_head, n_done;
	_Alignas(16) uint8_t tag[CRYPTO_BURST][CRYPTO_ICV_BYTES]; /* [i] of the group's job i */
	uint32_t covered[CRYPTO_BURST]; /* of an ICV, by the upper half of a sequence number */
	struct cpu_schedule schedule[CRYPTO_BURST];
	/* GCM in lanes, or with IPsec-MB. Every struct crypto of a process chooses the same. */
	const struct gcm_lanes *gcm_lanes;
	struct gcm_lane lane[GCM_LANES];
	struct gcm_schedule gcm_schedule;
	struct gcm_key_data gcm;
	IMB_JOB hash[CRYPTO_BURST];
	IMB_JOB cipher[CRYPTO_BURST];

	/* Of engine.c. */
	bool has_engine;
	bool is_held;
	unsigned n_in_flight;
	struct crypto_engine *engine[CRYPTO_N_BACKENDS];
	struct crypto_engine_count engine_count[CRYPTO_N_BACKENDS];
};

/* Both ICVs whole, whatever they hold: the time says nothing of where they differ. */
static inline bool cpu_icv_equal(const uint8_t *a, const uint8_t *b, size_t n_bytes)
{
	uint64_t a0, b0, a1 = 0, b1 = 0;
	memcpy(&a0, a, sizeof(a0));
	memcpy(&b0, b, sizeof(b0));
	if (n_bytes == CRYPTO_ICV_BYTES) {
		memcpy(&a1, a + 8, 8);
		memcpy(&b1, b + 8, 8);
	} else {
		memcpy(&a1, a + 8, 4);
		memcpy(&b1, b + 8, 4);
	}
	return ((a0 ^ b0) | (a1 ^ b1)) == 0;
}

/* crypto_submit() and crypto_collect() of jobs that the cpu is to do, whatever their backend. */
unsigned cpu_submit(struct crypto *c, struct crypto_job *const jobs[], unsigned n);
unsigned cpu_collect(struct crypto *c, struct crypto_job *out[], unsigned max);

/* Fills what never changes in the job arrays. Once, before anything else. */
void cpu_preset(struct crypto *c);

/* Runs n ≤ CRYPTO_BURST jobs of one group to their end: sets their status. */
void cpu_run_hmac(struct crypto *c, enum cpu_group_kind hash, struct crypto_job *const job[],
		  unsigned n);
void cpu_run_aead(struct crypto *c, struct crypto_job *const job[], unsigned n);

/*
 * The jobs with this cipher among n: those to be signed are enciphered, IV included; those that
 * were verified (CRYPTO_DONE) are deciphered. False when IPsec-MB did not do all of them.
 */
bool cpu_encrypt(struct crypto *c, enum cpu_cipher cipher, struct crypto_job *const job[],
		 unsigned n);
bool cpu_decrypt(struct crypto *c, enum cpu_cipher cipher, struct crypto_job *const job[],
		 unsigned n);

/*
 * RFC 2104 4: the state of the hash after one block of key xor pad, in the form that IPsec-MB goes
 * on from. `state` has 20 bytes for SHA-1, 16 for MD5, 32 for SHA-256.
 */
void cpu_mid_state(struct crypto *c, enum cpu_group_kind hash, const uint8_t *key, size_t key_bytes,
		   uint8_t pad, uint8_t *state);

/* Fills the key line of GCM and GMAC. key_bytes is 16 or 32. */
void cpu_aead_key(struct crypto *c, const uint8_t *key, size_t key_bytes, const uint8_t *salt,
		  union crypto_auth_key *auth);

#endif
