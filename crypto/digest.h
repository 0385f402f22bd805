/*
 * HTTP Digest with AKA: RFC 2617 3.2.2, RFC 3310 (AKAv1-MD5), RFC 4169 (AKAv2-MD5), as UE and
 * S-CSCF both compute it. Passwords are bytes with a length: a RES with zero bytes is legal.
 * Any thread.
 */
#ifndef CRYPTO_DIGEST_H
#define CRYPTO_DIGEST_H

#include "crypto/aka.h"

#include <stddef.h>
#include <stdint.h>

#define DIGEST_RESPONSE_SIZE     33 /* 32 hex digits and the NUL */
#define DIGEST_PASSWORD_BYTES    24 /* AKAv2: base64 of 16 bytes; AKAv1: at most 16 */
#define DIGEST_AUTS_SIZE         21 /* base64 of 14 bytes and the NUL */
#define DIGEST_SERVER_DATA_BYTES 64
/* base64 of RAND ‖ AUTN ‖ server data, and the NUL; 45 without server data */
#define DIGEST_NONCE_SIZE                                                                          \
	((AKA_RAND_BYTES + AKA_AUTN_BYTES + DIGEST_SERVER_DATA_BYTES + 2) / 3 * 4 + 1)

enum digest_algorithm {
	DIGEST_AKAV1_MD5,
	DIGEST_AKAV2_MD5,
	DIGEST_N_ALGORITHMS,
};
extern const char *const digest_algorithm_name[DIGEST_N_ALGORITHMS];

/* By name, a token without case. Returns the enum's value or -ENOENT. */
int digest_find_algorithm(const char *name);

enum digest_qop {
	DIGEST_QOP_NONE, /* the formula of RFC 2069 */
	DIGEST_QOP_AUTH,
	DIGEST_QOP_AUTH_INT, /* covers the body too */
};

/* The header's parameters as they are in the message, quotes taken off. */
struct digest_input {
	const char *username;
	const char *realm;
	const char *nonce;
	const char *method;
	const char *uri;
	enum digest_qop qop;
	const char *nc;     /* with qop; 8 hex digits as sent */
	const char *cnonce; /* with qop */
	const void *body;   /* with DIGEST_QOP_AUTH_INT */
	size_t body_bytes;
};

/*
 * The password that a successful AKA yields. AKAv1: RES itself; AKAv2: RFC 4169 2.2. Returns its
 * length, -EINVAL for a RES of illegal length, or -EIO. The owner wipes it. The password of a
 * message with auts is empty (RFC 3310 3.4): none is computed.
 */
int digest_password(enum digest_algorithm algorithm, const uint8_t *res, size_t res_bytes,
		    const uint8_t ik[static AKA_KEY_BYTES], const uint8_t ck[static AKA_KEY_BYTES],
		    uint8_t out[static DIGEST_PASSWORD_BYTES]);

/*
 * IK′ and CK′ of AKAv2, for what uses the keys beside the password: RFC 4169 2.2. Each pair may be
 * the same place. Returns 0 or -EIO; the owner wipes them.
 */
int digest_derive_keys(const uint8_t ik[static AKA_KEY_BYTES],
		       const uint8_t ck[static AKA_KEY_BYTES],
		       uint8_t derived_ik[static AKA_KEY_BYTES],
		       uint8_t derived_ck[static AKA_KEY_BYTES]);

/* The response parameter, lower-case hex. The same for AKAv1 and AKAv2. Returns 0 or -EIO. */
int digest_response(const struct digest_input *in, const uint8_t *password, size_t password_bytes,
		    char out[static DIGEST_RESPONSE_SIZE]);

/*
 * base64(RAND ‖ AUTN ‖ server data), RFC 3310 3.2; server data makes a nonce unique and may be
 * absent. Returns the length without the NUL, or -EMSGSIZE for too much of it.
 */
int digest_encode_nonce(const uint8_t rand[static AKA_RAND_BYTES],
			const uint8_t autn[static AKA_AUTN_BYTES], const void *server_data,
			size_t server_data_bytes, char out[static DIGEST_NONCE_SIZE]);

/*
 * The reverse; server data is passed over. -EINVAL: not canonical base64, shorter than RAND ‖ AUTN,
 * or longer than DIGEST_NONCE_SIZE allows; the outputs are untouched then.
 */
int digest_decode_nonce(const char *nonce, uint8_t rand[static AKA_RAND_BYTES],
			uint8_t autn[static AKA_AUTN_BYTES]);

/* The auts parameter, RFC 3310 3.4. Decoding returns 0 or -EINVAL, `auts` being untouched then. */
void digest_encode_auts(const uint8_t auts[static AKA_AUTS_BYTES],
			char out[static DIGEST_AUTS_SIZE]);
int digest_decode_auts(const char *base64, uint8_t auts[static AKA_AUTS_BYTES]);

#endif
