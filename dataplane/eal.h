/* DPDK's environment, started from the configuration instead of from a command line. */
#ifndef DATAPLANE_EAL_H
#define DATAPLANE_EAL_H

#include <stddef.h>

#include "configs/config.h"

/* Probes the devices of all zones. 0 or -errno with one line of text. Main thread, once. */
int eal_start(const struct config_dataplane *config, char *error, size_t error_bytes);

#endif
