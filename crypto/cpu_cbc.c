/*
 * CBC beside an HMAC. AES goes through IPsec-MB's cipher-burst call, one call for a key size and a
 * direction. 3DES is OpenSSL's, a packet at a time: without AVX-512 that of IPsec-MB, which wipes
 * its stack after each block, needs a thousand times as long.
 */
#define OPENSSL_SUPPRESS_DEPRECATED /* the cipher itself; EVP would keep the keys of a context */
#include "crypto/cpu.h"

#include <openssl/des.h>
#include <string.h>

#include "crypto/iv.h"
#include "crypto/wipe.h"

enum {
	AES128_KEY_BYTES = 16,
	AES256_KEY_BYTES = 32,
	DES_BLOCK_BYTES = 8,
	DES_N_KEYS = 3,
};

void cpu_preset(struct crypto *c)
{
	for (unsigned i = 0; i < CRYPTO_BURST; i++) {
		c->hash[i].cipher_mode = IMB_CIPHER_NULL;
		c->hash[i].chain_order = IMB_ORDER_HASH_CIPHER;
		c->cipher[i].cipher_mode = IMB_CIPHER_CBC;
		c->cipher[i].hash_alg = IMB_AUTH_NULL;
		c->cipher[i].iv_len_in_bytes = CPU_AES_BLOCK_BYTES;
		c->cipher[i].enc_keys = c->schedule[i].encrypt;
		c->cipher[i].dec_keys = c->schedule[i].decrypt;
	}
}

/* ---- 3DES ---- */

/* Whole blocks, in place. */
static void run_3des(const struct crypto_job *job, uint8_t *text, size_t n_bytes, const uint8_t *iv,
		     int direction)
{
	DES_key_schedule schedule[DES_N_KEYS];
	DES_cblock chain;
	memcpy(chain, iv, sizeof(chain)); /* the last block takes its place */
	for (unsigned i = 0; i < DES_N_KEYS; i++) {
		const uint8_t *key = job->key->cipher.key + i * sizeof(DES_cblock);
		DES_set_key_unchecked((const_DES_cblock *)key, &schedule[i]);
	}
	DES_ede3_cbc_encrypt(text, text, (long)n_bytes, &schedule[0], &schedule[1], &schedule[2],
			     &chain, direction);
	wipe(schedule, sizeof(schedule));
}

static void encrypt_3des(struct crypto_job *job)
{
	static const uint8_t zero_iv[DES_BLOCK_BYTES];
	uint8_t *iv = job->esp + job->cipher_start - DES_BLOCK_BYTES;
	iv_put_nonce(job, iv, DES_BLOCK_BYTES);
	run_3des(job, iv, DES_BLOCK_BYTES + job->cipher_bytes, zero_iv, DES_ENCRYPT);
}

static void decrypt_3des(struct crypto_job *job)
{
	uint8_t *text = job->esp + job->cipher_start;
	run_3des(job, text, job->cipher_bytes, text - DES_BLOCK_BYTES, DES_DECRYPT);
}

/* ---- AES ---- */

static void expand(struct crypto *c, enum cpu_cipher cipher, const uint8_t *key,
		   struct cpu_schedule *out)
{
	if (cipher == CPU_AES128_CBC)
		IMB_AES_KEYEXP_128(c->mgr, key, out->encrypt, out->decrypt);
	else
		IMB_AES_KEYEXP_256(c->mgr, key, out->encrypt, out->decrypt);
}

static bool run_aes(struct crypto *c, unsigned n, enum cpu_cipher cipher,
		    IMB_CIPHER_DIRECTION direction)
{
	IMB_KEY_SIZE_BYTES key_bytes =
		cipher == CPU_AES128_CBC ? IMB_KEY_128_BYTES : IMB_KEY_256_BYTES;
	if (n == 0)
		return true;
	for (unsigned i = 0; i < n; i++)
		c->cipher[i].key_len_in_bytes = key_bytes;
	unsigned n_done = IMB_SUBMIT_CIPHER_BURST_NOCHECK(c->mgr, c->cipher, n, IMB_CIPHER_CBC,
							  direction, key_bytes);
	wipe(c->schedule, n * sizeof(c->schedule[0]));
	return n_done == n;
}

/* ---- both ---- */

bool cpu_encrypt(struct crypto *c, enum cpu_cipher cipher, struct crypto_job *const job[],
		 unsigned n)
{
	static const uint8_t zero_iv[CPU_AES_BLOCK_BYTES];
	const size_t iv_bytes = CPU_AES_BLOCK_BYTES;
	unsigned n_ciphers = 0;
	for (unsigned i = 0; i < n; i++) {
		if (cpu_suite[job[i]->suite].cipher != cipher || job[i]->direction != CRYPTO_SIGN)
			continue;
		if (cipher == CPU_3DES_CBC) {
			encrypt_3des(job[i]);
			continue;
		}
		IMB_JOB *imb = &c->cipher[n_ciphers];
		expand(c, cipher, job[i]->key->cipher.key, &c->schedule[n_ciphers++]);
		uint8_t *iv = job[i]->esp + job[i]->cipher_start - iv_bytes;
		iv_put_nonce(job[i], iv, iv_bytes);
		imb->src = job[i]->esp;
		imb->iv = zero_iv;
		imb->dst = iv;
		imb->cipher_start_src_offset_in_bytes = job[i]->cipher_start - iv_bytes;
		imb->msg_len_to_cipher_in_bytes = job[i]->cipher_bytes + iv_bytes;
	}
	return run_aes(c, n_ciphers, cipher, IMB_DIR_ENCRYPT);
}

bool cpu_decrypt(struct crypto *c, enum cpu_cipher cipher, struct crypto_job *const job[],
		 unsigned n)
{
	const size_t iv_bytes = CPU_AES_BLOCK_BYTES;
	unsigned n_ciphers = 0;
	for (unsigned i = 0; i < n; i++) {
		if (cpu_suite[job[i]->suite].cipher != cipher ||
		    job[i]->direction != CRYPTO_VERIFY || job[i]->status != CRYPTO_DONE)
			continue;
		if (!job[i]->cipher_bytes) /* without AVX-512 IPsec-MB runs away with none */
			continue;
		if (cipher == CPU_3DES_CBC) {
			decrypt_3des(job[i]);
			continue;
		}
		IMB_JOB *imb = &c->cipher[n_ciphers];
		expand(c, cipher, job[i]->key->cipher.key, &c->schedule[n_ciphers++]);
		imb->src = job[i]->esp;
		imb->iv = job[i]->esp + job[i]->cipher_start - iv_bytes;
		imb->dst = job[i]->esp + job[i]->cipher_start;
		imb->cipher_start_src_offset_in_bytes = job[i]->cipher_start;
		imb->msg_len_to_cipher_in_bytes = job[i]->cipher_bytes;
	}
	return run_aes(c, n_ciphers, cipher, IMB_DIR_DECRYPT);
}
