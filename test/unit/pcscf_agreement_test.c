/* The agreement and the SA sets at their edges: what the rows C-042 … C-092 say beyond one flow. */
#include "test/shim/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;

static void begin_with(const char *indicator)
{
	edge_start("two-pairs", indicator);
	ue_open(&ue, 2, 14001, 14002);
}

static void begin(void)
{
	begin_with("no");
}

/* A re-authentication over the set of socket `over`; the UE has the new port_uc then. */
static void challenge_over(int over, const char *verify_line)
{
	char line[1100];
	snprintf(line, sizeof(line), "%s", verify_line);
	ue_renew(&ue, (uint16_t)(ue.uc + 2));
	ue_register(&ue, over, port_ps, auth_initial, line);
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
}

static int reauthenticate(void)
{
	int old = ue.uc_fd;
	challenge_over(old, ue_verify(&ue));
	return old;
}

/* Sends a REGISTER; what Mw hears of its protection: "yes", "no", "" (nothing), or NULL. */
static const char *heard(int fd, uint16_t port, const char *authorization, const char *more)
{
	static char value[16];
	ue_register(&ue, fd, port, authorization, more);
	struct sip *s = core_receive();
	if (!s)
		return NULL;
	const char *at = strstr(sip_header(s, "Authorization", 0), "integrity-protected=\"");
	value[0] = '\0';
	if (at)
		sscanf(at, "integrity-protected=\"%15[^\"]", value);
	sip_free(s);
	return value;
}

/* WIRE 11, all rows; the UE says "yes" of itself in each. */
TEST(pcscf, c042_c043_c044_c045_every_row_of_the_truth_table_in_both_styles)
{
	static const char initial[] = "Digest username=\"u@" REALM "\", realm=\"" REALM
				      "\", nonce=\"\", response=\"\", integrity-protected=\"yes\"";
	static const char response[] = "Digest integrity-protected=yes, username=\"u@" REALM
				       "\", realm=\"" REALM "\", nonce=\"n1\", response=\"00\"";
	static const char *const styles[][2] = { { "no", "no" }, { "nothing", "" } };
	for (unsigned i = 0; i < 2; i++) {
		const char *none = styles[i][1];
		char first[1100];
		begin_with(styles[i][0]);
		test_context("%s: rows 7 and 6, protected by nothing", styles[i][0]);
		EXPECT_STREQ(heard(ue.clear, port_clear, initial, ""), none);
		EXPECT_STREQ(heard(ue.clear, port_clear, response, ""), none);
		ue_challenge(&ue);
		snprintf(first, sizeof(first), "%s", ue_verify(&ue));
		test_context("%s: rows 5 and 1, on the temporary set", styles[i][0]);
		EXPECT_STREQ(heard(ue.uc_fd, port_ps, initial, first), none);
		EXPECT_STREQ(heard(ue.uc_fd, port_ps, response, first), "yes");
		ue_answer_challenge(&ue, 600);
		test_context("%s: row 3, on the latest set", styles[i][0]);
		EXPECT_STREQ(heard(ue.uc_fd, port_ps, initial, first), "yes");
		int old = reauthenticate();
		test_context("%s: row 2, the answer to the challenge on the set before",
			     styles[i][0]);
		EXPECT_STREQ(heard(old, port_ps, response, first), none);
		test_context("%s: row 5 again, an established set beside it", styles[i][0]);
		EXPECT_STREQ(heard(ue.uc_fd, port_ps, initial, ue_verify(&ue)), none);
		ue_answer_challenge(&ue, 600);
		test_context("%s: rows 4 and 2, on the set that is old now", styles[i][0]);
		uint16_t in_use = ue.uc; /* an offer has another port_uc, C-091 */
		ue.uc = 14009;
		EXPECT_STREQ(heard(old, port_ps, initial, first), none);
		EXPECT_STREQ(heard(old, port_ps, response, first), none);
		ue.uc = in_use;
		EXPECT_STREQ(heard(ue.uc_fd, port_ps, initial, ue_verify(&ue)), "yes");
		edge_stop();
	}
}

/* C-045 for what is no REGISTER: nobody asks there, and nobody is to find it. */
TEST(pcscf, c045_no_request_of_a_ue_carries_an_indicator)
{
	static const char *const lines[] = {
		"Authorization: Digest username=\"u\", integrity-protected=\"yes\"\r\n",
		"Authorization: Digest username=\"u\",\r\n\tIntegrity-Protected = yes\r\n",
		"Authorization: Digest a=\"b\"\r\nauthorization:Digest "
		"INTEGRITY-PROTECTED=\"yes\"\r\n",
		"Proxy-Authorization: Digest username=\"u\", integrity-protected=\"yes\"\r\n",
	};
	char text[2048];
	begin();
	ue_attach(&ue);
	for (unsigned i = 0; i < sizeof(lines) / sizeof(lines[0]); i++) {
		test_context("%s", lines[i]);
		snprintf(text, sizeof(text),
			 "MESSAGE sip:v@" REALM " SIP/2.0\r\n"
			 "Via: SIP/2.0/UDP %s:14002;branch=z9hG4bKi%u\r\nFrom: <sip:u@" REALM
			 ">;tag=1\r\nTo: <sip:v@" REALM ">\r\nCall-ID: i%u\r\nCSeq: 1 MESSAGE\r\n"
			 "Max-Forwards: 70\r\n%s\r\n",
			 ue.host, i, i, lines[i]);
		ue_send(&ue, ue.uc_fd, port_ps, text);
		struct sip *s = core_receive();
		ASSERT_TRUE(s != NULL);
		for (unsigned h = 0; h < 2; h++)
			for (unsigned n = 0; n < 2; n++) {
				const char *line = sip_header(
					s, h ? "Proxy-Authorization" : "Authorization", n);
				EXPECT_TRUE(!line || !strcasestr(line, "integrity"));
			}
		EXPECT_TRUE(sip_header(s, i == 3 ? "Proxy-Authorization" : "Authorization", 0));
		sip_free(s);
	}
	edge_stop();
}

/* RFC 3329 2.2 and RFC 3261 7.3.1: one list, on however many lines and with whatever blanks. */
TEST(pcscf, c056_agreed_list_may_come_back_on_several_lines)
{
	begin();
	ue_challenge(&ue);
	char line[2048], *comma = strstr(ue.server, ", ");
	ASSERT_TRUE(comma != NULL);
	snprintf(line, sizeof(line), "Security-Verify:\t%.*s\r\nSecurity-Verify: \r\n  %s\r\n",
		 (int)(comma - ue.server), ue.server, comma + 2);
	EXPECT_STREQ(heard(ue.uc_fd, port_ps, auth_response, line), "yes");
	test_context("in another order");
	snprintf(line, sizeof(line), "Security-Verify: %s, %.*s\r\n", comma + 2,
		 (int)(comma - ue.server), ue.server);
	EXPECT_TRUE(heard(ue.uc_fd, port_ps, auth_response, line) == NULL);
	EXPECT_EQ(ue_status(ue.us_fd), 494);
	edge_stop();
}

/* The answers say in words what they are: RFC 3329 2.5. */
TEST(pcscf, c057_refusals_have_their_phrases)
{
	static const struct {
		const char *headers;
		int status;
		const char *phrase;
	} rows[] = {
		{ "", 421, "Extension Required" },
		{ "Supported: sec-agree\r\n", 494, "Security Agreement Required" },
		{ "Via: SIP/2.0/UDP 127.0.0.9\r\n", 502, "Bad Gateway" },
	};
	begin();
	for (unsigned i = 0; i < 3; i++) {
		test_context("%d", rows[i].status);
		char *text = ue_register_text(&ue, auth_initial, false, rows[i].headers);
		ue_send(&ue, ue.clear, port_clear, text);
		free(text);
		struct sip *s = ue_receive(ue.clear, NULL);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), rows[i].status);
		EXPECT_STREQ(sip_reason(s), rows[i].phrase);
		sip_free(s);
	}
	edge_stop();
}

/* A single pair has an SPI that nothing is sent with: it is nobody else's all the same. */
TEST(pcscf, c052_single_pair_names_an_spi_that_the_ue_does_not_have)
{
	edge_start("single-pair", "no");
	ue_open(&ue, 2, 14001, 14002);
	/* The data plane of the test begins with 0x10000: all that lie next to it. */
	ue.spi_c = 0x10001;
	ue.spi_s = 0x10002;
	ue_challenge(&ue);
	unsigned spi_c = 0, spi_s = 0;
	const char *at = strstr(ue.server, "spi-c=");
	ASSERT_TRUE(at != NULL);
	EXPECT_EQ(sscanf(at, "spi-c=%u; spi-s=%u;", &spi_c, &spi_s), 2);
	EXPECT_EQ(spi_s, 0x10000);
	EXPECT_NE(spi_c, spi_s);
	EXPECT_NE(spi_c, ue.spi_c);
	EXPECT_NE(spi_c, ue.spi_s);
	EXPECT_GE(spi_c, 256);
	edge_stop();
}

TEST(pcscf, c053b_another_user_at_the_same_address_and_port_is_refused)
{
	static const char other[] = "Digest username=\"w@" REALM "\", nonce=\"\", response=\"\"";
	begin();
	ue_challenge(&ue);
	for (unsigned i = 0; i < 2; i++) {
		test_context("%s", i ? "established" : "temporary");
		EXPECT_TRUE(heard(ue.clear, port_clear, other, "") == NULL);
		EXPECT_EQ(ue_status(ue.clear), 400);
		EXPECT_EQ(edge_stat("register_port_in_use"), i + 1);
		if (!i)
			ue_answer_challenge(&ue, 600);
	}
	test_context("another port is another set");
	ue_renew(&ue, 14003);
	EXPECT_STREQ(heard(ue.clear, port_clear, other, ""), "no");
	edge_stop();
}

/* Sets that are in the data plane, by what it was asked. */
static unsigned n_living(void)
{
	unsigned n = 0;
	for (unsigned i = 0; i < asked.n_installs; i++) {
		bool gone = false;
		for (unsigned d = 0; d < asked.n_deletes; d++)
			gone = gone ||
			       (asked.deletes[d].grace_s == 0 &&
				asked.deletes[d].registration == asked.installs[i].registration);
		n += !gone;
	}
	return n;
}

/* TS 33.203 7.1 NOTE 13: six SAs in each direction, two a set, whatever the UE begins. */
TEST(pcscf, c054_never_more_than_three_sets_are_in_the_data_plane)
{
	char first[1100];
	begin();
	ue_attach(&ue);
	int over = ue.uc_fd;
	snprintf(first, sizeof(first), "%s", ue_verify(&ue));
	for (unsigned i = 0; i < 4; i++) {
		test_context("challenge %u over the first set, not answered", i);
		challenge_over(over, first);
		EXPECT_LE(n_living(), 3);
	}
	for (unsigned i = 0; i < 3; i++) {
		test_context("authentication %u from the clear beside it", i);
		ue_renew(&ue, (uint16_t)(ue.uc + 2));
		ue_challenge(&ue);
		EXPECT_LE(n_living(), 3);
	}
	ue_answer_challenge(&ue, 600);
	for (unsigned i = 0; i < 3; i++) {
		test_context("authentication %u over the latest set", i);
		reauthenticate();
		EXPECT_LE(n_living(), 3);
		ue_answer_challenge(&ue, 600);
		EXPECT_LE(n_living(), 3);
	}
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

/* TS 33.203 7.4.2a: no new set ends before an old one would have. */
TEST(pcscf, c084_lifetime_is_the_longest_of_the_old_and_the_new_one)
{
	begin();
	ue_challenge(&ue);
	ue_answer_challenge(&ue, 3600);
	ASSERT_EQ(asked.n_updates, 1);
	EXPECT_EQ(asked.updates[0].lifetime_s, 3630);
	edge_pass(1000000);
	reauthenticate();
	ue_answer_challenge(&ue, 600);
	ASSERT_EQ(asked.n_updates, 2);
	EXPECT_EQ(asked.updates[1].registration, asked.installs[1].registration);
	EXPECT_EQ(asked.updates[1].lifetime_s, 2630);
	edge_pass(1000000);
	reauthenticate();
	ue_answer_challenge(&ue, 7200);
	ASSERT_EQ(asked.n_updates, 3);
	EXPECT_EQ(asked.updates[2].lifetime_s, 7230);
	edge_stop();
}

/* C-086 (a): or near expiry. Nobody used the new set, and the old one ends all the same. */
TEST(pcscf, c086_c090_old_set_ends_in_its_time_though_the_new_one_is_never_used)
{
	begin();
	ue_attach(&ue);
	edge_pass(500000);
	reauthenticate();
	ue_answer_challenge(&ue, 3600);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	edge_pass(129000);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	edge_pass(2000);
	EXPECT_EQ(edge_stat("sets_old"), 0);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

/* TS 33.203 7.4: what does not change is kept, and what has to change is not kept. */
TEST(pcscf, c091_of_four_ports_a_new_authentication_changes_two)
{
	begin();
	ue_attach(&ue);
	for (unsigned i = 0; i < 3; i++) {
		reauthenticate();
		ue_answer_challenge(&ue, 600);
		const struct api_set *before = &asked.installs[i], *after = &asked.installs[i + 1];
		for (unsigned j = 0; j < API_SET_SAS; j++) {
			const struct api_sa *a = &before->sa[j], *b = &after->sa[j];
			bool at_ps = a->local_port == port_ps;
			test_context("set %u, SA %u", i, j);
			EXPECT_EQ(a->direction, b->direction);
			EXPECT_EQ(a->local_port == b->local_port, at_ps);
			EXPECT_EQ(a->peer_port == b->peer_port, !at_ps);
		}
	}
	test_context("an offer with the port_uc in use is not challenged");
	unsigned n = asked.n_installs;
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	core_answer(core_receive(), 401, challenge_headers);
	EXPECT_EQ(ue_status(ue.us_fd), 400);
	EXPECT_EQ(asked.n_installs, n);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_stop();
}

/* What is answered before the SAs' end is answered in them: the 200 leaves port_pc. */
TEST(pcscf, c089_answer_to_a_deregistration_leaves_in_the_sas_whenever_it_is_asked_for_again)
{
	uint16_t from;
	begin();
	ue_attach(&ue);
	char *text = ue_register_text(&ue, auth_initial, true, ue_verify(&ue));
	ue_send(&ue, ue.uc_fd, port_ps, text);
	core_answer(core_receive(), 200, "");
	for (unsigned i = 0; i < 3; i++) {
		test_context("repetition %u", i);
		struct sip *s = ue_receive(ue.us_fd, &from);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), 200);
		EXPECT_GE(from, port_pc_first);
		EXPECT_EQ(ue_status(ue.clear), 0);
		sip_free(s);
		edge_pass(30000);
		ue_send(&ue, ue.uc_fd, port_ps, text);
	}
	free(text);
	edge_stop();
}

/* Seed 6.1: further identities of a UE are registered over the set that there is. */
TEST(pcscf, c025_three_identities_have_one_active_set)
{
	static const char *const users[] = { "second", "third" };
	begin();
	ue_attach(&ue);
	for (unsigned i = 0; i < 2; i++) {
		char text[4096];
		test_context("%s", users[i]);
		char *first = ue_register_text(&ue, auth_initial, true, ue_verify(&ue));
		char *to = strstr(first, "To: <sip:u@");
		ASSERT_TRUE(to != NULL);
		snprintf(text, sizeof(text), "%.*sTo: <sip:%s@%s", (int)(to - first), first,
			 users[i], to + strlen("To: <sip:u@"));
		free(first);
		ue_send(&ue, ue.uc_fd, port_ps, text);
		struct sip *s = core_receive();
		ASSERT_TRUE(s != NULL);
		EXPECT_TRUE(strstr(sip_header(s, "Authorization", 0),
				   "integrity-protected=\"yes\"") != NULL);
		snprintf(text, sizeof(text),
			 "Contact: <sip:%s:%u>;expires=600\r\nP-Associated-URI: <sip:%s@" REALM
			 ">\r\nService-Route: <sip:orig@127.0.0.1;lr>\r\n",
			 ue.host, ue.us, users[i]);
		core_answer(s, 200, text);
		EXPECT_EQ(ue_status(ue.us_fd), 200);
		EXPECT_EQ(asked.n_installs, 1);
		EXPECT_EQ(edge_stat("sets_established"), 1);
	}
	test_context("a new authentication of any of them makes a new set active, and one alone");
	reauthenticate();
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("ues"), 1);
	edge_stop();
}
