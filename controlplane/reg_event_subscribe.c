/* SUBSCRIBE of the event package reg: TS 24.229 5.4.2.1.1, RFC 6665 4.2.1. */
#include <errno.h>
#include <osipparser2/osip_parser.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "configs/config.h"
#include "controlplane/cx.h"
#include "controlplane/kept_answer.h"
#include "controlplane/reg_event_impl.h"
#include "controlplane/registration.h"
#include "controlplane/sip_list.h"
#include "controlplane/sip_route.h"
#include "controlplane/sip_uri.h"
#include "controlplane/txn.h"

#define DEFAULT_EXPIRES_S 3761 /* RFC 3680 4.4 */

/* --- who may know --- */

static bool is_same_text(const char *a, const char *b)
{
	return a == NULL || b == NULL ? a == b : strcasecmp(a, b) == 0;
}

/* As TS 24.229 5.2.3 has it: the URI that the P-CSCF put into Path, whatever parameters it has. */
static bool is_same_node(const osip_uri_t *a, const osip_uri_t *b)
{
	return is_same_text(a->scheme, b->scheme) && is_same_text(a->host, b->host) &&
	       is_same_text(a->port, b->port) &&
	       (a->username == NULL || b->username == NULL ? a->username == b->username
							   : strcmp(a->username, b->username) == 0);
}

static bool is_node_of_text(const osip_uri_t *node, const char *text)
{
	osip_uri_t *uri;
	bool is_same;

	if (osip_uri_init(&uri) != 0)
		return false;
	is_same = osip_uri_parse(uri, text) == 0 && is_same_node(node, uri);
	osip_uri_free(uri);
	return is_same;
}

static bool is_in_path(const struct registration *g, const char *asserted)
{
	const char *start = strchr(asserted, '<'), *end = start ? strchr(start, '>') : NULL;
	char text[SIP_VALUE_BYTES];
	osip_uri_t *uri;
	bool found = false;

	if (end == NULL || osip_uri_init(&uri) != 0)
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)(end - start - 1), start + 1);
	if (osip_uri_parse(uri, text) == 0) {
		for (unsigned i = 0; i < g->binding.n_paths && !found; i++)
			found = is_node_of_text(uri, g->binding.paths[i]);
	}
	osip_uri_free(uri);
	return found;
}

static bool is_user(const struct registration *g, const char *asserted)
{
	char impu[CX_IDENTITY_BYTES];

	if (sip_aor_text(asserted, impu, sizeof(impu)) < 0)
		return false;
	for (unsigned i = 0; i < g->n_impus; i++) {
		if (strcmp(g->impus[i].impu, impu) == 0)
			return !g->impus[i].is_barred;
	}
	return false;
}

/* The asserted identities say who asks; nobody outside the trust domain could put them there. */
static bool may_know(const struct registration *g, const struct sip *request, bool *user)
{
	struct sip_list asserted = sip_list(request, "P-Asserted-Identity");
	char value[SIP_VALUE_BYTES];

	while (sip_list_next(&asserted, value, sizeof(value)) >= 0) {
		*user = is_user(g, value);
		if (*user || is_in_path(g, value))
			return true;
	}
	return false;
}

/* --- what is asked --- */

bool reg_event_is_asked(const struct sip *request)
{
	const char *event = sip_header(request, "Event", 0);
	size_t n = event != NULL ? strcspn(event, " \t;") : 0;

	return sip_is(request, "SUBSCRIBE") && n == strlen("reg") &&
	       strncasecmp(event, "reg", n) == 0;
}

static bool accepts_document(const struct sip *request)
{
	struct sip_list accepted = sip_list(request, "Accept");
	char value[SIP_VALUE_BYTES];
	unsigned n = 0;

	for (; sip_list_next(&accepted, value, sizeof(value)) >= 0; n++) {
		value[strcspn(value, " \t;")] = '\0';
		if (strcasecmp(value, REGINFO_TYPE) == 0 || strcmp(value, "*/*") == 0 ||
		    strcasecmp(value, "application/*") == 0)
			return true;
	}
	return n == 0;
}

/* Returns 0 or the status to refuse it with. */
static int check(const struct reg_event *e, const struct registration *g, const struct sip *request,
		 uint32_t *expires_s, bool *user)
{
	const char *event = sip_header(request, "Event", 0);

	if (!reg_event_is_asked(request))
		return 489;
	if (strlen(event) >= EVENT_HEADER_BYTES)
		return 400;
	if (!accepts_document(request))
		return 406;
	if (!may_know(g, request, user))
		return 403;
	*expires_s = sip_header_number(request, "Expires", DEFAULT_EXPIRES_S);
	if (*expires_s != 0 && *expires_s < e->config->min_expires_s)
		return 423;
	if (*expires_s > e->config->max_expires_s)
		*expires_s = e->config->max_expires_s;
	return 0;
}

/* --- answers --- */

static void refuse(struct reg_event *e, struct server_txn *x, int status)
{
	struct sip *answer = NULL;
	char tag[SIP_TAG_BYTES], seconds[16];

	e->counters.subscribe_refused++;
	snprintf(seconds, sizeof(seconds), "%u", e->config->min_expires_s);
	if (status == 423 || status == 489) {
		sip_random_tag(tag);
		answer = sip_response(server_txn_request(x), status,
				      status == 489 ? "Bad Event" : NULL, tag);
	}
	if (answer == NULL || sip_header_add(answer, status == 489 ? "Allow-Events" : "Min-Expires",
					     status == 489 ? "reg" : seconds) < 0) {
		sip_free(answer);
		server_txn_answer(x, status);
		return;
	}
	server_txn_respond(x, answer);
}

/* The 200 comes before the NOTIFY, and both from here. Returns 0 or -errno. */
static int answer_ok(struct subscription *s, struct server_txn *x, uint32_t expires_s)
{
	const struct sip *request = server_txn_request(x);
	struct sip *answer = sip_response(request, 200, NULL, s->dialog.local_tag);
	char seconds[16];
	int rc = answer != NULL ? sip_record_routes_copy(answer, request) : -ENOMEM;

	snprintf(seconds, sizeof(seconds), "%u", expires_s);
	if (rc == 0)
		rc = sip_header_add(answer, "Expires", seconds);
	if (rc == 0 && sip_contact_add(answer, s->events->contact) != 0)
		rc = -ENOMEM;
	if (rc < 0) {
		sip_free(answer);
		return rc;
	}
	statefile_touch(s->events->file, &s->kept);
	kept_answer(s->events->file, x, answer);
	return 0;
}

/* Whoever subscribes, again or for the last time, hears how things are: RFC 6665 4.2.1.4. */
static void answer_and_tell(struct subscription *s, struct server_txn *x, struct registration *g,
			    uint32_t expires_s)
{
	if (expires_s != 0)
		subscription_extend(s, expires_s);
	if (answer_ok(s, x, expires_s) < 0) {
		subscription_free(s);
		server_txn_answer(x, 500);
		return;
	}
	notify_describe(s->events, g);
	if (expires_s == 0)
		subscription_end(s, "timeout");
	notify(s);
}

void reg_event_subscribe(struct reg_event *e, struct server_txn *x, struct registration *g)
{
	const struct sip *request = server_txn_request(x);
	struct subscription *s;
	uint32_t expires_s;
	bool user = false;
	int status, rc;

	e->counters.subscribe_rx++;
	status = check(e, g, request, &expires_s, &user);
	if (status != 0) {
		refuse(e, x, status);
		return;
	}
	rc = subscription_new(e, g, request, user, &s);
	if (rc < 0) {
		refuse(e, x, rc == -EINVAL ? 400 : 503);
		return;
	}
	snprintf(s->event, sizeof(s->event), "%s", sip_header(request, "Event", 0));
	answer_and_tell(s, x, g, expires_s);
}

void reg_event_resubscribe(struct reg_event *e, struct server_txn *x)
{
	const struct sip *request = server_txn_request(x);
	struct subscription *s = subscription_find(e, request);
	struct registration *g = s != NULL ? subscription_registration(s) : NULL;
	uint32_t expires_s;
	bool user = false;
	int status = 481;

	e->counters.subscribe_rx++;
	if (g != NULL)
		status = check(e, g, request, &expires_s, &user);
	if (status == 0 && !dialog_advance(&s->dialog, request))
		status = 500;
	if (status == 0 && dialog_confirm(&s->dialog, request) < 0)
		status = 503;
	if (status != 0)
		refuse(e, x, status);
	else
		answer_and_tell(s, x, g, expires_s);
}
