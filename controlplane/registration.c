#include "controlplane/registration.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/cx.h"

static uint64_t hash(const struct table *t, const char *identity)
{
	return table_hash(t, 0, identity, strlen(identity));
}

struct registrations *registrations_new(struct loop *loop, uint32_t expected,
					struct registrations_user user)
{
	struct registrations *all = calloc(1, sizeof(*all));

	if (all == NULL)
		return NULL;
	all->loop = loop;
	all->user = user;
	all->by_impi = table_new(expected);
	all->by_impu = table_new(expected);
	if (all->by_impi == NULL || all->by_impu == NULL) {
		registrations_free(all);
		return NULL;
	}
	return all;
}

static void remove_one(void *user, struct table_node *n)
{
	registration_remove(table_entry(n, struct registration, node));
}

void registrations_free(struct registrations *all)
{
	if (all == NULL)
		return;
	all->file = NULL; /* what is in it stays */
	if (all->by_impi != NULL && all->by_impu != NULL)
		table_visit(all->by_impi, remove_one, NULL);
	table_free(all->by_impi);
	table_free(all->by_impu);
	free(all);
}

uint32_t registrations_count(const struct registrations *all)
{
	return (uint32_t)table_count(all->by_impi);
}

struct visit {
	void (*each)(void *user, const struct registration *r);
	void *user;
};

static void visit_one(void *user, struct table_node *n)
{
	const struct visit *v = user;

	v->each(v->user, table_entry(n, struct registration, node));
}

void registrations_each(const struct registrations *all,
			void (*each)(void *user, const struct registration *r), void *user)
{
	struct visit v = { .each = each, .user = user };

	table_visit(all->by_impi, visit_one, &v);
}

struct registration *registrations_find(struct registrations *all, const char *impi)
{
	struct table_node *n = table_first(all->by_impi, hash(all->by_impi, impi));

	while (n != NULL && strcmp(table_entry(n, struct registration, node)->impi, impi) != 0)
		n = table_next(n);
	return n != NULL ? table_entry(n, struct registration, node) : NULL;
}

struct registration *registration_next(const struct registration *r)
{
	struct table_node *n = table_next(&r->node);

	while (n != NULL && strcmp(table_entry(n, struct registration, node)->impi, r->impi) != 0)
		n = table_next(n);
	return n != NULL ? table_entry(n, struct registration, node) : NULL;
}

struct registration *registrations_find_set(struct registrations *all, const char *impi,
					    const char *impu)
{
	struct registration *r = registrations_find(all, impi);

	while (r != NULL && !registration_has(r, impu))
		r = registration_next(r);
	return r;
}

/* The first from `n` on with this name. */
static struct registered_impu *same_impu(struct table_node *n, const char *impu)
{
	while (n != NULL && strcmp(table_entry(n, struct registered_impu, node)->impu, impu) != 0)
		n = table_next(n);
	return n != NULL ? table_entry(n, struct registered_impu, node) : NULL;
}

struct registered_impu *registrations_find_impu(struct registrations *all, const char *impu)
{
	return same_impu(table_first(all->by_impu, hash(all->by_impu, impu)), impu);
}

struct registered_impu *registrations_next_impu(struct registered_impu *impu)
{
	return same_impu(table_next(&impu->node), impu->impu);
}

bool registration_has(const struct registration *r, const char *impu)
{
	for (unsigned i = 0; i < r->n_impus; i++) {
		if (strcmp(r->impus[i].impu, impu) == 0)
			return true;
	}
	return false;
}

bool binding_is_same(const struct binding *a, const struct binding *b)
{
	if (a->n_paths != b->n_paths || strcmp(a->contact, b->contact) != 0)
		return false;
	for (unsigned i = 0; i < a->n_paths; i++) {
		if (strcmp(a->paths[i], b->paths[i]) != 0)
			return false;
	}
	return true;
}

void binding_clear(struct binding *b)
{
	free(b->contact);
	for (unsigned i = 0; i < b->n_paths; i++)
		free(b->paths[i]);
	*b = (struct binding){ 0 };
}

static void free_impus(struct registered_impu *impus, unsigned n)
{
	for (unsigned i = 0; impus != NULL && i < n; i++)
		free(impus[i].impu);
	free(impus);
}

/* The set as an array outside the table. NULL: out of memory. */
static struct registered_impu *new_impus(const struct cx_saa *profile, struct registration *r)
{
	struct registered_impu *impus = calloc(profile->n_impus, sizeof(*impus));

	for (uint32_t i = 0; impus != NULL && i < profile->n_impus; i++) {
		impus[i].registration = r;
		impus[i].is_barred = profile->impus[i].barred;
		impus[i].impu = strdup(profile->impus[i].impu);
		if (impus[i].impu == NULL) {
			free_impus(impus, i);
			return NULL;
		}
	}
	return impus;
}

static void drop_impus(struct registration *r)
{
	for (unsigned i = 0; i < r->n_impus; i++)
		table_remove(r->registrations->by_impu, &r->impus[i].node);
	free_impus(r->impus, r->n_impus);
	r->impus = NULL;
	r->n_impus = 0;
}

static bool is_explicit(const struct registration *r, const char *impu)
{
	for (unsigned i = 0; i < r->n_impus; i++) {
		if (strcmp(r->impus[i].impu, impu) == 0)
			return r->impus[i].is_explicit;
	}
	return false;
}

static void put_impus(struct registration *r, struct registered_impu *impus, unsigned n)
{
	struct table *t = r->registrations->by_impu;

	for (unsigned i = 0; i < n; i++)
		impus[i].is_explicit = is_explicit(r, impus[i].impu);
	drop_impus(r);
	r->impus = impus;
	r->n_impus = n;
	for (unsigned i = 0; i < n; i++)
		table_add(t, &impus[i].node, hash(t, impus[i].impu));
}

/* Its set, or another one. Returns 0 or -ENOMEM: it keeps what it had. */
static int replace_impus(struct registration *r, const struct cx_saa *profile)
{
	const struct registrations_user *user = &r->registrations->user;
	struct registered_impu *impus = new_impus(profile, r);
	int rc = impus != NULL ? 0 : -ENOMEM;

	if (rc == 0 && r->n_impus > 0 && user->on_profile != NULL)
		rc = user->on_profile(user->user, r, profile);
	if (rc == 0)
		put_impus(r, impus, profile->n_impus);
	else
		free_impus(impus, profile->n_impus);
	return rc;
}

static void expire(void *user)
{
	struct registration *r = user;

	if (r->registrations->user.on_expired(r->registrations->user.user, r))
		registration_remove(r);
}

static struct registration *new_registration(struct registrations *all, const char *impi)
{
	struct registration *r = calloc(1, sizeof(*r));

	if (r == NULL)
		return NULL;
	r->registrations = all;
	r->impi = strdup(impi);
	if (r->impi == NULL) {
		free(r);
		return NULL;
	}
	timer_init(&r->expiry, expire, r);
	table_add(all->by_impi, &r->node, hash(all->by_impi, impi));
	return r;
}

/* That of the set that a profile is now: one identity in common is enough. */
static struct registration *find_profile(struct registrations *all, const char *impi,
					 const struct cx_saa *profile)
{
	struct registration *r = NULL;

	for (uint32_t i = 0; r == NULL && i < profile->n_impus; i++)
		r = registrations_find_set(all, impi, profile->impus[i].impu);
	return r;
}

int registrations_put(struct registrations *all, const char *impi, const struct cx_saa *profile,
		      struct binding *binding, uint32_t expires_s, struct registration **out)
{
	struct registration *old = find_profile(all, impi, profile);
	struct registration *r = old != NULL ? old : new_registration(all, impi);
	uint64_t expires_ms = loop_now_ms(all->loop) + (uint64_t)expires_s * 1000;
	int rc = r != NULL ? replace_impus(r, profile) : -ENOMEM;

	if (rc == 0)
		rc = registration_set_end(r, expires_ms);
	if (rc < 0) {
		/* An old one has its timer already, which can always be moved. */
		if (r != NULL && old == NULL)
			registration_remove(r);
		binding_clear(binding);
		return rc;
	}
	binding_clear(&r->binding);
	r->binding = *binding;
	*binding = (struct binding){ 0 };
	r->granted_ms = expires_ms;
	statefile_touch(all->file, &r->kept);
	*out = r;
	return 0;
}

void registration_shorten(struct registration *r, uint32_t expires_s, uint64_t delay_ms)
{
	struct loop *loop = r->registrations->loop;

	r->expires_ms = loop_now_ms(loop) + (uint64_t)expires_s * 1000;
	timer_set(loop, &r->expiry, delay_ms); /* moves it */
	registration_touch(r);
}

void registration_mark_explicit(struct registration *r, const char *impu)
{
	for (unsigned i = 0; i < r->n_impus; i++) {
		if (strcmp(r->impus[i].impu, impu) == 0)
			r->impus[i].is_explicit = true;
	}
	registration_touch(r);
}

int registration_set_profile(struct registration *r, const struct cx_saa *profile)
{
	int rc = replace_impus(r, profile);

	if (rc == 0)
		registration_touch(r);
	return rc;
}

int registration_set_end(struct registration *r, uint64_t expires_ms)
{
	struct loop *loop = r->registrations->loop;
	uint64_t now_ms = loop_now_ms(loop);
	uint64_t end_ms = expires_ms + REGISTRATION_EXPIRY_MARGIN_S * 1000;
	int rc = timer_set(loop, &r->expiry, end_ms > now_ms ? end_ms - now_ms : 0);

	if (rc == 0)
		r->expires_ms = expires_ms;
	return rc;
}

void registration_touch(struct registration *r)
{
	statefile_touch(r->registrations->file, &r->kept);
}

void registration_remove(struct registration *r)
{
	statefile_remove(r->registrations->file, &r->kept);
	timer_cancel(r->registrations->loop, &r->expiry);
	drop_impus(r);
	table_remove(r->registrations->by_impi, &r->node);
	binding_clear(&r->binding);
	vectors_clear(&r->vectors);
	free(r->impi);
	free(r);
}

static uint32_t seconds_until(const struct registration *r, uint64_t at_ms)
{
	uint64_t now_ms = loop_now_ms(r->registrations->loop);

	return at_ms > now_ms ? (uint32_t)((at_ms - now_ms + 999) / 1000) : 0;
}

uint32_t registration_expires_s(const struct registration *r)
{
	return seconds_until(r, r->expires_ms);
}

uint32_t registration_granted_s(const struct registration *r)
{
	return seconds_until(r, r->granted_ms);
}
