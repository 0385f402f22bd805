/*
 * One UE in front of a data plane whose network port is the fake NIC: a scene (scene.h) with what
 * tests of inline ESP do to it.
 */
#ifndef TEST_UNIT_INLINE_SCENE_H
#define TEST_UNIT_INLINE_SCENE_H

#include "dataplane/offload_report.h"
#include "test/unit/fake_nic.h"
#include "test/unit/scene.h"

void inline_scene_open(struct scene *s, enum api_family family, enum crypto_suite suite);
void inline_scene_open_with(struct scene *s, enum api_family family, enum crypto_suite suite,
			    const struct inline_config *config);
/* The NIC does inline protocol instead of inline crypto. */
void inline_scene_open_protocol(struct scene *s, enum api_family family, enum crypto_suite suite);
/* Besides what scene_close() sees to: the NIC was given nothing for a session that was gone. */
void inline_scene_close(struct scene *s);

/* Where an SA of the UE is in the table. */
uint32_t inline_scene_slot(const struct scene *s, enum set_sa sa);
bool inline_scene_is_inline(const struct scene *s, enum set_sa sa);
void inline_scene_promote(struct scene *s, enum set_sa sa);

/* A packet of the UE on the SA to port_ps, and a turn. */
void inline_scene_from_ue(struct scene *s, uint32_t sequence);
/* One from the P-CSCF on the SA to port_uc: leaves in ESP with this number, readable to the UE. */
void inline_scene_expect_sent(struct scene *s, uint32_t sequence);

/* Among the rows, one says exactly this. */
void inline_scene_expect_row(const struct offload_row row[], uint32_t n, const char *of,
			     bool is_used, uint32_t n_sessions, const char *why);

#endif
