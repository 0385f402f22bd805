/*
 * User-Data (606): the user profile as XML, TS 29.228 Annexes B and E. Of a profile we have, and
 * read, the identities and which of them are barred; whatever else another HSS sends is passed
 * over.
 *
 * Pure functions, from any thread after the first call.
 */
#ifndef CONTROLPLANE_CX_USER_DATA_H
#define CONTROLPLANE_CX_USER_DATA_H

#include <stddef.h>
#include <stdint.h>

#define CX_USER_DATA_BYTES (256 * 1024) /* longer is no profile of a user */

struct cx_saa;

/* Returns 0, *text (malloc, not terminated by NUL) and *n_bytes, or -ENOMEM. */
int cx_user_data_write(const char *impi, const struct cx_saa *profile, char **text,
		       size_t *n_bytes);

/*
 * Reads a document from outside. Returns 0; -EBADMSG: it is no profile, an identity is of several
 * lines, or it has a DOCTYPE, which no profile needs and no parser should follow; -EMSGSIZE: more
 * or longer than cx.h holds.
 */
int cx_user_data_read(const void *text, size_t n_bytes, struct cx_saa *out);

#endif
