#include "crypto/aka.h"

#include <errno.h>
#include <string.h>

#include "test/shim/test.h"

/* Milenage test set 1; TS 35.208 4.3.1. */
static const uint8_t k[16] = { 0x46, 0x5b, 0x5c, 0xe8, 0xb1, 0x99, 0xb4, 0x9f,
			       0xaa, 0x5f, 0x0a, 0x2e, 0xe2, 0x38, 0xa6, 0xbc };
static const uint8_t opc[16] = { 0xcd, 0x63, 0xcb, 0x71, 0x95, 0x4a, 0x9f, 0x4e,
				 0x48, 0xa5, 0x99, 0x4e, 0x37, 0xa0, 0x2b, 0xaf };
static const uint8_t rand1[16] = { 0x23, 0x55, 0x3c, 0xbe, 0x96, 0x37, 0xa8, 0x9d,
				   0x21, 0x8a, 0xe6, 0x4d, 0xae, 0x47, 0xbf, 0x35 };
static const uint64_t sqn1 = 0xff9bb4d0b607;
static const uint8_t amf[2] = { 0xb9, 0xb9 };
static const struct milenage_key key = { k, opc };

static uint64_t sqn_of(uint64_t seq, uint64_t ind)
{
	return seq << AKA_IND_BITS | ind;
}

/* What an ISIM says to a challenge with this SQN. */
static int challenge(struct milenage *m, struct aka_isim *isim, uint64_t sqn,
		     struct aka_answer *answer)
{
	struct av av;
	EXPECT_EQ(aka_make_av(m, &key, rand1, sqn, amf, &av), 0);
	return aka_check_challenge(m, &key, isim, av.rand, av.autn, answer);
}

/* The AUTS of an ISIM that is at sqn_ms and is sent an old number. */
static void make_auts(struct milenage *m, uint64_t sqn_ms, uint8_t auts[AKA_AUTS_BYTES])
{
	struct aka_isim isim = { 0 };
	struct aka_answer answer;
	isim.seq[sqn_ms % AKA_N_INDS] = sqn_ms >> AKA_IND_BITS;
	EXPECT_EQ(challenge(m, &isim, sqn_ms, &answer), -ERANGE);
	memcpy(auts, answer.auts, AKA_AUTS_BYTES);
}

/* ---- vectors ---- */

TEST(aka, c006a_av_of_test_set_1)
{
	struct milenage *m = milenage_new();
	struct av av;
	uint8_t autn[16], xres[8], ck[16], ik[16];
	ASSERT_TRUE(m);
	test_hex("55f328b43577b9b94a9ffac354dfafb3", autn, sizeof(autn));
	test_hex("a54211d5e3ba50bf", xres, sizeof(xres));
	test_hex("b40ba9a3c58b2a05bbf0d987b21bf8cb", ck, sizeof(ck));
	test_hex("f769bcd751044604127672711c6d3441", ik, sizeof(ik));
	EXPECT_EQ(aka_make_av(m, &key, rand1, sqn1, amf, &av), 0);
	EXPECT_MEM(av.rand, rand1, sizeof(av.rand));
	EXPECT_MEM(av.autn, autn, sizeof(av.autn));
	EXPECT_EQ(av.xres_bytes, 8);
	EXPECT_MEM(av.xres, xres, 8);
	EXPECT_MEM(av.ck, ck, 16);
	EXPECT_MEM(av.ik, ik, 16);
	milenage_free(m);
}

TEST(aka, c006b_amf_is_carried_and_authenticated)
{
	static const uint8_t amfs[][2] = { { 0, 0 }, { 0x80, 0 }, { 0xb9, 0xb9 } };
	struct milenage *m = milenage_new();
	ASSERT_TRUE(m);
	for (int i = 0; i < 3; i++) {
		struct aka_isim isim = { 0 };
		struct aka_answer answer;
		struct av av;
		EXPECT_EQ(aka_make_av(m, &key, rand1, 32, amfs[i], &av), 0);
		EXPECT_MEM(av.autn + 6, amfs[i], 2);
		av.autn[7] ^= 1;
		EXPECT_EQ(aka_check_challenge(m, &key, &isim, av.rand, av.autn, &answer), -EBADMSG);
		av.autn[7] ^= 1;
		EXPECT_EQ(aka_check_challenge(m, &key, &isim, av.rand, av.autn, &answer), 0);
	}
	milenage_free(m);
}

TEST(aka, c005b_res_of_4_to_16_bytes_is_legal)
{
	for (size_t n = 0; n < 40; n++)
		EXPECT_EQ(aka_res_is_valid(n), n >= 4 && n <= 16);
}

TEST(aka, c139_rand_of_each_av_is_fresh)
{
	enum {
		N_AVS = 1000,
	};
	static uint8_t seen[N_AVS][16];
	struct milenage *m = milenage_new();
	ASSERT_TRUE(m);
	for (int i = 0; i < N_AVS; i++) {
		struct av av;
		EXPECT_EQ(aka_make_fresh_av(m, &key, sqn1, amf, &av), 0);
		memcpy(seen[i], av.rand, 16);
		for (int j = 0; j < i; j++)
			ASSERT_TRUE(memcmp(seen[i], seen[j], 16) != 0);
	}
	milenage_free(m);
}

/* ---- the ISIM ---- */

TEST(aka, c014b_isim_and_hss_agree_on_res_and_keys)
{
	struct milenage *m = milenage_new();
	struct aka_isim isim = { 0 };
	struct aka_answer answer;
	struct av av;
	ASSERT_TRUE(m);
	EXPECT_EQ(aka_make_fresh_av(m, &key, sqn_of(1, 1), amf, &av), 0);
	EXPECT_EQ(aka_check_challenge(m, &key, &isim, av.rand, av.autn, &answer), 0);
	EXPECT_EQ(answer.res_bytes, av.xres_bytes);
	EXPECT_MEM(answer.res, av.xres, av.xres_bytes);
	EXPECT_MEM(answer.ck, av.ck, 16);
	EXPECT_MEM(answer.ik, av.ik, 16);
	milenage_free(m);
}

TEST(aka, c013a_every_flipped_bit_of_rand_and_autn_is_a_mac_failure)
{
	static const struct aka_answer nothing;
	static const struct aka_isim fresh;
	struct milenage *m = milenage_new();
	struct aka_isim isim = { 0 };
	struct aka_answer answer;
	struct av av;
	ASSERT_TRUE(m);
	EXPECT_EQ(aka_make_av(m, &key, rand1, sqn_of(1, 1), amf, &av), 0);
	for (unsigned bit = 0; bit < 8 * 32; bit++) {
		uint8_t *byte = bit < 128 ? &av.rand[bit / 8] : &av.autn[bit / 8 - 16];
		test_context("bit %u of RAND and AUTN", bit);
		*byte ^= (uint8_t)(1 << bit % 8);
		EXPECT_EQ(aka_check_challenge(m, &key, &isim, av.rand, av.autn, &answer), -EBADMSG);
		EXPECT_MEM(&answer, &nothing, sizeof(answer));
		EXPECT_MEM(&isim, &fresh, sizeof(isim));
		*byte ^= (uint8_t)(1 << bit % 8);
	}
	EXPECT_EQ(aka_check_challenge(m, &key, &isim, av.rand, av.autn, &answer), 0);
	milenage_free(m);
}

/* One ISIM, one challenge after the other. */
TEST(aka, c013b_sqn_must_be_in_range)
{
	static const struct {
		uint64_t seq, ind;
		int verdict;
		const char *what;
	} rows[] = {
		{ 0, 0, -ERANGE, "zero is what the array begins with" },
		{ 1, 0, 0, "the first" },
		{ 1, 0, -ERANGE, "repeated" },
		{ 1, 1, 0, "the same SEQ under another IND" },
		{ 10, 2, 0, "a jump forward" },
		{ 5, 3, 0, "older than the highest, but new in its place" },
		{ 4, 3, -ERANGE, "older in its place" },
		{ 10, 2, -ERANGE, "repeated" },
		{ 10 + AKA_DELTA + 1, 4, -ERANGE, "too far ahead" },
		{ 10 + AKA_DELTA, 4, 0, "as far ahead as may be" },
		{ 11, 5, 0, "old vectors of another node stay good" },
		{ AKA_MAX_SEQ, 6, -ERANGE, "the last number there is" },
	};
	struct milenage *m = milenage_new();
	struct aka_isim isim = { 0 };
	ASSERT_TRUE(m);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct aka_answer answer;
		struct aka_isim before = isim;
		test_context("row %zu, %s", i, rows[i].what);
		EXPECT_EQ(challenge(m, &isim, sqn_of(rows[i].seq, rows[i].ind), &answer),
			  rows[i].verdict);
		if (rows[i].verdict == 0)
			before.seq[rows[i].ind] = rows[i].seq;
		EXPECT_MEM(&isim, &before, sizeof(isim));
		EXPECT_EQ(answer.res_bytes, rows[i].verdict == 0 ? 8 : 0);
	}
	milenage_free(m);
}

TEST(aka, c031b_auts_of_test_set_1)
{
	struct milenage *m = milenage_new();
	uint8_t auts[AKA_AUTS_BYTES], expected[AKA_AUTS_BYTES];
	ASSERT_TRUE(m);
	make_auts(m, sqn1, auts);
	test_hex("ba853f3c123ccf44e93596e355c6", expected, sizeof(expected));
	EXPECT_MEM(auts, expected, sizeof(auts));
	milenage_free(m);
}

/* ---- the HSS ---- */

TEST(aka, c138a_next_sqn_moves_seq_by_one_and_ind_in_a_circle)
{
	uint64_t sqn = 0, next = 0;
	for (unsigned i = 1; i <= 100; i++) {
		EXPECT_EQ(aka_next_sqn(sqn, &next), 0);
		EXPECT_EQ(next >> AKA_IND_BITS, i);
		EXPECT_EQ(next % AKA_N_INDS, i % AKA_N_INDS);
		sqn = next;
	}
	EXPECT_EQ(aka_next_sqn(sqn_of(AKA_MAX_SEQ - 1, 0), &next), 0);
	EXPECT_EQ(next, sqn_of(AKA_MAX_SEQ, 1));
	EXPECT_EQ(aka_next_sqn(next, &next), -EOVERFLOW);
}

TEST(aka, c138a_an_isim_takes_every_number_of_the_hss_in_any_order_of_32)
{
	struct test_rng rng = { test_seed() };
	struct milenage *m = milenage_new();
	struct aka_isim isim = { 0 };
	uint64_t sqn = 0, batch[AKA_N_INDS];
	ASSERT_TRUE(m);
	for (int round = 0; round < 8; round++) {
		for (unsigned i = 0; i < AKA_N_INDS; i++) {
			EXPECT_EQ(aka_next_sqn(sqn, &batch[i]), 0);
			sqn = batch[i];
		}
		for (unsigned n = AKA_N_INDS; n; n--) {
			struct aka_answer answer;
			unsigned i = (unsigned)test_rng_below(&rng, n);
			EXPECT_EQ(challenge(m, &isim, batch[i], &answer), 0);
			EXPECT_EQ(challenge(m, &isim, batch[i], &answer), -ERANGE);
			batch[i] = batch[n - 1];
		}
	}
	milenage_free(m);
}

/* SEQ of HSS and ISIM; what the HSS has after an AUTS that is genuine, or has one bit wrong. */
static const struct {
	uint64_t hss, isim;
	bool moves;
	const char *what;
} resyncs[] = {
	{ 5, 1000, true, "the ISIM is ahead" },
	{ 999, 1000, true, "the next number is the one it has" },
	{ 1000, 1000, false, "the next number is good" },
	{ 2000, 1000, false, "the HSS is ahead, within delta" },
	{ 999 + AKA_DELTA, 1000, false, "the next number is as far ahead as may be" },
	{ 1000 + AKA_DELTA, 1000, true, "the HSS is too far ahead: it goes back" },
};
enum {
	N_RESYNCS = sizeof(resyncs) / sizeof(resyncs[0]),
};

TEST(aka, c033_genuine_auts_moves_sqn_only_where_the_next_would_be_refused)
{
	struct milenage *m = milenage_new();
	ASSERT_TRUE(m);
	for (int i = 0; i < N_RESYNCS; i++) {
		uint8_t auts[AKA_AUTS_BYTES];
		uint64_t sqn = sqn_of(resyncs[i].hss, 3), sqn_ms = sqn_of(resyncs[i].isim, 7);
		struct aka_isim isim = { 0 };
		struct aka_answer answer;
		test_context("%s", resyncs[i].what);
		make_auts(m, sqn_ms, auts);
		EXPECT_EQ(aka_resync(m, &key, rand1, auts, &sqn), 0);
		EXPECT_EQ(sqn, resyncs[i].moves ? sqn_ms : sqn_of(resyncs[i].hss, 3));
		isim.seq[7] = resyncs[i].isim;
		EXPECT_EQ(aka_next_sqn(sqn, &sqn), 0);
		EXPECT_EQ(challenge(m, &isim, sqn, &answer), 0);
	}
	milenage_free(m);
}

TEST(aka, c033_forged_auts_leaves_sqn)
{
	struct milenage *m = milenage_new();
	uint8_t auts[AKA_AUTS_BYTES];
	ASSERT_TRUE(m);
	make_auts(m, sqn_of(1000, 7), auts);
	for (unsigned bit = 0; bit < 8 * AKA_AUTS_BYTES; bit++) {
		uint64_t sqn = sqn_of(999, 3);
		test_context("bit %u of AUTS", bit);
		auts[bit / 8] ^= (uint8_t)(1 << bit % 8);
		int rc = aka_resync(m, &key, rand1, auts, &sqn);
		/* A smaller SQN_MS needs no verification: the next number would be taken. */
		EXPECT_TRUE(rc == -EBADMSG || (rc == 0 && bit < 8 * AKA_SQN_BYTES));
		EXPECT_EQ(sqn, sqn_of(999, 3));
		auts[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	milenage_free(m);
}

TEST(aka, c033_auts_belongs_to_its_rand_and_its_subscriber)
{
	struct milenage *m = milenage_new();
	uint8_t auts[AKA_AUTS_BYTES], rand[16];
	uint64_t sqn = sqn_of(5, 3);
	struct milenage_key other = { opc, k };
	ASSERT_TRUE(m);
	make_auts(m, sqn_of(AKA_DELTA, 7), auts);
	memcpy(rand, rand1, sizeof(rand));
	rand[0] ^= 1;
	EXPECT_EQ(aka_resync(m, &key, rand, auts, &sqn), -EBADMSG);
	EXPECT_EQ(aka_resync(m, &other, rand1, auts, &sqn), -EBADMSG);
	EXPECT_EQ(sqn, sqn_of(5, 3));
	EXPECT_EQ(aka_resync(m, &key, rand1, auts, &sqn), 0);
	EXPECT_EQ(sqn, sqn_of(AKA_DELTA, 7));
	milenage_free(m);
}
