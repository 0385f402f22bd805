/*
 * A blocking client of the control plane's status sockets: HTTP/1.1 on <run_dir>/<role>.sock, one
 * request per connection (RFC 9112). Replies are bounded by STATUS_MAX_BYTES.
 */
#ifndef TOOLS_STATUS_H
#define TOOLS_STATUS_H

#include <stddef.h>

#include <jansson.h>

#define STATUS_TIMEOUT_MS 5000
#define STATUS_MAX_BYTES  (256u << 20) /* about a million registrations */

/*
 * GETs `path` ("/registrations", "/stats") of a role and returns the JSON body in *out; the caller
 * owns it (json_decref). Returns 0 or -errno with one message that says what to do.
 */
int status_get(const char *run_dir, const char *role, const char *path, json_t **out, char *error,
	       size_t error_bytes);

/*
 * POSTs `path` ("/order/deregister?impi=…") to a role. Returns the status of its answer (202:
 * accepted), or -errno with one message.
 */
int status_post(const char *run_dir, const char *role, const char *path, char *error,
		size_t error_bytes);

/* The body of a whole HTTP reply, or -EPROTO. Split from the socket for tests and fuzzing. */
int status_parse(const char *reply, size_t reply_bytes, json_t **out);

#endif
