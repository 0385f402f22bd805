#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "controlplane/log.h"
#include "controlplane/pcscf_impl.h"

/*
 * After a restart the state file says who is registered and over which SA sets, and they are served
 * at once. After each connect the data plane lists the SAs of ours (C-093). What we know and it
 * does not is forgotten. What it knows and we do not is an orphan, and deleted: the process died
 * before anybody was promised anything on it.
 *
 * Without a file, or with a new one, it is adopted from the first list: the ports and the UE's id
 * are in the list and in the handle, so the UE can be reached. Whose it is we learn with its next
 * REGISTER, which the SA protects; until then its own requests are refused. In a later list it is
 * what ended here while the data plane could not be told.
 */
static struct endpoint *find_protected(void *user, const struct address *own)
{
	const struct pcscf *p = user;
	struct endpoint *e = transport_find(proxy_transport(p->proxy), p->zone, own);
	return e && e->side == ENDPOINT_GM_PROTECTED ? e : NULL;
}

static int load(void *user, int64_t id, struct record *row)
{
	struct pcscf *p = user;
	return ue_load(p->ues, id, row, p->file, (struct ue_finder){ find_protected, p });
}

static void save(void *user, const struct statefile_item *item, struct record *row)
{
	ue_save(table_entry(item, const struct ue, kept), row);
}

int pcscf_load(struct pcscf *p)
{
	int error = statefile_load(p->file, (struct statefile_user){ load, save, p });
	ues_keep_in(p->ues, p->file);
	p->adopts = statefile_is_new(p->file);
	return error;
}

struct held_sa {
	uint64_t registration;
	struct address local, peer;
	uint32_t lifetime_s;
	uint8_t direction;
};

static void forget_lists(struct pcscf *p)
{
	free(p->held);
	p->held = NULL;
	p->n_held = p->max_held = 0;
	free(p->tunnels);
	p->tunnels = NULL;
	p->n_tunnels = p->max_tunnels = 0;
}

void pcscf_on_list(void *user)
{
	forget_lists(user);
}

int pcscf_on_sa(void *user, const struct api_sa_info *sa)
{
	struct pcscf *p = user;
	if (p->n_held == p->max_held) {
		size_t max = p->max_held ? 2 * p->max_held : 1024;
		struct held_sa *larger = realloc(p->held, max * sizeof(*larger));
		if (!larger)
			return -ENOMEM;
		p->held = larger;
		p->max_held = max;
	}
	struct held_sa *held = &p->held[p->n_held++];
	*held = (struct held_sa){ .registration = sa->registration,
				  .local = { .family = sa->family, .port = sa->local_port },
				  .peer = { .family = sa->family, .port = sa->peer_port },
				  .lifetime_s = sa->lifetime_s,
				  .direction = sa->direction };
	memcpy(held->local.bytes, sa->local.bytes, sizeof(held->local.bytes));
	memcpy(held->peer.bytes, sa->peer.bytes, sizeof(held->peer.bytes));
	return 0;
}

static int compare(const void *a, const void *b)
{
	uint64_t left = ((const struct held_sa *)a)->registration;
	uint64_t right = ((const struct held_sa *)b)->registration;
	return (left > right) - (left < right);
}

static bool is_held(void *user, uint64_t registration)
{
	const struct pcscf *p = user;
	struct held_sa key = { .registration = registration };
	return p->n_held && bsearch(&key, p->held, p->n_held, sizeof(key), compare);
}

/* Returns 0 or -errno; -ENOMEM: it may be one to adopt. */
static int adopt(struct pcscf *p, const struct held_sa *sas, size_t n)
{
	struct set_ports ports = { 0 };
	for (size_t i = 0; i < n; i++) {
		struct endpoint *e = find_protected(p, &sas[i].local);
		if (!e)
			continue;
		bool at_ps = e == pcscf_gm(p, e)->ps;
		if (at_ps && sas[i].direction == API_IN) {
			ports.ps = e;
			ports.uc = sas[i].peer.port;
		} else if (!at_ps && sas[i].direction == API_OUT) {
			ports.pc = e;
			ports.us = sas[i].peer.port;
		}
	}
	if (!ports.ps || !ports.pc)
		return -ENOENT; /* of another configuration */
	struct address host = sas[0].peer;
	host.port = 0;
	return ue_set_adopt(p->ues, sas[0].registration, &host, p->zone, &ports, sas[0].lifetime_s);
}

/* One set of the list. Returns 0 or -ENOMEM. */
static int take_set(struct pcscf *p, const struct held_sa *sas, size_t n)
{
	struct sa_set *s = ue_set_by_registration(p->ues, sas[0].registration);
	int error = 0;
	if (s)
		ue_set_held(s, sas[0].lifetime_s);
	else
		error = p->adopts ? adopt(p, sas, n) : -ENOENT;
	if (!error || error == -ENOMEM)
		return error;
	p->n_orphans++;
	dpclient_delete(p->dp, sas[0].registration, 0);
	return 0;
}

int pcscf_on_ready(void *user)
{
	struct pcscf *p = user;
	uint32_t before = ues_count(p->ues);
	uint64_t n_orphans = p->n_orphans;
	size_t n_sets = 0;
	int error = 0;
	if (p->n_held)
		qsort(p->held, p->n_held, sizeof(*p->held), compare);
	ues_keep(p->ues, is_held, p);
	uint32_t n_lost = before - ues_count(p->ues);
	for (size_t i = 0, n; i < p->n_held && !error; i += n, n_sets++) {
		n = 1;
		while (i + n < p->n_held && p->held[i + n].registration == p->held[i].registration)
			n++;
		error = take_set(p, &p->held[i], n);
	}
	if (error)
		return error; /* what is adopted is known in the next list */
	p->adopts = false;
	pcscf_adopt_tunnels(p);
	if (n_sets || n_lost)
		log_info("pcscf: %zu SA sets in the data plane, %llu of them orphans and deleted; "
			 "%u UEs have none any more",
			 n_sets, (unsigned long long)(p->n_orphans - n_orphans), n_lost);
	forget_lists(p);
	return 0;
}

void pcscf_on_expired(void *user, uint64_t registration)
{
	struct pcscf *p = user;
	struct sa_set *s = ue_set_by_registration(p->ues, registration);
	if (s)
		ue_set_expired(s);
}
