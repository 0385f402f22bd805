/* The CSCFs' end of Cx over Diameter. */
#include <stdlib.h>
#include <sys/queue.h>

#include "controlplane/cx_diameter.h"
#include "controlplane/cx_diameter_impl.h"

struct client {
	struct cx cx;
	LIST_ENTRY(client) link;
};

static LIST_HEAD(, client) clients = LIST_HEAD_INITIALIZER(clients);

/* Which HSS it is, freeDiameter decides among the peers that are there. */
static int send_diameter(struct cx *cx, const struct cx_request *request, cx_done *done, void *user)
{
	return cx_diameter_ask(cx, request, NULL, done, user);
}

static void free_diameter(struct cx *cx)
{
	struct client *c = (struct client *)cx;

	LIST_REMOVE(c, link);
	cx_diameter_forget(cx);
	free(c);
}

struct cx *cx_diameter_client_new(void)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return NULL;
	c->cx = (struct cx){ .send = send_diameter, .free = free_diameter };
	LIST_INSERT_HEAD(&clients, c, link);
	return &c->cx;
}

enum cx_result cx_diameter_heard(const struct cx_request *request)
{
	struct client *c;

	LIST_FOREACH (c, &clients, link) {
		if (c->cx.heard != NULL)
			return c->cx.heard(c->cx.heard_user, request);
	}
	return CX_UNABLE_TO_COMPLY; /* no S-CSCF is here */
}
