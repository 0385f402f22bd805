/* Sets on their way from one data plane to another, and numbers that come half used. */
#include <errno.h>
#include <string.h>

#include "test/shim/test.h"
#include "test/unit/dataplane_fixture.h"
#include "test/unit/talk.h"

static struct api_set_state export(struct talk *t, unsigned client, uint64_t registration)
{
	struct api_set_id id = { .registration = registration };
	struct api_set_state state;
	EXPECT_EQ(TALK_ASK(t, client, API_SET_EXPORT, id), 0);
	talk_entry(t, 0, &state, sizeof(state), 0);
	EXPECT_EQ(state.registration, registration);
	return state;
}

static int32_t change(struct talk *t, unsigned client, enum api_type type, uint64_t registration)
{
	struct api_set_id id = { .registration = registration };
	struct api_set_result r;
	EXPECT_EQ(TALK_ASK(t, client, type, id), 0);
	talk_entry(t, 0, &r, sizeof(r), 0);
	return r.status;
}

static struct sa *sa_of(struct talk *t, uint32_t spi)
{
	for (uint32_t slot = 0; slot < t->c.sas.capacity; slot++) {
		if (sa_is_live(&t->c.sas, slot) && sa_spi(&t->c.sas, slot) == spi)
			return &t->c.sas.sa[slot];
	}
	return NULL;
}

TEST(request, c093_a_frozen_set_passes_nothing_until_it_is_thawed)
{
	struct talk t;
	struct api_set_result r;
	talk_open_and_greet(&t);
	struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	set.lifetime_s = 100;
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	EXPECT_EQ(change(&t, 1, API_SET_FREEZE, set.registration), -ENOENT);
	EXPECT_EQ(change(&t, 0, API_SET_FREEZE, set.registration), 0);
	for (unsigned i = 0; i < API_SET_SAS; i++)
		EXPECT_TRUE(sa_is_expired(sa_of(&t, r.spi[i]), 1));
	/* A longer life does not thaw it. */
	struct api_set_update update = { .registration = set.registration, .lifetime_s = 50 };
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_UPDATE, update), 0);
	for (unsigned i = 0; i < API_SET_SAS; i++)
		EXPECT_TRUE(sa_is_expired(sa_of(&t, r.spi[i]), 1));
	EXPECT_EQ(change(&t, 0, API_SET_THAW, set.registration), 0);
	for (unsigned i = 0; i < API_SET_SAS; i++) {
		EXPECT_FALSE(sa_is_expired(sa_of(&t, r.spi[i]), 49));
		EXPECT_TRUE(sa_is_expired(sa_of(&t, r.spi[i]), 52));
	}
	talk_close(&t);
}

TEST(request, c093_the_state_of_a_frozen_set_waits_for_the_workers)
{
	struct talk t;
	struct api_set_result r;
	talk_open_and_greet(&t);
	EXPECT_EQ(talk_install(&t, 0, 1, &r), 0);
	EXPECT_EQ(export(&t, 0, r.registration).status, 0); /* not frozen: as it is */
	EXPECT_EQ(export(&t, 0, r.registration).is_frozen, 0);
	EXPECT_EQ(export(&t, 1, r.registration).status, -ENOENT);
	EXPECT_EQ(change(&t, 0, API_SET_FREEZE, r.registration), 0);
	EXPECT_EQ(export(&t, 0, r.registration).status, -EAGAIN);
	/* What a worker had begun. */
	sa_of(&t, r.spi[SET_PC_TO_US])->run.replay.top = 7;
	fixture_quiesce(&t.c.sas);
	struct api_set_state state = export(&t, 0, r.registration);
	EXPECT_EQ(state.status, 0);
	EXPECT_EQ(state.is_frozen, 1);
	EXPECT_EQ(state.sa[SET_PC_TO_US].sequence, 7);
	EXPECT_EQ(state.sa[SET_PC_TO_US].spi, r.spi[SET_PC_TO_US]);
	talk_close(&t);
}

/* The same data plane is the other one, too: the slots of the SPIs are free by then. */
TEST(request, c093_a_state_goes_into_a_restore_as_it_is)
{
	struct talk t;
	struct api_set_result r;
	struct test_rng rng = { test_seed() };
	talk_open_and_greet(&t);
	struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
	set.sa[SET_UC_TO_PS].window_pkts = 1024;
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	for (unsigned n = 0; n < 1500; n++) {
		uint32_t number = (uint32_t)(1 + test_rng_below(&rng, 2000));
		sa_replay_commit(sa_of(&t, r.spi[SET_UC_TO_PS]), number);
		sa_replay_commit(sa_of(&t, r.spi[SET_US_TO_PC]), number / 2 + 1);
	}
	sa_of(&t, r.spi[SET_PS_TO_UC])->run.replay.top = 41;
	EXPECT_EQ(change(&t, 0, API_SET_FREEZE, set.registration), 0);
	fixture_quiesce(&t.c.sas);
	struct api_set_state before = export(&t, 0, set.registration);
	EXPECT_EQ(change(&t, 0, API_SET_DELETE, set.registration), 0);
	fixture_quiesce(&t.c.sas);
	sa_reclaim(&t.c.sas);

	struct api_set_restore restore = { .set = set };
	memcpy(restore.set.sa, before.sa, sizeof(before.sa));
	memcpy(restore.window, before.window, sizeof(before.window));
	EXPECT_EQ(TALK_ASK(&t, 0, API_SET_RESTORE, restore), 0);
	talk_entry(&t, 0, &r, sizeof(r), 0);
	ASSERT_EQ(r.status, 0);
	struct api_set_state after = export(&t, 0, set.registration);
	EXPECT_MEM(after.sa, before.sa, sizeof(before.sa));
	EXPECT_MEM(after.window, before.window, sizeof(before.window));
	talk_close(&t);
}

TEST(request, c074a_an_sa_that_comes_half_used_is_told_of)
{
	static const struct {
		uint64_t sequence;
		uint32_t n_told;
	} claims[] = { { (UINT64_C(1) << 31) - 1, 0 },
		       { UINT64_C(1) << 31, 1 },
		       { UINT32_MAX, 1 } };
	for (size_t i = 0; i < sizeof(claims) / sizeof(claims[0]); i++) {
		struct talk t;
		talk_open_and_greet(&t);
		struct api_set set = set_two_pairs(1, CRYPTO_HMAC_SHA1_NULL, API_IPV4);
		set.sa[SET_PC_TO_US].sequence = claims[i].sequence;
		set.sa[SET_UC_TO_PS].sequence = UINT32_MAX; /* received: no business of ours */
		EXPECT_EQ(TALK_ASK(&t, 0, API_SET_INSTALL, set), 0);
		EXPECT_EQ(t.c.control.n_due, claims[i].n_told);
		if (claims[i].n_told)
			EXPECT_EQ(sa_spi(&t.c.sas, t.c.control.due[0]), set.sa[SET_PC_TO_US].spi);
		talk_close(&t);
	}
}
