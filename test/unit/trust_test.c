/* Whose integrity indicator counts: at the registrar and at the I-CSCF. C-046; seed 6.1.5, X.4. */
#include "controlplane/trust.h"

#include <stdio.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/core_lab.h"

#define V1 "AKAv1-MD5"
/* All of loopback is this machine's: addresses to send from. */
#define OWN      "127.0.0.1"
#define LISTED   "127.0.1.9"
#define STRANGER "127.0.0.9"

static char *const listed[] = { (char *)"127.0.1.0/24" };

TEST(trust, c046_peers_are_those_of_the_file_and_the_list)
{
	static char *const several[] = { (char *)"192.0.2.7", (char *)"198.51.100.0/28",
					 (char *)"2001:db8::/32", (char *)"fd00::7" };
	static const struct {
		const char *peer;
		bool listed, absent; /* with the list, and with none */
	} rows[] = {
		{ "203.0.113.1", true, true }, /* P-, I- and S-CSCF of the file */
		{ "203.0.113.2", true, true },     { "2001:db8:1::3", true, true },
		{ "203.0.113.3", false, false },   { "192.0.2.7", true, false },
		{ "192.0.2.6", false, false },     { "198.51.100.15", true, false },
		{ "198.51.100.16", false, false }, { "2001:db8:ffff::1", true, false },
		{ "2001:db9::1", false, false },   { "fd00::7", true, false },
		{ "fd00::8", false, false },       { "127.0.0.1", false, true },
		{ "127.255.0.1", false, true },    { "::1", false, true },
		{ "::2", false, false },
	};
	struct config_pcscf pcscf = { .core_address = (char *)"203.0.113.1" };
	struct config_icscf icscf = { .address = (char *)"203.0.113.2" };
	struct config_scscf scscf = { .address = (char *)"2001:db8:1::3" };
	struct config config = { .pcscf = &pcscf, .icscf = &icscf, .scscf = &scscf };
	struct trust with, without;
	struct address peer;

	ASSERT_EQ(trust_init(&with, &config, several, 4), 0);
	ASSERT_EQ(trust_init(&without, &config, NULL, 0), 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].peer);
		ASSERT_EQ(address_parse(rows[i].peer, 5060, &peer), 0);
		EXPECT_EQ(trust_has(&with, &peer), rows[i].listed);
		EXPECT_EQ(trust_has(&without, &peer), rows[i].absent);
	}
}

TEST(trust, what_is_no_peer_or_too_many_is_refused)
{
	static char *const bad[] = { (char *)"scscf.example", (char *)"192.0.2.1/33",
				     (char *)"192.0.2.1:5060" };
	char *many[TRUST_LISTED + TRUST_CSCFS + 1];
	struct config config = { 0 };
	struct trust t;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		test_context("%s", bad[i]);
		EXPECT_NE(trust_init(&t, &config, &bad[i], 1), 0);
	}
	for (size_t i = 0; i < sizeof(many) / sizeof(many[0]); i++)
		many[i] = (char *)"192.0.2.1";
	EXPECT_EQ(trust_init(&t, &config, many, TRUST_LISTED), 0);
	EXPECT_NE(trust_init(&t, &config, many, TRUST_LISTED + TRUST_CSCFS + 1), 0);
}

/* Both CSCFs with `listed`; the Path of the UE stays what it is when the socket moves. */
static bool begin(struct core_lab *lab, struct ue *ue, char pcscf[static 32])
{
	if (!core_lab_open(lab, 1, V1))
		return false;
	core_lab_trust(lab, listed, 1);
	*ue = ue_new(1, 1);
	snprintf(pcscf, 32, OWN ":%u", lab->port);
	ue->pcscf = pcscf;
	return !test_has_failed();
}

TEST(trust, c046_registrar_believes_the_indicator_of_a_trusted_peer_alone)
{
	static const struct {
		const char *peer;
		int status; /* of a re-registration that says it came protected */
		long disbelieved;
	} rows[] = { { OWN, 200, 0 }, { LISTED, 200, 0 }, { STRANGER, 401, 1 } };
	struct core_lab lab;
	struct ue ue;
	char pcscf[32];

	ASSERT_TRUE(begin(&lab, &ue, pcscf));
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("from %s", rows[i].peer);
		core_lab_move(&lab, rows[i].peer);
		ue.call++;
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), rows[i].status);
		EXPECT_EQ(core_lab_stat(&lab, "indicator_disbelieved"), rows[i].disbelieved);
	}
	test_context("a right response, from a stranger");
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 401);
	EXPECT_EQ(ue.aka, 0);
	EXPECT_EQ(core_lab_stat(&lab, "indicator_disbelieved"), 2);
	test_context("the registration is as it was");
	core_lab_move(&lab, OWN);
	EXPECT_TRUE(ue_is_served(&lab, &ue));
	core_lab_close(&lab);
}

/* The REGISTER that comes back from the I-CSCF, the socket being the S-CSCF that it chooses. */
static struct sip *pass(struct core_lab *lab, struct ue *ue, const char *peer)
{
	static char uri[64];

	core_lab_move(lab, peer);
	snprintf(uri, sizeof(uri), "sip:%s:%u", peer, lab->port);
	lab->icscf_config.scscf = uri;
	ue->via_icscf = true;
	ue->call++;
	return ue_register(lab, ue, UE_NOTHING);
}

TEST(trust, c046_icscf_takes_the_indicator_of_a_stranger_out)
{
	static const struct {
		const char *peer, *indicator;
		const char *goes_on; /* NULL: nothing of it */
	} rows[] = {
		{ OWN, PROTECTED, "integrity-protected=\"yes\"" },
		{ OWN, NOT_PROTECTED, "integrity-protected=\"no\"" },
		{ OWN, "", NULL },
		{ LISTED, PROTECTED, "integrity-protected=\"yes\"" },
		{ STRANGER, PROTECTED, NULL },
		{ STRANGER, NOT_PROTECTED, NULL },
		{ STRANGER, ", Integrity-Protected=yes", NULL },
		{ STRANGER, "", NULL },
	};
	struct core_lab lab;
	struct ue ue;
	char pcscf[32];

	ASSERT_TRUE(begin(&lab, &ue, pcscf));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("from %s: %s", rows[i].peer, rows[i].indicator);
		ue.indicator = rows[i].indicator;
		struct sip *s = pass(&lab, &ue, rows[i].peer);
		ASSERT_TRUE(s != NULL && sip_is(s, "REGISTER"));
		const char *line = sip_header(s, "Authorization", 0);
		ASSERT_TRUE(line != NULL);
		EXPECT_TRUE(strstr(line, "username=\"1@" REALM "\"") != NULL);
		EXPECT_EQ(strcasestr(line, "integrity-protected") != NULL, rows[i].goes_on != NULL);
		if (rows[i].goes_on != NULL)
			EXPECT_TRUE(strstr(line, rows[i].goes_on) != NULL);
		sip_free(s);
	}
	EXPECT_EQ(core_lab_icscf_stat(&lab, "indicator_disbelieved"), 2);
	core_lab_close(&lab);
}

TEST(trust, c046_icscf_leaves_a_stranger_no_other_place_for_an_indicator)
{
	struct core_lab lab;
	struct ue ue;
	struct sip *s;
	char pcscf[32];

	ASSERT_TRUE(begin(&lab, &ue, pcscf));
	ue.extra = "Authorization: Digest realm=\"other\", integrity-protected=\"yes\"\r\n"
		   "Proxy-Authorization: Digest realm=\"" REALM "\", integrity-protected=yes\r\n";
	s = pass(&lab, &ue, STRANGER);
	ASSERT_TRUE(s != NULL && sip_is(s, "REGISTER"));
	ASSERT_TRUE(sip_header(s, "Authorization", 1) != NULL);
	for (unsigned i = 0; i < 2; i++)
		EXPECT_TRUE(strstr(sip_header(s, "Authorization", i), "integrity") == NULL);
	EXPECT_TRUE(strstr(sip_header(s, "Proxy-Authorization", 0), "integrity") == NULL);
	sip_free(s);
	ue.extra = "Proxy-Authorization: Digest username=\"a\", integrity-protected=\"yes\r\n";
	s = pass(&lab, &ue, STRANGER);
	ASSERT_TRUE(s != NULL && !sip_is(s, "REGISTER"));
	EXPECT_EQ(sip_status(s), 400);
	sip_free(s);
	core_lab_close(&lab);
}

TEST(trust, c046_stranger_registers_nobody_through_the_icscf)
{
	struct core_lab lab;
	struct ue ue;
	char pcscf[32];

	ASSERT_TRUE(begin(&lab, &ue, pcscf));
	ue.via_icscf = true;
	core_lab_move(&lab, STRANGER);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), 401);
	ue.indicator = PROTECTED;
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 401);
	EXPECT_EQ(ue.aka, 0);
	EXPECT_EQ(core_lab_stat(&lab, "register_initial"), 0);
	/* the I-CSCF is believed, and has taken it out */
	EXPECT_EQ(core_lab_stat(&lab, "indicator_disbelieved"), 0);
	core_lab_move(&lab, LISTED);
	EXPECT_EQ(ue_register_status(&lab, &ue, UE_RES), 200);
	core_lab_close(&lab);
}
