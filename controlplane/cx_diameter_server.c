/* The HSS's end of Cx over Diameter. */
#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

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

static struct hss *served_by;
static unsigned n_open;

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
}
