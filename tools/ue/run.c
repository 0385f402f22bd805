#include "tools/ue/fleet.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <event2/event.h>

#define TRAFFIC_TICK_US 5000
#define STORM_TICK_US   1000

uint64_t fleet_now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

struct ue *fleet_registered(const struct fleet *f)
{
	for (uint32_t i = 0; i < f->n_ues; i++)
		if (f->ues[i].current)
			return &f->ues[i];
	return NULL;
}

uint32_t fleet_count_registered(const struct fleet *f)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < f->n_ues; i++)
		n += f->ues[i].current != NULL;
	return n;
}

/* ---- how it went ---- */

static void count_reason(struct fleet_result *r, const char *reason)
{
	unsigned i = 0;

	while (i < r->n_reasons && strcmp(r->reason[i].text, reason))
		i++;
	if (i == FLEET_N_REASONS) {
		i--;
		snprintf(r->reason[i].text, sizeof(r->reason[i].text), "other");
	} else if (i == r->n_reasons) {
		snprintf(r->reason[i].text, sizeof(r->reason[i].text), "%s", reason);
		r->n_reasons++;
	}
	r->reason[i].n++;
}

static void count_talk(struct fleet_talk *t, enum ue_task task)
{
	if (task == UE_OPTIONS)
		t->n_options_ok++;
	else if (task == UE_MESSAGE)
		t->n_messages_ok++;
}

static void tick_after(struct fleet *f, long after_us)
{
	struct timeval after = { .tv_usec = after_us };

	evtimer_add(f->tick, &after); /* made and added before: has its place in the queue */
}

void fleet_done(struct fleet *f, struct ue *u, enum ue_task task, const char *reason)
{
	struct fleet_result *r = &f->result;

	f->n_busy--;
	if (f->task != UE_OPTIONS)
		u->unsure = reason != NULL;
	if (reason) {
		r->n_failed++;
		count_reason(r, reason);
	} else {
		if (f->task != UE_OPTIONS)
			r->latency_us[r->n_ok] = (uint32_t)(fleet_now_us() - u->started_us);
		r->n_ok++;
		count_talk(&f->talk, task);
	}
	/* Not from here: this may be called while a UE is being started. */
	if (f->task != UE_OPTIONS)
		tick_after(f, 0);
}

void fleet_is_idle(struct fleet *f)
{
	if (f->task != UE_IDLE && f->task != UE_OPTIONS)
		tick_after(f, 0);
}

static int compare(const void *a, const void *b)
{
	const uint32_t *left = a, *right = b;

	return (*left > *right) - (*left < *right);
}

static void finish(struct fleet *f)
{
	struct fleet_result *r = &f->result;

	r->seconds = (double)(fleet_now_us() - f->started_us) / 1e6;
	if (f->task != UE_OPTIONS)
		qsort(r->latency_us, r->n_ok, sizeof(*r->latency_us), compare);
	f->task = UE_IDLE;
	f->done(f->context);
}

/* ---- one task for all ---- */

static void start(struct fleet *f, struct ue *u, enum ue_task task, const struct ue *to)
{
	f->n_busy++;
	f->result.n_ues++;
	ue_start(u, task, to);
}

/* The next registered one from here on; NULL: none. */
static struct ue *next_registered(struct fleet *f)
{
	while (f->next < f->n_ues) {
		struct ue *u = &f->ues[f->next++];

		if (u->current)
			return u;
	}
	return NULL;
}

static void step_calls(struct fleet *f)
{
	while (f->n_busy < f->options.concurrency && f->next < f->n_ues) {
		struct ue *caller = next_registered(f), *callee = next_registered(f);

		if (!callee)
			break;
		f->n_busy++;
		f->result.n_ues++;
		caller->task = UE_CALL;
		caller->started_us = fleet_now_us();
		call_start(caller, callee, f->plan);
	}
	if (!f->n_busy && f->next == f->n_ues)
		finish(f);
}

/* UEs looked at by now; a storm waits for nobody. */
static uint32_t due(const struct fleet *f)
{
	uint64_t passed_us = fleet_now_us() - f->started_us;

	return passed_us < f->over_us ? (uint32_t)(f->n_ues * passed_us / f->over_us) : f->n_ues;
}

static void step_all(struct fleet *f)
{
	uint32_t end = f->over_us ? due(f) : f->n_ues;
	uint32_t n_at_once = f->over_us ? UINT32_MAX : f->options.concurrency;

	while (f->n_busy < n_at_once && f->next < end && f->result.n_ues < f->max) {
		struct ue *u = &f->ues[f->next];

		if (u->task != UE_IDLE)
			return; /* fleet_is_idle() goes on */
		f->next++;
		if ((f->task == UE_REGISTER) == !u->current)
			start(f, u, f->task, NULL);
	}
	if (!f->n_busy && (f->next == f->n_ues || f->result.n_ues == f->max))
		finish(f);
	else if (end < f->n_ues)
		tick_after(f, STORM_TICK_US);
}

/* ---- traffic ---- */

/* The next in turn that has nothing to do; NULL: none. */
static struct ue *next_idle(struct fleet *f)
{
	for (uint32_t n = 0; n < f->n_ues; n++) {
		struct ue *u = &f->ues[f->next];

		f->next = (f->next + 1) % f->n_ues;
		if (u->current && u->task == UE_IDLE)
			return u;
	}
	return NULL;
}

/* Whom it writes to: the next registered one, if there is another. */
static const struct ue *receiver_of(const struct fleet *f, const struct ue *u)
{
	for (uint32_t n = 1; n < f->n_ues; n++) {
		const struct ue *to = &f->ues[(u->index + n) % f->n_ues];

		if (to->current)
			return to;
	}
	return NULL;
}

/* In turn they ask and write, and in the next round the other way round. */
static void start_request(struct fleet *f, struct ue *u)
{
	const struct ue *to = NULL;

	if ((f->n_requests + f->n_requests / f->n_ues) % 2)
		to = receiver_of(f, u);
	if (to)
		f->talk.n_messages_sent++;
	else
		f->talk.n_options_sent++;
	f->n_requests++;
	start(f, u, to ? UE_MESSAGE : UE_OPTIONS, to);
}

static void step_traffic(struct fleet *f)
{
	uint64_t now_us = fleet_now_us();
	bool over = now_us >= f->until_us;
	uint64_t due = (now_us - f->started_us) * f->options.rate / 1000000;

	while (!over && f->n_requests < due && f->n_busy < f->options.concurrency) {
		struct ue *u = next_idle(f);

		if (!u)
			break;
		start_request(f, u);
	}
	if (over && !f->n_busy)
		finish(f);
	else
		tick_after(f, TRAFFIC_TICK_US);
}

/* ---- both ---- */

void run_tick(int fd, short what, void *fleet)
{
	struct fleet *f = fleet;

	if (f->task == UE_OPTIONS)
		step_traffic(f);
	else if (f->task == UE_CALL)
		step_calls(f);
	else if (f->task != UE_IDLE)
		step_all(f);
}

static void begin(struct fleet *f, enum ue_task task, void (*done)(void *context), void *context)
{
	uint32_t *latency_us = f->result.latency_us;

	f->result = (struct fleet_result){ .latency_us = latency_us };
	f->task = task;
	f->next = 0;
	f->max = UINT32_MAX;
	f->over_us = 0;
	f->n_requests = 0;
	f->done = done;
	f->context = context;
	f->started_us = fleet_now_us();
	tick_after(f, 0);
}

void fleet_run(struct fleet *f, enum ue_task task, void (*done)(void *context), void *context)
{
	begin(f, task, done, context);
}

void fleet_call(struct fleet *f, enum call_plan plan, void (*done)(void *context), void *context)
{
	f->plan = plan;
	begin(f, UE_CALL, done, context);
}

void fleet_run_some(struct fleet *f, enum ue_task task, uint32_t max, void (*done)(void *context),
		    void *context)
{
	begin(f, task, done, context);
	f->max = max;
}

void fleet_storm(struct fleet *f, unsigned seconds, void (*done)(void *context), void *context)
{
	begin(f, UE_REREGISTER, done, context);
	f->over_us = seconds * UINT64_C(1000000);
}

void fleet_traffic(struct fleet *f, unsigned seconds, uint32_t message_bytes,
		   void (*done)(void *context), void *context)
{
	f->message_bytes = message_bytes;
	begin(f, UE_OPTIONS, done, context);
	f->until_us = f->started_us + seconds * UINT64_C(1000000);
}
