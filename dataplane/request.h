/*
 * What each message of api.h does: one function a type, and the checks that all share. Knows
 * nothing of sockets. Control thread.
 */
#ifndef DATAPLANE_REQUEST_H
#define DATAPLANE_REQUEST_H

#include <stddef.h>
#include <stdint.h>

#include "dataplane/control.h"

/*
 * Answers one message of n_bytes from `client`, of which only the first API_MESSAGE_BYTES are there
 * when it is longer (-EMSGSIZE); `reply` has room for API_MESSAGE_BYTES. Returns the bytes of the
 * reply. Every byte of the request may be wrong.
 */
uint32_t request_handle(struct control *c, struct control_client *client, const uint8_t *request,
			size_t n_bytes, uint8_t *reply);

#endif
