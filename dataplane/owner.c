#include "dataplane/owner.h"

/*
 * What bit `c` of a word adds to the hash, the lowest bit being 0. Toeplitz takes for the i-th bit
 * on the wire, from the left, the 32 bits of the key that begin at i; of those the low 16 are one
 * turn of the pattern, and the last bit of a word (c = 0) finds the pattern turned right by one.
 */
static uint16_t of_bit(unsigned c)
{
	return (uint16_t)(OWNER_KEY >> (c + 1) | OWNER_KEY << (15 - c));
}

void owner_hash_init(struct owner_hash *hash)
{
	memset(hash, 0, sizeof(*hash));
	for (unsigned byte = 0; byte < 256; byte++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			if (!(byte >> bit & 1))
				continue;
			hash->of_byte[0][byte] ^= of_bit(8 + bit);
			hash->of_byte[1][byte] ^= of_bit(bit);
		}
	}
}

void owner_rss_key(uint8_t *key, uint32_t n_bytes)
{
	for (uint32_t i = 0; i < n_bytes; i++)
		key[i] = (uint8_t)(i % 2 ? OWNER_KEY : OWNER_KEY >> 8);
}

/* How many buckets a worker gets: the first ones one more when it does not come out even. */
static uint32_t share(uint32_t number, uint32_t n_buckets, uint32_t n_workers)
{
	if (number >= n_workers)
		return 0;
	return n_buckets / n_workers + (number < n_buckets % n_workers);
}

void owner_balance(uint8_t *worker, uint32_t n_buckets, uint32_t n_workers)
{
	uint32_t has[OWNER_WORKERS_MAX] = { 0 };
	uint32_t taker = 0;
	for (uint32_t b = 0; b < n_buckets; b++)
		has[worker[b]]++;
	for (uint32_t b = 0; b < n_buckets; b++) {
		if (has[worker[b]] <= share(worker[b], n_buckets, n_workers))
			continue;
		while (has[taker] >= share(taker, n_buckets, n_workers))
			taker++;
		has[worker[b]]--;
		has[taker]++;
		worker[b] = (uint8_t)taker;
	}
}
