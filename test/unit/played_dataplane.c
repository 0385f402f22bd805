/* The data plane of pcscf_fixture.h: it remembers what it was asked, and lists what it has. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "test/shim/test.h"
#include "test/unit/pcscf_fixture.h"
#include "test/unit/pcscf_fixture_impl.h"

struct asked asked;

static struct {
	int listener, client;
	int status;
	bool hold;
	enum api_type breaks_at; /* 0: at none */
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
	if (h.type == dp.breaks_at) {
		dp.breaks_at = 0;
		close(dp.client);
		dp.client = -1;
		return;
	}
	size_t entry_bytes = (h.length_bytes - sizeof(h)) / h.n_entries;
	for (unsigned i = 0; i < h.n_entries; i++)
		dp_take_entry(&h, message + sizeof(h) + i * entry_bytes);
	dp_send_reply(&h);
}

bool played_dataplane_serve(void)
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

void played_dataplane_start(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	memset(&dp, 0, sizeof(dp));
	dp.client = -1;
	dp.next_spi = 0x10000;
	snprintf(name.sun_path, sizeof(name.sun_path), "%s", path);
	unlink(path);
	dp.listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0);
	ASSERT_EQ(bind(dp.listener, (struct sockaddr *)&name, sizeof(name)), 0);
	ASSERT_EQ(listen(dp.listener, 4), 0);
}

void played_dataplane_stop(void)
{
	if (dp.client >= 0)
		close(dp.client);
	if (dp.listener >= 0)
		close(dp.listener);
	dp.client = dp.listener = -1;
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
	played_dataplane_stop();
	edge_turn();
}

void dataplane_break(void)
{
	close(dp.client);
	dp.client = -1;
	edge_turn();
}

void dataplane_break_at(enum api_type type)
{
	dp.breaks_at = type;
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
