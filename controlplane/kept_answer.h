/* Answers that promise something: they are sent when it is in the state file. */
#ifndef CONTROLPLANE_KEPT_ANSWER_H
#define CONTROLPLANE_KEPT_ANSWER_H

struct server_txn;
struct sip;
struct statefile;

/*
 * Sends `answer`, which it takes, when all that was touched so far is in the file: now, or some
 * milliseconds later, before statefile_close() returns. 503 goes out instead when it cannot be.
 */
void kept_answer(struct statefile *file, struct server_txn *x, struct sip *answer);

#endif
