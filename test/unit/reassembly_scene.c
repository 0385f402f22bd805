#include "test/unit/reassembly_scene.h"

#include <netinet/in.h>

#include "test/shim/test.h"

uint8_t reassembly_payload[2][PIECES_MAX_BYTES];
struct datagram reassembly_got;

void reassembly_open(struct scene *s, enum api_family family)
{
	for (unsigned which = 0; which < 2; which++) {
		packet_udp(reassembly_payload[which], 40000, REASSEMBLY_PORT, NULL, 0);
		reassembly_payload[which][7] = (uint8_t)which;
		for (size_t i = 8; i < sizeof(reassembly_payload[which]); i++)
			reassembly_payload[which][i] = (uint8_t)(i * 5 + i / 256 + which);
	}
	scene_open(s, family, CRYPTO_HMAC_SHA1_NULL, NULL);
}

void reassembly_send(struct scene *s, const uint8_t *bytes, uint16_t offset, uint16_t n_bytes,
		     bool more)
{
	piece_send(s->f, FIXTURE_NETWORK, 0, &s->ue.from_ue, IPPROTO_UDP, bytes,
		   (struct piece){ offset, n_bytes, more });
	fixture_turn(s->f);
}

bool reassembly_receive(struct scene *s)
{
	return pieces_receive(s->f, FIXTURE_KERNEL, 0, &reassembly_got);
}

void reassembly_expect_whole(struct scene *s, const uint8_t *bytes, size_t n_bytes)
{
	ASSERT_TRUE(reassembly_receive(s));
	EXPECT_EQ(reassembly_got.n_bytes, n_bytes);
	EXPECT_MEM(reassembly_got.payload, bytes, n_bytes);
}
