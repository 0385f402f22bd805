/*
 * Unix sockets as this folder's clients use them: connect, then send and receive with an end to
 * every wait. Errors are -errno; a peer that answers too late is -ETIMEDOUT.
 */
#ifndef TOOLS_UNIX_H
#define TOOLS_UNIX_H

#include <stddef.h>
#include <sys/types.h>

/* Returns a connected socket of `type` (SOCK_SEQPACKET, SOCK_STREAM) or -errno. */
int unix_connect(const char *path, int type, int timeout_ms);

/* Sends all bytes. 0 or -errno. */
int unix_send(int fd, const void *data, size_t bytes);

/*
 * Receives one datagram or what a stream has. Returns its bytes, 0 at the end, -EMSGSIZE when a
 * datagram is longer than `bytes`, or -errno.
 */
ssize_t unix_receive(int fd, void *data, size_t bytes);

#endif
