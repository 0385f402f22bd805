#include "tools/netlink.h"

#include <assert.h>
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void put(struct netlink_request *r, const void *data, size_t n_bytes)
{
	assert(r->n_bytes + NLMSG_ALIGN(n_bytes) <= sizeof(r->bytes));
	if (n_bytes)
		memcpy(r->bytes + r->n_bytes, data, n_bytes);
	r->n_bytes += NLMSG_ALIGN(n_bytes); /* the rest is zero already */
}

void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, const void *family,
		   size_t family_bytes)
{
	struct nlmsghdr header = { .nlmsg_type = type, .nlmsg_flags = NLM_F_REQUEST | flags };

	r->message = r->n_bytes;
	put(r, &header, sizeof(header));
	put(r, family, family_bytes);
}

void netlink_end(struct netlink_request *r)
{
	uint32_t n_bytes = (uint32_t)(r->n_bytes - r->message);

	memcpy(r->bytes + r->message, &n_bytes, sizeof(n_bytes)); /* nlmsg_len comes first */
}

void netlink_put(struct netlink_request *r, uint16_t type, const void *data, size_t n_bytes)
{
	struct nlattr a = { .nla_type = type, .nla_len = (uint16_t)(sizeof(a) + n_bytes) };

	put(r, &a, sizeof(a));
	put(r, data, n_bytes);
}

size_t netlink_nest_begin(struct netlink_request *r, uint16_t type)
{
	size_t at = r->n_bytes;

	netlink_put(r, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void netlink_nest_end(struct netlink_request *r, size_t at)
{
	uint16_t n_bytes = (uint16_t)(r->n_bytes - at);

	memcpy(r->bytes + at, &n_bytes, sizeof(n_bytes)); /* nla_len comes first */
}

int netlink_ask(const struct netlink_request *r, int protocol)
{
	struct {
		struct nlmsghdr header;
		struct nlmsgerr error;
		uint8_t rest[2048]; /* the message, sent back */
	} answer;
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	int error = -EPROTO;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (send(fd, r->bytes, r->n_bytes, 0) < 0 || (n = recv(fd, &answer, sizeof(answer), 0)) < 0)
		error = -errno;
	else if ((size_t)n >= NLMSG_LENGTH(sizeof(answer.error)) &&
		 answer.header.nlmsg_type == NLMSG_ERROR)
		error = answer.error.error;
	close(fd);
	return error;
}
