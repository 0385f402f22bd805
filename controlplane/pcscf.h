/*
 * The P-CSCF: the edge's SIP side. Between the UEs on Gm (the kernel port of the data plane, where
 * protected SIP appears in the clear) and the I- and S-CSCF on Mw. TS 24.229 5.2, TS 33.203 7.
 *
 *   pcscf.c            sockets, who sent it, which of the two below, status
 *   pcscf_register.c   REGISTER: indicator, forward; what the answer does to the SAs
 *   pcscf_check.c      whether a REGISTER may go on: addresses, identity, security agreement
 *   pcscf_challenge.c  the 401: keys out, SA set in, Security-Server
 *   pcscf_request.c    everything else, from a UE or to one
 *   pcscf_adopt.c      SA sets that outlived us in the data plane, or that it lost
 */
#ifndef CONTROLPLANE_PCSCF_H
#define CONTROLPLANE_PCSCF_H

#include "controlplane/role.h"

extern const struct role pcscf_role;

#endif
