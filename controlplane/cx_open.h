/*
 * Which way to the HSS a role takes: its own process when that runs the HSS, else what the
 * configuration says, Diameter or the local socket.
 */
#ifndef CONTROLPLANE_CX_OPEN_H
#define CONTROLPLANE_CX_OPEN_H

struct config;
struct cx;
struct loop;

/* The caller frees it with cx_free(). NULL: out of memory. */
struct cx *cx_open(struct loop *loop, const struct config *config);

#endif
