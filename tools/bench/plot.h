/*
 * Line plots as SVG text, without another program. Pure functions but for the file.
 */
#ifndef TOOLS_BENCH_PLOT_H
#define TOOLS_BENCH_PLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#define PLOT_MAX_SERIES 12
#define PLOT_MAX_POINTS 16

struct plot_series {
	char name[64];
	bool reference; /* measured by others, earlier: grey and dashed */
	uint32_t n;
	double x[PLOT_MAX_POINTS], y[PLOT_MAX_POINTS];
};

struct plot {
	const char *title, *note, *x_label, *y_label;
	bool log_x; /* decades; all x must be above 0 */
	uint32_t n_series;
	struct plot_series series[PLOT_MAX_SERIES];
};

/* A new empty series; NULL when there are PLOT_MAX_SERIES. */
struct plot_series *plot_add(struct plot *p, const char *name, bool reference);
/* Points come with growing x; those beyond PLOT_MAX_POINTS are left out. */
void plot_point(struct plot_series *s, double x, double y);

/* The step between two marks of an axis of the given length with at most n_max of them: 1, 2 or 5
 * times a power of ten. */
double plot_step(double length, uint32_t n_max);

/* 0, or -EINVAL without any point. */
int plot_write(FILE *to, const struct plot *p);

#endif
