#include "tools/bench/bench.h"

#include <errno.h>
#include <intel-ipsec-mb.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

/* As many hot packets as a burst of the worker. */
#define BARE_BURST  WORKER_BURST
#define BARE_CALLS  32 /* per round */
#define BARE_STRIDE 2048

struct bench_bare {
	IMB_MGR *mgr;
	struct bench_case c;
	uint32_t auth_bytes;
	IMB_JOB job[BARE_BURST];
	uint8_t inner[32], outer[32];
	uint8_t tag[BARE_BURST][16];
	uint8_t *packets;
	uint64_t n_bad;
};

static bool is_sha1(const struct bench_bare *b)
{
	return b->c.suite == CRYPTO_HMAC_SHA1_NULL;
}

static void fill_job(struct bench_bare *b, IMB_JOB *job, unsigned i)
{
	uint8_t *packet = b->packets + (size_t)i * BARE_STRIDE;
	*job = (IMB_JOB){
		.cipher_mode = IMB_CIPHER_NULL,
		.cipher_direction = IMB_DIR_ENCRYPT,
		.chain_order = IMB_ORDER_HASH_CIPHER,
		.hash_alg = is_sha1(b) ? IMB_AUTH_HMAC_SHA_1 : IMB_AUTH_MD5,
		.src = packet,
		.msg_len_to_hash_in_bytes = b->auth_bytes,
		.auth_tag_output = b->c.inbound ? b->tag[i] : packet + b->auth_bytes,
		.auth_tag_output_len_in_bytes = BENCH_ICV_BYTES,
	};
	job->u.HMAC._hashed_auth_key_xor_ipad = b->inner;
	job->u.HMAC._hashed_auth_key_xor_opad = b->outer;
}

struct bench_bare *bench_bare_new(const struct bench_case *c)
{
	struct bench_bare *b = aligned_alloc(64, (sizeof(*b) + 63) & ~(size_t)63);
	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->c = *c;
	b->auth_bytes = c->size_bytes - BENCH_IPV4_BYTES - BENCH_ICV_BYTES;
	b->packets = aligned_alloc(64, (size_t)BARE_BURST * BARE_STRIDE);
	b->mgr = alloc_mb_mgr(0);
	if (!b->packets || !b->mgr) {
		bench_bare_free(b);
		return NULL;
	}
	memset(b->packets, 'x', (size_t)BARE_BURST * BARE_STRIDE);
	init_mb_mgr_auto(b->mgr, NULL);
	for (unsigned i = 0; i < BARE_BURST; i++)
		fill_job(b, &b->job[i], i);
	return b;
}

void bench_bare_free(struct bench_bare *b)
{
	if (!b)
		return;
	if (b->mgr)
		free_mb_mgr(b->mgr);
	free(b->packets);
	free(b);
}

/* The fastest call for SHA-1: the whole burst in one. */
static void run_hash_burst(struct bench_bare *b)
{
	IMB_SUBMIT_HASH_BURST_NOCHECK(b->mgr, b->job, BARE_BURST, IMB_AUTH_HMAC_SHA_1);
}

/* MD5 has no hash-burst call in IPsec-MB 1.3; the job manager's burst is the fastest it has. */
static void run_job_burst(struct bench_bare *b)
{
	IMB_JOB *job[BARE_BURST];
	unsigned n = IMB_GET_NEXT_BURST(b->mgr, BARE_BURST, job);
	for (unsigned i = 0; i < n; i++)
		*job[i] = b->job[i];
	IMB_SUBMIT_BURST_NOCHECK(b->mgr, n, job);
	while (IMB_FLUSH_BURST(b->mgr, BARE_BURST, job))
		;
}

double bench_bare_round(struct bench_bare *b)
{
	uint64_t begin = rte_rdtsc();
	for (unsigned n = 0; n < BARE_CALLS; n++) {
		if (is_sha1(b))
			run_hash_burst(b);
		else
			run_job_burst(b);
		for (unsigned i = 0; i < BARE_BURST && b->c.inbound; i++)
			b->n_bad += memcmp(b->tag[i],
					   b->packets + (size_t)i * BARE_STRIDE + b->auth_bytes,
					   BENCH_ICV_BYTES) != 0;
	}
	return (double)(rte_rdtsc() - begin) / (BARE_CALLS * BARE_BURST);
}
