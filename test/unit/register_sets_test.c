/*
 * Subscribers with several service profiles: seed 6.1, 6.1.1. Each implicit set is registered and
 * ends by itself, and all of them have one binding and one SA.
 */
#include <stdio.h>
#include <string.h>

#include "controlplane/hss.h"
#include "controlplane/hss_push.h"
#include "controlplane/scscf.h"
#include "controlplane/sip_list.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

#define V1      "AKAv1-MD5"
#define FIRST   "sip:first@" REALM
#define SECOND  "sip:second@" REALM
#define PSEUDO  "sip:nobody.special@" REALM
#define PSEUDO2 "sip:nobody.else@" REALM

/* Subscriber 7 of the store: two sets of two, and the second is made of pseudonyms. */
static void add_subscriber(struct core_lab *lab)
{
	static const char *const impus[] = { FIRST, SECOND, PSEUDO, PSEUDO2 };
	struct store_subscriber x = { .impi = "7@" REALM };
	struct store *store = lab->hss.base.store;
	int taken;

	memcpy(x.k, subscribers_k, sizeof(x.k));
	memcpy(x.opc, subscribers_opc, sizeof(x.opc));
	ASSERT_EQ(store_add(store, &x, impus, 4, &taken), 0);
	ASSERT_EQ(store_set_implicit(store, PSEUDO, 1), 0);
	ASSERT_EQ(store_set_implicit(store, PSEUDO2, 1), 0);
}

static struct ue ue_with(const char *impu, unsigned call)
{
	struct ue ue = ue_new(7, call);

	ue.impu = impu;
	return ue;
}

static void expect_states(struct core_lab *lab, enum store_state first, enum store_state pseudo)
{
	static const char *const impus[] = { FIRST, SECOND, PSEUDO, PSEUDO2 };
	struct store_identity identity;

	for (unsigned i = 0; i < 4; i++) {
		test_context("%s", impus[i]);
		EXPECT_EQ(store_find_impu(lab->hss.base.store, impus[i], &identity), 0);
		EXPECT_EQ(identity.state, i < 2 ? first : pseudo);
	}
	test_context(NULL);
}

static void expect_scscf(struct core_lab *lab, const char *name)
{
	struct store_subscriber x;

	EXPECT_EQ(store_find_impi(lab->hss.base.store, "7@" REALM, &x), 0);
	EXPECT_STREQ(x.scscf, name);
}

TEST(register_sets, c021_a_set_is_registered_by_any_of_its_identities_and_no_other_set_is)
{
	struct core_lab lab;
	struct ue first = ue_with(FIRST, 1), pseudo = ue_with(PSEUDO, 2);
	char value[256];
	struct sip *s;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	add_subscriber(&lab);
	EXPECT_EQ(ue_register_status(&lab, &first, UE_NOTHING), 401);
	first.indicator = PROTECTED;
	s = ue_register(&lab, &first, UE_RES);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	EXPECT_GT(sip_list_get(s, "P-Associated-URI", 1, value, sizeof(value)), 0);
	EXPECT_STREQ(value, "<" SECOND ">");
	EXPECT_LT(sip_list_get(s, "P-Associated-URI", 2, value, sizeof(value)), 0);
	sip_free(s);
	expect_states(&lab, STORE_REGISTERED, STORE_UNREGISTERED);
	EXPECT_TRUE(ue_is_served(&lab, &first));
	EXPECT_FALSE(ue_is_served(&lab, &pseudo));
	ASSERT_TRUE(ue_register_fully(&lab, &pseudo));
	expect_states(&lab, STORE_REGISTERED, STORE_REGISTERED);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 2);
	EXPECT_TRUE(ue_is_served(&lab, &first));
	EXPECT_TRUE(ue_is_served(&lab, &pseudo));
	core_lab_close(&lab);
}

TEST(register_sets, c019_c028_failure_for_one_set_leaves_the_other)
{
	struct core_lab lab;
	struct ue first = ue_with(FIRST, 1), pseudo = ue_with(PSEUDO, 2);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	add_subscriber(&lab);
	ASSERT_TRUE(ue_register_fully(&lab, &first));
	EXPECT_EQ(ue_register_status(&lab, &pseudo, UE_NOTHING), 401);
	pseudo.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &pseudo, UE_WRONG_RES), 403);
	expect_states(&lab, STORE_REGISTERED, STORE_UNREGISTERED);
	expect_scscf(&lab, lab.scscf_uri);
	core_lab_close(&lab);
}

/* deregister_failures, over a UE's own SA: the set that failed. */
TEST(register_sets, c024a_c028_failures_end_the_set_that_failed)
{
	struct core_lab lab;
	struct ue first = ue_with(FIRST, 1), pseudo = ue_with(PSEUDO, 2);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	add_subscriber(&lab);
	ASSERT_TRUE(ue_register_fully(&lab, &first));
	ASSERT_TRUE(ue_register_fully(&lab, &pseudo));
	lab.scscf_config.reauth_every = 1;
	lab.scscf_config.deregister_failures = 1;
	EXPECT_EQ(ue_register_status(&lab, &pseudo, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &pseudo, UE_WRONG_RES), 403);
	expect_states(&lab, STORE_REGISTERED, STORE_UNREGISTERED);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	EXPECT_EQ(core_lab_stat(&lab, "register_ended_by_network"), 1);
	core_lab_close(&lab);
}

TEST(register_sets, c022b_sets_expire_and_end_by_themselves)
{
	struct core_lab lab;
	struct ue first = ue_with(FIRST, 1), pseudo = ue_with(PSEUDO, 2);

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	add_subscriber(&lab);
	ASSERT_TRUE(ue_register_fully(&lab, &first));
	ASSERT_TRUE(ue_register_fully(&lab, &pseudo));
	/* one of the set refreshes all of it, and nothing else */
	core_lab_wait(&lab, 400);
	first.impu = SECOND;
	first.call = 3;
	EXPECT_EQ(ue_register_status(&lab, &first, UE_NOTHING), 200);
	core_lab_wait(&lab, 230);
	expect_states(&lab, STORE_REGISTERED, STORE_UNREGISTERED);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	first.impu = FIRST;
	EXPECT_TRUE(ue_is_served(&lab, &first));
	ASSERT_TRUE(ue_register_fully(&lab, &pseudo));
	first.expires_s = 0;
	first.call = 4;
	EXPECT_EQ(ue_register_status(&lab, &first, UE_NOTHING), 200);
	expect_states(&lab, STORE_UNREGISTERED, STORE_REGISTERED);
	expect_scscf(&lab, lab.scscf_uri);
	pseudo.expires_s = 0;
	EXPECT_EQ(ue_register_status(&lab, &pseudo, UE_NOTHING), 200);
	expect_states(&lab, STORE_UNREGISTERED, STORE_UNREGISTERED);
	expect_scscf(&lab, "");
	core_lab_close(&lab);
}

TEST(register_sets, c024b_further_identity_over_the_sa_is_challenged_or_not_by_policy)
{
	static const struct {
		enum config_further_impus policy;
		int status;
	} table[] = { { CONFIG_FURTHER_IMPUS_CHALLENGE, 401 },
		      { CONFIG_FURTHER_IMPUS_ACCEPT, 200 } };

	for (unsigned i = 0; i < 2; i++) {
		struct core_lab lab;
		struct ue first = ue_with(FIRST, 1), pseudo = ue_with(PSEUDO, 2);
		struct ue anothers = ue_with("sip:1@" REALM, 3), clear = ue_with(PSEUDO, 4);

		test_context("policy %u", i);
		ASSERT_TRUE(core_lab_open(&lab, 1, V1));
		add_subscriber(&lab);
		lab.scscf_config.further_impus = table[i].policy;
		ASSERT_TRUE(ue_register_fully(&lab, &first));
		/* never what is unprotected */
		EXPECT_EQ(ue_register_status(&lab, &clear, UE_NOTHING), 401);
		pseudo.indicator = PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &pseudo, UE_NOTHING), table[i].status);
		if (table[i].status == 200)
			expect_states(&lab, STORE_REGISTERED, STORE_REGISTERED);
		/* nor an identity of another subscriber, whatever the policy; and nothing is lost
		 */
		anothers.indicator = PROTECTED;
		EXPECT_EQ(ue_register_status(&lab, &anothers, UE_NOTHING), 403);
		EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
		EXPECT_TRUE(ue_is_served(&lab, &first));
		core_lab_close(&lab);
	}
	test_context(NULL);
}

/* It calls and is called under its name, and nobody is told of the others. */
TEST(register_sets, c128_pseudonym_is_an_identity_like_others)
{
	struct core_lab lab;
	struct ue first = ue_with(FIRST, 1), pseudo = ue_with(PSEUDO, 2);
	char value[256];
	struct sip *s;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	add_subscriber(&lab);
	ASSERT_TRUE(ue_register_fully(&lab, &first));
	EXPECT_EQ(ue_register_status(&lab, &pseudo, UE_NOTHING), 401);
	pseudo.indicator = PROTECTED;
	s = ue_register(&lab, &pseudo, UE_RES);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	EXPECT_GT(sip_list_get(s, "P-Associated-URI", 0, value, sizeof(value)), 0);
	EXPECT_STREQ(value, "<" PSEUDO ">");
	for (unsigned i = 0; sip_list_get(s, "P-Associated-URI", i, value, sizeof(value)) > 0; i++)
		EXPECT_TRUE(strstr(value, "first") == NULL && strstr(value, "second") == NULL);
	sip_free(s);
	EXPECT_TRUE(ue_is_served(&lab, &pseudo));
	/* what he sends under it says nothing of who he is */
	ue_send(&lab, &pseudo, "MESSAGE", FIRST, PSEUDO);
	s = core_lab_receive(&lab);
	while (s != NULL && !sip_is(s, "MESSAGE")) {
		sip_free(s);
		s = core_lab_receive(&lab);
	}
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_header(s, "P-Asserted-Identity", 0), "<" PSEUDO ">");
	EXPECT_TRUE(sip_header(s, "P-Asserted-Identity", 1) == NULL);
	EXPECT_TRUE(sip_header(s, "P-Associated-URI", 0) == NULL);
	sip_free(s);
	core_lab_close(&lab);
}

TEST(register_sets, c137_rtr_ends_all_sets_and_ppr_changes_each)
{
	struct core_lab lab;
	struct ue first = ue_with(FIRST, 1), pseudo = ue_with(PSEUDO, 2);
	struct hss_push *push;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	add_subscriber(&lab);
	push = hss_push_new(lab.hss.hss, lab.hss.base.store, NULL);
	ASSERT_TRUE(ue_register_fully(&lab, &first));
	ASSERT_TRUE(ue_register_fully(&lab, &pseudo));
	ASSERT_EQ(store_set_barred(lab.hss.base.store, PSEUDO, true), 0);
	EXPECT_EQ(hss_push_profile(push, "7@" REALM), 0);
	EXPECT_EQ(hss_push_stats(push)->ppr, 2);
	EXPECT_EQ(core_lab_stat(&lab, "profile_changed"), 2);
	EXPECT_TRUE(ue_is_served(&lab, &first));
	EXPECT_FALSE(ue_is_served(&lab, &pseudo)); /* barred */
	EXPECT_EQ(hss_push_end(push, "7@" REALM), 0);
	EXPECT_EQ(hss_push_stats(push)->rtr, 2); /* each names its set */
	core_lab_run(&lab);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "register_ended_by_network"), 2);
	expect_states(&lab, STORE_UNREGISTERED, STORE_UNREGISTERED);
	expect_scscf(&lab, "");
	core_lab_close(&lab);
	hss_push_free(push);
}

TEST(register_sets, c137_rtr_ends_the_set_that_it_names_or_all)
{
	struct cx_request rtr = { .command = CX_RTR, .rtr = { "7@" REALM, 0, 1, { PSEUDO } } };
	struct core_lab lab;
	struct ue first = ue_with(FIRST, 1), pseudo = ue_with(PSEUDO, 2);
	struct registrar *r;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	r = &((struct scscf *)lab.scscf)->registrar;
	add_subscriber(&lab);
	ASSERT_TRUE(ue_register_fully(&lab, &first));
	ASSERT_TRUE(ue_register_fully(&lab, &pseudo));
	EXPECT_EQ(registrar_heard(r, &rtr), CX_SUCCESS);
	EXPECT_TRUE(ue_is_served(&lab, &first));
	EXPECT_FALSE(ue_is_served(&lab, &pseudo));
	pseudo = ue_with(PSEUDO, 3);
	ASSERT_TRUE(ue_register_fully(&lab, &pseudo));
	rtr.rtr.n_impus = 0;
	EXPECT_EQ(registrar_heard(r, &rtr), CX_SUCCESS);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "register_ended_by_network"), 3);
	core_lab_close(&lab);
}

/* As a foreign HSS may name them in one RTR: all of one set, one of the other, one of nobody. */
TEST(register_sets, c137_rtr_ends_every_set_that_it_names)
{
	struct cx_request rtr = {
		.command = CX_RTR,
		.rtr = { "7@" REALM, 0, 4, { FIRST, SECOND, "sip:unknown@" REALM, PSEUDO2 } },
	};
	struct core_lab lab;
	struct ue first = ue_with(FIRST, 1), pseudo = ue_with(PSEUDO, 2);
	struct registrar *r;

	ASSERT_TRUE(core_lab_open(&lab, 1, V1));
	r = &((struct scscf *)lab.scscf)->registrar;
	add_subscriber(&lab);
	ASSERT_TRUE(ue_register_fully(&lab, &first));
	ASSERT_TRUE(ue_register_fully(&lab, &pseudo));
	EXPECT_EQ(registrar_heard(r, &rtr), CX_SUCCESS);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "register_ended_by_network"), 2);
	core_lab_close(&lab);
}
