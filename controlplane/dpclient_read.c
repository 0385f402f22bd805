#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "controlplane/dpclient_impl.h"
#include "controlplane/log.h"

#define MAX_BATCHES 16 /* read in a turn */

static void list_from(struct dpclient *c, uint32_t next)
{
	struct api_cursor cursor = { .next = next, .owner = c->owner };
	if (dpclient_request(c, API_SA_LIST, &cursor, sizeof(cursor), (struct waiter){ 0 }))
		dpclient_disconnect(c, "cannot ask for the list of SAs");
}

static void begin_list(struct dpclient *c)
{
	c->user.on_list(c->user.user);
	list_from(c, 0);
}

static void tunnels_from(struct dpclient *c, uint32_t next)
{
	struct api_cursor cursor = { .next = next, .owner = c->owner };
	if (dpclient_request(c, API_TUNNEL_LIST, &cursor, sizeof(cursor), (struct waiter){ 0 }))
		dpclient_disconnect(c, "cannot ask for the list of tunnels");
}

static void take_hello(struct dpclient *c, const struct api_hello *hello)
{
	c->owner = hello->owner;
	log_info("data plane: connected, %u SAs of ours, %u of %u free", hello->n_adopted,
		 hello->n_free, hello->capacity);
	begin_list(c);
}

static void break_off(struct dpclient *c)
{
	dpclient_disconnect(c, "no memory for what it has of ours");
}

static void take_list(struct dpclient *c, const struct api_header *h, const char *entries)
{
	struct api_cursor cursor;
	struct api_sa_info sa;
	int error = 0;
	memcpy(&cursor, entries, sizeof(cursor));
	entries += sizeof(cursor);
	for (unsigned i = 1; i < h->n_entries && !error; i++, entries += sizeof(sa)) {
		memcpy(&sa, entries, sizeof(sa));
		error = c->user.on_sa(c->user.user, &sa);
	}
	if (error)
		break_off(c);
	else if (cursor.next)
		list_from(c, cursor.next);
	else
		tunnels_from(c, 0);
}

static void take_tunnels(struct dpclient *c, const struct api_header *h, const char *entries)
{
	struct api_cursor cursor;
	struct api_tunnel_info tunnel;
	int error = 0;
	memcpy(&cursor, entries, sizeof(cursor));
	entries += sizeof(cursor);
	for (unsigned i = 1; i < h->n_entries && !error; i++, entries += sizeof(tunnel)) {
		memcpy(&tunnel, entries, sizeof(tunnel));
		error = c->user.on_tunnel(c->user.user, &tunnel);
	}
	if (!error && cursor.next) {
		tunnels_from(c, cursor.next);
		return;
	}
	c->ready = !error;
	if (error || c->user.on_ready(c->user.user))
		break_off(c);
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
		return (long)(h->n_entries * sizeof(struct api_set_result));
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
		return (long)(h->n_entries * sizeof(struct api_tunnel_result));
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

/* Entry i of a good reply, to whoever asked for it. */
static void end_entry(struct dpclient *c, struct pending *p, const char *entries, unsigned i)
{
	struct api_set_result result = { 0 };
	struct api_tunnel_result made;
	switch (p->type) {
	case API_SET_INSTALL:
	case API_SET_UPDATE:
	case API_SET_DELETE:
		memcpy(&result, entries + i * sizeof(result), sizeof(result));
		break;
	case API_TUNNEL_INSTALL:
		memcpy(&made, entries + i * sizeof(made), sizeof(made));
		tunnel_done done = p->waiter.tunnel_done;
		p->waiter.tunnel_done = NULL; /* called once */
		if (done)
			done(p->waiter.user, made.status, made.tunnel);
		break;
	}
	dpclient_end(c, p, result.status, &result);
}

/* How many entries the request had that is answered next. */
static unsigned count_asked(const struct dpclient *c, uint64_t cookie)
{
	const struct pending *p;
	unsigned n = 0;
	STAILQ_FOREACH(p, &c->pending, entry)
	{
		if (p->cookie != cookie)
			break;
		n++;
	}
	return n;
}

static bool is_list(uint16_t type)
{
	return type == API_SA_LIST || type == API_TUNNEL_LIST;
}

static void take_reply(struct dpclient *c, const struct api_header *h, const char *entries)
{
	struct pending *p = STAILQ_FIRST(&c->pending);
	unsigned n = count_asked(c, h->cookie);
	if (!n || p->type != h->type || (!h->status && !is_list(h->type) && n != h->n_entries) ||
	    (c->out.n_entries && h->cookie == c->out.cookie)) {
		dpclient_disconnect(c, "an answer nobody asked for");
		return;
	}
	/* Who is told may ask anew, and even end the connection. */
	for (unsigned i = 0; i < n && (p = STAILQ_FIRST(&c->pending)); i++) {
		dpclient_take(c);
		if (h->status)
			dpclient_end(c, p, h->status, NULL);
		else
			end_entry(c, p, entries, i);
	}
	if (h->status && (h->type == API_HELLO || is_list(h->type))) {
		dpclient_disconnect(c, strerror(-h->status));
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

static void take_message(struct dpclient *c, const char *message, size_t n_bytes)
{
	struct api_header h;
	if (n_bytes < sizeof(h)) {
		dpclient_disconnect(c, "a message without a header");
		return;
	}
	memcpy(&h, message, sizeof(h));
	bool refused = h.status != 0 && n_bytes == sizeof(h);
	if (h.version != API_VERSION || h.length_bytes != n_bytes ||
	    (!refused && entries_bytes(&h) != (long)(n_bytes - sizeof(h)))) {
		dpclient_disconnect(c, "a message of another version or shape");
		return;
	}
	if (h.flags & API_LOST_EVENTS && c->ready) {
		c->ready = false; /* nothing new until the list is through: it would not be in it */
		begin_list(c);
		if (c->fd < 0)
			return;
	}
	const char *entries = message + sizeof(h);
	if (h.type == API_EVENT_EXPIRED)
		take_expired(c, &h, entries);
	else if (h.type == API_EVENT_REBOUND)
		take_rebound(c, &h, entries);
	else if (h.type == API_EVENT_SEQUENCE)
		log_warn("an SA has sent 2^31 packets: its UE should re-authenticate");
	else
		take_reply(c, &h, entries);
}

/* Returns whether there may be more. */
static bool read_some(struct dpclient *c)
{
	struct mmsghdr headers[DPCLIENT_READS] = { 0 };
	struct iovec pieces[DPCLIENT_READS];
	for (unsigned i = 0; i < DPCLIENT_READS; i++) {
		pieces[i] = (struct iovec){ c->in[i], sizeof(c->in[i]) };
		headers[i].msg_hdr = (struct msghdr){ .msg_iov = &pieces[i], .msg_iovlen = 1 };
	}
	int n = recvmmsg(c->fd, headers, DPCLIENT_READS, MSG_DONTWAIT, NULL);
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		dpclient_disconnect(c, strerror(errno));
	for (int i = 0; i < n && c->fd >= 0; i++) {
		if (headers[i].msg_len)
			take_message(c, c->in[i], headers[i].msg_len);
		else
			dpclient_disconnect(c, "it closed the connection");
	}
	return n == DPCLIENT_READS && c->fd >= 0;
}

void dpclient_on_readable(evutil_socket_t fd, short what, void *user)
{
	for (unsigned i = 0; i < MAX_BATCHES && read_some(user); i++)
		;
	dpclient_settle(user);
}
