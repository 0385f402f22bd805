/*
 * Google Test for tests written in C.
 *
 *	TEST(suite, name_says_the_law)
 *	{
 *		EXPECT_EQ(sum(2, 2), 4);
 *	}
 *
 * Each TEST registers itself before main() and runs as a Google Test case, so that --gtest_filter,
 * --gtest_repeat and --gtest_shuffle work. EXPECT_… reports and goes on; ASSERT_… reports and
 * returns from the function it stands in, which must return void. What follows a helper that may
 * have failed asks test_has_failed(). One thread only.
 */
#ifndef TEST_SHIM_TEST_H
#define TEST_SHIM_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Where a claim stands and how it reads. */
struct test_claim {
	const char *file;
	int line;
	const char *left;
	const char *right;
};

enum test_relation {
	TEST_EQ,
	TEST_NE,
	TEST_LT,
	TEST_LE,
	TEST_GT,
	TEST_GE,
};

void test_register(const char *suite, const char *name, const char *file, int line,
		   void (*run)(void));

/* Each returns whether the claim holds, and reports a failure when it does not. */
bool test_integers(struct test_claim claim, enum test_relation relation, __int128 left,
		   __int128 right);
bool test_truth(struct test_claim claim, bool value, bool expected);
bool test_strings(struct test_claim claim, const char *left, const char *right);
bool test_memory(struct test_claim claim, const void *left, const void *right, size_t n_bytes);

void test_fail(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void test_skip(const char *file, int line, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Ends the running test where it stands, for a fixture whose claim has failed that all else rests
 * on. What the test had opened stays open.
 */
void test_give_up(void) __attribute__((noreturn));

/* Goes before every report of this test from here on; NULL ends it. For loops over a table. */
void test_context(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* True when a claim of the running test has failed. */
bool test_has_failed(void);

/*
 * The seed of a sweep: environment TEST_SEED (any base), else random; the same for the whole
 * run, and printed, so that a failure can be run again.
 */
uint64_t test_seed(void);

/* A small generator for sweeps (splitmix64). Start it with { test_seed() }. */
struct test_rng {
	uint64_t state;
};
uint64_t test_rng_next(struct test_rng *rng);
uint64_t test_rng_below(struct test_rng *rng, uint64_t limit); /* 0 … limit − 1 */
void test_rng_fill(struct test_rng *rng, void *bytes, size_t n_bytes);

/*
 * Bytes from hex text; blanks between digits are skipped. Returns their number; the test fails
 * when the text is not hex or longer than max_bytes.
 */
size_t test_hex(const char *text, void *bytes, size_t max_bytes);

#ifdef __cplusplus
}
#else

#define TEST(suite, name)                                                                          \
	static void suite##_##name(void);                                                          \
	__attribute__((constructor)) static void suite##_##name##_register(void)                   \
	{                                                                                          \
		test_register(#suite, #name, __FILE__, __LINE__, suite##_##name);                  \
	}                                                                                          \
	static void suite##_##name(void)

#define TEST_CLAIM(a, b) ((struct test_claim){ __FILE__, __LINE__, #a, #b })
#define TEST_INTEGERS(relation, a, b)                                                              \
	test_integers(TEST_CLAIM(a, b), relation, (__int128)(a), (__int128)(b))
#define TEST_OR_RETURN(holds)                                                                      \
	do {                                                                                       \
		if (!(holds))                                                                      \
			return;                                                                    \
	} while (0)

/* Integers and enums of any width and sign, compared by value. */
#define EXPECT_EQ(a, b)     ((void)TEST_INTEGERS(TEST_EQ, a, b))
#define EXPECT_NE(a, b)     ((void)TEST_INTEGERS(TEST_NE, a, b))
#define EXPECT_LT(a, b)     ((void)TEST_INTEGERS(TEST_LT, a, b))
#define EXPECT_LE(a, b)     ((void)TEST_INTEGERS(TEST_LE, a, b))
#define EXPECT_GT(a, b)     ((void)TEST_INTEGERS(TEST_GT, a, b))
#define EXPECT_GE(a, b)     ((void)TEST_INTEGERS(TEST_GE, a, b))
#define EXPECT_TRUE(a)      ((void)test_truth(TEST_CLAIM(a, true), (a) ? true : false, true))
#define EXPECT_FALSE(a)     ((void)test_truth(TEST_CLAIM(a, false), (a) ? true : false, false))
#define EXPECT_STREQ(a, b)  ((void)test_strings(TEST_CLAIM(a, b), a, b))
#define EXPECT_MEM(a, b, n) ((void)test_memory(TEST_CLAIM(a, b), a, b, n))

#define ASSERT_EQ(a, b)     TEST_OR_RETURN(TEST_INTEGERS(TEST_EQ, a, b))
#define ASSERT_NE(a, b)     TEST_OR_RETURN(TEST_INTEGERS(TEST_NE, a, b))
#define ASSERT_LT(a, b)     TEST_OR_RETURN(TEST_INTEGERS(TEST_LT, a, b))
#define ASSERT_LE(a, b)     TEST_OR_RETURN(TEST_INTEGERS(TEST_LE, a, b))
#define ASSERT_GT(a, b)     TEST_OR_RETURN(TEST_INTEGERS(TEST_GT, a, b))
#define ASSERT_GE(a, b)     TEST_OR_RETURN(TEST_INTEGERS(TEST_GE, a, b))
#define ASSERT_TRUE(a)      TEST_OR_RETURN(test_truth(TEST_CLAIM(a, true), (a) ? true : false, true))
#define ASSERT_FALSE(a)     TEST_OR_RETURN(test_truth(TEST_CLAIM(a, false), (a) ? true : false, false))
#define ASSERT_STREQ(a, b)  TEST_OR_RETURN(test_strings(TEST_CLAIM(a, b), a, b))
#define ASSERT_MEM(a, b, n) TEST_OR_RETURN(test_memory(TEST_CLAIM(a, b), a, b, n))

/* A failure in the test's own words. */
#define TEST_MESSAGE(...)   test_fail(__FILE__, __LINE__, __VA_ARGS__)
/* Loud: the reason is printed, and the case is listed as skipped at the end. */
#define TEST_SKIP(...)                                                                             \
	do {                                                                                       \
		test_skip(__FILE__, __LINE__, __VA_ARGS__);                                        \
		return;                                                                            \
	} while (0)

#endif
#endif
