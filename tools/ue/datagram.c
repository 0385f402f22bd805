#include "tools/ue/datagram.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Ten thousand UEs answering at once; the kernel may grant less without CAP_NET_ADMIN. */
#define QUEUE_BYTES (8 << 20)

union control {
	struct cmsghdr header;
	uint8_t bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

static int set(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) ? -errno : 0;
}

static int ask_destination(int fd, uint8_t family)
{
	return family == AF_INET ? set(fd, IPPROTO_IP, IP_PKTINFO, 1)
				 : set(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1);
}

static int bind_device(int fd, const char *device)
{
	socklen_t n = (socklen_t)strlen(device) + 1;

	return setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, device, n) ? -errno : 0;
}

static int widen_queue(int fd)
{
	int error = set(fd, SOL_SOCKET, SO_RCVBUFFORCE, QUEUE_BYTES);

	return error ? set(fd, SOL_SOCKET, SO_RCVBUF, QUEUE_BYTES) : 0;
}

/* UE addresses are local by route alone, which IPv6 takes for sending only with FREEBIND. */
static int set_udp(int fd, uint8_t family, bool whole)
{
	int error;

	if (family == AF_INET)
		return set(fd, IPPROTO_IP, IP_MTU_DISCOVER,
			   whole ? IP_PMTUDISC_DO : IP_PMTUDISC_DONT);
	error = set(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	if (!error)
		error = set(fd, IPPROTO_IPV6, IPV6_FREEBIND, 1);
	if (!error && whole)
		error = set(fd, IPPROTO_IPV6, IPV6_DONTFRAG, 1);
	return error;
}

static int bind_port(int fd, uint8_t family, uint16_t port)
{
	struct address any = { .family = family };
	struct sockaddr_storage to;
	socklen_t to_bytes = address_to_socket(&any, port, &to);

	return bind(fd, (struct sockaddr *)&to, to_bytes) ? -errno : 0;
}

int datagram_open_udp(uint8_t family, uint16_t port, const char *device, bool whole)
{
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), error;

	if (fd < 0)
		return -errno;
	error = ask_destination(fd, family);
	if (!error)
		error = set_udp(fd, family, whole);
	if (!error)
		error = bind_device(fd, device);
	if (!error)
		error = bind_port(fd, family, port);
	if (!error)
		error = widen_queue(fd);
	if (!error)
		return fd;
	close(fd);
	return error;
}

int datagram_open_esp(uint8_t family, const char *device)
{
	int fd = socket(family, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ESP), error;

	if (fd < 0)
		return -errno;
	error = ask_destination(fd, family);
	if (!error)
		error = bind_device(fd, device);
	if (!error)
		error = widen_queue(fd);
	if (!error)
		return fd;
	close(fd);
	return error;
}

static void put_source(struct msghdr *m, union control *control, const struct address *ue)
{
	struct in_pktinfo v4 = { 0 };
	struct in6_pktinfo v6 = { 0 };
	size_t bytes = ue->family == AF_INET ? sizeof(v4) : sizeof(v6);

	memset(control, 0, sizeof(*control));
	m->msg_control = control;
	m->msg_controllen = CMSG_SPACE(bytes);
	control->header.cmsg_len = CMSG_LEN(bytes);
	if (ue->family == AF_INET) {
		control->header.cmsg_level = IPPROTO_IP;
		control->header.cmsg_type = IP_PKTINFO;
		memcpy(&v4.ipi_spec_dst, ue->bytes, 4);
		memcpy(CMSG_DATA(&control->header), &v4, sizeof(v4));
	} else {
		control->header.cmsg_level = IPPROTO_IPV6;
		control->header.cmsg_type = IPV6_PKTINFO;
		memcpy(&v6.ipi6_addr, ue->bytes, 16);
		memcpy(CMSG_DATA(&control->header), &v6, sizeof(v6));
	}
}

int datagram_send(int fd, const struct address *ue, const struct address *to, uint16_t port,
		  const void *data, size_t n_bytes)
{
	struct sockaddr_storage name;
	struct iovec part = { .iov_base = (void *)data, .iov_len = n_bytes };
	struct msghdr m = {
		.msg_name = &name,
		.msg_namelen = address_to_socket(to, port, &name),
		.msg_iov = &part,
		.msg_iovlen = 1,
	};
	union control control;

	put_source(&m, &control, ue);
	return sendmsg(fd, &m, 0) < 0 ? -errno : 0;
}

static void read_destination(struct msghdr *m, struct address *ue)
{
	struct in_pktinfo v4;
	struct in6_pktinfo v6;

	memset(ue, 0, sizeof(*ue));
	for (struct cmsghdr *c = CMSG_FIRSTHDR(m); c; c = CMSG_NXTHDR(m, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			memcpy(&v4, CMSG_DATA(c), sizeof(v4));
			ue->family = AF_INET;
			memcpy(ue->bytes, &v4.ipi_addr, 4);
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			memcpy(&v6, CMSG_DATA(c), sizeof(v6));
			ue->family = AF_INET6;
			memcpy(ue->bytes, &v6.ipi6_addr, 16);
		}
	}
}

int datagram_receive(int fd, void *data, size_t n_bytes, struct datagram *out)
{
	struct sockaddr_storage from;
	struct iovec part = { .iov_base = data, .iov_len = n_bytes };
	union control control;
	struct msghdr m = {
		.msg_name = &from,
		.msg_namelen = sizeof(from),
		.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd, &m, 0);

	if (n < 0)
		return -errno;
	if (m.msg_flags & MSG_TRUNC)
		return -EMSGSIZE;
	out->bytes = (size_t)n;
	address_from_socket(&from, &out->peer, &out->peer_port);
	read_destination(&m, &out->ue);
	return 0;
}
