/*
 * One tunnel in front of one data plane, and what tests of it send and expect.
 */
#ifndef TEST_UNIT_TUNNEL_SCENE_H
#define TEST_UNIT_TUNNEL_SCENE_H

#include "test/unit/fixture_seg.h"

struct tunnel_scene {
	struct fixture *f;
	struct seg seg;
	struct packet inner; /* what the next packet carries, unless a test says otherwise */
	uint32_t sequence;   /* of the peer's last packet */
};

void tunnel_scene_open(struct tunnel_scene *s, const struct seg_kind *kind,
		       enum crypto_suite suite);
/* All packets are accounted for, and no buffer is missing. */
void tunnel_scene_close(struct tunnel_scene *s);

/* A packet from either side, and a turn. */
void tunnel_scene_send_in(struct tunnel_scene *s, const struct packet *p);
void tunnel_scene_send_out(struct tunnel_scene *s, const struct packet *p);
/* The peer sends s->inner. */
void tunnel_scene_wrap_in(struct tunnel_scene *s);

/* s->inner is of, or to, a host that the tunnel's policy does not hold. */
void tunnel_scene_other_source(struct tunnel_scene *s);
void tunnel_scene_other_destination(struct tunnel_scene *s);

/* One packet came: it is gone for this reason. */
void tunnel_scene_expect_in_dropped(struct tunnel_scene *s, enum counter reason);
void tunnel_scene_expect_out_dropped(struct tunnel_scene *s, enum counter reason);
/* The kernel has this packet, as if it had come in the clear. */
void tunnel_scene_expect_delivered(struct tunnel_scene *s, const struct packet *expected);
/* The peer has this packet. */
void tunnel_scene_expect_sent(struct tunnel_scene *s, const struct packet *expected);

#define FOR_ALL_TUNNELS(kind)                                                                      \
	for (const struct seg_kind *kind = seg_kinds; kind < seg_kinds + SEG_KINDS; kind++)

#endif
