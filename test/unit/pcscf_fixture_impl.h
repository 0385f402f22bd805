/*
 * Insides of pcscf_fixture.h, shared by pcscf_fixture.c (the P-CSCF), played_dataplane.c and
 * played_sip.c (UEs and the core) alone.
 */
#ifndef TEST_UNIT_PCSCF_FIXTURE_IMPL_H
#define TEST_UNIT_PCSCF_FIXTURE_IMPL_H

#include <stdbool.h>
#include <stdint.h>

/* With nothing in it, on a socket of this path. */
void played_dataplane_start(const char *path);
void played_dataplane_stop(void);
/* Takes one message or one end of a connection. False: there was none. */
bool played_dataplane_serve(void);

/* The core on port_icscf, for a P-CSCF whose port toward it is this one. */
void played_sip_open(uint16_t port);
void played_sip_close(void); /* with all sockets of UEs */

#endif
