#include "dataplane/backend.h"

#include "dataplane/sa.h"

const char *const backend_why_name[BACKEND_N_WHYS] = {
	[BACKEND_UNSUPPORTED] = "unsupported",
	[BACKEND_FULL] = "full",
	[BACKEND_FAILED] = "failed",
};

/* Where an SA is offered first: what saves most. */
static const enum crypto_backend preferred[] = {
	CRYPTO_INLINE_PROTOCOL,
	CRYPTO_INLINE,
	CRYPTO_LOOKASIDE,
};

void backend_open(struct sa_table *t, struct sa *sa, const struct api_set *set)
{
	if (sa->id.esn) /* the cpu alone authenticates the upper half of a number */
		return;
	for (size_t i = 0; i < sizeof(preferred) / sizeof(preferred[0]); i++) {
		struct backend *b = t->backend[preferred[i]];
		if (!b || !b->wants(b, sa))
			continue;
		enum backend_why why = BACKEND_FAILED;
		struct crypto_session *session = b->open(b, sa, set, &why);
		if (!session) {
			atomic_fetch_add_explicit(&b->n_refused[why], 1, memory_order_relaxed);
			continue;
		}
		session->backend = b->kind;
		sa->key.cipher.session = session;
		sa->id.backend = b->kind;
		atomic_fetch_add_explicit(&b->n_sas, 1, memory_order_relaxed);
		return;
	}
}

void backend_retire(const struct sa *sa)
{
	if (sa->id.backend != CRYPTO_CPU)
		crypto_session_close(sa->key.cipher.session);
}

bool backend_is_idle(const struct sa *sa)
{
	return sa->id.backend == CRYPTO_CPU || crypto_session_is_idle(sa->key.cipher.session);
}

void backend_close(struct sa_table *t, struct sa *sa)
{
	if (sa->id.backend == CRYPTO_CPU)
		return;
	struct crypto_session *session = sa->key.cipher.session;
	struct backend *b = t->backend[session->backend];
	atomic_fetch_sub_explicit(&b->n_sas, 1, memory_order_relaxed);
	b->close(b, session);
}
