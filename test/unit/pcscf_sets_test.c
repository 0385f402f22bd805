/* The SA sets of a UE from challenge to end: TS 33.203 7.4, ue_set.h. */
#include "test/shim/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;
static char old_verify[1100];

static void begin(void)
{
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
}

TEST(pcscf, c083b_next_challenge_ends_the_temporary_set_and_no_other)
{
	begin();
	ue_attach(&ue);
	ue_renew(&ue, 14003);
	ue_challenge(&ue);
	ue_renew(&ue, 14004);
	ue_challenge(&ue);
	EXPECT_EQ(asked.n_installs, 3);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[1].registration);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	edge_stop();
}

TEST(pcscf, c083b_of_challenges_that_overlap_one_temporary_set_stays)
{
	begin();
	dataplane_hold(true);
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	ue_renew(&ue, 14003);
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	dataplane_hold(false);
	edge_turn();
	ASSERT_EQ(asked.n_installs, 2);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[0].registration);
	edge_stop();
}

TEST(pcscf, c083a_temporary_set_ends_after_240_s)
{
	begin();
	ue_challenge(&ue);
	edge_pass(239000);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	edge_pass(2000);
	EXPECT_EQ(edge_stat("sets_temporary"), 0);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, c085_success_that_began_unprotected_deletes_older_sets)
{
	begin();
	ue_attach(&ue);
	ue_renew(&ue, 14003);
	ue_attach(&ue);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[0].registration);
	EXPECT_EQ(asked.deletes[0].grace_s, 0);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

TEST(pcscf, c086_c091_old_set_lives_until_the_new_one_is_used)
{
	begin();
	ue_attach(&ue);
	int old = ue_reauthenticate(&ue);
	EXPECT_EQ(asked.installs[1].sa[0].local_port, port_ps);
	EXPECT_NE(asked.installs[1].sa[1].local_port, asked.installs[0].sa[1].local_port);
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(asked.n_deletes, 0);
	test_context("the old set is still accepted, as old: row 4");
	char *text = ue_register_text(&ue, auth_initial, false, "");
	ue_send(&ue, old, port_ps, text);
	free(text);
	EXPECT_EQ(ue_status(ue.us_fd), 494); /* without Security-Verify of that set */
	EXPECT_EQ(asked.n_deletes, 0);
	test_context("first message on the new set");
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	sip_free(core_receive());
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[0].registration);
	EXPECT_EQ(asked.deletes[0].grace_s, 128);
	edge_pass(127000);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	edge_pass(2000);
	EXPECT_EQ(edge_stat("sets_old"), 0);
	edge_stop();
}

/* Whoever comes back with its old ports gets them from the data plane: the same number each time.
 */
TEST(pcscf, sets_of_one_subscriber_are_of_one_subject)
{
	begin();
	ue_attach(&ue);
	ue_reauthenticate(&ue);
	ASSERT_EQ(asked.n_installs, 2);
	EXPECT_NE(asked.installs[0].subject, 0);
	EXPECT_EQ(asked.installs[1].subject, asked.installs[0].subject);
	edge_stop();
}

TEST(pcscf, c087_failure_ends_the_temporary_set_alone_and_is_told_over_the_old_one)
{
	uint16_t from;
	begin();
	ue_attach(&ue);
	ue_reauthenticate(&ue);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	core_answer(core_receive(), 403, "");
	struct sip *s = ue_receive(ue.us_fd, &from);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 403);
	const struct api_set *first = &asked.installs[0];
	EXPECT_EQ(from, first->sa[1].local_port == port_ps ? first->sa[2].local_port
							   : first->sa[1].local_port);
	sip_free(s);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[1].registration);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("authentication_failed"), 1);
	edge_stop();
}

TEST(pcscf, c087a_challenge_instead_of_a_verdict_ends_the_temporary_set)
{
	begin();
	ue_challenge(&ue);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	core_answer(core_receive(), 401, challenge_headers);
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	EXPECT_EQ(edge_stat("sets_temporary"), 0);
	edge_pass(7000);
	EXPECT_EQ(edge_stat("ues"), 0);
	EXPECT_EQ(asked.n_installs, 1);
	edge_stop();
}

/* SM7 with a nonce and no response, in the clear or over the set before: seed 6.1.2.2. */
static void report_failure(int fd, uint16_t port)
{
	static const char failure[] = "Digest username=\"u@" REALM "\", realm=\"" REALM
				      "\", nonce=\"n1\", uri=\"sip:" REALM "\", response=\"\"";
	char *text = ue_register_text(&ue, failure, false, port == port_ps ? old_verify : "");
	ue_send(&ue, fd, port, text);
	free(text);
	core_answer(core_receive(), 403, "");
}

TEST(pcscf, c087a_reported_failure_ends_the_temporary_set)
{
	begin();
	ue_challenge(&ue);
	report_failure(ue.clear, port_clear);
	EXPECT_EQ(ue_status(ue.clear), 403);
	EXPECT_EQ(edge_stat("sets_temporary"), 0);
	EXPECT_EQ(edge_stat("authentication_failed"), 1);
	EXPECT_EQ(edge_stat("ues"), 0);
	test_context("over the established set, which stays");
	ue_renew(&ue, 14003);
	ue_attach(&ue);
	snprintf(old_verify, sizeof(old_verify), "%s", ue_verify(&ue));
	int old = ue_reauthenticate(&ue);
	report_failure(old, port_ps);
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	EXPECT_EQ(edge_stat("sets_temporary"), 0);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

/* Who knows the nonce has read the challenge: C-062. */
TEST(pcscf, c062_failure_reported_with_another_nonce_ends_nothing)
{
	static const char failure[] = "Digest username=\"u@" REALM "\", realm=\"" REALM
				      "\", nonce=\"n2\", uri=\"sip:" REALM "\", response=\"\"";
	begin();
	ue_challenge(&ue);
	char *text = ue_register_text(&ue, failure, false, "");
	ue_send(&ue, ue.clear, port_clear, text);
	free(text);
	core_answer(core_receive(), 403, "");
	EXPECT_EQ(ue_status(ue.clear), 403);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	ue_answer_challenge(&ue, 600);
	edge_stop();
}

TEST(pcscf, c087a_answer_that_nobody_judged_is_no_failure)
{
	static const int statuses[] = { 0, 503, 504 }; /* 0: the core is silent */
	for (unsigned i = 0; i < 3; i++) {
		test_context("%d", statuses[i]);
		begin();
		ue_challenge(&ue);
		ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
		struct sip *s = core_receive();
		ASSERT_TRUE(s != NULL);
		if (statuses[i])
			core_answer(s, statuses[i], "");
		else
			sip_free(s);
		edge_pass(statuses[i] ? 0 : 32000);
		EXPECT_EQ(ue_status(ue.us_fd), statuses[i] ? statuses[i] : 408);
		EXPECT_EQ(edge_stat("sets_temporary"), 1);
		EXPECT_EQ(edge_stat("authentication_failed"), 0);
		while ((s = core_receive()))
			sip_free(s); /* what was asked again */
		ue_answer_challenge(&ue, 600);
		EXPECT_EQ(edge_stat("sets_established"), 1);
		edge_stop();
	}
	test_context(NULL);
}

TEST(pcscf, c088_c090_refresh_extends_and_the_end_of_the_lifetime_deletes)
{
	begin();
	ue_attach(&ue);
	for (unsigned i = 1; i <= 3; i++) {
		edge_pass(500000);
		ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
		core_answer(core_receive(), 200, ok_headers(&ue, 600));
		EXPECT_EQ(ue_status(ue.us_fd), 200);
		ASSERT_EQ(asked.n_updates, i + 1);
		EXPECT_EQ(asked.updates[i].lifetime_s, 630);
	}
	EXPECT_EQ(edge_stat("refreshed"), 3);
	edge_pass(629000);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_pass(2000);
	EXPECT_EQ(edge_stat("sets_established"), 0);
	EXPECT_EQ(asked.n_deletes, 1);
	edge_stop();
}

TEST(pcscf, c089_deregistration_keeps_the_sas_for_128_s)
{
	begin();
	ue_attach(&ue);
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	core_answer(core_receive(), 200, "");
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].grace_s, 128);
	EXPECT_EQ(edge_stat("sets_ending"), 1);
	edge_pass(129000);
	EXPECT_EQ(edge_stat("ues"), 0);
	EXPECT_EQ(edge_stat("sets_deleted"), 1);
	edge_stop();
}

/* Another identity of the UE was on its way when its only one went: both 200 are true. */
TEST(pcscf, c089_set_that_ends_serves_again_when_another_identity_is_registered_over_it)
{
	char headers[256];
	begin();
	ue_attach(&ue);
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	char *text = ue_register_text(&ue, auth_initial, true, ue_verify(&ue));
	char *to = strstr(text, "To: <sip:u@");
	ASSERT_TRUE(to != NULL);
	to[strlen("To: <sip:")] = 'v';
	ue_send(&ue, ue.uc_fd, port_ps, text);
	free(text);
	struct sip *deregistration = core_receive(), *registration = core_receive();
	core_answer(deregistration, 200, "");
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	EXPECT_EQ(edge_stat("sets_ending"), 1);
	snprintf(headers, sizeof(headers),
		 "Contact: <sip:%s:%u>;expires=600\r\nP-Associated-URI: <sip:v@" REALM ">\r\n",
		 ue.host, ue.us);
	core_answer(registration, 200, headers);
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	ASSERT_EQ(asked.n_updates, 2);
	EXPECT_EQ(asked.updates[1].registration, asked.installs[0].registration);
	EXPECT_EQ(asked.updates[1].lifetime_s, 630);
	edge_pass(629000);
	EXPECT_EQ(edge_stat("ues"), 1);
	edge_pass(2000);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, c062_stranger_with_the_victims_impi_disturbs_nothing)
{
	struct ue_sim stranger;
	begin();
	ue_attach(&ue);
	ue_open(&stranger, 3, 14001, 14002);
	ue_challenge(&stranger);
	ue_register(&stranger, stranger.uc_fd, port_ps, auth_response, ue_verify(&stranger));
	core_answer(core_receive(), 403, "");
	EXPECT_EQ(ue_status(stranger.us_fd), 403);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	for (unsigned i = 0; i < asked.n_deletes; i++)
		EXPECT_NE(asked.deletes[i].registration, asked.installs[0].registration);
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "yes"));
	sip_free(s);
	edge_stop();
}

TEST(pcscf, c054_sets_of_a_ue_are_bounded)
{
	begin();
	ue_attach(&ue);
	for (unsigned i = 0; i < 5; i++) {
		ue_reauthenticate(&ue);
		ue_answer_challenge(&ue, 600);
		EXPECT_LE(edge_stat("sets_established") + edge_stat("sets_old") +
				  edge_stat("sets_temporary"),
			  3);
	}
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}
