/*
 * The plots of docs/performance.md, made of the rows in the report. Main thread.
 */
#ifndef TOOLS_BENCH_PLOTS_H
#define TOOLS_BENCH_PLOTS_H

struct report;

/* Writes those for which something was measured. 0 or -errno with a message on stderr. */
int plots_write(const struct report *report, const char *directory);

#endif
