/*
 * Rows of state files. The first byte of an input says what the rest is: a UE of the P-CSCF, a
 * subscription or a registration of the S-CSCF. What is taken out of a row is the same when it was
 * saved and read again.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/loop.h"
#include "controlplane/record.h"
#include "controlplane/reg_event_impl.h"
#include "controlplane/registration.h"
#include "controlplane/sip.h"
#include "controlplane/transport.h"
#include "controlplane/ue.h"
#include "test/fuzz/fuzz.h"

static uint64_t now_ms = 1000;
static struct loop *loop;
static struct transport *transport;
static struct endpoint *ps, *pc;

static void ignore(void *user, const struct path *from, const char *bytes, size_t n_bytes)
{
}

static void begin(void)
{
	struct address own;

	if (loop)
		return;
	sip_init();
	loop = loop_new(1000, &now_ms);
	transport = transport_new(loop, (struct transport_user){ .receive = ignore });
	if (!loop || !transport || address_parse("127.0.0.1", 0, &own) ||
	    transport_listen(transport, ENDPOINT_GM_PROTECTED, 0, &own, "", ENDPOINT_NO_TCP, &ps) ||
	    transport_listen(transport, ENDPOINT_GM_PROTECTED, 0, &own, "", ENDPOINT_NO_TCP, &pc))
		abort();
	ps->local.port = 5063;
	pc->local.port = 6000;
}

/* Ports of this configuration, and others. */
static struct endpoint *find(void *user, const struct address *own)
{
	if (own->family == 4 && own->port == ps->local.port)
		return ps;
	return own->family == 4 && own->port == pc->local.port ? pc : NULL;
}

static struct record save_ue(struct ues *ues, const char *id)
{
	struct record row = { 0 };
	struct ue *ue = ue_find_id(ues, id);

	if (!ue || ues_count(ues) != 1 || ue->n_sets == 0 || ue->n_sets > UE_SETS)
		abort();
	ue_save(ue, &row);
	return row;
}

/* The id is the second number of a row. */
static void give_ue(const uint8_t *data, size_t size)
{
	struct record in = record_of(data, size), head = in, rows[2];
	struct ue_finder finder = { find, NULL };
	struct ues *ues[2] = { ues_new(loop, NULL, 4), ues_new(loop, NULL, 4) };
	char id[UE_ID_BYTES];
	struct ue named;

	if (!ues[0] || !ues[1])
		abort();
	record_number(&head, UINT64_MAX);
	named.id = record_number(&head, UINT64_MAX);
	ue_id_text(&named, id);
	if (ue_load(ues[0], 1, &in, NULL, finder) == 0) {
		rows[0] = save_ue(ues[0], id);
		in = record_of(rows[0].bytes, rows[0].n_bytes);
		if (ue_load(ues[1], 1, &in, NULL, finder) != 0)
			abort();
		rows[1] = save_ue(ues[1], id);
		if (rows[0].n_bytes != rows[1].n_bytes ||
		    memcmp(rows[0].bytes, rows[1].bytes, rows[0].n_bytes) != 0)
			abort();
		record_clear(&rows[0]);
		record_clear(&rows[1]);
	} else if (ues_count(ues[0]) != 0) {
		abort();
	}
	ues_free(ues[0]);
	ues_free(ues[1]);
}

static bool on_expired(void *user, struct registration *r)
{
	return true;
}

static void save_one(void *user, const struct registration *r)
{
	registration_save(r, user);
}

static void give_registration(const uint8_t *data, size_t size)
{
	const struct registrations_user user = { .on_expired = on_expired };
	struct registrations *all[2] = { registrations_new(loop, 4, user),
					 registrations_new(loop, 4, user) };
	struct record in = record_of(data, size), rows[2] = { 0 };

	if (!all[0] || !all[1])
		abort();
	if (registration_load(all[0], 1, &in, NULL) == 0) {
		registrations_each(all[0], save_one, &rows[0]);
		in = record_of(rows[0].bytes, rows[0].n_bytes);
		if (registration_load(all[1], 1, &in, NULL) != 0)
			abort();
		registrations_each(all[1], save_one, &rows[1]);
		if (rows[0].n_bytes != rows[1].n_bytes ||
		    memcmp(rows[0].bytes, rows[1].bytes, rows[0].n_bytes) != 0)
			abort();
	} else if (registrations_count(all[0]) != 0) {
		abort();
	}
	record_clear(&rows[0]);
	record_clear(&rows[1]);
	registrations_free(all[0]);
	registrations_free(all[1]);
}

/* Its numbers jump with each load. */
static void save_subscription(void *user, struct table_node *n)
{
	struct subscription *s = table_entry(n, struct subscription, node);

	s->n_sent = 0;
	s->dialog.local_cseq = 0;
	subscription_save(&s->kept, user);
}

static void give_subscription(const uint8_t *data, size_t size)
{
	struct record in = record_of(data, size), rows[2] = { 0 };
	struct reg_event *events[2] = { NULL, NULL };

	for (unsigned i = 0; i < 2; i++) {
		events[i] = reg_event_new(loop, NULL, ps, NULL, NULL);
		if (!events[i])
			abort();
	}
	if (subscription_load(events[0], 1, &in, NULL) == 0) {
		table_visit(events[0]->by_call_id, save_subscription, &rows[0]);
		in = record_of(rows[0].bytes, rows[0].n_bytes);
		if (subscription_load(events[1], 1, &in, NULL) != 0)
			abort();
		table_visit(events[1]->by_call_id, save_subscription, &rows[1]);
		if (rows[0].n_bytes != rows[1].n_bytes ||
		    memcmp(rows[0].bytes, rows[1].bytes, rows[0].n_bytes) != 0)
			abort();
	} else if (reg_event_count(events[0]) != 0) {
		abort();
	}
	for (unsigned i = 0; i < 2; i++) {
		record_clear(&rows[i]);
		reg_event_free(events[i]);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	begin();
	if (size == 0)
		return 0;
	if (data[0] == 'p')
		give_ue(data + 1, size - 1);
	else if (data[0] == 's')
		give_subscription(data + 1, size - 1);
	else
		give_registration(data + 1, size - 1);
	return 0;
}
