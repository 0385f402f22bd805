/*
 * The kernel's side of the bump: the TUN device and its routes, made by ioctl and rtnetlink (no
 * program is started), in the network namespace of the caller. Needs CAP_NET_ADMIN. What is made
 * goes with the device and the namespace. All return 0 (or a descriptor) or -errno.
 */
#ifndef TOOLS_UE_NET_H
#define TOOLS_UE_NET_H

#include "tools/ue/address.h"

/* A TUN device without packet information header, non-blocking, with its MTU, up. */
int net_tun_open(const char *name, unsigned mtu_bytes);

/* A host route to `to` through the device. */
int net_route_host(const struct address *to, const char *device);

/*
 * Makes first … first + n − 1 local, with the shortest prefix that holds them all: sockets may then
 * be bound to, and packets are delivered to, every one of them. An equal or wider route that
 * exists already is fine.
 */
int net_route_local(const struct address *first, uint32_t n);

#endif
