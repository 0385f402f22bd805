#include "crypto/aka.h"

#include <errno.h>
#include <string.h>

#include "crypto/wipe.h"

enum {
	AUTN_AMF = AKA_SQN_BYTES,
	AUTN_MAC = AUTN_AMF + AKA_AMF_BYTES,
	AUTS_MAC = AKA_SQN_BYTES,
};

/* AMF* of AUTS, TS 33.102 6.3.3. */
static const uint8_t amf_star[AKA_AMF_BYTES] = { 0, 0 };

static void put_sqn(uint8_t out[static AKA_SQN_BYTES], uint64_t sqn)
{
	for (int i = AKA_SQN_BYTES - 1; i >= 0; i--, sqn >>= 8)
		out[i] = (uint8_t)sqn;
}

static uint64_t get_sqn(const uint8_t bytes[static AKA_SQN_BYTES])
{
	uint64_t sqn = 0;
	for (int i = 0; i < AKA_SQN_BYTES; i++)
		sqn = sqn << 8 | bytes[i];
	return sqn;
}

/* Hides and shows a sequence number. */
static void xor_ak(uint8_t out[static AKA_SQN_BYTES], const uint8_t sqn[static AKA_SQN_BYTES],
		   const uint8_t ak[static AKA_SQN_BYTES])
{
	for (int i = 0; i < AKA_SQN_BYTES; i++)
		out[i] = sqn[i] ^ ak[i];
}

bool aka_res_is_valid(size_t res_bytes)
{
	return res_bytes >= AKA_RES_MIN_BYTES && res_bytes <= AKA_RES_MAX_BYTES;
}

/* ---- HSS ---- */

int aka_next_sqn(uint64_t sqn, uint64_t *next)
{
	uint64_t seq = (sqn >> AKA_IND_BITS) + 1;
	if (seq > AKA_MAX_SEQ)
		return -EOVERFLOW;
	*next = seq << AKA_IND_BITS | ((sqn + 1) % AKA_N_INDS);
	return 0;
}

int aka_make_av(struct milenage *m, const struct milenage_key *key,
		const uint8_t rand[static AKA_RAND_BYTES], uint64_t sqn,
		const uint8_t amf[static AKA_AMF_BYTES], struct av *out)
{
	struct milenage_vector v;
	uint8_t sqn_bytes[AKA_SQN_BYTES];
	memset(out, 0, sizeof(*out));
	put_sqn(sqn_bytes, sqn);
	int rc = milenage_f12345(m, key, rand, sqn_bytes, amf, &v, out->autn + AUTN_MAC);
	if (rc == 0) {
		memcpy(out->rand, rand, AKA_RAND_BYTES);
		xor_ak(out->autn, sqn_bytes, v.ak);
		memcpy(out->autn + AUTN_AMF, amf, AKA_AMF_BYTES);
		memcpy(out->xres, v.res, MILENAGE_RES_BYTES);
		out->xres_bytes = MILENAGE_RES_BYTES;
		memcpy(out->ck, v.ck, AKA_KEY_BYTES);
		memcpy(out->ik, v.ik, AKA_KEY_BYTES);
	}
	wipe(&v, sizeof(v));
	return rc;
}

int aka_make_fresh_av(struct milenage *m, const struct milenage_key *key, uint64_t sqn,
		      const uint8_t amf[static AKA_AMF_BYTES], struct av *out)
{
	uint8_t rand[AKA_RAND_BYTES];
	int rc = milenage_rand(m, rand);
	return rc == 0 ? aka_make_av(m, key, rand, sqn, amf, out) : rc;
}

/* 33.102 C.2.2: would an ISIM whose highest number is sqn_ms take the one after sqn? */
static bool next_is_acceptable(uint64_t sqn, uint64_t sqn_ms)
{
	uint64_t seq = (sqn >> AKA_IND_BITS) + 1, seq_ms = sqn_ms >> AKA_IND_BITS;
	return seq > seq_ms && seq - seq_ms <= AKA_DELTA;
}

int aka_resync(struct milenage *m, const struct milenage_key *key,
	       const uint8_t rand[static AKA_RAND_BYTES], const uint8_t auts[static AKA_AUTS_BYTES],
	       uint64_t *sqn)
{
	uint8_t ak[AKA_SQN_BYTES], sqn_ms[AKA_SQN_BYTES], mac_s[MILENAGE_MAC_BYTES];
	int rc = milenage_f5_star(m, key, rand, ak);
	if (rc < 0)
		return rc;
	xor_ak(sqn_ms, auts, ak);
	wipe(ak, sizeof(ak));
	if (next_is_acceptable(*sqn, get_sqn(sqn_ms)))
		return 0;
	rc = milenage_f1(m, key, rand, sqn_ms, amf_star, NULL, mac_s);
	if (rc < 0)
		return rc;
	if (!secret_equal(mac_s, auts + AUTS_MAC, sizeof(mac_s)))
		return -EBADMSG;
	*sqn = get_sqn(sqn_ms);
	return 0;
}

/* ---- ISIM ---- */

/* The highest SQN that was accepted: SQN_MS. */
static uint64_t highest_sqn(const struct aka_isim *isim)
{
	uint64_t highest = 0;
	for (uint64_t ind = 0; ind < AKA_N_INDS; ind++) {
		if (isim->seq[ind] > highest >> AKA_IND_BITS)
			highest = isim->seq[ind] << AKA_IND_BITS | ind;
	}
	return highest;
}

/* 33.102 C.2.2, without the optional limit on the age. Takes SQN down when it is in range. */
static bool accept_sqn(struct aka_isim *isim, uint64_t sqn)
{
	uint64_t seq = sqn >> AKA_IND_BITS, seq_ms = highest_sqn(isim) >> AKA_IND_BITS;
	uint64_t *slot = &isim->seq[sqn % AKA_N_INDS];
	if (seq <= *slot || (seq > seq_ms && seq - seq_ms > AKA_DELTA))
		return false;
	*slot = seq;
	return true;
}

static int make_auts(struct milenage *m, const struct milenage_key *key, uint64_t sqn_ms,
		     const uint8_t rand[static AKA_RAND_BYTES], uint8_t auts[static AKA_AUTS_BYTES])
{
	uint8_t sqn_bytes[AKA_SQN_BYTES], ak[AKA_SQN_BYTES];
	put_sqn(sqn_bytes, sqn_ms);
	int rc = milenage_f5_star(m, key, rand, ak);
	if (rc == 0)
		rc = milenage_f1(m, key, rand, sqn_bytes, amf_star, NULL, auts + AUTS_MAC);
	if (rc == 0)
		xor_ak(auts, sqn_bytes, ak);
	wipe(ak, sizeof(ak));
	return rc;
}

int aka_check_challenge(struct milenage *m, const struct milenage_key *key, struct aka_isim *isim,
			const uint8_t rand[static AKA_RAND_BYTES],
			const uint8_t autn[static AKA_AUTN_BYTES], struct aka_answer *out)
{
	struct milenage_vector v;
	uint8_t sqn[AKA_SQN_BYTES], xmac[MILENAGE_MAC_BYTES];
	memset(out, 0, sizeof(*out));
	int rc = milenage_f2345(m, key, rand, &v);
	if (rc == 0) {
		xor_ak(sqn, autn, v.ak);
		rc = milenage_f1(m, key, rand, sqn, autn + AUTN_AMF, xmac, NULL);
	}
	if (rc < 0)
		goto wipe_vector;

	if (!secret_equal(xmac, autn + AUTN_MAC, sizeof(xmac))) {
		rc = -EBADMSG;
	} else if (!accept_sqn(isim, get_sqn(sqn))) {
		rc = make_auts(m, key, highest_sqn(isim), rand, out->auts);
		if (rc == 0)
			rc = -ERANGE;
	} else {
		memcpy(out->res, v.res, MILENAGE_RES_BYTES);
		out->res_bytes = MILENAGE_RES_BYTES;
		memcpy(out->ck, v.ck, AKA_KEY_BYTES);
		memcpy(out->ik, v.ik, AKA_KEY_BYTES);
	}
wipe_vector:
	wipe(&v, sizeof(v));
	return rc;
}
