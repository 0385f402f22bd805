#include "controlplane/scscf_inquiry.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/cx_status.h"
#include "controlplane/registration.h"
#include "controlplane/scscf.h"
#include "controlplane/sip.h"
#include "controlplane/table.h"
#include "controlplane/txn.h"

/* TS 24.229 7.6: the document that has a UE register initially. */
#define RESTORATION_TYPE "application/3gpp-ims+xml"
static const char restoration[] = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
				  "<ims-3gpp version=\"1\"><alternative-service>"
				  "<type>restoration</type>"
				  "<reason>The registration was lost</reason>"
				  "<action>initial-registration</action>"
				  "</alternative-service></ims-3gpp>\n";

struct inquiry {
	struct table_node node;
	struct inquiries *all;
	enum cx_assignment type;
	char impu[CX_IDENTITY_BYTES];
	struct server_txn *waiting[INQUIRY_N_WAITING];
	unsigned n_waiting;
};

struct inquiries {
	struct scscf *scscf;
	struct table *by_user;
};

static uint64_t hash_of(const struct inquiries *all, enum cx_assignment type, const char *impu)
{
	return table_hash(all->by_user, (uint64_t)type, impu, strlen(impu));
}

static struct inquiry *find(const struct inquiries *all, enum cx_assignment type, const char *impu)
{
	struct table_node *n = table_first(all->by_user, hash_of(all, type, impu));
	struct inquiry *q;

	for (; n != NULL; n = table_next(n)) {
		q = table_entry(n, struct inquiry, node);
		if (q->type == type && strcmp(q->impu, impu) == 0)
			return q;
	}
	return NULL;
}

/* --- what the HSS has said --- */

static bool is_barred(const struct cx_saa *profile, const char *impu)
{
	for (uint32_t i = 0; i < profile->n_impus; i++) {
		if (strcmp(profile->impus[i].impu, impu) == 0)
			return profile->impus[i].barred;
	}
	return false;
}

static void answer_caller(const struct inquiry *q, struct server_txn *x,
			  const struct cx_answer *answer)
{
	struct scscf *s = q->all->scscf;

	if (registrations_find_impu(s->registrar.registrations, q->impu) != NULL)
		scscf_route_on(s, x);
	else if (!cx_succeeded(answer->result))
		scscf_refuse_absent(s, x, cx_unregistered_status(answer->result));
	else
		scscf_refuse_absent(s, x, is_barred(&answer->saa, q->impu) ? 404 : 480);
}

/* TS 24.229 5.4.3.2: P-Asserted-Identity by which the UE knows that it comes from its S-CSCF. */
static void answer_lost(struct scscf *s, struct server_txn *x)
{
	char tag[SIP_TAG_BYTES];
	struct sip *answer;

	sip_random_tag(tag);
	answer = sip_response(server_txn_request(x), 504, NULL, tag);
	if (answer == NULL ||
	    sip_header_add(answer, "P-Asserted-Identity", s->registrar.service_route) < 0 ||
	    sip_body_set(answer, RESTORATION_TYPE, restoration, sizeof(restoration) - 1) < 0) {
		sip_free(answer);
		server_txn_answer(x, 500);
		return;
	}
	s->counters.sender_lost++;
	server_txn_respond(x, answer);
}

static void answer_sender(const struct inquiry *q, struct server_txn *x,
			  const struct cx_answer *answer)
{
	struct scscf *s = q->all->scscf;
	int status;

	if (scscf_is_sender_registered(s, server_txn_request(x))) {
		scscf_route_on(s, x);
		return;
	}
	if (cx_succeeded(answer->result) && !is_barred(&answer->saa, q->impu)) {
		answer_lost(s, x);
		return;
	}
	status = cx_succeeded(answer->result) ? 403 : cx_restoration_status(answer->result);
	s->counters.sender_refused += status == 403;
	server_txn_answer(x, status);
}

static void on_answer(void *user, const struct cx_answer *answer)
{
	struct inquiry *q = user;

	table_remove(q->all->by_user, &q->node);
	for (unsigned i = 0; i < q->n_waiting; i++) {
		if (q->type == CX_RESTORATION)
			answer_sender(q, q->waiting[i], answer);
		else
			answer_caller(q, q->waiting[i], answer);
	}
	free(q);
}

/* --- asking --- */

/* NULL: no room, or no HSS. */
static struct inquiry *ask(struct inquiries *all, enum cx_assignment type, const char *impu)
{
	struct cx_request request = { .command = CX_SAR, .sar.type = type };
	struct scscf *s = all->scscf;
	struct inquiry *q;

	if (table_count(all->by_user) == INQUIRIES)
		return NULL;
	q = malloc(sizeof(*q));
	if (q == NULL)
		return NULL;
	*q = (struct inquiry){ .all = all, .type = type };
	cx_identity(q->impu, impu);
	cx_identity(request.sar.impu, impu);
	cx_identity(request.sar.server_name, s->registrar.uri);
	if (cx_send(s->cx, &request, on_answer, q) < 0) {
		free(q);
		return NULL;
	}
	if (type == CX_RESTORATION)
		s->counters.restoration_asked++;
	else
		s->counters.unregistered_asked++;
	table_add(all->by_user, &q->node, hash_of(all, type, impu));
	return q;
}

void inquire(struct inquiries *all, enum cx_assignment type, const char *impu, struct server_txn *x)
{
	struct inquiry *q = find(all, type, impu);

	if (q == NULL)
		q = ask(all, type, impu);
	if (q == NULL || q->n_waiting == INQUIRY_N_WAITING)
		server_txn_answer(x, 503);
	else
		q->waiting[q->n_waiting++] = x;
}

/* --- all of them --- */

struct inquiries *inquiries_new(struct scscf *s)
{
	struct inquiries *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->scscf = s;
	all->by_user = table_new(INQUIRIES);
	if (all->by_user == NULL) {
		free(all);
		return NULL;
	}
	return all;
}

void inquiries_free(struct inquiries *all)
{
	if (all == NULL)
		return;
	table_free(all->by_user);
	free(all);
}
