/*
 * The notifier of the event package reg at the S-CSCF: RFC 3680, RFC 6665, TS 24.229 5.4.2. It
 * tells those who have subscribed to a registration what becomes of it:
 *
 *   SUBSCRIBE → may he know? (reg_event_subscribe.c) → 200, and a NOTIFY with the whole state
 *   reg_event_changed() → NOTIFY to each subscriber
 *   reg_event_ended()   → the last NOTIFY to each, and the subscriptions are over
 *   no answer, 481 and the like to a NOTIFY → that subscription is over
 *
 * Subscriptions are in the S-CSCF's state file (reg_event_state.c): a NOTIFY, and the 200 to a
 * SUBSCRIBE, wait until what they tell is there.
 *
 * Only the user himself and the P-CSCFs of his Path may subscribe. Each NOTIFY waits for the answer
 * to the one before it (reg_event_notify.c); what changes meanwhile is told at once afterwards.
 * Bounded in all, and for each registration and kind of subscriber, where the oldest makes room. A
 * subscription is about 1 KB. O(1) for each message on the loop's thread.
 */
#ifndef CONTROLPLANE_REG_EVENT_H
#define CONTROLPLANE_REG_EVENT_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/reginfo.h"

#define REG_EVENT_MAX      (1u << 19)
#define REG_EVENT_PER_KIND 4 /* of one registration: the user's own, and the P-CSCFs' */

struct config_scscf;
struct cx_saa;
struct endpoint;
struct loop;
struct proxy;
struct record;
struct reg_event;
struct registration;
struct registrations;
struct server_txn;
struct sip;
struct statefile;
struct statefile_item;

struct reg_event_counters {
	uint64_t subscribe_rx;
	uint64_t subscribe_refused;
	uint64_t notify_tx;
	uint64_t notify_failed; /* not sent, not answered, or refused */
	uint64_t crowded_out;   /* subscriptions that had to make room */
};

/* `endpoint` sends the NOTIFYs. NULL: out of memory. */
struct reg_event *reg_event_new(struct loop *loop, struct proxy *proxy, struct endpoint *endpoint,
				const struct config_scscf *config,
				struct registrations *registrations);
/* After proxy_free(): nothing is sent any more. */
void reg_event_free(struct reg_event *e);

uint32_t reg_event_count(const struct reg_event *e);
const struct reg_event_counters *reg_event_counters(const struct reg_event *e);

/* A row of the state file, registration.h. Returns 0, -ENOENT (its time is up), -EBADMSG or
 * -ENOMEM.
 */
int subscription_load(struct reg_event *e, int64_t row_id, struct record *row,
		      const struct statefile *file);
void subscription_save(const struct statefile_item *item, struct record *row);
/*
 * All rows are read: what changes is written from now on, and who subscribed to a registration that
 * is no more hears so now, as he may not have before.
 */
void reg_event_loaded(struct reg_event *e);

/* Whether it is a SUBSCRIBE of this package. */
bool reg_event_is_asked(const struct sip *request);

/* A SUBSCRIBE for an identity of this registration, outside a dialog: answers it. */
void reg_event_subscribe(struct reg_event *e, struct server_txn *x, struct registration *g);

/* One in a dialog, to us: refreshes or ends the subscription, or answers 481. */
void reg_event_resubscribe(struct reg_event *e, struct server_txn *x);

/*
 * The registration's set is about to be that of the profile, which has an identity: who watches it
 * goes on, whatever identity he began with. Returns 0 or -ENOMEM.
 */
int reg_event_follow(struct reg_event *e, const struct registration *g,
		     const struct cx_saa *profile);

/* The registration is as it is now. Also without a subscriber. */
void reg_event_changed(struct reg_event *e, const struct registration *g);

/* It is about to be removed, because of `event`. */
void reg_event_ended(struct reg_event *e, struct registration *g, enum reginfo_event event);

#endif
