/*
 * The cpu backend: IPsec-MB, called with as many jobs as there are.
 *
 * Jobs are grouped by hash, whatever their SA, direction or cipher, and a group is run in at most
 * three calls: encrypt what is to be signed, hash everything, decrypt what was verified. A packet
 * with a bad ICV is never deciphered.
 */
#include "crypto/cpu.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

const struct crypto_suite_shape crypto_suite_shape[CRYPTO_N_SUITES] = {
	[CRYPTO_HMAC_SHA1_NULL] = { CPU_ICV_BYTES, 0, 4, 20, 0 },
	[CRYPTO_HMAC_MD5_NULL] = { CPU_ICV_BYTES, 0, 4, 16, 0 },
	[CRYPTO_HMAC_SHA1_AES_CBC] = { CPU_ICV_BYTES, CPU_AES_BLOCK_BYTES, CPU_AES_BLOCK_BYTES, 20,
				       CPU_AES_KEY_BYTES },
	[CRYPTO_HMAC_MD5_AES_CBC] = { CPU_ICV_BYTES, CPU_AES_BLOCK_BYTES, CPU_AES_BLOCK_BYTES, 16,
				      CPU_AES_KEY_BYTES },
};

static const enum cpu_hash suite_hash[CRYPTO_N_SUITES] = {
	[CRYPTO_HMAC_SHA1_NULL] = CPU_SHA1,
	[CRYPTO_HMAC_MD5_NULL] = CPU_MD5,
	[CRYPTO_HMAC_SHA1_AES_CBC] = CPU_SHA1,
	[CRYPTO_HMAC_MD5_AES_CBC] = CPU_MD5,
};

/* ---- a group's run ---- */

/* Both ICVs of 96 bits whole, whatever they hold: the time says nothing of where they differ. */
static bool icv_equal(const uint8_t *a, const uint8_t *b)
{
	uint64_t a0, b0;
	uint32_t a1, b1;
	memcpy(&a0, a, sizeof(a0));
	memcpy(&b0, b, sizeof(b0));
	memcpy(&a1, a + 8, sizeof(a1));
	memcpy(&b1, b + 8, sizeof(b1));
	return ((a0 ^ b0) | (a1 ^ b1)) == 0;
}

static void run_group(struct crypto *c, enum cpu_hash hash)
{
	struct cpu_group *g = &c->group[hash];
	bool done = (g->n_ciphers == 0 || cpu_encrypt(c, g)) && cpu_hash(c, hash, g);
	for (unsigned i = 0; i < g->n; i++) {
		struct crypto_job *job = g->job[i];
		bool good = job->direction == CRYPTO_SIGN ||
			    icv_equal(c->tag[i], job->esp + job->auth_bytes);
		job->status = good ? CRYPTO_DONE : CRYPTO_BAD_ICV;
		c->done[(c->done_head + c->n_done++) & (CPU_MAX_DONE - 1)] = job;
	}
	if (g->n_ciphers)
		done = done && cpu_decrypt(c, g);
	for (unsigned i = 0; !done && i < g->n; i++)
		g->job[i]->status = CRYPTO_FAILED;
	g->n = g->n_ciphers = 0;
}

/* ---- submit and collect ---- */

unsigned crypto_submit(struct crypto *c, struct crypto_job *const jobs[], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		enum cpu_hash hash = suite_hash[jobs[i]->suite];
		struct cpu_group *g = &c->group[hash];
		if (g->n == CRYPTO_BURST) {
			if (CPU_MAX_DONE - c->n_done < CRYPTO_BURST)
				return i;
			run_group(c, hash);
		}
		jobs[i]->status = CRYPTO_PENDING;
		g->n_ciphers += cpu_has_cipher(jobs[i]);
		g->job[g->n++] = jobs[i];
	}
	return n;
}

unsigned crypto_collect(struct crypto *c, struct crypto_job *out[], unsigned max)
{
	for (enum cpu_hash hash = 0; hash < CPU_N_HASHES; hash++) {
		if (c->group[hash].n && CPU_MAX_DONE - c->n_done >= c->group[hash].n)
			run_group(c, hash);
	}
	unsigned n = c->n_done < max ? c->n_done : max;
	for (unsigned i = 0; i < n; i++)
		out[i] = c->done[(c->done_head + i) & (CPU_MAX_DONE - 1)];
	c->done_head = (c->done_head + n) & (CPU_MAX_DONE - 1);
	c->n_done -= n;
	return n;
}

/* ---- life ---- */

static struct crypto *allocate(void)
{
	struct crypto *c = aligned_alloc(64, (sizeof(*c) + 63) & ~(size_t)63);
	if (!c)
		return NULL;
	memset(c, 0, sizeof(*c));
	IMB_ARCH arch = IMB_ARCH_NONE;
	c->mgr = alloc_mb_mgr(0);
	if (c->mgr)
		init_mb_mgr_auto(c->mgr, &arch);
	if (arch == IMB_ARCH_NONE || imb_get_errno(c->mgr) != 0) {
		crypto_free(c);
		return NULL;
	}
	cpu_preset(c);
	return c;
}

/* The thread's memory policy points to the node meanwhile, where the kernel lets us. */
struct crypto *crypto_new(int numa_node)
{
	enum {
		NODE_BITS = 1024, /* the most that Linux is built for */
		WORD_BITS = 8 * sizeof(unsigned long),
	};
	unsigned long own[NODE_BITS / WORD_BITS], wanted[NODE_BITS / WORD_BITS] = { 0 };
	int own_mode;
	if (numa_node < 0 || numa_node >= NODE_BITS ||
	    syscall(SYS_get_mempolicy, &own_mode, own, NODE_BITS, NULL, 0) != 0)
		return allocate();
	wanted[numa_node / WORD_BITS] = 1ul << numa_node % WORD_BITS;
	syscall(SYS_set_mempolicy, MPOL_PREFERRED, wanted, NODE_BITS);
	struct crypto *c = allocate();
	syscall(SYS_set_mempolicy, own_mode, own, NODE_BITS);
	return c;
}

void crypto_free(struct crypto *c)
{
	if (!c)
		return;
	if (c->mgr)
		free_mb_mgr(c->mgr);
	free(c);
}

/* ---- keys ---- */

int crypto_prepare(struct crypto *c, enum crypto_suite suite, const uint8_t *auth_key,
		   const uint8_t *cipher_key, struct crypto_key *key)
{
	if (suite >= CRYPTO_N_SUITES)
		return -EINVAL;
	const struct crypto_suite_shape *shape = &crypto_suite_shape[suite];
	memset(key, 0, sizeof(*key));
	if (shape->cipher_key_bytes) {
		ssize_t n = getrandom(&key->cipher.iv_seed, sizeof(key->cipher.iv_seed), 0);
		if (n != (ssize_t)sizeof(key->cipher.iv_seed))
			return -EIO;
		memcpy(key->cipher.key, cipher_key, shape->cipher_key_bytes);
		key->cipher.key_bytes = shape->cipher_key_bytes;
	}
	cpu_mid_state(c, suite_hash[suite], auth_key, shape->auth_key_bytes, 0x36, key->auth.inner);
	cpu_mid_state(c, suite_hash[suite], auth_key, shape->auth_key_bytes, 0x5c, key->auth.outer);
	return 0;
}
