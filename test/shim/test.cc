#include "test/shim/test.h"

#include <gtest/gtest.h>

#include <cinttypes>
#include <csetjmp>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <string>

namespace
{

std::string context;
jmp_buf end; // of the running test

class CCase : public testing::Test
{
      public:
	explicit CCase(void (*run)(void)) : run_(run)
	{
	}
	void TestBody() override
	{
		context.clear();
		if (setjmp(end) == 0) // over frames of C, where nothing is to be destroyed
			run_();
	}

      private:
	void (*run_)(void);
};

void report(testing::TestPartResult::Type type, const char *file, int line, const std::string &text)
{
	std::string whole = context.empty() ? text : context + ": " + text;
	testing::internal::AssertHelper(type, file, line, whole.c_str()) = testing::Message();
}

void fail(const test_claim &claim, const std::string &text)
{
	report(testing::TestPartResult::kNonFatalFailure, claim.file, claim.line, text);
}

std::string format_text(const char *format, va_list arguments)
{
	char text[1024];
	vsnprintf(text, sizeof(text), format, arguments);
	return text;
}

std::string decimal(__int128 value)
{
	// Every operand is at most 64 bits wide, so sign and magnitude say it all.
	char text[64];
	bool negative = value < 0;
	uint64_t magnitude = (uint64_t)(negative ? -value : value);
	snprintf(text, sizeof(text), "%s%" PRIu64 " (%s0x%" PRIx64 ")", negative ? "-" : "",
		 magnitude, negative ? "-" : "", magnitude);
	return text;
}

bool holds(enum test_relation relation, __int128 left, __int128 right)
{
	switch (relation) {
	case TEST_EQ:
		return left == right;
	case TEST_NE:
		return left != right;
	case TEST_LT:
		return left < right;
	case TEST_LE:
		return left <= right;
	case TEST_GT:
		return left > right;
	case TEST_GE:
		return left >= right;
	}
	return false;
}

// The 16-byte rows of both sides that differ, with a mark under each byte that does.
std::string difference(const uint8_t *left, const uint8_t *right, size_t n_bytes)
{
	constexpr size_t row_bytes = 16, max_rows = 8;
	std::string text;
	size_t n_rows = 0;

	for (size_t at = 0; at < n_bytes; at += row_bytes) {
		size_t n = std::min(row_bytes, n_bytes - at);
		if (memcmp(left + at, right + at, n) == 0)
			continue;
		if (n_rows++ == max_rows)
			return text + "  …\n";
		std::string rows[3];
		for (size_t i = at; i < at + n; i++) {
			char byte[8];
			snprintf(byte, sizeof(byte), " %02x", left[i]);
			rows[0] += byte;
			snprintf(byte, sizeof(byte), " %02x", right[i]);
			rows[1] += byte;
			rows[2] += left[i] == right[i] ? "   " : " ^^";
		}
		char offset[32];
		snprintf(offset, sizeof(offset), "  %04zx", at);
		text += std::string(offset) + rows[0] + "\n      " + rows[1] + "\n      " +
			rows[2] + "\n";
	}
	return text;
}

} // namespace

void test_register(const char *suite, const char *name, const char *file, int line,
		   void (*run)(void))
{
	testing::RegisterTest(suite, name, nullptr, nullptr, file, line,
			      [run]() -> testing::Test * { return new CCase(run); });
}

bool test_integers(struct test_claim claim, enum test_relation relation, __int128 left,
		   __int128 right)
{
	static const char *const sign[] = { "==", "!=", "<", "<=", ">", ">=" };

	if (holds(relation, left, right))
		return true;
	fail(claim, std::string("expected ") + claim.left + " " + sign[relation] + " " +
			    claim.right + "\n  left:  " + decimal(left) +
			    "\n  right: " + decimal(right));
	return false;
}

bool test_truth(struct test_claim claim, bool value, bool expected)
{
	if (value == expected)
		return true;
	fail(claim, std::string("expected ") + claim.left + " to be " + claim.right);
	return false;
}

bool test_strings(struct test_claim claim, const char *left, const char *right)
{
	if (left == right || (left && right && strcmp(left, right) == 0))
		return true;
	auto quoted = [](const char *s) { return s ? "\"" + std::string(s) + "\"" : "NULL"; };
	fail(claim, std::string("expected ") + claim.left + " == " + claim.right +
			    "\n  left:  " + quoted(left) + "\n  right: " + quoted(right));
	return false;
}

bool test_memory(struct test_claim claim, const void *left, const void *right, size_t n_bytes)
{
	if (n_bytes == 0 || memcmp(left, right, n_bytes) == 0)
		return true;
	fail(claim, std::string("expected ") + claim.left + " == " + claim.right + ", " +
			    std::to_string(n_bytes) + " bytes; left over right:\n" +
			    difference(static_cast<const uint8_t *>(left),
				       static_cast<const uint8_t *>(right), n_bytes));
	return false;
}

void test_fail(const char *file, int line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	report(testing::TestPartResult::kNonFatalFailure, file, line,
	       format_text(format, arguments));
	va_end(arguments);
}

void test_skip(const char *file, int line, const char *format, ...)
{
	va_list arguments;
	va_start(arguments, format);
	report(testing::TestPartResult::kSkip, file, line, format_text(format, arguments));
	va_end(arguments);
}

void test_give_up(void)
{
	longjmp(end, 1);
}

void test_context(const char *format, ...)
{
	context.clear();
	if (!format)
		return;
	va_list arguments;
	va_start(arguments, format);
	context = format_text(format, arguments);
	va_end(arguments);
}

bool test_has_failed(void)
{
	return testing::Test::HasFailure();
}

uint64_t test_seed(void)
{
	static const uint64_t seed = [] {
		const char *given = getenv("TEST_SEED");
		std::random_device random;
		return given ? strtoull(given, nullptr, 0)
			     : (uint64_t)random() << 32 | (uint64_t)random();
	}();

	printf("TEST_SEED=0x%" PRIx64 "\n", seed);
	fflush(stdout);
	return seed;
}

size_t test_hex(const char *text, void *bytes, size_t max_bytes)
{
	uint8_t *to = static_cast<uint8_t *>(bytes);
	size_t n_digits = 0;

	for (const char *c = text; *c; c++) {
		if (isspace((unsigned char)*c))
			continue;
		if (!isxdigit((unsigned char)*c) || n_digits / 2 == max_bytes) {
			test_fail(__FILE__, __LINE__, "not %zu bytes of hex: %s", max_bytes, text);
			return 0;
		}
		unsigned digit = isdigit((unsigned char)*c) ? *c - '0' : (*c | 0x20) - 'a' + 10;
		uint8_t *byte = &to[n_digits / 2];
		*byte = n_digits % 2 ? (uint8_t)(*byte << 4 | digit) : (uint8_t)digit;
		n_digits++;
	}
	if (n_digits % 2)
		test_fail(__FILE__, __LINE__, "half a byte of hex: %s", text);
	return n_digits / 2;
}
