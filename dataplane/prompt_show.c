/* `show …`: what telemetry tells too, on the screen. */
#include <inttypes.h>
#include <string.h>

#include <rte_ethdev.h>

#include "configs/config.h"
#include "dataplane/offload_report.h"
#include "dataplane/prompt_impl.h"

static void print_number(void *arg, const char *name, uint64_t value)
{
	const struct prompt *p = arg;
	fprintf(p->out, "  %-24s %" PRIu64 "\n", name, value);
}

static void print_text(void *arg, const char *name, const char *value)
{
	const struct prompt *p = arg;
	fprintf(p->out, "  %-24s %s\n", name, value);
}

static bool print_row(void *arg, uint32_t number)
{
	const struct prompt *p = arg;
	if (number)
		fputc('\n', p->out);
	return true;
}

/* Those that are not zero, since `clear stats`. */
static void show_stats(struct prompt *p)
{
	bool any = false;
	for (enum counter i = 0; i < COUNT_N; i++) {
		uint64_t n = prompt_count(p, i);
		if (n)
			fprintf(p->out, "  %-24s %12" PRIu64 "  %s\n", counter_name[i], n,
				counter_help[i]);
		any = any || n;
	}
	if (!any)
		fprintf(p->out, "  all counters are 0\n");
}

static void show_offload(struct prompt *p)
{
	const struct offload *o = p->parts.offload;
	for (uint32_t i = 0; i < o->n_ports; i++) {
		struct offload_row row[OFFLOAD_ROWS_MAX];
		char name[RTE_ETH_NAME_MAX_LEN] = "";
		uint32_t n = offload_rows(o, p->parts.inlined, i, row);
		rte_eth_dev_get_name_by_port(o->port[i].port, name);
		fprintf(p->out, "%s%s\n", i ? "\n" : "", name);
		for (uint32_t r = 0; r < n; r++)
			fprintf(p->out, "  %-16s %-24s %-3s  %s\n", row[r].offload, row[r].of,
				row[r].is_used ? "on" : "off", row[r].why);
	}
}

static void show_config(struct prompt *p)
{
	const struct config_dataplane *c = (*p->parts.config)->dataplane;
	const struct report *r = &p->parts.report;
	print_text(p, "forwarding", p->is_paused ? "stopped" : "started");
	print_number(p, "idle_sleep_us",
		     atomic_load_explicit(&r->workers[0]->idle_sleep_us, memory_order_relaxed));
	print_number(p, "workers", r->n_workers);
	print_text(p, "socket", c->socket);
	print_text(p, "file_prefix", c->file_prefix);
	print_number(p, "n_mbufs", c->n_mbufs);
	print_number(p, "capacity", c->sa.capacity);
	print_number(p, "replay_window_pkts", c->sa.replay_window_pkts);
	for (uint32_t i = 0; i < c->n_zones; i++) {
		const struct config_zone *z = &c->zones[i];
		fprintf(p->out, "\nzone %s\n", z->name);
		print_text(p, "network_port", z->network_port);
		print_text(p, "kernel_port", z->kernel_port);
		print_number(p, "vlan", z->vlan);
		print_number(p, "mtu_bytes", z->mtu_bytes);
		print_number(p, "port_ps", z->port_ps);
		print_number(p, "port_pc_first", z->port_pc_first);
		print_number(p, "n_port_pc", z->n_port_pc);
	}
}

static void show_generator(struct prompt *p)
{
	print_text(p, "state", generator_is_idle(&p->generator) ? "idle" : "generating");
	print_number(p, "generate_tx", prompt_count(p, COUNT_generate_tx));
	print_number(p, "generate_no_buffer", prompt_count(p, COUNT_generate_no_buffer));
}

void prompt_show(struct prompt *p, const char *what)
{
	const struct report *r = &p->parts.report;
	const struct report_sink sink = {
		.arg = p, .number = print_number, .text = print_text, .row = print_row
	};
	if (strcmp(what, "stats") == 0)
		show_stats(p);
	else if (strcmp(what, "port") == 0)
		report_ports(r, &sink);
	else if (strcmp(what, "workers") == 0)
		report_workers(r, &sink);
	else if (strcmp(what, "sa") == 0)
		report_sa(r, &sink);
	else if (strcmp(what, "tunnels") == 0)
		prompt_show_tunnels(p);
	else if (strcmp(what, "offload") == 0)
		show_offload(p);
	else if (strcmp(what, "generator") == 0)
		show_generator(p);
	else
		show_config(p);
}
