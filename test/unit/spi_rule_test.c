/*
 * Several workers behind a NIC that spreads packets as it pleases, and that takes rules for ESP by
 * SPI: dataplane/spi_rule.h. What it steers crosses no ring between workers.
 */
#include "dataplane/spi_rule.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "dataplane/offload_report.h"
#include "dataplane/sa_control.h"
#include "test/shim/test.h"
#include "test/unit/crew.h"
#include "test/unit/fake_nic.h"
#include "test/unit/fixture_seg.h"
#include "test/unit/inline_scene.h"

enum {
	N_WORKERS = 4,
	N_UES = 4,
	FAR_TUNNEL = 4,
	FIRST_UE = 10, /* the tunnels' sets have numbers below */
	N_PKTS = 12,   /* of an SA: of each worker's queue some */
	TEXT_BYTES = 40,
	PROMOTE_PPS = 100,
};

/* Whatever else it can, no session is wanted of it here. */
static const struct inline_config rules_only = { .promote_pps = PROMOTE_PPS, .rules_per_port = 16 };

static struct crew *c;
static struct seg seg;
static struct fixture_ue ue[N_UES];
static uint32_t sequence[N_UES];

static struct spi_rules *rules(void)
{
	return &fake_nic.inlined.rules;
}

static void open_crew(const struct inline_config *config)
{
	c = crew_open(&fixture_table, N_WORKERS, N_WORKERS, N_WORKERS);
	c->f.zones.zone[0].port_encap = SEG_PORT;
	fake_nic_open_steered(&c->f, config, c->steer);
	memset(sequence, 0, sizeof(sequence));
}

static void close_crew(void)
{
	crew_expect_accounted(c);
	fake_nic_close(&c->f);
	EXPECT_EQ(crew_close(c), 0);
}

static void install_ues(void)
{
	for (uint32_t i = 0; i < N_UES; i++)
		fixture_ue_install(&c->f, &ue[i], 0, FIRST_UE + i, CRYPTO_HMAC_SHA1_NULL,
				   i % 2 ? API_IPV6 : API_IPV4, NULL);
}

/* Control comes round, `ms` later. */
static void pass(uint32_t ms)
{
	fake_nic.now_tsc += ms * (rte_get_tsc_hz() / 1000);
	inline_turn(&fake_nic.inlined, fake_nic.now_tsc);
	crew_finish(c);
}

static uint64_t n_handed_over(void)
{
	uint64_t n = 0;
	for (uint32_t i = 0; i < N_WORKERS; i++)
		n += steer_load(c->steer, i).n_given;
	return n;
}

/* From the wire, through the NIC, to the kernel. */
static void expect_through(const struct packet *p)
{
	struct packet got;
	uint16_t queue = fake_nic_queue(p->bytes, p->n_bytes);
	ASSERT_TRUE(crew_send(c, FIXTURE_NETWORK, queue, p->bytes, p->n_bytes));
	crew_finish(c);
	EXPECT_TRUE(crew_receive(c, FIXTURE_KERNEL, &got));
}

/* So many packets of the tunnel, from `first` on; returns how many crossed a ring. */
static uint64_t crossings_of_tunnel(uint32_t first)
{
	struct packet inner, p;
	uint64_t before = n_handed_over();
	seg_inner(&inner, &seg.inner_in, TEXT_BYTES);
	for (uint32_t i = 0; i < N_PKTS; i++) {
		if (seg.tunnel.local_port && seg.tunnel.family == API_IPV4)
			seg.to_us.source[3] = (uint8_t)(1 + i); /* a NAT of many addresses */
		seg_wrap(&p, &seg, first + i, &inner, seg_next_header(&seg));
		expect_through(&p);
	}
	return n_handed_over() - before;
}

static uint64_t crossings_of_ue(uint32_t i, uint32_t n)
{
	static const uint8_t text[TEXT_BYTES];
	struct packet p;
	uint64_t before = n_handed_over();
	for (uint32_t j = 0; j < n; j++) {
		fixture_ue_esp(&p, &ue[i], SET_UC_TO_PS, ++sequence[i], IPPROTO_UDP, text,
			       sizeof(text), NULL);
		expect_through(&p);
	}
	return n_handed_over() - before;
}

static void expect_row(enum offload_kind kind, const char *of, bool is_used, uint32_t n_sessions,
		       const char *why)
{
	struct offload_row row[OFFLOAD_ROWS_MAX];
	offload_rows(&fake_nic.offload, &fake_nic.inlined, 0, row);
	EXPECT_STREQ(row[kind].offload, "steering by spi");
	inline_scene_expect_row(&row[kind], 1, of, is_used, n_sessions, why);
}

/* A tunnel whose owner is another worker than the first: that gets the last buckets given back. */
static void install_far_tunnel(unsigned kind)
{
	seg_open(&c->f, &seg, &seg_kinds[kind], FAR_TUNNEL, NULL);
	EXPECT_EQ(seg_install(&c->f, &seg, API_IN, CRYPTO_HMAC_SHA1_NULL, 1, NULL), 0);
	EXPECT_EQ(fake_nic.n_rules, 1);
	EXPECT_GT(spi_rule_queue(rules(), 0, &c->f.sas.sa[seg.in.spi & c->f.sas.index_mask]), 0);
}

/* ---- tunnels ---- */

TEST(spi_rule, packets_of_a_tunnel_cross_no_ring)
{
	for (unsigned kind = 0; kind < SEG_KINDS; kind++) {
		test_context("kind %u", kind);
		open_crew(&rules_only);
		seg_install_both(&c->f, &seg, &seg_kinds[kind], CRYPTO_HMAC_SHA1_NULL);
		EXPECT_EQ(fake_nic.n_rules, 1);
		EXPECT_EQ(crossings_of_tunnel(1), 0);
		EXPECT_EQ(fake_nic.n_spread, 0);
		expect_row(seg_kinds[kind].in_udp ? OFFLOAD_STEER_UDP_SPI : OFFLOAD_STEER_SPI,
			   seg_kinds[kind].in_udp ? "ESP in UDP" : "ESP", true, 1, "16 at most");
		close_crew();
	}
}

TEST(spi_rule, without_rules_most_packets_of_a_tunnel_cross_one)
{
	static const struct inline_config none = { .promote_pps = PROMOTE_PPS };
	open_crew(&none);
	seg_install_both(&c->f, &seg, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	EXPECT_EQ(fake_nic.n_rules, 0);
	EXPECT_TRUE(c->f.sas.inlined == NULL);
	EXPECT_EQ(crossings_of_tunnel(1), N_PKTS - N_PKTS / N_WORKERS);
	expect_row(OFFLOAD_STEER_SPI, "ESP", false, 0, "rules_per_port is 0");
	close_crew();
}

TEST(spi_rule, a_rule_goes_with_its_sa)
{
	open_crew(&rules_only);
	seg_install_both(&c->f, &seg, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	EXPECT_EQ(fake_nic.n_rules, 1);
	EXPECT_EQ(set_delete(&c->f.sets, 1, FIXTURE_OWNER, 0, c->f.now_s), 0);
	EXPECT_EQ(fake_nic.n_rules, 0); /* at once, not when the slot is free */
	expect_row(OFFLOAD_STEER_SPI, "ESP", true, 0, "16 at most");
	close_crew();
}

static void with_the_same_spi(struct api_set *set)
{
	set->sa[0].spi = seg.in.spi;
}

/* Its slot is another's meanwhile, which has a rule of its own when it wants one. */
TEST(spi_rule, a_rule_that_the_port_keeps_is_asked_away_again)
{
	open_crew(&rules_only);
	seg_install_both(&c->f, &seg, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	uint32_t slot = seg.in.spi & c->f.sas.index_mask;
	pass(1);
	fake_nic.refuse_removals = 3;
	EXPECT_EQ(set_delete(&c->f.sets, 1, FIXTURE_OWNER, 0, c->f.now_s), 0);
	EXPECT_EQ(fake_nic.n_rules, 1);
	EXPECT_EQ(rules()->of_slot[slot], 0);
	for (unsigned second = 0; second < 3; second++) {
		pass(100); /* not at each turn */
		EXPECT_EQ(fake_nic.n_rules, 1);
		pass(1000);
	}
	EXPECT_EQ(fake_nic.n_rules, 0);
	EXPECT_EQ(rules()->n_staying, 0);
	sa_grace(&c->f.sas);
	crew_finish(c);
	EXPECT_EQ(sa_reclaim(&c->f.sas), 1);
	EXPECT_EQ(seg_install(&c->f, &seg, API_IN, CRYPTO_HMAC_SHA1_NULL, 3, with_the_same_spi), 0);
	EXPECT_EQ(crossings_of_tunnel(1), 0);
	close_crew();
}

TEST(spi_rule, a_refused_rule_costs_a_ring_and_is_told)
{
	open_crew(&rules_only);
	fake_nic.refuse_rules = 1;
	seg_install_both(&c->f, &seg, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	EXPECT_EQ(fake_nic.n_rules, 0);
	EXPECT_EQ(crossings_of_tunnel(1), N_PKTS - N_PKTS / N_WORKERS);
	expect_row(OFFLOAD_STEER_SPI, "ESP", true, 0,
		   "16 at most; refused 1, last: no room for rules");
	close_crew();
}

/* ---- UEs ---- */

TEST(spi_rule, a_busy_ue_is_steered_and_an_idle_one_no_longer)
{
	open_crew(&rules_only);
	install_ues();
	pass(1); /* a sample is taken */
	EXPECT_GT(crossings_of_ue(0, N_PKTS) + crossings_of_ue(1, N_PKTS), N_PKTS);
	pass(100); /* 120 a second */
	EXPECT_EQ(fake_nic.n_rules, 2);
	EXPECT_EQ(crossings_of_ue(0, N_PKTS) + crossings_of_ue(1, N_PKTS), 0);
	EXPECT_GT(crossings_of_ue(2, 4), 0);
	for (unsigned second = 0; second < 12; second++) {
		crossings_of_ue(0, PROMOTE_PPS / 4);
		pass(1000);
	}
	EXPECT_EQ(fake_nic.n_rules, 1);
	EXPECT_EQ(crossings_of_ue(0, N_PKTS), 0);
	close_crew();
}

TEST(spi_rule, the_limit_holds_and_the_busier_ue_has_the_place)
{
	static const struct inline_config one = { .promote_pps = PROMOTE_PPS, .rules_per_port = 1 };
	open_crew(&one);
	install_ues();
	pass(1);
	crossings_of_ue(0, 12);
	pass(100);
	EXPECT_EQ(fake_nic.n_rules, 1);
	/* Not twice as busy … */
	crossings_of_ue(0, 12);
	crossings_of_ue(1, 20);
	pass(100);
	EXPECT_EQ(crossings_of_ue(0, N_PKTS), 0);
	EXPECT_GT(crossings_of_ue(1, N_PKTS), 0);
	pass(100);
	/* … and twice as busy. */
	crossings_of_ue(1, 50);
	pass(100);
	EXPECT_EQ(fake_nic.n_rules, 1);
	EXPECT_EQ(crossings_of_ue(1, N_PKTS), 0);
	EXPECT_GT(crossings_of_ue(0, N_PKTS), 0);
	close_crew();
}

TEST(spi_rule, a_port_that_is_full_is_not_asked_again_until_it_has_room)
{
	struct seg second;
	open_crew(&rules_only);
	fake_nic.max_rules = 1;
	seg_install_both(&c->f, &seg, &seg_kinds[0], CRYPTO_HMAC_SHA1_NULL);
	install_ues();
	pass(1);
	for (unsigned i = 0; i < 3; i++) {
		crossings_of_ue(0, 12);
		pass(100);
	}
	EXPECT_EQ(rules()->port[0].n_refused, 1);
	seg_open(&c->f, &second, &seg_kinds[0], 2, NULL);
	EXPECT_EQ(seg_install(&c->f, &second, API_IN, CRYPTO_HMAC_SHA1_NULL, 50, NULL), 0);
	EXPECT_EQ(rules()->port[0].n_refused, 1);
	EXPECT_EQ(set_delete(&c->f.sets, 1, FIXTURE_OWNER, 0, c->f.now_s), 0);
	EXPECT_EQ(fake_nic.n_rules, 0);
	crossings_of_ue(0, 12);
	pass(100);
	crossings_of_ue(0, 12);
	pass(100);
	EXPECT_EQ(fake_nic.n_rules, 1);
	EXPECT_EQ(crossings_of_ue(0, N_PKTS), 0);
	close_crew();
}

/* ---- buckets that move ---- */

static void set_active(uint32_t n)
{
	EXPECT_EQ(balance_start(c->steer, n), 0);
	while (!balance_advance(c->steer))
		crew_finish(c);
}

TEST(spi_rule, rules_follow_the_buckets_that_move)
{
	open_crew(&rules_only);
	install_far_tunnel(4);
	for (uint32_t n = 1; n <= N_WORKERS; n++) {
		set_active(n);
		uint32_t first = 1 + 2 * n * N_PKTS;
		uint32_t n_moved = rules()->n_moved;
		/* Stale, it costs a ring and no packet. */
		crossings_of_tunnel(first);
		pass(1);
		EXPECT_EQ(crossings_of_tunnel(first + N_PKTS), 0);
		EXPECT_EQ(fake_nic.n_rules, 1);
		pass(1);
		EXPECT_TRUE(rules()->n_moved <= n_moved + 1);
	}
	EXPECT_GT(rules()->n_moved, 0);
	close_crew();
}

TEST(spi_rule, a_rule_that_cannot_follow_is_given_up)
{
	open_crew(&rules_only);
	install_far_tunnel(0);
	set_active(1);
	fake_nic.refuse_rules = 1;
	pass(1);
	EXPECT_EQ(fake_nic.n_rules, 0);
	EXPECT_EQ(rules()->port[0].n_refused, 1);
	EXPECT_GT(crossings_of_tunnel(1), 0);
	close_crew();
}

/* It stays where it was, which is no longer the owner's: that costs a ring, and no packet. */
TEST(spi_rule, a_rule_that_the_port_does_not_let_go_is_stale)
{
	open_crew(&rules_only);
	install_far_tunnel(0);
	set_active(1);
	fake_nic.refuse_removals = 1;
	pass(1);
	EXPECT_EQ(fake_nic.n_rules, 1);
	EXPECT_EQ(crossings_of_tunnel(1), N_PKTS);
	set_active(2);
	pass(1);
	EXPECT_EQ(crossings_of_tunnel(1 + N_PKTS), 0);
	close_crew();
}

/* ---- beside what the port deciphers ---- */

/* One rule does both, and follows too; without a session it steers again. */
TEST(spi_rule, a_session_has_its_owners_queue)
{
	static const struct inline_config both = { .sessions_per_port = 8,
						   .promote_pps = PROMOTE_PPS,
						   .rules_per_port = 8 };
	open_crew(&both);
	install_far_tunnel(0);
	EXPECT_EQ(fake_nic.n_sessions, 1);
	for (uint32_t n = 1; n <= N_WORKERS; n++) {
		set_active(n);
		pass(1);
		EXPECT_EQ(crossings_of_tunnel(1 + n * N_PKTS), 0);
		EXPECT_EQ(fake_nic.n_rules, 1);
		EXPECT_EQ(fake_nic.n_verified, n * N_PKTS);
	}
	expect_row(OFFLOAD_STEER_SPI, "ESP", true, 0, "8 at most");
	close_crew();
}

TEST(spi_rule, a_session_that_cannot_follow_leaves_its_sa_to_the_cpu)
{
	static const struct inline_config both = { .sessions_per_port = 8,
						   .promote_pps = PROMOTE_PPS };
	open_crew(&both);
	install_far_tunnel(0);
	EXPECT_EQ(fake_nic.n_sessions, 1);
	set_active(1);
	fake_nic.refuse_rules = 1;
	pass(1);
	EXPECT_EQ(fake_nic.n_rules, 0);
	crossings_of_tunnel(1);
	EXPECT_EQ(fake_nic.n_verified, 0);
	EXPECT_EQ(crew_counted(c, COUNT_esp_rx), N_PKTS);
	close_crew();
}

TEST(spi_rule, a_session_takes_over_from_a_rule_and_gives_back)
{
	static const struct inline_config both = { .sessions_per_port = 1,
						   .promote_pps = PROMOTE_PPS,
						   .rules_per_port = 8 };
	open_crew(&both);
	install_ues();
	uint32_t slot[2] = { ue[0].result.spi[SET_UC_TO_PS] & c->f.sas.index_mask,
			     ue[1].result.spi[SET_UC_TO_PS] & c->f.sas.index_mask };
	pass(1);
	crossings_of_ue(1, 12);
	pass(100);
	EXPECT_EQ(fake_nic.n_sessions, 1); /* the place is taken */
	pass(1);
	crossings_of_ue(0, 12);
	pass(100);
	EXPECT_TRUE(rules()->of_slot[slot[0]] != 0);
	EXPECT_EQ(fake_nic.n_rules, 2);
	EXPECT_EQ(crossings_of_ue(0, N_PKTS) + crossings_of_ue(1, N_PKTS), 0);
	EXPECT_EQ(inline_demote(&fake_nic.inlined, slot[1]), 0);
	for (unsigned i = 0; fake_nic.inlined.n_ending && i < 1000; i++)
		pass(10);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, slot[0]), 0);
	EXPECT_EQ(rules()->of_slot[slot[0]], 0);
	EXPECT_EQ(fake_nic.n_rules, 1);
	uint32_t n_verified = fake_nic.n_verified;
	EXPECT_EQ(crossings_of_ue(0, N_PKTS), 0);
	EXPECT_EQ(fake_nic.n_verified, n_verified + N_PKTS);
	close_crew();
}

/* A port that will not let its rule go does not get a second one for the same packets. */
TEST(spi_rule, a_rule_that_stays_is_in_the_way_of_a_session)
{
	static const struct inline_config both = { .sessions_per_port = 8,
						   .promote_pps = PROMOTE_PPS,
						   .rules_per_port = 8 };
	open_crew(&both);
	install_ues();
	uint32_t slot = ue[0].result.spi[SET_UC_TO_PS] & c->f.sas.index_mask;
	EXPECT_EQ(spi_rule_add(rules(), slot), 0);
	EXPECT_EQ(spi_rule_add(rules(), slot), -EALREADY);
	fake_nic.refuse_removals = 1;
	EXPECT_EQ(inline_promote(&fake_nic.inlined, slot), -EBUSY);
	EXPECT_EQ(fake_nic.n_sessions, 0);
	pass(1000);
	EXPECT_EQ(fake_nic.n_rules, 0);
	EXPECT_EQ(inline_promote(&fake_nic.inlined, slot), 0);
	EXPECT_EQ(crossings_of_ue(0, N_PKTS), 0);
	close_crew();
}
