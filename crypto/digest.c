#include "crypto/digest.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "crypto/wipe.h"

enum {
	MD5_BYTES = 16,
	CHALLENGE_BYTES = AKA_RAND_BYTES + AKA_AUTN_BYTES,
};

const char *const digest_algorithm_name[DIGEST_N_ALGORITHMS] = {
	[DIGEST_AKAV1_MD5] = "AKAv1-MD5",
	[DIGEST_AKAV2_MD5] = "AKAv2-MD5",
};

int digest_find_algorithm(const char *name)
{
	for (int i = 0; i < DIGEST_N_ALGORITHMS; i++) {
		if (strcasecmp(name, digest_algorithm_name[i]) == 0)
			return i;
	}
	return -ENOENT;
}

/* ---- response, RFC 2617 3.2.2 ---- */

/* MD5 as hex text of fields with colons between them. */
struct field {
	const void *bytes;
	size_t n_bytes;
};

static struct field text(const char *s)
{
	return (struct field){ s, strlen(s) };
}

static void print_hex(const uint8_t md5[static MD5_BYTES], char out[static DIGEST_RESPONSE_SIZE])
{
	static const char digit[] = "0123456789abcdef";
	for (int i = 0; i < MD5_BYTES; i++) {
		out[2 * i] = digit[md5[i] >> 4];
		out[2 * i + 1] = digit[md5[i] & 15];
	}
	out[2 * MD5_BYTES] = '\0';
}

static bool hash(EVP_MD_CTX *context, const struct field fields[], int n,
		 char out[static DIGEST_RESPONSE_SIZE])
{
	uint8_t md5[MD5_BYTES];
	if (!EVP_DigestInit_ex2(context, EVP_md5(), NULL))
		return false;
	for (int i = 0; i < n; i++) {
		if (i && !EVP_DigestUpdate(context, ":", 1))
			return false;
		if (!EVP_DigestUpdate(context, fields[i].bytes, fields[i].n_bytes))
			return false;
	}
	if (!EVP_DigestFinal_ex(context, md5, NULL))
		return false;
	print_hex(md5, out);
	wipe(md5, sizeof(md5));
	return true;
}

/* H(A1), RFC 2617 3.2.2.2: the password is bytes. */
static bool hash_a1(EVP_MD_CTX *context, const struct digest_input *in, const uint8_t *password,
		    size_t password_bytes, char out[static DIGEST_RESPONSE_SIZE])
{
	return hash(context,
		    (struct field[]){
			    text(in->username), text(in->realm), { password, password_bytes } },
		    3, out);
}

/* H(A2), RFC 2617 3.2.2.3. */
static bool hash_a2(EVP_MD_CTX *context, const struct digest_input *in,
		    char out[static DIGEST_RESPONSE_SIZE])
{
	char body[DIGEST_RESPONSE_SIZE];
	struct field fields[3] = { text(in->method), text(in->uri) };
	if (in->qop != DIGEST_QOP_AUTH_INT)
		return hash(context, fields, 2, out);
	if (!hash(context, &(struct field){ in->body, in->body_bytes }, 1, body))
		return false;
	fields[2] = text(body);
	return hash(context, fields, 3, out);
}

int digest_response(const struct digest_input *in, const uint8_t *password, size_t password_bytes,
		    char out[static DIGEST_RESPONSE_SIZE])
{
	char a1[DIGEST_RESPONSE_SIZE], a2[DIGEST_RESPONSE_SIZE];
	EVP_MD_CTX *context = EVP_MD_CTX_new();
	bool done = context && hash_a1(context, in, password, password_bytes, a1) &&
		    hash_a2(context, in, a2);
	if (done && in->qop == DIGEST_QOP_NONE)
		done = hash(context, (struct field[]){ text(a1), text(in->nonce), text(a2) }, 3,
			    out);
	else if (done)
		done = hash(
			context,
			(struct field[]){ text(a1), text(in->nonce), text(in->nc), text(in->cnonce),
					  text(in->qop == DIGEST_QOP_AUTH ? "auth" : "auth-int"),
					  text(a2) },
			6, out);
	EVP_MD_CTX_free(context);
	wipe(a1, sizeof(a1));
	return done ? 0 : -EIO;
}

/* ---- password ---- */

/* base64(HMAC-MD5(RES ‖ IK ‖ CK, "http-digest-akav2-password")), RFC 4169 2.2. */
static int password_v2(const uint8_t *res, size_t res_bytes, const uint8_t ik[static AKA_KEY_BYTES],
		       const uint8_t ck[static AKA_KEY_BYTES],
		       uint8_t out[static DIGEST_PASSWORD_BYTES])
{
	static const char purpose[] = "http-digest-akav2-password";
	uint8_t key[AKA_RES_MAX_BYTES + 2 * AKA_KEY_BYTES], md5[MD5_BYTES];
	unsigned char encoded[DIGEST_PASSWORD_BYTES + 1];
	memcpy(key, res, res_bytes);
	memcpy(key + res_bytes, ik, AKA_KEY_BYTES);
	memcpy(key + res_bytes + AKA_KEY_BYTES, ck, AKA_KEY_BYTES);
	int rc = -EIO;
	if (HMAC(EVP_md5(), key, (int)(res_bytes + 2 * AKA_KEY_BYTES),
		 (const unsigned char *)purpose, sizeof(purpose) - 1, md5, NULL)) {
		rc = EVP_EncodeBlock(encoded, md5, sizeof(md5));
		memcpy(out, encoded, DIGEST_PASSWORD_BYTES);
	}
	wipe(key, sizeof(key));
	wipe(md5, sizeof(md5));
	wipe(encoded, sizeof(encoded));
	return rc;
}

int digest_password(enum digest_algorithm algorithm, const uint8_t *res, size_t res_bytes,
		    const uint8_t ik[static AKA_KEY_BYTES], const uint8_t ck[static AKA_KEY_BYTES],
		    uint8_t out[static DIGEST_PASSWORD_BYTES])
{
	if (!aka_res_is_valid(res_bytes))
		return -EINVAL;
	if (algorithm == DIGEST_AKAV2_MD5)
		return password_v2(res, res_bytes, ik, ck, out);
	memcpy(out, res, res_bytes);
	return (int)res_bytes;
}

static bool derive_key(const char *purpose, const uint8_t key[static AKA_KEY_BYTES],
		       uint8_t out[static AKA_KEY_BYTES])
{
	uint8_t md5[MD5_BYTES];
	bool done = HMAC(EVP_md5(), key, AKA_KEY_BYTES, (const unsigned char *)purpose,
			 strlen(purpose), md5, NULL) != NULL;
	if (done)
		memcpy(out, md5, AKA_KEY_BYTES);
	wipe(md5, sizeof(md5));
	return done;
}

int digest_derive_keys(const uint8_t ik[static AKA_KEY_BYTES],
		       const uint8_t ck[static AKA_KEY_BYTES],
		       uint8_t derived_ik[static AKA_KEY_BYTES],
		       uint8_t derived_ck[static AKA_KEY_BYTES])
{
	bool done = derive_key("http-digest-akav2-integritykey", ik, derived_ik) &&
		    derive_key("http-digest-akav2-cipherkey", ck, derived_ck);
	return done ? 0 : -EIO;
}

/* ---- base64 ---- */

/*
 * Decodes at most max_bytes and returns their number. Only what encoding the result again gives is
 * taken: OpenSSL by itself passes over blanks, stray padding and bits left over.
 */
static int decode(const char *base64, uint8_t *out, size_t max_bytes)
{
	unsigned char bytes[DIGEST_NONCE_SIZE], again[DIGEST_NONCE_SIZE];
	size_t n_digits = strlen(base64);
	if (n_digits == 0 || n_digits % 4 || n_digits >= sizeof(bytes))
		return -EINVAL;
	int n = EVP_DecodeBlock(bytes, (const unsigned char *)base64, (int)n_digits);
	if (n < 0)
		return -EINVAL;
	n -= (base64[n_digits - 1] == '=') + (base64[n_digits - 2] == '=');
	if (n < 0 || (size_t)n > max_bytes)
		return -EINVAL;
	if (EVP_EncodeBlock(again, bytes, n) != (int)n_digits ||
	    memcmp(again, base64, n_digits) != 0)
		return -EINVAL;
	memcpy(out, bytes, (size_t)n);
	return n;
}

int digest_encode_nonce(const uint8_t rand[static AKA_RAND_BYTES],
			const uint8_t autn[static AKA_AUTN_BYTES], const void *server_data,
			size_t server_data_bytes, char out[static DIGEST_NONCE_SIZE])
{
	uint8_t bytes[CHALLENGE_BYTES + DIGEST_SERVER_DATA_BYTES];
	if (server_data_bytes > DIGEST_SERVER_DATA_BYTES)
		return -EMSGSIZE;
	memcpy(bytes, rand, AKA_RAND_BYTES);
	memcpy(bytes + AKA_RAND_BYTES, autn, AKA_AUTN_BYTES);
	if (server_data_bytes)
		memcpy(bytes + CHALLENGE_BYTES, server_data, server_data_bytes);
	return EVP_EncodeBlock((unsigned char *)out, bytes,
			       (int)(CHALLENGE_BYTES + server_data_bytes));
}

int digest_decode_nonce(const char *nonce, uint8_t rand[static AKA_RAND_BYTES],
			uint8_t autn[static AKA_AUTN_BYTES])
{
	uint8_t bytes[CHALLENGE_BYTES + DIGEST_SERVER_DATA_BYTES];
	int n = decode(nonce, bytes, sizeof(bytes));
	if (n < CHALLENGE_BYTES)
		return -EINVAL;
	memcpy(rand, bytes, AKA_RAND_BYTES);
	memcpy(autn, bytes + AKA_RAND_BYTES, AKA_AUTN_BYTES);
	return 0;
}

void digest_encode_auts(const uint8_t auts[static AKA_AUTS_BYTES],
			char out[static DIGEST_AUTS_SIZE])
{
	EVP_EncodeBlock((unsigned char *)out, auts, AKA_AUTS_BYTES);
}

int digest_decode_auts(const char *base64, uint8_t auts[static AKA_AUTS_BYTES])
{
	uint8_t bytes[AKA_AUTS_BYTES];
	if (decode(base64, bytes, sizeof(bytes)) != AKA_AUTS_BYTES)
		return -EINVAL;
	memcpy(auts, bytes, AKA_AUTS_BYTES);
	return 0;
}
