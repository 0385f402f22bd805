/*
 * Whom SAs are for, as the far end sees it: a UE (TS 33.203 7.1), a UE behind a NAT (Annex M), or a
 * security gateway. What is installed for it in the data plane, the keys and numbers that it has of
 * that, and its packets. One thread.
 */
#ifndef TEST_SOAK_SUBJECT_H
#define TEST_SOAK_SUBJECT_H

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/api.h"
#include "test/shim/test.h"
#include "test/unit/packet.h"

enum subject_kind {
	SUBJECT_UE,
	SUBJECT_UE_BEHIND_NAT,
	SUBJECT_GATEWAY,
};

enum subject_state {
	SUBJECT_ABSENT, /* nothing is installed */
	SUBJECT_ALIVE,
	SUBJECT_ENDING, /* its SAs end at any moment */
	SUBJECT_FROZEN,
	SUBJECT_DEAD, /* its SAs are gone, their numbers known */
};

/* What the far end knows of one SA. */
struct subject_sa {
	struct esp_peer peer;
	uint64_t sequence; /* IN: the last one sent; OUT: the highest received */
	uint64_t seen;     /* OUT: bit b = sequence − b was received */
	/* IN: received for certain, in that step, and left out sixty numbers from there, for good
	 * behind the window since that step; 0 = none */
	uint64_t received, late;
	uint32_t received_step, late_step;
};

struct subject {
	uint32_t number;
	enum subject_kind kind;
	enum subject_state state;
	uint32_t since;        /* step in which the state began */
	uint32_t hostile;      /* last step in which something was sent that may be dropped */
	double until_s;        /* its SAs end by themselves; 0 = they do not */
	struct api_set set[2]; /* a gateway's directions have sets of their own */
	uint32_t n_sets;
	uint32_t n_generations;
	struct api_tunnel tunnel;                               /* handle 0: it has none */
	struct subject_sa sa[API_SET_SAS], before[API_SET_SAS]; /* of the generation before */
	struct packet_ip in, out;                               /* outer headers */
	struct packet_ip inner_in, inner_out;                   /* with a tunnel */
	uint8_t reflected[PACKET_MAX_BYTES]; /* the last frame that came from the data plane */
	uint16_t reflected_bytes;
};

void subject_init(struct subject *s, uint32_t number);
/* New keys and SPIs of the sets to install; lifetime_s as in api_set. */
void subject_renew(struct subject *s, struct test_rng *rng, uint32_t lifetime_s);
/* set[i] is installed. */
void subject_installed(struct subject *s, uint32_t i, const struct api_set_result *result);

/* Which SA of this direction; `any` chooses where there are two. */
uint32_t subject_sa(const struct subject *s, enum api_direction direction, uint32_t any);
/* The ports of an SA of that number. */
const struct api_sa *subject_ports(const struct subject *s, uint32_t sa);

/* What is wrong with a packet, besides nothing. */
struct subject_flaw {
	int32_t peer_port_more; /* added to the port that it comes from */
	bool no_checksum;       /* UDP */
	bool foreign;           /* from inside another gateway's network */
	const struct esp_trailer *trailer;
};

/* The upper layer in `out`, its number at the end; returns its bytes. */
size_t subject_upper(uint8_t *out, const struct subject *s, uint32_t sa, bool tcp, uint32_t number,
		     size_t n_bytes, const struct subject_flaw *flaw);
/*
 * An ESP packet toward the data plane, behind its outer IP header: protocol and payload for
 * packet_make(). Returns its bytes; *carried_bytes is what counts as carried.
 */
size_t subject_seal(uint8_t *out, uint8_t *protocol, const struct subject *s, uint32_t sa,
		    uint64_t sequence, bool tcp, uint32_t number, size_t n_bytes,
		    const struct subject_flaw *flaw, uint16_t *carried_bytes);
/* A payload that says its number. */
void subject_payload(uint8_t *payload, size_t n_bytes, uint32_t number);
/* The number that the payload of a clear IP packet says; false: it says none, or was changed. */
bool subject_number(const uint8_t *ip, size_t n_bytes, uint32_t *number);

/*
 * The ESP packet of a frame from the data plane: opens it, checks that its sequence number is new,
 * and reads the number inside. NULL, or what is wrong.
 */
const char *subject_open(struct subject *s, uint32_t sa, bool before, const uint8_t *esp,
			 size_t n_bytes, uint32_t *number);

#endif
