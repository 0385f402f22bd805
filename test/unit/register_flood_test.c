/*
 * The registrar among attackers who know a victim's IMPI, and perhaps his address and Call-ID:
 * seed 6.1.1, C-062 and C-146.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/attempt.h"
#include "controlplane/hss.h"
#include "controlplane/scscf.h"
#include "controlplane/throttle.h"
#include "crypto/aka.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

#define V1 "AKAv1-MD5"

/* With limits of so many challenges a minute for an IMPI, and for one source of it. */
static bool open_limited(struct core_lab *lab, uint32_t per_impi, uint32_t per_source)
{
	if (!core_lab_open(lab, 3, V1))
		return false;
	scscf_role.stop(lab->scscf);
	lab->scscf_config.impi_challenges_per_min = per_impi;
	lab->scscf_config.source_challenges_per_min = per_source;
	EXPECT_EQ(scscf_role.start(lab->hss.loop, &lab->config, &lab->scscf), 0);
	return !test_has_failed();
}

/* Subscriber 1's IMPI, from the n-th address of the attacker's. */
static int attack(struct core_lab *lab, unsigned n, unsigned call)
{
	struct ue attacker = ue_new(1, call);
	char contact[64];

	snprintf(contact, sizeof(contact), "sip:1@10.66.%u.%u:5064", n / 250, n % 250 + 1);
	attacker.contact = contact;
	attacker.cseq = 100 + n; /* no repetition of the victim's transaction */
	return ue_register_status(lab, &attacker, UE_NOTHING);
}

TEST(register_flood, c062_victim_in_the_middle_is_not_disturbed_from_any_address)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(core_lab_open(&lab, 3, V1));
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	/* the attacker knows the Call-ID, too */
	for (unsigned i = 0; i < 1000; i++) {
		attack(&lab, i, i % 2 == 0 ? 1 : i);
		lab.hss.now_ms += 10;
	}
	EXPECT_LE(core_lab_stat(&lab, "attempt"), 64);
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	EXPECT_EQ(ue.aka, 0);
	core_lab_close(&lab);
}

TEST(register_flood, c062_victim_in_the_middle_is_not_disturbed_by_his_own_forged_address)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	unsigned n_refused = 0;

	ASSERT_TRUE(core_lab_open(&lab, 3, V1));
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	for (unsigned call = 100; call < 1100; call++) {
		struct ue forged = ue_new(1, call);

		n_refused += ue_register_status(&lab, &forged, UE_NOTHING) == 503;
		lab.hss.now_ms += 10;
	}
	EXPECT_EQ(n_refused, 1000 - 7); /* 8 of one source, one of which is the victim's */
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 8);
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	core_lab_close(&lab);
}

TEST(register_flood, c062_attempts_of_strangers_give_way_to_the_user_himself)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1), again = ue_new(1, 2), over_sa = ue_new(1, 3);

	ASSERT_TRUE(core_lab_open(&lab, 3, V1));
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	for (unsigned i = 0; i < 100; i++)
		EXPECT_EQ(attack(&lab, i, 100 + i), i < 64 ? 401 : 503);
	/* he has lost power, and comes back where he was */
	EXPECT_EQ(ue_register_status(&lab, &again, UE_NOTHING), 401);
	/* and over his SA, which the policy lets be challenged */
	lab.scscf_config.reauth_every = 1;
	over_sa.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &over_sa, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &over_sa, UE_RES), 200);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 63);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

TEST(register_flood, c062_strangers_make_room_for_each_other_when_their_time_is_over)
{
	struct core_lab lab;

	ASSERT_TRUE(core_lab_open(&lab, 3, V1));
	for (unsigned i = 0; i < 64; i++)
		EXPECT_EQ(attack(&lab, i, 100 + i), 401);
	core_lab_wait(&lab, 15);
	EXPECT_EQ(attack(&lab, 200, 300), 503);
	core_lab_wait(&lab, 1);
	EXPECT_EQ(attack(&lab, 200, 301), 401);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 64);
	/* one is pending still: the flag stays, and goes with the last */
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_PENDING);
	core_lab_wait(&lab, 240);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 0);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	core_lab_close(&lab);
}

TEST(register_flood, c146b_challenges_for_one_impi_are_limited_by_source_and_in_all)
{
	struct core_lab lab;
	struct ue victim = ue_new(1, 1), other = ue_new(2, 1);
	unsigned n_401 = 0;
	struct sip *s;

	ASSERT_TRUE(open_limited(&lab, 240, 60));
	for (unsigned i = 0; i < 20; i++)
		n_401 += attack(&lab, 1, 100 + i) == 401;
	EXPECT_EQ(n_401, 8); /* the burst of a source */
	for (unsigned i = 0; i < 20; i++)
		n_401 += attack(&lab, 2 + i, 200 + i) == 401;
	EXPECT_EQ(n_401, 16); /* that of an IMPI */
	/* nobody else's IMPI feels it */
	EXPECT_TRUE(ue_register_fully(&lab, &other));
	s = ue_register(&lab, &victim, UE_NOTHING);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 503);
	EXPECT_STREQ(sip_header(s, "Retry-After", 0), "5");
	sip_free(s);
	core_lab_wait(&lab, 5);
	EXPECT_TRUE(ue_register_fully(&lab, &victim));
	EXPECT_EQ(hss_stats(lab.hss.hss)->vector_made, 16 + 2);
	core_lab_close(&lab);
}

TEST(register_flood, c146b_failed_attempts_and_forged_auts_count_too)
{
	static const enum ue_answer answers[] = { UE_FAILURE, UE_AUTS };

	for (unsigned j = 0; j < 2; j++) {
		struct core_lab lab;
		unsigned n_401 = 0;

		test_context("answer %u", j);
		ASSERT_TRUE(open_limited(&lab, 240, 0));
		for (unsigned call = 100; call < 200; call++) {
			struct ue attacker = ue_new(1, call);

			attacker.isim.seq[0] = 1u << 20; /* no slot of the victim's */
			ue_move_ahead(&attacker, 1u << 20);
			if (ue_register_status(&lab, &attacker, UE_NOTHING) != 401)
				continue;
			n_401++;
			ue_register_status(&lab, &attacker, answers[j]);
		}
		EXPECT_LE(n_401, 16);
		EXPECT_LE(hss_stats(lab.hss.hss)->vector_made, 16);
		core_lab_close(&lab);
	}
	test_context(NULL);
}

/* 100 attempts a minute and more, each from elsewhere; and what 10^6 challenges would leave. */
TEST(register_flood, c146b_flood_moves_the_sqn_no_further_than_the_isim_follows)
{
	struct core_lab lab;
	struct ue victim = ue_new(1, 1);
	const unsigned minutes = 20;
	uint64_t made;

	ASSERT_TRUE(open_limited(&lab, 240, 60));
	for (unsigned minute = 0; minute < minutes; minute++) {
		for (unsigned i = 0; i < 100; i++) {
			attack(&lab, minute * 100 + i, 1000 + minute * 100 + i);
			core_lab_wait(&lab, 1);
		}
	}
	made = hss_stats(lab.hss.hss)->vector_made;
	EXPECT_LE(made, minutes * 100 * 4 + 16);
	/* at that pace the ISIM's bound is years away: 33.102 C.3.2 */
	EXPECT_GT(AKA_DELTA / 240 / 60 / 24 / 365, 1);
	core_lab_wait(&lab, 16);
	EXPECT_TRUE(ue_register_fully(&lab, &victim));
	EXPECT_EQ(ue_seq(&victim), made + 1);
	ASSERT_EQ(store_set_sqn(lab.hss.base.store, 1, UINT64_C(1000000) << AKA_IND_BITS), 0);
	victim.call++;
	EXPECT_TRUE(ue_register_fully(&lab, &victim));
	EXPECT_EQ(ue_seq(&victim), 1000001);
	core_lab_close(&lab);
}

/* Subscriber 1's IMPI from an address of the attacker's /64; the status. */
static int attack_from_64(struct core_lab *lab, const char *host, unsigned call)
{
	struct ue attacker = ue_new(1, call);
	char contact[64];

	snprintf(contact, sizeof(contact), "sip:1@[%s]:5064", host);
	attacker.contact = contact;
	return ue_register_status(lab, &attacker, UE_NOTHING);
}

TEST(register_flood, c146b_all_addresses_of_a_64_are_one_source)
{
	struct core_lab lab;
	struct ue victim = ue_new(1, 1);
	unsigned n_challenged = 0;
	char host[48];

	ASSERT_TRUE(open_limited(&lab, 0, 1));
	for (unsigned i = 0; i < 100; i++) {
		snprintf(host, sizeof(host), "2001:db8:0:1:%x::%x", i, i + 1);
		n_challenged += attack_from_64(&lab, host, 100 + i) == 401;
	}
	EXPECT_EQ(n_challenged, ATTEMPTS_PER_SOURCE);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), ATTEMPTS_PER_SOURCE);
	EXPECT_TRUE(ue_register_fully(&lab, &victim));
	test_context(
		"attempts that have had their time give way, and the limit of challenges stays");
	core_lab_wait(&lab, ATTEMPT_SAFE_S);
	EXPECT_EQ(attack_from_64(&lab, "2001:db8:0:1::ffff", 300), 503);
	EXPECT_EQ(attack_from_64(&lab, "2001:db8:0:2::ffff", 301), 401);
	core_lab_close(&lab);
}

TEST(register_flood, c062_address_is_the_same_however_it_is_written)
{
	static const char *const hosts[] = { "2001:db8::a:1", "2001:db8:0:0::a:1",
					     "2001:DB8:0:0:0:0:A:1", "2001:0db8::000a:0001",
					     "2001:db8::0.10.0.1" };
	struct core_lab lab;

	ASSERT_TRUE(open_limited(&lab, 0, 0));
	for (unsigned i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		test_context("%s", hosts[i]);
		EXPECT_EQ(attack_from_64(&lab, hosts[i], 7), 401);
		EXPECT_EQ(core_lab_stat(&lab, "attempt"), 1);
	}
	core_lab_close(&lab);
}

/* Each is refused at once, and nothing is kept, written or made for any. */
TEST(register_flood, c146a_random_impis_cost_nothing_but_their_answer)
{
	struct core_lab lab;
	struct ue legitimate = ue_new(1, 1);
	struct sip *s;
	unsigned n_refused = 0;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	legitimate.via_icscf = true;
	for (unsigned i = 0; i < 20000; i += 50) {
		for (unsigned j = 0; j < 50; j++) {
			struct ue stranger = ue_new(1000 + i + j, 1);

			stranger.via_icscf = true;
			ue_send_register(&lab, &stranger, UE_NOTHING);
		}
		core_lab_run(&lab);
		while ((s = core_lab_receive(&lab)) != NULL) {
			n_refused += sip_status(s) == 403;
			sip_free(s);
		}
	}
	EXPECT_EQ(n_refused, 20000);
	EXPECT_EQ(core_lab_icscf_stat(&lab, "txn"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "register_rx"), 0);
	EXPECT_EQ(hss_stats(lab.hss.hss)->mar, 0);
	EXPECT_EQ(hss_stats(lab.hss.hss)->vector_made, 0);
	EXPECT_TRUE(ue_register_fully(&lab, &legitimate));
	core_lab_close(&lab);
}

static void ignore_timeout(void *user, struct attempt *a)
{
}

/* Begins an attempt of the IMPI's and lets it wait for its UE. */
static bool begin_attempt(struct attempts *all, unsigned impi, bool is_own)
{
	char name[32];
	struct attempt_key key = {
		.impi = name, .source = "10.1.0.1", .call_id = "c", .nonce = "", .is_own = is_own
	};
	struct attempt *a;

	snprintf(name, sizeof(name), "%u@" REALM, impi);
	a = attempt_begin(all, &key, "sip:x@" REALM, NULL);
	return a != NULL && attempt_await(a) == 0;
}

TEST(register_flood, c146a_strangers_of_many_impis_leave_room_to_who_is_registered)
{
	enum { MAX = 64, KEPT = MAX / 8 };
	struct core_lab lab;
	struct attempts *all;
	unsigned n = 0;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	all = attempts_new(lab.hss.loop, MAX, 240, (struct attempts_user){ ignore_timeout, NULL });
	ASSERT_TRUE(all != NULL);
	while (n <= MAX && begin_attempt(all, n, false))
		n++;
	EXPECT_EQ(n, MAX - KEPT);
	for (unsigned i = 0; i < KEPT; i++)
		EXPECT_TRUE(begin_attempt(all, MAX + i, true));
	EXPECT_FALSE(begin_attempt(all, 2 * MAX, true));
	attempts_free(all);
	core_lab_close(&lab);
}

TEST(throttle, what_comes_back_is_by_the_minute_and_never_more_than_the_burst)
{
	struct throttle *t = throttle_new(60, 3, 1024);
	uint64_t now_ms = 5000;

	ASSERT_TRUE(t != NULL);
	for (unsigned i = 0; i < 3; i++)
		EXPECT_TRUE(throttle_take(t, "a", "", now_ms));
	EXPECT_FALSE(throttle_take(t, "a", "", now_ms + 999));
	EXPECT_TRUE(throttle_take(t, "a", "", now_ms + 1000));
	EXPECT_FALSE(throttle_take(t, "a", "", now_ms + 1000));
	now_ms += 1000000000;
	for (unsigned i = 0; i < 3; i++)
		EXPECT_TRUE(throttle_take(t, "a", "", now_ms));
	EXPECT_FALSE(throttle_take(t, "a", "", now_ms));
	/* another key, also where the texts run together */
	EXPECT_TRUE(throttle_take(t, "b", "", now_ms));
	for (unsigned i = 0; i < 3; i++)
		EXPECT_TRUE(throttle_take(t, "x", "yz", now_ms));
	EXPECT_FALSE(throttle_take(t, "x", "yz", now_ms));
	EXPECT_TRUE(throttle_take(t, "xy", "z", now_ms));
	throttle_free(t);
	EXPECT_TRUE(throttle_take(NULL, "a", "", now_ms));
}

TEST(throttle, flood_of_keys_loosens_and_never_tightens)
{
	struct throttle *t = throttle_new(60, 2, 256);
	char key[16];

	ASSERT_TRUE(t != NULL);
	for (unsigned i = 0; i < 10000; i++) {
		snprintf(key, sizeof(key), "k%u", i);
		ASSERT_TRUE(throttle_take(t, key, "", 1000));
	}
	throttle_free(t);
}

/* Where five share four places each comes to find itself forgotten: three in a hundred. */
TEST(throttle, what_was_taken_is_remembered_while_the_number_of_keys_grows)
{
	enum { N_KEYS = 20000 };
	struct throttle *t = throttle_new(60, 1, 4 * N_KEYS);
	unsigned n_forgotten = 0;
	char key[16];

	ASSERT_TRUE(t != NULL);
	for (unsigned round = 0; round < 2; round++)
		for (unsigned i = 0; i < N_KEYS; i++) {
			snprintf(key, sizeof(key), "k%u", i);
			n_forgotten += throttle_take(t, key, "", 1000 + i / 100) && round;
		}
	EXPECT_LT(n_forgotten, N_KEYS / 20);
	throttle_free(t);
}
