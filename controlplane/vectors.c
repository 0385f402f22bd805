#include "controlplane/vectors.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx.h"
#include "crypto/wipe.h"

static int append(struct vectors *v, const struct cx_item *item)
{
	if (v->items == NULL) {
		v->items = calloc(CX_MAX_ITEMS, sizeof(*v->items));
		if (v->items == NULL)
			return -ENOMEM;
	}
	if (v->n < CX_MAX_ITEMS)
		v->items[v->n++] = *item;
	return 0;
}

/* The item with the lowest number above `above`, which is -1 at first. */
static const struct cx_item *next_item(const struct cx_maa *a, int64_t above)
{
	const struct cx_item *next = NULL;

	for (uint32_t i = 0; i < a->n_items; i++) {
		const struct cx_item *item = &a->items[i];

		if (item->number > above && (next == NULL || item->number < next->number))
			next = item;
	}
	return next;
}

int vectors_add(struct vectors *v, const struct cx_maa *answer)
{
	const struct cx_item *item;
	int64_t above = -1;
	int rc;

	for (uint32_t i = 0; i < answer->n_items; i++) {
		item = next_item(answer, above);
		if (item == NULL)
			return -EINVAL;
		above = item->number;
		rc = append(v, item);
		if (rc < 0)
			return rc;
	}
	return 0;
}

bool vectors_take(struct vectors *v, struct cx_item *out)
{
	if (v->n == 0)
		return false;
	*out = v->items[0];
	v->n--;
	memmove(v->items, v->items + 1, v->n * sizeof(*v->items));
	wipe(v->items + v->n, sizeof(*v->items));
	if (v->n == 0)
		vectors_clear(v);
	return true;
}

int vectors_move(struct vectors *to, struct vectors *from)
{
	struct cx_item item;
	int rc = 0;

	while (rc == 0 && vectors_take(from, &item))
		rc = append(to, &item);
	wipe(&item, sizeof(item));
	vectors_clear(from);
	return rc;
}

void vectors_clear(struct vectors *v)
{
	if (v->items != NULL)
		wipe(v->items, CX_MAX_ITEMS * sizeof(*v->items));
	free(v->items);
	v->items = NULL;
	v->n = 0;
}
