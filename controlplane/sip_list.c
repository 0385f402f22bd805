#include "controlplane/sip_list.h"

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "controlplane/sip.h"

/* Length of the first element of a comma-separated list. */
static size_t element_bytes(const char *s)
{
	bool quoted = false, bracketed = false;
	size_t n = strcspn(s, ",\"<>");
	for (; s[n]; n++) {
		if (quoted && s[n] == '\\' && s[n + 1])
			n++;
		else if (s[n] == '"' && !bracketed)
			quoted = !quoted;
		else if (!quoted && s[n] == '<')
			bracketed = true;
		else if (!quoted && s[n] == '>')
			bracketed = false;
		else if (!quoted && !bracketed && s[n] == ',')
			break;
	}
	return n;
}

/* To the next that is not empty. False: that was the last. */
static bool next_element(struct sip_list *w)
{
	for (;;) {
		while (!w->rest || !*w->rest)
			if (!(w->rest = sip_header(w->message, w->name, w->n_lines++)))
				return false;
		size_t n = element_bytes(w->rest);
		const char *start = w->rest + strspn(w->rest, " ");
		const char *end = w->rest + n;
		w->rest = end + (*end == ',');
		while (end > start && end[-1] == ' ')
			end--;
		if (end <= start)
			continue;
		w->element = start;
		w->n_bytes = (size_t)(end - start);
		return true;
	}
}

int sip_list_next(struct sip_list *list, char *out, size_t out_bytes)
{
	if (!next_element(list))
		return -ENOENT;
	if (list->n_bytes >= out_bytes)
		return -EMSGSIZE;
	memcpy(out, list->element, list->n_bytes);
	out[list->n_bytes] = '\0';
	return (int)list->n_bytes;
}

int sip_list_get(const struct sip *s, const char *name, unsigned i, char *out, size_t out_bytes)
{
	struct sip_list list = sip_list(s, name);
	while (i-- > 0)
		if (!next_element(&list))
			return -ENOENT;
	return sip_list_next(&list, out, out_bytes);
}

static bool is_option(const struct sip_list *w, const char *tag)
{
	return w->n_bytes == strlen(tag) && !strncasecmp(w->element, tag, w->n_bytes);
}

bool sip_option_has(const struct sip *s, const char *name, const char *tag)
{
	struct sip_list w = sip_list(s, name);
	while (next_element(&w))
		if (is_option(&w, tag))
			return true;
	return false;
}

/* All lines of the header become one without the tag. */
int sip_option_remove(struct sip *s, const char *name, const char *tag)
{
	struct sip_list w = sip_list(s, name);
	char rest[SIP_HEAD_BYTES];
	size_t used = 0;
	bool has = false;
	while (next_element(&w)) {
		bool is = is_option(&w, tag);
		has = has || is;
		if (is || used + w.n_bytes + 3 > sizeof(rest))
			continue;
		if (used)
			used = (size_t)(stpcpy(rest + used, ", ") - rest);
		memcpy(rest + used, w.element, w.n_bytes);
		used += w.n_bytes;
		rest[used] = '\0';
	}
	if (!has)
		return 0;
	sip_header_remove(s, name);
	return used ? sip_header_add(s, name, rest) : 0;
}
