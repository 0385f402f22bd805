#include "dataplane/telemetry.h"

#include <stdio.h>
#include <stdlib.h>

#include <rte_telemetry.h>

/* Telemetry callbacks take no argument of ours. written by: main, once, before registering. */
static struct report source;

/* A reply in the making; `row` is the entry of it that values go to. */
struct reply {
	struct rte_tel_data *all, *row;
};

static void add_number(void *arg, const char *name, uint64_t value)
{
	const struct reply *reply = arg;
	rte_tel_data_add_dict_u64(reply->row, name, value);
}

static void add_text(void *arg, const char *name, const char *value)
{
	const struct reply *reply = arg;
	rte_tel_data_add_dict_string(reply->row, name, value);
}

/* A dict for entry `number` of a dict: DPDK 22.11 has no arrays of dicts. */
static bool add_row(void *arg, uint32_t number)
{
	struct reply *reply = arg;
	char key[16];
	snprintf(key, sizeof(key), "%u", number);
	reply->row = rte_tel_data_alloc();
	if (!reply->row)
		return false;
	rte_tel_data_start_dict(reply->row);
	if (rte_tel_data_add_dict_container(reply->all, key, reply->row, 0) == 0)
		return true;
	rte_tel_data_free(reply->row);
	return false;
}

static struct report_sink sink_of(struct reply *reply, struct rte_tel_data *data)
{
	rte_tel_data_start_dict(data);
	*reply = (struct reply){ .all = data, .row = data };
	return (struct report_sink){
		.arg = reply, .number = add_number, .text = add_text, .row = add_row
	};
}

static int on_stats(const char *command, const char *parameters, struct rte_tel_data *data)
{
	struct reply reply;
	const struct report_sink sink = sink_of(&reply, data);
	report_stats(&source, &sink);
	return 0;
}

/*
 * What 64 of are more than the 16 KiB of a reply: without a parameter the numbers there are, else
 * the one of them that it is.
 */
static int tell_one(const char *parameters, struct rte_tel_data *data, uint32_t n,
		    bool (*tell)(const struct report *r, const struct report_sink *sink,
				 uint32_t number))
{
	if (!parameters || !parameters[0]) {
		rte_tel_data_start_array(data, RTE_TEL_INT_VAL);
		for (uint32_t i = 0; i < n; i++)
			rte_tel_data_add_array_int(data, (int)i);
		return 0;
	}
	unsigned long number = strtoul(parameters, NULL, 10);
	struct reply reply;
	const struct report_sink sink = sink_of(&reply, data);
	return number >= n || tell(&source, &sink, (uint32_t)number) ? 0 : -1;
}

static int on_workers(const char *command, const char *parameters, struct rte_tel_data *data)
{
	return tell_one(parameters, data, source.n_workers, report_worker);
}

static int on_sa(const char *command, const char *parameters, struct rte_tel_data *data)
{
	struct reply reply;
	const struct report_sink sink = sink_of(&reply, data);
	report_sa(&source, &sink);
	return 0;
}

static int on_buffers(const char *command, const char *parameters, struct rte_tel_data *data)
{
	struct reply reply;
	const struct report_sink sink = sink_of(&reply, data);
	report_buffers(&source, &sink);
	return 0;
}

static int on_ports(const char *command, const char *parameters, struct rte_tel_data *data)
{
	return tell_one(parameters, data, source.zones->n, report_port);
}

void telemetry_register(const struct report *report)
{
	source = *report;
	rte_telemetry_register_cmd("/imsgate/stats", on_stats, "Every counter by name");
	rte_telemetry_register_cmd("/imsgate/workers", on_workers,
				   "Load of the workers: no parameter lists them; WORKER tells of "
				   "one");
	rte_telemetry_register_cmd("/imsgate/sa", on_sa, "Use of the SA table");
	rte_telemetry_register_cmd("/imsgate/buffers", on_buffers, "Use of the packet buffers");
	rte_telemetry_register_cmd("/imsgate/ports", on_ports,
				   "Zones and their ports: no parameter lists the zones; ZONE "
				   "tells of one");
}
