/* Sixteen HMACs at once against OpenSSL: each lane's key, length and message are its own. */
#include "crypto/hmac_x16.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto/cpu.h"
#include "test/shim/test.h"

enum {
	LANES = HMAC_X16_LANES,
	MESSAGE_BYTES = 2048,
	N_ROUNDS = 300,
};

static struct {
	uint8_t raw[20];
	union crypto_auth_key key;
	uint8_t message[MESSAGE_BYTES];
} of_lane[LANES];
static struct hmac_x16_lane lane[LANES];

static void fill(struct crypto *c, struct test_rng *rng, enum crypto_suite suite)
{
	for (int i = 0; i < LANES; i++) {
		struct crypto_key key;
		test_rng_fill(rng, of_lane[i].raw, sizeof(of_lane[i].raw));
		test_rng_fill(rng, of_lane[i].message, sizeof(of_lane[i].message));
		EXPECT_EQ(crypto_prepare(c, suite, of_lane[i].raw, NULL, NULL, &key), 0);
		of_lane[i].key = key.auth;
		lane[i] = (struct hmac_x16_lane){ .key = &of_lane[i].key,
						  .message = of_lane[i].message };
	}
}

static void run_and_compare(enum crypto_suite suite)
{
	bool sha1 = suite == CRYPTO_HMAC_SHA1_NULL;
	uint8_t digest[LANES][HMAC_X16_BYTES], expected[EVP_MAX_MD_SIZE];
	if (sha1)
		hmac_x16_sha1(lane, digest);
	else
		hmac_x16_md5(lane, digest);
	for (int i = 0; i < LANES; i++) {
		test_context("%s, lane %d of %u bytes", sha1 ? "SHA-1" : "MD5", i, lane[i].n_bytes);
		EXPECT_TRUE(HMAC(sha1 ? EVP_sha1() : EVP_md5(), of_lane[i].raw, sha1 ? 20 : 16,
				 lane[i].message, lane[i].n_bytes, expected, NULL));
		EXPECT_MEM(digest[i], expected, HMAC_X16_BYTES);
	}
}

static const enum crypto_suite suites[] = { CRYPTO_HMAC_SHA1_NULL, CRYPTO_HMAC_MD5_NULL };

TEST(hmac_x16, c066_every_length_agrees_with_openssl)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int s = 0; s < 2 && c->has_x16; s++) {
		fill(c, &rng, suites[s]);
		for (uint32_t n = 0; n <= MESSAGE_BYTES - LANES && !test_has_failed(); n += LANES) {
			for (uint32_t i = 0; i < LANES; i++)
				lane[i].n_bytes = n + i;
			run_and_compare(suites[s]);
		}
	}
	crypto_free(c);
}

TEST(hmac_x16, c066_lanes_of_any_lengths_do_not_disturb_each_other)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int round = 0; round < N_ROUNDS && c->has_x16 && !test_has_failed(); round++) {
		fill(c, &rng, suites[round % 2]);
		for (int i = 0; i < LANES; i++)
			lane[i].n_bytes = (uint32_t)test_rng_below(&rng, MESSAGE_BYTES + 1);
		run_and_compare(suites[round % 2]);
	}
	crypto_free(c);
}
