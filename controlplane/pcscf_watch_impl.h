/*
 * Insides of pcscf_watch.h: pcscf_watch.c has the subscriptions and sends SUBSCRIBE,
 * pcscf_notified.c takes NOTIFY. Not for others.
 */
#ifndef CONTROLPLANE_PCSCF_WATCH_IMPL_H
#define CONTROLPLANE_PCSCF_WATCH_IMPL_H

#include "controlplane/address.h"
#include "controlplane/dialog.h"
#include "controlplane/loop.h"
#include "controlplane/pcscf_watch.h"
#include "controlplane/reginfo.h"
#include "controlplane/table.h"

struct asking;

struct watches {
	struct loop *loop;
	struct proxy *proxy;
	struct ues *ues;
	struct endpoint *core;
	struct address icscf;
	const uint8_t *key;
	uint32_t max;
	struct table *by_call_id, *by_owner;
	struct reginfo info; /* the document being read */
	struct watch_counters counters;
};

struct watch {
	struct watches *watches;
	struct table_node by_call_id, by_owner;
	uint64_t ue;
	char *aor;
	struct dialog dialog;
	struct asking *pending; /* NULL: none */
	struct timer timer;     /* the next refresh, or look whether the registration is there */
	uint64_t expires_ms;    /* of the subscription */
	int64_t version;        /* of the last document; −1: none */
};

/* The one whose dialog the request belongs to; NULL. */
struct watch *watch_find(const struct watches *w, const struct sip *request);
/*
 * The one that it belonged to before a restart, as if it had just been begun; `expires_s` is what
 * is left of it. NULL: it never was ours, or its registration has ended or another subscription.
 */
struct watch *watch_restore(struct watches *w, const struct sip *request, uint32_t expires_s);
/* Of the registration that it is about; NULL: that has ended. */
struct ue *watch_ue(const struct watch *s);
/* The registration may end sooner or later than before. */
void watch_set_timer(struct watch *s, const struct ue *ue);
void watch_free(struct watch *s);

#endif
