#include "test/unit/late_backend.h"

#include <stddef.h>
#include <string.h>

static struct late_backend *of_engine(struct crypto_engine *e)
{
	return (void *)((char *)e - offsetof(struct late_backend, engine));
}

static unsigned submit(struct crypto_engine *e, struct crypto_job *const jobs[], unsigned n)
{
	struct late_backend *l = of_engine(e);
	unsigned taken = 0;
	while (taken < n && l->n_jobs < l->n_room)
		l->job[l->n_jobs++] = jobs[taken++];
	return taken;
}

static unsigned collect(struct crypto_engine *e, struct crypto_job *out[], unsigned max)
{
	struct late_backend *l = of_engine(e);
	unsigned n = RTE_MIN(l->n_ready, l->n_jobs);
	if (n > max)
		n = max;
	crypto_run(l->crypto, l->job, n);
	memcpy(out, l->job, n * sizeof(out[0]));
	l->n_jobs -= n;
	l->n_ready -= n;
	memmove(l->job, l->job + n, l->n_jobs * sizeof(l->job[0]));
	return n;
}

static bool wants(const struct backend *b, const struct sa *sa)
{
	return true;
}

static struct crypto_session *open_session(struct backend *b, const struct sa *sa,
					   const struct api_set *set, enum backend_why *why)
{
	struct late_backend *l = (struct late_backend *)b;
	for (unsigned i = 0; i < l->n_sessions; i++) {
		if (l->is_used[i])
			continue;
		l->is_used[i] = true;
		memset(&l->session[i], 0, sizeof(l->session[i]));
		return &l->session[i];
	}
	*why = BACKEND_FULL;
	return NULL;
}

static void close_session(struct backend *b, struct crypto_session *session)
{
	struct late_backend *l = (struct late_backend *)b;
	l->is_used[session - l->session] = false;
}

void late_open(struct late_backend *l, struct sa_table *sas, struct crypto *crypto)
{
	*l = (struct late_backend){
		.backend = { .kind = CRYPTO_LOOKASIDE,
			     .wants = wants,
			     .open = open_session,
			     .close = close_session },
		.engine = { .submit = submit, .collect = collect },
		.crypto = crypto_new(-1),
		.n_sessions = LATE_SESSIONS,
		.n_room = LATE_JOBS,
	};
	sas->backend[CRYPTO_LOOKASIDE] = &l->backend;
	crypto_attach(crypto, CRYPTO_LOOKASIDE, &l->engine);
}

void late_close(struct late_backend *l, struct sa_table *sas)
{
	sas->backend[CRYPTO_LOOKASIDE] = NULL;
	crypto_free(l->crypto);
}
