/*
 * The queue pairs of a port: how many, which worker has which, and RSS that follows the owners.
 *
 * A port gets a pair for each worker where the device has so many: then worker i has pair i. A
 * device with fewer (af_packet, a tap without multiqueue) is polled by as many workers as it has
 * pairs, other workers for each port, and those hand over; a worker without a pair sends through
 * its lender. Control thread.
 */
#ifndef DATAPLANE_QUEUE_H
#define DATAPLANE_QUEUE_H

#include <stdatomic.h>
#include <stdbool.h>

#include <rte_mempool.h>

#include "dataplane/owner.h"
#include "dataplane/zone.h"

#define QUEUE_RX_DESCRIPTORS 1024 /* unless the device wants more */

/*
 * Configures p->port and starts it, with packet buffers from `pool`. Fills n_queues and n_reta.
 * 0 or -errno.
 */
int queue_open(struct zone_port *p, uint32_t n_workers, uint16_t mtu_bytes,
	       struct rte_mempool *pool);

/* Fills p->queue_of from p->n_queues. port_idx makes ports with few queues go to other workers. */
void queue_spread(struct zone_port *p, uint32_t port_idx, uint32_t n_workers);
/* The worker that sends for one without a queue. */
uint32_t queue_lender(const struct zone_port *p, uint32_t worker, uint32_t n_workers);

/*
 * How many buckets an owner map may have, so that every redirection table can tell them apart: a
 * power of two.
 */
uint32_t queue_bucket_count(const struct zones *z);
/*
 * Makes the RSS of all ports that can follow the map. What they cannot, workers hand over. A port
 * that refuses is logged once, has it in rss_rc, and is asked again with the next map.
 */
void queue_follow(struct zones *z, const struct owner_map *map);
/* Does RSS bring packets to their owners, as far as it hashes them by their addresses? */
static inline bool queue_follows(const struct zone_port *p)
{
	return p->n_reta && !atomic_load_explicit(&p->rss_rc, memory_order_relaxed);
}

#endif
