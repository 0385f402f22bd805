#include "test/soak/subject.h"

#include <netinet/in.h>
#include <string.h>

#include "test/unit/dataplane_fixture.h"
#include "test/unit/set_claims.h"

enum {
	PORT_ENCAP = 4500,
	NAT_PORT = 21000,
	NUMBER_BYTES = 8, /* a mark and the number */
};

#define MARK 0x50414b53u

/* ---- who it is ---- */

static void put(uint8_t address[16], const void *bytes, size_t n_bytes)
{
	memset(address, 0, 16);
	memcpy(address, bytes, n_bytes);
}

/* 192.168.1.8 or fd01::8 is behind us, 172.16.N or fd02::N behind the gateway with number N. */
static void inner_addresses(struct subject *s, uint8_t local[16], uint8_t remote[16])
{
	const uint8_t high = (uint8_t)(s->number >> 8), low = (uint8_t)s->number;
	if (s->in.family == API_IPV4) {
		put(local, (uint8_t[]){ 192, 168, 1, 8 }, 4);
		put(remote, (uint8_t[]){ 172, 16, high, low }, 4);
	} else {
		put(local, (uint8_t[16]){ 0xfd, 1, [15] = 8 }, 16);
		put(remote, (uint8_t[16]){ 0xfd, 2, [14] = high, [15] = low }, 16);
	}
}

static void init_tunnel(struct subject *s)
{
	struct api_tunnel *t = &s->tunnel;
	const struct api_set *set = &s->set[0];
	bool is_gateway = s->kind == SUBJECT_GATEWAY;
	uint8_t local[16], remote[16];
	inner_addresses(s, local, remote);
	*t = (struct api_tunnel){ .handle = s->number + 1,
				  .family = set->family,
				  .local = set->local,
				  .peer = set->peer };
	if (is_gateway) {
		bool v4 = set->family == API_IPV4;
		t->selector.family = set->family;
		t->selector.local_bits = t->selector.remote_bits = v4 ? 32 : 128;
		memcpy(t->selector.local.bytes, local, 16);
		memcpy(t->selector.remote.bytes, remote, 16);
	} else {
		t->local_port = PORT_ENCAP;
		t->peer_port = NAT_PORT;
		memcpy(local, set->local.bytes, 16);
	}
	s->inner_in = s->inner_out = (struct packet_ip){ .family = set->family };
	memcpy(s->inner_in.source, remote, 16);
	memcpy(s->inner_in.destination, local, 16);
	memcpy(s->inner_out.source, local, 16);
	memcpy(s->inner_out.destination, remote, 16);
}

/* What of a UE's set is a gateway's: keys and one direction. */
static void make_gateway(struct subject *s)
{
	s->n_sets = 2;
	s->set[1] = s->set[0];
	for (uint32_t i = 0; i < 2; i++) {
		struct api_set *set = &s->set[i];
		set->mode = API_TUNNEL;
		set->family = 0;
		memset(&set->local, 0, sizeof(set->local));
		memset(&set->peer, 0, sizeof(set->peer));
		memset(set->sa, 0, sizeof(set->sa));
		set->sa[0].direction = i == 0 ? API_IN : API_OUT;
		set->sa[0].flags = s->number & 4 ? API_SA_ESN : 0;
	}
}

void subject_init(struct subject *s, uint32_t number)
{
	memset(s, 0, sizeof(*s));
	s->number = number;
	s->kind = number % 8 == 6   ? SUBJECT_UE_BEHIND_NAT
		  : number % 8 == 7 ? SUBJECT_GATEWAY
				    : SUBJECT_UE;
	s->n_sets = 1;
	/* Each suite meets both families and all kinds. */
	s->set[0] = set_two_pairs(number, (enum crypto_suite)(number / 16 % CRYPTO_N_SUITES),
				  number / 8 % 2 ? API_IPV6 : API_IPV4);
	struct api_set *set = &s->set[0];
	s->in = s->out = (struct packet_ip){ .family = set->family };
	memcpy(s->in.source, set->peer.bytes, 16);
	memcpy(s->in.destination, set->local.bytes, 16);
	memcpy(s->out.source, set->local.bytes, 16);
	memcpy(s->out.destination, set->peer.bytes, 16);
	if (s->kind == SUBJECT_UE)
		return;
	init_tunnel(s);
	if (s->kind == SUBJECT_GATEWAY) {
		make_gateway(s);
		return;
	}
	set->mode = API_UDP_ENCAP_TUNNEL;
	memcpy(set->peer.bytes, s->inner_in.source, 16);
}

void subject_renew(struct subject *s, struct test_rng *rng, uint32_t lifetime_s)
{
	uint32_t generation = ++s->n_generations;
	memcpy(s->before, s->sa, sizeof(s->before));
	memset(s->sa, 0, sizeof(s->sa));
	for (uint32_t i = 0; i < s->n_sets; i++) {
		struct api_set *set = &s->set[i];
		test_rng_fill(rng, set->auth_key, set->auth_key_bytes);
		test_rng_fill(rng, set->cipher_key, set->cipher_key_bytes);
		if (set->integrity == API_AES_GMAC || set->cipher == API_AES_GCM)
			test_rng_fill(rng, set->salt, sizeof(set->salt));
		set->registration = (uint64_t)generation << 32 | ((s->number << 1 | i) + 2);
		set->subject = s->number + 1;
		set->lifetime_s = lifetime_s;
		for (uint32_t k = 0; k < API_SET_SAS; k++)
			set->sa[k].spi =
				set->sa[k].direction == API_OUT
					? (generation & 0xff) << 20 | s->number << 2 | k | 1u << 28
					: 0;
	}
}

void subject_installed(struct subject *s, uint32_t i, const struct api_set_result *result)
{
	const struct api_set *set = &s->set[i];
	for (uint32_t k = 0; k < API_SET_SAS; k++) {
		if (!set->sa[k].direction)
			continue;
		s->sa[i + k].peer = (struct esp_peer){
			.suite = (enum crypto_suite)(s->number / 16 % CRYPTO_N_SUITES),
			.spi = result->spi[k],
			.keys = set_keys(set),
			.esn = set->sa[k].flags & API_SA_ESN,
		};
	}
}

uint32_t subject_sa(const struct subject *s, enum api_direction direction, uint32_t any)
{
	if (s->kind == SUBJECT_GATEWAY)
		return direction == API_IN ? 0 : 1;
	if (direction == API_IN)
		return any % 2 ? SET_UC_TO_PS : SET_US_TO_PC;
	return any % 2 ? SET_PS_TO_UC : SET_PC_TO_US;
}

const struct api_sa *subject_ports(const struct subject *s, uint32_t sa)
{
	static const struct api_sa inside = { .local_port = 2000, .peer_port = 1000 };
	return s->kind == SUBJECT_GATEWAY ? &inside : &s->set[0].sa[sa];
}

/* ---- packets toward the data plane ---- */

void subject_payload(uint8_t *payload, size_t n_bytes, uint32_t number)
{
	const uint32_t mark[2] = { MARK, number };
	memset(payload, (int)number & 0xff, n_bytes - NUMBER_BYTES);
	memcpy(payload + n_bytes - NUMBER_BYTES, mark, NUMBER_BYTES);
}

size_t subject_upper(uint8_t *out, const struct subject *s, uint32_t sa, bool tcp, uint32_t number,
		     size_t n_bytes, const struct subject_flaw *flaw)
{
	const struct api_sa *ports = subject_ports(s, sa);
	bool in = s->kind == SUBJECT_GATEWAY ? sa == 0 : ports->direction == API_IN;
	uint16_t peer = (uint16_t)(ports->peer_port + flaw->peer_port_more);
	uint16_t from = in ? peer : ports->local_port, to = in ? ports->local_port : peer;
	uint8_t payload[PACKET_MAX_BYTES];
	n_bytes += NUMBER_BYTES;
	subject_payload(payload, n_bytes, number);
	n_bytes = tcp ? packet_tcp(out, from, to, payload, n_bytes)
		      : packet_udp(out, from, to, payload, n_bytes);
	if (flaw->no_checksum)
		out[6] = out[7] = 0;
	return n_bytes;
}

/* The plaintext of an ESP packet and its next header. */
static size_t carried(uint8_t *out, uint8_t *next_header, const struct subject *s, uint32_t sa,
		      bool tcp, uint32_t number, size_t n_bytes, const struct subject_flaw *flaw)
{
	uint8_t protocol = tcp ? IPPROTO_TCP : IPPROTO_UDP, upper[PACKET_MAX_BYTES];
	if (s->kind == SUBJECT_UE) {
		*next_header = protocol;
		return subject_upper(out, s, sa, tcp, number, n_bytes, flaw);
	}
	struct packet inner;
	struct packet_ip ip = s->inner_in;
	if (flaw->foreign)
		ip.source[ip.family == API_IPV4 ? 1 : 2] ^= 0x40;
	n_bytes = subject_upper(upper, s, sa, tcp, number, n_bytes, flaw);
	packet_make(&inner, &ip, protocol, upper, n_bytes);
	*next_header = ip.family == API_IPV4 ? IPPROTO_IPIP : IPPROTO_IPV6;
	memcpy(out, inner.bytes + inner.l3, inner.n_bytes - inner.l3);
	return inner.n_bytes - inner.l3;
}

size_t subject_seal(uint8_t *out, uint8_t *protocol, const struct subject *s, uint32_t sa,
		    uint64_t sequence, bool tcp, uint32_t number, size_t n_bytes,
		    const struct subject_flaw *flaw, uint16_t *carried_bytes)
{
	uint8_t plain[PACKET_MAX_BYTES], esp[PACKET_MAX_BYTES], next_header;
	const struct esp_peer *peer = &s->sa[sa].peer;
	size_t n = carried(plain, &next_header, s, sa, tcp, number, n_bytes, flaw);
	struct esp_trailer good = esp_trailer_of(peer->suite, n, next_header);
	*carried_bytes = (uint16_t)n;
	n = esp_seal(esp, peer, (uint32_t)sequence, plain, n,
		     flaw->trailer ? flaw->trailer : &good);
	*protocol = IPPROTO_ESP;
	if (s->kind != SUBJECT_UE_BEHIND_NAT) {
		memcpy(out, esp, n);
		return n;
	}
	*protocol = IPPROTO_UDP;
	return packet_udp(out, s->tunnel.peer_port, s->tunnel.local_port, esp, n);
}

/* ---- packets from it ---- */

/* Of an upper layer that fills its bytes. */
static bool upper_number(const uint8_t *upper, size_t n_bytes, uint8_t protocol, uint32_t *number)
{
	size_t header = protocol == IPPROTO_TCP ? 20 : 8;
	uint32_t mark[2];
	if (n_bytes < header + NUMBER_BYTES)
		return false;
	memcpy(mark, upper + n_bytes - NUMBER_BYTES, NUMBER_BYTES);
	for (size_t i = header; i < n_bytes - NUMBER_BYTES; i++)
		if (upper[i] != (uint8_t)mark[1])
			return false;
	*number = mark[1];
	return mark[0] == MARK;
}

bool subject_number(const uint8_t *ip, size_t n_bytes, uint32_t *number)
{
	bool v4 = ip[0] >> 4 == 4;
	size_t header = v4 ? 20 : 40;
	size_t length = v4 ? (size_t)(ip[2] << 8 | ip[3]) : 40u + (size_t)(ip[4] << 8 | ip[5]);
	return n_bytes >= length && length >= header &&
	       upper_number(ip + header, length - header, ip[v4 ? 9 : 6], number);
}

/* RFC 4303 3.4.3, as the peer keeps it. */
static bool is_new(struct subject_sa *sa, uint64_t sequence)
{
	if (sequence > sa->sequence) {
		uint64_t by = sequence - sa->sequence;
		sa->seen = by < 64 ? sa->seen << by | 1 : 1;
		sa->sequence = sequence;
		return true;
	}
	uint64_t behind = sa->sequence - sequence;
	if (behind >= 64 || sa->seen >> behind & 1)
		return false;
	sa->seen |= UINT64_C(1) << behind;
	return true;
}

const char *subject_open(struct subject *s, uint32_t sa, bool before, const uint8_t *esp,
			 size_t n_bytes, uint32_t *number)
{
	static struct esp_opened opened;
	struct subject_sa *mine = before ? &s->before[sa] : &s->sa[sa];
	bool good;
	if (!esp_open(&mine->peer, esp, n_bytes, &opened))
		return "its ICV or its padding is wrong";
	if (!is_new(mine, opened.sequence))
		return "its sequence number was sent before, or left of the window";
	if (s->kind == SUBJECT_UE)
		good = upper_number(opened.payload, opened.n_bytes, opened.next_header, number);
	else
		good = subject_number(opened.payload, opened.n_bytes, number);
	return good ? NULL : "it is not what was sent";
}
