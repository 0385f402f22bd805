/*
 * Bytes per SA, out of what opening the tables really took; open.c notes it. The control side is a
 * line of its own: no packet touches it.
 */
#include "tools/bench/memory.h"

#include <malloc.h>
#include <stdio.h>
#include <unistd.h>

#include <rte_lcore.h>
#include <rte_malloc.h>

#include "tools/bench/bench.h"
#include "tools/bench/report.h"

#define TABLE_TARGET_BYTES 256.0
#define INDEX_TARGET_BYTES 384.0

/* All that is mapped, with what malloc() has of it. */
static uint64_t mapped_bytes(void)
{
	uint64_t n_pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (file) {
		if (fscanf(file, "%lu", &n_pages) != 1)
			n_pages = 0;
		fclose(file);
	}
	return n_pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

uint64_t memory_allocated_bytes(void)
{
	uint64_t n_bytes = 0;
	for (unsigned i = 0; i < rte_socket_count(); i++) {
		struct rte_malloc_socket_stats stats;
		if (rte_malloc_get_socket_stats(rte_socket_id_by_idx(i), &stats) == 0)
			n_bytes += stats.heap_allocsz_bytes;
	}
	struct mallinfo2 c = mallinfo2();
	/* DPDK's hugepages lie in address space that was mapped before: they do not count twice. */
	return n_bytes + c.uordblks + c.hblkhd + mapped_bytes() - c.arena - c.hblkhd;
}

static void line(struct report *report, const char *what, uint64_t n_bytes, uint32_t n_sas)
{
	report_say(report, "%-34s %10.1f %12.1f\n", what, (double)n_bytes / (1 << 20),
		   (double)n_bytes / n_sas);
	report_row(report, "memory",
		   json_pack("{s:s, s:I, s:f}", "what", what, "bytes", (json_int_t)n_bytes,
			     "bytes_per_sa", (double)n_bytes / n_sas));
}

int memory_run(struct bench_run *run)
{
	const struct bench_memory *m = &run->bench->memory;
	uint32_t n_sas = run->bench->sas.capacity;
	report_say(run->report,
		   "\nMemory of a table for %u SAs, as allocated.\n\n%-34s %10s %12s\n", n_sas,
		   "part", "MiB", "bytes per SA");
	line(run->report, "SAs, what packets touch", m->sas_bytes, n_sas);
	line(run->report, "tuple index, what packets touch", m->index_bytes, n_sas);
	line(run->report, "slots, sets, timers: control side", m->control_bytes, n_sas);
	report_target(run->report, "memory: an SA", (double)m->sas_bytes / n_sas, false,
		      TABLE_TARGET_BYTES, "bytes");
	report_target(run->report, "memory: an SA and its share of the index",
		      (double)(m->sas_bytes + m->index_bytes) / n_sas, false, INDEX_TARGET_BYTES,
		      "bytes");
	return 0;
}
