/*
 * GCM (RFC 4106) and GMAC (RFC 4543): the nonce is salt ‖ IV, and the IV is the packet's number.
 *
 * Where the CPU can, eight packets at a time (gcm_lanes.h), which checks the ICV before it
 * deciphers; else, and for a few long packets, through IPsec-MB, which prepares its tables anew for
 * each.
 */
#include "crypto/cpu.h"

#include <emmintrin.h>
#include <string.h>

#include "crypto/gcm_lanes.h"
#include "crypto/wipe.h"

enum {
	SALT_BYTES = 4,
	IV_BYTES = 8,
	HEADER_BYTES = 8,
	AES128_KEY_BYTES = 16,
	AES256_KEY_BYTES = 32,
	BLOCK_BYTES = 16,
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

static void run_gcm(struct crypto *c, const struct crypto_job *job, enum crypto_direction direction,
		    const uint8_t *nonce, uint8_t *tag)
{
	uint8_t aad[HEADER_BYTES + CPU_SEQUENCE_BYTES], *text = job->esp + job->cipher_start;
	struct gcm_context_data context;
	size_t aad_bytes = put_header(job, aad);
	aes_gcm_enc_dec_t crypt;
	if (direction == CRYPTO_SIGN)
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

static void put_iv(const struct crypto_job *job)
{
	uint64_t number_be = crypto_packet_number_be(job);
	memcpy(job->esp + HEADER_BYTES, &number_be, IV_BYTES);
}

static void finish(struct crypto_job *job, const uint8_t *tag)
{
	uint8_t *icv = job->esp + job->auth_bytes;
	bool sign = job->direction == CRYPTO_SIGN;
	if (sign)
		memcpy(icv, tag, CRYPTO_ICV_BYTES);
	job->status =
		sign || cpu_icv_equal(tag, icv, CRYPTO_ICV_BYTES) ? CRYPTO_DONE : CRYPTO_BAD_ICV;
}

/* ---- one at a time ---- */

static void run_one(struct crypto *c, struct crypto_job *job, uint8_t *tag)
{
	uint8_t nonce[SALT_BYTES + IV_BYTES];
	if (has_key_of_256(job))
		IMB_AES256_GCM_PRE(c->mgr, job->key->auth.aead.key, &c->gcm);
	else
		IMB_AES128_GCM_PRE(c->mgr, job->key->auth.aead.key, &c->gcm);
	memcpy(nonce, job->key->auth.aead.salt, SALT_BYTES);
	memcpy(nonce + SALT_BYTES, job->esp + HEADER_BYTES, IV_BYTES);
	if (is_gmac(job))
		run_gmac(c, job, nonce, tag);
	else
		run_gcm(c, job, (enum crypto_direction)job->direction, nonce, tag);
	finish(job, tag);
	/* It was deciphered on the way: enciphered again it is as it came. */
	if (job->status == CRYPTO_BAD_ICV && !is_gmac(job))
		run_gcm(c, job, CRYPTO_SIGN, nonce, tag);
}

static void run_singly(struct crypto *c, struct crypto_job *const job[], unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		run_one(c, job[i], c->tag[i]);
	wipe(&c->gcm, sizeof(c->gcm));
}

/* ---- eight at a time ---- */

static uint64_t load64(const void *from)
{
	uint64_t word;
	memcpy(&word, from, sizeof(word));
	return word;
}

/* In one store: the lanes load it whole, and would wait for two. */
static void put_block(uint8_t *block, uint64_t low, uint64_t high)
{
	_mm_store_si128((void *)block, _mm_set_epi64x((long long)high, (long long)low));
}

static void fill_lane(struct gcm_lane *lane, const struct crypto_job *job)
{
	const union crypto_auth_key *auth = &job->key->auth;
	uint64_t header = load64(job->esp), iv = load64(job->esp + HEADER_BYTES), more = 0;
	uint32_t salt, aad_bytes = HEADER_BYTES;
	memcpy(&salt, auth->aead.salt, SALT_BYTES);
	put_block(lane->counter, salt | iv << 32, iv >> 32 | UINT64_C(1) << 56);
	lane->key = auth->aead.key;
	lane->hash_key = auth->aead.hash_key;
	lane->text = job->esp + job->cipher_start;
	if (job->esn) { /* SPI, upper half, lower half */
		more = header >> 32;
		header = (uint32_t)header | (uint64_t)__builtin_bswap32(job->sequence_high) << 32;
		aad_bytes += CPU_SEQUENCE_BYTES;
	}
	lane->data = lane->text;
	lane->n_bytes = lane->text_bytes = job->cipher_bytes;
	if (is_gmac(job)) { /* the block goes on with what follows the header */
		more |= job->esn ? iv << 32 : iv;
		lane->data = job->esp + BLOCK_BYTES - (aad_bytes - HEADER_BYTES);
		aad_bytes += job->auth_bytes - HEADER_BYTES;
		lane->n_bytes = aad_bytes - BLOCK_BYTES;
		lane->text_bytes = 0;
	}
	put_block(lane->first, header, more);
	put_block(lane->lengths_be, __builtin_bswap64(8 * (uint64_t)aad_bytes),
		  __builtin_bswap64(8 * (uint64_t)lane->text_bytes));
}

/* 1 … 8 jobs of one key size and direction. */
static void run_eight(struct crypto *c, struct crypto_job *const job[], unsigned n)
{
	struct gcm_lane *lane = c->lane;
	bool sign = job[0]->direction == CRYPTO_SIGN;
	for (unsigned i = 0; i < n; i++)
		fill_lane(&lane[i], job[i]);
	c->gcm_lanes->fill_up(lane, n);
	c->gcm_lanes->expand(lane, n, has_key_of_256(job[0]) ? AES256_KEY_BYTES : AES128_KEY_BYTES,
			     &c->gcm_schedule);
	if (sign)
		c->gcm_lanes->cipher(lane, n, &c->gcm_schedule);
	c->gcm_lanes->tag(lane, n, &c->gcm_schedule);
	for (unsigned i = 0; i < n; i++) {
		finish(job[i], lane[i].tag);
		if (job[i]->status != CRYPTO_DONE)
			lane[i].text_bytes = 0;
	}
	c->gcm_lanes->fill_up(lane, n); /* copies of a bad one are not to be deciphered either */
	if (!sign)
		c->gcm_lanes->cipher(lane, n, &c->gcm_schedule);
}

/*
 * Whether so few packets of this length are done sooner one at a time: a block costs 35 cycles in
 * however many lanes, against 4 with IPsec-MB, whose tables cost 300 a packet.
 */
static bool is_thin(const struct crypto_job *longest, unsigned n)
{
	return longest->auth_bytes / 16u > 8 * n * n;
}

/* What has to be the same for all of run_eight(), and then the length, so that they end together.
 */
static uint32_t order_of(const struct crypto_job *job)
{
	return (uint32_t)has_key_of_256(job) << 17 | (uint32_t)job->direction << 16 |
	       job->auth_bytes;
}

enum { CLASS_SHIFT = 16 };

/* By insertion: in a burst of one kind and size nothing moves. */
static void sort(struct crypto_job *sorted[], struct crypto_job *const job[], unsigned n)
{
	uint32_t order[CRYPTO_BURST];
	for (unsigned i = 0; i < n; i++) {
		uint32_t own = order_of(job[i]);
		unsigned at = i;
		for (; at && order[at - 1] > own; at--) {
			order[at] = order[at - 1];
			sorted[at] = sorted[at - 1];
		}
		order[at] = own;
		sorted[at] = job[i];
	}
}

static void run_lanes(struct crypto *c, struct crypto_job *const job[], unsigned n)
{
	struct crypto_job *sorted[CRYPTO_BURST];
	sort(sorted, job, n);
	for (unsigned i = 0, some; i < n; i += some) {
		uint32_t class = order_of(sorted[i]) >> CLASS_SHIFT;
		for (some = 1; some < GCM_LANES && i + some < n; some++) {
			if (order_of(sorted[i + some]) >> CLASS_SHIFT != class)
				break;
		}
		if (is_thin(sorted[i + some - 1], some))
			run_singly(c, sorted + i, some);
		else
			run_eight(c, sorted + i, some);
	}
	c->gcm_lanes->forget();
	wipe(&c->gcm_schedule, sizeof(c->gcm_schedule));
}

void cpu_run_aead(struct crypto *c, struct crypto_job *const job[], unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (job[i]->direction == CRYPTO_SIGN)
			put_iv(job[i]);
	}
	if (c->gcm_lanes) {
		run_lanes(c, job, n);
		return;
	}
	run_singly(c, job, n);
}

void cpu_aead_key(struct crypto *c, const uint8_t *key, size_t key_bytes, const uint8_t *salt,
		  union crypto_auth_key *auth)
{
	memcpy(auth->aead.key, key, key_bytes);
	memcpy(auth->aead.salt, salt, SALT_BYTES);
	if (c->gcm_lanes) {
		c->lane[0].key = key;
		c->gcm_lanes->fill_up(c->lane, 1);
		c->gcm_lanes->expand(c->lane, 1, key_bytes, &c->gcm_schedule);
		c->gcm_lanes->hash_key(&c->gcm_schedule, auth->aead.hash_key);
		c->gcm_lanes->forget();
		wipe(&c->gcm_schedule, sizeof(c->gcm_schedule));
	}
}
