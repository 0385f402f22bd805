#include "test/unit/router.h"

#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"

enum {
	ICMP_BYTES = 8,
};

/* RFC 1071 over `n_bytes`, to go on from `sum`. */
static uint32_t add_up(uint32_t sum, const uint8_t *bytes, size_t n_bytes)
{
	for (size_t i = 0; i < n_bytes; i++)
		sum += (uint32_t)bytes[i] << (i % 2 ? 0 : 8);
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum;
}

/* Of an ICMP message behind this IP header; 0xffff when its own checksum is right. */
static uint32_t sum_of(const uint8_t *ip, const uint8_t *icmp, size_t n_bytes)
{
	uint32_t sum = add_up(0, icmp, n_bytes);
	if (ip[0] >> 4 == 6)
		sum = add_up(sum + IPPROTO_ICMPV6 + (uint32_t)n_bytes, ip + 8, 32);
	return sum;
}

struct router_error router_too_big(const struct packet *sent, uint32_t mtu_bytes)
{
	const uint8_t *ip = sent->bytes + sent->l3;
	bool v6 = ip[0] >> 4 == 6;
	struct router_error error = { .type = v6 ? 2 : 3, .code = v6 ? 0 : 4 };
	uint32_t n_bytes = sent->n_bytes - sent->l3, most = v6 ? 1232 : 548;
	error.mtu_bytes = mtu_bytes;
	error.quoted_bytes = n_bytes < most ? n_bytes : most;
	memcpy(error.quoted, ip, error.quoted_bytes);
	memcpy(error.to, ip + (v6 ? 8 : 12), v6 ? 16 : 4);
	return error;
}

void router_say(struct fixture *f, unsigned zone, const struct router_error *error, uint8_t family)
{
	struct packet_ip ip = { .family = family, .vlan = f->zones.zone[zone].vlan };
	uint8_t icmp[ICMP_BYTES + PACKET_MAX_BYTES] = { error->type, error->code };
	size_t n_bytes = ICMP_BYTES + error->quoted_bytes;
	struct packet p;
	memcpy(ip.source, family == 4 ? (uint8_t[16]){ 172, 16, 0, 1 } : (uint8_t[16]){ 0x20, 1 },
	       16);
	memcpy(ip.destination, error->to, 16);
	for (unsigned i = 0; i < 4; i++)
		icmp[4 + i] = (uint8_t)(error->mtu_bytes >> (24 - 8 * i));
	memcpy(icmp + ICMP_BYTES, error->quoted, error->quoted_bytes);
	uint8_t protocol = family == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	packet_make(&p, &ip, protocol, icmp, n_bytes);
	uint32_t sum = ~sum_of(p.bytes + p.l3, icmp, n_bytes) & 0xffff;
	sum ^= error->bad_checksum;
	p.bytes[p.l4 + 2] = (uint8_t)(sum >> 8);
	p.bytes[p.l4 + 3] = (uint8_t)sum;
	EXPECT_TRUE(fixture_send(f, FIXTURE_NETWORK, zone, p.bytes, p.n_bytes));
}

uint32_t router_told(const struct packet *told, const struct packet *about)
{
	const uint8_t *ip = told->bytes + told->l3, *of = about->bytes + about->l3;
	bool v6 = of[0] >> 4 == 6;
	size_t header = v6 ? 40 : 20, n_address = v6 ? 16 : 4, source = v6 ? 8 : 12;
	const uint8_t *icmp = ip + header;
	size_t n_icmp = told->n_bytes - told->l3 - header, n_about = about->n_bytes - about->l3;
	size_t n_quoted = n_icmp - ICMP_BYTES;
	EXPECT_MEM(told->bytes, about->bytes + 6, 6);
	EXPECT_MEM(told->bytes + 6, about->bytes, 6);
	EXPECT_MEM(told->bytes + 12, about->bytes + 12, 2);
	EXPECT_EQ(ip[0], v6 ? 0x60 : 0x45);
	EXPECT_TRUE(packet_checksum_is_good(told));
	EXPECT_EQ(ip[v6 ? 6 : 9], v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	EXPECT_MEM(ip + source, of + source + n_address, n_address);
	EXPECT_MEM(ip + source + n_address, of + source, n_address);
	EXPECT_EQ(icmp[0], v6 ? 2 : 3);
	EXPECT_EQ(icmp[1], v6 ? 0 : 4);
	EXPECT_EQ(sum_of(ip, icmp, n_icmp), 0xffff);
	EXPECT_EQ(n_quoted, n_about < (v6 ? 1232u : 548u) ? n_about : (v6 ? 1232u : 548u));
	EXPECT_MEM(icmp + ICMP_BYTES, of, n_quoted);
	return (uint32_t)icmp[4] << 24 | (uint32_t)icmp[5] << 16 | (uint32_t)icmp[6] << 8 | icmp[7];
}
