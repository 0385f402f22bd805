#include "dataplane/parse.h"

#include <netinet/in.h>
#include <string.h>

enum {
	ETHER_BYTES = 14,
	VLAN_BYTES = 4,
	ETHERTYPE_IPV4 = 0x0800,
	ETHERTYPE_VLAN = 0x8100,
	ETHERTYPE_IPV6 = 0x86dd,
	ETHERTYPE_SERVICE_VLAN = 0x88a8, /* 802.1ad */
	ETHERTYPE_OLD_SERVICE_VLAN = 0x9100,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
};

static uint16_t read_be16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* RFC 791 3.1 */
static enum parse_verdict parse_ipv4(const uint8_t *frame, uint32_t n_bytes, struct parse *p)
{
	const uint8_t *ip = frame + p->l3;
	uint32_t left = n_bytes - p->l3;
	if (left < IPV4_BYTES)
		return PARSE_TRUNCATED;
	uint32_t header_bytes = (ip[0] & 0x0f) * 4u;
	uint32_t total_bytes = read_be16(ip + 2);
	if (ip[0] >> 4 != 4 || header_bytes < IPV4_BYTES || total_bytes < header_bytes)
		return PARSE_MALFORMED;
	if (total_bytes > left)
		return PARSE_TRUNCATED;

	uint16_t fragment = read_be16(ip + 6);
	p->family = 4;
	p->protocol = ip[9];
	p->next_header = p->l3 + 9;
	p->l4 = (uint16_t)(p->l3 + header_bytes);
	p->end = (uint16_t)(p->l3 + total_bytes);
	p->fragment = (fragment & 0x3fff) != 0; /* MF or an offset */
	p->first = (fragment & 0x1fff) == 0;
	return PARSE_IP;
}

static bool is_extension(uint8_t protocol)
{
	return protocol == IPPROTO_HOPOPTS || protocol == IPPROTO_ROUTING ||
	       protocol == IPPROTO_DSTOPTS || protocol == IPPROTO_FRAGMENT;
}

/* RFC 8200 3 and 4; an atomic fragment counts as a fragment: nobody sends ESP in one. */
static enum parse_verdict parse_ipv6(const uint8_t *frame, uint32_t n_bytes, struct parse *p)
{
	const uint8_t *ip = frame + p->l3;
	uint32_t left = n_bytes - p->l3;
	if (left < IPV6_BYTES)
		return PARSE_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return PARSE_MALFORMED;
	uint32_t total_bytes = IPV6_BYTES + read_be16(ip + 4);
	if (total_bytes > left)
		return PARSE_TRUNCATED;

	uint32_t next = 6; /* offsets from here on count from the IP header */
	uint32_t at = IPV6_BYTES;
	p->first = true;
	for (unsigned n = 0; is_extension(ip[next]); n++) {
		if (n == PARSE_MAX_EXTENSIONS)
			return PARSE_MALFORMED;
		if (total_bytes - at < 8)
			return PARSE_TRUNCATED;
		uint32_t bytes = 8;
		if (ip[next] == IPPROTO_FRAGMENT) {
			p->fragment = true;
			p->first = (read_be16(ip + at + 2) & 0xfff8) == 0;
		} else {
			bytes += ip[at + 1] * 8u;
		}
		if (total_bytes - at < bytes)
			return PARSE_TRUNCATED;
		next = at;
		at += bytes;
		if (!p->first)
			break; /* what follows is the middle of something */
	}
	p->family = 6;
	p->protocol = ip[next];
	p->next_header = (uint16_t)(p->l3 + next);
	p->l4 = (uint16_t)(p->l3 + at);
	p->end = (uint16_t)(p->l3 + total_bytes);
	return PARSE_IP;
}

enum parse_verdict parse_frame(const uint8_t *frame, uint32_t n_bytes, struct parse *p)
{
	memset(p, 0, sizeof(*p));
	if (n_bytes > UINT16_MAX)
		return PARSE_MALFORMED; /* offsets are 16 bits; no port delivers such a frame */
	if (n_bytes < ETHER_BYTES)
		return PARSE_TRUNCATED;
	uint16_t type = read_be16(frame + 12);
	p->l3 = ETHER_BYTES;
	if (type == ETHERTYPE_VLAN) {
		if (n_bytes < ETHER_BYTES + VLAN_BYTES)
			return PARSE_TRUNCATED;
		p->vlan = read_be16(frame + 14) & 0x0fff;
		type = read_be16(frame + 16);
		p->l3 += VLAN_BYTES;
	}
	/* The kernel takes off any number of priority tags; what is behind a second one must not
	 * pass unseen (C-061). */
	if (type == ETHERTYPE_VLAN || type == ETHERTYPE_SERVICE_VLAN ||
	    type == ETHERTYPE_OLD_SERVICE_VLAN)
		return PARSE_MALFORMED;
	if (type == ETHERTYPE_IPV4)
		return parse_ipv4(frame, n_bytes, p);
	if (type == ETHERTYPE_IPV6)
		return parse_ipv6(frame, n_bytes, p);
	return PARSE_OTHER;
}
