/*
 * A UE as a row of the state file, and back. What is added to struct ue, sa_set or ue_registration,
 * and must outlive the process, is written here, and PCSCF_STATE_VERSION counts up.
 *
 * Sets that are still being installed are not written: nobody was told their SPIs. Security-Client
 * is compared with SM7 alone, and the canonical Security-Server is made of what was sent when it is
 * needed (pcscf_check.c): they are half of a row otherwise.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/record.h"
#include "controlplane/transport.h"
#include "controlplane/ue_impl.h"

/* What a row is about; other kinds may come. */
#define ROW_UE 1

#define SET_PROTECTED_START 1
#define SET_USED            2

/* --- writing --- */

static void put_host(struct record *row, const struct address *host)
{
	record_put_number(row, host->family);
	record_put_bytes(row, host->bytes, host->family == 4 ? 4 : sizeof(host->bytes));
}

static void put_set(struct record *row, const struct ues *u, const struct sa_set *s)
{
	unsigned flags =
		(s->origin.is_protected ? SET_PROTECTED_START : 0) | (s->used ? SET_USED : 0);
	record_put_number(row, (uint16_t)s->registration);
	record_put_number(row, s->state);
	record_put_number(row, flags);
	record_put_number(row, s->ports.uc);
	record_put_number(row, s->ports.us);
	put_host(row, &s->ports.ps->local);
	record_put_number(row, s->ports.ps->local.port);
	record_put_number(row, s->ports.pc->local.port);
	record_put_number(row, statefile_time(u->file, s->expires_ms));
	record_put_text(row, s->state == SET_TEMPORARY ? s->client : NULL);
	record_put_text(row, s->server_header);
	record_put_text(row, s->nonce);
}

static void put_registration(struct record *row, const struct ues *u,
			     const struct ue_registration *r)
{
	record_put_text(row, r->aor);
	record_put_number(row, statefile_time(u->file, r->expires_ms));
	record_put_number(row, r->n_identities);
	for (unsigned i = 0; i < r->n_identities; i++)
		record_put_text(row, r->identities[i]);
	record_put_number(row, r->n_service_routes);
	for (unsigned i = 0; i < r->n_service_routes; i++)
		record_put_text(row, r->service_routes[i]);
}

void ue_save(const struct ue *ue, struct record *row)
{
	unsigned n_sets = 0;
	for (unsigned i = 0; i < ue->n_sets; i++)
		n_sets += ue->sets[i]->state != SET_INSTALLING;
	record_put_number(row, ROW_UE);
	record_put_number(row, ue->id);
	record_put_number(row, ue->zone);
	put_host(row, &ue->host);
	record_put_text(row, ue->impi);
	record_put_number(row, ue->next_number);
	record_put_number(row, n_sets);
	for (unsigned i = 0; i < ue->n_sets; i++)
		if (ue->sets[i]->state != SET_INSTALLING)
			put_set(row, ue->ues, ue->sets[i]);
	record_put_number(row, ue->n_registrations);
	for (unsigned i = 0; i < ue->n_registrations; i++)
		put_registration(row, ue->ues, &ue->registrations[i]);
}

/* --- reading --- */

static struct address read_host(struct record *row)
{
	struct address host = { .family = (uint8_t)record_number(row, 6) };
	if (host.family != 4 && host.family != 6 && !row->error)
		row->error = -EBADMSG;
	record_bytes(row, host.bytes, host.family == 4 ? 4 : sizeof(host.bytes));
	return host;
}

/* The endpoints are NULL when this configuration does not have them. */
static struct set_ports read_ports(struct record *row, const struct ue_finder *finder)
{
	struct set_ports ports = { .uc = (uint16_t)record_number(row, UINT16_MAX) };
	ports.us = (uint16_t)record_number(row, UINT16_MAX);
	struct address own = read_host(row);
	own.port = (uint16_t)record_number(row, UINT16_MAX);
	ports.ps = finder->find(finder->user, &own);
	own.port = (uint16_t)record_number(row, UINT16_MAX);
	ports.pc = finder->find(finder->user, &own);
	return ports;
}

/* One whose time is over, or whose ports are no more, is left out: the data plane's is deleted. */
static int read_set(struct ue *ue, struct record *row, const struct statefile *file,
		    const struct ue_finder *finder)
{
	struct sa_set *s = NULL;
	struct sa_set read = { .registration = ue->id << 16 | record_number(row, UINT16_MAX) };
	read.state = (enum set_state)record_number(row, SET_N_STATES - 1);
	unsigned flags = (unsigned)record_number(row, SET_PROTECTED_START | SET_USED);
	read.origin.is_protected = flags & SET_PROTECTED_START;
	read.used = flags & SET_USED;
	read.ports = read_ports(row, finder);
	read.expires_ms = statefile_loop_time(file, record_number(row, INT64_MAX));
	read.client = record_text(row);
	read.server_header = record_text(row);
	read.nonce = record_text(row);
	int error = row->error;
	bool is_known = read.ports.ps && read.ports.pc;
	if (!error && is_known && read.expires_ms > loop_now_ms(ue->ues->loop))
		error = ue_set_restore(ue, &read, &s);
	if (!s)
		ue_set_clear(&read);
	return error;
}

static unsigned read_texts(struct record *row, char *texts[], unsigned max)
{
	unsigned n = (unsigned)record_number(row, max);
	for (unsigned i = 0; i < n; i++)
		texts[i] = record_some_text(row);
	return n;
}

static int read_registration(struct ue *ue, struct record *row, const struct statefile *file)
{
	struct ue_registration r = { .aor = record_some_text(row) };
	r.expires_ms = statefile_loop_time(file, record_number(row, INT64_MAX));
	r.n_identities = read_texts(row, r.identities, UE_IDENTITIES);
	r.n_service_routes = read_texts(row, r.service_routes, UE_SERVICE_ROUTES);
	if (!row->error && r.n_identities == 0)
		row->error = -EBADMSG;
	if (row->error || r.expires_ms <= loop_now_ms(ue->ues->loop))
		ue_registration_clear(&r);
	else
		return ue_registration_add(ue, &r);
	return row->error;
}

static int read_parts(struct ue *ue, struct record *row, const struct statefile *file,
		      const struct ue_finder *finder)
{
	unsigned n = (unsigned)record_number(row, UE_SETS);
	int error = 0;
	for (unsigned i = 0; i < n && !error; i++)
		error = read_set(ue, row, file, finder);
	n = (unsigned)record_number(row, UE_REGISTRATIONS);
	for (unsigned i = 0; i < n && !error; i++)
		error = read_registration(ue, row, file);
	return error ? error : record_end(row);
}

static int read_ue(struct ues *u, struct record *row, struct ue **out)
{
	if (record_number(row, ROW_UE) != ROW_UE)
		return -EBADMSG;
	uint64_t id = record_number(row, UE_ID_MAX);
	uint16_t zone = (uint16_t)record_number(row, UINT16_MAX);
	struct address host = read_host(row);
	char *impi = record_some_text(row);
	uint16_t next_number = (uint16_t)record_number(row, UINT16_MAX);
	int error = row->error;
	if (!error && ue_find(u, id))
		error = -EBADMSG;
	struct ue *ue = error ? NULL : ue_new(u, id, zone, &host, impi);
	if (!error && !ue)
		error = -ENOMEM;
	if (ue)
		ue->next_number = next_number;
	free(impi);
	*out = ue;
	return error;
}

int ue_load(struct ues *u, int64_t row_id, struct record *row, const struct statefile *file,
	    struct ue_finder finder)
{
	struct ue *ue;
	int error = read_ue(u, row, &ue);
	if (error)
		return error;
	ue->held = true;
	error = read_parts(ue, row, file, &finder);
	while (error && ue->n_sets)
		ue_set_forget(ue->sets[0]);
	ue->held = false;
	if (ue->n_sets == 0) {
		ue_free(ue);
		return error ? error : -ENOENT;
	}
	ue->kept.id = row_id;
	return 0;
}
