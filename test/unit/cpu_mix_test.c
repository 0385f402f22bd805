/*
 * The cpu backend against OpenSSL: every suite alone at every length, then suites, directions, SAs,
 * lengths and sequence numbers mixed in one burst.
 */
#include "crypto/cpu.h"

#include <string.h>

#include "crypto/hmac_lanes.h"
#include "test/shim/test.h"
#include "test/unit/esp_reference.h"

enum {
	N_SAS = 64,
	N_JOBS = 200,
	N_ROUNDS = 60,
	HEADER_BYTES = 8,
	MAX_BYTES = 1500,
	HUGE_BYTES = 65000,
	AROUND_BYTES = HEADER_BYTES + 16 + CRYPTO_ICV_BYTES + 16,
	PACKET_BYTES = MAX_BYTES + AROUND_BYTES,
};

struct sa {
	enum crypto_suite suite;
	bool esn;
	uint32_t sequence_high;
	struct reference_keys keys;
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

static const uint32_t *high_of(const struct sa *sa)
{
	return sa->esn ? &sa->sequence_high : NULL;
}

static void make_sa(struct crypto *c, struct test_rng *rng, struct sa *sa, enum crypto_suite suite)
{
	sa->suite = suite;
	sa->esn = test_rng_below(rng, 2);
	sa->sequence_high = (uint32_t)test_rng_below(rng, UINT32_MAX);
	test_rng_fill(rng, &sa->keys, sizeof(sa->keys));
	EXPECT_EQ(crypto_prepare(c, suite, sa->keys.auth_key, sa->keys.cipher_key, sa->keys.salt,
				 &sa->key),
		  0);
}

static struct crypto_job make_job(const struct sa *sa, uint8_t *esp, size_t n_bytes,
				  enum crypto_direction direction)
{
	size_t start = HEADER_BYTES + reference_shape(sa->suite)->iv_bytes;
	return (struct crypto_job){
		.key = &sa->key,
		.esp = esp,
		.auth_bytes = (uint16_t)(start + n_bytes),
		.cipher_start = (uint16_t)start,
		.cipher_bytes = (uint16_t)n_bytes,
		.suite = (uint8_t)sa->suite,
		.direction = (uint8_t)direction,
		.esn = sa->esn,
		.sequence_high = sa->sequence_high,
	};
}

/* ---- one round ---- */

/* A packet to be signed, or one that OpenSSL made, of which every fourth has one bit wrong. */
static void make_packet(struct test_rng *rng, struct packet *p, struct crypto_job *job)
{
	const struct sa *sa = p->sa = &sas[test_rng_below(rng, N_SAS)];
	const struct reference_shape *shape = reference_shape(sa->suite);
	bool sign = test_rng_below(rng, 2);
	size_t n_bytes = test_rng_below(rng, 2) ? test_rng_below(rng, MAX_BYTES + 1)
						: test_rng_below(rng, 200);
	n_bytes -= n_bytes % shape->block_bytes;
	p->start = HEADER_BYTES + shape->iv_bytes;
	p->auth_bytes = p->start + n_bytes;
	p->corrupt = !sign && test_rng_below(rng, 4) == 0;
	test_rng_fill(rng, p->plain, sizeof(p->plain));
	memcpy(p->wire, p->plain, sizeof(p->wire));
	if (!sign)
		reference_seal(sa->suite, &sa->keys, high_of(sa), p->wire, p->auth_bytes);
	if (p->corrupt) {
		uint64_t bit = test_rng_below(rng, 8 * (p->auth_bytes + shape->icv_bytes));
		p->wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	memcpy(p->sent, p->wire, sizeof(p->sent));
	*job = make_job(sa, p->wire, n_bytes, sign ? CRYPTO_SIGN : CRYPTO_VERIFY);
}

static void check_signed(const struct packet *p)
{
	static uint8_t opened[PACKET_BYTES];
	const struct reference_shape *shape = reference_shape(p->sa->suite);
	size_t end = p->auth_bytes + shape->icv_bytes;
	memcpy(opened, p->wire, PACKET_BYTES);
	EXPECT_TRUE(
		reference_open(p->sa->suite, &p->sa->keys, high_of(p->sa), opened, p->auth_bytes));
	EXPECT_MEM(opened, p->plain, HEADER_BYTES);
	EXPECT_MEM(opened + p->start, p->plain + p->start, p->auth_bytes - p->start);
	EXPECT_MEM(p->wire + end, p->plain + end, PACKET_BYTES - end);
}

static void check(const struct crypto_job *job)
{
	const struct packet *p = &packets[job - jobs];
	test_context("suite %d, %s, %zu authenticated bytes", job->suite, job->esn ? "esn" : "",
		     p->auth_bytes);
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

/* Makes 1 … N_JOBS packets and their jobs. */
static unsigned make_jobs(struct crypto *c, struct test_rng *rng, struct crypto_job *in[])
{
	unsigned n = 1 + (unsigned)test_rng_below(rng, N_JOBS);
	for (int i = 0; i < N_SAS; i++)
		make_sa(c, rng, &sas[i], (enum crypto_suite)test_rng_below(rng, CRYPTO_N_SUITES));
	for (unsigned i = 0; i < n; i++) {
		make_packet(rng, &packets[i], &jobs[i]);
		in[i] = &jobs[i];
	}
	return n;
}

static void any_mix(struct crypto *c)
{
	struct test_rng rng = { test_seed() };
	ASSERT_TRUE(c);
	for (int round = 0; round < N_ROUNDS && !test_has_failed(); round++) {
		struct crypto_job *in[N_JOBS], *out[N_JOBS];
		unsigned n_jobs = make_jobs(c, &rng, in), n_in = 0, n_out = 0;
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

TEST(cpu_mix, c066_any_mix_of_suites_directions_and_lengths_agrees_with_openssl)
{
	any_mix(crypto_new(-1));
}

TEST(cpu_mix, c066_a_processor_with_avx2_agrees_with_openssl_too)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	if (hmac_x8.is_available())
		c->hmac_lanes = &hmac_x8;
	if (gcm_x2.is_available())
		c->gcm_lanes = &gcm_x2;
	any_mix(c);
}

TEST(cpu_mix, c066_a_processor_without_vectors_agrees_with_openssl_too)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	c->hmac_lanes = NULL;
	c->gcm_lanes = NULL;
	any_mix(c);
}

TEST(cpu_mix, a_burst_run_in_place_agrees_with_openssl_and_keeps_its_order)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int round = 0; round < N_ROUNDS && !test_has_failed(); round++) {
		struct crypto_job *in[N_JOBS], *out;
		unsigned n_jobs = make_jobs(c, &rng, in);
		crypto_run(c, in, n_jobs);
		for (unsigned i = 0; i < n_jobs; i++) {
			EXPECT_TRUE(in[i] == &jobs[i]);
			check(in[i]);
		}
		EXPECT_EQ(crypto_collect(c, &out, 1), 0);
	}
	crypto_free(c);
}

/* ---- every suite alone ---- */

static void round_trip(struct crypto *c, const struct sa *sa, size_t n_bytes)
{
	static uint8_t plain[HUGE_BYTES + AROUND_BYTES], wire[HUGE_BYTES + AROUND_BYTES],
		opened[HUGE_BYTES + AROUND_BYTES];
	struct crypto_job job = make_job(sa, wire, n_bytes, CRYPTO_SIGN), *one = &job;
	size_t end = job.auth_bytes + reference_shape(sa->suite)->icv_bytes;
	test_context("suite %d, %s, %zu bytes", sa->suite, sa->esn ? "esn" : "", n_bytes);
	for (size_t i = 0; i < end; i++)
		plain[i] = (uint8_t)(i * 7 + n_bytes);
	memset(wire, 0xa5, sizeof(wire));
	memcpy(wire, plain, end);
	crypto_run(c, &one, 1);
	ASSERT_EQ(job.status, CRYPTO_DONE);
	EXPECT_EQ(wire[end], 0xa5); /* the ICV's bytes and no more */
	memcpy(opened, wire, end);
	EXPECT_TRUE(reference_open(sa->suite, &sa->keys, high_of(sa), opened, job.auth_bytes));
	EXPECT_MEM(opened + job.cipher_start, plain + job.cipher_start, n_bytes);
	job.direction = CRYPTO_VERIFY;
	crypto_run(c, &one, 1);
	EXPECT_EQ(job.status, CRYPTO_DONE);
	EXPECT_MEM(wire + job.cipher_start, plain + job.cipher_start, n_bytes);
}

TEST(cpu_mix, c066_c082_every_suite_at_every_length_agrees_with_openssl)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		for (int esn = 0; esn < 2 && !test_has_failed(); esn++) {
			size_t block = reference_shape((enum crypto_suite)suite)->block_bytes;
			make_sa(c, &rng, &sas[0], (enum crypto_suite)suite);
			sas[0].esn = esn;
			for (size_t n = 0; n <= MAX_BYTES; n += block)
				round_trip(c, &sas[0], n);
			round_trip(c, &sas[0], 9000 - 9000 % block);
			round_trip(c, &sas[0], HUGE_BYTES - HUGE_BYTES % block);
		}
	}
	crypto_free(c);
}

/* Among others in the burst, so that no lane's verdict is another's. */
TEST(cpu_mix, c070_no_flipped_bit_of_any_suite_is_accepted)
{
	enum { N_BYTES = 48, N_LANES = 7 };
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		const struct reference_shape *shape = reference_shape((enum crypto_suite)suite);
		struct sa *sa = &sas[0];
		uint8_t good[N_BYTES + AROUND_BYTES], wire[N_LANES][N_BYTES + AROUND_BYTES];
		size_t auth_bytes = HEADER_BYTES + shape->iv_bytes + N_BYTES;
		make_sa(c, &rng, sa, (enum crypto_suite)suite);
		test_rng_fill(&rng, good, sizeof(good));
		reference_seal(sa->suite, &sa->keys, high_of(sa), good, auth_bytes);
		for (size_t bit = 0; bit < 8 * (auth_bytes + shape->icv_bytes); bit++) {
			struct crypto_job job[N_LANES], *all[N_LANES];
			for (size_t i = 0; i < N_LANES; i++) {
				memcpy(wire[i], good, sizeof(good));
				job[i] = make_job(sa, wire[i], N_BYTES, CRYPTO_VERIFY);
				all[i] = &job[i];
			}
			wire[bit % N_LANES][bit / 8] ^= (uint8_t)(1 << bit % 8);
			crypto_run(c, all, N_LANES);
			for (size_t i = 0; i < N_LANES; i++) {
				test_context("suite %d, bit %zu, lane %zu", suite, bit, i);
				EXPECT_EQ(job[i].status,
					  i == bit % N_LANES ? CRYPTO_BAD_ICV : CRYPTO_DONE);
			}
		}
	}
	crypto_free(c);
}

/* RFC 4303 2.2.1: the number's upper half is not sent, but it is authenticated. */
TEST(cpu_mix, another_upper_half_of_the_number_is_a_bad_icv)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		struct sa *sa = &sas[0];
		uint8_t wire[256], sent[256];
		make_sa(c, &rng, sa, (enum crypto_suite)suite);
		sa->esn = true;
		test_context("suite %d", suite);
		test_rng_fill(&rng, wire, sizeof(wire));
		struct crypto_job job = make_job(sa, wire, 96, CRYPTO_SIGN), *one = &job;
		crypto_run(c, &one, 1);
		memcpy(sent, wire, sizeof(wire));
		job.direction = CRYPTO_VERIFY;
		job.sequence_high++;
		crypto_run(c, &one, 1);
		EXPECT_EQ(job.status, CRYPTO_BAD_ICV);
		job.esn = false;
		crypto_run(c, &one, 1);
		EXPECT_EQ(job.status, CRYPTO_BAD_ICV);
		EXPECT_MEM(wire, sent, sizeof(wire));
		job.esn = true;
		job.sequence_high--;
		crypto_run(c, &one, 1);
		EXPECT_EQ(job.status, CRYPTO_DONE);
	}
	crypto_free(c);
}

/* ---- IVs ---- */

/* The IVs of `n` packets with numbers one apart, each unlike the others. */
static void expect_fresh_ivs(struct crypto *c, const struct sa *sa, uint8_t iv[][16], unsigned n)
{
	size_t iv_bytes = reference_shape(sa->suite)->iv_bytes;
	for (unsigned i = 0; i < n; i++) {
		uint8_t wire[256] = { [3] = 9, [7] = (uint8_t)(i + 1) };
		struct crypto_job job = make_job(sa, wire, 64, CRYPTO_SIGN), *one = &job;
		crypto_run(c, &one, 1);
		memcpy(iv[i], wire + HEADER_BYTES, iv_bytes);
		for (unsigned j = 0; j < i; j++)
			EXPECT_TRUE(memcmp(iv[i], iv[j], iv_bytes) != 0);
	}
}

/* RFC 3602 3: unpredictable, so it is the packet's number enciphered. */
TEST(cpu_mix, c082_no_cbc_iv_comes_twice_nor_shows_the_number)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	static uint8_t iv[2][100][16];
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		if (reference_shape((enum crypto_suite)suite)->block_bytes == 4)
			continue;
		struct sa *sa = &sas[0], *twin = &sas[1];
		make_sa(c, &rng, sa, (enum crypto_suite)suite);
		*twin = *sa;
		EXPECT_EQ(crypto_prepare(c, twin->suite, twin->keys.auth_key, twin->keys.cipher_key,
					 twin->keys.salt, &twin->key),
			  0);
		expect_fresh_ivs(c, sa, iv[0], 100);
		expect_fresh_ivs(c, twin, iv[1], 100);
		for (unsigned i = 0; i < 100; i++)
			EXPECT_TRUE(memcmp(iv[0][i], iv[1][i], 8) != 0);
	}
	crypto_free(c);
}

/* The SAs of a set share key and salt: number and SPI together; ESN: the number of 64 bits. */
TEST(cpu_mix, c082_gcm_iv_is_spi_and_number_or_the_extended_number)
{
	static const enum crypto_suite aead[] = { CRYPTO_AES_GMAC, CRYPTO_AES256_GMAC,
						  CRYPTO_AES_GCM, CRYPTO_AES256_GCM };
	static const uint8_t expected[2][8] = { { 1, 2, 3, 4, 0, 0, 0, 5 },
						{ 0, 0, 0, 7, 0, 0, 0, 5 } };
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int i = 0; i < 4; i++) {
		make_sa(c, &rng, &sas[0], aead[i]);
		sas[0].sequence_high = 7;
		for (int esn = 0; esn < 2; esn++) {
			uint8_t wire[256] = { 1, 2, 3, 4, [7] = 5 };
			sas[0].esn = esn;
			struct crypto_job job = make_job(&sas[0], wire, 64, CRYPTO_SIGN),
					  *one = &job;
			crypto_run(c, &one, 1);
			EXPECT_MEM(wire + HEADER_BYTES, expected[esn], 8);
		}
	}
	crypto_free(c);
}
