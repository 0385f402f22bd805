/*
 * The ways a packet leaves the data plane: a kernel port, a network port, or a counter. Whoever
 * calls one of these owns the packet no more. The worker's own thread; part of worker.c.
 */
#ifndef DATAPLANE_OUT_H
#define DATAPLANE_OUT_H

#include <rte_branch_prediction.h>
#include <rte_ethdev.h>
#include <rte_ether.h>

#include "dataplane/fragment.h"
#include "dataplane/path.h"
#include "dataplane/steer.h"
#include "dataplane/worker.h"

/* A queue that is full for a moment is asked again; one that stays full drops. */
#define OUT_TRIES 8

/*
 * How long the packet may become by ESP before anybody looks at its path: what came in fragments
 * may leave in some.
 */
static inline uint16_t out_limit(const struct worker *w, const struct rte_mbuf *m,
				 const struct zone *zone)
{
	return unlikely(m->pool == w->zones->datagrams) ? UINT16_MAX : path_limit(w, zone);
}

/* Frees what was dropped. Of plain packets nothing is touched that telling so does not take. */
void out_free_dropped(struct worker *w);

/*
 * The only place where the data plane gives up a packet it has not sent. It is freed with others,
 * before the turn ends: who throws away a flood pays for the pool once in a burst.
 */
static inline void out_drop(struct worker *w, struct rte_mbuf *m, enum counter reason)
{
	w->count.n[reason]++;
	w->dropped.m[w->dropped.n++] = m;
	if (unlikely(w->dropped.n == WORKER_BURST))
		out_free_dropped(w);
}

static inline void out_flush(struct worker *w, uint16_t port, enum counter sent_counter)
{
	struct worker_burst *out = &w->out[port];
	uint32_t sent = 0;
	if (unlikely(w->tx_queue[port] == ZONE_NO_QUEUE)) { /* another sends it, and counts it */
		sent = steer_transmit(w, port, out->m, out->n);
	} else {
		for (unsigned try = 0; sent < out->n && try < OUT_TRIES; try++)
			sent += rte_eth_tx_burst(port, w->tx_queue[port], out->m + sent,
						 (uint16_t)(out->n - sent));
		w->count.n[sent_counter] += sent;
	}
	for (uint32_t i = sent; i < out->n; i++)
		out_drop(w, out->m[i], COUNT_tx_full);
	out->n = 0;
}

static inline void out_transmit(struct worker *w, uint16_t port, struct rte_mbuf *m,
				enum counter sent_counter)
{
	struct worker_burst *out = &w->out[port];
	out->m[out->n++] = m;
	if (out->n == WORKER_BURST)
		out_flush(w, port, sent_counter);
}

/* As it is: its fragments, if it had to be cut, are ready. */
static inline void out_kernel_frame(struct worker *w, uint8_t zone, struct rte_mbuf *m)
{
	out_transmit(w, w->zones->zone[zone].kernel_port, m, COUNT_kernel_tx);
}

/* Of a zone with a VLAN: puts the tag on, or takes it off. False: the packet is dropped. */
bool out_tag(struct worker *w, const struct zone *zone, struct rte_mbuf *m);
bool out_untag(struct worker *w, struct rte_mbuf *m);

static inline void out_network_frame(struct worker *w, uint8_t zone, struct rte_mbuf *m)
{
	const struct zone *z = &w->zones->zone[zone];
	if (likely(!z->vlan || out_tag(w, z, m)))
		out_transmit(w, z->network_port, m, COUNT_network_tx);
}

static inline void out_to_kernel(struct worker *w, uint8_t zone, struct rte_mbuf *m)
{
	if (unlikely(w->zones->zone[zone].vlan && !out_untag(w, m)))
		return;
	if (unlikely(m->pool == w->zones->datagrams))
		fragment_to_kernel(w, zone, m);
	else
		out_kernel_frame(w, zone, m);
}

static inline void out_to_network(struct worker *w, uint8_t zone, struct rte_mbuf *m)
{
	if (unlikely(m->pool == w->zones->datagrams))
		fragment_to_network(w, zone, m);
	else
		out_network_frame(w, zone, m);
}

static inline void out_flush_all(struct worker *w)
{
	for (uint32_t i = 0; i < w->zones->n_ports; i++) {
		const struct zone_port *port = &w->zones->port[i];
		if (w->out[port->port].n)
			out_flush(w, port->port,
				  port->is_kernel ? COUNT_kernel_tx : COUNT_network_tx);
	}
	out_free_dropped(w);
}

#endif
