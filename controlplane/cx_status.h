/*
 * What a CSCF answers on SIP when the HSS has not granted a request: TS 24.229 5.3 and 5.4.
 */
#ifndef CONTROLPLANE_CX_STATUS_H
#define CONTROLPLANE_CX_STATUS_H

#include "controlplane/cx.h"

/* To a REGISTER: who is not allowed is forbidden, 403; the rest is not the user's fault, 5xx. */
int cx_register_status(enum cx_result result);

/* To a request for a user: unknown 404, not registered 480, else 5xx. */
int cx_locate_status(enum cx_result result);

/* To one that is to be served here (SAR 3): who is registered, or elsewhere, is not here, 480. */
int cx_unregistered_status(enum cx_result result);

/*
 * To one of a user who is not known here (SAR 14): no registration of his was lost here, 403. What
 * only the HSS lacks, its store (5012) among it, leaves his right open: 5xx.
 */
int cx_restoration_status(enum cx_result result);

#endif
