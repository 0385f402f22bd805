/*
 * Tokens of SIP, RFC 3261 25.1: letters, digits and "-.!%*_+`'~". Pure functions, any thread; they
 * do not ask for the locale.
 */
#ifndef CONTROLPLANE_TOKEN_H
#define CONTROLPLANE_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <strings.h>

/* How many of the first characters make a token; 0: none. */
size_t token_bytes(const char *text);
/*
 * As many that are of a token, or ':', '[', ']': what a parameter may be without quotes. They are
 * copied to `out` in lower case.
 */
size_t token_or_host_fold(const char *text, char *out);

/* As !strcasecmp(); most names differ in their first letter. */
static inline bool token_is(const char *a, const char *b)
{
	return !((a[0] ^ b[0]) & ~0x20) && !strcasecmp(a, b);
}

#endif
