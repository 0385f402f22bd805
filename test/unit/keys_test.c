#include "crypto/keys.h"

#include <errno.h>
#include <string.h>

#include "crypto/wipe.h"
#include "test/shim/test.h"

static const char ik_hex[] = "f769bcd751044604127672711c6d3441";
static const char ck_hex[] = "b40ba9a3c58b2a05bbf0d987b21bf8cb";

/* TS 33.203 Annex I with the keys of Milenage test set 1. "" = no such key. */
static const struct {
	enum alg_integrity integrity;
	enum alg_cipher cipher;
	const char *auth_key, *cipher_key, *salt;
} rows[] = {
	{ ALG_HMAC_MD5_96, ALG_CIPHER_NULL, ik_hex, "", "00000000" },
	{ ALG_HMAC_SHA1_96, ALG_CIPHER_NULL, "f769bcd751044604127672711c6d344100000000", "",
	  "00000000" },
	{ ALG_HMAC_SHA1_96, ALG_AES_CBC, "f769bcd751044604127672711c6d344100000000", ck_hex,
	  "00000000" },
	/* CK ‖ CK[0 … 7], the lowest bit of each byte making its ones odd in number */
	{ ALG_HMAC_MD5_96, ALG_DES_EDE3_CBC, ik_hex,
	  "b50ba8a2c48a2a04 baf1d986b31af8cb b50ba8a2c48a2a04", "00000000" },
	{ ALG_AES_GMAC, ALG_CIPHER_NULL, ik_hex, "", "dbc2b1c2" },
	{ ALG_INTEGRITY_NULL, ALG_AES_GCM, "", ck_hex, "89273db6" },
};

TEST(keys, c067a_expansion_of_every_algorithm)
{
	uint8_t ik[KEYS_AKA_BYTES], ck[KEYS_AKA_BYTES];
	test_hex(ik_hex, ik, sizeof(ik));
	test_hex(ck_hex, ck, sizeof(ck));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		uint8_t auth_key[KEYS_ESP_BYTES] = { 0 }, cipher_key[KEYS_ESP_BYTES] = { 0 };
		uint8_t salt[KEYS_SALT_BYTES];
		struct esp_keys keys;
		test_context("%s with %s", alg_integrity[rows[i].integrity].sip_name,
			     alg_cipher[rows[i].cipher].sip_name);
		EXPECT_EQ(keys_expand(rows[i].integrity, rows[i].cipher, ik, ck, &keys), 0);
		EXPECT_EQ(keys.auth_key_bytes,
			  test_hex(rows[i].auth_key, auth_key, sizeof(auth_key)));
		EXPECT_MEM(keys.auth_key, auth_key, sizeof(auth_key));
		EXPECT_EQ(keys.cipher_key_bytes,
			  test_hex(rows[i].cipher_key, cipher_key, sizeof(cipher_key)));
		EXPECT_MEM(keys.cipher_key, cipher_key, sizeof(cipher_key));
		EXPECT_EQ(test_hex(rows[i].salt, salt, sizeof(salt)), sizeof(salt));
		EXPECT_MEM(keys.salt, salt, sizeof(salt));
	}
}

TEST(keys, des_keys_have_odd_parity)
{
	struct test_rng rng = { test_seed() };
	uint8_t ik[KEYS_AKA_BYTES], ck[KEYS_AKA_BYTES];
	struct esp_keys keys;
	test_rng_fill(&rng, ik, sizeof(ik));
	test_rng_fill(&rng, ck, sizeof(ck));
	EXPECT_EQ(keys_expand(ALG_HMAC_SHA1_96, ALG_DES_EDE3_CBC, ik, ck, &keys), 0);
	EXPECT_EQ(keys.cipher_key_bytes, 24);
	for (int i = 0; i < 24; i++) {
		EXPECT_EQ(__builtin_popcount(keys.cipher_key[i]) % 2, 1);
		EXPECT_EQ(keys.cipher_key[i] >> 1, ck[i % 16] >> 1);
	}
}

TEST(keys, c063_no_pair_without_integrity_nor_with_two)
{
	uint8_t ik[KEYS_AKA_BYTES] = { 1 }, ck[KEYS_AKA_BYTES] = { 2 };
	for (int integrity = 0; integrity < ALG_N_INTEGRITY; integrity++) {
		for (int cipher = 0; cipher < ALG_N_CIPHER; cipher++) {
			static const struct esp_keys zero;
			struct esp_keys keys;
			bool none = integrity == ALG_INTEGRITY_NULL;
			bool gmac = integrity == ALG_AES_GMAC;
			bool allowed = none == (cipher == ALG_AES_GCM) &&
				       (!gmac || cipher == ALG_CIPHER_NULL);
			test_context("%s with %s", alg_integrity[integrity].sip_name,
				     alg_cipher[cipher].sip_name);
			EXPECT_EQ(keys_expand(integrity, cipher, ik, ck, &keys),
				  allowed ? 0 : -EINVAL);
			if (!allowed)
				EXPECT_MEM(&keys, &zero, sizeof(keys));
		}
	}
}

/* ---- alg ---- */

TEST(alg, names_are_found_without_case_and_whole)
{
	for (int i = 0; i < ALG_N_INTEGRITY; i++) {
		const char *name = alg_integrity[i].sip_name;
		EXPECT_EQ(alg_find_integrity(name, strlen(name)), i);
		EXPECT_EQ(alg_find_integrity(name, strlen(name) - 1), -ENOENT);
	}
	for (int i = 0; i < ALG_N_CIPHER; i++) {
		const char *name = alg_cipher[i].sip_name;
		EXPECT_EQ(alg_find_cipher(name, strlen(name)), i);
		EXPECT_EQ(alg_find_cipher(name, strlen(name) - 1), -ENOENT);
	}
	EXPECT_EQ(alg_find_integrity("HMAC-SHA-1-96", 13), ALG_HMAC_SHA1_96);
	EXPECT_EQ(alg_find_cipher("Aes-Cbc;x", 7), ALG_AES_CBC);
	EXPECT_EQ(alg_find_integrity("hmac-sha-1-96x", 14), -ENOENT);
	EXPECT_EQ(alg_find_integrity("", 0), -ENOENT);
	EXPECT_EQ(alg_find_cipher("hmac-sha-1-96", 13), -ENOENT);
}

/* ---- wipe ---- */

TEST(wipe, leaves_zeros)
{
	uint8_t secret[33], zero[33] = { 0 };
	memset(secret, 0xa5, sizeof(secret));
	wipe(secret, sizeof(secret));
	EXPECT_MEM(secret, zero, sizeof(secret));
}

TEST(wipe, secret_equal_sees_every_bit)
{
	struct test_rng rng = { test_seed() };
	uint8_t a[16], b[16];
	test_rng_fill(&rng, a, sizeof(a));
	memcpy(b, a, sizeof(b));
	EXPECT_TRUE(secret_equal(a, b, sizeof(a)));
	EXPECT_TRUE(secret_equal(a, b, 0));
	for (unsigned bit = 0; bit < 8 * sizeof(a); bit++) {
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
		EXPECT_FALSE(secret_equal(a, b, sizeof(a)));
		b[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
}
