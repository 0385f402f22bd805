/* Who is let through when too many want to say something in the clear. */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "dataplane/esp.h"
#include "dataplane/flood.h"
#include "test/shim/test.h"
#include "test/unit/scene.h"

enum { SOURCES = 4096, PPS = 10, BURST = 20, ZONE_PPS = 500, ZONE_BURST = 100 };

static const struct config_flood config = { .port = 5060,
					    .source_pps = PPS,
					    .source_burst_pkts = BURST,
					    .zone_pps = ZONE_PPS,
					    .zone_burst_pkts = ZONE_BURST };
static struct flood *f;
static struct flood_limits limits;

static void open_table(void)
{
	fixture_eal();
	f = flood_new(SOURCES, -1);
	limits = flood_limits_of(&config, 1);
	ASSERT_TRUE(f);
}

static struct flood_source source(uint32_t number)
{
	struct flood_source s = { .family = 4, .zone = 1 };
	memcpy(s.address, &number, sizeof(number));
	return s;
}

static enum counter admit(uint32_t number, uint64_t now)
{
	struct flood_source s = source(number);
	return flood_admit(f, &limits, &s, now);
}

static void know(uint32_t number, uint64_t now)
{
	struct flood_source s = source(number);
	flood_know(f, &s, now);
}

static uint64_t ms(uint64_t n)
{
	return n * FLOOD_SECOND / 1000;
}

/* ---- one source ---- */

TEST(flood, a_source_may_send_its_burst_and_then_its_rate)
{
	unsigned n = 0;
	open_table();
	know(1, ms(0));
	for (unsigned i = 0; i < 100; i++)
		n += admit(1, ms(0)) == ESP_OK;
	EXPECT_EQ(n, BURST);
	EXPECT_EQ(admit(1, ms(0)), COUNT_clear_rate_source);
	n = 0;
	for (unsigned i = 1; i <= 10000; i++)
		n += admit(1, ms(i)) == ESP_OK;
	EXPECT_GE(n, 10 * PPS - 1);
	EXPECT_LE(n, 10 * PPS + 1);
	flood_free(f);
}

TEST(flood, a_source_that_rests_has_its_burst_again_and_no_more)
{
	open_table();
	know(1, 0);
	for (uint64_t t = 0; t < 10; t++) {
		unsigned n = 0;
		for (unsigned i = 0; i < 2 * BURST; i++)
			n += admit(1, ms(t * 60000)) == ESP_OK;
		EXPECT_EQ(n, BURST);
	}
	flood_free(f);
}

/* Nobody is refused for longer than it takes to fill a bucket, whatever the clock does. */
TEST(flood, a_clock_that_jumps_or_goes_round_locks_nobody_out)
{
	static const int64_t jump_s[] = { -1, -3600, -86400, 3600, 65535, 65536, 65537, 1000000 };
	open_table();
	for (size_t i = 0; i < sizeof(jump_s) / sizeof(jump_s[0]); i++) {
		uint64_t now = ms(200000000);
		test_context("%lld s", (long long)jump_s[i]);
		know(1, now);
		for (unsigned k = 0; k < 2 * BURST; k++)
			admit(1, now);
		for (unsigned k = 0; k < 2 * ZONE_BURST; k++)
			admit(1000 + k, now);
		now += (uint64_t)(jump_s[i] * (int64_t)FLOOD_SECOND);
		now += ms(1000 * BURST / PPS + 1);
		EXPECT_EQ(admit(1, now), ESP_OK);
		EXPECT_EQ(admit(2000 + (uint32_t)i, now), ESP_OK);
	}
	flood_free(f);
}

/* ---- many ---- */

TEST(flood, strangers_share_the_zones_bucket_and_get_all_of_it)
{
	unsigned n = 0;
	open_table();
	for (uint32_t i = 0; i < 100000; i++)
		n += admit(i, ms(i / 10)) == ESP_OK;
	EXPECT_GE(n, ZONE_BURST + 10 * ZONE_PPS - 2);
	EXPECT_LE(n, ZONE_BURST + 10 * ZONE_PPS + 2);
	flood_free(f);
}

TEST(flood, c146_a_million_forged_sources_cost_the_known_nothing)
{
	enum { KNOWN_SOURCES = 1000, FORGED = 1000000, SECONDS = 10 };
	unsigned seed = 1, n_lost = 0, n_strangers = 0;
	open_table();
	for (uint32_t i = 0; i < KNOWN_SOURCES; i++)
		know(0x80000000u + i, 0);
	for (uint32_t i = 0; i < FORGED; i++) {
		uint64_t now = ms((uint64_t)i * SECONDS * 1000 / FORGED);
		uint32_t forged = ((uint32_t)rand_r(&seed) << 16 ^ (uint32_t)rand_r(&seed)) >> 1;
		n_strangers += admit(forged, now) == ESP_OK;
		/* Each of the known sends once a second. */
		if (i % (FORGED / SECONDS / KNOWN_SOURCES) == 0)
			n_lost += admit(0x80000000u + i / (FORGED / SECONDS / KNOWN_SOURCES) %
							      KNOWN_SOURCES,
					now) != ESP_OK;
	}
	EXPECT_EQ(n_lost, 0);
	EXPECT_LE(n_strangers, ZONE_BURST + SECONDS * ZONE_PPS + 1);
	flood_free(f);
}

TEST(flood, one_source_that_floods_leaves_the_zones_bucket_to_others)
{
	unsigned n_lost = 0;
	open_table();
	for (uint64_t t = 0; t < 10000; t++) {
		for (unsigned k = 0; k < 10; k++)
			admit(1, ms(t));
		if (t % 10 == 0) /* a hundred strangers a second */
			n_lost += admit(1000 + (uint32_t)t, ms(t)) != ESP_OK;
	}
	EXPECT_EQ(n_lost, 0);
	flood_free(f);
}

/* More than there is room for: the newest are known, and strangers still have places. */
TEST(flood, the_table_keeps_the_known_it_has_room_for_and_strangers_too)
{
	unsigned n = 0;
	open_table();
	limits.zone_step = 0;
	for (uint32_t i = 0; i < 4 * SOURCES; i++)
		know(i, ms(i));
	limits = flood_limits_of(&config, 1);
	for (unsigned i = 0; i < 2 * ZONE_BURST; i++)
		admit(0x40000000u + i, ms(20000));
	for (uint32_t i = 4 * SOURCES - 1024; i < 4 * SOURCES; i++)
		n += admit(i, ms(20000)) == ESP_OK;
	EXPECT_GE(n, 1000);
	/* A stranger is remembered: its second burst at once is refused as its own. */
	uint64_t later = ms(40000);
	for (unsigned i = 0; i < BURST; i++)
		EXPECT_EQ(admit(0x50000000u, later), ESP_OK);
	EXPECT_EQ(admit(0x50000000u, later), COUNT_clear_rate_source);
	flood_free(f);
}

TEST(flood, zones_and_families_are_different_sources)
{
	open_table();
	struct flood_source s = source(1);
	flood_know(f, &s, 0);
	for (unsigned i = 0; i < BURST; i++)
		EXPECT_EQ(flood_admit(f, &limits, &s, 0), ESP_OK);
	EXPECT_EQ(flood_admit(f, &limits, &s, 0), COUNT_clear_rate_source);
	s.zone = 2;
	EXPECT_EQ(flood_admit(f, &limits, &s, 0), ESP_OK);
	s.zone = 1;
	s.family = 6;
	EXPECT_EQ(flood_admit(f, &limits, &s, 0), ESP_OK);
	flood_free(f);
}

/* Several workers share what the zone allows. */
TEST(flood, workers_have_equal_parts_of_the_zones_rate)
{
	unsigned n = 0;
	open_table();
	limits = flood_limits_of(&config, 4);
	for (uint32_t i = 0; i < 100000; i++)
		n += admit(i, ms(i / 10)) == ESP_OK;
	EXPECT_GE(n, (ZONE_BURST + 10 * ZONE_PPS) / 4 - 2);
	EXPECT_LE(n, (ZONE_BURST + 10 * ZONE_PPS) / 4 + 2);
	flood_free(f);
}

/* ---- packets ---- */

static void send_clear(struct scene *s, const struct packet_ip *ip, uint8_t protocol, uint16_t port)
{
	uint8_t upper[64];
	struct packet p;
	size_t n = protocol == IPPROTO_UDP ? packet_udp(upper, 5060, port, NULL, 0)
					   : packet_tcp(upper, 5060, port, NULL, 0);
	packet_make(&p, ip, protocol, upper, n);
	scene_send(s, &p);
	fixture_discard(s->f);
}

static void stranger(struct packet_ip *ip, uint32_t number)
{
	uint8_t *at = ip->source + (ip->family == 4 ? 1 : 5);
	at[0] = (uint8_t)(0x40 | number >> 16);
	at[1] = (uint8_t)(number >> 8);
	at[2] = (uint8_t)number;
}

TEST(flood, c146_a_ue_that_has_spoken_esp_registers_in_a_flood_of_strangers)
{
	FOR_BOTH_FAMILIES(family)
	{
		struct scene s;
		struct packet p;
		scene_open(&s, family, CRYPTO_HMAC_SHA1_NULL, NULL);
		limits = flood_limits_of(&config, 1);
		flood_set(&s.f->zones.zone[0].flood, &limits);
		scene_esp(&s, &p, 1);
		scene_send(&s, &p);
		fixture_discard(s.f);
		struct packet_ip forged = s.ue.from_ue;
		for (uint32_t i = 0; i < 2 * ZONE_BURST; i++) {
			stranger(&forged, i);
			send_clear(&s, &forged, i % 2 ? IPPROTO_UDP : IPPROTO_TCP, 5060);
		}
		EXPECT_GE(fixture_counted(s.f, COUNT_clear_rate_zone), ZONE_BURST / 2);
		fixture_mark(s.f);
		for (unsigned i = 0; i < BURST; i++)
			send_clear(&s, &s.ue.from_ue, IPPROTO_UDP, 5060);
		expect_counted(s.f, COUNTED({ COUNT_network_rx, BURST }, { COUNT_clear_rx, BURST },
					    { COUNT_kernel_tx, BURST }));
		for (unsigned i = 0; i < BURST; i++)
			send_clear(&s, &s.ue.from_ue, IPPROTO_UDP, 5060);
		EXPECT_GE(fixture_counted(s.f, COUNT_clear_rate_source), BURST / 2);
		scene_close(&s);
	}
}

/* A forged ICV makes nobody known. */
TEST(flood, esp_that_was_refused_makes_nobody_known)
{
	struct scene s;
	struct packet p;
	scene_open(&s, API_IPV4, CRYPTO_HMAC_SHA1_NULL, NULL);
	limits = flood_limits_of(&config, 1);
	flood_set(&s.f->zones.zone[0].flood, &limits);
	scene_esp(&s, &p, 1);
	p.bytes[p.n_bytes - 1] ^= 1;
	scene_send(&s, &p);
	struct packet_ip forged = s.ue.from_ue;
	for (uint32_t i = 0; i < 2 * ZONE_BURST; i++) {
		stranger(&forged, i);
		send_clear(&s, &forged, IPPROTO_UDP, 5060);
	}
	fixture_mark(s.f);
	for (unsigned i = 0; i < BURST; i++)
		send_clear(&s, &s.ue.from_ue, IPPROTO_UDP, 5060);
	EXPECT_GE(fixture_counted(s.f, COUNT_clear_rate_zone), BURST / 2);
	scene_close(&s);
}

TEST(flood, other_ports_and_zones_without_limits_are_free)
{
	struct scene s;
	scene_open(&s, API_IPV6, CRYPTO_HMAC_SHA1_NULL, NULL);
	for (unsigned i = 0; i < 3 * BURST; i++)
		send_clear(&s, &s.ue.from_ue, IPPROTO_UDP, 5060);
	limits = flood_limits_of(&config, 1);
	flood_set(&s.f->zones.zone[0].flood, &limits);
	for (unsigned i = 0; i < 3 * BURST; i++)
		send_clear(&s, &s.ue.from_ue, IPPROTO_UDP, 5061);
	EXPECT_EQ(fixture_counted(s.f, COUNT_clear_rx), 6 * BURST);
	/* Any address of a /64 is the same source. */
	for (unsigned i = 0; i < 3 * BURST; i++) {
		s.ue.from_ue.source[15] = (uint8_t)i;
		send_clear(&s, &s.ue.from_ue, IPPROTO_UDP, 5060);
	}
	EXPECT_GE(fixture_counted(s.f, COUNT_clear_rate_source), 2 * BURST - 2);
	/* And one bit before its end is another source. */
	fixture_mark(s.f);
	s.ue.from_ue.source[7] ^= 1;
	for (unsigned i = 0; i < BURST; i++)
		send_clear(&s, &s.ue.from_ue, IPPROTO_UDP, 5060);
	EXPECT_EQ(fixture_counted(s.f, COUNT_clear_rate_source), 0);
	scene_close(&s);
}
