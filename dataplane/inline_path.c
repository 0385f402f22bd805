#include "dataplane/inline_path.h"

#include <string.h>

#include "dataplane/esp.h"
#include "dataplane/inline_sa.h"
#include "dataplane/path.h"
#include "dataplane/worker.h"

enum {
	VLAN_BYTES = 4,
};

enum counter inline_judge(const struct rte_mbuf *m, struct pkt *p)
{
	if (!inline_is(p->sa, CRYPTO_INLINE))
		return COUNT_inline_late;
	if (m->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED)
		return COUNT_esp_bad_icv;
	p->job.status = CRYPTO_DONE;
	return ESP_OK;
}

static struct inline_session *session_of(const struct worker *w, const struct sa *sa)
{
	const struct inline_table *t = w->sas->inlined;
	return &t->session[t->of_slot[sa - w->sas->sa]];
}

/* ip: in the frame that will be sent, but for a VLAN tag; l4: what the port is to work on. */
static bool give(const struct inline_session *s, const struct zone *zone, struct rte_mbuf *m,
		 const uint8_t *ip, const uint8_t *l4)
{
	if (s->needs_metadata &&
	    rte_security_set_pkt_metadata(s->context, s->session, m, NULL) != 0)
		return false;
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	m->l2_len = (uint64_t)(ip - frame) + (zone->vlan ? VLAN_BYTES : 0);
	m->l3_len = (uint64_t)(l4 - ip);
	m->ol_flags |= RTE_MBUF_F_TX_SEC_OFFLOAD |
		       (ip[0] >> 4 == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
	return true;
}

bool inline_begin(struct worker *w, struct rte_mbuf *m, struct sa *sa)
{
	struct inline_session *s = session_of(w, sa);
	if (m->pool == w->zones->datagrams) {
		/* The cpu sends what will be cut, and the port's next number may be the one it
		 * takes. */
		s->is_begun = false;
		return false;
	}
	if (!s->is_begun && sa->run.replay.top < s->first_sequence) {
		sa->run.replay.top = s->first_sequence - 1;
		s->is_begun = true;
	}
	return s->is_begun;
}

void inline_end(const struct worker *w, const struct sa *sa)
{
	session_of(w, sa)->is_begun = false;
}

enum counter inline_leave(const struct worker *w, struct rte_mbuf *m, struct pkt *p,
			  uint16_t mtu_bytes)
{
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->sa->id.suite];
	uint16_t unpadded = p->at.end - p->at.l4 + ESP_TRAILER_BYTES;
	uint16_t pad_bytes = (uint16_t)(-unpadded & (shape->block_bytes - 1));
	if (p->at.l4 - p->at.l3 + ESP_HEADER_BYTES + shape->iv_bytes + unpadded + pad_bytes +
		    shape->icv_bytes >
	    mtu_bytes)
		return COUNT_out_too_big;
	m->data_len = p->at.end; /* Ethernet padding goes */
	m->pkt_len = p->at.end;
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *);
	/* Not the cpu instead: the port's next number would be one that was sent. */
	if (!give(session_of(w, p->sa), &w->zones->zone[p->zone], m, frame + p->at.l3,
		  frame + p->at.l4))
		return COUNT_crypto_failed;
	p->job = (struct crypto_job){ .status = CRYPTO_DONE,
				      .direction = CRYPTO_SIGN,
				      .backend = CRYPTO_INLINE_PROTOCOL };
	return ESP_OK;
}

bool inline_take(const struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	if (p->job.backend == CRYPTO_INLINE_PROTOCOL)
		return p->job.status == CRYPTO_DONE;
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->job.suite];
	const struct zone *zone = &w->zones->zone[p->zone];
	const uint8_t *ip = rte_pktmbuf_mtod_offset(m, const uint8_t *, p->at.l3);
	/* What will be cut into fragments, or copied, needs its ICV before. */
	if (m->pool == w->zones->datagrams ||
	    p->job.esp - ip + p->job.auth_bytes + shape->icv_bytes > path_limit(w, zone))
		return false;
	if (!give(session_of(w, p->sa), zone, m, ip, p->job.esp))
		return false;
	if (shape->iv_bytes) {
		uint64_t number_be = crypto_packet_number_be(&p->job);
		memcpy(p->job.esp + ESP_HEADER_BYTES, &number_be, sizeof(number_be));
	}
	p->job.status = CRYPTO_DONE;
	return true;
}
