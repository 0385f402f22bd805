/*
 * A queue of authentication vectors, first in first out: seed 6.1.1. It owns its copies and wipes
 * each as it leaves. Empty, it holds no memory: most users never have a spare one.
 */
#ifndef CONTROLPLANE_VECTORS_H
#define CONTROLPLANE_VECTORS_H

#include <stdbool.h>

struct cx_item;
struct cx_maa;

struct vectors {
	struct cx_item *items; /* CX_MAX_ITEMS of them, or NULL */
	unsigned n;
};

/*
 * Appends an answer's vectors in the order of SIP-Item-Number, in which they may have come or not.
 * What does not fit is left out: the newest. Returns 0, -EINVAL (a number twice) or -ENOMEM.
 */
int vectors_add(struct vectors *v, const struct cx_maa *answer);

/* Moves all of `from` behind those of `to`; `from` is then empty. Returns 0 or -ENOMEM. */
int vectors_move(struct vectors *to, struct vectors *from);

/* The oldest one, which the caller wipes. False: there is none. */
bool vectors_take(struct vectors *v, struct cx_item *out);

void vectors_clear(struct vectors *v);

#endif
