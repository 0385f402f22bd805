/*
 * The cpu backend: IPsec-MB, called with as many jobs as there are.
 *
 * Jobs are grouped by what authenticates them, whatever their SA, direction or cipher.
 */
#include "crypto/cpu.h"

#include <errno.h>
#include <linux/mempolicy.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crypto/hmac_lanes.h"

const struct cpu_suite cpu_suite[CRYPTO_N_SUITES] = {
	[CRYPTO_HMAC_SHA1_NULL] = { CPU_SHA1, CPU_NO_CIPHER },
	[CRYPTO_HMAC_MD5_NULL] = { CPU_MD5, CPU_NO_CIPHER },
	[CRYPTO_HMAC_SHA256_NULL] = { CPU_SHA256, CPU_NO_CIPHER },
	[CRYPTO_HMAC_SHA1_AES_CBC] = { CPU_SHA1, CPU_AES128_CBC },
	[CRYPTO_HMAC_MD5_AES_CBC] = { CPU_MD5, CPU_AES128_CBC },
	[CRYPTO_HMAC_SHA256_AES_CBC] = { CPU_SHA256, CPU_AES128_CBC },
	[CRYPTO_HMAC_SHA1_AES256_CBC] = { CPU_SHA1, CPU_AES256_CBC },
	[CRYPTO_HMAC_MD5_AES256_CBC] = { CPU_MD5, CPU_AES256_CBC },
	[CRYPTO_HMAC_SHA256_AES256_CBC] = { CPU_SHA256, CPU_AES256_CBC },
	[CRYPTO_HMAC_SHA1_3DES_CBC] = { CPU_SHA1, CPU_3DES_CBC },
	[CRYPTO_HMAC_MD5_3DES_CBC] = { CPU_MD5, CPU_3DES_CBC },
	[CRYPTO_HMAC_SHA256_3DES_CBC] = { CPU_SHA256, CPU_3DES_CBC },
	[CRYPTO_AES_GMAC] = { CPU_AEAD, CPU_NO_CIPHER },
	[CRYPTO_AES256_GMAC] = { CPU_AEAD, CPU_NO_CIPHER },
	[CRYPTO_AES_GCM] = { CPU_AEAD, CPU_NO_CIPHER },
	[CRYPTO_AES256_GCM] = { CPU_AEAD, CPU_NO_CIPHER },
};

static void run_group(struct crypto *c, enum cpu_group_kind kind, struct crypto_job *const job[],
		      unsigned n)
{
	if (kind == CPU_AEAD)
		cpu_run_aead(c, job, n);
	else
		cpu_run_hmac(c, kind, job, n);
}

/* ---- submit and collect ---- */

static void run_waiting(struct crypto *c, enum cpu_group_kind kind)
{
	struct cpu_group *g = &c->group[kind];
	run_group(c, kind, g->job, g->n);
	for (unsigned i = 0; i < g->n; i++)
		c->done[(c->done_head + c->n_done++) & (CPU_MAX_DONE - 1)] = g->job[i];
	g->n = 0;
}

unsigned cpu_submit(struct crypto *c, struct crypto_job *const jobs[], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		enum cpu_group_kind kind = cpu_suite[jobs[i]->suite].group;
		struct cpu_group *g = &c->group[kind];
		if (g->n == CRYPTO_BURST) {
			if (CPU_MAX_DONE - c->n_done < CRYPTO_BURST)
				return i;
			run_waiting(c, kind);
		}
		jobs[i]->status = CRYPTO_PENDING;
		g->job[g->n++] = jobs[i];
	}
	return n;
}

unsigned cpu_collect(struct crypto *c, struct crypto_job *out[], unsigned max)
{
	for (enum cpu_group_kind kind = 0; kind < CPU_N_GROUPS; kind++) {
		if (c->group[kind].n && CPU_MAX_DONE - c->n_done >= c->group[kind].n)
			run_waiting(c, kind);
	}
	unsigned n = c->n_done < max ? c->n_done : max;
	for (unsigned i = 0; i < n; i++)
		out[i] = c->done[(c->done_head + i) & (CPU_MAX_DONE - 1)];
	c->done_head = (c->done_head + n) & (CPU_MAX_DONE - 1);
	c->n_done -= n;
	return n;
}

/* ---- run ---- */

/* How many at the head of n are of one group. */
static unsigned run_length(struct crypto_job *const jobs[], unsigned n)
{
	uint8_t kind = cpu_suite[jobs[0]->suite].group;
	unsigned i = 1;
	while (i < n && cpu_suite[jobs[i]->suite].group == kind)
		i++;
	return i;
}

static void run_mixed(struct crypto *c, struct crypto_job *const jobs[], unsigned n)
{
	struct crypto_job *job[CPU_N_GROUPS][CRYPTO_BURST];
	unsigned n_of[CPU_N_GROUPS] = { 0 };
	for (unsigned i = 0; i < n; i++) {
		enum cpu_group_kind kind = cpu_suite[jobs[i]->suite].group;
		job[kind][n_of[kind]++] = jobs[i];
	}
	for (enum cpu_group_kind kind = 0; kind < CPU_N_GROUPS; kind++) {
		if (n_of[kind])
			run_group(c, kind, job[kind], n_of[kind]);
	}
}

void crypto_run(struct crypto *c, struct crypto_job *const jobs[], unsigned n)
{
	while (n) {
		unsigned some = n < CRYPTO_BURST ? n : CRYPTO_BURST;
		if (run_length(jobs, some) == some)
			run_group(c, cpu_suite[jobs[0]->suite].group, jobs, some);
		else
			run_mixed(c, jobs, some);
		jobs += some;
		n -= some;
	}
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
	c->hmac_lanes = hmac_lanes();
	cpu_preset(c);
	c->gcm_lanes = gcm_lanes();
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
		   const uint8_t *cipher_key, const uint8_t *salt, struct crypto_key *key)
{
	if (suite >= CRYPTO_N_SUITES)
		return -EINVAL;
	const struct crypto_suite_shape *shape = &crypto_suite_shape[suite];
	enum cpu_group_kind kind = cpu_suite[suite].group;
	memset(key, 0, sizeof(*key));
	if (kind == CPU_AEAD) {
		bool gmac = shape->integrity == CRYPTO_GMAC;
		cpu_aead_key(c, gmac ? auth_key : cipher_key,
			     gmac ? shape->auth_key_bytes : shape->cipher_key_bytes, salt,
			     &key->auth);
		return 0;
	}
	if (shape->cipher_key_bytes) {
		ssize_t n = getrandom(&key->cipher.iv_seed, sizeof(key->cipher.iv_seed), 0);
		if (n != (ssize_t)sizeof(key->cipher.iv_seed))
			return -EIO;
		memcpy(key->cipher.key, cipher_key, shape->cipher_key_bytes);
	}
	cpu_mid_state(c, kind, auth_key, shape->auth_key_bytes, 0x36, key->auth.inner);
	cpu_mid_state(c, kind, auth_key, shape->auth_key_bytes, 0x5c, key->auth.outer);
	return 0;
}
