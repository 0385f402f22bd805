#include "controlplane/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* --- writing --- */

/* Room for n bytes more behind what is written; NULL: there is no memory. */
static uint8_t *room_for(struct record *r, size_t n_bytes)
{
	if (r->n_bytes + n_bytes > r->max_bytes) {
		size_t max_bytes = 2 * (r->n_bytes + n_bytes);
		uint8_t *larger = realloc(r->bytes, max_bytes);
		if (!larger) {
			r->error = -ENOMEM;
			return NULL;
		}
		r->bytes = larger;
		r->max_bytes = max_bytes;
	}
	return r->bytes + r->n_bytes;
}

void record_put_bytes(struct record *r, const void *bytes, size_t n_bytes)
{
	uint8_t *at = n_bytes ? room_for(r, n_bytes) : NULL;
	if (!at)
		return;
	memcpy(at, bytes, n_bytes);
	r->n_bytes += n_bytes;
}

void record_put_number(struct record *r, uint64_t number)
{
	uint8_t *at = room_for(r, 10);
	if (!at)
		return;
	for (; number > 0x7f; number >>= 7)
		*at++ = (uint8_t)(number | 0x80);
	*at++ = (uint8_t)number;
	r->n_bytes = (size_t)(at - r->bytes);
}

void record_put_text(struct record *r, const char *text)
{
	size_t n_bytes = text ? strlen(text) : 0;
	record_put_number(r, text ? n_bytes + 1 : 0);
	record_put_bytes(r, text, n_bytes);
}

void record_begin(struct record *r)
{
	r->n_bytes = 0;
	r->error = 0;
}

void record_clear(struct record *r)
{
	free(r->bytes);
	*r = (struct record){ 0 };
}

/* --- reading --- */

struct record record_of(const void *bytes, size_t n_bytes)
{
	return (struct record){ .bytes = (uint8_t *)bytes, .n_bytes = n_bytes };
}

static void refuse(struct record *r)
{
	if (!r->error)
		r->error = -EBADMSG;
	r->at = r->n_bytes;
}

uint64_t record_number(struct record *r, uint64_t max)
{
	uint64_t number = 0;
	unsigned shift = 0;
	uint8_t byte;
	do {
		if (r->at == r->n_bytes || shift > 63) {
			refuse(r);
			return 0;
		}
		byte = r->bytes[r->at++];
		number |= (uint64_t)(byte & 0x7f) << shift;
		shift += 7;
	} while (byte & 0x80);
	if (number > max) {
		refuse(r);
		return 0;
	}
	return number;
}

uint64_t record_kind(const struct record *r)
{
	struct record head = *r;

	return record_number(&head, UINT64_MAX);
}

void record_bytes(struct record *r, void *out, size_t n_bytes)
{
	if (n_bytes > r->n_bytes - r->at) {
		refuse(r);
		memset(out, 0, n_bytes);
		return;
	}
	memcpy(out, r->bytes + r->at, n_bytes);
	r->at += n_bytes;
}

char *record_text(struct record *r)
{
	size_t n_bytes = record_number(r, r->n_bytes);
	if (n_bytes == 0)
		return NULL;
	n_bytes--;
	const char *start = (const char *)r->bytes + r->at;
	if (n_bytes > r->n_bytes - r->at || memchr(start, '\0', n_bytes)) {
		refuse(r);
		return NULL;
	}
	char *text = strndup(start, n_bytes);
	if (!text) {
		r->error = -ENOMEM;
		refuse(r);
		return NULL;
	}
	r->at += n_bytes;
	return text;
}

char *record_some_text(struct record *r)
{
	char *text = record_text(r);
	if (!text)
		refuse(r);
	return text;
}

int record_end(struct record *r)
{
	if (!r->error && r->at != r->n_bytes)
		r->error = -EBADMSG;
	return r->error;
}
