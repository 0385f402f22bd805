#include "controlplane/ue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/random.h"
#include "controlplane/transport.h"
#include "controlplane/ue_impl.h"

struct ues *ues_new(struct loop *loop, struct dpclient *dp, uint32_t max_ues)
{
	struct ues *u = calloc(1, sizeof(*u));
	if (!u)
		return NULL;
	*u = (struct ues){ .loop = loop,
			   .dp = dp,
			   .max = max_ues,
			   .by_impi = table_new(max_ues),
			   .by_id = table_new(max_ues),
			   .by_uc = table_new(max_ues),
			   .by_us = table_new(max_ues) };
	if (!u->by_impi || !u->by_id || !u->by_uc || !u->by_us) {
		ues_free(u);
		return NULL;
	}
	return u;
}

static void free_ue(void *user, struct table_node *n)
{
	struct ue *ue = table_entry(n, struct ue, by_id);
	ue->held = true;
	while (ue->n_sets)
		ue_set_forget(ue->sets[0]);
	ue_free(ue);
}

void ues_keep_in(struct ues *u, struct statefile *file)
{
	u->file = file;
}

void ues_free(struct ues *u)
{
	if (!u)
		return;
	u->file = NULL; /* what is in it stays */
	if (u->by_id)
		table_visit(u->by_id, free_ue, NULL);
	table_free(u->by_impi);
	table_free(u->by_id);
	table_free(u->by_uc);
	table_free(u->by_us);
	free(u);
}

uint32_t ues_count(const struct ues *u)
{
	return (uint32_t)table_count(u->by_id);
}

uint32_t ues_count_sets(const struct ues *u, enum set_state state)
{
	return u->n_sets[state];
}

static uint64_t hash_impi(const struct ues *u, uint16_t zone, const struct address *host,
			  const char *impi)
{
	uint64_t h = table_hash(u->by_impi, zone, host->bytes, sizeof(host->bytes));
	return table_hash(u->by_impi, h, impi, strlen(impi));
}

struct ue *ue_find_impi(const struct ues *u, uint16_t zone, const struct address *host,
			const struct address *nat, const char *impi)
{
	static const struct address none;
	struct table_node *n = table_first(u->by_impi, hash_impi(u, zone, host, impi));
	for (; n; n = table_next(n)) {
		struct ue *ue = table_entry(n, struct ue, by_impi);
		if (ue->zone == zone && address_same_host(&ue->host, host) &&
		    address_same_host(&ue->nat, nat ? nat : &none) && !strcmp(ue->impi, impi))
			return ue;
	}
	return NULL;
}

struct ue *ue_find(const struct ues *u, uint64_t id)
{
	struct table_node *n = table_first(u->by_id, table_hash(u->by_id, 0, &id, sizeof(id)));
	for (; n; n = table_next(n)) {
		struct ue *ue = table_entry(n, struct ue, by_id);
		if (ue->id == id)
			return ue;
	}
	return NULL;
}

struct ue *ue_find_id(const struct ues *u, const char *id)
{
	if (!id || strlen(id) != UE_ID_BYTES - 1 || strspn(id, "0123456789abcdef") != strlen(id))
		return NULL;
	return ue_find(u, strtoull(id, NULL, 16));
}

const char *ue_id_text(const struct ue *ue, char text[static UE_ID_BYTES])
{
	static const char digits[] = "0123456789abcdef";
	uint64_t rest = ue->id;
	text[UE_ID_BYTES - 1] = '\0';
	for (unsigned i = UE_ID_BYTES - 1; i-- > 0; rest >>= 4)
		text[i] = digits[rest & 15];
	return text;
}

struct ue *ue_new(struct ues *u, uint64_t id, uint16_t zone, const struct address *host,
		  const char *impi)
{
	if (table_count(u->by_id) >= u->max)
		return NULL;
	struct ue *ue = calloc(1, sizeof(*ue));
	if (!ue)
		return NULL;
	ue->ues = u;
	ue->id = id;
	ue->zone = zone;
	ue->host = *host;
	ue->host.port = 0;
	ue->impi = strdup(impi);
	if (!ue->impi) {
		free(ue);
		return NULL;
	}
	table_add(u->by_impi, &ue->by_impi, hash_impi(u, zone, host, impi));
	table_add(u->by_id, &ue->by_id, table_hash(u->by_id, 0, &id, sizeof(id)));
	return ue;
}

struct ue *ue_get(struct ues *u, uint16_t zone, const struct address *host,
		  const struct address *nat, const char *impi)
{
	struct ue *ue = ue_find_impi(u, zone, host, nat, impi);
	uint64_t id = 0;
	while (!ue && (id == 0 || ue_find(u, id)))
		id = random_number() & UE_ID_MAX;
	if (ue || !(ue = ue_new(u, id, zone, host, impi)) || !nat)
		return ue;
	ue->nat = *nat;
	ue->nat.port = 0;
	return ue;
}

int ue_set_impi(struct ue *ue, const char *impi)
{
	struct ues *u = ue->ues;
	if (!strcmp(ue->impi, impi))
		return 0;
	char *copy = strdup(impi);
	if (!copy)
		return -ENOMEM;
	table_remove(u->by_impi, &ue->by_impi);
	free(ue->impi);
	ue->impi = copy;
	table_add(u->by_impi, &ue->by_impi, hash_impi(u, ue->zone, &ue->host, impi));
	statefile_touch(u->file, &ue->kept);
	return 0;
}

void ue_free(struct ue *ue)
{
	struct ues *u = ue->ues;
	statefile_remove(u->file, &ue->kept);
	while (ue->registrations) {
		struct ue_registration *r = ue->registrations;
		ue->registrations = r->next;
		free(r);
	}
	table_remove(u->by_impi, &ue->by_impi);
	table_remove(u->by_id, &ue->by_id);
	free(ue->impi);
	free(ue);
}

struct list {
	uint64_t now_ms;
	json_t *array;
	int error;
};

static const char *const state_names[] = {
	[SET_INSTALLING] = "installing",   [SET_TEMPORARY] = "temporary",
	[SET_ESTABLISHED] = "established", [SET_OLD] = "old",
	[SET_ENDING] = "ending",
};

static void list_ue(void *user, struct table_node *n)
{
	struct list *l = user;
	const struct ue *ue = table_entry(n, struct ue, by_id);
	const struct ue_registration *r = ue_registration(ue, NULL);
	const struct sa_set *s = ue_established(ue);
	if (!s && ue->n_sets)
		s = ue->sets[ue->n_sets - 1];
	if (!s)
		return;
	char host[ADDRESS_TEXT_BYTES];
	address_print_host(&ue->host, host);
	if (ue->host.family == 6) /* a bare address, no URI */
		memmove(host, host + 1, strlen(host)), host[strlen(host) - 1] = '\0';
	uint64_t end_ms = r ? r->expires_ms : s->expires_ms;
	json_t *row =
		json_pack("{s:s, s:s, s:i, s:i, s:i, s:I, s:s, s:i}", "impu",
			  r ? r->identities[0] : "", "address", host, "port_us", s->ports.us,
			  "port_uc", s->ports.uc, "port_pc", s->ports.pc->local.port, "expires_s",
			  (json_int_t)(end_ms > l->now_ms ? (end_ms - l->now_ms) / 1000 : 0),
			  "state", state_names[s->state], "sets", (int)ue->n_sets);
	if (!row || json_array_append_new(l->array, row))
		l->error = -ENOMEM;
}

int ues_list(const struct ues *u, json_t *array)
{
	struct list l = { .now_ms = loop_now_ms(u->loop), .array = array };
	table_visit(u->by_id, list_ue, &l);
	return l.error;
}
