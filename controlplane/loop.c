#include "controlplane/loop.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "controlplane/room.h"

#define MAX_SIGNALS 2
#define MAX_ENDS    64 /* that run in a turn; what they set anew beyond that is the next turn's */

/*
 * Whoever moves in the heap is written to (its position) but not read: the time stands here, too,
 * and four children are one cache line. With 100 000 timers, that is a dozen misses less than a
 * heap of pointers with two children has.
 */
#define CHILDREN   4
#define LINE_BYTES 64

struct place {
	uint64_t at_ms;
	struct timer *timer;
};

static_assert(CHILDREN * sizeof(struct place) == LINE_BYTES, "the children of a place are a line");

struct loop {
	struct event_base *base;
	struct event *alarm; /* wakes libevent for the first timer of the heap */
	struct event *signals[MAX_SIGNALS];
	const uint64_t *fake_ms;
	uint64_t alarm_ms; /* what the alarm is set to; UINT64_MAX = not set */
	uint64_t turn_ms;  /* the time of this turn, once somebody asked; 0 = nobody has */
	bool is_in_turn;
	bool is_stopped;
	TAILQ_HEAD(, turn_end) ends;
	uint32_t n_timers;
	uint32_t max_timers;
	struct place *places; /* what was allocated */
	struct place *heap;   /* [1 … n_timers]; a parent is never later than its children */
};

uint64_t loop_now_ms(struct loop *l)
{
	if (l->fake_ms)
		return *l->fake_ms;
	if (l->turn_ms)
		return l->turn_ms;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	uint64_t now_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
	if (l->is_in_turn)
		l->turn_ms = now_ms;
	return now_ms;
}

struct event_base *loop_base(const struct loop *l)
{
	return l->base;
}

static uint32_t parent_of(uint32_t position)
{
	return (position + CHILDREN - 2) / CHILDREN;
}

static uint32_t first_child_of(uint32_t position)
{
	return CHILDREN * (position - 1) + 2;
}

static void put(struct loop *l, uint32_t position, struct place p)
{
	l->heap[position] = p;
	p.timer->position = position;
}

static void sift_up(struct loop *l, uint32_t position, struct place p)
{
	while (position > 1 && p.at_ms < l->heap[parent_of(position)].at_ms) {
		put(l, position, l->heap[parent_of(position)]);
		position = parent_of(position);
	}
	put(l, position, p);
}

static void sift_down(struct loop *l, uint32_t position, struct place p)
{
	for (;;) {
		uint32_t child = first_child_of(position), end = child + CHILDREN;
		if (child > l->n_timers)
			break;
		if (end > l->n_timers + 1)
			end = l->n_timers + 1;
		uint32_t earliest = child;
		while (++child < end)
			if (l->heap[child].at_ms < l->heap[earliest].at_ms)
				earliest = child;
		if (p.at_ms <= l->heap[earliest].at_ms)
			break;
		put(l, position, l->heap[earliest]);
		position = earliest;
	}
	put(l, position, p);
}

/* Into a place that has become free, or whose timer has another time now. */
static void settle(struct loop *l, uint32_t position, struct place p)
{
	if (position > 1 && p.at_ms < l->heap[parent_of(position)].at_ms)
		sift_up(l, position, p);
	else
		sift_down(l, position, p);
}

/*
 * An alarm that comes too early costs one wake-up, so it is moved only when it would be late, and
 * not before the end of the turn: many a timer is set and taken back within one.
 */
static void set_alarm(struct loop *l)
{
	if (l->fake_ms || l->n_timers == 0 || l->heap[1].at_ms >= l->alarm_ms)
		return;
	uint64_t now_ms = loop_now_ms(l);
	uint64_t wait_ms = l->heap[1].at_ms > now_ms ? l->heap[1].at_ms - now_ms : 0;
	struct timeval wait = { .tv_sec = (time_t)(wait_ms / 1000),
				.tv_usec = (suseconds_t)(wait_ms % 1000) * 1000 };
	l->alarm_ms = l->heap[1].at_ms;
	event_add(l->alarm, &wait);
}

void timer_init(struct timer *t, void (*fire)(void *user), void *user)
{
	*t = (struct timer){ .fire = fire, .user = user };
}

bool timer_is_set(const struct timer *t)
{
	return t->position != 0;
}

void timer_cancel(struct loop *l, struct timer *t)
{
	if (!t->position)
		return;
	uint32_t position = t->position;
	t->position = 0;
	struct place last = l->heap[l->n_timers--];
	room_shrink(l->heap, ((size_t)l->max_timers + 1) * sizeof(*l->heap),
		    ((size_t)l->n_timers + 1) * sizeof(*l->heap));
	if (last.timer != t)
		settle(l, position, last);
}

int timer_set(struct loop *l, struct timer *t, uint64_t delay_ms)
{
	struct place p = { loop_now_ms(l) + delay_ms, t };
	if (t->position) {
		settle(l, t->position, p);
	} else if (l->n_timers == l->max_timers) {
		return -ENOSPC;
	} else {
		l->n_timers++;
		sift_up(l, l->n_timers, p);
	}
	if (!l->is_in_turn)
		set_alarm(l);
	return 0;
}

unsigned loop_fire(struct loop *l)
{
	uint64_t now_ms = loop_now_ms(l);
	unsigned n = 0;
	while (l->n_timers && l->heap[1].at_ms <= now_ms) {
		struct timer *t = l->heap[1].timer;
		timer_cancel(l, t);
		t->fire(t->user);
		n++;
	}
	return n;
}

/* --- turns --- */

void turn_end_init(struct turn_end *e, void (*run)(void *user), void *user)
{
	*e = (struct turn_end){ .run = run, .user = user };
}

bool loop_is_in_turn(const struct loop *l)
{
	return l->is_in_turn;
}

void turn_end_set(struct loop *l, struct turn_end *e)
{
	if (!l->is_in_turn) {
		e->run(e->user);
	} else if (!e->is_set) {
		e->is_set = true;
		TAILQ_INSERT_TAIL(&l->ends, e, place);
	}
}

void turn_end_cancel(struct loop *l, struct turn_end *e)
{
	if (e->is_set)
		TAILQ_REMOVE(&l->ends, e, place);
	e->is_set = false;
}

static void run_ends(struct loop *l)
{
	struct turn_end *e;
	for (unsigned n = 0; n < MAX_ENDS && (e = TAILQ_FIRST(&l->ends)); n++) {
		turn_end_cancel(l, e);
		e->run(e->user);
	}
}

static void end_turn(struct loop *l)
{
	run_ends(l);
	l->is_in_turn = false;
	l->turn_ms = 0;
	set_alarm(l);
}

unsigned loop_turn(struct loop *l)
{
	l->is_in_turn = true;
	event_base_loop(l->base, EVLOOP_NONBLOCK);
	unsigned n_fired = loop_fire(l);
	end_turn(l);
	return n_fired;
}

/* Waits for at least one event unless the turn before has left something. Returns 0 or -errno. */
static int wait_turn(struct loop *l)
{
	int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
	if (!TAILQ_EMPTY(&l->ends))
		flags |= EVLOOP_NONBLOCK;
	l->is_in_turn = true;
	int error = event_base_loop(l->base, flags) < 0 ? -EIO : 0;
	end_turn(l);
	return error;
}

static void on_alarm(evutil_socket_t fd, short what, void *user)
{
	struct loop *l = user;
	l->alarm_ms = UINT64_MAX;
	loop_fire(l);
}

static void on_signal(evutil_socket_t fd, short what, void *user)
{
	loop_stop(user);
}

struct loop *loop_new(uint32_t max_timers, const uint64_t *fake_ms)
{
	struct loop *l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;
	l->fake_ms = fake_ms;
	l->max_timers = max_timers;
	l->alarm_ms = UINT64_MAX;
	TAILQ_INIT(&l->ends);
	l->places = calloc((size_t)max_timers + 2 * CHILDREN, sizeof(*l->places));
	l->base = event_base_new();
	if (!l->places || !l->base)
		goto free_loop;
	/* heap[2 … 5] begin a line, and so do all other children. */
	uintptr_t line = ((uintptr_t)l->places + LINE_BYTES - 1) & ~(uintptr_t)(LINE_BYTES - 1);
	l->heap = (struct place *)line + CHILDREN - 2;
	l->alarm = event_new(l->base, -1, 0, on_alarm, l);
	if (!l->alarm)
		goto free_loop;
	return l;

free_loop:
	loop_free(l);
	return NULL;
}

void loop_free(struct loop *l)
{
	if (!l)
		return;
	for (unsigned i = 0; i < MAX_SIGNALS; i++)
		if (l->signals[i])
			event_free(l->signals[i]);
	if (l->alarm)
		event_free(l->alarm);
	if (l->base)
		event_base_free(l->base);
	free(l->places);
	free(l);
}

int loop_run(struct loop *l)
{
	static const int stop[MAX_SIGNALS] = { SIGINT, SIGTERM };
	for (unsigned i = 0; i < MAX_SIGNALS; i++) {
		if (!l->signals[i])
			l->signals[i] = evsignal_new(l->base, stop[i], on_signal, l);
		if (!l->signals[i] || event_add(l->signals[i], NULL))
			return -ENOMEM;
	}
	set_alarm(l);
	l->is_stopped = false;
	int error = 0;
	while (!l->is_stopped && !error)
		error = wait_turn(l);
	return error;
}

void loop_stop(struct loop *l)
{
	l->is_stopped = true;
	event_base_loopbreak(l->base);
}
