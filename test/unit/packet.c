#include "test/unit/packet.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
	ETHER_BYTES = 14,
	IPV4_BYTES = 20,
	IPV6_BYTES = 40,
};

static void put_be16(uint8_t *to, uint32_t value)
{
	to[0] = (uint8_t)(value >> 8);
	to[1] = (uint8_t)value;
}

static void put_be32(uint8_t *to, uint32_t value)
{
	put_be16(to, value >> 16);
	put_be16(to + 2, value);
}

static uint32_t get_be32(const uint8_t *from)
{
	return (uint32_t)from[0] << 24 | (uint32_t)from[1] << 16 | (uint32_t)from[2] << 8 | from[3];
}

static void append(struct packet *p, const void *bytes, size_t n_bytes)
{
	if (p->n_bytes + n_bytes > sizeof(p->bytes))
		abort();
	if (n_bytes)
		memcpy(p->bytes + p->n_bytes, bytes, n_bytes);
	p->n_bytes += (uint32_t)n_bytes;
}

static void append_ether(struct packet *p, const struct packet_ip *ip)
{
	static const uint8_t addresses[12] = { 2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2 };
	uint8_t type[6];

	append(p, addresses, sizeof(addresses));
	if (ip->vlan) {
		put_be16(type, 0x8100);
		put_be16(type + 2, ip->vlan);
		append(p, type, 4);
	}
	put_be16(type, ip->family == 4 ? 0x0800 : 0x86dd);
	append(p, type, 2);
}

/* RFC 1071, over an even number of bytes. */
static uint16_t ones_complement_sum(const uint8_t *bytes, size_t n_bytes)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < n_bytes; i += 2)
		sum += (uint32_t)(bytes[i] << 8 | bytes[i + 1]);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

static void append_ipv4(struct packet *p, const struct packet_ip *ip, uint8_t protocol,
			size_t payload_bytes)
{
	uint8_t header[60] = { 0 };
	size_t header_bytes = IPV4_BYTES + ip->option_bytes;

	header[0] = (uint8_t)(0x40 | header_bytes / 4);
	header[1] = ip->tos;
	put_be16(header + 2, (uint32_t)(header_bytes + payload_bytes));
	put_be16(header + 4, ip->id + 1u);
	put_be16(header + 6, ip->fragment_be16);
	header[8] = 64;
	header[9] = protocol;
	memcpy(header + 12, ip->source, 4);
	memcpy(header + 16, ip->destination, 4);
	memset(header + IPV4_BYTES, 1, ip->option_bytes);
	put_be16(header + 10, (uint16_t)~ones_complement_sum(header, header_bytes));
	append(p, header, header_bytes);
}

static void append_ipv6(struct packet *p, const struct packet_ip *ip, uint8_t protocol,
			size_t payload_bytes)
{
	uint8_t header[IPV6_BYTES] = { 0x60 };

	header[0] |= ip->tos >> 4;
	header[1] = (uint8_t)(ip->tos << 4);
	put_be16(header + 4, (uint32_t)(payload_bytes + ip->n_extensions * 8u));
	header[6] = ip->n_extensions ? ip->extension[0] : protocol;
	header[7] = 64;
	memcpy(header + 8, ip->source, 16);
	memcpy(header + 24, ip->destination, 16);
	append(p, header, sizeof(header));
	for (unsigned i = 0; i < ip->n_extensions; i++) {
		uint8_t extension[8] = { 0, 0, 1, 4 }; /* PadN of four, RFC 8200 4.2 */

		extension[0] = i + 1u < ip->n_extensions ? ip->extension[i + 1] : protocol;
		if (ip->extension[i] == IPPROTO_FRAGMENT) {
			put_be16(extension + 2, ip->fragment_offset_be16);
			put_be16(extension + 4, ip->id);
		}
		append(p, extension, sizeof(extension));
	}
}

void packet_make(struct packet *p, const struct packet_ip *ip, uint8_t protocol,
		 const uint8_t *payload, size_t n_bytes)
{
	memset(p, 0, sizeof(*p));
	append_ether(p, ip);
	p->l3 = p->n_bytes;
	if (ip->family == 4)
		append_ipv4(p, ip, protocol, n_bytes);
	else
		append_ipv6(p, ip, protocol, n_bytes);
	p->l4 = p->n_bytes;
	append(p, payload, n_bytes);
}

size_t packet_udp(uint8_t *out, uint16_t source, uint16_t destination, const uint8_t *payload,
		  size_t n_bytes)
{
	memset(out, 0, 8);
	put_be16(out, source);
	put_be16(out + 2, destination);
	put_be16(out + 4, (uint32_t)(8 + n_bytes));
	put_be16(out + 6, 0xbeef); /* for the kernel to check; there has to be one over IPv6 */
	if (n_bytes)
		memcpy(out + 8, payload, n_bytes);
	return 8 + n_bytes;
}

size_t packet_tcp(uint8_t *out, uint16_t source, uint16_t destination, const uint8_t *payload,
		  size_t n_bytes)
{
	memset(out, 0, 20);
	put_be16(out, source);
	put_be16(out + 2, destination);
	out[12] = 5 << 4;
	out[13] = 0x02; /* SYN */
	if (n_bytes)
		memcpy(out + 20, payload, n_bytes);
	return 20 + n_bytes;
}

bool packet_checksum_is_good(const struct packet *p)
{
	const uint8_t *ip = p->bytes + p->l3;

	return ip[0] >> 4 == 6 || ones_complement_sum(ip, (ip[0] & 15) * 4u) == 0xffff;
}

/* ---- ESP ---- */

struct esp_trailer esp_trailer_of(enum crypto_suite suite, size_t n_bytes, uint8_t next_header)
{
	size_t block = reference_shape(suite)->block_bytes;
	struct esp_trailer t = { .next_header = next_header };

	while ((n_bytes + t.pad_bytes + 2) % block != 0) {
		t.pad[t.pad_bytes] = (uint8_t)(t.pad_bytes + 1);
		t.pad_bytes++;
	}
	t.pad_length = (uint8_t)t.pad_bytes;
	return t;
}

size_t esp_seal(uint8_t *out, const struct esp_peer *peer, uint32_t sequence,
		const uint8_t *payload, size_t n_bytes, const struct esp_trailer *trailer)
{
	const struct reference_shape *shape = reference_shape(peer->suite);
	size_t start = 8 + shape->iv_bytes, n = start;

	if (n_bytes + trailer->pad_bytes + 64 > ESP_MAX_BYTES)
		abort();
	put_be32(out, peer->spi);
	put_be32(out + 4, sequence);
	for (size_t i = 8; i < start; i++)
		out[i] = (uint8_t)(sequence * 31 + i * 7);
	if (n_bytes)
		memcpy(out + n, payload, n_bytes);
	n += n_bytes;
	memcpy(out + n, trailer->pad, trailer->pad_bytes);
	n += trailer->pad_bytes;
	out[n++] = trailer->pad_length;
	out[n++] = trailer->next_header;
	reference_seal(peer->suite, &peer->keys, peer->esn ? &peer->high : NULL, out, n);
	return n + shape->icv_bytes;
}

bool esp_open(const struct esp_peer *peer, const uint8_t *esp, size_t n_bytes,
	      struct esp_opened *out)
{
	const struct reference_shape *shape = reference_shape(peer->suite);
	size_t start = 8 + shape->iv_bytes;
	uint8_t plain[ESP_MAX_BYTES];

	if (n_bytes < start + 2 + shape->icv_bytes || n_bytes > sizeof(plain))
		return false;
	size_t n = n_bytes - shape->icv_bytes;
	memcpy(plain, esp, n_bytes);
	if (!reference_open(peer->suite, &peer->keys, peer->esn ? &peer->high : NULL, plain, n))
		return false;
	size_t pad_bytes = plain[n - 2];
	if (pad_bytes > n - 2 - start)
		return false;
	for (size_t i = 0; i < pad_bytes; i++) {
		if (plain[n - 2 - pad_bytes + i] != i + 1)
			return false;
	}
	out->spi = get_be32(esp);
	out->sequence = get_be32(esp + 4);
	out->next_header = plain[n - 1];
	out->n_bytes = n - 2 - pad_bytes - start;
	memcpy(out->payload, plain + start, out->n_bytes);
	return true;
}
