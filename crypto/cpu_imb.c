/*
 * The calls of IPsec-MB. Ciphers and SHA-1 go through its burst calls, whose job arrays stay in
 * place: only what differs from packet to packet is written. IPsec-MB 1.3 has no such call for MD5,
 * which goes through the job manager.
 */
#include "crypto/cpu.h"

#include <string.h>

#include "crypto/wipe.h"

enum {
	HMAC_BLOCK_BYTES = 64, /* of MD5 and SHA-1: RFC 2104 2 */
	NONCE_BYTES = 8,       /* SPI and sequence number */
};

void cpu_preset(struct crypto *c)
{
	for (unsigned i = 0; i < CRYPTO_BURST; i++) {
		c->sha1[i].cipher_mode = IMB_CIPHER_NULL;
		c->sha1[i].chain_order = IMB_ORDER_HASH_CIPHER;
		c->sha1[i].hash_alg = IMB_AUTH_HMAC_SHA_1;
		c->sha1[i].auth_tag_output_len_in_bytes = CPU_ICV_BYTES;
		c->cipher[i].cipher_mode = IMB_CIPHER_CBC;
		c->cipher[i].hash_alg = IMB_AUTH_NULL;
		c->cipher[i].key_len_in_bytes = CPU_AES_KEY_BYTES;
		c->cipher[i].iv_len_in_bytes = CPU_AES_BLOCK_BYTES;
	}
}

/* ---- ciphers ---- */

static IMB_JOB *fill_cipher(struct crypto *c, unsigned i, const struct crypto_job *job)
{
	struct cpu_schedule *schedule = &c->schedule[i];
	IMB_JOB *imb = &c->cipher[i];
	IMB_AES_KEYEXP_128(c->mgr, job->key->cipher.key, schedule->encrypt, schedule->decrypt);
	imb->enc_keys = schedule->encrypt;
	imb->dec_keys = schedule->decrypt;
	imb->src = job->esp;
	return imb;
}

static bool run_ciphers(struct crypto *c, unsigned n, IMB_CIPHER_DIRECTION direction)
{
	if (n == 0)
		return true;
	bool done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(c->mgr, c->cipher, n, IMB_CIPHER_CBC, direction,
						    IMB_KEY_128_BYTES) == n;
	wipe(c->schedule, n * sizeof(c->schedule[0]));
	return done;
}

/*
 * RFC 3602 3 wants an IV that nobody can predict: the encryption of a nonce under the packet's own
 * key is one (SP 800-38A appendix C). SPI and sequence number never come twice under an SA; the
 * random seed keeps apart those who share the key. The nonce is put where the IV belongs and
 * enciphered with the packet, as its first block after an IV of zeros: what comes out is the IV,
 * and the block after it has been chained to it.
 */
bool cpu_encrypt(struct crypto *c, const struct cpu_group *g)
{
	static const uint8_t zero_iv[CPU_AES_BLOCK_BYTES];
	unsigned n = 0;
	for (unsigned i = 0; i < g->n; i++) {
		const struct crypto_job *job = g->job[i];
		if (!cpu_has_cipher(job) || job->direction != CRYPTO_SIGN)
			continue;
		IMB_JOB *imb = fill_cipher(c, n++, job);
		uint8_t *iv = job->esp + job->cipher_start - CPU_AES_BLOCK_BYTES;
		memcpy(iv, job->esp, NONCE_BYTES);
		memcpy(iv + NONCE_BYTES, &job->key->cipher.iv_seed,
		       sizeof(job->key->cipher.iv_seed));
		imb->iv = zero_iv;
		imb->dst = iv;
		imb->cipher_start_src_offset_in_bytes = job->cipher_start - CPU_AES_BLOCK_BYTES;
		imb->msg_len_to_cipher_in_bytes = job->cipher_bytes + CPU_AES_BLOCK_BYTES;
	}
	return run_ciphers(c, n, IMB_DIR_ENCRYPT);
}

bool cpu_decrypt(struct crypto *c, const struct cpu_group *g)
{
	unsigned n = 0;
	for (unsigned i = 0; i < g->n; i++) {
		const struct crypto_job *job = g->job[i];
		if (!cpu_has_cipher(job) || job->direction != CRYPTO_VERIFY ||
		    job->status != CRYPTO_DONE)
			continue;
		IMB_JOB *imb = fill_cipher(c, n++, job);
		imb->iv = job->esp + job->cipher_start - CPU_AES_BLOCK_BYTES;
		imb->dst = job->esp + job->cipher_start;
		imb->cipher_start_src_offset_in_bytes = job->cipher_start;
		imb->msg_len_to_cipher_in_bytes = job->cipher_bytes;
	}
	return run_ciphers(c, n, IMB_DIR_DECRYPT);
}

/* ---- hashes ---- */

static void fill_hash(struct crypto *c, unsigned i, const struct crypto_job *job, IMB_JOB *imb)
{
	imb->src = job->esp;
	imb->msg_len_to_hash_in_bytes = job->auth_bytes;
	/* Into the packet, or beside it to be compared. */
	imb->auth_tag_output =
		job->direction == CRYPTO_SIGN ? job->esp + job->auth_bytes : c->tag[i];
	imb->u.HMAC._hashed_auth_key_xor_ipad = job->key->auth.inner;
	imb->u.HMAC._hashed_auth_key_xor_opad = job->key->auth.outer;
}

static bool hash_sha1(struct crypto *c, const struct cpu_group *g)
{
	for (unsigned i = 0; i < g->n; i++)
		fill_hash(c, i, g->job[i], &c->sha1[i]);
	return IMB_SUBMIT_HASH_BURST_NOCHECK(c->mgr, c->sha1, g->n, IMB_AUTH_HMAC_SHA_1) == g->n;
}

/* Nothing else uses the job manager, and it is left empty: there is always room for a group. */
static bool hash_md5(struct crypto *c, const struct cpu_group *g)
{
	IMB_JOB *imb[CRYPTO_BURST];
	if (IMB_GET_NEXT_BURST(c->mgr, g->n, imb) != g->n)
		return false;
	for (unsigned i = 0; i < g->n; i++) {
		fill_hash(c, i, g->job[i], imb[i]);
		imb[i]->hash_start_src_offset_in_bytes = 0;
		imb[i]->auth_tag_output_len_in_bytes = CPU_ICV_BYTES;
		imb[i]->hash_alg = IMB_AUTH_MD5;
		imb[i]->cipher_mode = IMB_CIPHER_NULL;
		imb[i]->cipher_direction = IMB_DIR_ENCRYPT;
		imb[i]->chain_order = IMB_ORDER_HASH_CIPHER;
	}
	unsigned n_done = IMB_SUBMIT_BURST_NOCHECK(c->mgr, g->n, imb);
	for (unsigned n; (n = IMB_FLUSH_BURST(c->mgr, CRYPTO_BURST, imb)); n_done += n)
		;
	return n_done == g->n;
}

bool cpu_hash(struct crypto *c, enum cpu_hash hash, const struct cpu_group *g)
{
	return hash == CPU_SHA1 ? hash_sha1(c, g) : hash_md5(c, g);
}

/* ---- keys ---- */

void cpu_mid_state(struct crypto *c, enum cpu_hash hash, const uint8_t *key, size_t key_bytes,
		   uint8_t pad, uint8_t *state)
{
	uint8_t block[HMAC_BLOCK_BYTES];
	memset(block, pad, sizeof(block));
	for (size_t i = 0; i < key_bytes; i++)
		block[i] ^= key[i];
	if (hash == CPU_SHA1)
		IMB_SHA1_ONE_BLOCK(c->mgr, block, state);
	else
		IMB_MD5_ONE_BLOCK(c->mgr, block, state);
	wipe(block, sizeof(block));
}
