#include "tools/ue/ue.h"

#include <string.h>

#include "tools/ue/call.h"
#include "tools/ue/fleet.h"
#include "tools/ue/notice.h"
#include "tools/ue/stream.h"

void talk_put_request(const struct ue *u, struct sip_text *t, const char *uri, const char *call_id)
{
	const struct agreement *agreed = u->request.over ? u->request.over : u->current;

	request_put_head(u, t, uri, uri, call_id);
	request_put_route(u, t);
	request_put_identity(u, t);
	sip_put_header(t, "P-Access-Network-Info", "IEEE-802.3");
	sip_put_header(t, "Require", "sec-agree");
	sip_put_header(t, "Proxy-Require", "sec-agree");
	sip_put_header(t, "Security-Verify", "%s", agreed->verify);
}

/* The branch serves as Call-ID too: it is as unique, and the request has no dialogue. */
static void put_request(const struct ue *u, struct sip_text *t, const char *uri)
{
	talk_put_request(u, t, uri, u->request.branch);
}

void talk_put_options(const struct ue *u, struct sip_text *t)
{
	put_request(u, t, u->home);
	sip_put_header(t, "Accept", "application/sdp");
	sip_put_header(t, "Content-Length", "0");
	sip_put(t, "\r\n");
}

/* What a MESSAGE says: no part of it stands in another's place. */
static char letter(size_t i)
{
	return (char)('a' + (i + i * i / 7) % 26);
}

static bool is_whole(struct view body)
{
	size_t i = 0;

	while (i < body.bytes && body.at[i] == letter(i))
		i++;
	return i == body.bytes;
}

static void put_message(const struct ue *u, struct sip_text *t)
{
	put_request(u, t, u->to->impu);
	sip_put_header(t, "Content-Type", "text/plain");
	sip_put_header(t, "Content-Length", "%u", u->fleet->message_bytes);
	sip_put(t, "\r\n");
	for (size_t i = 0; i < u->fleet->message_bytes; i++)
		sip_put(t, "%c", letter(i));
}

void talk_start(struct ue *u)
{
	const struct agreement *over = ue_does(u, UE_CLEAR_REQUEST) ? NULL : u->current;

	if (u->task == UE_OPTIONS)
		request_send(u, "OPTIONS", over, talk_put_options);
	else
		request_send(u, "MESSAGE", over, put_message);
}

void talk_answered(struct ue *u, const struct sip_message *answer)
{
	if (answer->status < 300)
		ue_finish(u, NULL);
	else
		ue_finish_status(u, answer->status);
}

/* ---- asked by another ---- */

void talk_put_answer(const struct ue *u, struct sip_text *t, const struct sip_message *m,
		     unsigned status, const char *phrase)
{
	static const char *const copied[] = { "Via", "Record-Route" };
	struct view to = sip_header(m, "To", 0), value;

	sip_put(t, "SIP/2.0 %u %s\r\n", status, phrase);
	for (unsigned c = 0; c < sizeof(copied) / sizeof(*copied); c++)
		for (unsigned i = 0; (value = sip_header(m, copied[c], i)).at; i++)
			sip_put_header(t, copied[c], "%.*s", (int)value.bytes, value.at);
	value = sip_header(m, "From", 0);
	sip_put_header(t, "From", "%.*s", (int)value.bytes, value.at);
	if (sip_param(to, "tag").at)
		sip_put_header(t, "To", "%.*s", (int)to.bytes, to.at);
	else
		sip_put_header(t, "To", "%.*s;tag=%s", (int)to.bytes, to.at, u->tag);
	sip_put_header(t, "Call-ID", "%.*s", (int)m->call_id.bytes, m->call_id.at);
	sip_put_header(t, "CSeq", "%u %.*s", m->cseq, (int)m->cseq_method.bytes, m->cseq_method.at);
}

void talk_send_answer(struct ue *u, const struct sip_text *t, struct stream *by)
{
	const struct agreement *over = u->current ? u->current : u->retired;

	if (by && !t->full)
		(void)stream_answer(by, t->at, t->used);
	else if (!t->full && t->used <= ue_max_bytes(u, over))
		(void)ue_send(u, over, t->at, t->used);
}

/* RFC 3261 17.2.3: branch and method name the transaction. FNV-1a; 0 is for empty places. */
static uint32_t hash_branch(const struct sip_message *m)
{
	struct view part[] = { sip_header(m, "Via", 0), m->method };
	uint32_t hash = 2166136261;

	for (unsigned p = 0; p < 2; p++)
		for (size_t i = 0; i < part[p].bytes; i++)
			hash = (hash ^ (uint8_t)part[p].at[i]) * 16777619;
	return hash ? hash : 1;
}

bool talk_is_repeated(struct ue *u, const struct sip_message *m)
{
	uint32_t hash = hash_branch(m);

	for (unsigned i = 0; i < UE_N_SEEN; i++)
		if (u->seen[i] == hash)
			return true;
	u->seen[u->next_seen] = hash;
	u->next_seen = (u->next_seen + 1) % UE_N_SEEN;
	return false;
}

/* Answers leave from port_uc to port_ps, whatever Via says, or by the connection: TS 33.203 7.1. */
void talk_asked(struct ue *u, const struct sip_message *request, struct stream *by)
{
	bool is_message = view_is(request->method, "MESSAGE");
	bool is_notify = view_is(request->method, "NOTIFY");
	struct sip_text t = { 0 };
	struct notice notice;
	unsigned status = 200;

	if (call_asked(u, request, by))
		return;
	if (is_message && !talk_is_repeated(u, request) && is_whole(request->body))
		u->fleet->talk.n_messages_received++;
	if (is_notify)
		status = watch_told(u, request, &notice);
	if (is_notify || is_message || view_is(request->method, "OPTIONS"))
		talk_put_answer(u, &t, request, status, status == 200 ? "OK" : "Not Taken");
	else
		talk_put_answer(u, &t, request, 405, "Method Not Allowed");
	sip_put_header(&t, "Allow",
		       "OPTIONS, MESSAGE, NOTIFY, INVITE, ACK, CANCEL, BYE, PRACK, UPDATE");
	sip_put_header(&t, "Content-Length", "0");
	sip_put(&t, "\r\n");
	talk_send_answer(u, &t, by);
	if (is_notify && status == 200)
		watch_obey(u, request, &notice);
}
