/* DPDK's environment, started from the configuration instead of from a command line. */
#ifndef DATAPLANE_EAL_H
#define DATAPLANE_EAL_H

#include <stddef.h>
#include <stdint.h>

#include "configs/config.h"

/* Probes the devices of all zones. 0 or -errno with one line of text. Main thread, once. */
int eal_start(const struct config_dataplane *config, char *error, size_t error_bytes);

/* DPDK's number of the lcore that runs the i-th of worker_cores; the control thread's is 0. */
static inline unsigned eal_worker_lcore(uint32_t i)
{
	return i + 1;
}

#endif
