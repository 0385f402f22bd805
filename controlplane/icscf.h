/*
 * The I-CSCF: finds the S-CSCF of a registration (UAR) or of a called user (LIR) and forwards
 * there. Seed 6.1.1; TS 24.229 5.3. Where the HSS names none it chooses by capabilities
 * (icscf_select.h), and chooses again when that one does not answer. It remembers nothing between
 * requests, so a failed registration leaves nothing to clear (C-029b).
 */
#ifndef CONTROLPLANE_ICSCF_H
#define CONTROLPLANE_ICSCF_H

#include "controlplane/role.h"

extern const struct role icscf_role;

#endif
