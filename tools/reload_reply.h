/*
 * The reply to API_RELOAD as a command reads it: it comes from another process, so its lengths are
 * checked and its texts end where their room does.
 */
#ifndef TOOLS_RELOAD_REPLY_H
#define TOOLS_RELOAD_REPLY_H

#include "tools/dataplane.h"

struct reload_reply {
	struct api_reload_result result;
	const uint8_t *lines; /* in the client's buffer until its next request */
	unsigned n_lines;     /* that came; result.n_lines may be more */
	char text[API_LINE_BYTES];
};

/* 0 or -EPROTO. */
int reload_reply_parse(struct reload_reply *r, const struct dataplane_reply *reply);
/* Line i < n_lines, without control characters, until the next call. */
const char *reload_reply_line(struct reload_reply *r, unsigned i);

#endif
