/*
 * The backends beside the cpu, and what crypto_submit() needs of them: an engine for each worker,
 * and a session for each SA.
 *
 * An engine takes jobs and gives them back in its own time, turns later perhaps. A job of its SAs
 * that it has no room for is done by the cpu: the keys are there. So order between the packets of
 * an SA is not kept; the replay window is made for that.
 *
 * Results that come late are why an SA with a session dies in steps (dataplane/backend.h). Control
 * closes the session; no new jobs come once every worker has passed a quiescent state; the jobs in
 * flight are counted, and what comes back is CRYPTO_SA_GONE; when none is in flight and every
 * worker has let go of the last one, the SA and its session are freed.
 */
#ifndef CRYPTO_ENGINE_H
#define CRYPTO_ENGINE_H

#include "crypto/job.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

/* Of one SA in a backend other than the cpu. Allocated and freed by control; the backend adds. */
struct crypto_session {
	/*
	 * Jobs in flight. written by: the worker that submits and collects; read by: control. An
	 * atomic addition, as an SA may move to another worker. partner: crypto_session_is_idle()
	 */
	_Atomic uint32_t n_in_flight;
	/* written by: control, when the SA is retired; read by: workers */
	_Atomic bool is_closed;
	uint8_t backend; /* enum crypto_backend */
};

/* Control. What comes back from now on is not used. */
static inline void crypto_session_close(struct crypto_session *s)
{
	/* partner: crypto_collect(). Nothing else is said by it. */
	atomic_store_explicit(&s->is_closed, true, memory_order_relaxed);
}

/*
 * Control. Are all jobs back? Final once the session is closed and every worker has passed a
 * quiescent state since. A worker may hold the last one until its next quiescent state.
 */
static inline bool crypto_session_is_idle(const struct crypto_session *s)
{
	/* partner: crypto_collect() */
	return atomic_load_explicit(&s->n_in_flight, memory_order_acquire) == 0;
}

/* One worker's end of a backend. The backend's own data are around it. */
struct crypto_engine {
	/*
	 * Takes the first ones of n jobs, all of them with a session of the backend, and returns
	 * how many. What it takes it gives back from collect().
	 */
	unsigned (*submit)(struct crypto_engine *e, struct crypto_job *const jobs[], unsigned n);
	/* At most `max` jobs that are done, each with its status. */
	unsigned (*collect)(struct crypto_engine *e, struct crypto_job *out[], unsigned max);
};

/* Of one worker and one backend. written by: the worker; read by: telemetry */
struct crypto_engine_count {
	_Atomic uint64_t n_submitted;
	_Atomic uint64_t n_done;    /* came back, good or bad */
	_Atomic uint64_t n_failed;  /* of them: not done by the device */
	_Atomic uint64_t n_sa_gone; /* of them: their SA was deleted meanwhile */
	_Atomic uint64_t n_by_cpu;  /* not taken, no room: done by the cpu */
};

/*
 * From now on jobs of the backend go to the engine; without one they are done by the cpu. The
 * caller keeps the engine, and collects everything before it frees it. Before the worker runs.
 */
void crypto_attach(struct crypto *c, enum crypto_backend backend, struct crypto_engine *engine);

/* Any thread; may be a packet behind. */
const struct crypto_engine_count *crypto_engine_count(const struct crypto *c,
						      enum crypto_backend backend);

#endif
