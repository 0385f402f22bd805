/*
 * A script of the prompt: any bytes, over a data plane that does what they say. No key may be
 * repeated in what it answers, and no packet buffer may be lost.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "test/fuzz/fuzz.h"
#include "test/unit/prompt_scene.h"

/* The waits of a script may be long: it has so many turns. */
#define TURNS 64

/* A key of the seeds, long enough not to come by chance. */
static const char key[] = "c0ffee02030405060708090a0b0c0d0e0f101112";

static int file_of(const uint8_t *data, size_t size)
{
	static int fd = -1;
	if (fd < 0)
		fd = memfd_create("script", MFD_CLOEXEC);
	if (fd < 0 || ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size ||
	    lseek(fd, 0, SEEK_SET) != 0)
		abort();
	return fd;
}

/* A hostile path could make it wait for ever. */
static bool names_a_file(const uint8_t *data, size_t size)
{
	return memmem(data, size, "key-file", strlen("key-file")) != NULL;
}

/* Elsewhere it is a zone's name, say, and may be shown. */
static bool is_key_everywhere(const uint8_t *data, size_t size)
{
	static const char option[] = "--key ";
	const uint8_t *at = data, *end = data + size;
	while ((at = memmem(at, (size_t)(end - at), key, strlen(key)))) {
		if (at - data < (ptrdiff_t)strlen(option) ||
		    memcmp(at - strlen(option), option, strlen(option)) != 0)
			return false;
		at += strlen(key);
	}
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct prompt_scene s;
	static bool is_open;
	if (names_a_file(data, size))
		return 0;
	int fd = file_of(data, size);
	if (is_open)
		prompt_scene_renew(&s, fd);
	else
		prompt_scene_open(&s, fd);
	is_open = true;
	for (unsigned i = 0; i < TURNS && !prompt_is_over(s.prompt); i++) {
		prompt_turn(s.prompt, prompt_fd(s.prompt) >= 0);
		fixture_turn(s.f);
		fixture_discard(s.f);
	}
	if (!is_key_everywhere(data, size))
		return 0;
	if (strstr(prompt_scene_out(&s), key) || strstr(prompt_scene_errors(&s), key))
		abort();
	if (!fixture_is_accounted(s.f))
		abort();
	return 0;
}
