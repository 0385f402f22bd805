/*
 * A hash table of objects that embed their node: O(1), no allocation after table_new(), and keyed
 * with SipHash and a random secret, because peers choose what is hashed (branches, addresses).
 * The table stores no keys: the caller hashes its key and compares the candidates that
 * table_first() and table_next() offer. It takes 8 to 16 bytes an object, whatever there is room
 * for.
 */
#ifndef CONTROLPLANE_TABLE_H
#define CONTROLPLANE_TABLE_H

#include <stddef.h>
#include <stdint.h>

struct table;

struct table_node {
	uint64_t next; /* a link: table.c; 0: in no table */
	uint64_t hash;
};

/* Room for `expected` objects; more only make the chains longer. NULL: out of memory. */
struct table *table_new(size_t expected);
void table_free(struct table *t);

/* Hash of several pieces: start with table_hash(), go on with its result as `seed`. */
uint64_t table_hash(const struct table *t, uint64_t seed, const void *bytes, size_t n_bytes);

void table_add(struct table *t, struct table_node *n, uint64_t hash);
void table_remove(struct table *t, struct table_node *n);
size_t table_count(const struct table *t);

/* Objects of this hash, the last one added first. */
struct table_node *table_first(const struct table *t, uint64_t hash);
struct table_node *table_next(const struct table_node *n);

/*
 * Calls visit() for every object, in no order; it may remove and free the object it is given, and
 * no other.
 */
void table_visit(struct table *t, void (*visit)(void *user, struct table_node *n), void *user);

#define table_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

#endif
