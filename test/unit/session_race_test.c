/*
 * SAs that are deleted while another thread has jobs of theirs in a device: each stays whole until
 * the last one is back and done with, and no result is taken for another's. Under ThreadSanitizer
 * (./run test sanitizers) also a proof that it is the atomics that make it so.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "dataplane/sa_control.h"
#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/late_backend.h"
#include "test/unit/sa_claims.h"

enum {
	N_NUMBERS = 16,
	N_LIVES = 20000,
	N_DONE = 2000,
	WORKER = 1, /* of the RCU; 0 is the fixture's */
	ESP_BYTES = 64,
	AUTH_BYTES = 32,
};

/* A packet of the worker: it remembers whose it was when it was submitted. */
struct parcel {
	struct crypto_job job; /* first */
	struct sa *sa;
	uint32_t spi;
	uint8_t esp[ESP_BYTES];
	bool is_under_way;
};

static struct {
	struct sa_table sas;
	struct late_backend late;
	struct crypto *crypto; /* the worker's */
	struct parcel parcel[LATE_JOBS];
	_Atomic uint32_t spi[N_NUMBERS]; /* of the last life; the worker may be late */
	_Atomic bool stop;
	_Atomic uint64_t n_done, n_gone;
	uint64_t n_torn; /* written by: the worker; read by: control, after its end */
} s;

static int64_t install(uint32_t number, uint32_t life)
{
	struct sa_claim c;
	sa_claim_fill(&c, API_IN, number);
	memset(&c.key.auth, (uint8_t)(number << 4 | (life & 15)), sizeof(c.key.auth));
	struct sa_spec spec = sa_claim_spec(&c);
	int64_t slot = sa_stage(&s.sas, &spec, NULL, 0);
	if (slot >= 0)
		sa_publish(&s.sas, (uint32_t)slot);
	return slot;
}

/* ---- the worker ---- */

static struct parcel *parcel_take(void)
{
	for (unsigned i = 0; i < LATE_JOBS; i++) {
		if (!s.parcel[i].is_under_way)
			return &s.parcel[i];
	}
	return NULL;
}

static void submit(uint32_t number)
{
	uint32_t spi = atomic_load_explicit(&s.spi[number], memory_order_relaxed);
	struct sa *sa = sa_slot_of_spi(&s.sas, spi);
	struct parcel *p = parcel_take();
	if (!p || !sa_is_inbound_spi(sa, spi) || sa->id.backend != CRYPTO_LOOKASIDE)
		return;
	p->sa = sa;
	p->spi = spi;
	p->is_under_way = true;
	p->job = (struct crypto_job){ .key = &sa->key,
				      .esp = p->esp,
				      .auth_bytes = AUTH_BYTES,
				      .cipher_start = 8,
				      .cipher_bytes = AUTH_BYTES - 8,
				      .suite = CRYPTO_HMAC_SHA1_NULL,
				      .direction = CRYPTO_SIGN,
				      .backend = sa->id.backend };
	struct crypto_job *job = &p->job;
	crypto_submit(s.crypto, &job, 1);
}

/* What the worker does with a packet when its result is there. */
static void done(struct parcel *p)
{
	const uint8_t *key = (const uint8_t *)&p->sa->key.auth;
	uint32_t now = atomic_load_explicit(&p->sa->id.key, memory_order_relaxed);
	bool whole = now == p->spi || now == 0;
	for (size_t i = 1; i < sizeof(p->sa->key.auth); i++)
		whole = whole && key[i] == key[0];
	s.n_torn += !whole || p->sa->rest.spi != p->spi;
	p->sa->run.n_pkts++;
	p->is_under_way = false;
	atomic_fetch_add_explicit(p->job.status == CRYPTO_SA_GONE ? &s.n_gone : &s.n_done, 1,
				  memory_order_relaxed);
}

static void *worker(void *arg)
{
	struct test_rng rng = { test_seed() };
	bool stop = false;
	while (!stop || crypto_in_flight(s.crypto)) {
		struct crypto_job *job[CRYPTO_BURST];
		stop = atomic_load_explicit(&s.stop, memory_order_relaxed);
		s.late.n_ready = stop ? LATE_JOBS : (unsigned)test_rng_below(&rng, 8);
		for (unsigned i = 0; i < 4 && !stop; i++)
			submit((uint32_t)test_rng_below(&rng, N_NUMBERS));
		unsigned n = crypto_collect(s.crypto, job, CRYPTO_BURST);
		for (unsigned i = 0; i < n; i++)
			done((struct parcel *)job[i]);
		rte_rcu_qsbr_quiescent(s.sas.rcu, WORKER);
		sched_yield(); /* one processor must do for both */
	}
	return NULL;
}

/* ---- control ---- */

static void reclaim(void)
{
	fixture_quiesce(&s.sas);
	sa_reclaim(&s.sas);
}

static void come_and_go(struct test_rng *rng)
{
	int64_t slot[N_NUMBERS];
	memset(slot, -1, sizeof(slot));
	for (uint32_t n = 0; n < N_LIVES || atomic_load_explicit(&s.n_done, 0) < N_DONE; n++) {
		uint32_t i = (uint32_t)test_rng_below(rng, N_NUMBERS);
		if (slot[i] >= 0) {
			sa_retire(&s.sas, (uint32_t)slot[i]);
			slot[i] = -1;
		} else {
			slot[i] = install(i, n); /* the table may be full of the dead */
			if (slot[i] >= 0)
				atomic_store_explicit(&s.spi[i], sa_spi(&s.sas, (uint32_t)slot[i]),
						      memory_order_relaxed);
		}
		if (test_rng_below(rng, 8) == 0) {
			reclaim();
			sched_yield();
		}
	}
	for (unsigned i = 0; i < N_NUMBERS; i++) {
		if (slot[i] >= 0)
			sa_retire(&s.sas, (uint32_t)slot[i]);
	}
}

TEST(session, sa_stays_whole_until_its_last_job_is_back_and_done_with)
{
	struct test_rng rng = { test_seed() };
	struct sa_table_config config = sa_claim_table;
	config.n_workers = 2;
	memset(&s, 0, sizeof(s));
	fixture_table_open(&s.sas, &config);
	rte_rcu_qsbr_thread_register(s.sas.rcu, WORKER);
	rte_rcu_qsbr_thread_online(s.sas.rcu, WORKER);
	s.crypto = crypto_new(-1);
	ASSERT_TRUE(s.crypto);
	late_open(&s.late, &s.sas, s.crypto);
	pthread_t thread;
	ASSERT_EQ(pthread_create(&thread, NULL, worker, NULL), 0);
	come_and_go(&rng);
	atomic_store_explicit(&s.stop, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	EXPECT_EQ(s.n_torn, 0);
	EXPECT_GT(atomic_load(&s.n_gone), 0); /* it happened at all */
	for (unsigned i = 0; i < 3; i++) {
		rte_rcu_qsbr_quiescent(s.sas.rcu, WORKER);
		reclaim();
		rte_rcu_qsbr_quiescent(s.sas.rcu, WORKER);
	}
	reclaim();
	EXPECT_EQ(s.sas.n_free, config.capacity);
	EXPECT_EQ(atomic_load(&s.late.backend.n_sas), 0);
	late_close(&s.late, &s.sas);
	crypto_free(s.crypto);
	sa_table_free(&s.sas);
}
