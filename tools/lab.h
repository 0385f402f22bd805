/*
 * `imsgate lab`: the whole of imsgate on one machine, with UEs that really register.
 *
 *   lab.c            command line
 *   lab_prepare.c    what has to be found and opened before the sandbox
 *   lab_sandbox.c    namespaces that take everything with them when they end
 *   lab_run.c        the run from top to bottom: start, register, talk, call, attack, leave
 *   lab_configure.c  the configuration of this run
 *   lab_certificates.c  those of --tls
 *   lab_start.c      processes and their readiness
 *   lab_capture.c    --pcap
 *   lab_ue.c         the dialogue with imsgate-ue
 *   lab_call.c       the calls
 *   lab_nat.c        --nat: the kernel's NAT before the UEs
 *   lab_rebind.c     a NAT that forgets where they were
 *   lab_attack.c     the attacks and the counters that must take them
 *   lab_report.c     what is printed at the end
 *
 * The bench of registrations (tools/bench/register.h) brings up the same lab and measures it.
 *
 * Everything runs in one thread. A step returns 0, or -1 after lab_fail() has said why: the run
 * then ends with the logs of all processes. A claim that does not hold is a lab_fail() too,
 * but the run goes on, so that one run tells everything.
 */
#ifndef TOOLS_LAB_H
#define TOOLS_LAB_H

#include <limits.h>
#include <stdbool.h>

#include <jansson.h>

#include "configs/config.h"
#include "tools/lab_process.h"
#include "tools/lab_sandbox.h"
#include "tools/stats.h"
#include "tools/telemetry.h"

#define LAB_MAX_WORKERS    16
#define LAB_MAX_UE_OPTIONS 8
#define LAB_DIRECTORY      "/run/imsgate"
#define LAB_CONFIG         LAB_DIRECTORY "/lab.yaml"
#define LAB_HSS_CONFIG     LAB_DIRECTORY "/lab-hss.yaml" /* the same, as another node */
#define LAB_CSCF_CONFIG    LAB_DIRECTORY "/lab-cscf.yaml"
#define LAB_SUBSCRIBERS    LAB_DIRECTORY "/subscribers.csv"

struct lab_options {
	unsigned n_ues;
	unsigned seconds;   /* of traffic */
	unsigned n_workers; /* of the data plane */
	unsigned n_at_once; /* UEs in the middle of something; 0: imsgate-ue's default */
	const char *config; /* file that the run's configuration is made from */
	const char *alg;    /* SIP names */
	const char *ealg;
	const char *pcap;
	const char *keylog;
	const char **set; /* KEY=VALUE, replaced in the configuration */
	unsigned n_sets;
	const char **ue; /* options for imsgate-ue */
	unsigned n_ue_options;
	bool ipv6;
	bool tcp;
	bool single_pair;
	bool nat;         /* before the UEs, which speak ESP in UDP */
	bool diameter;    /* Cx between CSCFs and HSS */
	bool tls;         /* in the core */
	bool one_process; /* for all roles of the control plane, which is l->pcscf then */
	bool json;
	bool keep;
};

struct lab {
	const struct lab_options *options;
	const struct sandbox *sandbox;
	char program_dir[PATH_MAX]; /* of this program */
	char *config_text;
	struct config *config;
	int pcap_fd; /* opened outside; -1 = none */
	int keylog_fd;

	/* In the order of their start. */
	struct process dataplane, capture, hss, cscf, pcscf, ue;

	int ue_in; /* imsgate-ue's stdin */
	int ue_out;
	char *ue_line; /* what it said since its last whole line */
	size_t ue_line_bytes;

	struct telemetry telemetry;
	json_t *report; /* what lab_report.c prints; see there */
	unsigned n_failures;
};

/* lab_run.c. The run inside its sandbox; the exit status. */
int lab_run(const struct sandbox *s, void *lab);

/* What did not hold, into the report and onto stderr. Returns -1. */
int lab_fail(struct lab *l, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* One line of progress on stderr. */
void lab_say(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* The data plane's counters; -1 after lab_fail(). */
int lab_stats(struct lab *l, struct stats *stats);

/* Waits a few milliseconds; -1 when a process of the lab has ended meanwhile. */
int lab_pause(struct lab *l);

/* Whether all that were started still run; -1 after lab_fail(). */
int lab_alive(struct lab *l);

uint64_t lab_now_ms(void);

/* Two pairs, TS 33.203 7.1, or one, seed 6.3. */
unsigned lab_sas_per_ue(const struct lab *l);

/*
 * lab_prepare.c. All that needs the world outside: files of the user's, and where our programs are.
 * Returns 0, or -errno after one message on stderr.
 */
int lab_prepare(struct lab *l);

/* lab_configure.c. Writes the LAB_…CONFIG files as the options want them, and loads the first. */
int lab_configure(struct lab *l);

/* lab_certificates.c. For pcscf, cscf and hss: NAME.pem and NAME.key; authority.pem. */
int lab_certificates(struct lab *l, const char *realm);

/* lab_start.c. Brings everything up, and down again in reverse order. */
int lab_start(struct lab *l);
void lab_stop(struct lab *l);

/* All processes in the order of their start; at most `max`. */
unsigned lab_processes(struct lab *l, struct process *all[], unsigned max);

/* lab_capture.c. Starts l->capture, which copies frames of an interface to l->pcap_fd. */
int lab_capture(struct lab *l, const char *netns, const char *interface);

/* lab_ue.c. One command, one answer; the caller owns *answer. */
int lab_ue_ask(struct lab *l, const char *command, unsigned timeout_ms, json_t **answer);

/* lab_call.c. Calls of every kind between pairs of UEs, into report.calls. */
int lab_call(struct lab *l);

/* lab_run.c. Traffic for a while, all of it answered; into the report under `name`. */
int lab_traffic(struct lab *l, const char *name);

/* lab_rebind.c. The NAT changes every UE's port, and all goes on; into report.rebind. */
int lab_rebind(struct lab *l);

/* lab_attack.c. All attacks, into report.attacks. */
int lab_attack(struct lab *l);

/* lab_report.c */
void lab_report_text(const json_t *report, FILE *out);

#endif
