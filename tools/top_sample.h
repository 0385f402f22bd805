/*
 * What `imsgate top` shows: one moment of the node, and how two moments look as text.
 */
#ifndef TOOLS_TOP_SAMPLE_H
#define TOOLS_TOP_SAMPLE_H

#include <stdint.h>
#include <stdio.h>

#include "tools/stats.h"

#define TOP_MAX_WORKERS 64

struct config;
struct telemetry;

struct top_sample {
	double time_s; /* monotonic */
	struct stats stats;
	uint64_t sas_used;
	uint64_t sas_capacity;
	int64_t n_registrations; /* at the P-CSCF; -1: it does not say */
	unsigned n_workers;
	struct {
		uint64_t turns;
		uint64_t busy_turns; /* of these, with packets */
	} worker[TOP_MAX_WORKERS];
};

/* 0, or -errno with t->error set. A control plane that does not answer is no error. */
int top_sample_read(struct top_sample *s, struct telemetry *t, const struct config *c);

/* A screen of lines: rates between the two moments, totals of the later. */
void top_print_screen(FILE *to, const struct top_sample *before, const struct top_sample *now);

/* The same in one line, for files and pipes. */
void top_print_line(FILE *to, const struct top_sample *before, const struct top_sample *now);

#endif
