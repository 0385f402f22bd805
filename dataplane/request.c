#include "dataplane/request.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "crypto/wipe.h"
#include "dataplane/clock.h"
#include "dataplane/request_impl.h"

/* ---- the requests ---- */

static bool owns_nothing(const struct control *c, uint32_t owner)
{
	return !set_count_sas(&c->sets, owner) && !sa_n_reserved(c->sas, owner) &&
	       !tunnel_count(&c->sas->tunnels, owner);
}

/* SAs; 0 = no bound. */
static uint32_t quota_of(const struct control *c, const char *name)
{
	for (uint32_t i = 0; i < c->n_quotas; i++) {
		if (strcmp(c->quotas[i].client, name) == 0)
			return c->quotas[i].max_sas;
	}
	return 0;
}

void control_set_quotas(struct control *c, const struct config_dataplane *config)
{
	c->quotas = config->quotas;
	c->n_quotas = config->n_quotas;
	for (uint32_t i = 1; i <= CONTROL_MAX_CLIENTS; i++)
		c->sets.owner[i].max_sas = quota_of(c, c->owner[i].name);
}

static uint32_t owner_number(struct control *c, const char *name)
{
	uint32_t vacant = 0;
	for (uint32_t i = 1; i <= CONTROL_MAX_CLIENTS; i++) {
		struct control_owner *o = &c->owner[i];
		if (strcmp(o->name, name) == 0)
			return i;
		/* A name that nobody uses and that owns nothing makes room for another. */
		if (!vacant && !o->n_connections && (!o->name[0] || owns_nothing(c, i)))
			vacant = i;
	}
	if (!vacant)
		return 0;
	memcpy(c->owner[vacant].name, name, API_NAME_BYTES);
	c->sets.owner[vacant] = (struct set_owner){ .max_sas = quota_of(c, name) };
	return vacant;
}

static int on_hello(struct call *call)
{
	struct control *c = call->control;
	struct api_hello hello;
	memcpy(&hello, call->in, sizeof(hello));
	if (call->n_in != 1 || !hello.name[0] || !memchr(hello.name, 0, sizeof(hello.name)))
		return -EINVAL;
	if (call->client->owner)
		return -EALREADY;
	/* Behind the NUL: nothing, so that equal names are equal bytes. */
	struct api_hello reply = { .capacity = c->sas->capacity, .n_free = c->sas->n_free };
	snprintf(reply.name, sizeof(reply.name), "%s", hello.name);
	reply.owner = owner_number(c, reply.name);
	if (!reply.owner)
		return -EUSERS;
	reply.n_adopted = set_count_sas(&c->sets, reply.owner);
	call->client->owner = reply.owner;
	c->owner[reply.owner].n_connections++;
	memcpy(call->out, &reply, sizeof(reply));
	call->n_out = 1;
	call->out_bytes = sizeof(reply);
	return 0;
}

/* Appends one result of a request with many entries. */
static void put_result(struct call *call, const struct api_set_result *result)
{
	memcpy(call->out + call->out_bytes, result, sizeof(*result));
	call->out_bytes += sizeof(*result);
	call->n_out++;
}

/* The next entries of the request, a batch at most: copied, as they may lie unaligned. */
static uint32_t take_batch(struct call *call, void *entries, uint32_t entry_bytes)
{
	uint32_t n = call->n_in - call->n_taken;
	if (n > SET_BATCH)
		n = SET_BATCH;
	memcpy(entries, call->in + (size_t)call->n_taken * entry_bytes, (size_t)n * entry_bytes);
	call->n_taken += n;
	return n;
}

/* Half of the numbers may be gone when an SA comes: its owner hears it all the same. */
static void note_half_used(struct call *call, const struct api_set *set)
{
	struct control *c = call->control;
	bool any = false;
	for (unsigned i = 0; i < API_SET_SAS; i++)
		any = any || set->sa[i].sequence >= SA_SEQUENCE_EVENT;
	if (any && c->n_due + API_SET_SAS <= CONTROL_MAX_DUE)
		c->n_due += set_half_used(&c->sets, set->registration, call->client->owner,
					  &c->due[c->n_due]);
}

static int on_set_install(struct call *call)
{
	struct set_table *sets = &call->control->sets;
	struct api_set set[SET_BATCH];
	for (uint32_t n; (n = take_batch(call, set, sizeof(set[0])));) {
		set_prefetch_install(sets, set, n, call->client->owner, call->now_s);
		for (uint32_t i = 0; i < n; i++) {
			struct api_set_result result;
			set_install(sets, &set[i], NULL, call->client->owner, call->now_s, &result);
			put_result(call, &result);
			if (result.status == 0)
				note_half_used(call, &set[i]);
		}
	}
	wipe(set, sizeof(set));
	return 0;
}

static int on_set_restore(struct call *call)
{
	for (uint32_t i = 0; i < call->n_in; i++) {
		struct api_set_restore restore;
		struct api_set_result result;
		memcpy(&restore, call->in + i * sizeof(restore), sizeof(restore));
		set_install(&call->control->sets, &restore.set,
			    (const uint64_t(*)[API_WINDOW_WORDS])restore.window,
			    call->client->owner, call->now_s, &result);
		put_result(call, &result);
		if (result.status == 0)
			note_half_used(call, &restore.set);
		wipe(&restore, sizeof(restore));
	}
	return 0;
}

static int on_set_update(struct call *call)
{
	for (uint32_t i = 0; i < call->n_in; i++) {
		struct api_set_update update;
		memcpy(&update, call->in + i * sizeof(update), sizeof(update));
		struct api_set_result result = { .registration = update.registration };
		result.status =
			update.reserved
				? -EINVAL
				: set_update(&call->control->sets, update.registration,
					     call->client->owner, update.lifetime_s, call->now_s);
		put_result(call, &result);
	}
	return 0;
}

static int on_set_delete(struct call *call)
{
	struct set_table *sets = &call->control->sets;
	uint32_t owner = call->client->owner;
	struct api_set_id id[SET_BATCH];
	for (uint32_t n; (n = take_batch(call, id, sizeof(id[0])));) {
		set_prefetch_delete(sets, id, n, owner);
		for (uint32_t i = 0; i < n; i++) {
			struct api_set_result result = { .registration = id[i].registration };
			result.status = id[i].reserved ? -EINVAL
						       : set_delete(sets, id[i].registration, owner,
								    id[i].grace_s, call->now_s);
			put_result(call, &result);
		}
	}
	sa_grace(call->control->sas);
	return 0;
}

static int freeze_or_thaw(struct call *call,
			  int (*change)(struct set_table *t, uint64_t registration, uint32_t owner))
{
	for (uint32_t i = 0; i < call->n_in; i++) {
		struct api_set_id id;
		memcpy(&id, call->in + i * sizeof(id), sizeof(id));
		struct api_set_result result = { .registration = id.registration };
		result.status = id.reserved || id.grace_s
					? -EINVAL
					: change(&call->control->sets, id.registration,
						 call->client->owner);
		put_result(call, &result);
	}
	return 0;
}

static int on_set_freeze(struct call *call)
{
	return freeze_or_thaw(call, set_freeze);
}

static int on_set_thaw(struct call *call)
{
	return freeze_or_thaw(call, set_thaw);
}

static int on_set_export(struct call *call)
{
	for (uint32_t i = 0; i < call->n_in; i++) {
		struct api_set_id id;
		memcpy(&id, call->in + i * sizeof(id), sizeof(id));
		struct api_set_state state = { .registration = id.registration };
		state.status = id.reserved || id.grace_s
				       ? -EINVAL
				       : set_export(&call->control->sets, id.registration,
						    call->client->owner, call->now_s, &state);
		memcpy(call->out + call->out_bytes, &state, sizeof(state));
		call->out_bytes += sizeof(state);
		call->n_out++;
	}
	return 0;
}

static struct api_sa_info info_of(const struct sa_table *t, uint32_t slot, uint32_t now_s)
{
	const struct sa *sa = &t->sa[slot];
	uint32_t expires_s = atomic_load_explicit(&sa->id.expires_s, memory_order_relaxed);
	struct api_sa_info info = {
		.registration = sa->rest.registration,
		.owner = sa->rest.owner,
		.spi = sa_spi(t, slot),
		.slot = slot,
		.lifetime_s = expires_s > now_s ? expires_s - now_s : 0,
		.zone = sa->id.zone,
		.local_port = __builtin_bswap16(sa->id.local_port_be),
		.peer_port = __builtin_bswap16(sa->id.peer_port_be),
		.family = sa->id.family,
		.direction = sa->id.direction,
		.mode = sa->id.mode,
		.integrity = sa->rest.integrity,
		.cipher = sa->rest.cipher,
		.n_pkts = sa->run.n_pkts,
		.n_bytes = sa->run.n_bytes,
		.sequence = sa->run.replay.top,
	};
	memcpy(info.local.bytes, t->locals->entry[sa->id.local].address, 16);
	memcpy(info.peer.bytes, sa->rest.peer, 16);
	return info;
}

static int on_sa_list(struct call *call)
{
	const struct sa_table *t = call->control->sas;
	struct api_cursor cursor;
	if (call->n_in != 1)
		return -EINVAL;
	memcpy(&cursor, call->in, sizeof(cursor));
	if (cursor.next >= t->capacity)
		return -EINVAL;
	uint32_t slot = cursor.next, end = slot + LIST_SLOTS_MAX;
	uint32_t room = API_MESSAGE_BYTES - sizeof(struct api_header);
	call->out_bytes = sizeof(cursor);
	for (; slot < t->capacity && slot < end; slot++) {
		if (call->out_bytes + sizeof(struct api_sa_info) > room)
			break;
		if (!sa_is_live(t, slot) ||
		    (cursor.owner && t->sa[slot].rest.owner != cursor.owner))
			continue;
		struct api_sa_info info = info_of(t, slot, call->now_s);
		memcpy(call->out + call->out_bytes, &info, sizeof(info));
		call->out_bytes += sizeof(info);
		call->n_out++;
	}
	cursor.next = slot < t->capacity ? slot : 0;
	memcpy(call->out, &cursor, sizeof(cursor));
	call->n_out++; /* the cursor is the first entry */
	return 0;
}

static int on_sa_export(struct call *call)
{
	const struct sa_table *t = call->control->sas;
	struct api_sa_id id;
	if (call->n_in != 1)
		return -EINVAL;
	memcpy(&id, call->in, sizeof(id));
	if (id.slot >= t->capacity || !sa_is_live(t, id.slot) || sa_spi(t, id.slot) != id.spi)
		return -ENOENT;
	if (t->sa[id.slot].rest.owner != call->client->owner)
		return -EPERM;
	struct api_sa_state state = { .id = id };
	sa_export(t, id.slot, &state);
	memcpy(call->out, &state, sizeof(state));
	call->n_out = 1;
	call->out_bytes = sizeof(state);
	return 0;
}

static int on_spi_reserve(struct call *call)
{
	struct api_spi_range range;
	if (call->n_in != 1)
		return -EINVAL;
	memcpy(&range, call->in, sizeof(range));
	uint32_t room = (API_MESSAGE_BYTES - sizeof(struct api_header)) / sizeof(range);
	if (range.spi || !range.n_spis || range.n_spis > room)
		return -EINVAL;
	if (!set_room(&call->control->sets, call->client->owner))
		return -EDQUOT;
	for (uint32_t i = 0; i < range.n_spis; i++) {
		if (!set_room(&call->control->sets, call->client->owner))
			break; /* fewer than wanted: the reply's number says so */
		struct api_spi_range one = { .n_spis = 1 };
		one.spi = sa_reserve_spi(call->control->sas, call->client->owner);
		if (!one.spi)
			break; /* likewise */
		memcpy(call->out + call->out_bytes, &one, sizeof(one));
		call->out_bytes += sizeof(one);
		call->n_out++;
	}
	return call->n_out ? 0 : -ENOSPC;
}

static int on_spi_release(struct call *call)
{
	int rc = 0;
	for (uint32_t i = 0; i < call->n_in; i++) {
		struct api_spi_range range;
		memcpy(&range, call->in + i * sizeof(range), sizeof(range));
		int one = range.n_spis == 1 ? sa_release_spi(call->control->sas, range.spi,
							     call->client->owner)
					    : -EINVAL;
		if (one < 0)
			rc = one;
	}
	return rc;
}

static int on_owner_list(struct call *call)
{
	const struct control *c = call->control;
	for (uint32_t i = 1; i <= CONTROL_MAX_CLIENTS; i++) {
		const struct control_owner *o = &c->owner[i];
		const struct set_owner *has = &c->sets.owner[i];
		if (!o->name[0])
			continue;
		struct api_owner_info info = { .owner = i,
					       .n_connections = o->n_connections,
					       .n_sets = has->n_sets,
					       .n_sas = has->n_sas,
					       .n_reserved = sa_n_reserved(c->sas, i),
					       .max_sas = has->max_sas,
					       .n_over_quota = has->n_over_quota };
		memcpy(info.name, o->name, sizeof(info.name));
		memcpy(call->out + call->out_bytes, &info, sizeof(info));
		call->out_bytes += sizeof(info);
		call->n_out++;
	}
	return 0;
}

/* ---- the message ---- */

static const struct {
	int (*handle)(struct call *call);
	uint32_t in_bytes;  /* of an entry of the request */
	uint32_t out_bytes; /* of a reply's entry, for one entry of the request; 0 = its own care */
} calls[] = {
	[API_HELLO] = { on_hello, sizeof(struct api_hello), 0 },
	[API_SET_INSTALL] = { on_set_install, sizeof(struct api_set),
			      sizeof(struct api_set_result) },
	[API_SET_RESTORE] = { on_set_restore, sizeof(struct api_set_restore),
			      sizeof(struct api_set_result) },
	[API_SET_UPDATE] = { on_set_update, sizeof(struct api_set_update),
			     sizeof(struct api_set_result) },
	[API_SET_DELETE] = { on_set_delete, sizeof(struct api_set_id),
			     sizeof(struct api_set_result) },
	[API_SET_FREEZE] = { on_set_freeze, sizeof(struct api_set_id),
			     sizeof(struct api_set_result) },
	[API_SET_THAW] = { on_set_thaw, sizeof(struct api_set_id), sizeof(struct api_set_result) },
	[API_SET_EXPORT] = { on_set_export, sizeof(struct api_set_id),
			     sizeof(struct api_set_state) },
	[API_SA_LIST] = { on_sa_list, sizeof(struct api_cursor), 0 },
	[API_SA_EXPORT] = { on_sa_export, sizeof(struct api_sa_id), 0 },
	[API_SPI_RESERVE] = { on_spi_reserve, sizeof(struct api_spi_range), 0 },
	[API_OWNER_LIST] = { on_owner_list, sizeof(struct api_cursor), 0 },
	[API_TUNNEL_INSTALL] = { on_tunnel_install, sizeof(struct api_tunnel),
				 sizeof(struct api_tunnel_result) },
	[API_TUNNEL_UPDATE] = { on_tunnel_update, sizeof(struct api_tunnel_update),
				sizeof(struct api_tunnel_result) },
	[API_TUNNEL_DELETE] = { on_tunnel_delete, sizeof(struct api_tunnel_id),
				sizeof(struct api_tunnel_result) },
	[API_TUNNEL_LIST] = { on_tunnel_list, sizeof(struct api_cursor), 0 },
	[API_RELOAD] = { on_reload, sizeof(struct api_reload), 0 },
	[API_SPI_RELEASE] = { on_spi_release, sizeof(struct api_spi_range), 0 },
};

static int check(const struct api_header *h, size_t n_bytes, const struct control_client *client)
{
	if (h->version != API_VERSION)
		return -EPROTO;
	if (h->type >= sizeof(calls) / sizeof(calls[0]) || !calls[h->type].handle)
		return -EOPNOTSUPP;
	uint32_t room = API_MESSAGE_BYTES - sizeof(*h);
	if (h->length_bytes != n_bytes || n_bytes > API_MESSAGE_BYTES || !h->n_entries ||
	    n_bytes != sizeof(*h) + (size_t)h->n_entries * calls[h->type].in_bytes ||
	    (size_t)h->n_entries * calls[h->type].out_bytes > room)
		return -EMSGSIZE;
	if (h->flags || h->status || !h->cookie)
		return -EINVAL;
	return client->owner || h->type == API_HELLO ? 0 : -EACCES;
}

uint32_t request_handle(struct control *c, struct control_client *client, const uint8_t *request,
			size_t n_bytes, uint8_t *reply)
{
	struct api_header h = { 0 };
	memcpy(&h, request, n_bytes < sizeof(h) ? n_bytes : sizeof(h));
	struct call call = {
		.control = c,
		.client = client,
		.now_s = clock_s(c->start_tsc),
		.in = request + sizeof(h),
		.n_in = h.n_entries,
		.out = reply + sizeof(h),
	};
	int rc = n_bytes < sizeof(h) ? -EMSGSIZE : check(&h, n_bytes, client);
	if (rc == 0)
		rc = calls[h.type].handle(&call);
	struct api_header answer = {
		.version = API_VERSION,
		.type = h.type,
		.n_entries = (uint16_t)(rc < 0 ? 0 : call.n_out),
		.status = rc,
		.length_bytes = (uint32_t)sizeof(h) + (rc < 0 ? 0 : call.out_bytes),
		.cookie = h.cookie,
		.flags = client->lost_events ? API_LOST_EVENTS : 0,
	};
	client->lost_events = false;
	memcpy(reply, &answer, sizeof(answer));
	return answer.length_bytes;
}
