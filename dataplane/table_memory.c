#include "dataplane/table_memory.h"

#include <sys/mman.h>

#include <rte_eal.h>
#include <rte_malloc.h>

/* A huge page of x86-64: the unit in which the kernel can back a range with one TLB entry. */
#define HUGE_PAGE_BYTES ((size_t)2 << 20)

static size_t round_up(size_t n_bytes)
{
	return (n_bytes + HUGE_PAGE_BYTES - 1) & ~(HUGE_PAGE_BYTES - 1);
}

void *table_memory_map(size_t n_bytes)
{
	/* One huge page more than needed, so that the range can begin at a multiple of one. */
	size_t want = round_up(n_bytes), total = want + HUGE_PAGE_BYTES;
	char *base = mmap(NULL, total, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	char *start = base + (HUGE_PAGE_BYTES - (size_t)base % HUGE_PAGE_BYTES) % HUGE_PAGE_BYTES;
	if (start > base)
		munmap(base, (size_t)(start - base));
	if (base + total > start + want)
		munmap(start + want, (size_t)(base + total - (start + want)));
	madvise(start, want, MADV_HUGEPAGE); /* a wish: small pages are slower, not wrong */
	madvise(start, want, MADV_DONTDUMP);
	return start;
}

void table_memory_unmap(void *memory, size_t n_bytes)
{
	if (memory)
		munmap(memory, round_up(n_bytes));
}

void *table_memory_alloc(const char *name, size_t n_bytes)
{
	return rte_eal_has_hugepages() ? rte_zmalloc(name, n_bytes, 4096)
				       : table_memory_map(n_bytes);
}

void table_memory_free(void *memory, size_t n_bytes)
{
	if (rte_eal_has_hugepages())
		rte_free(memory);
	else
		table_memory_unmap(memory, n_bytes);
}
