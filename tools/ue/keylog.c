#include "tools/ue/keylog.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crypto/wipe.h"

FILE *keylog_open(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	FILE *file;

	if (fd < 0)
		return NULL;
	if (!fchmod(fd, 0600)) { /* it may have been there before, open to others */
		file = fdopen(fd, "w");
		if (file)
			return file;
	}
	close(fd);
	return NULL;
}

static void put_key(FILE *file, const uint8_t *key, unsigned n_bytes)
{
	fputs(n_bytes ? "\"0x" : "\"", file);
	for (unsigned i = 0; i < n_bytes; i++)
		fprintf(file, "%02x", key[i]);
	fputc('"', file);
}

int keylog_write(FILE *file, uint8_t family, const struct sa_set *set, enum alg_integrity integrity,
		 enum alg_cipher cipher, const struct esp_keys *keys)
{
	/* Of GCM tshark wants the salt behind the key. */
	uint8_t key[KEYS_ESP_BYTES + KEYS_SALT_BYTES];
	unsigned n_bytes = keys->cipher_key_bytes;

	memcpy(key, keys->cipher_key, n_bytes);
	memcpy(key + n_bytes, keys->salt, KEYS_SALT_BYTES);
	n_bytes += alg_cipher[cipher].salt_bytes;
	for (unsigned i = 0; i < set->n_sas; i++) {
		fprintf(file, "\"%s\",\"*\",\"*\",\"0x%08x\",\"%s\",",
			family == AF_INET ? "IPv4" : "IPv6", set->sa[i].spi,
			alg_cipher[cipher].tshark_name);
		put_key(file, key, n_bytes);
		fprintf(file, ",\"%s\",", alg_integrity[integrity].tshark_name);
		put_key(file, keys->auth_key, keys->auth_key_bytes);
		fputc('\n', file);
	}
	wipe(key, sizeof(key));
	return fflush(file) ? -errno : 0;
}
