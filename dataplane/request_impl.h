/*
 * What the files of request.c share: one request's worth of work, and the handlers that have a file
 * of their own. Nobody else includes this. Control thread.
 */
#ifndef DATAPLANE_REQUEST_IMPL_H
#define DATAPLANE_REQUEST_IMPL_H

#include <stdint.h>

#include "dataplane/control.h"

/* `out` has room for API_MESSAGE_BYTES less the header. */
struct call {
	struct control *control;
	struct control_client *client;
	uint32_t now_s;
	const uint8_t *in;
	uint32_t n_in;
	uint32_t n_taken; /* of them, by take_batch() */
	uint8_t *out;
	uint32_t n_out;     /* entries, to be set by the handler */
	uint32_t out_bytes; /* likewise */
};

/* Slots or numbers looked at in one message: a sparse table is walked in steps, not in one stop. */
#define LIST_SLOTS_MAX 65536

/* request_tunnel.c */
int on_tunnel_install(struct call *call);
int on_tunnel_update(struct call *call);
int on_tunnel_delete(struct call *call);
int on_tunnel_list(struct call *call);

/* request_reload.c */
int on_reload(struct call *call);

#endif
