/*
 * Bytes that this process holds: the heaps of DPDK and C, and what was mapped beside them. The
 * difference of two calls is what the code between them allocated. Main thread.
 */
#ifndef TOOLS_BENCH_MEMORY_H
#define TOOLS_BENCH_MEMORY_H

#include <stdint.h>

uint64_t memory_allocated_bytes(void);

#endif
