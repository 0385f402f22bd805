/*
 * ESP in tunnel mode on one packet, in place (RFC 4303 3.1.2, RFC 4301 5.1.2), alone or in UDP (RFC
 * 3948): outer headers, what a NAT leaves visible of them, and which packets are a tunnel's. What
 * tunnel and transport mode have in common is in esp.h. Owner core only; nothing here is on the way
 * of a packet of Gm that has no NAT before it.
 */
#ifndef DATAPLANE_ENCAP_H
#define DATAPLANE_ENCAP_H

#include <stdbool.h>

#include "dataplane/counters.h"
#include "dataplane/owner.h"
#include "dataplane/pkt.h"
#include "dataplane/worker.h"

/* ---- several workers ---- */

/*
 * Whose is a packet of a tunnel? All that write to a SEG tunnel's SAs is the work of one worker:
 * the one that owns the pair of outer addresses as of its installation, whatever pair a packet from
 * the kernel or from behind a NAT has. With API_UDP_ENCAP_TUNNEL it is the owner of the pair
 * inside.
 *
 * The hash by which a packet just received is steered: `hash` where no tunnel is concerned. Marks
 * the packet with the tunnel, for encap_is_mine().
 */
int32_t encap_owner(const struct worker *w, const struct owner_hash *owners,
		    const struct zone_port *port, struct rte_mbuf *m, int32_t hash);

/*
 * Was the packet steered to the owner of p->sa? Policies and SAs may have come in between. A
 * packet from the kernel, or one in UDP.
 */
static inline bool encap_is_mine(const struct worker *w, const struct rte_mbuf *m,
				 const struct pkt *p, bool by_tunnel)
{
	const struct tunnels *t = &w->sas->tunnels;
	return likely(!w->steer) ||
	       m->hash.fdir.hi == (by_tunnel ? tunnel_number(t, p->sa->rest.tunnel) : 0);
}

/* ---- from the network ---- */

/*
 * A packet that is not ESP right on IP. ESP_OK: ESP in UDP, p->at.l4 is its header now and
 * p->at.protocol still UDP; COUNT_clear_rx: clear, which includes IKE; else the reason to drop it.
 */
enum counter encap_udp_in(const struct zone *zone, struct rte_mbuf *m, struct pkt *p);

/* Do the outer headers say what the SA's tunnel says? A NAT may have changed the peer's. */
bool encap_is_addressed(const struct worker *w, const struct rte_mbuf *m, const struct pkt *p,
			const uint8_t *ip);

/* The upper half of the packet's number, into p->sequence_high; false: there is none. */
bool encap_extend_sequence(struct pkt *p);

/*
 * After a good ICV: the inner packet instead of the outer one, if it is one that the SA may carry.
 * Tells control where the peer is by now. ESP_OK or the reason to drop it.
 */
enum counter encap_in_finish(struct worker *w, struct rte_mbuf *m, struct pkt *p);

/* A clear packet that should have come out of a tunnel (RFC 4301 5.2). */
bool encap_claims_in(const struct worker *w, const struct rte_mbuf *m, const struct pkt *p);

/* ---- from the kernel ---- */

/*
 * The SA of the tunnel whose policy holds the packet: ESP_OK with p->sa and p->spi; with p->spi 0
 * when no policy does. Else the reason to drop it.
 */
enum counter encap_find_out(const struct worker *w, const struct rte_mbuf *m, struct pkt *p);

/* As esp_out_prepare(). */
enum counter encap_out_prepare(struct rte_mbuf *m, struct pkt *p, uint16_t mtu_bytes);

/* When the job is done: what depends on every byte. */
void encap_out_finish(struct rte_mbuf *m, const struct pkt *p);

#endif
