/*
 * The limit: IPsec-MB alone, on hot packets under one hot key, nothing else around it but the
 * comparison of the ICV (inbound) or its place in the packet (outbound).
 *
 * So that nobody can call the limit slow, it is looked for: each call of IPsec-MB that can do the
 * suite is tried at each width of burst before the measurement, and the fastest one is the limit.
 * Packets begin at a cache line, an odd number of lines apart, so that they spread over all sets of
 * the first-level cache; key schedules are ready, and nothing is checked.
 */
#ifndef TOOLS_BENCH_BARE_H
#define TOOLS_BENCH_BARE_H

#include <stdbool.h>
#include <stdint.h>

struct bench_suite;
struct bare;

/* NULL when there is no memory, or no call for the suite. */
struct bare *bare_new(const struct bench_suite *suite, bool inbound, uint32_t size_bytes);
void bare_free(struct bare *bare);
/* Cycles per packet of one round. */
double bare_round(struct bare *bare);
/* The call and the width that were fastest: "hash burst × 32". */
const char *bare_name(const struct bare *bare);

#endif
