/*
 * The keys of the UEs' SAs for tshark, only when the user asks for the file: rows of its table
 * `esp_sa`. Nothing else of this program ever writes a key.
 */
#ifndef TOOLS_UE_KEYLOG_H
#define TOOLS_UE_KEYLOG_H

#include <stdio.h>

#include "crypto/keys.h"
#include "tools/ue/sa.h"

/* Makes or empties the file, readable by its owner alone. NULL and errno. */
FILE *keylog_open(const char *path);

/* One row for each SA of the set, at once in the file. Returns 0 or -errno. */
int keylog_write(FILE *file, uint8_t family, const struct sa_set *set, enum alg_integrity integrity,
		 enum alg_cipher cipher, const struct esp_keys *keys);

#endif
