#include "tools/bench/bare_call.h"

enum {
	GCM_IV_BYTES = 12, /* salt and IV: RFC 4106 4 */
	GCM_AAD_BYTES = 8, /* SPI and sequence number */
};

/* ---- one packet's job ---- */

uint8_t *bare_packet(const struct bare *b, unsigned i)
{
	return b->packets + (size_t)i * b->stride;
}

uint8_t *bare_tag(struct bare *b, unsigned i)
{
	return b->inbound ? b->tag[i] : bare_packet(b, i) + b->layout.auth_bytes;
}

static uint32_t cipher_start(const struct bare *b)
{
	return (uint32_t)BENCH_ESP_BYTES + bench_suite_shape(b->suite)->iv_bytes;
}

static uint32_t cipher_bytes(const struct bare *b)
{
	return b->layout.auth_bytes - cipher_start(b);
}

/* What differs from packet to packet. */
static void fill_packet(struct bare *b, IMB_JOB *job, unsigned i)
{
	uint8_t *p = bare_packet(b, i);
	job->src = p;
	job->dst = p + cipher_start(b);
	job->auth_tag_output = bare_tag(b, i);
}

static IMB_HASH_ALG hash_of(const struct bench_suite *suite)
{
	static const IMB_HASH_ALG hash[] = {
		[CRYPTO_INTEGRITY_NONE] = IMB_AUTH_NULL,
		[CRYPTO_HMAC_SHA1] = IMB_AUTH_HMAC_SHA_1,
		[CRYPTO_HMAC_MD5] = IMB_AUTH_MD5,
		[CRYPTO_HMAC_SHA256] = IMB_AUTH_HMAC_SHA_256,
		[CRYPTO_GMAC] = IMB_AUTH_AES_GMAC,
	};
	return hash[bench_suite_shape(suite)->integrity];
}

static IMB_CIPHER_MODE cipher_of(const struct bench_suite *suite)
{
	static const IMB_CIPHER_MODE cipher[] = {
		[CRYPTO_CIPHER_NULL] = IMB_CIPHER_NULL,
		[CRYPTO_AES_CBC] = IMB_CIPHER_CBC,
		[CRYPTO_3DES_CBC] = IMB_CIPHER_DES3,
		[CRYPTO_GCM] = IMB_CIPHER_GCM,
	};
	return cipher[bench_suite_shape(suite)->cipher];
}

static bool is_des(const struct bench_suite *suite)
{
	return cipher_of(suite) == IMB_CIPHER_DES3;
}

static void fill_job(struct bare *b, IMB_JOB *job, unsigned i)
{
	const struct crypto_suite_shape *shape = bench_suite_shape(b->suite);
	*job = (IMB_JOB){
		.enc_keys = is_des(b->suite) ? (const void *)b->des_of : b->encrypt,
		.dec_keys = is_des(b->suite) ? (const void *)b->des_of : b->decrypt,
		.key_len_in_bytes = shape->cipher_key_bytes,
		.cipher_mode = cipher_of(b->suite),
		.cipher_direction = b->inbound ? IMB_DIR_DECRYPT : IMB_DIR_ENCRYPT,
		.chain_order = b->inbound ? IMB_ORDER_HASH_CIPHER : IMB_ORDER_CIPHER_HASH,
		.hash_alg = hash_of(b->suite),
		.iv = b->iv,
		.iv_len_in_bytes = shape->iv_bytes,
		.cipher_start_src_offset_in_bytes = cipher_start(b),
		.msg_len_to_cipher_in_bytes = cipher_bytes(b),
		.msg_len_to_hash_in_bytes = b->layout.auth_bytes,
		.auth_tag_output_len_in_bytes = b->icv_bytes,
	};
	job->u.HMAC._hashed_auth_key_xor_ipad = b->inner;
	job->u.HMAC._hashed_auth_key_xor_opad = b->outer;
	fill_packet(b, job, i);
}

/* ---- the calls ---- */

static bool has_hmac(const struct bench_suite *suite)
{
	IMB_HASH_ALG hash = hash_of(suite);
	return hash != IMB_AUTH_NULL && hash != IMB_AUTH_AES_GMAC;
}

/* IPsec-MB 1.3 has no such call for MD5. */
static bool can_hash_burst(const struct bench_suite *suite)
{
	return has_hmac(suite) && hash_of(suite) != IMB_AUTH_MD5 &&
	       cipher_of(suite) == IMB_CIPHER_NULL;
}

static void hash_burst(struct bare *b)
{
	IMB_SUBMIT_HASH_BURST_NOCHECK(b->mgr, b->job, b->width, hash_of(b->suite));
}

static bool can_both_bursts(const struct bench_suite *suite)
{
	return has_hmac(suite) && hash_of(suite) != IMB_AUTH_MD5 &&
	       cipher_of(suite) == IMB_CIPHER_CBC;
}

static void both_bursts(struct bare *b)
{
	uint64_t key_bytes = b->job[0].key_len_in_bytes;
	if (b->inbound)
		hash_burst(b);
	IMB_SUBMIT_CIPHER_BURST_NOCHECK(b->mgr, b->job, b->width, IMB_CIPHER_CBC,
					b->job[0].cipher_direction, key_bytes);
	if (!b->inbound)
		hash_burst(b);
}

/* The slots of the job manager keep what was written once: only what differs is written again. */
static void job_burst(struct bare *b)
{
	IMB_JOB *job[BARE_MAX_WIDTH];
	unsigned n = IMB_GET_NEXT_BURST(b->mgr, b->width, job);
	for (unsigned i = 0; i < n; i++)
		fill_packet(b, job[i], i);
	unsigned n_done = IMB_SUBMIT_BURST_NOCHECK(b->mgr, n, job);
	while (n_done < n)
		n_done += IMB_FLUSH_BURST(b->mgr, n - n_done, job);
}

static bool has_gcm(const struct bench_suite *suite)
{
	return cipher_of(suite) == IMB_CIPHER_GCM;
}

static void gcm_direct(struct bare *b)
{
	bool long_key = bench_suite_shape(b->suite)->cipher_key_bytes == IMB_KEY_256_BYTES;
	aes_gcm_enc_dec_t run = b->inbound ? long_key ? b->mgr->gcm256_dec : b->mgr->gcm128_dec
				: long_key ? b->mgr->gcm256_enc
					   : b->mgr->gcm128_enc;
	uint32_t start = cipher_start(b), n_bytes = cipher_bytes(b);
	for (unsigned i = 0; i < b->width; i++) {
		uint8_t *p = bare_packet(b, i);
		run(&b->gcm, &b->context, p + start, p + start, n_bytes, b->iv, p, GCM_AAD_BYTES,
		    bare_tag(b, i), b->icv_bytes);
	}
}

static bool has_gmac(const struct bench_suite *suite)
{
	return hash_of(suite) == IMB_AUTH_AES_GMAC;
}

static void gmac_direct(struct bare *b)
{
	for (unsigned i = 0; i < b->width; i++) {
		IMB_AES128_GMAC_INIT(b->mgr, &b->gcm, &b->context, b->iv, GCM_IV_BYTES);
		IMB_AES128_GMAC_UPDATE(b->mgr, &b->gcm, &b->context, bare_packet(b, i),
				       b->layout.auth_bytes);
		IMB_AES128_GMAC_FINALIZE(b->mgr, &b->gcm, &b->context, bare_tag(b, i),
					 b->icv_bytes);
	}
}

/* GMAC is GCM with nothing to encipher: NIST SP 800-38D 3. */
static void gmac_as_gcm(struct bare *b)
{
	for (unsigned i = 0; i < b->width; i++)
		IMB_AES128_GCM_ENC(b->mgr, &b->gcm, &b->context, NULL, NULL, 0, b->iv,
				   bare_packet(b, i), b->layout.auth_bytes, bare_tag(b, i),
				   b->icv_bytes);
}

const struct bare_way bare_ways[] = {
	{ "hash burst", can_hash_burst, hash_burst },
	{ "cipher and hash burst", can_both_bursts, both_bursts },
	{ "job burst", has_hmac, job_burst },
	{ "GCM call", has_gcm, gcm_direct },
	{ "GMAC calls", has_gmac, gmac_direct },
	{ "GCM call without text", has_gmac, gmac_as_gcm },
};
const unsigned bare_n_ways = sizeof(bare_ways) / sizeof(bare_ways[0]);
_Static_assert(sizeof(bare_ways) / sizeof(bare_ways[0]) <= BARE_MAX_WAYS, "room for all of them");

/* ---- keys and jobs ---- */

static void make_schedules(struct bare *b)
{
	static const uint8_t key[IMB_KEY_256_BYTES] = { 1, 2, 3 };
	bool long_key = bench_suite_shape(b->suite)->cipher_key_bytes == IMB_KEY_256_BYTES;
	for (unsigned i = 0; i < 3; i++) {
		IMB_DES_KEYSCHED(b->mgr, b->des[i], key + i);
		b->des_of[i] = b->des[i];
	}
	if (long_key) {
		IMB_AES_KEYEXP_256(b->mgr, key, b->encrypt, b->decrypt);
		IMB_AES256_GCM_PRE(b->mgr, key, &b->gcm);
	} else {
		IMB_AES_KEYEXP_128(b->mgr, key, b->encrypt, b->decrypt);
		IMB_AES128_GCM_PRE(b->mgr, key, &b->gcm);
	}
}

void bare_prepare(struct bare *b)
{
	make_schedules(b);
	for (unsigned i = 0; i < BARE_MAX_WIDTH; i++)
		fill_job(b, &b->job[i], i);
	for (unsigned i = 0; i < IMB_MAX_JOBS; i++)
		fill_job(b, &b->mgr->jobs[i], 0);
}
