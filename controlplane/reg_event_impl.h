/*
 * Insides of reg_event.h: reg_event.c has the subscriptions and what they are about,
 * reg_event_subscribe.c takes SUBSCRIBE, reg_event_notify.c sends NOTIFY, reg_event_state.c has the
 * rows of the state file. Not for others.
 */
#ifndef CONTROLPLANE_REG_EVENT_IMPL_H
#define CONTROLPLANE_REG_EVENT_IMPL_H

#include "controlplane/dialog.h"
#include "controlplane/loop.h"
#include "controlplane/reg_event.h"
#include "controlplane/statefile.h"
#include "controlplane/table.h"

#define EVENT_HEADER_BYTES 64 /* "reg", and an id that tells subscriptions of a dialog apart */

struct notification;
struct subject;

struct subscription {
	struct table_node node; /* by Call-ID */
	struct reg_event *events;
	struct subject *subject;   /* NULL: over, but for its last NOTIFY */
	struct subscription *next; /* of the subject */
	struct dialog dialog;
	char event[EVENT_HEADER_BYTES]; /* as the subscriber wrote it */
	bool is_user;                   /* else a P-CSCF's */
	const char *reason;             /* of its end; NULL: it lives */
	struct timer expiry;
	uint64_t expires_ms;
	uint32_t n_sent;              /* documents, which is the version of the next */
	struct notification *pending; /* the NOTIFY that waits for the state file, or its answer */
	char *waiting;                /* the document that waits for that; NULL */
	size_t waiting_bytes;
	struct statefile_item kept;
	bool has_jumped; /* its numbers, ahead of those in its row */
};

/* What subscriptions are about, an implicit set of an IMPI: there while one of them is. */
struct subject {
	struct table_node node; /* by IMPI */
	char *impi;
	char *impu;                 /* one of the set */
	struct subscription *first; /* the user's own first, and of each kind the newest */
};

struct reg_event {
	struct loop *loop;
	struct proxy *proxy;
	struct endpoint *endpoint;
	const struct config_scscf *config;
	struct registrations *registrations;
	struct statefile *file; /* NULL: none */
	struct table *by_call_id;
	struct table *by_impi;
	char contact[80];    /* "<sip:ADDRESS:PORT>", ";transport=tls" */
	struct reginfo info; /* the document being made */
	struct reg_event_counters counters;
};

/* --- reg_event.c --- */

/*
 * A subscription in the dialog that the request begins, of which it is told nothing yet. Returns 0
 * and *out, -EINVAL when there is no dialog in the request, or -ENOMEM.
 */
int subscription_new(struct reg_event *e, const struct registration *g, const struct sip *request,
		     bool is_user, struct subscription **out);
/*
 * One with its dialog, about an implicit set of this IMPI with this IMPU. Returns 0 or -ENOMEM:
 * then it is still the caller's.
 */
int subscription_add(struct reg_event *e, struct subscription *s, const char *impi,
		     const char *impu);
/* The one whose dialog the request belongs to; NULL. */
struct subscription *subscription_find(struct reg_event *e, const struct sip *request);
/* From now on it lives for so long. */
void subscription_extend(struct subscription *s, uint32_t expires_s);
/* It ends with the next NOTIFY, which says why (RFC 6665 4.1.3). */
void subscription_end(struct subscription *s, const char *reason);
/* Gone at once. */
void subscription_free(struct subscription *s);

/* Of the subject; NULL: not registered any more. */
struct registration *subscription_registration(const struct subscription *s);

/* --- reg_event_notify.c --- */

/* The registration as it is, into e->info. */
void notify_describe(struct reg_event *e, const struct registration *g);
/* The same, as what it was. */
void notify_describe_end(struct reg_event *e, const struct registration *g,
			 enum reginfo_event event);
/* That there is none any more, and nothing else is known, into the same. */
void notify_describe_lost(struct subscription *s);
/* Sends e->info, once it is kept and after the NOTIFY that is on its way. The subscription may be
 * gone then. */
void notify(struct subscription *s);
/* What is on its way finds nobody any more, what waits is not sent. */
void notify_forget(struct subscription *s);

#endif
