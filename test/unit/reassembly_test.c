/* What reassembly puts together, what it refuses, and how much it holds. */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_mbuf.h>

#include "test/shim/test.h"
#include "test/unit/pieces.h"
#include "test/unit/scene.h"

/* Clear UDP to this port is of interest to no SA. */
#define PORT 5060

static uint8_t payload[2][PIECES_MAX_BYTES]; /* two that differ in every byte behind the ports */
static struct datagram got;

static void open_scene(struct scene *s, enum api_family family)
{
	for (unsigned which = 0; which < 2; which++) {
		packet_udp(payload[which], 40000, PORT, NULL, 0);
		payload[which][7] = (uint8_t)which;
		for (size_t i = 8; i < sizeof(payload[which]); i++)
			payload[which][i] = (uint8_t)(i * 5 + i / 256 + which);
	}
	scene_open(s, family, CRYPTO_HMAC_SHA1_NULL, NULL);
}

static void send_piece(struct scene *s, const uint8_t *bytes, uint16_t offset, uint16_t n_bytes,
		       bool more)
{
	piece_send(s->f, FIXTURE_NETWORK, 0, &s->ue.from_ue, IPPROTO_UDP, bytes,
		   (struct piece){ offset, n_bytes, more });
	fixture_turn(s->f);
}

static bool receive(struct scene *s)
{
	return pieces_receive(s->f, FIXTURE_KERNEL, 0, &got);
}

static void expect_whole(struct scene *s, const uint8_t *bytes, size_t n_bytes)
{
	ASSERT_TRUE(receive(s));
	EXPECT_EQ(got.n_bytes, n_bytes);
	EXPECT_MEM(got.payload, bytes, n_bytes);
}

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
		send_piece(s, payload[p.which], (uint16_t)(p.first * 8),
			   (uint16_t)((p.last - p.first) * 8), p.more);
		model_take(&m, &p);
		if (!m.whole)
			continue;
		n_whole++;
		EXPECT_TRUE(receive(s));
		EXPECT_EQ(got.n_bytes, m.end * 8);
		for (unsigned u = 0; u < m.end; u++) {
			unsigned which = m.of[m.owner[u] - 1].which;
			EXPECT_MEM(got.payload + u * 8, payload[which] + u * 8, 8);
		}
		m = (struct model){ .n_taken = 0 };
	}
	EXPECT_EQ(receive(s), false);
}

TEST(reassembly, c078_every_sequence_of_three_small_fragments_does_as_the_model_says)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		unsigned number[LENGTH];
		open_scene(&s, family);
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
		open_scene(&s, family);
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
					send_piece(&s, payload[0],
						   (uint16_t)(order[i] * PIECE_BYTES), PIECE_BYTES,
						   order[i] + 1 < N_PIECES);
				last = order[i];
			}
			EXPECT_TRUE(last < N_PIECES);
			expect_whole(&s, payload[0], N_PIECES * PIECE_BYTES);
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
		open_scene(&s, family);
		send_piece(&s, payload[0], 0, 64, true);
		send_piece(&s, payload[1], 0, 64, true);
		send_piece(&s, payload[0], 0, 64, true);
		send_piece(&s, payload[0], 64, 64, false);
		EXPECT_FALSE(receive(&s));
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
		open_scene(&s, family);
		struct packet_ip ip[4] = { s.ue.from_ue, s.ue.from_ue, s.ue.from_ue, s.ue.from_ue };
		ip[1].id++;
		ip[2].source[family == API_IPV4 ? 3 : 15] ^= 1;
		ip[3].destination[family == API_IPV4 ? 3 : 15] ^= 1;
		for (unsigned last = 0; last < 2; last++) {
			for (unsigned i = 0; i < 4; i++)
				piece_send(s.f, FIXTURE_NETWORK, 0, &ip[i], IPPROTO_UDP,
					   payload[i & 1],
					   (struct piece){ (uint16_t)(last * 800), 800, !last });
			/* Another zone, and the same everything. */
			struct packet_ip tagged = ip[0];
			tagged.vlan = FIXTURE_VLAN;
			piece_send(s.f, FIXTURE_NETWORK, 1, &tagged, IPPROTO_UDP, payload[1],
				   (struct piece){ (uint16_t)(last * 800), 800, !last });
		}
		fixture_turn(s.f);
		for (unsigned i = 0; i < 4; i++)
			expect_whole(&s, payload[i & 1], 1600);
		ASSERT_TRUE(pieces_receive(s.f, FIXTURE_KERNEL, 1, &got));
		EXPECT_MEM(got.payload, payload[1], 1600);
		scene_close(&s);
	}
}

/* RFC 791 2.3: the protocol is part of it; RFC 8200 4.5: in IPv6 it is not. */
TEST(reassembly, the_protocol_tells_ipv4_datagrams_apart)
{
	struct scene s;
	open_scene(&s, API_IPV4);
	piece_send(s.f, FIXTURE_NETWORK, 0, &s.ue.from_ue, IPPROTO_SCTP, payload[1],
		   (struct piece){ 0, 800, true });
	send_piece(&s, payload[0], 0, 800, true);
	send_piece(&s, payload[0], 800, 800, false);
	expect_whole(&s, payload[0], 1600);
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
			open_scene(&s, family);
			test_context("IPv%d, %s", (int)family, impossible[i].what);
			struct piece piece = impossible[i].piece;
			send_piece(&s, payload[0], piece.offset, piece.n_bytes, piece.more);
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
	open_scene(&s, API_IPV4);
	for (unsigned at = 10; at < 20; at++) {
		piece_make(&p, &s.ue.from_ue, IPPROTO_UDP, payload[0],
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
	open_scene(&s, API_IPV6);
	send_piece(&s, payload[0], 0, 800, true);
	send_piece(&s, payload[1], 0, 333, false);
	expect_whole(&s, payload[1], 333);
	EXPECT_EQ(got.n_frames, 1);
	send_piece(&s, payload[0], 800, 800, false);
	expect_whole(&s, payload[0], 1600);
	scene_close(&s);
}

TEST(reassembly, c078_an_atomic_fragment_of_esp_is_opened)
{
	struct scene s;
	struct packet p;
	open_scene(&s, API_IPV6);
	s.ue.from_ue.extension[0] = IPPROTO_HOPOPTS;
	s.ue.from_ue.extension[1] = IPPROTO_FRAGMENT;
	s.ue.from_ue.n_extensions = 2;
	scene_esp(&s, &p, 1);
	scene_send(&s, &p);
	s.ue.from_ue.n_extensions = 1;
	ASSERT_TRUE(receive(&s));
	expect_counted(s.f,
		       COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 }, { COUNT_esp_rx, 1 },
			       { COUNT_esp_rx_bytes, 8 + SCENE_TEXT_BYTES }));
	scene_close(&s);
}

TEST(reassembly, a_fragment_inside_a_fragment_is_refused)
{
	struct scene s;
	struct packet p;
	open_scene(&s, API_IPV6);
	/* Atomic behind atomic, a first one behind atomic, … */
	static const uint16_t inner[] = { 0, 1, 8, 9 };
	for (size_t i = 0; i < sizeof(inner) / sizeof(inner[0]); i++) {
		struct packet_ip ip = s.ue.from_ue;
		ip.extension[0] = ip.extension[1] = IPPROTO_FRAGMENT;
		ip.n_extensions = 2;
		packet_make(&p, &ip, IPPROTO_UDP, payload[0], 64);
		p.bytes[p.l3 + 40 + 8 + 2] = 0;
		p.bytes[p.l3 + 40 + 8 + 3] = (uint8_t)inner[i];
		scene_send(&s, &p);
	}
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 4 }, { COUNT_fragment_malformed, 4 }));
	/* … and a fragment header that comes together with the datagram. */
	uint8_t nested[128] = { IPPROTO_UDP, 0, 0, 1 };
	memcpy(nested + 8, payload[0], 120);
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
		open_scene(&s, family);
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct packet p[2];
			test_context("IPv%d, case %zu", (int)family, i);
			s.ue.from_ue.id = (uint16_t)i;
			for (uint16_t k = 0; k < 2; k++) {
				piece_make(&p[k], &s.ue.from_ue, IPPROTO_UDP, payload[0],
					   (struct piece){ (uint16_t)(k * 64), 64, !k });
				set_ecn(&p[k], k ? cases[i].second : cases[i].first);
				scene_send(&s, &p[k]);
			}
			EXPECT_EQ(receive(&s), cases[i].whole >= 0);
			if (cases[i].whole < 0)
				continue;
			unsigned tos = got.first.bytes[got.first.l3 + 1];
			EXPECT_EQ((family == API_IPV4 ? tos : tos >> 4) & 3, cases[i].whole);
			EXPECT_TRUE(packet_checksum_is_good(&got.first));
		}
		scene_close(&s);
	}
}

/* ---- time ---- */

static void turn_house(struct scene *s)
{
	for (unsigned i = 0; i < 64; i++) /* it is kept once in so many turns */
		fixture_turn(s->f);
}

TEST(reassembly, c078_what_is_not_whole_in_time_is_given_up)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		open_scene(&s, family);
		send_piece(&s, payload[0], 0, 64, true);
		/* It came at any moment of its second, and has its time from then on. */
		fixture_set_time(s.f, s.f->now_s + FIXTURE_FRAGMENT_TIMEOUT_S);
		turn_house(&s);
		EXPECT_EQ(reassembly_n_held(s.f->worker.from_network), 1);
		fixture_set_time(s.f, s.f->now_s + 1);
		turn_house(&s);
		EXPECT_EQ(reassembly_n_held(s.f->worker.from_network), 0);
		expect_counted(s.f,
			       COUNTED({ COUNT_network_rx, 1 }, { COUNT_fragment_timeout, 1 }));
		/* The number may be used again by now: the late one begins a datagram of its own.
		 */
		send_piece(&s, payload[0], 64, 64, false);
		EXPECT_FALSE(receive(&s));
		send_piece(&s, payload[1], 0, 64, true);
		ASSERT_TRUE(receive(&s));
		scene_close(&s);
	}
}

/* Also when the house was not kept in between. */
TEST(reassembly, c078_a_fragment_does_not_meet_one_that_is_too_old)
{
	struct scene s;
	open_scene(&s, API_IPV4);
	send_piece(&s, payload[0], 0, 64, true);
	fixture_set_time(s.f, s.f->now_s + FIXTURE_FRAGMENT_TIMEOUT_S + 1);
	send_piece(&s, payload[0], 64, 64, false);
	EXPECT_FALSE(receive(&s));
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 2 }, { COUNT_fragment_timeout, 1 }));
	scene_close(&s);
}

TEST(reassembly, refusal_ends_with_the_time_too)
{
	struct scene s;
	open_scene(&s, API_IPV6);
	send_piece(&s, payload[0], 0, 64, true);
	send_piece(&s, payload[1], 0, 64, true);
	fixture_set_time(s.f, s.f->now_s + FIXTURE_FRAGMENT_TIMEOUT_S + 1);
	turn_house(&s);
	send_piece(&s, payload[0], 0, 64, true);
	send_piece(&s, payload[0], 64, 64, false);
	expect_whole(&s, payload[0], 128);
	scene_close(&s);
}

/* ---- floods ---- */

static void source(struct packet_ip *ip, uint32_t number)
{
	memset(ip->source, 0, sizeof(ip->source));
	ip->source[0] = 10;
	memcpy(ip->source + 1,
	       &(uint8_t[]){ (uint8_t)(number >> 16), (uint8_t)(number >> 8), (uint8_t)number }[0],
	       3);
}

TEST(reassembly, a_flood_from_anywhere_holds_no_more_than_its_share_of_buffers)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		open_scene(&s, family);
		struct packet_ip ip = s.ue.from_ue;
		for (uint32_t i = 0; i < 20000; i++) {
			source(&ip, i / 9);
			ip.id = (uint16_t)(i / 30);
			piece_send(s.f, FIXTURE_NETWORK, 0, &ip, IPPROTO_UDP, payload[0],
				   (struct piece){ (uint16_t)(8 + i % 30 * 16), 8, true });
			if (i % 32 == 31)
				fixture_turn(s.f);
			EXPECT_LE(reassembly_n_held(s.f->worker.from_network), FIXTURE_HELD);
			if (test_has_failed())
				return;
		}
		fixture_turn(s.f);
		EXPECT_LE(fixture_missing(), FIXTURE_HELD);
		scene_close(&s);
	}
}

/* He only crowds out himself, while others finish what they began before. */
TEST(reassembly, a_flood_from_one_source_costs_no_other_a_datagram)
{
	enum { OTHERS = 8 };
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		open_scene(&s, family);
		struct packet_ip flood = s.ue.from_ue, other = s.ue.from_ue;
		source(&flood, 1);
		for (uint32_t i = 0; i < OTHERS; i++) {
			source(&other, 100 + i);
			piece_send(s.f, FIXTURE_NETWORK, 0, &other, IPPROTO_UDP, payload[0],
				   (struct piece){ 0, 64, true });
		}
		fixture_turn(s.f);
		for (uint32_t i = 0; i < 5000; i++) {
			flood.id = (uint16_t)i;
			if (family == API_IPV6) /* any address of its network is the same one */
				memcpy(flood.source + 8, &i, sizeof(i));
			piece_send(s.f, FIXTURE_NETWORK, 0, &flood, IPPROTO_UDP, payload[1],
				   (struct piece){ 0, 64, true });
			if (i % 32 == 31)
				fixture_turn(s.f);
		}
		fixture_turn(s.f);
		for (uint32_t i = 0; i < OTHERS; i++) {
			source(&other, 100 + i);
			piece_send(s.f, FIXTURE_NETWORK, 0, &other, IPPROTO_UDP, payload[0],
				   (struct piece){ 64, 64, false });
			fixture_turn(s.f);
			expect_whole(&s, payload[0], 128);
		}
		scene_close(&s);
	}
}

/* Of many sources each has one: who comes in one piece after the other is through in time. */
TEST(reassembly, a_flood_from_many_sources_leaves_time_for_those_who_send_at_once)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		open_scene(&s, family);
		struct packet_ip flood = s.ue.from_ue;
		for (uint32_t i = 0; i < 3000; i++) {
			for (uint32_t k = 0; k < 30; k++) {
				source(&flood, 1000 + i * 30 + k);
				piece_send(s.f, FIXTURE_NETWORK, 0, &flood, IPPROTO_UDP, payload[1],
					   (struct piece){ 0, 64, true });
			}
			if (i % 10) {
				fixture_turn(s.f);
				continue;
			}
			s.ue.from_ue.id = (uint16_t)i;
			send_piece(&s, payload[0], 0, 64, true);
			send_piece(&s, payload[0], 64, 64, false);
			expect_whole(&s, payload[0], 128);
		}
		scene_close(&s);
	}
}

/* The network's flood is none of the kernel's business. */
TEST(reassembly, the_kernels_datagrams_have_room_of_their_own)
{
	struct scene s;
	static uint8_t upper[PIECES_MAX_BYTES];
	open_scene(&s, API_IPV4);
	struct packet_ip to_ue = s.ue.to_ue, flood = s.ue.from_ue;
	size_t n = fixture_ue_upper(upper, &s.ue, SET_PC_TO_US, IPPROTO_UDP, payload[0], 2000);
	piece_send(s.f, FIXTURE_KERNEL, 0, &to_ue, IPPROTO_UDP, upper,
		   (struct piece){ 0, 1400, true });
	fixture_turn(s.f);
	for (uint32_t i = 0; i < 5000; i++) {
		source(&flood, i);
		piece_send(s.f, FIXTURE_NETWORK, 0, &flood, IPPROTO_UDP, payload[1],
			   (struct piece){ 0, 64, true });
		if (i % 32 == 31)
			fixture_turn(s.f);
	}
	fixture_turn(s.f);
	piece_send(s.f, FIXTURE_KERNEL, 0, &to_ue, IPPROTO_UDP, upper,
		   (struct piece){ 1400, (uint16_t)(n - 1400), false });
	fixture_turn(s.f);
	ASSERT_TRUE(pieces_receive(s.f, FIXTURE_NETWORK, 0, &got));
	EXPECT_EQ(got.protocol, IPPROTO_ESP);
	scene_close(&s);
}

/* ---- no buffers ---- */

TEST(reassembly, without_a_buffer_the_datagram_is_dropped_and_counted)
{
	enum { ALL = 64 };
	struct rte_mbuf *taken[ALL];
	unsigned n = 0;
	struct scene s;
	open_scene(&s, API_IPV4);
	while (n < ALL && (taken[n] = rte_pktmbuf_alloc(s.f->zones.datagrams)))
		n++;
	send_piece(&s, payload[0], 0, 64, true);
	send_piece(&s, payload[0], 64, 64, false);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 2 }, { COUNT_fragment_no_buffer, 2 }));
	rte_pktmbuf_free_bulk(taken, n);
	s.ue.from_ue.id++;
	send_piece(&s, payload[0], 0, 64, true);
	send_piece(&s, payload[0], 64, 64, false);
	expect_whole(&s, payload[0], 128);
	scene_close(&s);
}
