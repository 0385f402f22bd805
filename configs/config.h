/*
 * The one configuration file of a deployment, as read by every program.
 *
 * config_load() reads the YAML file, checks it against the schema (config_schema.c) and against
 * what no schema can say (config_check.c: overlapping ports, SPI slices, unknown zone names), and
 * refuses it with "FILE:LINE:COLUMN: what was found, what was expected". Nothing is started before.
 * The result is read-only, owned by the caller, and freed whole by config_free(). Every optional
 * key has its default filled in, so readers never test for absence, except for whole sections:
 * a role that is not configured is NULL.
 */
#ifndef CONFIGS_CONFIG_H
#define CONFIGS_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "configs/config_links.h"
#include "configs/config_policy.h"

/* What becomes of the SAs of a data-plane client that is gone. */
enum config_orphans {
	CONFIG_ORPHANS_KEEP,   /* until they expire, or the client comes back and adopts them */
	CONFIG_ORPHANS_DELETE, /* at once */
};

struct config_sa {
	uint32_t capacity;        /* SAs of both directions; a power of two, 2^10 … 2^22 */
	uint32_t generation_bits; /* of the SPI, 4 … 10; SPI = generation | slice | index */
	uint32_t spi_slice; /* this node's slice of the SPI numbers, 0 … 2^slice_bits − 1 */
	uint32_t spi_slice_bits;     /* 0: one node alone */
	uint32_t replay_window_pkts; /* ≥ 32; up to 128 in the SA, wider from the side pool */
	uint32_t n_wide_windows;     /* windows in the side pool */
	uint32_t n_tunnels;          /* SEG tunnels, and UE addresses behind NATs */
	enum config_orphans orphans;
	uint32_t quarantine_s; /* the tuples of a set that is gone are kept from others so long */
};

#define CONFIG_CRYPTO_DEVICES 8

/* What one answer of the HSS holds. More than 32 would use an IND value twice: TS 33.102 Annex C.
 */
#define CONFIG_VECTORS 16

/* Which SAs go to the crypto devices. */
enum config_lookaside {
	CONFIG_LOOKASIDE_NONE,
	CONFIG_LOOKASIDE_ENCRYPTED, /* with a cipher */
	CONFIG_LOOKASIDE_TUNNELS,
	CONFIG_LOOKASIDE_ALL,
};

/* Crypto devices beside the cpu. */
struct config_crypto {
	char **devices; /* PCI addresses or DPDK device strings; the first that can do an SA has it
			 */
	uint32_t n_devices;
	enum config_lookaside lookaside;
	uint32_t n_sessions;    /* SAs on all devices together; more are the cpu's */
	uint32_t queue_entries; /* packets of a worker in a device at the same time; a power of 2 */
	bool required;          /* without every device there is no start */
};

/* What network ports do themselves, where they can: docs/offload.md. */
struct config_offload {
	uint32_t sessions_per_port; /* SAs that a port may serve inline; 0 = none */
	uint32_t promote_pps;       /* packets per second that make an SA of a UE worth one */
	uint32_t rules_per_port;    /* SAs that a port may steer to their worker; 0 = none */
};

/* Reassembly in the data plane; each worker has so much for each direction. */
struct config_fragments {
	uint32_t n_datagrams; /* unfinished ones; a power of two */
	uint32_t timeout_s;   /* from the first fragment on, 1 … 60 */
};

/* How much clear SIP comes in, besides what comes out of ESP; a rate of 0 is no limit. */
struct config_flood {
	uint32_t port;              /* where the P-CSCF hears clear SIP */
	uint32_t source_pps;        /* of one IPv4 address or IPv6 /64 */
	uint32_t source_burst_pkts; /* ≥ 1 */
	uint32_t zone_pps;          /* of all together that have not sent valid ESP yet */
	uint32_t zone_burst_pkts;
};

/*
 * One zone: a network port and a kernel port, paired. A device is a PCI address
 * ("0000:3b:00.0") or a DPDK device string ("net_tap0,iface=gm0").
 */
struct config_zone {
	char *name;
	char *network_port;
	char *kernel_port;
	char *kernel_netns;     /* network namespace to move the kernel port to; "" = stay */
	uint32_t vlan;          /* 802.1Q tag on the network port, 1 … 4094; 0 = untagged */
	uint32_t mtu_bytes;     /* path MTU on the network side */
	uint32_t port_ps;       /* protected server port of the P-CSCF behind this zone; 0 = none */
	uint32_t port_pc_first; /* pool of protected client ports: first … first + n − 1 */
	uint32_t n_port_pc;
	uint32_t port_encap; /* of ESP in UDP, RFC 3948: 4500; 0 = none */
	struct config_flood flood;
};

/* How much a client of the socket may have, known by the name it gives. */
struct config_quota {
	char *client;
	uint32_t max_sas; /* reserved SPIs included */
};

struct config_dataplane {
	char *socket;      /* path of the Unix SOCK_SEQPACKET socket of dataplane/api.h */
	char *file_prefix; /* DPDK's, names the telemetry socket; must differ per instance */
	char *user;        /* to run as after start-up; "" = keep the user, drop privileges */
	bool hugepages;
	uint32_t memory_mb;
	uint32_t control_core;
	uint32_t *worker_cores;
	uint32_t n_worker_cores;
	uint32_t active_workers; /* the first so many own UEs; 0 = all of them */
	uint32_t n_mbufs;
	uint32_t idle_sleep_us;      /* a worker without packets sleeps so long; 0 = always polls */
	uint32_t n_clients;          /* of the socket, at most */
	struct config_quota *quotas; /* of these clients; the others may fill the table */
	uint32_t n_quotas;
	struct config_sa sa;
	struct config_offload offload;
	struct config_fragments fragments;
	struct config_crypto crypto;
	struct config_zone *zones;
	uint32_t n_zones;
};

struct config_pcscf {
	char *zone;       /* the zone in which the UEs are */
	char **addresses; /* own addresses on the zone's kernel port, IPv4 or IPv6 */
	uint32_t n_addresses;
	char *device;       /* kernel interface that the Gm sockets are bound to; "" = none */
	uint32_t port;      /* unprotected, 5060 */
	char *core_address; /* own address and port on Mw, IPv4 or IPv6 */
	uint32_t core_port;
	char *icscf;           /* next hop for REGISTER, "sip:ADDRESS:PORT" */
	char *visited_network; /* P-Visited-Network-ID, TS 24.229 5.2.2.1 */
	enum config_sa_profile sa_profile;
	enum config_indicator indicator;
	enum config_reg_event reg_event;
	char **integrity; /* SIP names, most wanted first; "null" is for aes-gcm */
	uint32_t n_integrity;
	char **encryption;
	uint32_t n_encryption;
	uint32_t temporary_sa_s;           /* reg-await-auth, TS 24.229 table 7.8.1: 240 */
	uint32_t source_registers_per_min; /* unprotected, of one address; 0 = no limit */
	enum config_emergency emergency_registration;
	enum config_nat nat;
	char **nat_networks; /* "ADDRESS/BITS": what UEs behind NATs may have; none: the private */
	uint32_t n_nat_networks;
};

struct config_icscf {
	char *address;
	uint32_t port;
	char *scscf;                     /* the S-CSCF it assigns, "sip:ADDRESS:PORT" */
	struct config_candidate *scscfs; /* others, with capabilities */
	uint32_t n_scscfs;
	char **trusted; /* whose word counts that a REGISTER came protected: "ADDRESS[/BITS]" */
	uint32_t n_trusted;
};

struct config_scscf {
	char *address;
	uint32_t port;
	uint32_t n_vectors; /* m of Cx-AV-Req, seed 6.1.1; at most CONFIG_VECTORS */
	uint32_t min_expires_s;
	uint32_t max_expires_s;
	uint32_t reg_await_auth_s;
	uint32_t reauth_every;    /* challenge every n-th protected re-REGISTER; 0 = never */
	uint32_t reauth_after_s;  /* and any so long after the last challenge; 0 = never */
	uint32_t reauth_within_s; /* what a UE gets when the network wants to authenticate it */
	enum config_reauth reauth_unanswered;
	enum config_further_impus further_impus;
	uint32_t deregister_failures; /* in a row, of the UE's own; 0 = never, seed 6.1.1 */
	enum config_emergency emergency_registration;
	char *algorithm; /* AKAv1-MD5, AKAv2-MD5, or both: the UE chooses */
	enum config_qop qop;
	enum config_akav2_keys akav2_keys;
	uint32_t impi_challenges_per_min;   /* of what came unprotected; 0 = no limit */
	uint32_t source_challenges_per_min; /* of these, for one IMPI from one address */
	char **trusted;                     /* as of the I-CSCF */
	uint32_t n_trusted;
};

struct config_hss {
	char *database;          /* SQLite file */
	char *key_file;          /* encrypts the keys in it; "" = the database's name and ".key" */
	char **visited_networks; /* from which users may register; none: from all */
	uint32_t n_visited_networks;
	bool unregistered_services; /* who is not registered is served nevertheless */
};

/* What the registrations that were answered outlive. */
enum config_survives { CONFIG_SURVIVES_CRASH, CONFIG_SURVIVES_POWER_FAILURE };

/* A state file that cannot be read: there is no start, or it is set aside and begun anew. */
enum config_damaged { CONFIG_DAMAGED_REFUSE, CONFIG_DAMAGED_FORGET };

struct config_controlplane {
	char *realm;     /* home domain, also the digest realm */
	char *run_dir;   /* status sockets ROLE.sock, one per process */
	char *cx_socket; /* Unix socket of the local Cx between I-/S-CSCF and HSS */
	enum config_security core_security; /* of SIP between the CSCFs */
	struct config_tcp tcp;
	char *state_dir; /* files ROLE.db of what P- and S-CSCF keep over a restart; "" = nothing */
	enum config_survives state_survives;
	enum config_damaged damaged_state;
};

struct config {
	struct config_dataplane *dataplane;
	struct config_controlplane *controlplane;
	struct config_tls *tls;
	struct config_cx *cx; /* NULL: local */
	struct config_pcscf *pcscf;
	struct config_icscf *icscf;
	struct config_scscf *scscf;
	struct config_hss *hss;
};

/*
 * Reads `path`. Returns 0 and *out, or -errno with one line of text (NUL-terminated, at most
 * error_bytes) that names the file, the place and what was expected.
 */
int config_load(const char *path, struct config **out, char *error, size_t error_bytes);

/* The same from memory; `name` stands for the file in errors. The fuzzer's entry. */
int config_parse(const char *name, const char *text, size_t text_bytes, struct config **out,
		 char *error, size_t error_bytes);

void config_free(struct config *config);

/* How many workers own UEs. */
uint32_t config_active_workers(const struct config_dataplane *dataplane);

/* Index of a zone by its name, the zone number of dataplane/api.h; -ENOENT. */
int config_zone_index(const struct config *config, const char *name);

#endif
