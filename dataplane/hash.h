/*
 * Keyed hashing of what strangers choose, for tables whose places they must not be able to aim at.
 * The secrets are random numbers of the table's own.
 */
#ifndef DATAPLANE_HASH_H
#define DATAPLANE_HASH_H

#include <stdint.h>
#include <string.h>

/* Both halves of the product. */
static inline uint64_t hash_mix(uint64_t a, uint64_t b)
{
	unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

#define HASH_GOLDEN_RATIO UINT64_C(0x9e3779b97f4a7c15)

/*
 * Of an IPv4 address (8 bytes are read), or an IPv6 network as a UE gets it, a /64 (RFC 6459 5.2).
 * The second time makes up for secrets of which the first product has few bits.
 */
static inline uint64_t hash_source(const uint64_t secret[static 2], uint32_t family, uint32_t zone,
				   const uint8_t *address)
{
	uint64_t prefix, where = (uint64_t)family << 8 | zone;
	memcpy(&prefix, address, sizeof(prefix));
	return hash_mix(hash_mix(prefix ^ secret[0], where ^ secret[1]) ^ secret[0],
			HASH_GOLDEN_RATIO);
}

#endif
