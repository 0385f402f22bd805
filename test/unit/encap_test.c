/* Tunnel mode, alone and in UDP: what goes in, what comes out, and what does neither. */
#include "dataplane/encap.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/tunnel_scene.h"

/* ---- both ways ---- */

TEST(encap, every_kind_of_tunnel_carries_packets_of_every_size_both_ways)
{
	FOR_ALL_TUNNELS(kind)
	{
		for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct tunnel_scene s;
			tunnel_scene_open(&s, kind, (enum crypto_suite)suite);
			for (size_t n = 0; n < 100 && !test_has_failed(); n++) {
				seg_inner(&s.inner, &s.seg.inner_in, n);
				tunnel_scene_wrap_in(&s);
				tunnel_scene_expect_delivered(&s, &s.inner);
				seg_inner(&s.inner, &s.seg.inner_out, n);
				tunnel_scene_send_out(&s, &s.inner);
				tunnel_scene_expect_sent(&s, &s.inner);
			}
			tunnel_scene_close(&s);
		}
	}
}

TEST(encap, c074a_numbers_begin_with_one_and_are_taken_once)
{
	struct tunnel_scene s;
	struct packet p, got;
	struct esp_opened opened;
	tunnel_scene_open(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	struct packet out;
	seg_inner(&out, &s.seg.inner_out, 10);
	for (uint32_t n = 1; n <= 3; n++) {
		tunnel_scene_send_out(&s, &out);
		ASSERT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
		ASSERT_TRUE(seg_unwrap(&got, &s.seg, &opened));
		EXPECT_EQ(opened.sequence, n);
	}
	fixture_mark(s.f);
	seg_wrap(&p, &s.seg, 0, &s.inner, IPPROTO_IPIP);
	tunnel_scene_send_in(&s, &p);
	tunnel_scene_expect_in_dropped(&s, COUNT_esp_zero_sequence);
	seg_wrap(&p, &s.seg, 1, &s.inner, IPPROTO_IPIP);
	tunnel_scene_send_in(&s, &p);
	tunnel_scene_expect_delivered(&s, &s.inner);
	tunnel_scene_send_in(&s, &p);
	tunnel_scene_expect_in_dropped(&s, COUNT_esp_replayed);
	tunnel_scene_close(&s);
}

static void extended(struct api_set *set)
{
	set->sa[0].flags = API_SA_ESN;
	set->sa[0].sequence = UINT32_MAX - 1;
}

static void extended_to_the_end(struct api_set *set)
{
	set->sa[0].flags = API_SA_ESN;
	set->sa[0].sequence = UINT64_MAX - 1;
}

TEST(encap, c074a_extended_numbers_go_on_beyond_the_lower_half_with_every_suite)
{
	for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
		struct tunnel_scene s = { .f = fixture_open(&fixture_table) };
		struct packet p;
		test_context("suite %d", suite);
		seg_open(s.f, &s.seg, &seg_kinds[0], 1, NULL);
		EXPECT_EQ(seg_install(s.f, &s.seg, API_IN, (enum crypto_suite)suite, 1, extended),
			  0);
		EXPECT_EQ(seg_install(s.f, &s.seg, API_OUT, (enum crypto_suite)suite, 2, extended),
			  0);
		fixture_mark(s.f);
		static const uint32_t low[] = { UINT32_MAX, 1, 0, 2 };
		for (unsigned i = 0; i < 4; i++) {
			s.seg.in.high = i > 0;
			seg_inner(&s.inner, &s.seg.inner_in, i);
			seg_wrap(&p, &s.seg, low[i], &s.inner, IPPROTO_IPIP);
			tunnel_scene_send_in(&s, &p);
			tunnel_scene_expect_delivered(&s, &s.inner);
			tunnel_scene_send_in(&s, &p);
			tunnel_scene_expect_in_dropped(&s, COUNT_esp_replayed);
		}
		/* The same lower half under another upper half is another packet. */
		s.seg.in.high = 0;
		seg_wrap(&p, &s.seg, 3, &s.inner, IPPROTO_IPIP);
		tunnel_scene_send_in(&s, &p);
		tunnel_scene_expect_in_dropped(&s, COUNT_esp_bad_icv);
		for (unsigned i = 0; i < 3; i++) {
			s.seg.out.high = i > 0;
			seg_inner(&s.inner, &s.seg.inner_out, i);
			tunnel_scene_send_out(&s, &s.inner);
			tunnel_scene_expect_sent(&s, &s.inner);
		}
		tunnel_scene_close(&s);
	}
}

TEST(encap, c074a_extended_numbers_end_too)
{
	struct tunnel_scene s = { .f = fixture_open(&fixture_table) };
	seg_open(s.f, &s.seg, &seg_kinds[0], 1, NULL);
	EXPECT_EQ(seg_install(s.f, &s.seg, API_OUT, CRYPTO_AES_GCM, 2, extended_to_the_end), 0);
	fixture_mark(s.f);
	s.seg.out.high = UINT32_MAX;
	seg_inner(&s.inner, &s.seg.inner_out, 9);
	tunnel_scene_send_out(&s, &s.inner);
	tunnel_scene_expect_sent(&s, &s.inner);
	for (unsigned i = 0; i < 2; i++) {
		tunnel_scene_send_out(&s, &s.inner);
		tunnel_scene_expect_out_dropped(&s, COUNT_out_exhausted);
	}
	tunnel_scene_close(&s);
}

/* ---- what comes out ---- */

static void reversed(struct tunnel_scene *s)
{
	seg_inner(&s->inner, &s->seg.inner_out, 25);
}

static void too_long(struct tunnel_scene *s)
{
	s->inner.bytes[s->inner.l3 + 3] += 1;
}

static void wrong_version(struct tunnel_scene *s)
{
	s->inner.bytes[s->inner.l3] = 0x65;
}

static void cut_off(struct tunnel_scene *s)
{
	s->inner.n_bytes = s->inner.l3 + 19;
}

TEST(encap, c077a_only_a_whole_packet_between_the_selectors_comes_out)
{
	static const struct {
		const char *what;
		void (*spoil)(struct tunnel_scene *s);
		enum counter reason;
	} claims[] = {
		{ "another source", tunnel_scene_other_source, COUNT_esp_wrong_selector },
		{ "another destination", tunnel_scene_other_destination, COUNT_esp_wrong_selector },
		{ "the other way round", reversed, COUNT_esp_wrong_selector },
		{ "longer than it is", too_long, COUNT_packet_truncated },
		{ "another version", wrong_version, COUNT_packet_malformed },
		{ "less than a header", cut_off, COUNT_packet_truncated },
	};
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct tunnel_scene s;
		tunnel_scene_open(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
		test_context("%s", claims[i].what);
		claims[i].spoil(&s);
		tunnel_scene_wrap_in(&s);
		tunnel_scene_expect_in_dropped(&s, claims[i].reason);
		tunnel_scene_close(&s);
	}
}

TEST(encap, what_follows_the_inner_packet_is_dropped_in_silence)
{
	FOR_ALL_TUNNELS(kind)
	{
		struct tunnel_scene s;
		struct packet padded, p;
		tunnel_scene_open(&s, kind, CRYPTO_HMAC_SHA1_AES_CBC);
		padded = s.inner;
		padded.n_bytes += 100; /* RFC 4303 2.7 */
		seg_wrap(&p, &s.seg, 1, &padded, seg_next_header(&s.seg));
		tunnel_scene_send_in(&s, &p);
		tunnel_scene_expect_delivered(&s, &s.inner);
		tunnel_scene_close(&s);
	}
}

TEST(encap, c074b_dummies_and_upper_layers_are_dropped)
{
	static const struct {
		uint8_t next_header;
		enum counter reason;
	} claims[] = {
		{ IPPROTO_NONE, COUNT_esp_dummy },
		{ IPPROTO_UDP, COUNT_esp_bad_next_header },
		{ IPPROTO_TCP, COUNT_esp_bad_next_header },
		{ IPPROTO_ESP, COUNT_esp_bad_next_header },
		{ IPPROTO_IPV6, COUNT_packet_malformed }, /* it holds IPv4 */
	};
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct tunnel_scene s;
		struct packet p;
		tunnel_scene_open(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
		seg_wrap(&p, &s.seg, 1, &s.inner, claims[i].next_header);
		tunnel_scene_send_in(&s, &p);
		tunnel_scene_expect_in_dropped(&s, claims[i].reason);
		tunnel_scene_close(&s);
	}
}

TEST(encap, c063_a_tunnel_mode_packet_on_a_transport_sa_is_dropped)
{
	struct fixture *f = fixture_open(&fixture_table);
	struct fixture_ue ue;
	struct packet p, inner;
	uint8_t esp[PACKET_MAX_BYTES];
	fixture_ue_install(f, &ue, 0, 1, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
	fixture_mark(f);
	fixture_ue_clear(&inner, &ue, SET_UC_TO_PS, IPPROTO_UDP, (const uint8_t *)"x", 1);
	size_t n = inner.n_bytes - inner.l3;
	struct esp_trailer trailer = esp_trailer_of(ue.sa[SET_UC_TO_PS].suite, n, IPPROTO_IPIP);
	n = esp_seal(esp, &ue.sa[SET_UC_TO_PS], 1, inner.bytes + inner.l3, n, &trailer);
	packet_make(&p, &ue.from_ue, IPPROTO_ESP, esp, n);
	fixture_send(f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
	fixture_turn(f);
	EXPECT_EQ(fixture_discard(f), 0);
	expect_counted(f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_esp_bad_next_header, 1 }));
	EXPECT_EQ(fixture_close(f), 0);
}

/* ---- around it ---- */

TEST(encap, ecn_is_combined_as_rfc_6040_says_and_dscp_is_the_inner_ones)
{
	enum { NOT_ECT, ECT1, ECT0, CE, DROP };
	/* RFC 6040 figure 4; rows inner, columns outer, both in the order of the numbers. */
	static const uint8_t expected[4][4] = {
		[NOT_ECT] = { NOT_ECT, NOT_ECT, NOT_ECT, DROP },
		[ECT1] = { ECT1, ECT1, ECT1, CE },
		[ECT0] = { ECT0, ECT1, ECT0, CE },
		[CE] = { CE, CE, CE, CE },
	};
	FOR_ALL_TUNNELS(kind)
	{
		struct tunnel_scene s;
		tunnel_scene_open(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		for (unsigned i = 0; i < 16; i++) {
			struct packet p, got = s.inner;
			uint8_t inner = i / 4, outer = i % 4, out = expected[inner][outer];
			s.seg.inner_in.tos = (uint8_t)(0xb8 | inner);
			s.seg.to_us.tos = outer;
			seg_inner(&s.inner, &s.seg.inner_in, 25);
			seg_wrap(&p, &s.seg, 1 + i, &s.inner, seg_next_header(&s.seg));
			s.seg.inner_in.tos = (uint8_t)(0xb8 | out);
			seg_inner(&got, &s.seg.inner_in, 25);
			tunnel_scene_send_in(&s, &p);
			if (out == DROP)
				tunnel_scene_expect_in_dropped(&s, COUNT_esp_bad_ecn);
			else
				tunnel_scene_expect_delivered(&s, &got);
		}
		tunnel_scene_close(&s);
	}
}

/* The outer header's traffic class, and may routers cut it? */
static void read_outer(const struct packet *p, uint8_t *tos, bool *may_fragment)
{
	const uint8_t *ip = p->bytes + p->l3;
	bool v6 = ip[0] >> 4 == 6;
	*tos = v6 ? (uint8_t)(ip[0] << 4 | ip[1] >> 4) : ip[1];
	*may_fragment = !v6 && !(ip[6] & 0x40);
}

TEST(encap, dscp_ecn_and_dont_fragment_are_copied_to_the_outer_header)
{
	FOR_ALL_TUNNELS(kind)
	{
		struct tunnel_scene s;
		tunnel_scene_open(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		for (unsigned i = 0; i < 8; i++) {
			struct packet got;
			uint8_t tos;
			bool may_fragment, whole = i & 4;
			s.seg.inner_out.tos = (uint8_t)(0x28 | (i & 3));
			s.seg.inner_out.fragment_be16 = whole ? 0x4000 : 0;
			seg_inner(&s.inner, &s.seg.inner_out, 25);
			tunnel_scene_send_out(&s, &s.inner);
			ASSERT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
			read_outer(&got, &tos, &may_fragment);
			EXPECT_EQ(tos, 0x28 | (i & 3));
			EXPECT_EQ(may_fragment,
				  !whole && kind->inner == API_IPV4 && kind->outer == API_IPV4);
		}
		tunnel_scene_close(&s);
	}
}

TEST(encap, a_packet_that_would_not_fit_the_path_does_not_leave)
{
	FOR_ALL_TUNNELS(kind)
	{
		struct tunnel_scene s;
		struct packet got;
		tunnel_scene_open(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		if (kind->inner == API_IPV4)
			s.seg.inner_out.fragment_be16 = 0x4000; /* DF */
		size_t largest = 0;
		for (size_t n = 1300; n < 1500; n++) {
			seg_inner(&s.inner, &s.seg.inner_out, n);
			tunnel_scene_send_out(&s, &s.inner);
			if (!fixture_receive(s.f, FIXTURE_NETWORK, 0, &got))
				break;
			EXPECT_LE(got.n_bytes - got.l3, FIXTURE_MTU);
			largest = got.n_bytes - got.l3;
		}
		EXPECT_GT(largest, FIXTURE_MTU - 4); /* not before it has to */
		EXPECT_EQ(fixture_counted(s.f, COUNT_out_too_big), 1);
		tunnel_scene_close(&s);
	}
}
