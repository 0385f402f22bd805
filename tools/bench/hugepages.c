#include "tools/bench/hugepages.h"

#include <stdio.h>
#include <string.h>

#define NUMBER_FILE "/proc/sys/vm/nr_hugepages"
/* What the rest of the machine keeps when hugepages are made of free memory. */
#define LEFT_FREE_KB (2ull << 20)

/* A line of /proc/meminfo, 0 when it is not there. */
static uint64_t meminfo(const char *name)
{
	FILE *file = fopen("/proc/meminfo", "r");
	if (!file)
		return 0;
	uint64_t value = 0;
	size_t name_bytes = strlen(name);
	for (char line[256]; fgets(line, sizeof(line), file);) {
		if (strncmp(line, name, name_bytes) == 0 && line[name_bytes] == ':')
			sscanf(line + name_bytes + 1, "%lu", &value);
	}
	fclose(file);
	return value;
}

/* Free, and not promised to anybody. */
static uint64_t n_free_pages(void)
{
	return meminfo("HugePages_Free") - meminfo("HugePages_Rsvd");
}

static bool reserve(uint64_t n_pages)
{
	FILE *file = fopen(NUMBER_FILE, "w");
	if (!file)
		return false;
	bool done = fprintf(file, "%lu", n_pages) > 0;
	return fclose(file) == 0 && done;
}

bool hugepages_borrow(struct hugepages *h, uint64_t n_bytes)
{
	uint64_t page_kb = meminfo("Hugepagesize"), n_free = n_free_pages();
	*h = (struct hugepages){ .n_before = meminfo("HugePages_Total") };
	if (!page_kb)
		return false;
	uint64_t n_wanted = (n_bytes / 1024 + page_kb - 1) / page_kb;
	if (n_free >= n_wanted)
		return true;
	uint64_t n_missing = n_wanted - n_free;
	if (meminfo("MemAvailable") > n_missing * page_kb + LEFT_FREE_KB &&
	    reserve(h->n_before + n_missing)) {
		h->lent = true;
		if (n_free_pages() >= n_wanted) {
			fprintf(stderr, "imsgate-bench: reserved %lu hugepages for this run\n",
				n_missing);
			return true;
		}
		hugepages_give_back(h);
	}
	fprintf(stderr,
		"imsgate-bench: warning: %lu of %lu hugepages are free; without them every SA\n"
		"costs page walks. As root: sysctl vm.nr_hugepages=%lu\n",
		n_free, n_wanted, h->n_before + n_missing);
	return false;
}

void hugepages_give_back(struct hugepages *h)
{
	if (h->lent)
		reserve(h->n_before);
	h->lent = false;
}
