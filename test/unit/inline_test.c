#include "dataplane/inline_sa.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "dataplane/offload_report.h"
#include "dataplane/sa_control.h"
#include "test/shim/test.h"
#include "test/unit/inline_scene.h"

static const enum crypto_suite inbound_suites[] = { CRYPTO_HMAC_SHA1_NULL, CRYPTO_HMAC_SHA256_NULL,
						    CRYPTO_HMAC_SHA1_AES_CBC, CRYPTO_AES_GMAC,
						    CRYPTO_AES_GCM };

/* ---- what the port does ---- */

TEST(inline, a_port_verifies_and_deciphers)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (size_t i = 0; i < sizeof(inbound_suites) / sizeof(inbound_suites[0]); i++) {
			struct scene s;
			inline_scene_open(&s, family, inbound_suites[i]);
			inline_scene_promote(&s, SET_UC_TO_PS);
			for (uint32_t sequence = 1; sequence <= 3; sequence++) {
				inline_scene_from_ue(&s, sequence);
				scene_expect_delivered(&s);
			}
			EXPECT_EQ(fake_nic.n_verified, 3);
			inline_scene_close(&s);
		}
	}
}

TEST(inline, a_port_enciphers_and_signs)
{
	static const enum crypto_suite suites[] = { CRYPTO_HMAC_SHA1_NULL, CRYPTO_HMAC_SHA256_NULL,
						    CRYPTO_AES_GMAC, CRYPTO_AES_GCM };
	FOR_BOTH_FAMILIES(family)
	{
		for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
			struct scene s;
			inline_scene_open(&s, family, suites[i]);
			inline_scene_promote(&s, SET_PS_TO_UC);
			for (uint32_t sequence = 1; sequence <= 3; sequence++)
				inline_scene_expect_sent(&s, sequence);
			EXPECT_EQ(fake_nic.n_signed, 3);
			inline_scene_close(&s);
		}
	}
}

TEST(inline, c074_sequence_numbers_go_on_from_cpu_to_port_and_back)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_AES_GCM);
	inline_scene_expect_sent(&s, 1);
	inline_scene_promote(&s, SET_PS_TO_UC);
	inline_scene_expect_sent(&s, 2);
	EXPECT_EQ(inline_demote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC)), 0);
	inline_scene_expect_sent(&s, 3);
	fake_nic_settle(s.f);
	inline_scene_expect_sent(&s, 4);
	EXPECT_EQ(fake_nic.n_signed, 1);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	inline_scene_close(&s);
}

/* ---- what stays ours ---- */

TEST(inline, c070_a_packet_that_the_port_found_forged_is_dropped)
{
	FOR_BOTH_FAMILIES(family)
	{
		for (size_t i = 0; i < sizeof(inbound_suites) / sizeof(inbound_suites[0]); i++) {
			struct scene s;
			struct packet p;
			inline_scene_open(&s, family, inbound_suites[i]);
			inline_scene_promote(&s, SET_UC_TO_PS);
			scene_esp(&s, &p, 900);
			p.bytes[p.n_bytes - 1] ^= 1;
			scene_send(&s, &p);
			scene_expect_dropped(&s, COUNT_esp_bad_icv);
			EXPECT_EQ(fake_nic.n_bad, 1);
			inline_scene_from_ue(&s, 1); /* and it has not moved the window: C-073 */
			scene_expect_delivered(&s);
			inline_scene_close(&s);
		}
	}
}

TEST(inline, c071_a_replayed_packet_that_the_port_found_good_is_dropped)
{
	struct scene s;
	struct packet p;
	inline_scene_open(&s, API_IPV4, CRYPTO_AES_GCM);
	inline_scene_from_ue(&s, 5);
	scene_expect_delivered(&s);
	inline_scene_promote(&s, SET_UC_TO_PS);
	inline_scene_from_ue(&s, 5); /* what the cpu has seen */
	scene_expect_dropped(&s, COUNT_esp_replayed);
	scene_esp(&s, &p, 6);
	for (unsigned i = 0; i < 3; i++) /* within a burst */
		scene_enqueue(&s, &p);
	while (fixture_turn(s.f))
		;
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_rx), 1);
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_replayed), 2);
	EXPECT_EQ(fake_nic.n_verified, 4);
	fixture_discard(s.f);
	inline_scene_close(&s);
}

TEST(inline, c077_inner_ports_are_checked_when_the_port_has_deciphered)
{
	struct scene s;
	struct packet p;
	inline_scene_open(&s, API_IPV6, CRYPTO_AES_GCM);
	inline_scene_promote(&s, SET_UC_TO_PS);
	struct fixture_ue other = s.ue;
	other.set.sa[SET_UC_TO_PS].peer_port++;
	fixture_ue_esp(&p, &other, SET_UC_TO_PS, 1, IPPROTO_UDP, scene_text, SCENE_TEXT_BYTES,
		       NULL);
	scene_send(&s, &p);
	scene_expect_dropped(&s, COUNT_esp_wrong_port);
	EXPECT_EQ(fake_nic.n_verified, 1);
	inline_scene_close(&s);
}

TEST(inline, what_the_port_did_not_look_at_is_done_by_the_cpu)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	inline_scene_promote(&s, SET_UC_TO_PS);
	fake_nic.skips = true;
	inline_scene_from_ue(&s, 1);
	scene_expect_delivered(&s);
	EXPECT_EQ(fake_nic.n_verified, 0);
	inline_scene_close(&s);
}

TEST(inline, a_mark_on_a_packet_of_an_sa_of_the_cpu_is_not_believed)
{
	static const uint64_t marks[] = { RTE_MBUF_F_RX_SEC_OFFLOAD,
					  RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED,
					  RTE_MBUF_F_RX_SEC_OFFLOAD |
						  RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED };
	struct scene s;
	struct packet p;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	for (size_t i = 0; i < sizeof(marks) / sizeof(marks[0]); i++) {
		s.f->rx_flags = marks[i];
		scene_esp(&s, &p, 1);
		p.bytes[p.n_bytes - 1] ^= 1;
		scene_send(&s, &p);
		scene_expect_dropped(&s, COUNT_inline_late);
	}
	inline_scene_close(&s);
}

/* ---- late completions ---- */

TEST(inline, a_completion_after_the_deletion_of_its_sa_is_dropped)
{
	struct scene s;
	struct fixture_ue next;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	inline_scene_promote(&s, SET_UC_TO_PS);
	fake_nic.holds = true;
	inline_scene_from_ue(&s, 1);
	EXPECT_EQ(fake_nic.n_held, 1);
	EXPECT_EQ(set_delete(&s.f->sets, s.ue.set.registration, FIXTURE_OWNER, 0, s.f->now_s), 0);
	fake_nic_settle(s.f);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	/* Every slot is another's by now. */
	for (uint32_t i = 0; s.f->sas.n_free; i++)
		fixture_ue_install(s.f, &next, 0, 100 + i, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
	fixture_mark(s.f);
	fake_nic.holds = false;
	fixture_turn(s.f);
	scene_expect_dropped(&s, COUNT_inline_late);
	inline_scene_close(&s);
}

TEST(inline, a_completion_is_believed_until_its_session_is_drained_and_no_longer)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_AES_GCM);
	inline_scene_promote(&s, SET_UC_TO_PS);
	fake_nic.holds = true;
	inline_scene_from_ue(&s, 1);
	EXPECT_EQ(inline_demote(&fake_nic.inlined, inline_scene_slot(&s, SET_UC_TO_PS)), 0);
	EXPECT_EQ(fake_nic.n_rules, 0);
	fake_nic.holds = false;
	fixture_mark(s.f);
	fixture_turn(s.f);
	struct packet got;
	EXPECT_TRUE(fixture_receive(s.f, FIXTURE_KERNEL, 0, &got));

	fake_nic_settle(s.f);
	inline_scene_promote(&s, SET_UC_TO_PS);
	fake_nic.holds = true;
	inline_scene_from_ue(&s, 2);
	EXPECT_EQ(inline_demote(&fake_nic.inlined, inline_scene_slot(&s, SET_UC_TO_PS)), 0);
	fake_nic_settle(s.f);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	fake_nic.holds = false;
	fixture_mark(s.f);
	fixture_turn(s.f);
	scene_expect_dropped(&s, COUNT_inline_late);
	inline_scene_from_ue(&s, 3);
	scene_expect_delivered(&s);
	inline_scene_close(&s);
}

/* As long as a packet that the port had before may still be in a queue, the session is there. */
TEST(inline, a_session_outlives_its_sa_by_what_the_queues_hold)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_AES_GCM);
	inline_scene_promote(&s, SET_PS_TO_UC);
	EXPECT_EQ(set_delete(&s.f->sets, s.ue.set.registration, FIXTURE_OWNER, 0, s.f->now_s), 0);
	for (unsigned turn = 0; turn < 2 + 2 * 1024 / WORKER_BURST; turn++) {
		EXPECT_EQ(fake_nic.n_sessions, 1);
		fake_nic_pass(s.f, 1000); /* time alone does not do it */
		sa_reclaim(&s.f->sas);
	}
	fake_nic_settle(s.f);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	inline_scene_close(&s);
}

/* ---- a port that is full or says no ---- */

TEST(inline, the_configured_limit_of_sessions_holds)
{
	static const struct inline_config two = { .sessions_per_port = 2, .promote_pps = 1000 };
	struct scene s;
	inline_scene_open_with(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, &two);
	inline_scene_promote(&s, SET_UC_TO_PS);
	inline_scene_promote(&s, SET_PS_TO_UC);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_PC_TO_US)), -ENOSPC);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_UC_TO_PS)),
		  -EALREADY);
	EXPECT_EQ(fake_nic.n_sessions, 2);
	inline_scene_close(&s);
}

TEST(inline, a_port_that_is_full_leaves_the_rest_to_the_cpu)
{
	struct scene s;
	struct inline_port *port = &fake_nic.inlined.port[0];
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	fake_nic.max_sessions = 1;
	inline_scene_promote(&s, SET_PS_TO_UC);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_UC_TO_PS)), -EIO);
	EXPECT_EQ(port->n_refused, 1);
	EXPECT_STREQ(port->refusal, "session refused");
	/* It is not asked again until there is room. */
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_UC_TO_PS)), -ENOSPC);
	EXPECT_EQ(port->n_refused, 1);
	inline_scene_from_ue(&s, 1);
	scene_expect_delivered(&s);
	EXPECT_EQ(fake_nic.n_verified, 0);
	EXPECT_EQ(inline_demote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC)), 0);
	fake_nic_settle(s.f);
	inline_scene_promote(&s, SET_UC_TO_PS);
	inline_scene_close(&s);
}

TEST(inline, a_refused_session_leaves_the_sa_to_the_cpu)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	fake_nic.refuse_sessions = 1;
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC)), -EIO);
	inline_scene_expect_sent(&s, 1);
	EXPECT_EQ(fake_nic.n_signed, 0);
	inline_scene_close(&s);
}

TEST(inline, a_refused_rule_leaves_the_sa_to_the_cpu_and_no_session)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	fake_nic.refuse_rules = 1;
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_UC_TO_PS)), -EIO);
	EXPECT_STREQ(fake_nic.inlined.port[0].refusal, "rule refused: no room for rules");
	EXPECT_FALSE(inline_scene_is_inline(&s, SET_UC_TO_PS));
	inline_scene_from_ue(&s, 1);
	scene_expect_delivered(&s);
	fake_nic_settle(s.f);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	inline_scene_close(&s);
}

TEST(inline, a_rule_that_stays_is_asked_away_again)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	inline_scene_promote(&s, SET_UC_TO_PS);
	fake_nic.refuse_removals = 3;
	EXPECT_EQ(set_delete(&s.f->sets, s.ue.set.registration, FIXTURE_OWNER, 0, s.f->now_s), 0);
	EXPECT_EQ(fake_nic.n_rules, 1);
	fake_nic_settle(s.f);
	EXPECT_EQ(fake_nic.n_rules, 0);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	inline_scene_close(&s);
}

TEST(inline, what_a_port_cannot_do_stays_with_the_cpu)
{
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_MD5_NULL);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_UC_TO_PS)), -ENOTSUP);
	inline_scene_close(&s);
	/* An IV that nobody can predict would cost what the port saves: docs/offload.md. */
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_AES_CBC);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC)), -ENOTSUP);
	inline_scene_close(&s);
	inline_scene_open(&s, API_IPV4, CRYPTO_AES256_GCM);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC)), -ENOTSUP);
	inline_scene_close(&s);
}

TEST(inline, nothing_is_inline_without_a_limit)
{
	static const struct inline_config none = { .sessions_per_port = 0 };
	struct scene s;
	inline_scene_open_with(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, &none);
	EXPECT_TRUE(s.f->sas.inlined == NULL);
	EXPECT_EQ(fake_nic.inlined.n_max, 0);
	inline_turn(&fake_nic.inlined, fake_nic.now_tsc);
	inline_scene_close(&s);
}

/* ---- keys ---- */

TEST(inline, c094_kept_keys_are_wiped_with_their_sa)
{
	static const uint8_t zero[API_KEY_BYTES];
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	uint32_t slot = inline_scene_slot(&s, SET_UC_TO_PS);
	ASSERT_TRUE(fake_nic.inlined.auth_key != NULL);
	EXPECT_MEM(fake_nic.inlined.auth_key[slot], s.ue.set.auth_key, 20);
	EXPECT_EQ(set_delete(&s.f->sets, s.ue.set.registration, FIXTURE_OWNER, 0, s.f->now_s), 0);
	sa_grace(&s.f->sas);
	fixture_quiesce(&s.f->sas);
	EXPECT_EQ(sa_reclaim(&s.f->sas), API_SET_SAS);
	EXPECT_MEM(fake_nic.inlined.auth_key[slot], zero, sizeof(zero));
	inline_scene_close(&s);
}

/* ---- who is promoted ---- */

static uint32_t deliver_many(struct scene *s, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		inline_scene_from_ue(s, first + i);
	fixture_discard(s->f);
	return first + n;
}

TEST(inline, a_busy_sa_is_promoted_and_an_idle_one_demoted_later)
{
	static const struct inline_config busy = { .sessions_per_port = 4, .promote_pps = 400 };
	struct scene s;
	uint32_t sequence = 1;
	inline_scene_open_with(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, &busy);
	fake_nic_pass(s.f, 1); /* a sample is taken */
	sequence = deliver_many(&s, sequence, 39);
	fake_nic_pass(s.f, 100); /* 390 a second */
	EXPECT_FALSE(inline_scene_is_inline(&s, SET_UC_TO_PS));
	sequence = deliver_many(&s, sequence, 40);
	fake_nic_pass(s.f, 100); /* 400 a second */
	EXPECT_TRUE(inline_scene_is_inline(&s, SET_UC_TO_PS));
	EXPECT_EQ(fake_nic.inlined.n_promoted, 1);
	/* A quarter of it keeps the session … */
	for (unsigned second = 0; second < 15; second++) {
		sequence = deliver_many(&s, sequence, 100);
		fake_nic_pass(s.f, 1000);
	}
	EXPECT_TRUE(inline_scene_is_inline(&s, SET_UC_TO_PS));
	/* … less does not, for long. */
	for (unsigned second = 0; second < 12; second++) {
		sequence = deliver_many(&s, sequence, 90);
		fake_nic_pass(s.f, 1000);
	}
	fake_nic_settle(s.f);
	EXPECT_FALSE(inline_scene_is_inline(&s, SET_UC_TO_PS));
	EXPECT_EQ(fake_nic.n_sessions, 0);
	inline_scene_close(&s);
}

TEST(inline, a_busier_sa_takes_the_place_of_a_less_busy_one)
{
	static const struct inline_config one = { .sessions_per_port = 1, .promote_pps = 100 };
	struct scene s;
	struct fixture_ue second;
	inline_scene_open_with(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, &one);
	fixture_ue_install(s.f, &second, 0, 2, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
	inline_scene_promote(&s, SET_UC_TO_PS);
	struct fixture_ue first = s.ue;
	uint32_t sequence[2] = { 1, 1 };
	for (unsigned round = 0; round < 60; round++) {
		s.ue = first;
		sequence[0] = deliver_many(&s, sequence[0], 10);
		s.ue = second;
		sequence[1] = deliver_many(&s, sequence[1], 30);
		fake_nic_pass(s.f, 100);
	}
	s.ue = second;
	EXPECT_TRUE(inline_scene_is_inline(&s, SET_UC_TO_PS));
	s.ue = first;
	EXPECT_FALSE(inline_scene_is_inline(&s, SET_UC_TO_PS));
	EXPECT_EQ(fake_nic.inlined.n_demoted, 1);
	EXPECT_EQ(fake_nic.n_bad, 0);
	inline_scene_close(&s);
}

/* ---- what is told of it ---- */

TEST(inline, each_class_of_sas_is_told_whether_it_is_on_and_why_not)
{
	struct offload_row row[OFFLOAD_ROWS_MAX];
	struct scene s;
	inline_scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL);
	inline_scene_promote(&s, SET_UC_TO_PS);
	fake_nic.refuse_sessions = 1;
	inline_promote(&fake_nic.inlined, inline_scene_slot(&s, SET_PS_TO_UC));
	uint32_t n = offload_rows(&fake_nic.offload, &fake_nic.inlined, 0, row);
	EXPECT_EQ(n, OFFLOAD_ROWS_MAX);
	inline_scene_expect_row(row, n, "all SAs", true, 1,
				"32 at most; refused 1, last: session refused");
	inline_scene_expect_row(row, n, "hmac-sha-1-96, null, transport", true, 1, "");
	inline_scene_expect_row(row, n, "aes-gcm-128, transport", true, 0, "");
	inline_scene_expect_row(row, n, "aes-gcm-256, transport", false, 0,
				"the port has AES-GCM, not with keys of this size");
	inline_scene_expect_row(row, n, "hmac-md5-96, null, transport", false, 0,
				"the port has no such integrity algorithm");
	inline_scene_expect_row(
		row, n, "hmac-sha-1-96, aes-cbc-128, transport", true, 0,
		"inbound only: outbound, the IV of CBC would cost the cpu what the port saves");
	inline_scene_close(&s);
}

/* ---- all of it at once ---- */

/* Sessions come and go while both directions flow: no packet is lost, none is for the dead. */
TEST(inline, promotion_and_demotion_under_traffic_lose_nothing)
{
	struct scene s;
	uint32_t sequence = 1, seed = 20261124;
	inline_scene_open(&s, API_IPV4, CRYPTO_AES_GCM);
	for (unsigned round = 0; round < 2000; round++) {
		seed = seed * 1664525 + 1013904223;
		uint32_t slot = inline_scene_slot(&s, seed >> 8 & 1 ? SET_UC_TO_PS : SET_PS_TO_UC);
		if ((seed >> 16 & 3) == 0)
			inline_promote(&fake_nic.inlined, slot);
		else if ((seed >> 16 & 7) == 1)
			inline_demote(&fake_nic.inlined, slot);
		fake_nic.skips = (seed >> 24 & 7) == 0;
		inline_scene_from_ue(&s, sequence);
		inline_scene_expect_sent(&s, sequence++);
		fake_nic_pass(s.f, seed >> 28);
	}
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_rx), 2000);
	EXPECT_EQ(fixture_counted(s.f, COUNT_esp_tx), 2000);
	EXPECT_TRUE(fake_nic.n_verified > 100 && fake_nic.n_verified < 1900);
	EXPECT_TRUE(fake_nic.n_signed > 100 && fake_nic.n_signed < 1900);
	fixture_discard(s.f);
	inline_scene_close(&s);
}
