/* What reassembly puts together, and what it refuses. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/reassembly_scene.h"

/* ---- every small case ---- */

/*
 * Each fragment covers units [first, last) of eight bytes, says whether more come, and holds the
 * bytes of one of two datagrams: all sequences of three among so many, against a model that keeps
 * one byte for each unit.
 */
enum { UNITS = 4, INTERVALS = UNITS * (UNITS + 1) / 2, CASES = INTERVALS * 4, LENGTH = 3 };

struct unit_piece {
	unsigned first, last, which;
	bool more;
};

static struct unit_piece unit_piece(unsigned number)
{
	struct unit_piece p = { .which = number & 1, .more = number >> 1 & 1 };
	unsigned left = number >> 2;
	for (p.first = 0; left >= UNITS - p.first; p.first++)
		left -= UNITS - p.first;
	p.last = p.first + left + 1;
	return p;
}

/* What must become of a sequence: in which of them the datagram is whole, and of which bytes. */
struct model {
	bool refused, whole;
	unsigned end;             /* 0: not known */
	unsigned owner[UNITS];    /* number of the piece + 1 that covers the unit, 0: none */
	struct unit_piece of[16]; /* pieces that were taken, by owner − 1 */
	unsigned n_taken;
};

static bool equal(const struct unit_piece *a, const struct unit_piece *b)
{
	return a->first == b->first && a->last == b->last && a->which == b->which &&
	       a->more == b->more;
}

static void model_take(struct model *m, const struct unit_piece *p)
{
	bool beyond = false, covered = false;
	unsigned n = 0;
	if (m->refused)
		return;
	for (unsigned i = 0; i < m->n_taken; i++) {
		if (equal(&m->of[i], p))
			return;
	}
	for (unsigned u = 0; u < UNITS; u++) {
		beyond |= u >= p->last && m->owner[u];
		covered |= u >= p->first && u < p->last && m->owner[u];
	}
	if (covered || (!p->more && (m->end || beyond)) ||
	    (p->more && m->end && p->last >= m->end)) {
		m->refused = true;
		return;
	}
	m->of[m->n_taken++] = *p;
	for (unsigned u = p->first; u < p->last; u++)
		m->owner[u] = m->n_taken;
	if (!p->more)
		m->end = p->last;
	for (unsigned u = 0; u < UNITS; u++)
		n += m->owner[u] != 0;
	m->whole = m->end && n == m->end;
}

static void run_sequence(struct scene *s, const unsigned number[LENGTH], uint16_t id)
{
	struct model m = { .n_taken = 0 };
	unsigned n_whole = 0;
	s->ue.from_ue.id = id;
	for (unsigned i = 0; i < LENGTH; i++) {
		struct unit_piece p = unit_piece(number[i]);
		reassembly_send(s, reassembly_payload[p.which], (uint16_t)(p.first * 8),
				(uint16_t)((p.last - p.first) * 8), p.more);
		model_take(&m, &p);
		if (!m.whole)
			continue;
		n_whole++;
		EXPECT_TRUE(reassembly_receive(s));
		EXPECT_EQ(reassembly_got.n_bytes, m.end * 8);
		for (unsigned u = 0; u < m.end; u++) {
			unsigned which = m.of[m.owner[u] - 1].which;
			EXPECT_MEM(reassembly_got.payload + u * 8,
				   reassembly_payload[which] + u * 8, 8);
		}
		m = (struct model){ .n_taken = 0 };
	}
	EXPECT_EQ(reassembly_receive(s), false);
}

TEST(reassembly, c078_every_sequence_of_three_small_fragments_does_as_the_model_says)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		unsigned number[LENGTH];
		reassembly_open(&s, family);
		for (unsigned i = 0; i < CASES * CASES * CASES; i++) {
			number[0] = i % CASES;
			number[1] = i / CASES % CASES;
			number[2] = i / CASES / CASES;
			/* A whole one is no fragment, or an atomic one, which meets no other. */
			bool skip = false;
			for (unsigned k = 0; k < LENGTH; k++) {
				struct unit_piece p = unit_piece(number[k]);
				skip |= p.first == 0 && !p.more;
			}
			if (skip)
				continue;
			test_context("IPv%d, pieces %u %u %u", (int)family, number[0], number[1],
				     number[2]);
			run_sequence(&s, number, (uint16_t)i);
			if (test_has_failed())
				return;
		}
		scene_close(&s);
	}
}

/* ---- order ---- */

TEST(reassembly, c078_fragments_in_any_order_and_twice_are_the_same_datagram)
{
	enum { N_PIECES = 24, PIECE_BYTES = 256, ROUNDS = 300 };
	unsigned seed = 1;
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		reassembly_open(&s, family);
		for (unsigned round = 0; round < ROUNDS; round++) {
			uint8_t order[N_PIECES];
			unsigned n_copies = 0, last = 0;
			test_context("IPv%d, round %u, seed 1", (int)family, round);
			for (unsigned i = 0; i < N_PIECES; i++) {
				unsigned j = (unsigned)rand_r(&seed) % (i + 1);
				order[i] = order[j];
				order[j] = (uint8_t)i;
			}
			s.ue.from_ue.id = (uint16_t)round;
			for (unsigned i = 0; i < N_PIECES; i++) {
				unsigned n = i + 1 < N_PIECES && rand_r(&seed) % 4 == 0 ? 2 : 1;
				n_copies += n - 1;
				for (; n; n--)
					reassembly_send(&s, reassembly_payload[0],
							(uint16_t)(order[i] * PIECE_BYTES),
							PIECE_BYTES, order[i] + 1 < N_PIECES);
				last = order[i];
			}
			EXPECT_TRUE(last < N_PIECES);
			reassembly_expect_whole(&s, reassembly_payload[0], N_PIECES * PIECE_BYTES);
			EXPECT_EQ(fixture_counted(s.f, COUNT_fragment_copy), n_copies);
			EXPECT_EQ(fixture_counted(s.f, COUNT_fragment_overlap), 0);
			fixture_mark(s.f);
			if (test_has_failed())
				return;
		}
		scene_close(&s);
	}
}

/* A fragment of the same place with other bytes is no copy. */
TEST(reassembly, c078_a_forged_copy_takes_the_datagram_with_it_and_what_comes_late)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		reassembly_open(&s, family);
		reassembly_send(&s, reassembly_payload[0], 0, 64, true);
		reassembly_send(&s, reassembly_payload[1], 0, 64, true);
		reassembly_send(&s, reassembly_payload[0], 0, 64, true);
		reassembly_send(&s, reassembly_payload[0], 64, 64, false);
		EXPECT_FALSE(reassembly_receive(&s));
		expect_counted(s.f,
			       COUNTED({ COUNT_network_rx, 4 }, { COUNT_fragment_overlap, 4 }));
		scene_close(&s);
	}
}

TEST(reassembly, datagrams_that_differ_in_any_part_of_the_key_do_not_mix)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		reassembly_open(&s, family);
		struct packet_ip ip[4] = { s.ue.from_ue, s.ue.from_ue, s.ue.from_ue, s.ue.from_ue };
		ip[1].id++;
		ip[2].source[family == API_IPV4 ? 3 : 15] ^= 1;
		ip[3].destination[family == API_IPV4 ? 3 : 15] ^= 1;
		for (unsigned last = 0; last < 2; last++) {
			for (unsigned i = 0; i < 4; i++)
				piece_send(s.f, FIXTURE_NETWORK, 0, &ip[i], IPPROTO_UDP,
					   reassembly_payload[i & 1],
					   (struct piece){ (uint16_t)(last * 800), 800, !last });
			/* Another zone, and the same everything. */
			struct packet_ip tagged = ip[0];
			tagged.vlan = FIXTURE_VLAN;
			piece_send(s.f, FIXTURE_NETWORK, 1, &tagged, IPPROTO_UDP,
				   reassembly_payload[1],
				   (struct piece){ (uint16_t)(last * 800), 800, !last });
		}
		fixture_turn(s.f);
		for (unsigned i = 0; i < 4; i++)
			reassembly_expect_whole(&s, reassembly_payload[i & 1], 1600);
		ASSERT_TRUE(pieces_receive(s.f, FIXTURE_KERNEL, 1, &reassembly_got));
		EXPECT_MEM(reassembly_got.payload, reassembly_payload[1], 1600);
		scene_close(&s);
	}
}

/* RFC 791 2.3: the protocol is part of it; RFC 8200 4.5: in IPv6 it is not. */
TEST(reassembly, the_protocol_tells_ipv4_datagrams_apart)
{
	struct scene s;
	reassembly_open(&s, API_IPV4);
	piece_send(s.f, FIXTURE_NETWORK, 0, &s.ue.from_ue, IPPROTO_SCTP, reassembly_payload[1],
		   (struct piece){ 0, 800, true });
	reassembly_send(&s, reassembly_payload[0], 0, 800, true);
	reassembly_send(&s, reassembly_payload[0], 800, 800, false);
	reassembly_expect_whole(&s, reassembly_payload[0], 1600);
	scene_close(&s);
}

/* ---- what no fragment may be ---- */

static const struct {
	const char *what;
	struct piece piece;
	enum counter reason;
} impossible[] = {
	{ "a piece that is no multiple of eight, and more to come",
	  { 0, 65, true },
	  COUNT_fragment_malformed },
	{ "nothing, and more to come", { 8, 0, true }, COUNT_fragment_malformed },
	{ "nothing at the end", { 8, 0, false }, COUNT_fragment_malformed },
	{ "beyond 65 535 bytes", { 65528, 8, false }, COUNT_fragment_malformed },
	{ "beyond 65 535 bytes with its header", { 65472, 48, false }, COUNT_fragment_malformed },
	{ "beyond the largest datagram", { 65240, 40, false }, COUNT_fragment_too_big },
};

TEST(reassembly, impossible_fragments_are_refused_at_once)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (size_t i = 0; i < sizeof(impossible) / sizeof(impossible[0]); i++) {
			struct scene s;
			reassembly_open(&s, family);
			test_context("IPv%d, %s", (int)family, impossible[i].what);
			struct piece piece = impossible[i].piece;
			reassembly_send(&s, reassembly_payload[0], piece.offset, piece.n_bytes,
					piece.more);
			expect_counted(
				s.f, COUNTED({ COUNT_network_rx, 1 }, { impossible[i].reason, 1 }));
			EXPECT_EQ(reassembly_n_held(s.f->worker.from_network), 0);
			scene_close(&s);
		}
	}
}

TEST(reassembly, an_ipv4_fragment_with_a_damaged_header_is_refused)
{
	struct scene s;
	struct packet p;
	reassembly_open(&s, API_IPV4);
	for (unsigned at = 10; at < 20; at++) {
		piece_make(&p, &s.ue.from_ue, IPPROTO_UDP, reassembly_payload[0],
			   (struct piece){ 0, 64, true });
		p.bytes[p.l3 + at] ^= 0x10;
		scene_send(&s, &p);
	}
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 10 }, { COUNT_fragment_malformed, 10 }));
	scene_close(&s);
}

/* ---- atomic and nested ---- */

TEST(reassembly, c078_an_atomic_fragment_is_a_packet_whatever_waits_under_its_number)
{
	struct scene s;
	reassembly_open(&s, API_IPV6);
	reassembly_send(&s, reassembly_payload[0], 0, 800, true);
	reassembly_send(&s, reassembly_payload[1], 0, 333, false);
	reassembly_expect_whole(&s, reassembly_payload[1], 333);
	EXPECT_EQ(reassembly_got.n_frames, 1);
	reassembly_send(&s, reassembly_payload[0], 800, 800, false);
	reassembly_expect_whole(&s, reassembly_payload[0], 1600);
	scene_close(&s);
}

TEST(reassembly, c078_an_atomic_fragment_of_esp_is_opened)
{
	struct scene s;
	struct packet p;
	reassembly_open(&s, API_IPV6);
	s.ue.from_ue.extension[0] = IPPROTO_HOPOPTS;
	s.ue.from_ue.extension[1] = IPPROTO_FRAGMENT;
	s.ue.from_ue.n_extensions = 2;
	scene_esp(&s, &p, 1);
	scene_send(&s, &p);
	s.ue.from_ue.n_extensions = 1;
	ASSERT_TRUE(reassembly_receive(&s));
	expect_counted(s.f,
		       COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 }, { COUNT_esp_rx, 1 },
			       { COUNT_esp_rx_bytes, 8 + SCENE_TEXT_BYTES }));
	scene_close(&s);
}

TEST(reassembly, a_fragment_inside_a_fragment_is_refused)
{
	struct scene s;
	struct packet p;
	reassembly_open(&s, API_IPV6);
	/* Atomic behind atomic, a first one behind atomic, … */
	static const uint16_t inner[] = { 0, 1, 8, 9 };
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
		struct packet_ip ip = s.ue.from_ue;
		ip.extension[0] = ip.extension[1] = IPPROTO_FRAGMENT;
		ip.n_extensions = 2;
		packet_make(&p, &ip, IPPROTO_UDP, reassembly_payload[0], 64);
		p.bytes[p.l3 + 40 + 8 + 2] = 0;
		p.bytes[p.l3 + 40 + 8 + 3] = (uint8_t)inner[i];
		scene_send(&s, &p);
	}
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 4 }, { COUNT_fragment_malformed, 4 }));
	/* … and a fragment header that comes together with the datagram. */
	uint8_t nested[128] = { IPPROTO_UDP, 0, 0, 1 };
	memcpy(nested + 8, reassembly_payload[0], 120);
	for (uint16_t at = 0; at < 128; at += 64)
		piece_send(s.f, FIXTURE_NETWORK, 0, &s.ue.from_ue, IPPROTO_FRAGMENT, nested,
			   (struct piece){ at, 64, at == 0 });
	fixture_turn(s.f);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 2 }, { COUNT_fragment_rx, 2 },
				    { COUNT_fragment_whole, 1 }, { COUNT_fragment_malformed, 1 }));
	scene_close(&s);
}

/* ---- congestion, RFC 3168 5.3 ---- */

static void set_ecn(struct packet *p, unsigned ecn)
{
	if (p->bytes[p->l3] >> 4 == 6) {
		p->bytes[p->l3 + 1] |= (uint8_t)(ecn << 4);
		return;
	}
	p->bytes[p->l3 + 1] |= (uint8_t)ecn;
	uint32_t sum = (uint32_t)(p->bytes[p->l3 + 10] << 8 | p->bytes[p->l3 + 11]);
	sum = ~(~sum + ecn) & 0xffff; /* no carry with these headers, or see the claim below */
	p->bytes[p->l3 + 10] = (uint8_t)(sum >> 8);
	p->bytes[p->l3 + 11] = (uint8_t)sum;
	EXPECT_TRUE(packet_checksum_is_good(p));
}

TEST(reassembly, congestion_on_the_way_of_one_fragment_is_the_datagrams)
{
	static const struct {
		unsigned first, second;
		int whole; /* −1: refused */
	} cases[] = {
		{ 0, 0, 0 }, { 2, 2, 2 }, { 2, 3, 3 }, { 3, 1, 3 }, { 3, 0, -1 }, { 0, 3, -1 }
	};
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		reassembly_open(&s, family);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct packet p[2];
			test_context("IPv%d, case %zu", (int)family, i);
			s.ue.from_ue.id = (uint16_t)i;
			for (uint16_t k = 0; k < 2; k++) {
				piece_make(&p[k], &s.ue.from_ue, IPPROTO_UDP, reassembly_payload[0],
					   (struct piece){ (uint16_t)(k * 64), 64, !k });
				set_ecn(&p[k], k ? cases[i].second : cases[i].first);
				scene_send(&s, &p[k]);
			}
			EXPECT_EQ(reassembly_receive(&s), cases[i].whole >= 0);
			if (cases[i].whole < 0)
				continue;
			unsigned tos = reassembly_got.first.bytes[reassembly_got.first.l3 + 1];
			EXPECT_EQ((family == API_IPV4 ? tos : tos >> 4) & 3, cases[i].whole);
			EXPECT_TRUE(packet_checksum_is_good(&reassembly_got.first));
		}
		scene_close(&s);
	}
}
