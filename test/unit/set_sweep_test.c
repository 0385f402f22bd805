/* Sets under long random use, against a model that is a plain list. */
#include "dataplane/set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/set_claims.h"

enum {
	CAPACITY = 64,
	N_NAMES = 40, /* registrations in play, for each of two owners */
	N_OPERATIONS = 100000,
};

struct model_set {
	bool exists;
	uint32_t n_sas;
	uint32_t expires_s; /* 0 = never */
	uint32_t ue;        /* whose tuples it has */
};

static struct {
	struct sa_table sas;
	struct set_table sets;
	struct model_set set[2][N_NAMES];
	uint32_t n_reserved;
	uint32_t reserved[CAPACITY];
	uint32_t now_s;
	unsigned n_told;
} s;

static struct model_set *model_of(uint64_t registration, uint32_t owner)
{
	return &s.set[owner - 1][registration - 1];
}

static uint32_t model_sas(void)
{
	uint32_t n = 0;
	for (unsigned i = 0; i < 2 * N_NAMES; i++)
		n += s.set[i / N_NAMES][i % N_NAMES].exists ? s.set[i / N_NAMES][i % N_NAMES].n_sas
							    : 0;
	return n;
}

static bool model_has_ue(uint32_t ue)
{
	for (unsigned i = 0; i < 2 * N_NAMES; i++) {
		const struct model_set *m = &s.set[i / N_NAMES][i % N_NAMES];
		if (m->exists && m->ue == ue)
			return true;
	}
	return false;
}

static void on_expired(void *arg, const struct set *set)
{
	struct model_set *m = model_of(set->registration, set->owner);
	EXPECT_TRUE(m->exists);
	EXPECT_NE(m->expires_s, 0);
	EXPECT_LE(m->expires_s, s.now_s);
	m->exists = false;
	s.n_told++;
}

static void do_install(struct test_rng *rng, uint64_t registration, uint32_t owner)
{
	struct model_set *m = model_of(registration, owner);
	uint32_t ue = (uint32_t)test_rng_below(rng, 30);
	uint32_t n_sas = (uint32_t)(1 + test_rng_below(rng, 4));
	struct api_set set = set_two_pairs(
		ue, (enum crypto_suite)test_rng_below(rng, CRYPTO_N_SUITES), API_IPV4);
	struct api_set_result result;
	set.registration = registration;
	set.lifetime_s = (uint32_t)(test_rng_below(rng, 2) ? test_rng_below(rng, 6000) : 0);
	memset(&set.sa[n_sas], 0, (API_SET_SAS - n_sas) * sizeof(set.sa[0]));
	bool wants_reserved = s.n_reserved && test_rng_below(rng, 2);
	if (wants_reserved)
		set.sa[0].spi = s.reserved[s.n_reserved - 1];
	bool wants_wide = set.sa[0].direction == API_IN && test_rng_below(rng, 8) == 0;
	if (wants_wide)
		set.sa[0].window_pkts = 1024;
	uint32_t needed = n_sas - wants_reserved;
	uint32_t n_wide_free = s.sas.n_wide_free;

	int rc = set_install(&s.sets, &set, NULL, owner, s.now_s, &result);
	int expected = m->exists                         ? -EEXIST
		       : wants_reserved && owner != 1    ? -EADDRINUSE
		       : model_has_ue(ue)                ? -EEXIST
		       : s.sas.n_free < needed && rc < 0 ? -ENOSPC
		       : wants_wide && !n_wide_free      ? -ENOSPC
							 : 0;
	/* Without room and with the tuple taken, either may be found first. */
	bool no_room = s.sas.n_free < needed || (wants_wide && !n_wide_free);
	if (rc == -ENOSPC && expected == -EEXIST && no_room)
		return;
	ASSERT_EQ(rc, expected);
	if (rc < 0)
		return;
	if (wants_reserved)
		EXPECT_EQ(result.spi[0], s.reserved[--s.n_reserved]);
	*m = (struct model_set){ .exists = true,
				 .n_sas = n_sas,
				 .ue = ue,
				 .expires_s = set.lifetime_s ? s.now_s + set.lifetime_s : 0 };
}

static void do_delete(struct test_rng *rng, uint64_t registration, uint32_t owner)
{
	struct model_set *m = model_of(registration, owner);
	uint32_t grace_s = (uint32_t)(test_rng_below(rng, 2) ? 1 + test_rng_below(rng, 200) : 0);
	int rc = set_delete(&s.sets, registration, owner, grace_s, s.now_s);
	ASSERT_EQ(rc, m->exists ? 0 : -ENOENT);
	if (!m->exists)
		return;
	if (!grace_s)
		m->exists = false;
	else if (!m->expires_s || m->expires_s > s.now_s + grace_s)
		m->expires_s = s.now_s + grace_s;
}

static void do_update(struct test_rng *rng, uint64_t registration, uint32_t owner)
{
	struct model_set *m = model_of(registration, owner);
	uint32_t lifetime_s = (uint32_t)test_rng_below(rng, 10000);
	int rc = set_update(&s.sets, registration, owner, lifetime_s, s.now_s);
	ASSERT_EQ(rc, m->exists ? 0 : -ENOENT);
	m->expires_s = lifetime_s ? s.now_s + lifetime_s : 0;
}

static void do_reserve(struct test_rng *rng)
{
	if (s.n_reserved && test_rng_below(rng, 2)) {
		EXPECT_EQ(sa_release_spi(&s.sas, s.reserved[--s.n_reserved], 1), 0);
		return;
	}
	uint32_t n_free = s.sas.n_free, spi = sa_reserve_spi(&s.sas, 1);
	EXPECT_EQ(spi != 0, n_free != 0);
	if (spi)
		s.reserved[s.n_reserved++] = spi;
}

static void do_time(struct test_rng *rng)
{
	s.now_s += (uint32_t)(test_rng_below(rng, 50) ? test_rng_below(rng, 20)
						      : test_rng_below(rng, 10000));
	set_tick(&s.sets, s.now_s, on_expired, NULL);
	for (unsigned i = 0; i < 2 * N_NAMES; i++) {
		const struct model_set *m = &s.set[i / N_NAMES][i % N_NAMES];
		if (m->exists && m->expires_s)
			EXPECT_GT(m->expires_s, s.now_s);
	}
}

/* Every slot is free, reserved, live or retired, and the live ones are the model's. */
static void expect_sums(void)
{
	uint32_t n_live = 0;
	for (uint32_t slot = 0; slot < CAPACITY; slot++)
		n_live += sa_is_live(&s.sas, slot);
	EXPECT_EQ(n_live, model_sas());
	EXPECT_EQ(s.sas.n_free + s.n_reserved + n_live + s.sas.n_retired, CAPACITY);
	EXPECT_EQ(set_count_sas(&s.sets, 1) + set_count_sas(&s.sets, 2), n_live);
}

TEST(set, random_use_agrees_with_a_model_and_leaks_nothing)
{
	struct test_rng rng = { test_seed() };
	memset(&s, 0, sizeof(s));
	s.now_s = 1;
	fixture_table_open(&s.sas, &fixture_table);
	ASSERT_EQ(fixture_table.capacity, CAPACITY);
	ASSERT_EQ(set_table_init(&s.sets, &s.sas, FIXTURE_ZONES, s.now_s), 0);
	for (unsigned n = 0; n < N_OPERATIONS && !test_has_failed(); n++) {
		uint64_t registration = 1 + test_rng_below(&rng, N_NAMES);
		uint32_t owner = (uint32_t)(1 + test_rng_below(&rng, 2));
		test_context("operation %u", n);
		switch (test_rng_below(&rng, 16)) {
		case 0 ... 7:
			do_install(&rng, registration, owner);
			break;
		case 8 ... 10:
			do_delete(&rng, registration, owner);
			break;
		case 11:
			do_update(&rng, registration, owner);
			break;
		case 12:
			do_reserve(&rng);
			break;
		case 13:
			fixture_quiesce(&s.sas);
			break;
		case 14:
			sa_reclaim(&s.sas);
			break;
		default:
			do_time(&rng);
		}
		if (n % 16 == 0)
			expect_sums();
	}
	test_context(NULL);
	EXPECT_GT(s.n_told, 100);
	set_delete_all(&s.sets, 1);
	set_delete_all(&s.sets, 2);
	sa_release_all(&s.sas, 1);
	fixture_quiesce(&s.sas);
	sa_reclaim(&s.sas);
	EXPECT_EQ(s.sas.n_free, CAPACITY);
	EXPECT_EQ(s.sas.n_ring, CAPACITY);
	EXPECT_EQ(s.sas.n_wide_free, s.sas.n_wide);
	set_table_free(&s.sets);
	sa_table_free(&s.sas);
}
