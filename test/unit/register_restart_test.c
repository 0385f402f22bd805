/* An S-CSCF with a state file is killed: who was told 200 is registered, C-093. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "controlplane/cx.h"
#include "controlplane/hss_push.h"
#include "controlplane/loop.h"
#include "controlplane/registration.h"
#include "controlplane/scscf.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"
#include "test/unit/watcher.h"

#define V1 "AKAv1-MD5"

static struct core_lab lab;
static struct ue ue;

static void open_registered(void)
{
	ASSERT_TRUE(core_lab_open_kept(&lab, 3, V1));
	ue = ue_new(1, 1);
	ue.extra = "Path: <sip:123456789abc@127.0.0.1:5070;lr>\r\nRequire: path\r\n";
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	ue.indicator = PROTECTED;
}

static struct registration *registered(void)
{
	struct scscf *s = lab.scscf;

	return registrations_find(s->registrar.registrations, "1@" REALM);
}

TEST(register, c022b_c093_a_kill_forgets_neither_binding_nor_path_nor_expiry)
{
	struct registration *g;
	char before[2][64];

	open_registered();
	for (unsigned i = 0; i < 2; i++)
		snprintf(before[i], sizeof(before[i]), "%s", registered()->binding.paths[i]);
	core_lab_crash(&lab, 100);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	g = registered();
	ASSERT_TRUE(g != NULL);
	EXPECT_STREQ(g->binding.contact, "sip:1@10.1.0.1:5064");
	ASSERT_EQ(g->binding.n_paths, 2);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_STREQ(g->binding.paths[i], before[i]);
	ASSERT_EQ(g->n_impus, 1);
	EXPECT_STREQ(g->impus[0].impu, "sip:1@" REALM);
	EXPECT_LE(registration_expires_s(g), 500);
	EXPECT_GE(registration_expires_s(g), 498);
	test_context("it is refreshed without a challenge, as from the same place");
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	EXPECT_EQ(core_lab_stat(&lab, "register_again"), 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	core_lab_close(&lab);
}

TEST(register, c093_user_whose_end_the_hss_alone_remembers_registers_at_once)
{
	struct ue again = ue_new(1, 2);

	open_registered();
	core_lab_remember(&lab);
	ue.expires_s = 0;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	core_lab_crash(&lab, 1);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	EXPECT_TRUE(ue_register_fully(&lab, &again));
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	EXPECT_TRUE(ue_is_served(&lab, &again));
	core_lab_close(&lab);
}

TEST(register, c093_users_can_be_called_after_a_kill)
{
	ASSERT_TRUE(core_lab_open_kept(&lab, 3, V1));
	ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	core_lab_crash(&lab, 1);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

/* Everybody works but the S-CSCF's file, which takes its 2 ms. */
static void run_without_time(void)
{
	for (unsigned turn = 0; turn < 20; turn++)
		loop_turn(lab.hss.loop);
}

TEST(register, c093_200_is_sent_when_it_is_true_after_a_kill)
{
	struct rlimit before, none = { .rlim_cur = 0 };

	ASSERT_TRUE(core_lab_open_kept(&lab, 3, V1));
	ue = ue_new(1, 1);
	ue.indicator = NOT_PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	none.rlim_max = before.rlim_max;
	ue.indicator = PROTECTED;
	ue_send_register(&lab, &ue, UE_RES);
	run_without_time();
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	EXPECT_TRUE(core_lab_receive(&lab) == NULL);
	setrlimit(RLIMIT_FSIZE, &none);
	core_lab_run(&lab);
	setrlimit(RLIMIT_FSIZE, &before);
	struct sip *s = core_lab_receive(&lab);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 503);
	sip_free(s);
	EXPECT_EQ(core_lab_stat(&lab, "state_commits_failed"), 1);
	core_lab_wait(&lab, 2);
	EXPECT_EQ(core_lab_stat(&lab, "state_commits"), 1);
	core_lab_close(&lab);
}

TEST(register, c003_c093_refreshes_without_a_challenge_are_counted_over_kills)
{
	open_registered();
	lab.scscf_config.reauth_every = 3;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	core_lab_crash(&lab, 1);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 200);
	core_lab_crash(&lab, 1);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	core_lab_close(&lab);
}

TEST(register, c093_who_has_deregistered_is_not_back_after_a_kill)
{
	struct sip *s;

	open_registered();
	core_lab_run(&lab); /* nothing else waits for the file */
	ue.expires_s = 0;
	ue_send_register(&lab, &ue, UE_NOTHING);
	run_without_time();
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_TRUE(core_lab_receive(&lab) == NULL);
	core_lab_run(&lab);
	s = core_lab_receive(&lab);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	sip_free(s);
	core_lab_crash(&lab, 1);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	core_lab_close(&lab);
}

/* Else a P-CSCF has dropped the SAs of a UE that is registered again. */
TEST(register, c040_c093_an_end_is_told_when_it_is_true_after_a_kill)
{
	struct watcher w;

	open_registered();
	w = watcher_new(&lab, 1, 1, false);
	ASSERT_TRUE(watcher_begin(&w));
	EXPECT_EQ(scscf_role.order(lab.scscf, "deactivate", "1@" REALM), 0);
	run_without_time();
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_FALSE(watcher_hears(&w, 200));
	core_lab_run(&lab);
	EXPECT_TRUE(watcher_hears(&w, 200));
	EXPECT_STREQ(w.state, "terminated;reason=noresource");
	core_lab_crash(&lab, 0);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	watcher_close(&w);
	core_lab_close(&lab);
}

TEST(register, c093_c137_whom_the_hss_ended_is_not_back_after_a_kill)
{
	open_registered();
	struct hss_push *push = hss_push_new(lab.hss.hss, lab.hss.base.store, NULL);
	EXPECT_EQ(hss_push_end(push, "1@" REALM), 0);
	core_lab_crash(&lab, 0); /* the HSS has its answer already */
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	core_lab_close(&lab);
	hss_push_free(push);
}

TEST(register, c022a_c093_a_registration_that_ended_meanwhile_is_ended_at_the_hss)
{
	open_registered();
	core_lab_crash(&lab, 629); /* 600 and the margin, less what has passed */
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	core_lab_crash(&lab, 2);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	EXPECT_EQ(core_lab_stat(&lab, "register_expired"), 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_UNREGISTERED);
	core_lab_crash(&lab, 0);
	EXPECT_EQ(core_lab_stat(&lab, "registration"), 0);
	core_lab_close(&lab);
}

TEST(register, c021_c093_the_implicit_set_is_kept_as_the_hss_gave_it)
{
	const char *const set[] = { "sip:5@" REALM, "tel:+15", "sip:barred@" REALM };
	struct store_subscriber five = { .impi = "5@" REALM };
	int taken;

	ASSERT_TRUE(core_lab_open_kept(&lab, 3, V1));
	memcpy(five.k, subscribers_k, sizeof(five.k));
	memcpy(five.opc, subscribers_opc, sizeof(five.opc));
	ASSERT_EQ(store_add(lab.hss.base.store, &five, set, 3, &taken), 0);
	EXPECT_EQ(store_set_barred(lab.hss.base.store, set[2], true), 0);
	ue = ue_new(5, 5);
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	core_lab_crash(&lab, 1);
	struct scscf *s = lab.scscf;
	struct registration *g = registrations_find(s->registrar.registrations, "5@" REALM);
	ASSERT_TRUE(g != NULL);
	ASSERT_EQ(g->n_impus, 3);
	for (unsigned i = 0; i < 3; i++) {
		EXPECT_STREQ(g->impus[i].impu, set[i]);
		EXPECT_EQ(g->impus[i].is_barred, i == 2);
		EXPECT_TRUE(registrations_find_impu(s->registrar.registrations, set[i]) != NULL);
	}
	core_lab_close(&lab);
}

/* XRES, CK and IK of all vectors that it has for later, and of the one that was used. */
TEST(register, c093_c094_vectors_are_not_in_the_state_file)
{
	struct cx_item item;

	ASSERT_TRUE(core_lab_open_kept(&lab, 3, V1));
	lab.scscf_config.n_vectors = 5;
	ue = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	core_lab_remember(&lab);
	struct registration *g = registered();
	ASSERT_TRUE(g != NULL);
	EXPECT_TRUE(state_copy_has(&lab.state, g->impi, strlen(g->impi))); /* it was looked at */
	unsigned n = 0;
	for (; vectors_take(&g->vectors, &item); n++) {
		EXPECT_FALSE(state_copy_has(&lab.state, item.xres, item.res_bytes));
		EXPECT_FALSE(state_copy_has(&lab.state, item.ck, sizeof(item.ck)));
		EXPECT_FALSE(state_copy_has(&lab.state, item.ik, sizeof(item.ik)));
	}
	EXPECT_EQ(n, 4);
	core_lab_close(&lab);
}
