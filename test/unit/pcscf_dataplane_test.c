/* The P-CSCF and its data plane: one that refuses, is gone, ends a set, or has sets at a restart.
 */
#include "test/shim/test.h"

#include <errno.h>
#include <stdio.h>

#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;

static void begin(void)
{
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
}

TEST(pcscf, c069_sas_are_there_before_the_401_leaves)
{
	begin();
	dataplane_hold(true);
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	EXPECT_EQ(ue_status(ue.clear), 0);
	dataplane_hold(false);
	edge_turn();
	EXPECT_EQ(asked.n_installs, 1);
	EXPECT_EQ(ue_status(ue.clear), 401);
	edge_stop();
}

TEST(pcscf, data_plane_that_refuses_or_is_gone_means_503_and_later_again)
{
	begin();
	dataplane_answer(-ENOSPC);
	for (unsigned i = 0; i < 2; i++) {
		test_context("%s", i ? "gone" : "full");
		ue_register(&ue, ue.clear, port_clear, auth_initial, "");
		core_answer(core_receive(), 401, challenge_headers);
		struct sip *s = ue_receive(ue.clear, NULL);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), 503);
		EXPECT_TRUE(sip_header(s, "Retry-After", 0) != NULL);
		sip_free(s);
		EXPECT_EQ(edge_stat("ues"), 0);
		dataplane_leave();
	}
	edge_stop();
}

TEST(pcscf, data_plane_that_dies_in_between_means_503)
{
	begin();
	dataplane_hold(true);
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	dataplane_leave();
	EXPECT_EQ(ue_status(ue.clear), 503);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, set_that_the_data_plane_ended_is_forgotten)
{
	begin();
	ue_attach(&ue);
	dataplane_expire(asked.installs[0].registration);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

/* It was not told of their end, and lists them: only what a process finds at its start is adopted.
 */
TEST(pcscf, c085_sets_that_ended_while_the_connection_was_broken_stay_so)
{
	begin();
	ue_attach(&ue);
	ue_renew(&ue, 14003);
	ue_challenge(&ue);
	dataplane_break();
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(asked.n_deletes, 0);
	edge_pass(1000);
	EXPECT_EQ(edge_stat("dataplane_ready"), 1);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("sets_old"), 0);
	EXPECT_EQ(edge_stat("sets_orphaned"), 1);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[0].registration);
	edge_stop();
}

/* Of a list whose end never came nothing counts: here its data plane has died meanwhile. */
TEST(pcscf, c093_what_was_read_of_a_list_that_broke_off_is_no_part_of_the_next)
{
	begin();
	ue_attach(&ue);
	dataplane_break_at(API_TUNNEL_LIST);
	dataplane_break();
	edge_pass(1000);
	EXPECT_EQ(edge_stat("dataplane_ready"), 0);
	dataplane_forget(asked.installs[0].registration);
	edge_pass(1000);
	EXPECT_EQ(edge_stat("dataplane_ready"), 1);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, c093_restart_adopts_the_sets_and_the_next_register_is_challenged_over_them)
{
	begin();
	ue_attach(&ue);
	edge_restart();
	EXPECT_EQ(edge_stat("sets_old"), 1);
	EXPECT_EQ(asked.n_deletes, 0);
	int old = ue.uc_fd;
	ue_renew(&ue, 14003);
	ue_register(&ue, old, port_ps, auth_initial, "");
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "no")); /* whose set it is, nobody can tell */
	core_answer(s, 401, challenge_headers);
	s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	test_context("the first message on the new set ends the adopted one");
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	sip_free(core_receive());
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[0].registration);
	edge_stop();
}
