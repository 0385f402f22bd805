/*
 * Inside of bare.h: bare_call.c has the calls of IPsec-MB, bare.c finds the fastest of them. Nobody
 * else includes this.
 */
#ifndef TOOLS_BENCH_BARE_CALL_H
#define TOOLS_BENCH_BARE_CALL_H

#include <intel-ipsec-mb.h>
#include <stdbool.h>
#include <stdint.h>

#include "tools/bench/bare.h"
#include "tools/bench/suite.h"

enum {
	BARE_MAX_WIDTH = IMB_MAX_BURST_SIZE,
	BARE_LINE_BYTES = 64,
	BARE_MAX_WAYS = 8,
};

/* One way to run `width` packets through IPsec-MB. */
struct bare_way {
	const char *name;
	bool (*can)(const struct bench_suite *suite);
	void (*run)(struct bare *b);
};

struct bare {
	IMB_MGR *mgr;
	const struct bench_suite *suite;
	struct bench_layout layout;
	bool inbound;
	uint32_t icv_bytes, stride;
	const struct bare_way *way;
	unsigned width;
	char name[40];
	uint8_t *packets;
	uint64_t n_bad;
	IMB_JOB job[BARE_MAX_WIDTH]; /* of burst calls: filled once */
	_Alignas(BARE_LINE_BYTES) uint8_t tag[BARE_MAX_WIDTH][CRYPTO_ICV_BYTES];
	_Alignas(BARE_LINE_BYTES) uint8_t inner[32], outer[32], encrypt[16 * 15], decrypt[16 * 15];
	_Alignas(BARE_LINE_BYTES) uint64_t des[3][16];
	const void *des_of[3];
	_Alignas(BARE_LINE_BYTES) uint8_t iv[16];
	_Alignas(BARE_LINE_BYTES) struct gcm_key_data gcm;
	struct gcm_context_data context;
};

extern const struct bare_way bare_ways[];
extern const unsigned bare_n_ways;

uint8_t *bare_packet(const struct bare *b, unsigned i);
/* Where the ICV of packet i comes out: inbound beside it, outbound in it. */
uint8_t *bare_tag(struct bare *b, unsigned i);
/* Makes keys, schedules and jobs. Once, before any call. */
void bare_prepare(struct bare *b);

#endif
