#include "dataplane/offload_report.h"

#include <inttypes.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <rte_telemetry.h>

/* Telemetry callbacks take no argument of ours. written by: main, once, before registering. */
static const struct offload *reported;
static const struct inline_table *reported_sessions;

/* Sessions of the port as a whole. */
static void port_row(const struct inline_port *p, struct offload_row *row)
{
	row->n_sessions = p->n_sessions;
	if (!row->is_used)
		return;
	row->is_used = p->pool != NULL;
	if (!p->pool)
		snprintf(row->why, sizeof(row->why),
			 "sessions_per_port is 0, or the port has no algorithm of ours");
	else if (p->n_refused)
		snprintf(row->why, sizeof(row->why), "%u at most; refused %" PRIu64 ", last: %s",
			 p->limit, p->n_refused, p->refusal);
	else
		snprintf(row->why, sizeof(row->why), "%u at most", p->limit);
}

/* As it is now, while the rest is from the start. */
static void rss_row(const struct zone_port *p, struct offload_row *row)
{
	int rc = atomic_load_explicit(&p->rss_rc, memory_order_relaxed);
	if (rc)
		snprintf(
			row->why, sizeof(row->why),
			"it does not follow the owners of UEs: %s; packets are handed over by ring",
			strerror(-rc));
}

/* Rules that steer: of ESP, or of ESP in UDP. */
static void steer_row(const struct spi_rule_port *p, bool in_udp, struct offload_row *row)
{
	snprintf(row->of, sizeof(row->of), in_udp ? "ESP in UDP" : "ESP");
	row->n_sessions = p->n[in_udp];
	if (!row->is_used)
		return;
	const bool *takes = p->of->steers[in_udp];
	const char *only = takes[0] && takes[1] ? "" : takes[0] ? "IPv4 only; " : "IPv6 only; ";
	row->is_used = p->limit != 0;
	if (!p->limit)
		snprintf(row->why, sizeof(row->why), "rules_per_port is 0");
	else if (p->n_refused)
		snprintf(row->why, sizeof(row->why), "%s%u at most; refused %" PRIu64 ", last: %s",
			 only, p->limit, p->n_refused, p->refusal);
	else
		snprintf(row->why, sizeof(row->why), "%s%u at most", only, p->limit);
}

static void class_row(const struct inline_port *p, unsigned class, struct offload_row *row)
{
	const struct inline_capability *in = &p->capability[class][0];
	const struct inline_capability *out = &p->capability[class][1];
	*row = (struct offload_row){ .offload = offload_kind_name[OFFLOAD_SECURITY],
				     .is_used = in->is_there || out->is_there,
				     .n_sessions = p->n_of_class[class] };
	inline_class_text(class, row->of, sizeof(row->of));
	if (in->is_there && !out->is_there)
		snprintf(row->why, sizeof(row->why), "inbound only: %s", out->why);
	else if (!in->is_there && out->is_there)
		snprintf(row->why, sizeof(row->why), "outbound only: %s", in->why);
	else if (!in->is_there)
		snprintf(row->why, sizeof(row->why), "%s", in->why);
}

uint32_t offload_rows(const struct offload *o, const struct inline_table *t, uint32_t i,
		      struct offload_row row[])
{
	const struct offload_port *p = &o->port[i];
	uint32_t n = 0;
	for (unsigned kind = 0; kind < OFFLOAD_N_KINDS; kind++) {
		struct offload_row *r = &row[n++];
		*r = (struct offload_row){ .offload = offload_kind_name[kind],
					   .of = "every packet",
					   .is_used = p->state[kind].is_used };
		memcpy(r->why, p->state[kind].why, sizeof(p->state[kind].why));
	}
	snprintf(row[OFFLOAD_SECURITY].of, sizeof(row[OFFLOAD_SECURITY].of), "all SAs");
	port_row(&t->port[i], &row[OFFLOAD_SECURITY]);
	rss_row(p->zone_port, &row[OFFLOAD_RSS]);
	steer_row(&t->rules.port[i], false, &row[OFFLOAD_STEER_SPI]);
	steer_row(&t->rules.port[i], true, &row[OFFLOAD_STEER_UDP_SPI]);
	for (unsigned c = 0; t->port[i].pool && c < INLINE_CLASSES; c++)
		class_row(&t->port[i], c, &row[n++]);
	return n;
}

/* DPDK 22.11 nests dicts in dicts only. */
static int add_row(struct rte_tel_data *data, uint32_t number, const char *port,
		   const struct offload_row *row)
{
	char key[16];
	struct rte_tel_data *one = rte_tel_data_alloc();
	if (!one)
		return -1;
	rte_tel_data_start_dict(one);
	rte_tel_data_add_dict_string(one, "port", port);
	rte_tel_data_add_dict_string(one, "offload", row->offload);
	rte_tel_data_add_dict_string(one, "of", row->of);
	rte_tel_data_add_dict_string(one, "state", row->is_used ? "on" : "off");
	rte_tel_data_add_dict_u64(one, "sessions", row->n_sessions);
	rte_tel_data_add_dict_string(one, "why", row->why);
	snprintf(key, sizeof(key), "%u", number);
	if (rte_tel_data_add_dict_container(data, key, one, 0) == 0)
		return 0;
	rte_tel_data_free(one);
	return -1;
}

static int list_ports(struct rte_tel_data *data)
{
	rte_tel_data_start_array(data, RTE_TEL_INT_VAL);
	for (uint32_t i = 0; i < reported->n_ports; i++)
		rte_tel_data_add_array_int(data, reported->port[i].port);
	return 0;
}

static int on_offload(const char *command, const char *parameters, struct rte_tel_data *data)
{
	struct offload_row row[OFFLOAD_ROWS_MAX];
	char name[RTE_ETH_NAME_MAX_LEN] = "";
	if (!parameters || !parameters[0])
		return list_ports(data);
	unsigned long port = strtoul(parameters, NULL, 10);
	rte_tel_data_start_dict(data);
	for (uint32_t i = 0; i < reported->n_ports; i++) {
		if (reported->port[i].port != port)
			continue;
		rte_eth_dev_get_name_by_port((uint16_t)port, name);
		uint32_t n = offload_rows(reported, reported_sessions, i, row);
		for (uint32_t r = 0; r < n; r++) {
			if (add_row(data, r, name, &row[r]) < 0)
				return -1;
		}
	}
	return 0;
}

void offload_telemetry_register(const struct offload *o, const struct inline_table *t)
{
	reported = o;
	reported_sessions = t;
	rte_telemetry_register_cmd("/imsgate/offload", on_offload,
				   "What ports take off the workers: no parameter lists the ports; "
				   "PORT tells of one");
}
