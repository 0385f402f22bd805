/*
 * The P-CSCF among attackers who forge a victim's address and IMPI, or know many: TS 33.203 7.4,
 * C-062 and C-146; and C-025, one set for several identities.
 */
#include "test/shim/test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/address.h"
#include "controlplane/txn.h"
#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;

static void begin(void)
{
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
}

static void replace(char *text, const char *what, const char *by)
{
	char *at = strstr(text, what);
	ASSERT_TRUE(at != NULL && strlen(what) == strlen(by));
	memcpy(at, by, strlen(by));
}

/* An SM1 as if from the UE, with its IMPI, another port_uc and the Call-ID of an attacker's call.
 */
static int forge(uint16_t uc, char call)
{
	char call_id[] = "Call-ID: ?";
	struct ue_sim forged = ue;
	forged.uc = uc;
	forged.spi_c += uc;
	forged.spi_s += uc;
	char *text = ue_register_text(&forged, auth_initial, true, "");
	ue.n_sent = forged.n_sent;
	call_id[9] = call;
	replace(text, "Call-ID: c", call_id);
	ue_send(&ue, ue.clear, port_clear, text);
	free(text);
	struct sip *s = core_receive();
	if (s)
		core_answer(s, 401, challenge_headers);
	return ue_status(ue.clear);
}

TEST(pcscf_flood, c062_victim_in_the_middle_is_not_disturbed_by_its_own_forged_address)
{
	begin();
	ue_challenge(&ue);
	EXPECT_EQ(forge(15001, 'A'), 401);
	EXPECT_EQ(forge(15002, 'B'), 401);
	EXPECT_EQ(edge_stat("sets_temporary"), 3);
	test_context("three sets are the most: C-054");
	EXPECT_EQ(forge(15003, 'C'), 503);
	test_context("of one attempt the next challenge ends the former set: C-083 (b)");
	EXPECT_EQ(forge(15004, 'B'), 401);
	EXPECT_EQ(edge_stat("sets_temporary"), 3);
	ASSERT_EQ(asked.n_deletes, 1);
	EXPECT_EQ(asked.deletes[0].registration, asked.installs[2].registration);
	test_context("the tuple of the victim's set is taken: C-053 (b)");
	EXPECT_EQ(forge(14001, 'D'), 400);
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("sets_temporary"), 0);
	edge_stop();
}

TEST(pcscf_flood, c146a_stranger_is_an_ipv4_address_or_the_64_of_an_ipv6_one)
{
	static const struct {
		const char *one, *other;
		bool is_same;
	} rows[] = {
		{ "192.0.2.1", "192.0.2.1", true },
		{ "192.0.2.1", "192.0.2.2", false },
		{ "2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true },
		{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
		{ "2001:db8::1", "32.1.13.184", false }, /* the same first bytes */
	};
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct address one, other;
		test_context("%s and %s", rows[i].one, rows[i].other);
		ASSERT_EQ(address_parse(rows[i].one, 5060, &one), 0);
		ASSERT_EQ(address_parse(rows[i].other, 5070, &other), 0);
		one = address_source(&one);
		other = address_source(&other);
		EXPECT_EQ(address_equal(&one, &other), rows[i].is_same);
	}
}

TEST(pcscf_flood, c062_forged_attempts_give_way_after_16_s)
{
	begin();
	for (unsigned i = 0; i < 3; i++)
		EXPECT_EQ(forge((uint16_t)(15001 + i), (char)('A' + i)), 401);
	edge_pass(15900);
	EXPECT_EQ(forge(15009, 'Z'), 503);
	edge_pass(100);
	ue_attach(&ue);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	test_context("and a tuple that one of them has");
	EXPECT_EQ(forge(15001, 'A'), 401);
	edge_pass(16000);
	EXPECT_EQ(forge(15001, 'B'), 401);
	edge_stop();
}

TEST(pcscf_flood, c062_registered_victim_is_neither_cut_off_nor_kept_from_authenticating)
{
	char old_verify[1100];
	begin();
	ue_attach(&ue);
	EXPECT_EQ(forge(15001, 'A'), 401);
	EXPECT_EQ(forge(15002, 'B'), 401);
	EXPECT_EQ(forge(15003, 'C'), 503);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	test_context("a challenge over its SA ends the strangers' attempts at any age");
	int old = ue.uc_fd;
	snprintf(old_verify, sizeof(old_verify), "%s", ue_verify(&ue));
	ue_renew(&ue, 14003);
	ue_register(&ue, old, port_ps, auth_initial, old_verify);
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	test_context("and no forged one ends its own, nor the old set when the new one stands");
	EXPECT_EQ(forge(15001, 'A'), 401);
	EXPECT_EQ(forge(15002, 'B'), 503);
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	EXPECT_EQ(forge(15003, 'D'), 401);
	EXPECT_EQ(forge(15004, 'E'), 503);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	edge_stop();
}

/* Another IMPI at the UE's address, as many UEs behind one. */
static int ask_as(struct ue_sim *u, unsigned n)
{
	char authorization[256];
	struct ue_sim other = *u;
	snprintf(authorization, sizeof(authorization),
		 "Digest username=\"n%u@" REALM "\", realm=\"" REALM "\", uri=\"sip:" REALM
		 "\", nonce=\"\", response=\"\"",
		 n);
	other.uc = (uint16_t)(20000 + 2 * n);
	other.us = (uint16_t)(20001 + 2 * n);
	other.spi_c += other.uc;
	other.spi_s += other.uc;
	char *text = ue_register_text(&other, authorization, true, "");
	u->n_sent = other.n_sent;
	ue_send(u, u->clear, port_clear, text);
	free(text);
	struct sip *s = core_receive();
	if (s)
		core_answer(s, 401, challenge_headers);
	return ue_status(u->clear);
}

TEST(pcscf_flood, c146a_registers_of_one_address_are_limited_and_others_are_not)
{
	unsigned n_refused = 0;
	struct ue_sim other;
	begin();
	ue_attach(&ue);
	ue_open(&other, 3, 14001, 14002);
	for (unsigned i = 0; i < 200; i++)
		n_refused += ask_as(&other, i) == 503;
	EXPECT_EQ(n_refused, 100);
	EXPECT_EQ(edge_stat("register_throttled"), 100);
	test_context("who has an SA is no stranger");
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, ue_verify(&ue));
	core_answer(core_receive(), 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.us_fd), 200);
	test_context("nor does another address feel it");
	struct ue_sim third;
	ue_open(&third, 4, 14001, 14002);
	ue_attach(&third);
	EXPECT_EQ(edge_stat("sets_established"), 2);
	test_context("ten come back a second");
	edge_pass(1000);
	n_refused = 0;
	for (unsigned i = 300; i < 320; i++)
		n_refused += ask_as(&other, i) == 503;
	EXPECT_EQ(n_refused, 10);
	edge_stop();
}

TEST(pcscf_flood, c146a_sets_of_strangers_leave_half_of_the_sas_to_others)
{
	struct ue_sim second;
	begin(); /* 1024 SAs: 128 sets of four for those who have not answered */
	ue_attach(&ue);
	ue_open(&second, 3, 14001, 14002);
	for (unsigned i = 0; i < 70; i++) {
		EXPECT_EQ(ask_as(&ue, i), i < 64 ? 401 : 503);
		EXPECT_EQ(ask_as(&second, 100 + i), i < 64 ? 401 : 503);
	}
	EXPECT_EQ(edge_stat("sets_temporary"), 128);
	EXPECT_EQ(edge_stat("challenge_crowded"), 12);
	test_context("who asks over an SA is challenged as ever");
	char old_verify[1100];
	snprintf(old_verify, sizeof(old_verify), "%s", ue_verify(&ue));
	int old = ue.uc_fd;
	ue_renew(&ue, 14003);
	ue_register(&ue, old, port_ps, auth_initial, old_verify);
	core_answer(core_receive(), 401, challenge_headers);
	EXPECT_EQ(ue_status(ue.us_fd), 401);
	edge_stop();
}

TEST(pcscf_flood, c146a_refused_strangers_leave_no_transaction)
{
	begin();
	for (unsigned i = 0; i < 50; i++) {
		ue_register(&ue, ue.clear, port_clear, auth_initial, "");
		core_answer(core_receive(), 403, "");
		EXPECT_EQ(ue_status(ue.clear), 403);
	}
	edge_pass(6000); /* T4 of Mw: the client's half */
	EXPECT_EQ(edge_stat("txn"), 0);
	edge_stop();
}

/* A REGISTER for another identity of the UE's over its set, answered without a challenge. */
static void register_another(const char *user)
{
	char to[64];
	char *text = ue_register_text(&ue, auth_initial, true, ue_verify(&ue));
	snprintf(to, sizeof(to), "To: <sip:%s@", user);
	replace(text, "To: <sip:u@", to);
	ue_send(&ue, ue.uc_fd, port_ps, text);
	free(text);
	core_answer(core_receive(), 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.us_fd), 200);
}

TEST(pcscf_flood, c025_several_identities_have_one_sa_set)
{
	begin();
	ue_attach(&ue);
	register_another("v");
	register_another("w");
	EXPECT_EQ(asked.n_installs, 1);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(edge_stat("sets_old"), 0);
	EXPECT_EQ(edge_stat("ues"), 1);
	edge_stop();
}

/* A request over the UE's SA, with a body of so many bytes; returns the status of its answer. */
static int ask(struct ue_sim *u, const char *method, const char *uri, unsigned n_body)
{
	static char text[65536];
	int n = snprintf(text, sizeof(text),
			 "%s %s SIP/2.0\r\nVia: SIP/2.0/UDP %s:%u;branch=z9hG4bKf%u\r\n"
			 "Max-Forwards: 70\r\nFrom: <sip:u@" REALM ">;tag=1\r\n"
			 "To: <sip:v@" REALM ">\r\nCall-ID: f\r\nCSeq: 1 %s\r\n\r\n",
			 method, uri, u->host, u->us, ++u->n_sent, method);
	memset(text + n, 'x', n_body);
	text[(unsigned)n + n_body] = '\0';
	ue_send(u, u->uc_fd, port_ps, text);
	return ue_status(u->us_fd);
}

/* The P-CSCF itself: 200, and the core hears nothing. */
static int ask_us(struct ue_sim *u)
{
	char uri[64];
	snprintf(uri, sizeof(uri), "sip:127.0.0.1:%u", port_ps);
	return ask(u, "OPTIONS", uri, 0);
}

/* Each stays for 128 s, and all UEs share the table. */
TEST(pcscf_flood, c146a_transactions_of_one_ue_are_limited_and_others_are_not)
{
	enum { N = TXN_ACCOUNT_BYTES / TXN_BYTES };
	struct ue_sim other;
	begin();
	ue_open(&other, 3, 14001, 14002);
	ue_attach(&ue);
	ue_attach(&other);
	unsigned n = 0;
	while (n <= N && ask_us(&ue) == 200)
		n++;
	EXPECT_GE(n, N - 4); /* less its registration's, and room for a request */
	EXPECT_LE(n, N);
	test_context("what does not come to a role counts, too");
	EXPECT_EQ(ask(&ue, "CANCEL", "sip:v@" REALM, 0), 503);
	test_context("others are heard");
	EXPECT_EQ(ask_us(&other), 200);
	EXPECT_EQ(edge_stat("request_refused"), 2);
	test_context("and so is it, when what it began has ended");
	edge_pass(130000);
	EXPECT_EQ(ask_us(&ue), 200);
	edge_stop();
}

/* With a core that is silent, each is held with its copies. */
TEST(pcscf_flood, c146a_long_requests_of_one_ue_are_limited_by_what_they_hold)
{
	enum { BODY = 50000, N = TXN_ACCOUNT_BYTES / BODY };
	begin();
	ue_attach(&ue);
	unsigned n = 0;
	while (n <= N && ask(&ue, "MESSAGE", "sip:v@" REALM, BODY) == 0)
		n++;
	EXPECT_GE(n, N * 9 / 10);
	EXPECT_LE(n, N);
	test_context("answered, they hold little");
	edge_pass(40000); /* by timer F */
	while (ue_status(ue.us_fd))
		;
	EXPECT_EQ(ask(&ue, "MESSAGE", "sip:v@" REALM, BODY), 0);
	EXPECT_EQ(edge_stat("request_refused"), 1);
	edge_stop();
}
