/*
 * The messages of RFC 4475 (SIP torture tests), which test/fuzz/corpus/pcscf holds as files named
 * as there. TORTURE_DIRECTORY comes from the build.
 */
#ifndef TEST_UNIT_TORTURE_H
#define TEST_UNIT_TORTURE_H

#include <stdio.h>

#include "test/shim/test.h"

#define TORTURE_BYTES    8192
#define TORTURE_MESSAGES 49

/* The message of that name. Returns its length. */
static inline size_t torture_read(const char *name, char bytes[static TORTURE_BYTES])
{
	char path[512];
	snprintf(path, sizeof(path), TORTURE_DIRECTORY "/%s", name);
	FILE *file = fopen(path, "rb");
	if (!file) {
		TEST_MESSAGE("no %s", path);
		return 0;
	}
	size_t n = fread(bytes, 1, TORTURE_BYTES, file);
	fclose(file);
	EXPECT_GT(n, 0);
	EXPECT_LT(n, TORTURE_BYTES);
	return n;
}

#endif
