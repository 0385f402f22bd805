#include "tools/unix.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static int late(int error)
{
	return error == EAGAIN || error == EWOULDBLOCK ? -ETIMEDOUT : -error;
}

int unix_connect(const char *path, int type, int timeout_ms)
{
	struct timeval timeout = { timeout_ms / 1000, timeout_ms % 1000 * 1000 };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd, rc;

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path));
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) ||
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address))) {
		rc = late(errno);
		close(fd);
		return rc;
	}
	return fd;
}

int unix_send(int fd, const void *data, size_t bytes)
{
	const char *rest = data;

	while (bytes > 0) {
		ssize_t n = send(fd, rest, bytes, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return late(errno);
		rest += n;
		bytes -= n;
	}
	return 0;
}

ssize_t unix_receive(int fd, void *data, size_t bytes)
{
	struct iovec part = { data, bytes };
	struct msghdr message = { .msg_iov = &part, .msg_iovlen = 1 };
	ssize_t n;

	do
		n = recvmsg(fd, &message, 0);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return late(errno);
	return message.msg_flags & MSG_TRUNC ? -EMSGSIZE : n;
}
