/*
 * What every received packet goes through first, from whatever port: its lines are brought in, its
 * headers found, its zone told. The worker's own thread; part of inbound.c and outbound.c.
 */
#ifndef DATAPLANE_RX_H
#define DATAPLANE_RX_H

#include <netinet/in.h>

#include <rte_branch_prediction.h>
#include <rte_prefetch.h>

#include "dataplane/out.h"
#include "dataplane/pkt.h"

/* What a port found out about a packet, if it was asked to: see offload.h. */
static inline bool rx_has_bad_checksum(const struct rte_mbuf *m)
{
	return (m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_BAD;
}

/* What sorting a packet takes: its headers, and the packet's own line. */
static inline void rx_prefetch(struct rte_mbuf *m[], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		rte_prefetch0(rte_pktmbuf_mtod(m[i], const char *));
		rte_prefetch0(pkt_of(m[i]));
	}
}

/* What the crypto reads next. The further ones of a long packet the processor asks for itself. */
static inline void rx_prefetch_payload(const struct rte_mbuf *m)
{
	const char *frame = rte_pktmbuf_mtod(m, const char *);
	rte_prefetch0(frame + SA_LINE_BYTES);
	rte_prefetch0(frame + 2 * SA_LINE_BYTES);
}

/* A packet that came over from another worker. Of a datagram, the fragments were counted. */
static inline void rx_count(struct worker *w, const struct zone_port *port,
			    const struct rte_mbuf *m)
{
	if (likely(m->pool != w->zones->datagrams))
		w->count.n[port->is_kernel ? COUNT_kernel_rx : COUNT_network_rx]++;
}

static inline void rx_drop_unparsed(struct worker *w, struct rte_mbuf *m,
				    enum parse_verdict verdict)
{
	out_drop(w, m,
		 verdict == PARSE_TRUNCATED ? COUNT_packet_truncated : COUNT_packet_malformed);
}

/*
 * Fills p->at and p->zone; at.protocol is 0 for what is not IP. False: the packet is gone, perhaps
 * to come back with the other fragments of its datagram.
 */
static inline bool rx_parse(struct worker *w, const struct zone_port *port, struct rte_mbuf *m,
			    struct pkt *p)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	enum parse_verdict verdict = PARSE_IP;
	if (unlikely(m->nb_segs != 1))
		verdict = PARSE_MALFORMED;
	else if (unlikely(!parse_is_plain(frame, m->data_len, &p->at)))
		verdict = parse_frame(frame, m->data_len, &p->at);
	if (unlikely(verdict == PARSE_TRUNCATED || verdict == PARSE_MALFORMED)) {
		rx_drop_unparsed(w, m, verdict);
		return false;
	}
	if (unlikely(rx_has_bad_checksum(m))) {
		out_drop(w, m, COUNT_packet_bad_checksum);
		return false;
	}
	p->zone = port->is_kernel ? port->zone : port->zone_of_vlan[p->at.vlan];
	if (unlikely(p->zone == ZONE_NONE || (port->is_kernel && p->at.vlan))) {
		out_drop(w, m, COUNT_packet_unknown_zone);
		return false;
	}
	if (unlikely(verdict == PARSE_OTHER))
		p->at.protocol = 0;
	if (unlikely(p->at.fragment)) {
		reassembly_take(w, port->is_kernel ? w->from_kernel : w->from_network, m, p);
		return false;
	}
	return true;
}

static inline bool rx_has_ports(const struct pkt *p)
{
	return p->at.protocol == IPPROTO_UDP || p->at.protocol == IPPROTO_TCP;
}

#endif
