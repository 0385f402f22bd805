#include "controlplane/store_seal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "controlplane/database.h"
#include "crypto/wipe.h"

enum {
	KEY_BYTES = 32,
	FILE_BYTES = 2 * KEY_BYTES + 1, /* hexadecimal, and the line end */
};

struct store_seal {
	EVP_CIPHER *aes;
	EVP_CIPHER_CTX *sealing;
	EVP_CIPHER_CTX *opening;
	uint8_t key[KEY_BYTES];
};

/* --- the key file --- */

/* `text` ends with a NUL. */
static int decode(const char text[FILE_BYTES + 1], uint8_t key[KEY_BYTES])
{
	for (unsigned i = 0; i < KEY_BYTES; i++) {
		unsigned byte;

		if (strspn(text + 2 * i, "0123456789abcdefABCDEF") < 2 ||
		    sscanf(text + 2 * i, "%2x", &byte) != 1)
			return -EBADMSG;
		key[i] = (uint8_t)byte;
	}
	return text[FILE_BYTES - 1] == '\n' ? 0 : -EBADMSG;
}

static int read_key(int fd, uint8_t key[KEY_BYTES])
{
	char text[FILE_BYTES + 1] = { 0 };
	ssize_t n = read(fd, text, sizeof(text));
	int rc = n < 0 ? -errno : n == FILE_BYTES ? 0 : -EBADMSG;

	if (rc == 0)
		rc = decode(text, key);
	wipe(text, sizeof(text));
	return rc;
}

static int write_key(int fd)
{
	uint8_t key[KEY_BYTES];
	char text[FILE_BYTES + 1];
	int rc = RAND_bytes(key, sizeof(key)) == 1 ? 0 : -EIO;

	for (unsigned i = 0; i < KEY_BYTES; i++)
		snprintf(text + 2 * i, sizeof(text) - 2 * i, "%02x", key[i]);
	text[FILE_BYTES - 1] = '\n';
	if (rc == 0 && (write(fd, text, FILE_BYTES) != FILE_BYTES || fsync(fd) < 0))
		rc = -EIO;
	wipe(key, sizeof(key));
	wipe(text, sizeof(text));
	return rc;
}

/*
 * Written under another name and then linked, so that nobody sees half of it, and of two who make
 * it at once both go on with the one that was first.
 */
static int make_file(const char *path)
{
	char name[PATH_MAX];
	int n = snprintf(name, sizeof(name), "%s.XXXXXX", path);
	int fd, rc;

	if (n < 0 || (size_t)n >= sizeof(name))
		return -ENAMETOOLONG;
	fd = mkostemp(name, O_CLOEXEC); /* mode 0600 */
	if (fd < 0)
		return -errno;
	rc = write_key(fd);
	close(fd);
	if (rc == 0 && link(name, path) < 0 && errno != EEXIST)
		rc = -errno;
	unlink(name);
	return rc == 0 ? database_sync_directory(path) : rc;
}

static int open_file(const char *path, bool may_make, uint8_t key[KEY_BYTES], char *text,
		     size_t text_bytes)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = fd < 0 ? -errno : 0;

	if (rc == -ENOENT && may_make) {
		rc = make_file(path);
		if (rc == 0) {
			fd = open(path, O_RDONLY | O_CLOEXEC);
			rc = fd < 0 ? -errno : 0;
		}
	}
	if (rc == 0 && fstat(fd, &st) == 0 && st.st_mode & 077) {
		snprintf(text, text_bytes,
			 "%s: mode %04o lets others read the key of the subscribers' keys, "
			 "expected 0600",
			 path, st.st_mode & 07777);
		close(fd);
		return -EACCES;
	}
	if (rc == 0)
		rc = read_key(fd, key);
	if (fd >= 0)
		close(fd);
	if (rc == -EBADMSG)
		snprintf(text, text_bytes, "%s: expected %u hexadecimal digits and a line end",
			 path, 2 * KEY_BYTES);
	else if (rc == -ENOENT)
		snprintf(text, text_bytes,
			 "%s: the key file is missing, and without it the subscribers' keys "
			 "cannot be read",
			 path);
	else if (rc < 0)
		snprintf(text, text_bytes, "%s: %s", path, strerror(-rc));
	return rc;
}

/* --- life --- */

/* One direction's, with its key schedule. NULL: no memory. */
static EVP_CIPHER_CTX *new_context(const struct store_seal *s, bool seals)
{
	EVP_CIPHER_CTX *context = s->aes ? EVP_CIPHER_CTX_new() : NULL;

	if (context && EVP_CipherInit_ex2(context, s->aes, s->key, NULL, seals, NULL) == 1)
		return context;
	EVP_CIPHER_CTX_free(context);
	return NULL;
}

struct store_seal *store_seal_open(const char *path, bool may_make, int *error, char *text,
				   size_t text_bytes)
{
	struct store_seal *s = calloc(1, sizeof(*s));

	*error = s ? open_file(path, may_make, s->key, text, text_bytes) : -ENOMEM;
	if (*error == 0) {
		s->aes = EVP_CIPHER_fetch(NULL, "AES-256-GCM", NULL);
		s->sealing = new_context(s, true);
		s->opening = new_context(s, false);
		*error = s->sealing && s->opening ? 0 : -ENOMEM;
	}
	if (*error == -ENOMEM)
		snprintf(text, text_bytes, "%s: %s", path, strerror(ENOMEM));
	if (*error == 0)
		return s;
	store_seal_free(s);
	return NULL;
}

void store_seal_free(struct store_seal *s)
{
	if (!s)
		return;
	EVP_CIPHER_CTX_free(s->sealing); /* wipes its key schedule */
	EVP_CIPHER_CTX_free(s->opening);
	EVP_CIPHER_free(s->aes);
	wipe(s->key, sizeof(s->key));
	free(s);
}

/* --- seal and unseal --- */

static bool begin(EVP_CIPHER_CTX *context, const uint8_t *nonce, const char *impi)
{
	int n;

	return EVP_CipherInit_ex2(context, NULL, NULL, nonce, -1, NULL) == 1 &&
	       EVP_CipherUpdate(context, NULL, &n, (const uint8_t *)impi, (int)strlen(impi)) == 1;
}

int store_seal(struct store_seal *s, const char *impi, const uint8_t text[STORE_SEAL_TEXT_BYTES],
	       uint8_t sealed[STORE_SEALED_BYTES])
{
	uint8_t *body = sealed + STORE_SEAL_NONCE_BYTES, *tag = body + STORE_SEAL_TEXT_BYTES;
	int n;

	if (RAND_bytes(sealed, STORE_SEAL_NONCE_BYTES) != 1 || !begin(s->sealing, sealed, impi) ||
	    EVP_CipherUpdate(s->sealing, body, &n, text, STORE_SEAL_TEXT_BYTES) != 1 ||
	    EVP_CipherFinal_ex(s->sealing, body + n, &n) != 1 ||
	    EVP_CIPHER_CTX_ctrl(s->sealing, EVP_CTRL_AEAD_GET_TAG, STORE_SEAL_TAG_BYTES, tag) != 1)
		return -EIO;
	return 0;
}

int store_unseal(struct store_seal *s, const char *impi, const uint8_t sealed[STORE_SEALED_BYTES],
		 uint8_t text[STORE_SEAL_TEXT_BYTES])
{
	const uint8_t *body = sealed + STORE_SEAL_NONCE_BYTES;
	uint8_t tag[STORE_SEAL_TAG_BYTES];
	int n;

	memcpy(tag, body + STORE_SEAL_TEXT_BYTES, sizeof(tag));
	if (begin(s->opening, sealed, impi) &&
	    EVP_CIPHER_CTX_ctrl(s->opening, EVP_CTRL_AEAD_SET_TAG, sizeof(tag), tag) == 1 &&
	    EVP_CipherUpdate(s->opening, text, &n, body, STORE_SEAL_TEXT_BYTES) == 1 &&
	    EVP_CipherFinal_ex(s->opening, text + n, &n) == 1)
		return 0;
	wipe(text, STORE_SEAL_TEXT_BYTES);
	return -EBADMSG;
}
