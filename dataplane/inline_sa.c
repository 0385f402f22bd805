#include "dataplane/inline_sa.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>
#include <rte_errno.h>
#include <rte_malloc.h>

#include "crypto/wipe.h"
#include "dataplane/queue.h"
#include "dataplane/sa_control.h"
#include "dataplane/steer.h"
#include "dataplane/table_memory.h"
#include "dataplane/worker.h"

enum {
	/*
	 * A turn takes a burst from a queue, from a ring between workers, or empties it; a grace
	 * period is a turn at least. One more for the burst that waits, one for the turn that runs.
	 */
	DRAIN_GRACES = QUEUE_RX_DESCRIPTORS / WORKER_BURST + STEER_RING_PKTS / WORKER_BURST + 2,
	/* What is in a send queue: 1024 frames of 1500 bytes take 12 ms at 1 Gbit/s; and flow
	 * control. */
	DRAIN_MS = 100,
	RULE_RETRY_MS = 1000,
	/* What the cpu may send under an SA while a session is made: at 10 million a second, 6 ms.
	 */
	SEQUENCE_GAP = 1 << 16,
};

static unsigned class_of(uint8_t suite, uint8_t mode)
{
	return 2u * suite + (mode != API_TRANSPORT);
}

void inline_class_text(unsigned class, char *text, size_t n_bytes)
{
	snprintf(text, n_bytes, "%s, %s", inline_suite_name((enum crypto_suite)(class / 2)),
		 class % 2 ? "tunnel" : "transport");
}

/*
 * Behind UDP (port 4500) no port finds it; and of an extended sequence number a port would have to
 * be told the upper half, packet by packet.
 */
static const struct inline_capability *capability_of(const struct inline_port *p,
						     const struct sa *sa)
{
	static const struct inline_capability none;
	if (!p->pool || sa->id.esn || (sa->rest.tunnel && sa->rest.tunnel->local_port_be))
		return &none;
	return &p->capability[class_of(sa->id.suite, sa->id.mode)][sa->id.direction == API_OUT];
}

static void set_backend(struct sa *sa, enum crypto_backend backend)
{
	/* partner: inline_session_of(), inline_judge() */
	atomic_store_explicit(&sa->id.backend, (uint8_t)backend, memory_order_release);
}

static bool is_inline(const struct sa *sa)
{
	return atomic_load_explicit(&sa->id.backend, memory_order_relaxed) >= CRYPTO_INLINE;
}

/* ---- opening ---- */

static bool ask_classes(struct inline_port *p, bool *needs_auth_key)
{
	bool any = false;
	for (unsigned c = 0; c < INLINE_CLASSES; c++) {
		for (unsigned out = 0; out < 2; out++) {
			struct inline_class class = {
				.suite = (uint8_t)(c / 2),
				.mode = c % 2 ? API_TUNNEL : API_TRANSPORT,
				.direction = out ? API_OUT : API_IN,
			};
			p->capability[c][out] = inline_capability(p->of->security, class);
			if (!p->capability[c][out].is_there)
				continue;
			any = true;
			*needs_auth_key |= inline_needs_auth_key((enum crypto_suite) class.suite);
		}
	}
	return any;
}

static int open_port(struct inline_table *t, struct inline_port *p, uint32_t limit,
		     bool *needs_auth_key)
{
	char name[RTE_MEMPOOL_NAMESIZE];
	if (!p->of->security || !limit || !ask_classes(p, needs_auth_key))
		return 0;
	snprintf(name, sizeof(name), "inline%u", p->of->port);
	p->pool = rte_mempool_create(name, limit, rte_security_session_get_size(p->of->security), 0,
				     0, NULL, NULL, NULL, NULL, SOCKET_ID_ANY, 0);
	if (!p->pool)
		return -ENOMEM;
	p->limit = limit;
	t->n_max += limit;
	return 0;
}

static int open_sessions(struct inline_table *t, bool needs_auth_key)
{
	uint32_t capacity = t->sas->capacity;
	t->of_slot = table_memory_alloc("inline", (size_t)capacity * sizeof(*t->of_slot));
	t->session = rte_zmalloc("inline", (t->n_max + 1) * sizeof(*t->session), SA_LINE_BYTES);
	t->free = calloc(t->n_max, sizeof(*t->free));
	if (needs_auth_key)
		t->auth_key = table_memory_map((size_t)capacity * sizeof(*t->auth_key));
	if (!t->of_slot || !t->session || !t->free || (needs_auth_key && !t->auth_key))
		return -ENOMEM;
	for (uint32_t i = t->n_max; i > 0; i--)
		t->free[t->n_free++] = i;
	return 0;
}

int inline_open(struct inline_table *t, struct offload *offload, const struct zones *zones,
		struct sa_table *sas, const struct steer *steer, const struct inline_config *config)
{
	bool needs_auth_key = false;
	int rc = 0;
	memset(t, 0, sizeof(*t));
	t->offload = offload;
	t->sas = sas;
	t->promote_pps = config->promote_pps;
	for (uint32_t i = 0; i < offload->n_ports && rc == 0; i++) {
		struct inline_port *p = &t->port[t->n_ports++];
		p->of = &offload->port[i];
		rc = open_port(t, p, config->sessions_per_port, &needs_auth_key);
		for (uint32_t z = 0; z < zones->n; z++) {
			if (zones->zone[z].network_port == p->of->port)
				t->port_of_zone[z] = (uint16_t)i;
		}
	}
	if (rc == 0 && t->n_max)
		rc = open_sessions(t, needs_auth_key);
	if (rc == 0)
		rc = spi_rules_open(&t->rules, offload, zones, sas, steer, config->rules_per_port);
	if (rc == 0 && (t->n_max || t->rules.n_max)) {
		rc = inline_scan_open(t);
		sas->inlined = t;
	}
	if (rc < 0) {
		inline_close(t);
		return rc;
	}
	return 0;
}

/* ---- a session ---- */

static void release(struct inline_table *t, struct inline_session *s)
{
	struct inline_port *p = &t->port[s->port];
	rte_security_session_destroy(s->context, s->session);
	p->n_sessions--;
	p->n_of_class[s->class]--;
	if (p->full_at > p->n_sessions)
		p->full_at = 0;
	t->of_slot[s->slot] = 0;
	t->free[t->n_free++] = (uint32_t)(s - t->session);
	memset(s, 0, sizeof(*s));
}

/* first_sequence: of inline protocol, else 0. */
static void *create(struct inline_table *t, struct inline_port *p, const struct sa *sa,
		    uint32_t slot, uint64_t first_sequence)
{
	struct inline_class class = { .suite = sa->id.suite,
				      .mode = sa->id.mode,
				      .direction = sa->id.direction };
	struct inline_transform transform;
	bool in = class.direction == API_IN;
	inline_transform(&transform, class, &sa->key, t->auth_key ? t->auth_key[slot] : NULL);
	struct rte_security_session_conf conf = {
		.action_type = first_sequence ? RTE_SECURITY_ACTION_TYPE_INLINE_PROTOCOL
					      : RTE_SECURITY_ACTION_TYPE_INLINE_CRYPTO,
		.protocol = RTE_SECURITY_PROTOCOL_IPSEC,
		.ipsec = {
			.esn = { .value = first_sequence },
			.spi = sa->rest.spi,
			.salt = inline_salt((enum crypto_suite)class.suite, &sa->key),
			.direction = in ? RTE_SECURITY_IPSEC_SA_DIR_INGRESS
					: RTE_SECURITY_IPSEC_SA_DIR_EGRESS,
			.proto = RTE_SECURITY_IPSEC_SA_PROTO_ESP,
			.mode = class.mode == API_TRANSPORT ? RTE_SECURITY_IPSEC_SA_MODE_TRANSPORT
							    : RTE_SECURITY_IPSEC_SA_MODE_TUNNEL,
		},
		.crypto_xform = transform.xform,
	};
	return rte_security_session_create(p->of->security, &conf, p->pool);
}

/*
 * The port's rule: ESP of this SPI to the session, and to the queue of the owner where RSS would
 * not bring it there. Drivers differ in whether a queue may or must follow the security action: the
 * other way is tried too.
 */
static bool make_rule(struct inline_table *t, const struct sa *sa, struct inline_session *s)
{
	const struct offload_ops *ops = t->offload->ops;
	struct inline_port *p = &t->port[s->port];
	uint16_t owned = spi_rule_queue(&t->rules, s->port, sa);
	const struct rte_flow_attr attr = { .ingress = 1 };
	const struct rte_flow_action_queue queue = { .index = owned == ZONE_NO_QUEUE ? 0 : owned };
	const struct rte_flow_action alone[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_SECURITY, .conf = s->session },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	const struct rte_flow_action to_queue[] = {
		{ .type = RTE_FLOW_ACTION_TYPE_SECURITY, .conf = s->session },
		{ .type = RTE_FLOW_ACTION_TYPE_QUEUE, .conf = &queue },
		{ .type = RTE_FLOW_ACTION_TYPE_END },
	};
	struct offload_esp_pattern pattern;
	struct rte_flow_error error = { 0 };
	const struct tunnel *tunnel = sa->rest.tunnel;
	bool is_steered = spi_rule_is_wanted(&t->rules, s->port) && owned != ZONE_NO_QUEUE;
	offload_esp_pattern(&pattern, tunnel ? tunnel->family : sa->id.family,
			    tunnel ? tunnel->local : t->sas->locals->entry[sa->id.local].address, 0,
			    sa->rest.spi);
	for (unsigned i = 0; i < 2 && !s->rule; i++) {
		bool has_queue = (i == 0) == is_steered;
		s->queue = has_queue ? owned : ZONE_NO_QUEUE;
		s->rule = ops->flow_create(p->of->port, &attr, pattern.item,
					   has_queue ? to_queue : alone, &error);
	}
	if (!s->rule)
		snprintf(p->refusal, sizeof(p->refusal), "rule refused: %s",
			 error.message ? error.message : "no reason given");
	return s->rule;
}

/* The port has said no: with so many sessions it is full, whatever the configuration allows. */
static int refused(struct inline_port *p, int rc)
{
	p->n_refused++;
	p->full_at = p->n_sessions;
	return rc;
}

static void begin_end(struct inline_table *t, struct inline_session *s, enum inline_phase phase,
		      uint32_t n_graces, uint32_t ms)
{
	s->phase = (uint8_t)phase;
	/* The grace period that runs has begun before: it does not count. */
	s->until_grace = t->n_graces + t->grace_runs + n_graces;
	s->until_tsc = t->now_tsc + ms * (rte_get_tsc_hz() / 1000);
}

int inline_promote(struct inline_table *t, uint32_t slot)
{
	if (!t->n_max)
		return -ENOTSUP;
	struct sa *sa = &t->sas->sa[slot];
	struct inline_port *p = &t->port[t->port_of_zone[sa->id.zone]];
	if (atomic_load_explicit(&sa->id.backend, memory_order_relaxed) != CRYPTO_CPU ||
	    t->of_slot[slot])
		return -EALREADY;
	const struct inline_capability *can = capability_of(p, sa);
	if (!can->is_there)
		return -ENOTSUP;
	if (p->n_sessions == p->limit || (p->full_at && p->n_sessions >= p->full_at))
		return -ENOSPC;
	uint64_t first = can->is_protocol ? sa->run.replay.top + 1 + SEQUENCE_GAP : 0;
	/* A jump must not miss the event, nor come near the end. */
	if (first >= SA_SEQUENCE_EVENT)
		return -ENOTSUP;
	if (!spi_rule_remove(&t->rules, slot))
		return -EBUSY;
	void *made = create(t, p, sa, slot, first);
	if (!made) {
		snprintf(p->refusal, sizeof(p->refusal), "session refused");
		return refused(p, -EIO);
	}
	uint32_t number = t->free[--t->n_free];
	struct inline_session *s = &t->session[number];
	*s = (struct inline_session){
		.context = p->of->security,
		.session = made,
		.needs_metadata = can->needs_metadata,
		.is_protocol = can->is_protocol,
		.first_sequence = first,
		.phase = INLINE_LIVE,
		.direction = sa->id.direction,
		.class = (uint8_t)class_of(sa->id.suite, sa->id.mode),
		.port = (uint16_t)(p - t->port),
		.slot = slot,
		.busy = { .n_pkts = sa->run.n_pkts },
	};
	p->n_sessions++;
	p->n_of_class[s->class]++;
	t->of_slot[slot] = number;
	set_backend(sa, can->is_protocol ? CRYPTO_INLINE_PROTOCOL : CRYPTO_INLINE);
	if (s->direction == API_OUT)
		return 0;
	if (make_rule(t, sa, s))
		return 0;
	set_backend(sa, CRYPTO_CPU);
	t->n_ending++;
	begin_end(t, s, INLINE_LAST_GRACE, 1, 0);
	return refused(p, -EIO);
}

/* ---- its end ---- */

/* The first step: nothing new comes to the session. */
static void end(struct inline_table *t, struct inline_session *s)
{
	struct rte_flow_error error = { 0 };
	if (s->rule &&
	    t->offload->ops->flow_destroy(t->port[s->port].of->port, s->rule, &error) < 0) {
		begin_end(t, s, INLINE_RULE_STAYS, 0, RULE_RETRY_MS);
		return;
	}
	s->rule = NULL;
	begin_end(t, s, INLINE_DRAINING, DRAIN_GRACES, DRAIN_MS);
}

static void step(struct inline_table *t, struct inline_session *s)
{
	if (t->n_graces < s->until_grace || t->now_tsc < s->until_tsc)
		return;
	if (s->phase == INLINE_RULE_STAYS) {
		end(t, s);
	} else if (s->phase == INLINE_DRAINING && !s->is_orphan &&
		   is_inline(&t->sas->sa[s->slot])) {
		set_backend(&t->sas->sa[s->slot], CRYPTO_CPU);
		begin_end(t, s, INLINE_LAST_GRACE, 1, 0);
	} else {
		uint32_t slot = s->slot;
		bool is_awaited = s->is_orphan && sa_is_live(t->sas, slot);
		release(t, s);
		t->n_ending--;
		if (is_awaited)
			inline_published(t, slot);
	}
}

int inline_demote(struct inline_table *t, uint32_t slot)
{
	struct inline_session *s = &t->session[t->of_slot[slot]];
	if (!t->of_slot[slot] || s->phase != INLINE_LIVE)
		return -ENOENT;
	if (s->direction == API_OUT)
		set_backend(&t->sas->sa[slot], CRYPTO_CPU);
	t->n_ending++;
	end(t, s);
	return 0;
}

void inline_retire(struct inline_table *t, uint32_t slot)
{
	spi_rule_remove(&t->rules, slot);
	uint32_t number = t->n_max ? t->of_slot[slot] : 0;
	if (!number || t->session[number].is_orphan)
		return;
	set_backend(&t->sas->sa[slot], CRYPTO_CPU);
	if (t->session[number].phase != INLINE_LIVE)
		return; /* it ends already */
	t->n_ending++;
	end(t, &t->session[number]);
}

void inline_wipe(struct inline_table *t, uint32_t slot)
{
	if (t->auth_key)
		wipe(t->auth_key[slot], sizeof(t->auth_key[slot]));
	if (t->n_max && t->of_slot[slot])
		t->session[t->of_slot[slot]].is_orphan = true;
}

static void count_grace(struct inline_table *t)
{
	struct rte_rcu_qsbr *rcu = t->sas->rcu;
	if (t->grace_runs) {
		if (rte_rcu_qsbr_check(rcu, t->grace_token, false) != 1)
			return;
		t->n_graces++;
	}
	t->grace_runs = t->n_ending;
	if (t->grace_runs)
		t->grace_token = rte_rcu_qsbr_start(rcu);
}

/*
 * Buckets have moved: rules that name a queue are made anew for the new owner's. What comes in
 * between, without a rule, is the cpu's.
 */
static void follow_owners(struct inline_table *t)
{
	for (uint32_t i = 1; i <= t->n_max; i++) {
		struct inline_session *s = &t->session[i];
		struct rte_flow_error error = { 0 };
		if (s->phase != INLINE_LIVE || !s->rule || s->queue == ZONE_NO_QUEUE)
			continue;
		const struct sa *sa = &t->sas->sa[s->slot];
		if (spi_rule_queue(&t->rules, s->port, sa) == s->queue ||
		    t->offload->ops->flow_destroy(t->port[s->port].of->port, s->rule, &error) < 0)
			continue;
		s->rule = NULL;
		if (make_rule(t, sa, s))
			continue;
		refused(&t->port[s->port], -EIO);
		inline_demote(t, s->slot);
	}
}

void inline_turn(struct inline_table *t, uint64_t now_tsc)
{
	if (!t->n_max && !t->rules.n_max)
		return;
	t->now_tsc = now_tsc;
	spi_rules_turn(&t->rules, now_tsc);
	if (spi_rules_have_moved(&t->rules, &t->generation))
		follow_owners(t);
	if (t->n_ending || t->grace_runs) {
		count_grace(t);
		for (uint32_t i = 1; i <= t->n_max; i++) {
			if (t->session[i].phase > INLINE_LIVE)
				step(t, &t->session[i]);
		}
	}
	inline_scan(t);
}

void inline_close(struct inline_table *t)
{
	for (uint32_t i = 1; i <= t->n_max && t->session; i++) {
		struct inline_session *s = &t->session[i];
		struct rte_flow_error error;
		if (s->rule)
			t->offload->ops->flow_destroy(t->port[s->port].of->port, s->rule, &error);
		if (s->phase != INLINE_FREE)
			rte_security_session_destroy(s->context, s->session);
	}
	for (uint32_t i = 0; i < t->n_ports; i++)
		rte_mempool_free(t->port[i].pool);
	if (t->auth_key)
		wipe(t->auth_key, (size_t)t->sas->capacity * sizeof(*t->auth_key));
	table_memory_unmap(t->auth_key, (size_t)t->sas->capacity * sizeof(*t->auth_key));
	table_memory_free(t->of_slot, (size_t)t->sas->capacity * sizeof(*t->of_slot));
	rte_free(t->session);
	free(t->free);
	inline_scan_close(t);
	spi_rules_close(&t->rules);
	if (t->sas->inlined == t)
		t->sas->inlined = NULL;
	memset(t, 0, sizeof(*t));
}

/* ---- what the SA table tells ---- */

void inline_stage(struct inline_table *t, uint32_t slot, const struct api_set *set)
{
	const struct sa *sa = &t->sas->sa[slot];
	struct inline_port *p = &t->port[t->port_of_zone[sa->id.zone]];
	if (inline_needs_auth_key((enum crypto_suite)sa->id.suite) &&
	    capability_of(p, sa)->is_there)
		memcpy(t->auth_key[slot], set->auth_key, sizeof(t->auth_key[slot]));
}

/* A tunnel carries the traffic of many: it does not have to show first that it has some. */
void inline_published(struct inline_table *t, uint32_t slot)
{
	if (t->sas->sa[slot].id.mode == API_TUNNEL && inline_promote(t, slot) < 0)
		spi_rule_add(&t->rules, slot);
}
