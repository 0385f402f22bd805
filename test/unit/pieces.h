/*
 * Datagrams in fragments, for tests: cut as a peer or a kernel would, or as a hostile one, and put
 * together again from what the data plane sent. Shares nothing with the code under test.
 */
#ifndef TEST_UNIT_PIECES_H
#define TEST_UNIT_PIECES_H

#include "test/unit/dataplane_fixture.h"
#include "test/unit/packet.h"

#define PIECES_MAX_BYTES 65536

/* Bytes [offset, offset + n_bytes) of a datagram. */
struct piece {
	uint16_t offset;
	uint16_t n_bytes;
	bool more;
};

/* A frame with that piece of what is behind the IP header; ip->id tells datagrams apart. */
void piece_make(struct packet *p, const struct packet_ip *ip, uint8_t protocol,
		const uint8_t *payload, struct piece piece);
/* The same, on its way. */
void piece_send(struct fixture *f, enum fixture_side side, unsigned zone,
		const struct packet_ip *ip, uint8_t protocol, const uint8_t *payload,
		struct piece piece);
/* All of a datagram in pieces of `piece_bytes`, in order, without a turn. Returns how many. */
uint32_t pieces_send(struct fixture *f, enum fixture_side side, unsigned zone,
		     const struct packet_ip *ip, uint8_t protocol, const uint8_t *payload,
		     size_t n_bytes, size_t piece_bytes);

/* A datagram that came out of the data plane. */
struct datagram {
	uint8_t payload[PIECES_MAX_BYTES]; /* behind the IP headers */
	size_t n_bytes;
	uint8_t protocol;
	uint32_t id;
	uint32_t n_frames;
	uint32_t largest_bytes; /* of the IP packets */
	struct packet first;
};

/*
 * The next datagram that the worker sent there, from one frame or several, which come one after the
 * other; false: none. Claims that lengths, sums and places are right.
 */
bool pieces_receive(struct fixture *f, enum fixture_side side, unsigned zone, struct datagram *d);

#endif
