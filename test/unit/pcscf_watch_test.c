/* The P-CSCF subscribes to the event package reg, and does what it hears: TS 24.229 5.2.3. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/pcscf_fixture.h"

static struct ue_sim ue;
static char call_id[64], from_tag[64], route[128];
static unsigned cseq, branch, contact_port = 9;

/* Keeps what a NOTIFY needs of a SUBSCRIBE. */
static void keep_dialog(const struct sip *s)
{
	const osip_contact_t *contact = sip_contact(s, 0);
	char *uri;

	sip_call_id(s, call_id, sizeof(call_id));
	snprintf(from_tag, sizeof(from_tag), "%s", sip_from_tag(s));
	ASSERT_EQ(osip_uri_to_str(contact->url, &uri), 0);
	snprintf(route, sizeof(route), "%s", uri);
	osip_free(uri);
}

/* A UE is registered; the SUBSCRIBE is there. */
static struct sip *begin(unsigned expires_s)
{
	edge_watch(true);
	edge_start("two-pairs", "no");
	edge_watch(false);
	ue_open(&ue, 2, 14001, 14002);
	ue_challenge(&ue);
	ue_answer_challenge(&ue, expires_s);
	cseq = 0;
	struct sip *s = core_receive();
	EXPECT_TRUE(s != NULL && sip_is(s, "SUBSCRIBE"));
	if (s)
		keep_dialog(s);
	return s;
}

/* A REGISTER of the UE over its established set, granted as long. */
static void refresh(unsigned expires_s)
{
	char verify[1100];

	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", ue.server);
	ue_register(&ue, ue.uc_fd, port_ps, auth_initial, verify);
	core_answer(core_receive(), 200, ok_headers(&ue, expires_s));
	EXPECT_EQ(ue_status(ue.us_fd), 200);
}

static void answer_subscribe(struct sip *s)
{
	core_answer(s, 200, "Contact: <sip:127.0.0.1:9>\r\nExpires: 600000\r\n");
}

static const char *state_line = "Subscription-State: active;expires=600000\r\n";

/* Sends a NOTIFY with this document, and returns the status of the answer. */
static int notify(const char *document)
{
	char text[8192];

	cseq++;
	branch++;
	snprintf(text, sizeof(text),
		 "NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKn%s%u\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:u@" REALM ">;tag=core\r\n"
		 "To: <sip:p@x>;tag=%s\r\nCall-ID: %s\r\nCSeq: %u NOTIFY\r\nEvent: reg\r\n"
		 "Contact: <sip:127.0.0.1:%u>\r\n"
		 "%sContent-Type: application/reginfo+xml\r\nContent-Length: %zu\r\n\r\n%s",
		 route, port_icscf, call_id, branch, from_tag, call_id, cseq, contact_port,
		 state_line, strlen(document), document);
	core_send(text);
	struct sip *s = core_receive();
	int status = s ? sip_status(s) : 0;
	sip_free(s);
	return status;
}

/* The whole state: one contact of this state and event, at the UE's own place or another. */
static const char *document_at(unsigned version, const char *state, const char *rest,
			       const char *uri)
{
	static char text[2048];

	snprintf(text, sizeof(text),
		 "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"%u\" state=\"full\">"
		 "<registration aor=\"sip:u@" REALM "\" id=\"1\" state=\"%s\">"
		 "<contact id=\"2\" state=\"%s\" %s><uri>%s</uri></contact></registration>"
		 "<registration aor=\"tel:+1234\" id=\"3\" state=\"%s\">"
		 "<contact id=\"2\" state=\"%s\" %s><uri>%s</uri></contact></registration>"
		 "</reginfo>",
		 version, state, state, rest, uri, state, state, rest, uri);
	return text;
}

static const char *document(unsigned version, const char *state, const char *rest)
{
	char uri[64];

	snprintf(uri, sizeof(uri), "sip:%s:%u", ue.host, ue.us);
	return document_at(version, state, rest, uri);
}

/* Whether a request of the UE goes on to the core, asserted as this; NULL: it is refused. */
static void expect_request(const char *preferred, const char *asserted)
{
	char text[2048];

	ue.n_sent++;
	snprintf(text, sizeof(text),
		 "MESSAGE sip:v@" REALM " SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %s:14002;branch=z9hG4bKm%u\r\n"
		 "From: <sip:u@" REALM ">;tag=1\r\nTo: <sip:v@" REALM ">\r\nCall-ID: r\r\n"
		 "CSeq: %u MESSAGE\r\nMax-Forwards: 70\r\nP-Preferred-Identity: <%s>\r\n\r\n",
		 ue.host, ue.n_sent, ue.n_sent, preferred);
	ue_send(&ue, ue.uc_fd, port_ps, text);
	struct sip *s = core_receive();
	if (!asserted) {
		EXPECT_TRUE(s == NULL);
		EXPECT_EQ(ue_status(ue.us_fd), 403);
		return;
	}
	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_header(s, "P-Asserted-Identity", 0), asserted);
	core_answer(s, 200, "");
	EXPECT_EQ(ue_status(ue.us_fd), 200);
}

TEST(pcscf_watch, c040_it_subscribes_after_a_registration_and_only_once)
{
	struct sip *s = begin(600);
	char path[128];

	ASSERT_TRUE(s != NULL);
	EXPECT_STREQ(sip_request_uri(s)->username, "u");
	EXPECT_STREQ(sip_header(s, "Event", 0), "reg");
	EXPECT_STREQ(sip_header(s, "Expires", 0), "600000");
	EXPECT_STREQ(sip_header(s, "Accept", 0), "application/reginfo+xml");
	EXPECT_TRUE(sip_header(s, "P-Charging-Vector", 0) != NULL);
	/* As it stands in the Path, with the UE's id as user part. */
	snprintf(path, sizeof(path), "<sip:%s@127.0.0.1:%u>", sip_from(s)->url->username,
		 sip_via(s, 0) ? atoi(sip_via(s, 0)->port) : 0);
	EXPECT_STREQ(sip_header(s, "P-Asserted-Identity", 0), path);
	EXPECT_EQ(strlen(sip_from(s)->url->username), 12);
	answer_subscribe(s);
	EXPECT_EQ(edge_stat("subscription"), 1);
	/* A refresh finds it there. */
	refresh(600);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("subscribe_tx"), 1);
	edge_stop();
}

TEST(pcscf_watch, c040_refused_subscription_is_tried_again_with_the_next_register)
{
	struct sip *s = begin(600);

	core_answer(s, 403, "");
	EXPECT_EQ(edge_stat("subscription"), 0);
	EXPECT_EQ(edge_stat("subscribe_failed"), 1);
	expect_request("sip:u@" REALM, "<sip:u@" REALM ">"); /* the registration stands */
	refresh(600);
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(sip_is(s, "SUBSCRIBE"));
	answer_subscribe(s);
	EXPECT_EQ(edge_stat("subscription"), 1);
	edge_stop();
}

/* A new challenge may be the first sign that the S-CSCF has lost what it knew. */
TEST(pcscf_watch, c040_subscription_that_the_scscf_has_forgotten_is_made_anew)
{
	char verify[1100];
	struct sip *s = begin(600000);
	/* Its Contact is where the test listens. */
	char contact[128];

	snprintf(contact, sizeof(contact), "Contact: <sip:127.0.0.1:%u>\r\nExpires: 600000\r\n",
		 port_icscf);
	core_answer(s, 200, contact);
	int old = ue.uc_fd;
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", ue.server);
	ue_renew(&ue, 14011);
	ue_register(&ue, old, port_ps, auth_initial, verify);
	core_answer(core_receive(), 401, challenge_headers);
	s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
	ue_answer_challenge(&ue, 600000);
	s = core_receive();
	ASSERT_TRUE(s != NULL && sip_is(s, "SUBSCRIBE"));
	EXPECT_STREQ(sip_to_tag(s), "core");
	core_answer(s, 481, "");
	s = core_receive();
	ASSERT_TRUE(s != NULL && sip_is(s, "SUBSCRIBE"));
	EXPECT_TRUE(sip_to_tag(s) == NULL);
	answer_subscribe(s);
	EXPECT_EQ(edge_stat("subscription"), 1);
	EXPECT_EQ(edge_stat("subscribe_tx"), 3);
	edge_stop();
}

/* An identity may end alone, whatever the order in the document. */
TEST(pcscf_watch, c041_registration_stands_while_one_identity_is_active)
{
	static const char text[] =
		"<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"1\" state=\"%s\">"
		"<registration aor=\"tel:+1234\" id=\"3\" state=\"active\"><contact id=\"2\" "
		"state=\"active\" event=\"created\"><uri>sip:%s:%u</uri></contact></registration>"
		"<registration aor=\"sip:u@" REALM "\" id=\"1\" state=\"terminated\"><contact "
		"id=\"2\" state=\"terminated\" event=\"rejected\"><uri>sip:%s:%u</uri></contact>"
		"</registration></reginfo>";
	char full[2048];

	answer_subscribe(begin(600000));
	snprintf(full, sizeof(full), text, "full", ue.host, ue.us, ue.host, ue.us);
	EXPECT_EQ(notify(full), 200);
	expect_request("sip:u@" REALM, "<tel:+1234>");
	edge_stop();
	/* Where only changes are told, that of the identity that was registered counts. */
	answer_subscribe(begin(600000));
	snprintf(full, sizeof(full), text, "partial", ue.host, ue.us, ue.host, ue.us);
	EXPECT_EQ(notify(full), 200);
	expect_request("sip:u@" REALM, NULL);
	edge_stop();
}

TEST(pcscf_watch, c040_subscription_is_refreshed_in_its_dialog_ten_minutes_before_its_end)
{
	char registered[64];
	struct sip *s = begin(600000);

	keep_dialog(s);
	snprintf(registered, sizeof(registered), "%s", call_id);
	core_answer(s, 200, "Contact: <sip:127.0.0.1:9>\r\nExpires: 4000\r\n");
	edge_pass(3399 * 1000);
	EXPECT_TRUE(core_receive() == NULL);
	EXPECT_EQ(edge_stat("subscribe_tx"), 1);
	edge_pass(1000); /* to the S-CSCF itself, whose Contact is somewhere else here */
	EXPECT_EQ(edge_stat("subscribe_tx"), 2);
	EXPECT_TRUE(core_receive() == NULL);
	edge_stop();
}

TEST(pcscf_watch, c039_shortened_registration_and_its_sas_end_sooner)
{
	struct sip *s = begin(600000);
	unsigned n = asked.n_updates;

	answer_subscribe(s);
	EXPECT_EQ(notify(document(0, "active", "event=\"registered\" expires=\"600000\"")), 200);
	EXPECT_EQ(asked.n_updates, n);
	EXPECT_EQ(notify(document(1, "active", "event=\"shortened\" expires=\"60\"")), 200);
	ASSERT_EQ(asked.n_updates, n + 1);
	EXPECT_EQ(asked.updates[n % 16].lifetime_s, 90);
	EXPECT_EQ(edge_stat("registration_shortened"), 1);
	expect_request("sip:u@" REALM, "<sip:u@" REALM ">");
	edge_pass(60 * 1000);
	expect_request("sip:u@" REALM, NULL);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_pass(30 * 1000);
	EXPECT_EQ(edge_stat("ues"), 0);
	EXPECT_EQ(edge_stat("subscription"), 0);
	edge_stop();
}

/* The new pair is used: seed 6.1.4. */
TEST(pcscf_watch, c039_after_reauthentication_the_old_set_dies_128_s_after_the_first_new_message)
{
	char verify[1100];
	struct sip *s = begin(600000);

	answer_subscribe(s);
	EXPECT_EQ(notify(document(0, "active", "event=\"shortened\" expires=\"600\"")), 200);
	int old = ue.uc_fd;
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", ue.server);
	ue_renew(&ue, 14011);
	ue_register(&ue, old, port_ps, auth_initial, verify);
	core_answer(core_receive(), 401, challenge_headers);
	s = ue_receive(ue.us_fd, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
	ue_answer_challenge(&ue, 600000);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	EXPECT_EQ(notify(document(1, "active", "event=\"refreshed\" expires=\"600000\"")), 200);
	expect_request("sip:u@" REALM, "<sip:u@" REALM ">"); /* on the new one */
	edge_pass(127 * 1000);
	EXPECT_EQ(edge_stat("sets_old"), 1);
	edge_pass(1000);
	EXPECT_EQ(edge_stat("sets_old"), 0);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	edge_pass(700 * 1000); /* the time that was set is no more */
	expect_request("sip:u@" REALM, "<sip:u@" REALM ">");
	edge_stop();
}

TEST(pcscf_watch, c041_binding_goes_at_once_and_the_sas_after_their_grace)
{
	static const char *const events[] = { "deactivated", "rejected", "expired",
					      "unregistered" };

	for (unsigned i = 0; i < 4; i++) {
		char rest[64];

		test_context("%s", events[i]);
		answer_subscribe(begin(600000));
		snprintf(rest, sizeof(rest), "event=\"%s\"", events[i]);
		state_line = "Subscription-State: terminated;reason=noresource\r\n";
		EXPECT_EQ(notify(document(0, "terminated", rest)), 200);
		state_line = "Subscription-State: active;expires=600000\r\n";
		EXPECT_EQ(edge_stat("subscription"), 0);
		EXPECT_EQ(edge_stat("registration_ended_by_network"), 1);
		EXPECT_EQ(edge_stat("sets_ending"), 1);
		ASSERT_TRUE(asked.n_deletes > 0);
		EXPECT_EQ(asked.deletes[(asked.n_deletes - 1) % 16].grace_s, 128);
		expect_request("sip:u@" REALM, NULL);
		edge_pass(127 * 1000);
		EXPECT_EQ(edge_stat("ues"), 1);
		edge_pass(1000);
		EXPECT_EQ(edge_stat("ues"), 0);
		edge_stop();
	}
	test_context(NULL);
}

/* Behind a NAT a UE has registered by the NAT's address: TS 24.229 F.2.1.2.2. */
TEST(pcscf_watch, c041_c081_contact_at_the_nats_address_is_the_ues)
{
	struct ue_sim nat;
	char uri[64];

	edge_watch(true);
	edge_start_with("two-pairs", "no", "  nat: UDP-enc-tun\n  nat_networks: [127.0.0.0/8]\n");
	edge_watch(false);
	ue_open(&ue, 2, 14001, 14002);
	ue_open(&nat, 9, 14501, 14502);
	ue.mode = "UDP-enc-tun";
	ue_register(&ue, nat.clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(nat.clear, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(ue.server, sizeof(ue.server), "%s", sip_header(s, "Security-Server", 0));
	sip_free(s);
	ue_answer_challenge(&ue, 600000);
	cseq = 0;
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	keep_dialog(s);
	answer_subscribe(s);
	snprintf(uri, sizeof(uri), "sip:%s:%u", nat.host, ue.us);
	EXPECT_EQ(notify(document_at(0, "active", "event=\"registered\"", uri)), 200);
	EXPECT_EQ(edge_stat("registration_ended_by_network"), 0);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	EXPECT_EQ(notify(document_at(1, "terminated", "event=\"deactivated\"", uri)), 200);
	EXPECT_EQ(edge_stat("registration_ended_by_network"), 1);
	EXPECT_EQ(edge_stat("sets_ending"), 1);
	edge_stop();
}

/* A Contact may name the UE instead of its address: TS 24.229 5.1.1.2.2. */
TEST(pcscf_watch, c041_contact_that_is_a_name_is_the_ues_by_its_port)
{
	answer_subscribe(begin(600000));
	EXPECT_EQ(notify(document_at(0, "active", "event=\"registered\"",
				     "sip:u@ue." REALM ":14002")),
		  200);
	EXPECT_EQ(edge_stat("registration_ended_by_network"), 0);
	expect_request("sip:u@" REALM, "<sip:u@" REALM ">");
	test_context("at the port of somebody else");
	EXPECT_EQ(notify(document_at(1, "active", "event=\"registered\"",
				     "sip:u@ue." REALM ":14009")),
		  200);
	EXPECT_EQ(edge_stat("registration_ended_by_network"), 1);
	edge_stop();
}

/* The UE's own NOTIFY comes after the P-CSCF's, perhaps: it gets it over what is left. */
TEST(pcscf_watch, c041_last_words_of_a_dialog_still_reach_the_ue)
{
	static const char *const tags[] = { "", ";tag=ue" };
	char text[2048], id[32];
	struct sip *s = begin(600000);

	snprintf(id, sizeof(id), "%s", sip_from(s)->url->username);
	unsigned port_core = (unsigned)atoi(sip_via(s, 0)->port);
	answer_subscribe(s);
	EXPECT_EQ(notify(document(0, "terminated", "event=\"deactivated\"")), 200);
	for (unsigned i = 0; i < 2; i++) {
		snprintf(text, sizeof(text),
			 "NOTIFY sip:%s:14002 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch="
			 "z9hG4bKx%u%s\r\nRoute: <sip:%s@127.0.0.1:%u;lr>\r\nMax-Forwards: 70\r\n"
			 "From: <sip:u@" REALM ">;tag=s\r\nTo: <sip:u@" REALM ">%s\r\n"
			 "Call-ID: own\r\nCSeq: 1 NOTIFY\r\nEvent: reg\r\n\r\n",
			 ue.host, port_icscf, i, id, id, port_core, tags[i]);
		core_send(text);
		s = ue_receive(ue.us_fd, NULL);
		EXPECT_EQ(s != NULL, i == 1); /* what begins something finds nobody */
		sip_free(s);
		s = core_receive();
		EXPECT_EQ(s != NULL ? sip_status(s) : 0, i == 1 ? 0 : 480);
		sip_free(s);
	}
	edge_stop();
}

TEST(pcscf_watch, c041_another_contact_of_the_user_and_a_running_authentication_are_left_alone)
{
	struct sip *s = begin(600000);

	answer_subscribe(s);
	/* Somebody is at the same IMPI elsewhere: the whole state names no contact of ours. */
	ue_renew(&ue, 14021); /* while the UE itself begins anew, with a temporary set */
	ue_challenge(&ue);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	EXPECT_EQ(notify(document_at(0, "active", "event=\"registered\"", "sip:u@10.9.9.9:5060")),
		  200);
	EXPECT_EQ(edge_stat("sets_ending"), 1);
	EXPECT_EQ(edge_stat("sets_temporary"), 1);
	ue_answer_challenge(&ue, 600);
	EXPECT_EQ(edge_stat("sets_established"), 1);
	s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_TRUE(sip_is(s, "SUBSCRIBE")); /* anew, as the old one was about nothing */
	sip_free(s);
	expect_request("sip:u@" REALM, "<sip:u@" REALM ">");
	edge_stop();
}

/* C-137: an identity that was barred is asserted no longer. */
TEST(pcscf_watch, c137_identities_are_those_that_are_active)
{
	struct sip *s = begin(600);

	answer_subscribe(s);
	expect_request("sip:second@" REALM, "<sip:second@" REALM ">");
	EXPECT_EQ(notify(document(0, "active", "event=\"registered\" expires=\"600\"")), 200);
	expect_request("sip:second@" REALM, "<sip:u@" REALM ">");
	expect_request("tel:+1234", "<tel:+1234>");
	edge_stop();
}

TEST(pcscf_watch, notify_may_come_before_the_200)
{
	struct sip *s = begin(600);

	EXPECT_EQ(notify(document(0, "active", "event=\"shortened\" expires=\"70\"")), 200);
	EXPECT_EQ(edge_stat("registration_shortened"), 1);
	answer_subscribe(s);
	EXPECT_EQ(edge_stat("subscription"), 1);
	EXPECT_EQ(notify(document(1, "active", "event=\"refreshed\" expires=\"600\"")), 200);
	edge_stop();
}

TEST(pcscf_watch, what_is_no_notify_of_ours_changes_nothing)
{
	char keep[64];
	struct sip *s = begin(600000);

	answer_subscribe(s);
	EXPECT_EQ(notify(document(5, "active", "event=\"registered\" expires=\"600\"")), 200);
	/* an older document, another Call-ID, another tag, no document, a DOCTYPE */
	EXPECT_EQ(notify(document(4, "terminated", "event=\"rejected\"")), 200);
	snprintf(keep, sizeof(keep), "%s", call_id);
	snprintf(call_id, sizeof(call_id), "other");
	EXPECT_EQ(notify(document(6, "terminated", "event=\"rejected\"")), 481);
	snprintf(call_id, sizeof(call_id), "%s", keep);
	snprintf(keep, sizeof(keep), "%s", from_tag);
	snprintf(from_tag, sizeof(from_tag), "other");
	EXPECT_EQ(notify(document(6, "terminated", "event=\"rejected\"")), 481);
	snprintf(from_tag, sizeof(from_tag), "%s", keep);
	EXPECT_EQ(notify(""), 200);
	EXPECT_EQ(notify("<reginfo"), 400);
	EXPECT_EQ(notify("<!DOCTYPE a><reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" "
			 "version=\"9\" state=\"full\"/>"),
		  400);
	cseq = 1; /* a number that was there already */
	EXPECT_EQ(notify(document(6, "terminated", "event=\"rejected\"")), 500);
	EXPECT_EQ(edge_stat("registration_ended_by_network"), 0);
	expect_request("sip:u@" REALM, "<sip:u@" REALM ">");
	edge_stop();
}

static void crash(void)
{
	edge_watch(true);
	edge_crash(1000);
	edge_watch(false);
}

TEST(pcscf_watch, c040_c093_first_notify_after_a_kill_brings_its_subscription_back)
{
	edge_keep_state();
	struct sip *s = begin(600000);
	unsigned long before = sip_cseq(s);

	answer_subscribe(s);
	EXPECT_EQ(notify(document(0, "active", "event=\"registered\" expires=\"600000\"")), 200);
	crash();
	EXPECT_EQ(edge_stat("subscription"), 0);
	state_line = "Subscription-State: active;expires=4000\r\n";
	contact_port = port_icscf;
	EXPECT_EQ(notify(document(1, "active", "event=\"registered\" expires=\"599999\"")), 200);
	state_line = "Subscription-State: active;expires=600000\r\n";
	contact_port = 9;
	EXPECT_EQ(edge_stat("subscription"), 1);
	EXPECT_EQ(edge_stat("subscription_restored"), 1);
	test_context("it is refreshed as before, with a number that is new");
	edge_pass(3400 * 1000);
	s = core_receive();
	ASSERT_TRUE(s != NULL && sip_is(s, "SUBSCRIBE"));
	EXPECT_STREQ(sip_to_tag(s), "core");
	EXPECT_GT(sip_cseq(s), before);
	answer_subscribe(s);
	test_context("and what it says counts");
	EXPECT_EQ(notify(document(2, "terminated", "event=\"rejected\"")), 200);
	expect_request("sip:u@" REALM, NULL);
	test_context(NULL);
	edge_stop();
}

TEST(pcscf_watch, c040_c093_what_is_not_ours_brings_nothing_back_after_a_kill)
{
	for (unsigned of_tag = 0; of_tag < 2; of_tag++) {
		test_context(of_tag ? "tag" : "Call-ID");
		edge_keep_state();
		answer_subscribe(begin(600000));
		crash();
		char *letter = of_tag ? from_tag : call_id;
		*letter = *letter == 'a' ? 'b' : 'a';
		EXPECT_EQ(notify(document(1, "terminated", "event=\"rejected\"")), 481);
		EXPECT_EQ(edge_stat("subscription"), 0);
		expect_request("sip:u@" REALM, "<sip:u@" REALM ">");
		edge_stop();
	}
	test_context(NULL);
}

TEST(pcscf_watch, c041_c093_end_that_was_answered_is_so_after_a_kill)
{
	edge_keep_state();
	answer_subscribe(begin(600000));
	edge_turn();
	edge_clock_stands = true; /* and the file is not written */
	EXPECT_EQ(notify(document(0, "terminated", "event=\"rejected\"")), 0);
	edge_clock_stands = false;
	edge_turn();
	struct sip *s = core_receive();
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 200);
	sip_free(s);
	crash();
	expect_request("sip:u@" REALM, NULL);
	edge_stop();
}

TEST(pcscf_watch, who_has_left_is_watched_no_longer)
{
	struct sip *s = begin(600);

	answer_subscribe(s);
	refresh(0);
	EXPECT_EQ(notify(document(1, "active", "event=\"registered\" expires=\"9\"")), 481);
	EXPECT_EQ(edge_stat("subscription"), 0);
	edge_stop();
}
