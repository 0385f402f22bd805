/* RTR and PPR: the HSS ends registrations and changes profiles at the S-CSCF. TS 29.228 6.1.3, 6.2.
 */
#include <errno.h>
#include <string.h>

#include "controlplane/hss_push.h"
#include "controlplane/scscf.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

struct push_lab {
	struct core_lab core;
	struct hss_push *push;
	struct ue a, b;
};

/* Two are registered. */
static bool open_lab(struct push_lab *lab)
{
	if (!core_lab_open(&lab->core, 3, "AKAv1-MD5"))
		return false;
	lab->push = hss_push_new(lab->core.hss.hss, lab->core.hss.base.store, NULL);
	lab->a = ue_new(1, 1);
	lab->b = ue_new(2, 2);
	return lab->push != NULL && ue_register_fully(&lab->core, &lab->a) &&
	       ue_register_fully(&lab->core, &lab->b);
}

static void close_lab(struct push_lab *lab)
{
	core_lab_close(&lab->core);
	hss_push_free(lab->push);
}

TEST(hss_push, c137_rtr_ends_the_registration_and_then_the_flag)
{
	struct push_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	EXPECT_EQ(hss_push_end(lab.push, "1@" REALM), 0);
	EXPECT_EQ(core_lab_stat(&lab.core, "registration"), 1);
	EXPECT_EQ(core_lab_stat(&lab.core, "register_ended_by_network"), 1);
	core_lab_run(&lab.core);
	EXPECT_EQ(core_lab_state(&lab.core, 1), STORE_UNREGISTERED);
	EXPECT_EQ(core_lab_state(&lab.core, 2), STORE_REGISTERED);
	EXPECT_FALSE(ue_is_served(&lab.core, &lab.a));
	EXPECT_TRUE(ue_is_served(&lab.core, &lab.b));
	EXPECT_EQ(hss_push_end(lab.push, "1@" REALM), -ENOENT);
	EXPECT_EQ(hss_push_end(lab.push, "nobody@" REALM), -ENOENT);
	EXPECT_EQ(hss_push_end(lab.push, "3@" REALM), -ENOENT);
	EXPECT_EQ(hss_push_stats(lab.push)->rtr, 1);
	close_lab(&lab);
}

/* What was protected before is an initial registration now: C-001. */
TEST(hss_push, c137_who_was_deregistered_is_challenged_anew)
{
	struct push_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	EXPECT_EQ(hss_push_end(lab.push, "1@" REALM), 0);
	core_lab_run(&lab.core);
	lab.a.call = 9;
	lab.a.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab.core, &lab.a, UE_NOTHING), 401);
	close_lab(&lab);
}

TEST(hss_push, c137_ppr_bars_an_identity_at_once)
{
	struct push_lab lab;

	ASSERT_TRUE(open_lab(&lab));
	ASSERT_EQ(store_set_barred(lab.core.hss.base.store, "sip:1@" REALM, true), 0);
	ue_send(&lab.core, &lab.a, "OPTIONS", "sip:" REALM, "sip:1@" REALM);
	sip_free(core_lab_receive(&lab.core));
	EXPECT_EQ(core_lab_stat(&lab.core, "request_sender_refused"), 0);
	EXPECT_EQ(hss_push_profile(lab.push, "1@" REALM), 0);
	EXPECT_EQ(core_lab_stat(&lab.core, "profile_changed"), 1);
	ue_send(&lab.core, &lab.a, "OPTIONS", "sip:" REALM, "sip:1@" REALM);
	sip_free(core_lab_receive(&lab.core));
	EXPECT_EQ(core_lab_stat(&lab.core, "request_sender_refused"), 1);
	EXPECT_EQ(hss_push_profile(lab.push, "3@" REALM), -ENOENT);
	close_lab(&lab);
}

TEST(hss_push, c137_scscf_says_what_it_does_not_know)
{
	struct cx_request rtr = { .command = CX_RTR,
				  .rtr = { "1@" REALM, 0, 1, { "sip:2@" REALM } } };
	struct cx_request ppr = { .command = CX_PPR, .ppr = { "3@" REALM, { 0 } } };
	struct cx_request sar = { .command = CX_SAR };
	struct push_lab lab;
	struct registrar *r;

	ASSERT_TRUE(open_lab(&lab));
	r = &((struct scscf *)lab.core.scscf)->registrar;
	EXPECT_EQ(registrar_heard(r, &rtr), CX_IDENTITIES_DONT_MATCH);
	strcpy(rtr.rtr.impi, "3@" REALM);
	EXPECT_EQ(registrar_heard(r, &rtr), CX_SUCCESS); /* he is not here: as wanted */
	EXPECT_EQ(registrar_heard(r, &ppr), CX_USER_UNKNOWN);
	EXPECT_EQ(registrar_heard(r, &sar), CX_UNABLE_TO_COMPLY);
	EXPECT_EQ(core_lab_stat(&lab.core, "registration"), 2);
	close_lab(&lab);
}
