/* Requests about tunnels: what API_TUNNEL_… do. */
#include "dataplane/request_impl.h"

#include <errno.h>
#include <string.h>

static void put_result(struct call *call, uint64_t handle, int64_t number_or_error)
{
	struct api_tunnel_result result = { .handle = handle };
	if (number_or_error < 0)
		result.status = (int32_t)number_or_error;
	else
		result.tunnel = (uint32_t)number_or_error;
	memcpy(call->out + call->out_bytes, &result, sizeof(result));
	call->out_bytes += sizeof(result);
	call->n_out++;
}

int on_tunnel_install(struct call *call)
{
	const struct control *c = call->control;
	for (uint32_t i = 0; i < call->n_in; i++) {
		struct api_tunnel tunnel;
		memcpy(&tunnel, call->in + i * sizeof(tunnel), sizeof(tunnel));
		bool has_zone = tunnel.zone < c->sets.n_zones;
		put_result(call, tunnel.handle,
			   has_zone ? tunnel_install(&c->sas->tunnels, &tunnel, call->client->owner)
				    : -EINVAL);
	}
	return 0;
}

int on_tunnel_update(struct call *call)
{
	for (uint32_t i = 0; i < call->n_in; i++) {
		struct api_tunnel_update update;
		memcpy(&update, call->in + i * sizeof(update), sizeof(update));
		put_result(
			call, update.handle,
			tunnel_update(&call->control->sas->tunnels, &update, call->client->owner));
	}
	return 0;
}

int on_tunnel_delete(struct call *call)
{
	for (uint32_t i = 0; i < call->n_in; i++) {
		struct api_tunnel_id id;
		memcpy(&id, call->in + i * sizeof(id), sizeof(id));
		put_result(call, id.handle,
			   tunnel_delete(&call->control->sas->tunnels, id.handle,
					 call->client->owner));
	}
	return 0;
}

int on_tunnel_list(struct call *call)
{
	const struct tunnels *t = &call->control->sas->tunnels;
	struct api_cursor cursor;
	struct api_tunnel_info info;
	if (call->n_in != 1)
		return -EINVAL;
	memcpy(&cursor, call->in, sizeof(cursor));
	if (cursor.next > t->n_touched)
		return -EINVAL;
	/* Numbers begin with 1, cursors with 0. */
	uint32_t number = cursor.next + 1, last = t->n_touched;
	uint32_t room = API_MESSAGE_BYTES - sizeof(struct api_header) - sizeof(info);
	call->out_bytes = sizeof(cursor);
	for (unsigned n = 0; number <= last && call->out_bytes <= room && n < LIST_SLOTS_MAX;
	     number++, n++) {
		if (!tunnel_info(t, number, &info) || (cursor.owner && info.owner != cursor.owner))
			continue;
		memcpy(call->out + call->out_bytes, &info, sizeof(info));
		call->out_bytes += sizeof(info);
		call->n_out++;
	}
	cursor.next = number <= last ? number - 1 : 0;
	memcpy(call->out, &cursor, sizeof(cursor));
	call->n_out++; /* the cursor is the first entry */
	return 0;
}
