#include "test/unit/watcher.h"

#include <stdio.h>
#include <string.h>

#include "controlplane/sip_route.h"
#include "test/shim/test.h"

struct watcher watcher_new(struct core_lab *lab, unsigned number, unsigned user, bool is_ue)
{
	static char from[8][CX_IDENTITY_BYTES];
	char *asserted = from[number % 8];

	if (is_ue)
		subscribers_impu(user, asserted);
	else
		snprintf(asserted, CX_IDENTITY_BYTES, "sip:term@127.0.0.1:%u", lab->port);
	return (struct watcher){
		.lab = lab, .number = number, .user = user, .from = asserted, .is_ue = is_ue
	};
}

void watcher_close(struct watcher *w)
{
	sip_free(w->notify);
	sip_free(w->early);
	w->notify = w->early = NULL;
}

static void print_subscribe(struct watcher *w, unsigned expires_s, char *out, size_t out_bytes)
{
	unsigned port = w->lab->port, scscf = w->lab->scscf_config.port;
	char target[CX_IDENTITY_BYTES], impu[CX_IDENTITY_BYTES], route[256] = "";

	subscribers_impu(w->user, impu);
	snprintf(target, sizeof(target), "%s", impu);
	if (w->to_tag[0] != '\0')
		snprintf(target, sizeof(target), "sip:127.0.0.1:%u", scscf);
	else if (w->is_ue)
		snprintf(route, sizeof(route),
			 "Route: <sip:orig@127.0.0.1:%u;lr>\r\n"
			 "Record-Route: <sip:id@127.0.0.1:%u;lr>\r\n",
			 scscf, port);
	w->cseq++;
	snprintf(out, out_bytes,
		 "SUBSCRIBE %s SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKs%u-%u\r\n"
		 "Max-Forwards: 69\r\n"
		 "From: <%s>;tag=w%u\r\nTo: <%s>%s%s\r\nCall-ID: watch-%u\r\n"
		 "CSeq: %u SUBSCRIBE\r\nContact: <sip:watcher%u@127.0.0.1:%u>\r\n"
		 "P-Asserted-Identity: <%s>\r\n%s%sExpires: %u\r\nContent-Length: 0\r\n\r\n",
		 target, port, w->number, w->cseq, w->from, w->number, impu,
		 w->to_tag[0] != '\0' ? ";tag=" : "", w->to_tag, w->number, w->cseq, w->number,
		 port, w->from, route, w->extra != NULL ? w->extra : "Event: reg\r\n", expires_s);
}

int watcher_subscribe(struct watcher *w, unsigned expires_s)
{
	char text[2048];
	struct sip *answer;
	int status;

	print_subscribe(w, expires_s, text, sizeof(text));
	core_lab_send(w->lab, !w->is_ue && w->to_tag[0] == '\0', text);
	core_lab_run(w->lab);
	answer = core_lab_receive(w->lab);
	if (answer != NULL && sip_is(answer, "NOTIFY")) {
		w->early = answer;
		answer = core_lab_receive(w->lab);
	}
	if (answer == NULL)
		return 0;
	status = sip_status(answer);
	if (status == 200) {
		snprintf(w->to_tag, sizeof(w->to_tag), "%s", sip_to_tag(answer));
		w->granted_s = sip_header_number(answer, "Expires", 0);
		EXPECT_EQ(sip_count(answer, SIP_CONTACT), 1);
		EXPECT_EQ(sip_count(answer, SIP_RECORD_ROUTE), w->is_ue && w->cseq == 1 ? 1 : 0);
	}
	sip_free(answer);
	return status;
}

static void answer_notify(struct watcher *w, int status)
{
	core_lab_answer(w->lab, sip_response(w->notify, status, NULL, NULL));
}

static void expect_in_dialog(const struct watcher *w)
{
	char call_id[64], expected[64];

	snprintf(expected, sizeof(expected), "watch-%u", w->number);
	sip_call_id(w->notify, call_id, sizeof(call_id));
	EXPECT_STREQ(call_id, expected);
	snprintf(expected, sizeof(expected), "w%u", w->number);
	EXPECT_STREQ(sip_to_tag(w->notify), expected);
	snprintf(expected, sizeof(expected), "watcher%u", w->number);
	EXPECT_STREQ(sip_request_uri(w->notify)->username, expected);
	if (w->is_ue) {
		ASSERT_TRUE(sip_route(w->notify, 0) != NULL);
		EXPECT_STREQ(sip_route(w->notify, 0)->username, "id");
	} else {
		EXPECT_TRUE(sip_route(w->notify, 0) == NULL);
	}
	EXPECT_STREQ(sip_header(w->notify, "Content-Type", 0), REGINFO_TYPE);
}

bool watcher_hears(struct watcher *w, int status)
{
	struct sip *s = w->early != NULL ? w->early : core_lab_receive(w->lab);

	w->early = NULL;
	if (s == NULL)
		return false;
	watcher_close(w);
	w->notify = s;
	EXPECT_TRUE(sip_is(s, "NOTIFY"));
	if (!sip_is(s, "NOTIFY"))
		return false;
	expect_in_dialog(w);
	snprintf(w->state, sizeof(w->state), "%s", sip_header(s, "Subscription-State", 0));
	EXPECT_EQ(reginfo_read(s->body, s->body_bytes, &w->info), 0);
	if (status != 0)
		answer_notify(w, status);
	return true;
}

bool watcher_begin(struct watcher *w)
{
	EXPECT_EQ(watcher_subscribe(w, 600000), 200);
	EXPECT_TRUE(watcher_hears(w, 200));
	return !test_has_failed();
}

const struct reginfo_contact *watcher_contact(const struct watcher *w, const char *aor)
{
	for (unsigned i = 0; i < w->info.n_contacts; i++) {
		if (strcmp(w->info.contacts[i].aor, aor) == 0)
			return &w->info.contacts[i];
	}
	return NULL;
}
