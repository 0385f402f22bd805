/* The capabilities of store.h as text. */
#include "controlplane/store.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A number up to `*text`'s next separator; false: there is none, or it is none of 32 bits. */
static bool read_number(const char **text, uint32_t *out)
{
	size_t digits = strspn(*text, "0123456789");
	unsigned long long value = strtoull(*text, NULL, 10);

	if (digits == 0 || digits > 10 || value > UINT32_MAX)
		return false;
	*out = (uint32_t)value;
	*text += digits;
	return true;
}

/* "1,2" into a list; "" is none. */
static bool read_list(const char **text, uint32_t list[], uint32_t *n)
{
	if (**text == '\0' || **text == '/')
		return true;
	do {
		if (*n == STORE_MAX_CAPABILITIES || !read_number(text, &list[(*n)++]))
			return false;
	} while (*(*text)++ == ',');
	(*text)--;
	return true;
}

int store_capabilities_read(const char *text, struct store_capabilities *out)
{
	bool is_good;

	memset(out, 0, sizeof(*out));
	is_good = read_list(&text, out->mandatory, &out->n_mandatory);
	if (is_good && *text == '/') {
		text++;
		is_good = read_list(&text, out->optional, &out->n_optional);
	}
	return is_good && *text == '\0' ? 0 : -EINVAL;
}

static size_t print_list(const uint32_t list[], uint32_t n, char *out, size_t out_bytes)
{
	size_t used = 0;

	for (uint32_t i = 0; i < n; i++)
		used += (size_t)snprintf(out + used, out_bytes - used, "%s%" PRIu32,
					 i > 0 ? "," : "", list[i]);
	return used;
}

void store_capabilities_print(const struct store_capabilities *c,
			      char out[static STORE_CAPABILITIES_BYTES])
{
	size_t used;

	out[0] = '\0';
	used = print_list(c->mandatory, c->n_mandatory, out, STORE_CAPABILITIES_BYTES);
	if (c->n_optional == 0)
		return;
	out[used++] = '/';
	print_list(c->optional, c->n_optional, out + used, STORE_CAPABILITIES_BYTES - used);
}
