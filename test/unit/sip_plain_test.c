/* Values that stay text are those that libosip2 would print as they stand. */
#include "controlplane/sip_plain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip_scan.h"
#include "controlplane/sip_uri.h"
#include "test/shim/test.h"

#define A_VIA     "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n"
#define A_FROM    "From: <sip:u@home.example>;tag=1\r\n"
#define A_TO      "To: <sip:v@home.example>\r\n"
#define A_CALL_ID "Call-ID: c@d\r\n"
#define A_CSEQ    "CSeq: 7 OPTIONS\r\n"
#define START     "OPTIONS sip:v@home.example SIP/2.0\r\n"
#define HEAD      START A_VIA A_FROM A_TO A_CALL_ID A_CSEQ

__attribute__((constructor)) static void start(void)
{
	sip_init();
}

TEST(sip_plain, values_are_plain_or_not)
{
	static const struct {
		enum sip_kind kind;
		const char *value;
		bool is_plain;
	} rows[] = {
		{ SIP_START, "sip:home.example", true },
		{ SIP_START, "sip:u+1@[2001:db8::1]:5062;transport=tcp;lr", true },
		{ SIP_START, "sips:u@192.0.2.1", true },
		{ SIP_START, "tel:+15551234", true },
		{ SIP_START, "SIP:home.example", false },          /* not how we write it */
		{ SIP_START, "sip:u:secret@home.example", false }, /* a password */
		{ SIP_START, "sip:%75@home.example", false },      /* unescaped */
		{ SIP_START, "sip:home.example?a=b", false },
		{ SIP_START, "sip:[192.0.2.1]", false }, /* printed without brackets */
		{ SIP_START, "sip:home.example:123456", false },
		{ SIP_START, "sip:home.example;x-obr", false }, /* not printed */
		{ SIP_START, "urn:service:sos", false },
		{ SIP_VIA, "SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa;rport", true },
		{ SIP_VIA, "SIP/2.0/TLS [2001:db8::1];received=2001:db8::2;x=\"a b\"", true },
		{ SIP_VIA, "SIP/2.0/UDP  192.0.2.1", false },
		{ SIP_VIA, "SIP / 2.0 / UDP 192.0.2.1", false },
		{ SIP_VIA, "SIP/2.0/UDP 192.0.2.1 ;branch=a", false },
		{ SIP_VIA, "SIP/2.0/UDP 192.0.2.1;branch=", false },
		{ SIP_VIA, "SIP/2.0/UDP 192.0.2.1 (comment)", false },
		{ SIP_FROM, "<sip:u@home.example>;tag=a", true },
		{ SIP_FROM, "\"A. B\" <sip:u@home.example>", true },
		{ SIP_FROM, "sip:u@home.example;tag=a", false }, /* printed in brackets */
		{ SIP_FROM, "A <sip:u@home.example>", false },
		{ SIP_FROM, "\"A\"  <sip:u@home.example>", false },
		{ SIP_FROM, "<sip:u@home.example> ;tag=a", false },
		{ SIP_TO, "<tel:+15551234>", true },
		{ SIP_TO, "<sip:a>", false }, /* too short for libosip2 */
		{ SIP_ROUTE, "<sip:id@192.0.2.1:5060;lr>", true },
		{ SIP_ROUTE, "\"A\" <sip:192.0.2.1;lr>", false },
		{ SIP_RECORD_ROUTE, "<sip:192.0.2.1;lr>;x=y", true },
		{ SIP_CONTACT, "*", true },
		{ SIP_CONTACT, "<sip:u@192.0.2.1:5062>;+sip.instance=\"<urn:gsma:imei:1-2>\"",
		  true },
		{ SIP_CONTACT, "<sip:u@192.0.2.1>;+g=\"urn%3Aurn-7%3A3gpp\";expires=5", true },
		{ SIP_CONTACT, "<sip:u@192.0.2.1>;+g=\"a%00\"", false },
		{ SIP_CONTACT, "<sip:u@192.0.2.1>;+g=\"a\\\"b\"", false },
		{ SIP_CALL_ID, "a84b4c76e66710@pc33.example", true },
		{ SIP_CALL_ID, "a@b@c", false },
		{ SIP_CSEQ, "4711 INVITE", true },
		{ SIP_CSEQ, "4711  INVITE", false },
		{ SIP_CSEQ, "12345678901 INVITE", false },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		size_t n = sip_plain_bytes(rows[i].kind, rows[i].value);
		test_context("%s", rows[i].value);
		EXPECT_EQ(n == strlen(rows[i].value), rows[i].is_plain);
	}
}

static char *printed(const struct sip *s)
{
	char *text = NULL;
	size_t n = 0;
	EXPECT_EQ(sip_print(s, &text, &n), 0);
	char *copy = strndup(text, n);
	free(text);
	return copy;
}

/* Both refuse it, or both print the same and count the same lines. */
static void expect_agreement(const char *text)
{
	struct sip *ours = NULL, *by_libosip2 = NULL;
	int error = sip_parse(text, strlen(text), &ours);
	EXPECT_EQ(sip_parse_by_libosip2(text, strlen(text), false, &by_libosip2), error);
	if (error)
		return;
	char *a = printed(ours), *b = printed(by_libosip2);
	EXPECT_STREQ(a, b);
	EXPECT_MEM(ours->n_of, by_libosip2->n_of, sizeof(ours->n_of));
	free(a);
	free(b);
	sip_free(ours);
	sip_free(by_libosip2);
}

TEST(sip_plain, libosip2_makes_the_same_of_a_message)
{
	static const char *const texts[] = {
		HEAD "\r\n",
		HEAD
		"Route: <sip:a.example;lr>, <sip:b.example;lr>\r\nRoute: <sip:c.example>\r\n\r\n",
		HEAD "Route: <sip:a.example;lr>,<sip:b.example;lr> , \"C\" <sip:c.example>\r\n\r\n",
		HEAD "Route: <sip:a.example;lr>,\r\n\r\n",
		HEAD "m: <sip:u@192.0.2.1:5062>;expires=5\r\nk: path, gruu\r\nl: 2\r\n\r\nab",
		HEAD "Contact: *\r\nExpires: 0\r\n\r\n",
		HEAD "Contact: *, <sip:u@192.0.2.1:5062>\r\n\r\n",
		HEAD
		"Via: SIP/2.0/TCP h.example;rport, SIP/2.0/UDP [2001:db8::1]:5;x=\"y\"\r\n\r\n",
		HEAD "Record-Route: <sip:a.example;lr;x=y>;z=1\r\nX: y\r\n\r\n",
		"SIP/2.0 200 \r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"SIP/2.0 200\r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"SIP/2.0 099 No\r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"SIP/2.0 700 No\r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"SIP/2.0 2000 No\r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"sip/2.0 200 OK\r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"OPTIONS tel:+15551234 SIP/2.0\r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"OPTIONS sip:h.example sip/2.0\r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"OPTIONS sip:h.example SIP/2.0 \r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"OPTIONS  sip:h.example SIP/2.0\r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		"OPTIONS sip:h.example?a=b SIP/2.0\r\n" A_VIA A_FROM A_TO A_CALL_ID A_CSEQ "\r\n",
		START A_VIA A_FROM A_TO A_CALL_ID "CSeq: 2147483647 OPTIONS\r\n\r\n",
		START A_VIA A_FROM A_TO A_CALL_ID "CSeq: 2147483648 OPTIONS\r\n\r\n",
		START A_VIA A_FROM A_TO A_CALL_ID "CSeq: 1 options\r\n\r\n",
		START A_VIA A_FROM "To: sip:v@home.example;tag=a\r\n" A_CALL_ID A_CSEQ "\r\n",
		START A_VIA A_FROM "To: V <sip:v@home.example>;tag=a;tag=b\r\n" A_CALL_ID A_CSEQ
				   "\r\n",
		START "Via: SIP / 2.0 / UDP  192.0.2.1;branch=a\r\n" A_FROM A_TO A_CALL_ID A_CSEQ
		      "\r\n",
	};
	for (unsigned i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		test_context("row %u", i);
		expect_agreement(texts[i]);
	}
}

TEST(sip_plain, tags_are_found_wherever_they_stand)
{
	static const struct {
		const char *to;
		const char *tag; /* NULL: none */
	} rows[] = {
		{ "<sip:v@home.example>", NULL },
		{ "<sip:v@home.example>;tag=a", "a" },
		{ "<sip:v@home.example>;TAG=a", "a" },
		{ "<sip:v@home.example>;x=y;tag=a", "a" },
		{ "<sip:v@home.example>;tag=a;x=y", "a" },
		{ "<sip:v@home.example;tag=b>", NULL },
		{ "<sip:v@home.example;tag=b>;x", NULL },
		{ "sip:v@home.example;tag=a", "a" },
		{ "\"tag=b\" <sip:v@home.example>", NULL },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];
		struct sip *s = NULL;
		test_context("%s", rows[i].to);
		int n = snprintf(text, sizeof(text),
				 START A_VIA A_FROM "To: %s\r\n" A_CALL_ID A_CSEQ "\r\n",
				 rows[i].to);
		ASSERT_EQ(sip_parse(text, (size_t)n, &s), 0);
		EXPECT_STREQ(sip_to_tag(s), rows[i].tag);
		sip_free(s);
	}
}

TEST(sip_plain, address_of_to_is_what_libosip2_finds)
{
	static const char *const rows[] = {
		"<sip:v@home.example>",
		"<sip:Alice+1@Home.Example:5062;user=phone>;tag=a",
		"<sips:home.example;x=y>",
		"<sip:home.example:5060>",
		"<sip:v@[2001:DB8::1]:5062;lr>;x=\"<sip:w@other>\"",
		"\"<sip:w@other>\" <sip:v@home.example>",
		"\"V\" <sip:v@home.example>",
		"<tel:+15551234>;tag=a",
		"<siphon:v@home.example>",
		"sip:v@home.example;tag=a",
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512], ours[128] = "", theirs[128] = "";
		struct sip *s = NULL;
		test_context("%s", rows[i]);
		int n = snprintf(text, sizeof(text),
				 START A_VIA A_FROM "To: %s\r\n" A_CALL_ID A_CSEQ "\r\n", rows[i]);
		ASSERT_EQ(sip_parse(text, (size_t)n, &s), 0);
		n = sip_aor(sip_to(s)->url, theirs, sizeof(theirs));
		EXPECT_EQ(sip_to_aor(s, ours, sizeof(ours)), n);
		EXPECT_STREQ(ours, theirs);
		if (n > 0) {
			EXPECT_EQ(sip_to_aor(s, ours, (size_t)n + 1), n);
			EXPECT_EQ(sip_to_aor(s, ours, (size_t)n), -EMSGSIZE);
		}
		sip_free(s);
	}
}

TEST(sip_plain, message_keeps_its_lines_while_it_grows)
{
	struct sip *s = NULL;
	char value[200];
	ASSERT_EQ(sip_parse(HEAD "X-Y: y\r\n\r\nbody", strlen(HEAD "X-Y: y\r\n\r\nbody"), &s), 0);
	for (unsigned i = 0; i < 300; i++) {
		int n = snprintf(value, sizeof(value), "%0*u", (int)(i % 150) + 1, i);
		ASSERT_GT(n, 0);
		ASSERT_EQ(sip_header_add(s, "X-Added", value), 0);
	}
	ASSERT_EQ(sip_request_uri_set(s, "sip:a-name-that-is-longer-than-the-other@home.example"),
		  0);
	struct sip *copy = sip_clone(s);
	sip_free(s);
	ASSERT_TRUE(copy != NULL);
	EXPECT_TRUE(sip_is(copy, "OPTIONS"));
	EXPECT_STREQ(sip_value(copy, SIP_START, 0),
		     "sip:a-name-that-is-longer-than-the-other@home.example");
	EXPECT_STREQ(sip_header(copy, "X-Y", 0), "y");
	EXPECT_STREQ(sip_header(copy, "X-Added", 299), value);
	EXPECT_EQ(sip_header_remove(copy, "X-Added"), 300);
	char *text = printed(copy);
	EXPECT_TRUE(strstr(text, "\r\nX-Y: y\r\nContent-Length: 4\r\n\r\nbody"));
	free(text);
	sip_free(copy);
}
