/*
 * The cpu backend against published vectors of GCM, GMAC, HMAC-SHA-256-128 and AES-CBC. They come
 * with IVs of their own, so they are verified, not signed; cpu_mix_test.c proves the other way.
 */
#include "crypto/job.h"

#include <string.h>

#include "test/shim/test.h"
#include "test/unit/esp_reference.h"

enum {
	PACKET_BYTES = 512,
	HEADER_BYTES = 8,
	SALT_BYTES = 4,
	IV_BYTES = 8,
};

static uint32_t read_be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* ---- GCM: draft-mcgrew-gcm-test-01; GMAC: the same key and packet under RFC 4543 ---- */

static const struct aead_vector {
	const char *key, *nonce, *aad, *plain, *sealed; /* hex */
} gcm[] = {
	{ "4c80cdefbb5d10da906ac73c3613a634", "2e443b684956ed7e3b244cfe",
	  "000043218765432100000000",
	  "45000048699a000080114db7c0a80102c0a801010a9bf15638d301000001000000000000045f736970045f75"
	  "6470037369700963796265726369747902646b000021000101020201",
	  "fecf537e729d5b07dc30df528dd22b768d1b98736696a6fd348509fa13ceac34cfa2436f14a3f3cf65925bf1"
	  "f4a13c5d15b21e1884f5ff6247aeabb786b93bce61bc17d768fd9732"
	  "459018148f6cbe722fd04796562dfdb4" },
	{ "feffe9928665731c6d6a8f9467308308", "cafebabefacedbaddecaf888", "0000a5f80000000a",
	  "4500003e698f000080114dccc0a80102c0a801010a980035002a2343b2d00100000100000000000003736970"
	  "0963796265726369747902646b00000100010001",
	  "deb22cd9b07c72c16e3a65beeb8df304a5a5897d33ae530f1ba76d5d114d2a5c3de81827c10e9a4f51330d0e"
	  "ec416642cfbb85a5b47e48a4ec3b9ba95d918bd1"
	  "83b70d3aa8bc6ee4c309e9d85a41ad4a" },
	{ "abbccddef00112233445566778899aababbccddef00112233445566778899aab",
	  "112233440102030405060708", "4a2cbfe300000002",
	  "4500003069a6400080062690c0a801029389155e0a9e008b2dc57ee0000000007002400020bf0000020405b4"
	  "0101040201020201",
	  "ff425c9b724599df7a3bcd510194e00d6a78107f1b0b1cbf06efae9d65a5d763748a637985771d347f054565"
	  "9f14e99def842d8e"
	  "b335f4eecfdbf831824b4c4915956c96" },
	{ "00000000000000000000000000000000", "000000000000000000000000", "0000000000000001",
	  "4500003c99c500008001cb7a40679318010101010800075c020044006162636465666768696a6b6c6d6e6f70"
	  "7172737475767761626364656667686901020201",
	  "4688daf2f973a392732909c331d56d60f694abaa414b5e7ff5fdcdfff5e9a284456476492719ffb64de7d9dc"
	  "a1e1d894bc3bd57873ed4d181d19d4d5c8c18af3"
	  "f821d496eeb096e98ad2b69e4799c71d" },
	{ "3de09874b388e6491988d0c3607eae1f", "57690e434e280000a2fca1a3",
	  "42f67e3f1010101010101010", "4500001c42a200008001441f406793b6e00000020a00f5ff01020201",
	  "fba2ca845e5df9f0f22c3e6e86dd831e1fc65792cd1af9130e1379ed"
	  "369f071f35e034be95f112e4e7d05d35" },
	{ "abbccddef00112233445566778899aababbccddef00112233445566778899aab",
	  "73616c74616e640169766563", "17405e67156f3126dd0db99b",
	  "45080028732c00004006e9f90a0106120a01038f06b88023dd6bafbecb71260250101f646d540001",
	  "f2d69ecdbd5a0d5b8d5ef38bad4da58d1f278fde98ef67549d524a3018d9a57ff4d3a31ce673119e"
	  "451626c2415771e3b7eebca614c89b35" },
	{ "7d773d00c144c525ac619d18c84a3f47", "d966426743457e9182443bc6", "335467aeffffffff",
	  "01020201", "437f866bcb3f699fe9b0822bac961c4504bef270" },
	{ "abbccddef00112233445566778899aab", "decaf888cafedebaceface74",
	  "000001000000000000000001", "746f016265016f72016e6f7401746f0162650001",
	  "29c9fc69a197d038ccdd14e2ddfcaa0543332164412503524303ed3c6c5f283843af8c3e" },
	{ "6c6567616c697a656d6172696a75616e61616e64646f69746265666f72656961",
	  "7475726e333021696765746d", "796b6963ffffffffffffffff",
	  "45000030da3a00008001df3bc0a80005c0a800010800c6cd020007006162636465666768696a6b6c6d6e6f70"
	  "7172737401020201",
	  "f97ab2aa356d8edce17644ac8c78e25dd24dedbb29ebf1b64a274b39b49c3a864cd3d78ca4ae68a32b42458f"
	  "b57dbe821dcc63b9"
	  "d0937ba2945f669368661a329fb4c053" },
};

static const struct aead_vector gmac[] = {
	{ "4c80cdefbb5d10da906ac73c3613a634", "22433c640000000000000000", "0000432100000007",
	  "45000030da3a00008001df3bc0a80005c0a800010800c6cd020007006162636465666768696a6b6c6d6e6f70"
	  "7172737401020201",
	  "45000030da3a00008001df3bc0a80005c0a800010800c6cd020007006162636465666768696a6b6c6d6e6f70"
	  "7172737401020201"
	  "f2a9a836e155106aa8dcd618e4099aaa" },
};

static void verify_aead(struct crypto *c, const struct aead_vector *v, bool is_gmac)
{
	uint8_t key[32], nonce[SALT_BYTES + IV_BYTES], aad[12], plain[PACKET_BYTES],
		wire[PACKET_BYTES];
	bool long_key = test_hex(v->key, key, sizeof(key)) == 32;
	bool esn = test_hex(v->aad, aad, sizeof(aad)) == sizeof(aad);
	struct crypto_key prepared;
	enum crypto_suite suite = is_gmac ? (long_key ? CRYPTO_AES256_GMAC : CRYPTO_AES_GMAC)
					  : (long_key ? CRYPTO_AES256_GCM : CRYPTO_AES_GCM);
	EXPECT_EQ(test_hex(v->nonce, nonce, sizeof(nonce)), sizeof(nonce));
	size_t n_bytes = test_hex(v->plain, plain, sizeof(plain));
	memcpy(wire, aad, 4);
	memcpy(wire + 4, aad + (esn ? 8 : 4), 4);
	memcpy(wire + HEADER_BYTES, nonce + SALT_BYTES, IV_BYTES);
	size_t start = HEADER_BYTES + IV_BYTES;
	test_hex(v->sealed, wire + start, sizeof(wire) - start);
	EXPECT_EQ(crypto_prepare(c, suite, key, key, nonce, &prepared), 0);
	struct crypto_job job = { .key = &prepared,
				  .esp = wire,
				  .auth_bytes = (uint16_t)(start + n_bytes),
				  .cipher_start = (uint16_t)start,
				  .cipher_bytes = (uint16_t)n_bytes,
				  .suite = (uint8_t)suite,
				  .direction = CRYPTO_VERIFY,
				  .esn = esn,
				  .sequence_high = read_be32(aad + 4) },
			  *one = &job;
	crypto_run(c, &one, 1);
	EXPECT_EQ(job.status, CRYPTO_DONE);
	EXPECT_MEM(wire + start, plain, n_bytes);
}

TEST(cpu_vector, c082_packets_of_the_gcm_test_draft)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (size_t i = 0; i < sizeof(gcm) / sizeof(gcm[0]); i++) {
		test_context("vector %zu", i);
		verify_aead(c, &gcm[i], false);
	}
	crypto_free(c);
}

TEST(cpu_vector, c082_a_packet_under_gmac)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (size_t i = 0; i < sizeof(gmac) / sizeof(gmac[0]); i++)
		verify_aead(c, &gmac[i], true);
	crypto_free(c);
}

/* ---- RFC 4868 2.7.2.1: MACs under keys as long as the output ---- */

static const struct {
	const char *key, *text, *mac; /* hex */
} sha256[] = {
	{ "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b", "4869205468657265",
	  "198a607eb44bfbc69903a0f1cf2bbdc5" },
	{ "4a6566654a6566654a6566654a6566654a6566654a6566654a6566654a656665",
	  "7768617420646f2079612077616e7420666f72206e6f7468696e673f",
	  "167f928588c5cc2eef8e3093caa0e87c" },
	{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd"
	  "dddddddddddddddddddddddddddddddddddddddddddddddddd",
	  "cdcb1220d1ecccea91e53aba3092f962" },
	{ "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20",
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd"
	  "cdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcdcd",
	  "372efcf9b40b35c2115b1346903d2ef4" },
};

TEST(cpu_vector, macs_of_rfc_4868)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (size_t i = 0; i < sizeof(sha256) / sizeof(sha256[0]); i++) {
		uint8_t key[32], text[PACKET_BYTES], mac[16];
		struct crypto_key prepared;
		test_context("vector %zu", i);
		EXPECT_EQ(test_hex(sha256[i].key, key, sizeof(key)), sizeof(key));
		EXPECT_EQ(test_hex(sha256[i].mac, mac, sizeof(mac)), sizeof(mac));
		size_t n = test_hex(sha256[i].text, text, sizeof(text));
		EXPECT_EQ(crypto_prepare(c, CRYPTO_HMAC_SHA256_NULL, key, NULL, NULL, &prepared),
			  0);
		struct crypto_job job = { .key = &prepared,
					  .esp = text,
					  .auth_bytes = (uint16_t)n,
					  .cipher_start = HEADER_BYTES,
					  .suite = CRYPTO_HMAC_SHA256_NULL,
					  .direction = CRYPTO_SIGN },
				  *one = &job;
		crypto_run(c, &one, 1);
		EXPECT_EQ(job.status, CRYPTO_DONE);
		EXPECT_MEM(text + n, mac, sizeof(mac));
	}
	crypto_free(c);
}

/* ---- RFC 3602 4: the CBC alone, under an ICV that OpenSSL makes ---- */

static const struct {
	const char *key, *iv, *plain, *ciphered; /* hex */
} cbc[] = {
	{ "06a9214036b8a15b512e03d534120006", "3dafba429d9eb430b422da802c9fac41",
	  "53696e676c6520626c6f636b206d7367", "e353779c1079aeb82708942dbe77181a" },
	{ "c286696d887c9aa0611bbb3e2025a45a", "562e17996d093d28ddb3ba695a2e6f58",
	  "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f",
	  "d296cd94c2cccf8a3a863028b5e1dc0a7586602d253cfff91b8266bea6d61ab1" },
	{ "6c3ea0477630ce21a2ce334aa746c2cd", "c782dc4c098c66cbd9cd27d825682c81",
	  "5468697320697320612034382d62797465206d657373616765202865786163746c7920332041455320626c6f"
	  "636b7329",
	  "d0a02b3836451753d493665d33f0e8862dea54cdb293abc7506939276772f8d5021c19216bad525c8579695d"
	  "83ba2684" },
};

TEST(cpu_vector, c082_texts_of_rfc_3602)
{
	struct crypto *c = crypto_new(-1);
	ASSERT_TRUE(c);
	for (size_t i = 0; i < sizeof(cbc) / sizeof(cbc[0]); i++) {
		struct reference_keys keys = { .auth_key = { 1, 2, 3 } };
		uint8_t wire[PACKET_BYTES] = { 0, 0, 0x43, 0x21, 0, 0, 0, 1 }, plain[PACKET_BYTES],
			expected[PACKET_BYTES];
		struct crypto_key prepared;
		size_t start = HEADER_BYTES + 16, n = test_hex(cbc[i].plain, plain, sizeof(plain));
		test_context("vector %zu", i);
		EXPECT_EQ(test_hex(cbc[i].key, keys.cipher_key, 16), 16);
		EXPECT_EQ(test_hex(cbc[i].iv, wire + HEADER_BYTES, 16), 16);
		EXPECT_EQ(test_hex(cbc[i].ciphered, expected, sizeof(expected)), n);
		memcpy(wire + start, plain, n);
		reference_seal(CRYPTO_HMAC_SHA1_AES_CBC, &keys, NULL, wire, start + n);
		EXPECT_MEM(wire + start, expected, n); /* else the vector itself is wrong */
		EXPECT_EQ(crypto_prepare(c, CRYPTO_HMAC_SHA1_AES_CBC, keys.auth_key,
					 keys.cipher_key, NULL, &prepared),
			  0);
		struct crypto_job job = { .key = &prepared,
					  .esp = wire,
					  .auth_bytes = (uint16_t)(start + n),
					  .cipher_start = (uint16_t)start,
					  .cipher_bytes = (uint16_t)n,
					  .suite = CRYPTO_HMAC_SHA1_AES_CBC,
					  .direction = CRYPTO_VERIFY },
				  *one = &job;
		crypto_run(c, &one, 1);
		EXPECT_EQ(job.status, CRYPTO_DONE);
		EXPECT_MEM(wire + start, plain, n);
	}
	crypto_free(c);
}
