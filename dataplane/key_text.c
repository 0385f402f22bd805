#include "dataplane/key_text.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "crypto/wipe.h"

#define LINE_BYTES 256

static int nibble(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes of a key, or 0 when the text is none. */
static size_t decode(const char *text, uint8_t *key, size_t max_bytes)
{
	size_t n = 0;

	for (; *text; text += 2) {
		int high = nibble(text[0]), low = high < 0 ? -1 : nibble(text[1]);

		if (low < 0 || n == max_bytes)
			return 0;
		key[n++] = high << 4 | low;
	}
	return n;
}

size_t key_read(char *text, uint8_t *key, size_t max_bytes)
{
	size_t n = decode(text, key, max_bytes);

	wipe(text, strlen(text));
	return n;
}

/* Reads the next line's key; an absent line leaves the size 0. */
static int next_key(FILE *file, uint8_t *key, uint8_t *key_bytes, size_t max_bytes)
{
	char line[LINE_BYTES];

	*key_bytes = 0;
	if (!fgets(line, sizeof(line), file))
		return ferror(file) ? -errno : 0;
	line[strcspn(line, "\r\n")] = '\0';
	*key_bytes = key_read(line, key, max_bytes);
	return *key_bytes ? 0 : -EINVAL;
}

int key_file_read(const char *path, uint8_t *auth, uint8_t *auth_bytes, uint8_t *cipher,
		  uint8_t *cipher_bytes, size_t max_bytes)
{
	bool from_stdin = !strcmp(path, "-");
	FILE *file = from_stdin ? stdin : fopen(path, "re");
	int rc;

	if (!file)
		return -errno;
	setvbuf(file, NULL, _IONBF, 0); /* no copy of a key in a buffer that nobody wipes */
	rc = next_key(file, auth, auth_bytes, max_bytes);
	if (rc == 0)
		rc = next_key(file, cipher, cipher_bytes, max_bytes);
	if (rc == 0 && fgetc(file) != EOF)
		rc = -EINVAL;
	if (!from_stdin)
		fclose(file);
	return rc;
}
