/* Emergency registration with and without a security agreement: C-145. */
#include "test/shim/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;

/* The UE's REGISTER without an agreement, with parameters of its Contact's URI; sent, and freed. */
static void register_openly(const char *authorization, const char *params)
{
	char *text = ue_register_text(&ue, authorization, false, ""), more[4096];
	char *end = strstr(text, ">;expires=600");
	ASSERT_TRUE(end != NULL);
	snprintf(more, sizeof(more), "%.*s%s%s", (int)(end - text), text, params, end);
	free(text);
	ue_send(&ue, ue.clear, port_clear, more);
}

static const char answer_again[] = "Digest username=\"u@" REALM "\", realm=\"" REALM
				   "\", nonce=\"n2\", uri=\"sip:" REALM "\", response=\"00\"";
static const char challenge_again[] =
	"WWW-Authenticate: Digest realm=\"" REALM "\", nonce=\"n2\", algorithm=AKAv1-MD5, ik=\"" IK
	"\", ck=\"" CK "\"\r\n";

static const char auth_auts[] =
	"Digest username=\"u@" REALM "\", realm=\"" REALM "\", nonce=\"n2\", uri=\"sip:" REALM
	"\", response=\"00\", auts=\"AAAAAAAAAAAAAAAAAAA=\"";

/* The same with an agreement. */
static void register_agreed(const char *authorization, const char *params)
{
	char *text = ue_register_text(&ue, authorization, true, ""), more[4096];
	char *end = strstr(text, ">;expires=600");
	ASSERT_TRUE(end != NULL);
	snprintf(more, sizeof(more), "%.*s%s%s", (int)(end - text), text, params, end);
	free(text);
	ue_send(&ue, ue.clear, port_clear, more);
}

/* The next REGISTER at the core, as one that answers a challenge or as a first one. */
static struct sip *core_hears(bool answers)
{
	struct sip *s = core_receive();
	EXPECT_TRUE(s != NULL);
	if (!s)
		return NULL;
	const char *line = sip_header(s, "Authorization", 0);
	EXPECT_EQ(strstr(line, "response=\"\"") == NULL, answers);
	EXPECT_EQ(strstr(line, "nonce=\"\"") == NULL, answers);
	EXPECT_TRUE(core_hears_protected(s, "no"));
	return s;
}

TEST(pcscf, c145_c057a_emergency_registration_passes_without_agreement_where_the_policy_lets_it)
{
	static const struct {
		const char *policy, *params;
		int status; /* 0: it passes */
	} rows[] = {
		{ "", ";sos", 421 },
		{ "  emergency_registration: protected\n", ";sos", 421 },
		{ "  emergency_registration: unprotected\n", ";sos", 0 },
		{ "  emergency_registration: unprotected\n", ";SOS", 0 },
		{ "  emergency_registration: unprotected\n", ";transport=udp;sos", 0 },
		{ "  emergency_registration: unprotected\n", "", 421 },
		{ "  emergency_registration: unprotected\n", ";sosx", 421 },
		{ "  emergency_registration: unprotected\n", ";x=sos", 421 },
		/* of the header, not of the URI */
		{ "  emergency_registration: unprotected\n", ">;sos;x=<", 421 },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("row %u", i);
		edge_start_with("two-pairs", "no", rows[i].policy);
		ue_open(&ue, 2, 14001, 14002);
		register_openly(auth_initial, rows[i].params);
		struct sip *s = core_receive();
		EXPECT_EQ(s == NULL, rows[i].status != 0);
		if (s)
			EXPECT_TRUE(core_hears_protected(s, "no"));
		else
			EXPECT_EQ(ue_status(ue.clear), rows[i].status);
		sip_free(s);
		EXPECT_EQ(edge_stat("emergency_unprotected"), rows[i].status == 0);
		edge_stop();
	}
}

TEST(pcscf, c145_emergency_registration_in_the_clear_is_challenged_and_registers_nothing_else)
{
	edge_start_with("two-pairs", "no", "  emergency_registration: unprotected\n");
	ue_open(&ue, 2, 14001, 14002);
	register_openly(auth_initial, ";sos");
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue.clear, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	EXPECT_TRUE(strstr(sip_header(s, "WWW-Authenticate", 0), "nonce=\"n1\"") != NULL);
	EXPECT_TRUE(sip_header(s, "Security-Server", 0) == NULL);
	sip_free(s);
	EXPECT_EQ(asked.n_installs, 0);
	register_openly(auth_response, ";sos");
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(core_hears_protected(s, "no")); /* the registrar's policy is its own */
	core_answer(s, 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.clear), 200);
	EXPECT_EQ(edge_stat("ues"), 0);
	test_context("what is no emergency is as ever: no 200 without protection");
	ue_register(&ue, ue.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.clear), 500);
	edge_stop();
}

TEST(pcscf, c145_emergency_registration_with_an_agreement_gets_its_sas)
{
	edge_start_with("two-pairs", "no", "  emergency_registration: unprotected\n");
	ue_open(&ue, 2, 14001, 14002);
	register_agreed(auth_initial, ";sos");
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue.clear, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
	EXPECT_EQ(asked.n_installs, 1);
	EXPECT_EQ(edge_stat("emergency_unprotected"), 0);
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

/* Who has agreed on SAs answers over them, for the registrar might take it in the clear. */
TEST(pcscf, c145_c036b_answer_in_the_clear_to_a_challenge_with_sas_is_a_first_register)
{
	static const char *const policies[] = { "  emergency_registration: unprotected\n", "" };
	for (unsigned i = 0; i < 2; i++) {
		test_context("policy %u", i);
		edge_start_with("two-pairs", "no", policies[i]);
		ue_open(&ue, 2, 14001, 14002);
		register_agreed(auth_initial, ";sos");
		core_answer(core_hears(false), 401, challenge_headers);
		EXPECT_EQ(ue_status(ue.clear), 401);
		register_agreed(auth_response, ";sos");
		core_answer(core_hears(false), 401, challenge_again);
		struct sip *s = ue_receive(ue.clear, NULL);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), 401);
		EXPECT_TRUE(sip_header(s, "Security-Server", 0) != NULL);
		sip_free(s);
		EXPECT_EQ(edge_stat("sets_temporary"), 1);
		EXPECT_EQ(edge_stat("emergency_unprotected"), 0);
		test_context("no emergency: the registrar does not judge it, C-036 (b)");
		register_agreed(auth_response, "");
		sip_free(core_hears(true));
		test_context("a resynchronisation is heard from anywhere, C-036 (a)");
		register_agreed(auth_auts, ";sos");
		sip_free(core_hears(true));
		edge_stop();
	}
}

/* He is not to be kept from registering, but that begins anew. */
TEST(pcscf, c145_c036b_who_gives_up_his_agreement_is_challenged_without_one)
{
	edge_start_with("two-pairs", "no", "  emergency_registration: unprotected\n");
	ue_open(&ue, 2, 14001, 14002);
	register_agreed(auth_initial, ";sos");
	core_answer(core_hears(false), 401, challenge_headers);
	EXPECT_EQ(ue_status(ue.clear), 401);
	register_openly(auth_response, ";sos");
	core_answer(core_hears(false), 401, challenge_again);
	struct sip *s = ue_receive(ue.clear, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	EXPECT_TRUE(sip_header(s, "Security-Server", 0) == NULL);
	sip_free(s);
	register_openly(answer_again, ";sos");
	core_answer(core_hears(true), 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.clear), 200);
	EXPECT_EQ(edge_stat("sets_established"), 0);
	edge_stop();
}
