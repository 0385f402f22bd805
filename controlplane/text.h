/*
 * Text in the making, in a buffer of the caller's. What does not fit makes it too long for good, so
 * that one look at the end is enough. It is what snprintf() would be, at a tenth of its price: a
 * registration has a dozen of them. Any thread.
 */
#ifndef CONTROLPLANE_TEXT_H
#define CONTROLPLANE_TEXT_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	char *start;
	size_t n_bytes, max_bytes; /* of max_bytes one is for the NUL */
	bool is_too_long;
};

/* `out` has room for at least the NUL. */
static inline struct text text_in(char *out, size_t out_bytes)
{
	return (struct text){ .start = out, .max_bytes = out_bytes };
}

static inline void text_put_bytes(struct text *t, const char *bytes, size_t n_bytes)
{
	if (n_bytes >= t->max_bytes - t->n_bytes) {
		t->is_too_long = true;
		return;
	}
	memcpy(t->start + t->n_bytes, bytes, n_bytes);
	t->n_bytes += n_bytes;
}

static inline void text_put(struct text *t, const char *text)
{
	text_put_bytes(t, text, strlen(text));
}

/* In decimal. */
void text_put_number(struct text *t, uint64_t number);

/* With its NUL. Returns its length; -EMSGSIZE: something did not fit. */
static inline int text_end(struct text *t)
{
	t->start[t->n_bytes] = '\0';
	return t->is_too_long ? -EMSGSIZE : (int)t->n_bytes;
}

#endif
