/* The way of requests other than REGISTER through the S-CSCF and the I-CSCF: TS 24.229 5.3, 5.4. */
#include <stdio.h>
#include <string.h>

#include "controlplane/scscf.h"
#include "controlplane/sip_route.h"
#include "controlplane/store.h"
#include "test/shim/test.h"
#include "test/unit/core_lab.h"

/* The status of the answer to what was sent; 0: none came, or a request came instead. */
static int status(struct core_lab *lab)
{
	struct sip *s = core_lab_receive(lab);
	int n = s != NULL ? sip_status(s) : 0;

	sip_free(s);
	return n;
}

static void open_two(struct core_lab *lab, struct ue *a, struct ue *b)
{
	ASSERT_TRUE(core_lab_open(lab, 3, "AKAv1-MD5"));
	*a = ue_new(1, 1);
	*b = ue_new(2, 2);
	ASSERT_TRUE(ue_register_fully(lab, a));
	ASSERT_TRUE(ue_register_fully(lab, b));
}

TEST(scscf, options_to_the_home_domain_are_answered)
{
	struct core_lab lab;
	struct ue a, b;

	open_two(&lab, &a, &b);
	ue_send(&lab, &a, "OPTIONS", "sip:" REALM, "sip:1@" REALM);
	EXPECT_EQ(status(&lab), 200);
	ue_send(&lab, &a, "OPTIONS", lab.scscf_uri, "sip:1@" REALM);
	EXPECT_EQ(status(&lab), 200);
	ue_send(&lab, &a, "MESSAGE", "sip:" REALM, "sip:1@" REALM);
	EXPECT_EQ(status(&lab), 405);
	core_lab_close(&lab);
}

TEST(scscf, sender_must_be_a_registered_identity)
{
	struct core_lab lab;
	struct ue a, b;

	open_two(&lab, &a, &b);
	ue_send(&lab, &a, "MESSAGE", "sip:2@" REALM, "sip:3@" REALM);
	EXPECT_EQ(status(&lab), 403);
	ue_send(&lab, &a, "OPTIONS", "sip:" REALM, "sip:nobody@" REALM);
	EXPECT_EQ(status(&lab), 403);
	EXPECT_EQ(core_lab_stat(&lab, "request_sender_refused"), 2);
	core_lab_close(&lab);
}

TEST(scscf, c141_request_for_a_registered_user_goes_to_his_contact_by_his_path)
{
	struct core_lab lab;
	struct ue a, b;
	char *uri;
	struct sip *s;

	open_two(&lab, &a, &b);
	ue_send(&lab, &a, "MESSAGE", "sip:2@HOME.example;user=phone", "sip:1@" REALM);
	s = core_lab_receive(&lab);
	ASSERT_TRUE(s != NULL);
	ASSERT_TRUE(sip_is(s, "MESSAGE"));
	ASSERT_EQ(osip_uri_to_str(sip_request_uri(s), &uri), 0);
	EXPECT_STREQ(uri, "sip:2@10.1.0.2:5064");
	osip_free(uri);
	ASSERT_TRUE(sip_route(s, 0) != NULL);
	EXPECT_STREQ(sip_route(s, 0)->username, "term");
	EXPECT_TRUE(sip_route(s, 1) == NULL);
	EXPECT_STREQ(sip_header(s, "P-Called-Party-ID", 0), "<sip:2@" REALM ">");
	EXPECT_STREQ(sip_header(s, "P-Asserted-Identity", 0), "<sip:1@" REALM ">");
	EXPECT_EQ(s->body_bytes, 5);
	EXPECT_TRUE(sip_via(s, 1) != NULL);
	sip_free(s);
	core_lab_close(&lab);
}

/* Answers the request that arrived at the P-CSCF, toward where its topmost Via says. */
static void answer_200(struct core_lab *lab)
{
	struct sip *request = core_lab_receive(lab);

	ASSERT_TRUE(request != NULL);
	core_lab_answer(lab, sip_response(request, 200, NULL, "b"));
	sip_free(request);
}

TEST(scscf, answer_of_the_called_user_comes_back_to_the_caller)
{
	struct core_lab lab;
	struct ue a, b;
	struct sip *s;

	open_two(&lab, &a, &b);
	ue_send(&lab, &a, "MESSAGE", "sip:2@" REALM, "sip:1@" REALM);
	answer_200(&lab);
	s = core_lab_receive(&lab);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	EXPECT_TRUE(sip_via(s, 1) == NULL);
	sip_free(s);
	core_lab_close(&lab);
}

TEST(scscf, user_who_is_unknown_absent_pending_or_foreign)
{
	struct core_lab lab;
	struct ue a, b, c = ue_new(3, 3);

	open_two(&lab, &a, &b);
	ue_send(&lab, &a, "MESSAGE", "sip:9@" REALM, "sip:1@" REALM);
	EXPECT_EQ(status(&lab), 404);
	ue_send(&lab, &a, "MESSAGE", "sip:3@" REALM, "sip:1@" REALM);
	EXPECT_EQ(status(&lab), 480);
	/* C-134b: pending */
	EXPECT_EQ(ue_register_status(&lab, &c, UE_NOTHING), 401);
	EXPECT_EQ(core_lab_state(&lab, 3), STORE_PENDING);
	ue_send(&lab, &a, "MESSAGE", "sip:3@" REALM, "sip:1@" REALM);
	EXPECT_EQ(status(&lab), 480);
	ue_send(&lab, &a, "MESSAGE", "sip:3@elsewhere.example", "sip:1@" REALM);
	EXPECT_EQ(status(&lab), 404);
	core_lab_close(&lab);
}

TEST(scscf, c021_call_to_any_identity_of_the_implicit_set_arrives)
{
	static const char *const impus[] = { "sip:other@" REALM, "tel:+15550100" };
	const char *const set[] = { "sip:5@" REALM, impus[0], impus[1], "sip:barred@" REALM };
	struct store_subscriber five = { .impi = "5@" REALM };
	struct core_lab lab;
	struct ue ue = ue_new(5, 5);
	int taken;

	ASSERT_TRUE(core_lab_open(&lab, 0, "AKAv1-MD5"));
	memcpy(five.k, subscribers_k, sizeof(five.k));
	memcpy(five.opc, subscribers_opc, sizeof(five.opc));
	EXPECT_EQ(store_add(lab.hss.base.store, &five, set, 4, &taken), 0);
	EXPECT_EQ(store_set_barred(lab.hss.base.store, set[3], true), 0);
	ASSERT_TRUE(ue_register_fully(&lab, &ue));
	for (unsigned i = 0; i < 2; i++) {
		struct sip *s;

		ue_send(&lab, &ue, "MESSAGE", impus[i], impus[i]);
		s = core_lab_receive(&lab);
		ASSERT_TRUE(s != NULL);
		EXPECT_TRUE(sip_is(s, "MESSAGE"));
		sip_free(s);
	}
	ue_send(&lab, &ue, "MESSAGE", set[3], impus[0]);
	EXPECT_EQ(status(&lab), 404);
	ue_send(&lab, &ue, "MESSAGE", impus[0], set[3]);
	EXPECT_EQ(status(&lab), 403);
	core_lab_close(&lab);
}

TEST(icscf, request_for_a_user_goes_to_his_scscf)
{
	static const char text[] = "MESSAGE sip:%u@" REALM " SIP/2.0\r\n"
				   "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bK-%u\r\n"
				   "Max-Forwards: 69\r\nFrom: <sip:x@else.example>;tag=t\r\n"
				   "To: <sip:%u@" REALM ">\r\nCall-ID: x\r\n"
				   "CSeq: 1 MESSAGE\r\nContent-Length: 0\r\n\r\n";
	static const struct {
		unsigned user;
		int status; /* 0: it arrives */
	} table[] = { { 1, 0 }, { 3, 480 }, { 9, 404 } };
	struct core_lab lab;
	struct ue a, b;
	char message[512];

	open_two(&lab, &a, &b);
	for (unsigned i = 0; i < 3; i++) {
		test_context("user %u", table[i].user);
		snprintf(message, sizeof(message), text, table[i].user, lab.port, i, table[i].user);
		core_lab_send(&lab, true, message);
		core_lab_run(&lab);
		EXPECT_EQ(status(&lab), table[i].status);
	}
	test_context(NULL);
	EXPECT_EQ(core_lab_stat(&lab, "request_to_user"), 1);
	core_lab_close(&lab);
}

/* RFC 3261 26.2.2. The S-CSCF is there, and takes it when nothing asks for TLS. */
TEST(icscf, what_asks_for_tls_is_not_sent_in_the_clear)
{
	static const struct {
		const char *parameter;
		int status;
	} rows[] = { { ";transport=tls", 503 }, { "", 401 } };
	struct core_lab lab;
	struct ue ue = ue_new(1, 1);
	if (!core_lab_open(&lab, 2, "AKAv1-MD5"))
		return;
	ue.via_icscf = true;
	ue.extra = "P-Visited-Network-ID: " REALM "\r\n";
	for (unsigned i = 0; i < 2; i++, ue.call++) {
		test_context("%s", rows[i].parameter);
		snprintf(lab.scscf_uri, sizeof(lab.scscf_uri), "sip:127.0.0.1:%u%s",
			 lab.scscf_config.port, rows[i].parameter);
		EXPECT_EQ(ue_register_status(&lab, &ue, UE_NOTHING), rows[i].status);
	}
	core_lab_close(&lab);
}

TEST(scscf, status_lists_every_registered_identity)
{
	struct core_lab lab;
	struct ue a, b;
	json_t *list, *row;

	open_two(&lab, &a, &b);
	list = scscf_role.registrations(lab.scscf);
	ASSERT_EQ(json_array_size(list), 2);
	row = json_array_get(list, 0);
	EXPECT_TRUE(json_is_string(json_object_get(row, "impu")));
	EXPECT_TRUE(json_is_string(json_object_get(row, "impi")));
	EXPECT_TRUE(json_is_string(json_object_get(row, "contact")));
	EXPECT_EQ(json_integer_value(json_object_get(row, "expires_s")), 600);
	json_decref(list);
	core_lab_close(&lab);
}
