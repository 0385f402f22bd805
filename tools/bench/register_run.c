#include "tools/bench/register.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tools/status.h"

#define FILL_TIMEOUT_MS 900000
/* A transaction toward a UE stays for 64·T1 = 128 s: RFC 3261 timer J, TS 24.229 table 7.7.1. */
#define REST_TIMEOUT_MS 200000

struct costs {
	struct process_cost of[REGISTER_N_PROCESSES];
};

static int read_costs(struct lab *l, struct costs *c)
{
	const struct process *const all[REGISTER_N_PROCESSES] = {
		[REGISTER_PCSCF] = &l->pcscf, [REGISTER_CSCF] = &l->cscf,
		[REGISTER_HSS] = &l->hss,     [REGISTER_DATAPLANE] = &l->dataplane,
		[REGISTER_UE] = &l->ue,
	};
	for (unsigned i = 0; i < REGISTER_N_PROCESSES; i++) {
		c->of[i] = (struct process_cost){ 0 };
		int error = all[i]->pid ? cost_read(all[i]->pid, &c->of[i]) : 0;
		if (error)
			return lab_fail(l, "%s: cannot read what it uses: %s", all[i]->name,
					strerror(-error));
	}
	return 0;
}

static unsigned number(const json_t *object, const char *name)
{
	return (unsigned)json_integer_value(json_object_get(object, name));
}

static double latency(const json_t *answer, const char *name)
{
	return json_number_value(json_object_get(json_object_get(answer, "latency_ms"), name));
}

/* A command of imsgate-ue that registers, with what it cost. */
static int run_batch(struct lab *l, const char *command, struct register_batch *b)
{
	struct costs before, after;
	json_t *answer;
	if (read_costs(l, &before) || lab_ue_ask(l, command, FILL_TIMEOUT_MS, &answer) ||
	    read_costs(l, &after))
		return -1;
	b->n_ok = number(answer, "registered");
	b->n_failed = number(answer, "failed");
	b->n_repeated = number(answer, "repeated");
	b->seconds = json_number_value(json_object_get(answer, "seconds"));
	b->p50_ms = latency(answer, "p50");
	b->p99_ms = latency(answer, "p99");
	for (unsigned i = 0; i < REGISTER_N_PROCESSES; i++)
		b->cost[i] = cost_between(&before.of[i], &after.of[i]);
	char *failures = json_dumps(json_object_get(answer, "failures"), JSON_COMPACT);
	if (b->n_failed)
		lab_fail(l, "%s: %u UEs failed: %s", command, b->n_failed, failures);
	free(failures);
	json_decref(answer);
	return b->n_ok ? 0 : lab_fail(l, "%s: no UE registered", command);
}

static int register_some(struct lab *l, unsigned n, struct register_batch *b)
{
	char command[32];
	snprintf(command, sizeof(command), "register %u", n);
	return run_batch(l, command, b);
}

static void per_ue(const struct costs *start, const struct costs *now, unsigned n, double *bytes)
{
	for (unsigned i = 0; i < REGISTER_N_PROCESSES; i++)
		bytes[i] = (now->of[i].memory_bytes - start->of[i].memory_bytes) / n;
}

/* Waits until no transaction of the P-CSCF is left, which outlive those of the core. */
static int wait_rest(struct lab *l)
{
	const char *run_dir = l->config->controlplane->run_dir;
	uint64_t deadline_ms = lab_now_ms() + REST_TIMEOUT_MS;
	char error[256];
	lab_say("waiting for the end of the transactions, two minutes");
	for (json_int_t left = 1; left;) {
		json_t *stats;
		sleep(1);
		if (lab_alive(l))
			return -1;
		if (status_get(run_dir, "pcscf", "/stats", &stats, error, sizeof(error)))
			return lab_fail(l, "%s", error);
		left = json_integer_value(json_object_get(stats, "txn"));
		json_decref(stats);
		if (lab_now_ms() > deadline_ms)
			return lab_fail(l, "%lld transactions of the P-CSCF do not end",
					(long long)left);
	}
	return 0;
}

/* Fills up to a level, and measures there: while the transactions of those before live, or after.
 */
static int measure_level(struct lab *l, const struct register_options *o, unsigned i,
			 const struct costs *start, struct register_result *r)
{
	struct register_batch *fill = &r->fill[i], *b = &r->batch[i];
	struct costs now;
	fill->n_registered = i ? r->batch[i - 1].n_registered + r->batch[i - 1].n_ok : 0;
	lab_say("registering up to %u UEs", o->level[i]);
	if (register_some(l, o->level[i] - fill->n_registered, fill) || read_costs(l, &now))
		return -1;
	b->n_registered = fill->n_registered + fill->n_ok;
	per_ue(start, &now, b->n_registered, r->memory.busy);
	if (o->rests) {
		if (wait_rest(l) || read_costs(l, &now))
			return -1;
		per_ue(start, &now, b->n_registered, r->memory.rest);
		r->memory.has_rest = true;
	}
	if (register_some(l, o->n_measured, b))
		return -1;
	r->n_batches++;
	return 0;
}

int register_run(struct lab *l, const struct register_options *o, struct register_result *r)
{
	struct costs start;
	if (read_costs(l, &start))
		return -1;
	for (unsigned i = 0; i < REGISTER_N_LEVELS && o->level[i]; i++) {
		if (measure_level(l, o, i, &start, r))
			return -1;
	}
	if (!o->storm_s)
		return 0;
	char command[32];
	const struct register_batch *last = &r->batch[r->n_batches - 1];
	r->storm.n_registered = last->n_registered + last->n_ok;
	snprintf(command, sizeof(command), "storm %u", o->storm_s);
	lab_say("%u UEs re-register within %u s", r->storm.n_registered, o->storm_s);
	r->has_storm = true;
	return run_batch(l, command, &r->storm);
}
