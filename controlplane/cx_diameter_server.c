/* The HSS's end of Cx over Diameter. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx_diameter.h"
#include "controlplane/cx_diameter_impl.h"
#include "controlplane/cx_message.h"
#include "controlplane/hss.h"
#include "crypto/wipe.h"

/* A request from its arrival until its answer. */
struct served {
	struct msg *message;
	struct cx_request request;
};

#define MAX_SCSCFS 64

static struct hss *served_by;
static unsigned n_open;

/* Which node an S-CSCF is; when there are too many the oldest is forgotten. */
static struct {
	char name[CX_IDENTITY_BYTES]; /* Server-Name */
	char host[CX_IDENTITY_BYTES]; /* Origin-Host */
} scscfs[MAX_SCSCFS];
static unsigned n_scscfs; /* that there ever were */

static int find_scscf(const char *name)
{
	for (unsigned i = 0; i < MAX_SCSCFS && i < n_scscfs; i++) {
		if (strcmp(scscfs[i].name, name) == 0)
			return (int)i;
	}
	return -1;
}

static void remember_scscf(struct msg *message, const char *name)
{
	char host[CX_IDENTITY_BYTES];
	int at = find_scscf(name);

	if (name[0] == '\0' || cx_message_origin(message, host) < 0)
		return;
	if (at < 0)
		at = (int)(n_scscfs++ % MAX_SCSCFS);
	memcpy(scscfs[at].host, host, sizeof(host));
	cx_identity(scscfs[at].name, name);
}

int cx_diameter_push(const char *server_name, const struct cx_request *request, cx_done *done,
		     void *user)
{
	int at = find_scscf(server_name);

	if (at < 0)
		return -EHOSTUNREACH;
	return cx_diameter_ask(scscfs, request, scscfs[at].host, done, user);
}

static void on_answer(void *user, const struct cx_answer *answer)
{
	struct served *v = user;

	n_open--;
	cx_diameter_reply(v->message, &v->request, answer);
	free(v);
}

static void refuse(struct msg *message, const struct cx_request *request, enum cx_result result)
{
	cx_diameter_reply(message, request,
			  &(struct cx_answer){ .command = request->command, .result = result });
}

void cx_diameter_served(struct msg *message, const struct cx_request *request)
{
	struct served *v;

	if (served_by == NULL) {
		refuse(message, request, CX_UNABLE_TO_COMPLY);
		return;
	}
	if (request->command == CX_MAR)
		remember_scscf(message, request->mar.server_name);
	if (request->command == CX_SAR)
		remember_scscf(message, request->sar.server_name);
	v = n_open < CX_DIAMETER_OPEN ? malloc(sizeof(*v)) : NULL;
	if (v == NULL) {
		refuse(message, request, CX_TOO_BUSY);
		return;
	}
	*v = (struct served){ .message = message, .request = *request };
	n_open++;
	if (hss_request(served_by, request, on_answer, v) < 0) {
		n_open--;
		free(v);
		refuse(message, request, CX_TOO_BUSY);
	}
}

void cx_diameter_serve(struct hss *hss)
{
	served_by = hss;
	if (hss == NULL)
		cx_diameter_forget(scscfs);
}
