#include "test/unit/dataplane_fixture.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>

#include <sanitizer/asan_interface.h>

#include "dataplane/path.h"
#include "dataplane/pkt.h"

enum {
	N_MBUFS = 1023,
	N_DATAGRAMS = 32,
	RING_ENTRIES = 512,
	/* Network ports of zone 0 and of zones 1 and 2, and a kernel port for each zone. */
	N_NETWORK_PORTS = 2,
	N_PORTS = N_NETWORK_PORTS + FIXTURE_ZONES,
};

const struct sa_table_config fixture_table = {
	.capacity = 64,
	.generation_bits = 10,
	.window_pkts = 128,
	.n_wide_windows = 8,
	.n_tunnels = 8,
	.n_workers = 1,
};

const struct reassembly_config fixture_fragments = {
	.n_datagrams = FIXTURE_UNFINISHED,
	.n_held = FIXTURE_HELD,
	.timeout_s = FIXTURE_FRAGMENT_TIMEOUT_S,
};

static struct {
	struct rte_mempool *pool, *datagrams;
	uint16_t port[N_PORTS];
	struct rte_ring *to_worker[N_PORTS];
	struct rte_ring *from_worker[N_PORTS];
	uint8_t zone_of_vlan[N_NETWORK_PORTS][4096];
	/* Frames under way to the worker, whose tails are forbidden until the turn is over. */
	struct rte_mbuf *sent[RING_ENTRIES];
	uint32_t n_sent;
} ports;

static void check(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "fixture: %s\n", what);
	abort();
}

void fixture_eal(void)
{
	static bool started;
	char prefix[64], cores[32];
	if (started)
		return;
	snprintf(prefix, sizeof(prefix), "--file-prefix=imsgate-test-%d", (int)getpid());
	snprintf(cores, sizeof(cores), "--lcores=0@%d", sched_getcpu());
	char *arguments[] = { (char[]){ "test" },
			      (char[]){ "--no-huge" },
			      (char[]){ "-m" },
			      (char[]){ "128" },
			      (char[]){ "--no-pci" },
			      (char[]){ "--no-telemetry" },
			      (char[]){ "--no-shconf" },
			      prefix,
			      cores,
			      (char[]){ "--log-level=error" } };
	int n = sizeof(arguments) / sizeof(arguments[0]);
	check(rte_eal_init(n, arguments) >= 0, "DPDK does not start");
	/* DPDK would leave its directory behind; without a configuration in it, it is of no use. */
	rmdir(rte_eal_get_runtime_dir());
	started = true;
}

static void port_open(unsigned i)
{
	struct rte_eth_conf conf = { 0 };
	char name[32];
	snprintf(name, sizeof(name), "to_worker%u", i);
	ports.to_worker[i] = rte_ring_create(name, RING_ENTRIES, SOCKET_ID_ANY, 0);
	snprintf(name, sizeof(name), "from_worker%u", i);
	ports.from_worker[i] = rte_ring_create(name, RING_ENTRIES, SOCKET_ID_ANY, 0);
	check(ports.to_worker[i] && ports.from_worker[i], "no memory for rings");
	snprintf(name, sizeof(name), "port%u", i);
	int port = rte_eth_from_rings(name, &ports.to_worker[i], 1, &ports.from_worker[i], 1, 0);
	check(port >= 0, "no port out of rings");
	ports.port[i] = (uint16_t)port;
	check(rte_eth_dev_configure(ports.port[i], 1, 1, &conf) == 0 &&
		      rte_eth_rx_queue_setup(ports.port[i], 0, 64, 0, NULL, ports.pool) == 0 &&
		      rte_eth_tx_queue_setup(ports.port[i], 0, 64, 0, NULL) == 0 &&
		      rte_eth_dev_start(ports.port[i]) == 0,
	      "a port does not start");
}

static void ports_open(void)
{
	if (ports.pool)
		return;
	fixture_eal();
	ports.pool = rte_pktmbuf_pool_create("test", N_MBUFS, 0, PKT_BYTES,
					     RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
	ports.datagrams = rte_pktmbuf_pool_create("datagrams", N_DATAGRAMS, 0, REASSEMBLY_PKT_BYTES,
						  REASSEMBLY_BUFFER_BYTES, SOCKET_ID_ANY);
	check(ports.pool && ports.datagrams, "no memory for packet buffers");
	for (unsigned i = 0; i < N_PORTS; i++)
		port_open(i);
}

static unsigned port_of(enum fixture_side side, unsigned zone)
{
	if (side == FIXTURE_KERNEL)
		return N_NETWORK_PORTS + zone;
	return zone == 0 ? 0 : 1;
}

static void zones_fill(struct zones *z)
{
	memset(z, 0, sizeof(*z));
	memset(ports.zone_of_vlan, ZONE_NONE, sizeof(ports.zone_of_vlan));
	z->n = FIXTURE_ZONES;
	z->n_ports = N_PORTS;
	z->pool = ports.pool;
	z->datagrams = ports.datagrams;
	for (unsigned i = 0; i < N_NETWORK_PORTS; i++)
		z->port[i] = (struct zone_port){ .port = ports.port[i],
						 .zone_of_vlan = ports.zone_of_vlan[i] };
	for (unsigned i = 0; i < FIXTURE_ZONES; i++) {
		struct zone *zone = &z->zone[i];
		*zone = (struct zone){
			.name = "test",
			.network_port = ports.port[port_of(FIXTURE_NETWORK, i)],
			.kernel_port = ports.port[port_of(FIXTURE_KERNEL, i)],
			.vlan = (uint16_t)(i ? FIXTURE_VLAN + i - 1 : 0),
			.mtu_bytes = FIXTURE_MTU,
			.port_ps = FIXTURE_PORT_PS,
			.port_pc_first = FIXTURE_PORT_PC_FIRST,
			.n_port_pc = FIXTURE_N_PORT_PC,
		};
		ports.zone_of_vlan[port_of(FIXTURE_NETWORK, i)][zone->vlan] = (uint8_t)i;
		z->port[port_of(FIXTURE_KERNEL, i)] = (struct zone_port){ .port = zone->kernel_port,
									  .is_kernel = true,
									  .zone = (uint8_t)i };
	}
}

void fixture_table_open(struct sa_table *t, const struct sa_table_config *config)
{
	fixture_eal();
	check(sa_table_init(t, config) == 0, "no SA table");
	check(rte_rcu_qsbr_thread_register(t->rcu, 0) == 0, "no place in the RCU");
	rte_rcu_qsbr_thread_online(t->rcu, 0);
}

void fixture_quiesce(struct sa_table *t)
{
	sa_grace(t);
	rte_rcu_qsbr_quiescent(t->rcu, 0);
}

struct fixture *fixture_open(const struct sa_table_config *config)
{
	struct fixture *f = aligned_alloc(64, (sizeof(*f) + 63) & ~(size_t)63);
	check(f, "no memory");
	memset(f, 0, sizeof(*f));
	ports_open();
	zones_fill(&f->zones);
	f->now_s = 1;
	check(sa_table_init(&f->sas, config) == 0, "no SA table");
	check(set_table_init(&f->sets, &f->sas, FIXTURE_ZONES, f->now_s) == 0, "no set table");
	f->worker.zones = &f->zones;
	f->worker.sas = &f->sas;
	f->worker.fragments = fixture_fragments;
	f->worker.n_flood_sources = FIXTURE_FLOOD_SOURCES;
	f->worker.events = rte_ring_create("events", 64, SOCKET_ID_ANY, 0);
	check(f->worker.events && worker_init(&f->worker, 0, -1) == 0, "no worker");
	rte_rcu_qsbr_thread_online(f->sas.rcu, 0);
	fixture_set_time(f, f->now_s);
	return f;
}

uint32_t fixture_close(struct fixture *f)
{
	fixture_discard(f);
	for (unsigned i = 0; i < N_PORTS; i++) {
		for (void *m; rte_ring_dequeue(ports.to_worker[i], &m) == 0;)
			rte_pktmbuf_free(m);
	}
	rte_rcu_qsbr_thread_offline(f->sas.rcu, 0);
	worker_fini(&f->worker);
	rte_ring_free(f->worker.events);
	set_table_free(&f->sets);
	sa_table_free(&f->sas);
	free(f);
	return fixture_missing();
}

uint32_t fixture_missing(void)
{
	return N_MBUFS - rte_mempool_avail_count(ports.pool) + N_DATAGRAMS -
	       rte_mempool_avail_count(ports.datagrams);
}

void fixture_set_time(struct fixture *f, uint32_t now_s)
{
	f->now_s = now_s;
	/* The worker reads the clock only every so often; this is when it would. */
	f->worker.start_tsc = rte_rdtsc() - (uint64_t)(now_s - 1) * rte_get_tsc_hz();
	f->worker.now_s = now_s;
}

static void *run_worker(void *arg)
{
	worker_run(arg);
	return NULL;
}

void fixture_run(struct fixture *f)
{
	rte_rcu_qsbr_thread_offline(f->sas.rcu, 0); /* worker_run() goes online itself */
	f->runs = true;
	atomic_store_explicit(&f->worker.stop, false, memory_order_relaxed);
	check(pthread_create(&f->thread, NULL, run_worker, &f->worker) == 0, "no thread");
}

void fixture_stop(struct fixture *f)
{
	atomic_store_explicit(&f->worker.stop, true, memory_order_relaxed);
	pthread_join(f->thread, NULL);
	f->runs = false;
	rte_rcu_qsbr_thread_online(f->sas.rcu, 0);
}

uint32_t fixture_turn(struct fixture *f)
{
	uint32_t n = worker_turn(&f->worker);
	for (uint32_t i = 0; i < ports.n_sent; i++)
		ASAN_UNPOISON_MEMORY_REGION(ports.sent[i]->buf_addr, ports.sent[i]->buf_len);
	ports.n_sent = 0;
	return n;
}

/* Outbound packets grow at their end; inbound ones have nothing to do there. */
static void forbid_tail(struct rte_mbuf *m, uint32_t n_bytes)
{
	ASAN_POISON_MEMORY_REGION(rte_pktmbuf_mtod_offset(m, char *, n_bytes),
				  rte_pktmbuf_tailroom(m));
	check(ports.n_sent < RING_ENTRIES, "too many frames in one turn");
	ports.sent[ports.n_sent++] = m;
}

bool fixture_send(struct fixture *f, enum fixture_side side, unsigned zone, const void *frame,
		  uint32_t n_bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(ports.pool);
	if (!m)
		return false;
	check(n_bytes <= rte_pktmbuf_tailroom(m), "the frame is too long");
	memset(m->buf_addr, 0xa5, m->buf_len); /* what earlier packets left */
	memcpy(rte_pktmbuf_append(m, (uint16_t)n_bytes), frame, n_bytes);
	m->ol_flags = f->rx_flags;
	if (side == FIXTURE_NETWORK && !f->runs)
		forbid_tail(m, n_bytes);
	if (rte_ring_enqueue(ports.to_worker[port_of(side, zone)], m) == 0)
		return true;
	check(f->runs, "the ring is full");
	rte_pktmbuf_free(m);
	return false;
}

void fixture_send_scattered(struct fixture *f, enum fixture_side side, unsigned zone,
			    const void *frame, uint32_t n_bytes, uint32_t first_bytes)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(ports.pool), *rest = rte_pktmbuf_alloc(ports.pool);
	check(m && rest, "out of packet buffers");
	memcpy(rte_pktmbuf_append(m, (uint16_t)first_bytes), frame, first_bytes);
	memcpy(rte_pktmbuf_append(rest, (uint16_t)(n_bytes - first_bytes)),
	       (const uint8_t *)frame + first_bytes, n_bytes - first_bytes);
	check(rte_pktmbuf_chain(m, rest) == 0, "two buffers are too many");
	check(rte_ring_enqueue(ports.to_worker[port_of(side, zone)], m) == 0, "the ring is full");
}

void fixture_take(struct rte_mbuf *m, struct packet *p)
{
	memset(p, 0, sizeof(*p));
	check(m->nb_segs == 1 && m->pkt_len == m->data_len, "a frame of several segments");
	check(m->data_len <= sizeof(p->bytes), "the frame is too long");
	p->n_bytes = m->data_len;
	memcpy(p->bytes, rte_pktmbuf_mtod(m, char *), m->data_len);
	p->l3 = p->bytes[12] == 0x81 && p->bytes[13] == 0 ? 18 : 14;
	rte_pktmbuf_free(m);
}

bool fixture_receive_any(enum fixture_side side, unsigned zone, struct packet *p)
{
	void *m;
	if (rte_ring_dequeue(ports.from_worker[port_of(side, zone)], &m) != 0)
		return false;
	fixture_take(m, p);
	return true;
}

bool fixture_receive(struct fixture *f, enum fixture_side side, unsigned zone, struct packet *p)
{
	if (!fixture_receive_any(side, zone, p))
		return false;
	uint16_t vlan = p->l3 == 18 ? (uint16_t)((p->bytes[14] << 8 | p->bytes[15]) & 0xfff) : 0;
	uint16_t expected = side == FIXTURE_NETWORK ? f->zones.zone[zone].vlan : 0;
	check(vlan == expected, "a frame with another zone's tag");
	return true;
}

uint32_t fixture_discard(struct fixture *f)
{
	uint32_t n = 0;
	for (unsigned i = 0; i < N_PORTS; i++) {
		for (void *m; rte_ring_dequeue(ports.from_worker[i], &m) == 0; n++)
			rte_pktmbuf_free(m);
	}
	return n;
}

void fixture_mark(struct fixture *f)
{
	f->marked = f->worker.count;
}

uint64_t fixture_counted(const struct fixture *f, enum counter counter)
{
	return f->worker.count.n[counter] - f->marked.n[counter];
}

void fixture_give_up_fragments(struct fixture *f)
{
	uint32_t now_s = f->now_s;
	fixture_set_time(f, now_s + FIXTURE_FRAGMENT_TIMEOUT_S + 1);
	for (unsigned i = 0; i < 512; i++) /* the house is kept every 64 turns */
		fixture_turn(f);
	fixture_set_time(f, now_s);
}

void fixture_forget_paths(struct fixture *f)
{
	paths_free(f->sas.paths);
	f->sas.paths = paths_new();
	check(f->sas.paths, "no memory");
	f->worker.path_floor = PATH_FLOOR_NONE;
}

bool fixture_is_accounted(const struct fixture *f)
{
	const uint64_t *n = f->worker.count.n;
	uint64_t in = n[COUNT_network_rx] + n[COUNT_kernel_rx] + n[COUNT_fragment_whole] +
		      n[COUNT_fragment_tx] + n[COUNT_too_big_tx];
	uint64_t out = n[COUNT_network_tx] + n[COUNT_kernel_tx] + n[COUNT_fragment_rx] +
		       n[COUNT_fragment_split] + reassembly_n_held(f->worker.from_network) +
		       reassembly_n_held(f->worker.from_kernel);
	for (unsigned c = COUNTER_FIRST_DROP; c < COUNT_N; c++)
		out += n[c];
	return in == out;
}
