/*
 * Datagrams in fragments: both ways under ESP, and clear ones. What reassembly refuses is in
 * reassembly_test.c.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/pieces.h"
#include "test/unit/scene.h"

/* UDP payload of the largest datagram that passes: see REASSEMBLY_MAX_BYTES. */
#define LARGEST_BYTES(family) (REASSEMBLY_MAX_BYTES - (family == API_IPV4 ? 20 : 40) - 8)

static uint8_t text[PIECES_MAX_BYTES];
static struct datagram got;
static struct esp_opened opened;

static void open_scene(struct scene *s, enum api_family family, enum crypto_suite suite)
{
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = (uint8_t)(i * 7 + i / 251);
	scene_open(s, family, suite, NULL);
}

/* UDP of `n_bytes` on the SA from the UE to port_ps, sealed, at `esp`; returns its bytes. */
static size_t seal(const struct scene *s, uint8_t *upper, size_t *upper_bytes, uint8_t *esp,
		   uint32_t sequence, size_t n_bytes)
{
	*upper_bytes = fixture_ue_upper(upper, &s->ue, SET_UC_TO_PS, IPPROTO_UDP, text, n_bytes);
	struct esp_trailer trailer =
		esp_trailer_of(s->ue.sa[SET_UC_TO_PS].suite, *upper_bytes, IPPROTO_UDP);
	return esp_seal(esp, &s->ue.sa[SET_UC_TO_PS], sequence, upper, *upper_bytes, &trailer);
}

static void esp_in(struct scene *s, uint32_t sequence, size_t n_bytes, size_t piece_bytes)
{
	static uint8_t upper[PIECES_MAX_BYTES], esp[ESP_MAX_BYTES];
	size_t upper_bytes, n = seal(s, upper, &upper_bytes, esp, sequence, n_bytes);

	s->ue.from_ue.id = (uint16_t)sequence;
	uint32_t n_pieces = pieces_send(s->f, FIXTURE_NETWORK, 0, &s->ue.from_ue, IPPROTO_ESP, esp,
					n, piece_bytes);
	while (fixture_turn(s->f))
		;
	ASSERT_TRUE(pieces_receive(s->f, FIXTURE_KERNEL, 0, &got));
	EXPECT_EQ(got.protocol, IPPROTO_UDP);
	EXPECT_EQ(got.n_bytes, upper_bytes);
	EXPECT_MEM(got.payload, upper, upper_bytes);
	EXPECT_LE(got.largest_bytes, FIXTURE_MTU);
	uint32_t n_split = got.n_frames > 1;
	expect_counted(s->f, COUNTED({ COUNT_network_rx, n_pieces },
				     { COUNT_fragment_rx, n_pieces }, { COUNT_fragment_whole, 1 },
				     { COUNT_esp_rx, 1 }, { COUNT_esp_rx_bytes, upper_bytes },
				     { COUNT_fragment_split, n_split },
				     { COUNT_fragment_tx, n_split ? got.n_frames : 0 },
				     { COUNT_kernel_tx, got.n_frames }));
}

TEST(fragment, c078_esp_in_fragments_is_put_together_and_then_opened)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct scene s;
			uint32_t sequence = 0;
			open_scene(&s, family, (enum crypto_suite)suite);
			for (size_t n = 0; n < 9000; n += n < 60 ? 7 : 571) {
				test_context("IPv%d, suite %d, %zu bytes", (int)family, suite, n);
				esp_in(&s, ++sequence, n, n < 60 ? 16 : n < 1600 ? 48 : 1400);
				if (test_has_failed())
					return;
			}
			scene_close(&s);
		}
	}
}

/* A UDP datagram on an SA, as the kernel hands it over in fragments; returns the pieces. */
static uint32_t kernel_sends(struct scene *s, uint8_t *upper, size_t *upper_bytes, size_t n_bytes,
			     size_t piece_bytes)
{
	struct packet_ip ip = s->ue.to_ue;
	ip.vlan = 0;
	ip.id = (uint16_t)n_bytes;
	*upper_bytes = fixture_ue_upper(upper, &s->ue, SET_PC_TO_US, IPPROTO_UDP, text, n_bytes);
	return pieces_send(s->f, FIXTURE_KERNEL, 0, &ip, IPPROTO_UDP, upper, *upper_bytes,
			   piece_bytes);
}

static void esp_out(struct scene *s, uint32_t sequence, size_t n_bytes, size_t piece_bytes)
{
	static uint8_t upper[PIECES_MAX_BYTES];
	size_t upper_bytes;
	uint32_t n_pieces = kernel_sends(s, upper, &upper_bytes, n_bytes, piece_bytes);

	while (fixture_turn(s->f))
		;
	ASSERT_TRUE(pieces_receive(s->f, FIXTURE_NETWORK, 0, &got));
	EXPECT_EQ(got.protocol, IPPROTO_ESP);
	EXPECT_LE(got.largest_bytes, FIXTURE_MTU);
	ASSERT_TRUE(esp_open(&s->ue.sa[SET_PC_TO_US], got.payload, got.n_bytes, &opened));
	EXPECT_EQ(opened.sequence, sequence);
	EXPECT_EQ(opened.next_header, IPPROTO_UDP);
	EXPECT_EQ(opened.n_bytes, upper_bytes);
	EXPECT_MEM(opened.payload, upper, upper_bytes);
	uint32_t n_split = got.n_frames > 1;
	expect_counted(s->f, COUNTED({ COUNT_kernel_rx, n_pieces }, { COUNT_fragment_rx, n_pieces },
				     { COUNT_fragment_whole, 1 }, { COUNT_esp_tx, 1 },
				     { COUNT_esp_tx_bytes, upper_bytes },
				     { COUNT_fragment_split, n_split },
				     { COUNT_fragment_tx, n_split ? got.n_frames : 0 },
				     { COUNT_network_tx, got.n_frames }));
}

TEST(fragment, c078_what_the_kernel_sends_in_fragments_is_one_esp_packet_cut_afterwards)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct scene s;
			uint32_t sequence = 0;
			open_scene(&s, family, (enum crypto_suite)suite);
			for (size_t n = 20; n < 9000; n += n < 60 ? 7 : 571) {
				test_context("IPv%d, suite %d, %zu bytes", (int)family, suite, n);
				esp_out(&s, ++sequence, n, n < 60 ? 16 : n < 1600 ? 48 : 1400);
				if (test_has_failed())
					return;
			}
			scene_close(&s);
		}
	}
}

TEST(fragment, the_largest_datagram_passes_both_ways_and_one_byte_more_does_not)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		static uint8_t upper[PIECES_MAX_BYTES];
		size_t upper_bytes, largest = LARGEST_BYTES(family);
		open_scene(&s, family, CRYPTO_HMAC_SHA1_AES_CBC);
		esp_out(&s, 1, largest, 1400);
		/* On the wire ESP is within the limit too. */
		esp_in(&s, 1, (largest - 8 - 16 - 12 - 2) / 16 * 16 - 2 + 8, 1400);
		uint32_t n = kernel_sends(&s, upper, &upper_bytes, largest + 1, 1400);
		while (fixture_turn(s.f))
			;
		EXPECT_FALSE(pieces_receive(s.f, FIXTURE_NETWORK, 0, &got));
		expect_counted(s.f, COUNTED({ COUNT_kernel_rx, n }, { COUNT_fragment_too_big, 1 }));
		scene_close(&s);
	}
}

/* 64 pieces are enough for 1280-byte links, and for 35 kB over 576-byte ones. */
TEST(fragment, a_datagram_of_too_many_pieces_is_refused_whole)
{
	struct scene s;
	static uint8_t upper[PIECES_MAX_BYTES];
	size_t upper_bytes;
	open_scene(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	esp_out(&s, 1, 64 * 16 - 8, 16);
	uint32_t n = kernel_sends(&s, upper, &upper_bytes, 65 * 16 - 8, 16);
	EXPECT_EQ(n, 65);
	while (fixture_turn(s.f))
		;
	expect_counted(s.f, COUNTED({ COUNT_kernel_rx, n }, { COUNT_fragment_too_many, n }));
	scene_close(&s);
}

/* ---- clear datagrams ---- */

static uint32_t clear_in(struct scene *s, uint16_t id, uint16_t port, size_t n_bytes,
			 size_t piece_bytes)
{
	static uint8_t upper[PIECES_MAX_BYTES];
	size_t n = packet_udp(upper, 40000, port, text, n_bytes);
	s->ue.from_ue.id = id;
	uint32_t n_pieces = pieces_send(s->f, FIXTURE_NETWORK, 0, &s->ue.from_ue, IPPROTO_UDP,
					upper, n, piece_bytes);
	while (fixture_turn(s->f))
		;
	return n_pieces;
}

TEST(fragment, a_clear_datagram_in_fragments_reaches_the_kernel_whole)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		open_scene(&s, family, CRYPTO_HMAC_SHA1_NULL);
		clear_in(&s, 1, 5060, 4000, 1480);
		ASSERT_TRUE(pieces_receive(s.f, FIXTURE_KERNEL, 0, &got));
		EXPECT_EQ(got.n_bytes, 4008);
		EXPECT_MEM(got.payload + 8, text, 4000);
		EXPECT_LE(got.largest_bytes, FIXTURE_MTU);
		scene_close(&s);
	}
}

/* However small the pieces: no first one tells enough to be judged alone. */
TEST(fragment, c061_no_clear_datagram_for_a_protected_port_passes_in_fragments)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		open_scene(&s, family, CRYPTO_HMAC_SHA1_NULL);
		for (uint16_t n = 8; n <= 64; n += 8) {
			uint32_t pieces = clear_in(&s, n, FIXTURE_PORT_PS, 100, n);
			EXPECT_FALSE(pieces_receive(s.f, FIXTURE_KERNEL, 0, &got));
			expect_counted(s.f, COUNTED({ COUNT_network_rx, pieces },
						    { COUNT_fragment_rx, pieces },
						    { COUNT_fragment_whole, 1 },
						    { COUNT_clear_udp_to_protected, 1 }));
		}
		scene_close(&s);
	}
}

/*
 * What is left of a clear datagram in the kernel's reassembly never joins what came out of ESP,
 * whatever number its sender gave it.
 */
TEST(fragment, c061_clear_and_protected_datagrams_have_different_numbers_in_the_kernel)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		open_scene(&s, family, CRYPTO_HMAC_SHA1_NULL);
		for (uint32_t i = 1; i < 50; i++) {
			esp_in(&s, i, 3000, 1400);
			EXPECT_EQ(got.id & 1, 1);
			clear_in(&s, (uint16_t)i, 5060, 3000, 1400);
			ASSERT_TRUE(pieces_receive(s.f, FIXTURE_KERNEL, 0, &got));
			EXPECT_EQ(got.id & 1, 0);
			fixture_mark(s.f);
		}
		scene_close(&s);
	}
}

TEST(fragment, c061_nothing_protected_leaves_in_clear_fragments)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		static uint8_t upper[PIECES_MAX_BYTES];
		size_t upper_bytes;
		open_scene(&s, family, CRYPTO_HMAC_SHA1_NULL);
		s.ue.set.sa[SET_PC_TO_US].peer_port++;
		uint32_t n = kernel_sends(&s, upper, &upper_bytes, 3000, 1400);
		while (fixture_turn(s.f))
			;
		EXPECT_FALSE(pieces_receive(s.f, FIXTURE_NETWORK, 0, &got));
		expect_counted(s.f, COUNTED({ COUNT_kernel_rx, n }, { COUNT_fragment_rx, n },
					    { COUNT_fragment_whole, 1 }, { COUNT_out_no_sa, 1 }));
		scene_close(&s);
	}
}

/* The kernel may know of a shorter path than the zone's. */
TEST(fragment, what_leaves_in_the_clear_leaves_in_fragments_no_larger_than_it_came_in)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		static uint8_t upper[PIECES_MAX_BYTES];
		size_t upper_bytes;
		open_scene(&s, family, CRYPTO_HMAC_SHA1_NULL);
		s.ue.set.sa[SET_PC_TO_US].local_port = 5060;
		s.ue.set.sa[SET_PC_TO_US].peer_port = 40000;
		kernel_sends(&s, upper, &upper_bytes, 5000, 1304);
		while (fixture_turn(s.f))
			;
		ASSERT_TRUE(pieces_receive(s.f, FIXTURE_NETWORK, 0, &got));
		EXPECT_EQ(got.largest_bytes, 1304 + (family == API_IPV4 ? 20 : 48));
		EXPECT_EQ(got.n_bytes, upper_bytes);
		EXPECT_MEM(got.payload, upper, upper_bytes);
		scene_close(&s);
	}
}

/* ---- headers ---- */

/* RFC 791 3.1: record route is for the first fragment only, the security option for each. */
TEST(fragment, options_that_are_not_to_be_copied_are_in_the_first_fragment_only)
{
	static uint8_t upper[PIECES_MAX_BYTES];
	static const uint8_t options[8] = { 7, 4, 4, 0, 130, 3, 9, 0 };
	struct scene s;
	struct packet p;
	open_scene(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	packet_udp(upper, 40000, 5060, text, 2792);
	s.ue.from_ue.option_bytes = 8;
	for (uint16_t at = 0; at < 2800; at += 1400) {
		piece_make(&p, &s.ue.from_ue, IPPROTO_UDP, upper,
			   (struct piece){ at, 1400, at == 0 });
		memcpy(p.bytes + p.l3 + 20, options, sizeof(options));
		uint32_t sum = 0;
		memset(p.bytes + p.l3 + 10, 0, 2);
		for (unsigned i = 0; i < 28; i += 2)
			sum += (uint32_t)(p.bytes[p.l3 + i] << 8 | p.bytes[p.l3 + i + 1]);
		sum = (sum & 0xffff) + (sum >> 16);
		sum = ~(sum + (sum >> 16));
		p.bytes[p.l3 + 10] = (uint8_t)(sum >> 8);
		p.bytes[p.l3 + 11] = (uint8_t)sum;
		fixture_send(s.f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
	}
	fixture_turn(s.f);
	ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &p));
	EXPECT_MEM(p.bytes + p.l3 + 20, options, 8);
	EXPECT_TRUE(packet_checksum_is_good(&p));
	ASSERT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &p));
	EXPECT_MEM(p.bytes + p.l3 + 20, ((uint8_t[]){ 1, 1, 1, 1, 130, 3, 9, 0 }), 8);
	EXPECT_TRUE(packet_checksum_is_good(&p));
	scene_close(&s);
}

TEST(fragment, c079_headers_in_front_of_the_fragment_header_stay_in_every_fragment)
{
	struct scene s;
	open_scene(&s, API_IPV6, CRYPTO_HMAC_SHA1_NULL);
	s.ue.from_ue.extension[0] = IPPROTO_HOPOPTS;
	s.ue.from_ue.n_extensions = 1;
	esp_in(&s, 1, 3000, 1400);
	EXPECT_EQ(got.first.bytes[got.first.l3 + 6], IPPROTO_HOPOPTS);
	s.ue.from_ue.extension[1] = IPPROTO_DSTOPTS;
	s.ue.from_ue.n_extensions = 2;
	esp_in(&s, 2, 1300, 600);
	EXPECT_EQ(got.first.bytes[got.first.l3 + 40], IPPROTO_DSTOPTS);
	scene_close(&s);
}

/* RFC 8200 8.1: whoever wants none over IPv6 has to say so first, and nobody did. */
TEST(fragment, c079_udp_out_of_esp_without_a_checksum_passes_over_ipv4_only)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet p, clear;
		uint8_t upper[PACKET_MAX_BYTES], esp[PACKET_MAX_BYTES];
		open_scene(&s, family, CRYPTO_HMAC_SHA1_NULL);
		size_t n = fixture_ue_upper(upper, &s.ue, SET_UC_TO_PS, IPPROTO_UDP, text, 50);
		upper[6] = upper[7] = 0;
		struct esp_trailer trailer = esp_trailer_of(CRYPTO_HMAC_SHA1_NULL, n, IPPROTO_UDP);
		size_t esp_bytes = esp_seal(esp, &s.ue.sa[SET_UC_TO_PS], 1, upper, n, &trailer);
		packet_make(&p, &s.ue.from_ue, IPPROTO_ESP, esp, esp_bytes);
		scene_send(&s, &p);
		EXPECT_EQ(fixture_receive(s.f, FIXTURE_KERNEL, 0, &clear), family == API_IPV4);
		EXPECT_EQ(fixture_counted(s.f, COUNT_esp_no_checksum), family == API_IPV6);
		scene_close(&s);
	}
}
