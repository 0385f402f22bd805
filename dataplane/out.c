#include "dataplane/out.h"

#include <rte_ether.h>
#include <rte_mbuf.h>

/* One buffer of its pool alone, as nearly all are: it goes back as it is. */
static inline bool is_plain(const struct rte_mbuf *m)
{
	return m->nb_segs == 1 && RTE_MBUF_DIRECT(m) && rte_mbuf_refcnt_read(m) == 1;
}

void out_free_dropped(struct worker *w)
{
	struct worker_burst *dropped = &w->dropped;
	for (uint32_t begin = 0, end; begin < dropped->n; begin = end) {
		struct rte_mempool *pool = dropped->m[begin]->pool;
		for (end = begin; end < dropped->n && is_plain(dropped->m[end]) &&
				  dropped->m[end]->pool == pool;)
			end++;
		if (likely(end > begin))
			rte_mempool_put_bulk(pool, (void **)dropped->m + begin, end - begin);
		else
			rte_pktmbuf_free(dropped->m[end++]);
	}
	dropped->n = 0;
}

bool out_tag(struct worker *w, const struct zone *zone, struct rte_mbuf *m)
{
	m->vlan_tci = zone->vlan;
	if (rte_vlan_insert(&m) == 0)
		return true;
	out_drop(w, m, COUNT_packet_malformed);
	return false;
}

bool out_untag(struct worker *w, struct rte_mbuf *m)
{
	if (rte_vlan_strip(m) == 0)
		return true;
	out_drop(w, m, COUNT_packet_malformed);
	return false;
}
