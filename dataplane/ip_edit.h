/*
 * What becomes of an IP header when ESP is put behind it or taken away: its length, its protocol,
 * the checksum of IPv4, and the place where it stands. Pure functions over bytes; any thread.
 */
#ifndef DATAPLANE_IP_EDIT_H
#define DATAPLANE_IP_EDIT_H

#include <stdint.h>
#include <string.h>

#include <rte_byteorder.h>
#include <rte_ip.h>

/* The fields that change, ready to be stored. */
struct ip_edit {
	uint16_t length_be; /* total (IPv4) or payload (IPv6) */
	uint16_t checksum;  /* IPv4 */
};

/*
 * Reads the header where it lies, before it is moved: a load so soon after the move's wide stores
 * would wait for them. RFC 1624: the sum changes by what the words change, so damage done before
 * stays visible.
 */
static inline struct ip_edit ip_edit_of(const uint8_t *ip, uint8_t family, uint8_t protocol,
					uint16_t ip_bytes)
{
	if (family == 6) {
		uint16_t payload_bytes = (uint16_t)(ip_bytes - sizeof(struct rte_ipv6_hdr));
		return (struct ip_edit){ .length_be = rte_cpu_to_be_16(payload_bytes) };
	}
	const struct rte_ipv4_hdr *h = (const void *)ip;
	struct ip_edit edit = { .length_be = rte_cpu_to_be_16(ip_bytes) };
	/* TTL and protocol are one word of the sum, the protocol its low byte on the wire. */
	uint32_t sum = (uint16_t)~h->hdr_checksum;
	sum += (uint16_t)~h->total_length + edit.length_be;
	sum += (uint16_t)~rte_cpu_to_be_16(h->next_proto_id) + rte_cpu_to_be_16(protocol);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	edit.checksum = (uint16_t)~sum;
	return edit;
}

/* Stores it; next_header is the byte that names the upper layer. */
static inline void ip_edit_apply(uint8_t *ip, uint8_t family, uint8_t *next_header,
				 uint8_t protocol, struct ip_edit edit)
{
	*next_header = protocol;
	if (family == 6) {
		((struct rte_ipv6_hdr *)ip)->payload_len = edit.length_be;
		return;
	}
	struct rte_ipv4_hdr *h = (void *)ip;
	h->total_length = edit.length_be;
	h->hdr_checksum = edit.checksum;
}

/*
 * Moves the n_bytes of link and IP header, at least 32; the places may overlap. Up to 64 bytes go
 * by four loads before four stores, which overlap each other where there are fewer.
 */
static inline void ip_edit_move(uint8_t *to, const uint8_t *from, uint32_t n_bytes)
{
	struct quarter {
		uint64_t word[2];
	} quarter[4];
	if (n_bytes > 64) {
		memmove(to, from, n_bytes);
		return;
	}
	memcpy(&quarter[0], from, 16);
	memcpy(&quarter[1], from + 16, 16);
	memcpy(&quarter[2], from + n_bytes - 32, 16);
	memcpy(&quarter[3], from + n_bytes - 16, 16);
	memcpy(to, &quarter[0], 16);
	memcpy(to + 16, &quarter[1], 16);
	memcpy(to + n_bytes - 32, &quarter[2], 16);
	memcpy(to + n_bytes - 16, &quarter[3], 16);
}

#endif
