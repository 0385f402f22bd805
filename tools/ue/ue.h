/*
 * One simulated subscriber's equipment: what it holds between messages, and its one client
 * transaction.
 *
 *   ue.c        life of a UE, its agreements, what comes in
 *   request.c   the client transaction (request.h)
 *   register.c  registration, re-registration, de-registration
 *   talk.c      OPTIONS and MESSAGE, asked and answered
 *   call*.c     calls (call.h)
 *   watch.c     the event package reg: subscribing, and doing what the network wants
 *   stream.c    its TCP connections
 *
 * A UE does one thing at a time: ue_start() begins it, fleet_done() is told how it ended. Answering
 * others' requests goes on beside, and what the network wants by NOTIFY it does of its own accord
 * when it is idle. A UE belongs to its fleet; one thread, the event loop's.
 */
#ifndef TOOLS_UE_UE_H
#define TOOLS_UE_UE_H

#include "tools/ue/address.h"
#include "tools/ue/auth.h"
#include "tools/ue/misbehaviour.h"
#include "tools/ue/request.h"
#include "tools/ue/sa.h"
#include "tools/ue/secagree.h"
#include "tools/ue/subscriber.h"

/* Ports of every UE. Each offer has the next port_uc of the pool (C-091), from a random one on. */
#define UE_PORT_CLEAR    5060
#define UE_PORT_US       5062
#define UE_PORT_UC_FIRST 5100
#define UE_N_PORT_UC     16

#define UE_ROUTE_BYTES  1024
#define UE_VERIFY_BYTES 2048
#define UE_REASON_BYTES 32
#define UE_N_SEEN       8 /* requests remembered, to know a repeated one */

struct call;
struct event;
struct fleet;
struct notice;
struct stream;
struct ue;

enum ue_task {
	UE_IDLE,
	UE_REGISTER,
	UE_REREGISTER,
	UE_DEREGISTER,
	UE_OPTIONS,
	UE_MESSAGE,
	UE_CALL,   /* the caller's; call.h */
	UE_CALLED, /* in a call that is another's task */
	UE_SUBSCRIBE,
};

/* An SA set and what was agreed with it. */
struct agreement {
	struct agreement *next; /* of the UE's retired ones */
	struct ue *ue;
	struct sa_set *sas;
	struct event *end; /* of a retired one: 64·T1 after (TS 33.203 7.4); of a shortened one */
	uint16_t port_uc, port_ps, port_pc;
	char verify[UE_VERIFY_BYTES]; /* Security-Server as received */
};

/* A registration on its way. */
struct attempt {
	struct secagree offer;  /* our SPIs and ports; SPIs 0 once they belong to `made` */
	struct agreement *made; /* from the good challenge on */
	bool mac_failed, resynced;
	unsigned n_refused; /* offers that the P-CSCF did not take */
	struct auth_challenge challenge;
	struct auth_answer answer;
	struct auth_kept kept; /* of UE_OLDER_NONCE */
	char auts[DIGEST_AUTS_SIZE];
	uint32_t expires_s;
};

/* The subscription to the event package reg. */
struct watch {
	bool is_on;
	bool is_told; /* there was a document, of this version */
	uint32_t version;
	char call_id[UE_TOKEN_BYTES];
};

struct ue {
	struct fleet *fleet;
	uint32_t index;
	struct address address;
	struct subscriber *subscriber;
	enum ue_task task;
	bool is_own;         /* the task is its own idea, not the run's */
	enum ue_task wanted; /* what it does next of its own accord; UE_IDLE: nothing */
	struct event *own;   /* begins that */
	uint64_t started_us; /* the task */
	bool unsure;         /* the last REGISTER had no good answer: who knows what came of it */
	struct watch watch;
	struct attempt attempt;
	struct request request;
	const struct request *writing; /* whose message is being written */
	struct call *call;             /* NULL: none */
	struct agreement *current;     /* NULL: not registered */
	struct agreement *retired;
	struct stream *streams; /* its TCP connections */
	uint16_t next_uc;       /* of the pool of port_uc */
	uint32_t cseq;
	char home[4 + SUBSCRIBER_IDENTITY_BYTES]; /* "sip:" realm */
	char call_id[UE_TOKEN_BYTES];             /* of all its REGISTERs: RFC 3261 10.2 */
	char tag[UE_TOKEN_BYTES];
	char impu[SUBSCRIBER_IDENTITY_BYTES]; /* default one, of P-Associated-URI */
	char service_route[UE_ROUTE_BYTES];   /* "": none */
	char outside[ADDRESS_TEXT_BYTES]; /* its address as the NAT made it; "": there is none */
	uint32_t seen[UE_N_SEEN];         /* branches of requests, as hashes */
	unsigned next_seen;
	const struct ue *to; /* of the MESSAGE on its way */
};

/* ---- ue.c ---- */

/* `u` and `subscriber` are in place until ue_close(). */
void ue_open(struct ue *u, struct fleet *fleet, uint32_t index, struct subscriber *subscriber);
void ue_close(struct ue *u);

bool ue_does(const struct ue *u, enum ue_misbehaviour how);
/* In an emergency it may do without SAs, and wants to: TS 24.229 5.1.6.2, C-145. */
bool ue_does_without(const struct ue *u);
/* Of the same fleet; itself when it is alone. */
const struct ue *ue_next(const struct ue *u);

/* Begins a task of an idle UE; `to` is the receiver of a MESSAGE. Calls: call_start(). */
void ue_start(struct ue *u, enum ue_task task, const struct ue *to);

/* The task has ended; `reason` NULL: well. */
void ue_finish(struct ue *u, const char *reason);
/* The same with the status of an answer as reason. */
void ue_finish_status(struct ue *u, unsigned status);

/*
 * A message for this UE, by a connection or (NULL) as a datagram; `is_protected`: it came out of an
 * SA. The bytes are changed. The connection may be closed when this returns.
 */
void ue_receive(struct ue *u, char *bytes, size_t n_bytes, bool is_protected, struct stream *by);

/* Out of use, but still there for 64·T1. */
void agreement_retire(struct agreement *a);
/* Goes in so many seconds, in use or not. */
void agreement_shorten(struct agreement *a, uint32_t seconds);
void agreement_delete(struct agreement *a);

/* 64 random bits in hex. */
void ue_token(char out[UE_TOKEN_BYTES]);

/* A datagram over the agreement's uc → ps, or in the clear when `over` is NULL. 0 or -errno. */
int ue_send(struct ue *u, const struct agreement *over, const void *bytes, size_t n_bytes);

/* Longest datagram that leaves whole that way. */
size_t ue_max_bytes(const struct ue *u, const struct agreement *over);

/* An address of its family that is nobody's, RFC 5737 and 3849, as in a URI. */
const char *ue_foreign(const struct ue *u);
/*
 * What the UE calls itself in Via and Contact: inside its SAs, behind a NAT, the address outside
 * (TS 24.229 F.2.1.2.2).
 */
const char *ue_host(const struct ue *u, const struct agreement *over,
		    char text[ADDRESS_TEXT_BYTES]);

/* ---- register.c ---- */

void register_start(struct ue *u);
void register_answered(struct ue *u, const struct sip_message *answer);
/* What is left of an attempt that has ended. */
void register_drop(struct ue *u);
/*
 * A REGISTER that may be challenged, with a new offer: an initial one in the clear, any other over
 * the SAs in use.
 */
void register_offer(struct ue *u);
/* SM7: the same with the answer, over the SAs that the attempt has made. */
void register_confirm(struct ue *u);

/* ---- challenge.c ---- */

/* Answers the 401, or ends the task. */
void challenge_received(struct ue *u, const struct sip_message *challenge);

/* ---- talk.c ---- */

void talk_start(struct ue *u);
void talk_answered(struct ue *u, const struct sip_message *answer);
/* All of an answer but its Content-Length and body; Record-Route as asked, and a tag of ours. */
void talk_put_answer(const struct ue *u, struct sip_text *t, const struct sip_message *m,
		     unsigned status, const char *phrase);
/* By the connection, else from port_uc to port_ps. One that is not taken is as one lost. */
void talk_send_answer(struct ue *u, const struct sip_text *t, struct stream *by);
/* Whether the request has come before: RFC 3261 17.2.3. */
bool talk_is_repeated(struct ue *u, const struct sip_message *m);
/* A request of another, out of an SA, answered the way it came. */
void talk_asked(struct ue *u, const struct sip_message *request, struct stream *by);
/* OPTIONS to the home domain, over u->request.over or in the clear. */
void talk_put_options(const struct ue *u, struct sip_text *t);
/* What a request outside a dialogue carries over the SAs: TS 24.229 5.1.2A.1. */
void talk_put_request(const struct ue *u, struct sip_text *t, const char *uri, const char *call_id);

/* ---- watch.c ---- */

void watch_start(struct ue *u);
void watch_answered(struct ue *u, const struct sip_message *answer);
/* The status to answer a NOTIFY with, and what it says. */
unsigned watch_told(struct ue *u, const struct sip_message *m, struct notice *n);
/* After the answer: does what it says. */
void watch_obey(struct ue *u, const struct sip_message *m, const struct notice *n);
/*
 * Whether an answer that came over the SAs says that the registration is lost in the network, TS
 * 24.229 5.1.2A.1.6; then watch_lost(), once the answer is dealt with: it registers anew.
 */
bool watch_is_lost(const struct ue *u, const struct sip_message *answer);
void watch_lost(struct ue *u);
/* It is idle: begins what it wants itself. */
void watch_resume(struct ue *u);
/* Such a task has ended. */
void watch_done(struct ue *u, enum ue_task task, const char *reason);

#endif
