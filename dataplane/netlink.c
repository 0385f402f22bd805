#include "dataplane/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/netlink.h>
#include <linux/rtnetlink.h>

/* RTM_NEWLINK that changes one 32-bit attribute of an existing link. */
struct change_link {
	struct nlmsghdr header;
	struct ifinfomsg link;
	struct rtattr attribute;
	uint32_t value;
};

static int ask(int fd, const struct change_link *request)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		char rest[256];
	} reply;
	if (send(fd, request, sizeof(*request), 0) != sizeof(*request))
		return -errno;
	ssize_t n = recv(fd, &reply, sizeof(reply), 0);
	if (n < 0)
		return -errno;
	if ((size_t)n < sizeof(reply.header) + sizeof(int) ||
	    reply.header.nlmsg_type != NLMSG_ERROR)
		return -EPROTO;
	return reply.error.error;
}

static int change(uint32_t ifindex, unsigned short type, uint32_t value)
{
	struct change_link request = {
		.header = { .nlmsg_len = sizeof(request),
			    .nlmsg_type = RTM_NEWLINK,
			    .nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK },
		.link = { .ifi_index = (int)ifindex },
		.attribute = { .rta_len = RTA_LENGTH(sizeof(value)), .rta_type = type },
		.value = value,
	};
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
	if (fd < 0)
		return -errno;
	int rc = ask(fd, &request);
	close(fd);
	return rc;
}

int netlink_set_mtu(uint32_t ifindex, uint32_t mtu_bytes)
{
	return change(ifindex, IFLA_MTU, mtu_bytes);
}

int netlink_move(uint32_t ifindex, const char *netns)
{
	char path[256];
	if (strchr(netns, '/') ||
	    snprintf(path, sizeof(path), "/run/netns/%s", netns) >= (int)sizeof(path))
		return -EINVAL;
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	int rc = change(ifindex, IFLA_NET_NS_FD, (uint32_t)fd);
	close(fd);
	return rc;
}
