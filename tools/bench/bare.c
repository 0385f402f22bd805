#include "tools/bench/bare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "tools/bench/bare_call.h"

enum {
	ROUND_PKTS = 1024, /* a multiple of every width, as is the next */
	TRIAL_PKTS = 256,
	MOST_MS = 10, /* of a round or trial, beyond its first packets: without AVX-512, IPsec-MB
			 takes 3.5 ms for 1 400 bytes of 3DES */
	TRIALS = 60,  /* of each call and width, before one of them becomes the limit */
	LEAST_TRIALS = 3,
	MOST_SECONDS = 2, /* beyond them so many are enough */
};

static const unsigned widths[] = { 8, 16, 32, 64, BARE_MAX_WIDTH };

#define N_WIDTHS (sizeof(widths) / sizeof(widths[0]))

/* ---- a round ---- */

static double run_pkts(struct bare *b, unsigned n_pkts)
{
	uint64_t begin = rte_rdtsc(), last = begin + MOST_MS * rte_get_tsc_hz() / 1000;
	unsigned n;
	for (n = 0; n < n_pkts && (!n || rte_rdtsc() < last); n += b->width) {
		b->way->run(b);
		for (unsigned i = 0; b->inbound && i < b->width; i++)
			b->n_bad += memcmp(b->tag[i], bare_packet(b, i) + b->layout.auth_bytes,
					   b->icv_bytes) != 0;
	}
	return (double)(rte_rdtsc() - begin) / n;
}

double bare_round(struct bare *b)
{
	return run_pkts(b, ROUND_PKTS);
}

static void reset_packets(struct bare *b)
{
	memset(b->packets, 'x', (size_t)BARE_MAX_WIDTH * b->stride);
}

/* Does the call do the work? Its ICVs are those of the first call that can do the suite. */
static bool agrees(struct bare *b, const struct bare_way *way, uint8_t first[][CRYPTO_ICV_BYTES])
{
	bool known = b->way != NULL;
	b->way = way;
	b->width = widths[0];
	reset_packets(b);
	way->run(b);
	for (unsigned i = 0; i < b->width; i++) {
		if (!known)
			memcpy(first[i], bare_tag(b, i), b->icv_bytes);
		else if (memcmp(first[i], bare_tag(b, i), b->icv_bytes) != 0)
			return false;
	}
	return true;
}

/*
 * The least of many short trials, as nothing makes a call faster than it is; all calls in turns, so
 * that none of them meets a bad moment alone.
 */
static void try_all(struct bare *b, const bool can[BARE_MAX_WAYS],
		    double least[BARE_MAX_WAYS][N_WIDTHS])
{
	uint64_t last = rte_rdtsc() + MOST_SECONDS * rte_get_tsc_hz();
	for (unsigned trial = 0; trial < TRIALS; trial++) {
		if (trial >= LEAST_TRIALS && rte_rdtsc() > last)
			break;
		for (size_t w = 0; w < bare_n_ways; w++) {
			for (size_t i = 0; can[w] && i < N_WIDTHS; i++) {
				b->way = &bare_ways[w];
				b->width = widths[i];
				double cycles = run_pkts(b, TRIAL_PKTS);
				if (!trial || cycles < least[w][i])
					least[w][i] = cycles;
			}
		}
	}
}

static bool find_fastest(struct bare *b)
{
	uint8_t first[BARE_MAX_WIDTH][CRYPTO_ICV_BYTES];
	bool can[BARE_MAX_WAYS], found = false;
	double least[BARE_MAX_WAYS][N_WIDTHS], fastest = 0;
	for (size_t w = 0; w < bare_n_ways; w++) {
		can[w] = bare_ways[w].can(b->suite);
		if (can[w] && !agrees(b, &bare_ways[w], first)) {
			fprintf(stderr, "imsgate-bench: error: %s of IPsec-MB gives another ICV\n",
				bare_ways[w].name);
			return false;
		}
	}
	try_all(b, can, least);
	for (size_t w = 0; w < bare_n_ways; w++) {
		for (size_t i = 0; can[w] && i < N_WIDTHS; i++) {
			if (found && least[w][i] >= fastest)
				continue;
			found = true;
			fastest = least[w][i];
			b->way = &bare_ways[w];
			b->width = widths[i];
		}
	}
	if (found)
		snprintf(b->name, sizeof(b->name), "%s × %u", b->way->name, b->width);
	return found;
}

/* ---- life ---- */

struct bare *bare_new(const struct bench_suite *suite, bool inbound, uint32_t size_bytes)
{
	struct bare *b = aligned_alloc(BARE_LINE_BYTES, sizeof(*b));
	if (!b)
		return NULL;
	memset(b, 0, sizeof(*b));
	b->suite = suite;
	b->inbound = inbound;
	b->layout = bench_layout(suite, size_bytes);
	b->icv_bytes = bench_suite_shape(suite)->icv_bytes;
	b->stride = ((b->layout.esp_bytes + BARE_LINE_BYTES - 1) / BARE_LINE_BYTES | 1) *
		    BARE_LINE_BYTES;
	b->packets = aligned_alloc(BARE_LINE_BYTES, (size_t)BARE_MAX_WIDTH * b->stride);
	b->mgr = alloc_mb_mgr(0);
	if (!b->packets || !b->mgr) {
		bare_free(b);
		return NULL;
	}
	reset_packets(b);
	init_mb_mgr_auto(b->mgr, NULL);
	bare_prepare(b);
	if (!find_fastest(b)) {
		bare_free(b);
		return NULL;
	}
	return b;
}

void bare_free(struct bare *b)
{
	if (!b)
		return;
	if (b->mgr)
		free_mb_mgr(b->mgr);
	free(b->packets);
	free(b);
}

const char *bare_name(const struct bare *b)
{
	return b->name;
}
