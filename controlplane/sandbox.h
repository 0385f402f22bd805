/*
 * What the control plane gives up once its sockets are open and its certificates read: it parses
 * what strangers send.
 */
#ifndef CONTROLPLANE_SANDBOX_H
#define CONTROLPLANE_SANDBOX_H

/* Drops every capability and forbids what is listed in sandbox.c. Returns 0 or -errno. */
int sandbox_enter(void);

#endif
