/*
 * Hugepages for the time of the run. Main thread, before and after DPDK starts.
 *
 * The kernel turns reserved pages that are in use when the number is taken back into surplus ones,
 * which are gone when the process ends, however it ends. So the number is put back to what it was
 * as soon as DPDK has what it needs, and nothing is left behind even by a kill.
 */
#ifndef TOOLS_BENCH_HUGEPAGES_H
#define TOOLS_BENCH_HUGEPAGES_H

#include <stdbool.h>
#include <stdint.h>

struct hugepages {
	uint64_t n_before; /* reserved by the operator */
	bool lent;         /* more were reserved by us */
};

/*
 * Are there, or can there be made, free hugepages for n_bytes? Says on stderr what it did, or what
 * an operator can do.
 */
bool hugepages_borrow(struct hugepages *h, uint64_t n_bytes);
void hugepages_give_back(struct hugepages *h);

#endif
