#include "tools/bench/register_cost.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

int cost_parse_stat(const char *text, uint64_t *user_ticks, uint64_t *kernel_ticks)
{
	/* The name stands in parentheses and may hold anything: proc(5). Fields 14 and 15. */
	const char *rest = strrchr(text, ')');
	if (!rest ||
	    sscanf(rest + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %" SCNu64 " %" SCNu64,
		   user_ticks, kernel_ticks) != 2)
		return -EPROTO;
	return 0;
}

int cost_parse_status(const char *text, uint64_t *bytes)
{
	const char *line = strstr(text, "\nRssAnon:");
	uint64_t kilobytes;
	if (!line || sscanf(line, "\nRssAnon: %" SCNu64 " kB", &kilobytes) != 1)
		return -EPROTO;
	*bytes = kilobytes * 1024;
	return 0;
}

static int read_file(pid_t pid, const char *name, char *text, size_t text_bytes)
{
	char path[64];
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	FILE *file = fopen(path, "re");
	if (!file)
		return -errno;
	size_t n = fread(text, 1, text_bytes - 1, file);
	fclose(file);
	text[n] = '\0';
	return 0;
}

/* All threads, to the nanosecond. */
static int read_cpu(pid_t pid, double *us)
{
	clockid_t clock;
	struct timespec used;
	int error = clock_getcpuclockid(pid, &clock);
	if (error)
		return -error;
	if (clock_gettime(clock, &used))
		return -errno;
	*us = (double)used.tv_sec * 1e6 + (double)used.tv_nsec / 1e3;
	return 0;
}

int cost_read(pid_t pid, struct process_cost *out)
{
	char text[8192];
	uint64_t user, kernel, bytes;
	int error = read_cpu(pid, &out->cpu_us);
	if (!error)
		error = read_file(pid, "stat", text, sizeof(text));
	if (!error)
		error = cost_parse_stat(text, &user, &kernel);
	if (!error)
		error = read_file(pid, "status", text, sizeof(text));
	if (!error)
		error = cost_parse_status(text, &bytes);
	if (error)
		return error;
	double share = user + kernel ? (double)user / (double)(user + kernel) : 0;
	out->user_us = out->cpu_us * share;
	out->kernel_us = out->cpu_us - out->user_us;
	out->memory_bytes = (double)bytes;
	return 0;
}

struct process_cost cost_between(const struct process_cost *before,
				 const struct process_cost *after)
{
	return (struct process_cost){
		.cpu_us = after->cpu_us - before->cpu_us,
		.user_us = after->user_us - before->user_us,
		.kernel_us = after->kernel_us - before->kernel_us,
		.memory_bytes = after->memory_bytes - before->memory_bytes,
	};
}
