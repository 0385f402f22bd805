/* The event package reg at the S-CSCF: TS 24.229 5.4.2, RFC 3680, RFC 6665. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/reg_event.h"
#include "controlplane/scscf.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/watcher.h"

static struct core_lab lab;
static struct ue ue;

static void begin(void)
{
	ASSERT_TRUE(core_lab_open(&lab, 3, "AKAv1-MD5"));
	ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
}

static void end(struct watcher *w)
{
	watcher_close(w);
	core_lab_close(&lab);
}

static void expect_contact(const struct watcher *w, const char *aor, bool is_active,
			   enum reginfo_event event)
{
	const struct reginfo_contact *c = watcher_contact(w, aor);

	ASSERT_TRUE(c != NULL);
	EXPECT_EQ(c->is_active, is_active);
	EXPECT_EQ(c->event, event);
	EXPECT_STREQ(c->uri, "sip:1@10.1.0.1:5064");
}

TEST(reg_event, c040_user_and_pcscf_subscribe_and_hear_the_whole_state)
{
	for (unsigned is_ue = 0; is_ue < 2; is_ue++) {
		struct watcher w;

		test_context(is_ue ? "UE" : "P-CSCF");
		begin();
		w = watcher_new(&lab, 1, 1, is_ue);
		EXPECT_EQ(watcher_subscribe(&w, 600000), 200);
		EXPECT_EQ(w.granted_s, 600000);
		ASSERT_TRUE(watcher_hears(&w, 200));
		EXPECT_STREQ(w.state, "active;expires=600000");
		EXPECT_STREQ(sip_header(w.notify, "Event", 0), "reg");
		EXPECT_FALSE(w.info.is_partial);
		EXPECT_EQ(w.info.version, 0);
		ASSERT_EQ(w.info.n_contacts, 1);
		expect_contact(&w, "sip:1@" REALM, true, REGINFO_REGISTERED);
		EXPECT_EQ(w.info.contacts[0].expires_s, 600);
		EXPECT_EQ(core_lab_stat(&lab, "subscription"), 1);
		end(&w);
	}
	test_context(NULL);
}

TEST(reg_event, c040_nobody_else_may_know)
{
	static const struct {
		const char *asserted;
		int status;
	} table[] = {
		{ "sip:1@" REALM, 200 },
		{ "sip:2@" REALM, 403 }, /* registered, but another */
		{ "sip:term@127.0.0.2", 403 },
		{ "sip:other@127.0.0.1", 403 },
		{ "sip:127.0.0.1", 403 },
		{ "tel:+1", 403 },
	};
	struct ue two = ue_new(2, 2);
	struct watcher w;
	char port[64];

	begin();
	ASSERT_TRUE(ue_register_fully(&lab, &two));
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		test_context("%s", table[i].asserted);
		w = watcher_new(&lab, i, 1, i < 2);
		w.from = table[i].asserted;
		EXPECT_EQ(watcher_subscribe(&w, 600), table[i].status);
		while (watcher_hears(&w, 200))
			;
		watcher_close(&w);
	}
	test_context("another port of the P-CSCF");
	w = watcher_new(&lab, 7, 1, false);
	snprintf(port, sizeof(port), "sip:term@127.0.0.1:%u", lab.port + 1);
	w.from = port;
	EXPECT_EQ(watcher_subscribe(&w, 600), 403);
	test_context(NULL);
	EXPECT_EQ(core_lab_stat(&lab, "subscribe_refused"), 6);
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 1);
	end(&w);
}

TEST(reg_event, what_cannot_be_had_is_refused)
{
	static const struct {
		const char *extra;
		unsigned expires_s;
		int status;
	} table[] = {
		{ "Event: reg\r\nAccept: text/plain\r\n", 600, 406 },
		{ "Event: reg\r\nAccept: text/plain, application/reginfo+xml;q=0.1\r\n", 600, 200 },
		{ "Event: REG ;id=7\r\n", 600, 200 },
		{ "o: reg\r\n", 600, 200 },
		{ "Event: reg\r\n", 59, 423 },
		{ "Event: reg;id=0123456789012345678901234567890123456789012345678901234567890123"
		  "\r\n",
		  600, 400 },
	};
	struct watcher w;

	begin();
	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		test_context("%s", table[i].extra);
		w = watcher_new(&lab, i, 1, true);
		w.extra = table[i].extra;
		EXPECT_EQ(watcher_subscribe(&w, table[i].expires_s), table[i].status);
		if (table[i].status == 200) {
			ASSERT_TRUE(watcher_hears(&w, 200));
			EXPECT_TRUE(strncasecmp(sip_header(w.notify, "Event", 0), "reg", 3) == 0);
		}
		EXPECT_FALSE(watcher_hears(&w, 200));
		watcher_close(&w);
	}
	test_context(NULL);
	w = watcher_new(&lab, 7, 3, false); /* of a user who is not registered */
	EXPECT_EQ(watcher_subscribe(&w, 600), 480);
	end(&w);
}

TEST(reg_event, c040_identities_that_came_with_it_are_created_and_barred_ones_secret)
{
	const char *const set[] = { "sip:1@" REALM, "sip:other@" REALM, "sip:barred@" REALM,
				    "tel:+15550100" };
	struct store_subscriber one = { .impi = "1@" REALM };
	struct watcher w;
	int taken;

	ASSERT_TRUE(core_lab_open(&lab, 0, "AKAv1-MD5"));
	memcpy(one.k, subscribers_k, sizeof(one.k));
	memcpy(one.opc, subscribers_opc, sizeof(one.opc));
	ASSERT_EQ(store_add(lab.hss.base.store, &one, set, 4, &taken), 0);
	ASSERT_EQ(store_set_barred(lab.hss.base.store, set[2], true), 0);
	ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	w = watcher_new(&lab, 1, 1, true);
	ASSERT_TRUE(watcher_begin(&w));
	ASSERT_EQ(w.info.n_contacts, 3);
	expect_contact(&w, set[0], true, REGINFO_REGISTERED);
	expect_contact(&w, set[1], true, REGINFO_CREATED);
	expect_contact(&w, set[3], true, REGINFO_CREATED);
	EXPECT_TRUE(memmem(w.notify->body, w.notify->body_bytes, "barred", 6) == NULL);
	end(&w);
}

TEST(reg_event, subscription_is_refreshed_and_ended_by_its_subscriber)
{
	struct watcher w;

	begin();
	w = watcher_new(&lab, 1, 1, true);
	ASSERT_TRUE(watcher_begin(&w));
	core_lab_wait(&lab, 100);
	EXPECT_EQ(watcher_subscribe(&w, 700), 200);
	ASSERT_TRUE(watcher_hears(&w, 200));
	EXPECT_STREQ(w.state, "active;expires=700");
	EXPECT_EQ(w.info.version, 1);
	EXPECT_EQ(w.info.contacts[0].expires_s, 500);
	EXPECT_EQ(watcher_subscribe(&w, 0), 200);
	ASSERT_TRUE(watcher_hears(&w, 200));
	EXPECT_STREQ(w.state, "terminated;reason=timeout");
	EXPECT_EQ(w.info.version, 2);
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
	EXPECT_EQ(watcher_subscribe(&w, 700), 481);
	end(&w);
}

TEST(reg_event, subscription_in_a_dialog_is_still_for_its_subscriber_alone)
{
	struct ue two = ue_new(2, 2);
	struct watcher w;

	begin();
	ASSERT_TRUE(ue_register_fully(&lab, &two));
	w = watcher_new(&lab, 1, 1, true);
	ASSERT_TRUE(watcher_begin(&w));
	w.from = "sip:2@" REALM;
	EXPECT_EQ(watcher_subscribe(&w, 0), 403);
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 1);
	end(&w);
}

TEST(reg_event, subscription_ends_when_its_time_is_up)
{
	struct watcher w;

	begin();
	w = watcher_new(&lab, 1, 1, true);
	EXPECT_EQ(watcher_subscribe(&w, 60), 200);
	ASSERT_TRUE(watcher_hears(&w, 200));
	core_lab_wait(&lab, 59);
	EXPECT_FALSE(watcher_hears(&w, 200));
	core_lab_wait(&lab, 1);
	ASSERT_TRUE(watcher_hears(&w, 200));
	EXPECT_STREQ(w.state, "terminated;reason=timeout");
	expect_contact(&w, "sip:1@" REALM, true, REGINFO_REGISTERED);
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
	end(&w);
}

TEST(reg_event, who_refuses_or_ignores_a_notify_has_no_subscription)
{
	static const struct {
		int status; /* of the answer to the NOTIFY; 0: none */
		long left;
	} table[] = { { 200, 1 }, { 481, 0 }, { 480, 0 }, { 489, 0 },
		      { 500, 1 }, { 503, 1 }, { 0, 0 } };

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct watcher w;

		test_context("%d", table[i].status);
		begin();
		w = watcher_new(&lab, 1, 1, true);
		EXPECT_EQ(watcher_subscribe(&w, 600000), 200);
		ASSERT_TRUE(watcher_hears(&w, table[i].status));
		if (table[i].status == 0)
			core_lab_wait(&lab, 33);
		EXPECT_EQ(core_lab_stat(&lab, "subscription"), table[i].left);
		EXPECT_EQ(core_lab_stat(&lab, "notify_failed"), table[i].status != 200);
		end(&w);
	}
	test_context(NULL);
}

/* RFC 6665 4.2.2: in the order of the versions, and the newest state at the end. */
TEST(reg_event, next_notify_waits_for_the_answer_to_the_one_before)
{
	struct watcher w;

	begin();
	w = watcher_new(&lab, 1, 1, true);
	EXPECT_EQ(watcher_subscribe(&w, 600000), 200);
	ASSERT_TRUE(watcher_hears(&w, 0));
	EXPECT_EQ(scscf_role.order(lab.scscf, "reauthenticate", "1@" REALM), 0);
	EXPECT_EQ(scscf_role.order(lab.scscf, "deactivate", "1@" REALM), 0);
	core_lab_run(&lab);
	EXPECT_EQ(core_lab_stat(&lab, "notify_tx"), 1);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	core_lab_wait(&lab, 1);
	ASSERT_TRUE(watcher_hears(&w, 200)); /* the first once more */
	EXPECT_EQ(w.info.version, 0);
	do
		ASSERT_TRUE(watcher_hears(&w, 200));
	while (w.info.version == 0);
	EXPECT_EQ(w.info.version, 1);
	EXPECT_STREQ(w.state, "terminated;reason=noresource");
	expect_contact(&w, "sip:1@" REALM, false, REGINFO_DEACTIVATED);
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
	end(&w);
}

TEST(reg_event, number_of_subscriptions_is_bounded_and_the_oldest_makes_room)
{
	struct watcher pcscf, w[REG_EVENT_PER_KIND + 2];

	begin();
	pcscf = watcher_new(&lab, 100, 1, false);
	ASSERT_TRUE(watcher_begin(&pcscf));
	for (unsigned i = 0; i < REG_EVENT_PER_KIND + 2; i++) {
		w[i] = watcher_new(&lab, i + 1, 1, true);
		ASSERT_TRUE(watcher_begin(&w[i]));
	}
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), REG_EVENT_PER_KIND + 1);
	EXPECT_EQ(core_lab_stat(&lab, "subscription_crowded_out"), 2);
	EXPECT_EQ(watcher_subscribe(&w[1], 600), 481);
	/* The P-CSCF's is of another kind. */
	EXPECT_EQ(watcher_subscribe(&pcscf, 600), 200);
	EXPECT_TRUE(watcher_hears(&pcscf, 200));
	for (unsigned i = 0; i < REG_EVENT_PER_KIND + 2; i++)
		watcher_close(&w[i]);
	end(&pcscf);
}

TEST(reg_event, end_by_the_user_or_by_time_is_told)
{
	for (unsigned expires = 0; expires < 2; expires++) {
		struct watcher w;

		test_context(expires ? "expired" : "unregistered");
		begin();
		w = watcher_new(&lab, 1, 1, false);
		ASSERT_TRUE(watcher_begin(&w));
		if (expires) {
			core_lab_wait(&lab, 629);
			EXPECT_FALSE(watcher_hears(&w, 200));
			core_lab_wait(&lab, 1);
		} else {
			ue.expires_s = 0;
			EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
		}
		ASSERT_TRUE(watcher_hears(&w, 200));
		EXPECT_STREQ(w.state, "terminated;reason=noresource");
		expect_contact(&w, "sip:1@" REALM, false,
			       expires ? REGINFO_EXPIRED : REGINFO_UNREGISTERED);
		end(&w);
	}
	test_context(NULL);
}

/* The time that is left says the same as a NOTIFY for each refresh would. */
TEST(reg_event, refresh_alone_is_not_told_and_shows_when_asked)
{
	struct watcher w;

	begin();
	w = watcher_new(&lab, 1, 1, true);
	ASSERT_TRUE(watcher_begin(&w));
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	core_lab_run(&lab);
	EXPECT_FALSE(watcher_hears(&w, 200));
	EXPECT_EQ(watcher_subscribe(&w, 600), 200);
	ASSERT_TRUE(watcher_hears(&w, 200));
	expect_contact(&w, "sip:1@" REALM, true, REGINFO_REFRESHED);
	end(&w);
}

TEST(reg_event, who_watched_the_old_place_hears_that_it_was_left)
{
	struct watcher w;
	struct sip *s;

	begin();
	w = watcher_new(&lab, 1, 1, false);
	ASSERT_TRUE(watcher_begin(&w));
	ue.contact = "sip:1@10.9.9.9:5064";
	ue.call = 5;
	ue.indicator = "";
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	ue.indicator = PROTECTED;
	ue_send_register(&lab, &ue, UE_RES);
	core_lab_run(&lab);
	ASSERT_TRUE(watcher_hears(&w, 200));
	s = core_lab_receive(&lab);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	sip_free(s);
	EXPECT_STREQ(w.state, "terminated;reason=noresource");
	expect_contact(&w, "sip:1@" REALM, false, REGINFO_UNREGISTERED);
	EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	end(&w);
}

TEST(reg_event, subscriptions_to_others_are_requests_like_any)
{
	struct ue two = ue_new(2, 2);
	struct sip *s;

	begin();
	ASSERT_TRUE(ue_register_fully(&lab, &two));
	ue.extra = "";
	ue_send(&lab, &ue, "SUBSCRIBE", "sip:2@" REALM, "sip:1@" REALM); /* of no event */
	s = core_lab_receive(&lab);
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(sip_is(s, "SUBSCRIBE"));
	sip_free(s);
	core_lab_close(&lab);
}
