/* No memory, at any one place: messages, security agreements, what goes over Cx. */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "controlplane/backlog.h"
#include "controlplane/cx_message.h"
#include "controlplane/cx_user_data.h"
#include "controlplane/sip.h"
#include "controlplane/sip_memory.h"
#include "controlplane/sip_route.h"
#include "controlplane/transport.h"
#include "test/shim/scarce.h"
#include "test/shim/test.h"
#include "test/unit/wire_diameter.h"

static const char text[] =
	"INVITE sip:b@home.example;transport=udp SIP/2.0\r\n"
	"Via: SIP/2.0/UDP 10.0.0.1:5062;branch=z9hG4bK1;rport, SIP/2.0/UDP "
	"10.0.0.9;branch=z9hG4bK0\r\n"
	"Route: <sip:a@10.0.0.2;lr>, <sip:10.0.0.3;lr>\r\nRecord-Route: <sip:10.0.0.4;lr>\r\n"
	"From: \"A\" <sip:a@home.example>;tag=1\r\nTo: <sip:b@home.example>\r\nCall-ID: c@d\r\n"
	"CSeq: 1 INVITE\r\nMax-Forwards: 70\r\nContact: <sip:a@10.0.0.1:5062>;expires=5\r\n"
	"Require: sec-agree\r\nSupported: path, 100rel\r\n"
	"P-Asserted-Identity: <sip:a@home.example>, <tel:+1>\r\nX-Other: y\r\n"
	"Authorization: Digest username=\"a@b\", realm=\"b\", nonce=\"\", response=\"\"\r\n"
	"Content-Type: text/plain\r\nContent-Length: 5\r\n\r\nhello";

static struct sip *whole(void)
{
	struct sip *s = NULL;

	EXPECT_EQ(sip_parse(text, strlen(text), &s), 0);
	return s;
}

static void begin(void)
{
	scarce_libraries();
	sip_init();
	scarce_spare_osip();
}

/* The error is said if and only if something failed. */
static void expect_result(int rc)
{
	EXPECT_EQ(rc, scarce_has_failed() ? -ENOMEM : 0);
}

TEST(scarce, message_is_parsed_whole_or_not_at_all)
{
	unsigned n = 1;

	begin();
	for (; scarce_sweep(n); n++) {
		struct sip *s = NULL;
		scarce_begin();
		scarce_on();
		int rc = sip_parse(text, strlen(text), &s);
		scarce_rest();
		expect_result(rc);
		EXPECT_EQ(s != NULL, rc == 0);
		sip_free(s);
	}
	EXPECT_GT(n, 2);
}

TEST(scarce, copy_and_answer_are_whole_or_not_there)
{
	begin();
	for (unsigned n = 1; scarce_sweep(n); n++) {
		struct sip *s = whole();
		scarce_begin();
		scarce_on();
		struct sip *copy = sip_clone(s);
		struct sip *answer = sip_response(s, 404, NULL, "tag");
		scarce_rest();
		EXPECT_EQ(copy == NULL || answer == NULL, scarce_has_failed());
		if (copy)
			EXPECT_EQ(copy->body_bytes, 5);
		if (answer)
			EXPECT_STREQ(sip_to_tag(answer), "tag");
		sip_free(copy);
		sip_free(answer);
		sip_free(s);
	}
}

TEST(scarce, message_is_printed_whole_or_not_at_all)
{
	begin();
	for (unsigned n = 1; scarce_sweep(n); n++) {
		struct sip *s = whole();
		char *bytes = NULL;
		size_t n_bytes = 0;
		scarce_begin();
		scarce_on();
		int rc = sip_print(s, &bytes, &n_bytes);
		scarce_rest();
		expect_result(rc);
		EXPECT_EQ(bytes != NULL, rc == 0);
		free(bytes);
		sip_free(s);
	}
}

TEST(scarce, header_is_added_or_the_message_stays_as_it_was)
{
	begin();
	for (unsigned n = 1; scarce_sweep(n); n++) {
		struct sip *s = whole();
		unsigned n_added = 0;
		scarce_begin();
		for (unsigned i = 0; i < 20; i++) {
			scarce_on();
			int rc = sip_header_add(s, "X-Added", "1");
			scarce_off();
			EXPECT_TRUE(rc == 0 || rc == -ENOMEM);
			n_added += rc == 0;
		}
		EXPECT_EQ(n_added, scarce_has_failed() ? 19 : 20);
		EXPECT_STREQ(sip_header(s, "X-Other", 0), "y");
		EXPECT_EQ(sip_header_remove(s, "X-Added"), n_added);
		scarce_rest();
		sip_free(s);
	}
}

/* More than a slab has, so that it is malloc() that fails in the second round. */
TEST(scarce, piece_that_cannot_grow_stays)
{
	unsigned n = 1;

	for (; scarce_sweep(n); n++) {
		char *old = sip_take(8);
		strcpy(old, "whole");
		scarce_begin();
		scarce_on();
		char *grown = sip_take_more(old, 20000);
		scarce_rest();
		EXPECT_EQ(grown == NULL, scarce_has_failed());
		EXPECT_STREQ(grown ? grown : old, "whole");
		sip_give(grown ? grown : old);
	}
	EXPECT_EQ(n, 4);
}

TEST(scarce, datagram_waits_or_is_refused)
{
	static const struct path from;

	begin();
	for (unsigned n = 1; scarce_sweep(n); n++) {
		struct backlog *b = backlog_new(1);
		scarce_begin();
		scarce_on();
		bool waits = backlog_put(b, &from, text, strlen(text), 0);
		scarce_rest();
		EXPECT_EQ(waits, !scarce_has_failed());
		EXPECT_EQ(backlog_count(b), waits);
		EXPECT_TRUE(backlog_put(b, &from, text, strlen(text), 0));
		backlog_free(b);
	}
}

enum { WHOLE, REFUSED, HALF };

/* In a process of its own: the n-th allocation of what looks at a message fails. */
static int look_with_failure(unsigned n)
{
	struct sip *s = whole();

	scarce_sweep(n);
	scarce_begin();
	scarce_on();
	bool is_whole = sip_request_uri(s) && sip_from(s) && sip_to(s) && sip_contact(s, 0) &&
			sip_route(s, 0) && sip_record_route(s, 0) && sip_via(s, 0);
	scarce_rest();
	if (!is_whole)
		return REFUSED;
	return scarce_has_failed() ? HALF : WHOLE;
}

/* Half a message is worse than none: sip_init() has libosip2's allocations end the process. */
TEST(scarce, process_ends_where_libosip2_gets_no_memory)
{
	unsigned n_aborted = 0;
	int status = 0;

	begin();
	sip_init();
	for (unsigned n = 1; WIFSIGNALED(status) || n == 1 || WEXITSTATUS(status) == REFUSED; n++) {
		pid_t child = fork();
		if (child == 0)
			_exit(look_with_failure(n));
		ASSERT_EQ(waitpid(child, &status, 0), child);
		n_aborted += WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT;
		EXPECT_TRUE(WIFEXITED(status) || WTERMSIG(status) == SIGABRT);
	}
	EXPECT_EQ(WEXITSTATUS(status), WHOLE);
	EXPECT_GT(n_aborted, 30);
}

static const struct cx_saa profile = { 2, { { "sip:a@home.example", 0 }, { "tel:+1", 1 } }, "" };
static const struct cx_saa named = { 2, { { "sip:a@home.example", 0 }, { "tel:+1", 1 } }, "a@b" };

TEST(scarce, profile_is_written_and_read_whole_or_not_at_all)
{
	begin();
	for (unsigned n = 1; scarce_sweep(n); n++) {
		struct cx_saa got = { 0 };
		size_t n_bytes = 0;
		char *xml = NULL;
		scarce_begin();
		scarce_on();
		int rc = cx_user_data_write("a@home.example", &profile, &xml, &n_bytes);
		if (rc == 0)
			rc = cx_user_data_read(xml, n_bytes, &got);
		scarce_rest();
		EXPECT_TRUE(rc == 0 || scarce_has_failed());
		if (rc == 0) /* libxml2 did without */
			EXPECT_MEM(&got, &profile, sizeof(got));
		free(xml);
	}
}

static struct cx_request request_of(enum cx_command command)
{
	struct cx_request r = { .command = command };

	if (command == CX_MAR)
		r.mar = (struct cx_mar){ "a@b", "sip:a@b", "sip:s@b", CX_SCHEME_AKA, 3,
					 1,     { 1 },     { 2 },     { 0 } };
	else if (command == CX_PPR)
		r.ppr = (struct cx_ppr){ "a@b", profile };
	else
		r.sar = (struct cx_sar){ "a@b", "sip:a@b", "sip:s@b", CX_REGISTRATION };
	return r;
}

/* As it comes out at the other end; freed. NULL: it was lost on the way. */
static struct msg *sent(struct msg *message)
{
	struct wire w = wire_of(message);
	struct msg *arrived = wire_parse(&w);

	EXPECT_TRUE(arrived != NULL);
	return arrived;
}

/* A request there and its answer back. Returns 0, or not: something was refused on the way. */
static int exchange(enum cx_command command, struct cx_request *heard, struct cx_answer *got)
{
	struct cx_request request = request_of(command);
	struct cx_answer answer = { .command = command, .result = CX_SUCCESS };
	struct msg *message = NULL;
	int rc;

	if (command == CX_SAR)
		answer.saa = profile;
	scarce_on();
	rc = cx_message_request(&request, "home.example", NULL, &message);
	scarce_off();
	if (rc < 0 || (message = sent(message)) == NULL)
		return -1;
	scarce_on();
	rc = cx_message_read_request(message, heard) == CX_SUCCESS ? 0 : -1;
	if (rc == 0)
		rc = cx_message_answer(&message, &request, &answer);
	scarce_off();
	if (rc == 0 && (message = sent(message)) == NULL)
		return -1;
	scarce_on();
	if (rc == 0)
		cx_message_read_answer(message, command, got);
	scarce_off();
	cx_message_free(message);
	return rc;
}

/* What it takes of freeDiameter's own memory, it gets. */
TEST(scarce, cx_message_is_written_and_read_whole_or_not_at_all)
{
	static const enum cx_command commands[] = { CX_MAR, CX_SAR, CX_PPR };

	begin();
	wire_setup();
	for (unsigned i = 0; i < 3; i++)
		for (unsigned n = 1; scarce_sweep(n); n++) {
			struct cx_request asked = request_of(commands[i]), heard = { 0 };
			struct cx_answer got = { 0 };
			scarce_begin();
			int rc = exchange(commands[i], &heard, &got);
			scarce_rest();
			EXPECT_TRUE(rc == 0 || scarce_has_failed());
			if (rc == 0)
				EXPECT_MEM(&heard, &asked, sizeof(heard));
			if (rc == 0 && commands[i] == CX_SAR && cx_succeeded(got.result))
				EXPECT_MEM(&got.saa, &named, sizeof(named));
		}
}
