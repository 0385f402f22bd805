/*
 * Names that people read and type for the numbers of dataplane/api.h. Pure functions; a number
 * without a name prints as "?".
 */
#ifndef DATAPLANE_NAMES_H
#define DATAPLANE_NAMES_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/api.h"

#define NAMES_ENDPOINT_BYTES 56 /* "[ffff:…:255.255.255.255]:65535" and the NUL */

#define NAMES_REGISTRATION_BYTES 21 /* 2^64 - 1 and the NUL */

const char *names_direction(uint8_t direction);
const char *names_integrity(uint8_t integrity);
const char *names_cipher(uint8_t cipher);
const char *names_mode(uint8_t mode);

/* The number of a name, or -ENOENT. key_bytes gets the key's length, RFC 2403, 2404, 3602. */
int names_integrity_find(const char *name, size_t *key_bytes);
int names_cipher_find(const char *name, size_t *key_bytes);

/* A registration's handle in decimal. JSON carries it as text: its numbers end at 2^53. */
const char *names_registration(uint64_t registration, char out[NAMES_REGISTRATION_BYTES]);

/* ADDRESS:PORT, an IPv6 address in brackets. Returns out. */
const char *names_endpoint(uint8_t family, const struct api_address *address, uint16_t port,
			   char out[NAMES_ENDPOINT_BYTES]);

#endif
