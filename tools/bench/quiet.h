/*
 * How much of the machine the bench had: the core it is bound to, time the hypervisor took, other
 * work. Main thread.
 */
#ifndef TOOLS_BENCH_QUIET_H
#define TOOLS_BENCH_QUIET_H

#include <stdint.h>

struct report;

struct quiet {
	unsigned core;
	uint64_t steal, busy; /* ticks of all cores when it began */
};

/* The last core that this process may use, or `wanted` if it may use that. -EINVAL if not. */
int quiet_core(int wanted);
/* Another one that it may use, -1 if there is none; before DPDK binds the thread to its core. */
int quiet_second_core(unsigned core);
/* Warns when others are at work already. */
void quiet_begin(struct quiet *q, unsigned core);
/* Warns when time was stolen; both facts go into the report. */
void quiet_end(const struct quiet *q, struct report *report);

/*
 * Around the measured part of a round, which lasts less than a millisecond: real-time priority
 * where the system lets us have it, so that no other process comes between. Only there: the kernel
 * stops a real-time thread that runs for a second, and the rest of the machine has to live as well.
 * For the calling thread, any.
 */
void quiet_hold(void);
void quiet_release(void);

#endif
