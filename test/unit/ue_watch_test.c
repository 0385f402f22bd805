/* The UE and the event package reg: TS 24.229 5.1.1.3, 5.1.1.5.2, 5.1.1.7. */
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "test/shim/test.h"
#include "test/unit/ue_fixture.h"
#include "tools/ue/notice.h"

static struct ue_fixture x;
static struct ue *u;
static char call_id[64];
static unsigned n_sent;

/* One UE has registered and subscribed; the SUBSCRIBE is in x.got. */
static bool begin(enum ue_misbehaviour how)
{
	if (!ue_fixture_open(&x, 1, how))
		return false;
	u = &x.fleet.ues[0];
	ue_fixture_run(&x, UE_REGISTER);
	if (!ue_fixture_register(&x, 0))
		return false;
	ue_fixture_step(&x);
	ue_fixture_run(&x, UE_SUBSCRIBE);
	if (!ue_fixture_take(&x, x.protected))
		return false;
	snprintf(call_id, sizeof(call_id), "%.*s", (int)x.got.call_id.bytes, x.got.call_id.at);
	return true;
}

static void answer_subscribe(void)
{
	ue_fixture_answer(&x, u, true, 200, "Expires: 600000\r\n");
	EXPECT_TRUE(x.done);
	EXPECT_EQ(x.fleet.result.n_ok, 1);
}

/* Gives the UE a NOTIFY; the status of its answer. */
static unsigned notify(const char *state, const char *document)
{
	struct sip_text t = { 0 };

	n_sent++;
	sip_put(&t,
		"NOTIFY sip:127.0.1.1:5062 SIP/2.0\r\n"
		"Via: SIP/2.0/UDP 127.0.0.1;branch=z9hG4bKn%u\r\n"
		"From: <sip:default@home.test>;tag=core\r\n"
		"To: <sip:default@home.test>;tag=%s\r\nCall-ID: %s\r\nCSeq: %u NOTIFY\r\n"
		"Event: reg\r\nSubscription-State: %s\r\n"
		"Content-Type: application/reginfo+xml\r\nContent-Length: %zu\r\n\r\n%s",
		n_sent, u->tag, call_id, n_sent, state, strlen(document), document);
	ue_receive(u, t.at, t.used, true, NULL);
	return ue_fixture_take(&x, x.protected) ? x.got.status : 0;
}

static const char *document(unsigned version, const char *state, const char *rest)
{
	static char text[1024];

	snprintf(text, sizeof(text),
		 "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"%u\" state=\"full\">"
		 "<registration aor=\"sip:default@home.test\" id=\"1\" state=\"%s\">"
		 "<contact id=\"2\" state=\"%s\" %s><uri>sip:127.0.1.1:5062</uri></contact>"
		 "</registration></reginfo>",
		 version, state, state, rest);
	return text;
}

TEST(ue_watch, c040_it_subscribes_for_its_default_identity)
{
	ASSERT_TRUE(begin(UE_HONEST));
	EXPECT_TRUE(view_is(x.got.method, "SUBSCRIBE"));
	EXPECT_TRUE(view_is(x.got.uri, "sip:default@home.test"));
	EXPECT_TRUE(ue_fixture_has(&x, "Event", "reg"));
	EXPECT_TRUE(ue_fixture_has(&x, "Expires", "600000"));
	EXPECT_TRUE(ue_fixture_has(&x, "Accept", "application/reginfo+xml"));
	EXPECT_TRUE(ue_fixture_has(&x, "Contact", "<sip:127.0.1.1:5062>"));
	EXPECT_TRUE(ue_fixture_has(&x, "P-Preferred-Identity", "<sip:default@home.test>"));
	EXPECT_TRUE(strstr(x.text, ";lr>, <sip:scscf.home.test;lr>"));
	answer_subscribe();
	EXPECT_EQ(notify("active;expires=600000",
			 document(0, "active", "event=\"registered\" expires=\"600000\"")),
		  200);
	EXPECT_EQ(x.fleet.own.n_notified, 1);
	ue_fixture_step(&x);
	EXPECT_FALSE(ue_fixture_take(&x, x.protected)); /* nothing to be done */
	ue_fixture_close(&x);
}

TEST(ue_watch, refused_subscription_is_a_failure_with_its_status)
{
	ASSERT_TRUE(begin(UE_HONEST));
	ue_fixture_answer(&x, u, true, 489, "");
	EXPECT_TRUE(x.done);
	EXPECT_STREQ(x.fleet.result.reason[0].text, "489");
	EXPECT_EQ(notify("active", document(0, "active", "event=\"registered\"")), 481);
	ue_fixture_close(&x);
}

/* A new AKA over the SAs in use: C-037 (b). */
TEST(ue_watch, c037_c038a_it_registers_again_when_its_time_is_shortened)
{
	char server[512];
	struct agreement *old;

	ASSERT_TRUE(begin(UE_HONEST));
	answer_subscribe();
	old = u->current;
	EXPECT_EQ(notify("active;expires=600000",
			 document(0, "active", "event=\"shortened\" expires=\"600\"")),
		  200);
	ue_fixture_step(&x);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_TRUE(view_is(x.got.method, "REGISTER"));
	snprintf(server, sizeof(server), "Security-Server: " UE_FIXTURE_SERVER "\r\n", x.port_ps);
	ue_fixture_challenge(&x, u, true, server);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_TRUE(strstr(x.text, "response=\""));
	ue_fixture_answer(&x, u, true, 200, "");
	EXPECT_EQ(x.fleet.own.n_reregistered, 1);
	EXPECT_EQ(x.fleet.own.n_failed, 0);
	EXPECT_TRUE(u->current != NULL && u->current != old);
	EXPECT_TRUE(u->retired == old);
	/* The same NOTIFY once more, or an older one, asks for nothing. */
	EXPECT_EQ(notify("active", document(0, "active", "event=\"shortened\" expires=\"600\"")),
		  200);
	ue_fixture_step(&x);
	EXPECT_FALSE(ue_fixture_take(&x, x.protected));
	EXPECT_EQ(x.fleet.own.n_shortened, 1);
	ue_fixture_close(&x);
}

/* Seed 6.1.4: also if nothing comes of the new authentication. */
TEST(ue_watch, c039_it_shortens_the_life_of_its_own_sas)
{
	struct timeval end, now;

	ASSERT_TRUE(begin(UE_NO_REACTION));
	answer_subscribe();
	EXPECT_EQ(notify("active", document(0, "active", "event=\"shortened\" expires=\"90\"")),
		  200);
	EXPECT_TRUE(u->current->end == NULL);
	ue_fixture_close(&x);
	ASSERT_TRUE(begin(UE_HONEST));
	answer_subscribe();
	EXPECT_EQ(notify("active", document(0, "active", "event=\"shortened\" expires=\"90\"")),
		  200);
	ASSERT_TRUE(u->current->end != NULL);
	ASSERT_TRUE(event_pending(u->current->end, EV_TIMEOUT, &end));
	event_base_gettimeofday_cached(x.fleet.base, &now);
	EXPECT_GE(end.tv_sec - now.tv_sec, 118);
	EXPECT_LE(end.tv_sec - now.tv_sec, 121);
	/* When it is over, the UE is not registered, and what it asks has failed. */
	ue_fixture_step(&x);
	EXPECT_EQ(u->task, UE_REREGISTER);
	event_active(u->current->end, EV_TIMEOUT, 0);
	ue_fixture_step(&x);
	EXPECT_TRUE(u->current == NULL);
	EXPECT_EQ(u->task, UE_IDLE);
	EXPECT_EQ(x.fleet.own.n_failed, 1);
	ue_fixture_close(&x);
}

TEST(ue_watch, c038a_it_ends_what_it_is_doing_first)
{
	ASSERT_TRUE(begin(UE_HONEST));
	answer_subscribe();
	x.fleet.task = UE_OPTIONS; /* of traffic, which this is a part of */
	x.fleet.n_busy++;
	ue_start(u, UE_OPTIONS, NULL);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	struct sip_message options = x.got;
	static char kept[SIP_BYTES + 1];
	memcpy(kept, x.text, sizeof(kept));
	EXPECT_EQ(notify("active", document(0, "active", "event=\"shortened\" expires=\"60\"")),
		  200);
	ue_fixture_step(&x);
	EXPECT_FALSE(ue_fixture_take(&x, x.protected));
	EXPECT_EQ(options.status, 0);
	ASSERT_EQ(sip_read(kept, strlen(kept), &x.got), 0);
	ue_fixture_answer(&x, u, true, 200, "");
	ue_fixture_step(&x);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_TRUE(view_is(x.got.method, "REGISTER"));
	ue_fixture_close(&x);
}

TEST(ue_watch, c041_deactivated_it_registers_anew_in_the_clear_and_subscribes_again)
{
	ASSERT_TRUE(begin(UE_HONEST));
	answer_subscribe();
	EXPECT_EQ(notify("terminated;reason=noresource",
			 document(0, "terminated", "event=\"deactivated\"")),
		  200);
	EXPECT_TRUE(u->current == NULL);
	EXPECT_TRUE(u->retired != NULL); /* the answer may have to be said again */
	ue_fixture_step(&x);
	ASSERT_TRUE(ue_fixture_register(&x, 0));
	EXPECT_EQ(x.fleet.own.n_registered, 1);
	ue_fixture_step(&x);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_TRUE(view_is(x.got.method, "SUBSCRIBE"));
	EXPECT_FALSE(view_is(x.got.call_id, call_id));
	ue_fixture_close(&x);
}

TEST(ue_watch, c041_rejected_it_stays_away)
{
	static const char *const events[] = { "rejected", "expired", "unregistered" };

	for (unsigned i = 0; i < 3; i++) {
		char rest[64];

		test_context("%s", events[i]);
		ASSERT_TRUE(begin(UE_HONEST));
		answer_subscribe();
		snprintf(rest, sizeof(rest), "event=\"%s\"", events[i]);
		EXPECT_EQ(notify("terminated", document(0, "terminated", rest)), 200);
		EXPECT_TRUE(u->current == NULL);
		ue_fixture_step(&x);
		EXPECT_FALSE(ue_fixture_take(&x, x.clear));
		EXPECT_EQ(u->task, UE_IDLE);
		EXPECT_FALSE(u->watch.is_on);
		/* Said again, because the answer was lost: RFC 3261 17.2.2 leaves it to us. */
		EXPECT_EQ(notify("terminated", document(0, "terminated", rest)), 481);
		ue_fixture_close(&x);
	}
	test_context(NULL);
}

TEST(ue_watch, c038b_one_that_does_not_react_answers_all_the_same)
{
	ASSERT_TRUE(begin(UE_NO_REACTION));
	answer_subscribe();
	EXPECT_EQ(notify("active", document(0, "active", "event=\"shortened\" expires=\"60\"")),
		  200);
	ue_fixture_step(&x);
	EXPECT_FALSE(ue_fixture_take(&x, x.protected));
	EXPECT_TRUE(u->current != NULL);
	ue_fixture_close(&x);
}

TEST(ue_watch, what_is_no_notify_of_its_subscription_changes_nothing)
{
	char good[64];

	ASSERT_TRUE(begin(UE_HONEST));
	answer_subscribe();
	snprintf(good, sizeof(good), "%s", call_id);
	snprintf(call_id, sizeof(call_id), "other");
	EXPECT_EQ(notify("active", document(9, "terminated", "event=\"rejected\"")), 481);
	snprintf(call_id, sizeof(call_id), "%s", good);
	EXPECT_EQ(notify("active", "<reginfo"), 400);
	EXPECT_EQ(notify("active", "<!DOCTYPE a><reginfo "
				   "xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"1\"/>"),
		  400);
	EXPECT_EQ(notify("active", ""), 200);
	EXPECT_TRUE(u->current != NULL);
	ue_fixture_step(&x);
	EXPECT_FALSE(ue_fixture_take(&x, x.protected));
	ue_fixture_close(&x);
}

TEST(ue_watch, notice_is_about_our_own_contact)
{
	static const struct {
		const char *contacts;
		enum notice_event event;
	} table[] = {
		{ "<contact state='active' event='shortened' expires='9'><uri>sip:1.2.3.4:5062"
		  "</uri></contact>",
		  NOTICE_SHORTENED },
		{ "<contact state='active' event='shortened' expires='9'><uri> sip:1.2.3.4:5062;"
		  "transport=tcp </uri></contact>",
		  NOTICE_SHORTENED },
		{ "<contact state='active' event='shortened' expires='9'><uri>sip:1.2.3.4:50621"
		  "</uri></contact>",
		  NOTICE_NONE },
		{ "<contact state='active' event='shortened'><uri>sip:1.2.3.4:5062</uri>"
		  "</contact>",
		  NOTICE_NONE },
		{ "<contact state='terminated' event='rejected'><uri>sip:1.2.3.5:5062</uri>"
		  "</contact>",
		  NOTICE_NONE },
		{ "<contact state='terminated' event='rejected'><uri>sip:1.2.3.4:5062</uri>"
		  "</contact>",
		  NOTICE_ENDED },
		{ "<contact state='terminated' event='probation'><uri>sip:1.2.3.4:5062</uri>"
		  "</contact>",
		  NOTICE_DEACTIVATED },
		{ "<contact state='terminated' event='rejected'><uri>sip:1.2.3.4:5062</uri>"
		  "</contact><contact state='active' event='created'><uri>sip:1.2.3.4:5062</uri>"
		  "</contact>",
		  NOTICE_NONE },
	};
	char text[1024];
	struct notice n;

	for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		test_context("%s", table[i].contacts);
		snprintf(text, sizeof(text),
			 "<reginfo xmlns='urn:ietf:params:xml:ns:reginfo' version='2' "
			 "state='full'><registration aor='sip:a@b' id='1' state='active'>%s"
			 "</registration></reginfo>",
			 table[i].contacts);
		ASSERT_EQ(notice_read(text, strlen(text), "sip:1.2.3.4:5062", &n), 0);
		EXPECT_EQ(n.event, table[i].event);
		EXPECT_EQ(n.version, 2);
	}
	test_context(NULL);
}

#define RESTORE                                                                                    \
	"<ims-3gpp version=\"1\"><alternative-service><type>restoration</type><reason/>"           \
	"<action>initial-registration</action></alternative-service></ims-3gpp>"
#define OF_SCSCF "P-Asserted-Identity: <sip:scscf.home.test;lr>\r\n"
#define IMS_TYPE "Content-Type: application/3gpp-ims+xml\r\n"

/* Asks, and is answered so. */
static void ask(unsigned status, const char *headers, const char *body)
{
	static const char *const copied[] = { "Via", "From", "To", "Call-ID", "CSeq" };
	struct sip_text t = { 0 };

	x.fleet.task = UE_OPTIONS; /* of traffic, which this is a part of */
	x.fleet.n_busy++;
	ue_start(u, UE_OPTIONS, NULL);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	sip_put(&t, "SIP/2.0 %u As Said\r\n", status);
	for (unsigned i = 0; i < 5; i++) {
		struct view value = sip_header(&x.got, copied[i], 0);

		sip_put_header(&t, copied[i], "%.*s", (int)value.bytes, value.at);
	}
	sip_put(&t, "%sContent-Length: %zu\r\n\r\n%s", headers, strlen(body), body);
	ue_receive(u, t.at, t.used, true, NULL);
	ue_fixture_step(&x);
}

TEST(ue_watch, c135_told_that_its_registration_is_lost_it_registers_anew)
{
	ASSERT_TRUE(begin(UE_HONEST));
	answer_subscribe();
	ask(504, OF_SCSCF IMS_TYPE, RESTORE);
	EXPECT_TRUE(u->current == NULL);
	EXPECT_EQ(x.fleet.own.n_ended, 1);
	ASSERT_TRUE(ue_fixture_register(&x, 0));
	EXPECT_EQ(x.fleet.own.n_registered, 1);
	ue_fixture_step(&x);
	ASSERT_TRUE(ue_fixture_take(&x, x.protected));
	EXPECT_TRUE(view_is(x.got.method, "SUBSCRIBE"));
	ue_fixture_close(&x);
}

TEST(ue_watch, c135_other_refusals_are_no_reason_to_register_anew)
{
	static const struct {
		const char *name;
		unsigned status;
		const char *headers, *body;
	} rows[] = {
		{ "another status", 503, OF_SCSCF IMS_TYPE, RESTORE },
		{ "nobody says so", 504, IMS_TYPE, RESTORE },
		{ "another says so", 504, "P-Asserted-Identity: <sip:x@home.test>\r\n" IMS_TYPE,
		  RESTORE },
		{ "another type", 504, OF_SCSCF "Content-Type: text/xml\r\n", RESTORE },
		{ "nothing", 504, OF_SCSCF IMS_TYPE, "" },
		{ "a DOCTYPE", 504, OF_SCSCF IMS_TYPE, "<!DOCTYPE a>" RESTORE },
		{ "another service", 504, OF_SCSCF IMS_TYPE,
		  "<ims-3gpp version=\"1\"><alternative-service><type>emergency</type>"
		  "<action>initial-registration</action></alternative-service></ims-3gpp>" },
		{ "another action", 504, OF_SCSCF IMS_TYPE,
		  "<ims-3gpp version=\"1\"><alternative-service><type>restoration</type>"
		  "<action>emergency-registration</action></alternative-service></ims-3gpp>" },
	};

	ASSERT_TRUE(begin(UE_HONEST));
	answer_subscribe();
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		test_context("%s", rows[i].name);
		ask(rows[i].status, rows[i].headers, rows[i].body);
		EXPECT_TRUE(u->current != NULL);
		EXPECT_EQ(u->task, UE_IDLE);
	}
	test_context(NULL);
	ue_fixture_close(&x);
}
