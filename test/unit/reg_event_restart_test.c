/* An S-CSCF with a state file is killed: who has subscribed to reg hears on. C-040, C-093. */
#include <stdlib.h>

#include "controlplane/scscf.h"
#include "test/shim/test.h"
#include "test/unit/watcher.h"

static struct core_lab lab;
static struct ue ue;

static struct watcher begin(bool is_ue)
{
	struct watcher w = watcher_new(&lab, 1, 1, is_ue);

	EXPECT_TRUE(core_lab_open_kept(&lab, 3, "AKAv1-MD5"));
	ue = ue_new(1, 1);
	EXPECT_TRUE(ue_register_fully(&lab, &ue));
	w = watcher_new(&lab, 1, 1, is_ue);
	EXPECT_TRUE(watcher_begin(&w));
	return w;
}

static void end(struct watcher *w)
{
	watcher_close(w);
	core_lab_close(&lab);
}

static unsigned long cseq(const struct watcher *w)
{
	return sip_cseq(w->notify);
}

TEST(reg_event, c040_c093_a_subscriber_hears_on_after_a_kill)
{
	for (unsigned is_ue = 0; is_ue < 2; is_ue++) {
		struct watcher w;
		unsigned long before;

		test_context(is_ue ? "UE" : "P-CSCF");
		w = begin(is_ue);
		before = cseq(&w);
		core_lab_crash(&lab, 1);
		EXPECT_EQ(core_lab_stat(&lab, "subscription"), 1);
		EXPECT_FALSE(watcher_hears(&w, 200)); /* nothing has happened */
		EXPECT_EQ(scscf_role.order(lab.scscf, "reauthenticate", "1@" REALM), 0);
		core_lab_run(&lab);
		ASSERT_TRUE(watcher_hears(&w, 200));
		EXPECT_GT(cseq(&w), before);
		EXPECT_GT(w.info.version, 0);
		EXPECT_EQ(w.info.contacts[0].event, REGINFO_SHORTENED);
		EXPECT_STREQ(w.state, "active;expires=599999");
		test_context("a second kill: the numbers are still new ones");
		before = cseq(&w);
		core_lab_crash(&lab, 1);
		EXPECT_EQ(scscf_role.order(lab.scscf, "deactivate", "1@" REALM), 0);
		core_lab_run(&lab);
		ASSERT_TRUE(watcher_hears(&w, 200));
		EXPECT_GT(cseq(&w), before);
		EXPECT_STREQ(w.state, "terminated;reason=noresource");
		EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
		end(&w);
	}
	test_context(NULL);
}

TEST(reg_event, c093_a_subscription_is_refreshed_and_ended_after_a_kill)
{
	struct watcher w = begin(true);

	core_lab_crash(&lab, 1);
	EXPECT_EQ(watcher_subscribe(&w, 500000), 200);
	ASSERT_TRUE(watcher_hears(&w, 200));
	EXPECT_STREQ(w.state, "active;expires=500000");
	EXPECT_EQ(watcher_subscribe(&w, 0), 200);
	ASSERT_TRUE(watcher_hears(&w, 200));
	EXPECT_STREQ(w.state, "terminated;reason=timeout");
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
	end(&w);
}

TEST(reg_event, c093_a_subscription_ends_in_its_time_after_a_kill)
{
	struct watcher w = begin(true);

	EXPECT_EQ(watcher_subscribe(&w, 500), 200);
	ASSERT_TRUE(watcher_hears(&w, 200));
	core_lab_crash(&lab, 499);
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 1);
	core_lab_wait(&lab, 1);
	ASSERT_TRUE(watcher_hears(&w, 200));
	EXPECT_STREQ(w.state, "terminated;reason=timeout");
	end(&w);
	w = begin(true);
	EXPECT_EQ(watcher_subscribe(&w, 500), 200);
	ASSERT_TRUE(watcher_hears(&w, 200));
	core_lab_crash(&lab, 501);
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
	end(&w);
}

/* The registration's row is gone, and nobody knows whether the NOTIFY ever left. */
TEST(reg_event, c040_c093_an_end_whose_notify_was_not_answered_is_told_after_a_kill)
{
	struct watcher w = begin(false);

	EXPECT_EQ(scscf_role.order(lab.scscf, "deactivate", "1@" REALM), 0);
	core_lab_run(&lab);
	ASSERT_TRUE(watcher_hears(&w, 0));
	core_lab_crash(&lab, 1);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	ASSERT_TRUE(watcher_hears(&w, 200));
	EXPECT_STREQ(w.state, "terminated;reason=noresource");
	ASSERT_EQ(w.info.n_contacts, 1);
	EXPECT_STREQ(w.info.contacts[0].aor, "sip:1@" REALM);
	EXPECT_FALSE(w.info.contacts[0].is_active);
	test_context("once it is answered, it is over");
	core_lab_run(&lab);
	core_lab_crash(&lab, 1);
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
	EXPECT_FALSE(watcher_hears(&w, 200));
	test_context(NULL);
	end(&w);
}
