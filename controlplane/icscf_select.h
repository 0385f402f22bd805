/*
 * Which S-CSCF the I-CSCF assigns: TS 29.228 6.1.1, TS 23.228 5.1.1. Pure functions.
 */
#ifndef CONTROLPLANE_ICSCF_SELECT_H
#define CONTROLPLANE_ICSCF_SELECT_H

#include <stdint.h>

struct config_icscf;
struct cx_capabilities;

/* S-CSCFs that have been tried: bit 0 is icscf.scscf, bit i + 1 scscfs[i], of which 31 may be. */
typedef uint32_t icscf_tried;

/*
 * The S-CSCF that has all mandatory capabilities and most of the optional ones, the first in the
 * configuration among equals, and marks it as tried. NULL: none is left.
 */
const char *icscf_select(const struct config_icscf *config, const struct cx_capabilities *needed,
			 icscf_tried *tried);

/* Marks one that the HSS has named. */
void icscf_mark_tried(const struct config_icscf *config, const char *uri, icscf_tried *tried);

#endif
