/*
 * Cx between the structs of cx.h and Diameter messages: TS 29.229. cx_message_write.c makes
 * messages, cx_message_read.c takes them apart.
 *
 * A message from outside is read with suspicion: each AVP that counts once may be there once,
 * lengths and values are checked, and what does not fit into cx.h is refused with the Result-Code
 * of RFC 6733 7.1.5. Messages that hold vectors are wiped by cx_message_free(); what freeDiameter
 * copies to send them is its own (docs/design.md).
 *
 * From any thread, after cx_dictionary_add(). One message belongs to one thread at a time.
 */
#ifndef CONTROLPLANE_CX_MESSAGE_H
#define CONTROLPLANE_CX_MESSAGE_H

#include "controlplane/cx.h"

struct msg;

/* A new request of ours for `realm`, or for `host` in it; NULL: whoever serves the realm. */
int cx_message_request(const struct cx_request *request, const char *realm, const char *host,
		       struct msg **out);

/* Makes *message, a request that was read, into its answer. Returns 0 or -errno; then it is freed.
 */
int cx_message_answer(struct msg **message, const struct cx_request *request,
		      const struct cx_answer *answer);

/* Returns CX_SUCCESS, or what to answer. The message was parsed with the dictionary. */
enum cx_result cx_message_read_request(struct msg *message, struct cx_request *out);

/* The answer to `command`. What cannot be understood reads as CX_UNABLE_TO_DELIVER. */
void cx_message_read_answer(struct msg *message, enum cx_command command, struct cx_answer *out);

/* Origin-Host of a message. Returns 0, -ENOENT or -EMSGSIZE. */
int cx_message_origin(struct msg *message, char out[static CX_IDENTITY_BYTES]);

/* An answer that was sent: its vectors are wiped. A request may still be sent again, and is left.
 */
void cx_message_wipe_answer(struct msg *message);

/* With the request that an answer belongs to, and after their vectors are wiped. NULL is none. */
void cx_message_free(struct msg *message);

#endif
