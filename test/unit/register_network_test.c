/*
 * What the network begins by itself: authentication (seed 6.1.4, TS 24.229 5.4.1.6) and
 * de-registration (TS 24.229 5.4.1.5), by an operator's order and by the HSS.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "controlplane/hss_push.h"
#include "controlplane/scscf.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/watcher.h"

static struct core_lab lab;
static struct ue ue;
static struct watcher user, pcscf;

/* One UE is registered for an hour, and watched by both. */
static void begin(void)
{
	ASSERT_TRUE(core_lab_open(&lab, 2, "AKAv1-MD5"));
	ue = ue_new(1, 1);
	ue.expires_s = 3600;
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	user = watcher_new(&lab, 1, 1, true);
	pcscf = watcher_new(&lab, 2, 1, false);
	ASSERT_TRUE(watcher_begin(&user));
	ASSERT_TRUE(watcher_begin(&pcscf));
}

static void end(void)
{
	watcher_close(&user);
	watcher_close(&pcscf);
	core_lab_close(&lab);
}

static int order(const char *name)
{
	int rc = scscf_role.order(lab.scscf, name, "1@" REALM);

	core_lab_run(&lab);
	return rc;
}

/* Both have heard the same of the one identity; the user first. */
static void expect_both(bool is_active, enum reginfo_event event, uint32_t expires_s)
{
	const struct reginfo_contact *c;

	ASSERT_TRUE(watcher_hears(&user, 200));
	ASSERT_TRUE(watcher_hears(&pcscf, 200));
	for (unsigned i = 0; i < 2; i++) {
		c = watcher_contact(i ? &pcscf : &user, "sip:1@" REALM);
		ASSERT_TRUE(c != NULL);
		EXPECT_EQ(c->is_active, is_active);
		EXPECT_EQ(c->event, event);
		EXPECT_EQ(c->has_expires, is_active);
		EXPECT_EQ(c->expires_s, expires_s);
	}
}

TEST(register_network, c003b_c037_reauthentication_is_asked_for_and_the_next_register_challenged)
{
	begin();
	EXPECT_EQ(order("reauthenticate"), 0);
	expect_both(true, REGINFO_SHORTENED, 600);
	EXPECT_STREQ(user.state, "active;expires=600000");
	EXPECT_EQ(user.info.version, 1);
	/* No policy wants a challenge, and the REGISTER comes protected. */
	EXPECT_EQ(lab.scscf_config.reauth_every, 0);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	EXPECT_EQ(ue.aka, 0);
	expect_both(true, REGINFO_REFRESHED, 3600);
	/* Once: the one after that is as before. */
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	EXPECT_EQ(core_lab_stat(&lab, "reauthentication_asked"), 1);
	core_lab_wait(&lab, 700);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	end();
}

TEST(register_network, c003b_less_time_than_is_left_is_not_made_more)
{
	begin();
	core_lab_wait(&lab, 3500);
	EXPECT_EQ(order("reauthenticate"), 0);
	expect_both(true, REGINFO_SHORTENED, 100);
	end();
}

/* C-023: an attacker's wrong RES does not end it, and is no answer either. */
TEST(register_network, c037_failed_authentication_leaves_the_time_that_was_set)
{
	begin();
	EXPECT_EQ(order("reauthenticate"), 0);
	expect_both(true, REGINFO_SHORTENED, 600);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_WRONG_RES), 403);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	ue.call = 7;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401); /* still */
	core_lab_wait(&lab, 629);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	core_lab_wait(&lab, 1);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	end();
}

TEST(register_network, c024a_c038b_ue_that_does_not_react_is_deregistered_by_policy)
{
	begin();
	EXPECT_EQ(order("reauthenticate"), 0);
	expect_both(true, REGINFO_SHORTENED, 600);
	core_lab_wait(&lab, 629);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	EXPECT_FALSE(watcher_hears(&user, 200));
	core_lab_wait(&lab, 1);
	expect_both(false, REGINFO_EXPIRED, 0);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "reauthentication_unanswered"), 1);
	EXPECT_EQ(core_lab_stat(&lab, "reauthentication_repeated"), 0);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	end();
}

TEST(register_network, c024a_c038b_ue_that_does_not_react_is_asked_again_by_policy)
{
	unsigned n_asked = 1;

	begin();
	lab.scscf_config.reauth_unanswered = CONFIG_REAUTH_REPEAT;
	EXPECT_EQ(order("reauthenticate"), 0);
	expect_both(true, REGINFO_SHORTENED, 600);
	for (unsigned passed_s = 300; passed_s < 3600; passed_s += 300, n_asked++) {
		test_context("after %u s", passed_s);
		core_lab_wait(&lab, 300);
		expect_both(true, REGINFO_SHORTENED, 3600 - passed_s < 600 ? 3600 - passed_s : 600);
		if (3600 - passed_s <= 600)
			break; /* no more to give: what was granted ends */
	}
	test_context(NULL);
	EXPECT_EQ(n_asked, 10);
	EXPECT_EQ(core_lab_stat(&lab, "reauthentication_repeated"), 10);
	core_lab_wait(&lab, 629);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	core_lab_wait(&lab, 1);
	expect_both(false, REGINFO_EXPIRED, 0);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	end();
}

TEST(register_network, c038b_ue_that_reacts_to_the_second_request_stays)
{
	begin();
	lab.scscf_config.reauth_unanswered = CONFIG_REAUTH_REPEAT;
	EXPECT_EQ(order("reauthenticate"), 0);
	expect_both(true, REGINFO_SHORTENED, 600);
	core_lab_wait(&lab, 300);
	expect_both(true, REGINFO_SHORTENED, 600);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	expect_both(true, REGINFO_REFRESHED, 3600);
	core_lab_wait(&lab, 3000);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	EXPECT_EQ(core_lab_stat(&lab, "reauthentication_repeated"), 1);
	end();
}

TEST(register_network, c024a_c041_operator_ends_a_registration_and_all_hear_why)
{
	static const struct {
		const char *order;
		enum reginfo_event event;
	} table[] = { { "deactivate", REGINFO_DEACTIVATED }, { "reject", REGINFO_REJECTED } };

	for (unsigned i = 0; i < 2; i++) {
		test_context("%s", table[i].order);
		begin();
		EXPECT_EQ(order(table[i].order), 0);
		EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
		EXPECT_EQ(core_lab_stat(&lab, "register_ended_by_network"), 1);
		expect_both(false, table[i].event, 0);
		EXPECT_STREQ(user.state, "terminated;reason=noresource");
		EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
		EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
		/* Who comes back proves who he is: C-001. */
		ue.call = 9;
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		end();
	}
	test_context(NULL);
}

TEST(register_network, orders_about_nobody_or_of_no_name_are_refused)
{
	begin();
	EXPECT_EQ(scscf_role.order(lab.scscf, "reauthenticate", "2@" REALM), -ENOENT);
	EXPECT_EQ(scscf_role.order(lab.scscf, "deactivate", "2@" REALM), -ENOENT);
	EXPECT_EQ(scscf_role.order(lab.scscf, "reject", "nobody"), -ENOENT);
	EXPECT_EQ(scscf_role.order(lab.scscf, "other", "1@" REALM), -EINVAL);
	EXPECT_FALSE(watcher_hears(&user, 200));
	end();
}

/* TS 29.228 6.1.3.1: toward the UE it ends for two reasons of four. */
TEST(register_network, c041_c137_rtr_is_told_before_the_binding_goes)
{
	static const struct {
		uint32_t reason;
		int event; /* -1: nobody is told */
	} table[] = { { CX_PERMANENT_TERMINATION, REGINFO_REJECTED },
		      { CX_SERVER_CHANGE, REGINFO_DEACTIVATED },
		      { CX_NEW_SERVER_ASSIGNED, -1 },
		      { CX_REMOVE_SCSCF, -1 } };

	for (unsigned i = 0; i < 4; i++) {
		struct cx_request rtr = { .command = CX_RTR };

		test_context("reason %u", table[i].reason);
		begin();
		cx_identity(rtr.rtr.impi, "1@" REALM);
		rtr.rtr.reason = table[i].reason;
		EXPECT_EQ(registrar_heard(&((struct scscf *)lab.scscf)->registrar, &rtr),
			  CX_SUCCESS);
		core_lab_run(&lab);
		EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
		if (table[i].event >= 0)
			expect_both(false, (enum reginfo_event)table[i].event, 0);
		else
			EXPECT_FALSE(watcher_hears(&user, 200));
		end();
	}
	test_context(NULL);
}

TEST(register_network, c137_ppr_is_told_with_the_identities_that_are_left)
{
	struct hss_push *push;

	begin();
	push = hss_push_new(lab.hss.hss, lab.hss.base.store, NULL);
	ASSERT_EQ(store_set_barred(lab.hss.base.store, "sip:1@" REALM, true), 0);
	EXPECT_EQ(hss_push_profile(push, "1@" REALM), 0);
	core_lab_run(&lab);
	ASSERT_TRUE(watcher_hears(&user, 200));
	EXPECT_EQ(user.info.n_contacts, 0);
	ASSERT_TRUE(watcher_hears(&pcscf, 200));
	ASSERT_EQ(store_set_barred(lab.hss.base.store, "sip:1@" REALM, false), 0);
	EXPECT_EQ(hss_push_profile(push, "1@" REALM), 0);
	core_lab_run(&lab);
	expect_both(true, REGINFO_REGISTERED, 3600);
	hss_push_free(push);
	end();
}

static enum cx_result change_profile(const char *const impus[], uint32_t n)
{
	struct cx_request ppr = { .command = CX_PPR, .ppr.profile.n_impus = n };
	enum cx_result result;

	cx_identity(ppr.ppr.impi, "1@" REALM);
	for (uint32_t i = 0; i < n; i++)
		cx_identity(ppr.ppr.profile.impus[i].impu, impus[i]);
	result = registrar_heard(&((struct scscf *)lab.scscf)->registrar, &ppr);
	core_lab_run(&lab);
	return result;
}

TEST(register_network, c041_c137_watchers_go_on_when_the_identity_they_began_with_leaves_the_set)
{
	static const char *const impus[] = { "sip:1@" REALM, "sip:other@" REALM };
	const struct reginfo_contact *c;

	begin();
	EXPECT_EQ(change_profile(impus, 2), CX_SUCCESS);
	ASSERT_TRUE(watcher_hears(&user, 200));
	ASSERT_TRUE(watcher_hears(&pcscf, 200));
	EXPECT_EQ(change_profile(impus + 1, 1), CX_SUCCESS);
	ASSERT_TRUE(watcher_hears(&user, 200));
	ASSERT_TRUE(watcher_hears(&pcscf, 200));
	EXPECT_EQ(pcscf.info.n_contacts, 1);
	/* The end is what the P-CSCF must hear: it holds the SAs. */
	EXPECT_EQ(order("reject"), 0);
	ASSERT_TRUE(watcher_hears(&user, 200));
	ASSERT_TRUE(watcher_hears(&pcscf, 200));
	c = watcher_contact(&pcscf, impus[1]);
	ASSERT_TRUE(c != NULL);
	EXPECT_EQ(c->event, REGINFO_REJECTED);
	EXPECT_STREQ(pcscf.state, "terminated;reason=noresource");
	end();
}

TEST(register_network, c137_profile_of_nobody_is_refused)
{
	begin();
	EXPECT_EQ(change_profile(NULL, 0), CX_INVALID_AVP_VALUE);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_wait(&lab, 3630);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	end();
}
