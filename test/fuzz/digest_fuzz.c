/* The nonce and auts parameters: what is taken must be exactly what encoding it again gives. */
#include "test/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

#include "crypto/digest.h"

static void check_nonce(const char *text)
{
	/* 32 bytes fill the first 42 digits; server data begins within the 43rd. */
	enum {
		CHALLENGE_DIGITS = (AKA_RAND_BYTES + AKA_AUTN_BYTES) * 8 / 6,
	};
	uint8_t rand[AKA_RAND_BYTES], autn[AKA_AUTN_BYTES];
	char again[DIGEST_NONCE_SIZE];
	if (digest_decode_nonce(text, rand, autn) < 0)
		return;
	digest_encode_nonce(rand, autn, NULL, 0, again);
	if (strncmp(again, text, CHALLENGE_DIGITS) != 0)
		abort();
}

static void check_auts(const char *text)
{
	uint8_t auts[AKA_AUTS_BYTES];
	char again[DIGEST_AUTS_SIZE];
	if (digest_decode_auts(text, auts) < 0)
		return;
	digest_encode_auts(auts, again);
	if (strcmp(again, text) != 0)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size);
	if (!text)
		abort();
	check_nonce(text);
	check_auts(text);
	digest_find_algorithm(text);
	free(text);
	return 0;
}
