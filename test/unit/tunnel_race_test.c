/*
 * Tunnels that come, are pointed elsewhere and go while another thread finds them by policy: what
 * is found is whole, and stays so until the finder's quiescent state. Under ThreadSanitizer (./run
 * test sanitizers) also a proof that it is the atomics that make it so.
 */
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

#include "dataplane/tunnel.h"
#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"

enum {
	N_TUNNELS = 4,
	N_LIVES = 500,
	OWNER = 3,
	READER = 1, /* of the RCU; 0 is the fixture's, which never looks anything up */
};

static struct {
	struct sa_table sas;
	_Atomic bool stop;
	_Atomic uint64_t n_found;
	uint64_t n_torn; /* written by: the reader; read by: the writer, after its end */
} s;

/* An endpoint of which every part says the same. */
static void endpoint(uint8_t address[16], uint16_t *port, uint8_t value)
{
	memset(address, 0, 16);
	memset(address, value, 4);
	*port = (uint16_t)(value << 8 | value);
}

static bool is_whole(const struct tunnel_peer *peer)
{
	uint8_t address[16];
	uint16_t port;
	endpoint(address, &port, peer->address[0]);
	return peer->address[0] && peer->port_be == port && memcmp(peer->address, address, 16) == 0;
}

static struct api_tunnel tunnel_number_of(uint8_t number, uint8_t value)
{
	struct api_tunnel t = { .handle = number + 1u, .family = API_IPV4, .local_port = 4500 };
	t.flags = number % 2 ? API_TUNNEL_FOLLOW : 0;
	t.local.bytes[0] = 10;
	endpoint(t.peer.bytes, &t.peer_port, value);
	t.selector = (struct api_selector){ .family = API_IPV4, .remote_bits = 32 };
	memcpy(t.selector.remote.bytes, (uint8_t[]){ 20, 0, 0, number }, 4);
	return t;
}

static struct tunnel *find(uint8_t number)
{
	const struct policy_table *policies =
		atomic_load_explicit(&s.sas.tunnels.policies, memory_order_acquire);
	union policy_key key = { .family = API_IPV4, .remote = { 20, 0, 0, number } };
	uint32_t found = policies ? policy_find(policies, &key) : 0;
	return found ? &s.sas.tunnels.tunnel[found] : NULL;
}

/* As a worker's turn: a look at everything, twice, then the quiescent state. */
static void *reader(void *arg)
{
	uint8_t value = 1;
	while (!atomic_load_explicit(&s.stop, memory_order_relaxed)) {
		struct tunnel *held[N_TUNNELS];
		for (uint8_t i = 0; i < N_TUNNELS; i++)
			held[i] = find(i);
		for (uint8_t i = 0; i < N_TUNNELS; i++) {
			struct tunnel_peer from;
			if (!held[i])
				continue;
			s.n_torn += held[i]->family != API_IPV4 || held[i]->local[0] != 10 ||
				    held[i]->policy.key.remote[3] != i ||
				    !is_whole(tunnel_peer(held[i]));
			endpoint(from.address, &from.port_be, value);
			value = (uint8_t)(value % 250 + 1);
			tunnel_report(held[i], &from);
			atomic_fetch_add_explicit(&s.n_found, 1, memory_order_relaxed);
		}
		rte_rcu_qsbr_quiescent(s.sas.rcu, READER);
		sched_yield(); /* one processor must do for both */
	}
	rte_rcu_qsbr_thread_offline(s.sas.rcu, READER);
	return arg;
}

/* The reader has found something since, and may hold it. */
static void let_it_find(void)
{
	uint64_t before = atomic_load_explicit(&s.n_found, memory_order_relaxed);
	while (atomic_load_explicit(&s.n_found, memory_order_relaxed) == before)
		sched_yield();
}

static void live(uint32_t life)
{
	struct tunnels *t = &s.sas.tunnels;
	uint8_t number = (uint8_t)(life % N_TUNNELS), value = (uint8_t)(life % 250 + 1);
	struct api_tunnel from = tunnel_number_of(number, value);
	int64_t installed = tunnel_install(t, &from, OWNER);
	ASSERT_GT(installed, 0);
	struct api_tunnel_update update = { .handle = from.handle };
	endpoint(update.peer.bytes, &update.peer_port, (uint8_t)(value % 250 + 1));
	let_it_find();
	tunnel_update(t, &update, OWNER);
	let_it_find();
	tunnel_update(t, &update, OWNER);
	struct api_tunnel_rebound event;
	tunnel_report_take(t, &t->tunnel[installed], &event);
	ASSERT_EQ(tunnel_delete(t, from.handle, OWNER), 0);
	tunnel_reclaim(t);
}

TEST(tunnel_race, what_a_worker_finds_is_whole_until_its_quiescent_state)
{
	struct sa_table_config config = fixture_table;
	pthread_t thread;
	config.n_workers = 2;
	fixture_table_open(&s.sas, &config);
	ASSERT_EQ(rte_rcu_qsbr_thread_register(s.sas.rcu, READER), 0);
	rte_rcu_qsbr_thread_online(s.sas.rcu, READER);
	rte_rcu_qsbr_thread_offline(s.sas.rcu, 0);
	ASSERT_EQ(pthread_create(&thread, NULL, reader, NULL), 0);
	for (uint32_t life = 0; life < N_LIVES && !test_has_failed(); life++) {
		while (tunnel_n(&s.sas.tunnels) + 4 > config.n_tunnels ||
		       (!s.sas.tunnels.free && s.sas.tunnels.n_touched == s.sas.tunnels.capacity)) {
			tunnel_reclaim(&s.sas.tunnels);
			sched_yield();
		}
		live(life);
	}
	atomic_store_explicit(&s.stop, true, memory_order_relaxed);
	pthread_join(thread, NULL);
	EXPECT_EQ(s.n_torn, 0);
	EXPECT_GT(atomic_load(&s.n_found), 0);
	tunnel_reclaim(&s.sas.tunnels);
	sa_table_free(&s.sas);
}
