/*
 * A worker: one lcore that moves packets between the network and kernel ports of all zones. It owns
 * its queues, its crypto manager, its counters and the `run` lines of its SAs. It takes no lock,
 * allocates nothing, logs nothing, and makes no system call of its own except to sleep when idle.
 */
#ifndef DATAPLANE_WORKER_H
#define DATAPLANE_WORKER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <rte_config.h>
#include <rte_ring.h>

#include "dataplane/counters.h"
#include "dataplane/generate.h"
#include "dataplane/reassembly.h"
#include "dataplane/sa.h"
#include "dataplane/zone.h"

#define WORKER_BURST 64
#define WORKER_MAX   OWNER_WORKERS_MAX

struct flood;
struct steer_worker;

struct worker_burst {
	uint32_t n;
	struct rte_mbuf *m[WORKER_BURST];
};

struct worker {
	/* set by control before the worker runs */
	const struct zones *zones;
	struct sa_table *sas;
	struct crypto *crypto;
	struct rte_ring *events; /* slots of SAs for API_EVENT_SEQUENCE; to control */
	struct reassembly_config fragments;
	uint32_t n_flood_sources; /* see flood_new() */
	uint64_t start_tsc;
	uint16_t number;                     /* also its place in the RCU */
	uint16_t tx_queue[RTE_MAX_ETHPORTS]; /* or ZONE_NO_QUEUE; see queue.h */
	struct steer_worker *steer;          /* NULL: one worker alone */

	/* the worker's own */
	uint32_t now_s;
	uint32_t n_turns;
	struct worker_burst out[RTE_MAX_ETHPORTS]; /* to be sent, by port */
	struct worker_burst dropped;               /* to be freed */
	struct worker_burst waiting; /* ESP from the network whose SAs are on their way */
	struct reassembly *from_network, *from_kernel;
	struct flood *flood;
	uint32_t path_heard_s; /* the second in which it heard n_path_heard ICMP errors */
	uint32_t n_path_heard;
	uint16_t path_floor;       /* no path MTU is known to be smaller: see path.h */
	struct worker_burst whole; /* datagrams out of fragments, of the burst just sorted */
	uint32_t n_split;          /* datagrams cut toward the kernel */

	/* written by: the worker; read by: telemetry */
	struct counters count;
	_Atomic uint64_t busy_turns, all_turns;

	/* written by: control; read by: the worker. Relaxed: they say nothing of other memory. */
	_Atomic bool stop;
	_Atomic bool is_paused;         /* receives nothing, and generates nothing */
	_Atomic uint32_t idle_sleep_us; /* read in idle turns only, up to a second; 0: no sleep */

	struct generate generate; /* its state says whose */
};

/* Allocates crypto and joins the RCU. 0 or -errno. Control thread, before the worker runs. */
int worker_init(struct worker *w, uint16_t number, int numa_node);
void worker_fini(struct worker *w);

/* The loop of an lcore (rte_eal_remote_launch): turns until w->stop. `arg` is a struct worker. */
int worker_run(void *arg);

/* Runs n jobs of packets through the crypto and on. Part of a turn. */
void worker_crypto(struct worker *w, struct crypto_job *job[], uint32_t n);

/* One turn over all ports. Returns how many packets came in. */
uint32_t worker_turn(struct worker *w);

#endif
