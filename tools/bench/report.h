/*
 * What the bench has found, as one JSON document, and the targets with what was measured of them.
 * Main thread.
 */
#ifndef TOOLS_BENCH_REPORT_H
#define TOOLS_BENCH_REPORT_H

#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

struct report {
	json_t *document;
	bool json; /* nothing is printed but the document at the end */
};

/* 0 or -ENOMEM. */
int report_open(struct report *r, bool json);
void report_close(struct report *r);

/* A fact about the run or the machine. Takes `value`. */
void report_fact(struct report *r, const char *name, json_t *value);
/* Adds a row to the list of a measurement. Takes `row`. */
void report_row(struct report *r, const char *measurement, json_t *row);
/* The rows of a measurement; NULL when there are none. */
const json_t *report_rows(const struct report *r, const char *measurement);

/* `measured` is to be at most (or, at_least, at least) `limit`; unit: "×", " cycles", … */
void report_target(struct report *r, const char *what, double measured, bool at_least, double limit,
		   const char *unit);
/* Prints the targets as a table, or the whole document. */
void report_print_targets(const struct report *r, FILE *to);
int report_print_json(const struct report *r, FILE *to);

/* printf for what a person reads: silent when JSON is wanted. */
void report_say(const struct report *r, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* One line on stderr that the next one replaces; NULL clears it. Only on a terminal. */
void report_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
