#include "dataplane/inline_path.h"

#include <string.h>

#include "dataplane/esp.h"
#include "dataplane/inline_sa.h"
#include "dataplane/worker.h"

enum {
	VLAN_BYTES = 4,
};

enum counter inline_judge(const struct rte_mbuf *m, struct pkt *p)
{
	if (!inline_is_wanted(p->sa))
		return COUNT_inline_late;
	if (m->ol_flags & RTE_MBUF_F_RX_SEC_OFFLOAD_FAILED)
		return COUNT_esp_bad_icv;
	p->job.status = CRYPTO_DONE;
	return ESP_OK;
}

bool inline_take(const struct worker *w, struct rte_mbuf *m, struct pkt *p)
{
	const struct inline_table *t = w->sas->inlined;
	const struct zone *zone = &w->zones->zone[p->zone];
	const struct inline_session *s = &t->session[t->of_slot[p->sa - w->sas->sa]];
	const struct crypto_suite_shape *shape = &crypto_suite_shape[p->job.suite];
	const uint8_t *frame = rte_pktmbuf_mtod(m, const uint8_t *), *ip = frame + p->at.l3;
	/* What will be cut into fragments, or copied, needs its ICV before. */
	if (m->pool == w->zones->datagrams ||
	    p->job.esp - ip + p->job.auth_bytes + shape->icv_bytes > zone->mtu_bytes)
		return false;
	if (s->needs_metadata &&
	    rte_security_set_pkt_metadata(s->context, s->session, m, NULL) != 0)
		return false;
	if (shape->iv_bytes) {
		uint64_t number_be = crypto_packet_number_be(&p->job);
		memcpy(p->job.esp + ESP_HEADER_BYTES, &number_be, sizeof(number_be));
	}
	m->l2_len = (uint64_t)(ip - frame) + (zone->vlan ? VLAN_BYTES : 0);
	m->l3_len = (uint64_t)(p->job.esp - ip);
	m->ol_flags |= RTE_MBUF_F_TX_SEC_OFFLOAD |
		       (ip[0] >> 4 == 4 ? RTE_MBUF_F_TX_IPV4 : RTE_MBUF_F_TX_IPV6);
	p->job.status = CRYPTO_DONE;
	return true;
}
