/*
 * The worker in a thread of its own, while the control thread installs, deletes and reclaims the
 * SAs that its packets go through.
 */
#include <netinet/in.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#include "dataplane/crypto_device.h"
#include "test/shim/test.h"
#include "test/unit/fixture_ue.h"

enum {
	N_UES = 8,
	N_DELIVERED = 30000,
	MAX_SECONDS = 20,
	N_SESSIONS = 24, /* of at most 32 SAs: some are the cpu's */
};

/* What a packet carries: whose it is, of which of his lives, and whether that one was over. */
struct load {
	uint32_t ue;
	uint32_t life;
	uint32_t is_dead;
	uint8_t pattern[200];
};

static struct {
	struct fixture *f;
	struct fixture_ue ue[N_UES];
	struct fixture_ue last[N_UES]; /* the life before, if there was one */
	bool lives[N_UES], had_a_life[N_UES], is_buried[N_UES];
	uint32_t life[N_UES];
	uint32_t sequence[N_UES];
	uint64_t n_delivered, n_sent;
} s;

static struct load load_of(uint32_t i, bool is_dead)
{
	struct load l = { .ue = i, .life = s.life[i], .is_dead = is_dead };
	memset(l.pattern, (int)(i * 16 + l.life % 16), sizeof(l.pattern));
	return l;
}

static void send_from_ue(const struct fixture_ue *ue, uint32_t sequence, const struct load *l)
{
	struct packet p;
	fixture_ue_esp(&p, ue, SET_UC_TO_PS, sequence, IPPROTO_UDP, (const void *)l, sizeof(*l),
		       NULL);
	s.n_sent += fixture_send(s.f, FIXTURE_NETWORK, 0, p.bytes, p.n_bytes);
}

static void be_born(uint32_t i, struct test_rng *rng)
{
	if (s.lives[i] || s.f->sas.n_free < API_SET_SAS)
		return; /* the dead wait for the worker, which may not have had the processor */
	/* Another suite, so that old keys with new methods would be seen. */
	fixture_ue_install(s.f, &s.ue[i], 0, i,
			   (enum crypto_suite)test_rng_below(rng, CRYPTO_N_SUITES),
			   i % 2 ? API_IPV4 : API_IPV6, NULL);
	s.lives[i] = true;
	s.sequence[i] = 0;
	s.life[i]++;
}

static void die(uint32_t i)
{
	if (!s.lives[i])
		return;
	EXPECT_EQ(set_delete(&s.f->sets, s.ue[i].set.registration, FIXTURE_OWNER, 0, 1), 0);
	s.last[i] = s.ue[i];
	s.lives[i] = false;
	s.had_a_life[i] = true;
	s.is_buried[i] = false;
}

static void bury(void)
{
	sa_reclaim(&s.f->sas);
	for (uint32_t i = 0; i < N_UES && !s.f->sas.n_retired; i++)
		s.is_buried[i] = s.had_a_life[i];
}

static void send_something(uint32_t i)
{
	struct load l;
	struct packet p;
	if (s.lives[i]) {
		l = load_of(i, false);
		send_from_ue(&s.ue[i], ++s.sequence[i], &l);
		fixture_ue_clear(&p, &s.ue[i], SET_PC_TO_US, IPPROTO_UDP, (const void *)&l,
				 sizeof(l));
		s.n_sent += fixture_send(s.f, FIXTURE_KERNEL, 0, p.bytes, p.n_bytes);
	}
	if (s.had_a_life[i] && s.is_buried[i]) {
		l = load_of(i, true);
		send_from_ue(&s.last[i], 1000000, &l);
	}
}

static void take_all(void)
{
	for (struct packet p; fixture_receive(s.f, FIXTURE_KERNEL, 0, &p);) {
		struct load l;
		ASSERT_GT(p.n_bytes, sizeof(l));
		memcpy(&l, p.bytes + p.n_bytes - sizeof(l), sizeof(l));
		ASSERT_LT(l.ue, N_UES);
		EXPECT_FALSE(l.is_dead);
		for (size_t i = 0; i < sizeof(l.pattern); i++)
			ASSERT_EQ(l.pattern[i], (uint8_t)(l.ue * 16 + l.life % 16));
		s.n_delivered++;
	}
	for (struct packet p; fixture_receive(s.f, FIXTURE_NETWORK, 0, &p);)
		s.n_delivered++;
}

static uint64_t now_ms(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* ---- the world that turns ---- */

static struct crypto_devices devices;

static void open_world(bool on_device)
{
	char *names[] = { (char[]){ "crypto_openssl0" } };
	const struct config_crypto config = {
		.devices = names,
		.n_devices = 1,
		.lookaside = CONFIG_LOOKASIDE_ALL,
		.n_sessions = N_SESSIONS,
		.queue_entries = 128,
		.required = true,
	};
	char error[256] = "";
	memset(&s, 0, sizeof(s));
	s.f = fixture_open(&fixture_table);
	if (!on_device)
		return;
	EXPECT_EQ(crypto_device_open(&devices, &config, &s.f->sas, 1, error, sizeof(error)), 0);
	EXPECT_STREQ(error, "");
	crypto_device_attach(&devices, &s.f->worker);
}

/* The rest of it: packets under way are done when the worker has stopped and turned. */
static void stop_world(void)
{
	fixture_stop(s.f);
	while (fixture_turn(s.f) || crypto_in_flight(s.f->worker.crypto))
		take_all();
	for (unsigned i = 0; i < 2; i++) { /* what waited is on its way, then back */
		fixture_turn(s.f);
		take_all();
	}
	set_delete_all(&s.f->sets, FIXTURE_OWNER);
	for (unsigned i = 0; i < 3; i++) { /* see backend.h */
		fixture_quiesce(&s.f->sas);
		sa_reclaim(&s.f->sas);
	}
	EXPECT_EQ(s.f->sas.n_free, fixture_table.capacity);
}

static void come_and_go(void)
{
	struct test_rng rng = { test_seed() };
	uint64_t start_ms = now_ms();
	fixture_run(s.f);
	for (unsigned n = 0; s.n_delivered < N_DELIVERED && !test_has_failed(); n++) {
		uint32_t i = (uint32_t)test_rng_below(&rng, N_UES);
		switch (test_rng_below(&rng, 32)) {
		case 0:
			be_born(i, &rng);
			break;
		case 1:
			die(i);
			break;
		case 2 ... 5:
			bury();
			break;
		default:
			send_something(i);
		}
		take_all();
		if (n % 256)
			continue;
		sched_yield(); /* one processor must do for both */
		if (now_ms() - start_ms > MAX_SECONDS * 1000)
			break;
	}
	stop_world();
	EXPECT_GE(s.n_delivered, N_DELIVERED);
	EXPECT_EQ(s.f->worker.count.n[COUNT_network_rx] + s.f->worker.count.n[COUNT_kernel_rx],
		  s.n_sent);
	EXPECT_EQ(s.f->worker.count.n[COUNT_esp_bad_icv], 0);
	EXPECT_EQ(s.f->worker.count.n[COUNT_esp_replayed], 0);
	expect_accounted(s.f);
}

TEST(worker, sas_that_come_and_go_under_traffic_deliver_nothing_after_death)
{
	open_world(false);
	come_and_go();
	EXPECT_EQ(fixture_close(s.f), 0);
}

/* A device gives its results back in the next turn, so packets outlive the turns that sent them. */
TEST(worker, sas_on_a_device_that_come_and_go_deliver_nothing_after_death)
{
	open_world(true);
	come_and_go();
	EXPECT_GT(s.f->worker.count.n[COUNT_crypto_device], 0); /* it happened at all */
	EXPECT_EQ(s.f->worker.count.n[COUNT_crypto_failed], 0);
	EXPECT_EQ(atomic_load(&devices.backend.n_sas), 0);
	crypto_device_close(&devices);
	EXPECT_EQ(fixture_close(s.f), 0);
}
