/*
 * Requests to the kernel by netlink: messages one behind the other in one datagram, and its word on
 * them. For the lab and the UE simulator; there is no state, and any thread may call it.
 */
#ifndef TOOLS_NETLINK_H
#define TOOLS_NETLINK_H

#include <stddef.h>
#include <stdint.h>

/* All zero at first. */
struct netlink_request {
	uint8_t bytes[1024];
	size_t n_bytes;
	size_t message; /* where the last one begins */
};

/* A message whose attributes follow `family`, the header of its kind. NLM_F_REQUEST is added. */
void netlink_begin(struct netlink_request *r, uint16_t type, uint16_t flags, const void *family,
		   size_t family_bytes);
void netlink_end(struct netlink_request *r);

void netlink_put(struct netlink_request *r, uint16_t type, const void *data, size_t n_bytes);

/* Attributes in an attribute. Returns where it begins, for netlink_nest_end(). */
size_t netlink_nest_begin(struct netlink_request *r, uint16_t type);
void netlink_nest_end(struct netlink_request *r, size_t at);

/*
 * Sends it, and waits for the kernel's word: one ACK, which one message has to ask for, or the
 * first error. `protocol`: NETLINK_ROUTE, NETLINK_NETFILTER. Returns 0 or -errno.
 */
int netlink_ask(const struct netlink_request *r, int protocol);

#endif
