/*
 * The four procedures of the HSS, one per Cx command, on a subject that hss.c has looked up. For
 * hss.c and its tests.
 *
 * A procedure fills its member of the answer and returns an enum cx_result, or -errno when the
 * store failed: the caller then gives up the transaction, so nothing is half done.
 */
#ifndef CONTROLPLANE_HSS_PROCEDURES_H
#define CONTROLPLANE_HSS_PROCEDURES_H

#include "controlplane/cx.h"
#include "controlplane/store.h"

struct hss_stats;
struct milenage;
struct roaming;

/* Whom a request is about. `subscriber` holds keys: wiped by who looked it up. */
struct hss_subject {
	struct store *store;
	struct hss_stats *stats;
	struct milenage *milenage;
	const struct roaming *roaming;
	struct store_subscriber subscriber;
	struct store_identity identity;             /* the IMPU asked for */
	struct store_identity set[STORE_MAX_IMPUS]; /* it and its implicit set, of a SAR */
	unsigned n_set;
	bool is_needed;             /* the S-CSCF is, by an identity outside of the set */
	bool unregistered_services; /* hss.unregistered_services */
};

/*
 * hss.c: of the subscriber's identities those of the one asked for, its service profile (seed
 * 6.1.1). Returns CX_SUCCESS or -errno.
 */
int hss_read_set(struct hss_subject *s);

int hss_authorize(struct hss_subject *s, const struct cx_uar *r, struct cx_uaa *a);
int hss_locate(struct hss_subject *s, const struct cx_lir *r, struct cx_lia *a);
int hss_assign(struct hss_subject *s, const struct cx_sar *r, struct cx_saa *a);
int hss_challenge(struct hss_subject *s, const struct cx_mar *r, struct cx_maa *a);

#endif
