/*
 * Packets from a network port: ESP is checked and stripped, the rest is let through to the kernel
 * port or not. The worker's own thread; part of worker.c.
 */
#ifndef DATAPLANE_INBOUND_H
#define DATAPLANE_INBOUND_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/counters.h"

struct crypto_job;
struct pkt;
struct rte_mbuf;
struct worker;
struct zone_port;

/*
 * Takes a burst of at most WORKER_BURST packets. While bursts are full, the ESP of one waits for
 * the next one between the steps: its SAs come in from memory while the burst before is in the
 * crypto. Returns whether that may go on; if no port says so, inbound_waiting() is due.
 */
bool inbound_burst(struct worker *w, const struct zone_port *port, struct rte_mbuf *m[],
		   uint32_t n);
/*
 * A packet that no set's SA has authenticated reaches the kernel only when none claims its tuple
 * (TS 33.203 7.1, C-061): ESP_OK, or the reason to drop it. Of fragments the first one is judged;
 * without it the others never become a datagram.
 */
enum counter inbound_claim(const struct worker *w, const struct rte_mbuf *m, const struct pkt *p);
/* Goes on with what waits. */
void inbound_waiting(struct worker *w);
/* What the crypto has verified. */
void inbound_done(struct worker *w, struct crypto_job *job[], uint32_t n);

#endif
