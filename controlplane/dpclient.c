#include "controlplane/dpclient.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "controlplane/dpclient_impl.h"
#include "controlplane/log.h"
#include "crypto/wipe.h"

#define RECONNECT_MS  1000
#define SOCKET_BUFFER (4 << 20) /* some thousand installs at a time */

struct pending *dpclient_take(struct dpclient *c)
{
	struct pending *p = STAILQ_FIRST(&c->pending);
	STAILQ_REMOVE_HEAD(&c->pending, entry);
	c->n_pending--;
	return p;
}

void dpclient_end(struct dpclient *c, struct pending *p, int status,
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

static void forget_out(struct dpclient *c)
{
	wipe(c->entries, c->out.length_bytes);
	c->out = (struct api_header){ .version = API_VERSION };
}

static void flush(void *user)
{
	struct dpclient *c = user;
	size_t n_bytes = c->out.length_bytes;
	if (c->fd < 0 || !c->out.n_entries)
		return;
	struct api_header header = c->out;
	header.length_bytes += (uint32_t)sizeof(header);
	struct iovec pieces[2] = { { &header, sizeof(header) }, { c->entries, n_bytes } };
	struct msghdr message = { .msg_iov = pieces, .msg_iovlen = 2 };
	if (sendmsg(c->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		forget_out(c);
	else if ((errno != EAGAIN && errno != ENOBUFS && errno != EINTR) ||
		 event_add(c->writable, NULL))
		shutdown(c->fd, SHUT_RDWR); /* who reads hears of it, and fails all requests */
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	struct dpclient *c = user;
	flush(c);
	dpclient_settle(c);
}

/* Neither the message nor the reply to it may be too long. */
static bool is_full(const struct dpclient *c, size_t entry_bytes)
{
	return c->out.length_bytes + entry_bytes > sizeof(c->entries) ||
	       (c->out.n_entries + 1) * sizeof(struct api_set_result) > sizeof(c->entries);
}

/* Room for an entry in the message that is to leave; another one leaves before. */
static int make_room(struct dpclient *c, enum api_type type, size_t entry_bytes)
{
	bool is_other = c->out.n_entries && c->out.type != type;
	if (is_other || is_full(c, entry_bytes))
		flush(c);
	if (c->out.n_entries && is_other)
		return -EAGAIN;
	return is_full(c, entry_bytes) ? -EAGAIN : 0;
}

int dpclient_request(struct dpclient *c, enum api_type type, const void *entry, size_t entry_bytes,
		     struct waiter waiter)
{
	if (c->fd < 0)
		return -ENOTCONN;
	if (c->n_pending == DPCLIENT_MAX_PENDING)
		return -EAGAIN;
	int error = make_room(c, type, entry_bytes);
	struct pending *p = error ? NULL : malloc(sizeof(*p));
	if (!p)
		return error ? error : -ENOMEM;
	if (!c->out.n_entries)
		c->out.cookie = c->next_cookie++;
	*p = (struct pending){ .cookie = c->out.cookie, .type = type, .waiter = waiter };
	STAILQ_INSERT_TAIL(&c->pending, p, entry);
	c->n_pending++;
	memcpy(c->entries + c->out.length_bytes, entry, entry_bytes);
	c->out.type = (uint16_t)type;
	c->out.n_entries++;
	c->out.length_bytes += (uint32_t)entry_bytes;
	turn_end_set(c->loop, &c->send);
	return 0;
}

static void close_socket(struct dpclient *c)
{
	if (c->readable)
		event_free(c->readable);
	if (c->writable)
		event_free(c->writable);
	c->readable = c->writable = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	c->ready = false;
	forget_out(c);
	dpclient_forget_owed(c);
	while (c->n_pending)
		dpclient_end(c, dpclient_take(c), -ECONNRESET, NULL);
}

void dpclient_disconnect(struct dpclient *c, const char *why)
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
	c->readable =
		event_new(loop_base(c->loop), c->fd, EV_READ | EV_PERSIST, dpclient_on_readable, c);
	c->writable = event_new(loop_base(c->loop), c->fd, EV_WRITE, on_writable, c);
	if (!c->readable || !c->writable || event_add(c->readable, NULL))
		return -ENOMEM;
	struct api_hello hello = { 0 };
	memcpy(hello.name, c->name, sizeof(hello.name));
	return dpclient_request(c, API_HELLO, &hello, sizeof(hello), (struct waiter){ 0 });
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
	if (!c || dpclient_owed_init(c)) {
		free(c);
		return NULL;
	}
	c->loop = loop;
	c->user = user;
	c->fd = -1;
	c->next_cookie = 1; /* 0 is an event's */
	c->out.version = API_VERSION;
	c->address.sun_family = AF_UNIX;
	snprintf(c->address.sun_path, sizeof(c->address.sun_path), "%s", path);
	snprintf(c->name, sizeof(c->name), "%s", name);
	STAILQ_INIT(&c->pending);
	turn_end_init(&c->send, flush, c);
	timer_init(&c->reconnect, on_reconnect, c);
	timer_set(loop, &c->reconnect, 0);
	return c;
}

void dpclient_free(struct dpclient *c)
{
	if (!c)
		return;
	dpclient_settle(c); /* deletions, above all */
	flush(c);
	close_socket(c);
	turn_end_cancel(c->loop, &c->send);
	timer_cancel(c->loop, &c->reconnect);
	table_free(c->owed_by_handle);
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
	if (!dpclient_settle(c))
		return -EAGAIN;
	return dpclient_request(c, API_SET_INSTALL, set, sizeof(*set),
				(struct waiter){ .done = done, .user = user });
}

int dpclient_install_tunnel(struct dpclient *c, const struct api_tunnel *tunnel, tunnel_done done,
			    void *user)
{
	if (!c->ready)
		return -ENOTCONN;
	if (!dpclient_settle(c))
		return -EAGAIN;
	return dpclient_request(c, API_TUNNEL_INSTALL, tunnel, sizeof(*tunnel),
				(struct waiter){ .tunnel_done = done, .user = user });
}

void dpclient_point_tunnel(struct dpclient *c, uint64_t handle, const uint8_t peer[static 16],
			   uint16_t peer_port)
{
	struct notice n = { .type = API_TUNNEL_UPDATE, .handle = handle, .peer_port = peer_port };
	memcpy(n.peer.bytes, peer, sizeof(n.peer.bytes));
	dpclient_tell(c, &n);
}

void dpclient_delete_tunnel(struct dpclient *c, uint64_t handle)
{
	dpclient_tell(c, &(struct notice){ .type = API_TUNNEL_DELETE, .handle = handle });
}

void dpclient_update(struct dpclient *c, uint64_t registration, uint32_t lifetime_s)
{
	dpclient_tell(c, &(struct notice){ .type = API_SET_UPDATE,
					   .handle = registration,
					   .seconds = lifetime_s });
}

void dpclient_delete(struct dpclient *c, uint64_t registration, uint32_t grace_s)
{
	c->counters.deleted += grace_s == 0;
	dpclient_tell(c, &(struct notice){ .type = API_SET_DELETE,
					   .handle = registration,
					   .seconds = grace_s });
}
