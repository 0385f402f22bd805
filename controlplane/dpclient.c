#include "controlplane/dpclient.h"

#include <errno.h>
#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/log.h"
#include "controlplane/loop.h"

#define RECONNECT_MS  1000
#define MAX_PENDING   65536     /* requests without a reply yet */
#define SOCKET_BUFFER (4 << 20) /* some thousand installs at a time */

typedef void (*install_done)(void *user, int status, const struct api_set_result *result);
typedef void (*tunnel_done)(void *user, int status, uint32_t number);

/* Whoever waits for a reply; all NULL: nobody does. */
struct waiter {
	install_done done;
	tunnel_done tunnel_done;
	void *user;
};

static const struct waiter nobody;

/* Replies come in the order of the requests: a queue is all the bookkeeping there is. */
struct pending {
	STAILQ_ENTRY(pending) entry;
	uint64_t cookie;
	uint16_t type;
	struct waiter waiter;
};

struct dpclient {
	struct loop *loop;
	struct dpclient_user user;
	struct dpclient_counters counters;
	struct sockaddr_un address;
	char name[API_NAME_BYTES];
	int fd; /* -1: not connected */
	struct event *readable;
	struct timer reconnect;
	bool ready;
	uint32_t owner;
	uint64_t next_cookie;
	STAILQ_HEAD(, pending) pending;
	unsigned n_pending;
	char buffer[API_MESSAGE_BYTES];
};

static void disconnect(struct dpclient *c, const char *why);

static struct pending *pending_take(struct dpclient *c)
{
	struct pending *p = STAILQ_FIRST(&c->pending);
	STAILQ_REMOVE_HEAD(&c->pending, entry);
	c->n_pending--;
	return p;
}

static void pending_end(struct dpclient *c, struct pending *p, int status,
			const struct api_set_result *result)
{
	if (p->type == API_SET_INSTALL) {
		c->counters.installed += status == 0;
		c->counters.install_failed += status != 0;
	}
	if (p->waiter.done)
		p->waiter.done(p->waiter.user, status, status ? NULL : result);
	if (p->waiter.tunnel_done) /* without a good reply: there is no number */
		p->waiter.tunnel_done(p->waiter.user, status, 0);
	free(p);
}

/* Sends a message of one entry. Returns 0 or -errno. */
static int request(struct dpclient *c, enum api_type type, const void *entry, size_t entry_bytes,
		   struct waiter waiter)
{
	if (c->fd < 0)
		return -ENOTCONN;
	if (c->n_pending == MAX_PENDING)
		return -EAGAIN;
	struct pending *p = malloc(sizeof(*p));
	if (!p)
		return -ENOMEM;
	*p = (struct pending){ .cookie = c->next_cookie++, .type = type, .waiter = waiter };
	struct api_header header = { .version = API_VERSION,
				     .type = (uint16_t)type,
				     .n_entries = 1,
				     .length_bytes = (uint32_t)(sizeof(header) + entry_bytes),
				     .cookie = p->cookie };
	struct iovec pieces[2] = { { &header, sizeof(header) }, { (void *)entry, entry_bytes } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
	if (sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
		free(p);
		return -errno;
	}
	STAILQ_INSERT_TAIL(&c->pending, p, entry);
	c->n_pending++;
	return 0;
}

static void list_from(struct dpclient *c, uint32_t next)
{
	struct api_cursor cursor = { .next = next, .owner = c->owner };
	if (request(c, API_SA_LIST, &cursor, sizeof(cursor), nobody))
		disconnect(c, "cannot ask for the list of SAs");
}

static void tunnels_from(struct dpclient *c, uint32_t next)
{
	struct api_cursor cursor = { .next = next, .owner = c->owner };
	if (request(c, API_TUNNEL_LIST, &cursor, sizeof(cursor), nobody))
		disconnect(c, "cannot ask for the list of tunnels");
}

static void take_hello(struct dpclient *c, const struct api_hello *hello)
{
	c->owner = hello->owner;
	log_info("data plane: connected, %u SAs of ours, %u of %u free", hello->n_adopted,
		 hello->n_free, hello->capacity);
	list_from(c, 0);
}

static void take_list(struct dpclient *c, const struct api_header *h, const char *entries)
{
	struct api_cursor cursor;
	struct api_sa_info sa;
	memcpy(&cursor, entries, sizeof(cursor));
	entries += sizeof(cursor);
	for (unsigned i = 1; i < h->n_entries; i++, entries += sizeof(sa)) {
		memcpy(&sa, entries, sizeof(sa));
		c->user.on_sa(c->user.user, &sa);
	}
	if (cursor.next)
		list_from(c, cursor.next);
	else
		tunnels_from(c, 0);
}

static void take_tunnels(struct dpclient *c, const struct api_header *h, const char *entries)
{
	struct api_cursor cursor;
	struct api_tunnel_info tunnel;
	memcpy(&cursor, entries, sizeof(cursor));
	entries += sizeof(cursor);
	for (unsigned i = 1; i < h->n_entries; i++, entries += sizeof(tunnel)) {
		memcpy(&tunnel, entries, sizeof(tunnel));
		c->user.on_tunnel(c->user.user, &tunnel);
	}
	if (cursor.next) {
		tunnels_from(c, cursor.next);
		return;
	}
	c->ready = true;
	c->user.on_ready(c->user.user);
}

static void take_rebound(struct dpclient *c, const struct api_header *h, const char *entries)
{
	for (unsigned i = 0; i < h->n_entries; i++) {
		struct api_tunnel_rebound rebound;
		memcpy(&rebound, entries + i * sizeof(rebound), sizeof(rebound));
		c->user.on_rebound(c->user.user, &rebound);
	}
}

static void take_expired(struct dpclient *c, const struct api_header *h, const char *entries)
{
	for (unsigned i = 0; i < h->n_entries; i++) {
		struct api_set_id id;
		memcpy(&id, entries + i * sizeof(id), sizeof(id));
		c->counters.expired++;
		c->user.on_expired(c->user.user, id.registration);
	}
}

/* Bytes that n entries of a reply or event must have; -1: not a type that is sent to us. */
static long entries_bytes(const struct api_header *h)
{
	switch (h->type) {
	case API_HELLO:
		return h->n_entries == 1 ? (long)sizeof(struct api_hello) : -1;
	case API_SET_INSTALL:
	case API_SET_UPDATE:
	case API_SET_DELETE:
		return h->n_entries == 1 ? (long)sizeof(struct api_set_result) : -1;
	case API_SA_LIST:
		return h->n_entries ? (long)(sizeof(struct api_cursor) +
					     (h->n_entries - 1) * sizeof(struct api_sa_info))
				    : -1;
	case API_TUNNEL_LIST:
		return h->n_entries ? (long)(sizeof(struct api_cursor) +
					     (h->n_entries - 1) * sizeof(struct api_tunnel_info))
				    : -1;
	case API_TUNNEL_INSTALL:
	case API_TUNNEL_UPDATE:
	case API_TUNNEL_DELETE:
		return h->n_entries == 1 ? (long)sizeof(struct api_tunnel_result) : -1;
	case API_EVENT_REBOUND:
		return (long)(h->n_entries * sizeof(struct api_tunnel_rebound));
	case API_EVENT_EXPIRED:
		return (long)(h->n_entries * sizeof(struct api_set_id));
	case API_EVENT_SEQUENCE:
		return (long)(h->n_entries * sizeof(struct api_sa_id));
	default:
		return -1;
	}
}

static void take_reply(struct dpclient *c, const struct api_header *h, const char *entries)
{
	struct pending *p = STAILQ_FIRST(&c->pending);
	if (!p || p->cookie != h->cookie || p->type != h->type) {
		disconnect(c, "an answer nobody asked for");
		return;
	}
	pending_take(c);
	if (p->waiter.tunnel_done && !h->status) {
		struct api_tunnel_result made;
		tunnel_done done = p->waiter.tunnel_done;
		memcpy(&made, entries, sizeof(made));
		p->waiter.tunnel_done = NULL; /* called once */
		done(p->waiter.user, made.status, made.tunnel);
	}
	struct api_set_result result = { .status = h->status };
	if (!h->status &&
	    (h->type == API_SET_INSTALL || h->type == API_SET_UPDATE || h->type == API_SET_DELETE))
		memcpy(&result, entries, sizeof(result));
	pending_end(c, p, result.status, &result);
	if (h->status &&
	    (h->type == API_HELLO || h->type == API_SA_LIST || h->type == API_TUNNEL_LIST)) {
		disconnect(c, strerror(-h->status));
	} else if (h->type == API_HELLO) {
		struct api_hello hello;
		memcpy(&hello, entries, sizeof(hello));
		take_hello(c, &hello);
	} else if (h->type == API_SA_LIST) {
		take_list(c, h, entries);
	} else if (h->type == API_TUNNEL_LIST) {
		take_tunnels(c, h, entries);
	}
}

static void take_message(struct dpclient *c, size_t n_bytes)
{
	struct api_header h;
	if (n_bytes < sizeof(h)) {
		disconnect(c, "a message without a header");
		return;
	}
	memcpy(&h, c->buffer, sizeof(h));
	bool refused = h.status != 0 && n_bytes == sizeof(h);
	if (h.version != API_VERSION || h.length_bytes != n_bytes ||
	    (!refused && entries_bytes(&h) != (long)(n_bytes - sizeof(h)))) {
		disconnect(c, "a message of another version or shape");
		return;
	}
	if (h.flags & API_LOST_EVENTS && c->ready) {
		c->ready = false; /* nothing new until the list is through: it would not be in it */
		list_from(c, 0);
		if (c->fd < 0)
			return;
	}
	const char *entries = c->buffer + sizeof(h);
	if (h.type == API_EVENT_EXPIRED)
		take_expired(c, &h, entries);
	else if (h.type == API_EVENT_REBOUND)
		take_rebound(c, &h, entries);
	else if (h.type == API_EVENT_SEQUENCE)
		log_warn("an SA has sent 2^31 packets: its UE should re-authenticate");
	else
		take_reply(c, &h, entries);
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct dpclient *c = user;
	for (unsigned i = 0; i < 64 && c->fd >= 0; i++) {
		ssize_t n = recv(c->fd, c->buffer, sizeof(c->buffer), MSG_DONTWAIT);
		if (n < 0 && (errno == EAGAIN || errno == EINTR))
			return;
		if (n <= 0) {
			disconnect(c, n ? strerror(errno) : "it closed the connection");
			return;
		}
		take_message(c, (size_t)n);
	}
}

static void close_socket(struct dpclient *c)
{
	if (c->readable)
		event_free(c->readable);
	c->readable = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->ready = false;
	while (c->n_pending)
		pending_end(c, pending_take(c), -ECONNRESET, NULL);
}

static void disconnect(struct dpclient *c, const char *why)
{
	if (c->fd < 0)
		return;
	log_error("data plane: %s; no UE can register until it is back", why);
	close_socket(c);
	timer_set(c->loop, &c->reconnect, RECONNECT_MS);
}

static int connect_now(struct dpclient *c)
{
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (c->fd < 0)
		return -errno;
	int size = SOCKET_BUFFER;
	setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	if (connect(c->fd, (struct sockaddr *)&c->address, sizeof(c->address)) < 0)
		return -errno;
	c->readable = event_new(loop_base(c->loop), c->fd, EV_READ | EV_PERSIST, on_readable, c);
	if (!c->readable || event_add(c->readable, NULL))
		return -ENOMEM;
	struct api_hello hello = { 0 };
	memcpy(hello.name, c->name, sizeof(hello.name));
	return request(c, API_HELLO, &hello, sizeof(hello), nobody);
}

static void on_reconnect(void *user)
{
	struct dpclient *c = user;
	int error = connect_now(c);
	if (!error) {
		c->counters.connected++;
		return;
	}
	log_warn("data plane: cannot connect to %s: %s", c->address.sun_path, strerror(-error));
	close_socket(c);
	timer_set(c->loop, &c->reconnect, RECONNECT_MS);
}

struct dpclient *dpclient_new(struct loop *loop, const char *path, const char *name,
			      struct dpclient_user user)
{
	struct dpclient *c = calloc(1, sizeof(*c));
	if (!c)
		return NULL;
	c->loop = loop;
	c->user = user;
	c->fd = -1;
	c->next_cookie = 1; /* 0 is an event's */
	c->address.sun_family = AF_UNIX;
	snprintf(c->address.sun_path, sizeof(c->address.sun_path), "%s", path);
	snprintf(c->name, sizeof(c->name), "%s", name);
	STAILQ_INIT(&c->pending);
	timer_init(&c->reconnect, on_reconnect, c);
	timer_set(loop, &c->reconnect, 0);
	return c;
}

void dpclient_free(struct dpclient *c)
{
	if (!c)
		return;
	close_socket(c);
	timer_cancel(c->loop, &c->reconnect);
	free(c);
}

bool dpclient_is_ready(const struct dpclient *c)
{
	return c->ready;
}

const struct dpclient_counters *dpclient_counters(const struct dpclient *c)
{
	return &c->counters;
}

int dpclient_install(struct dpclient *c, const struct api_set *set, install_done done, void *user)
{
	if (!c->ready)
		return -ENOTCONN;
	return request(c, API_SET_INSTALL, set, sizeof(*set),
		       (struct waiter){ .done = done, .user = user });
}

int dpclient_install_tunnel(struct dpclient *c, const struct api_tunnel *tunnel, tunnel_done done,
			    void *user)
{
	if (!c->ready)
		return -ENOTCONN;
	return request(c, API_TUNNEL_INSTALL, tunnel, sizeof(*tunnel),
		       (struct waiter){ .tunnel_done = done, .user = user });
}

void dpclient_point_tunnel(struct dpclient *c, uint64_t handle, const uint8_t peer[static 16],
			   uint16_t peer_port)
{
	struct api_tunnel_update update = { .handle = handle, .peer_port = peer_port };
	memcpy(update.peer.bytes, peer, sizeof(update.peer.bytes));
	request(c, API_TUNNEL_UPDATE, &update, sizeof(update), nobody);
}

void dpclient_delete_tunnel(struct dpclient *c, uint64_t handle)
{
	struct api_tunnel_id id = { .handle = handle };
	request(c, API_TUNNEL_DELETE, &id, sizeof(id), nobody);
}

void dpclient_update(struct dpclient *c, uint64_t registration, uint32_t lifetime_s)
{
	struct api_set_update update = { .registration = registration, .lifetime_s = lifetime_s };
	request(c, API_SET_UPDATE, &update, sizeof(update), nobody);
}

void dpclient_delete(struct dpclient *c, uint64_t registration, uint32_t grace_s)
{
	struct api_set_id id = { .registration = registration, .grace_s = grace_s };
	c->counters.deleted++;
	request(c, API_SET_DELETE, &id, sizeof(id), nobody);
}
