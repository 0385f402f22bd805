#include <netinet/in.h>
#include <string.h>

#include "test/soak/soak.h"

enum {
	ETHER_BYTES = 14,
	PORT_ENCAP = 4500,
};
#define PATIENCE_S 8.0

static uint32_t get_be32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

static void keep(struct subject *subject, const uint8_t *frame, size_t n_bytes)
{
	if (subject->kind == SUBJECT_UE_BEHIND_NAT)
		return; /* that would be a clear packet to the NAT's port */
	memcpy(subject->reflected, frame, n_bytes);
	subject->reflected_bytes = (uint16_t)n_bytes;
}

/* By its SPI, as subject_renew() made it. */
static void take_esp(struct soak *s, const uint8_t *frame, size_t n_bytes, size_t at)
{
	uint32_t spi = get_be32(frame + at), i = (spi & 0xfffff) >> 2, number;
	uint32_t generation = spi >> 20 & 0xff;
	struct subject *subject = i < s->n_subjects ? &s->subject[i] : NULL;
	if (!subject || spi >> 28 != 1) {
		ledger_fail(&s->ledger, "ESP with SPI %x came out, which nobody has", spi);
		return;
	}
	uint32_t sa = subject->kind == SUBJECT_GATEWAY ? 1 : spi & 3;
	bool before = generation != (subject->n_generations & 0xff);
	const char *wrong = subject_open(subject, sa, before, frame + at, n_bytes - at, &number);
	if (wrong) {
		ledger_fail(&s->ledger, "ESP to subject %u: %s", i, wrong);
		return;
	}
	ledger_see(&s->ledger, WIRE_NETWORK, number);
	keep(subject, frame, n_bytes);
}

static void take(struct soak *s, enum wire_side side, const uint8_t *frame, size_t n_bytes)
{
	const uint8_t *ip = frame + ETHER_BYTES;
	bool v4 = ip[0] >> 4 == 4;
	uint8_t protocol = ip[v4 ? 9 : 6];
	size_t at = ETHER_BYTES + (v4 ? 20 : 40);
	uint32_t number;
	if (n_bytes < at + 8) {
		ledger_fail(&s->ledger, "a frame of %zu bytes came out", n_bytes);
	} else if (side == WIRE_NETWORK && protocol == IPPROTO_ESP) {
		take_esp(s, frame, n_bytes, at);
	} else if (side == WIRE_NETWORK && protocol == IPPROTO_UDP &&
		   get_be32(frame + at) >> 16 == PORT_ENCAP) {
		take_esp(s, frame, n_bytes, at + 8);
	} else if (subject_number(ip, n_bytes - ETHER_BYTES, &number)) {
		ledger_see(&s->ledger, side, number);
	} else {
		ledger_fail(&s->ledger, "a packet came out that is not what was sent");
	}
}

void traffic_drain(struct soak *s)
{
	uint8_t frame[WIRE_MAX_BYTES];
	double end_s = soak_now_s() + PATIENCE_S;
	for (;;) {
		bool any = false;
		for (enum wire_side side = 0; side < WIRE_SIDES; side++) {
			size_t n;
			while ((n = wire_receive(&s->wire, side, frame)) != 0) {
				take(s, side, frame, n);
				any = true;
			}
		}
		if (any)
			continue;
		if (s->ledger.n_due == 0 || soak_now_s() > end_s)
			return;
		wire_wait(&s->wire);
	}
}
