#include "test/unit/fixture_control.h"

#include <stdlib.h>
#include <string.h>

#include <rte_cycles.h>

#include "test/unit/dataplane_fixture.h"

int fixture_control_open(struct fixture_control *c, const char *path, enum config_orphans orphans,
			 const char **error)
{
	static char text[512];
	memset(c, 0, sizeof(*c));
	fixture_table_open(&c->sas, &fixture_table);
	c->config = (struct config_dataplane){ .socket = (char *)path,
					       .n_clients = 4,
					       .n_zones = FIXTURE_ZONES };
	c->config.sa.orphans = orphans;
	c->control.sas = &c->sas;
	c->control.start_tsc = rte_rdtsc();
	c->control.events = rte_ring_create("events", 64, SOCKET_ID_ANY, 0);
	if (!c->control.events)
		abort();
	text[0] = 0;
	*error = text;
	return control_open(&c->control, &c->config, text, sizeof(text));
}

void fixture_control_close(struct fixture_control *c)
{
	control_close(&c->control);
	rte_ring_free(c->control.events);
	sa_table_free(&c->sas);
}

void fixture_control_pass(struct fixture_control *c, uint32_t n_s)
{
	c->control.start_tsc -= n_s * rte_get_tsc_hz();
}

void message_make(struct message *m, uint16_t type, const void *entries, uint16_t n_entries,
		  size_t entry_bytes)
{
	memset(&m->header, 0, sizeof(m->header));
	m->header.version = API_VERSION;
	m->header.type = type;
	m->header.n_entries = n_entries;
	m->header.length_bytes = (uint32_t)(sizeof(m->header) + n_entries * entry_bytes);
	m->header.cookie = 0x5eed + type;
	if (m->header.length_bytes > sizeof(*m))
		abort();
	if (n_entries)
		memcpy(m->entries, entries, n_entries * entry_bytes);
}
