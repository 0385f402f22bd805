#include "controlplane/hss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "controlplane/hss_procedures.h"
#include "controlplane/log.h"
#include "controlplane/loop.h"
#include "controlplane/roaming.h"
#include "controlplane/store.h"
#include "crypto/milenage.h"
#include "crypto/wipe.h"

/*
 * Kept for the next ones: 5 KB each, which are a search in the heap otherwise. As many as one
 * client may have open.
 */
#define MAX_SPARE 256

/* Rows are read ahead in steps of some 150 us, a whole cache in two seconds. */
#define AHEAD_IDS 64
#define AHEAD_MS  1

/* A request from its arrival until its answer is given. Of both what the command uses is written.
 */
struct asked {
	STAILQ_ENTRY(asked) link;
	cx_done *done;
	void *user;
	struct cx_answer answer;
	struct cx_request request;
};

STAILQ_HEAD(asked_list, asked);

struct hss {
	struct loop *loop;
	struct store *store;
	struct milenage *milenage;
	struct roaming roaming;
	bool unregistered_services;
	struct timer commit;
	struct timer reply;
	struct timer ahead;
	struct asked_list changes; /* wait for the commit's turn */
	struct asked_list reads;   /* wait for the next turn */
	struct asked_list spare;   /* nobody's */
	unsigned n_spare;
	uint32_t distance_ms;      /* of two commits */
	uint64_t committed_ms;     /* the last one */
	uint64_t looked_ms;        /* whether an operator has changed something */
	void (*given)(void *user); /* NULL: nobody wants to know */
	void *given_user;
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

static void let_go(struct hss *h, struct asked *a)
{
	if (h->n_spare == MAX_SPARE) {
		free(a);
		return;
	}
	h->n_spare++;
	STAILQ_INSERT_HEAD(&h->spare, a, link);
}

static void give(struct hss *h, struct asked *a)
{
	if (!cx_succeeded(a->answer.result))
		h->stats.request_refused++;
	a->done(a->user, &a->answer);
	cx_answer_wipe(&a->answer);
	let_go(h, a);
}

/* A vector whose SQN is not on the disk does not leave. */
static void refuse(struct asked *a, enum cx_result result)
{
	cx_answer_wipe(&a->answer);
	cx_answer_init(&a->answer, a->answer.command);
	a->answer.result = result;
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

/* Finds the subject; its keys only if the procedure needs them. Returns a Cx result. */
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
	if (rc == -ENOENT)
		return CX_USER_UNKNOWN;
	/* A damaged subscriber is no reason to refuse those who share his turn. */
	if (rc < 0)
		log_error("hss: a subscriber cannot be read: %s", strerror(-rc));
	return rc < 0 ? CX_UNABLE_TO_COMPLY : CX_SUCCESS;
}

/* Who is not registered at the S-CSCF is asked for by his IMPU alone: TS 29.228 6.1.2.1. */
static int look_up_set(struct hss_subject *s, const struct cx_sar *sar)
{
	bool is_of_impu = sar->impi[0] == '\0';
	int rc;

	if (is_of_impu && sar->type != CX_UNREGISTERED_USER && sar->type != CX_RESTORATION)
		return CX_MISSING_AVP;
	rc = look_up(s, is_of_impu ? NULL : sar->impi, sar->impu, false);
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
		rc = look_up_set(s, &request->sar);
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

/* Makes the answer. Returns 0, or -errno when the store failed. */
static int answer_one(struct hss *h, struct asked *a)
{
	struct hss_subject subject; /* not cleared: 5 kB that few procedures need */
	int rc;

	subject.store = h->store;
	subject.stats = &h->stats;
	subject.milenage = h->milenage;
	subject.roaming = &h->roaming;
	subject.unregistered_services = h->unregistered_services;
	rc = process(h, &subject, &a->request, &a->answer);
	wipe(&subject.subscriber, sizeof(subject.subscriber));
	if (rc > 0)
		a->answer.result = (enum cx_result)rc;
	return rc < 0 ? rc : 0;
}

static void read_ahead(void *user)
{
	struct hss *h = user;

	/* Who is asked for meanwhile is read then; a store that fails says so then. */
	if (store_read_ahead(h->store, AHEAD_IDS) == 0 && !store_is_ahead(h->store))
		timer_set(h->loop, &h->ahead, AHEAD_MS);
}

/* Makes the answers of a list and keeps what they say. Returns 0, or -errno: none may be given. */
static int make_answers(struct hss *h, const struct asked_list *list, bool with_changes)
{
	uint64_t now_ms = loop_now_ms(h->loop);
	bool looks = with_changes || now_ms >= h->looked_ms + h->distance_ms;
	struct asked *a;
	int rc = store_enter(h->store, looks);

	if (looks)
		h->looked_ms = now_ms;
	if (looks && !store_is_ahead(h->store) && !timer_is_set(&h->ahead))
		timer_set(h->loop, &h->ahead, AHEAD_MS);
	for (a = STAILQ_FIRST(list); rc == 0 && a != NULL; a = STAILQ_NEXT(a, link))
		rc = answer_one(h, a);
	if (rc == 0)
		rc = store_commit(h->store);
	if (rc < 0) {
		log_error("hss: the subscriber store failed: %s", store_error(h->store));
		store_rollback(h->store);
	}
	return rc;
}

/* Answers what has been asked; what a callback asks meanwhile is for the next time. */
static void answer_all(struct hss *h, bool with_changes)
{
	struct asked_list now = STAILQ_HEAD_INITIALIZER(now);
	struct asked *a;
	int rc;

	timer_cancel(h->loop, &h->reply);
	STAILQ_CONCAT(&now, &h->reads);
	if (with_changes) {
		timer_cancel(h->loop, &h->commit);
		STAILQ_CONCAT(&now, &h->changes);
	}
	rc = make_answers(h, &now, with_changes);
	if (with_changes) {
		h->stats.commit++;
		h->stats.commit_failed += rc < 0;
		h->committed_ms =
			loop_now_ms(h->loop); /* the end of it: others need the lock, too */
	}
	while ((a = STAILQ_FIRST(&now)) != NULL) {
		STAILQ_REMOVE_HEAD(&now, link);
		if (rc < 0)
			refuse(a, CX_UNABLE_TO_COMPLY);
		give(h, a);
	}
	if (h->given != NULL)
		h->given(h->given_user);
}

static void reply(void *user)
{
	answer_all(user, false);
}

static void commit(void *user)
{
	answer_all(user, true);
}

static bool is_commit_due(const struct hss *h)
{
	return !STAILQ_EMPTY(&h->changes) &&
	       loop_now_ms(h->loop) >= h->committed_ms + h->distance_ms;
}

void hss_answer(struct hss *h)
{
	bool with_changes = is_commit_due(h);

	if (with_changes || !STAILQ_EMPTY(&h->reads))
		answer_all(h, with_changes);
}

static struct asked *keep(struct hss *h, const struct cx_request *request, cx_done *done,
			  void *user)
{
	struct asked *a = STAILQ_FIRST(&h->spare);

	if (a != NULL) {
		STAILQ_REMOVE_HEAD(&h->spare, link);
		h->n_spare--;
	} else {
		a = malloc(sizeof(*a));
	}
	if (a == NULL)
		return NULL;
	a->done = done;
	a->user = user;
	memcpy(&a->request, request,
	       offsetof(struct cx_request, uar) + cx_request_bytes(request->command));
	cx_answer_init(&a->answer, request->command);
	return a;
}

int hss_request(struct hss *h, const struct cx_request *request, cx_done *done, void *user)
{
	bool changes = request->command == CX_MAR || request->command == CX_SAR;
	uint64_t now_ms = loop_now_ms(h->loop), due_ms = h->committed_ms + h->distance_ms;
	struct asked *a = keep(h, request, done, user);
	int rc = a == NULL ? -ENOMEM : 0;

	if (rc == 0 && changes && !timer_is_set(&h->commit))
		rc = timer_set(h->loop, &h->commit, due_ms > now_ms ? due_ms - now_ms : 0);
	if (rc == 0 && !changes && !timer_is_set(&h->reply))
		rc = timer_set(h->loop, &h->reply, 0);
	if (rc < 0) {
		if (a != NULL)
			let_go(h, a);
		return -ENOMEM;
	}
	if (changes)
		STAILQ_INSERT_TAIL(&h->changes, a, link);
	else
		STAILQ_INSERT_TAIL(&h->reads, a, link);
	return 0;
}

void hss_set_commit_distance(struct hss *h, uint32_t distance_ms)
{
	h->distance_ms = distance_ms;
}

int hss_set_visited_networks(struct hss *h, char *const *networks, uint32_t n_networks)
{
	roaming_clear(&h->roaming);
	return roaming_init(&h->roaming, networks, n_networks);
}

void hss_set_unregistered_services(struct hss *h, bool are_there)
{
	h->unregistered_services = are_there;
}

void hss_listen(struct hss *h, void (*given)(void *user), void *user)
{
	h->given = given;
	h->given_user = user;
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
	STAILQ_INIT(&h->changes);
	STAILQ_INIT(&h->reads);
	STAILQ_INIT(&h->spare);
	timer_init(&h->commit, commit, h);
	timer_init(&h->reply, reply, h);
	timer_init(&h->ahead, read_ahead, h);
	timer_set(loop, &h->ahead, 0);
	here = h;
	return h;
}

void hss_free(struct hss *h)
{
	struct asked *a;

	if (h == NULL)
		return;
	if (here == h)
		here = NULL;
	timer_cancel(h->loop, &h->commit);
	timer_cancel(h->loop, &h->reply);
	timer_cancel(h->loop, &h->ahead);
	STAILQ_CONCAT(&h->changes, &h->reads);
	while ((a = STAILQ_FIRST(&h->changes)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->changes, link);
		refuse(a, CX_UNABLE_TO_DELIVER);
		give(h, a);
	}
	while ((a = STAILQ_FIRST(&h->spare)) != NULL) {
		STAILQ_REMOVE_HEAD(&h->spare, link);
		free(a);
	}
	store_close(h->store);
	milenage_free(h->milenage);
	roaming_clear(&h->roaming);
	free(h);
}
