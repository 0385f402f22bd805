/*
 * Registrations that end while the HSS is still asked about them. The HSS commits so rarely here
 * that a SAR waits until the test lets time pass.
 */
#include <string.h>

#include "controlplane/hss.h"
#include "controlplane/hss_push.h"
#include "controlplane/scscf.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

static struct core_lab lab;
static struct hss_push *push;
static struct ue ue;

static void begin(void)
{
	ASSERT_TRUE(core_lab_open(&lab, 2, "AKAv1-MD5"));
	push = hss_push_new(lab.hss.hss, lab.hss.base.store, NULL);
	ASSERT_TRUE(push != NULL);
	ue = ue_new(1, 1);
	ue.expires_s = 3600;
}

static void end(void)
{
	core_lab_close(&lab);
	hss_push_free(push);
}

/* By an order to the S-CSCF, or by the HSS. */
static void end_registration(const char *how)
{
	if (strcmp(how, "RTR") == 0)
		EXPECT_EQ(hss_push_end(push, "1@" REALM), 0);
	else
		EXPECT_EQ(scscf_role.order(lab.scscf, how, "1@" REALM), 0);
}

/* The next answer to the UE; 0: none. */
static int receive_status(void)
{
	struct sip *response = core_lab_receive(&lab);
	int status = response != NULL ? sip_status(response) : 0;

	sip_free(response);
	return status;
}

/* Over here, and at the HSS. */
static void expect_over(void)
{
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	core_lab_wait(&lab, 1000);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
}

TEST(register_overtaken, c137_an_answer_on_its_way_brings_nothing_back_that_was_ended_meanwhile)
{
	static const char *const orders[] = { "deactivate", "reject", "RTR" };

	for (unsigned i = 0; i < 6; i++) {
		test_context("%s, %s", orders[i % 3], i < 3 ? "a refresh" : "SM7");
		begin();
		ASSERT_TRUE(ue_register_fully(&lab, &ue));
		lab.scscf_config.reauth_every = i >= 3;
		if (i >= 3)
			EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		/* Its SAR waits so long at the HSS. */
		hss_set_commit_distance(lab.hss.hss, 10000);
		EXPECT_EQ(ue_register_status(&lab, &ue, i < 3 ? UE_NOTHING : UE_RES), 0);
		end_registration(orders[i % 3]);
		EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
		core_lab_wait(&lab, 10);
		EXPECT_EQ(receive_status(), 500);
		expect_over();
		end();
	}
	test_context(NULL);
}

/* The HSS ends what it does not know yet to be registered. */
TEST(register_overtaken, c137_rtr_counts_for_the_initial_registration_that_is_being_assigned)
{
	begin();
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	ue.indicator = PROTECTED;
	hss_set_commit_distance(lab.hss.hss, 10000);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 0);
	end_registration("RTR");
	core_lab_wait(&lab, 10);
	EXPECT_EQ(receive_status(), 500);
	expect_over();
	end();
}

TEST(register_overtaken, c022_refresh_that_the_end_of_its_registration_overtakes_begins_anew)
{
	begin();
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	hss_set_commit_distance(lab.hss.hss, 3700 * 1000);
	core_lab_wait(&lab, 3625);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 0);
	core_lab_wait(&lab, 5);
	EXPECT_EQ(core_lab_stat(&lab, "register_expired"), 1);
	hss_set_commit_distance(lab.hss.hss, 0); /* of the next one */
	core_lab_wait(&lab, 70);
	EXPECT_EQ(receive_status(), 500);
	expect_over();
	EXPECT_TRUE(ue_register_fully(&lab, &ue));
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	end();
}

/* The UE is registered and refreshes; while the HSS has the SAR, it is ordered to authenticate. */
static void order_during_a_refresh(void)
{
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	hss_set_commit_distance(lab.hss.hss, 10000);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 0);
	EXPECT_EQ(scscf_role.order(lab.scscf, "reauthenticate", "1@" REALM), 0);
	hss_set_commit_distance(lab.hss.hss, 0);
	core_lab_wait(&lab, 10);
	EXPECT_EQ(receive_status(), 200);
}

/* Its answer grants the whole time again; the order is not forgotten with it. */
TEST(register_overtaken, c037_order_to_authenticate_outlives_a_refresh_on_its_way)
{
	begin();
	order_during_a_refresh();
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	end();
}

TEST(register_overtaken, c037_c038b_who_was_asked_during_a_refresh_has_no_more_time_than_others)
{
	begin();
	order_during_a_refresh();
	core_lab_wait(&lab, 629);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	core_lab_wait(&lab, 1);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "reauthentication_unanswered"), 1);
	end();
}
