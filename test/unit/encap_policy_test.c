/* What a tunnel's policy holds, and what passes it by. */
#include "dataplane/encap.h"

#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/tunnel_scene.h"

TEST(encap, what_no_policy_holds_is_clear_as_ever)
{
	struct tunnel_scene s;
	tunnel_scene_open(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	seg_inner(&s.inner, &s.seg.inner_out, 25);
	tunnel_scene_other_destination(&s);
	tunnel_scene_send_out(&s, &s.inner);
	expect_counted(s.f, COUNTED({ COUNT_kernel_rx, 1 }, { COUNT_network_tx, 1 },
				    { COUNT_clear_tx, 1 }));
	seg_inner(&s.inner, &s.seg.inner_in, 25);
	tunnel_scene_other_source(&s);
	tunnel_scene_send_in(&s, &s.inner);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
				    { COUNT_clear_rx, 1 }));
	tunnel_scene_close(&s);
}

TEST(encap, what_a_policy_holds_never_comes_in_the_clear)
{
	FOR_ALL_TUNNELS(kind)
	{
		static const uint8_t echo[40] = { 8 };
		struct tunnel_scene s;
		tunnel_scene_open(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		tunnel_scene_send_in(&s, &s.inner);
		tunnel_scene_expect_in_dropped(&s, COUNT_clear_to_tunnel);
		packet_make(&s.inner, &s.seg.inner_in, IPPROTO_ICMP, echo, sizeof(echo));
		tunnel_scene_send_in(&s, &s.inner);
		tunnel_scene_expect_in_dropped(&s, COUNT_clear_to_tunnel);
		tunnel_scene_close(&s);
	}
}

TEST(encap, without_an_sa_what_a_policy_holds_does_not_leave)
{
	FOR_ALL_TUNNELS(kind)
	{
		struct tunnel_scene s;
		tunnel_scene_open(&s, kind, CRYPTO_HMAC_SHA1_NULL);
		EXPECT_EQ(set_delete(&s.f->sets, 2, FIXTURE_OWNER, 0, 1), 0);
		seg_inner(&s.inner, &s.seg.inner_out, 25);
		tunnel_scene_send_out(&s, &s.inner);
		tunnel_scene_expect_out_dropped(&s, COUNT_out_no_tunnel);
		tunnel_scene_close(&s);
	}
}

TEST(encap, protocols_without_ports_go_into_the_tunnel_too)
{
	FOR_ALL_TUNNELS(kind)
	{
		struct tunnel_scene s;
		uint8_t echo[40] = { 8 };
		tunnel_scene_open(&s, kind, CRYPTO_HMAC_MD5_AES_CBC);
		packet_make(&s.inner, &s.seg.inner_out, IPPROTO_ICMP, echo, sizeof(echo));
		tunnel_scene_send_out(&s, &s.inner);
		tunnel_scene_expect_sent(&s, &s.inner);
		tunnel_scene_close(&s);
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
	tunnel_scene_wrap_in(&s);
	tunnel_scene_expect_in_dropped(&s, COUNT_clear_udp_to_protected);
	fixture_ue_clear(&s.inner, &ue, SET_UC_TO_PS, IPPROTO_TCP, text, 8);
	tunnel_scene_wrap_in(&s);
	tunnel_scene_expect_in_dropped(&s, COUNT_clear_tcp_to_protected);
	/* Nor does anybody else to a protected port. */
	uint8_t upper[100];
	packet_make(&s.inner, &s.seg.inner_in, IPPROTO_UDP, upper,
		    packet_udp(upper, 9, FIXTURE_PORT_PS, text, 8));
	tunnel_scene_wrap_in(&s);
	tunnel_scene_expect_in_dropped(&s, COUNT_clear_udp_to_protected);
	packet_make(&s.inner, &s.seg.inner_in, IPPROTO_UDP, upper,
		    packet_udp(upper, 9, FIXTURE_PORT_PS + 1, text, 8));
	tunnel_scene_wrap_in(&s);
	tunnel_scene_expect_delivered(&s, &s.inner);
	tunnel_scene_close(&s);
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
