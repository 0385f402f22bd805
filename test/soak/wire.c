#include "test/soak/wire.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* All that can be under way at once, with what the kernel counts beside the bytes of a frame. */
#define BUFFER_BYTES (8 << 20)

static void require(bool done, const char *what)
{
	if (done)
		return;
	fprintf(stderr, "soak: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void enter(const char *netns)
{
	char path[128];
	snprintf(path, sizeof(path), "/run/netns/%s", netns);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	require(fd >= 0 && setns(fd, CLONE_NEWNET) == 0, path);
	close(fd);
}

static int open_one(const char *interface)
{
	char netns[64];
	const char *name = strchr(interface, '/');
	int bytes = BUFFER_BYTES;
	errno = EINVAL;
	require(name && (size_t)(name - interface) < sizeof(netns), interface);
	snprintf(netns, sizeof(netns), "%.*s", (int)(name - interface), interface);
	enter(netns);
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = (int)if_nametoindex(name + 1) };
	require(address.sll_ifindex != 0, interface);
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	require(fd >= 0, "a packet socket");
	require(setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) == 0 ||
			setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes)) == 0,
		"SO_RCVBUF");
	require(bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0, interface);
	return fd;
}

void wire_open(struct wire *w, const char *const interface[WIRE_SIDES])
{
	int home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	require(home >= 0, "the network namespace");
	for (unsigned side = 0; side < WIRE_SIDES; side++)
		w->fd[side] = open_one(interface[side]);
	require(setns(home, CLONE_NEWNET) == 0, "the network namespace");
	close(home);
}

void wire_close(struct wire *w)
{
	for (unsigned side = 0; side < WIRE_SIDES; side++)
		close(w->fd[side]);
}

void wire_send(struct wire *w, enum wire_side side, const uint8_t *frame, size_t n_bytes)
{
	while (send(w->fd[side], frame, n_bytes, 0) < 0) {
		require(errno == EAGAIN || errno == ENOBUFS || errno == EINTR, "a frame");
		usleep(100);
	}
}

size_t wire_receive(struct wire *w, enum wire_side side, uint8_t frame[WIRE_MAX_BYTES])
{
	for (;;) {
		struct sockaddr_ll from;
		socklen_t from_bytes = sizeof(from);
		ssize_t n = recvfrom(w->fd[side], frame, WIRE_MAX_BYTES, 0,
				     (struct sockaddr *)&from, &from_bytes);
		if (n < 0)
			return 0;
		if (from.sll_pkttype != PACKET_OUTGOING) /* our own */
			return (size_t)n;
	}
}

void wire_wait(struct wire *w)
{
	struct pollfd fd[WIRE_SIDES];
	for (unsigned side = 0; side < WIRE_SIDES; side++)
		fd[side] = (struct pollfd){ .fd = w->fd[side], .events = POLLIN };
	poll(fd, WIRE_SIDES, 1);
}
