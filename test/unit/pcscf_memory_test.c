/*
 * What a registered UE takes of the P-CSCF's memory, as malloc() counts it, when all transactions
 * have ended: with two pairs of SAs, a state file, and a subscription to the event package reg.
 * Names are as long as those of a real network.
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/pcscf_fixture.h"

#define HOME      "ims.mnc001.mcc001.3gppnetwork.org"
#define N_FIRST   40 /* until here also what is made once is there */
#define N_COUNTED 200

/* `text` with the fixture's names made those of the n-th subscriber. */
static const char *with_names(const char *text, unsigned n)
{
	static const char from[] = "u@" REALM;
	static char out[8192];
	size_t used = 0;
	while (*text && used < sizeof(out) - 100) {
		bool is_name = !strncmp(text, from, strlen(from));
		if (is_name)
			used += (size_t)sprintf(out + used, "00101%010u@" HOME, n);
		else
			out[used++] = *text;
		text += is_name ? strlen(from) : 1;
	}
	out[used] = '\0';
	return out;
}

static void send_register(struct ue_sim *ue, unsigned n, int fd, uint16_t port,
			  const char *authorization, const char *more)
{
	char *text = ue_register_text(ue, authorization, true, more);
	ue_send(ue, fd, port, with_names(text, n));
	free(text);
}

static void register_ue(struct ue_sim *ue, unsigned n)
{
	char verify[1100], ok[1024];
	ue_open(ue, n, 14001, 14002);
	send_register(ue, n, ue->clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(ue->clear, NULL);
	ASSERT_TRUE(s != NULL);
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n",
		 sip_header(s, "Security-Server", 0));
	sip_free(s);
	send_register(ue, n, ue->uc_fd, port_ps, auth_response, verify);
	snprintf(ok, sizeof(ok),
		 "Contact: <sip:%s:%u>;expires=600000\r\n"
		 "Service-Route: <sip:orig@127.0.0.1:%u;lr>\r\n"
		 "P-Associated-URI: <sip:u@" REALM ">, <tel:+10101%010u>\r\n",
		 ue->host, ue->us, port_icscf, n);
	core_answer(core_receive(), 200, with_names(ok, n));
	EXPECT_EQ(ue_status(ue->us_fd), 200);
}

/* Answers the SUBSCRIBE, and gives the first state. */
static void notify(const struct ue_sim *ue, unsigned n)
{
	struct sip *s = core_receive();
	char contact[128], call_id[128], text[4096], document[1024];
	char *target;
	ASSERT_TRUE(s != NULL && sip_is(s, "SUBSCRIBE"));
	sip_call_id(s, call_id, sizeof(call_id));
	const osip_contact_t *own = sip_contact(s, 0);
	ASSERT_EQ(osip_uri_to_str(own->url, &target), 0);
	snprintf(document, sizeof(document),
		 "<reginfo xmlns=\"urn:ietf:params:xml:ns:reginfo\" version=\"0\" state=\"full\">"
		 "<registration aor=\"sip:u@" REALM "\" id=\"1\" state=\"active\"><contact id=\"2\""
		 " state=\"active\" event=\"registered\"><uri>sip:%s:%u</uri></contact>"
		 "</registration><registration aor=\"tel:+10101%010u\" id=\"3\" state=\"active\">"
		 "<contact id=\"2\" state=\"active\" event=\"created\"><uri>sip:%s:%u</uri>"
		 "</contact></registration></reginfo>",
		 ue->host, ue->us, n, ue->host, ue->us);
	strcpy(document, with_names(document, n));
	snprintf(text, sizeof(text),
		 "NOTIFY %s SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKm%u\r\n"
		 "Max-Forwards: 70\r\nFrom: <sip:u@" REALM ">;tag=core\r\nTo: <sip:p@x>;tag=%s\r\n"
		 "Call-ID: %s\r\nCSeq: 1 NOTIFY\r\nContact: <sip:127.0.0.1:%u>\r\nEvent: reg\r\n"
		 "Subscription-State: active;expires=600000\r\n"
		 "Content-Type: application/reginfo+xml\r\nContent-Length: %zu\r\n\r\n%s",
		 target, port_icscf, n, sip_from_tag(s), call_id, port_icscf, strlen(document),
		 document);
	osip_free(target);
	snprintf(contact, sizeof(contact), "Contact: <sip:127.0.0.1:%u>\r\nExpires: 600000\r\n",
		 port_icscf);
	core_answer(s, 200, contact);
	core_send(with_names(text, n));
	s = core_receive();
	EXPECT_EQ(s ? sip_status(s) : 0, 200);
	sip_free(s);
}

static size_t in_use_bytes(void)
{
	struct mallinfo2 now = mallinfo2();
	return now.uordblks + now.hblkhd;
}

static void register_more(unsigned n)
{
	static unsigned n_registered;
	struct ue_sim ue;
	for (unsigned i = 0; i < n; i++) {
		n_registered++;
		register_ue(&ue, n_registered);
		if (!test_has_failed())
			notify(&ue, n_registered);
		ue_close(&ue);
	}
	edge_pass(200 * 1000);
	EXPECT_EQ(edge_stat("txn"), 0);
	EXPECT_EQ(edge_stat("subscription"), n_registered);
	EXPECT_EQ(edge_stat("sets_established"), n_registered);
}

TEST(pcscf, registered_ue_at_rest_takes_little_memory)
{
#if defined(__SANITIZE_ADDRESS__)
	TEST_SKIP("malloc() does not count");
#endif
	edge_watch(true);
	edge_keep_state();
	edge_start("two-pairs", "no");
	register_more(N_FIRST);
	size_t before = in_use_bytes();
	register_more(N_COUNTED);
	size_t per_ue = (in_use_bytes() - before) / N_COUNTED;
	printf("%zu bytes a UE\n", per_ue);
	EXPECT_LT(per_ue, 1250);
	edge_stop();
	edge_watch(false);
}
