/*
 * Memory of the big tables: hugepages where DPDK has them, else anonymous pages that the kernel is
 * asked to make huge. Zeroed, aligned to a page at least, left out of core dumps. Control thread.
 */
#ifndef DATAPLANE_TABLE_MEMORY_H
#define DATAPLANE_TABLE_MEMORY_H

#include <stddef.h>

/* Returns NULL when there is not so much memory. */
void *table_memory_alloc(const char *name, size_t n_bytes);
void table_memory_free(void *memory, size_t n_bytes);

/* The same for what control alone reads: never DPDK's, so no part of `memory_mb`. */
void *table_memory_map(size_t n_bytes);
void table_memory_unmap(void *memory, size_t n_bytes);

#endif
