/* Which key of the section dataplane can change while packets flow: each one is here. */
#include <string.h>

#include "dataplane/crypto_device.h"
#include "dataplane/reload.h"

/*
 * Of a port that is protected no longer, SAs may be left, and what the kernel sends from it would
 * pass in the clear. The count of zones is the same: that is a key of its own.
 */
static bool pool_grows(const struct reload *r, const struct config_dataplane *next)
{
	const struct config_dataplane *now = r->config->dataplane;
	for (uint32_t i = 0; i < now->n_zones && i < next->n_zones; i++) {
		if (now->zones[i].n_port_pc > next->zones[i].n_port_pc)
			return false;
	}
	return true;
}

static bool has_devices(const struct reload *r, const struct config_dataplane *next)
{
	return next->crypto.lookaside == CONFIG_LOOKASIDE_NONE || r->devices->lookaside;
}

static const char new_sas[] = "SAs from now on";

static const struct reload_rule rules[] = {
	/* what privileges, devices or memory of the start are in */
	{ "dataplane.socket", RELOAD_RESTART, NULL, NULL },
	{ "dataplane.file_prefix", RELOAD_RESTART, NULL, NULL },
	{ "dataplane.user", RELOAD_RESTART, NULL, NULL },
	{ "dataplane.hugepages", RELOAD_RESTART, NULL, NULL },
	{ "dataplane.memory_mb", RELOAD_RESTART, NULL, NULL },
	{ "dataplane.control_core", RELOAD_RESTART, NULL, NULL },
	{ "dataplane.worker_cores", RELOAD_RESTART, NULL, NULL },
	{ "dataplane.n_mbufs", RELOAD_RESTART, NULL, NULL },
	{ "dataplane.n_clients", RELOAD_RESTART, NULL, NULL },
	{ "dataplane.zones", RELOAD_RESTART, NULL, NULL },
	{ "sa.capacity", RELOAD_RESTART, NULL, NULL },
	{ "sa.generation_bits", RELOAD_RESTART, NULL, NULL },
	{ "sa.spi_slice", RELOAD_RESTART, NULL, NULL },
	{ "sa.spi_slice_bits", RELOAD_RESTART, NULL, NULL },
	{ "sa.n_wide_windows", RELOAD_RESTART, NULL, NULL },
	{ "sa.n_tunnels", RELOAD_RESTART, NULL, NULL },
	{ "offload.sessions_per_port", RELOAD_RESTART, NULL, NULL },
	{ "offload.rules_per_port", RELOAD_RESTART, NULL, NULL },
	{ "fragments.n_datagrams", RELOAD_RESTART, NULL, NULL },
	{ "crypto.devices", RELOAD_RESTART, NULL, NULL },
	{ "crypto.n_sessions", RELOAD_RESTART, NULL, NULL },
	{ "crypto.queue_entries", RELOAD_RESTART, NULL, NULL },
	{ "crypto.required", RELOAD_RESTART, NULL, NULL },
	{ "zones.network_port", RELOAD_RESTART, NULL, NULL },
	{ "zones.kernel_port", RELOAD_RESTART, NULL, NULL },
	{ "zones.kernel_netns", RELOAD_RESTART, NULL, NULL },
	{ "zones.vlan", RELOAD_RESTART, NULL, NULL },
	{ "zones.mtu_bytes", RELOAD_RESTART, NULL, NULL },
	/* what SAs and the sockets behind the zone are bound to */
	{ "zones.name", RELOAD_RESTART, NULL, NULL },
	{ "zones.port_ps", RELOAD_RESTART, NULL, NULL },
	{ "zones.port_pc_first", RELOAD_RESTART, NULL, NULL },
	{ "zones.port_encap", RELOAD_RESTART, NULL, NULL },

	{ "zones.n_port_pc", RELOAD_LIVE_IF, pool_grows, "a pool can only grow" },
	{ "crypto.lookaside", RELOAD_LIVE_IF, has_devices, "no device was started" },

	{ "dataplane.active_workers", RELOAD_LIVE, NULL, NULL },
	{ "dataplane.idle_sleep_us", RELOAD_LIVE, NULL, NULL },
	{ "dataplane.quotas", RELOAD_LIVE, NULL, NULL },
	{ "quotas.client", RELOAD_LIVE, NULL, NULL },
	{ "quotas.max_sas", RELOAD_LIVE, NULL, NULL },
	{ "sa.replay_window_pkts", RELOAD_LIVE, NULL, new_sas },
	{ "sa.orphans", RELOAD_LIVE, NULL, "clients that leave from now on" },
	{ "sa.quarantine_s", RELOAD_LIVE, NULL, "SAs that die from now on" },
	{ "offload.promote_pps", RELOAD_LIVE, NULL, NULL },
	{ "fragments.timeout_s", RELOAD_LIVE, NULL, "datagrams from now on" },
	{ "flood.port", RELOAD_LIVE, NULL, NULL },
	{ "flood.source_pps", RELOAD_LIVE, NULL, NULL },
	{ "flood.source_burst_pkts", RELOAD_LIVE, NULL, NULL },
	{ "flood.zone_pps", RELOAD_LIVE, NULL, NULL },
	{ "flood.zone_burst_pkts", RELOAD_LIVE, NULL, NULL },

	{ "dataplane.sa", RELOAD_SECTION, NULL, NULL },
	{ "dataplane.offload", RELOAD_SECTION, NULL, NULL },
	{ "dataplane.fragments", RELOAD_SECTION, NULL, NULL },
	{ "dataplane.crypto", RELOAD_SECTION, NULL, NULL },
	{ "zones.flood", RELOAD_SECTION, NULL, NULL },
};

#define N_RULES (sizeof(rules) / sizeof(rules[0]))

const struct reload_rule *reload_rule(const char *key)
{
	for (size_t i = 0; i < N_RULES; i++) {
		if (strcmp(rules[i].key, key) == 0)
			return &rules[i];
	}
	return NULL;
}

const struct reload_rule *reload_rule_number(size_t i)
{
	return i < N_RULES ? &rules[i] : NULL;
}
