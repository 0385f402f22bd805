/*
 * A UE as a row of the state file, and back. What is added to struct ue, sa_set or ue_registration,
 * and must outlive the process, is written here, and PCSCF_STATE_VERSION counts up.
 *
 * Sets that are still being installed are not written: nobody was told their SPIs. Security-Server
 * is kept as what it is made of, which is a tenth of its text, and does not follow a configuration
 * that has changed since.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/record.h"
#include "controlplane/transport.h"
#include "controlplane/ue_impl.h"

/* What a row is about; other kinds may come. */
#define ROW_UE 1

#define SET_PROTECTED_START 1 /* of the challenge */
#define SET_USED            2
#define SET_CHALLENGED      4
#define SET_FLAGS           7

/* --- writing --- */

static void put_host(struct record *row, const struct address *host)
{
	record_put_number(row, host->family);
	record_put_bytes(row, host->bytes, host->family == 4 ? 4 : sizeof(host->bytes));
}

static void put_algs(struct record *row, const uint8_t algs[], unsigned n)
{
	record_put_number(row, n);
	record_put_bytes(row, algs, n);
}

static void put_set(struct record *row, const struct ues *u, const struct sa_set *s)
{
	const struct set_challenge *c = s->challenge;
	unsigned flags = s->used ? SET_USED : 0;
	if (c)
		flags |= SET_CHALLENGED | (c->origin.is_protected ? SET_PROTECTED_START : 0);
	record_put_number(row, (uint16_t)s->registration);
	record_put_number(row, s->state);
	record_put_number(row, flags);
	record_put_number(row, s->ports.uc);
	record_put_number(row, s->ports.us);
	put_host(row, &s->ports.ps->local);
	record_put_number(row, s->ports.ps->local.port);
	record_put_number(row, s->ports.pc->local.port);
	record_put_number(row, statefile_time(u->file, s->expires_ms));
	record_put_number(row, s->policy.mode);
	put_algs(row, s->policy.integrity, s->policy.n_integrity);
	put_algs(row, s->policy.encryption, s->policy.n_encryption);
	record_put_number(row, s->spi_c);
	record_put_number(row, s->spi_s);
	if (!c)
		return;
	record_put_text(row, c->client);
	record_put_text(row, c->nonce);
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
	unsigned n_registrations = 0;
	const struct ue_registration *r;
	for (r = ue->registrations; r; r = r->next)
		n_registrations++;
	record_put_number(row, n_registrations);
	for (r = ue->registrations; r; r = r->next)
		put_registration(row, ue->ues, r);
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

/* Numbers of algorithms, each less than `n_algs`, and no more of them. */
static uint8_t read_algs(struct record *row, uint8_t algs[], unsigned n_algs)
{
	uint8_t n = (uint8_t)record_number(row, n_algs);
	for (unsigned i = 0; i < n; i++)
		algs[i] = (uint8_t)record_number(row, n_algs - 1);
	return n;
}

static struct secagree_policy read_policy(struct record *row)
{
	struct secagree_policy p = { .mode = (uint8_t)record_number(row, SECAGREE_UDP_TUNNEL) };
	p.n_integrity = read_algs(row, p.integrity, ALG_N_INTEGRITY);
	p.n_encryption = read_algs(row, p.encryption, ALG_N_CIPHER);
	return p;
}

/* One whose time is over, or whose ports are no more, is left out: the data plane's is deleted. */
static int read_set(struct ue *ue, struct record *row, const struct statefile *file,
		    const struct ue_finder *finder)
{
	struct set_challenge challenge = { .begun_ms = 0 };
	struct sa_set read = { .registration = ue->id << 16 | record_number(row, UINT16_MAX) };
	read.state = (uint8_t)record_number(row, SET_N_STATES - 1);
	unsigned flags = (unsigned)record_number(row, SET_FLAGS);
	challenge.origin.is_protected = flags & SET_PROTECTED_START;
	read.used = flags & SET_USED;
	read.ports = read_ports(row, finder);
	read.expires_ms = statefile_loop_time(file, record_number(row, INT64_MAX));
	read.policy = read_policy(row);
	read.spi_c = (uint32_t)record_number(row, UINT32_MAX);
	read.spi_s = (uint32_t)record_number(row, UINT32_MAX);
	char *client = flags & SET_CHALLENGED ? record_some_text(row) : NULL;
	char *nonce = flags & SET_CHALLENGED ? record_some_text(row) : NULL;
	challenge.client = client;
	challenge.nonce = nonce;
	read.challenge = flags & SET_CHALLENGED ? &challenge : NULL;
	/* One that waits for SM7 has a challenge, and none that had its answer. */
	bool is_waiting = read.state == SET_TEMPORARY;
	if (!row->error && read.state != SET_ENDING && is_waiting != (read.challenge != NULL))
		row->error = -EBADMSG;
	int error = row->error;
	bool is_known = read.ports.ps && read.ports.pc;
	if (!error && is_known && read.expires_ms > loop_now_ms(ue->ues->loop))
		error = ue_set_restore(ue, &read);
	free(client);
	free(nonce);
	return error;
}

static uint8_t read_texts(struct record *row, char *texts[], unsigned max)
{
	uint8_t n = (uint8_t)record_number(row, max);
	for (unsigned i = 0; i < n; i++)
		texts[i] = record_some_text(row);
	return n;
}

static int read_registration(struct ue *ue, struct record *row, const struct statefile *file)
{
	char *identities[UE_IDENTITIES], *routes[UE_SERVICE_ROUTES];
	char *aor = record_some_text(row);
	struct ue_registration r = {
		.aor = aor,
		.expires_ms = statefile_loop_time(file, record_number(row, INT64_MAX)),
		.identities = (const char *const *)identities,
		.service_routes = (const char *const *)routes,
	};
	r.n_identities = read_texts(row, identities, UE_IDENTITIES);
	r.n_service_routes = read_texts(row, routes, UE_SERVICE_ROUTES);
	if (!row->error && r.n_identities == 0)
		row->error = -EBADMSG;
	int error = row->error;
	if (!error && r.expires_ms > loop_now_ms(ue->ues->loop))
		error = ue_registration_add(ue, &r);
	for (unsigned i = 0; i < r.n_identities; i++)
		free(identities[i]);
	for (unsigned i = 0; i < r.n_service_routes; i++)
		free(routes[i]);
	free(aor);
	return error;
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
