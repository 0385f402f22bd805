#include "tools/ue/sip.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#define VERSION "SIP/2.0"

/* RFC 3261 7.3.3 and 20; others have no compact form here. */
static const struct {
	const char *name, *compact;
} compact_form[] = {
	{ "Via", "v" },       { "From", "f" },         { "To", "t" },
	{ "Call-ID", "i" },   { "Contact", "m" },      { "Content-Length", "l" },
	{ "Supported", "k" }, { "Content-Type", "c" },
};

static const char *compact_of(const char *name)
{
	for (size_t i = 0; i < sizeof(compact_form) / sizeof(*compact_form); i++)
		if (!strcasecmp(compact_form[i].name, name))
			return compact_form[i].compact;
	return NULL;
}

bool view_is(struct view v, const char *text)
{
	return v.at && v.bytes == strlen(text) && !memcmp(v.at, text, v.bytes);
}

bool view_is_token(struct view v, const char *text)
{
	return v.at && v.bytes == strlen(text) && !strncasecmp(v.at, text, v.bytes);
}

bool view_equal(struct view a, struct view b)
{
	return a.at && b.at && a.bytes == b.bytes && !memcmp(a.at, b.at, a.bytes);
}

bool view_number(struct view v, uint32_t max, uint32_t *out)
{
	uint64_t n = 0;

	if (!v.at || !v.bytes)
		return false;
	for (size_t i = 0; i < v.bytes; i++) {
		if (v.at[i] < '0' || v.at[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(v.at[i] - '0');
		if (n > max)
			return false;
	}
	*out = (uint32_t)n;
	return true;
}

static bool is_space(char c)
{
	return c == ' ' || c == '\t';
}

struct view view_trim(struct view v)
{
	while (v.bytes && is_space(*v.at)) {
		v.at++;
		v.bytes--;
	}
	while (v.bytes && is_space(v.at[v.bytes - 1]))
		v.bytes--;
	return v;
}

struct view view_take(struct view *rest, char separator)
{
	struct view taken = *rest;
	bool quoted = false;
	unsigned depth = 0;

	for (size_t i = 0; i < rest->bytes; i++) {
		char c = rest->at[i];

		if (quoted && c == '\\')
			i++;
		else if (c == '"')
			quoted = !quoted;
		else if (!quoted && c == '<')
			depth++;
		else if (!quoted && c == '>' && depth)
			depth--;
		else if (!quoted && !depth && c == separator) {
			taken.bytes = i;
			rest->at += i + 1;
			rest->bytes -= i + 1;
			return view_trim(taken);
		}
	}
	*rest = (struct view){ 0 };
	return view_trim(taken);
}

/* ---- reading ---- */

/* The next line without its end; folded lines become one (RFC 3261 7.3.1). */
static bool take_line(char **at, char *end, struct view *line)
{
	char *start = *at, *stop = start;

	for (;;) {
		char *feed = memchr(stop, '\n', (size_t)(end - stop));

		if (!feed)
			return false;
		stop = feed > start && feed[-1] == '\r' ? feed - 1 : feed;
		*at = feed + 1;
		if (stop == start || *at == end || !is_space(**at))
			break;
		memset(stop, ' ', (size_t)(*at - stop));
		stop = *at;
	}
	*line = (struct view){ start, (size_t)(stop - start) };
	return true;
}

static int read_start(struct view line, struct sip_message *m)
{
	struct view first = view_take(&line, ' '), second = view_take(&line, ' ');
	uint32_t status;

	if (view_is_token(first, VERSION)) {
		if (!view_number(second, 699, &status) || status < 100)
			return -EBADMSG;
		m->status = status;
		return 0;
	}
	m->method = first;
	m->uri = second;
	return first.bytes && second.bytes && view_is_token(view_trim(line), VERSION) ? 0
										      : -EBADMSG;
}

static int read_line(struct view line, struct sip_message *m)
{
	const char *colon = memchr(line.at, ':', line.bytes);
	struct sip_line *h = &m->header[m->n_headers];

	if (!colon || m->n_headers == SIP_N_HEADERS)
		return -EBADMSG;
	h->name = view_trim((struct view){ line.at, (size_t)(colon - line.at) });
	h->value =
		view_trim((struct view){ colon + 1, line.bytes - (size_t)(colon - line.at) - 1 });
	m->n_headers++;
	return h->name.bytes ? 0 : -EBADMSG;
}

/* What every message has, and the body, as long as Content-Length says. */
static int read_rest(struct sip_message *m, char *at, char *end)
{
	struct view cseq = sip_header(m, "CSeq", 0), number = view_take(&cseq, ' ');
	struct view length = sip_header(m, "Content-Length", 0);
	uint32_t n_bytes = (uint32_t)(end - at);

	m->cseq_method = view_trim(cseq);
	m->call_id = sip_header(m, "Call-ID", 0);
	if (!view_number(number, UINT32_MAX, &m->cseq) || !m->cseq_method.bytes ||
	    !m->call_id.bytes || !sip_header(m, "Via", 0).bytes ||
	    !sip_header(m, "From", 0).bytes || !sip_header(m, "To", 0).bytes)
		return -EBADMSG;
	if (length.at && !view_number(length, n_bytes, &n_bytes))
		return -EBADMSG;
	m->body = (struct view){ at, n_bytes };
	return m->status || view_equal(m->method, m->cseq_method) ? 0 : -EBADMSG;
}

int sip_read(char *bytes, size_t n_bytes, struct sip_message *m)
{
	char *at = bytes, *end = bytes + n_bytes;
	struct view line;

	memset(m, 0, sizeof(*m));
	if (n_bytes > SIP_BYTES || memchr(bytes, '\0', n_bytes) || !take_line(&at, end, &line) ||
	    read_start(line, m))
		return -EBADMSG;
	for (;;) {
		if (!take_line(&at, end, &line))
			return -EBADMSG;
		if (!line.bytes)
			return read_rest(m, at, end);
		if (read_line(line, m))
			return -EBADMSG;
	}
}

ssize_t sip_length(const char *bytes, size_t n_bytes)
{
	const char *end = memmem(bytes, n_bytes, "\r\n\r\n", 4);
	struct sip_message m = { 0 };
	char head[SIP_BYTES], *at = head;
	struct view line, length;
	size_t n_head = end ? (size_t)(end - bytes) + 4 : 0;
	uint32_t n_body;

	if (!end)
		return n_bytes < SIP_BYTES ? 0 : -EBADMSG;
	if (n_head > sizeof(head))
		return -EBADMSG;
	memcpy(head, bytes, n_head);
	while (take_line(&at, head + n_head, &line) && line.bytes)
		if (line.at != head && read_line(line, &m))
			return -EBADMSG;
	length = sip_header(&m, "Content-Length", 0);
	if (!view_number(length, (uint32_t)(SIP_BYTES - n_head), &n_body))
		return -EBADMSG;
	return n_head + n_body <= n_bytes ? (ssize_t)(n_head + n_body) : 0;
}

struct view sip_header(const struct sip_message *m, const char *name, unsigned nth)
{
	const char *compact = compact_of(name);

	for (unsigned i = 0; i < m->n_headers; i++) {
		struct view n = m->header[i].name;

		if (!view_is_token(n, name) && !(compact && view_is_token(n, compact)))
			continue;
		if (!nth--)
			return m->header[i].value;
	}
	return (struct view){ 0 };
}

struct view sip_param(struct view value, const char *name)
{
	struct view element = view_take(&value, ',');

	view_take(&element, ';');
	while (element.bytes) {
		struct view param = view_take(&element, ';'), key = view_take(&param, '=');

		if (view_is_token(key, name))
			return param.at ? view_trim(param) : (struct view){ "", 0 };
	}
	return (struct view){ 0 };
}

struct view sip_uri(struct view value)
{
	struct view element = view_take(&value, ','), before = view_take(&element, ';');
	const char *open = before.bytes ? memchr(before.at, '<', before.bytes) : NULL;
	const char *close = before.bytes ? memrchr(before.at, '>', before.bytes) : NULL;

	if (!open)
		return before;
	if (!close || close < open)
		return (struct view){ 0 };
	return (struct view){ open + 1, (size_t)(close - open) - 1 };
}

/* ---- writing ---- */

static void put_list(struct sip_text *t, const char *format, va_list arguments)
{
	int n = vsnprintf(t->at + t->used, sizeof(t->at) - t->used, format, arguments);

	if (n < 0 || (size_t)n >= sizeof(t->at) - t->used)
		t->full = true;
	else
		t->used += (size_t)n;
}

void sip_put(struct sip_text *t, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	put_list(t, format, arguments);
	va_end(arguments);
}

void sip_put_header(struct sip_text *t, const char *name, const char *format, ...)
{
	const char *compact = t->compact ? compact_of(name) : NULL;
	va_list arguments;

	sip_put(t, t->compact ? "%s:" : "%s: ", compact ? compact : name);
	va_start(arguments, format);
	put_list(t, format, arguments);
	va_end(arguments);
	sip_put(t, "\r\n");
}
