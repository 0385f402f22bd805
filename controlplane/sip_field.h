/*
 * The headers of a message that libosip2 does not parse, as sip.h has them. Private to sip*.c.
 *
 * Those that a message is made with lie in one block, so that a copy is one piece of memory; those
 * that are added later have one each. What is taken out is wiped at once.
 */
#ifndef CONTROLPLANE_SIP_FIELD_H
#define CONTROLPLANE_SIP_FIELD_H

#include "controlplane/sip.h"

/*
 * The fields of a message that has none yet, copied. Lengths have to be set, `own` is not read.
 * Returns 0 or -ENOMEM.
 */
int sip_fields_fill(struct sip *s, const struct sip_field *fields, unsigned n);
void sip_fields_clear(struct sip *s);

#endif
