#include "configs/config_schema.h"

#include <string.h>

#include "configs/config.h"
#include "configs/config_syntax.h"

#define REQUIRED CYAML_FLAG_DEFAULT
#define OPTIONAL CYAML_FLAG_OPTIONAL

/* Longest text of any key; no limit of a format, only of what is worth reading. */
#define TEXT_MAX_BYTES 1024

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

static const cyaml_strval_t sa_profile_names[] = {
	{ "two-pairs", CONFIG_SA_TWO_PAIRS },
	{ "single-pair", CONFIG_SA_SINGLE_PAIR },
};

static const cyaml_strval_t reauth_names[] = {
	{ "deregister", CONFIG_REAUTH_DEREGISTER },
	{ "repeat", CONFIG_REAUTH_REPEAT },
};

static const cyaml_strval_t reg_event_names[] = {
	{ "subscribe", CONFIG_REG_EVENT_SUBSCRIBE },
	{ "none", CONFIG_REG_EVENT_NONE },
};

static const cyaml_strval_t indicator_names[] = {
	{ "no", CONFIG_INDICATOR_NO },
	{ "nothing", CONFIG_INDICATOR_NOTHING },
};

static const cyaml_strval_t security_names[] = {
	{ "none", CONFIG_SECURITY_NONE },
	{ "tls", CONFIG_SECURITY_TLS },
	{ "protected", CONFIG_SECURITY_PROTECTED },
};

static const cyaml_strval_t qop_names[] = {
	{ "auth", CONFIG_QOP_AUTH },
	{ "auth-int", CONFIG_QOP_AUTH_INT },
	{ "both", CONFIG_QOP_BOTH },
	{ "none", CONFIG_QOP_NONE },
};

static const cyaml_strval_t further_impus_names[] = {
	{ "challenge", CONFIG_FURTHER_IMPUS_CHALLENGE },
	{ "accept", CONFIG_FURTHER_IMPUS_ACCEPT },
};

static const cyaml_strval_t akav2_keys_names[] = {
	{ "aka", CONFIG_AKAV2_KEYS_AKA },
	{ "derived", CONFIG_AKAV2_KEYS_DERIVED },
};

static const cyaml_strval_t emergency_names[] = {
	{ "protected", CONFIG_EMERGENCY_PROTECTED },
	{ "unprotected", CONFIG_EMERGENCY_UNPROTECTED },
};

static const cyaml_strval_t nat_names[] = {
	{ "refuse", CONFIG_NAT_REFUSE },
	{ "UDP-enc-tun", CONFIG_NAT_UDP_ENC_TUN },
};

static const cyaml_strval_t cx_transport_names[] = {
	{ "local", CONFIG_CX_LOCAL },
	{ "diameter", CONFIG_CX_DIAMETER },
};

static const cyaml_strval_t survives_names[] = {
	{ "crash", CONFIG_SURVIVES_CRASH },
	{ "power-failure", CONFIG_SURVIVES_POWER_FAILURE },
};

static const cyaml_strval_t damaged_names[] = {
	{ "refuse", CONFIG_DAMAGED_REFUSE },
	{ "forget", CONFIG_DAMAGED_FORGET },
};

static const cyaml_schema_value_t text_entry = {
	CYAML_VALUE_STRING(CYAML_FLAG_POINTER, char *, 0, TEXT_MAX_BYTES),
};

static const cyaml_schema_value_t number_entry = {
	CYAML_VALUE_UINT(CYAML_FLAG_DEFAULT, uint32_t),
};

/* Each section's fields are read and written beside its struct in config.h. */
#define NUMBER(flags, section, member) CYAML_FIELD_UINT(#member, flags, struct section, member)
#define TEXT(flags, section, member)                                                               \
	CYAML_FIELD_STRING_PTR(#member, flags, struct section, member, 0, TEXT_MAX_BYTES)
#define CHOICE(flags, section, member, names)                                                      \
	CYAML_FIELD_ENUM(#member, (flags) | CYAML_FLAG_STRICT, struct section, member, names,      \
			 CYAML_ARRAY_LEN(names))
#define LIST(flags, section, member, entry, max)                                                   \
	CYAML_FIELD_SEQUENCE_COUNT(#member, (flags) | CYAML_FLAG_POINTER, struct section, member,  \
				   n_##member, &(entry), 1, max)

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

static const cyaml_schema_field_t dataplane_fields[] = {
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

static const cyaml_schema_field_t tcp_fields[] = {
	NUMBER(OPTIONAL, config_tcp, n_connections),
	NUMBER(OPTIONAL, config_tcp, n_strangers),
	NUMBER(OPTIONAL, config_tcp, n_of_stranger),
	NUMBER(OPTIONAL, config_tcp, n_unfinished),
	NUMBER(OPTIONAL, config_tcp, queue_mb),
	NUMBER(OPTIONAL, config_tcp, connect_s),
	NUMBER(OPTIONAL, config_tcp, message_s),
	NUMBER(OPTIONAL, config_tcp, stranger_idle_s),
	NUMBER(OPTIONAL, config_tcp, idle_s),
	NUMBER(OPTIONAL, config_tcp, above_bytes),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t tls_name_fields[] = {
	TEXT(REQUIRED, config_tls_name, address),
	TEXT(REQUIRED, config_tls_name, name),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t tls_name_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_tls_name, tls_name_fields),
};

static const cyaml_schema_field_t tls_fields[] = {
	TEXT(REQUIRED, config_tls, certificate),
	TEXT(REQUIRED, config_tls, key),
	TEXT(REQUIRED, config_tls, authorities),
	LIST(OPTIONAL, config_tls, names, tls_name_entry, 1024),
	NUMBER(OPTIONAL, config_tls, n_handshakes),
	NUMBER(OPTIONAL, config_tls, handshake_s),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t controlplane_fields[] = {
	TEXT(REQUIRED, config_controlplane, realm),
	TEXT(OPTIONAL, config_controlplane, run_dir),
	TEXT(OPTIONAL, config_controlplane, cx_socket),
	CHOICE(OPTIONAL, config_controlplane, core_security, security_names),
	CYAML_FIELD_MAPPING("tcp", OPTIONAL, struct config_controlplane, tcp, tcp_fields),
	TEXT(OPTIONAL, config_controlplane, state_dir),
	CHOICE(OPTIONAL, config_controlplane, state_survives, survives_names),
	CHOICE(OPTIONAL, config_controlplane, damaged_state, damaged_names),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t cx_peer_fields[] = {
	TEXT(REQUIRED, config_cx_peer, identity),
	TEXT(OPTIONAL, config_cx_peer, address),
	NUMBER(OPTIONAL, config_cx_peer, port),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t cx_peer_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_cx_peer, cx_peer_fields),
};

static const cyaml_schema_field_t cx_fields[] = {
	CHOICE(OPTIONAL, config_cx, transport, cx_transport_names),
	CHOICE(OPTIONAL, config_cx, security, security_names),
	TEXT(OPTIONAL, config_cx, identity),
	TEXT(OPTIONAL, config_cx, realm),
	TEXT(OPTIONAL, config_cx, address),
	NUMBER(OPTIONAL, config_cx, port),
	NUMBER(OPTIONAL, config_cx, timeout_ms),
	NUMBER(OPTIONAL, config_cx, watchdog_s),
	LIST(OPTIONAL, config_cx, peers, cx_peer_entry, 64),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t pcscf_fields[] = {
	TEXT(REQUIRED, config_pcscf, zone),
	LIST(REQUIRED, config_pcscf, addresses, text_entry, 64),
	TEXT(OPTIONAL, config_pcscf, device),
	NUMBER(OPTIONAL, config_pcscf, port),
	TEXT(REQUIRED, config_pcscf, core_address),
	NUMBER(OPTIONAL, config_pcscf, core_port),
	TEXT(REQUIRED, config_pcscf, icscf),
	TEXT(REQUIRED, config_pcscf, visited_network),
	CHOICE(OPTIONAL, config_pcscf, sa_profile, sa_profile_names),
	CHOICE(OPTIONAL, config_pcscf, indicator, indicator_names),
	CHOICE(OPTIONAL, config_pcscf, reg_event, reg_event_names),
	LIST(REQUIRED, config_pcscf, integrity, text_entry, 8),
	LIST(REQUIRED, config_pcscf, encryption, text_entry, 8),
	NUMBER(OPTIONAL, config_pcscf, temporary_sa_s),
	NUMBER(OPTIONAL, config_pcscf, source_registers_per_min),
	CHOICE(OPTIONAL, config_pcscf, emergency_registration, emergency_names),
	CHOICE(OPTIONAL, config_pcscf, nat, nat_names),
	LIST(OPTIONAL, config_pcscf, nat_networks, text_entry, 16),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t scscfs_fields[] = {
	TEXT(REQUIRED, config_candidate, uri),
	LIST(REQUIRED, config_candidate, capabilities, number_entry, 32),
	CYAML_FIELD_END,
};

static const cyaml_schema_value_t candidate_entry = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_DEFAULT, struct config_candidate, scscfs_fields),
};

static const cyaml_schema_field_t icscf_fields[] = {
	TEXT(REQUIRED, config_icscf, address),
	NUMBER(OPTIONAL, config_icscf, port),
	TEXT(REQUIRED, config_icscf, scscf),
	LIST(OPTIONAL, config_icscf, scscfs, candidate_entry, 31),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t scscf_fields[] = {
	TEXT(REQUIRED, config_scscf, address),
	NUMBER(OPTIONAL, config_scscf, port),
	NUMBER(OPTIONAL, config_scscf, n_vectors),
	NUMBER(OPTIONAL, config_scscf, min_expires_s),
	NUMBER(OPTIONAL, config_scscf, max_expires_s),
	NUMBER(OPTIONAL, config_scscf, reg_await_auth_s),
	NUMBER(OPTIONAL, config_scscf, reauth_every),
	NUMBER(OPTIONAL, config_scscf, reauth_within_s),
	CHOICE(OPTIONAL, config_scscf, reauth_unanswered, reauth_names),
	NUMBER(OPTIONAL, config_scscf, reauth_after_s),
	CHOICE(OPTIONAL, config_scscf, further_impus, further_impus_names),
	NUMBER(OPTIONAL, config_scscf, deregister_failures),
	CHOICE(OPTIONAL, config_scscf, emergency_registration, emergency_names),
	TEXT(OPTIONAL, config_scscf, algorithm),
	CHOICE(OPTIONAL, config_scscf, qop, qop_names),
	CHOICE(OPTIONAL, config_scscf, akav2_keys, akav2_keys_names),
	NUMBER(OPTIONAL, config_scscf, impi_challenges_per_min),
	NUMBER(OPTIONAL, config_scscf, source_challenges_per_min),
	CYAML_FIELD_END,
};

static const cyaml_schema_field_t hss_fields[] = {
	TEXT(REQUIRED, config_hss, database),
	TEXT(OPTIONAL, config_hss, key_file),
	CYAML_FIELD_END,
};

#define SECTION(member)                                                                            \
	CYAML_FIELD_MAPPING_PTR(#member, OPTIONAL, struct config, member, member##_fields)

static const cyaml_schema_field_t root_fields[] = {
	SECTION(dataplane), SECTION(controlplane), SECTION(tls), SECTION(cx),     SECTION(pcscf),
	SECTION(icscf),     SECTION(scscf),        SECTION(hss), CYAML_FIELD_END,
};

const cyaml_schema_value_t config_schema = {
	CYAML_VALUE_MAPPING(CYAML_FLAG_POINTER, struct config, root_fields),
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

	{ controlplane_fields, "realm", .valid = syntax_domain, .expected = "a domain name" },
	{ controlplane_fields, "run_dir", .text = "/run/imsgate", .valid = syntax_run_dir,
	  .expected = "an absolute path of at most 96 bytes" },
	{ controlplane_fields, "cx_socket", .text = "/run/imsgate/cx.sock",
	  .valid = syntax_socket_path, .expected = "an absolute path of at most 107 bytes" },
	{ controlplane_fields, "state_dir", .text = "", .valid = syntax_optional_path,
	  .expected = "an absolute path, or \"\"" },

	/* Two connections of each of 262 144 UEs; half messages are at most 2 · 512 · 64 kB. */
	{ tcp_fields, "n_connections", 16, 1u << 22, 524288 },
	{ tcp_fields, "n_strangers", 16, 1u << 20, 4096 },
	{ tcp_fields, "n_of_stranger", 1, 1u << 16, 64 },
	{ tcp_fields, "n_unfinished", 16, 1u << 16, 512 },
	{ tcp_fields, "queue_mb", 1, 1u << 16, 64 },
	/* three SYNs of Linux, 0, 1 and 3 s, and an answer: RFC 3261 18.1.1 */
	{ tcp_fields, "connect_s", 1, 60, 5 },
	{ tcp_fields, "message_s", 1, 600, 10 },
	/* the core's answer to an SM1 takes timer F, 32 s, at most */
	{ tcp_fields, "stranger_idle_s", 33, 86400, 64 },
	{ tcp_fields, "idle_s", 33, 604800, 3600 },
	{ tcp_fields, "above_bytes", 0, 65507, 0 },

	{ tls_fields, "certificate", .valid = syntax_path, .expected = "an absolute path" },
	{ tls_fields, "key", .valid = syntax_path, .expected = "an absolute path" },
	{ tls_fields, "authorities", .valid = syntax_path, .expected = "an absolute path" },
	/* some 50 kB each at most */
	{ tls_fields, "n_handshakes", 16, 1u << 16, 256 },
	{ tls_fields, "handshake_s", 1, 60, 5 },
	{ tls_name_fields, "address", .valid = syntax_address,
	  .expected = "a unicast IPv4 or IPv6 address" },
	{ tls_name_fields, "name", .valid = syntax_domain, .expected = "a domain name" },

	{ cx_fields, "identity", .text = "", .valid = syntax_optional_domain,
	  .expected = "a domain name" },
	{ cx_fields, "realm", .text = "", .valid = syntax_optional_domain,
	  .expected = "a domain name, or \"\"" },
	{ cx_fields, "address", .text = "", .valid = syntax_optional_address,
	  .expected = "a unicast IPv4 or IPv6 address" },
	{ cx_fields, "port", 1, 65535, 3868 }, /* RFC 6733 2.1 */
	{ cx_fields, "timeout_ms", 100, 60000, 5000 },
	{ cx_fields, "watchdog_s", 6, 3600,
	  30 }, /* RFC 3539 3.4.1: no less than 6, 30 by default */
	{ cx_peer_fields, "identity", .valid = syntax_domain, .expected = "a domain name" },
	{ cx_peer_fields, "address", .text = "", .valid = syntax_optional_address,
	  .expected = "a unicast IPv4 or IPv6 address, or \"\"" },
	{ cx_peer_fields, "port", 1, 65535, 3868 },

	{ pcscf_fields, "zone", .valid = syntax_name, .expected = "the name of a zone" },
	{ pcscf_fields, "addresses", .valid = syntax_address,
	  .expected = "a unicast IPv4 or IPv6 address" },
	{ pcscf_fields, "device", .text = "", .valid = syntax_interface,
	  .expected = "the name of a kernel interface, or \"\"" },
	{ pcscf_fields, "port", 1, 65535, 5060 },
	{ pcscf_fields, "core_address", .valid = syntax_address,
	  .expected = "a unicast IPv4 or IPv6 address" },
	{ pcscf_fields, "core_port", 1, 65535, 5060 },
	{ pcscf_fields, "icscf", .valid = syntax_next_hop, .expected = "sip:ADDRESS:PORT" },
	{ pcscf_fields, "visited_network", .valid = syntax_domain, .expected = "a domain name" },
	{ pcscf_fields, "integrity", .valid = syntax_integrity,
	  .expected = "hmac-sha-1-96, hmac-md5-96, aes-gmac or \"null\"" },
	{ pcscf_fields, "encryption", .valid = syntax_encryption,
	  .expected = "\"null\", aes-cbc, des-ede3-cbc or aes-gcm" },
	/* reg-await-auth is 4 minutes, TS 24.229 table 7.8.1 */
	{ pcscf_fields, "temporary_sa_s", 1, 3600, 240 },
	{ pcscf_fields, "source_registers_per_min", 0, 1000000, 600 },
	{ pcscf_fields, "nat_networks", .valid = syntax_network,
	  .expected = "ADDRESS/BITS without bits behind the prefix" },

	{ icscf_fields, "address", .valid = syntax_address,
	  .expected = "a unicast IPv4 or IPv6 address" },
	{ icscf_fields, "port", 1, 65535, 5060 },
	{ scscfs_fields, "uri", .valid = syntax_next_hop, .expected = "sip:ADDRESS:PORT" },
	{ scscfs_fields, "capabilities", 0, UINT32_MAX },
	{ icscf_fields, "scscf", .valid = syntax_next_hop, .expected = "sip:ADDRESS:PORT" },

	{ scscf_fields, "address", .valid = syntax_address,
	  .expected = "a unicast IPv4 or IPv6 address" },
	{ scscf_fields, "port", 1, 65535, 5060 },
	{ scscf_fields, "n_vectors", 1, 32,
	  1 }, /* more than the IND values of 33.102 Annex C wrap */
	{ scscf_fields, "min_expires_s", 1, UINT32_MAX, 60 },
	{ scscf_fields, "max_expires_s", 1, UINT32_MAX, 600000 },
	{ scscf_fields, "reg_await_auth_s", 1, 3600, 240 },
	{ scscf_fields, "reauth_every", 0, UINT32_MAX, 0 },
	/* as long before its end as a UE refreshes a long registration: TS 24.229 5.1.1.4.1 */
	{ scscf_fields, "reauth_within_s", 1, 86400, 600 },
	{ scscf_fields, "reauth_after_s", 0, UINT32_MAX, 0 },
	{ scscf_fields, "deregister_failures", 0, 1000, 0 },
	{ scscf_fields, "algorithm", .text = "AKAv1-MD5", .valid = syntax_algorithm,
	  .expected = "AKAv1-MD5, AKAv2-MD5 or both" },
	/* 2^28 vectors ahead are too many for an ISIM (33.102 C.3.2): at 240 a minute 2 years */
	{ scscf_fields, "impi_challenges_per_min", 0, 1000000, 240 },
	{ scscf_fields, "source_challenges_per_min", 0, 1000000, 60 },

	{ hss_fields, "database", .valid = syntax_path, .expected = "an absolute path" },
	{ hss_fields, "key_file", .text = "", .valid = syntax_optional_path,
	  .expected = "an absolute path, or \"\"" },
};

const struct config_rule *config_rule(const cyaml_schema_field_t *section, const char *key)
{
	for (size_t i = 0; i < CYAML_ARRAY_LEN(rules); i++)
		if (rules[i].section == section && !strcmp(rules[i].key, key))
			return &rules[i];
	return NULL;
}

void config_each_key(const cyaml_schema_value_t *value, const char *section,
		     void (*found)(const char *section, const char *key, void *user), void *user)
{
	if (value->type == CYAML_SEQUENCE)
		value = value->sequence.entry;
	if (value->type != CYAML_MAPPING)
		return;
	for (const cyaml_schema_field_t *f = value->mapping.fields; f->key; f++) {
		found(section, f->key, user);
		config_each_key(&f->value, f->key, found, user);
	}
}
