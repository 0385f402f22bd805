/*
 * No memory, at any one place, for a registration through I-CSCF, S-CSCF and HSS: nothing crashes,
 * nothing stays behind, the flag says what is so, and the next try succeeds.
 */
#include "controlplane/loop.h"
#include "controlplane/scscf.h"
#include "test/shim/scarce.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"
#include "test/unit/watcher.h"

/* libxml2 2.9 loses an element's name when it has no memory to list the element. */
const char *__lsan_default_suppressions(void);
const char *__lsan_default_suppressions(void)
{
	return "leak:xmlTextWriterStartElement\n";
}

/* Longer than reg-await-auth, begun by the last repetition of a request. */
#define LONG_S 600

static void begin(struct core_lab *lab)
{
	scarce_libraries();
	ASSERT_TRUE(core_lab_open(lab, 1, "AKAv1-MD5"));
	scarce_spare_osip();
}

static void wait(struct core_lab *lab)
{
	struct sip *message;

	for (unsigned s = 0; s < LONG_S; s += 60)
		core_lab_wait(lab, 60);
	while ((message = core_lab_receive(lab)) != NULL)
		sip_free(message);
}

static void expect_recovery(struct core_lab *lab)
{
	struct ue again = ue_new(1, 2);

	scarce_rest();
	wait(lab);
	EXPECT_EQ(core_lab_stat(lab, "txn"), 0);
	EXPECT_EQ(core_lab_stat(lab, "attempt"), 0);
	EXPECT_LE(core_lab_stat(lab, "registration"), 1);
	again.via_icscf = true;
	ASSERT_TRUE(ue_register_fully(lab, &again));
	EXPECT_EQ(core_lab_state(lab, 1), STORE_REGISTERED);
	EXPECT_EQ(core_lab_stat(lab, "registration"), 1);
	EXPECT_TRUE(ue_is_served(lab, &again));
	wait(lab);
}

TEST(scarce, registration_through_the_core_leaves_nothing_behind)
{
	struct core_lab lab;
	unsigned n = 1;

	for (; scarce_sweep(n); n++) {
		begin(&lab);
		struct ue ue = ue_new(1, 1);
		int status;

		ue.via_icscf = true;
		scarce_begin();
		status = ue_register_status(&lab, &ue, UE_NOTHING);
		if (status == 401) {
			ue.indicator = PROTECTED;
			status = ue_register_status(&lab, &ue, UE_RES);
		}
		EXPECT_TRUE(status == 200 || scarce_has_failed());
		expect_recovery(&lab);
		core_lab_close(&lab);
	}
	EXPECT_GT(n, 20);
}

TEST(scarce, failed_and_ended_registrations_leave_nothing_behind)
{
	static const enum ue_answer answers[] = { UE_WRONG_RES, UE_FAILURE, UE_AUTS };
	struct core_lab lab;

	for (unsigned i = 0; i < 3; i++)
		for (unsigned n = 1; scarce_sweep(n); n++) {
			begin(&lab);
			struct ue ue = ue_new(1, 1);

			EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
			if (answers[i] == UE_AUTS)
				ue_move_ahead(&ue, 1000);
			scarce_begin();
			ue_register_status(&lab, &ue, answers[i]);
			expect_recovery(&lab);
			core_lab_close(&lab);
		}
}

/* After a registration that stands: its end, and a refresh that is too brief. */
TEST(scarce, deregistration_and_refusal_by_the_core_leave_nothing_behind)
{
	static const unsigned expires_s[] = { 0, 1 };
	struct core_lab lab;

	for (unsigned i = 0; i < 2; i++)
		for (unsigned n = 1; scarce_sweep(n); n++) {
			begin(&lab);
			struct ue ue = ue_new(1, 1);

			EXPECT_TRUE(ue_register_fully(&lab, &ue));
			scarce_begin();
			ue.expires_s = expires_s[i];
			ue_register_status(&lab, &ue, UE_NOTHING);
			expect_recovery(&lab);
			core_lab_close(&lab);
		}
}

/* A request from one user to another: originating, located, terminating. */
TEST(scarce, request_through_the_core_is_forwarded_or_answered_or_forgotten)
{
	struct core_lab lab;
	char impu[CX_IDENTITY_BYTES];

	subscribers_impu(1, impu);
	for (unsigned n = 1; scarce_sweep(n); n++) {
		begin(&lab);
		struct ue ue = ue_new(1, 1);

		EXPECT_TRUE(ue_register_fully(&lab, &ue));
		scarce_begin();
		ue_send(&lab, &ue, "MESSAGE", impu, impu);
		expect_recovery(&lab);
		core_lab_close(&lab);
	}
}

/* --- reg event --- */

/* A user or a P-CSCF subscribes, and hears of a registration's end. */
static void subscribe_and_leave(struct core_lab *lab, struct ue *ue, struct watcher *w)
{
	bool goes_well = watcher_subscribe(w, 120) == 200;

	goes_well = watcher_hears(w, 200) && goes_well;
	EXPECT_TRUE(goes_well || scarce_has_failed());
	ue->expires_s = 0;
	ue_send_register(lab, ue, UE_NOTHING);
	core_lab_run(lab);
	wait(lab);
}

TEST(scarce, subscription_and_its_notifies_leave_nothing_behind)
{
	struct core_lab lab;
	unsigned n;

	for (unsigned is_ue = 0; is_ue < 2; is_ue++) {
		for (n = 1; scarce_sweep(n); n++) {
			begin(&lab);
			struct watcher w = watcher_new(&lab, 1, 1, is_ue);
			struct ue ue = ue_new(1, 1);

			ASSERT_TRUE(ue_register_fully(&lab, &ue));
			scarce_begin();
			subscribe_and_leave(&lab, &ue, &w);
			watcher_close(&w);
			expect_recovery(&lab);
			EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
			w = watcher_new(&lab, 2, 1, is_ue);
			EXPECT_TRUE(watcher_begin(&w));
			watcher_close(&w);
			core_lab_close(&lab);
		}
		EXPECT_GT(n, 20);
	}
}

/* --- the state file --- */

static void begin_kept(struct core_lab *lab)
{
	scarce_libraries();
	ASSERT_TRUE(core_lab_open_kept(lab, 1, "AKAv1-MD5"));
	scarce_spare_osip();
}

/* Hears all there is: each new NOTIFY says something newer (RFC 3680 5.1). */
static void hear_all(struct core_lab *lab, struct watcher *w)
{
	for (unsigned i = 0; i < 3; i++) {
		unsigned long cseq = sip_cseq(w->notify);
		uint64_t version = w->info.version;

		while (watcher_hears(w, 200)) {
			if (sip_cseq(w->notify) != cseq)
				EXPECT_GT(w->info.version, version);
			cseq = sip_cseq(w->notify);
			version = w->info.version;
		}
		core_lab_wait(lab, 1);
	}
}

TEST(scarce, c040_documents_come_in_their_order_though_one_could_not_be_sent)
{
	struct core_lab lab;
	unsigned n = 1;

	for (; scarce_sweep(n); n++) {
		begin_kept(&lab);
		struct watcher w = watcher_new(&lab, 1, 1, true);
		struct ue ue = ue_new(1, 1);

		ASSERT_TRUE(ue_register_fully(&lab, &ue));
		ASSERT_TRUE(watcher_begin(&w));
		EXPECT_EQ(scscf_role.order(lab.scscf, "reauthenticate", "1@" REALM), 0);
		EXPECT_EQ(scscf_role.order(lab.scscf, "reauthenticate", "1@" REALM), 0);
		scarce_begin();
		core_lab_run(&lab);
		scarce_rest();
		hear_all(&lab, &w);
		EXPECT_EQ(scscf_role.order(lab.scscf, "deactivate", "1@" REALM), 0);
		core_lab_run(&lab);
		hear_all(&lab, &w);
		EXPECT_STREQ(w.state, "terminated;reason=noresource");
		EXPECT_EQ(w.info.contacts[0].event, REGINFO_DEACTIVATED);
		EXPECT_EQ(core_lab_stat(&lab, "subscription"), 0);
		watcher_close(&w);
		core_lab_close(&lab);
	}
	EXPECT_GT(n, 5);
}

TEST(scarce, c093_what_was_answered_is_in_the_state_file)
{
	struct core_lab lab;
	unsigned n = 1;

	for (; scarce_sweep(n); n++) {
		begin_kept(&lab);
		struct watcher w = watcher_new(&lab, 1, 1, true);
		struct ue ue = ue_new(1, 1);

		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
		ue.indicator = PROTECTED;
		scarce_begin();
		bool registered = ue_register_status(&lab, &ue, UE_RES) == 200;
		bool subscribed = registered && watcher_subscribe(&w, 120) == 200;

		EXPECT_TRUE(subscribed || scarce_has_failed());
		scarce_rest();
		watcher_close(&w);
		core_lab_crash(&lab, 1);
		if (registered)
			EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
		if (subscribed)
			EXPECT_EQ(core_lab_stat(&lab, "subscription"), 1);
		expect_recovery(&lab);
		core_lab_close(&lab);
	}
	EXPECT_GT(n, 20);
}

/* A start that finds no memory is no start with less than there was. */
TEST(scarce, c093_start_out_of_the_state_file_has_everything_or_is_refused)
{
	struct core_lab lab;
	unsigned n = 1, n_refused = 0;

	for (; scarce_sweep(n); n++) {
		begin_kept(&lab);
		struct watcher w = watcher_new(&lab, 1, 1, true);
		struct ue ue = ue_new(1, 1);

		ASSERT_TRUE(ue_register_fully(&lab, &ue) && watcher_begin(&w));
		watcher_close(&w);
		scscf_role.stop(lab.scscf);
		scarce_begin();
		scarce_on();
		int error = scscf_role.start(lab.hss.loop, &lab.config, &lab.scscf);

		scarce_rest();
		EXPECT_TRUE(!error || scarce_has_failed());
		n_refused += error != 0;
		if (error)
			ASSERT_EQ(scscf_role.start(lab.hss.loop, &lab.config, &lab.scscf), 0);
		EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
		EXPECT_EQ(core_lab_stat(&lab, "subscription"), 1);
		EXPECT_TRUE(ue_is_served(&lab, &ue));
		core_lab_close(&lab);
	}
	EXPECT_GT(n_refused, 10);
}
