#include "controlplane/loop.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "controlplane/room.h"

#define MAX_SIGNALS 2

struct loop {
	struct event_base *base;
	struct event *alarm; /* wakes libevent for the first timer of the heap */
	struct event *signals[MAX_SIGNALS];
	const uint64_t *fake_ms;
	uint64_t alarm_ms; /* what the alarm is set to; UINT64_MAX = not set */
	uint32_t n_timers;
	uint32_t max_timers;
	struct timer **heap; /* heap[1 … n_timers]; a parent is never later than its children */
};

uint64_t loop_now_ms(const struct loop *l)
{
	if (l->fake_ms)
		return *l->fake_ms;
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

struct event_base *loop_base(const struct loop *l)
{
	return l->base;
}

static void place(struct loop *l, uint32_t position, struct timer *t)
{
	l->heap[position] = t;
	t->position = position;
}

static void sift_up(struct loop *l, uint32_t position, struct timer *t)
{
	while (position > 1 && t->at_ms < l->heap[position / 2]->at_ms) {
		place(l, position, l->heap[position / 2]);
		position /= 2;
	}
	place(l, position, t);
}

static void sift_down(struct loop *l, uint32_t position, struct timer *t)
{
	for (;;) {
		uint32_t child = position * 2;
		if (child > l->n_timers)
			break;
		if (child < l->n_timers && l->heap[child + 1]->at_ms < l->heap[child]->at_ms)
			child++;
		if (t->at_ms <= l->heap[child]->at_ms)
			break;
		place(l, position, l->heap[child]);
		position = child;
	}
	place(l, position, t);
}

/* An alarm that comes too early costs one wake-up, so it is moved only when it would be late. */
static void set_alarm(struct loop *l)
{
	if (l->fake_ms || l->n_timers == 0 || l->heap[1]->at_ms >= l->alarm_ms)
		return;
	uint64_t now_ms = loop_now_ms(l);
	uint64_t wait_ms = l->heap[1]->at_ms > now_ms ? l->heap[1]->at_ms - now_ms : 0;
	struct timeval wait = { .tv_sec = (time_t)(wait_ms / 1000),
				.tv_usec = (suseconds_t)(wait_ms % 1000) * 1000 };
	l->alarm_ms = l->heap[1]->at_ms;
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
	struct timer *last = l->heap[l->n_timers--];
	room_shrink(l->heap, (l->max_timers + 1) * sizeof(*l->heap),
		    (l->n_timers + 1) * sizeof(*l->heap));
	if (last == t)
		return;
	if (position > 1 && last->at_ms < l->heap[position / 2]->at_ms)
		sift_up(l, position, last);
	else
		sift_down(l, position, last);
}

int timer_set(struct loop *l, struct timer *t, uint64_t delay_ms)
{
	timer_cancel(l, t);
	if (l->n_timers == l->max_timers)
		return -ENOSPC;
	t->at_ms = loop_now_ms(l) + delay_ms;
	l->n_timers++;
	sift_up(l, l->n_timers, t);
	set_alarm(l);
	return 0;
}

unsigned loop_fire(struct loop *l)
{
	uint64_t now_ms = loop_now_ms(l);
	unsigned n = 0;
	while (l->n_timers && l->heap[1]->at_ms <= now_ms) {
		struct timer *t = l->heap[1];
		timer_cancel(l, t);
		t->fire(t->user);
		n++;
	}
	return n;
}

static void on_alarm(evutil_socket_t fd, short what, void *user)
{
	struct loop *l = user;
	l->alarm_ms = UINT64_MAX;
	loop_fire(l);
	set_alarm(l);
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
	l->heap = calloc((size_t)max_timers + 1, sizeof(struct timer *));
	l->base = event_base_new();
	if (!l->heap || !l->base)
		goto free_loop;
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
	free(l->heap);
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
	return event_base_loop(l->base, EVLOOP_NO_EXIT_ON_EMPTY) < 0 ? -EIO : 0;
}

void loop_stop(struct loop *l)
{
	event_base_loopbreak(l->base);
}
