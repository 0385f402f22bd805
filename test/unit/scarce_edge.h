/*
 * A P-CSCF (pcscf_fixture.h) whose allocations can fail (scarce.h), and one UE.
 */
#ifndef TEST_UNIT_SCARCE_EDGE_H
#define TEST_UNIT_SCARCE_EDGE_H

#include "test/shim/scarce.h"
#include "test/unit/pcscf_fixture.h"

/* Longer than all that a failed registration leaves: temporary sets, transactions of Gm. */
#define LONG_MS 300000

/* Both begin, with nothing behind them; edge_stop() ends them. */
void scarce_edge_start(struct ue_sim *ue);

/* What is under way to the UE or to the core is read, and counts for nothing. */
void scarce_edge_forget(const struct ue_sim *ue);

#endif
