/*
 * The event loop of a process: sockets and signals by libevent, timers of our own.
 *
 * Everything of the control plane runs on the one thread inside loop_run(); nothing here may be
 * called from another. Timers live inside the objects they belong to (struct timer is embedded, not
 * allocated) and are kept in a binary heap: set and cancel cost O(log n), and neither can fail once
 * the heap has room (loop_new() takes the most timers that may be set at a time). The clock is
 * monotonic milliseconds, or a variable of the test: then loop_fire() or loop_turn() is called by
 * hand. Within a turn it stands still.
 *
 * A turn is all that one waiting for sockets and timers brought. What is done once for all of it,
 * like sending, is a turn_end.
 */
#ifndef CONTROLPLANE_LOOP_H
#define CONTROLPLANE_LOOP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

struct event_base;
struct loop;

struct timer {
	void (*fire)(void *user); /* the timer is no longer set; it may be set again, or freed */
	void *user;
	uint32_t position; /* in the heap, from 1; 0 = not set */
};

struct turn_end {
	TAILQ_ENTRY(turn_end) place;
	void (*run)(void *user); /* it is no longer set, and may be set again */
	void *user;
	bool is_set;
};

/* `fake_ms`: NULL, or the test's clock, read at each call. Returns NULL when out of memory. */
struct loop *loop_new(uint32_t max_timers, const uint64_t *fake_ms);
void loop_free(struct loop *l);

/* Runs until loop_stop(), SIGINT or SIGTERM. Returns 0 or -errno. */
int loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* For event_new(): sockets belong to the modules that open them. */
struct event_base *loop_base(const struct loop *l);

uint64_t loop_now_ms(struct loop *l);

/* Fires what is due; returns how many did. loop_run() does it by itself. */
unsigned loop_fire(struct loop *l);

/* One turn of what is there, without waiting: for tests. Returns how many timers fired. */
unsigned loop_turn(struct loop *l);

/* Whether something is called by the loop: then there is an end of the turn to come. */
bool loop_is_in_turn(const struct loop *l);

void turn_end_init(struct turn_end *e, void (*run)(void *user), void *user);

/* Has it run at the end of this turn, once; outside of a turn at once, before this returns. */
void turn_end_set(struct loop *l, struct turn_end *e);
void turn_end_cancel(struct loop *l, struct turn_end *e);

void timer_init(struct timer *t, void (*fire)(void *user), void *user);

/* Sets or moves the timer. Returns 0, or -ENOSPC when max_timers are set: then it is not set. */
int timer_set(struct loop *l, struct timer *t, uint64_t delay_ms);
void timer_cancel(struct loop *l, struct timer *t);
bool timer_is_set(const struct timer *t);

#endif
