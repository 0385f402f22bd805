/* Calls through the P-CSCF, of a UE and to a UE: their route, identities and charging. */
#include "test/shim/test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/pcscf_impl.h"
#include "controlplane/sip_route.h"
#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;
static char path[256]; /* of the UE, as the core was told */
static unsigned n_sent;

/* Attaches, and keeps the Path of SM8. */
static void begin(void)
{
	char verify[1100];
	edge_start("two-pairs", "no");
	ue_open(&ue, 2, 14001, 14002);
	ue_challenge(&ue);
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", ue.server);
	ue_register(&ue, ue.uc_fd, port_ps, auth_response, verify);
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	snprintf(path, sizeof(path), "%s", sip_header(s, "Path", 0));
	core_answer(s, 200, ok_headers(&ue, 600));
	EXPECT_EQ(ue_status(ue.us_fd), 200);
}

static void from_ue(const char *method, const char *call_id, const char *to_tag,
		    const char *headers)
{
	char text[8192];
	n_sent++;
	snprintf(text, sizeof(text),
		 "%s sip:v@" REALM " SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %s:14002;branch=z9hG4bKu%u\r\n"
		 "From: <sip:u@" REALM ">;tag=u\r\nTo: <sip:v@" REALM ">%s\r\nCall-ID: %s\r\n"
		 "CSeq: %u %s\r\nMax-Forwards: 70\r\n%s\r\n",
		 method, ue.host, n_sent, to_tag, call_id, n_sent, method, headers);
	ue_send(&ue, ue.uc_fd, port_ps, text);
}

static void from_core(const char *method, const char *route, const char *to_tag,
		      const char *headers)
{
	char text[8192];
	n_sent++;
	snprintf(text, sizeof(text),
		 "%s sip:%s:14002 SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bKc%u;rport\r\nRoute: %s\r\n"
		 "From: <sip:v@" REALM ">;tag=v\r\nTo: <sip:u@" REALM ">%s\r\nCall-ID: t\r\n"
		 "CSeq: %u %s\r\nMax-Forwards: 70\r\n%s\r\n",
		 method, ue.host, n_sent, route, to_tag, n_sent, method, headers);
	core_send(text);
}

/* The i-th Record-Route as <URI>; "": there is none. Four at a time. */
static const char *record(const struct sip *s, int i)
{
	static char text[4][256];
	static unsigned at;
	const osip_uri_t *r = sip_record_route(s, i);
	char *uri;
	at = (at + 1) % 4;
	text[at][0] = '\0';
	if (r && !osip_uri_to_str(r, &uri)) {
		snprintf(text[at], sizeof(text[at]), "<%s>", uri);
		osip_free(uri);
	}
	return text[at];
}

#define FAR  "<sip:dialog@127.0.0.1:7;lr>" /* a proxy beyond the S-CSCF */
#define NEAR "<sip:dialog@127.0.0.1:%d;lr>"

/* The S-CSCF's entry: its socket is the core's of the fixture, one above ours. */
static int home_port(void)
{
	return port_ps + 2;
}

/* A call of the UE that was answered 200; `route` gets what the UE then sends. */
static void call_from_ue(const char *call_id, char *route, size_t n)
{
	char headers[2048], home[64];
	struct sip *s;
	from_ue("INVITE", call_id, "", "Record-Route: <sip:evil@127.0.0.66:9;lr>\r\n");
	EXPECT_EQ(ue_status(ue.us_fd), 100);
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(record(s, 2), ""); /* the UE is no proxy, and knows none */
	snprintf(home, sizeof(home), NEAR, home_port());
	snprintf(headers, sizeof(headers), "Record-Route: " FAR ", %s, %s, %s\r\n", home,
		 record(s, 0), record(s, 1));
	core_answer(s, 200, headers);
	s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	snprintf(route, n, "Route: %s, %s, %s, %s\r\n", record(s, 3), record(s, 2), record(s, 1),
		 record(s, 0));
	sip_free(s);
}

TEST(pcscf_call, c117_c118a_c141b_what_follows_an_invite_goes_along_its_route)
{
	static const char *const methods[] = { "PRACK", "ACK", "UPDATE", "INVITE", "BYE" };
	char route[1024];
	begin();
	call_from_ue("r", route, sizeof(route));
	for (unsigned i = 0; i < sizeof(methods) / sizeof(methods[0]); i++) {
		test_context("%s", methods[i]);
		from_ue(methods[i], "r", ";tag=core", route);
		struct sip *s = core_receive();
		ASSERT_TRUE(s && sip_is(s, methods[i]));
		EXPECT_EQ(atoi(sip_route(s, 0)->port), home_port());
		EXPECT_EQ(atoi(sip_route(s, 1)->port), 7);
		EXPECT_TRUE(sip_route(s, 2) == NULL);
		EXPECT_STREQ(record(s, 0), "");
		EXPECT_STREQ(sip_header(s, "P-Asserted-Identity", 0), "<sip:u@" REALM ">");
		sip_free(s);
	}
	test_context(NULL);
	edge_stop();
}

/* Replaces the first `from` in the text; it has to be there. */
static void replace(char *text, const char *from, const char *to)
{
	char rest[1024];
	char *at = strstr(text, from);
	ASSERT_TRUE(at != NULL);
	snprintf(rest, sizeof(rest), "%s", at + strlen(from));
	sprintf(at, "%s%s", to, rest);
}

TEST(pcscf_call, c117_c141b_ue_cannot_change_the_route_of_its_dialog)
{
	char route[1024], other[1024], changed[2048], home[64];
	begin();
	call_from_ue("r", route, sizeof(route));
	call_from_ue("other", other, sizeof(other));
	snprintf(home, sizeof(home), NEAR ", ", home_port());
	const struct {
		const char *what, *from, *to;
	} rows[] = {
		{ "another last proxy", "127.0.0.1:7;", "127.0.0.66:7;" },
		{ "one more at the end", FAR, FAR ", <sip:127.0.0.66:9;lr>" },
		{ "one more in front", home, "<sip:127.0.0.66:9;lr>, " NEAR ", " },
		{ "one less", ", " FAR, "" },
		{ "without the S-CSCF", home, "" },
		{ "strict", "1:7;lr", "1:7" },
		{ "no seal", ".", ":x" },
		{ "none", route, "" },
		{ "that of another call", route, other },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].what);
		strcpy(changed, route);
		replace(changed, rows[i].from, rows[i].to);
		from_ue("BYE", "r", ";tag=core", changed);
		EXPECT_EQ(ue_status(ue.us_fd), 403);
		from_ue("ACK", "r", ";tag=core", changed);
		EXPECT_EQ(ue_status(ue.us_fd), 0);
		EXPECT_TRUE(core_receive() == NULL);
	}
	test_context(NULL);
	edge_stop();
}

TEST(pcscf_call, c117_seal_of_one_ue_is_worth_nothing_to_another)
{
	char route[1024];
	struct ue_sim first;
	begin();
	call_from_ue("r", route, sizeof(route));
	first = ue;
	ue_open(&ue, 3, 14001, 14002);
	ue_attach(&ue);
	from_ue("BYE", "r", ";tag=core", route);
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	ue = first;
	edge_stop();
}

/* The S-CSCF is itself the other end of a subscription: there is no route behind the P-CSCF. */
TEST(pcscf_call, c117_dialog_with_the_scscf_itself_needs_no_route_beyond)
{
	char headers[1024], route[1024], text[2048];
	struct sip *s;
	begin();
	from_ue("SUBSCRIBE", "s", "", "Event: reg\r\n");
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	snprintf(headers, sizeof(headers), "Record-Route: %s, %s\r\n", record(s, 0), record(s, 1));
	core_answer(s, 200, headers);
	s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(route, sizeof(route), "Route: %s, %s\r\n", record(s, 1), record(s, 0));
	sip_free(s);
	for (int good = 1; good >= 0; good--) {
		n_sent++;
		snprintf(text, sizeof(text),
			 "SUBSCRIBE sip:127.0.0.1:%d SIP/2.0\r\n"
			 "Via: SIP/2.0/UDP %s:14002;branch=z9hG4bKs%u\r\n"
			 "From: <sip:u@" REALM ">;tag=u\r\nTo: <sip:v@" REALM ">;tag=core\r\n"
			 "Call-ID: s\r\nCSeq: %u SUBSCRIBE\r\n%s\r\n",
			 good ? home_port() : 9, ue.host, n_sent, n_sent, route);
		ue_send(&ue, ue.uc_fd, port_ps, text);
		s = core_receive();
		EXPECT_EQ(s != NULL, good);
		EXPECT_EQ(ue_status(ue.us_fd), good ? 0 : 403);
		sip_free(s);
	}
	edge_stop();
}

TEST(pcscf_call, c118a_what_a_proxy_has_to_know_and_does_not_is_refused)
{
	static const struct {
		const char *required, *unsupported; /* NULL: it goes on */
	} rows[] = {
		{ "sec-agree", NULL },
		{ "Privacy, sec-agree", NULL },
		{ "sec-agree, foo", "foo" },
		{ "foo", "foo" },
	};
	char header[128];
	begin();
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].required);
		snprintf(header, sizeof(header), "Proxy-Require: %s\r\n", rows[i].required);
		from_ue("MESSAGE", "m", "", header);
		struct sip *s = rows[i].unsupported ? ue_receive(ue.us_fd, NULL) : core_receive();
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), rows[i].unsupported ? 420 : 0);
		EXPECT_STREQ(sip_header(s, "Unsupported", 0), rows[i].unsupported);
		sip_free(s);
		EXPECT_TRUE(core_receive() == NULL);
	}
	test_context(NULL);
	edge_stop();
}

TEST(pcscf_call, key_of_the_seals_outlives_the_process)
{
	char directory[] = "/tmp/pcscf-key-XXXXXX", name[64];
	uint8_t first[PCSCF_KEY_BYTES], again[PCSCF_KEY_BYTES];
	struct stat file;
	ASSERT_TRUE(mkdtemp(directory) != NULL);
	snprintf(name, sizeof(name), "%s/pcscf.key", directory);
	ASSERT_EQ(pcscf_dialog_key(directory, first), 0);
	ASSERT_EQ(pcscf_dialog_key(directory, again), 0);
	EXPECT_MEM(first, again, sizeof(first));
	ASSERT_EQ(stat(name, &file), 0);
	EXPECT_EQ(file.st_mode & 0777, 0600);
	ASSERT_EQ(truncate(name, 5), 0); /* half of one is none */
	ASSERT_EQ(pcscf_dialog_key(directory, again), 0);
	EXPECT_NE(memcmp(first, again, sizeof(first)), 0);
	unlink(name);
	rmdir(directory);
	EXPECT_EQ(pcscf_dialog_key(directory, again), -ENOENT);
}

/* --- to a UE --- */

#define BEHIND "Record-Route: <sip:dialog@127.0.0.1:7;lr>, <sip:x@127.0.0.1:8;lr>\r\n"
#define CALLED "P-Called-Party-ID: <sip:second@" REALM ">\r\n"

/* Sends an answer of the UE with these header lines, and takes what of it reaches the core. */
static struct sip *answer_call(const struct sip *request, int status, const char *headers)
{
	char text[8192], *bytes;
	size_t n;
	struct sip *r = sip_response(request, status, NULL, "ue");
	EXPECT_EQ(sip_print(r, &bytes, &n), 0);
	snprintf(text, sizeof(text), "%.*s%s\r\n", (int)(n - strlen("Content-Length: 0\r\n\r\n")),
		 bytes, headers);
	free(bytes);
	sip_free(r);
	ue_send(&ue, ue.uc_fd, port_ps, text);
	return core_receive();
}

/* The fixture's socket is what a Via of ours is answered to. */
static struct sip *call_to_ue(const char *headers)
{
	char more[2048];
	snprintf(more, sizeof(more), BEHIND CALLED "%s", headers);
	from_core("INVITE", path, "", more);
	sip_free(core_receive()); /* 100 */
	struct sip *s = ue_receive(ue.us_fd, NULL);
	EXPECT_TRUE(s && sip_is(s, "INVITE"));
	return s;
}

/* "<sip:ID.SEAL@…>" */
static bool is_sealed(const char *uri)
{
	const char *dot = strchr(uri, '.'), *at = strchr(uri, '@');
	return dot && at && dot < at;
}

TEST(pcscf_call, c118a_c141_called_ue_cannot_change_the_route_of_the_caller)
{
	static const char *const forged[] = {
		"",
		"Record-Route: <sip:127.0.0.66:9;lr>\r\n",
		"Record-Route: <sip:127.0.0.66:9;lr>, <sip:dialog@127.0.0.1:7;lr>\r\n",
	};
	static const int statuses[] = { 180, 183, 200, 200 };
	begin();
	struct sip *invite = call_to_ue("");
	ASSERT_TRUE(invite != NULL);
	EXPECT_EQ(atoi(strrchr(record(invite, 0), ':') + 1), port_ps);
	EXPECT_TRUE(is_sealed(record(invite, 0)));
	EXPECT_TRUE(strstr(record(invite, 2), "dialog@") != NULL);
	for (unsigned i = 0; i < 4; i++) {
		test_context("answer %u", i);
		struct sip *s = answer_call(invite, statuses[i], forged[i % 3]);
		ASSERT_TRUE(s != NULL);
		EXPECT_EQ(sip_status(s), statuses[i]);
		EXPECT_EQ(atoi(strrchr(record(s, 0), ':') + 1), port_ps);
		EXPECT_EQ(atoi(strrchr(record(s, 1), ':') + 1), port_ps + 1);
		EXPECT_FALSE(is_sealed(record(s, 0)));
		EXPECT_STREQ(record(s, 2), "<sip:dialog@127.0.0.1:7;lr>");
		EXPECT_STREQ(record(s, 3), "<sip:x@127.0.0.1:8;lr>");
		EXPECT_STREQ(record(s, 4), "");
		sip_free(s);
	}
	test_context(NULL);
	sip_free(invite);
	edge_stop();
}

TEST(pcscf_call, c117_c118a_called_ue_asks_along_the_route_it_was_given)
{
	char route[1024], caller[256];
	begin();
	struct sip *s, *invite = call_to_ue("");
	ASSERT_TRUE(invite != NULL);
	snprintf(route, sizeof(route), "Route: %s, %s, %s, %s\r\n", record(invite, 0),
		 record(invite, 1), record(invite, 2), record(invite, 3));
	s = answer_call(invite, 200, "");
	ASSERT_TRUE(s != NULL);
	/* What the caller's requests carry when they come back to us. */
	snprintf(caller, sizeof(caller), "%s, %s", record(s, 1), record(s, 0));
	sip_free(s);
	sip_free(invite);
	from_ue("UPDATE", "t", ";tag=v", route);
	s = core_receive();
	EXPECT_TRUE(s == NULL); /* it goes to the next proxy, 127.0.0.1:7, where nobody is */
	EXPECT_EQ(edge_stat("route_refused"), 0);
	EXPECT_EQ(edge_stat("ue_request_forwarded"), 1);
	from_core("BYE", caller, ";tag=ue", "");
	s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s && sip_is(s, "BYE"));
	EXPECT_TRUE(sip_route(s, 0) == NULL);
	EXPECT_STREQ(record(s, 0), "");
	sip_free(s);
	replace(route, "127.0.0.1:8", "127.0.0.66:8");
	from_ue("BYE", "t", ";tag=v", route);
	EXPECT_EQ(ue_status(ue.us_fd), 403);
	edge_stop();
}

TEST(pcscf_call, c112_c116_answer_is_of_whom_was_called)
{
	static const struct {
		const char *said, *asserted;
	} rows[] = {
		{ "", "<sip:second@" REALM ">" },
		{ "P-Preferred-Identity: <tel:+1234>\r\n", "<tel:+1234>" },
		{ "P-Preferred-Identity: <sip:victim@" REALM ">\r\n", "<sip:second@" REALM ">" },
		{ "P-Asserted-Identity: <sip:victim@" REALM ">\r\n", "<sip:second@" REALM ">" },
	};
	begin();
	struct sip *invite = call_to_ue("");
	ASSERT_TRUE(invite != NULL);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].said);
		struct sip *s = answer_call(invite, 180, rows[i].said);
		ASSERT_TRUE(s != NULL);
		EXPECT_STREQ(sip_header(s, "P-Asserted-Identity", 0), rows[i].asserted);
		EXPECT_TRUE(sip_header(s, "P-Asserted-Identity", 1) == NULL);
		EXPECT_TRUE(sip_header(s, "P-Preferred-Identity", 0) == NULL);
		sip_free(s);
	}
	test_context(NULL);
	sip_free(invite);
	edge_stop();
}

TEST(pcscf_call, c142_what_is_the_network_s_stays_in_it_and_what_is_the_call_s_goes_through)
{
	begin();
	/* From the UE: its own access network goes home, one that claims to be ours does not. */
	from_ue("INVITE", "r", "",
		"P-Access-Network-Info: IEEE-802.3\r\nP-Charging-Vector: icid-value=mine\r\n"
		"P-Visited-Network-ID: x\r\nSession-Expires: 1800\r\nMin-SE: 90\r\n");
	EXPECT_EQ(ue_status(ue.us_fd), 100);
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_header(s, "P-Access-Network-Info", 0), "IEEE-802.3");
	EXPECT_TRUE(strstr(sip_header(s, "P-Charging-Vector", 0), "mine") == NULL);
	EXPECT_TRUE(sip_header(s, "P-Visited-Network-ID", 0) == NULL);
	EXPECT_STREQ(sip_header(s, "Session-Expires", 0), "1800");
	EXPECT_STREQ(sip_header(s, "Min-SE", 0), "90");
	core_answer(s, 180,
		    "P-Access-Network-Info: 3GPP-UTRAN\r\nP-Charging-Vector: icid-value=1\r\n");
	s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(sip_header(s, "P-Access-Network-Info", 0) == NULL);
	EXPECT_TRUE(sip_header(s, "P-Charging-Vector", 0) == NULL);
	sip_free(s);
	from_ue("MESSAGE", "m", "",
		"P-Access-Network-Info: IEEE-802.3, 3GPP-UTRAN;Network-Provided\r\n");
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(sip_header(s, "P-Access-Network-Info", 0) == NULL);
	sip_free(s);
	/* To the UE, and its answer, which is charged as what it answers. */
	s = call_to_ue("P-Access-Network-Info: 3GPP-UTRAN\r\nP-Charging-Vector: icid-value=7\r\n"
		       "Session-Expires: 1800\r\n");
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(sip_header(s, "P-Access-Network-Info", 0) == NULL);
	EXPECT_TRUE(sip_header(s, "P-Charging-Vector", 0) == NULL);
	EXPECT_STREQ(sip_header(s, "P-Called-Party-ID", 0), "<sip:second@" REALM ">");
	EXPECT_STREQ(sip_header(s, "Session-Expires", 0), "1800");
	struct sip *r = answer_call(s, 200,
				    "P-Charging-Vector: icid-value=mine\r\nSession-Expires: "
				    "1800;refresher=uas\r\nP-Access-Network-Info: IEEE-802.3\r\n");
	ASSERT_TRUE(r != NULL);
	EXPECT_STREQ(sip_header(r, "P-Charging-Vector", 0), "icid-value=7");
	EXPECT_STREQ(sip_header(r, "Session-Expires", 0), "1800;refresher=uas");
	EXPECT_STREQ(sip_header(r, "P-Access-Network-Info", 0), "IEEE-802.3");
	sip_free(r);
	sip_free(s);
	edge_stop();
}

TEST(pcscf_call, c118a_ue_that_is_gone_in_the_middle_of_a_call_is_answered_for)
{
	char caller[256];
	struct sip *s;
	begin();
	struct sip *invite = call_to_ue("");
	ASSERT_TRUE(invite != NULL);
	s = answer_call(invite, 200, "");
	ASSERT_TRUE(s != NULL);
	snprintf(caller, sizeof(caller), "%s, %s", record(s, 1), record(s, 0));
	sip_free(s);
	sip_free(invite);
	/* It does not answer any more: 408 after timer F toward UEs, 64·T1 = 128 s. */
	from_core("UPDATE", caller, ";tag=ue", "");
	edge_pass(129000);
	while ((s = core_receive()) && sip_status(s) == 200) /* the 2xx, again, without its ACK */
		sip_free(s);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 408);
	sip_free(s);
	/* Its SAs end: 480 at once. */
	dataplane_expire(asked.installs[0].registration);
	from_core("BYE", caller, ";tag=ue", "");
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 480);
	sip_free(s);
	edge_stop();
}
