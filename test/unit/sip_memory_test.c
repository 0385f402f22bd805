#include "controlplane/sip_memory.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>

#include "test/shim/test.h"

#define N_PIECES 20000

static unsigned long resident_kb(void)
{
	unsigned long pages = 0;
	FILE *file = fopen("/proc/self/statm", "r");
	if (!file || fscanf(file, "%*u %lu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * 4;
}

TEST(sip_memory, pieces_of_all_sizes_are_apart_and_keep_what_is_written)
{
	static unsigned char *piece[4096];
	for (size_t n = 0; n < 4096; n++) {
		piece[n] = sip_take(n * 5);
		EXPECT_EQ((uintptr_t)piece[n] % sizeof(void *), 0u);
		memset(piece[n], (int)(n % 251), n * 5);
	}
	for (size_t n = 0; n < 4096; n++) {
		for (size_t i = 0; i < n * 5; i++)
			if (piece[n][i] != n % 251)
				TEST_MESSAGE("a piece was written over");
		sip_give(piece[n]);
	}
}

TEST(sip_memory, c094_what_is_given_back_is_wiped)
{
	char *piece = sip_take(100);
	char *beside = sip_take(100); /* keeps the memory where it is */
	strcpy(piece + 40, "a key");
	sip_give(piece);
	char *again = sip_take(100);
	EXPECT_EQ(memmem(again + sizeof(void *), 100 - sizeof(void *), "key", 3) == NULL, 1);
	sip_give(again);
	sip_give(beside);
}

TEST(sip_memory, a_piece_grows_with_its_content)
{
	char *p = sip_take_more(NULL, 3);
	strcpy(p, "ab");
	for (size_t n = 3; n < 100000; n *= 3) {
		p = sip_take_more(p, n);
		EXPECT_STREQ(p, "ab");
		memset(p + 3, 'x', n - 3);
	}
	sip_give(p);
}

TEST(sip_memory, what_nobody_uses_any_more_is_the_systems)
{
	static void *piece[N_PIECES];
	unsigned long before_kb = resident_kb();
	for (unsigned i = 0; i < N_PIECES; i++)
		memset(piece[i] = sip_take(1500), 1, 1500);
	unsigned long full_kb = resident_kb();
	for (unsigned i = 0; i < N_PIECES; i++)
		sip_give(piece[i]);
	EXPECT_TRUE(full_kb > before_kb + 28000);
	if (SIP_HAS_SLABS)
		EXPECT_TRUE(resident_kb() < before_kb + 3000);
}

static void take_and_give_burst(void)
{
	static void *piece[256];
	for (unsigned i = 0; i < 256; i++)
		memset(piece[i] = sip_take(4000), 1, 4000);
	for (unsigned i = 0; i < 256; i++)
		sip_give(piece[i]);
}

TEST(sip_memory, what_comes_and_goes_asks_the_system_once)
{
	struct rusage before, after;
	take_and_give_burst();
	getrusage(RUSAGE_SELF, &before);
	for (unsigned i = 0; i < 100; i++)
		take_and_give_burst();
	getrusage(RUSAGE_SELF, &after);
	if (SIP_HAS_SLABS)
		EXPECT_TRUE(after.ru_minflt - before.ru_minflt < 100);
}
