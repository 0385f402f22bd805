/*
 * `imsgate-bench register`: what a full AKA registration costs in each process: two REGISTER
 * transactions, the vector made and its SQN on the disk, the SA set installed.
 *
 *   register.c         command line
 *   register_run.c     the run from top to bottom: fill, measure, wait, storm
 *   register_cost.c    CPU time and memory of a process
 *   register_report.c  tables and targets
 *
 * It brings up the lab (tools/lab.h) with its real processes, each role group in a process of its
 * own, and lets imsgate-ue register. No DPDK here. One thread.
 */
#ifndef TOOLS_BENCH_REGISTER_H
#define TOOLS_BENCH_REGISTER_H

#include <stdbool.h>
#include <stdint.h>

#include "tools/bench/register_cost.h"
#include "tools/bench/report.h"
#include "tools/lab.h"

#define REGISTER_N_LEVELS 3

/* The processes whose cost is told apart. */
enum register_process {
	REGISTER_PCSCF, /* or all roles, in one process */
	REGISTER_CSCF,  /* I-CSCF and S-CSCF */
	REGISTER_HSS,
	REGISTER_DATAPLANE,
	REGISTER_UE,
	REGISTER_N_PROCESSES,
};

struct register_options {
	bool json, quick;
	bool one_process; /* for all roles */
	bool rests;       /* measures when the transactions of those before are over */
	unsigned level[REGISTER_N_LEVELS]; /* UEs registered when it is measured; 0: no more */
	unsigned n_measured;               /* registrations measured at each */
	unsigned window;                   /* registrations on their way at once */
	unsigned storm_s;                  /* all UEs re-register within; 0: no storm */
	const char *database;
	const char **set;
	unsigned n_sets;
};

/* A batch of registrations, as imsgate-ue told it and as it cost. */
struct register_batch {
	unsigned n_registered; /* when it began */
	unsigned n_ok, n_failed, n_repeated;
	double seconds, p50_ms, p99_ms;
	struct process_cost cost[REGISTER_N_PROCESSES]; /* of all its registrations */
};

/* Bytes that each registered UE holds in a process. */
struct register_memory {
	double busy[REGISTER_N_PROCESSES]; /* with the transactions of its registration */
	double rest[REGISTER_N_PROCESSES]; /* when those are over */
	bool has_rest;
};

struct register_result {
	struct register_batch fill[REGISTER_N_LEVELS]; /* up to each level, one after the other */
	struct register_batch batch[REGISTER_N_LEVELS];
	unsigned n_batches;
	struct register_memory memory;
	struct register_batch storm;
	bool has_storm;
};

/* Main of the command; the exit status. */
int register_main(int argc, char **argv);

/* Measures in a lab that stands. 0 or -1 after lab_fail(). */
int register_run(struct lab *l, const struct register_options *o, struct register_result *r);

/* Rows, and targets with what was measured. */
void register_tell(struct report *report, const struct register_options *o,
		   const struct register_result *r);

#endif
