#include "controlplane/pcscf.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/core_link.h"
#include "controlplane/log.h"
#include "controlplane/pcscf_impl.h"
#include "controlplane/pcscf_watch.h"
#include "controlplane/throttle.h"
#include "controlplane/transport.h"
#include "crypto/wipe.h"

/* Toward UEs each stays 64·T1 = 128 s, two a registration: 4000 registrations a second. */
#define MAX_TXNS     (1u << 20)
#define MAX_UES      262144
#define MAX_WAITING  32768 /* 1.2 KB each, 4 KB at most; half a minute of the core's time */
#define DRAIN_BATCH  64
#define MAX_WAIT_MS  128000 /* 64·T1 of a UE, timer F: nobody expects an answer any more */
#define SOURCE_BURST 100    /* REGISTERs at once of one address, behind which may be a NAT */
#define CLIENT                                                                                     \
	"pcscf" /* name at the data plane: what we installed is ours again after a restart         \
		 */

struct gm *pcscf_gm(struct pcscf *p, const struct endpoint *e)
{
	for (unsigned i = 0; i < p->n_gm; i++)
		if (address_same_host(&p->gm[i].ps->local, &e->local))
			return &p->gm[i];
	return NULL;
}

/* On port_pc UEs only answer, on connections of ours: WIRE 7. */
static struct sa_set *find_set(const struct pcscf *p, const struct path *from, bool is_request)
{
	const struct endpoint *e = from->endpoint;
	struct sa_set *set = ue_set_by_tuple(p->ues, e, &from->peer);
	if (!set && from->tcp && !is_request)
		set = ue_set_by_us(p->ues, e->zone, &from->peer, from->peer.port, e);
	return set && set->state != SET_INSTALLING ? set : NULL;
}

/* Before it is read: blank lines may precede it (RFC 3261 7.5), and folding may follow. */
static bool is_register(const char *bytes, size_t n_bytes)
{
	static const char method[] = "REGISTER";
	while (n_bytes && (*bytes == '\r' || *bytes == '\n')) {
		bytes++;
		n_bytes--;
	}
	return n_bytes >= strlen(method) && !memcmp(bytes, method, strlen(method));
}

/* Each would cost a vector and an SA set for nobody. */
static void drop_late(struct pcscf *p)
{
	p->counters.register_shed += backlog_drop(p->backlog, loop_now_ms(p->loop), MAX_WAIT_MS);
}

/*
 * While the core has enough to answer, REGISTERs that begin something wait; those for whom there is
 * no room even for that are sent again by their UEs after 2, 4, 8 and 16 s (timer E), or over TCP,
 * where nothing is sent again, are answered that they may come later. Who answers a challenge goes
 * on, so what was begun is ended; and the core is asked no more than it can answer before we ask
 * again (T1).
 */
static bool admit(void *role, const struct path *from, const char *bytes, size_t n_bytes)
{
	struct pcscf *p = role;
	enum endpoint_side side = from->endpoint->side;
	if (side == ENDPOINT_CORE)
		return true;
	drop_late(p);
	if (p->n_attempts < PCSCF_ATTEMPTS && !backlog_count(p->backlog))
		return true;
	if (!is_register(bytes, n_bytes))
		return true;
	const struct sa_set *set = side == ENDPOINT_GM_PROTECTED ? find_set(p, from, true) : NULL;
	if (set && set->state == SET_TEMPORARY)
		return true;
	if (backlog_put(p->backlog, from, bytes, n_bytes, loop_now_ms(p->loop))) {
		p->counters.register_waited++;
		return false;
	}
	p->counters.register_shed++;
	if (from->tcp)
		proxy_refuse(p->proxy, from, bytes, n_bytes);
	return false;
}

/* In the clear an answer has no other way than the connection, which who gives up closes. */
static void read_waiting(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
	struct pcscf *p = user;
	bool is_bound = from->tcp && from->endpoint->side == ENDPOINT_GM_CLEAR;
	if (is_bound && !transport_is_connected(from))
		p->counters.register_shed++;
	else
		proxy_receive(p->proxy, from, bytes, n_bytes);
}

/* The core has time again. A turn takes as much as a busy socket would. */
static void drain(void *user)
{
	struct pcscf *p = user;
	drop_late(p);
	for (unsigned i = 0; i < DRAIN_BATCH && p->n_attempts < PCSCF_ATTEMPTS; i++)
		if (!backlog_take(p->backlog, read_waiting, p))
			return;
	if (p->n_attempts < PCSCF_ATTEMPTS)
		timer_set(p->loop, &p->drain, 0);
}

void pcscf_attempt_ended(struct pcscf *p)
{
	p->n_attempts--;
	if (backlog_count(p->backlog) && !timer_is_set(&p->drain))
		timer_set(p->loop, &p->drain, 0);
}

/*
 * Who sent it. On a protected port the tuple is the SA set (C-047). An answer leaves
 * port_pc → port_us of that set whatever Via says, over TCP on the connection of the request while
 * that lives (WIRE 7); what has no set is not answered at all.
 */
static bool identify(void *role, const struct sip *message, struct source *source,
		     struct path *reply)
{
	struct pcscf *p = role;
	enum endpoint_side side = source->path.endpoint->side;
	if (side == ENDPOINT_CORE)
		return true;
	/*
	 * We ask nothing there, so nothing can be an answer; and CANCEL and ACK could only belong
	 * to what came over an SA, which the clear must not touch.
	 */
	if (side == ENDPOINT_GM_CLEAR) {
		/* Through a NAT only the way back is open: TS 24.229 F.2.2, RFC 3581 4. */
		if (reply && p->config->nat != CONFIG_NAT_REFUSE && !reply->tcp &&
		    sip_via_param(sip_via(message, 0), "received"))
			reply->peer = source->path.peer;
		return reply && !sip_is(message, "CANCEL") && !sip_is(message, "ACK");
	}
	struct sa_set *set = find_set(p, &source->path, reply != NULL);
	if (!set)
		return false;
	ue_set_used(set);
	source->sender = set;
	source->account = set->ue->id;
	if (!reply)
		return true;
	*reply = ue_path(set);
	reply->tcp = source->path.tcp;
	reply->connection = source->path.connection;
	return true;
}

static void on_request(void *role, const struct source *source, struct server_txn *x)
{
	struct pcscf *p = role;
	if (source->path.endpoint->side == ENDPOINT_CORE)
		pcscf_request_from_core(p, x);
	else if (sip_is(server_txn_request(x), "REGISTER"))
		pcscf_register(p, source, x);
	else
		pcscf_request_from_ue(p, source, x);
}

static void on_ack(void *role, const struct source *source, const struct sip *ack)
{
	pcscf_ack(role, source, ack);
}

/* --- life --- */

static int listen_gm(struct pcscf *p, const char *host, const struct config_zone *zone)
{
	struct transport *t = proxy_transport(p->proxy);
	struct gm *gm = &p->gm[p->n_gm];
	/* A connection needs an SA for either direction of its port pair: WIRE 7. */
	bool tcp = p->config->sa_profile != CONFIG_SA_SINGLE_PAIR;
	enum endpoint_tcp accepts = tcp ? ENDPOINT_ACCEPTS : ENDPOINT_NO_TCP;
	enum endpoint_tcp connects = tcp ? ENDPOINT_CONNECTS : ENDPOINT_NO_TCP;
	const char *device = p->config->device;
	struct address local;
	int error = address_parse(host, (uint16_t)p->config->port, &local);
	if (error)
		return error;
	error = transport_listen(t, ENDPOINT_GM_CLEAR, p->zone, &local, device, accepts,
				 &gm->clear);
	local.port = (uint16_t)zone->port_ps;
	if (!error)
		error = transport_listen(t, ENDPOINT_GM_PROTECTED, p->zone, &local, device, accepts,
					 &gm->ps);
	for (unsigned i = 0; i < p->n_pc && !error; i++) {
		local.port = (uint16_t)(zone->port_pc_first + i);
		error = transport_listen(t, ENDPOINT_GM_PROTECTED, p->zone, &local, device,
					 connects, &gm->pc[i]);
		if (!error)
			gm->pc[i]->sent_by = gm->ps->local; /* UEs answer uc → ps: WIRE 7 */
	}
	if (!error)
		p->n_gm++;
	return error;
}

static int listen_all(struct pcscf *p, const struct config *config, const struct config_zone *zone)
{
	int error = core_link_open(p->proxy, config, "pcscf", p->config->core_address,
				   p->config->core_port, &p->core);
	if (error)
		return error;
	for (unsigned i = 0; i < p->config->n_addresses; i++) {
		error = listen_gm(p, p->config->addresses[i], zone);
		if (error) {
			log_error("pcscf: cannot listen on addresses[%u], device \"%s\": %s", i,
				  p->config->device, strerror(-error));
			return error;
		}
	}
	return 0;
}

/* What config_load() could not know: the sections that this role reads besides its own. */
static int check_config(const struct config *config, const struct config_zone **zone)
{
	const struct config_pcscf *c = config->pcscf;
	int index = config->dataplane ? config_zone_index(config, c->zone) : -ENOENT;
	if (index < 0) {
		log_error("pcscf: needs the section dataplane with its zone");
		return -EINVAL;
	}
	*zone = &config->dataplane->zones[index];
	if (!(*zone)->port_ps || !(*zone)->n_port_pc || (*zone)->n_port_pc > PCSCF_PORTS_PC) {
		log_error("pcscf: its zone needs port_ps and 1 to %d ports of port_pc",
			  PCSCF_PORTS_PC);
		return -EINVAL;
	}
	if (c->n_addresses == 0 || c->n_addresses > PCSCF_ADDRESSES) {
		log_error("pcscf: needs 1 to %d addresses", PCSCF_ADDRESSES);
		return -EINVAL;
	}
	return index;
}

static void stop(void *self)
{
	struct pcscf *p = self;
	dpclient_free(
		p->dp); /* first: what waits for it is answered while there are transactions */
	statefile_close(p->file);
	ues_free(p->ues); /* their connections are the proxy's */
	throttle_free(p->per_source);
	proxy_free(p->proxy); /* its last attempts end: backlog and timer come after */
	watches_free(p->watches);
	timer_cancel(p->loop, &p->drain);
	backlog_free(p->backlog);
	free(p->held);
	free(p->tunnels);
	wipe(p->dialog_key, sizeof(p->dialog_key));
	free(p);
}

static int start(struct loop *loop, const struct config *config, void **self)
{
	const struct config_zone *zone;
	int index = check_config(config, &zone);
	if (index < 0)
		return index;
	struct pcscf *p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	p->config = config->pcscf;
	p->loop = loop;
	p->zone = (uint16_t)index;
	p->n_pc = zone->n_port_pc;
	p->port_encap = (uint16_t)zone->port_encap;
	p->policy =
		secagree_policy(p->config->integrity, p->config->n_integrity, p->config->encryption,
				p->config->n_encryption, SECAGREE_TRANSPORT);
	p->nat_policy = p->policy;
	p->nat_policy.mode = SECAGREE_UDP_TUNNEL;
	p->proxy = proxy_new(loop, MAX_TXNS,
			     (struct proxy_user){ admit, identify, on_request, on_ack, p });
	p->dp = dpclient_new(loop, config->dataplane->socket, CLIENT,
			     (struct dpclient_user){ pcscf_on_list, pcscf_on_sa, pcscf_on_tunnel,
						     pcscf_on_ready, pcscf_on_expired,
						     pcscf_on_rebound, p });
	p->ues = p->dp ? ues_new(loop, p->dp, MAX_UES) : NULL;
	p->backlog = backlog_new(MAX_WAITING);
	timer_init(&p->drain, drain, p);
	int error = p->proxy && p->dp && p->ues && p->backlog ? 0 : -ENOMEM;
	/* Half of the SAs, four a set: the other half is for who has answered. */
	p->max_temporary = config->dataplane->sa.capacity / 8;
	if (!error && p->config->source_registers_per_min) {
		p->per_source =
			throttle_new(p->config->source_registers_per_min, SOURCE_BURST, MAX_UES);
		error = p->per_source ? 0 : -ENOMEM;
	}
	if (!error && (error = address_parse_uri(config->pcscf->icscf, &p->icscf)))
		log_error("pcscf: icscf must be sip:ADDRESS:PORT");
	if (!error && (error = pcscf_dialog_key(config->controlplane->run_dir, p->dialog_key)))
		log_error("pcscf: no key in run_dir: %s", strerror(-error));
	if (!error && (error = pcscf_read_networks(p)))
		log_error("pcscf: nat_networks must be ADDRESS/BITS");
	if (!error)
		error = statefile_open_role(loop, config, "pcscf", PCSCF_STATE_VERSION, &p->file);
	if (!error)
		error = listen_all(p, config, zone);
	if (!error && config->pcscf->reg_event == CONFIG_REG_EVENT_SUBSCRIBE) {
		p->watches = watches_new(loop, p->proxy, p->ues, p->core, &p->icscf, p->dialog_key,
					 2 * MAX_UES);
		error = p->watches ? 0 : -ENOMEM;
	}
	if (!error)
		error = pcscf_load(p); /* the sets are of endpoints */
	if (error) {
		stop(p);
		return error;
	}
	*self = p;
	return 0;
}

static json_t *registrations(void *self)
{
	struct pcscf *p = self;
	json_t *array = json_array();
	if (array && ues_list(p->ues, array)) {
		json_decref(array);
		return NULL;
	}
	return array;
}

static int add(json_t *stats, const char *name, uint64_t value)
{
	return json_object_set_new(stats, name, json_integer((json_int_t)value));
}

static int add_all(const struct pcscf *p, json_t *stats)
{
	const struct dpclient_counters *d = dpclient_counters(p->dp);
	int error = proxy_stats(p->proxy, stats);
#define PCSCF_ADD(name, help) error = error ? error : add(stats, #name, p->counters.name);
	PCSCF_COUNTERS(PCSCF_ADD)
#undef PCSCF_ADD
	const struct {
		const char *name;
		uint64_t value;
	} rest[] = {
		{ "register_waiting", backlog_count(p->backlog) },
		{ "ues", ues_count(p->ues) },
		{ "sets_temporary", ues_count_sets(p->ues, SET_TEMPORARY) },
		{ "sets_established", ues_count_sets(p->ues, SET_ESTABLISHED) },
		{ "sets_old", ues_count_sets(p->ues, SET_OLD) },
		{ "sets_ending", ues_count_sets(p->ues, SET_ENDING) },
		{ "dataplane_ready", dpclient_is_ready(p->dp) },
		{ "dataplane_connected", d->connected },
		{ "sets_installed", d->installed },
		{ "sets_install_failed", d->install_failed },
		{ "sets_deleted", d->deleted },
		{ "dataplane_postponed", d->postponed },
		{ "sets_expired", d->expired },
		{ "sets_orphaned", p->n_orphans },
		{ "state_commits", statefile_counters(p->file)->commits },
		{ "state_commits_failed", statefile_counters(p->file)->commits_failed },
		{ "state_rows", statefile_counters(p->file)->rows },
	};
	for (unsigned i = 0; i < sizeof(rest) / sizeof(rest[0]) && !error; i++)
		error = add(stats, rest[i].name, rest[i].value);
	return error;
}

static int add_watches(const struct pcscf *p, json_t *stats)
{
	static const struct watch_counters none;
	const struct watch_counters *c = p->watches ? watches_counters(p->watches) : &none;
	const struct {
		const char *name;
		uint64_t value;
	} all[] = {
		{ "subscription", p->watches ? watches_count(p->watches) : 0 },
		{ "subscribe_tx", c->subscribe_tx },
		{ "subscribe_failed", c->subscribe_failed },
		{ "subscription_restored", c->restored },
		{ "notify_rx", c->notify_rx },
		{ "notify_refused", c->notify_refused },
		{ "registration_shortened", c->shortened },
		{ "registration_ended_by_network", c->ended },
	};
	int error = 0;
	for (unsigned i = 0; i < sizeof(all) / sizeof(all[0]) && !error; i++)
		error = add(stats, all[i].name, all[i].value);
	return error;
}

static json_t *stats(void *self)
{
	json_t *object = json_object();
	if (object && (add_all(self, object) || add_watches(self, object))) {
		json_decref(object);
		return NULL;
	}
	return object;
}

const struct role pcscf_role = {
	.name = "pcscf",
	.start = start,
	.stop = stop,
	.registrations = registrations,
	.stats = stats,
};
