/* API_RELOAD: reload.h for a client. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "dataplane/reload.h"
#include "dataplane/request_impl.h"

#define LINES_ROOM                                                                                 \
	((API_MESSAGE_BYTES - sizeof(struct api_header) - sizeof(struct api_reload_result)) /      \
	 sizeof(struct api_line))

struct answer {
	struct call *call;
	uint32_t n_lines;
	bool check_only;
};

/* What a client changes is said on stderr too; what it is refused it knows itself. */
static void tell(void *user, enum reload_line what, const char *text)
{
	struct answer *a = user;
	if (what == RELOAD_CHANGE && !a->check_only)
		reload_log(what, text);
	if (a->n_lines++ >= LINES_ROOM)
		return;
	struct api_line line = { 0 };
	snprintf(line.text, sizeof(line.text), "%s", text);
	memcpy(a->call->out + a->call->out_bytes, &line, sizeof(line));
	a->call->out_bytes += sizeof(line);
	a->call->n_out++;
}

int on_reload(struct call *call)
{
	struct api_reload request;
	struct reload *reload = call->control->reload;
	if (call->n_in != 1)
		return -EINVAL;
	memcpy(&request, call->in, sizeof(request));
	if (request.flags & ~(uint32_t)API_RELOAD_CHECK || request.reserved)
		return -EINVAL;
	if (!reload)
		return -EOPNOTSUPP;
	struct api_reload_result result;
	struct answer a = { .call = call, .check_only = request.flags & API_RELOAD_CHECK };
	call->n_out = 1; /* the result is the first entry */
	call->out_bytes = sizeof(result);
	result.status = reload_file(reload, a.check_only, tell, &a);
	result.n_lines = a.n_lines;
	memcpy(call->out, &result, sizeof(result));
	return 0;
}
