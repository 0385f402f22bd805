#include "dataplane/icmp.h"

#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

#include "dataplane/out.h"
#include "dataplane/path.h"

enum {
	HEADER_BYTES = 8,
	TTL = 64,
	/* RFC 1812 4.3.2.3, RFC 4443 2.4: the error itself always fits. */
	MAX_IPV4_BYTES = PATH_LEAST_IPV4_BYTES,
	MAX_IPV6_BYTES = PATH_LEAST_IPV6_BYTES,
	MULTICAST_IPV4 = 0xe0, /* and above: of the first byte */
	MULTICAST_IPV6 = 0xff,
};

static bool may_be_told(const uint8_t *frame, const struct parse *at)
{
	uint8_t first = *parse_destination(frame + at->l3, at->family);
	if (first >= (at->family == API_IPV4 ? MULTICAST_IPV4 : MULTICAST_IPV6))
		return false;
	bool is_icmp = at->protocol == (at->family == API_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
	return !is_icmp || (at->end > at->l4 && !icmp_is_error(at->family, frame[at->l4]));
}

/* The way back of the packet: from its destination, which is certain to be routed here. */
static void write_ipv4(uint8_t *ip, const uint8_t *about, uint16_t n_bytes)
{
	struct rte_ipv4_hdr *h = (void *)ip;
	*h = (struct rte_ipv4_hdr){
		.version_ihl = RTE_IPV4_VHL_DEF,
		.total_length = rte_cpu_to_be_16(n_bytes),
		.time_to_live = TTL,
		.next_proto_id = IPPROTO_ICMP,
	};
	memcpy(&h->src_addr, parse_destination(about, API_IPV4), 4);
	memcpy(&h->dst_addr, parse_source(about, API_IPV4), 4);
	h->hdr_checksum = rte_ipv4_cksum(h);
}

static void write_ipv6(uint8_t *ip, const uint8_t *about, uint16_t n_bytes)
{
	struct rte_ipv6_hdr *h = (void *)ip;
	*h = (struct rte_ipv6_hdr){
		.vtc_flow = rte_cpu_to_be_32(UINT32_C(6) << 28),
		.payload_len = rte_cpu_to_be_16((uint16_t)(n_bytes - sizeof(*h))),
		.proto = IPPROTO_ICMPV6,
		.hop_limits = TTL,
	};
	memcpy(h->src_addr, parse_destination(about, API_IPV6), 16);
	memcpy(h->dst_addr, parse_source(about, API_IPV6), 16);
}

void icmp_tell_too_big(struct worker *w, struct rte_mbuf *m, const struct pkt *p,
		       uint16_t mtu_bytes)
{
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *), *about = frame + p->at.l3;
	bool v6 = p->at.family == API_IPV6;
	uint16_t l2_bytes = p->at.l3, mtu_be = rte_cpu_to_be_16(mtu_bytes);
	uint16_t ip_bytes = v6 ? sizeof(struct rte_ipv6_hdr) : sizeof(struct rte_ipv4_hdr);
	struct rte_mbuf *to = NULL;
	if (!may_be_told(frame, &p->at) || !(to = rte_pktmbuf_alloc(w->zones->pool)))
		return;
	uint16_t quoted_bytes =
		RTE_MIN(p->at.end - p->at.l3,
			(v6 ? MAX_IPV6_BYTES : MAX_IPV4_BYTES) - ip_bytes - HEADER_BYTES);
	uint16_t icmp_bytes = HEADER_BYTES + quoted_bytes;
	uint8_t *told = (void *)rte_pktmbuf_append(to, l2_bytes + ip_bytes + icmp_bytes);
	if (!told) {
		rte_pktmbuf_free(to);
		return;
	}
	memcpy(told, frame + RTE_ETHER_ADDR_LEN, RTE_ETHER_ADDR_LEN);
	memcpy(told + RTE_ETHER_ADDR_LEN, frame, RTE_ETHER_ADDR_LEN);
	memcpy(told + 2 * RTE_ETHER_ADDR_LEN, frame + 2 * RTE_ETHER_ADDR_LEN,
	       l2_bytes - 2 * RTE_ETHER_ADDR_LEN);
	uint8_t *ip = told + l2_bytes, *icmp = ip + ip_bytes;
	(v6 ? write_ipv6 : write_ipv4)(ip, about, ip_bytes + icmp_bytes);
	memset(icmp, 0, HEADER_BYTES);
	icmp[0] = v6 ? ICMP6_PACKET_TOO_BIG : ICMP_DEST_UNREACH;
	icmp[1] = v6 ? 0 : ICMP_FRAG_NEEDED;
	memcpy(icmp + 6, &mtu_be, sizeof(mtu_be)); /* RFC 4443 3.2: 32 bits from byte 4 on */
	memcpy(icmp + HEADER_BYTES, about, quoted_bytes);
	uint16_t checksum = icmp_checksum(ip, p->at.family, icmp, icmp_bytes);
	memcpy(icmp + 2, &checksum, sizeof(checksum));
	w->count.n[COUNT_too_big_tx]++;
	out_kernel_frame(w, p->zone, to);
}
