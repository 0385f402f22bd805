/*
 * Keys as people type them, wiped from where they were read.
 */
#ifndef DATAPLANE_KEY_TEXT_H
#define DATAPLANE_KEY_TEXT_H

#include <stddef.h>
#include <stdint.h>

/* A key of 1 … max_bytes bytes in hexadecimal; 0 when it is none. The text is overwritten. */
size_t key_read(char *text, uint8_t *key, size_t max_bytes);

/*
 * A file with the integrity key on its first line and, where there is one, the cipher key on its
 * second; "-" is stdin. Sizes of what is absent are 0. Returns 0, -EINVAL when there is anything
 * else in it, or -errno.
 */
int key_file_read(const char *path, uint8_t *auth, uint8_t *auth_bytes, uint8_t *cipher,
		  uint8_t *cipher_bytes, size_t max_bytes);

#endif
