/*
 * What the S-CSCF asks the HSS about a user whom it does not know, TS 24.229 5.4.3.2, 5.4.3.3:
 *
 *   UNREGISTERED_USER (3)  somebody calls him: he is served here from now on, which without
 *                          application servers is 480
 *   RESTORATION (14)       he asks by his Service-Route: was his registration lost here? Then 504
 *                          has him register anew, else he is refused, 403
 *
 * One inquiry about a user and of a kind is under way at a time; requests that come meanwhile wait
 * for its answer, a few of each, so a flood of them costs one question and no more memory than
 * their transactions. Who has registered by the time of the answer is served as anybody is. Nothing
 * is remembered of an answer. On the loop's thread.
 */
#ifndef CONTROLPLANE_SCSCF_INQUIRY_H
#define CONTROLPLANE_SCSCF_INQUIRY_H

#include "controlplane/cx.h"

struct inquiries;
struct scscf;
struct server_txn;

/* Users asked about at a time, and requests that wait for one answer; those beyond get 503. */
#define INQUIRIES         4096
#define INQUIRY_N_WAITING 16

/* NULL: out of memory. */
struct inquiries *inquiries_new(struct scscf *s);
/* When none is under way any more: Cx is closed before. */
void inquiries_free(struct inquiries *all);

/* Answers or forwards `x` when the HSS has said what it knows of `impu`. */
void inquire(struct inquiries *all, enum cx_assignment type, const char *impu,
	     struct server_txn *x);

#endif
