#include "controlplane/text.h"

#include <inttypes.h>
#include <stdio.h>

#include "test/shim/test.h"

TEST(text, pieces_and_numbers_stand_behind_each_other)
{
	char out[64];
	struct text t = text_in(out, sizeof(out));
	text_put(&t, "port-c=");
	text_put_number(&t, 5064);
	text_put_bytes(&t, "; not this", 2);
	text_put(&t, "");
	text_put_number(&t, 0);
	EXPECT_EQ(text_end(&t), 14);
	EXPECT_STREQ(out, "port-c=5064; 0");
}

TEST(text, numbers_are_as_printf_has_them)
{
	for (uint64_t number = UINT64_MAX; number; number = number / 3 * 2) {
		char out[32], expected[32];
		struct text t = text_in(out, sizeof(out));
		text_put_number(&t, number);
		snprintf(expected, sizeof(expected), "%" PRIu64, number);
		EXPECT_EQ(text_end(&t), (int)strlen(expected));
		EXPECT_STREQ(out, expected);
	}
}

TEST(text, what_does_not_fit_makes_it_too_long_for_good)
{
	char out[6] = "......";
	struct text t = text_in(out, 5);
	text_put(&t, "abcd");
	EXPECT_EQ(text_end(&t), 4);
	EXPECT_STREQ(out, "abcd");
	t = text_in(out, 5);
	text_put(&t, "abc");
	text_put(&t, "de");
	text_put(&t, "f");
	EXPECT_EQ(text_end(&t), -EMSGSIZE);
	EXPECT_EQ(out[5], '.');
}
