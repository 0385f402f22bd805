/*
 * Packets to their owners, when there is more than one worker.
 *
 * A worker asks for the owner of each packet that it receives (owner.h) before it looks at anything
 * else of it. What is another's goes into a ring, of which there is one for each ordered pair of
 * workers: one producer, one consumer, no lock, and a flow's packets stay in order. A full ring
 * drops (steer_full). Where RSS agrees with the owner function nothing is handed over.
 *
 * Which worker owns a bucket changes under traffic. Two workers must never touch one SA's `run`
 * line at a time, so a bucket goes from A to B in three maps. Each is published after every worker
 * has reported, at the end of a turn, that it works with the one before:
 *
 *   HOLDING   The bucket is marked as moving to B. Receivers give its packets to B, who parks them,
 *             even in a turn that it began with the map before, where the bucket is still A's. A
 *             still does what was given to it before.
 *   DRAINING  Says the same. As everybody held before, nothing more of the bucket comes to A; a
 *             worker reports only when it has taken all that its rings held, and nothing waits in
 *             it and nothing is in its crypto. A is done with the bucket.
 *   STEADY    The bucket is B's. Before anything else of its first turn, B takes what it parked.
 *
 * A worker without a queue on a port sends through one that has (steer_transmit). When that
 * one begins to work with a new map it first sends all that it was given: A's last packets leave
 * before B's first. Through different queues of a port their order is the device's.
 *
 * What A wrote to `run` is seen by B: A's report is a release, which control acquires before it
 * releases the next map, which B acquires. The maps are control's (balance.h).
 *
 * With one worker `w->steer` is NULL, and that is all it costs.
 */
#ifndef DATAPLANE_STEER_H
#define DATAPLANE_STEER_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "dataplane/owner.h"
#include "dataplane/worker.h"

/* Packets in each ring: at ten million a second what comes in 100 µs, some turns. */
#define STEER_RING_PKTS 1024

struct steer_worker;

/* What all workers share. Allocated and freed by control. */
struct steer {
	/* written once, before the workers run; read by: workers */
	struct owner_hash hash;
	uint32_t n_workers;
	const struct zone_port *port[RTE_MAX_ETHPORTS];
	struct steer_worker *worker[WORKER_MAX];

	/* written by: control, with release; read by: workers, with acquire, when a turn begins */
	_Atomic(const struct owner_map *) map;

	/* control only */
	struct owner_map maps[2]; /* the current one and the next one */
	uint8_t wanted[OWNER_BUCKETS_MAX];
	uint32_t n_active;
};

/*
 * The rings between the workers 0 … n − 1, at least two, all of them owners from the start;
 * n_buckets is a power of two. node[i] is the NUMA node of worker i. NULL: no memory. Control
 * thread, before the workers run.
 */
struct steer *steer_new(const struct zones *zones, const int *node, uint32_t n_workers,
			uint32_t n_buckets);
/* Frees what is still in the rings. After the workers have ended. May be NULL. */
void steer_free(struct steer *steer);

/* ---- of a worker, in the order of its turn ---- */

/* Settles which map the turn goes by, and sends what others could not. Returns how many. */
uint32_t steer_turn_begin(struct worker *w);
/*
 * The next packets of one port that others handed over, at most WORKER_BURST; 0 = no more in this
 * turn. The caller asks until then, and before it receives anything itself.
 */
uint32_t steer_take(struct worker *w, const struct zone_port **port, struct rte_mbuf *m[]);
/*
 * Keeps in m[] those of n packets from a port that are the worker's own, and returns how many. Also
 * for datagrams out of its fragments, as the fragments do not always tell whose they are.
 */
uint32_t steer_in(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[], uint32_t n);
/* Must the worker leave nothing waiting when the turn ends? */
bool steer_is_draining(const struct worker *w);
/* Owns no bucket: there is little for it to do. */
bool steer_is_unused(const struct worker *w);
/* `holds`: packets wait, or are in the crypto. */
void steer_turn_end(struct worker *w, bool holds);

/*
 * Gives packets to the worker that has a transmit queue on their port, for a worker that has none.
 * Returns how many it took; the caller keeps the rest.
 */
uint32_t steer_transmit(struct worker *w, uint16_t port, struct rte_mbuf *m[], uint32_t n);

/* ---- for control and telemetry ---- */

/* Has every worker reported the current map? partner: steer_turn_end() */
bool steer_all_seen(const struct steer *steer);

struct steer_load {
	uint64_t n_given;   /* packets handed to others */
	uint64_t n_taken;   /* packets that others handed over */
	uint32_t n_buckets; /* that it owns */
};
struct steer_load steer_load(const struct steer *steer, uint32_t worker);

#endif
