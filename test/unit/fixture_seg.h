/*
 * A security gateway in front of the fixture's data plane, or a UE behind a NAT: a tunnel, its SAs,
 * its keys, and the packets that go in and come out.
 */
#ifndef TEST_UNIT_FIXTURE_SEG_H
#define TEST_UNIT_FIXTURE_SEG_H

#include "test/unit/dataplane_fixture.h"
#include "test/unit/fixture_ue.h"
#include "test/unit/packet.h"

#define SEG_PORT     4500 /* of every zone of the fixture */
#define SEG_NAT_PORT 40500

struct seg {
	struct api_tunnel tunnel;
	uint32_t number;
	struct esp_peer in, out; /* as the peer holds them: toward us, from us */
	struct packet_ip to_us;  /* outer addresses */
	struct packet_ip from_us;
	struct packet_ip inner_in; /* a host behind the peer, to one behind us */
	struct packet_ip inner_out;
};

/* Which tunnel: outer and inner family, in UDP or not. */
struct seg_kind {
	enum api_family outer, inner;
	bool in_udp;
};
extern const struct seg_kind seg_kinds[];
#define SEG_KINDS 8

/* Tunnel number `number` with its policy, in zone 0, without SAs. `change` may be NULL. */
void seg_open(struct fixture *f, struct seg *seg, const struct seg_kind *kind, uint32_t number,
	      void (*change)(struct api_tunnel *tunnel));
/* A set of one SA of the tunnel; result as of set_install(). */
int seg_install(struct fixture *f, struct seg *seg, enum api_direction direction,
		enum crypto_suite suite, uint64_t registration,
		void (*change)(struct api_set *set));
/* seg_open() and an SA each way. */
void seg_install_both(struct fixture *f, struct seg *seg, const struct seg_kind *kind,
		      enum crypto_suite suite);

/* A UDP packet between hosts behind the two, of so many bytes of payload. */
void seg_inner(struct packet *p, const struct packet_ip *ip, size_t n_bytes);
/* A packet of the peer: what follows l3 of `inner` in ESP, in UDP if the tunnel has it. */
void seg_wrap(struct packet *p, const struct seg *seg, uint32_t sequence,
	      const struct packet *inner, uint8_t next_header);
/* The ESP of a packet of ours; false when its outer headers are not those of the tunnel. */
bool seg_unwrap(const struct packet *p, const struct seg *seg, struct esp_opened *opened);
uint8_t seg_next_header(const struct seg *seg);

#endif
