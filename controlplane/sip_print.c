#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/sip.h"
#include "controlplane/sip_memory.h"

#define VERSION     "SIP/2.0"
#define LENGTH_NAME "Content-Length: "
#define END         "\r\n"
#define MAX_DIGITS  20
/* Of a start line besides its texts, of a line likewise, and what the head ends with. */
#define START_BYTES (sizeof(VERSION END) + 5)
#define LINE_BYTES  4
#define END_BYTES   (sizeof(LENGTH_NAME END END) + MAX_DIGITS)

static char *put(char *at, const char *text, size_t n_bytes)
{
	return (char *)memcpy(at, text, n_bytes) + n_bytes;
}

static char *put_number(char *at, size_t number)
{
	char digits[MAX_DIGITS];
	char *first = digits + sizeof(digits);
	do
		*--first = (char)('0' + number % 10);
	while (number /= 10);
	return put(at, first, (size_t)(digits + sizeof(digits) - first));
}

static char *put_start_line(char *at, const struct sip *s)
{
	const struct sip_field *f = s->fields;
	if (s->status) {
		at = put(at, VERSION " ", sizeof(VERSION));
		at = put_number(at, (size_t)s->status);
		*at++ = ' ';
		at = put(at, f->value, f->value_bytes);
	} else {
		at = put(at, f->name, f->name_bytes);
		*at++ = ' ';
		at = put(at, f->value, f->value_bytes);
		at = put(at, " " VERSION, sizeof(VERSION));
	}
	return put(at, END, 2);
}

static char *put_message(char *at, const struct sip *s)
{
	at = put_start_line(at, s);
	for (unsigned i = 1; i < s->n_fields; i++) {
		const struct sip_field *f = &s->fields[i];
		at = put(at, f->name, f->name_bytes);
		at = put(at, ": ", 2);
		at = put(at, f->value, f->value_bytes);
		at = put(at, END, 2);
	}
	at = put(at, LENGTH_NAME, sizeof(LENGTH_NAME) - 1);
	at = put_number(at, s->body_bytes);
	at = put(at, END END, 4);
	return s->body_bytes ? put(at, s->body, s->body_bytes) : at;
}

/* At least what it will be, at most some bytes more. */
static size_t most_bytes(const struct sip *s)
{
	size_t n = START_BYTES + END_BYTES + s->body_bytes;
	for (unsigned i = 0; i < s->n_fields; i++)
		n += s->fields[i].name_bytes + s->fields[i].value_bytes + LINE_BYTES;
	return n;
}

static int print(const struct sip *s, void *(*take)(size_t n_bytes), char **text, size_t *n_bytes)
{
	char *at = take(most_bytes(s));
	if (!at)
		return -ENOMEM;
	size_t n = (size_t)(put_message(at, s) - at);
	if (n > SIP_MESSAGE_BYTES) {
		sip_give(at);
		return -EMSGSIZE;
	}
	*text = at;
	*n_bytes = n;
	return 0;
}

int sip_print(const struct sip *s, char **text, size_t *n_bytes)
{
	return print(s, malloc, text, n_bytes);
}

int sip_print_taken(const struct sip *s, char **text, size_t *n_bytes)
{
	return print(s, sip_take, text, n_bytes);
}
