/*
 * The attack "reflect": an ESP packet that the P-CSCF sent to a UE goes back to the edge as it
 * came, frame and all but for the two MAC addresses. Private to attack.c.
 */
#ifndef TOOLS_UE_REFLECT_H
#define TOOLS_UE_REFLECT_H

#include "tools/ue/attack.h"

/* Lets the UEs talk for a second to catch such a packet, in a->packet. */
void reflect_capture(struct attack *a, void (*captured)(struct attack *a, bool found));
bool reflect_send(struct attack *a);
void reflect_close(struct attack *a);

#endif
