/*
 * Frames into a worker that has tunnels: IPv4 and IPv6 inside and outside, in UDP or not, with
 * extended sequence numbers or not.
 *
 * An input is a row of records: one byte that says what it is, two bytes of length (low first),
 * the bytes. A record is a frame from the network or from the kernel as it is, or, so that what
 * lies behind the ICV is reached, the plaintext of an ESP packet that a peer seals with the right
 * key. Whatever they are: all packets are accounted for, no buffer is lost, and what a policy holds
 * passes in the clear neither way, but for neighbour discovery and IKE.
 */
#include "test/fuzz/fuzz.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/parse.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/set_claims.h"

enum {
	N_TUNNELS = 8,
	MAX_RECORDS = 32,
	MAX_BYTES = 1500,
	ENCAP_PORT = 4500,
	NAT_PORT = 1024,
	/* bits of a record's first byte */
	FROM_KERNEL = 0x01,
	SEALED = 0x02,
	TUNNEL_SHIFT = 2, /* three bits: outer IPv6, inner IPv6, in UDP */
	OUTER_V6 = 1,
	INNER_V6 = 2,
	IN_UDP = 4,
};

static const enum crypto_suite suites[N_TUNNELS] = {
	CRYPTO_HMAC_SHA1_NULL,
	CRYPTO_AES_GCM,
	CRYPTO_HMAC_MD5_AES_CBC,
	CRYPTO_AES256_GMAC,
	CRYPTO_HMAC_SHA256_AES256_CBC,
	CRYPTO_HMAC_SHA1_3DES_CBC,
	CRYPTO_AES256_GCM,
	CRYPTO_HMAC_MD5_NULL,
};

static struct fixture *f;
static struct esp_peer peer[N_TUNNELS];
static struct packet_ip outer[N_TUNNELS]; /* from the peer */

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "tunnel_fuzz: %s\n", what);
	abort();
}

/* Network 0 is that of the outer addresses, 1 behind us, 2 behind the peer of a tunnel. */
static void address(uint8_t bytes[16], bool v6, uint8_t net, uint8_t number, uint8_t host)
{
	memset(bytes, 0, 16);
	if (v6)
		memcpy(bytes, (uint8_t[]){ 0xfd, net, number, [15] = host }, 16);
	else
		memcpy(bytes, (uint8_t[]){ 10, net, number, host }, 4);
}

static uint32_t install_tunnel(uint8_t k)
{
	struct api_tunnel t = { .handle = 1u + k, .family = k & OUTER_V6 ? API_IPV6 : API_IPV4 };
	struct api_selector *s = &t.selector;
	bool inner_v6 = k & INNER_V6;
	address(t.local.bytes, k & OUTER_V6, 0, 0, 1);
	address(t.peer.bytes, k & OUTER_V6, 0, 9, k + 1);
	t.local_port = k & IN_UDP ? ENCAP_PORT : 0;
	t.peer_port = k & IN_UDP ? NAT_PORT : 0;
	s->family = inner_v6 ? API_IPV6 : API_IPV4;
	s->local_bits = s->remote_bits = 24;
	address(s->local.bytes, inner_v6, 1, 0, 0);
	address(s->remote.bytes, inner_v6, 2, k, 0);
	outer[k].family = t.family;
	memcpy(outer[k].source, t.peer.bytes, 16);
	memcpy(outer[k].destination, t.local.bytes, 16);
	int64_t number = tunnel_install(&f->sas.tunnels, &t, FIXTURE_OWNER);
	check(number > 0, "no tunnel");
	return (uint32_t)number;
}

static void install_sa(uint8_t k, uint32_t number, enum api_direction direction)
{
	struct api_set set = set_two_pairs(k, suites[k], API_IPV4);
	struct api_set_result result;
	set.registration = 1 + 2u * k + (direction == API_OUT);
	set.mode = API_TUNNEL;
	set.family = 0;
	set.tunnel = number;
	memset(&set.local, 0, sizeof(set.local));
	memset(&set.peer, 0, sizeof(set.peer));
	memset(set.sa, 0, sizeof(set.sa));
	set.sa[0].direction = (uint8_t)direction;
	set.sa[0].flags = k % 2 ? API_SA_ESN : 0;
	set.sa[0].spi = direction == API_OUT ? 1000u + k : 0;
	check(set_install(&f->sets, &set, NULL, FIXTURE_OWNER, 1, &result) == 0, "no SA");
	if (direction == API_IN)
		peer[k] = (struct esp_peer){ .suite = suites[k],
					     .spi = result.spi[0],
					     .keys = set_keys(&set),
					     .esn = k % 2 };
}

static void start(void)
{
	if (f)
		return;
	f = fixture_open(&fixture_table);
	f->zones.zone[0].port_encap = ENCAP_PORT;
	for (uint8_t k = 0; k < N_TUNNELS; k++) {
		uint32_t number = install_tunnel(k);
		install_sa(k, number, API_IN);
		install_sa(k, number, API_OUT);
	}
}

/* As on the first day, so that an input does the same each time. */
static void reset(void)
{
	void *entry;
	fixture_forget_paths(f);
	for (uint32_t slot = 0; slot < f->sas.capacity; slot++)
		f->sas.sa[slot].run = (struct sa_run){ 0 };
	while (rte_ring_dequeue(f->worker.events, &entry) == 0)
		tunnel_report_drop(((struct sa *)entry)->rest.tunnel);
	memset(&f->worker.count, 0, sizeof(f->worker.count));
}

/* Sequence number; the inner packet; pad length and next header as they come. */
static void send_sealed(uint8_t k, const uint8_t *data, size_t n_bytes)
{
	struct esp_trailer trailer = { .pad_bytes = 0 };
	uint8_t esp[PACKET_MAX_BYTES], udp[PACKET_MAX_BYTES], plain[MAX_BYTES + 16];
	struct packet p;
	if (n_bytes < 3)
		return;
	trailer.pad_length = data[n_bytes - 2];
	trailer.next_header = data[n_bytes - 1];
	size_t n = n_bytes - 3, block = crypto_suite_shape[peer[k].suite].block_bytes;
	memcpy(plain, data + 1, n);
	while (block > 4 && (n + 2) % block != 0)
		plain[n++] = 0;
	n = esp_seal(esp, &peer[k], data[0], plain, n, &trailer);
	if (k & IN_UDP) {
		n = packet_udp(udp, (uint16_t)(NAT_PORT + data[0] % 2), ENCAP_PORT, esp, n);
		packet_make(&p, &outer[k], IPPROTO_UDP, udp, n);
	} else {
		packet_make(&p, &outer[k], IPPROTO_ESP, esp, n);
	}
	fixture_send(f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
}

static void send_all(const uint8_t *data, size_t size)
{
	for (unsigned n = 0; n < MAX_RECORDS && size >= 3; n++) {
		uint8_t what = data[0];
		size_t n_bytes = data[1] | (size_t)data[2] << 8;
		data += 3;
		size -= 3;
		if (n_bytes > size)
			n_bytes = size;
		size_t used = n_bytes > MAX_BYTES ? MAX_BYTES : n_bytes;
		if (what & SEALED)
			send_sealed(what >> TUNNEL_SHIFT & (N_TUNNELS - 1), data, used);
		else
			fixture_send(f, what & FROM_KERNEL ? FIXTURE_KERNEL : FIXTURE_NETWORK, 0,
				     data, (uint32_t)used);
		data += n_bytes;
		size -= n_bytes;
	}
}

/* Is it between networks of one tunnel? Said again, without the code under test. */
static bool is_held(const struct packet *p, bool to_kernel)
{
	struct parse at;
	if (parse_frame(p->bytes, p->n_bytes, &at) != PARSE_IP)
		return false;
	const uint8_t *ip = p->bytes + at.l3;
	const uint8_t *source = parse_source(ip, at.family);
	const uint8_t *destination = parse_destination(ip, at.family);
	const uint8_t *local = to_kernel ? destination : source;
	const uint8_t *remote = to_kernel ? source : destination;
	uint8_t type = at.end > at.l4 ? p->bytes[at.l4] : 0;
	if (at.protocol == IPPROTO_ICMPV6 && type >= 133 && type <= 137)
		return false;
	for (uint8_t k = 0; k < N_TUNNELS; k++) {
		bool v6 = k & INNER_V6;
		uint8_t behind[16], beyond[16];
		address(behind, v6, 1, 0, 0);
		address(beyond, v6, 2, k, 0);
		if (at.family == (v6 ? 6 : 4) && memcmp(local, behind, 3) == 0 &&
		    memcmp(remote, beyond, 3) == 0)
			return true;
	}
	return false;
}

static uint64_t drain(enum fixture_side side)
{
	uint64_t n_held = 0;
	for (struct packet p; fixture_receive_any(side, 0, &p);)
		n_held += is_held(&p, side == FIXTURE_KERNEL);
	return n_held;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	reset();
	send_all(data, size);
	while (fixture_turn(f))
		;
	fixture_give_up_fragments(f);
	const uint64_t *n = f->worker.count.n;
	check(drain(FIXTURE_KERNEL) <= n[COUNT_esp_rx] + n[COUNT_fragment_tx] + n[COUNT_too_big_tx],
	      "a policy's packet came in clear");
	check(drain(FIXTURE_NETWORK) == 0, "a policy's packet left in clear");
	check(fixture_is_accounted(f), "a packet is unaccounted for");
	check(fixture_missing() == 0, "a packet buffer is lost");
	return 0;
}
