/*
 * The registrar and UEs behind a NAT, which name their address inside until they have an SA, and
 * the NAT's then: TS 24.229 F.2.1.2.2. What an attempt is known by must not help attackers.
 */
#include <stdio.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/core_lab.h"

#define V1      "AKAv1-MD5"
#define INSIDE  "sip:1@192.168.1.2:5064"
#define OUTSIDE "sip:1@192.0.2.7:5064"
#define PCSCF   "192.0.2.99:5060" /* another one of the network's */

/* SM1 and its challenge; the next REGISTER is the UE's SM7. */
static struct ue challenged(struct core_lab *lab, unsigned call)
{
	struct ue ue = ue_new(1, call);

	ue.contact = INSIDE;
	EXPECT_EQ(ue_register_status(lab, &ue, UE_NOTHING), 401);
	ue.contact = OUTSIDE;
	ue.indicator = PROTECTED;
	return ue;
}

/* Somebody with the victim's IMPI and Call-ID, and branches of his own. */
static struct ue stranger(unsigned call)
{
	struct ue ue = ue_new(1, call);

	ue.cseq = 100;
	return ue;
}

static void open_challenged(struct core_lab *lab, struct ue *ue)
{
	ASSERT_TRUE(core_lab_open(lab, 3, V1));
	*ue = challenged(lab, 1);
}

TEST(register_nat, c081_protected_answer_from_the_nats_address_is_that_to_the_challenge)
{
	struct core_lab lab;
	struct ue ue;
	struct sip *s;
	const osip_contact_t *contact;

	open_challenged(&lab, &ue);
	s = ue_register(&lab, &ue, UE_RES);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	contact = sip_contact(s, 0);
	ASSERT_TRUE(contact != NULL);
	EXPECT_STREQ(contact->url->host, "192.0.2.7");
	sip_free(s);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "register_challenged"), 1);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	/* a refresh without a challenge, and an authentication, both over its SA */
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	lab.scscf_config.reauth_every = 1;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	core_lab_close(&lab);
}

TEST(register_nat, c026_c081_wrong_response_from_the_nats_address_fails_the_attempt)
{
	struct core_lab lab;
	struct ue ue;

	open_challenged(&lab, &ue);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_WRONG_RES), 403);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "register_user_failed"), 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	core_lab_close(&lab);
}

/* RFC 3261 10.2, as for who has one address. */
TEST(register_nat, c081_answer_that_is_sent_again_is_known_while_the_first_is_judged)
{
	struct core_lab lab;
	struct ue ue;
	struct sip *s;
	unsigned n_200 = 0, n_500 = 0;

	open_challenged(&lab, &ue);
	ue_send_register(&lab, &ue, UE_RES);
	ue_send_register(&lab, &ue, UE_RES);
	core_lab_run(&lab);
	while ((s = core_lab_receive(&lab)) != NULL) {
		n_200 += sip_status(s) == 200;
		n_500 += sip_status(s) == 500;
		sip_free(s);
	}
	EXPECT_EQ(n_200, 1);
	EXPECT_EQ(n_500, 1);
	EXPECT_EQ(core_lab_stat(&lab, "register_challenged"), 1);
	core_lab_close(&lab);
}

/* Attempts with the victim's IMPI and Call-ID: which is the victim's, the nonce tells. */
TEST(register_nat, c062_c081_attempts_with_the_victims_call_id_are_not_taken_for_his)
{
	static const struct {
		const char *contact, *pcscf;
	} from[] = {
		{ OUTSIDE, NULL }, /* by the same NAT */
		{ "sip:1@203.0.113.5:5064", NULL },
		{ INSIDE, PCSCF },
		{ OUTSIDE, PCSCF },
	};
	const unsigned n = sizeof(from) / sizeof(from[0]);

	for (unsigned i = 0; i < 2 * n; i++) {
		bool is_earlier = i >= n;
		struct core_lab lab;
		struct ue ue, attacker = stranger(1);

		test_context("attacker %u%s", i % n, is_earlier ? ", earlier" : "");
		attacker.contact = from[i % n].contact;
		attacker.pcscf = from[i % n].pcscf;
		ASSERT_TRUE(core_lab_open(&lab, 3, V1));
		if (is_earlier)
			EXPECT_EQ(ue_register_status(&lab, &attacker, UE_NOTHING), 401);
		ue = challenged(&lab, 1);
		if (!is_earlier)
			EXPECT_EQ(ue_register_status(&lab, &attacker, UE_NOTHING), 401);
		EXPECT_EQ(core_lab_stat(&lab, "attempt"), 2);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
		EXPECT_EQ(ue.aka, 0);
		EXPECT_EQ(core_lab_stat(&lab, "register_user_failed"), 0);
		EXPECT_EQ(core_lab_stat(&lab, "attempt"), 1);
		core_lab_close(&lab);
	}
	test_context(NULL);
}

/* Who even knows the nonce needs the victim's address, or an SA at the victim's P-CSCF. */
TEST(register_nat, c062_c081_nonce_without_protection_or_by_another_pcscf_is_nobodys)
{
	static const enum ue_answer answers[] = { UE_FAILURE, UE_RES, UE_AUTS, UE_NOTHING };
	static const char *const indicators[] = { "", NOT_PROTECTED, PROTECTED };

	for (unsigned i = 0; i < 12; i++) {
		struct core_lab lab;
		struct ue ue, attacker;

		test_context("answer %u%s", i / 3, indicators[i % 3]);
		open_challenged(&lab, &ue);
		attacker = ue;
		attacker.cseq = 100;
		attacker.indicator = indicators[i % 3];
		if (i % 3 == 2)
			attacker.pcscf = PCSCF;
		EXPECT_EQ(ue_register_status(&lab, &attacker, answers[i / 3]), 401);
		EXPECT_EQ(core_lab_stat(&lab, "attempt"), 2);
		EXPECT_EQ(core_lab_stat(&lab, "register_initial"), 0);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
		core_lab_close(&lab);
	}
	test_context(NULL);
}

/* With the strictest policy for the UE's own failures. */
TEST(register_nat, c023_c081_failures_with_the_victims_call_id_deregister_nobody)
{
	struct core_lab lab;
	struct ue ue, again;

	open_challenged(&lab, &ue);
	lab.scscf_config.deregister_failures = 1;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	again = challenged(&lab, 2);
	for (unsigned i = 0; i < 4; i++) {
		struct ue attacker = stranger(2);

		attacker.contact = i % 2 == 0 ? OUTSIDE : "sip:1@203.0.113.5:5064";
		attacker.indicator = i / 2 == 0 ? "" : NOT_PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &attacker, UE_NOTHING), 401);
		EXPECT_NE(ue_register_status(&lab, &attacker, UE_WRONG_RES), 200);
		ue_register_status(&lab, &attacker, UE_FAILURE);
	}
	EXPECT_EQ(core_lab_stat(&lab, "register_user_failed"), 0);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	EXPECT_EQ(ue_register_status(&lab, &again, UE_RES), 200);
	core_lab_wait(&lab, 241); /* what the attacker left is over */
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 0);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	core_lab_close(&lab);
}
