/*
 * Where the headers of a received frame are. A pure function over bytes: no allocation, no state,
 * every length checked against the frame, nothing read beyond it. Any thread.
 */
#ifndef DATAPLANE_PARSE_H
#define DATAPLANE_PARSE_H

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/*
 * Headers between IPv6 and the upper layer that are walked; more is malformed. RFC 8200 4.1 lists
 * seven kinds, one of which may stand twice.
 */
#define PARSE_MAX_EXTENSIONS 8

enum parse_verdict {
	PARSE_IP,        /* l3 … fragment are filled in */
	PARSE_OTHER,     /* not IP (ARP, LLDP …): only vlan and l3 are filled in */
	PARSE_TRUNCATED, /* a header or length runs past the end of the frame */
	PARSE_MALFORMED, /* a field is impossible */
};

struct parse {
	uint16_t vlan;        /* 802.1Q tag, 0 = untagged */
	uint16_t l3;          /* offset of the IP header */
	uint16_t l4;          /* offset of the upper-layer header (ESP, UDP, TCP …) */
	uint16_t end;         /* offset behind the last byte of the IP packet; Ethernet may pad */
	uint16_t next_header; /* offset of the byte that names the upper layer */
	uint8_t family;       /* 4 or 6 */
	uint8_t protocol;     /* of the upper layer */
	bool fragment;        /* one fragment of several; the upper-layer header may be absent */
	bool first;           /* whole packet or first fragment: l4 is the upper-layer header */
};

/* The addresses of the IP header at `ip`, 4 or 16 bytes. */
static inline const uint8_t *parse_source(const uint8_t *ip, uint8_t family)
{
	return ip + (family == 4 ? 12 : 8); /* RFC 791 3.1, RFC 8200 3 */
}

static inline const uint8_t *parse_destination(const uint8_t *ip, uint8_t family)
{
	return ip + (family == 4 ? 16 : 24);
}

/*
 * The frame that nearly all are: untagged IPv4 without options, whole. Says and fills in what
 * parse_frame() would; false: ask that one.
 */
static inline bool parse_is_plain(const uint8_t *frame, uint32_t n_bytes, struct parse *p)
{
	static const struct parse plain = {
		.l3 = 14, .l4 = 34, .next_header = 23, .family = 4, .first = true
	};
	uint32_t type_be; /* EtherType, version and header length, type of service */
	uint16_t total_be, fragment_be;
	if (n_bytes < 34)
		return false;
	memcpy(&type_be, frame + 12, sizeof(type_be));
	memcpy(&total_be, frame + 16, sizeof(total_be));
	memcpy(&fragment_be, frame + 20, sizeof(fragment_be));
	uint32_t total_bytes = __builtin_bswap16(total_be);
	/* RFC 791 3.1: neither more fragments nor an offset; "don't fragment" is welcome. */
	if ((type_be & __builtin_bswap32(0xffffff00)) != __builtin_bswap32(0x08004500) ||
	    (fragment_be & __builtin_bswap16(0xbfff)) != 0 || total_bytes < 20 ||
	    total_bytes > n_bytes - 14 || n_bytes > UINT16_MAX)
		return false;
	*p = plain;
	p->protocol = frame[23];
	p->end = (uint16_t)(14 + total_bytes);
	return true;
}

enum parse_verdict parse_frame(const uint8_t *frame, uint32_t n_bytes, struct parse *p);

#endif
