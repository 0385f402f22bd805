/*
 * Sockets that serve all UEs at once: whose datagram it is travels with each one (IP_PKTINFO,
 * IPV6_PKTINFO), so ten thousand UEs need a handful. Each socket is bound to one device: the
 * unprotected port and ESP to the wire, the protected ports to the TUN device, so that what a
 * protected socket reads came out of an SA. Non-blocking. One thread.
 */
#ifndef TOOLS_UE_DATAGRAM_H
#define TOOLS_UE_DATAGRAM_H

#include "tools/ue/address.h"

struct datagram {
	struct address ue, peer;
	uint16_t peer_port;
	size_t bytes;
};

/*
 * whole: a datagram that needs fragments is refused with -EMSGSIZE, as ESP takes whole ones only
 * (C-078). Returns a descriptor or -errno; needs CAP_NET_RAW.
 */
int datagram_open_udp(uint8_t family, uint16_t port, const char *device, bool whole);

/*
 * All ESP that reaches this kernel through the device, reassembled; open, it also keeps the kernel
 * from answering ESP with ICMP. IPv4 comes with its IP header, IPv6 without: see datagram.ue and
 * datagram.peer. Returns a descriptor or -errno; needs CAP_NET_RAW.
 */
int datagram_open_esp(uint8_t family, const char *device);

/* Returns 0 or -errno. */
int datagram_send(int fd, const struct address *ue, const struct address *to, uint16_t port,
		  const void *data, size_t n_bytes);

/* Returns 0, or -errno: -EAGAIN when there is none. One cut off at n_bytes is -EMSGSIZE. */
int datagram_receive(int fd, void *data, size_t n_bytes, struct datagram *out);

#endif
