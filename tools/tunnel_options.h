/*
 * The command line of `imsgate tunnel add` as the message it becomes.
 */
#ifndef TOOLS_TUNNEL_OPTIONS_H
#define TOOLS_TUNNEL_OPTIONS_H

#include "dataplane/api.h"

#define TUNNEL_OPTIONS_ERROR_BYTES 256

struct config;

struct tunnel_options {
	struct api_tunnel tunnel; /* complete after tunnel_options_parse(), but for a handle of 0 */
	char error[TUNNEL_OPTIONS_ERROR_BYTES];

	/* while parsing */
	const struct config *config;
	const char *zone;
};

/* Reads argv[1 …]. Returns 0, or -EINVAL with o->error: what was expected. */
int tunnel_options_parse(struct tunnel_options *o, int argc, char **argv,
			 const struct config *config);

#endif
