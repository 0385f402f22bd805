#include "controlplane/sip_frame.h"

#include <string.h>
#include <strings.h>

#include "controlplane/sip.h"

static const char ping[] = "\r\n\r\n";

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

/* At a boundary; MORE also when no blank is there. */
static enum sip_frame_kind take_blank(const char *bytes, size_t n_bytes, size_t *n_item)
{
	size_t n = strlen(ping);
	if (n_bytes == 0 || (bytes[0] != '\r' && bytes[0] != '\n'))
		return SIP_FRAME_MORE;
	if (!memcmp(bytes, ping, n_bytes < n ? n_bytes : n)) {
		*n_item = n;
		return n_bytes < n ? SIP_FRAME_MORE : SIP_FRAME_PING;
	}
	*n_item = 1;
	return SIP_FRAME_BLANK;
}

bool sip_frame_has_begun(const struct sip_frame *f)
{
	return f->scanned > 0;
}

static bool is_name(const char *line, size_t n, const char *name)
{
	return n == strlen(name) && !strncasecmp(line, name, n);
}

static void take_length(struct sip_frame *f, const char *value, size_t n)
{
	size_t length = 0;
	while (n && is_blank(*value))
		value++, n--;
	while (n && is_blank(value[n - 1]))
		n--;
	f->bad_length = f->bad_length || n == 0;
	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9')
			f->bad_length = true;
		else if (length <= SIP_MESSAGE_BYTES) /* more is too much anyway */
			length = length * 10 + (size_t)(value[i] - '0');
	}
	if (f->n_lengths++ && length != f->body_bytes)
		f->bad_length = true;
	f->body_bytes = length;
}

/* One line of the head without its end, not the start line. */
static void take_line(struct sip_frame *f, const char *line, size_t n)
{
	const char *colon = memchr(line, ':', n);
	if (is_blank(line[0])) { /* RFC 3261 7.3.1; a number in pieces is none */
		f->bad_length = f->bad_length || f->is_length;
		return;
	}
	f->is_length = false;
	if (!colon)
		return;
	size_t name = (size_t)(colon - line);
	while (name && is_blank(line[name - 1]))
		name--;
	f->is_length = is_name(line, name, "Content-Length") || is_name(line, name, "l");
	if (f->is_length)
		take_length(f, colon + 1, n - (size_t)(colon + 1 - line));
}

/* Goes on to the end of the head. False: it is not there. */
static bool find_head(struct sip_frame *f, const char *bytes, size_t n_bytes)
{
	const char *newline;
	while ((newline = memchr(bytes + f->scanned, '\n', n_bytes - f->scanned))) {
		const char *line = bytes + f->line;
		size_t n = (size_t)(newline - line);
		if (n && line[n - 1] == '\r')
			n--;
		bool is_first = f->line == 0;
		f->line = f->scanned = (size_t)(newline - bytes) + 1;
		if (n == 0) {
			f->head_bytes = f->line;
			return true;
		}
		if (!is_first)
			take_line(f, line, n);
	}
	f->scanned = n_bytes;
	return false;
}

enum sip_frame_kind sip_frame_next(struct sip_frame *f, const char *bytes, size_t n_bytes,
				   size_t *n_item)
{
	*n_item = 0;
	if (!sip_frame_has_begun(f)) {
		enum sip_frame_kind kind = take_blank(bytes, n_bytes, n_item);
		if (kind != SIP_FRAME_MORE || *n_item || n_bytes == 0)
			return kind;
	}
	if (!f->head_bytes && !find_head(f, bytes, n_bytes))
		return n_bytes > SIP_HEAD_BYTES ? SIP_FRAME_TOO_BIG : SIP_FRAME_MORE;
	*n_item = f->head_bytes;
	if (f->head_bytes > SIP_HEAD_BYTES)
		return SIP_FRAME_TOO_BIG;
	if (!f->n_lengths || f->bad_length)
		return SIP_FRAME_BAD_LENGTH;
	if (f->body_bytes > SIP_MESSAGE_BYTES - f->head_bytes)
		return SIP_FRAME_TOO_BIG;
	*n_item += f->body_bytes;
	return n_bytes < *n_item ? SIP_FRAME_MORE : SIP_FRAME_MESSAGE;
}
