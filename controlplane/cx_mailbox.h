/*
 * A bounded queue of Diameter messages between threads: those of freeDiameter and the loop's. The
 * one who takes waits either in the loop, by cx_mailbox_fd(), or in cx_mailbox_wait().
 */
#ifndef CONTROLPLANE_CX_MAILBOX_H
#define CONTROLPLANE_CX_MAILBOX_H

#include <stdbool.h>
#include <stdint.h>

struct cx_mailbox;
struct msg;

struct cx_mail {
	struct msg *message; /* NULL: the answer that will not come */
	uint64_t id;         /* of our request; 0: the message is a request itself */
};

/* `max` messages fit. NULL: no memory or no descriptor. */
struct cx_mailbox *cx_mailbox_new(unsigned max);

/* Frees what nobody took, too. No thread may use it any more. */
void cx_mailbox_free(struct cx_mailbox *box);

/* Any thread. Returns 0: the message is the taker's. -ENOBUFS, -ENOMEM, -EPIPE (closed): it is not.
 */
int cx_mailbox_put(struct cx_mailbox *box, struct msg *message, uint64_t id);

/* The oldest; false: there is none. */
bool cx_mailbox_take(struct cx_mailbox *box, struct cx_mail *out);

/* The same, but waits for one; false: closed, and empty. */
bool cx_mailbox_wait(struct cx_mailbox *box, struct cx_mail *out);

/* Takes no more, and wakes who waits. */
void cx_mailbox_close(struct cx_mailbox *box);

/* Readable while there is something to take. */
int cx_mailbox_fd(const struct cx_mailbox *box);

#endif
