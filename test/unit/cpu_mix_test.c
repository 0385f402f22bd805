/* The cpu backend against OpenSSL: suites, directions, SAs and lengths mixed in one burst. */
#include "crypto/job.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "test/shim/test.h"

enum {
	N_SAS = 64,
	N_JOBS = 200,
	N_ROUNDS = 50,
	ICV_BYTES = 12,
	MIN_BYTES = 28, /* of what ESP protects: UDP header, a little, trailer */
	MAX_BYTES = 1500,
	HEADER_BYTES = 8,
	IV_BYTES = 16,
	PACKET_BYTES = HEADER_BYTES + IV_BYTES + MAX_BYTES + ICV_BYTES + 16,
};

struct sa {
	enum crypto_suite suite;
	uint8_t auth_key[20], cipher_key[16];
	struct crypto_key key;
};

struct packet {
	const struct sa *sa;
	size_t start; /* of the payload */
	size_t auth_bytes;
	bool corrupt;
	uint8_t plain[PACKET_BYTES];
	uint8_t sent[PACKET_BYTES];
	uint8_t wire[PACKET_BYTES];
};

static struct sa sas[N_SAS];
static struct packet packets[N_JOBS];
static struct crypto_job jobs[N_JOBS];

static bool has_cipher(const struct sa *sa)
{
	return crypto_suite_shape[sa->suite].iv_bytes != 0;
}

/* ---- the other implementation ---- */

static void reference_icv(const struct sa *sa, const uint8_t *bytes, size_t n_bytes, uint8_t *icv)
{
	uint8_t mac[EVP_MAX_MD_SIZE];
	bool sha1 = sa->suite == CRYPTO_HMAC_SHA1_NULL || sa->suite == CRYPTO_HMAC_SHA1_AES_CBC;
	EXPECT_TRUE(HMAC(sha1 ? EVP_sha1() : EVP_md5(), sa->auth_key,
			 crypto_suite_shape[sa->suite].auth_key_bytes, bytes, n_bytes, mac, NULL));
	memcpy(icv, mac, ICV_BYTES);
}

static void reference_cbc(const struct sa *sa, bool encrypt, const uint8_t *iv, uint8_t *bytes,
			  size_t n_bytes)
{
	int n = 0;
	EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
	EXPECT_TRUE(
		EVP_CipherInit_ex(context, EVP_aes_128_cbc(), NULL, sa->cipher_key, iv, encrypt));
	EXPECT_TRUE(EVP_CIPHER_CTX_set_padding(context, 0));
	EXPECT_TRUE(EVP_CipherUpdate(context, bytes, &n, bytes, (int)n_bytes));
	EXPECT_EQ(n, n_bytes);
	EVP_CIPHER_CTX_free(context);
}

/* ---- one round ---- */

static void make_sas(struct crypto *c, struct test_rng *rng)
{
	for (int i = 0; i < N_SAS; i++) {
		struct sa *sa = &sas[i];
		sa->suite = test_rng_below(rng, CRYPTO_N_SUITES);
		test_rng_fill(rng, sa->auth_key, sizeof(sa->auth_key));
		test_rng_fill(rng, sa->cipher_key, sizeof(sa->cipher_key));
		EXPECT_EQ(crypto_prepare(c, sa->suite, sa->auth_key, sa->cipher_key, &sa->key), 0);
	}
}

/* A packet to be signed, or one that OpenSSL made, of which every fourth has one bit wrong. */
static void make_packet(struct test_rng *rng, struct packet *p, struct crypto_job *job)
{
	const struct sa *sa = p->sa = &sas[test_rng_below(rng, N_SAS)];
	bool sign = test_rng_below(rng, 2);
	size_t n_bytes = MIN_BYTES + test_rng_below(rng, MAX_BYTES - MIN_BYTES + 1);
	if (has_cipher(sa))
		n_bytes &= ~(size_t)15;
	p->start = HEADER_BYTES + crypto_suite_shape[sa->suite].iv_bytes;
	p->auth_bytes = p->start + n_bytes;
	p->corrupt = !sign && test_rng_below(rng, 4) == 0;
	test_rng_fill(rng, p->plain, sizeof(p->plain));
	memcpy(p->wire, p->plain, sizeof(p->wire));
	if (!sign) {
		if (has_cipher(sa))
			reference_cbc(sa, true, p->wire + HEADER_BYTES, p->wire + p->start,
				      n_bytes);
		reference_icv(sa, p->wire, p->auth_bytes, p->wire + p->auth_bytes);
	}
	if (p->corrupt) {
		uint64_t bit = test_rng_below(rng, 8 * (p->auth_bytes + ICV_BYTES));
		p->wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	memcpy(p->sent, p->wire, sizeof(p->sent));
	*job = (struct crypto_job){
		.key = &sa->key,
		.esp = p->wire,
		.auth_bytes = (uint16_t)p->auth_bytes,
		.cipher_start = (uint16_t)p->start,
		.cipher_bytes = (uint16_t)n_bytes,
		.suite = (uint8_t)sa->suite,
		.direction = sign ? CRYPTO_SIGN : CRYPTO_VERIFY,
	};
}

static void check_signed(const struct packet *p)
{
	uint8_t icv[ICV_BYTES], payload[PACKET_BYTES];
	size_t n_bytes = p->auth_bytes - p->start, end = p->auth_bytes + ICV_BYTES;
	EXPECT_MEM(p->wire, p->plain, HEADER_BYTES);
	memcpy(payload, p->wire + p->start, n_bytes);
	if (has_cipher(p->sa))
		reference_cbc(p->sa, false, p->wire + HEADER_BYTES, payload, n_bytes);
	EXPECT_MEM(payload, p->plain + p->start, n_bytes);
	reference_icv(p->sa, p->wire, p->auth_bytes, icv);
	EXPECT_MEM(p->wire + p->auth_bytes, icv, ICV_BYTES);
	EXPECT_MEM(p->wire + end, p->plain + end, PACKET_BYTES - end);
}

static void check(const struct crypto_job *job)
{
	const struct packet *p = &packets[job - jobs];
	test_context("suite %d, %zu authenticated bytes", job->suite, p->auth_bytes);
	EXPECT_EQ(job->status, p->corrupt ? CRYPTO_BAD_ICV : CRYPTO_DONE);
	if (job->direction == CRYPTO_SIGN) {
		check_signed(p);
	} else if (p->corrupt) {
		EXPECT_MEM(p->wire, p->sent, PACKET_BYTES); /* not deciphered either */
	} else {
		size_t n_bytes = p->auth_bytes - p->start;
		EXPECT_MEM(p->wire, p->sent, p->start);
		EXPECT_MEM(p->wire + p->start, p->plain + p->start, n_bytes);
		EXPECT_MEM(p->wire + p->auth_bytes, p->sent + p->auth_bytes,
			   PACKET_BYTES - p->auth_bytes);
	}
}

TEST(cpu_mix, c066_any_mix_of_suites_directions_and_lengths_agrees_with_openssl)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int round = 0; round < N_ROUNDS && !test_has_failed(); round++) {
		struct crypto_job *in[N_JOBS], *out[N_JOBS];
		unsigned n_jobs = 1 + (unsigned)test_rng_below(&rng, N_JOBS);
		unsigned n_in = 0, n_out = 0;
		make_sas(c, &rng);
		for (unsigned i = 0; i < n_jobs; i++) {
			make_packet(&rng, &packets[i], &jobs[i]);
			in[i] = &jobs[i];
		}
		while (n_out < n_jobs) {
			unsigned want = (unsigned)test_rng_below(&rng, n_jobs - n_in + 1);
			n_in += crypto_submit(c, in + n_in, want);
			unsigned n = crypto_collect(c, out, 1 + n_jobs / 3);
			for (unsigned i = 0; i < n; i++)
				check(out[i]);
			n_out += n;
		}
	}
	crypto_free(c);
}

/* RFC 3602 3: the IV is the enciphered number of the packet, so no two are the same. */
TEST(cpu_mix, iv_of_each_packet_is_its_enciphered_number)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	struct sa *sa = &sas[0];
	uint8_t wire[256], iv[IV_BYTES], zero[IV_BYTES] = { 0 }, seen[100][IV_BYTES];
	sa->suite = CRYPTO_HMAC_SHA1_AES_CBC;
	test_rng_fill(&rng, sa->cipher_key, sizeof(sa->cipher_key));
	EXPECT_EQ(crypto_prepare(c, sa->suite, sa->auth_key, sa->cipher_key, &sa->key), 0);
	for (int i = 0; i < 100; i++) {
		struct crypto_job job = { .key = &sa->key,
					  .esp = wire,
					  .auth_bytes = HEADER_BYTES + IV_BYTES + 64,
					  .cipher_start = HEADER_BYTES + IV_BYTES,
					  .cipher_bytes = 64,
					  .suite = (uint8_t)sa->suite,
					  .direction = CRYPTO_SIGN };
		struct crypto_job *in = &job, *out;
		memset(wire, 0, sizeof(wire));
		wire[7] = (uint8_t)(i + 1);
		memcpy(iv, wire, 8);
		memcpy(iv + 8, &sa->key.cipher.iv_seed, 8);
		reference_cbc(sa, true, zero, iv, IV_BYTES);
		EXPECT_EQ(crypto_submit(c, &in, 1), 1);
		EXPECT_EQ(crypto_collect(c, &out, 1), 1);
		EXPECT_MEM(wire + HEADER_BYTES, iv, IV_BYTES);
		memcpy(seen[i], wire + HEADER_BYTES, IV_BYTES);
		for (int j = 0; j < i; j++)
			EXPECT_TRUE(memcmp(seen[i], seen[j], IV_BYTES) != 0);
	}
	crypto_free(c);
}
