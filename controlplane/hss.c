#include "controlplane/hss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/hss_procedures.h"
#include "controlplane/log.h"
#include "controlplane/loop.h"
#include "controlplane/store.h"
#include "crypto/milenage.h"
#include "crypto/wipe.h"

/* An answer that waits for the commit or, of a request that changes nothing, for the next turn. */
struct owed {
	STAILQ_ENTRY(owed) link;
	cx_done *done;
	void *user;
	struct cx_answer answer;
};

STAILQ_HEAD(owed_list, owed);

struct hss {
	struct loop *loop;
	struct store *store;
	struct milenage *milenage;
	struct timer commit;
	struct timer reply;
	struct owed_list owed;  /* by the commit */
	struct owed_list ready; /* by the next turn */
	uint32_t distance_ms;   /* of two commits */
	uint64_t committed_ms;  /* the last one */
	bool is_open;           /* a transaction is */
	int failure;            /* of the store, in this transaction; -errno */
	struct hss_stats stats;
};

static struct hss *here;

struct hss *hss_here(void)
{
	return here;
}

const struct hss_stats *hss_stats(const struct hss *h)
{
	return &h->stats;
}

static void give(struct hss *h, struct owed *o)
{
	if (!cx_succeeded(o->answer.result))
		h->stats.request_refused++;
	o->done(o->user, &o->answer);
	cx_answer_clear(&o->answer, o->answer.command);
	free(o);
}

/* A vector whose SQN is not on the disk does not leave. */
static void refuse(struct owed *o, enum cx_result result)
{
	cx_answer_clear(&o->answer, o->answer.command);
	o->answer.result = result;
}

/* Gives all of a list; what a callback asks meanwhile is for the next time. */
static void give_all(struct hss *h, struct owed_list *list, bool refused)
{
	struct owed_list owed = STAILQ_HEAD_INITIALIZER(owed);
	struct owed *o;

	STAILQ_CONCAT(&owed, list);
	while ((o = STAILQ_FIRST(&owed)) != NULL) {
		STAILQ_REMOVE_HEAD(&owed, link);
		if (refused)
			refuse(o, CX_UNABLE_TO_COMPLY);
		give(h, o);
	}
}

static void reply(void *user)
{
	struct hss *h = user;

	give_all(h, &h->ready, false);
}

/* Ends the transaction and gives what was owed; whatever a callback asks begins the next one. */
static void commit(void *user)
{
	struct hss *h = user;
	int rc = h->failure;

	if (rc == 0)
		rc = store_commit(h->store);
	if (rc < 0) {
		log_error("hss: the subscriber store failed: %s", store_error(h->store));
		store_rollback(h->store);
		h->stats.commit_failed++;
	}
	h->stats.commit++;
	h->is_open = false;
	h->committed_ms = loop_now_ms(h->loop);
	give_all(h, &h->owed, rc < 0);
}

static int begin(struct hss *h)
{
	uint64_t now_ms = loop_now_ms(h->loop), due_ms = h->committed_ms + h->distance_ms;
	int rc = timer_set(h->loop, &h->commit, due_ms > now_ms ? due_ms - now_ms : 0);

	if (rc < 0)
		return rc;
	h->failure = store_begin(h->store);
	h->is_open = true;
	return 0;
}

int hss_read_set(struct hss_subject *s)
{
	struct store_identity all[STORE_MAX_IMPUS];
	unsigned n;
	int rc = store_identities(s->store, s->subscriber.id, all, &n);

	for (unsigned i = 0; rc == 0 && i < n; i++) {
		if (all[i].implicit == s->identity.implicit)
			s->set[s->n_set++] = all[i];
		else if (all[i].state != STORE_UNREGISTERED)
			s->is_needed = true;
	}
	return rc < 0 ? rc : CX_SUCCESS;
}

/*
 * Finds the subject; its keys and its implicit set only if the procedure needs them. Returns a Cx
 * result, or -errno when the store failed.
 */
static int look_up(struct hss_subject *s, const char *impi, const char *impu, bool with_keys)
{
	int rc = store_find_impu(s->store, impu, &s->identity);

	s->n_set = 0;
	s->is_needed = false;
	if (rc == 0 && with_keys)
		rc = store_find_subscriber(s->store, s->identity.subscriber, &s->subscriber);
	else if (rc == 0)
		rc = store_find_served(s->store, s->identity.subscriber, &s->subscriber);
	/* C-020: checked before any vector is made */
	if (rc == 0 && impi != NULL && strcmp(s->subscriber.impi, impi) != 0) {
		rc = store_find_impi(s->store, impi, &s->subscriber);
		if (rc == 0)
			return CX_IDENTITIES_DONT_MATCH;
	}
	if (rc < 0)
		return rc == -ENOENT ? CX_USER_UNKNOWN : rc;
	return CX_SUCCESS;
}

static int look_up_set(struct hss_subject *s, const char *impi, const char *impu)
{
	int rc = look_up(s, impi, impu, false);

	return rc == CX_SUCCESS ? hss_read_set(s) : rc;
}

static int process(struct hss *h, struct hss_subject *s, const struct cx_request *request,
		   struct cx_answer *answer)
{
	int rc;

	switch (request->command) {
	case CX_UAR:
		h->stats.uar++;
		rc = look_up(s, request->uar.impi, request->uar.impu, false);
		return rc == CX_SUCCESS ? hss_authorize(s, &request->uar, &answer->uaa) : rc;
	case CX_MAR:
		h->stats.mar++;
		rc = look_up(s, request->mar.impi, request->mar.impu, true);
		return rc == CX_SUCCESS ? hss_challenge(s, &request->mar, &answer->maa) : rc;
	case CX_SAR:
		h->stats.sar++;
		rc = look_up_set(s, request->sar.impi, request->sar.impu);
		return rc == CX_SUCCESS ? hss_assign(s, &request->sar, &answer->saa) : rc;
	case CX_LIR:
		h->stats.lir++;
		rc = look_up(s, NULL, request->lir.impu, false);
		return rc == CX_SUCCESS ? hss_locate(s, &request->lir, &answer->lia) : rc;
	case CX_RTR:
	case CX_PPR:
		break; /* ours to send */
	}
	return CX_UNABLE_TO_COMPLY;
}

int hss_request(struct hss *h, const struct cx_request *request, cx_done *done, void *user)
{
	bool changes = request->command == CX_MAR || request->command == CX_SAR;
	struct hss_subject subject; /* not cleared: 5 kB that few procedures need */
	struct owed *o = malloc(sizeof(*o));
	int rc = o == NULL ? -ENOMEM : 0;

	if (rc == 0 && !h->is_open)
		rc = begin(h);
	if (rc < 0) {
		free(o);
		return -ENOMEM;
	}
	o->done = done;
	o->user = user;
	cx_answer_clear(&o->answer, request->command);
	subject.store = h->store;
	subject.stats = &h->stats;
	subject.milenage = h->milenage;
	rc = h->failure;
	if (rc == 0)
		rc = process(h, &subject, request, &o->answer);
	wipe(&subject.subscriber, sizeof(subject.subscriber));
	if (rc < 0) {
		h->failure = rc;
		rc = CX_UNABLE_TO_COMPLY;
	}
	o->answer.result = (enum cx_result)rc;
	if (!changes && !timer_is_set(&h->reply))
		changes = timer_set(h->loop, &h->reply, 0) < 0; /* then the commit's turn will do */
	if (changes)
		STAILQ_INSERT_TAIL(&h->owed, o, link);
	else
		STAILQ_INSERT_TAIL(&h->ready, o, link);
	return 0;
}

void hss_set_commit_distance(struct hss *h, uint32_t distance_ms)
{
	h->distance_ms = distance_ms;
}

struct hss *hss_new(struct loop *loop, struct store *store)
{
	struct hss *h = calloc(1, sizeof(*h));
	struct milenage *milenage = milenage_new();

	if (h == NULL || milenage == NULL) {
		milenage_free(milenage);
		free(h);
		store_close(store);
		return NULL;
	}
	h->milenage = milenage;
	h->loop = loop;
	h->store = store;
	STAILQ_INIT(&h->owed);
	STAILQ_INIT(&h->ready);
	timer_init(&h->commit, commit, h);
	timer_init(&h->reply, reply, h);
	here = h;
	return h;
}

void hss_free(struct hss *h)
{
	struct owed *o;

	if (h == NULL)
		return;
	if (here == h)
		here = NULL;
	timer_cancel(h->loop, &h->commit);
	timer_cancel(h->loop, &h->reply);
	store_rollback(h->store);
	STAILQ_CONCAT(&h->owed, &h->ready);
	while ((o = STAILQ_FIRST(&h->owed)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->owed, link);
		refuse(o, CX_UNABLE_TO_DELIVER);
		give(h, o);
	}
	store_close(h->store);
	milenage_free(h->milenage);
	free(h);
}
