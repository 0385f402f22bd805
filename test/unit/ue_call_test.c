/*
 * Two UEs that call each other. The test is the network between them: it hands over what one sends
 * with what proxies add and take away, and can lose or change it.
 */
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "test/shim/test.h"
#include "test/unit/ue_fixture.h"
#include "tools/ue/call.h"

#define ROUTE                                                                                      \
	"Record-Route: <sip:b@near.test;lr>, <sip:s@home.test;lr>\r\nRecord-Route: "               \
	"<sip:a@far.test;lr>\r\n"

static struct ue_fixture x;
static char story[1024];         /* what has gone over the wire: method or status, in order */
static char last[SIP_BYTES + 1]; /* the last message, as it was sent */
static unsigned n_passed;

/* What the network does otherwise: to the nth message (1 …; 0: to none). */
static struct {
	unsigned lose, change;
	const char *from, *to; /* in the text that is handed over */
} fault;

static bool begin(void)
{
	if (!ue_fixture_open(&x, 2, UE_HONEST))
		return false;
	memset(&fault, 0, sizeof(fault));
	story[0] = '\0';
	n_passed = 0;
	ue_fixture_run(&x, UE_REGISTER);
	for (unsigned i = 0; i < 2; i++) {
		if (!ue_fixture_register(&x, i))
			return false;
		snprintf(x.fleet.ues[i].impu, sizeof(x.fleet.ues[i].impu), "sip:u%u@home.test",
			 i + 1);
	}
	return x.done;
}

static void on_done(void *context)
{
	x.done = true;
}

/* Puts `lines` behind the first line, and takes the line that begins with `name` out. */
static void edit(char *text, const char *name, const char *lines)
{
	char rest[SIP_BYTES + 1];
	char *at = strstr(text, name);
	char *end = at ? strstr(at, "\r\n") : NULL;

	if (end)
		memmove(at, end + 2, strlen(end + 2) + 1);
	at = strstr(text, "\r\n") + 2;
	snprintf(rest, sizeof(rest), "%s", at);
	snprintf(at, SIP_BYTES - (size_t)(at - text), "%s%s", lines, rest);
}

static void replace(char *text, const char *from, const char *to)
{
	char rest[SIP_BYTES + 1];
	char *at = strstr(text, from);

	ASSERT_TRUE(at != NULL);
	snprintf(rest, sizeof(rest), "%s", at + strlen(from));
	snprintf(at, SIP_BYTES - (size_t)(at - text), "%s%s", to, rest);
}

/* As the proxies would hand it over. */
static void pass_through(char *text, unsigned to)
{
	char lines[512];

	snprintf(lines, sizeof(lines), "%sP-Asserted-Identity: <sip:u%u@home.test>\r\n%s",
		 strncmp(text, "INVITE", 6) ? "" : ROUTE, 2 - to,
		 strncmp(text, "SIP", 3) ? "P-Called-Party-ID: <sip:u2@home.test>\r\n" : "");
	edit(text, "P-Access-Network-Info", lines);
}

/* Hands over one message. False: there is none. */
static bool relay(void)
{
	struct sockaddr_in from = { 0 };
	socklen_t n = sizeof(from);
	char text[SIP_BYTES + 1], name[32];
	unsigned to;

	if (recvfrom(x.protected, text, 1, MSG_PEEK | MSG_DONTWAIT, (struct sockaddr *)&from, &n) <
	    0)
		return false;
	to = (ntohl(from.sin_addr.s_addr) & 0xff) == 1; /* 127.0.1.1 is the first UE */
	if (!ue_fixture_take(&x, x.protected))
		return false;
	snprintf(last, sizeof(last), "%s", x.text);
	if (x.got.status)
		snprintf(name, sizeof(name), "%u ", x.got.status);
	else
		snprintf(name, sizeof(name), "%.*s ", (int)x.got.method.bytes, x.got.method.at);
	strncat(story, name, sizeof(story) - strlen(story) - 1);
	if (++n_passed == fault.lose)
		return true;
	snprintf(text, sizeof(text), "%s", x.text);
	pass_through(text, to);
	if (n_passed == fault.change)
		replace(text, fault.from, fault.to);
	ue_receive(&x.fleet.ues[to], text, strlen(text), true, NULL);
	ue_fixture_step(&x);
	return true;
}

/* A call from the first to the second until it is over, or nothing more comes for `ms`. */
static void call(enum call_plan plan, int ms)
{
	struct pollfd wire = { .fd = x.protected, .events = POLLIN };

	x.done = false;
	fleet_call(&x.fleet, plan, on_done, &x);
	ue_fixture_step(&x);
	while (!x.done && (relay() || poll(&wire, 1, 50) > 0 || (ms -= 50) > 0))
		ue_fixture_step(&x);
	ue_fixture_step(&x);
}

TEST(ue_call, every_plan_is_kept_to)
{
	static const struct {
		enum call_plan plan;
		const char *story;
	} rows[] = {
		{ CALL_ANSWERED, "INVITE 180 200 ACK BYE 200 " },
		{ CALL_RELIABLE, "INVITE 183 PRACK 200 UPDATE 200 180 200 ACK INVITE 200 ACK BYE "
				 "200 " },
		{ CALL_CANCELLED, "INVITE 180 CANCEL 200 487 ACK " },
		{ CALL_REFUSED, "INVITE 180 486 ACK " },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		test_context("%s", call_plan_name(rows[i].plan));
		ASSERT_TRUE(begin());
		call(rows[i].plan, 0);
		while (relay()) /* the last ACK */
			;
		EXPECT_STREQ(story, rows[i].story);
		EXPECT_TRUE(x.done);
		EXPECT_EQ(x.fleet.result.n_ok, 1);
		EXPECT_TRUE(x.fleet.ues[0].call == NULL && x.fleet.ues[1].call == NULL);
		EXPECT_EQ(x.fleet.ues[1].task, UE_IDLE);
		ue_fixture_close(&x);
	}
	test_context(NULL);
}

TEST(ue_call, silent_callee_says_nothing_and_the_network_s_408_ends_the_call)
{
	ASSERT_TRUE(begin());
	call(CALL_SILENT, 0);
	EXPECT_STREQ(story, "INVITE ");
	EXPECT_FALSE(x.done);
	ue_fixture_answer(&x, &x.fleet.ues[0], true, 408, "");
	EXPECT_TRUE(x.done);
	EXPECT_EQ(x.fleet.result.n_ok, 1);
	ue_fixture_close(&x);
}

/* RFC 3261 12.2.1.1, for the caller from the last entry of the Record-Route to the first. */
TEST(ue_call, route_of_the_dialogue_is_the_record_route_as_each_has_to_read_it)
{
	static const char *const routes[] = {
		"Route: <sip:a@far.test;lr>, <sip:s@home.test;lr>, <sip:b@near.test;lr>\r\n",
		"Route: <sip:b@near.test;lr>, <sip:s@home.test;lr>, <sip:a@far.test;lr>\r\n",
	};

	for (unsigned i = 0; i < 2; i++) {
		ASSERT_TRUE(begin());
		fleet_call(&x.fleet, i ? CALL_RELIABLE : CALL_ANSWERED, on_done, &x);
		ue_fixture_step(&x);
		while (relay() && strncmp(last, "BYE", 3))
			;
		EXPECT_TRUE(strstr(last, routes[i]) != NULL);
		EXPECT_TRUE(
			strstr(last, i ? "BYE sip:127.0.1.1:5062 " : "BYE sip:127.0.1.2:5062 "));
		EXPECT_TRUE(strstr(last, "Security-Verify: ") != NULL);
		ue_fixture_close(&x);
	}
}

TEST(ue_call, prack_names_the_answer_and_the_invite)
{
	char rack[64];

	ASSERT_TRUE(begin());
	fleet_call(&x.fleet, CALL_RELIABLE, on_done, &x);
	ue_fixture_step(&x);
	while (relay() && strncmp(last, "PRACK", 5))
		;
	snprintf(rack, sizeof(rack), "RAck: 1 %u INVITE\r\n", x.fleet.ues[0].call->invite.cseq);
	EXPECT_TRUE(strstr(last, rack) != NULL);
	ue_fixture_close(&x);
}

/* CANCEL, and the ACK of a refusal, are of the INVITE's own transaction: 9.1, 17.1.1.3. */
TEST(ue_call, cancel_and_the_ack_of_a_refusal_are_of_the_invite)
{
	char branch[64];

	for (unsigned i = 0; i < 2; i++) {
		ASSERT_TRUE(begin());
		fleet_call(&x.fleet, i ? CALL_REFUSED : CALL_CANCELLED, on_done, &x);
		ue_fixture_step(&x);
		snprintf(branch, sizeof(branch), "branch=z9hG4bK%s\r\n",
			 x.fleet.ues[0].call->invite.branch);
		while (relay() && strncmp(last, i ? "ACK" : "CANCEL", 3))
			;
		EXPECT_TRUE(strstr(last, branch) != NULL);
		EXPECT_TRUE(strstr(last, i ? "ACK sip:u2@home.test " : "CANCEL sip:u2@home.test "));
		EXPECT_EQ(strstr(last, "To: <sip:u2@home.test>;tag=") != NULL, i);
		EXPECT_TRUE(strstr(last, "Security-Verify") == NULL);
		ue_fixture_close(&x);
	}
}

TEST(ue_call, c142_what_no_ue_may_see_fails_the_call)
{
	static const struct {
		unsigned message;
		const char *from, *to, *reason;
	} rows[] = {
		{ 1, "Max-", "P-Charging-Vector: icid-value=1\r\nMax-", "P-Charging-Vector" },
		{ 2, "CSeq", "P-Access-Network-Info: IEEE-802.3\r\nCSeq", "P-Access-Network-Info" },
		{ 1, "Identity: <sip:u1@", "Identity: <sip:evil@", "identity" },
		{ 1, "Party-ID: <sip:u2@", "Party-ID: <sip:evil@", "called-party" },
		{ 2, "Identity: <sip:u2@", "Identity: <sip:evil@", "identity" },
		{ 1, ROUTE, "", "no-route" },
		{ 2, "180 Ringing", "480 Gone", "480" },
		{ 5, "BYE", "BYE", NULL },
	};

	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		test_context("%s", rows[i].to);
		ASSERT_TRUE(begin());
		fault.change = rows[i].message;
		fault.from = rows[i].from;
		fault.to = rows[i].to;
		call(CALL_ANSWERED, 0);
		EXPECT_TRUE(x.done);
		EXPECT_EQ(x.fleet.result.n_failed, rows[i].reason != NULL);
		if (rows[i].reason)
			EXPECT_STREQ(x.fleet.result.reason[0].text, rows[i].reason);
		EXPECT_TRUE(x.fleet.ues[0].call == NULL && x.fleet.ues[1].call == NULL);
		ue_fixture_close(&x);
	}
	test_context(NULL);
}

/* The second message is the 180, the third the 200 that has to come again. */
TEST(ue_call, lost_final_answer_comes_again_until_it_is_acknowledged)
{
	ASSERT_TRUE(begin());
	fault.lose = 3;
	call(CALL_ANSWERED, 5000);
	EXPECT_TRUE(x.done);
	EXPECT_EQ(x.fleet.result.n_ok, 1);
	EXPECT_STREQ(story, "INVITE 180 200 200 ACK BYE 200 ");
	EXPECT_EQ(x.fleet.n_repeated, 1);
	ue_fixture_close(&x);
}

TEST(ue_call, who_expects_no_call_is_busy)
{
	static const struct {
		const char *method;
		unsigned status;
	} rows[] = { { "INVITE", 486 }, { "BYE", 481 }, { "PRACK", 481 }, { "ACK", 0 } };
	char text[512];

	ASSERT_TRUE(begin());
	for (unsigned i = 0; i < 4; i++) {
		test_context("%s", rows[i].method);
		snprintf(text, sizeof(text),
			 "%s sip:127.0.1.1 SIP/2.0\r\nVia: SIP/2.0/UDP p;branch=a\r\n"
			 "From: <sip:b>;tag=1\r\nTo: <sip:c>\r\nCall-ID: 1\r\nCSeq: 1 %s\r\n"
			 "Content-Length: 0\r\n\r\n",
			 rows[i].method, rows[i].method);
		ue_receive(&x.fleet.ues[0], text, strlen(text), true, NULL);
		EXPECT_EQ(ue_fixture_take(&x, x.protected), rows[i].status != 0);
		if (rows[i].status)
			EXPECT_EQ(x.got.status, rows[i].status);
	}
	test_context(NULL);
	ue_fixture_close(&x);
}
