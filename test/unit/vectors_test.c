/* The queue of vectors of the S-CSCF: C-007, C-008. */
#include <errno.h>

#include "controlplane/cx.h"
#include "controlplane/vectors.h"
#include "test/shim/test.h"

static struct cx_maa answer_of(const uint32_t *numbers, unsigned n)
{
	struct cx_maa a = { .n_items = n };

	for (unsigned i = 0; i < n; i++) {
		a.items[i].number = numbers[i];
		a.items[i].rand[0] = (uint8_t)numbers[i];
	}
	return a;
}

TEST(vectors, c007_items_that_come_shuffled_are_taken_in_the_order_of_their_numbers)
{
	const struct cx_maa a = answer_of((uint32_t[]){ 4, 1, 3, 2, 9 }, 5);
	const struct cx_maa b = answer_of((uint32_t[]){ 2, 0 }, 2);
	static const uint8_t expected[] = { 1, 2, 3, 4, 9, 0, 2 };
	struct vectors v = { 0 };
	struct cx_item item;

	EXPECT_EQ(vectors_add(&v, &a), 0);
	EXPECT_EQ(vectors_add(&v, &b), 0);
	for (unsigned i = 0; i < sizeof(expected); i++) {
		ASSERT_TRUE(vectors_take(&v, &item));
		EXPECT_EQ(item.rand[0], expected[i]);
	}
	EXPECT_FALSE(vectors_take(&v, &item));
	EXPECT_TRUE(v.items == NULL);
}

TEST(vectors, number_that_comes_twice_is_refused)
{
	const struct cx_maa a = answer_of((uint32_t[]){ 1, 2, 1 }, 3);
	struct vectors v = { 0 };

	EXPECT_EQ(vectors_add(&v, &a), -EINVAL);
	vectors_clear(&v);
}

TEST(vectors, c008_what_does_not_fit_is_the_newest)
{
	struct vectors v = { 0 };
	struct cx_item item;

	for (uint32_t i = 0; i < 2 * CX_MAX_ITEMS; i++) {
		const struct cx_maa a = answer_of(&i, 1);

		EXPECT_EQ(vectors_add(&v, &a), 0);
	}
	for (uint32_t i = 0; i < CX_MAX_ITEMS; i++) {
		ASSERT_TRUE(vectors_take(&v, &item));
		EXPECT_EQ(item.number, i);
	}
	EXPECT_FALSE(vectors_take(&v, &item));
}

TEST(vectors, moving_keeps_the_order)
{
	const struct cx_maa a = answer_of((uint32_t[]){ 1, 2 }, 2);
	const struct cx_maa b = answer_of((uint32_t[]){ 3, 4 }, 2);
	struct vectors to = { 0 }, from = { 0 };
	struct cx_item item;

	EXPECT_EQ(vectors_add(&to, &a), 0);
	EXPECT_EQ(vectors_add(&from, &b), 0);
	EXPECT_EQ(vectors_move(&to, &from), 0);
	EXPECT_EQ(from.n, 0);
	for (uint32_t i = 1; i <= 4; i++) {
		ASSERT_TRUE(vectors_take(&to, &item));
		EXPECT_EQ(item.number, i);
	}
}
