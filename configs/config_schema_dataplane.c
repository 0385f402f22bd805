#include "configs/config.h"
#include "configs/config_schema_impl.h"
#include "configs/config_syntax.h"

static const cyaml_strval_t orphans_names[] = {
	{ "keep", CONFIG_ORPHANS_KEEP },
	{ "delete", CONFIG_ORPHANS_DELETE },
};

static const cyaml_strval_t lookaside_names[] = {
	{ "none", CONFIG_LOOKASIDE_NONE },
	{ "encrypted", CONFIG_LOOKASIDE_ENCRYPTED },
	{ "tunnels", CONFIG_LOOKASIDE_TUNNELS },
	{ "all", CONFIG_LOOKASIDE_ALL },
};

static const cyaml_schema_field_t sa_fields[] = {
	NUMBER(OPTIONAL, config_sa, capacity),
	NUMBER(OPTIONAL, config_sa, generation_bits),
	NUMBER(OPTIONAL, config_sa, spi_slice),
	NUMBER(OPTIONAL, config_sa, spi_slice_bits),
	NUMBER(OPTIONAL, config_sa, replay_window_pkts),
	NUMBER(OPTIONAL, config_sa, n_wide_windows),
	NUMBER(OPTIONAL, config_sa, n_tunnels),
	CHOICE(OPTIONAL, config_sa, orphans, orphans_names),
	NUMBER(OPTIONAL, config_sa, quarantine_s),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t crypto_fields[] = {
	LIST(OPTIONAL, config_crypto, devices, text_entry, CONFIG_CRYPTO_DEVICES),
	CHOICE(OPTIONAL, config_crypto, lookaside, lookaside_names),
	NUMBER(OPTIONAL, config_crypto, n_sessions),
	NUMBER(OPTIONAL, config_crypto, queue_entries),
	CYAML_FIELD_BOOL("required", OPTIONAL, struct config_crypto, required),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t offload_fields[] = {
	NUMBER(OPTIONAL, config_offload, sessions_per_port),
	NUMBER(OPTIONAL, config_offload, promote_pps),
	NUMBER(OPTIONAL, config_offload, rules_per_port),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t fragments_fields[] = {
	NUMBER(OPTIONAL, config_fragments, n_datagrams),
	NUMBER(OPTIONAL, config_fragments, timeout_s),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t flood_fields[] = {
	NUMBER(OPTIONAL, config_flood, port),
	NUMBER(OPTIONAL, config_flood, source_pps),
	NUMBER(OPTIONAL, config_flood, source_burst_pkts),
	NUMBER(OPTIONAL, config_flood, zone_pps),
	NUMBER(OPTIONAL, config_flood, zone_burst_pkts),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t zone_fields[] = {
	TEXT(REQUIRED, config_zone, name),
	TEXT(REQUIRED, config_zone, network_port),
	TEXT(REQUIRED, config_zone, kernel_port),
	TEXT(OPTIONAL, config_zone, kernel_netns),
	NUMBER(OPTIONAL, config_zone, vlan),
	NUMBER(OPTIONAL, config_zone, mtu_bytes),
	NUMBER(OPTIONAL, config_zone, port_ps),
	NUMBER(OPTIONAL, config_zone, port_pc_first),
	NUMBER(OPTIONAL, config_zone, n_port_pc),
	NUMBER(OPTIONAL, config_zone, port_encap),
	CYAML_FIELD_MAPPING("flood", OPTIONAL, struct config_zone, flood, flood_fields),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t zone_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_zone, zone_fields),
};

static const cyaml_schema_field_t quota_fields[] = {
	TEXT(REQUIRED, config_quota, client),
	NUMBER(REQUIRED, config_quota, max_sas),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t quota_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_quota, quota_fields),
};

const cyaml_schema_field_t dataplane_fields[] = {
	TEXT(OPTIONAL, config_dataplane, socket),
	TEXT(OPTIONAL, config_dataplane, file_prefix),
	TEXT(OPTIONAL, config_dataplane, user),
	CYAML_FIELD_BOOL("hugepages", OPTIONAL, struct config_dataplane, hugepages),
	NUMBER(OPTIONAL, config_dataplane, memory_mb),
	NUMBER(OPTIONAL, config_dataplane, control_core),
	LIST(REQUIRED, config_dataplane, worker_cores, number_entry, 64),
	NUMBER(OPTIONAL, config_dataplane, active_workers),
	NUMBER(OPTIONAL, config_dataplane, n_mbufs),
	NUMBER(OPTIONAL, config_dataplane, idle_sleep_us),
	NUMBER(OPTIONAL, config_dataplane, n_clients),
	LIST(OPTIONAL, config_dataplane, quotas, quota_entry, 64),
	CYAML_FIELD_MAPPING("sa", OPTIONAL, struct config_dataplane, sa, sa_fields),
	CYAML_FIELD_MAPPING("offload", OPTIONAL, struct config_dataplane, offload, offload_fields),
	CYAML_FIELD_MAPPING("fragments", OPTIONAL, struct config_dataplane, fragments,
			    fragments_fields),
	CYAML_FIELD_MAPPING("crypto", OPTIONAL, struct config_dataplane, crypto, crypto_fields),
	LIST(REQUIRED, config_dataplane, zones, zone_entry, 64),
	CYAML_FIELD_END,
};

static const struct config_rule rules[] = {
	/* section, key, min, max, default */
	{ sa_fields, "capacity", 1u << 10, 1u << 22, 1u << 16 },
	{ sa_fields, "generation_bits", 4, 10, 10 },
	{ sa_fields, "spi_slice", 0, 65535, 0 },
	{ sa_fields, "spi_slice_bits", 0, 16, 0 },
	/* RFC 4303 3.4.3: at least 32; a window must fit into api_sa.window */
	{ sa_fields, "replay_window_pkts", 32, 2048, 128 },
	{ sa_fields, "n_wide_windows", 0, 1u << 20, 0 },
	{ sa_fields, "quarantine_s", 0, 3600, 10 },
	{ sa_fields, "n_tunnels", 0, 1u << 22, 1024 },

	{ quota_fields, "client", .valid = syntax_client,
	  .expected = "a name of at most 31 letters, digits, '-', '_' and '.'" },
	{ quota_fields, "max_sas", 1, 1u << 22, 1 },

	/* NICs have from 1024 (ixgbe) on; what a port has not is found out by asking it. */
	{ crypto_fields, "devices", .valid = syntax_device,
	  .expected = "a PCI address or a DPDK device string" },
	{ crypto_fields, "n_sessions", 1, 1u << 22, 4096 },
	{ crypto_fields, "queue_entries", 64, 1u << 14, 1024 },

	{ offload_fields, "sessions_per_port", 0, 1u << 16, 1024 },
	{ offload_fields, "promote_pps", 1, 1u << 24, 1000 },
	{ offload_fields, "rules_per_port", 0, 1u << 16, 1024 },

	{ fragments_fields, "n_datagrams", 16, 1u << 16, 1u << 10 },
	/* RFC 8200 4.5 and RFC 1122 3.3.2: no longer than 60 s */
	{ fragments_fields, "timeout_s", 1, 60, 5 },

	{ flood_fields, "port", 1, 65535, 5060 },
	/* Kept in 2^-16 s for a source and in 2^-32 s for a zone: exact to a few percent. */
	{ flood_fields, "source_pps", 0, 1000, 0 },
	{ flood_fields, "source_burst_pkts", 1, 10000, 20 },
	{ flood_fields, "zone_pps", 0, 1u << 24, 0 },
	{ flood_fields, "zone_burst_pkts", 1, 1u << 24, 1000 },

	{ zone_fields, "vlan", 0, 4094, 0 },
	{ zone_fields, "mtu_bytes", 576, 9216,
	  1500 }, /* RFC 791: 576; jumbo frames of today's NICs */
	{ zone_fields, "port_ps", 0, 65535, 0 },
	{ zone_fields, "port_pc_first", 0, 65535, 0 },
	{ zone_fields, "n_port_pc", 0, 1024, 0 },
	{ zone_fields, "port_encap", 0, 65535, 0 }, /* RFC 3948: 4500, where it is wanted */
	{ zone_fields, "name", .valid = syntax_name,
	  .expected = "a name of letters, digits, '-', '_' and '.'" },
	{ zone_fields, "network_port", .valid = syntax_device,
	  .expected = "a PCI address or a DPDK device string" },
	{ zone_fields, "kernel_port", .valid = syntax_device,
	  .expected = "a PCI address or a DPDK device string" },
	{ zone_fields, "kernel_netns", .text = "", .valid = syntax_optional_name,
	  .expected = "the name of a network namespace, or \"\"" },

	{ dataplane_fields, "socket", .text = "/run/imsgate/dataplane.sock",
	  .valid = syntax_socket_path, .expected = "an absolute path of at most 107 bytes" },
	{ dataplane_fields, "file_prefix", .text = "imsgate", .valid = syntax_name,
	  .expected = "a name of letters, digits, '-', '_' and '.'" },
	{ dataplane_fields, "user", .text = "", .valid = syntax_optional_name,
	  .expected = "the name of a user, or \"\"" },
	{ dataplane_fields, "memory_mb", 64, 1u << 20, 512 },
	{ dataplane_fields, "control_core", 0, 1023, 0 },
	{ dataplane_fields, "worker_cores", 0, 1023 },
	{ dataplane_fields, "active_workers", 0, 64, 0 }, /* 0: as many as worker_cores */
	{ dataplane_fields, "n_mbufs", 1024, 1u << 24, 16384 },
	{ dataplane_fields, "idle_sleep_us", 0, 100000, 0 },
	{ dataplane_fields, "n_clients", 1, 64, 16 },
};

const struct config_rules dataplane_rules = { rules, CYAML_ARRAY_LEN(rules) };
