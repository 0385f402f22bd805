/* The cpu backend against published vectors, bit by bit. cpu_mix_test.c: against OpenSSL. */
#include "crypto/job.h"

#include <errno.h>
#include <string.h>

#include "test/shim/test.h"

enum {
	ICV_BYTES = 12,
	PACKET_BYTES = 512,
};

struct sa {
	struct crypto_key key;
};

static const uint8_t no_cipher_key[32];

static void run(struct crypto *c, struct crypto_job *job)
{
	struct crypto_job *out[2] = { NULL };
	EXPECT_EQ(crypto_submit(c, &job, 1), 1);
	EXPECT_EQ(crypto_collect(c, out, 2), 1);
	EXPECT_TRUE(out[0] == job);
	EXPECT_EQ(crypto_collect(c, out, 2), 0);
}

static struct crypto_job null_job(const struct sa *sa, enum crypto_suite suite,
				  enum crypto_direction direction, uint8_t *esp, size_t auth_bytes)
{
	return (struct crypto_job){
		.key = &sa->key,
		.esp = esp,
		.auth_bytes = (uint16_t)auth_bytes,
		.cipher_start = 8,
		.cipher_bytes = (uint16_t)(auth_bytes - 8),
		.suite = (uint8_t)suite,
		.direction = (uint8_t)direction,
	};
}

/* ---- WIRE: one packet, IK of Milenage test set 1 ---- */

static const char ik_hex[] = "f769bcd751044604127672711c6d3441";
static const char esp_hex[] = "0000100100000001 13c613c80021a08c"
			      "4f5054494f4e53207369703a70205349502f322e300d0a0d0a 01 01 11";

static const struct {
	enum crypto_suite suite;
	const char *icv;
} packets[] = {
	{ CRYPTO_HMAC_SHA1_NULL, "82adbb726bdd1efbcd0c881a" },
	{ CRYPTO_HMAC_MD5_NULL, "0774cd5d4c9ccd1f1ce49ad8" },
};
enum {
	N_PACKETS = sizeof(packets) / sizeof(packets[0]),
};

/* The packet with its ICV, and its SA; returns the authenticated bytes. */
static size_t load_packet(struct crypto *c, int i, struct sa *sa, uint8_t *esp)
{
	uint8_t key[20] = { 0 };
	EXPECT_EQ(test_hex(ik_hex, key, 16), 16); /* SHA-1: four zeros follow, Annex I */
	EXPECT_EQ(crypto_prepare(c, packets[i].suite, key, no_cipher_key, NULL, &sa->key), 0);
	size_t auth_bytes = test_hex(esp_hex, esp, PACKET_BYTES);
	EXPECT_EQ(test_hex(packets[i].icv, esp + auth_bytes, ICV_BYTES), ICV_BYTES);
	return auth_bytes;
}

TEST(cpu, c066_signs_the_esp_vectors)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int i = 0; i < N_PACKETS; i++) {
		struct sa sa;
		uint8_t expected[PACKET_BYTES], esp[PACKET_BYTES];
		size_t n = load_packet(c, i, &sa, expected);
		memcpy(esp, expected, n);
		memset(esp + n, 0xa5, ICV_BYTES + 1);
		struct crypto_job job = null_job(&sa, packets[i].suite, CRYPTO_SIGN, esp, n);
		run(c, &job);
		EXPECT_EQ(job.status, CRYPTO_DONE);
		EXPECT_MEM(esp, expected, n + ICV_BYTES);
		EXPECT_EQ(esp[n + ICV_BYTES], 0xa5); /* 12 bytes and no more */
	}
	crypto_free(c);
}

TEST(cpu, c066_verifies_the_esp_vectors)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int i = 0; i < N_PACKETS; i++) {
		struct sa sa;
		uint8_t expected[PACKET_BYTES], esp[PACKET_BYTES];
		size_t n = load_packet(c, i, &sa, expected);
		memcpy(esp, expected, n + ICV_BYTES);
		struct crypto_job job = null_job(&sa, packets[i].suite, CRYPTO_VERIFY, esp, n);
		run(c, &job);
		EXPECT_EQ(job.status, CRYPTO_DONE);
		EXPECT_MEM(esp, expected, n + ICV_BYTES);
	}
	crypto_free(c);
}

TEST(cpu, c070_every_flipped_bit_is_a_bad_icv)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int i = 0; i < N_PACKETS; i++) {
		struct sa sa;
		uint8_t esp[PACKET_BYTES];
		size_t n = load_packet(c, i, &sa, esp);
		for (size_t bit = 0; bit < 8 * (n + ICV_BYTES); bit++) {
			test_context("suite %d, bit %zu", packets[i].suite, bit);
			esp[bit / 8] ^= (uint8_t)(1 << bit % 8);
			struct crypto_job job =
				null_job(&sa, packets[i].suite, CRYPTO_VERIFY, esp, n);
			run(c, &job);
			EXPECT_EQ(job.status, CRYPTO_BAD_ICV);
			esp[bit / 8] ^= (uint8_t)(1 << bit % 8);
		}
	}
	crypto_free(c);
}

TEST(cpu, c067a_sha1_key_is_ik_and_zeros)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	struct sa sa;
	uint8_t esp[PACKET_BYTES], key[20];
	size_t n = load_packet(c, 0, &sa, esp);
	test_hex(ik_hex, key, 16);
	memcpy(key + 16, "\0\0\0\1", 4);
	EXPECT_EQ(crypto_prepare(c, CRYPTO_HMAC_SHA1_NULL, key, no_cipher_key, NULL, &sa.key), 0);
	struct crypto_job job = null_job(&sa, CRYPTO_HMAC_SHA1_NULL, CRYPTO_VERIFY, esp, n);
	run(c, &job);
	EXPECT_EQ(job.status, CRYPTO_BAD_ICV);
	crypto_free(c);
}

/* ---- RFC 2202, where the key is not longer than ESP's; shorter ones end in zeros ---- */

static const struct {
	enum crypto_suite suite;
	const char *key, *text, *mac; /* hex */
} rfc2202[] = {
	{ CRYPTO_HMAC_MD5_NULL, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "9294727a3638bb1c13f48ef8" },
	{ CRYPTO_HMAC_MD5_NULL, "4a656665",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f", "750c783e6ab0b503eaa86e31" },
	{ CRYPTO_HMAC_MD5_NULL, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd"
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd",
	  "56be34521d144c88dbb8c733" },
	{ CRYPTO_HMAC_MD5_NULL, "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
	  "546573742057697468205472756e636174696f6e", "56461ef2342edc00f9bab995" },
	{ CRYPTO_HMAC_SHA1_NULL, "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "b617318655057264e28bc0b6" },
	{ CRYPTO_HMAC_SHA1_NULL, "4a656665",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f", "effcdf6ae5eb2fa2d27416d5" },
	{ CRYPTO_HMAC_SHA1_NULL, "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd"
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd",
	  "125d7342b9ac11cd91a39af4" },
	{ CRYPTO_HMAC_SHA1_NULL, "0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c0c",
	  "546573742057697468205472756e636174696f6e", "4c1a03424b55e07fe7f27be1" },
};

TEST(cpu, c066_macs_of_rfc_2202)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (size_t i = 0; i < sizeof(rfc2202) / sizeof(rfc2202[0]); i++) {
		struct sa sa;
		uint8_t key[20] = { 0 }, text[PACKET_BYTES], mac[ICV_BYTES];
		test_context("vector %zu", i);
		test_hex(rfc2202[i].key, key, sizeof(key));
		size_t n = test_hex(rfc2202[i].text, text, sizeof(text));
		EXPECT_EQ(test_hex(rfc2202[i].mac, mac, sizeof(mac)), ICV_BYTES);
		EXPECT_EQ(crypto_prepare(c, rfc2202[i].suite, key, no_cipher_key, NULL, &sa.key),
			  0);
		struct crypto_job job = null_job(&sa, rfc2202[i].suite, CRYPTO_SIGN, text, n);
		run(c, &job);
		EXPECT_EQ(job.status, CRYPTO_DONE);
		EXPECT_MEM(text + n, mac, ICV_BYTES);
	}
	crypto_free(c);
}

/* ---- queues ---- */

TEST(cpu, every_job_comes_back_once_however_many_are_submitted)
{
	static struct crypto_job jobs[1000];
	static uint8_t esp[1000][64];
	static unsigned n_seen[1000];
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	struct sa sa;
	uint8_t wire[PACKET_BYTES];
	load_packet(c, 0, &sa, wire);
	struct crypto_job *in[1000], *out[7];
	unsigned n_in = 0, n_out = 0;
	for (unsigned i = 0; i < 1000; i++) {
		jobs[i] = null_job(&sa, i % 3 ? CRYPTO_HMAC_SHA1_NULL : CRYPTO_HMAC_MD5_NULL,
				   CRYPTO_SIGN, esp[i], 36);
		in[i] = &jobs[i];
	}
	while (n_out < 1000) {
		unsigned taken = crypto_submit(c, in + n_in, 1000 - n_in);
		n_in += taken;
		unsigned n = crypto_collect(c, out, 7);
		ASSERT_GT(n, 0);
		n_out += n;
		for (unsigned i = 0; i < n; i++) {
			EXPECT_EQ(out[i]->status, CRYPTO_DONE);
			EXPECT_EQ(n_seen[out[i] - jobs]++, 0);
		}
	}
	EXPECT_EQ(n_in, 1000);
	EXPECT_EQ(crypto_collect(c, out, 7), 0);
	crypto_free(c);
}

TEST(cpu, unknown_suite_is_refused)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	struct sa sa;
	EXPECT_EQ(crypto_prepare(c, CRYPTO_N_SUITES, no_cipher_key, no_cipher_key, NULL, &sa.key),
		  -EINVAL);
	crypto_free(c);
}
