/*
 * The bytes of a TCP peer, cut into messages. The first byte says in what pieces they come; however
 * they come, the messages are the same, and the parser sees no other end of one than the stream
 * did.
 */
#include "test/fuzz/fuzz.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip.h"
#include "controlplane/sip_frame.h"

/* What was found, in order; equal for equal streams. */
struct found {
	size_t n;
	size_t end; /* of the last item */
	enum sip_frame_kind last;
	uint64_t digest;
};

static void expect_same_end(const char *bytes, size_t n_bytes, const struct sip_frame *f)
{
	struct sip *s;
	if (sip_parse(bytes, n_bytes, &s))
		return;
	if (s->body_bytes != f->body_bytes || f->head_bytes + f->body_bytes != n_bytes)
		abort();
	sip_free(s);
}

static void look_at_head(const char *bytes, size_t n_bytes)
{
	struct sip *s;
	if (!sip_parse_head(bytes, n_bytes, &s))
		sip_free(s);
}

/* The pieces grow by `step`; each is copied, so that reading behind it is found. */
static struct found cut(const char *bytes, size_t n_bytes, size_t step)
{
	struct found found = { 0 };
	struct sip_frame f = { 0 };
	for (size_t end = step < n_bytes ? step : n_bytes;;
	     end = end + step < n_bytes ? end + step : n_bytes) {
		for (;;) {
			size_t n = end - found.end, n_item;
			char *piece = malloc(n ? n : 1);
			if (!piece)
				abort();
			memcpy(piece, bytes + found.end, n);
			enum sip_frame_kind kind = sip_frame_next(&f, piece, n, &n_item);
			if (kind == SIP_FRAME_MESSAGE)
				expect_same_end(piece, n_item, &f);
			if (kind == SIP_FRAME_BAD_LENGTH || kind == SIP_FRAME_TOO_BIG)
				look_at_head(piece, n_item);
			free(piece);
			if (kind != SIP_FRAME_MORE && n_item > n)
				abort();
			if (kind == SIP_FRAME_MORE)
				break;
			found.n++;
			found.last = kind;
			found.digest = found.digest * 31 + (unsigned)kind * 7 + n_item;
			if (kind == SIP_FRAME_BAD_LENGTH || kind == SIP_FRAME_TOO_BIG)
				return found;
			found.end += n_item;
			f = (struct sip_frame){ 0 };
		}
		if (end == n_bytes)
			return found;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static bool started;
	if (!started)
		sip_init();
	started = true;
	if (size < 2 || size > 20000)
		return 0;
	const char *bytes = (const char *)data + 1;
	/* Byte by byte would be slow for what is long. */
	size_t step = data[0] % 16 + 1 + size / 256;
	struct found whole = cut(bytes, size - 1, size), pieces = cut(bytes, size - 1, step);
	/* A head that is too long is seen when the limit is passed, whole or not. */
	if (whole.last == SIP_FRAME_TOO_BIG || pieces.last == SIP_FRAME_TOO_BIG)
		return 0;
	if (whole.n != pieces.n || whole.digest != pieces.digest || whole.end != pieces.end)
		abort();
	return 0;
}
