#include "dataplane/set.h"

#include <errno.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/set_claims.h"

enum {
	CAPACITY = 64,
	OWNER = 3,
	START_S = 100,
};

/* What the sets below are given to live, and what tells that one ended. */
static struct {
	uint64_t registration[CAPACITY];
	uint32_t n;
} ended;

static void on_expired(void *arg, const struct set *set)
{
	if (ended.n < CAPACITY)
		ended.registration[ended.n] = set->registration;
	ended.n++;
}

struct tables {
	struct sa_table sas;
	struct set_table sets;
};

static void open_tables(struct tables *t)
{
	struct sa_table_config config = fixture_table;
	config.capacity = CAPACITY;
	fixture_table_open(&t->sas, &config);
	ASSERT_EQ(set_table_init(&t->sets, &t->sas, FIXTURE_ZONES, START_S), 0);
	ended.n = 0;
}

static void close_tables(struct tables *t)
{
	set_table_free(&t->sets);
	sa_table_free(&t->sas);
}

static struct api_set set_number(uint32_t number)
{
	return set_two_pairs(number, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
}

static int install(struct tables *t, const struct api_set *set, struct api_set_result *result)
{
	return set_install(&t->sets, set, NULL, OWNER, START_S, result);
}

static int install_number(struct tables *t, uint32_t number, uint32_t lifetime_s, uint32_t owner)
{
	struct api_set_result result;
	struct api_set set = set_number(number);
	set.lifetime_s = lifetime_s;
	return set_install(&t->sets, &set, NULL, owner, START_S, &result);
}

/* Nothing is held, and nothing is in the way of the next. */
static void expect_empty(struct tables *t)
{
	fixture_quiesce(&t->sas);
	sa_reclaim(&t->sas);
	EXPECT_EQ(t->sas.n_free, CAPACITY);
	EXPECT_EQ(t->sas.n_wide_free, t->sas.n_wide);
	for (uint32_t slot = 0; slot < CAPACITY; slot++)
		EXPECT_FALSE(sa_is_live(&t->sas, slot));
}

TEST(set, two_pairs_are_installed_with_their_spis)
{
	struct tables t;
	struct api_set_result r;
	struct api_set set = set_number(1);
	open_tables(&t);
	ASSERT_EQ(install(&t, &set, &r), 0);
	EXPECT_EQ(r.registration, set.registration);
	EXPECT_EQ(r.spi[SET_PS_TO_UC], set.sa[SET_PS_TO_UC].spi);
	EXPECT_EQ(r.spi[SET_PC_TO_US], set.sa[SET_PC_TO_US].spi);
	EXPECT_NE(r.spi[SET_UC_TO_PS], r.spi[SET_US_TO_PC]);
	for (unsigned i = 0; i < 4; i++)
		EXPECT_GE(r.spi[i], 256);
	EXPECT_EQ(t.sas.n_free, CAPACITY - 4);
	EXPECT_EQ(set_count_sas(&t.sets, OWNER), 4);
	EXPECT_EQ(set_count_sas(&t.sets, OWNER + 1), 0);
	EXPECT_EQ(set_delete(&t.sets, set.registration, OWNER, 0, START_S), 0);
	expect_empty(&t);
	close_tables(&t);
}

TEST(set, any_entries_of_a_set_may_be_unused)
{
	for (unsigned used = 1; used < 1u << API_SET_SAS; used++) {
		struct tables t;
		struct api_set_result r;
		struct api_set set = set_number(1);
		unsigned n_used = 0;
		open_tables(&t);
		for (unsigned i = 0; i < API_SET_SAS; i++) {
			if (used >> i & 1)
				n_used++;
			else
				memset(&set.sa[i], 0, sizeof(set.sa[i]));
		}
		test_context("entries 0x%x", used);
		ASSERT_EQ(install(&t, &set, &r), 0);
		for (unsigned i = 0; i < API_SET_SAS; i++)
			EXPECT_EQ(r.spi[i] != 0, used >> i & 1);
		EXPECT_EQ(set_count_sas(&t.sets, OWNER), n_used);
		EXPECT_EQ(t.sas.n_free, CAPACITY - n_used);
		EXPECT_EQ(set_delete(&t.sets, set.registration, OWNER, 0, START_S), 0);
		expect_empty(&t);
		close_tables(&t);
	}
}

/* ---- what is refused, and leaves nothing behind ---- */

typedef void (*spoil)(struct api_set *set); /* a function type, for the table alone */

#define SPOIL(name, statement)                                                                     \
	static void name(struct api_set *set)                                                      \
	{                                                                                          \
		statement;                                                                         \
	}

SPOIL(no_registration, set->registration = 0)
SPOIL(zone_beyond, set->zone = FIXTURE_ZONES)
SPOIL(zone_far_beyond, set->zone = 256)
SPOIL(family_zero, set->family = 0)
SPOIL(family_five, set->family = 5)
SPOIL(mode_tunnel, set->mode = API_TUNNEL)
SPOIL(mode_zero, set->mode = 0)
SPOIL(integrity_none, set->integrity = API_INTEGRITY_NONE)
SPOIL(integrity_unknown, set->integrity = 99)
SPOIL(integrity_later, set->integrity = API_HMAC_SHA256_128)
SPOIL(cipher_unknown, set->cipher = 99)
SPOIL(cipher_gcm, set->cipher = API_AES_GCM)
SPOIL(auth_key_short, set->auth_key_bytes--)
SPOIL(auth_key_long, set->auth_key_bytes = 255)
SPOIL(cipher_key_with_null, set->cipher_key_bytes = 16)
SPOIL(cipher_key_missing, set->cipher = API_AES_CBC)
SPOIL(tunnel_with_transport, set->tunnel = 1)
SPOIL(mode_nat_without_tunnel, set->mode = API_UDP_ENCAP_TUNNEL)
SPOIL(local_tail, set->local.bytes[4] = 1)
SPOIL(peer_tail, set->peer.bytes[15] = 1)
SPOIL(no_sa, memset(set->sa, 0, sizeof(set->sa)))
SPOIL(direction_unknown, set->sa[2].direction = 3)
SPOIL(sa_reserved, set->sa[3].reserved[1] = 1)
SPOIL(esn_with_transport, set->sa[3].flags = API_SA_ESN)
SPOIL(flag_unknown, set->sa[3].flags = 0x80)
SPOIL(local_port_zero, set->sa[1].local_port = 0)
SPOIL(peer_port_zero, set->sa[1].peer_port = 0)
SPOIL(out_spi_zero, set->sa[SET_PS_TO_UC].spi = 0)
SPOIL(out_spi_reserved, set->sa[SET_PS_TO_UC].spi = 255)
SPOIL(out_spis_equal, set->sa[SET_PC_TO_US].spi = set->sa[SET_PS_TO_UC].spi)
SPOIL(sequence_too_large, set->sa[0].sequence = UINT64_C(1) << 32)
SPOIL(window_too_wide, set->sa[3].window_pkts = REPLAY_WIDE_BITS + 1)
SPOIL(window_wraps, set->sa[3].window_pkts = 0x10020)
SPOIL(same_tuple_twice, set->sa[3].local_port = FIXTURE_PORT_PS; set->sa[3].peer_port = SET_PORT_UC)
SPOIL(direction_forgotten, set->sa[1].direction = 0)
SPOIL(unused_not_zero, set->sa[3] = (struct api_sa){ .window_pkts = 64 })
SPOIL(in_spi_not_ours, set->sa[3].spi = 77777)
SPOIL(in_spi_of_the_peer, set->sa[2].spi = set->sa[3].spi = 1u << 22 | 5)
SPOIL(in_spis_equal, set->sa[0].spi = set->sa[3].spi = 1u << 22 | 5)

static const struct {
	const char *what;
	spoil spoil;
	int status;
} refused[] = {
#define ROW(name, status)                                                                          \
	{                                                                                          \
#name, name, status                                                                \
	}
	ROW(no_registration, -EINVAL),
	ROW(zone_beyond, -EINVAL),
	ROW(zone_far_beyond, -EINVAL),
	ROW(family_zero, -EINVAL),
	ROW(family_five, -EINVAL),
	ROW(mode_tunnel, -EINVAL),
	ROW(mode_zero, -EINVAL),
	ROW(integrity_none, -EINVAL),
	ROW(integrity_unknown, -EINVAL),
	ROW(integrity_later, -EINVAL),
	ROW(cipher_unknown, -EINVAL),
	ROW(cipher_gcm, -EINVAL),
	ROW(auth_key_short, -EINVAL),
	ROW(auth_key_long, -EINVAL),
	ROW(cipher_key_with_null, -EINVAL),
	ROW(cipher_key_missing, -EINVAL),
	ROW(tunnel_with_transport, -EINVAL),
	ROW(mode_nat_without_tunnel, -EINVAL),
	ROW(local_tail, -EINVAL),
	ROW(peer_tail, -EINVAL),
	ROW(no_sa, -EINVAL),
	ROW(direction_unknown, -EINVAL),
	ROW(sa_reserved, -EINVAL),
	ROW(esn_with_transport, -EINVAL),
	ROW(flag_unknown, -EINVAL),
	ROW(local_port_zero, -EINVAL),
	ROW(peer_port_zero, -EINVAL),
	ROW(out_spi_zero, -EINVAL),
	ROW(out_spi_reserved, -EINVAL),
	ROW(out_spis_equal, -EINVAL),
	ROW(sequence_too_large, -EINVAL),
	ROW(window_too_wide, -EINVAL),
	ROW(window_wraps, -EINVAL),
	ROW(same_tuple_twice, -EINVAL),
	ROW(direction_forgotten, -EINVAL),
	ROW(unused_not_zero, -EINVAL),
	ROW(in_spi_not_ours, -EINVAL),
	ROW(in_spi_of_the_peer, -EINVAL),
	ROW(in_spis_equal, -EADDRINUSE),
#undef ROW
};

TEST(set, what_is_wrong_is_refused_and_leaves_nothing)
{
	struct tables t;
	open_tables(&t);
	for (size_t i = 0; i < sizeof(refused) / sizeof(refused[0]); i++) {
		static const uint32_t no_spi[API_SET_SAS];
		struct api_set set = set_number(1);
		struct api_set_result r;
		refused[i].spoil(&set);
		test_context("%s", refused[i].what);
		EXPECT_EQ(install(&t, &set, &r), refused[i].status);
		EXPECT_EQ(r.status, refused[i].status);
		EXPECT_EQ(r.registration, set.registration);
		EXPECT_MEM(r.spi, no_spi, sizeof(no_spi));
		EXPECT_EQ(t.sas.n_free, CAPACITY);
		EXPECT_EQ(set_delete(&t.sets, set.registration, OWNER, 0, START_S), -ENOENT);
	}
	test_context(NULL);
	EXPECT_EQ(install_number(&t, 1, 0, OWNER), 0);
	EXPECT_EQ(set_delete(&t.sets, 2, OWNER, 0, START_S), 0);
	expect_empty(&t);
	close_tables(&t);
}

TEST(set, c053b_all_or_none_when_one_tuple_is_taken)
{
	struct tables t;
	struct api_set_result r;
	open_tables(&t);
	ASSERT_EQ(install_number(&t, 1, 0, OWNER), 0);
	for (unsigned taken = 0; taken < API_SET_SAS; taken++) {
		struct api_set other = set_number(1);
		other.registration = 50;
		for (unsigned i = 0; i < API_SET_SAS; i++) {
			if (i != taken)
				other.sa[i].peer_port += 100;
		}
		EXPECT_EQ(install(&t, &other, &r), -EEXIST);
		EXPECT_EQ(t.sas.n_free, CAPACITY - 4);
		/* Nor does another owner, or another zone, make the tuple free or taken. */
		EXPECT_EQ(set_install(&t.sets, &other, NULL, OWNER + 1, START_S, &r), -EEXIST);
		other.zone = 1;
		EXPECT_EQ(install(&t, &other, &r), 0);
		EXPECT_EQ(set_delete(&t.sets, 50, OWNER, 0, START_S), 0);
		fixture_quiesce(&t.sas);
		sa_reclaim(&t.sas);
	}
	close_tables(&t);
}

TEST(set, all_or_none_when_the_table_is_full)
{
	struct tables t;
	open_tables(&t);
	for (uint32_t i = 0; i < CAPACITY / 4; i++)
		ASSERT_EQ(install_number(&t, i, 0, OWNER), 0);
	EXPECT_EQ(install_number(&t, 100, 0, OWNER), -ENOSPC);
	ASSERT_EQ(set_delete(&t.sets, 1, OWNER, 0, START_S), 0);
	EXPECT_EQ(install_number(&t, 100, 0, OWNER), -ENOSPC); /* not yet reclaimed */
	fixture_quiesce(&t.sas);
	sa_reclaim(&t.sas);
	/* Three are free: not enough for four. */
	struct api_set one = set_number(200);
	struct api_set_result r;
	memset(&one.sa[1], 0, 3 * sizeof(one.sa[1]));
	ASSERT_EQ(install(&t, &one, &r), 0);
	EXPECT_EQ(install_number(&t, 100, 0, OWNER), -ENOSPC);
	EXPECT_EQ(t.sas.n_free, 3);
	ASSERT_EQ(set_delete(&t.sets, 201, OWNER, 0, START_S), 0);
	fixture_quiesce(&t.sas);
	sa_reclaim(&t.sas);
	EXPECT_EQ(install_number(&t, 100, 0, OWNER), 0);
	close_tables(&t);
}

TEST(set, all_or_none_when_the_wide_windows_are_used_up)
{
	struct tables t;
	struct api_set_result r;
	open_tables(&t);
	for (uint32_t i = 0;; i++) {
		struct api_set set = set_number(i);
		set.sa[SET_UC_TO_PS].window_pkts = set.sa[SET_US_TO_PC].window_pkts = 1024;
		uint32_t n_free = t.sas.n_free, n_wide = t.sas.n_wide_free;
		int rc = install(&t, &set, &r);
		if (n_wide >= 2) {
			ASSERT_EQ(rc, 0);
			continue;
		}
		EXPECT_EQ(rc, -ENOSPC);
		EXPECT_EQ(t.sas.n_free, n_free);
		EXPECT_EQ(t.sas.n_wide_free, n_wide);
		break;
	}
	EXPECT_EQ(set_delete_all(&t.sets, OWNER), fixture_table.n_wide_windows / 2);
	expect_empty(&t);
	close_tables(&t);
}

TEST(set, a_registration_is_unique_per_owner)
{
	struct tables t;
	open_tables(&t);
	ASSERT_EQ(install_number(&t, 1, 0, OWNER), 0);
	struct api_set other = set_number(2);
	struct api_set_result r;
	other.registration = 2;
	EXPECT_EQ(install(&t, &other, &r), -EEXIST);
	EXPECT_EQ(set_install(&t.sets, &other, NULL, OWNER + 1, START_S, &r), 0);
	/* Each owner changes and deletes its own. */
	EXPECT_EQ(set_update(&t.sets, 2, OWNER + 2, 10, START_S), -ENOENT);
	EXPECT_EQ(set_delete(&t.sets, 2, OWNER + 2, 0, START_S), -ENOENT);
	EXPECT_EQ(set_delete(&t.sets, 2, OWNER, 0, START_S), 0);
	EXPECT_EQ(set_delete(&t.sets, 2, OWNER, 0, START_S), -ENOENT);
	EXPECT_EQ(set_count_sas(&t.sets, OWNER + 1), 4);
	EXPECT_EQ(set_delete_all(&t.sets, OWNER), 0);
	EXPECT_EQ(set_delete_all(&t.sets, OWNER + 1), 1);
	expect_empty(&t);
	close_tables(&t);
}

/* ---- the end of life ---- */

TEST(set, c090_a_set_ends_in_its_second_and_not_before)
{
	static const uint32_t lifetime_s[] = { 1, 2, 240, 4095, 4096, 4097, 8192, 9999, 100000 };
	for (size_t i = 0; i < sizeof(lifetime_s) / sizeof(lifetime_s[0]); i++) {
		struct tables t;
		open_tables(&t);
		test_context("lifetime %u s", lifetime_s[i]);
		ASSERT_EQ(install_number(&t, 1, lifetime_s[i], OWNER), 0);
		ASSERT_EQ(install_number(&t, 2, 0, OWNER), 0);
		for (uint32_t s = START_S; s < START_S + lifetime_s[i]; s += 1 + s % 3)
			set_tick(&t.sets, s, on_expired, NULL);
		set_tick(&t.sets, START_S + lifetime_s[i] - 1, on_expired, NULL);
		EXPECT_EQ(ended.n, 0);
		set_tick(&t.sets, START_S + lifetime_s[i], on_expired, NULL);
		EXPECT_EQ(ended.n, 1);
		EXPECT_EQ(ended.registration[0], 2);
		EXPECT_EQ(set_count_sas(&t.sets, OWNER), 4);
		close_tables(&t);
	}
}

TEST(set, a_clock_that_jumps_ends_all_that_is_over)
{
	struct tables t;
	open_tables(&t);
	for (uint32_t i = 0; i < 8; i++)
		ASSERT_EQ(install_number(&t, i, 1000 * (i + 1), OWNER), 0);
	set_tick(&t.sets, START_S + 6500, on_expired, NULL);
	EXPECT_EQ(ended.n, 6);
	set_tick(&t.sets, START_S + 50000, on_expired, NULL);
	EXPECT_EQ(ended.n, 8);
	expect_empty(&t);
	close_tables(&t);
}

TEST(set, an_update_moves_the_end_both_ways_and_to_never)
{
	struct tables t;
	open_tables(&t);
	ASSERT_EQ(install_number(&t, 1, 100, OWNER), 0);
	ASSERT_EQ(install_number(&t, 2, 100, OWNER), 0);
	ASSERT_EQ(install_number(&t, 3, 100, OWNER), 0);
	ASSERT_EQ(install_number(&t, 4, 0, OWNER), 0);
	EXPECT_EQ(set_update(&t.sets, 2, OWNER, 10, START_S), 0);
	EXPECT_EQ(set_update(&t.sets, 3, OWNER, 5000, START_S), 0);
	EXPECT_EQ(set_update(&t.sets, 4, OWNER, 0, START_S), 0);
	EXPECT_EQ(set_update(&t.sets, 5, OWNER, 20, START_S), 0);
	EXPECT_EQ(set_update(&t.sets, 6, OWNER, 20, START_S), -ENOENT);
	set_tick(&t.sets, START_S + 10, on_expired, NULL);
	EXPECT_EQ(ended.n, 1);
	set_tick(&t.sets, START_S + 20, on_expired, NULL);
	EXPECT_EQ(ended.n, 2);
	set_tick(&t.sets, START_S + 4999, on_expired, NULL);
	EXPECT_EQ(ended.n, 2);
	set_tick(&t.sets, START_S + 5000, on_expired, NULL);
	EXPECT_EQ(ended.n, 3);
	EXPECT_EQ(ended.registration[2], 3);
	set_tick(&t.sets, START_S + 100000, on_expired, NULL);
	EXPECT_EQ(ended.n, 3);
	close_tables(&t);
}

TEST(set, a_lifetime_reaches_the_workers_at_once)
{
	struct tables t;
	open_tables(&t);
	ASSERT_EQ(install_number(&t, 1, 100, OWNER), 0);
	for (uint32_t slot = 0; slot < CAPACITY; slot++) {
		if (!sa_is_live(&t.sas, slot))
			continue;
		EXPECT_FALSE(sa_is_expired(&t.sas.sa[slot], START_S + 99));
		EXPECT_TRUE(sa_is_expired(&t.sas.sa[slot], START_S + 100));
	}
	set_update(&t.sets, 2, OWNER, UINT32_MAX, START_S);
	for (uint32_t slot = 0; slot < CAPACITY; slot++)
		EXPECT_FALSE(sa_is_expired(&t.sas.sa[slot], UINT32_MAX - 1));
	close_tables(&t);
}

TEST(set, c089_grace_keeps_the_set_so_long_and_no_longer)
{
	struct tables t;
	open_tables(&t);
	ASSERT_EQ(install_number(&t, 1, 0, OWNER), 0);
	ASSERT_EQ(install_number(&t, 2, 600, OWNER), 0);
	ASSERT_EQ(install_number(&t, 3, 5, OWNER), 0);
	for (uint64_t registration = 2; registration <= 4; registration++)
		EXPECT_EQ(set_delete(&t.sets, registration, OWNER, 128, START_S), 0);
	/* A grace gives no set a longer life than it had. */
	set_tick(&t.sets, START_S + 5, on_expired, NULL);
	EXPECT_EQ(ended.n, 1);
	set_tick(&t.sets, START_S + 127, on_expired, NULL);
	EXPECT_EQ(ended.n, 1);
	set_tick(&t.sets, START_S + 128, on_expired, NULL);
	EXPECT_EQ(ended.n, 3);
	expect_empty(&t);
	close_tables(&t);
}
