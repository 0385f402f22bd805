/*
 * Inside of the cpu backend: cpu.c holds the queues, cpu_imb.c the calls of IPsec-MB. Nobody else
 * includes this. Everything belongs to the one thread that uses the struct crypto.
 */
#ifndef CRYPTO_CPU_H
#define CRYPTO_CPU_H

#include "crypto/job.h"

#include <intel-ipsec-mb.h>
#include <stdbool.h>

enum cpu_hash {
	CPU_SHA1,
	CPU_MD5,
	CPU_N_HASHES,
};

enum {
	CPU_ICV_BYTES = 12, /* RFC 2403, RFC 2404 */
	CPU_AES_BLOCK_BYTES = 16,
	CPU_AES_KEY_BYTES = 16,
	CPU_AES_SCHEDULE_BYTES = 11 * CPU_AES_BLOCK_BYTES, /* AES-128: 10 rounds */
	/* Finished and not yet collected: what a full set of groups makes, twice. */
	CPU_MAX_DONE = 2 * CPU_N_HASHES * CRYPTO_BURST,
};
_Static_assert((CPU_MAX_DONE & (CPU_MAX_DONE - 1)) == 0, "the ring is indexed with a mask");

/* The jobs that wait for their run. */
struct cpu_group {
	unsigned n;
	unsigned n_ciphers; /* of them, with a cipher */
	struct crypto_job *job[CRYPTO_BURST];
};

/* A packet's round keys, for the time of one call. */
struct cpu_schedule {
	_Alignas(16) uint8_t encrypt[CPU_AES_SCHEDULE_BYTES];
	_Alignas(16) uint8_t decrypt[CPU_AES_SCHEDULE_BYTES];
};

struct crypto {
	IMB_MGR *mgr;
	struct cpu_group group[CPU_N_HASHES];
	struct crypto_job *done[CPU_MAX_DONE]; /* ring */
	unsigned done_head, n_done;
	_Alignas(16) uint8_t tag[CRYPTO_BURST][CRYPTO_ICV_BYTES]; /* [i] of the group's job i */
	struct cpu_schedule schedule[CRYPTO_BURST];
	IMB_JOB sha1[CRYPTO_BURST];
	IMB_JOB cipher[CRYPTO_BURST];
};

static inline bool cpu_has_cipher(const struct crypto_job *job)
{
	return crypto_suite_shape[job->suite].cipher_key_bytes != 0;
}

/* Fills what never changes in the job arrays. Once, before anything else. */
void cpu_preset(struct crypto *c);

/* The steps of a group's run; each returns false when IPsec-MB did not do all of them. */

/* The jobs to be signed, where they have a cipher: writes IV and ciphertext into the packet. */
bool cpu_encrypt(struct crypto *c, const struct cpu_group *g);
/* All jobs: the ICV into the packet (sign) or into tag[] (verify). */
bool cpu_hash(struct crypto *c, enum cpu_hash hash, const struct cpu_group *g);
/* The jobs that were verified (CRYPTO_DONE), where they have a cipher. */
bool cpu_decrypt(struct crypto *c, const struct cpu_group *g);

/*
 * RFC 2104 4: the state of the hash after one block of key xor pad, in the form that IPsec-MB goes
 * on from. `state` has 20 bytes for SHA-1, 16 for MD5.
 */
void cpu_mid_state(struct crypto *c, enum cpu_hash hash, const uint8_t *key, size_t key_bytes,
		   uint8_t pad, uint8_t *state);

#endif
