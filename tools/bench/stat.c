#include "tools/bench/stat.h"

#include <stdlib.h>

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

void stat_sort(double *values, uint32_t n)
{
	qsort(values, n, sizeof(*values), compare);
}

double stat_percentile(const double *sorted, uint32_t n, double share)
{
	double place = share * (n - 1);
	uint32_t below = (uint32_t)place;
	if (below >= n - 1)
		return sorted[n - 1];
	return sorted[below] + (place - below) * (sorted[below + 1] - sorted[below]);
}

struct stat_summary stat_summarize(double *values, uint32_t n)
{
	stat_sort(values, n);
	return (struct stat_summary){
		.p10 = stat_percentile(values, n, 0.1),
		.median = stat_percentile(values, n, 0.5),
		.p90 = stat_percentile(values, n, 0.9),
	};
}
