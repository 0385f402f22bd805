/*
 * The one thing that the data plane asks of the kernel's network: to give a kernel port its MTU and
 * to move it to the network namespace where its SIP node lives. Control thread, at start, while
 * privileged.
 */
#ifndef DATAPLANE_NETLINK_H
#define DATAPLANE_NETLINK_H

#include <stdint.h>

/* 0 or -errno. */
int netlink_set_mtu(uint32_t ifindex, uint32_t mtu_bytes);
/* netns: a name as under /run/netns (ip-netns(8)). 0 or -errno. */
int netlink_move(uint32_t ifindex, const char *netns);

#endif
