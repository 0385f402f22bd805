#include "tools/ue/request.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "tools/ue/call.h"
#include "tools/ue/fleet.h"
#include "tools/ue/stream.h"
#include "tools/ue/ue.h"

/* TS 24.229 table 7.7.1, toward the UE; RFC 3261 17.1.2.2 for what they time. */
#define T1_MS      2000
#define T2_MS      16000
#define TIMER_F_MS (64 * T1_MS)
#define RINGING_MS 185000 /* the proxies' timer C is 181 s */

#define COOKIE "z9hG4bK" /* RFC 3261 8.1.1.7 */

static uint64_t now_ms(void)
{
	return fleet_now_us() / 1000;
}

static int arm(struct request *r)
{
	uint64_t now = now_ms();
	uint64_t left = r->deadline_ms > now ? r->deadline_ms - now : 0;
	bool repeats = !r->tcp && !r->is_proceeding; /* over TCP no timer A or E */
	uint64_t ms = repeats && r->interval_ms < left ? r->interval_ms : left;
	struct timeval after = { .tv_sec = (time_t)(ms / 1000), .tv_usec = ms % 1000 * 1000 };

	return evtimer_add(r->timer, &after);
}

static bool is_invite(const struct request *r)
{
	return !strcmp(r->method, "INVITE");
}

/* Timers E and F; A and B of an INVITE, which has no T2. */
static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct request *r = context;
	struct ue *u = r->ue;

	if (now_ms() >= r->deadline_ms) {
		ue_finish(u, "timeout");
		return;
	}
	u->fleet->n_repeated++;
	r->interval_ms *= 2;
	if (r->interval_ms > T2_MS && !is_invite(r))
		r->interval_ms = T2_MS;
	/* A datagram that the kernel does not take is as one lost on the way. */
	(void)ue_send(u, r->over, r->bytes, r->n_bytes);
	if (arm(r))
		ue_finish(u, "memory");
}

static bool begin(struct ue *u, struct request *r, const struct sip_text *t)
{
	r->bytes = malloc(t->used);
	r->ue = u;
	if (!r->timer)
		r->timer = evtimer_new(u->fleet->base, on_timer, r);
	if (!r->bytes || !r->timer)
		return false;
	memcpy(r->bytes, t->at, t->used);
	r->n_bytes = t->used;
	r->interval_ms = T1_MS;
	r->deadline_ms = now_ms() + TIMER_F_MS;
	return !arm(r);
}

/* Short names may save a datagram; what none holds goes over TCP: RFC 3261 18.1.1. */
static void write_request(struct ue *u, struct request *r, struct sip_text *t,
			  void (*put)(const struct ue *u, struct sip_text *t))
{
	size_t max_bytes = r->tcp ? SIP_BYTES : ue_max_bytes(u, r->over);

	u->writing = r;
	put(u, t);
	if (!t->full && t->used <= max_bytes)
		return;
	*t = (struct sip_text){ .compact = true };
	put(u, t);
	if (r->tcp || t->used <= max_bytes || u->fleet->options.single_pair)
		t->full = t->full || t->used > max_bytes;
	else {
		r->tcp = true;
		*t = (struct sip_text){ .compact = true };
		put(u, t);
	}
}

/* What has its method, number and branch. */
static void send_new(struct ue *u, struct request *r, const struct agreement *over,
		     void (*put)(const struct ue *u, struct sip_text *t))
{
	struct sip_text t = { 0 };

	r->over = over;
	r->tcp = u->fleet->options.tcp;
	r->is_proceeding = r->is_done = false;
	write_request(u, r, &t, put);
	if (t.full)
		ue_finish(u, "too-big");
	else if (!begin(u, r, &t))
		ue_finish(u, "memory");
	else if (r->tcp ? stream_send(u, over, r->bytes, r->n_bytes)
			: ue_send(u, over, r->bytes, r->n_bytes))
		ue_finish(u, "send");
}

void request_send_by(struct ue *u, struct request *r, const char *method,
		     const struct agreement *over,
		     void (*put)(const struct ue *u, struct sip_text *t))
{
	request_clear(r);
	r->method = method;
	r->cseq = ++u->cseq;
	ue_token(r->branch);
	send_new(u, r, over, put);
}

void request_send(struct ue *u, const char *method, const struct agreement *over,
		  void (*put)(const struct ue *u, struct sip_text *t))
{
	request_send_by(u, &u->request, method, over, put);
}

void request_cancel(struct ue *u, const struct request *invite,
		    void (*put)(const struct ue *u, struct sip_text *t))
{
	struct request *r = &u->request;

	request_end(u);
	r->method = "CANCEL";
	r->cseq = invite->cseq;
	memcpy(r->branch, invite->branch, sizeof(r->branch));
	send_new(u, r, invite->over, put);
}

/*
 * Via names the port where answers are wanted: over UDP the protected server port, once there is
 * protection; over TCP none, as answers come by the same connection (TS 24.229 5.1.1.2, C-143).
 */
void request_put_start(const struct ue *u, struct sip_text *t, const char *uri)
{
	const struct request *r = u->writing;
	char text[ADDRESS_TEXT_BYTES];
	const char *host = ue_host(u, r->over, text);

	if (ue_does(u, UE_FOREIGN_VIA) && !strcmp(r->method, "REGISTER"))
		host = ue_foreign(u);
	sip_put(t, "%s %s SIP/2.0\r\n", r->method, uri);
	if (r->tcp)
		sip_put_header(t, "Via", "SIP/2.0/TCP %s;branch=" COOKIE "%s", host, r->branch);
	else /* RFC 3581: a NAT may have taken another port */
		sip_put_header(t, "Via", "SIP/2.0/UDP %s:%u;branch=" COOKIE "%s%s", host,
			       r->over ? UE_PORT_US : UE_PORT_CLEAR, r->branch,
			       u->fleet->options.nat && !r->over ? ";rport" : "");
	sip_put_header(t, "Max-Forwards", "70");
}

void request_put_head(const struct ue *u, struct sip_text *t, const char *uri, const char *to,
		      const char *call_id)
{
	const struct request *r = u->writing;

	request_put_start(u, t, uri);
	sip_put_header(t, "From", "<%s>;tag=%s",
		       strcmp(r->method, "REGISTER") ? u->impu : u->subscriber->impu, u->tag);
	sip_put_header(t, "To", "<%s>", to);
	sip_put_header(t, "Call-ID", "%s", call_id);
	sip_put_header(t, "CSeq", "%u %s", r->cseq, r->method);
}

void request_put_route(const struct ue *u, struct sip_text *t)
{
	const struct agreement *over = u->writing->over;
	char host[ADDRESS_TEXT_BYTES], foreign[ADDRESS_TEXT_BYTES + sizeof("<sip:;lr>")];
	const char *route = u->service_route;

	snprintf(foreign, sizeof(foreign), "<sip:%s;lr>", ue_foreign(u));
	if (ue_does(u, UE_FOREIGN_ROUTE))
		route = foreign;
	sip_put_header(
		t, "Route", "<sip:%s:%u;lr>%s%s", address_text(&u->fleet->options.pcscf, host),
		over ? over->port_ps : u->fleet->options.pcscf_port, *route ? ", " : "", route);
}

void request_put_identity(const struct ue *u, struct sip_text *t)
{
	bool is_foreign = ue_does(u, UE_FOREIGN_IDENTITY);
	const char *impu = is_foreign ? ue_next(u)->impu : u->impu;

	sip_put_header(t, "P-Preferred-Identity", "<%s>", impu);
	if (is_foreign) /* which is nobody's to say but the network's */
		sip_put_header(t, "P-Asserted-Identity", "<%s>", impu);
}

/*
 * An answer to a protected request is protected too. The one exception is the refusal of an SM7
 * when the UE has no older SAs: the P-CSCF may have nothing to protect it with (C-087 b).
 */
static bool may_be_clear(const struct ue *u, const struct request *r,
			 const struct sip_message *answer)
{
	return !r->over || (r->over == u->attempt.made && !u->current && answer->status >= 300);
}

static bool is_of(const struct request *r, const struct sip_message *answer)
{
	struct view branch = sip_param(sip_header(answer, "Via", 0), "branch");
	size_t cookie_bytes = strlen(COOKIE);

	if (!r->bytes || branch.bytes <= cookie_bytes || memcmp(branch.at, COOKIE, cookie_bytes))
		return false;
	branch.at += cookie_bytes;
	branch.bytes -= cookie_bytes;
	return view_is(branch, r->branch) && view_is(answer->cseq_method, r->method) &&
	       answer->cseq == r->cseq;
}

/* RFC 3261 17.1.1.2: it rings as long as it likes; what follows is the call's business. */
static void take_of_invite(struct request *r, const struct sip_message *answer)
{
	if (answer->status >= 200) {
		evtimer_del(r->timer);
	} else if (!r->is_done) {
		r->is_proceeding = true;
		r->deadline_ms = now_ms() + RINGING_MS;
		(void)arm(r); /* the timer has its place: it was armed before */
	}
}

struct request *request_match(struct ue *u, const struct sip_message *answer, bool is_protected)
{
	struct request *r = &u->request;

	if (u->call && is_of(&u->call->invite, answer))
		r = &u->call->invite;
	else if (!is_of(r, answer))
		return NULL;
	if (!is_protected && !may_be_clear(u, r, answer))
		return NULL;
	if (is_invite(r))
		take_of_invite(r, answer);
	else if (answer->status < 200)
		r->interval_ms = T2_MS; /* RFC 3261 17.1.2.2: Proceeding */
	else
		request_clear(r);
	return r;
}

bool request_waits_over(const struct ue *u, const struct agreement *over)
{
	const struct request *r = &u->request, *invite = u->call ? &u->call->invite : NULL;

	return (r->bytes && r->tcp && r->over == over) ||
	       (invite && invite->bytes && invite->tcp && invite->over == over && !invite->is_done);
}

void request_clear(struct request *r)
{
	if (r->timer)
		event_free(r->timer);
	free(r->bytes);
	r->timer = NULL;
	r->bytes = NULL;
}

void request_end(struct ue *u)
{
	request_clear(&u->request);
}
