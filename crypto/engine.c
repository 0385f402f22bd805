#include "crypto/engine.h"

#include <string.h>

#include "crypto/cpu.h"

static void add_to(_Atomic uint64_t *counter, uint64_t n)
{
	/* One writer: no need for an atomic addition. */
	atomic_store_explicit(counter, atomic_load_explicit(counter, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

/* The session of a job that an engine takes; it stays until the job is collected. */
static struct crypto_session *session_of(const struct crypto_job *job)
{
	return job->key->cipher.session;
}

/* ---- submit ---- */

/* Those of one backend at the head of n ≥ 1. */
static unsigned run_length(struct crypto_job *const jobs[], unsigned n)
{
	unsigned i = 1;
	while (i < n && jobs[i]->backend == jobs[0]->backend)
		i++;
	return i;
}

static unsigned give(struct crypto *c, enum crypto_backend backend, struct crypto_job *const jobs[],
		     unsigned n)
{
	struct crypto_engine *engine = c->engine[backend];
	if (!engine)
		return 0;
	/* Counted first: what is taken may be back, on a device with threads, before it returns. */
	for (unsigned i = 0; i < n; i++) {
		jobs[i]->status = CRYPTO_PENDING;
		atomic_fetch_add_explicit(&session_of(jobs[i])->n_in_flight, 1,
					  memory_order_relaxed);
	}
	unsigned taken = c->is_held ? 0 : engine->submit(engine, jobs, n);
	for (unsigned i = taken; i < n; i++)
		atomic_fetch_sub_explicit(&session_of(jobs[i])->n_in_flight, 1,
					  memory_order_relaxed);
	c->n_in_flight += taken;
	add_to(&c->engine_count[backend].n_submitted, taken);
	add_to(&c->engine_count[backend].n_by_cpu, n - taken);
	return taken;
}

static unsigned submit_mixed(struct crypto *c, struct crypto_job *const jobs[], unsigned n)
{
	unsigned done = 0;
	while (done < n) {
		unsigned length = run_length(jobs + done, n - done);
		enum crypto_backend backend = jobs[done]->backend;
		unsigned taken = backend == CRYPTO_CPU ? 0 : give(c, backend, jobs + done, length);
		if (taken < length)
			taken += cpu_submit(c, jobs + done + taken, length - taken);
		done += taken;
		if (taken < length)
			break;
	}
	return done;
}

unsigned crypto_submit(struct crypto *c, struct crypto_job *const jobs[], unsigned n)
{
	return c->has_engine ? submit_mixed(c, jobs, n) : cpu_submit(c, jobs, n);
}

unsigned crypto_divert(struct crypto *c, struct crypto_job *jobs[], unsigned n)
{
	if (!c->has_engine)
		return n;
	unsigned left = 0;
	for (unsigned i = 0, length; i < n; i += length) {
		enum crypto_backend backend = jobs[i]->backend;
		length = run_length(jobs + i, n - i);
		unsigned taken = backend == CRYPTO_CPU ? 0 : give(c, backend, jobs + i, length);
		memmove(jobs + left, jobs + i + taken, (length - taken) * sizeof(jobs[0]));
		left += length - taken;
	}
	return left;
}

/* ---- collect ---- */

static unsigned take(struct crypto *c, enum crypto_backend backend, struct crypto_job *out[],
		     unsigned max)
{
	struct crypto_engine *engine = c->engine[backend];
	struct crypto_engine_count *count = &c->engine_count[backend];
	unsigned n = engine ? engine->collect(engine, out, max) : 0, n_gone = 0, n_failed = 0;
	for (unsigned i = 0; i < n; i++) {
		struct crypto_session *session = session_of(out[i]);
		n_failed += out[i]->status == CRYPTO_FAILED;
		/* partner: crypto_session_close() */
		if (atomic_load_explicit(&session->is_closed, memory_order_relaxed)) {
			out[i]->status = CRYPTO_SA_GONE;
			n_gone++;
		}
		/* partner: crypto_session_is_idle() */
		atomic_fetch_sub_explicit(&session->n_in_flight, 1, memory_order_release);
	}
	c->n_in_flight -= n;
	if (n) {
		add_to(&count->n_done, n);
		add_to(&count->n_sa_gone, n_gone);
		add_to(&count->n_failed, n_failed);
	}
	return n;
}

unsigned crypto_collect(struct crypto *c, struct crypto_job *out[], unsigned max)
{
	unsigned n = cpu_collect(c, out, max);
	for (unsigned b = CRYPTO_CPU + 1; c->n_in_flight && b < CRYPTO_N_BACKENDS && n < max; b++)
		n += take(c, (enum crypto_backend)b, out + n, max - n);
	return n;
}

unsigned crypto_in_flight(const struct crypto *c)
{
	return c->n_in_flight;
}

void crypto_hold(struct crypto *c, bool hold)
{
	c->is_held = hold;
}

void crypto_attach(struct crypto *c, enum crypto_backend backend, struct crypto_engine *engine)
{
	c->engine[backend] = engine;
	c->has_engine = true;
}

const struct crypto_engine_count *crypto_engine_count(const struct crypto *c,
						      enum crypto_backend backend)
{
	return &c->engine_count[backend];
}
