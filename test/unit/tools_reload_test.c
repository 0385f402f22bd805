/* The reply to a reload as a command reads it: from another process, so everything may be wrong. */
#include <errno.h>
#include <string.h>

#include "test/shim/test.h"
#include "tools/reload_reply.h"

static uint8_t entries[sizeof(struct api_reload_result) + 2 * sizeof(struct api_line)];

static struct dataplane_reply reply(struct api_reload_result result, unsigned n_lines)
{
	memcpy(entries, &result, sizeof(result));
	return (struct dataplane_reply){
		.entries = entries,
		.bytes = sizeof(result) + n_lines * sizeof(struct api_line),
		.n = 1 + n_lines,
	};
}

static void put_line(unsigned i, const char *text, size_t n)
{
	uint8_t *line = entries + sizeof(struct api_reload_result) + i * sizeof(struct api_line);

	memset(line, 'x', sizeof(struct api_line));
	memcpy(line, text, n);
}

TEST(tools_reload, status_and_lines_are_as_they_came)
{
	struct dataplane_reply came = reply((struct api_reload_result){ -ENOTSUP, 7 }, 2);
	struct reload_reply r;

	put_line(0, "a: 1 -> 2", sizeof("a: 1 -> 2"));
	put_line(1, "b\033[2J\n", sizeof("b\033[2J\n"));
	ASSERT_EQ(reload_reply_parse(&r, &came), 0);
	EXPECT_EQ(r.result.status, -ENOTSUP);
	EXPECT_EQ(r.result.n_lines, 7);
	EXPECT_EQ(r.n_lines, 2);
	EXPECT_STREQ(reload_reply_line(&r, 0), "a: 1 -> 2");
	EXPECT_STREQ(reload_reply_line(&r, 1), "b?[2J?");
}

TEST(tools_reload, a_line_without_an_end_ends_with_its_room)
{
	struct dataplane_reply came = reply((struct api_reload_result){ 0, 1 }, 1);
	struct reload_reply r;

	put_line(0, "", 0);
	ASSERT_EQ(reload_reply_parse(&r, &came), 0);
	EXPECT_EQ(strlen(reload_reply_line(&r, 0)), API_LINE_BYTES - 1);
}

TEST(tools_reload, lengths_and_numbers_that_do_not_fit_are_refused)
{
	struct dataplane_reply came = reply((struct api_reload_result){ 0, 2 }, 2);
	struct reload_reply r;

	came.bytes--;
	EXPECT_EQ(reload_reply_parse(&r, &came), -EPROTO);
	came = reply((struct api_reload_result){ 0, 2 }, 2);
	came.n = 2;
	EXPECT_EQ(reload_reply_parse(&r, &came), -EPROTO);
	came.n = 0;
	came.bytes = 0;
	EXPECT_EQ(reload_reply_parse(&r, &came), -EPROTO);
	came = reply((struct api_reload_result){ 0, 1 }, 2); /* fewer than came */
	EXPECT_EQ(reload_reply_parse(&r, &came), -EPROTO);
	came = reply((struct api_reload_result){ 1, 2 }, 2);
	EXPECT_EQ(reload_reply_parse(&r, &came), -EPROTO);
}
