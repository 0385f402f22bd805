/*
 * SAs that come and go while another thread looks them up: what is found is whole, and stays so
 * until the finder's quiescent state. Under ThreadSanitizer (./run test sanitizers) also a proof
 * that it is the atomics that make it so.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "dataplane/tuple.h"
#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/sa_claims.h"

enum {
	N_NUMBERS = 16,
	N_LIVES = 20000,
	N_FOUND = 2000,
	READER = 1, /* of the RCU; 0 is the fixture's, which never looks anything up */
};

static struct {
	struct sa_table sas;
	_Atomic uint32_t spi[N_NUMBERS]; /* of the last life; the reader may be late */
	_Atomic bool stop;
	_Atomic uint64_t n_found;
	uint64_t n_torn; /* written by: the reader; read by: the writer, after its end */
} s;

/* Which SA of which number this is shows in every field that a worker reads. */
static void fill(struct sa_claim *c, enum api_direction direction, uint32_t number, uint32_t life)
{
	sa_claim_fill(c, direction, number);
	memset(&c->key, (uint8_t)(number << 4 | (life & 15)), sizeof(c->key));
}

static int64_t install(enum api_direction direction, uint32_t number, uint32_t life)
{
	struct sa_claim c;
	fill(&c, direction, number, life);
	struct sa_spec spec = sa_claim_spec(&c);
	int64_t slot = sa_stage(&s.sas, &spec, NULL, 0);
	if (slot >= 0)
		sa_publish(&s.sas, (uint32_t)slot);
	return slot;
}

static bool is_whole(const struct sa *sa, uint32_t number)
{
	const uint8_t *key = (const uint8_t *)&sa->key;
	bool whole = sa->id.peer_ipv4_be >> 24 == number && key[0] >> 4 == number;
	for (size_t i = 1; i < sizeof(sa->key); i++)
		whole = whole && key[i] == key[0];
	return whole;
}

/* As a worker's turn: a look at everything, twice, then the quiescent state. */
static void *reader(void *arg)
{
	while (!atomic_load_explicit(&s.stop, memory_order_relaxed)) {
		const struct sa *held[2 * N_NUMBERS] = { NULL };
		for (uint32_t i = 0; i < N_NUMBERS; i++) {
			uint32_t spi = atomic_load_explicit(&s.spi[i], memory_order_relaxed);
			const struct sa *sa = sa_slot_of_spi(&s.sas, spi);
			held[i] = sa_is_inbound_spi(sa, spi) ? sa : NULL;
			held[N_NUMBERS + i] = sa_claim_find(&s.sas, API_OUT, i);
		}
		for (uint32_t i = 0; i < 2 * N_NUMBERS; i++) {
			if (!held[i])
				continue;
			atomic_fetch_add_explicit(&s.n_found, 1, memory_order_relaxed);
			s.n_torn += !is_whole(held[i], i % N_NUMBERS);
		}
		rte_rcu_qsbr_quiescent(s.sas.rcu, READER);
		sched_yield(); /* one processor must do for both */
	}
	return NULL;
}

static void come_and_go(struct test_rng *rng)
{
	int64_t slot[2][N_NUMBERS];
	memset(slot, -1, sizeof(slot));
	for (uint32_t n = 0; n < N_LIVES || atomic_load_explicit(&s.n_found, 0) < N_FOUND; n++) {
		uint32_t i = (uint32_t)test_rng_below(rng, N_NUMBERS);
		enum api_direction direction = n % 2 ? API_IN : API_OUT;
		int64_t *mine = &slot[direction == API_IN][i];
		if (*mine >= 0) {
			sa_retire(&s.sas, (uint32_t)*mine);
			*mine = -1;
		} else {
			*mine = install(direction, i, n); /* the table may be full of the dead */
			if (*mine >= 0 && direction == API_IN)
				atomic_store_explicit(&s.spi[i], sa_spi(&s.sas, (uint32_t)*mine),
						      memory_order_relaxed);
		}
		if (test_rng_below(rng, 8) == 0) {
			fixture_quiesce(&s.sas);
			sa_reclaim(&s.sas);
			sched_yield();
		}
	}
}

TEST(sa, what_a_reader_finds_is_whole_until_its_quiescent_state)
{
	struct test_rng rng = { test_seed() };
	struct sa_table_config config = sa_claim_table;
	config.n_workers = 2;
	memset(&s, 0, sizeof(s));
	fixture_table_open(&s.sas, &config);
	rte_rcu_qsbr_thread_register(s.sas.rcu, READER);
	rte_rcu_qsbr_thread_online(s.sas.rcu, READER);
	pthread_t thread;
	ASSERT_EQ(pthread_create(&thread, NULL, reader, NULL), 0);
	come_and_go(&rng);
	atomic_store_explicit(&s.stop, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	EXPECT_EQ(s.n_torn, 0);
	sa_table_free(&s.sas);
}
