#include "tools/ue/ue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include <event2/event.h>

#include "tools/ue/call.h"
#include "tools/ue/datagram.h"
#include "tools/ue/fleet.h"
#include "tools/ue/stream.h"

#define RETIRED_S 128 /* 64·T1, TS 33.203 7.4, TS 24.229 table 7.7.1 */

void ue_token(char out[UE_TOKEN_BYTES])
{
	uint64_t number = 0;

	if (getrandom(&number, sizeof(number), 0) != sizeof(number))
		abort(); /* does not fail for so few bytes, and nothing is safe without */
	snprintf(out, UE_TOKEN_BYTES, "%016llx", (unsigned long long)number);
}

void ue_open(struct ue *u, struct fleet *fleet, uint32_t index, struct subscriber *subscriber)
{
	memset(u, 0, sizeof(*u));
	u->fleet = fleet;
	u->index = index;
	u->address = bump_address(&fleet->bump, index);
	u->subscriber = subscriber;
	ue_token(u->call_id);
	ue_token(u->tag);
	u->next_uc = (uint16_t)arc4random_uniform(UE_N_PORT_UC);
	snprintf(u->home, sizeof(u->home), "sip:%s", subscriber->realm);
	snprintf(u->impu, sizeof(u->impu), "%s", subscriber->impu);
	if (ue_does(u, UE_OUT_OF_RANGE_SQN))
		subscriber_move_ahead(subscriber);
}

bool ue_does(const struct ue *u, enum ue_misbehaviour how)
{
	const struct fleet_options *o = &u->fleet->options;

	return o->misbehaviour == how && (!o->n_misbehaving || u->index < o->n_misbehaving);
}

bool ue_does_without(const struct ue *u)
{
	return u->fleet->options.emergency && ue_does(u, UE_NO_AGREEMENT);
}

const struct ue *ue_next(const struct ue *u)
{
	return &u->fleet->ues[(u->index + 1) % u->fleet->n_ues];
}

void ue_close(struct ue *u)
{
	call_end(u);
	request_end(u);
	if (u->own)
		event_free(u->own);
	stream_close_all(u);
	register_drop(u);
	if (u->current)
		agreement_delete(u->current);
	while (u->retired) {
		struct agreement *a = u->retired;

		u->retired = a->next;
		agreement_delete(a);
	}
}

/* ---- agreements ---- */

void agreement_delete(struct agreement *a)
{
	if (a->end)
		event_free(a->end);
	stream_close_over(a->ue, a);
	sa_set_delete(a->ue->fleet->bump.sas, a->sas);
	free(a);
}

/* What is asked over it is not answered any more. */
static void on_end(evutil_socket_t fd, short what, void *context)
{
	struct agreement *a = context, **at = &a->ue->retired;
	struct ue *u = a->ue;

	if (u->task != UE_IDLE && u->request.over == a)
		ue_finish(u, "sa-expired");
	while (*at && *at != a)
		at = &(*at)->next;
	if (*at)
		*at = a->next;
	if (u->current == a)
		u->current = NULL;
	agreement_delete(a);
}

static bool end_after(struct agreement *a, uint32_t seconds)
{
	const struct timeval after = { .tv_sec = seconds };

	if (!a->end)
		a->end = evtimer_new(a->ue->fleet->base, on_end, a);
	return a->end && !evtimer_add(a->end, &after);
}

void agreement_retire(struct agreement *a)
{
	struct ue *u = a->ue;

	if (!end_after(a, RETIRED_S)) {
		agreement_delete(a); /* without memory for its timer it goes at once */
		return;
	}
	a->next = u->retired;
	u->retired = a;
}

void agreement_shorten(struct agreement *a, uint32_t seconds)
{
	(void)end_after(a, seconds); /* without memory it lives on: the edge's does not */
}

/* ---- tasks ---- */

void ue_start(struct ue *u, enum ue_task task, const struct ue *to)
{
	u->task = task;
	u->to = to;
	u->started_us = fleet_now_us();
	if (task == UE_OPTIONS || task == UE_MESSAGE)
		talk_start(u);
	else if (task == UE_SUBSCRIBE)
		watch_start(u);
	else
		register_start(u);
}

void ue_finish(struct ue *u, const char *reason)
{
	enum ue_task task = u->task;

	if (task == UE_CALLED) {
		call_fail(u, reason);
		return;
	}
	call_end(u);
	request_end(u);
	register_drop(u);
	stream_close_over(u, NULL);
	u->task = UE_IDLE;
	u->to = NULL;
	if (u->is_own) {
		u->is_own = false;
		watch_done(u, task, reason);
		fleet_is_idle(u->fleet);
	} else {
		fleet_done(u->fleet, u, task, reason);
	}
	watch_resume(u);
}

void ue_finish_status(struct ue *u, unsigned status)
{
	char reason[UE_REASON_BYTES];

	snprintf(reason, sizeof(reason), "%u", status);
	ue_finish(u, reason);
}

/* ---- messages ---- */

size_t ue_max_bytes(const struct ue *u, const struct agreement *over)
{
	size_t headers = PACKET_UDP_BYTES +
			 (u->address.family == AF_INET ? PACKET_IPV4_BYTES : PACKET_IPV6_BYTES);

	return over ? bump_mtu_bytes(&u->fleet->bump) - headers : SIP_BYTES;
}

const char *ue_host(const struct ue *u, const struct agreement *over, char text[ADDRESS_TEXT_BYTES])
{
	return over && u->outside[0] ? u->outside : address_text(&u->address, text);
}

const char *ue_foreign(const struct ue *u)
{
	return u->address.family == AF_INET ? "192.0.2.1" : "[2001:db8::1]";
}

int ue_send(struct ue *u, const struct agreement *over, const void *bytes, size_t n_bytes)
{
	const struct fleet *f = u->fleet;
	int fd = over ? f->uc_fd[over->port_uc - UE_PORT_UC_FIRST] : f->clear_fd;

	return datagram_send(fd, &u->address, &f->options.pcscf,
			     over ? over->port_ps : f->options.pcscf_port, bytes, n_bytes);
}

void ue_receive(struct ue *u, char *bytes, size_t n_bytes, bool is_protected, struct stream *by)
{
	struct sip_message m;
	struct request *r;
	bool is_lost;

	if (sip_read(bytes, n_bytes, &m)) {
		u->fleet->n_not_understood++;
		return;
	}
	if (!m.status) {
		/* The last NOTIFY of a registration comes when that is over already. */
		if (is_protected && (u->current || (u->retired && view_is(m.method, "NOTIFY"))))
			talk_asked(u, &m, by);
		else
			u->fleet->n_unexpected++;
		return;
	}
	r = request_match(u, &m, is_protected);
	if (!r) {
		u->fleet->n_unexpected++;
		return;
	}
	is_lost = is_protected && strcmp(r->method, "REGISTER") && watch_is_lost(u, &m);
	if (u->call)
		call_answered(u, r, &m);
	else if (m.status < 200)
		return;
	else if (u->task == UE_OPTIONS || u->task == UE_MESSAGE)
		talk_answered(u, &m);
	else if (u->task == UE_SUBSCRIBE)
		watch_answered(u, &m);
	else
		register_answered(u, &m);
	if (is_lost)
		watch_lost(u);
}
