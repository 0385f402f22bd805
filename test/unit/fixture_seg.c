#include "test/unit/fixture_seg.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"

const struct seg_kind seg_kinds[SEG_KINDS] = {
	{ API_IPV4, API_IPV4, false }, { API_IPV4, API_IPV6, false }, { API_IPV6, API_IPV4, false },
	{ API_IPV6, API_IPV6, false }, { API_IPV4, API_IPV4, true },  { API_IPV4, API_IPV6, true },
	{ API_IPV6, API_IPV4, true },  { API_IPV6, API_IPV6, true },
};

/* 10.0.0.1 and fd00::1 are ours, the peer's last byte its number; 192.168.1.0/24 and fd01::/64 are
 * behind us, 192.168.(100 + number).0/24 and fd02:number::/64 behind it. */
static void address(uint8_t bytes[16], enum api_family family, uint8_t network, uint8_t number,
		    uint8_t host)
{
	memset(bytes, 0, 16);
	if (family == API_IPV4)
		memcpy(bytes,
		       network ? (uint8_t[]){ 192, 168, network == 1 ? 1 : 100 + number, host }
			       : (uint8_t[]){ 10, 0, number, host },
		       4);
	else
		memcpy(bytes, (uint8_t[]){ 0xfd, network, number, [15] = host }, 16);
}

static void fill_selector(struct api_selector *s, enum api_family family, uint8_t number)
{
	s->family = (uint8_t)family;
	s->local_bits = s->remote_bits = family == API_IPV4 ? 24 : 64;
	address(s->local.bytes, family, 1, 0, 0);
	address(s->remote.bytes, family, 2, number, 0);
}

void seg_open(struct fixture *f, struct seg *seg, const struct seg_kind *kind, uint32_t number,
	      void (*change)(struct api_tunnel *tunnel))
{
	memset(seg, 0, sizeof(*seg));
	seg->tunnel = (struct api_tunnel){ .handle = 100 + number, .family = (uint8_t)kind->outer };
	seg->tunnel.local_port = kind->in_udp ? SEG_PORT : 0;
	seg->tunnel.peer_port = kind->in_udp ? SEG_NAT_PORT : 0;
	address(seg->tunnel.local.bytes, kind->outer, 0, 0, 1);
	address(seg->tunnel.peer.bytes, kind->outer, 0, 9, (uint8_t)number);
	fill_selector(&seg->tunnel.selector, kind->inner, (uint8_t)number);
	if (change)
		change(&seg->tunnel);
	int64_t rc = tunnel_install(&f->sas.tunnels, &seg->tunnel, FIXTURE_OWNER);
	EXPECT_GT(rc, 0);
	seg->number = (uint32_t)rc;
	f->zones.zone[0].port_encap = SEG_PORT;

	seg->to_us.family = seg->from_us.family = (uint8_t)kind->outer;
	memcpy(seg->to_us.source, seg->tunnel.peer.bytes, 16);
	memcpy(seg->to_us.destination, seg->tunnel.local.bytes, 16);
	memcpy(seg->from_us.source, seg->tunnel.local.bytes, 16);
	memcpy(seg->from_us.destination, seg->tunnel.peer.bytes, 16);
	seg->inner_in.family = seg->inner_out.family = (uint8_t)kind->inner;
	address(seg->inner_in.source, kind->inner, 2, (uint8_t)number, 7);
	address(seg->inner_in.destination, kind->inner, 1, 0, 8);
	memcpy(seg->inner_out.source, seg->inner_in.destination, 16);
	memcpy(seg->inner_out.destination, seg->inner_in.source, 16);
}

int seg_install(struct fixture *f, struct seg *seg, enum api_direction direction,
		enum crypto_suite suite, uint64_t registration, void (*change)(struct api_set *set))
{
	struct api_set set = set_two_pairs((uint32_t)registration, suite, API_IPV4);
	struct esp_peer *peer = direction == API_IN ? &seg->in : &seg->out;
	struct api_set_result result;
	set.registration = registration;
	set.mode = API_TUNNEL;
	set.family = 0;
	set.tunnel = seg->number;
	memset(&set.local, 0, sizeof(set.local));
	memset(&set.peer, 0, sizeof(set.peer));
	memset(set.sa, 0, sizeof(set.sa));
	set.sa[0].direction = (uint8_t)direction;
	set.sa[0].spi = direction == API_OUT ? 0x20000 + (uint32_t)registration : 0;
	if (change)
		change(&set);
	int rc = set_install(&f->sets, &set, NULL, FIXTURE_OWNER, f->now_s, &result);
	if (rc < 0)
		return rc;
	peer->suite = suite;
	peer->spi = result.spi[0];
	peer->keys = set_keys(&set);
	peer->esn = set.sa[0].flags & API_SA_ESN;
	return 0;
}

void seg_install_both(struct fixture *f, struct seg *seg, const struct seg_kind *kind,
		      enum crypto_suite suite)
{
	seg_open(f, seg, kind, 1, NULL);
	EXPECT_EQ(seg_install(f, seg, API_IN, suite, 1, NULL), 0);
	EXPECT_EQ(seg_install(f, seg, API_OUT, suite, 2, NULL), 0);
	fixture_mark(f);
}

void seg_inner(struct packet *p, const struct packet_ip *ip, size_t n_bytes)
{
	uint8_t payload[PACKET_MAX_BYTES], upper[PACKET_MAX_BYTES];
	for (size_t i = 0; i < sizeof(payload); i++)
		payload[i] = (uint8_t)(i * 7);
	packet_make(p, ip, IPPROTO_UDP, upper, packet_udp(upper, 1000, 2000, payload, n_bytes));
}

uint8_t seg_next_header(const struct seg *seg)
{
	return seg->inner_in.family == API_IPV4 ? IPPROTO_IPIP : IPPROTO_IPV6;
}

void seg_wrap(struct packet *p, const struct seg *seg, uint32_t sequence,
	      const struct packet *inner, uint8_t next_header)
{
	uint8_t esp[PACKET_MAX_BYTES], udp[PACKET_MAX_BYTES];
	size_t n = inner->n_bytes - inner->l3;
	struct esp_trailer trailer = esp_trailer_of(seg->in.suite, n, next_header);
	n = esp_seal(esp, &seg->in, sequence, inner->bytes + inner->l3, n, &trailer);
	if (!seg->tunnel.local_port) {
		packet_make(p, &seg->to_us, IPPROTO_ESP, esp, n);
		return;
	}
	n = packet_udp(udp, seg->tunnel.peer_port, seg->tunnel.local_port, esp, n);
	packet_make(p, &seg->to_us, IPPROTO_UDP, udp, n);
}

/* RFC 768 and RFC 8200 8.1: over addresses, length, protocol, header and payload. */
static bool udp_sum_is_good(const struct packet *p, uint32_t l4)
{
	const uint8_t *b = p->bytes;
	uint32_t sum = IPPROTO_UDP + (p->n_bytes - l4);
	for (uint32_t i = p->l3 + 8; i < p->n_bytes; i += 2)
		sum += (uint32_t)(b[i] << 8 | (i + 1 < p->n_bytes ? b[i + 1] : 0));
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

bool seg_unwrap(const struct packet *p, const struct seg *seg, struct esp_opened *opened)
{
	const uint8_t *ip = p->bytes + p->l3;
	bool v6 = seg->tunnel.family == API_IPV6;
	uint32_t l4 = p->l3 + (v6 ? 40 : 20);
	if (memcmp(ip + (v6 ? 8 : 12), seg->from_us.source, v6 ? 16 : 4) != 0 ||
	    memcmp(ip + (v6 ? 24 : 16), seg->from_us.destination, v6 ? 16 : 4) != 0 ||
	    !packet_checksum_is_good(p))
		return false;
	if (ip[v6 ? 6 : 9] != (seg->tunnel.local_port ? IPPROTO_UDP : IPPROTO_ESP))
		return false;
	if (seg->tunnel.local_port) {
		const uint8_t *udp = p->bytes + l4;
		uint16_t sum = (uint16_t)(udp[6] << 8 | udp[7]);
		if ((udp[0] << 8 | udp[1]) != seg->tunnel.local_port ||
		    (udp[2] << 8 | udp[3]) != seg->tunnel.peer_port ||
		    (udp[4] << 8 | udp[5]) != (int)(p->n_bytes - l4) ||
		    (v6 ? !udp_sum_is_good(p, l4) : sum != 0))
			return false;
		l4 += 8;
	}
	return esp_open(&seg->out, p->bytes + l4, p->n_bytes - l4, opened);
}
