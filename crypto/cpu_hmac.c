/*
 * The suites with an HMAC: encrypt what is to be signed, hash everything, decrypt what was
 * verified. A packet with a bad ICV is never deciphered. SHA-1 and MD5 are hashed many at a time
 * where the processor can (hmac_lanes.h). Else, and for SHA-256, it is IPsec-MB's burst call, whose
 * job array stays in place: only what differs from packet to packet is written. IPsec-MB 1.3 has no
 * such call for MD5, which goes through the job manager.
 */
#include "crypto/cpu.h"

#include <string.h>

#include "crypto/hmac_lanes.h"
#include "crypto/wipe.h"

enum {
	HMAC_BLOCK_BYTES = 64, /* of MD5, SHA-1 and SHA-256: RFC 2104 2, RFC 4868 2.2 */
};

static const struct {
	IMB_HASH_ALG imb;
	uint8_t icv_bytes;
} algorithm[CPU_N_GROUPS] = {
	[CPU_SHA1] = { IMB_AUTH_HMAC_SHA_1, 12 },
	[CPU_MD5] = { IMB_AUTH_MD5, 12 },
	[CPU_SHA256] = { IMB_AUTH_HMAC_SHA_256, 16 },
};

/* ---- extended sequence numbers ---- */

/*
 * RFC 4303 2.2.1: the upper half is authenticated behind the next header and not sent. It lies over
 * the first bytes of the ICV, for the time of the hash.
 */
static void cover(struct crypto *c, struct crypto_job *const job[], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (!job[i]->esn)
			continue;
		uint8_t *icv = job[i]->esp + job[i]->auth_bytes;
		uint32_t high_be = __builtin_bswap32(job[i]->sequence_high);
		memcpy(&c->covered[i], icv, CPU_SEQUENCE_BYTES);
		memcpy(icv, &high_be, CPU_SEQUENCE_BYTES);
	}
}

/* ---- hashes ---- */

static uint32_t hashed_bytes(const struct crypto_job *job)
{
	return job->auth_bytes + (job->esn ? CPU_SEQUENCE_BYTES : 0u);
}

static void fill(struct crypto *c, unsigned i, const struct crypto_job *job, IMB_JOB *imb)
{
	imb->src = job->esp;
	imb->msg_len_to_hash_in_bytes = hashed_bytes(job);
	imb->auth_tag_output = c->tag[i];
	imb->u.HMAC._hashed_auth_key_xor_ipad = job->key->auth.inner;
	imb->u.HMAC._hashed_auth_key_xor_opad = job->key->auth.outer;
}

static bool hash_sha(struct crypto *c, enum cpu_group_kind hash, struct crypto_job *const job[],
		     unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		c->hash[i].hash_alg = algorithm[hash].imb;
		c->hash[i].auth_tag_output_len_in_bytes = algorithm[hash].icv_bytes;
		fill(c, i, job[i], &c->hash[i]);
	}
	return IMB_SUBMIT_HASH_BURST_NOCHECK(c->mgr, c->hash, n, algorithm[hash].imb) == n;
}

/* The job manager is left empty by all who use it: there is always room for a group. */
static bool hash_md5(struct crypto *c, struct crypto_job *const job[], unsigned n)
{
	IMB_JOB *imb[CRYPTO_BURST];
	if (IMB_GET_NEXT_BURST(c->mgr, n, imb) != n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		fill(c, i, job[i], imb[i]);
		imb[i]->hash_start_src_offset_in_bytes = 0;
		imb[i]->auth_tag_output_len_in_bytes = algorithm[CPU_MD5].icv_bytes;
		imb[i]->hash_alg = IMB_AUTH_MD5;
		imb[i]->cipher_mode = IMB_CIPHER_NULL;
		imb[i]->cipher_direction = IMB_DIR_ENCRYPT;
		imb[i]->chain_order = IMB_ORDER_HASH_CIPHER;
	}
	unsigned n_done = IMB_SUBMIT_BURST_NOCHECK(c->mgr, n, imb);
	for (unsigned more; (more = IMB_FLUSH_BURST(c->mgr, CRYPTO_BURST, imb)); n_done += more)
		;
	return n_done == n;
}

/* As many at a time as there are lanes; the last ones of a group repeat one of themselves. */
static void hash_lanes(struct crypto *c, enum cpu_group_kind hash, struct crypto_job *const job[],
		       unsigned n)
{
	struct hmac_lane lane[HMAC_LANES];
	hmac_lanes_run *run = hash == CPU_SHA1 ? c->hmac_lanes->sha1 : c->hmac_lanes->md5;
	for (unsigned begin = 0; begin < n; begin += HMAC_LANES) {
		for (unsigned i = 0; i < HMAC_LANES; i++) {
			const struct crypto_job *j = job[begin + i < n ? begin + i : begin];
			lane[i] = (struct hmac_lane){ .key = &j->key->auth,
						      .message = j->esp,
						      .n_bytes = hashed_bytes(j) };
		}
		run(lane, n - begin < HMAC_LANES ? n - begin : HMAC_LANES, c->tag + begin);
	}
}

/*
 * Lanes of as many blocks as their neighbours: by number of blocks, the largest ones together. The
 * array is only copied when it has to be.
 */
static struct crypto_job *const *sort_by_blocks(struct crypto_job *const job[], unsigned n,
						struct crypto_job *sorted[])
{
	enum {
		CLASSES = 32, /* the last one has all from 1984 bytes on */
	};
	uint8_t class_of[CRYPTO_BURST];
	unsigned first[CLASSES + 1] = { 0 };
	bool mixed = false;
	for (unsigned i = 0; i < n; i++) {
		uint32_t n_blocks = hmac_lanes_blocks(hashed_bytes(job[i]));
		class_of[i] = n_blocks < CLASSES ? (uint8_t)n_blocks : CLASSES - 1;
		mixed |= class_of[i] != class_of[0];
	}
	if (!mixed)
		return job;
	for (unsigned i = 0; i < n; i++)
		first[class_of[i] + 1]++;
	for (unsigned i = 1; i <= CLASSES; i++)
		first[i] += first[i - 1];
	for (unsigned i = 0; i < n; i++)
		sorted[first[class_of[i]]++] = job[i];
	return sorted;
}

/* ---- a group's run ---- */

/* What was hashed into tag[] goes into the packet, or is compared with what came in it. */
static void judge(struct crypto *c, struct crypto_job *const job[], unsigned n, size_t icv_bytes)
{
	for (unsigned i = 0; i < n; i++) {
		uint8_t *icv = job[i]->esp + job[i]->auth_bytes;
		bool good = true;
		if (job[i]->direction == CRYPTO_SIGN) {
			memcpy(icv, c->tag[i], 12);
			if (icv_bytes == CRYPTO_ICV_BYTES)
				memcpy(icv + 12, c->tag[i] + 12, 4);
		} else {
			if (job[i]->esn)
				memcpy(icv, &c->covered[i], CPU_SEQUENCE_BYTES);
			good = cpu_icv_equal(c->tag[i], icv, icv_bytes);
		}
		job[i]->status = good ? CRYPTO_DONE : CRYPTO_BAD_ICV;
	}
}

static bool hash_all(struct crypto *c, enum cpu_group_kind hash, struct crypto_job *const job[],
		     unsigned n)
{
	if (hash == CPU_SHA256)
		return hash_sha(c, hash, job, n);
	if (c->hmac_lanes) {
		hash_lanes(c, hash, job, n);
		return true;
	}
	return hash == CPU_MD5 ? hash_md5(c, job, n) : hash_sha(c, hash, job, n);
}

void cpu_run_hmac(struct crypto *c, enum cpu_group_kind hash, struct crypto_job *const jobs[],
		  unsigned n)
{
	struct crypto_job *sorted[CRYPTO_BURST];
	struct crypto_job *const *job = c->hmac_lanes ? sort_by_blocks(jobs, n, sorted) : jobs;
	unsigned ciphers = 0, n_esn = 0;
	bool done = true;
	for (unsigned i = 0; i < n; i++) {
		ciphers |= 1u << cpu_suite[job[i]->suite].cipher;
		n_esn += job[i]->esn;
	}
	ciphers &= ~(1u << CPU_NO_CIPHER);
	for (enum cpu_cipher i = 0; ciphers >> i; i++)
		done = done && (!(ciphers >> i & 1) || cpu_encrypt(c, i, job, n));
	if (n_esn)
		cover(c, job, n);
	done = done && hash_all(c, hash, job, n);
	judge(c, job, n, algorithm[hash].icv_bytes);
	for (enum cpu_cipher i = 0; ciphers >> i; i++)
		done = done && (!(ciphers >> i & 1) || cpu_decrypt(c, i, job, n));
	for (unsigned i = 0; !done && i < n; i++)
		job[i]->status = CRYPTO_FAILED;
}

/* ---- keys ---- */

void cpu_mid_state(struct crypto *c, enum cpu_group_kind hash, const uint8_t *key, size_t key_bytes,
		   uint8_t pad, uint8_t *state)
{
	uint8_t block[HMAC_BLOCK_BYTES];
	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key_bytes; i++)
		block[i] ^= key[i];
	if (hash == CPU_SHA1)
		IMB_SHA1_ONE_BLOCK(c->mgr, block, state);
	else if (hash == CPU_MD5)
		IMB_MD5_ONE_BLOCK(c->mgr, block, state);
	else
		IMB_SHA256_ONE_BLOCK(c->mgr, block, state);
	wipe(block, sizeof(block));
}
