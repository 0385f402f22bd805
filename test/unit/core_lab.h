/*
 * An IMS core for tests: HSS, I-CSCF and S-CSCF in this process, on loopback and a clock that
 * stands still, and a scripted UE behind a socket that plays the P-CSCF, integrity indicator
 * included. The UE's ISIM and digest are crypto/'s own; SIPp and the other peers' are test/peers'
 * business.
 */
#ifndef TEST_UNIT_CORE_LAB_H
#define TEST_UNIT_CORE_LAB_H

#include <stdbool.h>
#include <stdint.h>

#include "configs/config.h"
#include "controlplane/credentials.h"
#include "controlplane/sip.h"
#include "crypto/digest.h"
#include "test/unit/state_copy.h"
#include "test/unit/subscribers.h"

struct core_lab {
	struct hss_lab hss;
	struct config config;
	struct config_controlplane controlplane;
	struct config_icscf icscf_config;
	struct config_scscf scscf_config;
	char scscf_uri[64];
	void *icscf;
	void *scscf;
	int fd; /* the P-CSCF's socket, connected to nobody */
	uint16_t port;
	char state_dir[64]; /* "": none */
	struct state_copy state;
};

/* With n subscribers; `algorithm` as in the configuration. False: a failure was reported. */
bool core_lab_open(struct core_lab *lab, unsigned n, const char *algorithm);
/* The same with a state file of the S-CSCF; a turn of the loop takes a millisecond then. */
bool core_lab_open_kept(struct core_lab *lab, unsigned n, const char *algorithm);
void core_lab_close(struct core_lab *lab);

/* Both CSCFs start again, and these are their `trusted`. */
void core_lab_trust(struct core_lab *lab, char *const *peers, uint32_t n);
/* The P-CSCF's socket is on another address of loopback from now on, with the same port. */
void core_lab_move(struct core_lab *lab, const char *address);

/*
 * The S-CSCF is killed, which for its file means that it is as it is now or as it was when
 * core_lab_remember() was called, and starts again so many seconds later.
 */
void core_lab_remember(struct core_lab *lab);
void core_lab_crash(struct core_lab *lab, unsigned seconds);

/* Lets everything that is due happen: sockets and timers, until nothing more comes. */
void core_lab_run(struct core_lab *lab);
/* The same after so many seconds. */
void core_lab_wait(struct core_lab *lab, unsigned seconds);

/* Sends bytes to the S-CSCF or the I-CSCF. */
void core_lab_send(struct core_lab *lab, bool to_icscf, const char *text);
/* Sends an answer to the S-CSCF, which takes its turn. Frees it. */
void core_lab_answer(struct core_lab *lab, struct sip *response);

/* What has arrived at the P-CSCF next; NULL: nothing. The caller frees it. */
struct sip *core_lab_receive(struct core_lab *lab);

/* A number out of a role's stats. */
long core_lab_stat(struct core_lab *lab, const char *name);

long core_lab_icscf_stat(struct core_lab *lab, const char *name);

/* The flag of subscriber i at the HSS. */
enum store_state core_lab_state(struct core_lab *lab, unsigned i);

/* --- a UE --- */

enum ue_answer {
	UE_NOTHING,   /* nonce="", response="": SM1, SM7 after a re-registration */
	UE_RES,       /* the right response */
	UE_WRONG_RES, /* one digit changed */
	UE_FAILURE,   /* the nonce, an empty response, no auts: 6.1.2.2 */
	UE_AUTS,      /* 6.1.3 */
};

struct ue {
	unsigned i;    /* the subscriber */
	unsigned call; /* names the Call-ID: a new one is a new chain */
	unsigned cseq;
	struct aka_isim isim;
	char nonce[DIGEST_NONCE_SIZE]; /* of the last challenge */
	const char *indicator;         /* ", integrity-protected=\"yes\"" and the like; "" = none */
	const char *extra;             /* further header lines */
	const char *contact;           /* NULL: "sip:<i>@10.1.0.<i>:5064" */
	const char *pcscf;             /* address and port in its Path; NULL: the lab's own */
	unsigned expires_s;
	bool via_icscf;
	const char *algorithm; /* it answers with; NULL: the configured one */
	const char *qop;       /* NULL: auth; "": no such parameter */
	const char *nc;        /* NULL: 00000001 */
	const char *body;      /* NULL: none */
	const char *impu;      /* NULL: "sip:<i>@home.example" */
	int aka; /* what the ISIM said of the last challenge it computed: aka_check_challenge() */
};

#define PROTECTED     ", integrity-protected=\"yes\""
#define NOT_PROTECTED ", integrity-protected=\"no\""

struct ue ue_new(unsigned i, unsigned call);

/* Its ISIM has seen `seq` in every slot: challenges up to there are out of range. */
void ue_move_ahead(struct ue *ue, uint64_t seq);

/* Sends a REGISTER in a new transaction, and lets nothing happen yet. */
void ue_send_register(struct core_lab *lab, struct ue *ue, enum ue_answer answer);

/*
 * Sends a REGISTER and returns what comes back, NULL if nothing does. A
 * challenge in the answer becomes the UE's last one.
 */
struct sip *ue_register(struct core_lab *lab, struct ue *ue, enum ue_answer answer);

/* The same, for tests of the status alone. */
int ue_register_status(struct core_lab *lab, struct ue *ue, enum ue_answer answer);

/* Unprotected, challenged, protected with the right response. False: a claim has failed. */
bool ue_register_fully(struct core_lab *lab, struct ue *ue);

/* A request of the UE by its Service-Route, as the P-CSCF sends it, asserted as `impu`. */
void ue_send(struct core_lab *lab, struct ue *ue, const char *method, const char *uri,
	     const char *impu);

/* Whether a registered user can be called: a MESSAGE to him arrives at his P-CSCF. */
bool ue_is_served(struct core_lab *lab, struct ue *ue);

/* SEQ of a challenge. */
uint64_t ue_seq(const struct ue *ue);

#endif
