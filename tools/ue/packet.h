/*
 * One IP packet in a buffer of its own with room to grow at both ends, and what its headers say.
 * Pure functions over the buffer, no allocation; every length is checked against it. One thread.
 */
#ifndef TOOLS_UE_PACKET_H
#define TOOLS_UE_PACKET_H

#include <stdint.h>

#include "tools/ue/address.h"

#define PACKET_IPV4_BYTES 20
#define PACKET_IPV6_BYTES 40
#define PACKET_UDP_BYTES  8

/*
 * In front: an IPv6 header that the socket held back, or ESP header and IV (8 + 16), in UDP the
 * IPv4 and UDP headers of the outside too (20 + 8).
 */
#define PACKET_HEADROOM 64
/* Reassembled SIP may be longer than a frame; nobody here sends or expects more than this. */
#define PACKET_BYTES 9216
/* Behind: 15 of padding, 2 of trailer, 12 of ICV. */
#define PACKET_TAILROOM 64

struct packet {
	uint8_t *ip;    /* in buffer */
	uint16_t bytes; /* of the whole packet */
	uint16_t l4;    /* offset of the upper layer from ip */
	uint8_t protocol;
	bool fragment;
	bool in_udp; /* ESP that came in UDP: l4 is where ESP begins */
	struct address source, destination;
	uint16_t source_port, destination_port; /* of whole UDP and TCP packets, else 0 */
	uint8_t buffer[PACKET_HEADROOM + PACKET_BYTES + PACKET_TAILROOM];
};

/* Where a packet that comes in is to be put: at most PACKET_BYTES. */
uint8_t *packet_room(struct packet *p);

/*
 * Reads the headers of ip[0 … n_bytes), which lies in the buffer. IPv6 extension headers are the
 * kernel's, which delivers without them. Returns 0 or -EBADMSG.
 */
int packet_parse(struct packet *p, uint8_t *ip, size_t n_bytes);

/*
 * Puts a header in front of n_bytes of upper layer at packet_room(), which the socket gave without
 * one, then parses.
 */
int packet_restore(struct packet *p, const struct address *source,
		   const struct address *destination, uint8_t protocol, size_t n_bytes);

/*
 * Moves the IP header by `shift` bytes (negative: forward) and gives the packet a new length and
 * upper-layer protocol; `l4` stays where the upper layer of the new packet begins. Lengths and
 * header checksum are mended.
 */
void packet_reframe(struct packet *p, int shift, size_t l4_bytes, uint8_t protocol);

/* A UDP datagram without a sum (RFC 3948 2.1), IPv4, around n_bytes at `data` in the buffer. */
int packet_wrap_udp(struct packet *p, uint8_t *data, size_t n_bytes, uint16_t port);

/* A header and n_bytes of upper layer from `data`; the caller sums what it put there. */
int packet_build(struct packet *p, const struct address *source, const struct address *destination,
		 uint8_t protocol, const void *data, size_t n_bytes);

/* A whole UDP datagram with its checksum. Returns 0 or -EMSGSIZE. */
int packet_build_udp(struct packet *p, const struct address *source, uint16_t source_port,
		     const struct address *destination, uint16_t destination_port, const void *data,
		     size_t n_bytes);

/* RFC 1071 over the upper layer with its pseudo header (RFC 768, RFC 9293, RFC 8200 8.1). */
uint16_t packet_checksum_be(const struct packet *p);

#endif
