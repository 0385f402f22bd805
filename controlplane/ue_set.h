/*
 * SA sets of the UEs of a P-CSCF (TS 33.203 7.1).
 *
 * A UE has at most UE_SETS of them (six SAs in each direction), each in one state:
 *
 *	                  401 came: install
 *	                        │
 *	                  SET_INSTALLING ──refused──▶ gone
 *	                        │ confirmed; its SPIs go into Security-Server
 *	                        ▼
 *	gone ◀──next 401──SET_TEMPORARY──failure: 6 s──▶ SET_ENDING
 *	gone ◀──UE refuses it───┤
 *	                        │ 200 OK of SM7: lifetime = max(old, expires + 30 s)
 *	                        ▼
 *	                  SET_ESTABLISHED──de-registration, by the network too: 128 s──▶SET_ENDING
 *	                        │ the next set is established: gone if that began unprotected, else
 *	                        ▼
 *	                  SET_OLD
 *	                        │ first message on the newer set: 128 s
 *	                        ▼
 *	                      gone
 *
 * and every set is gone when its lifetime ends. An old set still serves its UE; an ending one only
 * carries the last answers (and takes REGISTER, as unprotected), but is established again when
 * another identity turns out to have been registered over it.
 *
 * (TS 33.203 7.4; 64·T1 = 128 s.) "Gone" means deleted in the data plane too. The data plane may
 * end a set first; then ue_set_expired() removes it here. The TCP connections of a set end before
 * it does.
 *
 * A set belongs to its UE and goes with it; its thread is that of ue.h. Lookups are in ue_find.c,
 * the rest in ue_set.c.
 */
#ifndef CONTROLPLANE_UE_SET_H
#define CONTROLPLANE_UE_SET_H

#include <stdbool.h>
#include <stdint.h>

#include "controlplane/address.h"
#include "controlplane/loop.h"
#include "controlplane/secagree.h"
#include "controlplane/table.h"
#include "controlplane/txn.h"

struct endpoint;
struct ue;
struct ues;

#define UE_SETS            3   /* TS 33.203 7.1 NOTE 13: six SAs each way, two a set */
#define UE_OLD_SET_S       128 /* 64·T1, TS 24.229 table 7.7.1 */
#define UE_ATTEMPT_S       16  /* T2: an honest SM7 has come by then */
#define UE_FAILED_SET_S    6   /* the failure answer and its first two repetitions: 2 + 4 s */
#define UE_EXPIRY_MARGIN_S 30  /* TS 33.203 7.4.2a */

enum set_state {
	SET_INSTALLING,
	SET_TEMPORARY,
	SET_ESTABLISHED,
	SET_OLD,
	SET_ENDING,
	SET_N_STATES,
};

/* Ports of one set, TS 33.203 7.1; the four SAs share the address pair. */
struct set_ports {
	uint16_t uc, us; /* the UE's */
	struct endpoint *ps, *pc;
};

/*
 * Which authentication a set is made for. An attacker can forge the UE's address and name its IMPI,
 * so several may wait for their SM7 at a time, each with a temporary set of its own (C-062): that
 * of another Call-ID is ended by a challenge only when it is older than UE_ATTEMPT_S, or when the
 * challenge goes to the UE itself, whom its SA shows.
 */
struct set_origin {
	uint64_t call;     /* ues_call() of the REGISTER */
	bool is_protected; /* it came over a set of the UE's */
};

/* What is known of a set only until its UE has answered the challenge: one block. */
struct set_challenge {
	struct set_origin origin;
	uint64_t begun_ms;
	const char *client; /* its Security-Client, canonical (secagree.h) */
	const char *nonce;
};

struct sa_set {
	struct ue *ue;
	uint64_t registration; /* handle in the data plane */
	struct set_ports ports;
	struct address outside; /* where its NAT was heard of last; family 0: there is none */
	uint8_t state;          /* enum set_state */
	bool is_guess;          /* of its port outside: no packet has told yet */
	bool used;              /* the UE has sent on it since it was established */
	/* What Security-Server said: see ue_set_print_server(). */
	struct secagree_policy policy;   /* empty: nobody knows, it was adopted */
	uint32_t spi_c, spi_s;           /* ours */
	struct set_challenge *challenge; /* NULL: it was answered */
	uint64_t expires_ms;
	struct timer timer;
	struct table_node by_uc; /* (zone, UE, uc): who sent this? */
	struct table_node by_us; /* (zone, UE, us, pc): is this pair of tuples free? */
};

/* ---- ue_find.c ---- */

/* The set whose inbound SA for requests and UDP answers (UE:uc → P:ps) has this tuple; NULL. */
struct sa_set *ue_set_by_tuple(const struct ues *u, const struct endpoint *local,
			       const struct address *peer);
struct sa_set *ue_set_by_registration(const struct ues *u, uint64_t registration);
/* The one that waits for the answer to this nonce; NULL. */
struct sa_set *ue_set_by_nonce(const struct ue *ue, const char *nonce);
/* Names a Call-ID in struct set_origin. */
uint64_t ues_call(const struct ues *u, const char *call_id);
/* Whether (UE, port_uc) is taken, by a set that a new challenge does not end: C-053 (b). */
bool ue_port_uc_in_use(const struct ues *u, uint16_t zone, const struct address *host, uint16_t uc,
		       const char *impi, const struct set_origin *origin);
/* The set with this port_pc, toward port_us; NULL. */
struct sa_set *ue_set_by_us(const struct ues *u, uint16_t zone, const struct address *host,
			    uint16_t us, const struct endpoint *pc);

/* ---- ue_set.c ---- */

/*
 * A new set in SET_INSTALLING, for a challenge with this nonce to who sent this Security-Client
 * (canonical; both are copied). The temporary sets of this authentication go first, with a
 * protected one all of the UE's (C-083 b), then what is no longer needed, the oldest first, until
 * there is room (C-054). A stranger ends neither the UE's last old set nor an attempt younger than
 * UE_ATTEMPT_S. -ENOSPC when that is not enough, -EADDRINUSE when a tuple is taken, -ENOMEM; a UE
 * that is then without sets is gone.
 */
int ue_set_new(struct ue *ue, const struct set_challenge *challenge, const struct set_ports *ports,
	       struct sa_set **out);
/* The data plane has it: temporary, and the only such set of its authentication (C-083 b). */
void ue_set_confirmed(struct sa_set *s, uint32_t lifetime_s);
/* The data plane was not asked for it after all. */
void ue_set_cancelled(struct sa_set *s);
/* The data plane has it, but nobody will use it: its challenge was not sent, or not accepted. */
void ue_set_unanswered(struct sa_set *s);
/* The data plane said that it is over, or refused it. */
void ue_set_expired(struct sa_set *s);
/* Authentication failed: deleted after UE_FAILED_SET_S; others stay (C-087). */
void ue_set_failed(struct sa_set *s);
/* SM7 was answered 200: C-084, C-085, C-086. */
void ue_set_established(struct sa_set *s, uint32_t expires_s);
/*
 * An unchallenged REGISTER that came over it when it was established was answered 200: C-088. If it
 * is ending since, it serves again, unless another one does.
 */
void ue_set_refreshed(struct sa_set *s, uint32_t expires_s);
/* The network has given it another time to live: TS 24.229 5.2.3, seed 6.1.4. */
void ue_set_shortened(struct sa_set *s, uint32_t lifetime_s);
/* A message came in on it: from the first on a new set the old ones have UE_OLD_SET_S. */
void ue_set_used(struct sa_set *s);
/*
 * A set found in the data plane at a restart without a file that could know it. Whose it is, and
 * whether it was more than temporary, is not known there: it is old, so it serves until the UE's
 * next REGISTER, which will be challenged. Returns 0, -ENOSPC or -ENOMEM.
 */
int ue_set_adopt(struct ues *u, uint64_t registration, const struct address *host, uint16_t zone,
		 const struct set_ports *ports, uint32_t lifetime_s);

/*
 * The data plane has it, and lets it live so many seconds more: it is told what is right. (The
 * process may have been killed between telling it and writing it into the file.)
 */
void ue_set_held(struct sa_set *s, uint32_t lifetime_s);

/* Where the NAT has it, of a set that was adopted or has a tunnel. */
void ue_set_outside(struct sa_set *s, const struct address *outside);

/* The one of the latest successful authentication; NULL. */
struct sa_set *ue_established(const struct ue *ue);
/* The one that carries what we send (C-086 b): established once used, else the old one; NULL. */
struct sa_set *ue_outgoing(const struct ue *ue);
/* An ending one that once was more than temporary: carries the end of a dialog; NULL. */
struct sa_set *ue_ending(const struct ue *ue);
/* Its Security-Server, as it was sent. Returns the length, 0: it is not known, or -EMSGSIZE. */
int ue_set_print_server(const struct sa_set *s, char *out, size_t out_bytes);
/* How it is reached over a set: from port_pc to port_us, WIRE 7; over UDP unless changed. */
struct path ue_path(const struct sa_set *s);

#endif
