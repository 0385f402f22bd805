#include "tools/bench/register.h"

/* The targets: microseconds of CPU, bytes, percent, seconds. */
#define PCSCF_US      120
#define CSCF_US       150
#define HSS_US        40
#define PCSCF_BYTES   2048
#define GROWTH_PCT    10
#define STORM_LIMIT_S 120

static const char *const process_name[REGISTER_N_PROCESSES] = {
	[REGISTER_PCSCF] = "P-CSCF",
	[REGISTER_CSCF] = "I-, S-CSCF",
	[REGISTER_HSS] = "HSS",
	[REGISTER_DATAPLANE] = "data plane",
	[REGISTER_UE] = "UEs (imsgate-ue)",
};

/* NULL: there is no such process. */
static const char *name_of(const struct register_options *o, unsigned i)
{
	if (!o->one_process)
		return process_name[i];
	return i == REGISTER_PCSCF                       ? "all roles"
	       : i == REGISTER_CSCF || i == REGISTER_HSS ? NULL
							 : process_name[i];
}

static double per_registration(const struct register_batch *b, double us)
{
	return us / b->n_ok;
}

/* What the roles cost together: neither the data plane, which polls, nor the UEs. */
static double core_us(const struct register_batch *b)
{
	return per_registration(b, b->cost[REGISTER_PCSCF].cpu_us + b->cost[REGISTER_CSCF].cpu_us +
					   b->cost[REGISTER_HSS].cpu_us);
}

static void tell_batch(struct report *report, const struct register_options *o,
		       const char *measurement, const struct register_batch *b)
{
	json_t *row =
		json_pack("{s:i, s:i, s:i, s:i, s:f, s:f, s:f, s:f}", "registered",
			  (int)b->n_registered, "ok", (int)b->n_ok, "failed", (int)b->n_failed,
			  "repeated", (int)b->n_repeated, "seconds", b->seconds, "per_s",
			  b->n_ok / b->seconds, "p50_ms", b->p50_ms, "p99_ms", b->p99_ms);
	json_t *cpu = json_object();
	json_object_set_new(row, "cpu_us", cpu);
	report_say(report,
		   "\n%u registered: %u more in %.1f s, %.0f a second; p50 %.1f ms, p99 %.1f ms; "
		   "%u failed, %u requests sent again\n",
		   b->n_registered, b->n_ok, b->seconds, b->n_ok / b->seconds, b->p50_ms, b->p99_ms,
		   b->n_failed, b->n_repeated);
	for (unsigned i = 0; i < REGISTER_N_PROCESSES; i++) {
		if (!name_of(o, i))
			continue;
		double all = per_registration(b, b->cost[i].cpu_us);
		double user = per_registration(b, b->cost[i].user_us);
		report_say(report, "  %-20s %8.1f %8.1f %8.1f\n", name_of(o, i), all, user,
			   all - user);
		json_object_set_new(cpu, name_of(o, i),
				    json_pack("{s:f, s:f}", "user", user, "kernel", all - user));
	}
	report_row(report, measurement, row);
}

static void tell_memory(struct report *report, const struct register_options *o,
			const struct register_memory *m)
{
	report_say(report, "\nBytes a registered UE%*s with transactions%s\n", 3, "",
		   m->has_rest ? "      at rest" : "");
	for (unsigned i = 0; i < REGISTER_N_PROCESSES; i++) {
		if (!name_of(o, i))
			continue;
		report_say(report, "  %-20s %19.0f", name_of(o, i), m->busy[i]);
		if (m->has_rest)
			report_say(report, " %12.0f", m->rest[i]);
		report_say(report, "\n");
		json_t *row = json_pack("{s:s, s:f}", "process", name_of(o, i),
					"bytes_with_transactions", m->busy[i]);
		if (m->has_rest)
			json_object_set_new(row, "bytes_at_rest", json_real(m->rest[i]));
		report_row(report, "memory", row);
	}
}

/* They are of processes, so of three. */
static void tell_cost_targets(struct report *report, const struct register_result *r)
{
	const struct register_batch *last = &r->batch[r->n_batches - 1];
	const struct process_cost *cost = last->cost;
	report_target(report, "CPU of the P-CSCF per registration",
		      per_registration(last, cost[REGISTER_PCSCF].cpu_us), false, PCSCF_US, "µs");
	report_target(report, "CPU of I- and S-CSCF per registration",
		      per_registration(last, cost[REGISTER_CSCF].cpu_us), false, CSCF_US, "µs");
	report_target(report, "CPU of the HSS per registration",
		      per_registration(last, cost[REGISTER_HSS].cpu_us), false, HSS_US, "µs");
	if (r->memory.has_rest)
		report_target(report, "memory of the P-CSCF per registered UE",
			      r->memory.rest[REGISTER_PCSCF], false, PCSCF_BYTES, "bytes");
}

/* From fewest to most UEs; the three together, and each alone. */
static void tell_growth(struct report *report, const struct register_options *o,
			const struct register_result *r)
{
	static const enum register_process each[] = { REGISTER_PCSCF, REGISTER_CSCF, REGISTER_HSS };
	const struct register_batch *first = &r->batch[0], *last = &r->batch[r->n_batches - 1];
	char text[64];

	report_target(report, "growth of all roles from fewest to most UEs",
		      (core_us(last) / core_us(first) - 1) * 100, false, GROWTH_PCT, "%");
	for (unsigned i = 0; i < 3 && !o->one_process; i++) {
		double was = per_registration(first, first->cost[each[i]].cpu_us);
		double is = per_registration(last, last->cost[each[i]].cpu_us);

		snprintf(text, sizeof(text), "growth of the %s alone", name_of(o, each[i]));
		report_target(report, text, (is / was - 1) * 100, false, GROWTH_PCT, "%");
	}
}

static void tell_targets(struct report *report, const struct register_options *o,
			 const struct register_result *r)
{
	if (!o->one_process)
		tell_cost_targets(report, r);
	if (r->n_batches > 1)
		tell_growth(report, o, r);
	if (r->has_storm) {
		report_target(report, "all re-registered after the storm began", r->storm.seconds,
			      false, STORM_LIMIT_S, "s");
		report_target(report, "UEs that failed in the storm", r->storm.n_failed, false, 0,
			      "");
	}
}

void register_tell(struct report *report, const struct register_options *o,
		   const struct register_result *r)
{
	report_say(report,
		   "Full AKA registrations over UDP and ESP, two pairs of SAs; at most %u on "
		   "their way at once.\nMicroseconds of CPU per registration: all, user, kernel.\n",
		   o->window);
	for (unsigned i = 0; i < r->n_batches; i++) {
		tell_batch(report, o, "fill", &r->fill[i]);
		tell_batch(report, o, "register", &r->batch[i]);
	}
	tell_memory(report, o, &r->memory);
	if (r->has_storm) {
		report_say(report, "\nA storm: all re-register, begun within %u s.", o->storm_s);
		tell_batch(report, o, "storm", &r->storm);
	}
	tell_targets(report, o, r);
}
