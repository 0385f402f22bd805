/*
 * Which worker owns a packet: one function of the pair of addresses in its outer IP header, the
 * same for both directions, for fragments, and for a NIC's RSS.
 *
 *     addresses → hash → bucket → worker
 *
 * The hash is Toeplitz with a key that repeats every 16 bits, over source and destination. With
 * such a key every 16-bit word of the addresses counts alike wherever it stands, so an address pair
 * and its reverse hash alike, and the whole is two table look-ups on the XOR of all words. A NIC
 * that is given OWNER_RSS_KEY, hashes IP addresses alone and spreads by the low bits of the hash
 * agrees with it. Ports are no part of it: fragments have none.
 *
 * An SA is touched only after a packet's outer addresses were found to be the SA's own, so whoever
 * owns the pair is the one owner of the SA's `run` line. The zone is no part of the function,
 * because no NIC knows it; equal addresses in two zones merely share a worker.
 */
#ifndef DATAPLANE_OWNER_H
#define DATAPLANE_OWNER_H

#include <stdint.h>
#include <string.h>

#define OWNER_WORKERS_MAX 64
/* As many as the larger redirection tables of NICs have; eight for each of 64 workers. */
#define OWNER_BUCKETS_MAX 512

/*
 * The 16 bits that repeat. An odd number of ones makes the hash of a word one-to-one; and of all
 * such patterns this one keeps runs of addresses apart best: 2^k addresses in a row fall into 2^k
 * buckets out of 2^k, for every k up to nine (owner_test.c).
 */
#define OWNER_KEY 0x0827
/* 40 bytes are what Toeplitz over two IPv6 addresses and two ports takes; some devices want 52. */
#define OWNER_RSS_KEY_MAX 64

/* Filled once by owner_hash_init(), read-only afterwards. */
struct owner_hash {
	uint16_t of_byte[2][256]; /* of the first and second byte of a word on the wire */
};

/* What is being done about buckets on the move: see steer.h. */
enum owner_phase {
	OWNER_STEADY, /* none is */
	OWNER_HOLDING,
	OWNER_DRAINING,
};

/* From a bucket to its worker. Published whole and never changed. */
struct owner_map {
	uint32_t generation; /* grows with each map that is published */
	uint8_t phase;       /* enum owner_phase */
	uint16_t bucket_mask;
	uint8_t worker[OWNER_BUCKETS_MAX]; /* OWNER_MOVING: on its way to this worker */
};

#define OWNER_MOVING 0x80 /* beside a worker's number */
_Static_assert(OWNER_WORKERS_MAX <= OWNER_MOVING, "the flag is no part of a number");

void owner_hash_init(struct owner_hash *hash);
/* n_bytes ≤ OWNER_RSS_KEY_MAX of the same key, for a NIC. */
void owner_rss_key(uint8_t *key, uint32_t n_bytes);

/*
 * Deals n_buckets out to the workers 0 … n_workers − 1, to each as many as to any other or one
 * more, and moves as few as that takes. `worker` names an owner for each bucket already.
 */
void owner_balance(uint8_t *worker, uint32_t n_buckets, uint32_t n_workers);

/* The hash of `n_bytes` of addresses, a multiple of 8, that lie one behind the other. */
static inline uint32_t owner_hash_addresses(const struct owner_hash *hash, const uint8_t *addresses,
					    uint32_t n_bytes)
{
	uint64_t all = 0;
	for (uint32_t i = 0; i < n_bytes; i += 8) {
		uint64_t words;
		memcpy(&words, addresses + i, sizeof(words));
		all ^= words;
	}
	uint32_t half = (uint32_t)(all ^ all >> 32);
	uint16_t word = (uint16_t)(half ^ half >> 16);
	uint8_t byte[2];
	memcpy(byte, &word, sizeof(byte));
	return hash->of_byte[0][byte[0]] ^ hash->of_byte[1][byte[1]];
}

#define OWNER_NONE (-1)

/*
 * The hash of a frame's addresses, or OWNER_NONE when it has no IP header that parse_frame() would
 * find; a frame that parse_frame() refuses may have either.
 */
static inline int32_t owner_hash_frame(const struct owner_hash *hash, const uint8_t *frame,
				       uint32_t n_bytes)
{
	enum {
		TYPE = 12, /* offsets in an Ethernet header, and its sizes without and with a tag */
		UNTAGGED = 14,
		TAGGED = 18,
		IPV4_ADDRESSES = 12, /* RFC 791 3.1 */
		IPV6_ADDRESSES = 8,  /* RFC 8200 3 */
	};
	if (n_bytes < UNTAGGED)
		return OWNER_NONE;
	uint32_t l3 = UNTAGGED;
	uint16_t type = (uint16_t)(frame[TYPE] << 8 | frame[TYPE + 1]);
	if (type == 0x8100 && n_bytes >= TAGGED) {
		l3 = TAGGED;
		type = (uint16_t)(frame[TYPE + 4] << 8 | frame[TYPE + 5]);
	}
	if (type == 0x0800 && n_bytes >= l3 + IPV4_ADDRESSES + 8)
		return (int32_t)owner_hash_addresses(hash, frame + l3 + IPV4_ADDRESSES, 8);
	if (type == 0x86dd && n_bytes >= l3 + IPV6_ADDRESSES + 32)
		return (int32_t)owner_hash_addresses(hash, frame + l3 + IPV6_ADDRESSES, 32);
	return OWNER_NONE;
}

#endif
