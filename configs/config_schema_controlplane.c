#include "configs/config.h"
#include "configs/config_schema_impl.h"
#include "configs/config_syntax.h"

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

const cyaml_schema_field_t tls_fields[] = {
	TEXT(REQUIRED, config_tls, certificate),
	TEXT(REQUIRED, config_tls, key),
	TEXT(REQUIRED, config_tls, authorities),
	LIST(OPTIONAL, config_tls, names, tls_name_entry, 1024),
	NUMBER(OPTIONAL, config_tls, n_handshakes),
	NUMBER(OPTIONAL, config_tls, handshake_s),
	CYAML_FIELD_END,
};

const cyaml_schema_field_t controlplane_fields[] = {
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

const cyaml_schema_field_t cx_fields[] = {
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

const cyaml_schema_field_t pcscf_fields[] = {
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

const cyaml_schema_field_t icscf_fields[] = {
	TEXT(REQUIRED, config_icscf, address),
	NUMBER(OPTIONAL, config_icscf, port),
	TEXT(REQUIRED, config_icscf, scscf),
	LIST(OPTIONAL, config_icscf, scscfs, candidate_entry, 31),
	LIST(OPTIONAL, config_icscf, trusted, text_entry, 64),
	CYAML_FIELD_END,
};

const cyaml_schema_field_t scscf_fields[] = {
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
	LIST(OPTIONAL, config_scscf, trusted, text_entry, 64),
	CYAML_FIELD_END,
};

const cyaml_schema_field_t hss_fields[] = {
	TEXT(REQUIRED, config_hss, database),
	TEXT(OPTIONAL, config_hss, key_file),
	LIST(OPTIONAL, config_hss, visited_networks, text_entry, 1024),
	CYAML_FIELD_BOOL("unregistered_services", OPTIONAL, struct config_hss,
			 unregistered_services),
	CYAML_FIELD_END,
};

static const struct config_rule rules[] = {
	/* section, key, min, max, default */
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
	{ icscf_fields, "trusted", .valid = syntax_peer,
	  .expected = "an address, or ADDRESS/BITS without bits behind the prefix" },

	{ scscf_fields, "address", .valid = syntax_address,
	  .expected = "a unicast IPv4 or IPv6 address" },
	{ scscf_fields, "port", 1, 65535, 5060 },
	{ scscf_fields, "n_vectors", 1, CONFIG_VECTORS, 1 },
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
	{ scscf_fields, "trusted", .valid = syntax_peer,
	  .expected = "an address, or ADDRESS/BITS without bits behind the prefix" },

	{ hss_fields, "database", .valid = syntax_path, .expected = "an absolute path" },
	{ hss_fields, "key_file", .text = "", .valid = syntax_optional_path,
	  .expected = "an absolute path, or \"\"" },
	{ hss_fields, "visited_networks", .valid = syntax_domain, .expected = "a domain name" },
};

const struct config_rules controlplane_rules = { rules, CYAML_ARRAY_LEN(rules) };
