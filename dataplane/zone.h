/*
 * Zones and their ports: a network port and a kernel port, paired (a bump in the wire). Two zones
 * may share a network port and differ by VLAN. Opened at start by the control thread while it is
 * privileged; shared with all workers, and read-only afterwards but for what says who writes it.
 */
#ifndef DATAPLANE_ZONE_H
#define DATAPLANE_ZONE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <rte_mempool.h>

#include "configs/config.h"
#include "dataplane/flood.h"
#include "dataplane/owner.h"

#define ZONE_MAX 64 /* zones; ports are at most twice as many */

/*
 * ESP adds at most SPI, sequence, IV, 15 bytes of padding, two of trailer and ICV:
 * 4 + 4 + 16 + 15 + 2 + 16 = 57, rounded up to keep the kernel's segments a multiple of four.
 */
#define ZONE_ESP_OVERHEAD_BYTES 60

struct zone {
	const char *name;
	uint16_t network_port; /* DPDK port numbers */
	uint16_t kernel_port;
	uint16_t vlan; /* 0 = untagged */
	uint16_t mtu_bytes;
	uint16_t port_ps; /* 0 = none */
	uint16_t port_pc_first;
	/* written by: control, it only grows; read by: workers. Relaxed: a number by itself. */
	_Atomic uint16_t n_port_pc;
	uint16_t port_encap; /* of ESP in UDP; 0 = none */
	struct flood_setting flood;
};

#define ZONE_NONE 0xff

/* One DPDK port that workers poll. */
struct zone_port {
	uint16_t port;
	bool is_kernel;
	const char *device;    /* as configured */
	uint8_t zone;          /* of a kernel port */
	uint8_t *zone_of_vlan; /* of a network port: 4096 zone numbers, ZONE_NONE = nobody's */
	uint16_t n_queues;     /* pairs; see queue.h */
	uint16_t n_reta;       /* entries of its redirection table, 0 = RSS cannot follow owners */
	/*
	 * 0, or why RSS does not follow although it could: what the port said last (-errno).
	 * written by: control; read by: telemetry. Relaxed: a number by itself.
	 */
	_Atomic int rss_rc;
	uint16_t queue_of[OWNER_WORKERS_MAX]; /* the pair of each worker, or ZONE_NO_QUEUE */
};

#define ZONE_NO_QUEUE 0xffff

struct zones {
	struct zone zone[ZONE_MAX];
	uint32_t n;
	struct zone_port port[2 * ZONE_MAX];
	uint32_t n_ports;
	struct rte_mempool *pool;                             /* of the control core's NUMA node */
	struct rte_mempool *pool_of_node[RTE_MAX_NUMA_NODES]; /* of nodes that have ports */
	struct rte_mempool *datagrams; /* out of fragments, on their way through */
};

/*
 * Fills the table from the configuration; DPDK has probed the devices already. Configures the
 * queues of each port, starts the ports, and moves kernel ports to their network
 * namespaces with an MTU that leaves room for ESP. 0 or -errno with one line of text.
 */
int zones_open(struct zones *z, const struct config_dataplane *config, char *error,
	       size_t error_bytes);
void zones_close(struct zones *z);

/* Is this TCP or UDP port number of ours one that only ESP may reach? */
static inline bool zone_is_protected(const struct zone *z, uint16_t port)
{
	return (z->port_ps && port == z->port_ps) ||
	       (uint16_t)(port - z->port_pc_first) <
		       atomic_load_explicit(&z->n_port_pc, memory_order_relaxed);
}

#endif
