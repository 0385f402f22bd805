/*
 * Milenage, the example algorithm set of TS 35.205 and 35.206 for f1 … f5*, on AES-128 of OpenSSL.
 *
 * A struct milenage is a workspace that holds OpenSSL's cipher context, so that no call allocates.
 * One thread at a time; nothing of a subscriber's stays in it after a call, only random numbers
 * that are nobody's yet. All functions return 0, or -EIO when OpenSSL fails; outputs are then
 * undefined.
 */
#ifndef CRYPTO_MILENAGE_H
#define CRYPTO_MILENAGE_H

#include <stdint.h>

/* TS 33.102 6.3.7, TS 35.205 5. */
#define MILENAGE_KEY_BYTES  16 /* K, OP, OPc, CK, IK */
#define MILENAGE_RAND_BYTES 16
#define MILENAGE_SQN_BYTES  6 /* also AK */
#define MILENAGE_AMF_BYTES  2
#define MILENAGE_MAC_BYTES  8
#define MILENAGE_RES_BYTES  8

struct milenage;

/* A subscriber's secrets, by reference: the store owns and wipes them. */
struct milenage_key {
	const uint8_t *k;   /* MILENAGE_KEY_BYTES */
	const uint8_t *opc; /* MILENAGE_KEY_BYTES */
};

/* What f2 … f5 make of one RAND. The owner wipes it. */
struct milenage_vector {
	uint8_t res[MILENAGE_RES_BYTES];
	uint8_t ck[MILENAGE_KEY_BYTES];
	uint8_t ik[MILENAGE_KEY_BYTES];
	uint8_t ak[MILENAGE_SQN_BYTES];
};

/* NULL: no memory, or OpenSSL without AES-128-ECB. */
struct milenage *milenage_new(void);
void milenage_free(struct milenage *m);

/*
 * A fresh RAND from the library's generator, which is asked for many at a time, as each time costs
 * microseconds. Not across fork(): both sides would go on with the same ones.
 */
int milenage_rand(struct milenage *m, uint8_t rand[static MILENAGE_RAND_BYTES]);

/* OPc = AES_K(OP) xor OP, TS 35.206 4.1. */
int milenage_opc(struct milenage *m, const uint8_t k[static MILENAGE_KEY_BYTES],
		 const uint8_t op[static MILENAGE_KEY_BYTES],
		 uint8_t opc[static MILENAGE_KEY_BYTES]);

/* f1: MAC-A, and f1*: MAC-S; both are halves of one block. Either output may be NULL. */
int milenage_f1(struct milenage *m, const struct milenage_key *key,
		const uint8_t rand[static MILENAGE_RAND_BYTES],
		const uint8_t sqn[static MILENAGE_SQN_BYTES],
		const uint8_t amf[static MILENAGE_AMF_BYTES], uint8_t *mac_a, uint8_t *mac_s);

/* f2, f3, f4 and f5. */
int milenage_f2345(struct milenage *m, const struct milenage_key *key,
		   const uint8_t rand[static MILENAGE_RAND_BYTES], struct milenage_vector *v);

/* f1 … f5 at once: all that an authentication vector is made of. */
int milenage_f12345(struct milenage *m, const struct milenage_key *key,
		    const uint8_t rand[static MILENAGE_RAND_BYTES],
		    const uint8_t sqn[static MILENAGE_SQN_BYTES],
		    const uint8_t amf[static MILENAGE_AMF_BYTES], struct milenage_vector *v,
		    uint8_t mac_a[static MILENAGE_MAC_BYTES]);

/* f5*: the AK that hides SQN_MS in AUTS. */
int milenage_f5_star(struct milenage *m, const struct milenage_key *key,
		     const uint8_t rand[static MILENAGE_RAND_BYTES],
		     uint8_t ak_star[static MILENAGE_SQN_BYTES]);

#endif
