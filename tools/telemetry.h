/*
 * A blocking client of the data plane's DPDK telemetry socket, where its counters are read:
 * /run/dpdk/FILE_PREFIX/dpdk_telemetry.v2, SOCK_SEQPACKET, one command and one JSON reply at a
 * time. A telemetry socket that does not answer within TELEMETRY_TIMEOUT_MS is -ETIMEDOUT. One
 * thread per client.
 */
#ifndef TOOLS_TELEMETRY_H
#define TOOLS_TELEMETRY_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define TELEMETRY_TIMEOUT_MS  5000
#define TELEMETRY_ERROR_BYTES 512

struct telemetry {
	int fd;                            /* -1: not connected */
	size_t max_bytes;                  /* of a reply, as the greeting says */
	char *reply;                       /* of max_bytes + 1 */
	char error[TELEMETRY_ERROR_BYTES]; /* what failed and what to do; set by every failure */
};

/* Connects and reads the greeting. Returns 0 or -errno. Call telemetry_close() in either case. */
int telemetry_open(struct telemetry *t, const char *file_prefix);
void telemetry_close(struct telemetry *t);

/*
 * Sends a command ("/imsgate/stats", or with a parameter "/imsgate/offload,0") and returns what
 * stands under its name in the reply, an object or an array, in *out; the caller owns it
 * (json_decref). Returns 0 or -errno: -ENOENT when the data plane does not know the command,
 * -EPROTO when the reply is not JSON of this shape.
 */
int telemetry_get(struct telemetry *t, const char *command, json_t **out);

/*
 * What does not fit one reply: `command` alone answers with a list of numbers, and "COMMAND,NUMBER"
 * tells of one. Hands each of these replies to one(), in the list's order; it owns nothing of it.
 * Returns 0 or -errno.
 */
int telemetry_each(struct telemetry *t, const char *command, void (*one)(json_t *reply, void *user),
		   void *user);

/* The same as one object, *out, which the caller owns; NULL on failure. Returns 0 or -errno. */
int telemetry_get_all(struct telemetry *t, const char *command, json_t **out);

#endif
