/*
 * P-Charging-Vector (RFC 7315 4.6, TS 24.229 7.2A.5): the icid that the first hop makes, and which
 * networks a request comes from and its answer (orig-ioi, term-ioi). Pure functions on a message;
 * they return 0 or -errno.
 */
#ifndef CONTROLPLANE_CHARGING_H
#define CONTROLPLANE_CHARGING_H

#include <stddef.h>

struct sip;

/* A new vector, the only one, with a new icid. */
int charging_begin(struct sip *s);

/* The vector of `from`, if there is one; else none. */
int charging_copy(struct sip *to, const struct sip *from);

/* Value of a parameter without its quotes. Returns its length, -ENOENT or -EMSGSIZE. */
int charging_get(const struct sip *s, const char *name, char *out, size_t out_bytes);

/* Sets a parameter (quoted), or takes it away: `value` NULL. Without a vector nothing is done. */
int charging_set(struct sip *s, const char *name, const char *value);

#endif
