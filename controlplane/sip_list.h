/*
 * Headers that are comma-separated lists (Path, Service-Route, P-Associated-URI, Require, …), all
 * lines of one name together: quotes and angle brackets respected, blanks trimmed, empty elements
 * left out. Names and option tags are compared without case. Any thread.
 */
#ifndef CONTROLPLANE_SIP_LIST_H
#define CONTROLPLANE_SIP_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct sip;

/* A walk from the first element to the last. The message stays as it is meanwhile. */
struct sip_list {
	const struct sip *message;
	const char *name;    /* of the header */
	unsigned n_lines;    /* begun */
	const char *rest;    /* of the line; NULL: before the first */
	const char *element; /* where it is now */
	size_t n_bytes;
};

static inline struct sip_list sip_list(const struct sip *s, const char *name)
{
	return (struct sip_list){ .message = s, .name = name };
}

/*
 * To the next one, which is copied into `out`. Returns its length, -ENOENT after the last, or
 * -EMSGSIZE: it does not fit.
 */
int sip_list_next(struct sip_list *list, char *out, size_t out_bytes);
/*
 * The same of the i-th alone. It walks there each time: a peer's list, which may have thousands, is
 * not to be read so to its end.
 */
int sip_list_get(const struct sip *s, const char *name, unsigned i, char *out, size_t out_bytes);

/* Option tags of Require, Proxy-Require, Supported: RFC 3261 20.32. */
bool sip_option_has(const struct sip *s, const char *name, const char *tag);
/* Removes the tag, and the header when nothing is left. Returns 0 or -ENOMEM. */
int sip_option_remove(struct sip *s, const char *name, const char *tag);

#endif
