/*
 * Subscribers' keys as they lie in the file: AES-256-GCM under a key file that is not the database,
 * so that a copy of the database alone, or of its journal, gives no K. A sealed pair is bound to
 * its IMPI: it opens in no other row. One thread per struct store_seal.
 */
#ifndef CONTROLPLANE_STORE_SEAL_H
#define CONTROLPLANE_STORE_SEAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define STORE_SEAL_NONCE_BYTES 12 /* random: a repetition is to be feared after 2^32 of them */
#define STORE_SEAL_TAG_BYTES   16
#define STORE_SEAL_TEXT_BYTES  32 /* K ‖ OPc */
#define STORE_SEALED_BYTES     (STORE_SEAL_NONCE_BYTES + STORE_SEAL_TEXT_BYTES + STORE_SEAL_TAG_BYTES)

struct store_seal;

/*
 * Reads the key file, 64 hexadecimal digits and a line end, mode 0600. When it is missing and
 * `may_make`, it is made with a random key, and is on the disk on return. NULL: *error has the
 * -errno, `text` one line that names the file.
 */
struct store_seal *store_seal_open(const char *path, bool may_make, int *error, char *text,
				   size_t text_bytes);
void store_seal_free(struct store_seal *s); /* wipes the key */

/* Returns 0 or -EIO. */
int store_seal(struct store_seal *s, const char *impi, const uint8_t text[STORE_SEAL_TEXT_BYTES],
	       uint8_t sealed[STORE_SEALED_BYTES]);
/* Returns 0, or -EBADMSG: another key, another IMPI, or damage; `text` is zero then. */
int store_unseal(struct store_seal *s, const char *impi, const uint8_t sealed[STORE_SEALED_BYTES],
		 uint8_t text[STORE_SEAL_TEXT_BYTES]);

#endif
