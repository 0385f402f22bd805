/*
 * The socket between the data plane and its clients: the P-CSCF of ours or of another vendor, an
 * IKE daemon, `imsgate show`. The only data-plane header that others may include.
 *
 * Transport: one Unix SOCK_SEQPACKET socket; one message = one datagram of a struct api_header and
 * n_entries fixed structs of the type the message names, at most API_MESSAGE_BYTES in all. Both
 * ends are on one machine: numbers are in host order unless named _be. Reserved fields are zero;
 * a message with another version, type, length or a non-zero reserved field is answered with
 * -EPROTO, -EOPNOTSUPP, -EMSGSIZE or -EINVAL and changes nothing.
 *
 * A client sends requests and gets exactly one reply to each, in order, with the same type and
 * cookie; events come in between with cookie 0. Many requests may be on their way. The data plane
 * never waits for a client: one that does not read its replies is not read from either, and loses
 * events (API_LOST_EVENTS is set in the next header it gets: time to list). API_HELLO comes first.
 *
 * Every SA belongs to the client that installed it, known by the name given in API_HELLO. When the
 * connection ends, the SAs stay (orphans: keep) or go (orphans: delete); a client that comes back
 * with the same name owns them again, lists and adopts them. A client may change and delete only
 * its own; it may list all.
 */
#ifndef DATAPLANE_API_H
#define DATAPLANE_API_H

#include <stdint.h>

#define API_VERSION       1
#define API_MESSAGE_BYTES 65536
#define API_NAME_BYTES    32 /* with the NUL */
#define API_SET_SAS       4  /* TS 33.203 7.1: two pairs */
#define API_KEY_BYTES     32
#define API_WINDOW_WORDS  32 /* 64 bits each: windows up to 2048 packets travel */

enum api_type {
	/* entries of the request → entries of the reply */
	API_HELLO = 1,      /* api_hello → api_hello (with the owner number) */
	API_SET_INSTALL,    /* api_set… → api_set_result…, one each, in order */
	API_SET_UPDATE,     /* api_set_update… → api_set_result… */
	API_SET_DELETE,     /* api_set_id… → api_set_result… */
	API_SET_RESTORE,    /* api_set_restore… → api_set_result… */
	API_SA_LIST,        /* api_cursor → api_cursor, then api_sa_info… as many as fit */
	API_SA_EXPORT,      /* api_sa_id → api_sa_state (sequence number and window) */
	API_SPI_RESERVE,    /* api_spi_range → api_spi_range…: SPIs promised to this client */
	API_SPI_RELEASE,    /* api_spi_range… → none */
	API_EVENT_EXPIRED,  /* event: api_set_id… whose lifetime ended; already deleted */
	API_EVENT_SEQUENCE, /* event: api_sa_id… that passed 2^31 sent packets, RFC 4303 3.3.3 */
	API_OWNER_LIST,     /* api_cursor → api_owner_info… of all who have a name */
	API_TUNNEL_INSTALL, /* api_tunnel… → api_tunnel_result… */
	API_TUNNEL_UPDATE,  /* api_tunnel_update… → api_tunnel_result… */
	API_TUNNEL_DELETE,  /* api_tunnel_id… → api_tunnel_result… */
	API_TUNNEL_LIST,    /* api_cursor → api_cursor, then api_tunnel_info… as many as fit */
	API_EVENT_REBOUND,  /* event: api_tunnel_rebound: the peer speaks from elsewhere */
	API_SET_FREEZE,     /* api_set_id… → api_set_result…: no packet passes any more */
	API_SET_THAW,       /* api_set_id… → api_set_result…: as before */
	API_SET_EXPORT,     /* api_set_id… → api_set_state… */
	API_RELOAD,         /* api_reload → api_reload_result, then api_line… */
	API_N_TYPES,
};

/*
 * Moving a set to another data plane under traffic, so that no replay is accepted and no number
 * sent twice: FREEZE here; EXPORT here until it is no longer -EAGAIN; RESTORE there, the
 * api_set_state's sa[] and window[] beside the keys and addresses, which only the client has; turn
 * the traffic; DELETE here. If it is refused there, THAW here, and only then.
 *
 * Taking over from a data plane that is gone: with states that were exported from time to time, of
 * sets that were not frozen. INSTALL, not RESTORE, and to each sequence add more than the SA can
 * have used since: outbound numbers jump ahead, never back; inbound, everything up to the number
 * counts as received, so that what was played to the other one is not accepted, and the peer is
 * heard again when it has passed that number (C-093).
 */

/* api_header.flags */
#define API_LOST_EVENTS 0x0001

struct api_header {
	uint16_t version; /* API_VERSION */
	uint16_t type;    /* enum api_type */
	uint16_t flags;
	uint16_t n_entries;
	int32_t status;        /* of a reply: 0 or -errno for the message as a whole */
	uint32_t length_bytes; /* of the whole message, this header included */
	uint64_t cookie;       /* the client's own, returned in the reply */
};

enum api_family {
	API_IPV4 = 4,
	API_IPV6 = 6,
};

/* IPv4 in the first four bytes, the rest zero. Network order. */
struct api_address {
	uint8_t bytes[16];
};

enum api_integrity {
	API_INTEGRITY_NONE = 0, /* refused unless the cipher authenticates */
	API_HMAC_MD5_96,        /* key 16 bytes */
	API_HMAC_SHA1_96,       /* key 20 bytes */
	API_HMAC_SHA256_128,    /* key 32 bytes */
	API_AES_GMAC,           /* key 16 bytes, salt */
};

enum api_cipher {
	API_CIPHER_NULL = 0,
	API_AES_CBC,      /* key 16 or 32 bytes */
	API_DES_EDE3_CBC, /* key 24 bytes */
	API_AES_GCM,      /* key 16 or 32 bytes, salt */
};

enum api_direction {
	API_IN = 1, /* from the network: the SPI is ours */
	API_OUT,    /* toward the network: the SPI is the peer's */
};

enum api_mode {
	API_TRANSPORT = 1,
	API_TUNNEL,
	API_UDP_ENCAP_TUNNEL, /* TS 33.203 Annex M */
};

/* api_sa.flags */
#define API_SA_ESN 0x01 /* extended sequence numbers, RFC 4303 2.2.1; API_TUNNEL only */

struct api_hello {
	char name[API_NAME_BYTES]; /* who owns what this connection installs */
	uint32_t owner;            /* reply: the number that api_sa_info.owner shows */
	uint32_t n_adopted;        /* reply: SAs found under this name */
	uint32_t capacity;         /* reply: SAs the table holds */
	uint32_t n_free;           /* reply: of these, free */
};

/* One direction of a set. */
struct api_sa {
	uint8_t direction; /* enum api_direction; 0 = entry unused, all of it zero */
	uint8_t flags;     /* API_SA_… */
	uint8_t reserved[2];
	uint32_t spi;        /* OUT: the peer's, each once. IN: 0 = allocate, or a reserved one */
	uint16_t local_port; /* ports are zero with API_TUNNEL */
	uint16_t peer_port;
	uint32_t window_pkts; /* IN: 0 = the configured default */
	uint64_t sequence;    /* OUT: last number sent; IN: highest number received; 0 = new */
};

/*
 * A UE's whole SA set: TS 33.203 7.1. All SAs of a set share address pair, keys, algorithms and
 * lifetime. Installed all or none; inbound SPIs differ from each other, from every SPI in use, and
 * from the outbound SPIs of the set (C-052).
 */
struct api_set {
	uint64_t registration; /* the client's own handle; unique per owner; not zero */
	uint16_t zone;         /* index in the configuration */
	uint8_t family;        /* enum api_family */
	uint8_t mode;          /* enum api_mode */
	uint8_t integrity;     /* enum api_integrity */
	uint8_t cipher;        /* enum api_cipher */
	uint8_t auth_key_bytes;
	uint8_t cipher_key_bytes;
	uint32_t lifetime_s; /* from now; 0 = does not expire by itself */
	uint32_t tunnel;     /* api_tunnel_result.tunnel; 0 with API_TRANSPORT */
	uint8_t salt[4];
	uint8_t auth_key[API_KEY_BYTES]; /* already expanded, TS 33.203 Annex I */
	uint8_t cipher_key[API_KEY_BYTES];
	struct api_address local;
	struct api_address peer;
	/*
	 * Whom the set serves, the client's own number: a UE's subscriber. The 5-tuples of a set
	 * that is gone are given at once to the same subject only, to others after some seconds, as
	 * the kernel may still hold what came in on them. 0 = the registration is the subject.
	 */
	uint32_t subject;
	struct api_sa sa[API_SET_SAS];
};

/*
 * An API_TUNNEL set is one SA, as each direction has keys of its own; zone, family and addresses
 * are its tunnel's, and zero here. With API_UDP_ENCAP_TUNNEL they are those inside, as the sockets
 * behind the kernel port see them; outside the tunnel's hold.
 */

/* A set with its windows, moved here from another data plane: API_SET_RESTORE. */
struct api_set_restore {
	struct api_set set;
	/* of sa[i], IN: bit b of word w = number sequence − (64·w + b) was received */
	uint64_t window[API_SET_SAS][API_WINDOW_WORDS];
};

/* spi[i] belongs to sa[i] of the request: the SPI on the wire, allocated or given. */
struct api_set_result {
	uint64_t registration;
	int32_t status; /* 0; -EEXIST: tuple or registration in use; -ENOSPC: table full;
			   -EINVAL: entry refused; -ENOENT: no such set; -EPERM: another's;
			   -EADDRINUSE: the given SPI is taken; -EDQUOT: more SAs than the client
			   may have; -EADDRNOTAVAIL: SAs are bound to 1024 other local addresses;
			   -EAGAIN: another subject had the tuple until a moment ago */
	uint32_t spi[API_SET_SAS];
	uint32_t reserved;
};

struct api_set_update {
	uint64_t registration;
	uint32_t lifetime_s; /* from now; 0 = does not expire by itself */
	uint32_t reserved;
};

struct api_set_id {
	uint64_t registration;
	/* 0 = now; else after so many seconds (64·T1 for an old set), or earlier if it ends by
	 * itself */
	uint32_t grace_s;
	uint32_t reserved;
};

/* Position in the table. Start with next = 0; the list is over when the reply says next = 0. */
struct api_cursor {
	uint32_t next;
	uint32_t owner; /* 0 = everybody's */
};

/* Everything of an SA that is no secret. */
struct api_sa_info {
	uint64_t registration;
	uint32_t owner;
	uint32_t spi;  /* on the wire */
	uint32_t slot; /* index in the table; the name of an outbound SA, whose SPI is not unique */
	uint32_t lifetime_s; /* left; 0 = does not expire */
	uint16_t zone;
	uint16_t local_port;
	uint16_t peer_port;
	uint8_t family;
	uint8_t direction;
	uint8_t mode;
	uint8_t integrity;
	uint8_t cipher;
	uint8_t reserved[5];
	struct api_address local;
	struct api_address peer;
	uint64_t n_pkts;
	uint64_t n_bytes; /* of protected IP payload */
	uint64_t sequence;
};

struct api_sa_id {
	uint32_t slot;
	uint32_t spi; /* must still be the slot's, else -ENOENT */
};

struct api_sa_state {
	struct api_sa_id id;
	uint64_t sequence;
	uint32_t window_pkts;
	uint32_t reserved;
	uint64_t window[API_WINDOW_WORDS];
};

/*
 * What RESTORE wants to know of a set. -EAGAIN: frozen, and a worker may still be with it; ask
 * again. The SAs stand in the order of the set, without unused entries between them.
 */
struct api_set_state {
	uint64_t registration;
	int32_t status;      /* 0, -ENOENT or -EAGAIN */
	uint32_t lifetime_s; /* left; 0 = does not expire */
	uint32_t is_frozen;  /* 1: final; 0: a packet behind, and packets go on */
	uint32_t reserved;
	struct api_sa sa[API_SET_SAS];
	uint64_t window[API_SET_SAS][API_WINDOW_WORDS]; /* as in api_set_restore */
};

struct api_spi_range {
	uint32_t spi;
	uint32_t n_spis; /* request of RESERVE: spi = 0, how many; replies are single SPIs */
};

/* What an owner has. */
struct api_owner_info {
	char name[API_NAME_BYTES];
	uint32_t owner;
	uint32_t n_connections;
	uint32_t n_sets;
	uint32_t n_sas;
	uint32_t n_reserved;   /* SPIs, which count as SAs */
	uint32_t max_sas;      /* its quota; 0 = none */
	uint64_t n_over_quota; /* installs refused for it */
};

/* RFC 4301 4.4.1.1. Local is behind us, remote behind the peer; bits behind a prefix are zero. */
struct api_selector {
	uint8_t family; /* of the inner header, enum api_family; 0 = no selector, all of it zero */
	uint8_t protocol; /* 0 = any */
	uint8_t local_bits;
	uint8_t remote_bits;
	uint16_t local_port; /* 0 = any; else protocol is UDP or TCP */
	uint16_t remote_port;
	struct api_address local;
	struct api_address remote;
};

/*
 * A tunnel, of which SAs then say their keys (api_set.tunnel). With a selector it is a policy: from
 * its installation on, what the selector holds passes by the tunnel's SAs or not at all. Without
 * one it serves API_UDP_ENCAP_TUNNEL sets, whose tuples are the selectors.
 */
struct api_tunnel {
	uint64_t handle; /* the client's own; unique per owner; not zero */
	uint16_t zone;
	uint8_t family;      /* of the outer header, enum api_family */
	uint8_t flags;       /* API_TUNNEL_… */
	uint16_t local_port; /* UDP encapsulation, RFC 3948: the zone's port_encap; 0 = none */
	uint16_t peer_port;  /* as seen from here: a NAT may have changed it; 0 = none */
	struct api_address local;
	struct api_address peer;
	struct api_selector selector;
};

/* api_tunnel.flags: send to wherever the newest authenticated packet came from */
#define API_TUNNEL_FOLLOW 0x01

struct api_tunnel_result {
	uint64_t handle;
	int32_t status;  /* 0; -EEXIST: handle or selector in use; -ENOSPC: no room; -EINVAL;
			    -ENOENT; -EBUSY: it has SAs; -EAGAIN: pointed elsewhere a moment ago */
	uint32_t tunnel; /* its number, for api_set.tunnel */
};

/* The peer's other end of the tunnel, as after a change of address (RFC 4555). */
struct api_tunnel_update {
	uint64_t handle;
	struct api_address peer;
	uint16_t peer_port;
	uint16_t reserved[3];
};

struct api_tunnel_id {
	uint64_t handle;
};

struct api_tunnel_info {
	struct api_tunnel tunnel; /* peer and peer_port: where packets go now */
	uint32_t owner;
	uint32_t number;
	uint32_t n_sas;
	uint32_t carrier; /* slot of the outbound SA in use; UINT32_MAX = none */
};

/* An authenticated packet came from another address or port than packets go to. */
struct api_tunnel_rebound {
	uint64_t handle;
	struct api_address peer;
	uint16_t peer_port;
	uint8_t followed; /* 1: packets go there by now */
	uint8_t reserved[5];
};

/* api_reload.flags: read and judge the file, and change nothing */
#define API_RELOAD_CHECK 0x01

/* The data plane reads its configuration file again: all of it is taken over or nothing. */
struct api_reload {
	uint32_t flags;
	uint32_t reserved;
};

struct api_reload_result {
	int32_t status;   /* 0; -ENOTSUP: it changes what needs a restart; -EINVAL: it is refused as
			     a configuration; else why it could not be read */
	uint32_t n_lines; /* may be more than fit into the message */
};

#define API_LINE_BYTES 512 /* with the NUL */

/* One change, or one reason for the refusal. */
struct api_line {
	char text[API_LINE_BYTES];
};

#endif
