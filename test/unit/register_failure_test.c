/* The registrar when authentication fails, or does not come to its end: seed 6.1.2 and 6.1.3. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/hss.h"
#include "controlplane/icscf.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

#define V1 "AKAv1-MD5"

static void open_registered(struct core_lab *lab, struct ue *ue)
{
	ASSERT_TRUE(core_lab_open(lab, 3, V1));
	*ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(lab, ue));
}

TEST(register_failure, c026_c028_c029_wrong_response_is_403_without_security_parameters)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	struct sip *s;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	ue.indicator = PROTECTED;
	s = ue_register(&lab, &ue, UE_WRONG_RES);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 403);
	EXPECT_TRUE(sip_header(s, "WWW-Authenticate", 0) == NULL);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 0);
	sip_free(s);
	/* the same challenge is not answered a second time */
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	core_lab_close(&lab);
}

TEST(register_failure, c023_wrong_response_of_a_registered_user_deregisters_nobody)
{
	struct core_lab lab;
	struct ue ue, attacker = ue_new(1, 666);

	open_registered(&lab, &ue);
	EXPECT_EQ(ue_register_status(&lab, &attacker, UE_NOTHING), 401);
	attacker.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &attacker, UE_WRONG_RES), 403);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

TEST(register_failure, c015_response_to_an_older_challenge_is_refused)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	char older[DIGEST_NONCE_SIZE];

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	strcpy(older, ue.nonce);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_TRUE(strcmp(older, ue.nonce) != 0);
	strcpy(ue.nonce, older);
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 403);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	core_lab_close(&lab);
}

TEST(register_failure, c027_c028_failure_of_the_network_is_403_and_clears_the_flag)
{
	static const char *const indicators[] = { "", NOT_PROTECTED };
	struct core_lab lab;

	ASSERT_TRUE(core_lab_open(&lab, 2, V1));
	for (unsigned i = 0; i < 2; i++) {
		struct ue ue = ue_new(i + 1, 1);
		struct sip *s;

		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		ue.indicator = indicators[i];
		s = ue_register(&lab, &ue, UE_FAILURE);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), 403);
		EXPECT_TRUE(sip_header(s, "WWW-Authenticate", 0) == NULL);
		EXPECT_EQ(core_lab_state(&lab, i + 1), STORE_UNREGISTERED);
		sip_free(s);
	}
	EXPECT_EQ(core_lab_stat(&lab, "register_network_failed"), 2);
	core_lab_close(&lab);
}

TEST(register_failure, c028_failure_of_a_registered_user_leaves_the_flag)
{
	struct core_lab lab;
	struct ue ue, again = ue_new(1, 2);

	open_registered(&lab, &ue);
	EXPECT_EQ(ue_register_status(&lab, &again, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &again, UE_FAILURE), 403);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

TEST(register_failure, c028_anothers_failure_leaves_the_flag_of_an_attempt_under_way)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1), attacker = ue_new(1, 666);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	EXPECT_EQ(ue_register_status(&lab, &attacker, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &attacker, UE_FAILURE), 403);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_PENDING);
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	core_lab_close(&lab);
}

TEST(register_failure, c030_no_answer_in_time_clears_the_flag)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	core_lab_wait(&lab, 239);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_PENDING);
	core_lab_wait(&lab, 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	/* what comes later begins anew */
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 401);
	core_lab_close(&lab);
}

TEST(register_failure, c031_c034_c036_auts_brings_a_new_challenge_that_the_isim_accepts)
{
	static const char *const indicators[] = { "", NOT_PROTECTED, PROTECTED };
	struct core_lab lab;

	ASSERT_TRUE(core_lab_open(&lab, 3, V1));
	lab.scscf_config.n_vectors = 4;
	for (unsigned i = 0; i < 3; i++) {
		struct ue ue = ue_new(i + 1, 1);

		test_context("%s", indicators[i]);
		ue_move_ahead(&ue, 1000000);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		ue.indicator = indicators[i];
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_AUTS), 401);
		ue.indicator = PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
		EXPECT_EQ(ue.aka, 0);
	}
	test_context(NULL);
	core_lab_close(&lab);
}

TEST(register_failure, c035_resyncs_are_bounded)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	int status = 401;
	int n = 0;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	while (status == 401 && n < 20) {
		/* an ISIM that is always ahead */
		ue_move_ahead(&ue, 1000 * (uint64_t)++n);
		status = ue_register_status(&lab, &ue, UE_AUTS);
		EXPECT_EQ(ue.aka, -ERANGE);
	}
	EXPECT_EQ(status, 403);
	EXPECT_EQ(n, 3);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	core_lab_close(&lab);
}

TEST(register_failure, c035_challenges_of_one_chain_are_bounded)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	int n = 0;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	while (n < 20 && ue_register_status(&lab, &ue, UE_NOTHING) == 401)
		n++;
	EXPECT_EQ(n, 5);
	core_lab_close(&lab);
}

TEST(register_failure, c034_vectors_at_hand_are_dropped_after_auts)
{
	struct core_lab lab;
	struct ue ue, again = ue_new(1, 2);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	lab.scscf_config.n_vectors = 4;
	ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	ue_move_ahead(&again, 5000);
	EXPECT_EQ(ue_register_status(&lab, &again, UE_NOTHING), 401);
	EXPECT_EQ(ue_seq(&again), 2);
	EXPECT_EQ(ue_register_status(&lab, &again, UE_AUTS), 401);
	EXPECT_EQ(ue_seq(&again), 5001);
	core_lab_close(&lab);
}

/* The HSS cannot commit, or its answer is lost: the flag does not stay pending for ever. */
TEST(register_failure, c030_attempt_without_a_vector_ends_like_one_without_an_answer)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	ASSERT_EQ(store_set_sqn(lab.hss.base.store, 1, STORE_MAX_SQN), 0);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 500);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_PENDING);
	core_lab_wait(&lab, 240);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 0);
	/* and the same chain may go on before that */
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 500);
	ASSERT_EQ(store_set_sqn(lab.hss.base.store, 1, 0), 0);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	core_lab_close(&lab);
}

/* Seed 6.1.2.2: SM10 leaves nothing of the IMPI in the I-CSCF, which asks the HSS anew. */
TEST(register_failure, c029b_nothing_stays_in_the_icscf_after_sm10)
{
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	json_t *list;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	ue.via_icscf = true;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_WRONG_RES), 403);
	EXPECT_EQ(hss_stats(lab.hss.hss)->uar, 2);
	list = icscf_role.registrations(lab.icscf);
	EXPECT_EQ(json_array_size(list), 0);
	json_decref(list);
	/* what repeats the last answers: RFC 3261 17.2.2, 32 s */
	core_lab_wait(&lab, 33);
	EXPECT_EQ(core_lab_icscf_stat(&lab, "txn"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "attempt"), 0);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	/* the S-CSCF is chosen anew */
	ue.indicator = "";
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_EQ(hss_stats(lab.hss.hss)->uar, 3);
	core_lab_close(&lab);
}
