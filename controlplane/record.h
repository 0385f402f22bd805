/*
 * A row of a state file (statefile.h): numbers, bytes and texts one after the other, without names.
 * Numbers take one byte for each seven bits; a text is its length and one, then its bytes, and NULL
 * is 0. Reading never goes beyond the end, and the first thing that cannot be there ends it: what
 * is read from then on is 0 and NULL, and `error` says why. So a reader looks at `error` once, when
 * it has read everything.
 */
#ifndef CONTROLPLANE_RECORD_H
#define CONTROLPLANE_RECORD_H

#include <stddef.h>
#include <stdint.h>

struct record {
	uint8_t *bytes; /* written: ours, and freed by record_clear(); read: the caller's */
	size_t n_bytes;
	size_t max_bytes; /* of memory */
	size_t at;        /* how far it is read */
	int error;        /* 0, -ENOMEM or -EBADMSG */
};

/* --- writing --- */

void record_put_number(struct record *r, uint64_t number);
void record_put_bytes(struct record *r, const void *bytes, size_t n_bytes);
void record_put_text(struct record *r, const char *text); /* or NULL */

/* For the next row; the memory stays. */
void record_begin(struct record *r);
void record_clear(struct record *r);

/* --- reading --- */

struct record record_of(const void *bytes, size_t n_bytes);

/* The first number, which says what the row is about; it is still to be read. */
uint64_t record_kind(const struct record *r);

/* A greater one cannot be there. */
uint64_t record_number(struct record *r, uint64_t max);
void record_bytes(struct record *r, void *out, size_t n_bytes);
/* NULL, or the caller's to free. */
char *record_text(struct record *r);
/* The same, where there must be one. */
char *record_some_text(struct record *r);

/* `error`, or -EBADMSG when there is more than was read. */
int record_end(struct record *r);

#endif
