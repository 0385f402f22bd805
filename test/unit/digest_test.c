#include "crypto/digest.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "test/shim/test.h"

static const char res_hex[] = "a54211d5e3ba50bf";
static const char ck_hex[] = "b40ba9a3c58b2a05bbf0d987b21bf8cb";
static const char ik_hex[] = "f769bcd751044604127672711c6d3441";
static const char rand_hex[] = "23553cbe9637a89d218ae64dae47bf35";
static const char autn_hex[] = "55f328b43577b9b94a9ffac354dfafb3";
static const char auts_hex[] = "ba853f3c123ccf44e93596e355c6";
static const char nonce[] = "I1U8vpY3qJ0hiuZNrke/NVXzKLQ1d7m5Sp/6w1Tfr7M=";
static const char auts_text[] = "uoU/PBI8z0TpNZbjVcY=";

static const struct digest_input message = {
	.username = "001010000000001@ims.mnc001.mcc001.3gppnetwork.org",
	.realm = "ims.mnc001.mcc001.3gppnetwork.org",
	.nonce = nonce,
	.method = "REGISTER",
	.uri = "sip:ims.mnc001.mcc001.3gppnetwork.org",
	.qop = DIGEST_QOP_AUTH,
	.nc = "00000001",
	.cnonce = "0a4f113b",
};

/* The password of Milenage test set 1. */
static int password(enum digest_algorithm algorithm, uint8_t out[DIGEST_PASSWORD_BYTES])
{
	uint8_t res[8], ik[16], ck[16];
	test_hex(res_hex, res, sizeof(res));
	test_hex(ik_hex, ik, sizeof(ik));
	test_hex(ck_hex, ck, sizeof(ck));
	return digest_password(algorithm, res, sizeof(res), ik, ck, out);
}

/* ---- responses ---- */

TEST(digest, c014a_response_with_res_as_password)
{
	uint8_t secret[DIGEST_PASSWORD_BYTES];
	char response[DIGEST_RESPONSE_SIZE];
	ASSERT_EQ(password(DIGEST_AKAV1_MD5, secret), 8);
	EXPECT_EQ(digest_response(&message, secret, 8, response), 0);
	EXPECT_STREQ(response, "402ab8df9f3a4d63a9f47c2f90e02938");
}

TEST(digest, c016_akav2_password_and_response)
{
	uint8_t secret[DIGEST_PASSWORD_BYTES];
	char response[DIGEST_RESPONSE_SIZE];
	ASSERT_EQ(password(DIGEST_AKAV2_MD5, secret), DIGEST_PASSWORD_BYTES);
	EXPECT_MEM(secret, "shzt3q8CWaZnCAWqs3WmEQ==", DIGEST_PASSWORD_BYTES);
	EXPECT_EQ(digest_response(&message, secret, sizeof(secret), response), 0);
	EXPECT_STREQ(response, "6774a29ced9929f3dd734d9a97e04ebe");
}

/* Computed with Python's hmac. */
TEST(digest, c016_akav2_session_keys_are_derived)
{
	uint8_t ik[16], ck[16], expected[16];
	test_hex(ik_hex, ik, sizeof(ik));
	test_hex(ck_hex, ck, sizeof(ck));
	ASSERT_EQ(digest_derive_keys(ik, ck, ik, ck), 0);
	test_hex("81905d9d7ab8cce8b7884d599d5e6a18", expected, sizeof(expected));
	EXPECT_MEM(ik, expected, sizeof(ik));
	test_hex("235bedbfc6b418b8f04a63a41d31ac62", expected, sizeof(expected));
	EXPECT_MEM(ck, expected, sizeof(ck));
}

TEST(digest, c017_formula_without_qop)
{
	uint8_t secret[DIGEST_PASSWORD_BYTES];
	char response[DIGEST_RESPONSE_SIZE];
	struct digest_input in = message;
	in.qop = DIGEST_QOP_NONE;
	ASSERT_EQ(password(DIGEST_AKAV1_MD5, secret), 8);
	EXPECT_EQ(digest_response(&in, secret, 8, response), 0);
	EXPECT_STREQ(response, "1125a3c2e293453f07e08957ff235efc");
}

/* Computed with Python's hashlib. */
TEST(digest, c017_formula_of_auth_int_covers_the_body)
{
	static const char body[] = "v=0\r\n";
	uint8_t secret[DIGEST_PASSWORD_BYTES];
	char response[DIGEST_RESPONSE_SIZE];
	struct digest_input in = message;
	in.qop = DIGEST_QOP_AUTH_INT;
	ASSERT_EQ(password(DIGEST_AKAV1_MD5, secret), 8);
	EXPECT_EQ(digest_response(&in, secret, 8, response), 0);
	EXPECT_STREQ(response, "5682a0ac7d51b056ce2245ed00d885c0");
	in.body = body;
	in.body_bytes = sizeof(body) - 1;
	EXPECT_EQ(digest_response(&in, secret, 8, response), 0);
	EXPECT_STREQ(response, "de76020441cc301ff24633f46ab2efa5");
}

/* The published example of RFC 2617 3.5. */
TEST(digest, c017_example_of_rfc_2617)
{
	struct digest_input in = {
		.username = "Mufasa",
		.realm = "testrealm@host.com",
		.nonce = "dcd98b7102dd2f0e8b11d0f600bfb0c093",
		.method = "GET",
		.uri = "/dir/index.html",
		.qop = DIGEST_QOP_AUTH,
		.nc = "00000001",
		.cnonce = "0a4f113b",
	};
	char response[DIGEST_RESPONSE_SIZE];
	EXPECT_EQ(digest_response(&in, (const uint8_t *)"Circle Of Life", 14, response), 0);
	EXPECT_STREQ(response, "6629fae49393a05397450978507c4ef1");
}

TEST(digest, c031a_response_with_auts_has_an_empty_password)
{
	char response[DIGEST_RESPONSE_SIZE];
	EXPECT_EQ(digest_response(&message, NULL, 0, response), 0);
	EXPECT_STREQ(response, "da492ad7b08bb89514f214f8c2fdb82b");
}

/* Computed with Python's hashlib: RES is 00 11 00 22 33 44 55 00. */
TEST(digest, c014a_zero_bytes_of_res_are_part_of_the_password)
{
	static const uint8_t res[8] = { 0x00, 0x11, 0x00, 0x22, 0x33, 0x44, 0x55, 0x00 };
	uint8_t secret[DIGEST_PASSWORD_BYTES], ik[16] = { 0 }, ck[16] = { 0 };
	char response[DIGEST_RESPONSE_SIZE];
	ASSERT_EQ(digest_password(DIGEST_AKAV1_MD5, res, sizeof(res), ik, ck, secret), 8);
	EXPECT_MEM(secret, res, sizeof(res));
	EXPECT_EQ(digest_response(&message, secret, 8, response), 0);
	EXPECT_STREQ(response, "982089511168d109dcc3c775de435674");
}

TEST(digest, c005b_res_of_illegal_length_gives_no_password)
{
	static const uint8_t res[20] = { 1 };
	uint8_t secret[DIGEST_PASSWORD_BYTES], ik[16] = { 0 }, ck[16] = { 0 };
	for (size_t n = 0; n <= sizeof(res); n++) {
		int legal = n >= 4 && n <= 16;
		test_context("RES of %zu bytes", n);
		EXPECT_EQ(digest_password(DIGEST_AKAV1_MD5, res, n, ik, ck, secret),
			  legal ? (int)n : -EINVAL);
		EXPECT_EQ(digest_password(DIGEST_AKAV2_MD5, res, n, ik, ck, secret),
			  legal ? DIGEST_PASSWORD_BYTES : -EINVAL);
	}
}

TEST(digest, algorithm_names_are_found_without_case)
{
	EXPECT_EQ(digest_find_algorithm("AKAv1-MD5"), DIGEST_AKAV1_MD5);
	EXPECT_EQ(digest_find_algorithm("akav2-md5"), DIGEST_AKAV2_MD5);
	EXPECT_EQ(digest_find_algorithm("MD5"), -ENOENT);
	EXPECT_EQ(digest_find_algorithm(""), -ENOENT);
}

/* ---- nonce and auts ---- */

TEST(digest, c010_nonce_of_test_set_1)
{
	uint8_t rand[16], autn[16], rand_back[16], autn_back[16];
	char text[DIGEST_NONCE_SIZE];
	test_hex(rand_hex, rand, sizeof(rand));
	test_hex(autn_hex, autn, sizeof(autn));
	EXPECT_EQ(digest_encode_nonce(rand, autn, NULL, 0, text), 44);
	EXPECT_STREQ(text, nonce);
	EXPECT_EQ(digest_decode_nonce(text, rand_back, autn_back), 0);
	EXPECT_MEM(rand_back, rand, 16);
	EXPECT_MEM(autn_back, autn, 16);
}

TEST(digest, c010_server_data_of_any_length_is_carried_and_passed_over)
{
	struct test_rng rng = { test_seed() };
	for (size_t n = 0; n <= DIGEST_SERVER_DATA_BYTES; n++) {
		uint8_t bytes[32 + DIGEST_SERVER_DATA_BYTES], rand[16], autn[16];
		char text[DIGEST_NONCE_SIZE];
		test_context("%zu bytes of server data", n);
		test_rng_fill(&rng, bytes, sizeof(bytes));
		int length = digest_encode_nonce(bytes, bytes + 16, bytes + 32, n, text);
		EXPECT_EQ(length, strlen(text));
		EXPECT_EQ(length, (32 + n + 2) / 3 * 4);
		EXPECT_EQ(digest_decode_nonce(text, rand, autn), 0);
		EXPECT_MEM(rand, bytes, 16);
		EXPECT_MEM(autn, bytes + 16, 16);
	}
	uint8_t bytes[16] = { 0 };
	char text[DIGEST_NONCE_SIZE];
	EXPECT_EQ(digest_encode_nonce(bytes, bytes, bytes, DIGEST_SERVER_DATA_BYTES + 1, text),
		  -EMSGSIZE);
}

TEST(digest, c031a_auts_of_test_set_1)
{
	uint8_t auts[AKA_AUTS_BYTES], back[AKA_AUTS_BYTES];
	char text[DIGEST_AUTS_SIZE];
	test_hex(auts_hex, auts, sizeof(auts));
	digest_encode_auts(auts, text);
	EXPECT_STREQ(text, auts_text);
	EXPECT_EQ(digest_decode_auts(text, back), 0);
	EXPECT_MEM(back, auts, sizeof(auts));
}

TEST(digest, cut_nonce_and_auts_are_refused)
{
	uint8_t rand[16], autn[16], auts[AKA_AUTS_BYTES];
	char text[64];
	for (size_t n = 0; n < strlen(nonce); n++) {
		snprintf(text, sizeof(text), "%.*s", (int)n, nonce);
		EXPECT_EQ(digest_decode_nonce(text, rand, autn), -EINVAL);
	}
	for (size_t n = 0; n < strlen(auts_text); n++) {
		snprintf(text, sizeof(text), "%.*s", (int)n, auts_text);
		EXPECT_EQ(digest_decode_auts(text, auts), -EINVAL);
	}
}

TEST(digest, text_that_is_not_canonical_base64_is_refused)
{
	static const char *const bad[] = {
		" uoU/PBI8z0TpNZbjVcY=",
		"uoU/PBI8z0TpNZbjVcY= ",
		"uoU/PBI8z0TpNZbjVcY",
		"uoU/PBI8z0TpNZbjVcZ=",
		"uoU/PBI8z0TpNZbjVcY!",
		"uoU/PBI8z0TpNZbjVc==",
		"uoU/=BI8z0TpNZbjVcY=",
		"uoU/PBI8z0TpNZbj\nVcY=",
		"====================",
		"uoU/PBI8z0TpNZbjVcYA",
		"uoU_PBI8z0TpNZbjVcY=",
		"uoU/PBI8z0TpNZbjVcY=====",
		"uoU/PBI8\xff"
		"0TpNZbjVcY=",
		"uoU/PBI8z0TpNZbjVcY=uoU/",
	};
	uint8_t auts[AKA_AUTS_BYTES], before[AKA_AUTS_BYTES];
	memset(before, 0xa5, sizeof(before));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		test_context("\"%s\"", bad[i]);
		memcpy(auts, before, sizeof(auts));
		EXPECT_EQ(digest_decode_auts(bad[i], auts), -EINVAL);
		EXPECT_MEM(auts, before, sizeof(auts));
	}
}
