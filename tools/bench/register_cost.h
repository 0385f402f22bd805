/*
 * What a process has used, from /proc: reading costs the process nothing. Any thread.
 */
#ifndef TOOLS_BENCH_REGISTER_COST_H
#define TOOLS_BENCH_REGISTER_COST_H

#include <stdint.h>
#include <sys/types.h>

struct process_cost {
	double cpu_us;             /* since its start, all threads */
	double user_us, kernel_us; /* of these; the kernel samples their shares at its tick */
	double memory_bytes;       /* anonymous pages that are resident now */
};

/* Returns 0 or -errno. */
int cost_read(pid_t pid, struct process_cost *out);

/* What `after` used beyond `before`; memory_bytes is the growth. */
struct process_cost cost_between(const struct process_cost *before,
				 const struct process_cost *after);

/* Of /proc/PID/stat: ticks in user mode and in the kernel. Returns 0 or -EPROTO. */
int cost_parse_stat(const char *text, uint64_t *user_ticks, uint64_t *kernel_ticks);
/* Of /proc/PID/status: RssAnon. Returns 0 or -EPROTO. */
int cost_parse_status(const char *text, uint64_t *bytes);

#endif
