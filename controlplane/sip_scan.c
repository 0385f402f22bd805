#include "controlplane/sip_scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* RFC 3261 7.3.3 and the IANA registry of SIP header fields. */
static const struct {
	char compact;
	const char *name;
} compact_names[] = {
	{ 'a', "Accept-Contact" },
	{ 'b', "Referred-By" },
	{ 'c', "Content-Type" },
	{ 'd', "Request-Disposition" },
	{ 'e', "Content-Encoding" },
	{ 'f', "From" },
	{ 'i', "Call-ID" },
	{ 'j', "Reject-Contact" },
	{ 'k', "Supported" },
	{ 'l', "Content-Length" },
	{ 'm', "Contact" },
	{ 'o', "Event" },
	{ 'r', "Refer-To" },
	{ 's', "Subject" },
	{ 't', "To" },
	{ 'u', "Allow-Events" },
	{ 'v', "Via" },
	{ 'x', "Session-Expires" },
	{ 'y', "Identity" },
};

/* The headers that libosip2 parses, and where the pass counts them. */
static const struct {
	const char *name;
	size_t count; /* offset of the counter in struct sip_scan; 0 = not counted */
	bool listed;  /* may hold several values */
} parsed_names[] = {
	{ "Via", offsetof(struct sip_scan, n_via), true },
	{ "From", offsetof(struct sip_scan, n_from), false },
	{ "To", offsetof(struct sip_scan, n_to), false },
	{ "Call-ID", offsetof(struct sip_scan, n_call_id), false },
	{ "CSeq", offsetof(struct sip_scan, n_cseq), false },
	{ "Contact", 0, true },
	{ "Route", 0, true },
	{ "Record-Route", 0, true },
};

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* RFC 3261 25.1: token */
static bool is_token(const char *s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!isalnum((unsigned char)s[i]) && !memchr("-.!%*_+`'~", s[i], 10))
			return false;
	return n > 0;
}

/* As !strcasecmp(); most names differ in their first letter. */
static bool is_name(const char *a, const char *b)
{
	return !((a[0] ^ b[0]) & ~0x20) && !strcasecmp(a, b);
}

static const char *full_name(const char *name)
{
	if (name[0] == '\0' || name[1] != '\0')
		return name;
	for (unsigned i = 0; i < N_OF(compact_names); i++)
		if (tolower((unsigned char)name[0]) == compact_names[i].compact)
			return compact_names[i].name;
	return name;
}

static int head_append(struct sip_scan *s, const char *text)
{
	size_t n = strlen(text);
	if (n >= sizeof(s->head) - s->head_bytes)
		return -EMSGSIZE;
	memcpy(s->head + s->head_bytes, text, n + 1);
	s->head_bytes += n;
	return 0;
}

static void take_content_length(struct sip_scan *s, const char *value)
{
	char *end;
	unsigned long n = strtoul(value, &end, 10);
	if (!isdigit((unsigned char)value[0]) || *end || n > SIP_MESSAGE_BYTES ||
	    (s->content_length >= 0 && s->content_length != (long)n))
		s->bad_length = true;
	else
		s->content_length = (long)n;
}

static unsigned count_commas(const char *value)
{
	unsigned n = 0;
	for (; *value; value++)
		n += *value == ',';
	return n;
}

/* libosip2 drops a quote that nothing closes, and prints what it hid. */
static bool is_balanced(const char *value)
{
	bool quoted = false;
	for (; *value; value++) {
		if (quoted && *value == '\\' && value[1])
			value++;
		else if (*value == '"')
			quoted = !quoted;
	}
	return !quoted;
}

/* One header for libosip2. */
static int take_parsed(struct sip_scan *s, unsigned which, const char *value)
{
	if (!*value || strstr(value, "%00") || !is_balanced(value))
		return -EBADMSG;
	if (parsed_names[which].listed) {
		s->n_listed += 1 + count_commas(value);
		if (s->n_listed > SIP_N_LISTED)
			return -EMSGSIZE;
	}
	if (parsed_names[which].count)
		++*(unsigned *)((char *)s + parsed_names[which].count);
	int error = head_append(s, parsed_names[which].name);
	if (!error)
		error = head_append(s, ": ");
	if (!error)
		error = head_append(s, value);
	return error ? error : head_append(s, "\r\n");
}

/* `line` is one unfolded header without its end of line, and may be written to. */
static int take_header(struct sip_scan *s, char *line)
{
	if (++s->n_headers > SIP_N_HEADERS)
		return -EMSGSIZE;
	char *colon = strchr(line, ':');
	if (!colon)
		return -EBADMSG;
	char *end = colon;
	while (end > line && (end[-1] == ' ' || end[-1] == '\t'))
		end--;
	if (!is_token(line, (size_t)(end - line)))
		return -EBADMSG;
	*end = '\0';
	const char *name = full_name(line);
	char *value = colon + 1 + strspn(colon + 1, " \t");
	size_t n = strlen(value);
	while (n && (value[n - 1] == ' ' || value[n - 1] == '\t'))
		value[--n] = '\0';
	if (n >= SIP_VALUE_BYTES)
		return -EMSGSIZE;
	if (is_name(name, "Content-Length")) {
		take_content_length(s, value);
		return 0;
	}
	for (unsigned i = 0; i < N_OF(parsed_names); i++)
		if (is_name(name, parsed_names[i].name))
			return take_parsed(s, i, value);
	s->others[s->n_others++] = (struct sip_field){ .name = name,
						       .value = value,
						       .name_bytes = (uint32_t)strlen(name),
						       .value_bytes = (uint32_t)n };
	return 0;
}

#define EACH_BYTE(b) (UINT64_C(0x0101010101010101) * (b))

/*
 * Neither control characters nor tabs, eight bytes at a time: bytes below 0x20 borrow, 0x7f
 * overflows into the top bit, and bytes that have that bit already are asked one by one.
 */
static bool is_plain(const char *piece, size_t n)
{
	size_t i = 0;
	for (; i + 8 <= n; i += 8) {
		uint64_t word;
		memcpy(&word, piece + i, sizeof(word));
		if (((word - EACH_BYTE(0x20)) | (word + EACH_BYTE(0x01)) | word) & EACH_BYTE(0x80))
			return false;
	}
	for (; i < n; i++)
		if ((unsigned char)piece[i] < 0x20 || (unsigned char)piece[i] >= 0x7f)
			return false;
	return true;
}

/* Tabs become blanks. */
static int copy_piece(struct sip_scan *s, const char *piece, size_t n)
{
	char *out = s->line + s->line_bytes;
	memcpy(out, piece, n);
	s->line_bytes += n;
	if (is_plain(piece, n))
		return 0;
	for (size_t i = 0; i < n; i++) {
		unsigned char c = (unsigned char)out[i];
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return -EBADMSG;
		if (c == '\t')
			out[i] = ' ';
	}
	return 0;
}

/*
 * Copies one line, its folded continuations joined by one blank each (RFC 3261 7.3.1), to
 * s->line. Returns the bytes consumed, ends of line included, or -errno.
 */
static long take_line(struct sip_scan *s, const char *bytes, size_t n_bytes, char **out)
{
	char *start = s->line + s->line_bytes;
	size_t used = 0;
	for (;;) {
		const char *newline = memchr(bytes + used, '\n', n_bytes - used);
		if (!newline)
			return -EBADMSG;
		size_t n = (size_t)(newline - bytes) - used;
		const char *piece = bytes + used;
		used += n + 1;
		if (n && piece[n - 1] == '\r')
			n--;
		if (n + 2 > sizeof(s->line) - s->line_bytes)
			return -EMSGSIZE;
		if (copy_piece(s, piece, n))
			return -EBADMSG;
		bool folded = n && used < n_bytes && (bytes[used] == ' ' || bytes[used] == '\t');
		if (!folded)
			break;
	}
	s->line[s->line_bytes++] = '\0';
	*out = start;
	return (long)used;
}

static int take_start_line(struct sip_scan *s, const char *line)
{
	if (strstr(line, "%00"))
		return -EBADMSG;
	/* libosip2 takes a status line without its code for a broken structure. */
	if (!strncasecmp(line, "SIP/", 4) &&
	    !(strlen(line) >= 12 && isdigit((unsigned char)line[8]) && line[7] == ' '))
		return -EBADMSG;
	int error = head_append(s, line);
	return error ? error : head_append(s, "\r\n");
}

static int take_body(struct sip_scan *s, const char *bytes, size_t n_bytes)
{
	/* RFC 3261 18.3: over UDP the rest of the datagram, or what Content-Length says of it. */
	if (s->bad_length || s->content_length > (long)n_bytes)
		return -EBADMSG;
	s->body = bytes;
	s->body_bytes = s->content_length < 0 ? n_bytes : (size_t)s->content_length;
	return 0;
}

int sip_scan(const char *bytes, size_t n_bytes, bool head_only, struct sip_scan *s)
{
	s->head_bytes = s->line_bytes = 0;
	s->n_others = s->n_headers = s->n_listed = 0;
	s->n_from = s->n_to = s->n_call_id = s->n_cseq = s->n_via = 0;
	s->content_length = -1;
	s->bad_length = false;
	s->body_bytes = 0;
	if (n_bytes > SIP_MESSAGE_BYTES)
		return -EMSGSIZE;
	size_t used = 0;
	while (used < n_bytes && (bytes[used] == '\r' || bytes[used] == '\n'))
		used++; /* RFC 3261 7.5 */
	for (bool first = true;; first = false) {
		char *line;
		long n = take_line(s, bytes + used, n_bytes - used, &line);
		if (n < 0)
			return (int)n;
		used += (size_t)n;
		if (!*line)
			break;
		int error = first ? take_start_line(s, line) : take_header(s, line);
		if (error)
			return error;
	}
	if (s->n_from != 1 || s->n_to != 1 || s->n_call_id != 1 || s->n_cseq != 1 || !s->n_via)
		return -EBADMSG;
	int error = head_append(s, "\r\n");
	if (error || head_only)
		return error;
	return take_body(s, bytes + used, n_bytes - used);
}
