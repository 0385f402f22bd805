/*
 * Frames into the worker, from both sides of every zone, with SAs of every suite alive.
 *
 * An input is a row of records: one byte that says what it is, two bytes of length (low first),
 * the bytes. A record is a frame as it is, or, so that what lies behind the ICV is reached, the
 * plaintext of an ESP packet that a UE seals with the right key. All records go into one turn.
 * Whatever they are: all packets are accounted for, no buffer is lost, and nothing for a protected
 * port passes by ESP.
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
	N_UES = 8, /* each suite, IPv4 and IPv6 */
	MAX_RECORDS = 32,
	MAX_BYTES = 1600,
	/* bits of a record's first byte */
	FROM_KERNEL = 0x01,
	ZONE_SHIFT = 1, /* two bits */
	SEALED = 0x08,
	UE_SHIFT = 4, /* three bits */
	SECOND_PAIR = 0x80,
};

/* Inbound SPIs that a seed can know: generation 1, slots in the order of the UEs. */
#define FIRST_SPI (UINT32_C(1) << 22)

static struct fixture *f;
static struct api_set sets[N_UES]; /* as of set_two_pairs(), with the inbound SPIs given */

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "packet_fuzz: %s\n", what);
	abort();
}

/* Two SAs of a UE's set as a set of their own. */
static void install(const struct api_set *set, uint64_t registration, enum set_sa first,
		    enum set_sa second)
{
	struct api_set half = *set;
	struct api_set_result result;
	memset(half.sa, 0, sizeof(half.sa));
	half.registration = registration;
	half.sa[0] = set->sa[first];
	half.sa[1] = set->sa[second];
	check(set_install(&f->sets, &half, NULL, FIXTURE_OWNER, 1, &result) == 0, "no set");
}

static void start(void)
{
	if (f)
		return;
	f = fixture_open(&fixture_table);
	for (uint32_t i = 0; i < N_UES; i++) {
		sets[i] = set_two_pairs(i, (enum crypto_suite)(i % CRYPTO_N_SUITES),
					i / CRYPTO_N_SUITES ? API_IPV6 : API_IPV4);
		sets[i].zone = (uint16_t)(i % FIXTURE_ZONES);
		sets[i].sa[SET_UC_TO_PS].spi = FIRST_SPI + 2 * i;
		sets[i].sa[SET_US_TO_PC].spi = FIRST_SPI + 2 * i + 1;
		sets[i].sa[SET_US_TO_PC].window_pkts = 1024;
	}
	/* Inbound first: the outbound ones take any slot that is left. */
	for (uint32_t i = 0; i < N_UES; i++)
		install(&sets[i], 1 + i, SET_UC_TO_PS, SET_US_TO_PC);
	for (uint32_t i = 0; i < N_UES; i++)
		install(&sets[i], 1 + N_UES + i, SET_PS_TO_UC, SET_PC_TO_US);
}

/* Windows and sequence numbers as on the first day, so that an input does the same each time. */
static void reset(void)
{
	fixture_forget_paths(f);
	for (uint32_t slot = 0; slot < f->sas.capacity; slot++) {
		struct sa *sa = &f->sas.sa[slot];
		sa->run = (struct sa_run){ 0 };
		if (sa->rest.wide)
			memset(sa->rest.wide, 0, sizeof(*sa->rest.wide));
	}
}

static void send_sealed(uint8_t what, const uint8_t *data, size_t n_bytes)
{
	const struct api_set *set = &sets[what >> UE_SHIFT & (N_UES - 1)];
	enum set_sa which = what & SECOND_PAIR ? SET_US_TO_PC : SET_UC_TO_PS;
	struct esp_trailer none = { .pad_bytes = 0 };
	struct esp_peer peer = { .suite = (enum crypto_suite)((set - sets) % CRYPTO_N_SUITES),
				 .spi = set->sa[which].spi };
	struct packet_ip ip = { .vlan = f->zones.zone[set->zone].vlan, .family = set->family };
	uint8_t esp[PACKET_MAX_BYTES], plain[MAX_BYTES + 16];
	struct packet p;
	if (n_bytes < 3)
		return;
	/* The last two bytes are pad length and next header, as they come. */
	none.pad_length = data[n_bytes - 2];
	none.next_header = data[n_bytes - 1];
	uint32_t sequence = data[0];
	size_t n = n_bytes - 3;
	memcpy(plain, data + 1, n);
	while (crypto_suite_shape[peer.suite].iv_bytes &&
	       (n + 2) % crypto_suite_shape[peer.suite].block_bytes != 0)
		plain[n++] = 0;
	peer.keys = set_keys(set);
	memcpy(ip.source, set->peer.bytes, 16);
	memcpy(ip.destination, set->local.bytes, 16);
	n = esp_seal(esp, &peer, sequence, plain, n, &none);
	packet_make(&p, &ip, IPPROTO_ESP, esp, n);
	fixture_send(f, FIXTURE_NETWORK, set->zone, p.bytes, p.n_bytes);
}

static void send_record(uint8_t what, const uint8_t *data, size_t n_bytes)
{
	if (what & SEALED)
		send_sealed(what, data, n_bytes);
	else
		fixture_send(f, what & FROM_KERNEL ? FIXTURE_KERNEL : FIXTURE_NETWORK,
			     (what >> ZONE_SHIFT & 3) % FIXTURE_ZONES, data, (uint32_t)n_bytes);
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
		send_record(what, data, n_bytes > MAX_BYTES ? MAX_BYTES : n_bytes);
		data += n_bytes;
		size -= n_bytes;
	}
}

/* The port on the edge's side of a clear UDP or TCP packet; -1 when there is none to see. */
static int edge_port(const struct packet *p, bool to_kernel)
{
	struct parse at;
	if (parse_frame(p->bytes, p->n_bytes, &at) != PARSE_IP || !at.first || at.end - at.l4 < 4 ||
	    (at.protocol != IPPROTO_UDP && at.protocol != IPPROTO_TCP))
		return -1;
	const uint8_t *port = p->bytes + at.l4 + (to_kernel ? 2 : 0);
	return port[0] << 8 | port[1];
}

/* Takes what came out of one side; returns how many clear packets of protected ports. */
static uint64_t drain(enum fixture_side side)
{
	uint64_t n_protected = 0;
	for (unsigned zone = 0; zone < FIXTURE_ZONES; zone++) {
		for (struct packet p; fixture_receive_any(side, zone, &p);) {
			int port = edge_port(&p, side == FIXTURE_KERNEL);
			n_protected += port >= 0 &&
				       zone_is_protected(&f->zones.zone[zone], (uint16_t)port);
		}
	}
	return n_protected;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	reset();
	memset(&f->worker.count, 0, sizeof(f->worker.count));
	send_all(data, size);
	while (fixture_turn(f))
		;
	fixture_give_up_fragments(f);
	const uint64_t *n = f->worker.count.n;
	check(drain(FIXTURE_KERNEL) <= n[COUNT_esp_rx], "clear traffic reached a protected port");
	check(drain(FIXTURE_NETWORK) == 0, "clear traffic left from a protected port");
	check(fixture_is_accounted(f), "a packet is unaccounted for");
	check(fixture_missing() == 0, "a packet buffer is lost");
	return 0;
}
