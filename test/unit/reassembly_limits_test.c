/* How long reassembly waits, and how much it holds. */
#include <netinet/in.h>
#include <string.h>

#include <rte_mbuf.h>

#include "test/shim/test.h"
#include "test/unit/reassembly_scene.h"

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
		reassembly_open(&s, family);
		reassembly_send(&s, reassembly_payload[0], 0, 64, true);
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
		reassembly_send(&s, reassembly_payload[0], 64, 64, false);
		EXPECT_FALSE(reassembly_receive(&s));
		reassembly_send(&s, reassembly_payload[1], 0, 64, true);
		ASSERT_TRUE(reassembly_receive(&s));
		scene_close(&s);
	}
}

/* Also when the house was not kept in between. */
TEST(reassembly, c078_a_fragment_does_not_meet_one_that_is_too_old)
{
	struct scene s;
	reassembly_open(&s, API_IPV4);
	reassembly_send(&s, reassembly_payload[0], 0, 64, true);
	fixture_set_time(s.f, s.f->now_s + FIXTURE_FRAGMENT_TIMEOUT_S + 1);
	reassembly_send(&s, reassembly_payload[0], 64, 64, false);
	EXPECT_FALSE(reassembly_receive(&s));
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 2 }, { COUNT_fragment_timeout, 1 }));
	scene_close(&s);
}

TEST(reassembly, refusal_ends_with_the_time_too)
{
	struct scene s;
	reassembly_open(&s, API_IPV6);
	reassembly_send(&s, reassembly_payload[0], 0, 64, true);
	reassembly_send(&s, reassembly_payload[1], 0, 64, true);
	fixture_set_time(s.f, s.f->now_s + FIXTURE_FRAGMENT_TIMEOUT_S + 1);
	turn_house(&s);
	reassembly_send(&s, reassembly_payload[0], 0, 64, true);
	reassembly_send(&s, reassembly_payload[0], 64, 64, false);
	reassembly_expect_whole(&s, reassembly_payload[0], 128);
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
		reassembly_open(&s, family);
		struct packet_ip ip = s.ue.from_ue;
		for (uint32_t i = 0; i < 20000; i++) {
			source(&ip, i / 9);
			ip.id = (uint16_t)(i / 30);
			piece_send(s.f, FIXTURE_NETWORK, 0, &ip, IPPROTO_UDP, reassembly_payload[0],
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
		reassembly_open(&s, family);
		struct packet_ip flood = s.ue.from_ue, other = s.ue.from_ue;
		source(&flood, 1);
		for (uint32_t i = 0; i < OTHERS; i++) {
			source(&other, 100 + i);
			piece_send(s.f, FIXTURE_NETWORK, 0, &other, IPPROTO_UDP,
				   reassembly_payload[0], (struct piece){ 0, 64, true });
		}
		fixture_turn(s.f);
		for (uint32_t i = 0; i < 5000; i++) {
			flood.id = (uint16_t)i;
			if (family == API_IPV6) /* any address of its network is the same one */
				memcpy(flood.source + 8, &i, sizeof(i));
			piece_send(s.f, FIXTURE_NETWORK, 0, &flood, IPPROTO_UDP,
				   reassembly_payload[1], (struct piece){ 0, 64, true });
			if (i % 32 == 31)
				fixture_turn(s.f);
		}
		fixture_turn(s.f);
		for (uint32_t i = 0; i < OTHERS; i++) {
			source(&other, 100 + i);
			piece_send(s.f, FIXTURE_NETWORK, 0, &other, IPPROTO_UDP,
				   reassembly_payload[0], (struct piece){ 64, 64, false });
			fixture_turn(s.f);
			reassembly_expect_whole(&s, reassembly_payload[0], 128);
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
		reassembly_open(&s, family);
		struct packet_ip flood = s.ue.from_ue;
		for (uint32_t i = 0; i < 3000; i++) {
			for (uint32_t k = 0; k < 30; k++) {
				source(&flood, 1000 + i * 30 + k);
				piece_send(s.f, FIXTURE_NETWORK, 0, &flood, IPPROTO_UDP,
					   reassembly_payload[1], (struct piece){ 0, 64, true });
			}
			if (i % 10) {
				fixture_turn(s.f);
				continue;
			}
			s.ue.from_ue.id = (uint16_t)i;
			reassembly_send(&s, reassembly_payload[0], 0, 64, true);
			reassembly_send(&s, reassembly_payload[0], 64, 64, false);
			reassembly_expect_whole(&s, reassembly_payload[0], 128);
		}
		scene_close(&s);
	}
}

/* The network's flood is none of the kernel's business. */
TEST(reassembly, the_kernels_datagrams_have_room_of_their_own)
{
	struct scene s;
	static uint8_t upper[PIECES_MAX_BYTES];
	reassembly_open(&s, API_IPV4);
	struct packet_ip to_ue = s.ue.to_ue, flood = s.ue.from_ue;
	size_t n = fixture_ue_upper(upper, &s.ue, SET_PC_TO_US, IPPROTO_UDP, reassembly_payload[0],
				    2000);
	piece_send(s.f, FIXTURE_KERNEL, 0, &to_ue, IPPROTO_UDP, upper,
		   (struct piece){ 0, 1400, true });
	fixture_turn(s.f);
	for (uint32_t i = 0; i < 5000; i++) {
		source(&flood, i);
		piece_send(s.f, FIXTURE_NETWORK, 0, &flood, IPPROTO_UDP, reassembly_payload[1],
			   (struct piece){ 0, 64, true });
		if (i % 32 == 31)
			fixture_turn(s.f);
	}
	fixture_turn(s.f);
	piece_send(s.f, FIXTURE_KERNEL, 0, &to_ue, IPPROTO_UDP, upper,
		   (struct piece){ 1400, (uint16_t)(n - 1400), false });
	fixture_turn(s.f);
	ASSERT_TRUE(pieces_receive(s.f, FIXTURE_NETWORK, 0, &reassembly_got));
	EXPECT_EQ(reassembly_got.protocol, IPPROTO_ESP);
	scene_close(&s);
}

/* ---- no buffers ---- */

TEST(reassembly, without_a_buffer_the_datagram_is_dropped_and_counted)
{
	enum { ALL = 64 };
	struct rte_mbuf *taken[ALL];
	unsigned n = 0;
	struct scene s;
	reassembly_open(&s, API_IPV4);
	while (n < ALL && (taken[n] = rte_pktmbuf_alloc(s.f->zones.datagrams)))
		n++;
	reassembly_send(&s, reassembly_payload[0], 0, 64, true);
	reassembly_send(&s, reassembly_payload[0], 64, 64, false);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 2 }, { COUNT_fragment_no_buffer, 2 }));
	rte_pktmbuf_free_bulk(taken, n);
	s.ue.from_ue.id++;
	reassembly_send(&s, reassembly_payload[0], 0, 64, true);
	reassembly_send(&s, reassembly_payload[0], 64, 64, false);
	reassembly_expect_whole(&s, reassembly_payload[0], 128);
	scene_close(&s);
}
