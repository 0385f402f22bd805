/*
 * What the data plane tells through DPDK telemetry (/run/dpdk/PREFIX/dpdk_telemetry.v2):
 *   /imsgate/stats    every counter by name, all workers together
 *   /imsgate/workers  per worker: its core, turns, busy turns, packets it took as their owner,
 *                     packets handed to and taken from others, buckets of UEs that it owns (0 with
 *                     one worker alone), and the queues that it polls
 *   /imsgate/sa       SAs: capacity, free, waiting for reclaim
 *   /imsgate/buffers  packet buffers, and those for whole datagrams: how many, how many free
 *   /imsgate/ports    the zones, as numbers; with a zone's number, its ports and DPDK's own
 * counters of them, as one reply would not hold all The callbacks run in DPDK's telemetry thread;
 * they read what others write and may be a packet behind.
 */
#ifndef DATAPLANE_TELEMETRY_H
#define DATAPLANE_TELEMETRY_H

#include "dataplane/report.h"

/* What the report points to must outlive the EAL. */
void telemetry_register(const struct report *report);

#endif
