/* From the network: what is let through to the kernel, when, and how often. */
#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/scene.h"

/* ---- authentication ---- */

TEST(worker, c070_no_flipped_bit_of_an_esp_packet_is_delivered)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct scene s;
			struct packet p, got;
			scene_open(&s, family, (enum crypto_suite)suite, NULL);
			scene_esp(&s, &p, 1);
			for (uint32_t bit = p.l4 * 8; bit < p.n_bytes * 8; bit++) {
				p.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
				scene_send(&s, &p);
				p.bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
				EXPECT_FALSE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &got));
			}
			EXPECT_EQ(fixture_counted(s.f, COUNT_esp_rx), 0);
			EXPECT_EQ(fixture_counted(s.f, COUNT_kernel_tx), 0);
			/* The SPI's 32 bits lead elsewhere; all others fail at the ICV. */
			EXPECT_EQ(fixture_counted(s.f, COUNT_esp_bad_icv) +
					  fixture_counted(s.f, COUNT_esp_zero_sequence),
				  (p.n_bytes - p.l4) * 8 - 32);
			fixture_mark(s.f);
			scene_send(&s, &p);
			scene_expect_delivered(&s);
			scene_close(&s);
		}
	}
}

TEST(worker, c026a_a_wrong_key_is_discarded_silently)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	s.ue.sa[SET_UC_TO_PS].keys.auth_key[15] ^= 1;
	scene_esp(&s, &p, 1);
	scene_send(&s, &p);
	scene_expect_dropped(&s, COUNT_esp_bad_icv);
	scene_close(&s);
}

/* ---- the window ---- */

TEST(worker, c071_each_packet_is_delivered_once)
{
	struct scene s;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	for (unsigned round = 0; round < 2; round++) {
		for (uint32_t sequence = 1; sequence <= 100; sequence++) {
			struct packet p;
			scene_esp(&s, &p, sequence);
			scene_send(&s, &p);
			if (round == 0)
				scene_expect_delivered(&s);
			else
				scene_expect_dropped(&s, COUNT_esp_replayed);
		}
	}
	scene_close(&s);
}

TEST(worker, c071_duplicates_within_one_burst_are_delivered_once)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV6, CRYPTO_HMAC_SHA1_NULL, NULL);
	for (unsigned copy = 0; copy < 2 * WORKER_BURST; copy++) {
		scene_esp(&s, &p, 1 + copy % 4);
		scene_enqueue(&s, &p);
	}
	while (fixture_turn(s.f))
		;
	EXPECT_EQ(fixture_discard(s.f), 4);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 2 * WORKER_BURST }, { COUNT_kernel_tx, 4 },
				    { COUNT_esp_rx, 4 },
				    { COUNT_esp_rx_bytes, 4 * (8 + SCENE_TEXT_BYTES) },
				    { COUNT_esp_replayed, 2 * WORKER_BURST - 4 }));
	scene_close(&s);
}

TEST(worker, c073_a_forged_high_number_does_not_move_the_window)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	scene_esp(&s, &p, UINT32_MAX);
	p.bytes[p.n_bytes - 1] ^= 1;
	scene_send(&s, &p);
	scene_expect_dropped(&s, COUNT_esp_bad_icv);
	for (uint32_t sequence = 1; sequence < 4; sequence++) {
		scene_esp(&s, &p, sequence);
		scene_send(&s, &p);
		scene_expect_delivered(&s);
	}
	scene_close(&s);
}

static void window_1024(struct api_set *set)
{
	set->sa[SET_UC_TO_PS].window_pkts = 1024;
}

TEST(worker, c072_a_wide_window_holds_in_the_worker_too)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_MD5_NULL, window_1024);
	static const struct {
		uint32_t sequence;
		enum counter reason; /* COUNT_N = delivered */
	} steps[] = {
		{ 2000, COUNT_N },
		{ 2000, COUNT_esp_replayed },
		{ 2000 - 1023, COUNT_N },
		{ 2000 - 1023, COUNT_esp_replayed },
		{ 2000 - 1024, COUNT_esp_late },
		{ 2001, COUNT_N },
		{ 2001 - 1023, COUNT_N },
		{ 9000, COUNT_N },
		{ 2001, COUNT_esp_late },
		{ 9000 - 1023, COUNT_N },
	};
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		test_context("step %zu", i);
		scene_esp(&s, &p, steps[i].sequence);
		scene_send(&s, &p);
		if (steps[i].reason == COUNT_N)
			scene_expect_delivered(&s);
		else
			scene_expect_dropped(&s, steps[i].reason);
	}
	scene_close(&s);
}

/* ---- what passes ---- */

TEST(worker, c068a_one_sa_serves_udp_and_tcp)
{
	struct scene s;
	struct packet p, got, clear_packet;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_AES_CBC, NULL);
	static const uint8_t protocol[] = { IPPROTO_UDP, IPPROTO_TCP, IPPROTO_UDP };
	for (uint32_t i = 0; i < 3; i++) {
		fixture_ue_esp(&p, &s.ue, SET_US_TO_PC, i + 1, protocol[i], scene_text,
			       SCENE_TEXT_BYTES, NULL);
		scene_send(&s, &p);
		ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &got));
		fixture_ue_clear(&clear_packet, &s.ue, SET_US_TO_PC, protocol[i], scene_text,
				 SCENE_TEXT_BYTES);
		EXPECT_EQ(got.n_bytes, clear_packet.n_bytes);
		EXPECT_MEM(got.bytes, clear_packet.bytes, got.n_bytes);
	}
	scene_close(&s);
}

TEST(worker, c079_esp_behind_ipv6_extensions_and_ipv4_options_is_delivered_with_them)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet p, got;
		scene_open(&s, family, CRYPTO_HMAC_SHA1_NULL, NULL);
		s.ue.from_ue.option_bytes = 8;
		s.ue.from_ue.extension[0] = IPPROTO_HOPOPTS;
		s.ue.from_ue.extension[1] = IPPROTO_ROUTING;
		s.ue.from_ue.extension[2] = IPPROTO_DSTOPTS;
		s.ue.from_ue.n_extensions = 3;
		scene_esp(&s, &p, 1);
		scene_send(&s, &p);
		scene_expect_delivered(&s);
		fixture_ue_clear(&p, &s.ue, SET_UC_TO_PS, IPPROTO_UDP, scene_text,
				 SCENE_TEXT_BYTES);
		EXPECT_FALSE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &got));
		scene_close(&s);
	}
}

TEST(worker, padding_longer_than_needed_is_taken_off)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	struct esp_trailer t =
		esp_trailer_of(CRYPTO_HMAC_SHA1_NULL, 8 + SCENE_TEXT_BYTES, IPPROTO_UDP);
	while (t.pad_bytes + 4 < 256) {
		t.pad[t.pad_bytes] = (uint8_t)(t.pad_bytes + 1);
		t.pad_length = (uint8_t)++t.pad_bytes;
	}
	fixture_ue_esp(&p, &s.ue, SET_UC_TO_PS, 1, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES, &t);
	scene_send(&s, &p);
	scene_expect_delivered(&s);
	scene_close(&s);
}

TEST(worker, ethernet_padding_behind_esp_is_not_part_of_it)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	scene_esp(&s, &p, 1);
	p.n_bytes += 40;
	scene_send(&s, &p);
	scene_expect_delivered(&s);
	scene_close(&s);
}

TEST(worker, a_frame_in_several_buffers_is_dropped_whole)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	scene_esp(&s, &p, 1);
	for (uint32_t first = 0; first < p.n_bytes; first++) {
		fixture_send_scattered(s.f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes, first);
		fixture_turn(s.f);
		scene_expect_dropped(&s, COUNT_packet_malformed);
	}
	scene_send(&s, &p);
	scene_expect_delivered(&s);
	scene_close(&s);
}

TEST(worker, a_wrong_ipv4_header_checksum_stays_wrong_by_as_much)
{
	struct test_rng rng = { test_seed() };
	struct scene s;
	struct packet p, got;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	for (uint32_t sequence = 1; sequence < 1000; sequence++) {
		scene_esp(&s, &p, sequence);
		test_rng_fill(&rng, p.bytes + p.l3 + 10, 2);
		bool was_good = packet_checksum_is_good(&p);
		scene_send(&s, &p);
		ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &got));
		EXPECT_EQ(packet_checksum_is_good(&got), was_good);
	}
	scene_close(&s);
}

TEST(worker, what_is_neither_esp_nor_to_a_protected_port_passes_unchanged)
{
	static const struct {
		uint8_t protocol;
		uint16_t port;
	} passing[] = {
		{ IPPROTO_UDP, 5060 },
		{ IPPROTO_TCP, 5060 },
		{ IPPROTO_UDP, 5064 },
		{ IPPROTO_TCP, FIXTURE_PORT_PC_FIRST - 1 },
		{ IPPROTO_ICMP, 5063 },
		{ IPPROTO_ICMPV6, 5063 },
		{ IPPROTO_UDP, FIXTURE_PORT_PC_FIRST + FIXTURE_N_PORT_PC },
		{ IPPROTO_SCTP, FIXTURE_PORT_PS },
	};
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet p, got;
		scene_open(&s, family, CRYPTO_HMAC_SHA1_NULL, NULL);
		for (size_t i = 0; i < sizeof(passing) / sizeof(passing[0]); i++) {
			uint8_t upper[64];
			size_t n = packet_udp(upper, SET_PORT_UC, passing[i].port, scene_text,
					      SCENE_TEXT_BYTES);
			packet_make(&p, &s.ue.from_ue, passing[i].protocol, upper, n);
			p.n_bytes += 3; /* padding too */
			scene_send(&s, &p);
			ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &got));
			EXPECT_EQ(got.n_bytes, p.n_bytes);
			EXPECT_MEM(got.bytes, p.bytes, p.n_bytes);
			expect_counted(s.f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
						    { COUNT_clear_rx, 1 }));
		}
		scene_close(&s);
	}
}

static void unprotected_port(struct api_set *set)
{
	set->sa[SET_UC_TO_PS].local_port = 5060;
}

TEST(worker, c061_a_clear_packet_that_claims_the_tuple_of_an_sa_is_dropped_at_any_port)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, unprotected_port);
	fixture_ue_clear(&p, &s.ue, SET_UC_TO_PS, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES);
	scene_send(&s, &p);
	scene_expect_dropped(&s, COUNT_clear_udp_to_protected);
	fixture_ue_clear(&p, &s.ue, SET_UC_TO_PS, IPPROTO_TCP, scene_text, SCENE_TEXT_BYTES);
	scene_send(&s, &p);
	scene_expect_dropped(&s, COUNT_clear_tcp_to_protected);
	set_delete(&s.f->sets, s.ue.set.registration, FIXTURE_OWNER, 0, s.f->now_s);
	scene_send(&s, &p);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
				    { COUNT_clear_rx, 1 }));
	scene_close(&s);
}

TEST(worker, c090_a_deleted_set_is_dead_at_once)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	scene_esp(&s, &p, 1);
	scene_send(&s, &p);
	scene_expect_delivered(&s);
	set_delete(&s.f->sets, s.ue.set.registration, FIXTURE_OWNER, 0, s.f->now_s);
	sa_grace(&s.f->sas);
	scene_esp(&s, &p, 2);
	scene_send(&s, &p);
	scene_expect_dropped(&s, COUNT_esp_unknown_spi);
	EXPECT_EQ(sa_reclaim(&s.f->sas), 4);
	scene_send(&s, &p);
	scene_expect_dropped(&s, COUNT_esp_unknown_spi);
	scene_close(&s);
}

/* A burst that waits for the next one must not outlive the SA it was sorted to. */
TEST(worker, an_sa_that_dies_while_its_packets_wait_delivers_none_of_them)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	for (uint32_t i = 0; i < 2 * WORKER_BURST; i++) {
		scene_esp(&s, &p, i + 1);
		scene_enqueue(&s, &p);
	}
	fixture_turn(s.f);
	uint32_t n_before = fixture_discard(s.f);
	set_delete(&s.f->sets, s.ue.set.registration, FIXTURE_OWNER, 0, s.f->now_s);
	fixture_quiesce(&s.f->sas); /* as the end of that turn would have, later */
	sa_reclaim(&s.f->sas);
	while (fixture_turn(s.f))
		;
	fixture_turn(s.f);
	EXPECT_EQ(fixture_discard(s.f), 0);
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_rx), n_before);
	scene_close(&s);
}

/* ---- zones ---- */

TEST(worker, c077a_a_set_of_one_zone_serves_no_other)
{
	struct fixture *f = fixture_open(&fixture_table);
	for (unsigned zone = 0; zone < FIXTURE_ZONES; zone++) {
		struct fixture_ue ue;
		struct packet p, got, clear_packet;
		fixture_ue_install(f, &ue, zone, 1, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
		if (test_has_failed())
			break;
		fixture_mark(f);
		for (unsigned other = 0; other < FIXTURE_ZONES; other++) {
			ue.from_ue.vlan = f->zones.zone[other].vlan;
			fixture_ue_esp(&p, &ue, SET_UC_TO_PS, 1, IPPROTO_UDP, scene_text,
				       SCENE_TEXT_BYTES, NULL);
			fixture_send(f, FIXTURE_NETWORK, other, p.bytes, p.n_bytes);
			fixture_turn(f);
			bool delivered = fixture_receive(f, FIXTURE_KERNEL, other, &got);
			EXPECT_EQ(delivered, other == zone);
			if (!delivered)
				continue;
			fixture_ue_clear(&clear_packet, &ue, SET_UC_TO_PS, IPPROTO_UDP, scene_text,
					 SCENE_TEXT_BYTES);
			EXPECT_EQ(got.n_bytes, clear_packet.n_bytes);
			EXPECT_MEM(got.bytes, clear_packet.bytes, got.n_bytes);
		}
		EXPECT_EQ(fixture_counted(f, COUNT_esp_wrong_address), FIXTURE_ZONES - 1);
		set_delete_all(&f->sets, FIXTURE_OWNER);
	}
	expect_accounted(f);
	EXPECT_EQ(fixture_close(f), 0);
}
