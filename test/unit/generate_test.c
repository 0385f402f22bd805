/* The generator: what it makes goes the way of a packet from the kernel, as many as were ordered.
 */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include <rte_cycles.h>

#include "dataplane/generate.h"
#include "test/shim/test.h"
#include "test/unit/crew.h"
#include "test/unit/scene.h"

struct bench {
	struct scene s;
	struct worker *worker[1];
	struct generator generator;
};

static void open_bench(struct bench *b, enum api_family family)
{
	scene_open(&b->s, family, CRYPTO_HMAC_SHA1_AES_CBC, NULL);
	b->worker[0] = &b->s.f->worker;
	b->generator = (struct generator){
		.worker = b->worker, .n_workers = 1, .sas = &b->s.f->sas, .zones = &b->s.f->zones
	};
}

static void close_bench(struct bench *b)
{
	scene_close(&b->s);
	generator_free(&b->generator);
}

static struct generate_order order(uint32_t ip_bytes, uint64_t n_pkts)
{
	return (struct generate_order){ .slot = GENERATE_EVERY_SA,
					.ip_bytes = ip_bytes,
					.n_pkts = n_pkts,
					.to = { 2, 0, 0, 0, 0, 1 } };
}

static int start(struct bench *b, struct generate_order o)
{
	char error[128];
	uint32_t n_sas;
	return generator_start(&b->generator, &o, &n_sas, error, sizeof(error));
}

static void expect_refused(struct bench *b, struct generate_order o, int rc, const char *text)
{
	char error[128] = "";
	uint32_t n_sas;
	EXPECT_EQ(generator_start(&b->generator, &o, &n_sas, error, sizeof(error)), rc);
	EXPECT_STREQ(error, text);
}

/* RFC 768, RFC 8200 8.1: with the addresses, everything adds up to all ones. */
static bool udp_checksum_is_good(const struct packet_ip *ip, const uint8_t *udp, size_t n_bytes)
{
	size_t address_bytes = ip->family == 4 ? 4 : 16;
	uint32_t sum = IPPROTO_UDP + (uint32_t)n_bytes;
	for (size_t i = 0; i < address_bytes; i += 2)
		sum += (uint32_t)(ip->source[i] << 8 | ip->source[i + 1]) +
		       (uint32_t)(ip->destination[i] << 8 | ip->destination[i + 1]);
	for (size_t i = 0; i + 1 < n_bytes; i += 2)
		sum += (uint32_t)(udp[i] << 8 | udp[i + 1]);
	if (n_bytes % 2)
		sum += (uint32_t)udp[n_bytes - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff && (udp[6] || udp[7]);
}

static void expect_generated(struct bench *b, uint32_t ip_bytes, unsigned *n_of_sa)
{
	static const uint8_t zeros[2048];
	struct packet p;
	struct esp_opened opened;
	const struct fixture_ue *ue = &b->s.ue;
	uint8_t upper[2048];
	size_t udp_bytes = ip_bytes - (ue->to_ue.family == 4 ? 20 : 40);
	ASSERT_TRUE(fixture_receive(b->s.f, FIXTURE_NETWORK, 0, &p));
	uint32_t l4 = p.l3 + (ue->to_ue.family == 4 ? 20 : 40);
	EXPECT_TRUE(packet_checksum_is_good(&p));
	enum set_sa sa = SET_PS_TO_UC;
	if (!esp_open(&ue->sa[sa], p.bytes + l4, p.n_bytes - l4, &opened) ||
	    opened.spi != ue->sa[sa].spi)
		sa = SET_PC_TO_US;
	ASSERT_TRUE(esp_open(&ue->sa[sa], p.bytes + l4, p.n_bytes - l4, &opened));
	EXPECT_EQ(opened.spi, ue->sa[sa].spi);
	EXPECT_EQ(opened.next_header, IPPROTO_UDP);
	ASSERT_EQ(opened.n_bytes, udp_bytes);
	EXPECT_TRUE(udp_checksum_is_good(&ue->to_ue, opened.payload, opened.n_bytes));
	EXPECT_EQ(fixture_ue_upper(upper, ue, sa, IPPROTO_UDP, zeros, udp_bytes - 8), udp_bytes);
	EXPECT_MEM(opened.payload, upper, 6);
	EXPECT_MEM(opened.payload + 8, upper + 8, udp_bytes - 8);
	EXPECT_EQ(opened.sequence, ++n_of_sa[sa]);
}

TEST(generate, packets_of_every_sa_in_turn_leave_in_esp_that_a_peer_opens)
{
	static const uint32_t sizes[] = { 48, 49, 128, 1440 };
	FOR_BOTH_FAMILIES(family)
	{
		struct bench b;
		unsigned n_of_sa[API_SET_SAS] = { 0 };
		open_bench(&b, family);
		for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			test_context("IPv%d, %u bytes", (int)family, sizes[i]);
			ASSERT_EQ(start(&b, order(sizes[i], 10)), 0);
			EXPECT_EQ(fixture_turn(b.s.f), 10);
			EXPECT_TRUE(generator_is_idle(&b.generator));
			EXPECT_EQ(fixture_turn(b.s.f), 0);
			for (unsigned n = 0; n < 10 && !test_has_failed(); n++)
				expect_generated(&b, sizes[i], n_of_sa);
		}
		EXPECT_EQ(n_of_sa[SET_PS_TO_UC], 20);
		EXPECT_EQ(n_of_sa[SET_PC_TO_US], 20);
		close_bench(&b);
	}
}

TEST(generate, as_many_as_ordered_of_sas_in_all_zones)
{
	struct bench b;
	struct fixture_ue other[2];
	open_bench(&b, API_IPV4);
	for (unsigned i = 0; i < 2; i++)
		fixture_ue_install(b.s.f, &other[i], i + 1, 2 + i, CRYPTO_HMAC_MD5_NULL, API_IPV6,
				   NULL);
	ASSERT_EQ(start(&b, order(100, 6001)), 0);
	uint64_t n = 0;
	while (!generator_is_idle(&b.generator)) {
		n += fixture_turn(b.s.f);
		fixture_discard(b.s.f);
	}
	EXPECT_EQ(n, 6001);
	EXPECT_EQ(fixture_counted(b.s.f, COUNT_generate_tx), 6001);
	EXPECT_EQ(fixture_counted(b.s.f, COUNT_kernel_rx), 6001);
	EXPECT_EQ(fixture_counted(b.s.f, COUNT_esp_tx), 6001);
	EXPECT_EQ(fixture_counted(b.s.f, COUNT_network_tx), 6001);
	unsigned n_sas = 0;
	for (uint32_t slot = 0; slot < b.s.f->sas.capacity; slot++) {
		const struct sa *sa = &b.s.f->sas.sa[slot];
		if (!sa->run.replay.top)
			continue;
		EXPECT_EQ(sa->id.direction, API_OUT);
		EXPECT_TRUE(sa->run.replay.top == 1000 || sa->run.replay.top == 1001);
		n_sas++;
	}
	EXPECT_EQ(n_sas, 6);
	close_bench(&b);
}

TEST(generate, one_sa_alone)
{
	struct bench b;
	struct generate_order o = order(128, 7);
	open_bench(&b, API_IPV4);
	for (o.slot = 0; o.slot < b.s.f->sas.capacity; o.slot++) {
		if (sa_is_live(&b.s.f->sas, o.slot) &&
		    sa_spi(&b.s.f->sas, o.slot) == b.s.ue.sa[SET_PC_TO_US].spi)
			break;
	}
	ASSERT_EQ(start(&b, o), 0);
	EXPECT_EQ(fixture_turn(b.s.f), 7);
	EXPECT_EQ(b.s.f->sas.sa[o.slot].run.replay.top, 7);
	EXPECT_EQ(fixture_discard(b.s.f), 7);
	close_bench(&b);
}

TEST(generate, without_buffers_it_waits_and_loses_nothing)
{
	struct rte_mbuf *taken[1024];
	uint32_t n_taken = 0;
	struct bench b;
	open_bench(&b, API_IPV4);
	ASSERT_EQ(start(&b, order(128, 100)), 0);
	while ((taken[n_taken] = rte_pktmbuf_alloc(b.s.f->zones.pool)))
		n_taken++;
	EXPECT_EQ(fixture_turn(b.s.f), 0);
	EXPECT_EQ(fixture_counted(b.s.f, COUNT_generate_no_buffer), 1);
	EXPECT_FALSE(generator_is_idle(&b.generator));
	rte_pktmbuf_free_bulk(taken, n_taken);
	EXPECT_EQ(fixture_turn(b.s.f) + fixture_turn(b.s.f), 100);
	EXPECT_TRUE(generator_is_idle(&b.generator));
	EXPECT_EQ(fixture_discard(b.s.f), 100);
	close_bench(&b);
}

TEST(generate, a_paused_worker_receives_and_generates_nothing)
{
	struct bench b;
	struct packet p;
	open_bench(&b, API_IPV4);
	atomic_store(&b.s.f->worker.is_paused, true);
	ASSERT_EQ(start(&b, order(128, 10)), 0);
	scene_esp(&b.s, &p, 1);
	scene_send(&b.s, &p);
	EXPECT_EQ(fixture_turn(b.s.f), 0);
	expect_counted(b.s.f, COUNTED({ COUNT_N, 0 }));
	atomic_store(&b.s.f->worker.is_paused, false);
	EXPECT_EQ(fixture_turn(b.s.f), 11);
	EXPECT_EQ(fixture_counted(b.s.f, COUNT_esp_rx), 1);
	EXPECT_EQ(fixture_counted(b.s.f, COUNT_esp_tx), 10);
	fixture_discard(b.s.f);
	close_bench(&b);
}

TEST(generate, an_endless_order_ends_when_it_is_stopped)
{
	struct bench b;
	open_bench(&b, API_IPV4);
	ASSERT_EQ(start(&b, order(128, 0)), 0);
	for (unsigned i = 0; i < 100; i++) {
		EXPECT_EQ(fixture_turn(b.s.f), WORKER_BURST);
		fixture_discard(b.s.f);
	}
	expect_refused(&b, order(128, 1), -EBUSY, "packets are being generated: `generate stop`");
	generator_stop(&b.generator);
	EXPECT_FALSE(generator_is_idle(&b.generator));
	atomic_store(&b.s.f->worker.is_paused, true); /* it stops all the same */
	EXPECT_EQ(fixture_turn(b.s.f), 0);
	EXPECT_TRUE(generator_is_idle(&b.generator));
	generator_stop(&b.generator);
	EXPECT_TRUE(generator_is_idle(&b.generator));
	close_bench(&b);
}

TEST(generate, never_more_than_the_rate_allows)
{
	enum { RATE_PPS = 1000000 };
	struct bench b;
	struct generate_order o = order(128, 0);
	o.rate_pps = RATE_PPS;
	open_bench(&b, API_IPV4);
	uint64_t begin_tsc = rte_rdtsc(), hz = rte_get_tsc_hz(), n = 0;
	ASSERT_EQ(start(&b, o), 0);
	while (rte_rdtsc() - begin_tsc < hz / 100) {
		n += fixture_turn(b.s.f);
		EXPECT_LE(n, (rte_rdtsc() - begin_tsc) / (hz / RATE_PPS) + 1);
		fixture_discard(b.s.f);
	}
	EXPECT_GT(n, 0);
	generator_stop(&b.generator);
	fixture_turn(b.s.f);
	close_bench(&b);
}

TEST(generate, an_order_that_cannot_be_done_is_refused)
{
	struct bench b;
	struct generate_order o = order(128, 1);
	open_bench(&b, API_IPV6);
	o.slot = b.s.f->sas.capacity;
	expect_refused(&b, o, -ENOENT, "no outbound SA in slot 64");
	for (o.slot = 0; o.slot < b.s.f->sas.capacity; o.slot++) {
		if (sa_is_live(&b.s.f->sas, o.slot) &&
		    b.s.f->sas.sa[o.slot].id.direction == API_OUT)
			break;
	}
	char text[128];
	static const uint32_t sizes[] = { 47, FIXTURE_MTU - ZONE_ESP_OVERHEAD_BYTES + 1 };
	for (unsigned i = 0; i < 2; i++) {
		o.ip_bytes = sizes[i];
		snprintf(text, sizeof(text), "size %u: the SA in slot %u takes 48 to 1440",
			 sizes[i], o.slot);
		expect_refused(&b, o, -EINVAL, text);
	}
	set_delete(&b.s.f->sets, b.s.ue.set.registration, FIXTURE_OWNER, 0, b.s.f->now_s);
	expect_refused(&b, order(128, 1), -ENOENT, "there is no outbound SA");
	EXPECT_TRUE(generator_is_idle(&b.generator));
	close_bench(&b);
}

TEST(generate, each_worker_generates_for_its_own_sas_and_the_shares_add_up)
{
	enum { N_UES = 12, N_PACKETS = 10007 };
	struct crew *c = crew_open(&fixture_table, 3, 3, 3);
	struct fixture_ue ue;
	struct packet p;
	for (uint32_t i = 0; i < N_UES; i++)
		fixture_ue_install(&c->f, &ue, 0, 1 + i, CRYPTO_HMAC_SHA1_NULL, API_IPV4, NULL);
	struct generator g = { .worker = c->worker,
			       .n_workers = c->n_workers,
			       .steer = c->steer,
			       .sas = &c->f.sas,
			       .zones = &c->f.zones };
	struct generate_order o = order(128, N_PACKETS);
	char error[128];
	uint32_t n_sas = 0;
	ASSERT_EQ(generator_start(&g, &o, &n_sas, error, sizeof(error)), 0);
	EXPECT_EQ(n_sas, 2 * N_UES);
	for (unsigned turn = 0; turn < 1000 && !generator_is_idle(&g); turn++) {
		for (uint32_t i = 0; i < c->n_workers; i++)
			crew_turn(c, i);
		while (crew_receive(c, FIXTURE_NETWORK, &p))
			;
	}
	EXPECT_TRUE(generator_is_idle(&g));
	EXPECT_EQ(crew_counted(c, COUNT_generate_tx), N_PACKETS);
	EXPECT_EQ(crew_counted(c, COUNT_esp_tx), N_PACKETS);
	for (uint32_t i = 0; i < c->n_workers; i++)
		EXPECT_EQ(steer_load(c->steer, i).n_given, 0);
	for (uint32_t slot = 0; slot < c->f.sas.capacity; slot++) {
		uint64_t top = c->f.sas.sa[slot].run.replay.top;
		if (top)
			EXPECT_TRUE(top >= N_PACKETS / n_sas && top <= N_PACKETS / n_sas + 2);
	}
	crew_expect_accounted(c);
	EXPECT_EQ(crew_close(c), 0);
	generator_free(&g);
}
