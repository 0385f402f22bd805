/* Seconds since the data plane started, the clock of SA lifetimes. Any thread, no system call. */
#ifndef DATAPLANE_CLOCK_H
#define DATAPLANE_CLOCK_H

#include <stdint.h>

#include <rte_cycles.h>

/* Starts at 1, so that 0 can mean "never". `start_tsc` is rte_rdtsc() at start-up. */
static inline uint32_t clock_s(uint64_t start_tsc)
{
	return (uint32_t)((rte_rdtsc() - start_tsc) / rte_get_tsc_hz()) + 1;
}

#endif
