/* Where a message ends in a stream of bytes. */
#include "controlplane/sip_frame.h"

#include <string.h>

#include "controlplane/sip.h"
#include "test/shim/test.h"

#define MESSAGE "M sip:a SIP/2.0\r\nVia: x\r\nl: 3\r\n\r\nabc"

TEST(sip_frame, what_a_stream_begins_with)
{
	static const struct {
		const char *bytes;
		enum sip_frame_kind kind;
		size_t n_item;
	} rows[] = {
		{ "", SIP_FRAME_MORE, 0 },
		{ "\r\n\r\n", SIP_FRAME_PING, 4 },
		{ "\r\n\r\nM", SIP_FRAME_PING, 4 },
		{ "\r\nM", SIP_FRAME_BLANK, 1 },
		{ "\nM", SIP_FRAME_BLANK, 1 },
		{ MESSAGE, SIP_FRAME_MESSAGE, sizeof(MESSAGE) - 1 },
		{ MESSAGE MESSAGE, SIP_FRAME_MESSAGE, sizeof(MESSAGE) - 1 },
		{ "M\r\nContent-Length: 0\r\n\r\nM", SIP_FRAME_MESSAGE, 24 },
		{ "M\nCONTENT-LENGTH \t:\t2 \n\nabM", SIP_FRAME_MESSAGE, 26 },
		{ "M\r\nl:1\r\nL: 01\r\n\r\nab", SIP_FRAME_MESSAGE, 18 },
		{ "M\r\nX: y\r\n l: 9\r\nl: 0\r\n\r\n", SIP_FRAME_MESSAGE, 24 }, /* folded */
		{ "M\r\nX: y\r\n \r\nl: 0\r\n\r\n", SIP_FRAME_MESSAGE, 20 },     /* folded, too */
		{ "M\r\nll: 9\r\nl: 0\r\n\r\n", SIP_FRAME_MESSAGE, 18 },
		{ "Content-Length: 3\r\nl: 0\r\n\r\n", SIP_FRAME_MESSAGE, 27 }, /* a start line */
		{ "M\r\n\r\n", SIP_FRAME_BAD_LENGTH, 5 },
		{ "M\r\nl:\r\n\r\n", SIP_FRAME_BAD_LENGTH, 9 },
		{ "M\r\nl: 1x\r\n\r\n", SIP_FRAME_BAD_LENGTH, 12 },
		{ "M\r\nl: -1\r\n\r\n", SIP_FRAME_BAD_LENGTH, 12 },
		{ "M\r\nl: 1\r\nl: 2\r\n\r\n", SIP_FRAME_BAD_LENGTH, 17 },
		{ "M\r\nl: 1\r\n 2\r\n\r\n", SIP_FRAME_BAD_LENGTH, 15 },
		{ "M\r\nl: 65535\r\n\r\n", SIP_FRAME_TOO_BIG, 15 },
		{ "M\r\nl: 99999999999999999999999999\r\n\r\n", SIP_FRAME_TOO_BIG, 36 },
		{ "M\r\nl: 65520\r\n\r\n", SIP_FRAME_MORE, 65535 },
		{ "M\r\nl: 65521\r\n\r\n", SIP_FRAME_TOO_BIG, 15 },
	};
	for (unsigned i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct sip_frame f = { 0 };
		size_t n_item;
		test_context("%s", rows[i].bytes);
		EXPECT_EQ(sip_frame_next(&f, rows[i].bytes, strlen(rows[i].bytes), &n_item),
			  rows[i].kind);
		EXPECT_EQ(n_item, rows[i].n_item);
	}
}

TEST(sip_frame, head_without_an_end_is_too_big)
{
	static char bytes[SIP_HEAD_BYTES + 1];
	struct sip_frame f = { 0 };
	size_t n_item;
	memset(bytes, 'a', sizeof(bytes));
	EXPECT_EQ(sip_frame_next(&f, bytes, SIP_HEAD_BYTES, &n_item), SIP_FRAME_MORE);
	EXPECT_EQ(sip_frame_next(&f, bytes, SIP_HEAD_BYTES + 1, &n_item), SIP_FRAME_TOO_BIG);
	EXPECT_EQ(n_item, 0);
}

/* Whatever the pieces are that it comes in, a stream is the same messages. */
TEST(sip_frame, boundaries_do_not_depend_on_the_pieces)
{
	static const char stream[] = MESSAGE "\r\n\r\n" MESSAGE "\r\n" MESSAGE;
	for (size_t first = 1; first < sizeof(stream) - 1; first++) {
		struct sip_frame f = { 0 };
		unsigned n_messages = 0, n_pings = 0, n_blanks = 0;
		size_t start = 0, n_item;
		test_context("first piece %zu", first);
		for (size_t end = first; end < sizeof(stream); end++) { /* then byte by byte */
			enum sip_frame_kind kind;
			while ((kind = sip_frame_next(&f, stream + start, end - start, &n_item)) !=
			       SIP_FRAME_MORE) {
				n_messages +=
					kind == SIP_FRAME_MESSAGE && n_item == sizeof(MESSAGE) - 1;
				n_pings += kind == SIP_FRAME_PING;
				n_blanks += kind == SIP_FRAME_BLANK;
				start += n_item;
				f = (struct sip_frame){ 0 };
			}
		}
		EXPECT_EQ(start, sizeof(stream) - 1);
		EXPECT_EQ(n_messages, 3);
		EXPECT_EQ(n_pings, 1);
		EXPECT_EQ(n_blanks, 2);
	}
}
