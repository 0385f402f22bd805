#include "dataplane/icmp.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "dataplane/esp.h"
#include "dataplane/path.h"
#include "dataplane/tuple.h"

enum {
	HEADER_BYTES = 8, /* of an error; behind it is what it quotes */
	UDP_BYTES = 8,
	MARKER_BYTES = 4, /* RFC 3948 2.2: IKE, not ESP */
	IPV4_OFFSET = 0x1fff,
	IPV6_OFFSET = 0xfff8,
	EXTENSION_BYTES = 8,
};

/* What an error has in it of the packet it is about. */
struct quote {
	const uint8_t *ip;
	uint32_t n_left;  /* bytes of it that are there */
	uint32_t n_bytes; /* of the whole packet, as its header says */
	uint32_t at;      /* where the upper layer begins */
	uint8_t protocol;
	bool first; /* it does begin there: no later fragment */
};

bool icmp_is_error(uint8_t family, uint8_t type)
{
	if (family == API_IPV6)
		return !(type & ICMP6_INFOMSG_MASK); /* RFC 4443 2.1 */
	return type == ICMP_DEST_UNREACH || type == ICMP_SOURCE_QUENCH || type == ICMP_REDIRECT ||
	       type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETERPROB; /* RFC 1122 3.2.2 */
}

static bool is_too_big(uint8_t family, const uint8_t *icmp)
{
	if (family == API_IPV6)
		return icmp[0] == ICMP6_PACKET_TOO_BIG;
	return icmp[0] == ICMP_DEST_UNREACH && icmp[1] == ICMP_FRAG_NEEDED;
}

uint16_t icmp_checksum(const uint8_t *ip, uint8_t family, const uint8_t *icmp, uint16_t n_bytes)
{
	uint32_t sum = rte_raw_cksum(icmp, n_bytes);
	if (family == API_IPV6) { /* RFC 8200 8.1; both addresses */
		sum += rte_raw_cksum(parse_source(ip, API_IPV6), 32);
		sum += (uint32_t)rte_cpu_to_be_16(n_bytes) + rte_cpu_to_be_16(IPPROTO_ICMPV6);
	}
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static uint16_t read_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static bool quote_ipv4(struct quote *q)
{
	const uint8_t *ip = q->ip;
	if (q->n_left < sizeof(struct rte_ipv4_hdr) || ip[0] >> 4 != 4)
		return false;
	q->at = (ip[0] & 15) * 4u;
	q->n_bytes = read_be16(ip + 2);
	q->protocol = ip[9];
	q->first = (read_be16(ip + 6) & IPV4_OFFSET) == 0;
	return q->at >= sizeof(struct rte_ipv4_hdr) && q->at <= q->n_left;
}

static bool quote_ipv6(struct quote *q)
{
	const uint8_t *ip = q->ip;
	if (q->n_left < sizeof(struct rte_ipv6_hdr) || ip[0] >> 4 != 6)
		return false;
	q->at = sizeof(struct rte_ipv6_hdr);
	q->n_bytes = q->at + read_be16(ip + 4);
	q->protocol = ip[6];
	q->first = true;
	for (unsigned n = 0; n < PARSE_MAX_EXTENSIONS && q->first; n++) {
		bool is_fragment = q->protocol == IPPROTO_FRAGMENT;
		if (!is_fragment && q->protocol != IPPROTO_HOPOPTS &&
		    q->protocol != IPPROTO_ROUTING && q->protocol != IPPROTO_DSTOPTS)
			break;
		if (q->n_left - q->at < EXTENSION_BYTES)
			return false;
		const uint8_t *header = ip + q->at;
		uint32_t n_bytes = EXTENSION_BYTES + (is_fragment ? 0 : header[1] * 8u);
		if (q->n_left - q->at < n_bytes)
			return false;
		q->first = !is_fragment || (read_be16(header + 2) & IPV6_OFFSET) == 0;
		q->protocol = header[0];
		q->at += n_bytes;
	}
	return true;
}

/* Is it ESP of ours, alone or in UDP? Then q->at is where its header is, or should be. */
static bool is_about_esp(struct quote *q, const struct zone *zone)
{
	if (q->protocol == IPPROTO_ESP)
		return true;
	static const uint8_t marker[MARKER_BYTES];
	/* With less than that it may be IKE, which the kernel should hear of. */
	if (!zone->port_encap || q->protocol != IPPROTO_UDP || !q->first ||
	    q->n_left - q->at < UDP_BYTES + MARKER_BYTES ||
	    read_be16(q->ip + q->at) != zone->port_encap ||
	    memcmp(q->ip + q->at + UDP_BYTES, marker, MARKER_BYTES) == 0)
		return false;
	q->at += UDP_BYTES;
	return true;
}

/* RFC 1191 7.1, for routers that know of no MTU in their errors: the next common one below. */
static uint16_t plateau_below(uint32_t n_bytes)
{
	static const uint16_t plateaus[] = { 32000, 17914, 8166, 4352, 2002, 1492, 1006 };
	for (unsigned i = 0; i < RTE_DIM(plateaus); i++) {
		if (plateaus[i] < n_bytes)
			return plateaus[i];
	}
	return PATH_LEAST_IPV4_BYTES;
}

/* 0: nothing that can be true of a packet of ours. */
static uint16_t said_mtu(const uint8_t *icmp, uint8_t family, const struct quote *q)
{
	uint32_t mtu_bytes = (uint32_t)read_be16(icmp + 4) << 16 | read_be16(icmp + 6);
	if (family == API_IPV4) {
		mtu_bytes &= UINT16_MAX; /* RFC 1191 4: the upper half is unused */
		mtu_bytes = mtu_bytes ? RTE_MAX(mtu_bytes, (uint32_t)PATH_LEAST_IPV4_BYTES)
				      : plateau_below(q->n_bytes);
	}
	if (mtu_bytes < (family == API_IPV4 ? PATH_LEAST_IPV4_BYTES : PATH_LEAST_IPV6_BYTES) ||
	    mtu_bytes >= q->n_bytes) /* RFC 8201 4; and what fits is not too big */
		return 0;
	return (uint16_t)mtu_bytes;
}

static enum counter hear(struct worker *w, const struct pkt *p, const uint8_t *frame,
			 const struct quote *q)
{
	const uint8_t *ip = frame + p->at.l3, *icmp = frame + p->at.l4;
	uint8_t family = p->at.family;
	uint16_t mtu_bytes = said_mtu(icmp, family, q);
	uint32_t header_be[2];
	if (q->n_left - q->at < ESP_HEADER_BYTES || !mtu_bytes ||
	    q->n_bytes > w->zones->zone[p->zone].mtu_bytes ||
	    !local_address_equal(parse_source(q->ip, family), parse_destination(ip, family),
				 family) ||
	    icmp_checksum(ip, family, icmp, p->at.end - p->at.l4) != 0)
		return COUNT_path_mtu_refused;
	memcpy(header_be, q->ip + q->at, sizeof(header_be));
	struct tuple tuple = path_tuple(p->zone, family, parse_source(q->ip, family),
					parse_destination(q->ip, family), header_be[0]);
	struct path_error error = { .tuple = &tuple,
				    .sequence = rte_be_to_cpu_32(header_be[1]),
				    .mtu_bytes = mtu_bytes };
	return path_hear(w, &error) ? COUNT_path_mtu_heard : COUNT_path_mtu_limited;
}

enum counter icmp_in(struct worker *w, struct rte_mbuf *m, const struct pkt *p)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *), *icmp = frame + p->at.l4;
	uint32_t n_bytes = p->at.end - p->at.l4;
	bool v6 = p->at.family == API_IPV6;
	if (p->at.protocol != (v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) || n_bytes < HEADER_BYTES ||
	    !icmp_is_error(p->at.family, icmp[0]))
		return COUNT_clear_rx;
	struct quote q = { .ip = icmp + HEADER_BYTES, .n_left = n_bytes - HEADER_BYTES };
	if (!(v6 ? quote_ipv6(&q) : quote_ipv4(&q)) || !is_about_esp(&q, &w->zones->zone[p->zone]))
		return COUNT_clear_rx;
	/* A later fragment of ours has no SPI to quote; the first one was too big as well. */
	return is_too_big(p->at.family, icmp) && q.first ? hear(w, p, frame, &q)
							 : COUNT_icmp_about_esp;
}
