/*
 * Numbers out of many: what a row of the bench shows of its rounds. Pure functions.
 *
 * A machine disturbs a measurement in one direction only, by taking time away, and rarely: the
 * middle of many short rounds says what the code costs, the distance to the 10th and 90th
 * percentile how quiet it was.
 */
#ifndef TOOLS_BENCH_STAT_H
#define TOOLS_BENCH_STAT_H

#include <stdint.h>

struct stat_summary {
	double p10, median, p90;
};

/* The value below or at which `share` (0 … 1) of the n ≥ 1 sorted values lie, interpolated. */
double stat_percentile(const double *sorted, uint32_t n, double share);
/* Sorts values[]; n ≥ 1. */
void stat_sort(double *values, uint32_t n);
/* Sorts values[] and sums them up; n ≥ 1. */
struct stat_summary stat_summarize(double *values, uint32_t n);

#endif
