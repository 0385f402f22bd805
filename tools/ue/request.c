#include "tools/ue/ue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <event2/event.h>

#include "tools/ue/fleet.h"
#include "tools/ue/stream.h"

/* TS 24.229 table 7.7.1, toward the UE; RFC 3261 17.1.2.2 for what they time. */
#define T1_MS      2000
#define T2_MS      16000
#define TIMER_F_MS (64 * T1_MS)

#define COOKIE "z9hG4bK" /* RFC 3261 8.1.1.7 */

static uint64_t now_ms(void)
{
	return fleet_now_us() / 1000;
}

static int arm(struct request *r)
{
	uint64_t now = now_ms();
	uint64_t left = r->deadline_ms > now ? r->deadline_ms - now : 0;
	uint64_t ms = !r->tcp && r->interval_ms < left ? r->interval_ms : left; /* no timer E */
	struct timeval after = { .tv_sec = (time_t)(ms / 1000), .tv_usec = ms % 1000 * 1000 };

	return evtimer_add(r->timer, &after);
}

/* Timers E and F. */
static void on_timer(evutil_socket_t fd, short what, void *context)
{
	struct ue *u = context;
	struct request *r = &u->request;

	if (now_ms() >= r->deadline_ms) {
		ue_finish(u, "timeout");
		return;
	}
	u->fleet->n_repeated++;
	r->interval_ms = r->interval_ms * 2 < T2_MS ? r->interval_ms * 2 : T2_MS;
	/* A datagram that the kernel does not take is as one lost on the way. */
	(void)ue_send(u, r->over, r->bytes, r->n_bytes);
	if (arm(r))
		ue_finish(u, "memory");
}

static bool begin(struct ue *u, struct request *r, const struct sip_text *t)
{
	r->bytes = malloc(t->used);
	if (!r->timer)
		r->timer = evtimer_new(u->fleet->base, on_timer, u);
	if (!r->bytes || !r->timer)
		return false;
	memcpy(r->bytes, t->at, t->used);
	r->n_bytes = t->used;
	r->interval_ms = T1_MS;
	r->deadline_ms = now_ms() + TIMER_F_MS;
	return !arm(r);
}

/* Short names may save a datagram; what none holds goes over TCP: RFC 3261 18.1.1. */
static void write_request(struct ue *u, struct sip_text *t,
			  void (*put)(const struct ue *u, struct sip_text *t))
{
	struct request *r = &u->request;
	size_t max_bytes = r->tcp ? SIP_BYTES : ue_max_bytes(u, r->over);

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

void request_send(struct ue *u, const char *method, const struct agreement *over,
		  void (*put)(const struct ue *u, struct sip_text *t))
{
	struct request *r = &u->request;
	struct sip_text t = { 0 };

	request_end(u);
	r->method = method;
	r->over = over;
	r->tcp = u->fleet->options.tcp;
	r->cseq = ++u->cseq;
	ue_token(r->branch);
	write_request(u, &t, put);
	if (t.full)
		ue_finish(u, "too-big");
	else if (!begin(u, r, &t))
		ue_finish(u, "memory");
	else if (r->tcp ? stream_send(u, over, r->bytes, r->n_bytes)
			: ue_send(u, over, r->bytes, r->n_bytes))
		ue_finish(u, "send");
}

/*
 * Via names the port where answers are wanted: over UDP the protected server port, once there is
 * protection; over TCP none, as answers come by the same connection (TS 24.229 5.1.1.2, C-143).
 */
void request_put_head(const struct ue *u, struct sip_text *t, const char *uri, const char *to,
		      const char *call_id)
{
	const struct request *r = &u->request;
	char host[ADDRESS_TEXT_BYTES];

	sip_put(t, "%s %s SIP/2.0\r\n", r->method, uri);
	address_text(&u->address, host);
	if (r->tcp)
		sip_put_header(t, "Via", "SIP/2.0/TCP %s;branch=" COOKIE "%s", host, r->branch);
	else
		sip_put_header(t, "Via", "SIP/2.0/UDP %s:%u;branch=" COOKIE "%s", host,
			       r->over ? UE_PORT_US : UE_PORT_CLEAR, r->branch);
	sip_put_header(t, "Max-Forwards", "70");
	sip_put_header(t, "From", "<%s>;tag=%s",
		       u->task == UE_OPTIONS || u->task == UE_MESSAGE ? u->impu
								      : u->subscriber->impu,
		       u->tag);
	sip_put_header(t, "To", "<%s>", to);
	sip_put_header(t, "Call-ID", "%s", call_id);
	sip_put_header(t, "CSeq", "%u %s", r->cseq, r->method);
}

/*
 * An answer to a protected request is protected too. The one exception is the refusal of an SM7
 * when the UE has no older SAs: the P-CSCF may have nothing to protect it with (C-087 b).
 */
static bool may_be_clear(const struct ue *u, const struct sip_message *answer)
{
	return !u->request.over ||
	       (u->request.over == u->attempt.made && !u->current && answer->status >= 300);
}

bool request_match(struct ue *u, const struct sip_message *answer, bool is_protected)
{
	struct request *r = &u->request;
	struct view branch = sip_param(sip_header(answer, "Via", 0), "branch");
	size_t cookie_bytes = strlen(COOKIE);

	if (!r->bytes || branch.bytes <= cookie_bytes || memcmp(branch.at, COOKIE, cookie_bytes))
		return false;
	branch.at += cookie_bytes;
	branch.bytes -= cookie_bytes;
	if (!view_is(branch, r->branch) || !view_is(answer->cseq_method, r->method) ||
	    answer->cseq != r->cseq)
		return false;
	if (!is_protected && !may_be_clear(u, answer))
		return false;
	if (answer->status < 200)
		r->interval_ms = T2_MS; /* RFC 3261 17.1.2.2: Proceeding */
	else
		request_end(u);
	return true;
}

void request_end(struct ue *u)
{
	struct request *r = &u->request;

	if (r->timer)
		event_free(r->timer);
	free(r->bytes);
	r->timer = NULL;
	r->bytes = NULL;
}
