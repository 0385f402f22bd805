/*
 * Somebody who has subscribed to the event package reg at the S-CSCF of a core_lab: a UE behind its
 * P-CSCF, or the P-CSCF itself. Both speak from the lab's socket.
 */
#ifndef TEST_UNIT_WATCHER_H
#define TEST_UNIT_WATCHER_H

#include "controlplane/reginfo.h"
#include "test/unit/core_lab.h"

struct watcher {
	struct core_lab *lab;
	unsigned number;   /* tells dialogs apart */
	unsigned user;     /* the subscriber it is about */
	const char *from;  /* who is asserted: an IMPU, or a URI of the Path */
	bool is_ue;        /* by the Service-Route, with a Record-Route of the P-CSCF */
	const char *extra; /* header lines; NULL: Event: reg */
	unsigned cseq;
	char to_tag[64]; /* "": no dialog yet */
	uint32_t granted_s;
	struct sip *early;   /* a NOTIFY that came before the 200: RFC 6665 4.1.2.4 */
	struct sip *notify;  /* the last one */
	struct reginfo info; /* what was in it */
	char state[128];     /* its Subscription-State */
};

struct watcher watcher_new(struct core_lab *lab, unsigned number, unsigned user, bool is_ue);
void watcher_close(struct watcher *w);

/* Sends a SUBSCRIBE and returns the status of its answer; 0: none. */
int watcher_subscribe(struct watcher *w, unsigned expires_s);

/* The next NOTIFY, if one has come, and answers it with `status` (0: not at all). */
bool watcher_hears(struct watcher *w, int status);

/* Subscribes, and takes and answers the first NOTIFY. */
bool watcher_begin(struct watcher *w);

/* The contact of this address of record in the last NOTIFY; NULL: not in it. */
const struct reginfo_contact *watcher_contact(const struct watcher *w, const char *aor);

#endif
