/* ESP in UDP: gateways behind a NAT, and UEs. */
#include "dataplane/encap.h"

#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/scene.h"
#include "test/unit/tunnel_scene.h"

/* ---- in UDP ---- */

static void udp_in(struct tunnel_scene *s, uint16_t source, uint16_t destination,
		   const uint8_t *payload, size_t n_bytes)
{
	struct packet p;
	uint8_t upper[PACKET_MAX_BYTES];
	packet_make(&p, &s->seg.to_us, IPPROTO_UDP, upper,
		    packet_udp(upper, source, destination, payload, n_bytes));
	tunnel_scene_send_in(s, &p);
}

TEST(encap, c081_keepalives_are_swallowed_and_ike_goes_to_the_kernel)
{
	static const uint8_t ike[32] = { 0, 0, 0, 0, 1, 2, 3 }, keepalive[] = { 0xff };
	struct tunnel_scene s;
	tunnel_scene_open(&s, &seg_kinds[4], CRYPTO_HMAC_SHA1_NULL);
	udp_in(&s, SEG_NAT_PORT, SEG_PORT, keepalive, 1);
	tunnel_scene_expect_in_dropped(&s, COUNT_encap_keepalive);
	udp_in(&s, SEG_NAT_PORT, SEG_PORT, keepalive, 0);
	tunnel_scene_expect_in_dropped(&s, COUNT_esp_truncated);
	udp_in(&s, SEG_NAT_PORT, SEG_PORT, ike, 7);
	tunnel_scene_expect_in_dropped(&s, COUNT_esp_truncated);
	udp_in(&s, SEG_NAT_PORT, SEG_PORT, ike, sizeof(ike));
	EXPECT_EQ(fixture_discard(s.f), 1);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
				    { COUNT_clear_rx, 1 }));
	/* Another port is nobody's ESP. */
	udp_in(&s, SEG_NAT_PORT, SEG_PORT + 1, keepalive, 1);
	EXPECT_EQ(fixture_discard(s.f), 1);
	expect_counted(s.f, COUNTED({ COUNT_network_rx, 1 }, { COUNT_kernel_tx, 1 },
				    { COUNT_clear_rx, 1 }));
	tunnel_scene_close(&s);
}

TEST(encap, c081_esp_right_on_ip_and_esp_in_udp_are_different_sas)
{
	for (unsigned in_udp = 0; in_udp < 2; in_udp++) {
		struct tunnel_scene s;
		struct packet p;
		tunnel_scene_open(&s, &seg_kinds[in_udp * 4], CRYPTO_HMAC_SHA1_NULL);
		s.seg.tunnel.local_port = in_udp ? 0 : SEG_PORT; /* as seg_wrap() sees it */
		s.seg.tunnel.peer_port = SEG_NAT_PORT;
		seg_wrap(&p, &s.seg, 1, &s.inner, IPPROTO_IPIP);
		tunnel_scene_send_in(&s, &p);
		tunnel_scene_expect_in_dropped(&s, COUNT_esp_wrong_address);
		tunnel_scene_close(&s);
	}
}

TEST(encap, outside_a_tunnel_without_udp_only_its_peer_is_heard)
{
	struct tunnel_scene s;
	struct packet p;
	tunnel_scene_open(&s, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	s.seg.to_us.source[3] ^= 0x80;
	seg_wrap(&p, &s.seg, 1, &s.inner, IPPROTO_IPIP);
	tunnel_scene_send_in(&s, &p);
	tunnel_scene_expect_in_dropped(&s, COUNT_esp_wrong_address);
	tunnel_scene_close(&s);
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
	tunnel_scene_send_in(s, &p);
	tunnel_scene_expect_in_dropped(s, COUNT_esp_bad_icv);
	EXPECT_FALSE(take_report(s, &event));
	p.bytes[p.n_bytes - 1] ^= 1;
	tunnel_scene_send_in(s, &p);
	tunnel_scene_expect_delivered(s, &s->inner);
	ASSERT_TRUE(take_report(s, &event));
	EXPECT_EQ(event.handle, s->seg.tunnel.handle);
	EXPECT_EQ(event.peer_port, 999);
	EXPECT_MEM(event.peer.bytes, s->seg.to_us.source, 16);
	EXPECT_EQ(event.followed, following);
	/* A late packet from before. */
	tunnel_scene_send_in(s, &old);
	tunnel_scene_expect_delivered(s, &s->inner);
	EXPECT_FALSE(take_report(s, &event));
	struct seg now = s->seg;
	s->seg = following ? now : before;
	tunnel_scene_send_out(s, &out);
	tunnel_scene_expect_sent(s, &out);
	s->seg = now;
}

TEST(encap, c081_a_nat_that_changes_its_mind_is_told_and_followed_only_where_wanted)
{
	for (unsigned following = 0; following < 2; following++) {
		struct tunnel_scene s = { .f = fixture_open(&fixture_table) };
		seg_open(s.f, &s.seg, &seg_kinds[4], 1, following ? follows : NULL);
		rebind(&s, following);
		tunnel_scene_close(&s);
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
				tunnel_scene_send_in(&s, &p);
				tunnel_scene_expect_delivered(&s, &s.inner);
			} else {
				s.seg.out = ue.sa[sa];
				tunnel_scene_send_out(&s, &s.inner);
				tunnel_scene_expect_sent(&s, &s.inner);
			}
		}
		/* Its tuple in the clear, or another tuple under its key. */
		fixture_ue_clear(&s.inner, &ue, SET_UC_TO_PS, IPPROTO_UDP, text, 7);
		tunnel_scene_send_in(&s, &s.inner);
		tunnel_scene_expect_in_dropped(&s, COUNT_clear_udp_to_protected);
		s.seg.in = ue.sa[SET_UC_TO_PS];
		s.inner.bytes[s.inner.l4 + 1] ^= 1;
		seg_wrap(&p, &s.seg, 2, &s.inner, seg_next_header(&s.seg));
		tunnel_scene_send_in(&s, &p);
		tunnel_scene_expect_in_dropped(&s, COUNT_esp_wrong_selector);
		tunnel_scene_close(&s);
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
		tunnel_scene_send_out(&s, &s.inner);
		tunnel_scene_expect_sent(&s, &s.inner); /* to its own NAT, under its own key */
		s.seg.in = one->sa[SET_UC_TO_PS];
		fixture_ue_clear(&s.inner, one, SET_UC_TO_PS, IPPROTO_UDP, text, 7);
		seg_wrap(&p, &s.seg, 1, &s.inner, seg_next_header(&s.seg));
		tunnel_scene_send_in(&s, &p);
		tunnel_scene_expect_delivered(&s, &s.inner);
	}
	test_context("the tuple of one under the key of the other");
	s.seg.in = ue.sa[SET_UC_TO_PS];
	seg_wrap(&p, &s.seg, 2, &s.inner, seg_next_header(&s.seg));
	tunnel_scene_send_in(&s, &p);
	tunnel_scene_expect_in_dropped(&s, COUNT_esp_wrong_selector);
	tunnel_scene_close(&s);
}
