/* SHA-1 of a block in each lane, RFC 3174. For hmac_x16.c and hmac_x8.c: see hmac_lanes_impl.h. */
#ifndef CRYPTO_HMAC_LANES_SHA1_H
#define CRYPTO_HMAC_LANES_SHA1_H

enum {
	SHA1_STATE = 5,
};

#define SHA1_ROUND(t, function, constant)                                                          \
	do {                                                                                       \
		vec w = word[(t)&15];                                                              \
		if ((t) >= 16) {                                                                   \
			w = parity(word[((t) + 13) & 15], word[((t) + 8) & 15],                    \
				   word[((t) + 2) & 15]);                                          \
			w = ROTATE(xor(w, word[(t)&15]), 1);                                       \
			word[(t)&15] = w;                                                          \
		}                                                                                  \
		vec sum = add(add(e, w), all(constant));                                           \
		sum = add(sum, function(b, c, d));                                                 \
		sum = add(sum, ROTATE(a, 5));                                                      \
		e = d;                                                                             \
		d = c;                                                                             \
		c = ROTATE(b, 30);                                                                 \
		b = a;                                                                             \
		a = sum;                                                                           \
	} while (0)

/* One block of each message; the words are used up. */
INLINE void sha1_block(vec state[SHA1_STATE], vec word[WORDS])
{
	vec a = state[0], b = state[1], c = state[2], d = state[3], e = state[4];
#pragma GCC unroll 20
	for (int t = 0; t < 20; t++)
		SHA1_ROUND(t, choose, 0x5a827999);
#pragma GCC unroll 20
	for (int t = 20; t < 40; t++)
		SHA1_ROUND(t, parity, 0x6ed9eba1);
#pragma GCC unroll 20
	for (int t = 40; t < 60; t++)
		SHA1_ROUND(t, majority, 0x8f1bbcdc);
#pragma GCC unroll 20
	for (int t = 60; t < 80; t++)
		SHA1_ROUND(t, parity, 0xca62c1d6);
	state[0] = add(state[0], a);
	state[1] = add(state[1], b);
	state[2] = add(state[2], c);
	state[3] = add(state[3], d);
	state[4] = add(state[4], e);
}

#endif
