/*
 * Rows of the subscriber database in memory, each with its identities: those that were asked for
 * lately. They hold keys as they lie in the file, sealed. Who learns that another process has
 * changed the database clears it (store_turn.c).
 */
#ifndef CONTROLPLANE_STORE_CACHE_H
#define CONTROLPLANE_STORE_CACHE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "controlplane/store.h"
#include "controlplane/store_seal.h"
#include "controlplane/table.h"

#define STORE_CACHE_ROWS 131072 /* some 400 bytes each, with one identity */

struct store_row;

struct store_row_identity {
	struct table_node node; /* by IMPU */
	struct store_row *row;
	const char *impu;
	int implicit;
	uint8_t position;
	bool barred;
};

struct store_row {
	TAILQ_ENTRY(store_row) link; /* the oldest is last */
	struct table_node node;      /* by id */
	int64_t id;
	uint64_t stamp; /* of its record: the first bytes of `sealed`, which are random */
	uint64_t sqn;   /* before the first challenge */
	uint8_t sealed[STORE_SEALED_BYTES];
	uint8_t amf[STORE_AMF_BYTES];
	bool is_used; /* since it was read, or spared */
	const char *impi;
	const char *capabilities;
	unsigned n;
	struct store_row_identity identities[]; /* n, by position; behind them the texts */
};

struct store_cache;

/* NULL: out of memory. */
struct store_cache *store_cache_new(void);
void store_cache_free(struct store_cache *c);
void store_cache_clear(struct store_cache *c);

#endif
