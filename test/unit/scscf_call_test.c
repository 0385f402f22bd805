/* Calls through the S-CSCF: its place in the route, forks, charging. TS 24.229 5.4.3. */
#include <stdio.h>
#include <string.h>

#include "controlplane/cx.h"
#include "controlplane/registration.h"
#include "controlplane/scscf.h"
#include "controlplane/sip_route.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

static struct core_lab lab;
static struct ue a, b;

static void begin(void)
{
	ASSERT_TRUE(core_lab_open(&lab, 3, "AKAv1-MD5"));
	a = ue_new(1, 1);
	b = ue_new(2, 2);
	ASSERT_TRUE(ue_register_fully(&lab, &a));
	ASSERT_TRUE(ue_register_fully(&lab, &b));
}

/* A request of a P-CSCF; `top` are the header lines above the others, Route among them. */
static void send_request(const char *method, const char *uri, const char *to_tag, const char *top)
{
	static unsigned n;
	char text[4096];

	n++;
	snprintf(text, sizeof(text),
		 "%s %s SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKcall%u\r\n"
		 "%s"
		 "Max-Forwards: 69\r\n"
		 "From: <sip:1@" REALM ">;tag=a\r\n"
		 "To: <sip:2@" REALM ">%s\r\n"
		 "Call-ID: call\r\n"
		 "CSeq: %u %s\r\n"
		 "P-Asserted-Identity: <sip:1@" REALM ">\r\n"
		 "P-Access-Network-Info: IEEE-802.3\r\n"
		 "Session-Expires: 1800;refresher=uac\r\n"
		 "Content-Length: 0\r\n\r\n",
		 method, uri, lab.port, n, top, to_tag, n, method);
	core_lab_send(&lab, false, text);
	core_lab_run(&lab);
}

/* "<prefix>:<port of the S-CSCF>;lr>\r\n" and the like. */
static const char *line(const char *format, unsigned port)
{
	static char text[2][512];
	static unsigned i;

	i = !i;
	snprintf(text[i], sizeof(text[i]), format, port, port, port);
	return text[i];
}

#define ORIG         "Route: <sip:orig@127.0.0.1:%u;lr>\r\n"
#define RECORDS      "Record-Route: <sip:x@127.0.0.1:1;lr>\r\n"
#define CHARGED      "P-Charging-Vector: icid-value=\"i 1\"\r\n"
#define CHARGED_ELSE "P-Charging-Vector: icid-value=\"i;1\";orig-ioi=other.example\r\n"

/* What has come to the P-CSCFs, 100s passed over. */
static struct sip *next(void)
{
	struct sip *s = core_lab_receive(&lab);

	while (s != NULL && sip_status(s) == 100) {
		sip_free(s);
		s = core_lab_receive(&lab);
	}
	return s;
}

static int status(void)
{
	struct sip *s = next();
	int n = s != NULL ? sip_status(s) : 0;

	sip_free(s);
	return n;
}

static struct sip *expect_request(const char *method)
{
	struct sip *s = next();

	EXPECT_TRUE(s != NULL && sip_is(s, method));
	return s;
}

/* Answers it, with a vector if there is one. */
static void answer(const struct sip *request, int code, const char *tag, const char *vector)
{
	struct sip *response = sip_response(request, code, NULL, tag);

	if (vector != NULL)
		sip_header_add(response, "P-Charging-Vector", vector);
	core_lab_answer(&lab, response);
}

static const char *record_route(const struct sip *s, unsigned i)
{
	static char text[256];
	const osip_uri_t *r = sip_record_route(s, i);

	if (r == NULL)
		return "";
	snprintf(text, sizeof(text), "%s@%s:%s", r->username, r->host, r->port);
	return text;
}

static struct sip *call(const char *more)
{
	char top[1024];

	snprintf(top, sizeof(top), "%s" RECORDS "%s", line(ORIG, lab.scscf_config.port), more);
	send_request("INVITE", "sip:2@" REALM, "", top);
	return expect_request("INVITE");
}

TEST(scscf_call, c118a_c141_scscf_stays_in_the_route_of_what_begins_a_dialog)
{
	static const struct {
		const char *method, *to_tag;
		bool stays;
	} rows[] = { { "INVITE", "", true },
		     { "REFER", "", true },
		     { "MESSAGE", "", false },
		     { "OPTIONS", "", false } };
	char own[64];
	struct sip *s;

	begin();
	snprintf(own, sizeof(own), "dialog@127.0.0.1:%u", lab.scscf_config.port);
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		test_context("%s", rows[i].method);
		send_request(rows[i].method, "sip:2@" REALM, rows[i].to_tag,
			     line(ORIG RECORDS, lab.scscf_config.port));
		s = expect_request(rows[i].method);
		ASSERT_TRUE(s != NULL);
		EXPECT_STREQ(record_route(s, 0), rows[i].stays ? own : "x@127.0.0.1:1");
		EXPECT_STREQ(record_route(s, 1), rows[i].stays ? "x@127.0.0.1:1" : "");
		EXPECT_STREQ(sip_route(s, 0)->username, "term");
		EXPECT_TRUE(sip_route(s, 1) == NULL);
		EXPECT_STREQ(sip_header(s, "Session-Expires", 0), "1800;refresher=uac");
		EXPECT_STREQ(sip_header(s, "P-Access-Network-Info", 0), "IEEE-802.3");
		sip_free(s);
	}
	test_context(NULL);
	core_lab_close(&lab);
}

TEST(scscf_call, c118a_what_follows_goes_by_its_route_in_either_direction)
{
	static const char *const methods[] = { "PRACK", "UPDATE", "INVITE", "BYE", "INFO" };
	char top[512];
	struct sip *s;

	begin();
	snprintf(top, sizeof(top),
		 "Route: <sip:dialog@127.0.0.1:%u;lr>, <sip:id@127.0.0.1:%u;lr>, "
		 "<sip:id@10.0.0.1:5063;lr>\r\n",
		 lab.scscf_config.port, lab.port);
	for (unsigned i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		test_context("%s", methods[i]);
		send_request(methods[i], "sip:10.1.0.2:5064", ";tag=b", top);
		s = expect_request(methods[i]);
		ASSERT_TRUE(s != NULL);
		EXPECT_STREQ(sip_route(s, 0)->username, "id");
		EXPECT_STREQ(sip_route(s, 1)->host, "10.0.0.1");
		EXPECT_TRUE(sip_route(s, 2) == NULL);
		EXPECT_STREQ(sip_request_uri(s)->host, "10.1.0.2");
		EXPECT_TRUE(sip_header(s, "P-Called-Party-ID", 0) == NULL);
		EXPECT_STREQ(record_route(s, 0), "");
		answer(s, 200, "b", NULL);
		sip_free(s);
		EXPECT_EQ(status(), 200);
	}
	test_context(NULL);
	send_request("ACK", "sip:10.1.0.2:5064", ";tag=b", top);
	s = expect_request("ACK");
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_route(s, 0)->username, "id");
	sip_free(s);
	EXPECT_EQ(core_lab_stat(&lab, "request_in_dialog"), 5);
	core_lab_close(&lab);
}

TEST(scscf_call, c118a_route_that_ends_here_leads_nowhere)
{
	const char *only;

	begin();
	only = line("Route: <sip:dialog@127.0.0.1:%u;lr>\r\n", lab.scscf_config.port);
	send_request("BYE", line("sip:127.0.0.1:%u", lab.port), ";tag=b", only);
	EXPECT_EQ(status(), 481);
	send_request("ACK", line("sip:127.0.0.1:%u", lab.port), ";tag=b", only);
	send_request("ACK", line("sip:127.0.0.1:%u", lab.port), ";tag=b", "");
	EXPECT_EQ(status(), 0);
	EXPECT_EQ(core_lab_stat(&lab, "request_dialog_refused"), 3);
	core_lab_close(&lab);
}

TEST(scscf_call, c118a_busy_callee_and_the_ack_of_each_hop)
{
	struct sip *s;

	begin();
	s = call("");
	ASSERT_TRUE(s != NULL);
	answer(s, 486, "b", NULL);
	sip_free(s);
	/* To the callee's side an ACK of the S-CSCF's own, to the caller's the answer. */
	s = next();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(sip_is(s, "ACK"));
	sip_free(s);
	EXPECT_EQ(status(), 486);
	core_lab_close(&lab);
}

/* Another UE with an IMPU that both share, as an HSS that knows shared IMPUs assigns it. */
static void share_impu(const char *impi, const char *contact, bool is_barred)
{
	struct scscf *s = lab.scscf;
	struct cx_saa profile = { .n_impus = 1, .impus[0].barred = is_barred };
	struct binding binding = { .contact = strdup(contact), .n_paths = 1 };
	struct registration *r;
	char path[64];

	snprintf(path, sizeof(path), "sip:shared@127.0.0.1:%u;lr", lab.port);
	binding.paths[0] = strdup(path);
	cx_identity(profile.impus[0].impu, "sip:2@" REALM);
	ASSERT_EQ(registrations_put(s->registrar.registrations, impi, &profile, &binding, 600, &r),
		  0);
}

TEST(scscf_call, c118a_user_of_several_ues_is_called_on_all_and_the_first_answer_wins)
{
	struct sip *legs[2], *s;

	begin();
	share_impu("other@" REALM, "sip:10.1.0.9:5064", false);
	legs[0] = call(CHARGED);
	legs[1] = expect_request("INVITE");
	ASSERT_TRUE(legs[0] != NULL && legs[1] != NULL);
	EXPECT_NE(strcmp(sip_request_uri(legs[0])->host, sip_request_uri(legs[1])->host), 0);
	EXPECT_NE(strcmp(sip_route(legs[0], 0)->username, sip_route(legs[1], 0)->username), 0);
	for (unsigned i = 0; i < 2; i++) {
		EXPECT_STREQ(sip_header(legs[i], "P-Called-Party-ID", 0), "<sip:2@" REALM ">");
		answer(legs[i], 180, i == 0 ? "b0" : "b1", NULL);
		s = next();
		ASSERT_TRUE(s != NULL);
		EXPECT_STREQ(sip_to_tag(s), i == 0 ? "b0" : "b1");
		sip_free(s);
	}
	answer(legs[1], 200, "b1", NULL);
	s = next();
	ASSERT_TRUE(s != NULL);
	if (sip_is_request(s)) { /* the two have different sockets to go to, and no order */
		EXPECT_TRUE(sip_is(s, "CANCEL"));
		sip_free(s);
		EXPECT_EQ(status(), 200);
	} else {
		EXPECT_EQ(sip_status(s), 200);
		sip_free(s);
		sip_free(expect_request("CANCEL"));
	}
	answer(legs[0], 487, "b0", NULL);
	sip_free(expect_request("ACK"));
	EXPECT_EQ(status(), 0);
	EXPECT_EQ(core_lab_stat(&lab, "request_forked"), 1);
	sip_free(legs[0]);
	sip_free(legs[1]);
	core_lab_close(&lab);
}

TEST(scscf_call, c118a_one_ue_of_several_that_is_barred_does_not_ring)
{
	struct sip *s;

	begin();
	share_impu("other@" REALM, "sip:10.1.0.9:5064", true);
	s = call("");
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_request_uri(s)->host, "10.1.0.2");
	sip_free(s);
	EXPECT_TRUE(next() == NULL);
	core_lab_close(&lab);
}

/* Subscriber 3 is registered at another S-CSCF: at our socket. */
static void move_away(void)
{
	struct store_identity three;
	char name[64];

	snprintf(name, sizeof(name), "sip:127.0.0.1:%u", lab.port);
	ASSERT_EQ(store_find_impu(lab.hss.base.store, "sip:3@" REALM, &three), 0);
	ASSERT_EQ(store_set_scscf(lab.hss.base.store, three.subscriber, name), 0);
	ASSERT_EQ(store_set_all_states(lab.hss.base.store, three.subscriber, STORE_REGISTERED), 0);
}

/* RFC 7315 4.6, TS 24.229 5.4.3: ioi between networks, none toward a P-CSCF. */
TEST(scscf_call, c142_charging_vector_says_which_networks_take_part)
{
	struct sip *s;

	begin();
	/* Within one S-CSCF the icid alone goes through. */
	s = call(CHARGED);
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_header(s, "P-Charging-Vector", 0), "icid-value=\"i 1\"");
	answer(s, 180, "b", "icid-value=\"i 1\"");
	sip_free(s);
	s = next();
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_header(s, "P-Charging-Vector", 0), "icid-value=\"i 1\"");
	sip_free(s);
	/* From another network: its name is taken off, and put on the answer beside ours. */
	send_request("INVITE", "sip:2@" REALM, "", CHARGED_ELSE);
	s = expect_request("INVITE");
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_header(s, "P-Charging-Vector", 0), "icid-value=\"i;1\"");
	answer(s, 183, "b", "icid-value=\"i;1\"");
	sip_free(s);
	s = next();
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_header(s, "P-Charging-Vector", 0),
		     "icid-value=\"i;1\";orig-ioi=\"other.example\";term-ioi=\"" REALM "\"");
	sip_free(s);
	/* To another S-CSCF: ours is put on, and what it answers is taken off. */
	move_away();
	send_request("INVITE", "sip:3@" REALM, "", line(ORIG CHARGED, lab.scscf_config.port));
	s = expect_request("INVITE");
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_header(s, "P-Charging-Vector", 0),
		     "icid-value=\"i 1\";orig-ioi=\"" REALM "\"");
	EXPECT_EQ(atoi(sip_route(s, 0)->port), lab.port);
	answer(s, 180, "c", "icid-value=\"i 1\";orig-ioi=\"" REALM "\";term-ioi=far.example");
	sip_free(s);
	s = next();
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_header(s, "P-Charging-Vector", 0), "icid-value=\"i 1\"");
	sip_free(s);
	core_lab_close(&lab);
}

TEST(scscf_call, c118a_cancel_that_overtakes_the_question_to_the_hss_ends_the_call)
{
	char text[1024], cancel[1024];

	begin();
	move_away();
	/* One datagram after the other, before the HSS has had its turn. */
	snprintf(text, sizeof(text),
		 "INVITE sip:3@" REALM
		 " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKx\r\n" ORIG
		 "From: <sip:1@" REALM ">;tag=a\r\nTo: <sip:3@" REALM ">\r\nCall-ID: x\r\n"
		 "CSeq: 1 INVITE\r\nP-Asserted-Identity: <sip:1@" REALM ">\r\n\r\n",
		 lab.port, lab.scscf_config.port);
	snprintf(cancel, sizeof(cancel),
		 "CANCEL sip:3@" REALM
		 " SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKx\r\n" ORIG
		 "From: <sip:1@" REALM ">;tag=a\r\nTo: <sip:3@" REALM ">\r\nCall-ID: x\r\n"
		 "CSeq: 1 CANCEL\r\n\r\n",
		 lab.port, lab.scscf_config.port);
	core_lab_send(&lab, false, text);
	core_lab_send(&lab, false, cancel);
	core_lab_run(&lab);
	EXPECT_EQ(status(), 200);
	EXPECT_EQ(status(), 487);
	EXPECT_TRUE(next() == NULL); /* no INVITE has left */
	core_lab_close(&lab);
}
