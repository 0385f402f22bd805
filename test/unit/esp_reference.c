#include "test/unit/esp_reference.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

enum {
	HEADER_BYTES = 8,
	NONCE_BYTES = 12,
	MAX_BYTES = 66000,
};

static const struct reference_shape shapes[CRYPTO_N_SUITES] = {
	[CRYPTO_HMAC_SHA1_NULL] = { "SHA1", NULL, false, 12, 0, 4, 20, 0 },
	[CRYPTO_HMAC_MD5_NULL] = { "MD5", NULL, false, 12, 0, 4, 16, 0 },
	[CRYPTO_HMAC_SHA256_NULL] = { "SHA256", NULL, false, 16, 0, 4, 32, 0 },
	[CRYPTO_HMAC_SHA1_AES_CBC] = { "SHA1", "AES-128-CBC", false, 12, 16, 16, 20, 16 },
	[CRYPTO_HMAC_MD5_AES_CBC] = { "MD5", "AES-128-CBC", false, 12, 16, 16, 16, 16 },
	[CRYPTO_HMAC_SHA256_AES_CBC] = { "SHA256", "AES-128-CBC", false, 16, 16, 16, 32, 16 },
	[CRYPTO_HMAC_SHA1_AES256_CBC] = { "SHA1", "AES-256-CBC", false, 12, 16, 16, 20, 32 },
	[CRYPTO_HMAC_MD5_AES256_CBC] = { "MD5", "AES-256-CBC", false, 12, 16, 16, 16, 32 },
	[CRYPTO_HMAC_SHA256_AES256_CBC] = { "SHA256", "AES-256-CBC", false, 16, 16, 16, 32, 32 },
	[CRYPTO_HMAC_SHA1_3DES_CBC] = { "SHA1", "DES-EDE3-CBC", false, 12, 8, 8, 20, 24 },
	[CRYPTO_HMAC_MD5_3DES_CBC] = { "MD5", "DES-EDE3-CBC", false, 12, 8, 8, 16, 24 },
	[CRYPTO_HMAC_SHA256_3DES_CBC] = { "SHA256", "DES-EDE3-CBC", false, 16, 8, 8, 32, 24 },
	[CRYPTO_AES_GMAC] = { NULL, "AES-128-GCM", true, 16, 8, 4, 16, 0 },
	[CRYPTO_AES256_GMAC] = { NULL, "AES-256-GCM", true, 16, 8, 4, 32, 0 },
	[CRYPTO_AES_GCM] = { NULL, "AES-128-GCM", false, 16, 8, 4, 0, 16 },
	[CRYPTO_AES256_GCM] = { NULL, "AES-256-GCM", false, 16, 8, 4, 0, 32 },
};

const struct reference_shape *reference_shape(enum crypto_suite suite)
{
	return &shapes[suite];
}

static void require(int done)
{
	if (done <= 0)
		abort();
}

static void put_be32(uint8_t *to, uint32_t value)
{
	for (int i = 0; i < 4; i++)
		to[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* RFC 4303 2.2.1: the upper half behind everything else. */
static void hmac(const struct reference_shape *s, const struct reference_keys *keys,
		 const uint32_t *high, const uint8_t *esp, size_t n_bytes, uint8_t *mac)
{
	static uint8_t text[MAX_BYTES + 4];
	memcpy(text, esp, n_bytes);
	if (high) {
		put_be32(text + n_bytes, *high);
		n_bytes += 4;
	}
	require(HMAC(EVP_get_digestbyname(s->hash), keys->auth_key, s->auth_key_bytes, text,
		     n_bytes, mac, NULL) != NULL);
}

static EVP_CIPHER_CTX *context(const struct reference_shape *s, const uint8_t *key,
			       const uint8_t *iv, bool encrypt)
{
	EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();
	require(c != NULL);
	require(EVP_CipherInit_ex(c, EVP_get_cipherbyname(s->cipher), NULL, key, iv, encrypt));
	require(EVP_CIPHER_CTX_set_padding(c, 0));
	return c;
}

static void update(EVP_CIPHER_CTX *c, uint8_t *out, const uint8_t *in, size_t n_bytes)
{
	int n = 0;
	if (n_bytes == 0)
		return;
	require(EVP_CipherUpdate(c, out, &n, in, (int)n_bytes));
	require(n == (int)n_bytes);
}

static void cbc(const struct reference_shape *s, const struct reference_keys *keys, bool encrypt,
		uint8_t *esp, size_t n_bytes)
{
	size_t start = HEADER_BYTES + s->iv_bytes;
	if (!s->cipher)
		return;
	EVP_CIPHER_CTX *c = context(s, keys->cipher_key, esp + HEADER_BYTES, encrypt);
	update(c, esp + start, esp + start, n_bytes - start);
	EVP_CIPHER_CTX_free(c);
}

/* RFC 4106 5: the AAD is SPI, upper half, lower half; with GMAC (RFC 4543 3.3) the rest as well. */
static bool aead(const struct reference_shape *s, const struct reference_keys *keys,
		 const uint32_t *high, bool encrypt, uint8_t *esp, size_t n_bytes)
{
	uint8_t nonce[NONCE_BYTES], upper[4], end[16], *text = esp + HEADER_BYTES + s->iv_bytes;
	size_t text_bytes = n_bytes - HEADER_BYTES - s->iv_bytes;
	int n = 0;
	memcpy(nonce, keys->salt, 4);
	memcpy(nonce + 4, esp + HEADER_BYTES, 8);
	EVP_CIPHER_CTX *c = context(s, s->gmac ? keys->auth_key : keys->cipher_key, nonce, encrypt);
	if (!encrypt)
		require(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_SET_TAG, s->icv_bytes, esp + n_bytes));
	update(c, NULL, esp, 4);
	if (high) {
		put_be32(upper, *high);
		update(c, NULL, upper, 4);
	}
	update(c, NULL, esp + 4, 4);
	if (s->gmac)
		update(c, NULL, esp + HEADER_BYTES, n_bytes - HEADER_BYTES);
	else
		update(c, text, text, text_bytes);
	bool good = EVP_CipherFinal_ex(c, end, &n) > 0;
	if (encrypt)
		require(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_AEAD_GET_TAG, s->icv_bytes, esp + n_bytes));
	EVP_CIPHER_CTX_free(c);
	return good;
}

void reference_seal(enum crypto_suite suite, const struct reference_keys *keys,
		    const uint32_t *high, uint8_t *esp, size_t n_bytes)
{
	const struct reference_shape *s = &shapes[suite];
	uint8_t mac[EVP_MAX_MD_SIZE];
	if (!s->hash) {
		require(aead(s, keys, high, true, esp, n_bytes));
		return;
	}
	cbc(s, keys, true, esp, n_bytes);
	hmac(s, keys, high, esp, n_bytes, mac);
	memcpy(esp + n_bytes, mac, s->icv_bytes);
}

bool reference_open(enum crypto_suite suite, const struct reference_keys *keys,
		    const uint32_t *high, uint8_t *esp, size_t n_bytes)
{
	static uint8_t opened[MAX_BYTES];
	const struct reference_shape *s = &shapes[suite];
	uint8_t mac[EVP_MAX_MD_SIZE];
	if (!s->hash) {
		memcpy(opened, esp, n_bytes + s->icv_bytes);
		if (!aead(s, keys, high, false, opened, n_bytes))
			return false;
		memcpy(esp, opened, n_bytes);
		return true;
	}
	hmac(s, keys, high, esp, n_bytes, mac);
	if (memcmp(mac, esp + n_bytes, s->icv_bytes) != 0)
		return false;
	cbc(s, keys, false, esp, n_bytes);
	return true;
}
