/*
 * The IV of CBC, the same whichever backend writes it. That of GCM and GMAC is
 * crypto_packet_number_be().
 */
#ifndef CRYPTO_IV_H
#define CRYPTO_IV_H

#include "crypto/job.h"

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/*
 * RFC 3602 3 wants an IV of CBC that nobody can predict: the encryption of a nonce under the
 * packet's own key is one (SP 800-38A appendix C). The packet's number never comes twice under an
 * SA; the random seed keeps apart those who share the key. The nonce is put where the IV belongs
 * and enciphered with the packet, as its first block after an IV of zeros: what comes out is the
 * IV, and the block after it has been chained to it. With blocks of 8 bytes (RFC 2451 3) number and
 * seed are one block.
 */
static inline void iv_put_nonce(const struct crypto_job *job, uint8_t *iv, size_t iv_bytes)
{
	uint64_t nonce = crypto_packet_number_be(job), seed = job->key->cipher.iv_seed;
	if (iv_bytes == sizeof(nonce))
		nonce ^= seed;
	else
		memcpy(iv + sizeof(nonce), &seed, sizeof(seed));
	memcpy(iv, &nonce, sizeof(nonce));
}

#endif
