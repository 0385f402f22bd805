#include "test/shim/test.h"

uint64_t test_rng_next(struct test_rng *rng)
{
	uint64_t z = rng->state += 0x9e3779b97f4a7c15;
	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

uint64_t test_rng_below(struct test_rng *rng, uint64_t limit)
{
	/* The bias of the remainder is below 2^-32 for the limits of a test. */
	return test_rng_next(rng) % limit;
}

void test_rng_fill(struct test_rng *rng, void *bytes, size_t n_bytes)
{
	uint8_t *to = bytes;
	for (size_t i = 0; i < n_bytes; i++)
		to[i] = (uint8_t)(test_rng_next(rng) >> 56);
}
