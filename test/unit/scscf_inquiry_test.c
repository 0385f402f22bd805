/* Users whom the S-CSCF does not know, and what it asks the HSS: TS 24.229 5.4.3.2, 5.4.3.3; C-135.
 */
#include "controlplane/scscf_inquiry.h"

#include <stdio.h>
#include <string.h>

#include "controlplane/cx_status.h"
#include "controlplane/hss.h"
#include "controlplane/scscf.h"
#include "controlplane/store.h"
#include "controlplane/store_records.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

static struct core_lab lab;
static struct ue a;

/* Subscriber 1 is registered, the others are not. */
static void begin(void)
{
	ASSERT_TRUE(core_lab_open(&lab, 3, "AKAv1-MD5"));
	hss_set_unregistered_services(lab.hss.hss, true);
	a = ue_new(1, 1);
	ASSERT_TRUE(ue_register_fully(&lab, &a));
}

/* The S-CSCF starts again without any memory of its users. */
static void lose(void)
{
	scscf_role.stop(lab.scscf);
	ASSERT_EQ(scscf_role.start(lab.hss.loop, &lab.config, &lab.scscf), 0);
}

/* Sends a MESSAGE to subscriber i, and lets nothing happen yet. */
static void send_message(bool via_icscf, unsigned i)
{
	static unsigned n;
	char text[512];

	n++;
	snprintf(text, sizeof(text),
		 "MESSAGE sip:%u@" REALM " SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKm%u\r\n"
		 "Max-Forwards: 69\r\nFrom: <sip:x@else.example>;tag=t\r\n"
		 "To: <sip:%u@" REALM ">\r\nCall-ID: m%u\r\n"
		 "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n",
		 i, lab.port, n, i, n);
	core_lab_send(&lab, via_icscf, text);
}

/* The status of what has arrived next; 0: nothing, 1: a request. */
static int next(void)
{
	struct sip *s = core_lab_receive(&lab);
	int status = s == NULL ? 0 : sip_is_request(s) ? 1 : sip_status(s);

	sip_free(s);
	return status;
}

static int call(bool via_icscf, unsigned i)
{
	send_message(via_icscf, i);
	core_lab_run(&lab);
	return next();
}

static void expect_scscf(unsigned i, const char *name)
{
	struct store_subscriber subscriber = { 0 };

	EXPECT_EQ(store_find_subscriber(lab.hss.base.store, i, &subscriber), 0);
	EXPECT_STREQ(subscriber.scscf, name);
}

TEST(scscf_inquiry, c135_who_is_called_while_absent_is_served_here_and_registers_as_before)
{
	struct ue b = ue_new(2, 2);

	begin();
	for (unsigned times = 1; times < 3; times++) {
		test_context("time %u", times);
		EXPECT_EQ(call(true, 2), 480);
		EXPECT_EQ(core_lab_stat(&lab, "unregistered_asked"), times);
		expect_scscf(2, lab.scscf_uri);
		EXPECT_EQ(core_lab_state(&lab, 2), STORE_UNREGISTERED);
	}
	test_context(NULL);
	EXPECT_EQ(core_lab_icscf_stat(&lab, "locate_forwarded"), 2);
	b.via_icscf = true;
	b.extra = "P-Visited-Network-ID: " REALM "\r\n";
	ASSERT_TRUE(ue_register_fully(&lab, &b));
	EXPECT_EQ(core_lab_state(&lab, 2), STORE_REGISTERED);
	EXPECT_EQ(call(true, 2), 1);
	EXPECT_EQ(core_lab_stat(&lab, "unregistered_asked"), 2);
	core_lab_close(&lab);
}

/* The caller's S-CSCF asks where he is, and serves him itself if it takes nothing special. */
TEST(scscf_inquiry, c135_callers_scscf_serves_whom_any_scscf_may_serve)
{
	struct store_capabilities needed;

	begin();
	ASSERT_EQ(store_capabilities_read("1", &needed), 0);
	ASSERT_EQ(store_set_capabilities(lab.hss.base.store, 3, &needed), 0);
	ue_send(&lab, &a, "MESSAGE", "sip:2@" REALM, "sip:1@" REALM);
	EXPECT_EQ(next(), 480);
	expect_scscf(2, lab.scscf_uri);
	ue_send(&lab, &a, "MESSAGE", "sip:3@" REALM, "sip:1@" REALM);
	EXPECT_EQ(next(), 480);
	expect_scscf(3, "");
	core_lab_close(&lab);
}

TEST(scscf_inquiry, c135_without_the_policy_nobody_serves_who_is_absent)
{
	begin();
	hss_set_unregistered_services(lab.hss.hss, false);
	EXPECT_EQ(call(true, 2), 480);
	EXPECT_EQ(core_lab_stat(&lab, "request_terminating"), 0);
	/* nor one that has been asked past the I-CSCF */
	EXPECT_EQ(call(false, 2), 480);
	EXPECT_EQ(core_lab_stat(&lab, "unregistered_asked"), 1);
	expect_scscf(2, "");
	core_lab_close(&lab);
}

TEST(scscf_inquiry, c135_barred_and_unknown_users_are_404)
{
	begin();
	ASSERT_EQ(store_set_barred(lab.hss.base.store, "sip:2@" REALM, true), 0);
	EXPECT_EQ(call(false, 2), 404);
	EXPECT_EQ(call(false, 9), 404);
	EXPECT_EQ(core_lab_stat(&lab, "request_user_absent"), 2);
	core_lab_close(&lab);
}

/* A flood of calls to one user, faster than the HSS answers. */
TEST(scscf_inquiry, c135_many_calls_to_one_absent_user_are_one_question)
{
	unsigned n_absent = 0, n_refused = 0;
	uint64_t asked;

	begin();
	asked = hss_stats(lab.hss.hss)->sar;
	for (unsigned i = 0; i < INQUIRY_N_WAITING + 9; i++)
		send_message(false, 2);
	send_message(false, 3);
	core_lab_run(&lab);
	for (int status = next(); status != 0; status = next()) {
		n_absent += status == 480;
		n_refused += status == 503;
	}
	EXPECT_EQ(n_absent, INQUIRY_N_WAITING + 1);
	EXPECT_EQ(n_refused, 9);
	EXPECT_EQ(hss_stats(lab.hss.hss)->sar, asked + 2);
	core_lab_close(&lab);
}

/* Of a registration that the S-CSCF has lost the HSS keeps the flag, whoever calls. */
TEST(scscf_inquiry, c135_call_does_not_disturb_the_flag_of_a_registered_user)
{
	begin();
	lose();
	EXPECT_EQ(call(true, 1), 480);
	EXPECT_EQ(core_lab_stat(&lab, "unregistered_asked"), 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	expect_scscf(1, lab.scscf_uri);
	a.call++;
	ASSERT_TRUE(ue_register_fully(&lab, &a));
	EXPECT_EQ(call(true, 1), 1);
	core_lab_close(&lab);
}

/* His SAR is on its way when he is asked about. */
TEST(scscf_inquiry, c135_who_has_registered_meanwhile_is_called_and_may_call)
{
	struct ue b = ue_new(2, 2);
	struct sip *s;

	begin();
	EXPECT_EQ(ue_register_status(&lab, &b, UE_NOTHING), 401);
	b.indicator = PROTECTED;
	ue_send_register(&lab, &b, UE_RES);
	send_message(false, 2);
	core_lab_run(&lab);
	EXPECT_EQ(core_lab_stat(&lab, "unregistered_asked"), 1);
	EXPECT_EQ(core_lab_stat(&lab, "request_to_user"), 1);
	while ((s = core_lab_receive(&lab)) != NULL)
		sip_free(s);
	lose();
	b.call++;
	b.indicator = "";
	EXPECT_EQ(ue_register_status(&lab, &b, UE_NOTHING), 401);
	b.indicator = PROTECTED;
	ue_send_register(&lab, &b, UE_RES);
	ue_send(&lab, &b, "OPTIONS", "sip:" REALM, "sip:2@" REALM);
	EXPECT_EQ(core_lab_stat(&lab, "restoration_asked"), 1);
	EXPECT_EQ(next(), 200);
	EXPECT_EQ(next(), 200);
	core_lab_close(&lab);
}

TEST(scscf_inquiry, c135_who_asks_with_a_lost_registration_is_told_to_register_anew)
{
	char service_route[96];
	struct sip *s;

	begin();
	lose();
	snprintf(service_route, sizeof(service_route), "<sip:orig@127.0.0.1:%u;lr>",
		 lab.scscf_config.port);
	ue_send(&lab, &a, "OPTIONS", "sip:" REALM, "sip:1@" REALM);
	s = core_lab_receive(&lab);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 504);
	EXPECT_STREQ(sip_header(s, "Content-Type", 0), "application/3gpp-ims+xml");
	EXPECT_STREQ(sip_header(s, "P-Asserted-Identity", 0), service_route);
	ASSERT_TRUE(s->body != NULL);
	EXPECT_TRUE(memmem(s->body, s->body_bytes, "<type>restoration</type>", 24) != NULL);
	EXPECT_TRUE(memmem(s->body, s->body_bytes, "<action>initial-registration</action>", 37) !=
		    NULL);
	sip_free(s);
	EXPECT_EQ(core_lab_stat(&lab, "request_sender_lost"), 1);
	EXPECT_EQ(core_lab_state(&lab, 1), STORE_REGISTERED);
	expect_scscf(1, lab.scscf_uri);
	a.call++;
	ASSERT_TRUE(ue_register_fully(&lab, &a));
	ue_send(&lab, &a, "OPTIONS", "sip:" REALM, "sip:1@" REALM);
	EXPECT_EQ(next(), 200);
	EXPECT_EQ(core_lab_stat(&lab, "restoration_asked"), 1);
	core_lab_close(&lab);
}

TEST(scscf_inquiry, c135_who_has_lost_no_registration_here_is_403)
{
	begin();
	ASSERT_EQ(store_set_scscf(lab.hss.base.store, 3, "sip:127.0.0.1:9"), 0);
	ASSERT_EQ(store_set_all_states(lab.hss.base.store, 3, STORE_REGISTERED), 0);
	for (unsigned i = 2; i < 5; i++) {
		char impu[CX_IDENTITY_BYTES];

		test_context("subscriber %u", i);
		subscribers_impu(i, impu);
		ue_send(&lab, &a, "OPTIONS", "sip:" REALM, impu);
		EXPECT_EQ(next(), 403);
		EXPECT_EQ(core_lab_stat(&lab, "request_sender_refused"), i - 1);
		EXPECT_EQ(core_lab_stat(&lab, "restoration_asked"), i - 1);
	}
	test_context(NULL);
	EXPECT_EQ(core_lab_state(&lab, 2), STORE_UNREGISTERED);
	expect_scscf(2, "");
	expect_scscf(3, "sip:127.0.0.1:9");
	core_lab_close(&lab);
}

/* A subscriber whose record is damaged: nobody knows what his right is. */
TEST(scscf_inquiry, c135_failing_hss_is_no_refusal_of_who_asks)
{
	char records[80];
	FILE *file;

	begin();
	lose();
	snprintf(records, sizeof(records), "%s.records", lab.hss.base.path);
	file = fopen(records, "r+e");
	ASSERT_TRUE(file != NULL);
	EXPECT_EQ(fseek(file, STORE_RECORD_BYTES + 8, SEEK_SET), 0);
	EXPECT_EQ(fputc(0, file), 0);
	EXPECT_EQ(fclose(file), 0);
	ue_send(&lab, &a, "OPTIONS", "sip:" REALM, "sip:1@" REALM);
	EXPECT_EQ(next(), 500);
	EXPECT_EQ(core_lab_stat(&lab, "restoration_asked"), 1);
	EXPECT_EQ(core_lab_stat(&lab, "request_sender_refused"), 0);
	core_lab_close(&lab);
}

TEST(scscf_inquiry, c135_refusals_of_the_hss_are_statuses)
{
	static const struct {
		enum cx_result result;
		int unregistered, restoration;
	} rows[] = {
		{ CX_USER_UNKNOWN, 404, 403 },
		{ CX_ERROR_IN_ASSIGNMENT_TYPE, 480, 403 },
		{ CX_IDENTITY_ALREADY_REGISTERED, 480, 403 },
		{ CX_UNABLE_TO_COMPLY, 500, 500 },
		{ CX_UNABLE_TO_DELIVER, 504, 504 },
		{ CX_TOO_BUSY, 500, 500 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("result %d", rows[i].result);
		EXPECT_EQ(cx_unregistered_status(rows[i].result), rows[i].unregistered);
		EXPECT_EQ(cx_restoration_status(rows[i].result), rows[i].restoration);
	}
	test_context(NULL);
}
