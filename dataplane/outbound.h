/*
 * Packets from a kernel port: what has an SA leaves under ESP, what may leaves in the clear. The
 * worker's own thread; part of worker.c.
 */
#ifndef DATAPLANE_OUTBOUND_H
#define DATAPLANE_OUTBOUND_H

#include <stdint.h>

struct crypto_job;
struct rte_mbuf;
struct worker;
struct zone_port;

/* Takes a burst of at most WORKER_BURST packets. */
void outbound_burst(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[],
		    uint32_t n);
/* What the crypto has signed. */
void outbound_done(struct worker *w, struct crypto_job *job[], uint32_t n);

#endif
