/* MAR: authentication vectors. TS 29.228 6.3, TS 33.102 6.3, seed 6.1.1 and 6.1.3. */
#include "controlplane/hss_procedures.h"

#include <errno.h>
#include <string.h>

#include "controlplane/hss.h"
#include "crypto/aka.h"
#include "crypto/wipe.h"

_Static_assert(CX_RES_BYTES == AKA_RES_MAX_BYTES, "an item holds any RES");

/* An IMPU that is registered stays so. */
static int mark_pending(struct hss_subject *s)
{
	return s->identity.state == STORE_UNREGISTERED
		       ? store_set_state(s->store, s->identity.impu, STORE_PENDING)
		       : 0;
}

static void give_item(const struct av *av, uint32_t number, struct cx_item *item)
{
	item->number = number;
	item->res_bytes = av->xres_bytes;
	memcpy(item->rand, av->rand, sizeof(item->rand));
	memcpy(item->autn, av->autn, sizeof(item->autn));
	memcpy(item->xres, av->xres, sizeof(item->xres));
	memcpy(item->ck, av->ck, sizeof(item->ck));
	memcpy(item->ik, av->ik, sizeof(item->ik));
}

/*
 * Vectors in the order of their SQN, which the caller's commit makes durable. From here on a
 * terminating call finds the S-CSCF that authenticates (C-019).
 */
static int make_items(struct hss_subject *s, const struct milenage_key *key, uint64_t sqn,
		      uint32_t n, const char *server_name, struct cx_maa *a)
{
	struct av av;
	int rc = 0;

	for (uint32_t i = 0; rc == 0 && i < n; i++) {
		rc = aka_next_sqn(sqn, &sqn);
		if (rc == 0)
			rc = aka_make_fresh_av(s->milenage, key, sqn, s->subscriber.amf, &av);
		if (rc == 0)
			give_item(&av, i + 1, &a->items[i]);
	}
	wipe(&av, sizeof(av));
	if (rc < 0) {
		wipe(a, sizeof(*a));
		return rc == -EOVERFLOW ? CX_UNABLE_TO_COMPLY : rc;
	}
	a->n_items = n;
	s->stats->vector_made += n;
	rc = store_set_challenged(s->store, s->subscriber.id, sqn, server_name);
	return rc < 0 ? rc : CX_SUCCESS;
}

int hss_challenge(struct hss_subject *s, const struct cx_mar *r, struct cx_maa *a)
{
	const struct milenage_key key = { .k = s->subscriber.k, .opc = s->subscriber.opc };
	uint64_t sqn = s->subscriber.sqn;
	uint32_t n = r->n_items;
	int rc;

	if (r->server_name[0] == '\0')
		return CX_UNABLE_TO_COMPLY;
	if (strcmp(r->scheme, CX_SCHEME_AKA) != 0)
		return CX_AUTH_SCHEME_NOT_SUPPORTED;
	if (r->resync) {
		/* C-033. Whoever forges an AUTS gets nothing, and changes nothing. */
		rc = aka_resync(s->milenage, &key, r->rand, r->auts, &sqn);
		if (rc == -EBADMSG) {
			s->stats->resync_forged++;
			return CX_UNABLE_TO_COMPLY;
		}
		if (rc < 0)
			return rc;
		s->stats->resync_accepted++;
	}
	rc = mark_pending(s);
	if (rc < 0)
		return rc;
	if (n == 0)
		n = 1;
	return make_items(s, &key, sqn, n < CX_MAX_ITEMS ? n : CX_MAX_ITEMS, r->server_name, a);
}
