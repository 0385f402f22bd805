/*
 * GCM (RFC 4106) and GMAC (RFC 4543): the nonce is salt ‖ IV, and the IV is the packet's number.
 */
#include "crypto/cpu.h"

#include <string.h>

#include "crypto/wipe.h"

enum {
	SALT_BYTES = 4,
	IV_BYTES = 8,
	HEADER_BYTES = 8,
	AES128_KEY_BYTES = 16,
	AES256_KEY_BYTES = 32,
};

static bool has_key_of_256(const struct crypto_job *job)
{
	return job->suite == CRYPTO_AES256_GCM || job->suite == CRYPTO_AES256_GMAC;
}

static bool is_gmac(const struct crypto_job *job)
{
	return job->suite == CRYPTO_AES_GMAC || job->suite == CRYPTO_AES256_GMAC;
}

/* SPI, sequence number; with an extended one its upper half between them. Returns the bytes. */
static size_t put_header(const struct crypto_job *job, uint8_t *out)
{
	if (!job->esn) {
		memcpy(out, job->esp, HEADER_BYTES);
		return HEADER_BYTES;
	}
	uint32_t high_be = __builtin_bswap32(job->sequence_high);
	memcpy(out, job->esp, 4);
	memcpy(out + 4, &high_be, sizeof(high_be));
	memcpy(out + 8, job->esp + 4, 4);
	return HEADER_BYTES + CPU_SEQUENCE_BYTES;
}

static void run_gcm(struct crypto *c, const struct crypto_job *job, const uint8_t *nonce,
		    uint8_t *tag)
{
	uint8_t aad[HEADER_BYTES + CPU_SEQUENCE_BYTES], *text = job->esp + job->cipher_start;
	struct gcm_context_data context;
	size_t aad_bytes = put_header(job, aad);
	aes_gcm_enc_dec_t crypt;
	if (job->direction == CRYPTO_SIGN)
		crypt = has_key_of_256(job) ? c->mgr->gcm256_enc : c->mgr->gcm128_enc;
	else
		crypt = has_key_of_256(job) ? c->mgr->gcm256_dec : c->mgr->gcm128_dec;
	crypt(&c->gcm, &context, text, text, job->cipher_bytes, nonce, aad, aad_bytes, tag,
	      CRYPTO_ICV_BYTES);
	wipe(&context, sizeof(context));
}

/* RFC 4543 3.3: everything from the SPI to the next header is AAD, the IV too. */
static void run_gmac(struct crypto *c, const struct crypto_job *job, const uint8_t *nonce,
		     uint8_t *tag)
{
	uint8_t header[HEADER_BYTES + CPU_SEQUENCE_BYTES];
	struct gcm_context_data context;
	size_t header_bytes = put_header(job, header);
	const uint8_t *rest = job->esp + HEADER_BYTES;
	size_t rest_bytes = job->auth_bytes - HEADER_BYTES;
	if (has_key_of_256(job)) {
		IMB_AES256_GMAC_INIT(c->mgr, &c->gcm, &context, nonce, SALT_BYTES + IV_BYTES);
		IMB_AES256_GMAC_UPDATE(c->mgr, &c->gcm, &context, header, header_bytes);
		IMB_AES256_GMAC_UPDATE(c->mgr, &c->gcm, &context, rest, rest_bytes);
		IMB_AES256_GMAC_FINALIZE(c->mgr, &c->gcm, &context, tag, CRYPTO_ICV_BYTES);
	} else {
		IMB_AES128_GMAC_INIT(c->mgr, &c->gcm, &context, nonce, SALT_BYTES + IV_BYTES);
		IMB_AES128_GMAC_UPDATE(c->mgr, &c->gcm, &context, header, header_bytes);
		IMB_AES128_GMAC_UPDATE(c->mgr, &c->gcm, &context, rest, rest_bytes);
		IMB_AES128_GMAC_FINALIZE(c->mgr, &c->gcm, &context, tag, CRYPTO_ICV_BYTES);
	}
	wipe(&context, sizeof(context));
}

static void run(struct crypto *c, struct crypto_job *job, uint8_t *tag)
{
	uint8_t nonce[SALT_BYTES + IV_BYTES], *iv = job->esp + HEADER_BYTES;
	bool sign = job->direction == CRYPTO_SIGN;
	if (has_key_of_256(job))
		IMB_AES256_GCM_PRE(c->mgr, job->key->auth.aead.key, &c->gcm);
	else
		IMB_AES128_GCM_PRE(c->mgr, job->key->auth.aead.key, &c->gcm);
	if (sign) {
		uint64_t number_be = cpu_packet_number_be(job);
		memcpy(iv, &number_be, IV_BYTES);
	}
	memcpy(nonce, job->key->auth.aead.salt, SALT_BYTES);
	memcpy(nonce + SALT_BYTES, iv, IV_BYTES);
	if (is_gmac(job))
		run_gmac(c, job, nonce, tag);
	else
		run_gcm(c, job, nonce, tag);
	uint8_t *icv = job->esp + job->auth_bytes;
	if (sign)
		memcpy(icv, tag, CRYPTO_ICV_BYTES);
	job->status =
		sign || cpu_icv_equal(tag, icv, CRYPTO_ICV_BYTES) ? CRYPTO_DONE : CRYPTO_BAD_ICV;
}

void cpu_run_aead(struct crypto *c, struct crypto_job *const job[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		run(c, job[i], c->tag[i]);
	wipe(&c->gcm, sizeof(c->gcm));
}

void cpu_aead_key(struct crypto *c, const uint8_t *key, size_t key_bytes, const uint8_t *salt,
		  union crypto_auth_key *auth)
{
	(void)c;
	memcpy(auth->aead.key, key, key_bytes);
	memcpy(auth->aead.salt, salt, SALT_BYTES);
}
