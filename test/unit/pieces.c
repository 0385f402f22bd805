#include "test/unit/pieces.h"

#include <netinet/in.h>
#include <string.h>

#include "test/shim/test.h"

void piece_make(struct packet *p, const struct packet_ip *ip, uint8_t protocol,
		const uint8_t *payload, struct piece piece)
{
	struct packet_ip own = *ip;

	if (own.family == 4) {
		own.fragment_be16 = (uint16_t)(piece.offset / 8 | (piece.more ? 0x2000 : 0));
	} else {
		own.extension[own.n_extensions++] = IPPROTO_FRAGMENT;
		own.fragment_offset_be16 = (uint16_t)(piece.offset | piece.more);
	}
	packet_make(p, &own, protocol, payload + piece.offset, piece.n_bytes);
}

void piece_send(struct fixture *f, enum fixture_side side, unsigned zone,
		const struct packet_ip *ip, uint8_t protocol, const uint8_t *payload,
		struct piece piece)
{
	struct packet p;

	piece_make(&p, ip, protocol, payload, piece);
	EXPECT_TRUE(fixture_send(f, side, zone, p.bytes, p.n_bytes));
}

uint32_t pieces_send(struct fixture *f, enum fixture_side side, unsigned zone,
		     const struct packet_ip *ip, uint8_t protocol, const uint8_t *payload,
		     size_t n_bytes, size_t piece_bytes)
{
	uint32_t n = 0;

	for (size_t at = 0; at < n_bytes; at += piece_bytes, n++) {
		size_t left = n_bytes - at;
		struct piece piece = { .offset = (uint16_t)at,
				       .n_bytes =
					       (uint16_t)(left < piece_bytes ? left : piece_bytes),
				       .more = left > piece_bytes };
		piece_send(f, side, zone, ip, protocol, payload, piece);
	}
	return n;
}

static uint16_t get_be16(const uint8_t *at)
{
	return (uint16_t)(at[0] << 8 | at[1]);
}

/* Where a frame stands in its datagram. */
struct place {
	uint32_t at; /* of the payload in the frame */
	uint32_t offset;
	bool more;
	uint32_t id;
	uint8_t protocol;
};

static struct place place_of(const struct packet *p)
{
	const uint8_t *ip = p->bytes + p->l3;
	struct place place = { .at = p->l3 + 40, .protocol = ip[6] };

	if (ip[0] >> 4 == 4) {
		place = (struct place){ .at = p->l3 + (ip[0] & 15) * 4u,
					.offset = (get_be16(ip + 6) & 0x1fffu) * 8,
					.more = ip[6] & 0x20,
					.id = get_be16(ip + 4),
					.protocol = ip[9] };
		EXPECT_EQ(get_be16(ip + 2), p->n_bytes - p->l3);
		return place;
	}
	EXPECT_EQ(get_be16(ip + 4) + 40u, p->n_bytes - p->l3);
	uint32_t named_at = p->l3 + 6;
	for (;;) {
		const uint8_t *header = p->bytes + place.at;
		place.protocol = p->bytes[named_at];
		if (place.protocol == IPPROTO_FRAGMENT) {
			EXPECT_EQ(header[1], 0);
			place.offset = get_be16(header + 2) & 0xfff8u;
			place.more = header[3] & 1;
			place.id = (uint32_t)get_be16(header + 4) << 16 | get_be16(header + 6);
			EXPECT_TRUE(place.offset || place.more); /* no atomic ones of ours */
			place.protocol = header[0];
			place.at += 8;
			return place; /* what is behind belongs to the datagram */
		}
		if (place.protocol != IPPROTO_HOPOPTS && place.protocol != IPPROTO_ROUTING &&
		    place.protocol != IPPROTO_DSTOPTS)
			return place;
		named_at = place.at;
		place.at += 8 + header[1] * 8u;
	}
}

static void add(struct datagram *d, const struct packet *p, const struct place *place)
{
	uint32_t n = p->n_bytes - place->at;

	EXPECT_TRUE(packet_checksum_is_good(p));
	EXPECT_EQ(place->offset, d->n_bytes);
	EXPECT_TRUE(!place->more || n % 8 == 0);
	ASSERT_TRUE(d->n_bytes + n <= sizeof(d->payload));
	memcpy(d->payload + d->n_bytes, p->bytes + place->at, n);
	d->n_bytes += n;
	d->n_frames++;
	if (d->largest_bytes < p->n_bytes - p->l3)
		d->largest_bytes = p->n_bytes - p->l3;
}

bool pieces_receive(struct fixture *f, enum fixture_side side, unsigned zone, struct datagram *d)
{
	struct packet p;
	struct place place = { .more = true };

	d->n_bytes = 0;
	d->n_frames = d->largest_bytes = 0;
	while (place.more) {
		if (!fixture_receive(f, side, zone, &p)) {
			EXPECT_EQ(d->n_frames, 0);
			return false;
		}
		place = place_of(&p);
		if (d->n_frames == 0) {
			d->first = p;
			d->id = place.id;
			d->protocol = place.protocol;
		}
		EXPECT_EQ(place.id, d->id);
		EXPECT_EQ(place.protocol, d->protocol);
		add(d, &p, &place);
	}
	return true;
}
