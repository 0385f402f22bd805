/*
 * Replays the seeds of a fuzz target without libFuzzer: each file of the directory given, whole
 * and cut at every length, each in a block of exactly its size so that a sanitizer sees a read
 * past its end. An empty directory is a failure: a test that runs nothing proves nothing.
 */
#include "test/fuzz/fuzz.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SEED_BYTES 65536

static void replay(const uint8_t *seed, size_t n_bytes)
{
	for (size_t n = 0; n <= n_bytes; n++) {
		uint8_t *input = malloc(n ? n : 1);

		if (!input)
			abort();
		memcpy(input, seed, n);
		LLVMFuzzerTestOneInput(input, n);
		free(input);
	}
}

static int replay_file(const char *path)
{
	static uint8_t seed[MAX_SEED_BYTES];
	FILE *file = fopen(path, "rb");
	size_t n_bytes;

	if (!file) {
		perror(path);
		return -1;
	}
	n_bytes = fread(seed, 1, sizeof(seed), file);
	fclose(file);
	replay(seed, n_bytes);
	return 0;
}

int main(int argc, char **argv)
{
	DIR *directory = argc == 2 ? opendir(argv[1]) : NULL;
	struct dirent *entry;
	unsigned n_files = 0;

	if (!directory) {
		fprintf(stderr, "usage: %s CORPUS-DIRECTORY\n", argv[0]);
		return 2;
	}
	while ((entry = readdir(directory))) {
		char path[PATH_MAX];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
		if (replay_file(path) < 0)
			return 1;
		n_files++;
	}
	closedir(directory);
	if (n_files && fuzz_replayed)
		fuzz_replayed();
	printf("%u seeds replayed, whole and cut at every length\n", n_files);
	return n_files == 0;
}
