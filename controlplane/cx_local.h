/*
 * Cx over a Unix SOCK_SEQPACKET socket, between the CSCFs and the HSS of one machine.
 *
 * One message = struct cx_local_header and the struct of cx.h that the command names: texts up to
 * their NUL, of lists what is used, all else as it lies in memory. What one turn of the loop brings
 * goes in one datagram, message behind message, as long as there is room: for the kernel a datagram
 * costs much and its length little. Both ends check version, direction, lengths and
 * cx_*_is_sound(); a peer that breaks a rule loses its connection. CK and IK travel here: the
 * socket is of mode 0600, so that only processes of one user meet on it.
 *
 * The server's requests, RTR and PPR, go to all clients, and one that agrees is enough.
 *
 * The client keeps at most CX_LOCAL_OUTSTANDING requests, sends them as fast as the socket takes
 * them, gives each CX_LOCAL_TIMEOUT_MS, and connects again when the HSS went away; requests that
 * were not sent yet wait for that, those that were are answered CX_UNABLE_TO_DELIVER. The server
 * stops reading from a client that has CX_LOCAL_OPEN requests unanswered.
 */
#ifndef CONTROLPLANE_CX_LOCAL_H
#define CONTROLPLANE_CX_LOCAL_H

#include <sys/uio.h>

#include "controlplane/cx.h"

#define CX_LOCAL_VERSION      4
#define CX_LOCAL_OUTSTANDING  8192 /* a second of a full core, while a disk takes its time */
#define CX_LOCAL_OPEN         1024
#define CX_LOCAL_CLIENTS      16
#define CX_LOCAL_TIMEOUT_MS   5000
#define CX_LOCAL_RECONNECT_MS 200

struct cx_local_header {
	uint16_t version;
	uint16_t is_answer; /* 0 or 1 */
	uint32_t command;
	uint32_t result;       /* of an answer, else 0 */
	uint32_t length_bytes; /* of the whole message */
	uint64_t id;           /* the client's own, returned in the answer */
};

/* Of a datagram. With what the kernel keeps beside it, it is one piece of 8 KiB of its memory. */
#define CX_LOCAL_DATAGRAM_BYTES 7680
#define CX_LOCAL_TOGETHER       64 /* messages at the most */

/* The longest message, a PPR, fits. */
#define CX_LOCAL_MESSAGE_BYTES (sizeof(struct cx_local_header) + sizeof(struct cx_ppr))
_Static_assert(sizeof(struct cx_rtr) <= sizeof(struct cx_ppr), "an RTR is no longer");

struct hss;
struct loop;
struct cx_local_server;

/* Both return the bytes of the message. */
size_t cx_local_pack_request(const struct cx_request *request, uint64_t id,
			     uint8_t out[static CX_LOCAL_MESSAGE_BYTES]);
size_t cx_local_pack_answer(const struct cx_answer *answer, uint64_t id,
			    uint8_t out[static CX_LOCAL_MESSAGE_BYTES]);

/* A message of `n_bytes`. Return 0 or -EPROTO; *out is then sound. */
int cx_local_parse_request(const uint8_t *message, size_t n_bytes, struct cx_request *out,
			   uint64_t *id);
int cx_local_parse_answer(const uint8_t *message, size_t n_bytes, struct cx_answer *out,
			  uint64_t *id);

/* What takes a message of a datagram. Returns 0, or -errno: the rest is not looked at. */
typedef int cx_local_take(void *user, bool is_answer, const uint8_t *message, size_t n_bytes);

/*
 * Hands over the messages of a datagram of `n_bytes`, of which more than CX_LOCAL_DATAGRAM_BYTES
 * may be cut off. None is handed over when their lengths are not right. Returns how many there
 * were, or -errno: the connection is of no use any more.
 */
int cx_local_take_all(const uint8_t *datagram, size_t n_bytes, cx_local_take *take, void *user);

/* Messages that are to leave in one datagram; they stay where they are until then. */
struct cx_local_datagram {
	struct iovec message[CX_LOCAL_TOGETHER];
	int n;
	size_t bytes;
};

/* Puts a message behind those that are in it. False: it has no room for this one. */
bool cx_local_put(struct cx_local_datagram *d, const uint8_t *message, size_t n_bytes);
/* Returns how many messages left, all of them, or -errno. */
int cx_local_send(int fd, const struct cx_local_datagram *d);

/* Connects by itself, sooner or later. NULL: out of memory. */
struct cx *cx_local_client_new(struct loop *loop, const char *path);

/* Returns 0, or -errno (-EADDRINUSE: another HSS listens there). The HSS must outlive it. */
int cx_local_server_new(struct loop *loop, const char *path, struct hss *hss,
			struct cx_local_server **out);
/*
 * RTR or PPR to the clients. As cx_send(), but `done` may be called at once; -EHOSTUNREACH: there
 * are none.
 */
int cx_local_push(struct cx_local_server *server, const struct cx_request *request, cx_done *done,
		  void *user);
void cx_local_server_free(struct cx_local_server *server);

#endif
