#include "tools/ue/sa.h"

#include <stdlib.h>
#include <sys/random.h>

#include "crypto/wipe.h"

#define SPI_FIRST 256 /* 1 … 255 are reserved: RFC 4303 2.1 */

/* SPIs of a UE at once: two each of the current, the coming and two old sets. */
#define SPIS_PER_UE 8

/* Slots per SPI: drawn at random, a free slot is found at the second try on average. */
#define SLOTS_PER_SPI 2

struct slot {
	uint32_t spi;  /* 0 = free */
	struct sa *sa; /* NULL: promised in a Security-Client, without keys yet */
};

struct sa_table {
	struct slot *slots;   /* by the low bits of the SPI */
	uint32_t n_slots;     /* a power of two */
	struct sa_set **sets; /* by UE, newest first */
	uint32_t n_ues;
};

struct sa_table *sa_table_new(uint32_t n_ues)
{
	struct sa_table *t = calloc(1, sizeof(*t));

	if (!t)
		return NULL;
	t->n_ues = n_ues;
	t->n_slots = 1024;
	while (t->n_slots < n_ues * SPIS_PER_UE * SLOTS_PER_SPI)
		t->n_slots *= 2;
	t->slots = calloc(t->n_slots, sizeof(*t->slots));
	t->sets = calloc(n_ues, sizeof(*t->sets));
	if (t->slots && t->sets)
		return t;
	sa_table_free(t);
	return NULL;
}

void sa_table_free(struct sa_table *t)
{
	if (!t)
		return;
	for (uint32_t i = 0; t->sets && i < t->n_ues; i++)
		while (t->sets[i])
			sa_set_delete(t, t->sets[i]);
	free(t->slots);
	free(t->sets);
	free(t);
}

static struct slot *slot_of(struct sa_table *t, uint32_t spi)
{
	return &t->slots[spi & (t->n_slots - 1)];
}

uint32_t sa_spi_take(struct sa_table *t)
{
	for (uint32_t tries = 0; tries < t->n_slots; tries++) {
		uint32_t spi;

		if (getrandom(&spi, sizeof(spi), 0) != sizeof(spi))
			return 0;
		if (spi < SPI_FIRST || slot_of(t, spi)->spi)
			continue;
		*slot_of(t, spi) = (struct slot){ .spi = spi };
		return spi;
	}
	return 0;
}

void sa_spi_give(struct sa_table *t, uint32_t spi)
{
	if (spi && slot_of(t, spi)->spi == spi)
		*slot_of(t, spi) = (struct slot){ 0 };
}

/* TS 33.203 7.1; the order is that of use. */
static unsigned plan_sas(const struct sa_plan *p, struct sa sa[SA_MAX_SAS])
{
	const struct sa all[SA_MAX_SAS] = {
		{ .spi = p->spi_ps, .ue_port = p->port_uc, .pcscf_port = p->port_ps },
		{ .spi = p->spi_us,
		  .ue_port = p->port_us,
		  .pcscf_port = p->port_pc,
		  .inbound = true },
		{ .spi = p->spi_uc,
		  .ue_port = p->port_uc,
		  .pcscf_port = p->port_ps,
		  .inbound = true },
		{ .spi = p->spi_pc, .ue_port = p->port_us, .pcscf_port = p->port_pc },
	};
	unsigned n = p->single_pair ? 2 : SA_MAX_SAS;

	for (unsigned i = 0; i < n; i++) {
		sa[i] = all[i];
		sa[i].ue = p->ue;
		sa[i].suite = (uint8_t)p->suite;
		sa[i].in_udp = p->in_udp;
	}
	return n;
}

struct sa_set *sa_set_install(struct sa_table *t, struct crypto *c, const struct sa_plan *plan)
{
	struct sa_set *set = calloc(1, sizeof(*set));

	if (!set)
		return NULL;
	set->ue = plan->ue;
	set->n_sas = plan_sas(plan, set->sa);
	for (unsigned i = 0; i < set->n_sas; i++) {
		struct sa *sa = &set->sa[i];

		if (crypto_prepare(c, plan->suite, plan->auth_key, plan->cipher_key, plan->salt,
				   &sa->key)) {
			wipe(set, sizeof(*set));
			free(set);
			return NULL;
		}
		if (sa->inbound)
			slot_of(t, sa->spi)->sa = sa;
	}
	set->spi_uc = plan->spi_uc;
	set->spi_us = plan->spi_us;
	set->next = t->sets[plan->ue];
	t->sets[plan->ue] = set;
	return set;
}

void sa_set_delete(struct sa_table *t, struct sa_set *set)
{
	struct sa_set **at = &t->sets[set->ue];

	while (*at != set)
		at = &(*at)->next;
	*at = set->next;
	sa_spi_give(t, set->spi_uc);
	sa_spi_give(t, set->spi_us);
	wipe(set, sizeof(*set));
	free(set);
}

struct sa *sa_find_inbound(struct sa_table *t, uint32_t spi)
{
	struct slot *slot = slot_of(t, spi);

	return slot->spi == spi ? slot->sa : NULL;
}

struct sa *sa_find_outbound(struct sa_table *t, uint32_t ue, uint16_t ue_port, uint16_t pcscf_port)
{
	for (struct sa_set *set = t->sets[ue]; set; set = set->next)
		for (unsigned i = 0; i < set->n_sas; i++) {
			struct sa *sa = &set->sa[i];

			if (!sa->inbound && sa->ue_port == ue_port && sa->pcscf_port == pcscf_port)
				return sa;
		}
	return NULL;
}

struct sa *sa_set_outbound(struct sa_set *set)
{
	return &set->sa[0];
}

bool sa_is_silent_in_udp(struct sa_table *t, uint32_t ue)
{
	bool in_udp = false, spoke = false;

	for (struct sa_set *set = t->sets[ue]; set; set = set->next)
		for (unsigned i = 0; i < set->n_sas; i++) {
			in_udp |= set->sa[i].in_udp;
			spoke |= set->sa[i].spoke;
			set->sa[i].spoke = false;
		}
	return in_udp && !spoke;
}

bool sa_is_outbound_spi(const struct sa_table *t, uint32_t spi)
{
	for (uint32_t ue = 0; ue < t->n_ues; ue++)
		for (const struct sa_set *set = t->sets[ue]; set; set = set->next)
			for (unsigned i = 0; i < set->n_sas; i++)
				if (!set->sa[i].inbound && set->sa[i].spi == spi)
					return true;
	return false;
}
