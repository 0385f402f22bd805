/* NOTIFY of the event package reg at the P-CSCF, and what it does about it: TS 24.229 5.2.3. */
#include <osipparser2/osip_parser.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/kept_answer.h"
#include "controlplane/pcscf_watch_impl.h"
#include "controlplane/sip.h"
#include "controlplane/txn.h"
#include "controlplane/ue.h"

/* Whether a contact is where this UE is. */
static bool is_at(const struct ue *ue, const char *uri)
{
	osip_uri_t *parsed;
	if (osip_uri_init(&parsed))
		return false;
	bool is = !osip_uri_parse(parsed, uri) && ue_is_at(ue, NULL, parsed);
	osip_uri_free(parsed);
	return is;
}

static bool has_identity(const struct ue_registration *r, const char *aor)
{
	for (unsigned i = 0; i < r->n_identities; i++)
		if (!strcmp(r->identities[i], aor))
			return true;
	return !strcmp(r->aor, aor);
}

/*
 * What the document says of this registration: a whole one that names no active contact of ours
 * ends it, one of changes only if it says so. Another contact of the user is not our business.
 */
static void obey(struct watch *s, struct ue *ue)
{
	struct watches *w = s->watches;
	const struct ue_registration *r = ue_registration(ue, s->aor);
	const char *active[UE_IDENTITIES];
	unsigned n_active = 0;
	const struct reginfo_contact *shortened = NULL;
	bool is_ended = false;
	for (unsigned i = 0; i < w->info.n_contacts; i++) {
		const struct reginfo_contact *c = &w->info.contacts[i];
		if (!has_identity(r, c->aor) && (w->info.is_partial || !c->is_active))
			continue;
		if (c->uri[0] && !is_at(ue, c->uri))
			continue;
		if (!c->is_active) {
			is_ended |= !strcmp(c->aor, s->aor);
			continue;
		}
		if (c->event == REGINFO_SHORTENED && c->has_expires)
			shortened = c;
		if (n_active < UE_IDENTITIES)
			active[n_active++] = c->aor;
	}
	if (w->info.is_partial ? is_ended : n_active == 0) {
		w->counters.ended++;
		ue_ended(ue, s->aor);
		return;
	}
	if (!w->info.is_partial)
		ue_set_identities(ue, s->aor, active, n_active);
	if (shortened) {
		w->counters.shortened++;
		ue_shortened(ue, s->aor, shortened->expires_s);
	}
}

static bool is_reg(const struct sip *r)
{
	const char *event = sip_header(r, "Event", 0);
	return event && !strncasecmp(event, "reg", 3) && strchr(" \t;", event[3]);
}

static bool is_over(const struct sip *r)
{
	static const char terminated[] = "terminated";
	const char *state = sip_header(r, "Subscription-State", 0);
	size_t n = sizeof(terminated) - 1;
	return state && !strncasecmp(state, terminated, n) && strchr(" \t;", state[n]);
}

/* Returns the status to answer. */
static int read_notify(struct watch *s, const struct sip *r)
{
	struct watches *w = s->watches;
	if (!is_reg(r))
		return 489;
	if (!dialog_advance(&s->dialog, r))
		return 500;
	if (dialog_confirm(&s->dialog, r))
		return 400;
	w->info.n_contacts = 0;
	if (!r->body_bytes)
		return 200; /* nothing known yet, which RFC 6665 4.2.1.2 allows */
	const char *type = sip_header(r, "Content-Type", 0);
	size_t n = strlen(REGINFO_TYPE);
	if (!type || strncasecmp(type, REGINFO_TYPE, n) || !strchr(" \t;", type[n]))
		return 415;
	return reginfo_read(r->body, r->body_bytes, &w->info) ? 400 : 200;
}

/* RFC 6665 4.1.3: without a number what was asked for is meant, of which nobody knows the rest. */
static uint32_t left_s(const struct sip *r)
{
	const char *state = sip_header(r, "Subscription-State", 0);
	const char *expires = state ? strcasestr(state, ";expires=") : NULL;
	unsigned long left = expires ? strtoul(expires + strlen(";expires="), NULL, 10) : 0;
	return left > 0 && left < WATCH_EXPIRES_S ? (uint32_t)left : WATCH_EXPIRES_S;
}

static void answer_kept(struct server_txn *x, int status, struct statefile *file)
{
	struct sip *answer =
		status == 200 ? sip_response(server_txn_request(x), 200, NULL, NULL) : NULL;
	if (answer)
		kept_answer(file, x, answer);
	else
		server_txn_answer(x, status);
}

void watches_notified(struct watches *w, struct server_txn *x, struct statefile *file)
{
	const struct sip *r = server_txn_request(x);
	struct watch *s = watch_find(w, r);
	if (!s)
		s = watch_restore(w, r, left_s(r));
	struct ue *ue = s ? watch_ue(s) : NULL;
	w->counters.notify_rx++;
	int status = s ? read_notify(s, r) : 481;
	bool has_state = status == 200 && r->body_bytes, over = s && is_over(r);
	w->counters.notify_refused += status != 200;
	if (s && !ue && !over)
		status = 481; /* it is about nobody any more: RFC 6665 4.1.3 */
	if (ue && has_state && w->info.version > s->version) {
		s->version = w->info.version;
		obey(s, ue);
	}
	answer_kept(x, status, file);
	if (!s)
		return;
	if (over || !watch_ue(s))
		watch_free(s);
	else
		watch_set_timer(s, ue);
}
