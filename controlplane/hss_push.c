#include "controlplane/hss_push.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx_diameter.h"
#include "controlplane/cx_direct.h"
#include "controlplane/cx_local.h"
#include "controlplane/hss.h"
#include "controlplane/log.h"
#include "controlplane/store.h"
#include "crypto/wipe.h"

struct hss_push {
	struct hss *hss;
	struct store *store;
	struct cx_local_server *local;
	struct hss_push_stats stats;
};

/* An RTR that waits for its answer, and what is then to be stored. */
struct ending {
	struct hss_push *push;
	struct cx_request clear;
};

/* Whom it is about, and whom it goes to. */
struct subject {
	char scscf[STORE_IDENTITY_BYTES];
	struct store_identity set[STORE_MAX_IMPUS];
	unsigned n_set;
};

const struct hss_push_stats *hss_push_stats(const struct hss_push *p)
{
	return &p->stats;
}

static int find(struct hss_push *p, const char *impi, struct subject *s)
{
	struct store_subscriber subscriber;
	int rc = store_find_impi(p->store, impi, &subscriber);

	if (rc == 0)
		rc = store_identities(p->store, subscriber.id, s->set, &s->n_set);
	if (rc == 0)
		memcpy(s->scscf, subscriber.scscf, sizeof(s->scscf));
	wipe(&subscriber, sizeof(subscriber));
	return rc == 0 && (s->scscf[0] == '\0' || s->n_set == 0) ? -ENOENT : rc;
}

/* At the local socket nobody says who he is, so that comes last. */
static int send(struct hss_push *p, const char *scscf, const struct cx_request *request,
		cx_done *done, void *user)
{
	struct cx_answer answer = { .command = request->command };
	int rc;

	if (cx_direct_push(request, &answer.result) == 0) {
		done(user, &answer);
		return 0;
	}
	rc = cx_diameter_push(scscf, request, done, user);
	if (rc == -EHOSTUNREACH && p->local != NULL)
		rc = cx_local_push(p->local, request, done, user);
	return rc;
}

static void on_cleared(void *user, const struct cx_answer *answer)
{
	if (!cx_succeeded(answer->result))
		log_warn("hss: a registration that was ended could not be cleared");
}

static void on_ended(void *user, const struct cx_answer *answer)
{
	struct ending *e = user;

	if (!cx_succeeded(answer->result))
		e->push->stats.refused++;
	else if (hss_request(e->push->hss, &e->clear, on_cleared, NULL) < 0)
		log_warn("hss: a registration that was ended could not be cleared");
	free(e);
}

/* The first identity of the i-th one's implicit set. */
static bool is_first_of_set(const struct subject *s, unsigned i)
{
	for (unsigned j = 0; j < i; j++)
		if (s->set[j].implicit == s->set[i].implicit)
			return false;
	return true;
}

/* The set of this identity. */
static int end_set(struct hss_push *p, const char *impi, const char *scscf, const char *impu)
{
	struct cx_request request = { .command = CX_RTR };
	struct ending *e = calloc(1, sizeof(*e));
	int rc;

	if (e == NULL)
		return -ENOMEM;
	e->push = p;
	/* What an S-CSCF asks for when its operator ends a registration: TS 29.228 6.1.2. */
	e->clear.command = CX_SAR;
	e->clear.sar.type = CX_ADMINISTRATIVE_DEREGISTRATION;
	cx_identity(e->clear.sar.impi, impi);
	cx_identity(e->clear.sar.impu, impu);
	cx_identity(e->clear.sar.server_name, scscf);
	cx_identity(request.rtr.impi, impi);
	request.rtr.n_impus = 1;
	cx_identity(request.rtr.impus[0], impu);
	request.rtr.reason = CX_PERMANENT_TERMINATION;
	rc = send(p, scscf, &request, on_ended, e);
	if (rc < 0)
		free(e);
	else
		p->stats.rtr++;
	return rc;
}

/* One RTR for each set: not every S-CSCF takes one that names no identity and means all. */
int hss_push_end(struct hss_push *p, const char *impi)
{
	struct subject s;
	unsigned n_ended = 0;
	int rc = find(p, impi, &s);

	for (unsigned i = 0; rc == 0 && i < s.n_set; i++) {
		if (!is_first_of_set(&s, i) || s.set[i].state != STORE_REGISTERED)
			continue;
		rc = end_set(p, impi, s.scscf, s.set[i].impu);
		n_ended++;
	}
	if (rc == 0 && n_ended == 0) /* then the name of the S-CSCF goes */
		rc = end_set(p, impi, s.scscf, s.set[0].impu);
	return rc;
}

static void on_changed(void *user, const struct cx_answer *answer)
{
	struct hss_push *p = user;

	if (!cx_succeeded(answer->result))
		p->stats.refused++;
}

/* The profile of one set. */
static int push_set(struct hss_push *p, const char *impi, const struct subject *s, int implicit)
{
	struct cx_request request = { .command = CX_PPR };
	struct cx_saa *profile = &request.ppr.profile;
	int rc;

	cx_identity(request.ppr.impi, impi);
	for (unsigned i = 0; i < s->n_set; i++) {
		if (s->set[i].implicit != implicit)
			continue;
		profile->impus[profile->n_impus].barred = s->set[i].barred;
		cx_identity(profile->impus[profile->n_impus++].impu, s->set[i].impu);
	}
	rc = send(p, s->scscf, &request, on_changed, p);
	if (rc == 0)
		p->stats.ppr++;
	return rc;
}

int hss_push_profile(struct hss_push *p, const char *impi)
{
	struct subject s;
	int rc = find(p, impi, &s);

	for (unsigned i = 0; rc == 0 && i < s.n_set; i++)
		if (is_first_of_set(&s, i) && s.set[i].state == STORE_REGISTERED)
			rc = push_set(p, impi, &s, s.set[i].implicit);
	return rc;
}

struct hss_push *hss_push_new(struct hss *hss, struct store *store, struct cx_local_server *local)
{
	struct hss_push *p = calloc(1, sizeof(*p));

	if (p != NULL)
		*p = (struct hss_push){ .hss = hss, .store = store, .local = local };
	return p;
}

void hss_push_free(struct hss_push *p)
{
	free(p);
}
