/* The operator's policies at the registrar: seed 6.1, 6.1.1; C-003, C-024. */
#include <stdio.h>
#include <string.h>

#include "controlplane/hss.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

#define V1 "AKAv1-MD5"

static void open_registered(struct core_lab *lab, struct ue *ue)
{
	ASSERT_TRUE(core_lab_open(lab, 3, V1));
	*ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(lab, ue));
}

TEST(register_policy, c003a_reregistrations_are_challenged_after_so_many_seconds)
{
	struct core_lab lab;
	struct ue ue;

	open_registered(&lab, &ue);
	lab.scscf_config.reauth_after_s = 1000;
	for (unsigned round = 0; round < 2; round++) {
		test_context("round %u", round);
		core_lab_wait(&lab, 500);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
		core_lab_wait(&lab, 499);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
		core_lab_wait(&lab, 1);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	}
	test_context("together with every n-th: whichever comes first");
	lab.scscf_config.reauth_every = 2;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	core_lab_close(&lab);
}

/* A challenge over the UE's SA, not answered. */
static void leave_unanswered(struct core_lab *lab, unsigned call)
{
	struct ue again = ue_new(1, call);

	again.indicator = PROTECTED;
	again.expires_s = 6000;
	EXPECT_EQ(ue_register_status(lab, &again, UE_NOTHING), 401);
	core_lab_wait(lab, 241);
}

static void answer_wrong(struct core_lab *lab, unsigned call)
{
	struct ue again = ue_new(1, call);

	again.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(lab, &again, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(lab, &again, UE_WRONG_RES), 403);
}

TEST(register_policy, c024a_failures_of_the_ue_itself_end_its_registration_by_policy_alone)
{
	static const struct {
		unsigned policy;
		bool is_served; /* after two failures */
	} table[] = { { 0, true }, { 3, true }, { 2, false } };

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct core_lab lab;
		struct ue ue;

		test_context("policy %u", table[i].policy);
		open_registered(&lab, &ue);
		lab.scscf_config.reauth_every = 1;
		lab.scscf_config.deregister_failures = table[i].policy;
		answer_wrong(&lab, 2);
		EXPECT_TRUE(ue_is_served(&lab, &ue));
		leave_unanswered(&lab, 3);
		EXPECT_EQ(core_lab_stat(&lab, "registration"), table[i].is_served);
		EXPECT_EQ(core_lab_stat(&lab, "register_ended_by_network"), !table[i].is_served);
		EXPECT_EQ(core_lab_state(&lab, 1),
			  table[i].is_served ? STORE_REGISTERED : STORE_UNREGISTERED);
		core_lab_close(&lab);
	}
	test_context(NULL);
}

TEST(register_policy, c024a_a_success_in_between_begins_the_count_anew)
{
	struct core_lab lab;
	struct ue ue;

	open_registered(&lab, &ue);
	lab.scscf_config.reauth_every = 1;
	lab.scscf_config.deregister_failures = 2;
	answer_wrong(&lab, 2);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	answer_wrong(&lab, 3);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	answer_wrong(&lab, 4);
	EXPECT_FALSE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

/* What anybody can do: seed 6.1.1. */
TEST(register_policy, c024a_c023_failures_of_strangers_never_count)
{
	struct core_lab lab;
	struct ue ue;

	open_registered(&lab, &ue);
	lab.scscf_config.deregister_failures = 1;
	for (unsigned call = 10; call < 15; call++) {
		struct ue attacker = ue_new(1, call);

		EXPECT_EQ(ue_register_status(&lab, &attacker, UE_NOTHING), 401);
		if (call == 12)
			EXPECT_EQ(ue_register_status(&lab, &attacker, UE_FAILURE), 403);
		if (call == 13)
			EXPECT_EQ(ue_register_status(&lab, &attacker, UE_WRONG_RES), 401);
	}
	core_lab_wait(&lab, 241);
	EXPECT_GT(core_lab_stat(&lab, "register_unanswered"), 3);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

/* Where a response in the clear is taken of who calls for help, a wrong one is nobody's own. */
TEST(register_policy, c024a_c023_c145_strangers_in_an_emergency_count_as_little)
{
	struct core_lab lab;
	struct ue ue;

	open_registered(&lab, &ue);
	lab.scscf_config.deregister_failures = 1;
	lab.scscf_config.emergency_registration = CONFIG_EMERGENCY_UNPROTECTED;
	for (unsigned call = 10; call < 12; call++) {
		struct ue attacker = ue_new(1, call);

		attacker.contact = "sip:1@10.66.0.1:5060;sos";
		EXPECT_EQ(ue_register_status(&lab, &attacker, UE_NOTHING), 401);
		EXPECT_EQ(ue_register_status(&lab, &attacker, UE_WRONG_RES), 403);
	}
	EXPECT_EQ(core_lab_stat(&lab, "register_user_failed"), 2);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}
