#include "tools/ue/net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/netlink.h"

/* What the UEs say in one turn of the loop waits there to be read: thousands at once in a storm. */
#define QUEUE_PKTS 32768

static int set_link(const char *name, unsigned mtu_bytes)
{
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };
	int error = 0;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	request.ifr_mtu = (int)mtu_bytes;
	if (ioctl(fd, SIOCSIFMTU, &request))
		error = -errno;
	request.ifr_qlen = QUEUE_PKTS;
	/* Within a user namespace it is refused: then the queue is the usual one. */
	if (!error && ioctl(fd, SIOCSIFTXQLEN, &request) && errno != EPERM)
		error = -errno;
	request.ifr_flags = IFF_UP | IFF_RUNNING;
	if (!error && ioctl(fd, SIOCSIFFLAGS, &request))
		error = -errno;
	close(fd);
	return error;
}

int net_tun_open(const char *name, unsigned mtu_bytes)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	int error;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	error = ioctl(fd, TUNSETIFF, &request) ? -errno : set_link(name, mtu_bytes);
	if (!error)
		return fd;
	close(fd);
	return error;
}

static int add_route(const struct address *to, unsigned prefix_bits, const char *device, bool local)
{
	struct rtmsg route = { .rtm_family = to->family,
			       .rtm_dst_len = (uint8_t)prefix_bits,
			       .rtm_table = local ? RT_TABLE_LOCAL : RT_TABLE_MAIN,
			       .rtm_protocol = RTPROT_STATIC,
			       .rtm_scope = local ? RT_SCOPE_HOST : RT_SCOPE_LINK,
			       .rtm_type = local ? RTN_LOCAL : RTN_UNICAST };
	struct netlink_request r = { 0 };
	uint32_t device_index = if_nametoindex(device);

	if (!device_index)
		return -errno;
	netlink_begin(&r, RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, &route,
		      sizeof(route));
	netlink_put(&r, RTA_DST, to->bytes, address_bytes(to));
	netlink_put(&r, RTA_OIF, &device_index, sizeof(device_index));
	netlink_end(&r);
	return netlink_ask(&r, NETLINK_ROUTE);
}

int net_route_host(const struct address *to, const char *device)
{
	return add_route(to, (unsigned)address_bytes(to) * 8, device, false);
}

int net_route_local(const struct address *first, uint32_t n)
{
	struct address last = address_plus(first, n - 1), prefix = *first;
	unsigned bits = 0, all = (unsigned)address_bytes(first) * 8;

	while (bits < all &&
	       !((first->bytes[bits / 8] ^ last.bytes[bits / 8]) >> (7 - bits % 8) & 1))
		bits++;
	for (unsigned i = bits; i < all; i++)
		prefix.bytes[i / 8] &= (uint8_t) ~(1u << (7 - i % 8));
	return add_route(&prefix, bits, "lo", true);
}
