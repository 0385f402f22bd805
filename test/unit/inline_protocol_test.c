/* A port that does all of ESP, sequence numbers too: dataplane/inline_path.h. */
#include <errno.h>
#include <netinet/in.h>

#include "test/shim/test.h"
#include "test/unit/inline_scene.h"
#include "test/unit/pieces.h"

/* Where the port's numbers begin: the cpu may send so many while the session is made. */
#define GAP 65536

TEST(inline_protocol, c074_numbers_of_a_port_go_on_after_those_of_the_cpu_and_before)
{
	static const enum crypto_suite suites[] = { CRYPTO_HMAC_SHA1_NULL, CRYPTO_HMAC_SHA256_NULL,
						    CRYPTO_HMAC_SHA1_AES_CBC };
	FOR_BOTH_FAMILIES(family)
	{
		for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
			struct scene s;
			inline_scene_open_protocol(&s, family, suites[i]);
			inline_scene_expect_sent(&s, 1);
			inline_scene_promote(&s, SET_PS_TO_UC);
			inline_scene_expect_sent(&s, 2 + GAP);
			inline_scene_expect_sent(&s, 3 + GAP);
			EXPECT_EQ(inline_demote(&fake_nic.inlined,
						inline_scene_slot(&s, SET_PS_TO_UC)),
				  0);
			inline_scene_expect_sent(&s, 4 + GAP);
			fake_nic_settle(s.f);
			inline_scene_promote(&s, SET_PS_TO_UC);
			inline_scene_expect_sent(&s, 5 + 2 * GAP);
			EXPECT_EQ(fake_nic.n_signed, 3);
			inline_scene_close(&s);
		}
	}
}

TEST(inline_protocol, c075_a_port_that_the_cpu_has_overtaken_is_not_used)
{
	struct scene s;
	inline_scene_open_protocol(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	inline_scene_promote(&s, SET_PS_TO_UC);
	struct sa *sa = &s.f->sas.sa[inline_scene_slot(&s, SET_PS_TO_UC)];
	sa->run.replay.top = 1 + GAP; /* what workers sent meanwhile: the port's first as well */
	inline_scene_expect_sent(&s, 2 + GAP);
	EXPECT_EQ(fake_nic.n_signed, 0);
	/* The session is of no use, and goes. */
	fake_nic_pass(s.f, 1000);
	fake_nic_pass(s.f, 1000);
	fake_nic_settle(s.f);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	inline_scene_close(&s);
}

TEST(inline_protocol, a_packet_that_would_be_too_big_is_not_left_to_a_port)
{
	static uint8_t payload[FIXTURE_MTU];
	struct scene s;
	struct packet p;
	inline_scene_open_protocol(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	s.ue.to_ue.fragment_be16 = 0x4000; /* DF */
	inline_scene_promote(&s, SET_PS_TO_UC);
	/* Header 20, UDP 8, ESP 8, trailer 2, ICV 12; nothing to pad. */
	for (uint32_t over = 0; over < 2; over++) {
		fixture_ue_clear(&p, &s.ue, SET_PS_TO_UC, IPPROTO_UDP, payload,
				 FIXTURE_MTU - 50 + over);
		fixture_send(s.f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
		fixture_turn(s.f);
	}
	EXPECT_EQ(fake_nic.n_signed, 1);
	EXPECT_EQ(fixture_counted(s.f, COUNT_out_too_big), 1);
	fixture_discard(s.f);
	/* It has cost a number of ours, none of the port's; ours are never behind. */
	inline_scene_expect_sent(&s, 2 + GAP);
	EXPECT_EQ(inline_demote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC)), 0);
	inline_scene_expect_sent(&s, 4 + GAP);
	inline_scene_close(&s);
}

/* What will be cut afterwards is the cpu's, and so is what comes after: its number is the port's
 * next. */
TEST(inline_protocol, c078_a_datagram_in_fragments_is_not_left_to_a_port)
{
	static uint8_t text[4000], upper[4100];
	static struct datagram d;
	struct scene s;
	struct esp_opened opened;
	inline_scene_open_protocol(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	inline_scene_promote(&s, SET_PS_TO_UC);
	inline_scene_expect_sent(&s, 1 + GAP);
	for (size_t n_bytes = 400; n_bytes <= sizeof(text); n_bytes += 3600) {
		size_t n = fixture_ue_upper(upper, &s.ue, SET_PS_TO_UC, IPPROTO_UDP, text, n_bytes);
		struct packet_ip ip = s.ue.to_ue;
		ip.vlan = 0;
		ip.id = (uint16_t)n_bytes;
		pieces_send(s.f, FIXTURE_KERNEL, 0, &ip, IPPROTO_UDP, upper, n, 104);
		while (fixture_turn(s.f))
			;
		ASSERT_TRUE(pieces_receive(s.f, FIXTURE_NETWORK, 0, &d));
		EXPECT_EQ(d.protocol, IPPROTO_ESP);
		ASSERT_TRUE(esp_open(&s.ue.sa[SET_PS_TO_UC], d.payload, d.n_bytes, &opened));
		EXPECT_EQ(opened.sequence, (n_bytes == 400 ? 2 : 3) + GAP);
	}
	EXPECT_EQ(fake_nic.n_signed, 1);
	inline_scene_expect_sent(&s, 4 + GAP);
	EXPECT_EQ(fake_nic.n_signed, 1);
	inline_scene_close(&s);
}

/* The port comes and goes under traffic, some of which is lost on its way to it. */
TEST(inline_protocol, c075_no_number_is_sent_twice_by_cpu_and_port)
{
	struct scene s;
	struct packet p, got;
	struct esp_opened opened;
	uint32_t last = 0, seed = 20261124;
	inline_scene_open_protocol(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	s.ue.to_ue.fragment_be16 = 0x4000; /* DF */
	for (unsigned round = 0; round < 2000; round++) {
		seed = seed * 1664525 + 1013904223;
		if ((seed >> 16 & 15) == 0)
			inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC));
		else if ((seed >> 16 & 15) == 1)
			inline_demote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC));
		bool is_too_big = (seed >> 24 & 7) == 0;
		static uint8_t payload[FIXTURE_MTU];
		fixture_ue_clear(&p, &s.ue, SET_PS_TO_UC, IPPROTO_UDP, payload,
				 is_too_big ? FIXTURE_MTU - 28 : SCENE_TEXT_BYTES);
		fixture_send(s.f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
		fixture_turn(s.f);
		EXPECT_EQ(fixture_receive(s.f, FIXTURE_NETWORK, 0, &got), !is_too_big);
		if (!is_too_big) {
			uint32_t l4 = got.l3 + 20;
			EXPECT_TRUE(esp_open(&s.ue.sa[SET_PS_TO_UC], got.bytes + l4,
					     got.n_bytes - l4, &opened));
			EXPECT_TRUE(opened.sequence > last);
			last = opened.sequence;
		}
		fake_nic_pass(s.f, 10);
	}
	EXPECT_TRUE(fake_nic.n_signed > 100 && fake_nic.n_signed < 1900);
	inline_scene_close(&s);
}

TEST(inline_protocol, a_port_gets_no_window_and_no_shared_key_to_itself)
{
	struct offload_row row[OFFLOAD_ROWS_MAX];
	struct scene s;
	inline_scene_open_protocol(&s, API_IPV4, CRYPTO_AES_GCM);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_UC_TO_PS)), -ENOTSUP);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC)), -ENOTSUP);
	uint32_t n = offload_rows(&fake_nic.offload, &fake_nic.inlined, 0, row);
	inline_scene_expect_row(
		row, n, "hmac-sha-1-96, null, transport", true, 0,
		"outbound only: the port would keep the replay window to itself: the cpu could not "
		"go on");
	inline_scene_expect_row(
		row, n, "aes-gcm-128, transport", false, 0,
		"the port would keep the replay window to itself: the cpu could not go on");
	inline_scene_close(&s);
}

/* The outer header of a tunnel is the port's then: docs/offload.md says what of it matters. */
TEST(inline_protocol, a_tunnel_stays_with_the_cpu_and_it_is_told_why)
{
	static const struct {
		struct rte_security_ipsec_sa_options options;
		const char *why;
	} claims[] = {
		{ { .copy_df = 1, .copy_dscp = 1 },
		  "the port would not copy ECN to the outer header" },
		{ { .ecn = 1, .copy_df = 1 },
		  "the port would not copy DSCP and DF to the outer header" },
		{ { .ecn = 1, .copy_dscp = 1 },
		  "the port would not copy DSCP and DF to the outer header" },
		{ { .ecn = 1, .copy_df = 1, .copy_dscp = 1 },
		  "nothing says how the port numbers outer packets that may be fragmented" },
	};
	struct scene s;
	inline_scene_open_protocol(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		const struct inline_class class = { .suite = CRYPTO_HMAC_SHA1_NULL,
						    .mode = API_TUNNEL,
						    .direction = API_OUT };
		fake_nic.tunnel_options = claims[i].options;
		struct inline_capability can =
			inline_capability(fake_nic.offload.port[0].security, class);
		EXPECT_FALSE(can.is_there);
		EXPECT_STREQ(can.why, claims[i].why);
	}
	inline_scene_close(&s);
}
