/* Tunnel mode, alone and in UDP: what goes in, what comes out, and what does neither. */
#include "dataplane/encap.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/fixture_seg.h"
#include "test/unit/scene.h"

struct tunnel_scene {
	struct fixture *f;
	struct seg seg;
	struct packet inner;
	uint32_t sequence;
};

static void open_scene(struct tunnel_scene *s, const struct seg_kind *kind, enum crypto_suite suite)
{
	memset(s, 0, sizeof(*s));
	s->f = fixture_open(&fixture_table);
	seg_install_both(s->f, &s->seg, kind, suite);
	seg_inner(&s->inner, &s->seg.inner_in, 25);
	test_context("IPv%d in IPv%d%s, suite %d", kind->inner, kind->outer,
		     kind->in_udp ? " in UDP" : "", (int)suite);
}

static void close_scene(struct tunnel_scene *s)
{
	test_context(NULL);
	expect_accounted(s->f);
	EXPECT_EQ(fixture_close(s->f), 0);
}

static void send_in(struct tunnel_scene *s, const struct packet *p)
{
	fixture_send(s->f, FIXTURE_NETWORK, 0, p->bytes, p->n_bytes);
	fixture_turn(s->f);
}

static void send_out(struct tunnel_scene *s, const struct packet *p)
{
	fixture_send(s->f, FIXTURE_KERNEL, 0, p->bytes, p->n_bytes);
	fixture_turn(s->f);
}

/* The peer sends s->inner. */
static void wrap_in(struct tunnel_scene *s)
{
	struct packet p;
	seg_wrap(&p, &s->seg, ++s->sequence, &s->inner, seg_next_header(&s->seg));
	send_in(s, &p);
}

static void expect_in_dropped(struct tunnel_scene *s, enum counter reason)
{
	EXPECT_EQ(fixture_discard(s->f), 0);
	expect_counted(s->f, COUNTED({ COUNT_network_rx, 1 }, { reason, 1 }));
}

static void expect_out_dropped(struct tunnel_scene *s, enum counter reason)
{
	EXPECT_EQ(fixture_discard(s->f), 0);
	expect_counted(s->f, COUNTED({ COUNT_kernel_rx, 1 }, { reason, 1 }));
}

/* The kernel has this packet, as if it had come in the clear. */
static void expect_delivered(struct tunnel_scene *s, const struct packet *expected)
{
	struct packet got;
	uint64_t n_bytes = expected->n_bytes - expected->l3;
	ASSERT_TRUE(fixture_receive(s->f, FIXTURE_KERNEL, 0, &got));
	EXPECT_EQ(got.n_bytes, expected->n_bytes);
	EXPECT_MEM(got.bytes, expected->bytes, expected->n_bytes);
	expect_counted(s->f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
				     { COUNT_esp_rx, 1 }, { COUNT_esp_rx_bytes, n_bytes }));
}

/* The peer has this packet. */
static void expect_sent(struct tunnel_scene *s, const struct packet *expected)
{
	struct packet got;
	struct esp_opened opened;
	uint64_t n_bytes = expected->n_bytes - expected->l3;
	ASSERT_TRUE(fixture_receive(s->f, FIXTURE_NETWORK, 0, &got));
	ASSERT_TRUE(seg_unwrap(&got, &s->seg, &opened));
	EXPECT_EQ(opened.spi, s->seg.out.spi);
	EXPECT_EQ(opened.next_header, seg_next_header(&s->seg));
	EXPECT_EQ(opened.n_bytes, n_bytes);
	EXPECT_MEM(opened.payload, expected->bytes + expected->l3, n_bytes);
	expect_counted(s->f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_network_tx, 1 },
				     { COUNT_esp_tx, 1 }, { COUNT_esp_tx_bytes, n_bytes }));
}

#define FOR_ALL_KINDS(kind)                                                                        \
	for (const struct seg_kind *kind = seg_kinds; kind < seg_kinds + SEG_KINDS; kind++)

/* ---- both ways ---- */

TEST(encap, every_kind_of_tunnel_carries_packets_of_every_size_both_ways)
{
	FOR_ALL_KINDS(kind)
	{
		for (int suite = 0; suite < CRYPTO_N_SUITES; suite++) {
			struct tunnel_scene s;
			open_scene(&s, kind, (enum crypto_suite)suite);
			for (size_t n = 0; n < 100 && !test_has_failed(); n++) {
				seg_inner(&s.inner, &s.seg.inner_in, n);
				wrap_in(&s);
				expect_delivered(&s, &s.inner);
				seg_inner(&s.inner, &s.seg.inner_out, n);
				send_out(&s, &s.inner);
				expect_sent(&s, &s.inner);
			}
			close_scene(&s);
		}
	}
}

TEST(encap, c074a_numbers_begin_with_one_and_are_taken_once)
{
	struct tunnel_scene s;
	struct packet p, got;
	struct esp_opened opened;
	open_scene(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	struct packet out;
	seg_inner(&out, &s.seg.inner_out, 10);
	for (uint32_t n = 1; n <= 3; n++) {
		send_out(&s, &out);
		ASSERT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
		ASSERT_TRUE(seg_unwrap(&got, &s.seg, &opened));
		EXPECT_EQ(opened.sequence, n);
	}
	fixture_mark(s.f);
	seg_wrap(&p, &s.seg, 0, &s.inner, IPPROTO_IPIP);
	send_in(&s, &p);
	expect_in_dropped(&s, COUNT_esp_zero_sequence);
	seg_wrap(&p, &s.seg, 1, &s.inner, IPPROTO_IPIP);
	send_in(&s, &p);
	expect_delivered(&s, &s.inner);
	send_in(&s, &p);
	expect_in_dropped(&s, COUNT_esp_replayed);
	close_scene(&s);
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
			send_in(&s, &p);
			expect_delivered(&s, &s.inner);
			send_in(&s, &p);
			expect_in_dropped(&s, COUNT_esp_replayed);
		}
		/* The same lower half under another upper half is another packet. */
		s.seg.in.high = 0;
		seg_wrap(&p, &s.seg, 3, &s.inner, IPPROTO_IPIP);
		send_in(&s, &p);
		expect_in_dropped(&s, COUNT_esp_bad_icv);
		for (unsigned i = 0; i < 3; i++) {
			s.seg.out.high = i > 0;
			seg_inner(&s.inner, &s.seg.inner_out, i);
			send_out(&s, &s.inner);
			expect_sent(&s, &s.inner);
		}
		close_scene(&s);
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
	send_out(&s, &s.inner);
	expect_sent(&s, &s.inner);
	for (unsigned i = 0; i < 2; i++) {
		send_out(&s, &s.inner);
		expect_out_dropped(&s, COUNT_out_exhausted);
	}
	close_scene(&s);
}

/* ---- what comes out ---- */

static void other_source(struct tunnel_scene *s)
{
	s->inner.bytes[s->inner.l3 + 14] ^= 1; /* 192.168.100.7: another network */
}

static void other_destination(struct tunnel_scene *s)
{
	s->inner.bytes[s->inner.l3 + 18] ^= 1;
}

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
		{ "another source", other_source, COUNT_esp_wrong_selector },
		{ "another destination", other_destination, COUNT_esp_wrong_selector },
		{ "the other way round", reversed, COUNT_esp_wrong_selector },
		{ "longer than it is", too_long, COUNT_packet_truncated },
		{ "another version", wrong_version, COUNT_packet_malformed },
		{ "less than a header", cut_off, COUNT_packet_truncated },
	};
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct tunnel_scene s;
		open_scene(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
		test_context("%s", claims[i].what);
		claims[i].spoil(&s);
		wrap_in(&s);
		expect_in_dropped(&s, claims[i].reason);
		close_scene(&s);
	}
}

TEST(encap, what_follows_the_inner_packet_is_dropped_in_silence)
{
	FOR_ALL_KINDS(kind)
	{
		struct tunnel_scene s;
		struct packet padded, p;
		open_scene(&s, kind, CRYPTO_HMAC_SHA1_AES_CBC);
		padded = s.inner;
		padded.n_bytes += 100; /* RFC 4303 2.7 */
		seg_wrap(&p, &s.seg, 1, &padded, seg_next_header(&s.seg));
		send_in(&s, &p);
		expect_delivered(&s, &s.inner);
		close_scene(&s);
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
		open_scene(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
		seg_wrap(&p, &s.seg, 1, &s.inner, claims[i].next_header);
		send_in(&s, &p);
		expect_in_dropped(&s, claims[i].reason);
		close_scene(&s);
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
	FOR_ALL_KINDS(kind)
	{
		struct tunnel_scene s;
		open_scene(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		for (unsigned i = 0; i < 16; i++) {
			struct packet p, got = s.inner;
			uint8_t inner = i / 4, outer = i % 4, out = expected[inner][outer];
			s.seg.inner_in.tos = (uint8_t)(0xb8 | inner);
			s.seg.to_us.tos = outer;
			seg_inner(&s.inner, &s.seg.inner_in, 25);
			seg_wrap(&p, &s.seg, 1 + i, &s.inner, seg_next_header(&s.seg));
			s.seg.inner_in.tos = (uint8_t)(0xb8 | out);
			seg_inner(&got, &s.seg.inner_in, 25);
			send_in(&s, &p);
			if (out == DROP)
				expect_in_dropped(&s, COUNT_esp_bad_ecn);
			else
				expect_delivered(&s, &got);
		}
		close_scene(&s);
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
	FOR_ALL_KINDS(kind)
	{
		struct tunnel_scene s;
		open_scene(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		for (unsigned i = 0; i < 8; i++) {
			struct packet got;
			uint8_t tos;
			bool may_fragment, whole = i & 4;
			s.seg.inner_out.tos = (uint8_t)(0x28 | (i & 3));
			s.seg.inner_out.fragment_be16 = whole ? 0x4000 : 0;
			seg_inner(&s.inner, &s.seg.inner_out, 25);
			send_out(&s, &s.inner);
			ASSERT_TRUE(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got));
			read_outer(&got, &tos, &may_fragment);
			EXPECT_EQ(tos, 0x28 | (i & 3));
			EXPECT_EQ(may_fragment,
				  !whole && kind->inner == API_IPV4 && kind->outer == API_IPV4);
		}
		close_scene(&s);
	}
}

TEST(encap, a_packet_that_would_not_fit_the_path_does_not_leave)
{
	FOR_ALL_KINDS(kind)
	{
		struct tunnel_scene s;
		struct packet got;
		open_scene(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		if (kind->inner == API_IPV4)
			s.seg.inner_out.fragment_be16 = 0x4000; /* DF */
		size_t largest = 0;
		for (size_t n = 1300; n < 1500; n++) {
			seg_inner(&s.inner, &s.seg.inner_out, n);
			send_out(&s, &s.inner);
			if (!fixture_receive(s.f, FIXTURE_NETWORK, 0, &got))
				break;
			EXPECT_LE(got.n_bytes - got.l3, FIXTURE_MTU);
			largest = got.n_bytes - got.l3;
		}
		EXPECT_GT(largest, FIXTURE_MTU - 4); /* not before it has to */
		EXPECT_EQ(fixture_counted(s.f, COUNT_out_too_big), 1);
		close_scene(&s);
	}
}

/* ---- policies ---- */

TEST(encap, what_no_policy_holds_is_clear_as_ever)
{
	struct tunnel_scene s;
	open_scene(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	seg_inner(&s.inner, &s.seg.inner_out, 25);
	other_destination(&s);
	send_out(&s, &s.inner);
	expect_counted(s.f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_network_tx, 1 },
				    { COUNT_clear_tx, 1 }));
	seg_inner(&s.inner, &s.seg.inner_in, 25);
	other_source(&s);
	send_in(&s, &s.inner);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
				    { COUNT_clear_rx, 1 }));
	close_scene(&s);
}

TEST(encap, what_a_policy_holds_never_comes_in_the_clear)
{
	FOR_ALL_KINDS(kind)
	{
		static const uint8_t echo[40] = { 8 };
		struct tunnel_scene s;
		open_scene(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		send_in(&s, &s.inner);
		expect_in_dropped(&s, COUNT_clear_to_tunnel);
		packet_make(&s.inner, &s.seg.inner_in, IPPROTO_ICMP, echo, sizeof(echo));
		send_in(&s, &s.inner);
		expect_in_dropped(&s, COUNT_clear_to_tunnel);
		close_scene(&s);
	}
}

TEST(encap, without_an_sa_what_a_policy_holds_does_not_leave)
{
	FOR_ALL_KINDS(kind)
	{
		struct tunnel_scene s;
		open_scene(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		EXPECT_EQ(set_delete(&s.f->sets, 2, FIXTURE_OWNER, 0, 1), 0);
		seg_inner(&s.inner, &s.seg.inner_out, 25);
		send_out(&s, &s.inner);
		expect_out_dropped(&s, COUNT_out_no_tunnel);
		close_scene(&s);
	}
}

TEST(encap, protocols_without_ports_go_into_the_tunnel_too)
{
	FOR_ALL_KINDS(kind)
	{
		struct tunnel_scene s;
		uint8_t echo[40] = { 8 };
		open_scene(&s, kind, CRYPTO_HMAC_MD5_AES_CBC);
		packet_make(&s.inner, &s.seg.inner_out, IPPROTO_ICMP, echo, sizeof(echo));
		send_out(&s, &s.inner);
		expect_sent(&s, &s.inner);
		close_scene(&s);
	}
}

static void everything(struct api_tunnel *tunnel)
{
	struct api_selector *s = &tunnel->selector;
	s->local_bits = s->remote_bits = 0;
	memset(&s->local, 0, sizeof(s->local));
	memset(&s->remote, 0, sizeof(s->remote));
}

TEST(encap, c061_no_gateway_speaks_for_a_ue)
{
	static const uint8_t text[] = "REGISTER";
	struct fixture *f = fixture_open(&fixture_table);
	struct tunnel_scene s = { .f = f };
	struct fixture_ue ue;
	seg_open(f, &s.seg, &seg_kinds[0], 1, everything);
	EXPECT_EQ(seg_install(f, &s.seg, API_IN, CRYPTO_HMAC_SHA1_NULL, 50, NULL), 0);
	fixture_ue_install(f, &ue, 0, 1, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
	fixture_mark(f);
	fixture_ue_clear(&s.inner, &ue, SET_UC_TO_PS, IPPROTO_UDP, text, 8);
	wrap_in(&s);
	expect_in_dropped(&s, COUNT_clear_udp_to_protected);
	fixture_ue_clear(&s.inner, &ue, SET_UC_TO_PS, IPPROTO_TCP, text, 8);
	wrap_in(&s);
	expect_in_dropped(&s, COUNT_clear_tcp_to_protected);
	/* Nor does anybody else to a protected port. */
	uint8_t upper[100];
	packet_make(&s.inner, &s.seg.inner_in, IPPROTO_UDP, upper,
		    packet_udp(upper, 9, FIXTURE_PORT_PS, text, 8));
	wrap_in(&s);
	expect_in_dropped(&s, COUNT_clear_udp_to_protected);
	packet_make(&s.inner, &s.seg.inner_in, IPPROTO_UDP, upper,
		    packet_udp(upper, 9, FIXTURE_PORT_PS + 1, text, 8));
	wrap_in(&s);
	expect_delivered(&s, &s.inner);
	close_scene(&s);
}

TEST(encap, ike_of_the_ends_and_neighbour_discovery_pass_by_any_policy)
{
	struct fixture *f = fixture_open(&fixture_table);
	struct seg seg;
	struct packet p;
	static const uint8_t ike[28], solicitation[24] = { 135 }, echo[24] = { 128 };
	uint8_t upper[100];
	seg_open(f, &seg, &seg_kinds[3], 1, everything);
	fixture_mark(f);
	packet_make(&p, &seg.to_us, IPPROTO_UDP, upper,
		    packet_udp(upper, 500, 500, ike, sizeof(ike)));
	fixture_send(f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
	packet_make(&p, &seg.to_us, IPPROTO_ICMPV6, solicitation, sizeof(solicitation));
	fixture_send(f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
	packet_make(&p, &seg.to_us, IPPROTO_ICMPV6, echo, sizeof(echo));
	fixture_send(f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
	packet_make(&p, &seg.inner_in, IPPROTO_UDP, upper,
		    packet_udp(upper, 500, 500, ike, sizeof(ike)));
	fixture_send(f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
	fixture_turn(f);
	EXPECT_EQ(fixture_discard(f), 2);
	expect_counted(f, COUNTED({ COUNT_network_rx, 4 }, { COUNT_kernel_tx, 2 },
				  { COUNT_clear_rx, 2 }, { COUNT_clear_to_tunnel, 2 }));
	packet_make(&p, &seg.from_us, IPPROTO_UDP, upper,
		    packet_udp(upper, 500, 500, ike, sizeof(ike)));
	fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
	packet_make(&p, &seg.from_us, IPPROTO_ICMPV6, echo, sizeof(echo));
	fixture_send(f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
	fixture_turn(f);
	expect_counted(f, COUNTED({ COUNT_kernel_rx, 2 }, { COUNT_network_tx, 1 },
				  { COUNT_clear_tx, 1 }, { COUNT_out_no_tunnel, 1 }));
	EXPECT_EQ(fixture_discard(f), 1);
	EXPECT_EQ(fixture_close(f), 0);
}

/* ---- in UDP ---- */

static void udp_in(struct tunnel_scene *s, uint16_t source, uint16_t destination,
		   const uint8_t *payload, size_t n_bytes)
{
	struct packet p;
	uint8_t upper[PACKET_MAX_BYTES];
	packet_make(&p, &s->seg.to_us, IPPROTO_UDP, upper,
		    packet_udp(upper, source, destination, payload, n_bytes));
	send_in(s, &p);
}

TEST(encap, c081_keepalives_are_swallowed_and_ike_goes_to_the_kernel)
{
	static const uint8_t ike[32] = { 0, 0, 0, 0, 1, 2, 3 }, keepalive[] = { 0xff };
	struct tunnel_scene s;
	open_scene(&s, &seg_kinds[4], CRYPTO_HMAC_SHA1_NULL);
	udp_in(&s, SEG_NAT_PORT, SEG_PORT, keepalive, 1);
	expect_in_dropped(&s, COUNT_encap_keepalive);
	udp_in(&s, SEG_NAT_PORT, SEG_PORT, keepalive, 0);
	expect_in_dropped(&s, COUNT_esp_truncated);
	udp_in(&s, SEG_NAT_PORT, SEG_PORT, ike, 7);
	expect_in_dropped(&s, COUNT_esp_truncated);
	udp_in(&s, SEG_NAT_PORT, SEG_PORT, ike, sizeof(ike));
	EXPECT_EQ(fixture_discard(s.f), 1);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
				    { COUNT_clear_rx, 1 }));
	/* Another port is nobody's ESP. */
	udp_in(&s, SEG_NAT_PORT, SEG_PORT + 1, keepalive, 1);
	EXPECT_EQ(fixture_discard(s.f), 1);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
				    { COUNT_clear_rx, 1 }));
	close_scene(&s);
}

TEST(encap, c081_esp_right_on_ip_and_esp_in_udp_are_different_sas)
{
	for (unsigned in_udp = 0; in_udp < 2; in_udp++) {
		struct tunnel_scene s;
		struct packet p;
		open_scene(&s, &seg_kinds[in_udp * 4], CRYPTO_HMAC_SHA1_NULL);
		s.seg.tunnel.local_port = in_udp ? 0 : SEG_PORT; /* as seg_wrap() sees it */
		s.seg.tunnel.peer_port = SEG_NAT_PORT;
		seg_wrap(&p, &s.seg, 1, &s.inner, IPPROTO_IPIP);
		send_in(&s, &p);
		expect_in_dropped(&s, COUNT_esp_wrong_address);
		close_scene(&s);
	}
}

TEST(encap, outside_a_tunnel_without_udp_only_its_peer_is_heard)
{
	struct tunnel_scene s;
	struct packet p;
	open_scene(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	s.seg.to_us.source[3] ^= 0x80;
	seg_wrap(&p, &s.seg, 1, &s.inner, IPPROTO_IPIP);
	send_in(&s, &p);
	expect_in_dropped(&s, COUNT_esp_wrong_address);
	close_scene(&s);
}

/* The event that control would send on; false: none. */
static bool take_report(struct tunnel_scene *s, struct api_tunnel_rebound *event)
{
	void *entry;
	if (rte_ring_dequeue(s->f->worker.events, &entry) != 0)
		return false;
	const struct sa *sa = entry;
	return tunnel_report_take(&s->f->sas.tunnels, sa->rest.tunnel, event);
}

static void follows(struct api_tunnel *tunnel)
{
	tunnel->flags = API_TUNNEL_FOLLOW;
}

static void rebind(struct tunnel_scene *s, bool following)
{
	struct api_tunnel_rebound event;
	struct packet p, old, out;
	EXPECT_EQ(seg_install(s->f, &s->seg, API_IN, CRYPTO_HMAC_SHA1_NULL, 1, NULL), 0);
	EXPECT_EQ(seg_install(s->f, &s->seg, API_OUT, CRYPTO_HMAC_SHA1_NULL, 2, NULL), 0);
	seg_inner(&s->inner, &s->seg.inner_in, 25);
	seg_inner(&out, &s->seg.inner_out, 25);
	fixture_mark(s->f);
	seg_wrap(&old, &s->seg, 5, &s->inner, IPPROTO_IPIP);
	struct seg before = s->seg;
	s->seg.to_us.source[3] ^= 0x80;
	s->seg.tunnel.peer_port = 999;
	memcpy(s->seg.from_us.destination, s->seg.to_us.source, 16);
	/* Whoever has not the key points nothing anywhere. */
	seg_wrap(&p, &s->seg, 6, &s->inner, IPPROTO_IPIP);
	p.bytes[p.n_bytes - 1] ^= 1;
	send_in(s, &p);
	expect_in_dropped(s, COUNT_esp_bad_icv);
	EXPECT_FALSE(take_report(s, &event));
	p.bytes[p.n_bytes - 1] ^= 1;
	send_in(s, &p);
	expect_delivered(s, &s->inner);
	ASSERT_TRUE(take_report(s, &event));
	EXPECT_EQ(event.handle, s->seg.tunnel.handle);
	EXPECT_EQ(event.peer_port, 999);
	EXPECT_MEM(event.peer.bytes, s->seg.to_us.source, 16);
	EXPECT_EQ(event.followed, following);
	/* A late packet from before. */
	send_in(s, &old);
	expect_delivered(s, &s->inner);
	EXPECT_FALSE(take_report(s, &event));
	struct seg now = s->seg;
	s->seg = following ? now : before;
	send_out(s, &out);
	expect_sent(s, &out);
	s->seg = now;
}

TEST(encap, c081_a_nat_that_changes_its_mind_is_told_and_followed_only_where_wanted)
{
	for (unsigned following = 0; following < 2; following++) {
		struct tunnel_scene s = { .f = fixture_open(&fixture_table) };
		seg_open(s.f, &s.seg, &seg_kinds[4], 1, following ? follows : NULL);
		rebind(&s, following);
		close_scene(&s);
	}
}

/* ---- Gm behind a NAT ---- */

static uint32_t nat_number;

static void behind_nat(struct api_set *set)
{
	set->mode = API_UDP_ENCAP_TUNNEL;
	set->tunnel = nat_number;
}

static void without_selector(struct api_tunnel *tunnel)
{
	memset(&tunnel->selector, 0, sizeof(tunnel->selector));
}

/* A UE with a private address inside, the NAT's outside. */
static void open_nat(struct tunnel_scene *s, struct fixture_ue *ue, enum api_family inner)
{
	const struct seg_kind kind = { API_IPV4, inner, true };
	memset(s, 0, sizeof(*s));
	s->f = fixture_open(&fixture_table);
	seg_open(s->f, &s->seg, &kind, 1, without_selector);
	nat_number = s->seg.number;
	fixture_ue_install(s->f, ue, 0, 1, CRYPTO_HMAC_SHA1_AES_CBC, inner, behind_nat);
	fixture_mark(s->f);
}

TEST(encap, c081_a_ue_behind_a_nat_speaks_with_its_own_tuple_in_udp)
{
	static const uint8_t text[] = "OPTIONS";
	FOR_BOTH_FAMILIES(inner)
	{
		struct tunnel_scene s;
		struct fixture_ue ue;
		struct packet p;
		open_nat(&s, &ue, inner);
		for (int sa = 0; sa < API_SET_SAS; sa++) {
			fixture_ue_clear(&s.inner, &ue, (enum set_sa)sa, IPPROTO_UDP, text, 7);
			if (ue.set.sa[sa].direction == API_IN) {
				s.seg.in = ue.sa[sa];
				seg_wrap(&p, &s.seg, 1, &s.inner, seg_next_header(&s.seg));
				send_in(&s, &p);
				expect_delivered(&s, &s.inner);
			} else {
				s.seg.out = ue.sa[sa];
				send_out(&s, &s.inner);
				expect_sent(&s, &s.inner);
			}
		}
		/* Its tuple in the clear, or another tuple under its key. */
		fixture_ue_clear(&s.inner, &ue, SET_UC_TO_PS, IPPROTO_UDP, text, 7);
		send_in(&s, &s.inner);
		expect_in_dropped(&s, COUNT_clear_udp_to_protected);
		s.seg.in = ue.sa[SET_UC_TO_PS];
		s.inner.bytes[s.inner.l4 + 1] ^= 1;
		seg_wrap(&p, &s.seg, 2, &s.inner, seg_next_header(&s.seg));
		send_in(&s, &p);
		expect_in_dropped(&s, COUNT_esp_wrong_selector);
		close_scene(&s);
	}
}

static struct api_address address_at_home;
static uint16_t ports_apart;

static void with_the_same_address(struct api_set *set)
{
	behind_nat(set);
	set->peer = address_at_home;
	for (unsigned i = 0; i < API_SET_SAS; i++)
		set->sa[i].peer_port += ports_apart;
}

/* What UEs of one address behind two NATs may have, and what they may not: docs/design.md. */
TEST(encap, c081_ues_of_one_address_behind_two_nats_differ_by_their_ports)
{
	static const uint8_t text[] = "OPTIONS";
	const struct seg_kind kind = { API_IPV4, API_IPV4, true };
	struct tunnel_scene s;
	struct fixture_ue ue, other;
	struct seg first, second;
	struct packet p;
	open_nat(&s, &ue, API_IPV4);
	first = s.seg;
	seg_open(s.f, &second, &kind, 2, without_selector);
	nat_number = second.number;
	address_at_home = ue.set.peer;
	/* The very tuples of the other one are not to be had. */
	struct api_set same = set_two_pairs(3, CRYPTO_HMAC_SHA1_AES_CBC, API_IPV4);
	struct api_set_result result;
	ports_apart = 0;
	with_the_same_address(&same);
	EXPECT_EQ(set_install(&s.f->sets, &same, NULL, FIXTURE_OWNER, s.f->now_s, &result),
		  -EEXIST);
	ports_apart = 10;
	fixture_ue_install(s.f, &other, 0, 2, CRYPTO_HMAC_SHA1_AES_CBC, API_IPV4,
			   with_the_same_address);
	fixture_mark(s.f);
	for (unsigned i = 0; i < 2; i++) {
		const struct fixture_ue *one = i ? &other : &ue;
		test_context("UE %u", i);
		s.seg = i ? second : first;
		s.seg.out = one->sa[SET_PC_TO_US];
		fixture_ue_clear(&s.inner, one, SET_PC_TO_US, IPPROTO_UDP, text, 7);
		send_out(&s, &s.inner);
		expect_sent(&s, &s.inner); /* to its own NAT, under its own key */
		s.seg.in = one->sa[SET_UC_TO_PS];
		fixture_ue_clear(&s.inner, one, SET_UC_TO_PS, IPPROTO_UDP, text, 7);
		seg_wrap(&p, &s.seg, 1, &s.inner, seg_next_header(&s.seg));
		send_in(&s, &p);
		expect_delivered(&s, &s.inner);
	}
	test_context("the tuple of one under the key of the other");
	s.seg.in = ue.sa[SET_UC_TO_PS];
	seg_wrap(&p, &s.seg, 2, &s.inner, seg_next_header(&s.seg));
	send_in(&s, &p);
	expect_in_dropped(&s, COUNT_esp_wrong_selector);
	close_scene(&s);
}
