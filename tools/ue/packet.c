#include "tools/ue/packet.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#define TTL        64
#define UDP_SUM_AT 6

static uint16_t get_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

static void put_be16(uint8_t *at, uint16_t value)
{
	at[0] = (uint8_t)(value >> 8);
	at[1] = (uint8_t)value;
}

uint8_t *packet_room(struct packet *p)
{
	return p->buffer + PACKET_HEADROOM;
}

static void read_addresses(struct packet *p, unsigned at)
{
	uint8_t family = p->ip[0] >> 4 == 4 ? AF_INET : AF_INET6;

	memset(&p->source, 0, sizeof(p->source));
	memset(&p->destination, 0, sizeof(p->destination));
	p->source.family = p->destination.family = family;
	memcpy(p->source.bytes, p->ip + at, address_bytes(&p->source));
	memcpy(p->destination.bytes, p->ip + at + address_bytes(&p->source),
	       address_bytes(&p->destination));
}

static int parse_ipv4(struct packet *p, size_t n_bytes)
{
	unsigned header_bytes = (p->ip[0] & 0x0f) * 4u;

	if (n_bytes < PACKET_IPV4_BYTES || header_bytes < PACKET_IPV4_BYTES)
		return -EBADMSG;
	p->bytes = get_be16(p->ip + 2);
	if (p->bytes < header_bytes || p->bytes > n_bytes)
		return -EBADMSG;
	p->l4 = (uint16_t)header_bytes;
	p->protocol = p->ip[9];
	p->fragment = (get_be16(p->ip + 6) & 0x3fff) != 0; /* more fragments, or an offset */
	read_addresses(p, 12);
	return 0;
}

static int parse_ipv6(struct packet *p, size_t n_bytes)
{
	if (n_bytes < PACKET_IPV6_BYTES)
		return -EBADMSG;
	if ((size_t)PACKET_IPV6_BYTES + get_be16(p->ip + 4) > n_bytes)
		return -EBADMSG;
	p->bytes = (uint16_t)(PACKET_IPV6_BYTES + get_be16(p->ip + 4));
	p->l4 = PACKET_IPV6_BYTES;
	p->protocol = p->ip[6];
	p->fragment = p->protocol == IPPROTO_FRAGMENT;
	read_addresses(p, 8);
	return 0;
}

static void read_ports(struct packet *p)
{
	const uint8_t *l4 = p->ip + p->l4;
	bool has_ports = p->protocol == IPPROTO_UDP || p->protocol == IPPROTO_TCP;

	p->source_port = p->destination_port = 0;
	if (p->fragment || !has_ports || p->bytes - p->l4 < PACKET_UDP_BYTES)
		return;
	p->source_port = get_be16(l4);
	p->destination_port = get_be16(l4 + 2);
}

int packet_parse(struct packet *p, uint8_t *ip, size_t n_bytes)
{
	int error = -EBADMSG;

	p->ip = ip;
	p->in_udp = false;
	if (!n_bytes || n_bytes > PACKET_BYTES + PACKET_IPV6_BYTES)
		return error;
	if (ip[0] >> 4 == 4)
		error = parse_ipv4(p, n_bytes);
	else if (ip[0] >> 4 == 6)
		error = parse_ipv6(p, n_bytes);
	if (!error)
		read_ports(p);
	return error;
}

static uint32_t sum(const uint8_t *at, size_t n_bytes, uint32_t start)
{
	for (; n_bytes > 1; at += 2, n_bytes -= 2)
		start += get_be16(at);
	return n_bytes ? start + (uint32_t)(at[0] << 8) : start;
}

static uint16_t fold_be(uint32_t total)
{
	while (total >> 16)
		total = (total & 0xffff) + (total >> 16);
	return htons((uint16_t)~total);
}

static void finish_header(struct packet *p)
{
	if (p->ip[0] >> 4 == 6) {
		put_be16(p->ip + 4, (uint16_t)(p->bytes - PACKET_IPV6_BYTES));
		p->ip[6] = p->protocol;
		return;
	}
	put_be16(p->ip + 2, p->bytes);
	p->ip[9] = p->protocol;
	put_be16(p->ip + 10, 0);
	put_be16(p->ip + 10, ntohs(fold_be(sum(p->ip, p->l4, 0))));
}

void packet_reframe(struct packet *p, int shift, size_t l4_bytes, uint8_t protocol)
{
	memmove(p->ip + shift, p->ip, p->l4);
	p->ip += shift;
	p->bytes = (uint16_t)(p->l4 + l4_bytes);
	p->protocol = protocol;
	finish_header(p);
	read_ports(p);
}

static void write_header(struct packet *p, const struct address *source,
			 const struct address *destination)
{
	unsigned at = source->family == AF_INET ? 12 : 8;

	memset(p->ip, 0, p->l4);
	if (source->family == AF_INET) {
		p->ip[0] = 0x45;
		p->ip[8] = TTL;
	} else {
		p->ip[0] = 0x60;
		p->ip[7] = TTL;
	}
	memcpy(p->ip + at, source->bytes, address_bytes(source));
	memcpy(p->ip + at + address_bytes(source), destination->bytes, address_bytes(source));
	finish_header(p);
}

/* The header goes in front of `l4`, which holds n_bytes already. */
static int put_header(struct packet *p, uint8_t *l4, const struct address *source,
		      const struct address *destination, uint8_t protocol, size_t n_bytes)
{
	p->l4 = source->family == AF_INET ? PACKET_IPV4_BYTES : PACKET_IPV6_BYTES;
	p->ip = l4 - p->l4;
	p->bytes = (uint16_t)(p->l4 + n_bytes);
	p->protocol = protocol;
	write_header(p, source, destination);
	return packet_parse(p, p->ip, p->bytes);
}

int packet_restore(struct packet *p, const struct address *source,
		   const struct address *destination, uint8_t protocol, size_t n_bytes)
{
	if (n_bytes > PACKET_BYTES)
		return -EBADMSG;
	return put_header(p, packet_room(p), source, destination, protocol, n_bytes);
}

int packet_wrap_udp(struct packet *p, uint8_t *data, size_t n_bytes, uint16_t port)
{
	const struct address source = p->source, destination = p->destination;
	uint8_t *udp = data - PACKET_UDP_BYTES;

	put_be16(udp, port);
	put_be16(udp + 2, port);
	put_be16(udp + 4, (uint16_t)(PACKET_UDP_BYTES + n_bytes));
	put_be16(udp + UDP_SUM_AT, 0);
	return put_header(p, udp, &source, &destination, IPPROTO_UDP, PACKET_UDP_BYTES + n_bytes);
}

int packet_build(struct packet *p, const struct address *source, const struct address *destination,
		 uint8_t protocol, const void *data, size_t n_bytes)
{
	uint8_t *l4 = packet_room(p) + PACKET_IPV6_BYTES; /* leaves the headroom to ESP */

	if (n_bytes > PACKET_BYTES - PACKET_IPV6_BYTES)
		return -EMSGSIZE;
	memcpy(l4, data, n_bytes);
	return put_header(p, l4, source, destination, protocol, n_bytes);
}

uint16_t packet_checksum_be(const struct packet *p)
{
	size_t l4_bytes = (size_t)(p->bytes - p->l4);
	size_t n = address_bytes(&p->source);
	uint32_t total = p->protocol + (uint32_t)l4_bytes;

	total = sum(p->source.bytes, n, total);
	total = sum(p->destination.bytes, n, total);
	return fold_be(sum(p->ip + p->l4, l4_bytes, total));
}

int packet_build_udp(struct packet *p, const struct address *source, uint16_t source_port,
		     const struct address *destination, uint16_t destination_port, const void *data,
		     size_t n_bytes)
{
	uint8_t datagram[PACKET_BYTES];
	uint16_t checksum_be;
	int error;

	if (n_bytes > sizeof(datagram) - PACKET_UDP_BYTES)
		return -EMSGSIZE;
	put_be16(datagram, source_port);
	put_be16(datagram + 2, destination_port);
	put_be16(datagram + 4, (uint16_t)(PACKET_UDP_BYTES + n_bytes));
	put_be16(datagram + UDP_SUM_AT, 0);
	memcpy(datagram + PACKET_UDP_BYTES, data, n_bytes);
	error = packet_build(p, source, destination, IPPROTO_UDP, datagram,
			     PACKET_UDP_BYTES + n_bytes);
	if (error)
		return error;
	checksum_be = packet_checksum_be(p);
	if (!checksum_be)
		checksum_be = 0xffff; /* RFC 768: zero means that there is none */
	memcpy(p->ip + p->l4 + UDP_SUM_AT, &checksum_be, sizeof(checksum_be));
	return 0;
}
