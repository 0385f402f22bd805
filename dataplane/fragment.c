#include "dataplane/fragment.h"

#include <netinet/in.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>
#include <rte_random.h>

#include "dataplane/out.h"
#include "dataplane/path.h"
#include "dataplane/pkt.h"
#include "dataplane/reassembly.h"

enum {
	FRAGMENT_HEADER_BYTES = 8, /* IPv6 */
	IPV4_DF = 0x40,            /* of the byte with the flags */
	MORE_FRAGMENTS_V4 = 0x2000,
	MORE_FRAGMENTS_V6 = 0x0001,
	/* RFC 791 3.1: what a link has to carry leaves 512 bytes behind the longest header. */
	MIN_PIECE_BYTES = 512,
	OPTION_END = 0,
	OPTION_NOP = 1,
	OPTION_COPIED = 0x80,
};

/* How a datagram is cut. */
struct cut {
	const uint8_t *frame;
	uint32_t headers;       /* Ethernet and what each fragment repeats of IP */
	uint32_t payload_bytes; /* all behind */
	uint32_t piece_bytes;   /* of each fragment but the last */
	uint32_t id;
	uint16_t named_at; /* IPv6: of the byte that names what is behind the headers */
	uint8_t family;
};

/* Headers that every node on the way looks at are in every fragment, RFC 8200 4.5. */
static void find_repeated_ipv6(const uint8_t *frame, uint32_t n_bytes, struct cut *cut)
{
	uint32_t at = RTE_ETHER_HDR_LEN + sizeof(struct rte_ipv6_hdr);
	uint32_t named_at = RTE_ETHER_HDR_LEN + 6;
	cut->headers = at;
	cut->named_at = (uint16_t)named_at;
	while (at + 8 <= n_bytes) {
		uint8_t kind = frame[named_at];
		if (kind != IPPROTO_HOPOPTS && kind != IPPROTO_ROUTING && kind != IPPROTO_DSTOPTS)
			break;
		named_at = at;
		at += 8 + frame[at + 1] * 8u;
		/* Destination options only count in front of a routing header. */
		if (kind != IPPROTO_DSTOPTS) {
			cut->headers = at;
			cut->named_at = (uint16_t)named_at;
		}
	}
}

/* Returns false when there is no sense in cutting it. */
static bool plan(struct rte_mbuf *m, uint32_t id, uint16_t limit_bytes, struct cut *cut)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	uint32_t own_bytes = 0;
	*cut = (struct cut){ .frame = frame, .id = id };
	cut->family = frame[RTE_ETHER_HDR_LEN] >> 4;
	if (cut->family == 4) {
		cut->headers = RTE_ETHER_HDR_LEN + (frame[RTE_ETHER_HDR_LEN] & 15) * 4u;
	} else {
		find_repeated_ipv6(frame, m->data_len, cut);
		own_bytes = FRAGMENT_HEADER_BYTES;
	}
	uint32_t around = cut->headers - RTE_ETHER_HDR_LEN + own_bytes;
	if (cut->headers > m->data_len || around + MIN_PIECE_BYTES > limit_bytes)
		return false;
	cut->payload_bytes = m->data_len - cut->headers;
	cut->piece_bytes = (limit_bytes - around) & ~7u;
	return cut->payload_bytes <= cut->piece_bytes * FRAGMENT_MAX;
}

/* RFC 791 3.1: options without the flag are in the first fragment only. Their room stays. */
static void blank_options(uint8_t *ip, uint32_t header_bytes)
{
	for (uint32_t at = sizeof(struct rte_ipv4_hdr); at < header_bytes;) {
		uint32_t n = ip[at] <= OPTION_NOP ? 1 : at + 1 < header_bytes ? ip[at + 1] : 0;
		if (ip[at] == OPTION_END || n == 0 || at + n > header_bytes)
			break;
		if (!(ip[at] & OPTION_COPIED))
			memset(ip + at, OPTION_NOP, n);
		at += n;
	}
}

static void finish_ipv4(const struct cut *cut, uint8_t *ip, uint32_t offset, uint32_t ip_bytes,
			bool more)
{
	struct rte_ipv4_hdr *h = (void *)ip;
	if (offset)
		blank_options(ip, cut->headers - RTE_ETHER_HDR_LEN);
	h->packet_id = rte_cpu_to_be_16((uint16_t)cut->id);
	h->total_length = rte_cpu_to_be_16((uint16_t)ip_bytes);
	h->fragment_offset =
		rte_cpu_to_be_16((uint16_t)(offset / 8 | (more ? MORE_FRAGMENTS_V4 : 0)));
	h->hdr_checksum = 0;
	h->hdr_checksum = rte_ipv4_cksum(h);
}

static void finish_ipv6(const struct cut *cut, uint8_t *frame, uint32_t offset, uint32_t ip_bytes,
			bool more)
{
	struct rte_ipv6_hdr *h = (void *)(frame + RTE_ETHER_HDR_LEN);
	uint8_t *own = frame + cut->headers;
	uint16_t place_be = rte_cpu_to_be_16((uint16_t)(offset | (more ? MORE_FRAGMENTS_V6 : 0)));
	own[0] = frame[cut->named_at];
	own[1] = 0;
	memcpy(own + 2, &place_be, sizeof(place_be));
	uint32_t id_be = rte_cpu_to_be_32(cut->id);
	memcpy(own + 4, &id_be, sizeof(id_be));
	frame[cut->named_at] = IPPROTO_FRAGMENT;
	h->payload_len = rte_cpu_to_be_16((uint16_t)(ip_bytes - sizeof(*h)));
}

static void write_fragment(struct rte_mbuf *to, const struct cut *cut, uint32_t offset)
{
	uint32_t n_bytes = RTE_MIN(cut->piece_bytes, cut->payload_bytes - offset);
	uint32_t own_bytes = cut->family == 4 ? 0 : FRAGMENT_HEADER_BYTES;
	uint32_t frame_bytes = cut->headers + own_bytes + n_bytes;
	bool more = offset + n_bytes < cut->payload_bytes;
	uint8_t *frame = (void *)rte_pktmbuf_append(to, (uint16_t)frame_bytes);
	memcpy(frame, cut->frame, cut->headers);
	memcpy(frame + cut->headers + own_bytes, cut->frame + cut->headers + offset, n_bytes);
	if (cut->family == 4)
		finish_ipv4(cut, frame + RTE_ETHER_HDR_LEN, offset, frame_bytes - RTE_ETHER_HDR_LEN,
			    more);
	else
		finish_ipv6(cut, frame, offset, frame_bytes - RTE_ETHER_HDR_LEN, more);
}

/* All of them or none: what cannot be whole over there is of no use. Returns how many. */
static uint32_t cut_up(struct worker *w, struct rte_mbuf *m, uint32_t id, uint16_t limit_bytes,
		       struct rte_mbuf *to[])
{
	struct cut cut;
	if (!plan(m, id, limit_bytes, &cut)) {
		out_drop(w, m, COUNT_fragment_too_big);
		return 0;
	}
	uint32_t n = (cut.payload_bytes + cut.piece_bytes - 1) / cut.piece_bytes;
	if (rte_pktmbuf_alloc_bulk(w->zones->pool, to, n) != 0) {
		out_drop(w, m, COUNT_fragment_no_buffer);
		return 0;
	}
	for (uint32_t i = 0; i < n; i++)
		write_fragment(to[i], &cut, i * cut.piece_bytes);
	w->count.n[COUNT_fragment_tx] += n;
	out_drop(w, m, COUNT_fragment_split);
	return n;
}

/* As it is, in an ordinary buffer; NULL when there is none. */
static struct rte_mbuf *copy(struct worker *w, struct rte_mbuf *m)
{
	struct rte_mbuf *to = rte_pktmbuf_alloc(w->zones->pool);
	if (!to) {
		out_drop(w, m, COUNT_fragment_no_buffer);
		return NULL;
	}
	memcpy(rte_pktmbuf_append(to, m->data_len), rte_pktmbuf_mtod(m, void *), m->data_len);
	rte_pktmbuf_free(m); /* which is no drop: it goes on */
	return to;
}

static uint32_t fit(struct worker *w, struct rte_mbuf *m, uint32_t id, uint16_t limit_bytes,
		    struct rte_mbuf *to[])
{
	if (m->data_len - RTE_ETHER_HDR_LEN > limit_bytes)
		return cut_up(w, m, id, limit_bytes, to);
	to[0] = copy(w, m);
	return to[0] != NULL;
}

void fragment_to_kernel(struct worker *w, uint8_t zone, struct rte_mbuf *m)
{
	struct rte_mbuf *to[FRAGMENT_MAX];
	bool by_esp = pkt_of(m)->sa != NULL;
	/* IPv4 has 16 bits of it: a counter comes round as late as can be (RFC 6864 4.3). */
	uint32_t id = w->n_split++ << 1 | by_esp;
	uint32_t n = fit(w, m, id, w->zones->zone[zone].mtu_bytes, to);
	for (uint32_t i = 0; i < n; i++)
		out_kernel_frame(w, zone, to[i]);
}

/*
 * What the kernel sent in fragments and leaves in the clear leaves in fragments no larger: it may
 * know of a shorter path.
 */
static uint16_t limit_of(struct worker *w, const struct zone *zone, struct rte_mbuf *m)
{
	const struct reassembly_pkt *p = rte_mbuf_to_priv(m);
	uint16_t least =
		p->pkt.at.family == API_IPV4 ? PATH_LEAST_IPV4_BYTES : PATH_LEAST_IPV6_BYTES;
	if (p->pkt.sa) /* and only then may it be an ordinary buffer */
		return path_mtu(w, &p->pkt);
	uint16_t known = RTE_MAX(p->largest_bytes, least);
	return RTE_MIN(known, zone->mtu_bytes);
}

void fragment_to_network(struct worker *w, uint8_t zone, struct rte_mbuf *m)
{
	struct rte_mbuf *to[FRAGMENT_MAX];
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, RTE_ETHER_HDR_LEN);
	uint32_t id = (uint32_t)rte_rand(); /* IPv6: not to be guessed (RFC 7739) */
	uint16_t limit_bytes = limit_of(w, &w->zones->zone[zone], m);
	bool has_none = pkt_of(m)->sa && ip[6] & IPV4_DF; /* an outer header: RFC 6864 4.1 */
	if (ip[0] >> 4 == 4)
		id = has_none ? pkt_of(m)->sequence : (uint32_t)(ip[4] << 8 | ip[5]);
	uint32_t n = fit(w, m, id, limit_bytes, to);
	for (uint32_t i = 0; i < n; i++)
		out_network_frame(w, zone, to[i]);
}
