/*
 * Cx over Diameter: TS 29.229 on freeDiameter, which a process has once.
 *
 *   cx_diameter.c         the node: start, stop, the two queues, what comes from a peer
 *   cx_diameter_stack.c   freeDiameter: its configuration, its callbacks, its silence
 *   cx_diameter_client.c  what the CSCFs ask
 *   cx_diameter_server.c  what the HSS answers, and sends by itself
 *
 * freeDiameter has threads of its own. They never run code of a role: what they receive goes into a
 * queue that the loop empties, and what the loop sends goes through another to a thread that may
 * wait for a slow peer. All below is for the loop's thread.
 *
 * freeDiameter starts inside of the sandbox, so that its threads are in it too; what is asked
 * before then is refused with -ENOTCONN.
 */
#ifndef CONTROLPLANE_CX_DIAMETER_H
#define CONTROLPLANE_CX_DIAMETER_H

#include "controlplane/cx.h"

struct config;
struct hss;
struct loop;

#define CX_DIAMETER_OUTSTANDING 4096 /* requests of this process */
#define CX_DIAMETER_OPEN        4096 /* requests of others */

/* Before the roles start. Does nothing when the configuration wants no Diameter. 0 or -errno. */
int cx_diameter_new(struct loop *loop, const struct config *config);

/* After sandbox_enter(). Returns 0, or -errno after a line of log_error(). */
int cx_diameter_start(void);

/* Before the roles stop: nothing is asked, heard or served any more. */
void cx_diameter_stop(void);

/*
 * The last thing that the process does: the roles' last answers are sent, the peers told, and
 * freeDiameter stopped, which may end the process (cx_diameter_stack.c).
 */
void cx_diameter_free(void);

/* Peers that are connected now. */
unsigned cx_diameter_n_peers(void);

/* NULL: out of memory, or no Diameter in this process. */
struct cx *cx_diameter_client_new(void);

/* From now on the HSS answers requests; NULL: no more. */
void cx_diameter_serve(struct hss *hss);

/*
 * RTR or PPR to the S-CSCF of this name (a SIP URI). Its Diameter node is the one that named it in
 * a MAR or SAR since we started. As cx_send(); -EHOSTUNREACH: none did.
 */
int cx_diameter_push(const char *server_name, const struct cx_request *request, cx_done *done,
		     void *user);

#endif
