/*
 * A dialog at the end of it that we are: RFC 3261 12, for subscriptions (RFC 6665). What each side
 * is called, where its requests go, and their numbers. The owner keeps the struct in place, and
 * dialog_clear() frees what it holds. Functions return 0 or -errno; after an error the dialog is
 * still to be cleared.
 */
#ifndef CONTROLPLANE_DIALOG_H
#define CONTROLPLANE_DIALOG_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/sip.h"

#define DIALOG_ROUTES 8

struct dialog {
	char *call_id;
	char *local, *remote; /* header values of From and To as we write them, without tags */
	char local_tag[SIP_TAG_BYTES];
	char *remote_tag; /* NULL: the other side has not spoken yet */
	char *target;     /* URI of its Contact; before that what was asked for */
	char **routes;    /* URIs, next hop first; NULL: none */
	unsigned n_routes;
	uint32_t local_cseq, remote_cseq;
};

/* By a request that we are to answer 2xx with `local_tag`. -EINVAL: no Contact, or too many routes.
 */
int dialog_accept(struct dialog *d, const struct sip *request);

/* By a request that we are going to send: both sides as "<URI>". */
int dialog_begin(struct dialog *d, const char *local, const char *remote, const char *target,
		 const char *call_id);

/*
 * The other side's first word of its own: the 2xx to what began it, or a request of it that came
 * before. Later ones change nothing but the target.
 */
int dialog_confirm(struct dialog *d, const struct sip *message);

/* Whether a request from the other side belongs to it. */
bool dialog_has(const struct dialog *d, const struct sip *request);

/* Takes the number of such a request. False: it is an old one (RFC 3261 12.2.2: 500). */
bool dialog_advance(struct dialog *d, const struct sip *request);

/* The next request in it, without Via and Contact. NULL: out of memory. */
struct sip *dialog_request(struct dialog *d, const char *method);

void dialog_clear(struct dialog *d);

#endif
