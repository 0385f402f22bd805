/*
 * What the data plane tells of itself, as names and values: counters, workers, the SA table, ports.
 * One source for telemetry and for the prompt, which only differ in where it goes. Reads what
 * others write and may be a packet behind. Any thread.
 */
#ifndef DATAPLANE_REPORT_H
#define DATAPLANE_REPORT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/sa.h"
#include "dataplane/steer.h"
#include "dataplane/worker.h"
#include "dataplane/zone.h"

/* What is told about. steer is NULL with one worker. */
struct report {
	struct worker *const *workers;
	uint32_t n_workers;
	const struct steer *steer;
	const struct sa_table *sas;
	const struct zones *zones;
};

/* Where it goes. Texts are good until the call returns. */
struct report_sink {
	void *arg;
	void (*number)(void *arg, const char *name, uint64_t value);
	void (*text)(void *arg, const char *name, const char *value);
	bool (*row)(void *arg, uint32_t number); /* of a list; false: there is no room for more */
};

/* One counter, of all workers together. */
uint64_t report_count(const struct report *r, enum counter counter);

void report_stats(const struct report *r, const struct report_sink *sink);
void report_sa(const struct report *r, const struct report_sink *sink);
/* Packet buffers of all NUMA nodes together. Under traffic a number of a moment ago. */
void report_buffers(const struct report *r, const struct report_sink *sink);
/* One worker, and a row for each of them; false: the sink had no room for all. */
bool report_worker(const struct report *r, const struct report_sink *sink, uint32_t worker);
bool report_workers(const struct report *r, const struct report_sink *sink);
/* The ports of one zone, and of all of them. */
bool report_port(const struct report *r, const struct report_sink *sink, uint32_t zone);
bool report_ports(const struct report *r, const struct report_sink *sink);

#endif
