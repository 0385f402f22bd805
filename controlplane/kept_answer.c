#include "controlplane/kept_answer.h"

#include <stdlib.h>

#include "controlplane/sip.h"
#include "controlplane/statefile.h"
#include "controlplane/txn.h"

/* An unanswered transaction lives until it is answered. */
struct kept {
	struct server_txn *x;
	struct sip *answer;
};

static void on_kept(void *user, int status)
{
	struct kept *k = user;
	if (status) {
		sip_free(k->answer);
		server_txn_answer(k->x, 503);
	} else {
		server_txn_respond(k->x, k->answer);
	}
	free(k);
}

void kept_answer(struct statefile *file, struct server_txn *x, struct sip *answer)
{
	struct kept *k = malloc(sizeof(*k));
	if (!k) {
		sip_free(answer);
		server_txn_answer(x, 503);
		return;
	}
	*k = (struct kept){ .x = x, .answer = answer };
	statefile_wait(file, on_kept, k);
}
