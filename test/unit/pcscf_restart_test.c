/* A P-CSCF with a state file is killed: what it had answered is still so, C-093. */
#include "test/shim/test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "controlplane/sip_route.h"
#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;
static char path[256]; /* of the UE's last REGISTER */

static void begin(void)
{
	edge_keep_state();
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
}

/* The next message on Mw; its Path is the way back to the UE. */
static struct sip *core_register(void)
{
	struct sip *s = core_receive();
	EXPECT_TRUE(s != NULL);
	if (s && sip_header(s, "Path", 0))
		snprintf(path, sizeof(path), "%s", sip_header(s, "Path", 0));
	return s;
}

static void attach(unsigned expires_s)
{
	ue_challenge(&ue);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	core_answer(core_register(), 200, ok_headers(&ue, expires_s));
	EXPECT_EQ(ue_status(ue.us_fd), 200);
}

static void reauthenticate(void)
{
	int old = ue.uc_fd;
	char old_verify[1100];
	snprintf(old_verify, sizeof(old_verify), "%s", ue_verify(&ue));
	ue_renew(&ue, (uint16_t)(ue.uc + 2));
	ue_register(&ue, old, port_ps, auth_initial, old_verify);
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
}

static void from_ue(int fd)
{
	char text[1024];
	ue.n_sent++;
	snprintf(text, sizeof(text),
		 "MESSAGE sip:v@" REALM
		 " SIP/2.0\r\nVia: SIP/2.0/UDP %s:14002;branch=z9hG4bKm%u\r\n"
		 "From: <sip:u@" REALM ">;tag=1\r\nTo: <sip:v@" REALM ">\r\nCall-ID: m\r\n"
		 "CSeq: %u MESSAGE\r\nMax-Forwards: 70\r\n\r\n",
		 ue.host, ue.n_sent, ue.n_sent);
	ue_send(&ue, fd, port_ps, text);
}

/* By the Path that the S-CSCF has. */
static void from_core(void)
{
	char text[1024];
	static unsigned n;
	n++;
	snprintf(text, sizeof(text),
		 "MESSAGE sip:u@%s:14002 SIP/2.0\r\nVia: SIP/2.0/UDP "
		 "127.0.0.1:9;branch=z9hG4bKc%u\r\n"
		 "Route: %s\r\nFrom: <sip:v@" REALM ">;tag=1\r\nTo: <sip:u@" REALM ">\r\n"
		 "Call-ID: c%u\r\nCSeq: 1 MESSAGE\r\nMax-Forwards: 70\r\n\r\n",
		 ue.host, n, path, n);
	core_send(text);
}

/* Whether a request of the core arrives at the UE, and from which port_pc. */
static bool is_reached(uint16_t *from)
{
	from_core();
	struct sip *s = ue_receive(ue.us_fd, from);
	bool is = s && sip_is(s, "MESSAGE");
	sip_free(s);
	return is;
}

TEST(pcscf, c093_killed_it_serves_its_ues_over_the_same_sas)
{
	uint16_t before, after;
	begin();
	attach(600);
	EXPECT_TRUE(is_reached(&before));
	edge_crash(10000);
	EXPECT_EQ(asked.n_installs, 1);
	EXPECT_EQ(asked.n_deletes, 0);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	test_context("a request of the UE, with its identity and its route");
	from_ue(ue.uc_fd);
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(strstr(sip_header(s, "P-Asserted-Identity", 0), "u@" REALM) != NULL);
	EXPECT_STREQ(sip_route(s, 0)->username, "orig");
	sip_free(s);
	test_context("a request to it, from the same port_pc");
	EXPECT_TRUE(is_reached(&after));
	EXPECT_EQ(after, before);
	test_context("a refresh without a challenge");
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "yes"));
	core_answer(s, 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	EXPECT_EQ(edge_stat("refreshed"), 1);
	edge_stop();
}

TEST(pcscf, c093_200_is_sent_when_it_is_true_after_a_kill)
{
	begin();
	ue_challenge(&ue);
	edge_remember();
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	edge_clock_stands = true; /* and with it the file */
	core_answer(core_receive(), 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.us_fd), 0);
	edge_clock_stands = false;
	edge_turn();
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	test_context("killed before: the challenge is as unanswered as the UE knows");
	edge_crash(1000);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	EXPECT_EQ(edge_stat("sets_established"), 0);
	test_context("and the data plane, which was told more, is told so");
	EXPECT_LE(dataplane_lifetime(asked.installs[0].registration), 240);
	edge_stop();
}

TEST(pcscf, c093_registration_that_cannot_be_kept_is_not_answered_200)
{
	struct rlimit before, none = { 0 };
	begin();
	ue_challenge(&ue);
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &before);
	none.rlim_max = before.rlim_max;
	setrlimit(RLIMIT_FSIZE, &none);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	core_answer(core_receive(), 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.us_fd), 503);
	setrlimit(RLIMIT_FSIZE, &before);
	EXPECT_EQ(edge_stat("state_commits_failed"), 1);
	edge_pass(2000);
	EXPECT_GE(edge_stat("state_commits"), 1);
	edge_stop();
}

TEST(pcscf, c093_challenge_can_be_answered_after_a_kill)
{
	begin();
	ue_challenge(&ue);
	edge_crash(1000);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	test_context("what was agreed is still compared: C-056");
	ue_register(&ue, ue.uc_fd, port_ps, auth_response,
		    "Security-Verify: ipsec-3gpp; alg=x\r\n");
	struct sip *s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 494);
	EXPECT_STREQ(sip_header(s, "Security-Server", 0), ue.server);
	sip_free(s);
	test_context("SM7");
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, ue_verify(&ue));
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "yes")); /* the nonce is that of this set */
	core_answer(s, 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

TEST(pcscf, c086_c093_two_sets_keep_their_parts_after_a_kill)
{
	uint16_t before, after;
	begin();
	attach(600);
	EXPECT_TRUE(is_reached(&before));
	int old = ue.uc_fd;
	reauthenticate();
	ue_answer_challenge(&ue, 600);
	edge_crash(1000);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	test_context("the old one carries until the new one is used");
	EXPECT_TRUE(is_reached(&after));
	EXPECT_EQ(after, before);
	from_ue(old);
	sip_free(core_receive());
	EXPECT_EQ(asked.n_deletes, 0);
	from_ue(ue.uc_fd);
	sip_free(core_receive());
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].grace_s, 128);
	test_context("and so it is after another kill, whose time counts");
	edge_crash(100000);
	EXPECT_TRUE(is_reached(&after));
	EXPECT_NE(after, before);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	edge_pass(29000);
	EXPECT_EQ(edge_stat("sets_old"), 0);
	edge_stop();
}

TEST(pcscf, c089_c093_deregistered_ue_is_not_registered_again_by_a_kill)
{
	begin();
	attach(600);
	edge_clock_stands = true;
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	core_answer(core_receive(), 200, ok_headers(&ue, 0));
	EXPECT_EQ(ue_status(ue.us_fd), 0);
	edge_clock_stands = false;
	edge_turn();
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	edge_crash(1000);
	EXPECT_EQ(edge_stat("sets_ending"), 1);
	from_ue(ue.uc_fd);
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	edge_pass(128000);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_crash(1000);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_stop();
}

TEST(pcscf, c093_orphans_in_the_data_plane_are_deleted)
{
	struct ue_sim other;
	begin();
	attach(600);
	edge_remember(); /* what the other UE does from here on is not in the file */
	ue_open(&other, 3, 14001, 14002);
	ue_attach(&other);
	EXPECT_EQ(dataplane_n_sets(), 2);
	edge_crash(1000);
	EXPECT_EQ(dataplane_n_sets(), 1);
	EXPECT_EQ(edge_stat("sets_orphaned"), 1);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[1].registration);
	EXPECT_EQ(edge_stat("ues"), 1);
	from_ue(ue.uc_fd);
	struct sip *s = core_receive();
	EXPECT_TRUE(s != NULL);
	sip_free(s);
	edge_stop();
}

TEST(pcscf, c093_set_that_the_data_plane_has_no_more_is_forgotten_for_good)
{
	begin();
	attach(600);
	dataplane_forget(asked.installs[0].registration);
	edge_crash(1000);
	EXPECT_EQ(edge_stat("ues"), 0);
	edge_turn();
	edge_crash(1000);
	EXPECT_EQ(edge_stat("ues"), 0);
	EXPECT_FALSE(is_reached(NULL));
	edge_stop();
}

TEST(pcscf, c090_c093_set_whose_time_ended_meanwhile_is_not_served)
{
	begin();
	attach(600);
	edge_crash(629000);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	test_context("its registration is over, 30 s before the set");
	from_ue(ue.uc_fd);
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	edge_crash(2000);
	EXPECT_EQ(edge_stat("ues"), 0);
	EXPECT_EQ(dataplane_n_sets(), 0);
	edge_stop();
}

TEST(pcscf, c093_c094_keys_are_not_in_the_state_file)
{
	uint8_t key[16];
	static const char *const keys[] = { IK, CK };
	begin();
	ue_challenge(&ue);
	for (unsigned i = 0; i < 2; i++) {
		test_hex(keys[i], key, sizeof(key));
		EXPECT_FALSE(edge_file_has(key, sizeof(key)));
		EXPECT_FALSE(edge_file_has(keys[i], strlen(keys[i])));
	}
	EXPECT_TRUE(edge_file_has("u@" REALM, strlen("u@" REALM))); /* it was looked at */
	edge_stop();
}

TEST(pcscf, c093_new_file_adopts_what_is_in_the_data_plane_and_keeps_it)
{
	begin();
	attach(600);
	edge_lose_file();
	EXPECT_EQ(edge_stat("sets_old"), 1); /* whose it is, nobody knows */
	EXPECT_EQ(edge_stat("sets_orphaned"), 0);
	EXPECT_TRUE(is_reached(NULL));
	edge_crash(1000);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	EXPECT_EQ(edge_stat("sets_orphaned"), 0);
	EXPECT_TRUE(is_reached(NULL));
	edge_stop();
}
