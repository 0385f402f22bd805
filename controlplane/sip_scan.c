#include "controlplane/sip_scan.h"

#include <ctype.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip_plain.h"
#include "controlplane/token.h"

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

/* The headers that libosip2 parses. */
static const struct {
	const char *name;
	size_t bytes;
	enum sip_kind kind;
	bool listed; /* may hold several values */
} parsed_names[] = {
	{ "Via", 3, SIP_VIA, true },     { "From", 4, SIP_FROM, false },
	{ "To", 2, SIP_TO, false },      { "Call-ID", 7, SIP_CALL_ID, false },
	{ "CSeq", 4, SIP_CSEQ, false },  { "Contact", 7, SIP_CONTACT, true },
	{ "Route", 5, SIP_ROUTE, true }, { "Record-Route", 12, SIP_RECORD_ROUTE, true },
};

#define LENGTH_NAME       "Content-Length"
#define LENGTH_NAME_BYTES 14

#define N_OF(array) (sizeof(array) / sizeof((array)[0]))

/* Most names differ in their length or first letter. */
static bool is_name(const char *a, size_t a_bytes, const char *b, size_t b_bytes)
{
	return a_bytes == b_bytes && !((a[0] ^ b[0]) & ~0x20) && !strncasecmp(a, b, a_bytes);
}

/* What the names of parsed_names and Content-Length begin with. */
static bool may_be_ours(char first)
{
	first |= 0x20;
	return first == 'c' || first == 'f' || first == 'r' || first == 't' || first == 'v';
}

/* NULL: it is none. */
static const char *full_name(char compact)
{
	for (unsigned i = 0; i < N_OF(compact_names); i++)
		if ((compact | 0x20) == compact_names[i].compact)
			return compact_names[i].name;
	return NULL;
}

static int add_field(struct sip_scan *s, enum sip_kind kind, const char *name, const char *value,
		     size_t value_bytes)
{
	if (s->n_fields == N_OF(s->fields))
		return -EMSGSIZE;
	struct sip_field *f = &s->fields[s->n_fields++];
	f->kind = kind;
	f->name = name;
	f->value = value;
	f->value_bytes = (uint32_t)value_bytes;
	s->n_of[kind]++;
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
	for (; (value = strchr(value, ',')); value++)
		n++;
	return n;
}

/* As many bytes as are looked at together, in one register of any processor. */
typedef signed char several __attribute__((vector_size(16)));

static bool is_any(several s)
{
	uint64_t halves[2];
	memcpy(halves, &s, sizeof(halves));
	return halves[0] | halves[1];
}

static unsigned count_params(const char *piece, size_t n_bytes)
{
	unsigned n = 0;
	for (size_t i = 0; i < n_bytes; i++)
		n += piece[i] == ';' || piece[i] == '&';
	return n;
}

unsigned sip_scan_params(const char *value, size_t n_bytes)
{
	unsigned n = 0;
	for (; n_bytes >= sizeof(several); n_bytes -= sizeof(several), value += sizeof(several)) {
		several s;
		memcpy(&s, value, sizeof(s));
		if (is_any((s == ';') | (s == '&')))
			n += count_params(value, sizeof(several));
	}
	return n + count_params(value, n_bytes);
}

/* libosip2 goes through all that it has of them for each one more. */
static bool has_too_many_params(struct sip_scan *s, const char *value, size_t n_bytes)
{
	s->n_params += sip_scan_params(value, n_bytes);
	return s->n_params > SIP_N_PARAMS;
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

/*
 * Adds the plain values of a list. 0: the line is not plain, and what was added is taken back; else
 * 1, or -errno. With quotes in it, where libosip2 sees commas is its own affair.
 */
static int take_plain(struct sip_scan *s, enum sip_kind kind, bool listed, const char *value)
{
	unsigned n_before = s->n_fields;
	const char *at = value;
	for (;;) {
		size_t n = sip_plain_bytes(kind, at);
		if (!n)
			break;
		int error = add_field(s, kind, NULL, at, n);
		if (error)
			return error;
		at += n;
		if (!*at)
			return 1;
		at += strspn(at, " ");
		if (!listed || *at++ != ',' || strchr(value, '"'))
			break;
		at += strspn(at, " ");
	}
	s->n_of[kind] -= s->n_fields - n_before;
	s->n_fields = n_before;
	return 0;
}

/* One header that libosip2 parses. */
static int take_parsed(struct sip_scan *s, unsigned which, const char *value, size_t n)
{
	enum sip_kind kind = parsed_names[which].kind;
	bool listed = parsed_names[which].listed;
	if (!n)
		return -EBADMSG;
	if (has_too_many_params(s, value, n))
		return -EMSGSIZE;
	if (listed) {
		s->n_listed += 1 + count_commas(value);
		if (s->n_listed > SIP_N_LISTED)
			return -EMSGSIZE;
	}
	int taken = take_plain(s, kind, listed, value);
	if (taken)
		return taken < 0 ? taken : 0;
	if (strstr(value, "%00") || !is_balanced(value))
		return -EBADMSG;
	s->is_plain = false;
	return add_field(s, kind, NULL, value, n);
}

static int take_other(struct sip_scan *s, const char *name, size_t name_bytes, bool compact,
		      const char *value, size_t n)
{
	int error = add_field(s, SIP_OTHER, name, value, n);
	if (error)
		return error;
	s->fields[s->n_fields - 1].name_bytes = (uint32_t)name_bytes;
	s->spelled_bytes += compact ? name_bytes + 1 : 0;
	return 0;
}

/* `line` is one unfolded header of n bytes without its end, with a NUL; it may be written to. */
static int take_header(struct sip_scan *s, char *line, size_t n_line)
{
	if (++s->n_headers > SIP_N_HEADERS)
		return -EMSGSIZE;
	size_t name_bytes = token_bytes(line);
	char *value = line + name_bytes, *value_end = line + n_line;
	while (*value == ' ' || *value == '\t')
		value++;
	if (!name_bytes || *value++ != ':')
		return -EBADMSG;
	while (*value == ' ' || *value == '\t')
		value++;
	while (value_end > value && (value_end[-1] == ' ' || value_end[-1] == '\t'))
		value_end--;
	*value_end = '\0';
	size_t n = (size_t)(value_end - value);
	if (n >= SIP_VALUE_BYTES)
		return -EMSGSIZE;
	const char *full = name_bytes == 1 ? full_name(line[0]) : NULL;
	const char *name = full ? full : line;
	name_bytes = full ? strlen(full) : name_bytes;
	if (!may_be_ours(name[0]))
		return take_other(s, name, name_bytes, full != NULL, value, n);
	if (is_name(name, name_bytes, LENGTH_NAME, LENGTH_NAME_BYTES)) {
		take_content_length(s, value);
		return 0;
	}
	for (unsigned i = 0; i < N_OF(parsed_names); i++)
		if (is_name(name, name_bytes, parsed_names[i].name, parsed_names[i].bytes))
			return take_parsed(s, i, value, n);
	return take_other(s, name, name_bytes, full != NULL, value, n);
}

/* All bits of those that are controls, DEL or, being negative, beyond ASCII. */
static several others_among(const char *bytes)
{
	several s;
	memcpy(&s, bytes, sizeof(s));
	return (s < 0x20) | (s == 0x7f);
}

/* Neither control characters, nor tabs, nor beyond ASCII. */
static bool is_plain(const char *piece, size_t n)
{
	if (n < sizeof(several)) {
		for (size_t i = 0; i < n; i++)
			if ((unsigned char)piece[i] < 0x20 || (unsigned char)piece[i] >= 0x7f)
				return false;
		return true;
	}
	several others = others_among(piece + n - sizeof(several)); /* some are looked at twice */
	for (size_t i = 0; i + sizeof(several) <= n; i += sizeof(several))
		others |= others_among(piece + i);
	return !is_any(others);
}

/* Tabs become blanks. */
static int copy_piece(struct sip_scan *s, const char *piece, size_t n)
{
	char *out = s->text + s->text_bytes;
	memcpy(out, piece, n);
	s->text_bytes += n;
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
 * s->text. Returns the bytes consumed, ends of line included, or -errno.
 */
static long take_line(struct sip_scan *s, const char *bytes, size_t n_bytes, char **out)
{
	char *start = s->text + s->text_bytes;
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
		if (n + 2 > sizeof(s->text) - s->text_bytes)
			return -EMSGSIZE;
		if (copy_piece(s, piece, n))
			return -EBADMSG;
		bool folded = n && used < n_bytes && (bytes[used] == ' ' || bytes[used] == '\t');
		if (!folded)
			break;
	}
	s->text[s->text_bytes++] = '\0';
	*out = start;
	return (long)used;
}

#define VERSION       "SIP/2.0"
#define VERSION_BYTES 7

/* "SIP/2.0 NNN REASON" */
static bool take_plain_status(struct sip_scan *s, const char *line, size_t n)
{
	const char *code = line + VERSION_BYTES + 1;
	if (n < VERSION_BYTES + 5 || memcmp(line, VERSION " ", VERSION_BYTES + 1) ||
	    strspn(code, "0123456789") != 3 || code[3] != ' ' || code[0] == '0')
		return false;
	s->status = (code[0] - '0') * 100 + (code[1] - '0') * 10 + (code[2] - '0');
	return !add_field(s, SIP_START, NULL, code + 4, n - VERSION_BYTES - 5);
}

/* "METHOD URI SIP/2.0" */
static bool take_plain_request(struct sip_scan *s, const char *line, size_t n)
{
	size_t method = sip_plain_token_bytes(line);
	if (!method || line[method] != ' ')
		return false;
	const char *uri = line + method + 1;
	size_t n_uri = sip_plain_uri_bytes(uri);
	if (!n_uri || uri[n_uri] != ' ' || method + n_uri + VERSION_BYTES + 2 != n ||
	    memcmp(uri + n_uri + 1, VERSION, VERSION_BYTES))
		return false;
	if (add_field(s, SIP_START, line, uri, n_uri))
		return false;
	s->fields[s->n_fields - 1].name_bytes = (uint32_t)method;
	return true;
}

static int take_start_line(struct sip_scan *s, const char *line, size_t n)
{
	s->start_line = line;
	if (has_too_many_params(s, line, n))
		return -EMSGSIZE;
	if (strstr(line, "%00"))
		return -EBADMSG;
	/* libosip2 takes a status line without its code for a broken structure. */
	if (!strncasecmp(line, "SIP/", 4) &&
	    !(n >= 12 && isdigit((unsigned char)line[8]) && line[7] == ' '))
		return -EBADMSG;
	s->is_plain = take_plain_status(s, line, n) || take_plain_request(s, line, n);
	return 0;
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

static bool has_what_every_message_has(const struct sip_scan *s)
{
	return s->n_of[SIP_FROM] == 1 && s->n_of[SIP_TO] == 1 && s->n_of[SIP_CALL_ID] == 1 &&
	       s->n_of[SIP_CSEQ] == 1 && s->n_of[SIP_VIA] > 0;
}

static void begin(struct sip_scan *s)
{
	s->text_bytes = s->spelled_bytes = s->body_bytes = 0;
	s->n_fields = s->n_headers = s->n_listed = s->n_params = 0;
	memset(s->n_of, 0, sizeof(s->n_of));
	s->status = 0;
	s->content_length = -1;
	s->bad_length = false;
}

int sip_scan(const char *bytes, size_t n_bytes, bool head_only, struct sip_scan *s)
{
	begin(s);
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
		size_t n_line = (size_t)(s->text + s->text_bytes - 1 - line);
		int error = first ? take_start_line(s, line, n_line) : take_header(s, line, n_line);
		if (error)
			return error;
	}
	if (!has_what_every_message_has(s))
		return -EBADMSG;
	return head_only ? 0 : take_body(s, bytes + used, n_bytes - used);
}
