/* MD5 of a block in each lane, RFC 1321. For hmac_x16.c and hmac_x8.c: see hmac_lanes_impl.h. */
#ifndef CRYPTO_HMAC_LANES_MD5_H
#define CRYPTO_HMAC_LANES_MD5_H

#include <stdint.h>

enum {
	MD5_STATE = 4,
};

/* RFC 1321 3.4: floor(2^32 · |sin(i + 1)|) */
static const uint32_t md5_sine[64] = {
	0xd76aa478, 0xe8c7b756, 0x242070db, 0xc1bdceee, 0xf57c0faf, 0x4787c62a, 0xa8304613,
	0xfd469501, 0x698098d8, 0x8b44f7af, 0xffff5bb1, 0x895cd7be, 0x6b901122, 0xfd987193,
	0xa679438e, 0x49b40821, 0xf61e2562, 0xc040b340, 0x265e5a51, 0xe9b6c7aa, 0xd62f105d,
	0x02441453, 0xd8a1e681, 0xe7d3fbc8, 0x21e1cde6, 0xc33707d6, 0xf4d50d87, 0x455a14ed,
	0xa9e3e905, 0xfcefa3f8, 0x676f02d9, 0x8d2a4c8a, 0xfffa3942, 0x8771f681, 0x6d9d6122,
	0xfde5380c, 0xa4beea44, 0x4bdecfa9, 0xf6bb4b60, 0xbebfbc70, 0x289b7ec6, 0xeaa127fa,
	0xd4ef3085, 0x04881d05, 0xd9d4d039, 0xe6db99e5, 0x1fa27cf8, 0xc4ac5665, 0xf4292244,
	0x432aff97, 0xab9423a7, 0xfc93a039, 0x655b59c3, 0x8f0ccc92, 0xffeff47d, 0x85845dd1,
	0x6fa87e4f, 0xfe2ce6e0, 0xa3014314, 0x4e0811a1, 0xf7537e82, 0xbd3af235, 0x2ad7d2bb,
	0xeb86d391
};

/* RFC 1321 3.4: F and G choose, by b and by d; H is the parity. */
#define MD5_F(b, c, d) choose(b, c, d)
#define MD5_G(b, c, d) choose(d, b, c)

/* A step waits for the one before it, so groups take turns. */
#define MD5_STEP(i, k, shift, function)                                                            \
	do {                                                                                       \
		_Pragma("GCC unroll 2") for (int g = 0; g < GROUPS; g++)                           \
		{                                                                                  \
			vec sum = add(add(a[g], word[g][(k)&15]), all(md5_sine[i]));               \
			sum = add(sum, function(b[g], c[g], d[g]));                                \
			a[g] = d[g];                                                               \
			d[g] = c[g];                                                               \
			c[g] = b[g];                                                               \
			b[g] = add(b[g], ROTATE(sum, shift));                                      \
		}                                                                                  \
	} while (0)

INLINE void md5_block(vec state[GROUPS][MD5_STATE], vec word[GROUPS][WORDS])
{
	vec a[GROUPS], b[GROUPS], c[GROUPS], d[GROUPS];
	for (int g = 0; g < GROUPS; g++) {
		a[g] = state[g][0];
		b[g] = state[g][1];
		c[g] = state[g][2];
		d[g] = state[g][3];
	}
#pragma GCC unroll 4
	for (int i = 0; i < 16; i += 4) {
		MD5_STEP(i, i, 7, MD5_F);
		MD5_STEP(i + 1, i + 1, 12, MD5_F);
		MD5_STEP(i + 2, i + 2, 17, MD5_F);
		MD5_STEP(i + 3, i + 3, 22, MD5_F);
	}
#pragma GCC unroll 4
	for (int i = 16; i < 32; i += 4) {
		MD5_STEP(i, 5 * i + 1, 5, MD5_G);
		MD5_STEP(i + 1, 5 * i + 6, 9, MD5_G);
		MD5_STEP(i + 2, 5 * i + 11, 14, MD5_G);
		MD5_STEP(i + 3, 5 * i + 16, 20, MD5_G);
	}
#pragma GCC unroll 4
	for (int i = 32; i < 48; i += 4) {
		MD5_STEP(i, 3 * i + 5, 4, parity);
		MD5_STEP(i + 1, 3 * i + 8, 11, parity);
		MD5_STEP(i + 2, 3 * i + 11, 16, parity);
		MD5_STEP(i + 3, 3 * i + 14, 23, parity);
	}
#pragma GCC unroll 4
	for (int i = 48; i < 64; i += 4) {
		MD5_STEP(i, 7 * i, 6, md5_i);
		MD5_STEP(i + 1, 7 * i + 7, 10, md5_i);
		MD5_STEP(i + 2, 7 * i + 14, 15, md5_i);
		MD5_STEP(i + 3, 7 * i + 21, 21, md5_i);
	}
	for (int g = 0; g < GROUPS; g++) {
		state[g][0] = add(state[g][0], a[g]);
		state[g][1] = add(state[g][1], b[g]);
		state[g][2] = add(state[g][2], c[g]);
		state[g][3] = add(state[g][3], d[g]);
	}
}

#endif
