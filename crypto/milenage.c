#include "crypto/milenage.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "crypto/wipe.h"

enum {
	BLOCK_BYTES = 16,
	MAX_BLOCKS = 4, /* f2 with f5, f3, f4, f1 in one call */
	MANY_RANDS = 32,
};

struct block {
	uint8_t bytes[BLOCK_BYTES];
};

/* TS 35.206 4.1: rn, all of whole bytes, and the last byte of cn, the others being zero. */
struct mix {
	uint8_t rotate_bytes;
	uint8_t constant;
};
static const struct mix mix_f1 = { 8, 0 }, mix_f2 = { 0, 1 }, mix_f3 = { 4, 2 }, mix_f4 = { 8, 4 },
			mix_f5_star = { 12, 8 };

struct milenage {
	EVP_CIPHER *aes;
	EVP_CIPHER_CTX *context;
	uint8_t rands[MANY_RANDS][MILENAGE_RAND_BYTES];
	unsigned n_rands; /* of them that nobody got yet */
};

struct milenage *milenage_new(void)
{
	struct milenage *m = calloc(1, sizeof(*m));
	if (!m)
		return NULL;
	m->aes = EVP_CIPHER_fetch(NULL, "AES-128-ECB", NULL);
	m->context = EVP_CIPHER_CTX_new();
	if (!m->aes || !m->context || !EVP_EncryptInit_ex2(m->context, m->aes, NULL, NULL, NULL) ||
	    !EVP_CIPHER_CTX_set_padding(m->context, 0)) {
		milenage_free(m);
		return NULL;
	}
	return m;
}

void milenage_free(struct milenage *m)
{
	if (!m)
		return;
	EVP_CIPHER_CTX_free(m->context);
	EVP_CIPHER_free(m->aes);
	wipe(m->rands, sizeof(m->rands));
	free(m);
}

int milenage_rand(struct milenage *m, uint8_t rand[static MILENAGE_RAND_BYTES])
{
	if (m->n_rands == 0) {
		if (RAND_bytes(m->rands[0], sizeof(m->rands)) != 1)
			return -EIO;
		m->n_rands = MANY_RANDS;
	}
	uint8_t *last = m->rands[--m->n_rands];
	memcpy(rand, last, MILENAGE_RAND_BYTES);
	wipe(last, MILENAGE_RAND_BYTES);
	return 0;
}

static bool set_key(struct milenage *m, const uint8_t *k)
{
	return EVP_EncryptInit_ex2(m->context, NULL, k, NULL, NULL);
}

/* The context has no round keys of a subscriber's any more, but those of zeros. */
static void forget_key(struct milenage *m)
{
	static const uint8_t zeros[MILENAGE_KEY_BYTES];
	EVP_EncryptInit_ex2(m->context, NULL, zeros, NULL, NULL);
}

/* In place, under the key that was set. */
static bool encrypt(struct milenage *m, struct block blocks[], int n)
{
	int n_bytes = n * BLOCK_BYTES, done;
	return EVP_EncryptUpdate(m->context, blocks->bytes, &done, blocks->bytes, n_bytes) &&
	       done == n_bytes;
}

static struct block load(const uint8_t *bytes)
{
	struct block b;
	memcpy(b.bytes, bytes, BLOCK_BYTES);
	return b;
}

static struct block xor_block(struct block a, struct block b)
{
	for (int i = 0; i < BLOCK_BYTES; i++)
		a.bytes[i] ^= b.bytes[i];
	return a;
}

/* rot(x, r) xor c: to the left is toward the first byte. */
static struct block mix(struct block x, struct mix by)
{
	struct block out;
	for (int i = 0; i < BLOCK_BYTES; i++)
		out.bytes[i] = x.bytes[(i + by.rotate_bytes) % BLOCK_BYTES];
	out.bytes[BLOCK_BYTES - 1] ^= by.constant;
	return out;
}

/* Sets the key and makes T = AES_K(RAND xor OPc). */
static bool start(struct milenage *m, const struct milenage_key *key, const uint8_t *rand,
		  struct block *t)
{
	*t = xor_block(load(rand), load(key->opc));
	return set_key(m, key->k) && encrypt(m, t, 1);
}

int milenage_opc(struct milenage *m, const uint8_t k[static MILENAGE_KEY_BYTES],
		 const uint8_t op[static MILENAGE_KEY_BYTES],
		 uint8_t opc[static MILENAGE_KEY_BYTES])
{
	struct block b = load(op);
	bool is_done = set_key(m, k) && encrypt(m, &b, 1);
	forget_key(m);
	if (!is_done)
		return -EIO;
	b = xor_block(b, load(op));
	memcpy(opc, b.bytes, BLOCK_BYTES);
	wipe(&b, sizeof(b));
	return 0;
}

/* What f1 mixes with T: SQN and AMF, twice. */
static struct block sqn_and_amf(const uint8_t *sqn, const uint8_t *amf)
{
	struct block in;
	memcpy(in.bytes, sqn, MILENAGE_SQN_BYTES);
	memcpy(in.bytes + MILENAGE_SQN_BYTES, amf, MILENAGE_AMF_BYTES);
	memcpy(in.bytes + BLOCK_BYTES / 2, in.bytes, BLOCK_BYTES / 2);
	return in;
}

int milenage_f1(struct milenage *m, const struct milenage_key *key,
		const uint8_t rand[static MILENAGE_RAND_BYTES],
		const uint8_t sqn[static MILENAGE_SQN_BYTES],
		const uint8_t amf[static MILENAGE_AMF_BYTES], uint8_t *mac_a, uint8_t *mac_s)
{
	struct block in = sqn_and_amf(sqn, amf), out, opc = load(key->opc);

	int rc = -EIO;
	if (start(m, key, rand, &out)) {
		out = xor_block(out, mix(xor_block(in, opc), mix_f1));
		rc = encrypt(m, &out, 1) ? 0 : -EIO;
	}
	forget_key(m);
	out = xor_block(out, opc);
	if (rc == 0 && mac_a)
		memcpy(mac_a, out.bytes, MILENAGE_MAC_BYTES);
	if (rc == 0 && mac_s)
		memcpy(mac_s, out.bytes + MILENAGE_MAC_BYTES, MILENAGE_MAC_BYTES);
	wipe(&out, sizeof(out));
	wipe(&opc, sizeof(opc));
	return rc;
}

/*
 * OUTn = AES_K(rot(T xor OPc, rn) xor cn) xor OPc for n of the functions f2 … f5*; with `f1`, one
 * more: AES_K(T xor rot(f1 xor OPc, r1) xor c1) xor OPc.
 */
static int outputs(struct milenage *m, const struct milenage_key *key, const uint8_t *rand,
		   const struct mix *const mixes[], int n, const struct block *f1,
		   struct block out[])
{
	struct block t, opc = load(key->opc);
	int n_all = f1 ? n + 1 : n, rc = -EIO;
	if (start(m, key, rand, &t)) {
		for (int i = 0; i < n; i++)
			out[i] = mix(xor_block(t, opc), *mixes[i]);
		if (f1)
			out[n] = xor_block(t, mix(xor_block(*f1, opc), mix_f1));
		rc = encrypt(m, out, n_all) ? 0 : -EIO;
	}
	forget_key(m);
	for (int i = 0; i < n_all && rc == 0; i++)
		out[i] = xor_block(out[i], opc);
	wipe(&t, sizeof(t));
	wipe(&opc, sizeof(opc));
	return rc;
}

static const struct mix *const mixes_f2345[] = { &mix_f2, &mix_f3, &mix_f4 };

static void give_vector(const struct block out[], struct milenage_vector *v)
{
	memcpy(v->ak, out[0].bytes, MILENAGE_SQN_BYTES);
	memcpy(v->res, out[0].bytes + BLOCK_BYTES / 2, MILENAGE_RES_BYTES);
	memcpy(v->ck, out[1].bytes, MILENAGE_KEY_BYTES);
	memcpy(v->ik, out[2].bytes, MILENAGE_KEY_BYTES);
}

int milenage_f2345(struct milenage *m, const struct milenage_key *key,
		   const uint8_t rand[static MILENAGE_RAND_BYTES], struct milenage_vector *v)
{
	struct block out[MAX_BLOCKS];
	int rc = outputs(m, key, rand, mixes_f2345, 3, NULL, out);
	if (rc == 0)
		give_vector(out, v);
	wipe(out, sizeof(out));
	return rc;
}

int milenage_f12345(struct milenage *m, const struct milenage_key *key,
		    const uint8_t rand[static MILENAGE_RAND_BYTES],
		    const uint8_t sqn[static MILENAGE_SQN_BYTES],
		    const uint8_t amf[static MILENAGE_AMF_BYTES], struct milenage_vector *v,
		    uint8_t mac_a[static MILENAGE_MAC_BYTES])
{
	struct block f1 = sqn_and_amf(sqn, amf), out[MAX_BLOCKS];
	int rc = outputs(m, key, rand, mixes_f2345, 3, &f1, out);
	if (rc == 0) {
		give_vector(out, v);
		memcpy(mac_a, out[3].bytes, MILENAGE_MAC_BYTES);
	}
	wipe(out, sizeof(out));
	return rc;
}

int milenage_f5_star(struct milenage *m, const struct milenage_key *key,
		     const uint8_t rand[static MILENAGE_RAND_BYTES],
		     uint8_t ak_star[static MILENAGE_SQN_BYTES])
{
	static const struct mix *const mixes[] = { &mix_f5_star };
	struct block out;
	int rc = outputs(m, key, rand, mixes, 1, NULL, &out);
	if (rc == 0)
		memcpy(ak_star, out.bytes, MILENAGE_SQN_BYTES);
	wipe(&out, sizeof(out));
	return rc;
}
