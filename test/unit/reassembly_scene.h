/*
 * Datagrams in pieces from the UE of a scene to a port of no SA, and what the kernel gets of them.
 */
#ifndef TEST_UNIT_REASSEMBLY_SCENE_H
#define TEST_UNIT_REASSEMBLY_SCENE_H

#include "test/unit/pieces.h"
#include "test/unit/scene.h"

#define REASSEMBLY_PORT 5060

/* UDP behind the IP header: two that differ in every byte behind the ports. */
extern uint8_t reassembly_payload[2][PIECES_MAX_BYTES];
/* What came out last. */
extern struct datagram reassembly_got;

void reassembly_open(struct scene *s, enum api_family family);
/* One piece, and a turn. */
void reassembly_send(struct scene *s, const uint8_t *bytes, uint16_t offset, uint16_t n_bytes,
		     bool more);
/* The next datagram in the kernel; false: none. */
bool reassembly_receive(struct scene *s);
void reassembly_expect_whole(struct scene *s, const uint8_t *bytes, size_t n_bytes);

#endif
