#include "controlplane/cx_direct.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "controlplane/hss.h"

/* A request that the HSS has; it gives the answer here, however long the caller lives. */
struct wait {
	LIST_ENTRY(wait) link;
	cx_done *done; /* NULL: the caller is gone and has had his answer */
	void *user;
	enum cx_command command;
};

struct direct {
	struct cx cx;
	LIST_ENTRY(direct) link;
	LIST_HEAD(, wait) waits;
};

static LIST_HEAD(, direct) all = LIST_HEAD_INITIALIZER(all);

static void on_answer(void *user, const struct cx_answer *answer)
{
	struct wait *w = user;

	if (w->done != NULL) {
		LIST_REMOVE(w, link);
		w->done(w->user, answer);
	}
	free(w);
}

static int send_direct(struct cx *cx, const struct cx_request *request, cx_done *done, void *user)
{
	struct direct *d = (struct direct *)cx;
	struct hss *h = hss_here();
	struct wait *w;
	int rc;

	if (h == NULL)
		return -ENOTCONN;
	w = malloc(sizeof(*w));
	if (w == NULL)
		return -ENOMEM;
	*w = (struct wait){ .done = done, .user = user, .command = request->command };
	rc = hss_request(h, request, on_answer, w);
	if (rc < 0) {
		free(w);
		return rc;
	}
	LIST_INSERT_HEAD(&d->waits, w, link);
	return 0;
}

static void free_direct(struct cx *cx)
{
	struct direct *d = (struct direct *)cx;
	struct cx_answer answer = { .result = CX_UNABLE_TO_DELIVER };
	struct wait *w;
	cx_done *done;

	LIST_REMOVE(d, link);
	while ((w = LIST_FIRST(&d->waits)) != NULL) {
		LIST_REMOVE(w, link);
		done = w->done;
		w->done = NULL;
		answer.command = w->command;
		done(w->user, &answer);
	}
	free(d);
}

struct cx *cx_direct_new(void)
{
	struct direct *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return NULL;
	d->cx = (struct cx){ .send = send_direct, .free = free_direct };
	LIST_INIT(&d->waits);
	LIST_INSERT_HEAD(&all, d, link);
	return &d->cx;
}

int cx_direct_push(const struct cx_request *request, enum cx_result *result)
{
	struct direct *d;

	LIST_FOREACH (d, &all, link) {
		if (d->cx.heard != NULL) {
			*result = d->cx.heard(d->cx.heard_user, request);
			return 0;
		}
	}
	return -ENOENT;
}
