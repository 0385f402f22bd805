/*
 * CBC beside an HMAC. AES goes through IPsec-MB's cipher-burst call, one call for a key size and a
 * direction; 3DES, which has none, through the job manager.
 */
#include "crypto/cpu.h"

#include <string.h>

#include "crypto/iv.h"
#include "crypto/wipe.h"

enum {
	AES128_KEY_BYTES = 16,
	AES256_KEY_BYTES = 32,
	DES_KEY_BYTES = 8,
	DES_KEYS_BYTES = 24,
};

void cpu_preset(struct crypto *c)
{
	for (unsigned i = 0; i < CRYPTO_BURST; i++) {
		c->hash[i].cipher_mode = IMB_CIPHER_NULL;
		c->hash[i].chain_order = IMB_ORDER_HASH_CIPHER;
		c->cipher[i].cipher_mode = IMB_CIPHER_CBC;
		c->cipher[i].hash_alg = IMB_AUTH_NULL;
		c->cipher[i].iv_len_in_bytes = CPU_AES_BLOCK_BYTES;
		union cpu_schedule *schedule = &c->schedule[i];
		c->cipher[i].enc_keys = schedule->aes.encrypt;
		c->cipher[i].dec_keys = schedule->aes.decrypt;
	}
}

/* ---- schedules ---- */

static void expand(struct crypto *c, enum cpu_cipher cipher, const uint8_t *key,
		   union cpu_schedule *out)
{
	if (cipher == CPU_AES128_CBC) {
		IMB_AES_KEYEXP_128(c->mgr, key, out->aes.encrypt, out->aes.decrypt);
	} else if (cipher == CPU_AES256_CBC) {
		IMB_AES_KEYEXP_256(c->mgr, key, out->aes.encrypt, out->aes.decrypt);
	} else {
		for (unsigned i = 0; i < 3; i++) {
			IMB_DES_KEYSCHED(c->mgr, out->des.key[i], key + i * DES_KEY_BYTES);
			out->des.keys[i] = out->des.key[i];
		}
	}
}

/* ---- runs ---- */

static bool run_aes(struct crypto *c, unsigned n, enum cpu_cipher cipher,
		    IMB_CIPHER_DIRECTION direction)
{
	IMB_KEY_SIZE_BYTES key_bytes =
		cipher == CPU_AES128_CBC ? IMB_KEY_128_BYTES : IMB_KEY_256_BYTES;
	for (unsigned i = 0; i < n; i++)
		c->cipher[i].key_len_in_bytes = key_bytes;
	return IMB_SUBMIT_CIPHER_BURST_NOCHECK(c->mgr, c->cipher, n, IMB_CIPHER_CBC, direction,
					       key_bytes) == n;
}

/* The job manager is left empty by all who use it: there is always room for a group. */
static bool run_3des(struct crypto *c, unsigned n, IMB_CIPHER_DIRECTION direction)
{
	IMB_JOB *imb[CRYPTO_BURST];
	if (IMB_GET_NEXT_BURST(c->mgr, n, imb) != n)
		return false;
	for (unsigned i = 0; i < n; i++) {
		*imb[i] = c->cipher[i];
		imb[i]->cipher_mode = IMB_CIPHER_DES3;
		imb[i]->cipher_direction = direction;
		imb[i]->chain_order = IMB_ORDER_CIPHER_HASH;
		imb[i]->key_len_in_bytes = DES_KEYS_BYTES;
		imb[i]->iv_len_in_bytes = IMB_DES_BLOCK_SIZE;
		imb[i]->enc_keys = imb[i]->dec_keys = c->schedule[i].des.keys;
	}
	unsigned n_done = IMB_SUBMIT_BURST_NOCHECK(c->mgr, n, imb);
	for (unsigned more; (more = IMB_FLUSH_BURST(c->mgr, CRYPTO_BURST, imb)); n_done += more)
		;
	return n_done == n;
}

static bool run(struct crypto *c, unsigned n, enum cpu_cipher cipher,
		IMB_CIPHER_DIRECTION direction)
{
	if (n == 0)
		return true;
	bool done = cipher == CPU_3DES_CBC ? run_3des(c, n, direction)
					   : run_aes(c, n, cipher, direction);
	wipe(c->schedule, n * sizeof(c->schedule[0]));
	return done;
}

bool cpu_encrypt(struct crypto *c, enum cpu_cipher cipher, struct crypto_job *const job[],
		 unsigned n)
{
	static const uint8_t zero_iv[CPU_AES_BLOCK_BYTES];
	size_t iv_bytes = cipher == CPU_3DES_CBC ? IMB_DES_BLOCK_SIZE : CPU_AES_BLOCK_BYTES;
	unsigned n_ciphers = 0;
	for (unsigned i = 0; i < n; i++) {
		if (cpu_suite[job[i]->suite].cipher != cipher || job[i]->direction != CRYPTO_SIGN)
			continue;
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
	return run(c, n_ciphers, cipher, IMB_DIR_ENCRYPT);
}

bool cpu_decrypt(struct crypto *c, enum cpu_cipher cipher, struct crypto_job *const job[],
		 unsigned n)
{
	size_t iv_bytes = cipher == CPU_3DES_CBC ? IMB_DES_BLOCK_SIZE : CPU_AES_BLOCK_BYTES;
	unsigned n_ciphers = 0;
	for (unsigned i = 0; i < n; i++) {
		if (cpu_suite[job[i]->suite].cipher != cipher ||
		    job[i]->direction != CRYPTO_VERIFY || job[i]->status != CRYPTO_DONE)
			continue;
		if (!job[i]->cipher_bytes) /* without AVX-512 IPsec-MB runs away with none */
			continue;
		IMB_JOB *imb = &c->cipher[n_ciphers];
		expand(c, cipher, job[i]->key->cipher.key, &c->schedule[n_ciphers++]);
		imb->src = job[i]->esp;
		imb->iv = job[i]->esp + job[i]->cipher_start - iv_bytes;
		imb->dst = job[i]->esp + job[i]->cipher_start;
		imb->cipher_start_src_offset_in_bytes = job[i]->cipher_start;
		imb->msg_len_to_cipher_in_bytes = job[i]->cipher_bytes;
	}
	return run(c, n_ciphers, cipher, IMB_DIR_DECRYPT);
}
