/*
 * A router between the data plane and its peers that has something to say about a packet: ICMP
 * errors as of RFC 792 and RFC 4443, true ones and, with what a test changes in them, others.
 */
#ifndef TEST_UNIT_ROUTER_H
#define TEST_UNIT_ROUTER_H

#include "test/unit/dataplane_fixture.h"
#include "test/unit/packet.h"

struct router_error {
	uint8_t type, code;
	uint32_t mtu_bytes;
	uint32_t quoted_bytes;
	uint8_t quoted[PACKET_MAX_BYTES];
	uint8_t to[16]; /* whom it is said to */
	uint16_t vlan;  /* where */
	bool bad_checksum;
};

/* That the packet, as it came out of the data plane, is too big for so many bytes. */
struct router_error router_too_big(const struct packet *sent, uint32_t mtu_bytes);
void router_say(struct fixture *f, unsigned zone, const struct router_error *error, uint8_t family);

/* "Too big" to the kernel about `about`: the MTU in it. Claims that all else is as it should be. */
uint32_t router_told(const struct packet *told, const struct packet *about);

#endif
