#include "test/unit/pcscf_fixture.h"

#include <arpa/inet.h>
#include <errno.h>
#include <jansson.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "configs/config.h"
#include "controlplane/loop.h"
#include "controlplane/pcscf.h"
#include "test/shim/scarce.h"
#include "test/shim/test.h"
#include "test/unit/state_copy.h"

#define N_PC 4

struct asked asked;
uint64_t now_ms;
uint16_t port_clear, port_ps, port_pc_first, port_icscf;

const char auth_initial[] = "Digest username=\"u@" REALM "\", realm=\"" REALM
			    "\", nonce=\"\", uri=\"sip:" REALM "\", response=\"\"";
const char auth_response[] = "Digest username=\"u@" REALM "\", realm=\"" REALM
			     "\", nonce=\"n1\", uri=\"sip:" REALM "\", response=\"00\"";
const char challenge_headers[] =
	"WWW-Authenticate: Digest realm=\"" REALM "\", nonce=\"n1\", algorithm=AKAv1-MD5, ik=\"" IK
	"\", ck=\"" CK "\"\r\n";

static struct loop *loop;
static struct config *config;
static void *pcscf;
static int core_fd = -1;
static uint16_t port_core;
static char directory[64];
static bool keep_next, keeps_state;
bool edge_clock_stands;

/* --- the data plane --- */

static struct {
	int listener, client;
	int status;
	bool hold;
	uint32_t next_spi;
	struct api_set live[16]; /* installed and not deleted, for the list */
	uint32_t live_spis[16][API_SET_SAS];
	unsigned n_live;
	struct api_tunnel tunnels[16]; /* likewise; number = place + 1 */
} dp;

static void tunnel_moves(uint64_t handle, const struct api_address *peer, uint16_t port)
{
	for (unsigned i = 0; i < 16; i++)
		if (dp.tunnels[i].handle == handle) {
			dp.tunnels[i].peer = *peer;
			dp.tunnels[i].peer_port = port;
		}
}

/* Of the message that is being answered: a request may have several entries. */
static struct {
	char entries[8192];
	size_t n_bytes;
	unsigned n;
} answer;

static void dp_reply(const struct api_header *h, const void *entries, unsigned n, size_t n_bytes)
{
	ASSERT_LE(answer.n_bytes + n_bytes, sizeof(answer.entries));
	memcpy(answer.entries + answer.n_bytes, entries, n_bytes);
	answer.n_bytes += n_bytes;
	answer.n += n;
}

static void dp_send_reply(const struct api_header *h)
{
	struct api_header r = *h;
	struct iovec pieces[2] = { { &r, sizeof(r) }, { answer.entries, answer.n_bytes } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
	r.n_entries = (uint16_t)answer.n;
	r.length_bytes = (uint32_t)(sizeof(r) + answer.n_bytes);
	if (answer.n)
		EXPECT_EQ(sendmsg(dp.client, &message, MSG_NOSIGNAL), (ssize_t)r.length_bytes);
	answer.n_bytes = answer.n = 0;
}

static void dp_install(const struct api_header *h, const char *entry)
{
	struct api_set *set = &asked.installs[asked.n_installs++ % 16];
	memcpy(set, entry, sizeof(*set));
	struct api_set_result result = { .registration = set->registration, .status = dp.status };
	for (unsigned i = 0; i < API_SET_SAS; i++)
		result.spi[i] =
			set->sa[i].spi || !set->sa[i].direction ? set->sa[i].spi : dp.next_spi++;
	if (!dp.status && dp.n_live < 16) {
		dp.live[dp.n_live] = *set;
		memcpy(dp.live_spis[dp.n_live++], result.spi, sizeof(result.spi));
	}
	dp_reply(h, &result, 1, sizeof(result));
}

static void dp_forget(uint64_t registration)
{
	unsigned kept = 0;
	for (unsigned i = 0; i < dp.n_live; i++)
		if (dp.live[i].registration != registration) {
			dp.live[kept] = dp.live[i];
			memcpy(dp.live_spis[kept++], dp.live_spis[i], sizeof(dp.live_spis[0]));
		}
	dp.n_live = kept;
}

static void dp_list(const struct api_header *h)
{
	struct {
		struct api_cursor cursor;
		struct api_sa_info sas[16 * API_SET_SAS];
	} reply = { 0 };
	unsigned n = 0;
	for (unsigned a = 0; a < API_SET_SAS; a++) /* a set's SAs are not next to each other */
		for (unsigned i = 0; i < dp.n_live; i++) {
			const struct api_set *set = &dp.live[i];
			if (set->sa[a].direction)
				reply.sas[n++] = (struct api_sa_info){
					.registration = set->registration,
					.owner = 1,
					.spi = dp.live_spis[i][a],
					.lifetime_s = set->lifetime_s,
					.zone = set->zone,
					.local_port = set->sa[a].local_port,
					.peer_port = set->sa[a].peer_port,
					.family = set->family,
					.direction = set->sa[a].direction,
					.mode = set->mode,
					.local = set->local,
					.peer = set->peer,
				};
		}
	dp_reply(h, &reply, n + 1, sizeof(reply.cursor) + n * sizeof(reply.sas[0]));
}

static void dp_tunnel_install(const struct api_header *h, const char *entry)
{
	struct api_tunnel *tunnel = &asked.tunnels[asked.n_tunnels++ % 16];
	memcpy(tunnel, entry, sizeof(*tunnel));
	struct api_tunnel_result result = { .handle = tunnel->handle, .status = dp.status };
	for (unsigned i = 0; !dp.status && !result.tunnel && i < 16; i++)
		if (!dp.tunnels[i].handle) {
			dp.tunnels[i] = *tunnel;
			result.tunnel = i + 1;
		}
	dp_reply(h, &result, 1, sizeof(result));
}

static void dp_tunnel_delete(const struct api_header *h, const char *entry)
{
	struct api_tunnel_id id;
	struct api_tunnel_result result = { .status = -ENOENT };
	memcpy(&id, entry, sizeof(id));
	asked.tunnel_deletes[asked.n_tunnel_deletes++ % 16] = id.handle;
	for (unsigned i = 0; i < 16; i++)
		if (dp.tunnels[i].handle == id.handle) {
			dp.tunnels[i].handle = 0;
			result.status = 0;
		}
	for (unsigned i = 0; i < dp.n_live; i++) /* a tunnel outlives its SAs */
		if (dp.live[i].registration == id.handle)
			TEST_MESSAGE("a tunnel was deleted before its set");
	dp_reply(h, &result, 1, sizeof(result));
}

static void dp_tunnel_list(const struct api_header *h)
{
	struct {
		struct api_cursor cursor;
		struct api_tunnel_info tunnels[16];
	} reply = { 0 };
	unsigned n = 0;
	for (unsigned i = 0; i < 16; i++)
		if (dp.tunnels[i].handle)
			reply.tunnels[n++] = (struct api_tunnel_info){ .tunnel = dp.tunnels[i],
								       .owner = 1,
								       .number = i + 1 };
	dp_reply(h, &reply, n + 1, sizeof(reply.cursor) + n * sizeof(reply.tunnels[0]));
}

static void dp_take_entry(const struct api_header *h, const char *entry)
{
	struct api_set_result result = { 0 };
	struct api_hello hello = { .owner = 1, .capacity = 100, .n_free = 100 };
	switch (h->type) {
	case API_HELLO:
		dp_reply(h, &hello, 1, sizeof(hello));
		break;
	case API_SA_LIST:
		dp_list(h);
		break;
	case API_SET_INSTALL:
		dp_install(h, entry);
		break;
	case API_TUNNEL_LIST:
		dp_tunnel_list(h);
		break;
	case API_TUNNEL_INSTALL:
		dp_tunnel_install(h, entry);
		break;
	case API_TUNNEL_DELETE:
		dp_tunnel_delete(h, entry);
		break;
	case API_TUNNEL_UPDATE:
		memcpy(&asked.points[asked.n_points++ % 16], entry, sizeof(asked.points[0]));
		dp_reply(h, &(struct api_tunnel_result){ 0 }, 1, sizeof(struct api_tunnel_result));
		break;
	case API_SET_UPDATE:
		memcpy(&asked.updates[asked.n_updates % 16], entry, sizeof(asked.updates[0]));
		for (unsigned i = 0; i < dp.n_live; i++)
			if (dp.live[i].registration ==
			    asked.updates[asked.n_updates % 16].registration)
				dp.live[i].lifetime_s =
					asked.updates[asked.n_updates % 16].lifetime_s;
		asked.n_updates++;
		dp_reply(h, &result, 1, sizeof(result));
		break;
	case API_SET_DELETE:
		memcpy(&asked.deletes[asked.n_deletes % 16], entry, sizeof(asked.deletes[0]));
		if (asked.deletes[asked.n_deletes % 16].grace_s == 0)
			dp_forget(asked.deletes[asked.n_deletes % 16].registration);
		asked.n_deletes++;
		dp_reply(h, &result, 1, sizeof(result));
		break;
	default:
		TEST_MESSAGE("the data plane was asked %u", h->type);
	}
}

static void dp_take(const char *message)
{
	struct api_header h;
	memcpy(&h, message, sizeof(h));
	size_t entry_bytes = (h.length_bytes - sizeof(h)) / h.n_entries;
	for (unsigned i = 0; i < h.n_entries; i++)
		dp_take_entry(&h, message + sizeof(h) + i * entry_bytes);
	dp_send_reply(&h);
}

static bool dp_serve(void)
{
	char message[8192];
	if (dp.listener < 0 || dp.hold)
		return false;
	if (dp.client < 0)
		dp.client = accept(dp.listener, NULL, NULL);
	ssize_t n = dp.client < 0 ? -1 : recv(dp.client, message, sizeof(message), MSG_DONTWAIT);
	if (n == 0) {
		close(dp.client);
		dp.client = -1;
	} else if (n > 0) {
		dp_take(message);
	}
	return n >= 0;
}

static void dp_start(void)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	memset(&dp, 0, sizeof(dp));
	dp.client = -1;
	dp.next_spi = 0x10000;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s/dp.sock", directory);
	unlink(name.sun_path);
	dp.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	ASSERT_EQ(bind(dp.listener, (struct sockaddr *)&name, sizeof(name)), 0);
	ASSERT_EQ(listen(dp.listener, 4), 0);
}

void dataplane_answer(int status)
{
	dp.status = status;
}

void dataplane_hold(bool hold)
{
	dp.hold = hold;
}

void dataplane_leave(void)
{
	if (dp.client >= 0)
		close(dp.client);
	close(dp.listener);
	dp.client = dp.listener = -1;
	edge_turn();
}

void dataplane_forget(uint64_t registration)
{
	dp_forget(registration);
}

unsigned dataplane_n_sets(void)
{
	return dp.n_live;
}

uint32_t dataplane_lifetime(uint64_t registration)
{
	for (unsigned i = 0; i < dp.n_live; i++)
		if (dp.live[i].registration == registration)
			return dp.live[i].lifetime_s;
	return 0;
}

void dataplane_expire(uint64_t registration)
{
	struct api_header h = { .version = API_VERSION, .type = API_EVENT_EXPIRED };
	struct api_set_id id = { .registration = registration };
	dp_forget(registration);
	dp_reply(&h, &id, 1, sizeof(id));
	dp_send_reply(&h);
	edge_turn();
}

void dataplane_tunnel(uint64_t handle)
{
	dp.tunnels[15] = (struct api_tunnel){ .handle = handle, .family = API_IPV4 };
}

void dataplane_rebind(uint64_t handle, const char *address, uint16_t port, bool followed)
{
	struct api_header h = { .version = API_VERSION, .type = API_EVENT_REBOUND };
	struct api_tunnel_rebound rebound = { .handle = handle,
					      .peer_port = port,
					      .followed = followed };
	inet_pton(AF_INET, address, rebound.peer.bytes);
	if (followed)
		tunnel_moves(handle, &rebound.peer, port);
	dp_reply(&h, &rebound, 1, sizeof(rebound));
	dp_send_reply(&h);
	edge_turn();
}

/* --- the P-CSCF --- */

/* All that a test opened; closed together, whether it ended or was left in the middle. */
static int sockets[64];
static unsigned n_sockets;

static int open_udp(const char *host, uint16_t port)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, host, &name.sin_addr);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
	EXPECT_EQ(bind(fd, (struct sockaddr *)&name, sizeof(name)), 0);
	EXPECT_LT(n_sockets, sizeof(sockets) / sizeof(sockets[0]));
	sockets[n_sockets++] = fd;
	return fd;
}

static void send_to(int fd, const char *host, uint16_t port, const void *bytes, size_t n_bytes)
{
	struct sockaddr_in name = { .sin_family = AF_INET, .sin_port = htons(port) };
	inet_pton(AF_INET, host, &name.sin_addr);
	EXPECT_EQ(sendto(fd, bytes, n_bytes, 0, (struct sockaddr *)&name, sizeof(name)),
		  (ssize_t)n_bytes);
	edge_turn();
}

/* Loopback delivers at once: three quiet rounds mean that nothing is on its way. */
void edge_turn(void)
{
	for (unsigned quiet = 0; quiet < 3; quiet++) {
		now_ms += keeps_state && !edge_clock_stands ? 2 : 0; /* the file's turn */
		scarce_on(); /* the P-CSCF's own memory, not the test's */
		if (loop_turn(loop))
			quiet = 0;
		scarce_off();
		if (dp_serve())
			quiet = 0;
	}
}

void edge_pass(uint64_t ms)
{
	uint64_t end_ms = now_ms + ms;
	while (now_ms < end_ms) {
		now_ms = now_ms + 1000 < end_ms ? now_ms + 1000 : end_ms;
		loop_fire(loop);
	}
	edge_turn();
}

static void start_role(void)
{
	loop = loop_new(10000, &now_ms);
	ASSERT_EQ(pcscf_role.start(loop, config, &pcscf), 0);
	edge_turn();
}

static void stop_role(void)
{
	pcscf_role.stop(pcscf);
	loop_free(loop);
}

static const char template[] =
	"dataplane:\n  socket: %s/dp.sock\n  file_prefix: t\n  memory_mb: 64\n  control_core: 0\n"
	"  worker_cores: [1]\n"
	"  sa:\n    capacity: 1024\n"
	"  zones:\n    - name: access\n      network_port: net_null0\n      kernel_port: "
	"net_null1\n"
	"      mtu_bytes: 1500\n      port_ps: %u\n      port_pc_first: %u\n      n_port_pc: %u\n"
	"      port_encap: 4500\n"
	"controlplane:\n  realm: " REALM "\n  run_dir: %s\n  cx_socket: %s/cx.sock\n"
	"  state_dir: \"%s\"\n  tcp: {above_bytes: 1300}\n"
	"pcscf:\n  zone: access\n  addresses: [127.0.0.1]\n  port: %u\n"
	"  core_address: 127.0.0.1\n  core_port: %u\n  icscf: sip:127.0.0.1:%u\n"
	"  visited_network: visited.example\n  sa_profile: %s\n  indicator: \"%s\"\n"
	"  reg_event: %s\n"
	"  integrity: [hmac-sha-1-96, hmac-md5-96]\n  encryption: [\"null\"]\n%s";

static bool is_watching;

void edge_watch(bool watches)
{
	is_watching = watches;
}

void edge_start(const char *profile, const char *indicator)
{
	edge_start_with(profile, indicator, "");
}

void edge_start_with(const char *profile, const char *indicator, const char *lines)
{
	char text[4096], reason[256] = "", state[96] = "";
	uint16_t base = (uint16_t)(20000 + getpid() % 1500 * 20); /* tests run side by side */
	edge_stop();
	sip_init();
	memset(&asked, 0, sizeof(asked));
	now_ms = 1000000;
	port_clear = base;
	port_ps = (uint16_t)(base + 1);
	port_core = (uint16_t)(base + 2);
	port_icscf = (uint16_t)(base + 3);
	port_pc_first = (uint16_t)(base + 4);
	strcpy(directory, "/tmp/pcscf-test-XXXXXX");
	ASSERT_TRUE(mkdtemp(directory) != NULL);
	keeps_state = keep_next;
	keep_next = edge_clock_stands = false;
	if (keeps_state)
		snprintf(state, sizeof(state), "%s/state", directory);
	snprintf(text, sizeof(text), template, directory, port_ps, port_pc_first, N_PC, directory,
		 directory, state, port_clear, port_core, port_icscf, profile, indicator,
		 is_watching ? "subscribe" : "none", lines);
	int error = config_parse("test", text, strlen(text), &config, reason, sizeof(reason));
	EXPECT_STREQ(reason, "");
	ASSERT_EQ(error, 0);
	core_fd = open_udp("127.0.0.1", port_icscf);
	dp_start();
	start_role();
	EXPECT_EQ(edge_stat("dataplane_ready"), 1);
}

void edge_restart(void)
{
	stop_role();
	start_role();
}

/* --- the state file --- */

static struct state_copy remembered;

static const char *state_directory(void)
{
	static char path[96];
	snprintf(path, sizeof(path), "%s/state", directory);
	return path;
}

void edge_keep_state(void)
{
	keep_next = true;
}

void edge_remember(void)
{
	state_copy_take(&remembered, state_directory(), "pcscf");
}

bool edge_file_has(const void *bytes, size_t n_bytes)
{
	edge_remember();
	bool has = state_copy_has(&remembered, bytes, n_bytes);
	state_copy_forget(&remembered);
	return has;
}

/* It is stopped in order, but its file is not what it leaves. */
static void crash(uint64_t ms)
{
	unsigned n_deletes = asked.n_deletes;
	stop_role();
	EXPECT_EQ(asked.n_deletes, n_deletes);
	state_copy_put(&remembered, state_directory(), "pcscf");
	now_ms += ms;
	start_role();
}

void edge_crash(uint64_t ms)
{
	if (!remembered.bytes[0])
		edge_remember();
	crash(ms);
}

void edge_lose_file(void)
{
	state_copy_forget(&remembered);
	crash(0);
}

void edge_stop(void)
{
	char path[128];
	if (!config)
		return;
	stop_role();
	config_free(config);
	config = NULL;
	while (n_sockets)
		close(sockets[--n_sockets]);
	if (dp.client >= 0)
		close(dp.client);
	if (dp.listener >= 0)
		close(dp.listener);
	snprintf(path, sizeof(path), "%s/dp.sock", directory);
	unlink(path);
	snprintf(path, sizeof(path), "%s/pcscf.key", directory);
	unlink(path);
	if (keeps_state) {
		snprintf(path, sizeof(path), "rm -r %s", state_directory());
		EXPECT_EQ(system(path), 0);
		state_copy_forget(&remembered);
	}
	rmdir(directory);
}

long long edge_stat(const char *name)
{
	json_t *stats = pcscf_role.stats(pcscf);
	json_t *value = json_object_get(stats, name);
	EXPECT_TRUE(json_is_integer(value));
	long long number = json_integer_value(value);
	json_decref(stats);
	return number;
}

/* --- UEs --- */

void ue_open(struct ue_sim *u, unsigned n, uint16_t uc, uint16_t us)
{
	memset(u, 0, sizeof(*u));
	snprintf(u->host, sizeof(u->host), "127.%u.%u.%u", 1 + (getpid() >> 8) % 250,
		 getpid() & 0xff, n);
	strcpy(u->inside, u->host);
	u->mode = "trans";
	u->us = us;
	u->clear = open_udp(u->host, UE_PORT_CLEAR);
	u->us_fd = open_udp(u->host, us);
	u->uc_fd = -1;
	ue_renew(u, uc);
}

void ue_close(struct ue_sim *u)
{
	const int own[] = { u->clear, u->us_fd, u->uc_fd };
	unsigned kept = 0;
	for (unsigned i = 0; i < n_sockets; i++) {
		bool is_own = false;
		for (unsigned k = 0; k < 3; k++)
			is_own = is_own || sockets[i] == own[k];
		if (is_own)
			close(sockets[i]);
		else
			sockets[kept++] = sockets[i];
	}
	n_sockets = kept;
}

void ue_renew(struct ue_sim *u, uint16_t uc)
{
	u->uc = uc;
	u->spi_c = 0x20000u + uc;
	u->spi_s = 0x30000u + uc;
	u->uc_fd = open_udp(u->host, uc);
}

void ue_send(struct ue_sim *u, int fd, uint16_t port, const char *text)
{
	send_to(fd, "127.0.0.1", port, text, strlen(text));
}

char *ue_register_text(struct ue_sim *u, const char *authorization, bool agree, const char *more)
{
	char *text = malloc(8192);
	char client[512] = "";
	if (agree)
		snprintf(client, sizeof(client),
			 "Security-Client: ipsec-3gpp; prot=esp; mod=%s; spi-c=%u; spi-s=%u; "
			 "port-c=%u; port-s=%u; alg=hmac-sha-1-96; ealg=null\r\n"
			 "Require: sec-agree\r\nProxy-Require: sec-agree\r\n",
			 u->mode, u->spi_c, u->spi_s, u->uc, u->us);
	u->n_sent++;
	snprintf(text, 8192,
		 "REGISTER sip:" REALM " SIP/2.0\r\n"
		 "Via: SIP/2.0/UDP %s:%u;branch=z9hG4bK%s-%u\r\n"
		 "From: <sip:u@" REALM ">;tag=1\r\nTo: <sip:u@" REALM ">\r\nCall-ID: c%s\r\n"
		 "CSeq: %u REGISTER\r\nMax-Forwards: 70\r\nContact: <sip:%s:%u>;expires=600\r\n"
		 "%s%s%s%s%s\r\n",
		 u->inside, UE_PORT_CLEAR, u->host, u->n_sent, u->host, u->n_sent, u->inside, u->us,
		 authorization ? "Authorization: " : "", authorization ? authorization : "",
		 authorization ? "\r\n" : "", client, more);
	return text;
}

void ue_register(struct ue_sim *u, int fd, uint16_t port, const char *authorization,
		 const char *more)
{
	char *text = ue_register_text(u, authorization, true, more);
	ue_send(u, fd, port, text);
	free(text);
}

struct sip *ue_receive(int fd, uint16_t *from)
{
	char bytes[65536];
	struct sockaddr_in name;
	socklen_t n_name = sizeof(name);
	struct sip *s = NULL;
	ssize_t n =
		recvfrom(fd, bytes, sizeof(bytes), MSG_DONTWAIT, (struct sockaddr *)&name, &n_name);
	if (n < 0)
		return NULL;
	EXPECT_TRUE(memmem(bytes, (size_t)n, IK, 32) == NULL); /* C-012, whatever is tested */
	EXPECT_TRUE(memmem(bytes, (size_t)n, CK, 32) == NULL);
	EXPECT_EQ(sip_parse(bytes, (size_t)n, &s), 0);
	if (from)
		*from = ntohs(name.sin_port);
	return s;
}

int ue_status(int fd)
{
	struct sip *s = ue_receive(fd, NULL);
	int status = s ? sip_status(s) : 0;
	sip_free(s);
	return status;
}

struct sip *core_receive(void)
{
	char bytes[65536];
	struct sip *s = NULL;
	ssize_t n = recv(core_fd, bytes, sizeof(bytes), MSG_DONTWAIT);
	if (n >= 0)
		EXPECT_EQ(sip_parse(bytes, (size_t)n, &s), 0);
	return s;
}

void core_answer(struct sip *request, int status, const char *headers)
{
	char head[16384];
	char *text;
	size_t n;
	ASSERT_TRUE(request != NULL);
	struct sip *r = sip_response(request, status, NULL, "core");
	ASSERT_EQ(sip_print(r, &text, &n), 0);
	snprintf(head, sizeof(head), "%.*s%s\r\n", (int)(n - strlen("Content-Length: 0\r\n\r\n")),
		 text, headers);
	free(text);
	sip_free(r);
	sip_free(request);
	send_to(core_fd, "127.0.0.1", port_core, head, strlen(head));
}

void core_send(const char *text)
{
	core_send_bytes(text, strlen(text));
}

void core_send_bytes(const void *bytes, size_t n_bytes)
{
	send_to(core_fd, "127.0.0.1", port_core, bytes, n_bytes);
}

const char *ok_headers(const struct ue_sim *u, unsigned expires_s)
{
	static char text[1024];
	snprintf(text, sizeof(text),
		 "Contact: <sip:%s:%u>;expires=%u\r\nService-Route: <sip:orig@127.0.0.1:%u;lr>\r\n"
		 "P-Associated-URI: <sip:u@" REALM ">, <sip:second@" REALM ">, <tel:+1234>\r\n",
		 u->host, u->us, expires_s, port_icscf);
	return text;
}

void ue_challenge(struct ue_sim *u)
{
	ue_register(u, u->clear, port_clear, auth_initial, "");
	core_answer(core_receive(), 401, challenge_headers);
	struct sip *s = ue_receive(u->clear, NULL);
	ASSERT_TRUE(s != NULL);
	EXPECT_EQ(sip_status(s), 401);
	const char *server = sip_header(s, "Security-Server", 0);
	ASSERT_TRUE(server != NULL);
	snprintf(u->server, sizeof(u->server), "%s", server);
	sip_free(s);
}

void ue_answer_challenge(struct ue_sim *u, unsigned expires_s)
{
	char verify[1100];
	snprintf(verify, sizeof(verify), "Security-Verify: %s\r\n", u->server);
	ue_register(u, u->uc_fd, port_ps, auth_response, verify);
	core_answer(core_receive(), 200, ok_headers(u, expires_s));
	EXPECT_EQ(ue_status(u->us_fd), 200);
}

void ue_attach(struct ue_sim *u)
{
	ue_challenge(u);
	ue_answer_challenge(u, 600);
}
