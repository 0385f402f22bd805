/*
 * imsgate-bench install: what SA sets cost on their way through the control socket.
 *
 * A real SOCK_SEQPACKET connection, the real control thread (dataplane/control.c) and its client
 * take turns in one thread, so that the sum of both is what is measured: processor time of this
 * thread, whatever else the machine does. A set is two pairs, four SAs, as TS 33.203 7.1 has it.
 * Slots are handed out shuffled and tuples hashed under a random key, so every set meets other
 * lines of the table.
 */
#ifndef TOOLS_BENCH_INSTALL_H
#define TOOLS_BENCH_INSTALL_H

#include <stdint.h>

#include "tools/bench/bench.h"

struct bench_install_result {
	uint32_t capacity;     /* SAs */
	uint32_t n_sets;       /* that fill 90 % of it */
	double fill_cycles;    /* per set, into memory that nobody has touched before */
	double install_cycles; /* per set, in a table 90 % full whose sets come and go */
	double delete_cycles;  /* per set, its reclaim and wiping included */
	double client_cycles;  /* of install_cycles, making the sets alone */
	double install_alone;  /* per set, one set a message */
};

/*
 * A client of a control thread of its own, whose sets come and go. All of it in the thread that
 * calls; `worker_elsewhere`: a worker runs in another one and reports its own quiescent states.
 */
struct install_site;
struct install_site *install_site_new(struct bench *b, bool worker_elsewhere);
/* Installs n sets of four SAs. 0 or -errno. */
int install_site_fill(struct install_site *s, uint32_t n_sets);
/* Deletes the oldest sets and installs as many, a message of each. Returns how many, or -errno. */
int install_site_turn(struct install_site *s);
/* Deletes all; the worker is at rest. */
void install_site_free(struct install_site *s);

/* 0 or -errno with a message on stderr. `b` is open, and empty. */
int bench_install(struct bench *b, uint32_t n_rounds, struct bench_install_result *result);

#endif
