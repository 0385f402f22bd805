#include "controlplane/sip.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/credentials.h"
#include "controlplane/sip_list.h"
#include "controlplane/sip_route.h"
#include "controlplane/sip_uri.h"
#include "test/shim/test.h"

#define OUR_VIA "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\n"
#define DIALOG  "From: <sip:u@home>;tag=1\r\nTo: <sip:v@home>\r\nCall-ID: c@d\r\n"
#define HEAD    "OPTIONS sip:v@home SIP/2.0\r\n" OUR_VIA DIALOG "CSeq: 7 OPTIONS\r\n"

__attribute__((constructor)) static void start(void)
{
	sip_init();
}

static struct sip *parse(const char *text)
{
	struct sip *s = NULL;
	EXPECT_EQ(sip_parse(text, strlen(text), &s), 0);
	return s;
}

static int parse_error(const char *text, size_t n)
{
	struct sip *s = NULL;
	int error = sip_parse(text, n, &s);
	if (!error)
		sip_free(s);
	return error;
}

/* The printed text, NUL-terminated; the caller frees it. */
static char *print(const struct sip *s)
{
	char *text;
	size_t n;
	if (sip_print(s, &text, &n))
		return NULL;
	char *copy = strndup(text, n);
	free(text);
	return copy;
}

/* What malloc() gives was freed before, and may still say what it held. */
__attribute__((noipa)) static bool freed_memory_has(const char *secret, size_t max_bytes)
{
	void *blocks[256] = { 0 };
	unsigned n = 0;
	bool has = false;
	for (size_t bytes = 64; bytes <= max_bytes; bytes += 16) {
		char *block = malloc(bytes);
		if (!block)
			break;
		__asm__("" : : "r"(block) : "memory"); /* as if written: it may be read */
		has = has || memmem(block, bytes, secret, strlen(secret));
		blocks[n++] = block;
	}
	while (n > 0)
		free(blocks[--n]);
	return has;
}

TEST(sip, c094_no_freed_memory_holds_a_key_after_printing)
{
	static const char key[] = "f769bcd751044604127672711c6d3441";
	char text[512], *bytes;
	size_t n;
	snprintf(text, sizeof(text),
		 "SIP/2.0 401 Unauthorized\r\n" OUR_VIA DIALOG "CSeq: 7 REGISTER\r\n"
		 "WWW-Authenticate: Digest realm=\"home\", ik=\"%s\"\r\n\r\n",
		 key);
	struct sip *s = parse(text);
	ASSERT_EQ(sip_print(s, &bytes, &n), 0);
	explicit_bzero(bytes, n);
	free(bytes);
	EXPECT_FALSE(freed_memory_has(key, 4096));
	sip_free(sip_clone(s));
	sip_free(s);
	EXPECT_FALSE(freed_memory_has(key, 4096));
}

TEST(sip, what_is_not_understood_is_carried_as_it_came)
{
	struct sip *s =
		parse(HEAD "X-Thing: a, \"b,c\" ;d\r\nAccept: \r\n"
			   "Authorization: Digest username=\"u\", auts=\"x\", new=1\r\n"
			   "Content-Type: multipart/mixed;boundary=b\r\n\r\n--b\r\n\r\nbody");
	char *text = print(s);
	EXPECT_TRUE(strstr(text, "\r\nX-Thing: a, \"b,c\" ;d\r\n"));
	EXPECT_TRUE(
		strstr(text, "\r\nAuthorization: Digest username=\"u\", auts=\"x\", new=1\r\n"));
	EXPECT_TRUE(strstr(text, "\r\nContent-Length: 11\r\n\r\n--b\r\n\r\nbody"));
	free(text);
	sip_free(s);
}

TEST(sip, printed_message_parses_to_the_same_text)
{
	struct sip *s =
		parse("SIP/2.0 200 Fine\r\nv: SIP/2.0/UDP [2001:db8::1]:5060;branch=z9hG4bKx\r\n"
		      "f: \"A, B\" <sip:u@home>;tag=1\r\nt: <tel:+1>;tag=2\r\ni: c\r\n"
		      "CSeq: 1 INVITE\r\nm: <sip:u@[2001:db8::2]:5062;x=y>;expires=5\r\n"
		      "Record-Route: <sip:a;lr>, <sip:b;lr>\r\nl: 3\r\n\r\nabcdef");
	char *first = print(s);
	struct sip *again = parse(first);
	char *second = print(again);
	EXPECT_STREQ(first, second);
	EXPECT_EQ(again->body_bytes, 3);
	free(first);
	free(second);
	sip_free(s);
	sip_free(again);
}

TEST(sip, message_without_what_every_message_has_is_refused)
{
	static const char *const bad[] = {
		"",
		"\r\n",
		"OPTIONS",
		"OPTIONS sip:v@home SIP/2.0\r\n",
		"OPTIONS sip:v@home SIP/2.0\r\n\r\n",
		"OPTIONS sip:v@home SIP/2.0\r\n" DIALOG "CSeq: 1 OPTIONS\r\n\r\n",
		"OPTIONS sip:v@home SIP/2.0\r\n" OUR_VIA "CSeq: 1 OPTIONS\r\n\r\n",
		"OPTIONS sip:v@home SIP/2.0\r\n" OUR_VIA DIALOG "\r\n",
		"OPTIONS sip:v@home SIP/3.0\r\n" OUR_VIA DIALOG "CSeq: 1 OPTIONS\r\n\r\n",
		"OPTIONS sip:v@home SIP/2.0\r\n" OUR_VIA DIALOG "CSeq: 1 INVITE\r\n\r\n",
		"OPTIONS sip:v@home SIP/2.0\r\n" OUR_VIA DIALOG "CSeq: x OPTIONS\r\n\r\n",
		"OPTIONS sip:v@home SIP/2.0\r\n" OUR_VIA DIALOG "CSeq: 4294967296 OPTIONS\r\n\r\n",
		"OPTIONS sip:v@home SIP/2.0\r\n" OUR_VIA DIALOG DIALOG "CSeq: 1 OPTIONS\r\n\r\n",
		HEAD "Broken\r\n\r\n",
		HEAD ": empty\r\n\r\n",
		HEAD "B@d: x\r\n\r\n",
		HEAD "X: y", /* no end */
		HEAD "Content-Length: 5\r\n\r\nabcd",
		HEAD "Content-Length: -1\r\n\r\n",
		HEAD "Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
		HEAD "X: a\x01"
		     "b\r\n\r\n",
		HEAD "X: a\rb\r\n\r\n",
		HEAD "Route: <sip:a%00b@c>\r\n\r\n",
		HEAD "Via: \r\n\r\n",
		HEAD "Via: SIP/2.0/UDP h:50port\r\n\r\n",
		HEAD "Via: SIP/3.0/UDP h\r\n\r\n",
		HEAD "Via:\"SIP/2.0/TCP h;received=192.0.2.3, SIP/2.0/UDP evil\r\n\r\n",
		HEAD "Via: SIP/2.0/UDP h;a=b c\r\n\r\n",
		HEAD "Route: \"x <sip:a;lr>\r\n\r\n",
		HEAD "Route: <sip:a;><,sip:b;lr>\r\n\r\n",
		HEAD "Record-Route: <sip:a;lr>;x y\r\n\r\n",
		HEAD "Via: SIP/2.0/UDP h@st\r\n\r\n",
		"SIP/2.0 2 OK\r\n" OUR_VIA DIALOG "CSeq: 1 OPTIONS\r\n\r\n",
		"SIP/2.0 x OK\r\n" OUR_VIA DIALOG "CSeq: 1 OPTIONS\r\n\r\n",
		"SIP/2.0 700 OK\r\n" OUR_VIA DIALOG "CSeq: 1 OPTIONS\r\n\r\n",
		"SIP/2.0 \r\n" OUR_VIA DIALOG "CSeq: 1 OPTIONS\r\n\r\n",
	};
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		test_context("row %u: %.60s", i, bad[i]);
		EXPECT_EQ(parse_error(bad[i], strlen(bad[i])), -EBADMSG);
	}
	static const char with_nul[] = HEAD "X: a\0b\r\n\r\n";
	test_context("a NUL");
	EXPECT_EQ(parse_error(with_nul, sizeof(with_nul) - 1), -EBADMSG);
}

TEST(sip, every_truncation_is_refused)
{
	static const char text[] = HEAD "Route: <sip:a;lr>\r\nContent-Length: 4\r\n\r\nbody";
	for (size_t n = 0; n < sizeof(text) - 1; n++) {
		test_context("%zu bytes", n);
		EXPECT_NE(parse_error(text, n), 0);
	}
	EXPECT_EQ(parse_error(text, sizeof(text) - 1), 0);
}

/* A message that repeats `piece` n times after the head. */
static int parse_repeated(const char *start, const char *piece, size_t n, const char *end)
{
	size_t room = strlen(start) + n * strlen(piece) + strlen(end) + 1;
	char *text = malloc(room);
	char *at = stpcpy(text, start);
	while (n--)
		at = stpcpy(at, piece);
	at = stpcpy(at, end);
	int error = parse_error(text, (size_t)(at - text));
	free(text);
	return error;
}

TEST(sip, sizes_are_bounded)
{
	EXPECT_EQ(parse_repeated(HEAD, "X: y\r\n", SIP_N_HEADERS - 5, "\r\n"), 0);
	EXPECT_EQ(parse_repeated(HEAD, "X: y\r\n", SIP_N_HEADERS - 4, "\r\n"), -EMSGSIZE);
	EXPECT_EQ(parse_repeated(HEAD "X: ", "y", SIP_VALUE_BYTES - 1, "\r\n\r\n"), 0);
	EXPECT_EQ(parse_repeated(HEAD "X: ", "y", SIP_VALUE_BYTES, "\r\n\r\n"), -EMSGSIZE);
	EXPECT_EQ(parse_repeated(HEAD "Route: <sip:a>", ",<sip:a>", SIP_N_LISTED - 2, "\r\n\r\n"),
		  0);
	EXPECT_EQ(parse_repeated(HEAD "Route: <sip:a>", ",<sip:a>", SIP_N_LISTED - 1, "\r\n\r\n"),
		  -EMSGSIZE);
	EXPECT_EQ(parse_repeated(HEAD, OUR_VIA, SIP_N_LISTED - 1, "\r\n"), 0);
	EXPECT_EQ(parse_repeated(HEAD, OUR_VIA, SIP_N_LISTED, "\r\n"), -EMSGSIZE);
	EXPECT_EQ(parse_repeated(HEAD "Contact: <sip:a@home>", ";a", SIP_N_PARAMS - 2, "\r\n\r\n"),
		  0);
	EXPECT_EQ(parse_repeated(HEAD "Contact: <sip:a@home>", ";a", SIP_N_PARAMS - 1, "\r\n\r\n"),
		  -EMSGSIZE);
	EXPECT_EQ(parse_repeated(HEAD "Contact: <sip:a?b=c", "&a=b", SIP_N_PARAMS, ">\r\n\r\n"),
		  -EMSGSIZE);
	EXPECT_EQ(parse_repeated("OPTIONS sip:v@home", ";a", SIP_N_PARAMS + 1, " SIP/2.0\r\n\r\n"),
		  -EMSGSIZE);
	EXPECT_EQ(parse_repeated(HEAD "\r\n", "x", SIP_MESSAGE_BYTES - sizeof(HEAD) - 1, ""), 0);
	EXPECT_EQ(parse_repeated(HEAD "\r\n", "x", SIP_MESSAGE_BYTES, ""), -EMSGSIZE);
	EXPECT_EQ(parse_repeated(HEAD "X: y", "\r\n ", SIP_HEAD_BYTES, "z\r\n\r\n"), -EMSGSIZE);
}

/* RFC 3261 25.1 lets a URI have as many as there is room for; the parser takes them one by one. */
TEST(sip, identity_with_more_parameters_than_a_message_may_have_is_none)
{
	char text[SIP_VALUE_BYTES], aor[SIP_VALUE_BYTES];
	for (unsigned n = SIP_N_PARAMS; n <= SIP_N_PARAMS + 1; n++) {
		char *at = stpcpy(text, "<sip:u@home");
		for (unsigned i = 0; i < n; i++)
			at = stpcpy(at, ";%41");
		strcpy(at, ">");
		EXPECT_EQ(sip_aor_text(text, aor, sizeof(aor)) > 0, n == SIP_N_PARAMS);
	}
}

TEST(sip, folded_lines_are_one)
{
	struct sip *s = parse(HEAD "X-A: a\r\n \r\n\tb\r\nRoute:\r\n <sip:r;lr>\r\n\r\n");
	EXPECT_STREQ(sip_header(s, "x-a", 0), "a  b");
	EXPECT_TRUE(sip_route(s, 0) != NULL);
	sip_free(s);
}

TEST(sip, via_says_where_answers_go)
{
	static const struct {
		const char *via;
		const char *target; /* as received from 192.0.2.9:7777 */
	} rows[] = {
		{ "192.0.2.9:5070", "192.0.2.9:5070" },
		{ "192.0.2.9", "192.0.2.9:5060" },
		{ "192.0.2.1:5070", "192.0.2.9:5070" }, /* received wins */
		{ "host.example:5070", "192.0.2.9:5070" },
		{ "192.0.2.9:5070;rport", "192.0.2.9:7777" }, /* RFC 3581 */
		{ "192.0.2.9:5070;received=203.0.113.1", "192.0.2.9:5070" },
		{ "192.0.2.9:5070;RECEIVED=203.0.113.1;rport=9", "192.0.2.9:7777" },
		{ "[2001:db8::1]:5070", "192.0.2.9:5070" },
	};
	struct address source, target;
	address_parse("192.0.2.9", 7777, &source);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512], host[ADDRESS_TEXT_BYTES];
		test_context("%s", rows[i].via);
		snprintf(text, sizeof(text),
			 "OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/UDP %s;branch=z9hG4bKa\r\n" DIALOG
			 "CSeq: 7 OPTIONS\r\n\r\n",
			 rows[i].via);
		struct sip *s = parse(text);
		ASSERT_EQ(sip_via_received(s, &source), 0);
		ASSERT_EQ(sip_via_target(s, false, &target), 0);
		EXPECT_STREQ(address_print(&target, host), rows[i].target);
		sip_free(s);
	}
}

TEST(sip, via_of_ours_goes_on_top_and_off_again)
{
	struct sip *s = parse(HEAD "\r\n");
	struct address own;
	address_parse("2001:db8::5", 5063, &own);
	ASSERT_EQ(sip_via_push(s, &own, "z9hG4bKown", false), 0);
	EXPECT_STREQ(sip_via_param(sip_via(s, 0), "branch"), "z9hG4bKown");
	char *text = print(s);
	EXPECT_TRUE(strstr(text, "Via: SIP/2.0/UDP [2001:db8::5]:5063;branch=z9hG4bKown\r\nVia: "));
	free(text);
	sip_via_pop(s);
	EXPECT_STREQ(sip_via_param(sip_via(s, 0), "branch"), "z9hG4bKa");
	sip_via_pop(s);
	EXPECT_TRUE(sip_via(s, 0) == NULL);
	sip_free(s);
}

TEST(sip, next_hop_is_the_route_then_the_request_uri_and_never_a_name)
{
	static const struct {
		const char *uri;
		const char *route;
		const char *hop; /* NULL: none */
	} rows[] = {
		{ "sip:u@192.0.2.1:5070", "", "192.0.2.1:5070" },
		{ "sip:u@192.0.2.1:5070", "Route: <sip:192.0.2.2;lr>\r\n", "192.0.2.2:5060" },
		{ "sip:u@[2001:db8::1]", "", "[2001:db8::1]:5060" },
		{ "sip:u@home.example", "", NULL },
		{ "tel:+1", "", NULL },
		{ "sips:u@192.0.2.1", "", "192.0.2.1:5061" },
		{ "sip:u@192.0.2.1;transport=TLS", "", "192.0.2.1:5061" },
		{ "sips:home.example", "", NULL },
		{ "sip:u@192.0.2.1:0", "", NULL },
		{ "sip:u@192.0.2.1:65536", "", NULL },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512], host[ADDRESS_TEXT_BYTES];
		struct address hop;
		bool tcp;
		test_context("%s %s", rows[i].uri, rows[i].route);
		snprintf(text, sizeof(text),
			 "OPTIONS %s SIP/2.0\r\n" OUR_VIA DIALOG "CSeq: 7 OPTIONS\r\n%s\r\n",
			 rows[i].uri, rows[i].route);
		struct sip *s = parse(text);
		int error = sip_next_hop(s, &hop, &tcp);
		EXPECT_EQ(error, rows[i].hop ? 0 : -EINVAL);
		if (!error)
			EXPECT_STREQ(address_print(&hop, host), rows[i].hop);
		sip_free(s);
	}
}

TEST(sip, transport_of_a_uri_and_of_our_via)
{
	static const struct {
		const char *uri, *route;
		bool tcp;
	} rows[] = {
		{ "sip:u@192.0.2.1", "", false },
		{ "sip:u@192.0.2.1;transport=tcp", "", true },
		{ "sip:u@192.0.2.1:5062;ob;TRANSPORT=TCP", "", true },
		{ "sip:u@192.0.2.1;transport=udp", "", false },
		{ "sip:u@192.0.2.1;transport", "", false },
		{ "sip:u@192.0.2.1;transport=tcp", "Route: <sip:192.0.2.3;lr>\r\n", false },
		{ "sip:u@192.0.2.1", "Route: <sip:192.0.2.3;lr;transport=tcp>\r\n", true },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char text[512];
		struct address hop;
		bool tcp = !rows[i].tcp;
		test_context("%s %s", rows[i].uri, rows[i].route);
		snprintf(text, sizeof(text),
			 "OPTIONS %s SIP/2.0\r\n" OUR_VIA DIALOG "CSeq: 7 OPTIONS\r\n%s\r\n",
			 rows[i].uri, rows[i].route);
		struct sip *s = parse(text);
		EXPECT_EQ(sip_next_hop(s, &hop, &tcp), 0);
		EXPECT_EQ(tcp, rows[i].tcp);
		ASSERT_EQ(sip_via_push(s, &hop, "z9hG4bKown", rows[i].tcp), 0);
		EXPECT_STREQ(sip_via(s, 0)->protocol, rows[i].tcp ? "TCP" : "UDP");
		ASSERT_EQ(sip_via_set_tcp(s, !rows[i].tcp), 0);
		EXPECT_STREQ(sip_via(s, 0)->protocol, rows[i].tcp ? "UDP" : "TCP");
		sip_free(s);
	}
}

TEST(sip, lost_connection_of_a_request_is_replaced_by_one_to_the_port_of_sent_by)
{
	struct address source, target;
	char host[ADDRESS_TEXT_BYTES];
	struct sip *s = parse("OPTIONS sip:a SIP/2.0\r\nVia: SIP/2.0/TCP 192.0.2.9:5070;rport"
			      ";branch=z9hG4bKa\r\n" DIALOG "CSeq: 7 OPTIONS\r\n\r\n");
	address_parse("192.0.2.10", 7777, &source);
	ASSERT_EQ(sip_via_received(s, &source), 0);
	ASSERT_EQ(sip_via_target(s, true, &target), 0);
	EXPECT_STREQ(address_print(&target, host), "192.0.2.10:5070");
	sip_free(s);
}

TEST(sip, head_alone_parses_whatever_its_length_says)
{
	static const char *const lengths[] = { "", "Content-Length: 7\r\n", "Content-Length: x\r\n",
					       "l: 1\r\nContent-Length: 2\r\n" };
	for (unsigned i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		char text[512];
		struct sip *s = NULL;
		test_context("%s", lengths[i]);
		int n = snprintf(text, sizeof(text), HEAD "%s\r\n", lengths[i]);
		EXPECT_EQ(sip_parse(text, (size_t)n, &s), i ? -EBADMSG : 0);
		if (!i)
			sip_free(s);
		ASSERT_EQ(sip_parse_head(text, (size_t)n, &s), 0);
		EXPECT_EQ(s->body_bytes, 0);
		sip_free(s);
	}
}

TEST(sip, lists_are_split_outside_quotes_and_brackets)
{
	struct sip *s =
		parse(HEAD "Path: <sip:a,b;lr> , \"x,\\\"y\" <sip:c>\r\nPath: ,, <sip:d>\r\n\r\n");
	char out[64];
	EXPECT_EQ(sip_list_get(s, "path", 0, out, sizeof(out)), 12);
	EXPECT_STREQ(out, "<sip:a,b;lr>");
	EXPECT_GT(sip_list_get(s, "path", 1, out, sizeof(out)), 0);
	EXPECT_STREQ(out, "\"x,\\\"y\" <sip:c>");
	EXPECT_GT(sip_list_get(s, "path", 2, out, sizeof(out)), 0);
	EXPECT_STREQ(out, "<sip:d>");
	EXPECT_EQ(sip_list_get(s, "path", 3, out, sizeof(out)), -ENOENT);
	EXPECT_EQ(sip_list_get(s, "path", 0, out, 12), -EMSGSIZE);
	sip_free(s);
}

TEST(sip, options_come_and_go)
{
	struct sip *s = parse(HEAD "Require: a, sec-agree ,b\r\nk: sec-agree\r\n\r\n");
	EXPECT_TRUE(sip_option_has(s, "Require", "SEC-agree"));
	EXPECT_TRUE(sip_option_has(s, "Supported", "sec-agree"));
	EXPECT_FALSE(sip_option_has(s, "Require", "sec"));
	ASSERT_EQ(sip_option_remove(s, "Require", "sec-agree"), 0);
	EXPECT_STREQ(sip_header(s, "Require", 0), "a, b");
	ASSERT_EQ(sip_option_remove(s, "Supported", "sec-agree"), 0);
	EXPECT_TRUE(sip_header(s, "Supported", 0) == NULL);
	sip_free(s);
}

TEST(sip, addresses_of_record_are_compared_without_what_does_not_count)
{
	static const struct {
		const char *text;
		const char *aor; /* NULL: none */
	} rows[] = {
		{ "<sip:Alice@Home.Example:5060;x=y>;tag=1", "sip:Alice@home.example" },
		{ "SIP:Alice@HOME", "sip:Alice@home" },
		{ "\"A <x>\" <sips:a@b>", "sips:a@b" },
		{ "sip:home", "sip:home" },
		{ "<tel:+1-(234)-5.6;phone-context=x>", "tel:+123456" },
		{ "<sip:a%20b@c>", NULL }, /* a blank hides in it */
		{ "<sip:a%00b@c>", NULL },
		{ "<http://a>", NULL },
		{ "<sip:a@b", NULL },
		{ "", NULL },
		{ "<tel:>", NULL },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char aor[64];
		test_context("%s", rows[i].text);
		int n = sip_aor_text(rows[i].text, aor, sizeof(aor));
		if (rows[i].aor)
			EXPECT_STREQ(n < 0 ? NULL : aor, rows[i].aor);
		else
			EXPECT_LT(n, 0);
	}
}

TEST(sip, response_copies_what_rfc_3261_8_2_6_2_says)
{
	struct sip *s = parse(HEAD "Via: SIP/2.0/UDP h2\r\nX: y\r\n\r\nbody");
	struct sip *r = sip_response(s, 404, NULL, "tag");
	char *text = print(r);
	EXPECT_STREQ(text,
		     "SIP/2.0 404 Not Found\r\n"
		     "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKa\r\nVia: SIP/2.0/UDP h2\r\n"
		     "From: <sip:u@home>;tag=1\r\nTo: <sip:v@home>;tag=tag\r\n"
		     "Call-ID: c@d\r\nCSeq: 7 OPTIONS\r\nContent-Length: 0\r\n\r\n");
	free(text);
	sip_free(r);
	r = sip_response(s, 100, NULL, "tag");
	EXPECT_TRUE(sip_to_tag(r) == NULL);
	sip_free(r);
	sip_free(s);
}

TEST(credentials, any_parameter_survives_in_order)
{
	static const char text[] = "Digest a=\"x \\\"y\\\\\", B=1, auts=\"a+/=\", c=\"\"";
	struct credentials c;
	char out[256];
	ASSERT_EQ(credentials_parse(text, &c), 0);
	EXPECT_STREQ(credentials_get(&c, "A"), "x \"y\\");
	EXPECT_STREQ(credentials_get(&c, "b"), "1");
	EXPECT_STREQ(credentials_get(&c, "c"), "");
	EXPECT_TRUE(credentials_get(&c, "d") == NULL);
	EXPECT_EQ(credentials_print(&c, out, sizeof(out)), (int)strlen(text));
	EXPECT_STREQ(out, text);
	EXPECT_EQ(credentials_print(&c, out, strlen(text)), -EMSGSIZE);
	EXPECT_EQ(credentials_remove(&c, "b"), 1);
	EXPECT_EQ(credentials_set(&c, "a", "z", false), 0);
	EXPECT_GT(credentials_print(&c, out, sizeof(out)), 0);
	EXPECT_STREQ(out, "Digest auts=\"a+/=\", c=\"\", a=z");
}

TEST(credentials, malformed_is_refused)
{
	static const char *const bad[] = {
		"",
		"Digest a",
		"Digest a=\"",
		"Digest a=\"\\",
		"Digest =b",
		"Digest a=b c=d",
		"Digest a=b;c=d",
		"Digest a=b, A=c",
		"Digest a=\"b\"c",
	};
	struct credentials c;
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		test_context("%s", bad[i]);
		EXPECT_EQ(credentials_parse(bad[i], &c), -EINVAL);
	}
}

TEST(credentials, number_of_parameters_is_bounded)
{
	char text[1024] = "Digest a=1";
	struct credentials c;
	for (unsigned i = 1; i < CREDENTIALS_N_PARAMS; i++)
		sprintf(text + strlen(text), ",a%u=1", i);
	EXPECT_EQ(credentials_parse(text, &c), 0);
	EXPECT_EQ(credentials_set(&c, "new", "1", false), -EMSGSIZE);
	strcat(text, ",b=1");
	EXPECT_EQ(credentials_parse(text, &c), -EMSGSIZE);
}
