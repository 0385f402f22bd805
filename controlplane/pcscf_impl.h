/*
 * Insides of the P-CSCF, shared by pcscf*.c alone. One thread; everything is owned by struct pcscf.
 */
#ifndef CONTROLPLANE_PCSCF_IMPL_H
#define CONTROLPLANE_PCSCF_IMPL_H

#include "configs/config.h"
#include "controlplane/backlog.h"
#include "controlplane/dpclient.h"
#include "controlplane/proxy.h"
#include "controlplane/screen.h"
#include "controlplane/secagree.h"
#include "controlplane/statefile.h"
#include "controlplane/ue.h"

#define PCSCF_ADDRESSES 8   /* own addresses on Gm */
#define PCSCF_NETWORKS  16  /* that UEs behind NATs may be in: the schema has no more */
#define PCSCF_PORTS_PC  64  /* size of the port_pc pool */
#define PCSCF_KEY_BYTES 32  /* of the seals in the routes of dialogs */
#define PCSCF_ATTEMPTS  256 /* REGISTERs at the core beyond which no new ones are read */

#define PCSCF_COUNTERS(COUNTER)                                                                    \
	COUNTER(register_rx, "REGISTER requests from UEs")                                         \
	COUNTER(register_waited, "REGISTER requests that waited until the core had time")          \
	COUNTER(register_shed, "REGISTER requests not read: too many wait, or its UE gave up")     \
	COUNTER(register_forwarded, "REGISTER requests sent on to the I-CSCF")                     \
	COUNTER(register_bad_address, "refused: Via or Contact is not the source address")         \
	COUNTER(nat_detected, "first REGISTER requests that came through a NAT")                   \
	COUNTER(nat_learned, "places of UEs behind a NAT that their first ESP packet told")        \
	COUNTER(nat_rebound, "places that a NAT changed later")                                    \
	COUNTER(register_several_vias, "refused 502: the UE is not the first hop")                 \
	COUNTER(register_no_agreement, "refused 421: sec-agree is not offered")                    \
	COUNTER(register_bad_agreement, "refused 494: lists differ, or nothing in common")         \
	COUNTER(register_port_in_use, "refused: another SA set has this client port")              \
	COUNTER(register_foreign_impi, "refused 403: the SA set is another IMPI's")                \
	COUNTER(register_malformed, "refused 400: credentials or lists cannot be read")            \
	COUNTER(challenge_rx, "401 answers from the core")                                         \
	COUNTER(challenge_without_keys, "401 answers without ik and ck: not sent on")              \
	COUNTER(challenge_tx, "challenges sent to UEs, their SA set being installed")              \
	COUNTER(emergency_unprotected, "emergency REGISTER requests let through without SAs")      \
	COUNTER(challenge_failed, "challenges whose SA set could not be set up")                   \
	COUNTER(challenge_crowded, "refused 503: too many sets of strangers wait for SM7")         \
	COUNTER(register_throttled, "refused 503: too many REGISTERs of one address")              \
	COUNTER(registered, "SA sets established by an authenticated registration")                \
	COUNTER(refreshed, "registrations refreshed without a challenge")                          \
	COUNTER(deregistered, "registrations ended by the UE")                                     \
	COUNTER(authentication_failed, "authentications that ended in a failure answer")           \
	COUNTER(unprotected_refused, "refused: not a REGISTER, on the unprotected port")           \
	COUNTER(not_registered_refused, "refused: the UE has no registration on this SA set")      \
	COUNTER(route_refused, "refused 403: not the route of the registration or the dialog")     \
	COUNTER(ue_request_forwarded, "requests of UEs sent on to the core")                       \
	COUNTER(core_request_forwarded, "requests of the core sent on to UEs")                     \
	COUNTER(core_request_unknown_ue, "refused 480: no such UE, or no SA set to reach it")

struct pcscf_counters {
#define PCSCF_FIELD(name, help) uint64_t name;
	PCSCF_COUNTERS(PCSCF_FIELD)
#undef PCSCF_FIELD
};

struct held_tunnel {
	uint64_t handle;
	struct address outside;
};

/* The endpoints of one own address on Gm. */
struct gm {
	struct endpoint *clear;
	struct endpoint *ps;
	struct endpoint *pc[PCSCF_PORTS_PC];
};

struct pcscf {
	const struct config_pcscf *config;
	struct loop *loop;
	struct proxy *proxy;
	struct dpclient *dp;
	struct ues *ues;
	struct statefile *file;                    /* NULL: nothing is kept */
	struct secagree_policy policy, nat_policy; /* for UEs that are behind none, or one */
	struct throttle *per_source;               /* of unprotected REGISTERs; NULL: no limit */
	uint32_t max_temporary;                    /* sets for strangers' attempts (C-146) */
	uint16_t zone;
	struct network networks[PCSCF_NETWORKS]; /* of UEs behind NATs */
	unsigned n_networks;
	uint16_t port_encap; /* the zone's, of ESP in UDP; 0: none */
	struct gm gm[PCSCF_ADDRESSES];
	unsigned n_gm;
	unsigned n_pc;
	struct endpoint *core;
	struct address icscf;
	uint8_t dialog_key[PCSCF_KEY_BYTES];
	struct watches *watches; /* NULL: it does not subscribe */
	unsigned n_attempts;     /* struct attempt that exist */
	struct backlog *backlog;
	struct timer drain; /* set when the backlog can go on */
	struct pcscf_counters counters;
	bool adopts;          /* sets that it does not know: until the first list is through */
	struct held_sa *held; /* the data plane's list while it is being read */
	size_t n_held, max_held;
	uint64_t n_orphans;          /* sets that no UE had */
	struct held_tunnel *tunnels; /* likewise */
	size_t n_tunnels, max_tunnels;
};

/* The own address that an endpoint is on. */
struct gm *pcscf_gm(struct pcscf *p, const struct endpoint *e);

/* A REGISTER has its final answer: one that waits may go on. */
void pcscf_attempt_ended(struct pcscf *p);

/* --- pcscf_adopt.c --- */

/* The UEs of the file, before their SAs are known. Returns 0 or -errno, logged. */
int pcscf_load(struct pcscf *p);

/* of struct dpclient_user */
void pcscf_on_list(void *user);
int pcscf_on_sa(void *user, const struct api_sa_info *sa);
int pcscf_on_ready(void *user);
void pcscf_on_expired(void *user, uint64_t registration);

/* --- pcscf_register.c --- */

/* A REGISTER of a UE on its way, from the request to its final answer. */
struct attempt {
	struct pcscf *pcscf;
	struct gm *gm;
	struct address peer;    /* the UE's own address; behind a NAT that inside */
	struct address outside; /* where the NAT has it; family 0: there is none */
	char *impi;
	char *aor;
	uint64_t set; /* handle of the set it came on; 0 = unprotected */
	struct set_origin origin;
	bool tcp; /* came so, and is answered so */
	bool has_nonce, has_response;
	bool answers_set;  /* with the nonce of the challenge that made the set: seed 6.1.5 */
	bool is_protected; /* told so to the S-CSCF */
	bool is_emergency; /* by its Contact: TS 24.229 5.1.6.2 */
	bool is_open;      /* such a one that needs no SAs: C-145 */
	bool has_agreed;   /* its nonce is of a challenge that made a set */
	uint64_t reported; /* the set whose challenge it says failed; 0 = none */
	bool has_offer;    /* it can be challenged: `offer` and `client` are there */
	struct secagree_offer offer;
	char *client; /* canonical Security-Client */
};

void pcscf_register(struct pcscf *p, const struct source *source, struct server_txn *x);

/*
 * pcscf_check.c: fills in the identities and the offer, and reads the request's only Authorization.
 * Returns 0 or the status to answer.
 */
int attempt_check(struct attempt *a, const struct sip *request, const struct sa_set *set,
		  struct credentials *authorization);

/*
 * pcscf_nat.c: where the UE is, by what it came from and what Via and Contact say (C-053 a). False:
 * they say what cannot be.
 */
bool attempt_locate(struct attempt *a, const struct sip *request, const struct sa_set *set);

/* What is offered where the UE is. */
const struct secagree_policy *attempt_policy(const struct attempt *a);

/* The set it came on, if that still lives; NULL. */
struct sa_set *attempt_set(const struct attempt *a);

/* --- pcscf_challenge.c --- */

/* Takes the 401 and answers x, at once or when the data plane has the SA set. */
void pcscf_challenge(const struct attempt *a, struct server_txn *x, struct sip *response);

/* A 503 that says when to try again: the data plane is gone or full, or the sender too eager. */
void pcscf_answer_later(struct server_txn *x);

/* --- pcscf_nat.c --- */

/* pcscf.nat_networks. Returns 0 or -EINVAL. */
int pcscf_read_networks(struct pcscf *p);

/* The tunnel of a set whose `outside` is filled in; as dpclient_install_tunnel(). */
int pcscf_install_tunnel(struct pcscf *p, const struct sa_set *s,
			 void (*done)(void *user, int status, uint32_t number), void *user);

/* Of struct dpclient_user; and for pcscf_on_ready(), when the sets are adopted. */
void pcscf_on_rebound(void *user, const struct api_tunnel_rebound *rebound);
int pcscf_on_tunnel(void *user, const struct api_tunnel_info *info);
void pcscf_adopt_tunnels(struct pcscf *p);

/* --- pcscf_request.c --- */

void pcscf_request_from_ue(struct pcscf *p, const struct source *source, struct server_txn *x);
void pcscf_request_from_core(struct pcscf *p, struct server_txn *x);
void pcscf_ack(struct pcscf *p, const struct source *source, const struct sip *ack);

/* Whether this URI names a socket of ours, on Gm or Mw. */
bool pcscf_is_own(const struct pcscf *p, const osip_uri_t *uri);

/* --- pcscf_dialog.c --- */

/* The key of this run_dir, made if there is none: calls outlive the process. 0 or -errno. */
int pcscf_dialog_key(const char *run_dir, uint8_t key[static PCSCF_KEY_BYTES]);

/*
 * What begins a dialog gets our two entries in its Record-Route; that of a UE loses all others.
 * Return 0 or -errno.
 */
int pcscf_record_from_ue(const struct pcscf *p, struct sip *s, const struct sa_set *set);
int pcscf_record_to_ue(const struct pcscf *p, struct sip *s, const struct sa_set *set);

/* An answer on its way to the UE that began the dialog: seals the route. 0 or -errno. */
int pcscf_seal_answer(const struct pcscf *p, struct sip *answer);
/* An answer of a UE: its Record-Route is again that of the request, with our entries. */
int pcscf_restore_answer(const struct pcscf *p, struct sip *answer, const struct sip *request,
			 const char *id, const struct endpoint *ps);

/*
 * A UE's request inside a dialog: takes our entries off its Route, and checks that the rest is what
 * was sealed. Returns 0 or -EPERM.
 */
int pcscf_open_route(const struct pcscf *p, struct sip *s, const struct ue *ue,
		     const struct ue_registration *r);

#endif
