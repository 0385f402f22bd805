/* Which step of the authentication a REGISTER is: the tables of seed 6.1.1 … 6.1.5. */
#include <stdio.h>
#include <string.h>

#include "controlplane/register_request.h"
#include "controlplane/sip.h"
#include "test/shim/test.h"

#define REALM "home.example"

/* protected, response, auts, awaiting, active nonce, registered, due */
static const struct {
	const char *name;
	struct register_facts facts;
	enum register_step step;
} steps[] = {
	{ "C-001 SM1", { 0 }, REGISTER_CHALLENGE },
	{ "C-001 SM1, protected by whatever", { .is_protected = true }, REGISTER_CHALLENGE },
	{ "C-002 SM1 of a registered user", { .is_registered = true }, REGISTER_CHALLENGE },
	{ "C-003 protected re-registration",
	  { .is_protected = true, .is_registered = true },
	  REGISTER_REFRESH },
	{ "C-003 the same, when a challenge is due",
	  { .is_protected = true, .is_registered = true, .is_challenge_due = true },
	  REGISTER_CHALLENGE },
	{ "re-registration with the old response in it",
	  { .is_protected = true, .has_response = true, .is_registered = true },
	  REGISTER_REFRESH },
	{ "re-registration while its challenge is open",
	  { .is_protected = true, .is_registered = true, .is_awaiting = true },
	  REGISTER_CHALLENGE },
	{ "SM7",
	  { .is_protected = true,
	    .has_response = true,
	    .is_awaiting = true,
	    .is_nonce_active = true },
	  REGISTER_CHECK },
	{ "SM7 of a registered user",
	  { .is_protected = true,
	    .has_response = true,
	    .is_awaiting = true,
	    .is_nonce_active = true,
	    .is_registered = true },
	  REGISTER_CHECK },
	{ "C-015 SM7 for an older nonce",
	  { .is_protected = true, .has_response = true, .is_awaiting = true },
	  REGISTER_CHECK },
	{ "C-036b SM7, unprotected",
	  { .has_response = true, .is_awaiting = true, .is_nonce_active = true },
	  REGISTER_CHALLENGE },
	{ "C-036b SM7, unprotected, of a registered user",
	  { .has_response = true,
	    .is_awaiting = true,
	    .is_nonce_active = true,
	    .is_registered = true },
	  REGISTER_CHALLENGE },
	{ "SM7 for a challenge that has died, not registered",
	  { .is_protected = true, .has_response = true },
	  REGISTER_CHALLENGE },
	{ "C-036a AUTS, unprotected",
	  { .has_response = true, .has_auts = true, .is_awaiting = true, .is_nonce_active = true },
	  REGISTER_RESYNC },
	{ "AUTS, protected",
	  { .is_protected = true,
	    .has_response = true,
	    .has_auts = true,
	    .is_awaiting = true,
	    .is_nonce_active = true },
	  REGISTER_RESYNC },
	{ "AUTS for no challenge of ours",
	  { .has_response = true, .has_auts = true },
	  REGISTER_CHALLENGE },
	{ "AUTS for an older challenge, unprotected",
	  { .has_response = true, .has_auts = true, .is_awaiting = true },
	  REGISTER_CHALLENGE },
	{ "C-027 failure of the network",
	  { .is_awaiting = true, .is_nonce_active = true },
	  REGISTER_FAILURE },
	{ "C-027 failure of the network, protected",
	  { .is_protected = true, .is_awaiting = true, .is_nonce_active = true },
	  REGISTER_FAILURE },
	{ "failure for no challenge of ours", { .is_awaiting = true }, REGISTER_CHALLENGE },
};

TEST(register_request, c001_c002_c003_c015_c027_c036_step_table)
{
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		test_context("%s", steps[i].name);
		EXPECT_EQ(register_step(&steps[i].facts), steps[i].step);
	}
	test_context(NULL);
}

/* Nothing but a protected message of a registered user passes unchallenged, whatever else it says.
 */
TEST(register_request, c001_c002_only_protected_registered_users_are_refreshed)
{
	for (unsigned bits = 0; bits < 128; bits++) {
		const struct register_facts f = {
			.is_protected = bits & 1,
			.has_response = bits & 2,
			.has_auts = bits & 4,
			.is_awaiting = bits & 8,
			.is_nonce_active = bits & 16,
			.is_registered = bits & 32,
			.is_challenge_due = bits & 64,
		};
		enum register_step step = register_step(&f);

		test_context("facts 0x%02x", bits);
		if (step == REGISTER_REFRESH)
			EXPECT_TRUE(f.is_protected && f.is_registered && !f.is_challenge_due);
		if (step == REGISTER_CHECK)
			EXPECT_TRUE(f.is_protected && f.has_response && f.is_awaiting);
	}
	test_context(NULL);
}

static int read(struct register_request *q, const char *headers, const char *to, bool is_trusted)
{
	char text[4096];
	struct sip *s;
	int status;
	int n = snprintf(text, sizeof(text),
			 "REGISTER sip:" REALM " SIP/2.0\r\n"
			 "Via: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@" REALM
			 ">;tag=t\r\nTo: %s\r\nCall-ID: c@ue\r\nCSeq: 1 REGISTER\r\n%s"
			 "Content-Length: 0\r\n\r\n",
			 to, headers);

	sip_init();
	if (sip_parse(text, (size_t)n, &s) != 0) {
		TEST_MESSAGE("the test's own message does not parse");
		return -1;
	}
	status = register_request_read(q, s, is_trusted, REALM);
	sip_free(s);
	return status;
}

#define TO_HEADER      "<sip:A@HOME.example>"
#define AUTH           "Authorization: Digest username=\"a@" REALM "\", realm=\"" REALM "\""
#define CONTACT_HEADER "Contact: <sip:a@10.1.0.1:5064>;expires=600\r\n"

TEST(register_request, reads_identities_contact_and_answer)
{
	struct register_request q;

	ASSERT_EQ(read(&q, AUTH ", nonce=\"n\", response=\"r\", auts=\"s\"\r\n" CONTACT_HEADER,
		       TO_HEADER, true),
		  0);
	EXPECT_STREQ(q.impi, "a@" REALM);
	EXPECT_STREQ(q.impu, "sip:A@" REALM);
	EXPECT_STREQ(q.call_id, "c@ue");
	EXPECT_STREQ(q.contact, "sip:a@10.1.0.1:5064");
	EXPECT_EQ(q.expires_s, 600);
	EXPECT_STREQ(q.nonce, "n");
	EXPECT_STREQ(q.response, "r");
	EXPECT_STREQ(q.auts, "s");
	EXPECT_FALSE(q.is_protected);
}

TEST(register_request, c046_indicator_counts_from_a_trusted_interface_alone)
{
	static const char protected[] = AUTH ", integrity-protected=\"yes\"\r\n" CONTACT_HEADER;
	struct register_request q;

	ASSERT_EQ(read(&q, protected, TO_HEADER, true), 0);
	EXPECT_TRUE(q.is_protected);
	EXPECT_FALSE(q.is_disbelieved);
	ASSERT_EQ(read(&q, protected, TO_HEADER, false), 0);
	EXPECT_FALSE(q.is_protected);
	EXPECT_TRUE(q.is_disbelieved);
}

TEST(register_request, expires_of_the_contact_is_stronger_than_that_of_the_message)
{
	static const struct {
		const char *headers;
		int status;
		uint32_t expires_s;
	} table[] = {
		{ "Contact: <sip:a@b>;expires=7\r\nExpires: 9\r\n", 0, 7 },
		{ "Contact: <sip:a@b>\r\nExpires: 9\r\n", 0, 9 },
		{ "Contact: <sip:a@b>\r\n", 0, REGISTER_DEFAULT_EXPIRES },
		{ "Contact: <sip:a@b>;expires=0\r\n", 0, 0 },
		{ "Contact: <sip:a@b>;expires=99999999999\r\n", 0, UINT32_MAX },
		{ "Contact: *\r\nExpires: 0\r\n", 0, 0 },
		{ "Contact: *\r\nExpires: 9\r\n", 400, 0 },
		{ "Contact: <sip:a@b>;expires=-1\r\n", 400, 0 },
		{ "Contact: <sip:a@b>;expires=soon\r\n", 400, 0 },
		{ "Contact: <sip:a@b>, <sip:a@c>\r\n", 400, 0 },
		{ "", 400, 0 },
	};

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct register_request q;
		char headers[512];

		test_context("%s", table[i].headers);
		snprintf(headers, sizeof(headers), "%s\r\n%s", AUTH, table[i].headers);
		EXPECT_EQ(read(&q, headers, TO_HEADER, true), table[i].status);
		if (table[i].status == 0)
			EXPECT_EQ(q.expires_s, table[i].expires_s);
	}
	test_context(NULL);
}

TEST(register_request, identities_beyond_the_limit_are_refused)
{
	char headers[1024], user[400];
	struct register_request q;

	memset(user, 'u', sizeof(user) - 1);
	user[sizeof(user) - 1] = '\0';
	snprintf(headers, sizeof(headers),
		 "Authorization: Digest username=\"%s\", realm=\"" REALM "\"\r\n" CONTACT_HEADER,
		 user);
	EXPECT_EQ(read(&q, headers, TO_HEADER, true), 403);
	snprintf(user, sizeof(user), "<sip:%.300s@" REALM ">", headers + 32);
	EXPECT_EQ(read(&q, AUTH "\r\n" CONTACT_HEADER, user, true), 416);
}
