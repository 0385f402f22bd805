/* The HSS as a role of the process: its store, its end of the Cx socket, its status. */
#include "controlplane/hss.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "configs/config.h"
#include "controlplane/cx_diameter.h"
#include "controlplane/cx_local.h"
#include "controlplane/hss_push.h"
#include "controlplane/log.h"
#include "controlplane/store.h"

/* Lines of the status socket's list: a base of millions is no answer to a question. */
#define LISTED 10000

/*
 * Under load the work of a commit (write-ahead log, flush) is shared by what comes in so many
 * milliseconds: a few percent of what a UE waits for its registration.
 */
#define COMMIT_DISTANCE_MS 4

struct hss_server {
	struct hss *hss;
	struct store *store; /* the HSS's */
	struct hss_push *push;
	struct cx_local_server *cx;
};

static void stop(void *self)
{
	struct hss_server *s = self;

	cx_diameter_serve(NULL);
	cx_local_server_free(s->cx);
	hss_free(s->hss);
	hss_push_free(s->push);
	free(s);
}

static int start(struct loop *loop, const struct config *config, void **self)
{
	struct hss_server *s = calloc(1, sizeof(*s));
	char error[512];
	int rc;

	if (s == NULL)
		return -ENOMEM;
	rc = store_open(config->hss->database, config->hss->key_file, &s->store, error,
			sizeof(error));
	if (rc < 0) {
		log_error("hss: %s", error);
		free(s);
		return rc;
	}
	s->hss = hss_new(loop, s->store);
	rc = s->hss == NULL
		     ? -ENOMEM
		     : cx_local_server_new(loop, config->controlplane->cx_socket, s->hss, &s->cx);
	if (rc == 0) {
		hss_set_commit_distance(s->hss, COMMIT_DISTANCE_MS);
		hss_set_unregistered_services(s->hss, config->hss->unregistered_services);
		s->push = hss_push_new(s->hss, s->store, s->cx);
		rc = s->push == NULL
			     ? -ENOMEM
			     : hss_set_visited_networks(s->hss, config->hss->visited_networks,
							config->hss->n_visited_networks);
	}
	if (rc < 0) {
		log_error("hss: cannot listen on %s: %s", config->controlplane->cx_socket,
			  strerror(-rc));
		stop(s);
		return rc;
	}
	cx_diameter_serve(s->hss);
	*self = s;
	return 0;
}

static void list_one(void *arg, const struct store_identity *identity,
		     const struct store_subscriber *owner)
{
	const char *state = identity->state == STORE_REGISTERED ? "registered" : "pending";

	/* A row that does not fit in memory is missing from the list; nothing else suffers. */
	json_array_append_new(arg, json_pack("{s:s, s:s, s:s, s:s}", "impu", identity->impu, "impi",
					     owner->impi, "state", state, "scscf", owner->scscf));
}

static json_t *registrations(void *self)
{
	struct hss_server *s = self;
	json_t *list = json_array();

	if (list != NULL && store_each_active(s->store, LISTED, list_one, list) < 0)
		log_warn("hss: the list of registrations is incomplete: %s", store_error(s->store));
	return list;
}

static json_t *stats(void *self)
{
	struct hss_server *s = self;
	const struct hss_stats *n = hss_stats(s->hss);
	const struct hss_push_stats *pushed = hss_push_stats(s->push);
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
		{ "cx_uar", n->uar },
		{ "cx_mar", n->mar },
		{ "cx_sar", n->sar },
		{ "cx_lir", n->lir },
		{ "cx_refused", n->request_refused },
		{ "cx_rtr", pushed->rtr },
		{ "cx_ppr", pushed->ppr },
		{ "cx_push_refused", pushed->refused },
		{ "cx_diameter_peer", cx_diameter_n_peers() },
		{ "vector_made", n->vector_made },
		{ "resync_accepted", n->resync_accepted },
		{ "resync_forged", n->resync_forged },
		{ "store_commit", n->commit },
		{ "store_commit_failed", n->commit_failed },
	};
	json_t *object = json_object();

	for (size_t i = 0; object != NULL && i < sizeof(rows) / sizeof(rows[0]); i++)
		json_object_set_new(object, rows[i].name, json_integer((json_int_t)rows[i].value));
	return object;
}

static int order(void *self, const char *name, const char *impi)
{
	struct hss_server *s = self;

	if (strcmp(name, "deregister") == 0)
		return hss_push_end(s->push, impi);
	if (strcmp(name, "push") == 0)
		return hss_push_profile(s->push, impi);
	return -EINVAL;
}

const struct role hss_role = {
	.name = "hss",
	.start = start,
	.stop = stop,
	.registrations = registrations,
	.stats = stats,
	.order = order,
};
