#include "tools/bench/quiet.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/bench/report.h"

#define BUSY_LOAD     0.5 /* processes at work beside this one */
#define STOLEN_SHARE  0.01
#define HOLD_PRIORITY 1

int quiet_core(int wanted)
{
	cpu_set_t allowed;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -errno;
	if (wanted >= 0)
		return wanted < CPU_SETSIZE && CPU_ISSET(wanted, &allowed) ? wanted : -EINVAL;
	for (int core = CPU_SETSIZE - 1; core >= 0; core--) {
		if (CPU_ISSET(core, &allowed))
			return core;
	}
	return -EINVAL;
}

int quiet_second_core(unsigned core)
{
	cpu_set_t allowed;
	if (sched_getaffinity(0, sizeof(allowed), &allowed) < 0)
		return -1;
	for (int other = CPU_SETSIZE - 1; other >= 0; other--) {
		if ((unsigned)other != core && CPU_ISSET(other, &allowed))
			return other;
	}
	return -1;
}

/* Ticks of all cores since the machine started: stolen, and spent on anything. */
static void read_ticks(uint64_t *steal, uint64_t *busy)
{
	uint64_t t[8] = { 0 }; /* user nice system idle iowait irq softirq steal */
	FILE *file = fopen("/proc/stat", "r");
	if (file) {
		if (fscanf(file, "cpu %lu %lu %lu %lu %lu %lu %lu %lu", &t[0], &t[1], &t[2], &t[3],
			   &t[4], &t[5], &t[6], &t[7]) != 8)
			memset(t, 0, sizeof(t));
		fclose(file);
	}
	*steal = t[7];
	*busy = t[0] + t[1] + t[2] + t[5] + t[6] + t[7];
}

void quiet_begin(struct quiet *q, unsigned core)
{
	double load = 0;
	q->core = core;
	if (getloadavg(&load, 1) == 1 && load > BUSY_LOAD)
		fprintf(stderr,
			"imsgate-bench: warning: this machine is at work (load %.1f); measure on a "
			"quiet one\n",
			load);
	read_ticks(&q->steal, &q->busy);
}

void quiet_end(const struct quiet *q, struct report *report)
{
	uint64_t steal, busy;
	double load = 0;
	read_ticks(&steal, &busy);
	if (getloadavg(&load, 1) != 1)
		load = 0;
	double share = busy > q->busy ? (double)(steal - q->steal) / (double)(busy - q->busy) : 0;
	if (share > STOLEN_SHARE)
		fprintf(stderr,
			"imsgate-bench: warning: the hypervisor took %.1f %% of the time; repeat\n",
			100 * share);
	report_fact(report, "core", json_integer(q->core));
	report_fact(report, "stolen_share", json_real(share));
	report_fact(report, "load", json_real(load));
}

static void set_policy(int policy, int priority)
{
	const struct sched_param parameter = { .sched_priority = priority };
	static _Thread_local bool refused;
	if (!refused && sched_setscheduler(0, policy, &parameter) < 0)
		refused = true; /* nobody's fault: only less quiet */
}

void quiet_hold(void)
{
	set_policy(SCHED_FIFO, HOLD_PRIORITY);
}

void quiet_release(void)
{
	set_policy(SCHED_OTHER, 0);
}
