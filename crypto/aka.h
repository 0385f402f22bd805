/*
 * Authentication and key agreement, TS 33.102 6.3, as the HSS and as the ISIM see it; the sequence
 * numbers are those of 33.102 Annex C.1.1.1 and C.2: SQN = SEQ ‖ IND, the ISIM keeping the highest
 * SEQ for each IND.
 *
 * Nothing is kept here: the HSS stores its SQN before it lets a vector out (C-138), the ISIM its
 * array after each call. One thread at a time per struct milenage. Who holds a struct av or
 * aka_answer wipes it.
 */
#ifndef CRYPTO_AKA_H
#define CRYPTO_AKA_H

#include "crypto/milenage.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* TS 33.102 6.3.7. */
#define AKA_RAND_BYTES    MILENAGE_RAND_BYTES
#define AKA_KEY_BYTES     MILENAGE_KEY_BYTES
#define AKA_SQN_BYTES     MILENAGE_SQN_BYTES
#define AKA_AMF_BYTES     MILENAGE_AMF_BYTES
#define AKA_AUTN_BYTES    16 /* SQN xor AK ‖ AMF ‖ MAC */
#define AKA_AUTS_BYTES    14 /* SQN_MS xor AK* ‖ MAC-S */
#define AKA_RES_MIN_BYTES 4
#define AKA_RES_MAX_BYTES 16

#define AKA_SQN_BITS 48
#define AKA_IND_BITS 5 /* 33.102 C.3.2: an array of 32 */
#define AKA_N_INDS   (1u << AKA_IND_BITS)
#define AKA_MAX_SEQ  ((UINT64_C(1) << (AKA_SQN_BITS - AKA_IND_BITS)) - 1)
/* 33.102 C.3.2: an SEQ may run ahead of the highest one known by so many. */
#define AKA_DELTA (UINT64_C(1) << 28)

/* One authentication vector. */
struct av {
	uint8_t rand[AKA_RAND_BYTES];
	uint8_t autn[AKA_AUTN_BYTES];
	uint8_t xres[AKA_RES_MAX_BYTES];
	uint8_t ck[AKA_KEY_BYTES];
	uint8_t ik[AKA_KEY_BYTES];
	uint8_t xres_bytes;
};

/* What the ISIM remembers. All zero when new. SEQ_MS is the highest of them. */
struct aka_isim {
	uint64_t seq[AKA_N_INDS];
};

/* What the ISIM answers. */
struct aka_answer {
	uint8_t res[AKA_RES_MAX_BYTES];
	uint8_t ck[AKA_KEY_BYTES];
	uint8_t ik[AKA_KEY_BYTES];
	uint8_t auts[AKA_AUTS_BYTES];
	uint8_t res_bytes;
};

/* Whether a RES or XRES from outside has a legal length: 32 … 128 bits in whole bytes. */
bool aka_res_is_valid(size_t res_bytes);

/*
 * HSS: the SQN for the next vector, given the last one used: SEQ and IND one higher, IND cyclic
 * (33.102 C.3.2). Returns 0, or -EOVERFLOW when the subscriber's numbers are used up.
 */
int aka_next_sqn(uint64_t sqn, uint64_t *next);

/* HSS: the vector for a given RAND and SQN. Returns 0 or -EIO. */
int aka_make_av(struct milenage *m, const struct milenage_key *key,
		const uint8_t rand[static AKA_RAND_BYTES], uint64_t sqn,
		const uint8_t amf[static AKA_AMF_BYTES], struct av *out);

/* HSS: the same with a fresh RAND from the library's generator (C-139). */
int aka_make_fresh_av(struct milenage *m, const struct milenage_key *key, uint64_t sqn,
		      const uint8_t amf[static AKA_AMF_BYTES], struct av *out);

/*
 * HSS: re-synchronisation, 33.102 6.3.5. *sqn is the last SQN used and stays as it is when the ISIM
 * would take the next one anyway; else it becomes SQN_MS, if AUTS is genuine. `rand` is the RAND of
 * the challenge that was answered. Returns 0: go on with new vectors; -EBADMSG: AUTS is forged,
 * *sqn is unchanged; -EIO.
 */
int aka_resync(struct milenage *m, const struct milenage_key *key,
	       const uint8_t rand[static AKA_RAND_BYTES], const uint8_t auts[static AKA_AUTS_BYTES],
	       uint64_t *sqn);

/*
 * ISIM: checks a challenge, 33.102 6.3.3. Returns
 * 0: genuine and fresh; res, ck and ik are filled, the array is moved on;
 * -EBADMSG: MAC is wrong, *out is zero;
 * -ERANGE: genuine, but SQN is out of range: auts is filled and nothing else;
 * -EIO.
 */
int aka_check_challenge(struct milenage *m, const struct milenage_key *key, struct aka_isim *isim,
			const uint8_t rand[static AKA_RAND_BYTES],
			const uint8_t autn[static AKA_AUTN_BYTES], struct aka_answer *out);

#endif
