#include "dataplane/encap.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ether.h>
#include <rte_ip.h>
#include <rte_udp.h>

#include "dataplane/esp.h"
#include "dataplane/inbound.h"
#include "dataplane/rx.h"
#include "dataplane/tuple.h"

enum {
	UDP_BYTES = 8,
	IKE_PORT = 500,        /* RFC 7296 2 */
	MARKER_BYTES = 4,      /* RFC 3948 2.2: zero, where ESP has its SPI */
	KEEPALIVE_BYTE = 0xff, /* RFC 3948 2.3 */
	OUTER_TTL = 64,        /* RFC 4301 5.1.2.1 note 2: a tunnel is one hop */
	ECN_MASK = 3,
	ECN_NOT_ECT = 0,
	ECN_ECT1 = 1,
	ECN_CE = 3,
};

/* ---- DSCP and ECN ---- */

static uint8_t tos_of(const uint8_t *ip, uint8_t family)
{
	return family == API_IPV4 ? ip[1] : (uint8_t)(ip[0] << 4 | ip[1] >> 4);
}

static void tos_set(uint8_t *ip, uint8_t family, uint8_t tos)
{
	if (family == API_IPV6) {
		ip[0] = (uint8_t)((ip[0] & 0xf0) | tos >> 4);
		ip[1] = (uint8_t)((ip[1] & 0x0f) | tos << 4);
		return;
	}
	struct rte_ipv4_hdr *h = (void *)ip;
	uint16_t old_word, new_word;
	memcpy(&old_word, ip, sizeof(old_word));
	ip[1] = tos;
	memcpy(&new_word, ip, sizeof(new_word));
	/* RFC 1624: damage done before stays visible. */
	uint32_t sum = (uint16_t)~h->hdr_checksum + (uint16_t)~old_word + new_word;
	sum = (sum & 0xffff) + (sum >> 16);
	h->hdr_checksum = (uint16_t) ~(sum + (sum >> 16));
}

/* RFC 6040 4.2. False: congestion was marked on a packet that cannot say so to its receiver. */
static bool ecn_combine(uint8_t *inner_ip, uint8_t inner_family, uint8_t outer_tos)
{
	uint8_t tos = tos_of(inner_ip, inner_family);
	uint8_t inner = tos & ECN_MASK, outer = outer_tos & ECN_MASK;
	if (inner == ECN_NOT_ECT)
		return outer != ECN_CE;
	bool changes = (outer == ECN_CE && inner != ECN_CE) ||
		       (outer == ECN_ECT1 && inner != ECN_CE && inner != ECN_ECT1);
	if (changes)
		tos_set(inner_ip, inner_family, (uint8_t)((tos & ~ECN_MASK) | outer));
	return true;
}

/* ---- policies ---- */

/*
 * RFC 4301 4.4.1: what keeps the link itself going is nobody's to protect. Neighbour discovery
 * never leaves its link (RFC 4861 3.1), whatever prefix a policy names.
 */
static bool is_neighbour_discovery(const struct rte_mbuf *m, const struct pkt *p)
{
	if (p->at.protocol != IPPROTO_ICMPV6 || p->at.end == p->at.l4)
		return false;
	uint8_t type = *rte_pktmbuf_mtod_offset(m, const uint8_t *, p->at.l4);
	return type >= ND_ROUTER_SOLICIT && type <= ND_REDIRECT;
}

static union policy_key key_of(const struct rte_mbuf *m, const struct pkt *p,
			       enum api_direction direction)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *), *ip = frame + p->at.l3;
	const uint8_t *source = parse_source(ip, p->at.family);
	const uint8_t *destination = parse_destination(ip, p->at.family);
	bool in = direction == API_IN;
	size_t n_bytes = p->at.family == API_IPV4 ? 4 : 16;
	union policy_key key = { .zone = p->zone,
				 .family = p->at.family,
				 .protocol = p->at.protocol };
	memcpy(key.local, in ? destination : source, n_bytes);
	memcpy(key.remote, in ? source : destination, n_bytes);
	if (rx_has_ports(p) && !p->at.fragment && p->at.end - p->at.l4 >= 4) {
		memcpy(&key.local_port_be, frame + p->at.l4 + (in ? 2 : 0), 2);
		memcpy(&key.remote_port_be, frame + p->at.l4 + (in ? 0 : 2), 2);
	}
	return key;
}

/* Between the ends of the tunnel itself, IKE passes whatever the selectors hold. */
static bool is_ike(const struct tunnel *tunnel, const union policy_key *key)
{
	if (key->protocol != IPPROTO_UDP || key->family != tunnel->family ||
	    memcmp(key->local, tunnel->local, 16) != 0 ||
	    memcmp(key->remote, tunnel_peer(tunnel)->address, 16) != 0)
		return false;
	return key->local_port_be == RTE_BE16(IKE_PORT) ||
	       (tunnel->local_port_be && key->local_port_be == tunnel->local_port_be);
}

/* The tunnel whose policy holds the packet, or NULL. */
static const struct tunnel *policy_of(const struct worker *w, const struct rte_mbuf *m,
				      const struct pkt *p, enum api_direction direction)
{
	const struct tunnels *t = &w->sas->tunnels;
	/* partner: tunnel.c, table_use() */
	const struct policy_table *policies =
		atomic_load_explicit(&t->policies, memory_order_acquire);
	if (likely(!policies) || !p->at.family || is_neighbour_discovery(m, p))
		return NULL;
	union policy_key key = key_of(m, p, direction);
	uint32_t number = policy_find(policies, &key);
	if (!number || is_ike(&t->tunnel[number], &key))
		return NULL;
	return &t->tunnel[number];
}

bool encap_claims_in(const struct worker *w, const struct rte_mbuf *m, const struct pkt *p)
{
	return policy_of(w, m, p, API_IN) != NULL;
}

enum counter encap_find_out(const struct worker *w, const struct rte_mbuf *m, struct pkt *p)
{
	const struct tunnel *tunnel = policy_of(w, m, p, API_OUT);
	p->spi = 0;
	if (likely(!tunnel))
		return ESP_OK;
	/* partner: tunnel.c, store_carrier() */
	uint32_t carrier = atomic_load_explicit(&tunnel->carrier, memory_order_acquire);
	if (unlikely(!carrier))
		return COUNT_out_no_tunnel;
	p->sa = &w->sas->sa[carrier - 1];
	/* Retired meanwhile, or another SA's already: its key, if it has one, is not for us. */
	p->spi = atomic_load_explicit(&p->sa->id.key, memory_order_acquire);
	if (unlikely(!p->spi || p->sa->rest.tunnel != tunnel || p->sa->id.direction != API_OUT))
		return COUNT_out_no_tunnel;
	return ESP_OK;
}

/* ---- from the network ---- */

enum counter encap_udp_in(const struct zone *zone, struct rte_mbuf *m, struct pkt *p)
{
	if (likely(!zone->port_encap) || p->at.protocol != IPPROTO_UDP || p->at.fragment)
		return COUNT_clear_rx;
	uint16_t n_bytes = p->at.end - p->at.l4;
	if (n_bytes < UDP_BYTES)
		return COUNT_clear_rx; /* where it will be found to be too short */
	const struct rte_udp_hdr *udp = rte_pktmbuf_mtod_offset(m, void *, p->at.l4);
	if (udp->dst_port != rte_cpu_to_be_16(zone->port_encap))
		return COUNT_clear_rx;
	uint16_t udp_bytes = rte_be_to_cpu_16(udp->dgram_len);
	if (udp_bytes < UDP_BYTES || udp_bytes > n_bytes)
		return COUNT_packet_truncated;
	const uint8_t *payload = (const uint8_t *)(udp + 1);
	uint16_t payload_bytes = udp_bytes - UDP_BYTES;
	static const uint8_t marker[MARKER_BYTES];
	if (payload_bytes == 1 && payload[0] == KEEPALIVE_BYTE)
		return COUNT_encap_keepalive;
	if (payload_bytes < ESP_HEADER_BYTES)
		return COUNT_esp_truncated;
	if (memcmp(payload, marker, MARKER_BYTES) == 0)
		return COUNT_clear_rx;
	p->at.l4 += UDP_BYTES;
	p->at.end = p->at.l4 + payload_bytes;
	return ESP_OK;
}

bool encap_extend_sequence(struct pkt *p)
{
	return replay_extend(p->sa->run.replay.top, p->sa->id.window_pkts, p->sequence,
			     &p->sequence_high);
}

/* Where the packet came from, as an endpoint of the tunnel. */
static struct tunnel_peer peer_of(const struct pkt *p, const uint8_t *frame)
{
	struct tunnel_peer peer = { .port_be = 0 };
	memcpy(peer.address, parse_source(frame + p->at.l3, p->at.family),
	       p->at.family == API_IPV4 ? 4 : 16);
	if (p->at.protocol == IPPROTO_UDP)
		memcpy(&peer.port_be, frame + p->at.l4 - UDP_BYTES, 2);
	return peer;
}

bool encap_is_addressed(const struct worker *w, const struct rte_mbuf *m, const struct pkt *p,
			const uint8_t *ip)
{
	const struct tunnel *tunnel = p->sa->rest.tunnel;
	bool in_udp = p->at.protocol == IPPROTO_UDP;
	if (tunnel->zone != p->zone || tunnel->family != p->at.family ||
	    in_udp != (tunnel->local_port_be != 0) || (in_udp && !encap_is_mine(w, m, p, true)) ||
	    !local_address_equal(tunnel->local, parse_destination(ip, p->at.family), p->at.family))
		return false;
	/* Behind a NAT the source says little, and the ICV says who it is. */
	return in_udp || local_address_equal(tunnel_peer(tunnel)->address,
					     parse_source(ip, p->at.family), p->at.family);
}

/* ---- several workers ---- */

static int32_t hash_pair(const struct owner_hash *owners, uint8_t family, const uint8_t *a,
			 const uint8_t *b)
{
	size_t n_bytes = family == API_IPV4 ? 4 : 16;
	uint8_t pair[32];
	memcpy(pair, a, n_bytes);
	memcpy(pair + n_bytes, b, n_bytes);
	return (int32_t)owner_hash_addresses(owners, pair, (uint32_t)(2 * n_bytes));
}

/* From the kernel: sets come before policies. */
static const struct tunnel *tunnel_out(const struct worker *w, const struct rte_mbuf *m,
				       const struct pkt *p)
{
	if (rx_has_ports(p) && !p->at.fragment && p->at.end - p->at.l4 >= 4) {
		struct tuple tuple =
			tuple_of(rte_pktmbuf_mtod(m, const uint8_t *), &p->at, p->zone, API_OUT);
		if (tuple_find(w->sas, tuple_hash(w->sas->tuples, &tuple), &tuple))
			return NULL;
	}
	return policy_of(w, m, p, API_OUT);
}

/* From the network: ESP right on IP comes between the very addresses that count. */
static const struct sa *sa_in_udp(const struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	uint32_t spi_be;
	if (encap_udp_in(&w->zones->zone[p->zone], m, p) != ESP_OK)
		return NULL;
	memcpy(&spi_be, rte_pktmbuf_mtod_offset(m, const uint8_t *, p->at.l4), sizeof(spi_be));
	const struct sa *sa = sa_slot_of_spi(w->sas, rte_be_to_cpu_32(spi_be));
	return sa && sa_is_inbound_spi(sa, rte_be_to_cpu_32(spi_be)) && sa->id.mode != API_TRANSPORT
		       ? sa
		       : NULL;
}

int32_t encap_owner(const struct worker *w, const struct owner_hash *owners,
		    const struct zone_port *port, struct rte_mbuf *m, int32_t hash)
{
	const struct tunnels *t = &w->sas->tunnels;
	struct pkt *p = pkt_of(m); /* filled in for the time being: its owner does so again */
	const struct tunnel *tunnel;
	m->hash.fdir.hi = 0;
	if (likely(!tunnel_n(t)) || m->nb_segs != 1 ||
	    parse_frame(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, &p->at) != PARSE_IP)
		return hash;
	p->zone = port->is_kernel ? port->zone : port->zone_of_vlan[p->at.vlan];
	if (p->zone == ZONE_NONE)
		return hash;
	if (port->is_kernel) {
		tunnel = tunnel_out(w, m, p);
		if (!tunnel)
			return hash;
	} else {
		const struct sa *sa = sa_in_udp(w, m, p);
		if (!sa)
			return hash;
		tunnel = sa->rest.tunnel;
		if (sa->id.mode == API_UDP_ENCAP_TUNNEL) {
			m->hash.fdir.hi = tunnel_number(t, tunnel);
			return hash_pair(owners, sa->id.family, sa->rest.peer,
					 w->sas->locals->entry[sa->id.local].address);
		}
	}
	m->hash.fdir.hi = tunnel_number(t, tunnel);
	return hash_pair(owners, tunnel->family, tunnel->home, tunnel->local);
}

/* ---- from the network, after the crypto ---- */

/* An old packet that comes late must not point back to where the peer was (RFC 7296 2.23). */
static void note_peer(struct worker *w, const struct pkt *p, const uint8_t *frame)
{
	struct tunnel *tunnel = p->sa->rest.tunnel;
	if (p->at.protocol != IPPROTO_UDP || pkt_sequence(p) != p->sa->run.replay.top)
		return;
	struct tunnel_peer peer = peer_of(p, frame);
	if (unlikely(tunnel_report(tunnel, &peer)) && rte_ring_enqueue(w->events, p->sa) != 0)
		tunnel_report_drop(tunnel);
}

/*
 * RFC 4301 5.2: the SA that authenticated the packet says what may come out of it. A gateway speaks
 * for its networks, for no UE: what a UE's SA claims comes out of that alone.
 */
static enum counter check_selected(const struct worker *w, const struct rte_mbuf *m,
				   const struct pkt *p)
{
	const struct sa *sa = p->sa;
	union policy_key key = key_of(m, p, API_IN);
	if (sa->id.mode == API_TUNNEL) {
		const struct policy *policy = &sa->rest.tunnel->policy;
		return policy_holds(policy, &key) ? inbound_claim(w, m, p)
						  : COUNT_esp_wrong_selector;
	}
	bool is_own = (key.protocol == IPPROTO_UDP || key.protocol == IPPROTO_TCP) &&
		      !p->at.fragment && key.family == sa->id.family &&
		      sa_peer_equal(sa, key.remote) &&
		      local_address_equal(w->sas->locals->entry[sa->id.local].address, key.local,
					  key.family) &&
		      key.local_port_be == sa->id.local_port_be &&
		      key.remote_port_be == sa->id.peer_port_be;
	return is_own ? ESP_OK : COUNT_esp_wrong_selector;
}

enum counter encap_in_finish(struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct esp_payload payload;
	enum counter verdict = esp_in_payload(p, &payload);
	if (verdict != ESP_OK)
		return verdict;
	note_peer(w, p, frame);
	if (payload.next_header != IPPROTO_IPIP && payload.next_header != IPPROTO_IPV6)
		return payload.next_header == IPPROTO_NONE ? COUNT_esp_dummy
							   : COUNT_esp_bad_next_header;
	/* The Ethernet header moves up to the inner packet. */
	uint8_t outer_tos = tos_of(frame + p->at.l3, p->at.family);
	uint16_t l2_bytes = p->at.l3, moved = (uint16_t)(payload.bytes - frame) - l2_bytes;
	bool v6 = payload.next_header == IPPROTO_IPV6;
	uint16_t type = v6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	memmove(frame + moved, frame, l2_bytes);
	frame = (uint8_t *)rte_pktmbuf_adj(m, moved);
	memcpy(frame + l2_bytes - sizeof(type), &type, sizeof(type));
	enum parse_verdict parsed = parse_frame(frame, l2_bytes + payload.n_bytes, &p->at);
	if (parsed != PARSE_IP)
		return parsed == PARSE_TRUNCATED ? COUNT_packet_truncated : COUNT_packet_malformed;
	/* RFC 4303 2.7: what follows the inner packet hid its length, and is nobody's. */
	m->data_len = p->at.end;
	m->pkt_len = p->at.end;
	verdict = check_selected(w, m, p);
	if (verdict != ESP_OK)
		return verdict;
	return ecn_combine(frame + l2_bytes, p->at.family, outer_tos) ? ESP_OK : COUNT_esp_bad_ecn;
}

/* ---- from the kernel ---- */

/* May routers on the way cut it? IPv6 packets never are; RFC 4301 8.1: an IPv4 one says itself. */
static bool is_whole(const uint8_t *ip, uint8_t family)
{
	return family == API_IPV6 || (ip[6] & 0x40);
}

struct outer {
	const struct tunnel *tunnel;
	uint16_t n_bytes; /* from the outer IP header on */
	uint16_t ip_bytes;
	uint16_t udp_bytes; /* 8 or 0 */
	uint8_t tos;
	bool whole;
	uint16_t id;
};

static void write_ipv4(uint8_t *ip, const struct outer *o, const struct tunnel_peer *peer)
{
	struct rte_ipv4_hdr *h = (void *)ip;
	*h = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.type_of_service = o->tos,
		.total_length = rte_cpu_to_be_16(o->n_bytes),
		.packet_id = o->whole ? 0 : rte_cpu_to_be_16(o->id), /* RFC 6864 4.1 */
		.fragment_offset = o->whole ? RTE_BE16(RTE_IPV4_HDR_DF_FLAG) : 0,
		.time_to_live = OUTER_TTL,
		.next_proto_id = o->udp_bytes ? IPPROTO_UDP : IPPROTO_ESP,
	};
	memcpy(&h->src_addr, o->tunnel->local, 4);
	memcpy(&h->dst_addr, peer->address, 4);
	h->hdr_checksum = rte_ipv4_cksum(h);
}

static void write_ipv6(uint8_t *ip, const struct outer *o, const struct tunnel_peer *peer)
{
	struct rte_ipv6_hdr *h = (void *)ip;
	*h = (struct rte_ipv6_hdr){
		.vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28 | (uint32_t)o->tos << 20),
		.payload_len = rte_cpu_to_be_16((uint16_t)(o->n_bytes - o->ip_bytes)),
		.proto = o->udp_bytes ? IPPROTO_UDP : IPPROTO_ESP,
		.hop_limits = OUTER_TTL,
	};
	memcpy(h->src_addr, o->tunnel->local, 16);
	memcpy(h->dst_addr, peer->address, 16);
}

static void write_outer(uint8_t *ip, const struct outer *o)
{
	const struct tunnel_peer *peer = tunnel_peer(o->tunnel);
	if (o->tunnel->family == API_IPV6)
		write_ipv6(ip, o, peer);
	else
		write_ipv4(ip, o, peer);
	if (o->udp_bytes)
		*(struct rte_udp_hdr *)(ip + o->ip_bytes) = (struct rte_udp_hdr){
			.src_port = o->tunnel->local_port_be,
			.dst_port = peer->port_be,
			.dgram_len = rte_cpu_to_be_16((uint16_t)(o->n_bytes - o->ip_bytes)),
		};
}

enum counter encap_out_prepare(struct rte_mbuf *m, struct pkt *p, uint16_t mtu_bytes)
{
	const struct tunnel *tunnel = p->sa->rest.tunnel;
	const uint8_t *inner = rte_pktmbuf_mtod_offset(m, uint8_t *, p->at.l3);
	uint16_t inner_bytes = p->at.end - p->at.l3, l2_bytes = p->at.l3;
	struct outer o = {
		.tunnel = tunnel,
		.ip_bytes = tunnel->family == API_IPV6 ? sizeof(struct rte_ipv6_hdr)
						       : sizeof(struct rte_ipv4_hdr),
		.udp_bytes = tunnel->local_port_be ? UDP_BYTES : 0,
		.tos = tos_of(inner, p->at.family), /* RFC 4301 5.1.2.1, RFC 6040 4.1 */
		.whole = is_whole(inner, p->at.family),
		.id = (uint16_t)p->sequence,
	};
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->sa->id.suite];
	uint16_t unpadded = inner_bytes + ESP_TRAILER_BYTES;
	uint16_t pad_bytes = (uint16_t)(-unpadded & (shape->block_bytes - 1));
	uint16_t before = ESP_HEADER_BYTES + shape->iv_bytes;
	uint16_t behind = pad_bytes + ESP_TRAILER_BYTES + shape->icv_bytes;
	uint16_t inserted = o.ip_bytes + o.udp_bytes + before;
	o.n_bytes = inserted + inner_bytes + behind;
	if (o.n_bytes > mtu_bytes)
		return COUNT_out_too_big;

	m->data_len = p->at.end; /* Ethernet padding goes */
	m->pkt_len = p->at.end;
	uint8_t *frame = (void *)rte_pktmbuf_prepend(m, inserted);
	if (!frame || !rte_pktmbuf_append(m, behind))
		return COUNT_out_too_big;
	bool outer_v6 = tunnel->family == API_IPV6;
	uint16_t type = outer_v6 ? RTE_BE16(RTE_ETHER_TYPE_IPV6) : RTE_BE16(RTE_ETHER_TYPE_IPV4);
	memmove(frame, frame + inserted, l2_bytes - sizeof(type));
	memcpy(frame + l2_bytes - sizeof(type), &type, sizeof(type));
	write_outer(frame + l2_bytes, &o);
	uint8_t *esp = frame + l2_bytes + o.ip_bytes + o.udp_bytes;
	uint32_t header[2] = { rte_cpu_to_be_32(p->spi), rte_cpu_to_be_32(p->sequence) };
	memcpy(esp, header, sizeof(header));
	esp_write_trailer(esp + before + inner_bytes, (uint8_t)pad_bytes,
			  p->at.family == API_IPV6 ? IPPROTO_IPV6 : IPPROTO_IPIP);
	esp_fill_job(p, esp, before + unpadded + pad_bytes, shape->iv_bytes, CRYPTO_SIGN);
	p->job.esn = p->sa->id.esn;
	p->job.sequence_high = (uint32_t)(p->sa->run.replay.top >> 32);
	return ESP_OK;
}

/* RFC 3948 2.1 has a sum of zero; IPv6 receivers drop that (RFC 8200 8.1). */
void encap_out_finish(struct rte_mbuf *m, const struct pkt *p)
{
	const struct tunnel *tunnel = p->sa->rest.tunnel;
	if (tunnel->family != API_IPV6 || !tunnel->local_port_be)
		return;
	struct rte_ipv6_hdr *ip = rte_pktmbuf_mtod_offset(m, void *, p->at.l3);
	struct rte_udp_hdr *udp = (void *)(ip + 1);
	udp->dgram_cksum = rte_ipv6_udptcp_cksum(ip, udp);
}
