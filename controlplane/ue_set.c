#include "controlplane/ue_set.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/dpclient.h"
#include "controlplane/transport.h"
#include "controlplane/ue_impl.h"

/* A set that is being installed is not in the file. */
static void touch(const struct sa_set *s)
{
	if (s->state != SET_INSTALLING)
		statefile_touch(s->ue->ues->file, &s->ue->kept);
}

static void set_state(struct sa_set *s, enum set_state state)
{
	s->ue->ues->n_sets[s->state]--;
	s->state = state;
	s->ue->ues->n_sets[state]++;
	touch(s);
}

static void set_lifetime(struct sa_set *s, uint32_t lifetime_s)
{
	struct loop *loop = s->ue->ues->loop;
	s->expires_ms = loop_now_ms(loop) + (uint64_t)lifetime_s * 1000;
	timer_set(loop, &s->timer, (uint64_t)lifetime_s * 1000);
	touch(s);
}

/* Before the tuples can be another's; the resets still find the SAs in the data plane. */
static void disconnect(const struct sa_set *s)
{
	struct address uc = s->ue->host, us = s->ue->host;
	uc.port = s->ports.uc;
	us.port = s->ports.us;
	transport_close(s->ports.ps, &uc);
	transport_close(s->ports.pc, &us);
}

void ue_set_forget(struct sa_set *s)
{
	struct ue *ue = s->ue;
	struct ues *u = ue->ues;
	disconnect(s);
	touch(s);
	timer_cancel(u->loop, &s->timer);
	table_remove(u->by_uc, &s->by_uc);
	table_remove(u->by_us, &s->by_us);
	u->n_sets[s->state]--;
	unsigned i = 0;
	while (ue->sets[i] != s)
		i++;
	memmove(&ue->sets[i], &ue->sets[i + 1], (ue->n_sets - i - 1) * sizeof(ue->sets[0]));
	ue->n_sets--;
	free(s->challenge);
	free(s);
	if (ue->n_sets == 0 && !ue->held)
		ue_free(ue);
}

/* The data plane has the set no longer. */
static void end_tunnel(const struct sa_set *s)
{
	if (s->outside.family)
		dpclient_delete_tunnel(s->ue->ues->dp, s->registration);
}

/* Also in the data plane, now or after the grace; here at once. */
static void drop(struct sa_set *s)
{
	disconnect(s);
	dpclient_delete(s->ue->ues->dp, s->registration, 0);
	end_tunnel(s);
	ue_set_forget(s);
}

static void on_lifetime(void *user)
{
	drop(user);
}

/* Gone after so many seconds at most; the data plane is told the same. */
static void retire(struct sa_set *s, enum set_state state, uint32_t grace_s)
{
	struct ues *u = s->ue->ues;
	uint64_t end_ms = loop_now_ms(u->loop) + (uint64_t)grace_s * 1000;
	set_state(s, state);
	if (s->expires_ms <= end_ms)
		return;
	set_lifetime(s, grace_s);
	dpclient_delete(u->dp, s->registration, grace_s);
}

/* The oldest set in a state; NULL. Sets are in the order they were made. */
static struct sa_set *first_in(const struct ue *ue, enum set_state state)
{
	for (unsigned i = 0; i < ue->n_sets; i++)
		if (ue->sets[i]->state == state)
			return ue->sets[i];
	return NULL;
}

/* A copy in one block; NULL: out of memory. */
static struct set_challenge *copy_challenge(const struct set_challenge *c)
{
	size_t client_bytes = strlen(c->client) + 1, nonce_bytes = strlen(c->nonce) + 1;
	struct set_challenge *copy = malloc(sizeof(*copy) + client_bytes + nonce_bytes);
	if (!copy)
		return NULL;
	char *texts = (char *)(copy + 1);
	*copy = *c;
	copy->client = memcpy(texts, c->client, client_bytes);
	copy->nonce = memcpy(texts + client_bytes, c->nonce, nonce_bytes);
	return copy;
}

/* `challenge` NULL: it was answered, or is not known. */
static int add_set(struct ue *ue, uint64_t registration, const struct set_ports *ports,
		   const struct set_challenge *challenge, struct sa_set **out)
{
	struct ues *u = ue->ues;
	struct sa_set *s = calloc(1, sizeof(*s));
	if (s && challenge)
		s->challenge = copy_challenge(challenge);
	if (!s || (challenge && !s->challenge)) {
		free(s);
		return -ENOMEM;
	}
	s->ue = ue;
	s->registration = registration;
	s->ports = *ports;
	s->state = SET_INSTALLING;
	u->n_sets[SET_INSTALLING]++;
	timer_init(&s->timer, on_lifetime, s);
	table_add(u->by_uc, &s->by_uc, ue_hash_tuple(u->by_uc, ue->zone, &ue->host, ports->uc, 0));
	table_add(u->by_us, &s->by_us,
		  ue_hash_tuple(u->by_us, ue->zone, &ue->host, ports->us, ports->pc->local.port));
	ue->sets[ue->n_sets++] = s;
	*out = s;
	return 0;
}

bool ue_set_may_go(const struct sa_set *s, const struct set_origin *origin)
{
	const struct set_challenge *c = s->challenge;
	return s->state == SET_TEMPORARY &&
	       (origin->is_protected || c->origin.call == origin->call ||
		loop_now_ms(s->ue->ues->loop) - c->begun_ms >= UE_ATTEMPT_S * 1000);
}

static unsigned count_in(const struct ue *ue, enum set_state state)
{
	unsigned n = 0;
	for (unsigned i = 0; i < ue->n_sets; i++)
		n += ue->sets[i]->state == state;
	return n;
}

/* What is least needed of a UE that has as many sets as it may; NULL: all is needed. */
static struct sa_set *least_needed(const struct ue *ue, const struct set_origin *origin)
{
	struct sa_set *ending = first_in(ue, SET_ENDING);
	if (ending)
		return ending;
	for (unsigned i = 0; i < ue->n_sets; i++)
		if (ue_set_may_go(ue->sets[i], origin))
			return ue->sets[i];
	bool spared = !origin->is_protected && count_in(ue, SET_OLD) == 1;
	return spared ? NULL : first_in(ue, SET_OLD);
}

static int make_room(struct ue *ue, const struct set_origin *origin)
{
	while (ue->n_sets >= UE_SETS) {
		struct sa_set *s = least_needed(ue, origin);
		if (!s)
			return -ENOSPC;
		drop(s);
	}
	return 0;
}

/* Temporary sets that a challenge of this origin ends: C-083 (b). */
static void drop_temporary(struct ue *ue, const struct set_origin *origin)
{
	for (unsigned i = ue->n_sets; i-- > 0;) {
		struct sa_set *s = ue->sets[i];
		if (s->state == SET_TEMPORARY &&
		    (origin->is_protected || s->challenge->origin.call == origin->call))
			drop(s);
	}
}

/* True: the tuple is free, or was of a set that could go. */
static bool free_tuple(struct sa_set *s, const struct ue *ue, const struct set_origin *origin)
{
	if (s && (s->ue != ue || !ue_set_may_go(s, origin)))
		return false;
	if (s)
		drop(s);
	return true;
}

static int replace_temporary(struct ue *ue, const struct set_challenge *challenge,
			     const struct set_ports *ports, struct sa_set **out)
{
	struct ues *u = ue->ues;
	const struct set_origin *origin = &challenge->origin;
	drop_temporary(ue, origin);
	if (!free_tuple(ue_set_by_uc(u, ue->zone, &ue->host, ports->uc), ue, origin) ||
	    !free_tuple(ue_set_by_us(u, ue->zone, &ue->host, ports->us, ports->pc), ue, origin))
		return -EADDRINUSE;
	int error = make_room(ue, origin);
	if (error)
		return error;
	uint64_t registration;
	do
		registration = ue->id << 16 | ++ue->next_number;
	while (ue_set_by_registration(u, registration));
	error = add_set(ue, registration, ports, challenge, out);
	if (!error)
		(*out)->challenge->begun_ms = loop_now_ms(u->loop);
	return error;
}

int ue_set_new(struct ue *ue, const struct set_challenge *challenge, const struct set_ports *ports,
	       struct sa_set **out)
{
	ue->held = true;
	int error = replace_temporary(ue, challenge, ports, out);
	ue->held = false;
	if (ue->n_sets == 0)
		ue_free(ue);
	return error;
}

void ue_set_confirmed(struct sa_set *s, uint32_t lifetime_s)
{
	drop_temporary(s->ue,
		       &s->challenge->origin); /* of a challenge that overlapped with this one */
	set_state(s, SET_TEMPORARY);
	set_lifetime(s, lifetime_s);
}

void ue_set_cancelled(struct sa_set *s)
{
	ue_set_forget(s);
}

void ue_set_unanswered(struct sa_set *s)
{
	drop(s);
}

void ue_set_expired(struct sa_set *s)
{
	end_tunnel(s);
	ue_set_forget(s);
}

void ue_set_failed(struct sa_set *s)
{
	retire(s, SET_ENDING, UE_FAILED_SET_S);
}

/* Lifetime = max(what the sets have left, expiry + margin): TS 33.203 7.4.2a. */
static void extend(struct sa_set *s, uint32_t expires_s)
{
	struct ues *u = s->ue->ues;
	uint64_t now_ms = loop_now_ms(u->loop);
	uint64_t longest_ms = now_ms + ((uint64_t)expires_s + UE_EXPIRY_MARGIN_S) * 1000;
	for (unsigned i = 0; i < s->ue->n_sets; i++) {
		const struct sa_set *other = s->ue->sets[i];
		if (other->state == SET_ESTABLISHED && other->expires_ms > longest_ms)
			longest_ms = other->expires_ms;
	}
	uint32_t lifetime_s = (uint32_t)((longest_ms - now_ms + 999) / 1000);
	set_lifetime(s, lifetime_s);
	dpclient_update(u->dp, s->registration, lifetime_s);
}

void ue_set_established(struct sa_set *s, uint32_t expires_s)
{
	struct ue *ue = s->ue;
	struct sa_set *before = ue_established(ue);
	bool is_protected = s->challenge && s->challenge->origin.is_protected;
	extend(s, expires_s);
	free(s->challenge);
	s->challenge = NULL;
	for (unsigned i = ue->n_sets; i-- > 0;) {
		struct sa_set *other = ue->sets[i];
		/* C-085; and whoever began another authentication was not this UE */
		if (other != s && (!is_protected || other->state == SET_TEMPORARY))
			drop(other);
	}
	if (before && is_protected)
		set_state(before, SET_OLD); /* C-086: until s is used, or its own end */
	set_state(s, SET_ESTABLISHED);
	s->used = first_in(ue, SET_OLD) == NULL; /* nothing older to fall back to */
}

void ue_sets_end(struct ue *ue)
{
	for (unsigned i = 0; i < ue->n_sets; i++)
		if (ue->sets[i]->state == SET_ESTABLISHED || ue->sets[i]->state == SET_OLD)
			retire(ue->sets[i], SET_ENDING, UE_OLD_SET_S);
}

void ue_set_shortened(struct sa_set *s, uint32_t lifetime_s)
{
	set_lifetime(s, lifetime_s);
	dpclient_update(s->ue->ues->dp, s->registration, lifetime_s);
}

void ue_set_refreshed(struct sa_set *s, uint32_t expires_s)
{
	/* The UE's last registration ended while this one was under way, which needs the SAs. */
	if (s->state == SET_ENDING && !s->challenge && !ue_established(s->ue))
		set_state(s, SET_ESTABLISHED);
	if (s->state == SET_ESTABLISHED)
		extend(s, expires_s);
}

void ue_set_used(struct sa_set *s)
{
	struct ue *ue = s->ue;
	if (s->state != SET_ESTABLISHED || s->used)
		return;
	s->used = true;
	touch(s);
	for (unsigned i = 0; i < ue->n_sets; i++)
		if (ue->sets[i]->state == SET_OLD)
			retire(ue->sets[i], SET_OLD, UE_OLD_SET_S);
}

int ue_set_adopt(struct ues *u, uint64_t registration, const struct address *host, uint16_t zone,
		 const struct set_ports *ports, uint32_t lifetime_s)
{
	struct ue *ue = ue_find(u, registration >> 16);
	if (!ue)
		ue = ue_new(u, registration >> 16, zone, host, "");
	if (!ue)
		return ues_count(u) < u->max ? -ENOMEM : -ENOSPC;
	struct sa_set *s;
	int error = ue->n_sets == UE_SETS ? -ENOSPC : add_set(ue, registration, ports, NULL, &s);
	if (error) {
		if (ue->n_sets == 0)
			ue_free(ue);
		return error;
	}
	uint16_t number = (uint16_t)registration;
	if ((int16_t)(number - ue->next_number) > 0)
		ue->next_number = number;
	set_state(s, SET_OLD);
	set_lifetime(s, lifetime_s);
	return 0;
}

int ue_set_restore(struct ue *ue, const struct sa_set *read)
{
	struct ues *u = ue->ues;
	struct sa_set *s;
	bool is_free = ue->n_sets < UE_SETS && read->state != SET_INSTALLING &&
		       !ue_set_by_registration(u, read->registration) &&
		       !ue_set_by_uc(u, ue->zone, &ue->host, read->ports.uc) &&
		       !ue_set_by_us(u, ue->zone, &ue->host, read->ports.us, read->ports.pc);
	int error = is_free ? add_set(ue, read->registration, &read->ports, read->challenge, &s)
			    : -EBADMSG;
	if (error)
		return error;
	set_state(s, read->state);
	s->used = read->used;
	s->policy = read->policy;
	s->spi_c = read->spi_c;
	s->spi_s = read->spi_s;
	s->expires_ms = read->expires_ms;
	timer_set(u->loop, &s->timer, s->expires_ms - loop_now_ms(u->loop));
	return 0;
}

/* Seconds here are rounded, there and here; what differs by more was never said. */
#define LIFETIME_DIFFERS_S 3

void ue_set_held(struct sa_set *s, uint32_t lifetime_s)
{
	struct ues *u = s->ue->ues;
	uint64_t now_ms = loop_now_ms(u->loop);
	if (s->state == SET_INSTALLING || s->expires_ms <= now_ms)
		return;
	uint32_t own_s = (uint32_t)((s->expires_ms - now_ms + 999) / 1000);
	uint32_t apart_s = own_s > lifetime_s ? own_s - lifetime_s : lifetime_s - own_s;
	if (lifetime_s == 0 || apart_s > LIFETIME_DIFFERS_S)
		dpclient_update(u->dp, s->registration, own_s);
}

void ue_set_outside(struct sa_set *s, const struct address *outside)
{
	s->outside = *outside;
	s->ue->nat = *outside;
	s->ue->nat.port = 0;
}

struct keep {
	bool (*is_held)(void *user, uint64_t registration);
	void *user;
};

static void keep_ue(void *user, struct table_node *n)
{
	const struct keep *k = user;
	struct ue *ue = table_entry(n, struct ue, by_id);
	ue->held = true;
	for (unsigned i = ue->n_sets; i-- > 0;)
		if (!k->is_held(k->user, ue->sets[i]->registration))
			ue_set_forget(ue->sets[i]);
	ue->held = false;
	if (ue->n_sets == 0)
		ue_free(ue);
}

void ues_keep(struct ues *u, bool (*is_held)(void *user, uint64_t registration), void *user)
{
	struct keep k = { is_held, user };
	table_visit(u->by_id, keep_ue, &k);
}

struct sa_set *ue_established(const struct ue *ue)
{
	return first_in(ue, SET_ESTABLISHED);
}

/* The old set that would live longest: an adopted one may never have been more than temporary. */
static struct sa_set *best_old(const struct ue *ue)
{
	struct sa_set *best = NULL;
	for (unsigned i = 0; i < ue->n_sets; i++) {
		struct sa_set *s = ue->sets[i];
		if (s->state == SET_OLD && (!best || s->expires_ms > best->expires_ms))
			best = s;
	}
	return best;
}

struct sa_set *ue_outgoing(const struct ue *ue)
{
	struct sa_set *established = ue_established(ue);
	if (established && established->used)
		return established;
	struct sa_set *old = best_old(ue);
	return old ? old : established;
}

/* A failed one still has its challenge: nobody has proved to have its keys. */
struct sa_set *ue_ending(const struct ue *ue)
{
	for (unsigned i = ue->n_sets; i-- > 0;)
		if (ue->sets[i]->state == SET_ENDING && !ue->sets[i]->challenge)
			return ue->sets[i];
	return NULL;
}

int ue_set_print_server(const struct sa_set *s, char *out, size_t out_bytes)
{
	const struct secagree_server numbers = { .spi_c = s->spi_c,
						 .spi_s = s->spi_s,
						 .port_c = s->ports.pc->local.port,
						 .port_s = s->ports.ps->local.port };
	return secagree_print_server(&s->policy, &numbers, out, out_bytes);
}

struct path ue_path(const struct sa_set *s)
{
	struct path path = { .endpoint = s->ports.pc, .peer = s->ue->host };
	path.peer.port = s->ports.us;
	return path;
}
