#include "test/unit/scarce_edge.h"

void scarce_edge_start(struct ue_sim *ue)
{
	scarce_libraries();
	edge_start("two-pairs", "no");
	scarce_spare_osip();
	ue_open(ue, 2, 14001, 14002);
}

void scarce_edge_forget(const struct ue_sim *ue)
{
	struct sip *s;
	while (ue_status(ue->clear) || ue_status(ue->us_fd) || ue_status(ue->uc_fd))
		;
	while ((s = core_receive()))
		sip_free(s);
}
