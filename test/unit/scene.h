/*
 * One UE in front of one data plane, and what tests of the way from the network do with them.
 */
#ifndef TEST_UNIT_SCENE_H
#define TEST_UNIT_SCENE_H

#include "test/unit/fixture_ue.h"

struct scene {
	struct fixture *f;
	struct fixture_ue ue;
};

/* What its packets carry: of a length that needs padding with every cipher. */
extern const uint8_t scene_text[];
#define SCENE_TEXT_BYTES 25

void scene_open(struct scene *s, enum api_family family, enum crypto_suite suite,
		void (*change)(struct api_set *set));
/* All packets are accounted for, and no buffer is missing. */
void scene_close(struct scene *s);

/* The text in ESP on the SA from the UE to port_ps. */
void scene_esp(const struct scene *s, struct packet *p, uint32_t sequence);
void scene_enqueue(struct scene *s, const struct packet *p);
void scene_send(struct scene *s, const struct packet *p); /* and a turn */

/* One packet came from the network: it is gone for this reason, or it is in the kernel whole. */
void scene_expect_dropped(struct scene *s, enum counter reason);
void scene_expect_delivered(struct scene *s);

#define FOR_BOTH_FAMILIES(family)                                                                  \
	for (enum api_family family = API_IPV4; family <= API_IPV6; family += 2)

#endif
