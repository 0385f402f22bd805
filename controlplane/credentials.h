/*
 * The parameters of Authorization, Proxy-Authorization and WWW-Authenticate: RFC 3261 25.1,
 * RFC 3310, TS 24.229 7.2A. Any parameter of any name is kept in order, so a proxy changes nothing
 * it does not mean to.
 *
 * A struct credentials is a copy of the value with views into it; it holds keys between SM5 and
 * SM6, so its owner calls credentials_wipe() when done with it.
 */
#ifndef CONTROLPLANE_CREDENTIALS_H
#define CONTROLPLANE_CREDENTIALS_H

#include <stdbool.h>
#include <stddef.h>

#define CREDENTIALS_N_PARAMS 32
#define CREDENTIALS_BYTES    8192 /* twice SIP_VALUE_BYTES: what is set is appended */

struct credentials {
	const char *scheme; /* "Digest" */
	struct credentials_param {
		const char *name;  /* as spelled */
		const char *value; /* unquoted, escapes undone */
		bool quoted;
	} params[CREDENTIALS_N_PARAMS];
	unsigned n_params;
	size_t n_used;
	char store[CREDENTIALS_BYTES];
};

/* Returns 0, -EINVAL (malformed, or a parameter twice), -EMSGSIZE. */
int credentials_parse(const char *value, struct credentials *c);

/* Value by name, without case. NULL: absent. */
const char *credentials_get(const struct credentials *c, const char *name);
unsigned credentials_remove(struct credentials *c, const char *name);
/* Replaces or appends. `name` and `value` are copied. Returns 0 or -EMSGSIZE. */
int credentials_set(struct credentials *c, const char *name, const char *value, bool quoted);

/* Returns the length, or -EMSGSIZE. */
int credentials_print(const struct credentials *c, char *out, size_t out_bytes);

/* Of one's own, without parameters. `scheme` stays in its place. */
void credentials_begin(struct credentials *c, const char *scheme);

/* As much as was used; after a parse, even one that failed, or credentials_begin(). */
void credentials_wipe(struct credentials *c);

#endif
