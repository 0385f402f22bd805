#include "controlplane/screen.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/credentials.h"
#include "controlplane/sip.h"
#include "test/shim/test.h"

#define HEAD                                                                                       \
	"REGISTER sip:home SIP/2.0\r\n"                                                            \
	"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n"                                      \
	"From: <sip:u@home>;tag=1\r\nTo: <sip:u@home>\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"

__attribute__((constructor)) static void start(void)
{
	sip_init();
}

static struct sip *message(const char *head, const char *headers)
{
	char text[16384];
	struct sip *s = NULL;
	int n = snprintf(text, sizeof(text), "%s%s\r\n", head, headers);
	EXPECT_EQ(sip_parse(text, (size_t)n, &s), 0);
	return s;
}

static bool printed_has(const struct sip *s, const char *needle)
{
	char *text;
	size_t n;
	EXPECT_EQ(sip_print(s, &text, &n), 0);
	char *copy = strndup(text, n);
	bool has = strcasestr(copy, needle) != NULL;
	free(copy);
	free(text);
	return has;
}

TEST(screen, c042_c043_c044_truth_table_of_6_1_5)
{
	static const struct {
		bool has_response;
		enum screen_protection by;
		bool is_protected;
	} rows[] = {
		{ true, SCREEN_TEMPORARY, true },     /* 1: C-042 a */
		{ true, SCREEN_OTHER, false },        /* 2: C-043 a */
		{ true, SCREEN_LATEST, false },       /* 2: any set but that of the challenge */
		{ false, SCREEN_LATEST, true },       /* 3: C-042 b */
		{ false, SCREEN_OTHER, false },       /* 4: C-043 b */
		{ false, SCREEN_TEMPORARY, false },   /* 5: C-043 c */
		{ true, SCREEN_UNPROTECTED, false },  /* 6: C-044 */
		{ false, SCREEN_UNPROTECTED, false }, /* 7: C-044 */
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("row %u", i);
		EXPECT_EQ(screen_is_protected(rows[i].has_response, rows[i].by),
			  rows[i].is_protected);
	}
}

TEST(screen, c045_indicator_of_the_ue_never_survives)
{
	static const char *const spellings[] = {
		"Authorization: Digest username=\"a\", integrity-protected=\"yes\"\r\n",
		"Authorization: Digest username=\"a\", Integrity-Protected=yes\r\n",
		"authorization: Digest INTEGRITY-PROTECTED=\"yes\",username=\"a\"\r\n",
		"AUTHORIZATION : Digest username=\"a\",integrity-protected = \"yes\"\r\n",
		"Authorization: Digest username=\"a\",\r\n integrity-protected=\r\n \"yes\"\r\n",
		"Authorization: Digest username=\"a\",\r\n\tintegrity-protected=\"y\\es\"\r\n",
		"Authorization: Digest username=\"a\"\r\n"
		"Authorization: Digest username=\"b\", integrity-protected=\"yes\"\r\n",
		"Proxy-Authorization: Digest username=\"a\", integrity-protected=\"yes\"\r\n",
	};
	for (unsigned i = 0; i < sizeof(spellings) / sizeof(spellings[0]); i++) {
		test_context("%s", spellings[i]);
		struct sip *s = message(HEAD, spellings[i]);
		ASSERT_EQ(screen_set_indicator(s, SCREEN_NOTHING), 0);
		EXPECT_FALSE(printed_has(s, "integrity-protected"));
		EXPECT_TRUE(printed_has(s, "username=\"a\""));
		ASSERT_EQ(screen_set_indicator(s, SCREEN_NO), 0);
		EXPECT_FALSE(printed_has(s, "\"yes\""));
		sip_free(s);
	}
}

TEST(screen, c045_credentials_that_cannot_be_read_do_not_pass)
{
	static const char *const bad[] = {
		"Authorization: Digest username=\"a\", integrity-protected=\"yes\r\n",
		"Authorization: Digest a=\"b\"; integrity-protected=\"yes\"\r\n",
		"Authorization: Digest integrity-protected=\"no\", integrity-protected=\"yes\"\r\n",
		"Authorization: Digest username=\"a\", Digest integrity-protected=\"yes\"\r\n",
		"Authorization: Digest username=\"a\", x;integrity-protected=\"yes\"\r\n",
		"Authorization: Digest username=\"a\", \\integrity-protected=\"yes\"\r\n",
		"Authorization: \r\n",
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		test_context("%s", bad[i]);
		struct sip *s = message(HEAD, bad[i]);
		EXPECT_NE(screen_set_indicator(s, SCREEN_NO), 0);
		sip_free(s);
	}
}

TEST(screen, indicator_is_what_we_say)
{
	struct sip *s = message(HEAD, "Authorization: Digest username=\"a\", auts=\"x,y\"\r\n");
	ASSERT_EQ(screen_set_indicator(s, SCREEN_YES), 0);
	EXPECT_STREQ(sip_header(s, "Authorization", 0),
		     "Digest username=\"a\", auts=\"x,y\", integrity-protected=\"yes\"");
	ASSERT_EQ(screen_set_indicator(s, SCREEN_NO), 0);
	EXPECT_STREQ(sip_header(s, "Authorization", 0),
		     "Digest username=\"a\", auts=\"x,y\", integrity-protected=\"no\"");
	sip_free(s);
}

TEST(screen, response_or_auts_answers_a_challenge)
{
	static const struct {
		const char *value;
		bool has;
	} rows[] = {
		{ "Digest nonce=\"\", response=\"\"", false },
		{ "Digest nonce=\"n\", response=\"\"", false },
		{ "Digest nonce=\"n\"", false },
		{ "Digest nonce=\"n\", response=\"00\"", true },
		{ "Digest nonce=\"n\", auts=\"00\", response=\"\"", true },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct credentials c;
		test_context("%s", rows[i].value);
		ASSERT_EQ(credentials_parse(rows[i].value, &c), 0);
		EXPECT_EQ(screen_has_response(&c), rows[i].has);
	}
}

TEST(screen, c058_agreement_ends_at_the_edge)
{
	struct sip *s = message(HEAD, "Require: sec-agree, path\r\nRequire: SEC-AGREE\r\n"
				      "Proxy-Require: sec-agree\r\nSecurity-Client: x\r\n"
				      "Security-Client: y\r\nsecurity-verify: z\r\n");
	ASSERT_EQ(screen_end_agreement(s), 0);
	EXPECT_STREQ(sip_header(s, "Require", 0), "path");
	EXPECT_TRUE(sip_header(s, "Require", 1) == NULL);
	EXPECT_TRUE(sip_header(s, "Proxy-Require", 0) == NULL);
	EXPECT_FALSE(printed_has(s, "Security-"));
	sip_free(s);
}

TEST(screen, c112_c142_what_a_ue_may_not_say_is_gone)
{
	struct sip *s = message(HEAD, "P-Asserted-Identity: <sip:victim@home>\r\n"
				      "p-asserted-identity: <tel:+1>\r\nP-Charging-Vector: x\r\n"
				      "P-Visited-Network-ID: x\r\nPath: <sip:evil;lr>\r\n"
				      "P-Access-Network-Info: 3GPP-E-UTRAN\r\n");
	screen_from_ue(s);
	EXPECT_FALSE(printed_has(s, "asserted"));
	EXPECT_FALSE(printed_has(s, "charging"));
	EXPECT_FALSE(printed_has(s, "visited"));
	EXPECT_FALSE(printed_has(s, "evil"));
	EXPECT_TRUE(printed_has(s, "P-Access-Network-Info"));
	sip_free(s);
}

TEST(screen, c114_asserted_identity_stays_home_when_id_is_asked)
{
	static const struct {
		const char *privacy;
		bool kept;
	} rows[] = {
		{ "", true },
		{ "Privacy: none\r\n", true },
		{ "Privacy: id\r\n", false },
		{ "Privacy: ID\r\n", false },
		{ "Privacy: user;id\r\n", false },
		{ "Privacy: critical; id\r\n", false },
		{ "Privacy: identity\r\n", true },
		{ "Privacy: user\r\nPrivacy: id\r\n", false },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char headers[256];
		test_context("%s", rows[i].privacy);
		snprintf(headers, sizeof(headers),
			 "P-Asserted-Identity: <sip:a@b>\r\nP-Asserted-Identity: <tel:+1>\r\n%s",
			 rows[i].privacy);
		struct sip *s = message(HEAD, headers);
		screen_to_ue(s);
		EXPECT_EQ(printed_has(s, "asserted"), rows[i].kept);
		sip_free(s);
	}
}

TEST(screen, c116b_asserted_identity_is_one_value_or_a_sip_and_a_tel_uri)
{
	static const struct {
		const char *values;
		bool kept;
	} rows[] = {
		{ "P-Asserted-Identity: \"A, B\" <sip:a@b>\r\n", true },
		{ "P-Asserted-Identity: tel:+1\r\n", true },
		{ "P-Asserted-Identity: <sips:a@b>, <tel:+1>\r\n", true },
		{ "P-Asserted-Identity: <tel:+1>\r\nP-Asserted-Identity: <sip:a@b>\r\n", true },
		{ "P-Asserted-Identity: <sip:a@b>, <sip:c@b>\r\n", false },
		{ "P-Asserted-Identity: <tel:+1>, <tel:+2>\r\n", false },
		{ "P-Asserted-Identity: <sip:a@b>, <tel:+1>, <tel:+2>\r\n", false },
		{ "P-Asserted-Identity: <sip:a@b>, <tel:+1>\r\n"
		  "P-Asserted-Identity: <sip:c@b>\r\n",
		  false },
		{ "P-Asserted-Identity: <mailto:a@b>\r\n", false },
		{ "P-Asserted-Identity: a\r\n", false },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].values);
		struct sip *s = message(HEAD, rows[i].values);
		screen_to_ue(s);
		EXPECT_EQ(printed_has(s, "asserted"), rows[i].kept);
		sip_free(s);
	}
}

#define ANSWER                                                                                     \
	"SIP/2.0 401 Unauthorized\r\n"                                                             \
	"Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n"                                      \
	"From: <sip:u@home>;tag=1\r\nTo: <sip:u@home>;tag=2\r\nCall-ID: c\r\nCSeq: 1 REGISTER\r\n"
#define IK "f769bcd751044604127672711c6d3441"
#define CK "b40ba9a3c58b2a05bbf0d987b21bf8cb"

TEST(screen, c012a_keys_are_taken_out_and_nothing_else)
{
	struct screen_keys keys;
	struct sip *s =
		message(ANSWER, "WWW-Authenticate: Digest realm=\"h\", nonce=\"n\", ik=\"" IK
				"\", algorithm=AKAv1-MD5, CK=\"B40BA9A3C58B2A05BBF0D987B21BF8CB"
				"\", qop=\"auth,auth-int\"\r\n");
	ASSERT_EQ(screen_take_keys(s, &keys), 0);
	EXPECT_TRUE(keys.found);
	uint8_t ik[16], ck[16];
	test_hex(IK, ik, 16);
	test_hex(CK, ck, 16);
	EXPECT_MEM(keys.ik, ik, 16);
	EXPECT_MEM(keys.ck, ck, 16);
	EXPECT_STREQ(keys.nonce, "n");
	EXPECT_STREQ(sip_header(s, "WWW-Authenticate", 0),
		     "Digest realm=\"h\", nonce=\"n\", algorithm=AKAv1-MD5, qop=\"auth,auth-int\"");
	EXPECT_FALSE(printed_has(s, IK));
	EXPECT_FALSE(printed_has(s, CK));
	sip_free(s);
}

TEST(screen, c012b_half_a_key_is_none_and_goes_no_further)
{
	static const char *const rows[] = {
		"WWW-Authenticate: Digest nonce=\"n\", ik=\"" IK "\"\r\n",
		"WWW-Authenticate: Digest nonce=\"n\", ck=\"" CK "\"\r\n",
		"WWW-Authenticate: Digest nonce=\"n\", ik=\"" IK "\", ck=\"b40ba9\"\r\n",
		"WWW-Authenticate: Digest nonce=\"n\", ik=\"" IK "\", ck=\"" CK "00\"\r\n",
		"WWW-Authenticate: Digest nonce=\"n\", ik=\"" IK
		"\", ck=\"g40ba9a3c58b2a05bbf0d987b21bf8cb\"\r\n",
		"WWW-Authenticate: Digest ik=\"" IK "\", ck=\"" CK "\"\r\n",
		"",
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct screen_keys keys;
		test_context("%s", rows[i]);
		struct sip *s = message(ANSWER, rows[i]);
		ASSERT_EQ(screen_take_keys(s, &keys), 0);
		EXPECT_FALSE(keys.found);
		EXPECT_FALSE(printed_has(s, "ik="));
		EXPECT_FALSE(printed_has(s, "ck="));
		sip_free(s);
	}
}
