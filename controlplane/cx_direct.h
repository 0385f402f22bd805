/*
 * Cx to the HSS that is a role of this process. Which one that is is asked anew at each request, so
 * the roles may stop in any order; without one, cx_send() says -ENOTCONN.
 */
#ifndef CONTROLPLANE_CX_DIRECT_H
#define CONTROLPLANE_CX_DIRECT_H

#include "controlplane/cx.h"

/* NULL: out of memory. */
struct cx *cx_direct_new(void);

/* RTR or PPR to the S-CSCF of this process, at once. -ENOENT: there is none. */
int cx_direct_push(const struct cx_request *request, enum cx_result *result);

#endif
