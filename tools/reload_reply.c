#include "tools/reload_reply.h"

#include <errno.h>
#include <string.h>

int reload_reply_parse(struct reload_reply *r, const struct dataplane_reply *reply)
{
	if (reply->n < 1 || reply->bytes != sizeof(r->result) + (reply->n - 1) * sizeof(r->text))
		return -EPROTO;
	memcpy(&r->result, reply->entries, sizeof(r->result));
	r->lines = reply->entries + sizeof(r->result);
	r->n_lines = reply->n - 1;
	return r->result.status > 0 || r->result.n_lines < r->n_lines ? -EPROTO : 0;
}

const char *reload_reply_line(struct reload_reply *r, unsigned i)
{
	memcpy(r->text, r->lines + i * sizeof(r->text), sizeof(r->text));
	r->text[sizeof(r->text) - 1] = '\0';
	for (char *c = r->text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return r->text;
}
