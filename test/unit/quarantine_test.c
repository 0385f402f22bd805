/* Tuples of the dead: kept from others for a time, given back to whom they served. */
#include "dataplane/quarantine.h"

#include <errno.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/talk.h"

enum {
	N_ENTRIES = 1024,
	TIME_S = 10,
	START_S = 100,
};

/* ---- single tuples ---- */

TEST(quarantine, a_tuple_is_kept_from_others_for_its_time_and_never_from_its_own)
{
	struct quarantine *q = quarantine_new(N_ENTRIES, TIME_S);
	uint64_t hash = UINT64_C(0x0123456789abcdef);
	EXPECT_FALSE(quarantine_holds(q, hash, 2, START_S));
	quarantine_enter(q, hash, 1, START_S);
	for (uint32_t s = START_S; s <= START_S + TIME_S; s++) {
		EXPECT_TRUE(quarantine_holds(q, hash, 2, s));
		EXPECT_FALSE(quarantine_holds(q, hash, 1, s));
		EXPECT_FALSE(quarantine_holds(q, hash ^ UINT64_C(1) << 32, 2, s));
	}
	EXPECT_FALSE(quarantine_holds(q, hash, 2, START_S + TIME_S + 1));
	/* Dead again, and another's meanwhile: the last one counts. */
	quarantine_enter(q, hash, 2, START_S + 20);
	EXPECT_TRUE(quarantine_holds(q, hash, 1, START_S + 20));
	EXPECT_FALSE(quarantine_holds(q, hash, 2, START_S + 20));
	quarantine_free(q);
}

TEST(quarantine, all_pairs_of_a_table_that_die_together_are_kept)
{
	struct test_rng rng = { test_seed() };
	struct quarantine *q = quarantine_new(N_ENTRIES, TIME_S);
	static uint64_t hash[N_ENTRIES / 2]; /* a pair is two SAs */
	unsigned n_held = 0;
	for (unsigned round = 0; round < 50; round++) {
		uint32_t now_s = START_S + round * (TIME_S + 1);
		for (size_t i = 0; i < N_ENTRIES / 2; i++) {
			hash[i] = test_rng_next(&rng);
			quarantine_enter(q, hash[i], 1, now_s);
		}
		for (size_t i = 0; i < N_ENTRIES / 2; i++)
			n_held += quarantine_holds(q, hash[i], 2, now_s);
	}
	EXPECT_GE(n_held, 50 * N_ENTRIES / 2 - 3);
	EXPECT_LE(quarantine_n_forgotten(q), 3); /* of 25600 */
	quarantine_free(q);
}

TEST(quarantine, beyond_its_bound_it_forgets_what_ends_first_and_counts_it)
{
	struct test_rng rng = { test_seed() };
	struct quarantine *q = quarantine_new(N_ENTRIES, TIME_S);
	for (unsigned i = 0; i < 3 * N_ENTRIES; i++) {
		uint64_t hash = test_rng_next(&rng);
		quarantine_enter(q, hash, 1, START_S + i / N_ENTRIES);
		EXPECT_TRUE(quarantine_holds(q, hash, 2, START_S + i / N_ENTRIES));
	}
	EXPECT_GE(quarantine_n_forgotten(q), 3 * N_ENTRIES - N_ENTRIES * 5 / 4);
	EXPECT_LT(quarantine_n_forgotten(q), 3 * N_ENTRIES);
	quarantine_free(q);
}

/* ---- sets ---- */

static int32_t install_as(struct talk *t, unsigned client, uint64_t registration, uint32_t subject)
{
	struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	struct api_set_result r;
	set.registration = registration;
	set.subject = subject;
	EXPECT_EQ(TALK_ASK(t, client, API_SET_INSTALL, set), 0);
	talk_entry(t, 0, &r, sizeof(r), 0);
	return r.status;
}

static void remove_of(struct talk *t, unsigned client, uint64_t registration)
{
	struct api_set_id id = { .registration = registration };
	EXPECT_EQ(TALK_ASK(t, client, API_SET_DELETE, id), 0);
	fixture_quiesce(&t->c.sas);
	sa_reclaim(&t->c.sas);
}

static void open_with_quarantine(struct talk *t)
{
	talk_open_and_greet(t);
	ASSERT_EQ(set_quarantine(&t->c.control.sets, TIME_S), 0);
}

TEST(quarantine, a_subject_gets_its_tuples_back_at_once_and_others_later)
{
	static const struct {
		const char *what;
		unsigned client;
		uint64_t registration;
		uint32_t subject;
		int32_t status;
	} claims[] = {
		{ "another set of another subject", 0, 2, 8, -EAGAIN },
		{ "another set of none", 0, 2, 0, -EAGAIN },
		{ "the same registration of none", 0, 1, 0, -EAGAIN },
		{ "another owner's", 1, 1, 7, -EAGAIN },
		{ "another set of the same subject", 0, 2, 7, 0 },
		{ "the same set", 0, 1, 7, 0 },
	};
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct talk t;
		test_context("%s", claims[i].what);
		open_with_quarantine(&t);
		EXPECT_EQ(install_as(&t, 0, 1, 7), 0);
		remove_of(&t, 0, 1);
		EXPECT_EQ(
			install_as(&t, claims[i].client, claims[i].registration, claims[i].subject),
			claims[i].status);
		if (claims[i].status) {
			fixture_control_pass(&t.c, TIME_S + 2);
			EXPECT_EQ(install_as(&t, claims[i].client, claims[i].registration,
					     claims[i].subject),
				  0);
		}
		talk_close(&t);
	}
}

TEST(quarantine, without_a_subject_a_set_is_its_own)
{
	struct talk t;
	open_with_quarantine(&t);
	EXPECT_EQ(install_as(&t, 0, 1, 0), 0);
	remove_of(&t, 0, 1);
	EXPECT_EQ(install_as(&t, 0, 2, 0), -EAGAIN);
	EXPECT_EQ(install_as(&t, 0, 1, 0), 0);
	talk_close(&t);
}

TEST(quarantine, the_second_pair_alone_is_kept_too)
{
	struct talk t;
	struct api_set_result r;
	open_with_quarantine(&t);
	EXPECT_EQ(install_as(&t, 0, 1, 7), 0);
	remove_of(&t, 0, 1);
	struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	set.registration = 2;
	memset(&set.sa[SET_UC_TO_PS], 0, sizeof(set.sa[0]));
	memset(&set.sa[SET_PS_TO_UC], 0, sizeof(set.sa[0]));
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	EXPECT_EQ(r.status, -EAGAIN);
	set.sa[SET_PC_TO_US].local_port++; /* TS 33.203 7.4: port_pc changes */
	set.sa[SET_US_TO_PC].local_port++;
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	EXPECT_EQ(r.status, 0);
	talk_close(&t);
}
