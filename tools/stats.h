/*
 * The data plane's counters as numbers, read from its telemetry by name. The list of names is the
 * one that the data plane was built from.
 */
#ifndef TOOLS_STATS_H
#define TOOLS_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include <jansson.h>

#include "dataplane/counters.h"

struct telemetry;

struct stats {
	uint64_t n[COUNT_N];
};

/* Reads all counters. 0, or -errno with t->error set. */
int stats_read(struct telemetry *t, struct stats *out);

/* The same from the object that /imsgate/stats returns: 0, or -EPROTO when a counter is absent. */
int stats_parse(const json_t *object, struct stats *out);

const char *stats_name(enum counter i);
const char *stats_help(enum counter i); /* of a drop: the reason alone */
bool stats_is_drop(enum counter i);

#endif
