/*
 * All UEs of the process: their sockets, their bump, and who does what when. Many UEs share few
 * sockets; at most `concurrency` UEs are in the middle of a task. fleet.c opens and receives, run.c
 * lets them work. One thread, the event loop's.
 */
#ifndef TOOLS_UE_FLEET_H
#define TOOLS_UE_FLEET_H

#include <stdio.h>

#include "tools/ue/bump.h"
#include "tools/ue/call.h"
#include "tools/ue/ue.h"

#define FLEET_N_REASONS     32
#define FLEET_MESSAGE_BYTES 32 /* unless somebody wants more */

struct fleet_options {
	const char *subscribers; /* file */
	uint32_t n_ues;
	struct address pcscf, first_ue;
	uint16_t pcscf_port;
	const char *wire, *tun;
	unsigned offered; /* bit = enum crypto_suite */
	bool single_pair;
	bool nat;           /* they may be behind one: mod=UDP-enc-tun is offered too */
	bool tcp;           /* requests go over TCP, and Contact asks for it */
	bool no_tcp;        /* connections to UEs are refused */
	bool emergency;     /* they register for one: sos in Contact */
	const char *keylog; /* file; NULL: none */
	uint32_t concurrency;
	uint32_t rate;      /* of requests in traffic, per second */
	uint32_t expires_s; /* of registrations, as asked for */
	enum ue_misbehaviour misbehaviour;
	uint32_t n_misbehaving; /* from the first UE on; 0: all */
	unsigned algorithms;    /* that a challenge may have; bits of enum digest_algorithm */
	bool derive_keys;       /* of AKAv2, for the SAs */
};

/* How a run over the UEs went. */
struct fleet_result {
	uint32_t n_ues, n_ok, n_failed;
	double seconds;
	uint32_t *latency_us; /* of those that went well; n_ok of them, ascending when done */
	struct {
		char text[UE_REASON_BYTES];
		uint32_t n;
	} reason[FLEET_N_REASONS]; /* the last one takes what has no room */
	unsigned n_reasons;
};

struct fleet_talk {
	uint64_t n_options_sent, n_options_ok;
	uint64_t n_messages_sent, n_messages_ok, n_messages_received; /* whole */
};

/* What UEs heard from the network, and did of their own accord. */
struct fleet_own {
	uint64_t n_notified;  /* NOTIFYs taken */
	uint64_t n_shortened; /* registrations, and what came of it: */
	uint64_t n_reregistered;
	uint64_t n_ended; /* registrations, and what came of it: */
	uint64_t n_registered;
	uint64_t n_failed; /* of either */
};

struct fleet {
	struct fleet_options options;
	struct event_base *base;
	struct bump bump;
	struct milenage *milenage;
	struct subscriber_list subscribers;
	FILE *keylog;
	int clear_fd, us_fd, uc_fd[UE_N_PORT_UC];
	struct event *socket_event[2 + UE_N_PORT_UC];
	int us_listener; /* TCP; −1: none */
	struct event *listener_event;
	struct ue *ues;
	uint32_t n_ues;

	/* the run */
	enum ue_task task; /* UE_IDLE: none; UE_OPTIONS stands for traffic */
	enum call_plan plan;
	uint32_t n_busy;  /* UEs in the middle of something */
	uint32_t max;     /* UEs that take part */
	uint64_t over_us; /* all are begun within; 0: as fast as `concurrency` allows */
	uint32_t next;    /* UE to look at */
	uint64_t started_us;
	uint64_t until_us;      /* of traffic */
	uint64_t n_requests;    /* of traffic */
	uint32_t message_bytes; /* of the body of a MESSAGE */
	struct event *tick;
	struct fleet_result result;
	void (*done)(void *context);
	void *context;

	/* since the start */
	struct fleet_talk talk;
	struct fleet_own own;
	uint64_t n_repeated;       /* requests sent again */
	uint64_t n_not_understood; /* datagrams that were no SIP */
	uint64_t n_unexpected;     /* answers to nothing, or that should have been protected */
};

/* Opens everything. Returns 0, or -errno after one message on stderr. */
int fleet_open(struct fleet *f, const struct fleet_options *options, struct event_base *base);
void fleet_close(struct fleet *f);

/*
 * Lets every UE that can do the task do it; `done` is called once when all have ended. UE_REGISTER
 * takes those that are not registered, the others those that are; one that is busy of its own
 * accord is waited for. No other run may be on its way.
 */
void fleet_run(struct fleet *f, enum ue_task task, void (*done)(void *context), void *context);
/* The same with at most `max` UEs. */
void fleet_run_some(struct fleet *f, enum ue_task task, uint32_t max, void (*done)(void *context),
		    void *context);
/* UE_REREGISTER of all, begun evenly over so many seconds whatever becomes of the others. */
void fleet_storm(struct fleet *f, unsigned seconds, void (*done)(void *context), void *context);
/*
 * OPTIONS to the home domain and MESSAGE to the next UE in turn, with bodies of message_bytes, for
 * so many seconds.
 */
void fleet_traffic(struct fleet *f, unsigned seconds, uint32_t message_bytes,
		   void (*done)(void *context), void *context);

/* Every second registered UE calls the one after it, as the plan says. */
void fleet_call(struct fleet *f, enum call_plan plan, void (*done)(void *context), void *context);

/* The first registered UE; NULL: none. */
struct ue *fleet_registered(const struct fleet *f);
uint32_t fleet_count_registered(const struct fleet *f);

/* For the UEs: their task has ended. */
void fleet_done(struct fleet *f, struct ue *u, enum ue_task task, const char *reason);

/* A UE that did something of its own accord has time for the run again. */
void fleet_is_idle(struct fleet *f);

/* For fleet.c: the next step of a run, called by its timer. */
void run_tick(int fd, short what, void *fleet);

/* Monotonic. */
uint64_t fleet_now_us(void);

#endif
