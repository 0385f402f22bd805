/*
 * The command line of `imsgate sa add` as the message it becomes. Keys come in here and leave with
 * sa_options_wipe(), which the caller owes after every parse.
 */
#ifndef DATAPLANE_SA_OPTIONS_H
#define DATAPLANE_SA_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>

#include "dataplane/api.h"

#define SA_OPTIONS_ERROR_BYTES 256

struct config;

struct sa_options {
	struct api_set set; /* complete after sa_options_parse() */
	bool hold;          /* --hold: stay connected */
	char error[SA_OPTIONS_ERROR_BYTES];

	/* while parsing */
	const struct config *config;
	const char *zone;
	const char *key_file;
	size_t auth_key_bytes;   /* that the integrity algorithm needs */
	size_t cipher_key_bytes; /* that the cipher needs */
	uint32_t window_pkts;
	uint64_t sequence;
	bool esn;
	unsigned n_sas;
};

/*
 * Reads argv[1 …] into *o, whatever was in it. Key texts in argv are overwritten, so that they
 * leave the process list. Returns 0, or -EINVAL with o->error: what was expected, never a key.
 */
int sa_options_parse(struct sa_options *o, int argc, char **argv, const struct config *config);

void sa_options_wipe(struct sa_options *o);

#endif
