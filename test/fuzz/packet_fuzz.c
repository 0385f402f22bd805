/*
 * Frames into the worker, from both sides of every zone, with SAs of every suite alive.
 *
 * An input is a row of records: one byte that says what it is, two bytes of length (low first),
 * the bytes. A record is a frame as it is, or, so that what lies behind the ICV is reached, the
 * plaintext of an ESP packet that a UE seals with the right key. All records go into one turn,
 * unless one says that those before it have theirs first.
 * Whatever they are: all packets are accounted for, no buffer is lost, nothing for a protected port
 * passes by ESP, a UE can open what it is sent, and what it sealed comes out as it went in.
 */
#include "test/fuzz/fuzz.h"

#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/icmp.h"
#include "dataplane/parse.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/set_claims.h"

enum {
	N_UES = 2 * CRYPTO_N_SUITES, /* each suite, IPv4 and IPv6 */
	SUITES_A_ROW = 4,            /* so many over IPv4, the same over IPv6, the next ones */
	MAX_RECORDS = 32,
	MAX_BYTES = 1600,
	MAX_PLAIN_BYTES = MAX_BYTES + 16,
	/* bits of a record's first byte */
	SEALED = 0x08,
	/* of a frame's */
	FROM_KERNEL = 0x01,
	ZONE_SHIFT = 1,     /* two bits */
	ICMP_SUMMED = 0x10, /* with the right checksum */
	NEXT_TURN = 0x80,
	/* of a sealed one's: the lower three bits of the UE's number, and the upper two */
	UE_SHIFT = 4,
	SECOND_PAIR = 0x80,
};
_Static_assert(N_UES == 1 << 5, "a record's first byte names every UE");
_Static_assert(CRYPTO_N_SUITES % SUITES_A_ROW == 0, "rows are full");

/* Inbound SPIs that a seed can know: generation 1, slots in the order of the UEs. */
#define FIRST_SPI (UINT32_C(1) << 22)

static const struct sa_table_config table = {
	.capacity = 2 * N_UES * API_SET_SAS,
	.generation_bits = 10,
	.window_pkts = 128,
	.n_wide_windows = N_UES,
	.n_workers = 1,
};

static struct fixture *f;
static struct api_set sets[N_UES]; /* as of set_two_pairs(), with the inbound SPIs given */

/* Of one input. */
static struct {
	struct sealed {
		uint8_t plain[MAX_PLAIN_BYTES];
		size_t n_bytes;
	} sealed[MAX_RECORDS];
	unsigned n_sealed;
	unsigned n_frames; /* from the network */
	uint64_t n_opened; /* ESP packets to UEs that could open them */
} now;

/* Of all inputs: UEs whose ESP came in, or that could open what they were sent; both as bits. */
static struct {
	uint32_t in, out;
	uint64_t n_path_mtus, n_too_big;
} all;

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "packet_fuzz: %s\n", what);
	abort();
}

static enum crypto_suite suite_of(unsigned ue)
{
	return (enum crypto_suite)(ue / (2 * SUITES_A_ROW) * SUITES_A_ROW + ue % SUITES_A_ROW);
}

static enum api_family family_of(unsigned ue)
{
	return ue / SUITES_A_ROW % 2 ? API_IPV6 : API_IPV4;
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
	f = fixture_open(&table);
	for (uint32_t i = 0; i < N_UES; i++) {
		sets[i] = set_two_pairs(i, suite_of(i), family_of(i));
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
	now.n_sealed = now.n_frames = 0;
	now.n_opened = 0;
	memset(&f->worker.count, 0, sizeof(f->worker.count));
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
	unsigned ue = (what >> UE_SHIFT & 7u) | (what & 3u) << 3;
	const struct api_set *set = &sets[ue];
	enum set_sa which = what & SECOND_PAIR ? SET_US_TO_PC : SET_UC_TO_PS;
	struct esp_trailer none = { .pad_bytes = 0 };
	struct esp_peer peer = { .suite = suite_of(ue),
				 .spi = set->sa[which].spi,
				 .keys = set_keys(set) };
	struct packet_ip ip = { .vlan = f->zones.zone[set->zone].vlan, .family = set->family };
	uint8_t esp[PACKET_MAX_BYTES];
	struct packet p;
	if (n_bytes < 3)
		return;
	struct sealed *sealed = &now.sealed[now.n_sealed++];
	uint8_t *plain = sealed->plain;
	/* The last two bytes are pad length and next header, as they come. */
	none.pad_length = data[n_bytes - 2];
	none.next_header = data[n_bytes - 1];
	uint32_t sequence = data[0];
	size_t n = n_bytes - 3;
	memcpy(plain, data + 1, n);
	while (crypto_suite_shape[peer.suite].iv_bytes &&
	       (n + 2) % crypto_suite_shape[peer.suite].block_bytes != 0)
		plain[n++] = 0;
	sealed->n_bytes = n;
	memcpy(ip.source, set->peer.bytes, 16);
	memcpy(ip.destination, set->local.bytes, 16);
	n = esp_seal(esp, &peer, sequence, plain, n, &none);
	packet_make(&p, &ip, IPPROTO_ESP, esp, n);
	fixture_send(f, FIXTURE_NETWORK, set->zone, p.bytes, p.n_bytes);
}

/* Puts the checksum right, if it is an ICMP message, so that one is reached behind it. */
static void sum_icmp(uint8_t *frame, size_t n_bytes)
{
	struct parse at;
	if (parse_frame(frame, (uint32_t)n_bytes, &at) != PARSE_IP || !at.first ||
	    at.protocol != (at.family == API_IPV6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP) ||
	    at.end - at.l4 < 4)
		return;
	uint8_t *sum = frame + at.l4 + 2;
	memset(sum, 0, sizeof(uint16_t));
	uint16_t right =
		icmp_checksum(frame + at.l3, at.family, frame + at.l4, (uint16_t)(at.end - at.l4));
	memcpy(sum, &right, sizeof(right));
}

static void turn(void)
{
	while (fixture_turn(f))
		;
}

static void send_frame(uint8_t what, const uint8_t *data, size_t n_bytes)
{
	uint8_t frame[MAX_BYTES];
	if (what & NEXT_TURN)
		turn();
	memcpy(frame, data, n_bytes);
	if (what & ICMP_SUMMED)
		sum_icmp(frame, n_bytes);
	now.n_frames += !(what & FROM_KERNEL);
	fixture_send(f, what & FROM_KERNEL ? FIXTURE_KERNEL : FIXTURE_NETWORK,
		     (what >> ZONE_SHIFT & 3) % FIXTURE_ZONES, frame, (uint32_t)n_bytes);
}

static void send_record(uint8_t what, const uint8_t *data, size_t n_bytes)
{
	if (what & SEALED)
		send_sealed(what, data, n_bytes);
	else
		send_frame(what, data, n_bytes);
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

/* Is it what a UE has sealed, without the padding? Frames of the input's own may hold good ESP. */
static bool was_sealed(const struct packet *p)
{
	struct parse at;
	check(parse_frame(p->bytes, p->n_bytes, &at) == PARSE_IP, "a broken packet to the kernel");
	size_t n_bytes = at.end - at.l4;
	bool found = now.n_frames != 0;
	for (unsigned i = 0; i < now.n_sealed && !found; i++)
		found = n_bytes <= now.sealed[i].n_bytes &&
			memcmp(p->bytes + at.l4, now.sealed[i].plain, n_bytes) == 0;
	return found;
}

/* A packet to a UE, which opens it if it is ESP on one of its SAs. */
static void open_esp(const struct packet *p)
{
	static struct esp_opened opened;
	struct parse at;
	uint32_t spi_be;
	if (parse_frame(p->bytes, p->n_bytes, &at) != PARSE_IP || at.protocol != IPPROTO_ESP ||
	    at.fragment || at.end - at.l4 < (int)sizeof(spi_be))
		return;
	memcpy(&spi_be, p->bytes + at.l4, sizeof(spi_be));
	uint32_t spi = ntohl(spi_be), ue = (spi - sets[0].sa[SET_PS_TO_UC].spi) / 2;
	if (ue >= N_UES)
		return;
	struct esp_peer peer = { .suite = suite_of(ue), .spi = spi, .keys = set_keys(&sets[ue]) };
	if (!esp_open(&peer, p->bytes + at.l4, (size_t)(at.end - at.l4), &opened))
		return;
	now.n_opened++;
	all.out |= UINT32_C(1) << ue;
}

/* Takes what came out of one side; returns how many clear packets of protected ports. */
static uint64_t drain(enum fixture_side side)
{
	uint64_t n_protected = 0;
	for (unsigned zone = 0; zone < FIXTURE_ZONES; zone++) {
		for (struct packet p; fixture_receive_any(side, zone, &p);) {
			int port = edge_port(&p, side == FIXTURE_KERNEL);
			bool is_protected = port >= 0 &&
					    zone_is_protected(&f->zones.zone[zone], (uint16_t)port);
			n_protected += is_protected;
			if (side == FIXTURE_NETWORK)
				open_esp(&p);
			else if (is_protected)
				check(was_sealed(&p), "what was sealed came out changed");
		}
	}
	return n_protected;
}

static void remember(void)
{
	const uint64_t *n = f->worker.count.n;
	for (unsigned i = 0; i < N_UES; i++) {
		for (unsigned which = 0; which < 2; which++) {
			const struct sa *sa = sa_slot_of_spi(&f->sas, FIRST_SPI + 2 * i + which);
			all.in |= (uint32_t)(sa->run.n_pkts != 0) << i;
		}
	}
	all.n_path_mtus += n[COUNT_path_mtu_lowered];
	all.n_too_big += n[COUNT_too_big_tx];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	start();
	reset();
	send_all(data, size);
	turn();
	fixture_give_up_fragments(f);
	const uint64_t *n = f->worker.count.n;
	check(drain(FIXTURE_KERNEL) <= n[COUNT_esp_rx], "clear traffic reached a protected port");
	check(drain(FIXTURE_NETWORK) == 0, "clear traffic left from a protected port");
	check(n[COUNT_esp_bad_icv] <= now.n_frames, "what a UE sealed was refused");
	check(now.n_opened + n[COUNT_fragment_split] >= n[COUNT_esp_tx],
	      "a UE cannot open what it was sent");
	check(fixture_is_accounted(f), "a packet is unaccounted for");
	check(fixture_missing() == 0, "a packet buffer is lost");
	remember();
	return 0;
}

void fuzz_replayed(void)
{
	check(all.in == UINT32_MAX, "a UE from which no seed brings ESP in");
	check(all.out == UINT32_MAX, "a UE to which no seed sends ESP");
	check(all.n_path_mtus && all.n_too_big, "no seed lowers a path MTU");
}
