/*
 * As many HMACs at once as there are lanes, against OpenSSL: each lane's key, length and message
 * are its own. Whatever this processor has is tested, not only what it would choose.
 */
#include "crypto/hmac_lanes.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto/cpu.h"
#include "test/shim/test.h"

enum {
	LANES = HMAC_LANES,
	MESSAGE_BYTES = 2048,
	N_ROUNDS = 300,
};

static const struct hmac_lanes *const widths[] = { &hmac_x8, &hmac_ni, &hmac_x16 };
#define N_WIDTHS (int)(sizeof(widths) / sizeof(widths[0]))
static const enum crypto_suite suites[] = { CRYPTO_HMAC_SHA1_NULL, CRYPTO_HMAC_MD5_NULL };

static struct {
	uint8_t raw[20];
	union crypto_auth_key key;
	uint8_t message[MESSAGE_BYTES];
} of_lane[LANES];
static struct hmac_lane lane[LANES];

static void fill(struct crypto *c, struct test_rng *rng, enum crypto_suite suite)
{
	for (int i = 0; i < LANES; i++) {
		struct crypto_key key;
		test_rng_fill(rng, of_lane[i].raw, sizeof(of_lane[i].raw));
		test_rng_fill(rng, of_lane[i].message, sizeof(of_lane[i].message));
		EXPECT_EQ(crypto_prepare(c, suite, of_lane[i].raw, NULL, NULL, &key), 0);
		of_lane[i].key = key.auth;
		lane[i] =
			(struct hmac_lane){ .key = &of_lane[i].key, .message = of_lane[i].message };
	}
}

static void run_and_compare(const struct hmac_lanes *width, enum crypto_suite suite, int n)
{
	bool sha1 = suite == CRYPTO_HMAC_SHA1_NULL;
	uint8_t digest[LANES][HMAC_LANES_BYTES], expected[EVP_MAX_MD_SIZE];
	(sha1 ? width->sha1 : width->md5)(lane, (unsigned)n, digest);
	for (int i = 0; i < n; i++) {
		test_context("%s, %s, lane %d of %d, %u bytes", width->name, sha1 ? "SHA-1" : "MD5",
			     i, n, lane[i].n_bytes);
		EXPECT_TRUE(HMAC(sha1 ? EVP_sha1() : EVP_md5(), of_lane[i].raw, sha1 ? 20 : 16,
				 lane[i].message, lane[i].n_bytes, expected, NULL));
		EXPECT_MEM(digest[i], expected, HMAC_LANES_BYTES);
	}
}

static void every_length(struct crypto *c, struct test_rng *rng, const struct hmac_lanes *width,
			 enum crypto_suite suite)
{
	fill(c, rng, suite);
	for (uint32_t n = 0; n + LANES <= MESSAGE_BYTES && !test_has_failed(); n += LANES) {
		for (uint32_t i = 0; i < LANES; i++) {
			/* At the array's end, so that a byte read behind it is seen. */
			lane[i].n_bytes = n + i;
			lane[i].message = of_lane[i].message + MESSAGE_BYTES - lane[i].n_bytes;
		}
		run_and_compare(width, suite, LANES);
	}
}

static void any_lengths(struct crypto *c, struct test_rng *rng, const struct hmac_lanes *width)
{
	for (int round = 0; round < N_ROUNDS && !test_has_failed(); round++) {
		fill(c, rng, suites[round % 2]);
		for (int i = 0; i < LANES; i++)
			lane[i].n_bytes = (uint32_t)test_rng_below(rng, MESSAGE_BYTES + 1);
		run_and_compare(width, suites[round % 2], 1 + (int)test_rng_below(rng, LANES));
	}
}

TEST(hmac_lanes, c066_every_length_agrees_with_openssl)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int w = 0; w < N_WIDTHS; w++)
		for (int s = 0; s < 2 && widths[w]->is_available(); s++)
			every_length(c, &rng, widths[w], suites[s]);
	crypto_free(c);
}

TEST(hmac_lanes, c066_lanes_of_any_lengths_do_not_disturb_each_other)
{
	struct test_rng rng = { test_seed() };
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (int w = 0; w < N_WIDTHS; w++)
		if (widths[w]->is_available())
			any_lengths(c, &rng, widths[w]);
	crypto_free(c);
}
