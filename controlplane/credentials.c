#include "controlplane/credentials.h"

#include <errno.h>
#include <string.h>

#include "controlplane/text.h"
#include "controlplane/token.h"
#include "crypto/wipe.h"

static const char *skip_blanks(const char *s)
{
	while (*s == ' ' || *s == '\t')
		s++;
	return s;
}

/* Reserves n bytes and a NUL in the store; NULL: full. */
static char *store_take(struct credentials *c, size_t n)
{
	if (n >= sizeof(c->store) - c->n_used)
		return NULL;
	char *start = c->store + c->n_used;
	c->n_used += n + 1;
	start[n] = '\0';
	return start;
}

static char *store_copy(struct credentials *c, const char *text, size_t n)
{
	char *start = store_take(c, n);
	if (start)
		memcpy(start, text, n);
	return start;
}

/* A quoted string at `s` (its first character is the quote). Returns its end; NULL: malformed. */
static const char *take_quoted(struct credentials *c, const char *s, const char **out)
{
	char *at = c->store + c->n_used, *last = c->store + sizeof(c->store) - 1;
	*out = at;
	for (s++;; *at++ = *s++) {
		size_t n = strcspn(s, "\"\\");
		bool is_end = s[n] == '"', is_escape = s[n] == '\\' && s[n + 1];
		if ((!is_end && !is_escape) || n >= (size_t)(last - at)) {
			c->n_used = (size_t)(at - c->store); /* to be wiped */
			return NULL;
		}
		at = (char *)memcpy(at, s, n) + n;
		s += n + 1;
		if (is_end)
			break;
	}
	*at++ = '\0';
	c->n_used = (size_t)(at - c->store);
	return s;
}

/* A token, or base64 without quotes. */
static size_t unquoted_bytes(const char *s)
{
	size_t n = token_bytes(s);
	return strchr(", \t", s[n]) ? n : n + strcspn(s + n, ", \t\"\\;<>@?{}()");
}

static const char *take_param(struct credentials *c, const char *s)
{
	struct credentials_param *p = &c->params[c->n_params];
	/* A name with anything else in it could be another name to a laxer reader. */
	size_t n = token_bytes(s);
	if (n == 0 || !(p->name = store_copy(c, s, n)) || credentials_get(c, p->name))
		return NULL;
	s = skip_blanks(s + n);
	if (*s != '=')
		return NULL;
	s = skip_blanks(s + 1);
	p->quoted = *s == '"';
	if (p->quoted) {
		s = take_quoted(c, s, &p->value);
	} else {
		n = unquoted_bytes(s);
		p->value = store_copy(c, s, n);
		s = p->value ? s + n : NULL;
	}
	if (!s)
		return NULL;
	c->n_params++;
	return skip_blanks(s);
}

int credentials_parse(const char *value, struct credentials *c)
{
	c->n_params = 0;
	c->n_used = 0;
	if (strlen(value) >= CREDENTIALS_BYTES / 2)
		return -EMSGSIZE;
	const char *s = skip_blanks(value);
	size_t n = strcspn(s, " \t");
	if (n == 0 || !(c->scheme = store_copy(c, s, n)))
		return -EINVAL;
	for (s = skip_blanks(s + n); *s; s = skip_blanks(s + 1)) {
		if (c->n_params == CREDENTIALS_N_PARAMS)
			return -EMSGSIZE;
		s = take_param(c, s);
		if (!s)
			return -EINVAL;
		if (!*s)
			break;
		if (*s != ',')
			return -EINVAL;
	}
	return 0;
}

const char *credentials_get(const struct credentials *c, const char *name)
{
	for (unsigned i = 0; i < c->n_params; i++)
		if (token_is(c->params[i].name, name))
			return c->params[i].value;
	return NULL;
}

unsigned credentials_remove(struct credentials *c, const char *name)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < c->n_params; i++)
		if (!token_is(c->params[i].name, name))
			c->params[kept++] = c->params[i];
	unsigned n = c->n_params - kept;
	c->n_params = kept;
	return n;
}

int credentials_set(struct credentials *c, const char *name, const char *value, bool quoted)
{
	credentials_remove(c, name);
	if (c->n_params == CREDENTIALS_N_PARAMS)
		return -EMSGSIZE;
	struct credentials_param *p = &c->params[c->n_params];
	p->name = store_copy(c, name, strlen(name));
	p->value = p->name ? store_copy(c, value, strlen(value)) : NULL;
	p->quoted = quoted;
	if (!p->value)
		return -EMSGSIZE;
	c->n_params++;
	return 0;
}

static void put_quoted(struct text *t, const char *value)
{
	text_put(t, "\"");
	for (size_t n; *value; value += n) {
		if (*value == '"' || *value == '\\')
			text_put(t, "\\");
		n = 1 + strcspn(value + 1, "\"\\");
		text_put_bytes(t, value, n);
	}
	text_put(t, "\"");
}

int credentials_print(const struct credentials *c, char *out, size_t out_bytes)
{
	struct text t = text_in(out, out_bytes);
	text_put(&t, c->scheme);
	for (unsigned i = 0; i < c->n_params; i++) {
		const struct credentials_param *p = &c->params[i];
		text_put(&t, i ? ", " : " ");
		text_put(&t, p->name);
		text_put(&t, "=");
		if (p->quoted)
			put_quoted(&t, p->value);
		else
			text_put(&t, p->value);
	}
	return text_end(&t);
}

void credentials_begin(struct credentials *c, const char *scheme)
{
	c->scheme = scheme;
	c->n_params = 0;
	c->n_used = 0;
}

void credentials_wipe(struct credentials *c)
{
	wipe(c->store, c->n_used);
	credentials_begin(c, NULL);
}
