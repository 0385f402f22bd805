/*
 * The two things that secrets need: to be gone when they die, and to be compared without telling
 * how far they agree. Any thread.
 */
#ifndef CRYPTO_WIPE_H
#define CRYPTO_WIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Overwrites with zeros; the compiler may not drop it, though nobody reads the zeros. */
static inline void wipe(void *secret, size_t n_bytes)
{
	explicit_bzero(secret, n_bytes);
}

/* Whether n bytes are the same, in a time that depends on n alone. */
static inline bool secret_equal(const void *a, const void *b, size_t n_bytes)
{
	const uint8_t *left = a, *right = b;
	uint8_t difference = 0;

	for (size_t i = 0; i < n_bytes; i++) {
		difference |= left[i] ^ right[i];
		/* Keeps the compiler from seeing that a byte once different stays so. */
		__asm__("" : "+r"(difference));
	}
	return difference == 0;
}

#endif
