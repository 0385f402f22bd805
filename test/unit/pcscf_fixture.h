/*
 * A P-CSCF on loopback, with everything around it played by the test: the data plane (which
 * installs nothing, but remembers what it was asked), the core (one socket on Mw), and UEs (plain
 * sockets: on the real kernel port protected SIP is plain, too). Time is the test's. One P-CSCF at
 * a time.
 */
#ifndef TEST_UNIT_PCSCF_FIXTURE_H
#define TEST_UNIT_PCSCF_FIXTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "controlplane/sip.h"
#include "dataplane/api.h"

#define REALM "home.example"
#define IK    "f769bcd751044604127672711c6d3441"
#define CK    "b40ba9a3c58b2a05bbf0d987b21bf8cb"

/* What the data plane was asked, since the start. */
struct asked {
	struct api_set installs[16];
	unsigned n_installs;
	struct api_set_update updates[16];
	unsigned n_updates;
	struct api_set_id deletes[16];
	unsigned n_deletes;
	struct api_tunnel tunnels[16]; /* installs */
	unsigned n_tunnels;
	struct api_tunnel_update points[16];
	unsigned n_points;
	uint64_t tunnel_deletes[16]; /* handles */
	unsigned n_tunnel_deletes;
};
extern struct asked asked;

extern uint64_t now_ms;
extern uint16_t port_clear, port_ps, port_pc_first; /* of the P-CSCF */
extern uint16_t port_icscf;                         /* where the core is */

/* `profile`: sa_profile; `indicator`: as in the configuration. */
void edge_start(const char *profile, const char *indicator);
/* The same with further lines of the section pcscf, each with its end. */
void edge_start_with(const char *profile, const char *indicator, const char *lines);
void edge_stop(void);
/* Whether those that start from now on subscribe to the event package reg; at first not. */
void edge_watch(bool watches);
void edge_restart(void); /* the process ends, the data plane and its SAs stay */

/*
 * The next edge_start() has a state file; a round of edge_turn() then takes 2 ms, unless
 * the clock stands. edge_crash(): the process is killed, which for its file means that it is as it
 * is at this moment, or as it was when edge_remember() was called. Then it starts again, so many
 * milliseconds later.
 */
void edge_keep_state(void);
extern bool edge_clock_stands;
void edge_remember(void);
void edge_crash(uint64_t ms);
void edge_lose_file(void); /* and starts again without one */
/* Whether these bytes are anywhere in its files. */
bool edge_file_has(const void *bytes, size_t n_bytes);
void edge_turn(void); /* until nothing moves any more */
void edge_pass(uint64_t ms);

/* The data plane: answers installs with this status; or keeps silent; or is gone. */
void dataplane_answer(int status);
void dataplane_hold(bool hold);
void dataplane_leave(void);
void dataplane_break(void); /* the connection alone: its SAs stay, and it takes the next one */
void dataplane_break_at(enum api_type type); /* likewise, instead of the next answer of this type */
void dataplane_expire(uint64_t registration);
void dataplane_forget(uint64_t registration); /* and says nothing */
unsigned dataplane_n_sets(void);
uint32_t dataplane_lifetime(uint64_t registration);
void dataplane_tunnel(uint64_t handle); /* one that nobody asked for in this life */
/* A packet of this tunnel came from elsewhere. */
void dataplane_rebind(uint64_t handle, const char *address, uint16_t port, bool followed);

struct ue_sim {
	char host[32];
	uint16_t uc, us;
	uint32_t spi_c, spi_s;
	int clear, uc_fd, us_fd;
	char inside[32];   /* what Via and Contact say; host unless changed */
	const char *mode;  /* what Security-Client says; "trans" unless changed */
	char server[1024]; /* Security-Server of the last challenge */
	unsigned n_sent;
};

#define UE_PORT_CLEAR 15060

/* The n-th UE, 1 … 255: its address is this process's own in 127.0.0.0/8. */
void ue_open(struct ue_sim *u, unsigned n, uint16_t uc, uint16_t us);
/* Its sockets; edge_stop() does it for all that are left. */
void ue_close(struct ue_sim *u);
void ue_renew(struct ue_sim *u,
	      uint16_t uc); /* port_uc and SPIs for the next set; old socket stays */

/* Sends bytes from a socket of the UE to a port of the P-CSCF, and lets everything settle. */
void ue_send(struct ue_sim *u, int fd, uint16_t port, const char *text);

/*
 * A REGISTER: `authorization` and `more` (header lines with CRLF) verbatim; Security-Client and
 * sec-agree tags are added when `agree`.
 */
char *ue_register_text(struct ue_sim *u, const char *authorization, bool agree, const char *more);
void ue_register(struct ue_sim *u, int fd, uint16_t port, const char *authorization,
		 const char *more);

/* The next message at a socket of the UE (NULL: none), and the port it came from. Freed by
 * sip_free. */
struct sip *ue_receive(int fd, uint16_t *from);
/* Status of the next answer there; 0: none. */
int ue_status(int fd);

/* The next message on Mw; NULL: none. */
struct sip *core_receive(void);
/* Whether a REGISTER on Mw says of its protection `value`. */
bool core_hears_protected(const struct sip *s, const char *value);
/* Answers `request` with a status and header lines (each with CRLF); settles. Frees the request. */
void core_answer(struct sip *request, int status, const char *headers);
/* Sends a request of the core to the P-CSCF. */
void core_send(const char *text);
void core_send_bytes(const void *bytes, size_t n_bytes);

/* Header lines of a 401 with keys, and of a 200. */
extern const char challenge_headers[];
const char *ok_headers(const struct ue_sim *u, unsigned expires_s);

/* SM1 … SM6: leaves the UE with a temporary set. SM7 … SM12: establishes it. */
void ue_challenge(struct ue_sim *u);
void ue_answer_challenge(struct ue_sim *u, unsigned expires_s);
void ue_attach(struct ue_sim *u);
/* The line Security-Verify for the last challenge. */
const char *ue_verify(const struct ue_sim *u);
/*
 * A re-authentication over the set in use, up to the 401: the UE has a new port_uc then. Returns
 * the socket of the old one.
 */
int ue_reauthenticate(struct ue_sim *u);

extern const char auth_initial[], auth_response[];

/* A value of /stats. */
long long edge_stat(const char *name);

#endif
