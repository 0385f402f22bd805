/*
 * A UE in front of the fixture's data plane: its SA set installed there, its keys, and the packets
 * that it and its P-CSCF exchange. Claims about counters are made here too.
 */
#ifndef TEST_UNIT_FIXTURE_UE_H
#define TEST_UNIT_FIXTURE_UE_H

#include "test/unit/dataplane_fixture.h"
#include "test/unit/packet.h"
#include "test/unit/set_claims.h"

struct fixture_ue {
	struct api_set set;
	struct api_set_result result;
	struct esp_peer sa[API_SET_SAS]; /* as the UE holds them, by enum set_sa */
	struct packet_ip from_ue;        /* addresses, the zone's tag */
	struct packet_ip to_ue;
};

/* Two pairs of SAs in a zone, new or with what `change` does to the set (may be NULL). */
void fixture_ue_install(struct fixture *f, struct fixture_ue *ue, unsigned zone, uint32_t number,
			enum crypto_suite suite, enum api_family family,
			void (*change)(struct api_set *set));

/* A UDP or TCP packet as the SA carries it, in ESP; trailer NULL = the right one. */
void fixture_ue_esp(struct packet *p, const struct fixture_ue *ue, enum set_sa sa,
		    uint32_t sequence, uint8_t protocol, const uint8_t *payload, size_t n_bytes,
		    const struct esp_trailer *trailer);
/* The same packet in the clear, as the kernel gives or gets it: without a tag. */
void fixture_ue_clear(struct packet *p, const struct fixture_ue *ue, enum set_sa sa,
		      uint8_t protocol, const uint8_t *payload, size_t n_bytes);

/* The upper layer alone, with the ports of the SA; returns its bytes. */
size_t fixture_ue_upper(uint8_t *out, const struct fixture_ue *ue, enum set_sa sa, uint8_t protocol,
			const uint8_t *payload, size_t n_bytes);

/* So much of one counter since the mark; the end of a list is COUNT_N. */
struct counted {
	enum counter counter;
	uint64_t n;
};
#define COUNTED(...) ((const struct counted[]){ __VA_ARGS__, { COUNT_N, 0 } })

/* Exactly these, and no other counter at all; marks anew. */
void expect_counted(struct fixture *f, const struct counted *expected);
/* What came in since the start is what went out and what was dropped. */
void expect_accounted(const struct fixture *f);

#endif
