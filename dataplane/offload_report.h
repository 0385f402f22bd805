/*
 * What is on and what is not, and why, as lines for people: `imsgate show offload`. Reads what the
 * control thread writes, and may be behind. Any thread.
 */
#ifndef DATAPLANE_OFFLOAD_REPORT_H
#define DATAPLANE_OFFLOAD_REPORT_H

#include "dataplane/inline_sa.h"
#include "dataplane/offload.h"

struct offload_row {
	const char *offload; /* what the port does … */
	char of[64];         /* … to which packets or SAs */
	bool is_used;
	uint32_t n_sessions;             /* SAs that the port holds a session or a rule of for it */
	char why[2 * OFFLOAD_WHY_BYTES]; /* ours and the driver's words */
};
#define OFFLOAD_ROWS_MAX (OFFLOAD_N_KINDS + INLINE_CLASSES)

/* Fills row[OFFLOAD_ROWS_MAX] about port i of both tables; returns how many. */
uint32_t offload_rows(const struct offload *o, const struct inline_table *t, uint32_t i,
		      struct offload_row row[]);

/*
 * Telemetry commands /imsgate/offload (ports by number) and /imsgate/offload,PORT (its rows). Both
 * tables must outlive the EAL.
 */
void offload_telemetry_register(const struct offload *o, const struct inline_table *t);

#endif
