#include "controlplane/attempt.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/wipe.h"

struct attempts {
	struct loop *loop;
	struct table *by_impi;
	uint32_t max;
	uint64_t await_ms;
	uint64_t n_begun;
	struct attempts_user user;
};

static uint64_t hash_impi(const struct attempts *all, const char *impi)
{
	return table_hash(all->by_impi, 0, impi, strlen(impi));
}

static struct attempt *entry(struct table_node *n)
{
	return n != NULL ? table_entry(n, struct attempt, node) : NULL;
}

/* The IMPI's attempts, one after the other. */
static struct attempt *first_of(const struct attempts *all, const char *impi)
{
	struct attempt *a = entry(table_first(all->by_impi, hash_impi(all, impi)));

	while (a != NULL && strcmp(a->impi, impi) != 0)
		a = entry(table_next(&a->node));
	return a;
}

static struct attempt *next_of(const struct attempt *a)
{
	struct attempt *next = entry(table_next(&a->node));

	while (next != NULL && strcmp(next->impi, a->impi) != 0)
		next = entry(table_next(&next->node));
	return next;
}

struct attempts *attempts_new(struct loop *loop, uint32_t max, uint32_t reg_await_auth_s,
			      struct attempts_user user)
{
	struct attempts *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->loop = loop;
	all->max = max;
	all->await_ms = (uint64_t)reg_await_auth_s * 1000;
	all->user = user;
	all->by_impi = table_new(max);
	if (all->by_impi == NULL) {
		free(all);
		return NULL;
	}
	return all;
}

static void end_one(void *user, struct table_node *n)
{
	attempt_end(entry(n));
}

void attempts_free(struct attempts *all)
{
	if (all == NULL)
		return;
	table_visit(all->by_impi, end_one, NULL);
	table_free(all->by_impi);
	free(all);
}

uint32_t attempts_count(const struct attempts *all)
{
	return (uint32_t)table_count(all->by_impi);
}

struct attempt *attempts_find(struct attempts *all, const char *impi, const char *call_id)
{
	struct attempt *a = first_of(all, impi);

	while (a != NULL && strcmp(a->call_id, call_id) != 0)
		a = next_of(a);
	return a;
}

static void time_out(void *user)
{
	struct attempt *a = user;

	a->attempts->user.on_timeout(a->user, a);
	attempt_end(a);
}

/* True: there is room for one more of this IMPI. */
static bool make_room(struct attempts *all, const char *impi)
{
	struct attempt *oldest = NULL;
	unsigned n = 0;

	for (struct attempt *a = first_of(all, impi); a != NULL; a = next_of(a)) {
		n++;
		if (a->x == NULL && (oldest == NULL || a->begun < oldest->begun))
			oldest = a;
	}
	if (n >= ATTEMPTS_PER_IMPI) {
		if (oldest == NULL)
			return false;
		time_out(oldest);
	}
	return table_count(all->by_impi) < all->max;
}

struct attempt *attempt_begin(struct attempts *all, const char *impi, const char *impu,
			      const char *call_id, struct server_txn *x)
{
	size_t impi_bytes = strlen(impi) + 1;
	size_t impu_bytes = strlen(impu) + 1;
	struct attempt *a;

	if (!make_room(all, impi))
		return NULL;
	a = calloc(1, sizeof(*a) + impi_bytes + impu_bytes + strlen(call_id) + 1);
	if (a == NULL)
		return NULL;
	a->attempts = all;
	a->user = all->user.user;
	a->begun = all->n_begun++;
	a->x = x;
	a->impi = (char *)(a + 1);
	a->impu = a->impi + impi_bytes;
	a->call_id = a->impu + impu_bytes;
	strcpy(a->impi, impi);
	strcpy(a->impu, impu);
	strcpy(a->call_id, call_id);
	timer_init(&a->timer, time_out, a);
	table_add(all->by_impi, &a->node, hash_impi(all, impi));
	return a;
}

int attempt_await(struct attempt *a)
{
	a->x = NULL;
	return timer_set(a->attempts->loop, &a->timer, a->attempts->await_ms);
}

void attempt_ask(struct attempt *a, struct server_txn *x)
{
	timer_cancel(a->attempts->loop, &a->timer);
	a->x = x;
}

void attempt_end(struct attempt *a)
{
	timer_cancel(a->attempts->loop, &a->timer);
	table_remove(a->attempts->by_impi, &a->node);
	vectors_clear(&a->spare);
	wipe(a, sizeof(*a));
	free(a);
}

bool attempt_has_rival(const struct attempt *a)
{
	const struct attempt *other = first_of(a->attempts, a->impi);

	while (other != NULL && (other == a || strcmp(other->impu, a->impu) != 0))
		other = next_of(other);
	return other != NULL;
}
