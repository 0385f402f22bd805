#include "tools/lab.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/*
 * A process of its own that writes what is on an interface into a pcap file, one write() a packet,
 * so that the file is whole at any moment. tcpdump cannot stand in: it gives up being root, which
 * is not possible where an ordinary user is root.
 */

#define FRAME_BYTES 65536
#define QUEUE_BYTES (32 << 20)

/* The format of libpcap's files, in the writer's byte order. */
struct file_header {
	uint32_t magic; /* with nanoseconds */
	uint16_t major, minor;
	uint32_t zone, accuracy;
	uint32_t frame_bytes;
	uint32_t link_type; /* Ethernet */
};

struct frame_header {
	uint32_t s, ns;
	uint32_t n_bytes_here;
	uint32_t n_bytes;
};

static int open_socket(const char *interface)
{
	struct sockaddr_ll address = { .sll_family = AF_PACKET,
				       .sll_protocol = htons(ETH_P_ALL),
				       .sll_ifindex = (int)if_nametoindex(interface) };
	int fd = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	const int on = 1, queue_bytes = QUEUE_BYTES;
	int error;

	if (fd < 0)
		return -errno;
	/* Beyond what an ordinary user may have; then it is as large as may be. */
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &queue_bytes, sizeof(queue_bytes)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &queue_bytes, sizeof(queue_bytes));
	if (!setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, &on, sizeof(on)) &&
	    !bind(fd, (struct sockaddr *)&address, sizeof(address)))
		return fd;
	error = -errno;
	close(fd);
	return error;
}

static struct timespec timestamp(struct msghdr *message)
{
	struct timespec time = { 0 };

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c; c = CMSG_NXTHDR(message, c))
		if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_TIMESTAMPNS)
			memcpy(&time, CMSG_DATA(c), sizeof(time));
	return time;
}

/* Moves what has arrived into the file. 0 or -errno. */
static int copy_frames(int from, int to)
{
	static uint8_t frame[FRAME_BYTES];
	char control[CMSG_SPACE(sizeof(struct timespec))];

	for (;;) {
		struct iovec room = { frame, sizeof(frame) };
		struct msghdr message = { .msg_iov = &room,
					  .msg_iovlen = 1,
					  .msg_control = control,
					  .msg_controllen = sizeof(control) };
		ssize_t n = recvmsg(from, &message, 0);
		struct timespec time;

		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		time = timestamp(&message);
		struct frame_header header = { (uint32_t)time.tv_sec, (uint32_t)time.tv_nsec,
					       (uint32_t)n, (uint32_t)n };
		struct iovec out[] = { { &header, sizeof(header) }, { frame, (size_t)n } };
		if (writev(to, out, 2) != (ssize_t)sizeof(header) + n)
			return -EIO;
	}
}

/* Until SIGTERM, and then what has arrived before it. */
static int capture(int from, int to, int signals)
{
	for (;;) {
		struct pollfd events[] = { { .fd = from, .events = POLLIN },
					   { .fd = signals, .events = POLLIN } };
		int error;

		if (poll(events, 2, -1) < 0 && errno != EINTR)
			return -errno;
		error = copy_frames(from, to);
		if (error || events[1].revents)
			return error;
	}
}

static int run_child(int from, int to)
{
	static const struct file_header header = { 0xa1b23c4d, 2, 4, 0, 0, FRAME_BYTES, 1 };
	sigset_t term;
	int signals;

	sigemptyset(&term);
	sigaddset(&term, SIGTERM);
	sigprocmask(SIG_BLOCK, &term, NULL);
	signals = signalfd(-1, &term, SFD_CLOEXEC);
	if (signals < 0 || write(to, &header, sizeof(header)) != sizeof(header))
		return EXIT_FAILURE;
	return capture(from, to, signals) ? EXIT_FAILURE : EXIT_SUCCESS;
}

int lab_capture(struct lab *l, const char *netns, const char *interface)
{
	int home = netns_enter(netns), from;
	pid_t child;

	if (home < 0)
		return lab_fail(l, "%s: %s", netns, strerror(-home));
	from = open_socket(interface);
	netns_leave(home);
	if (from < 0)
		return lab_fail(l, "capture on %s: %s", interface, strerror(-from));
	fflush(NULL); /* what is buffered would be written twice */
	child = fork();
	if (child == 0)
		_exit(run_child(from, l->pcap_fd));
	close(from);
	if (child < 0)
		return lab_fail(l, "fork: %s", strerror(errno));
	l->capture = (struct process){ .name = "capture", .pid = child };
	return 0;
}
