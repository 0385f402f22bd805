/*
 * The two sides of a data plane that is a process of its own, as frames: the far end of its network
 * port, and the interface that its kernel port is. One thread; what cannot be set up ends the
 * program.
 */
#ifndef TEST_SOAK_WIRE_H
#define TEST_SOAK_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum wire_side {
	WIRE_NETWORK, /* where the UEs are */
	WIRE_KERNEL,  /* where the SIP node is */
	WIRE_SIDES,
};

#define WIRE_MAX_BYTES 2048

struct wire {
	int fd[WIRE_SIDES];
};

/* Interfaces as NETNS/NAME: the sockets stay in their namespace, the caller in his. */
void wire_open(struct wire *w, const char *const interface[WIRE_SIDES]);
void wire_close(struct wire *w);

/* Sends a frame; waits while the queue is full. */
void wire_send(struct wire *w, enum wire_side side, const uint8_t *frame, size_t n_bytes);
/* The next frame, of so many bytes; 0: none has come. */
size_t wire_receive(struct wire *w, enum wire_side side, uint8_t frame[WIRE_MAX_BYTES]);
/* Sleeps until something comes on either side, a millisecond at most. */
void wire_wait(struct wire *w);

#endif
