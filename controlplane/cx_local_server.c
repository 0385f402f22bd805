/* The HSS's end of the local Cx socket. */
#include "controlplane/cx_local.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/hss.h"
#include "controlplane/log.h"
#include "controlplane/loop.h"
#include "crypto/wipe.h"

/* Datagrams read in one call: requests of one turn share a commit with those of others. */
#define BURST 8

/* Places for answers of so many bytes, as most have, are kept for the next ones. */
#define MOST_BYTES 192
#define MAX_SPARE  256

struct client;

/* A request from its arrival until its answer is in the socket. */
struct served {
	STAILQ_ENTRY(served) link;
	struct client *client;
	uint64_t id;
	size_t room;
	size_t bytes; /* of the packed message that waits; 0: none yet */
	uint8_t message[];
};

/* A request of the HSS's to all clients, and what they said so far. */
struct push {
	enum cx_command command;
	enum cx_result result; /* of the one that agreed, else of the last */
	unsigned n_parts;      /* answers that are to come, and one while it is being sent */
	cx_done *done;
	void *user;
};

struct part {
	LIST_ENTRY(part) link;
	struct push *push;
	uint64_t id;
};

struct client {
	LIST_HEAD(, part) parts;
	LIST_ENTRY(client) link;
	struct cx_local_server *server;
	int fd; /* -1: gone; freed with its last request */
	struct event *readable;
	struct event *writable;
	bool is_reading; /* `readable` is waited for */
	unsigned n_open; /* struct served that exist */
	STAILQ_HEAD(, served) unsent;
};

struct cx_local_server {
	struct loop *loop;
	struct hss *hss;
	struct sockaddr_un local;
	int fd;
	struct event *acceptable;
	unsigned n_clients;
	uint64_t next_id; /* of parts */
	LIST_HEAD(, client) clients;
	STAILQ_HEAD(, served) spare; /* nobody's, of MOST_BYTES */
	unsigned n_spare;
	uint8_t read[BURST][CX_LOCAL_DATAGRAM_BYTES]; /* no keys: they only go out */
	struct iovec read_in[BURST];
	struct mmsghdr read_head[BURST];
};

static struct served *new_served(struct client *c, uint64_t id, size_t room)
{
	struct cx_local_server *s = c->server;
	struct served *v = room == MOST_BYTES ? STAILQ_FIRST(&s->spare) : NULL;

	if (v != NULL) {
		STAILQ_REMOVE_HEAD(&s->spare, link);
		s->n_spare--;
	} else {
		v = malloc(sizeof(*v) + room);
	}
	if (v == NULL)
		return NULL;
	*v = (struct served){ .client = c, .id = id, .room = room };
	c->n_open++;
	return v;
}

static void free_served(struct served *v)
{
	struct client *c = v->client;
	struct cx_local_server *s = c->server;

	c->n_open--;
	wipe(v->message, v->bytes);
	/* A client that is gone may outlive the server. */
	if (c->fd < 0 || v->room != MOST_BYTES || s->n_spare == MAX_SPARE) {
		free(v);
		return;
	}
	STAILQ_INSERT_HEAD(&s->spare, v, link);
	s->n_spare++;
}

/* One part less; the last one gives the answer. */
static void settle(struct push *p, enum cx_result result)
{
	struct cx_answer answer = { .command = p->command };

	if (!cx_succeeded(p->result))
		p->result = result;
	if (--p->n_parts > 0)
		return;
	answer.result = p->result;
	p->done(p->user, &answer);
	free(p);
}

static void end_part(struct part *part, enum cx_result result)
{
	LIST_REMOVE(part, link);
	settle(part->push, result);
	free(part);
}

static void free_if_unused(struct client *c)
{
	if (c->fd < 0 && c->n_open == 0)
		free(c);
}

/* The HSS may still owe answers: the client stays until they came. */
static void drop(struct client *c)
{
	struct served *v;
	struct part *part;

	LIST_REMOVE(c, link);
	c->server->n_clients--;
	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	close(c->fd);
	c->fd = -1;
	while ((v = STAILQ_FIRST(&c->unsent)) != NULL) {
		STAILQ_REMOVE_HEAD(&c->unsent, link);
		free_served(v);
	}
	while ((part = LIST_FIRST(&c->parts)) != NULL)
		end_part(part, CX_UNABLE_TO_DELIVER);
	free_if_unused(c);
}

/* One datagram of what waits. Returns how many messages that were, or -errno. */
static int send_datagram(struct client *c)
{
	struct cx_local_datagram d = { 0 };
	struct served *v;

	STAILQ_FOREACH(v, &c->unsent, link)
	{
		if (!cx_local_put(&d, v->message, v->bytes))
			break;
	}
	return cx_local_send(c->fd, &d);
}

/* Sends what waits until the socket is full. False: the client is gone. */
static bool flush(struct client *c)
{
	struct served *v;
	int n;

	while (!STAILQ_EMPTY(&c->unsent)) {
		n = send_datagram(c);
		if (n == -EAGAIN || n == -ENOBUFS) {
			event_add(c->writable, NULL);
			return true;
		}
		if (n < 0) {
			drop(c);
			return false;
		}
		while (n-- > 0) {
			v = STAILQ_FIRST(&c->unsent);
			STAILQ_REMOVE_HEAD(&c->unsent, link);
			free_served(v);
		}
	}
	if (!c->is_reading && c->n_open < CX_LOCAL_OPEN)
		c->is_reading = event_add(c->readable, NULL) == 0;
	return true;
}

/* The HSS has given answers, to some of them. */
static void on_given(void *user)
{
	struct cx_local_server *s = user;
	struct client *c, *following;

	for (c = LIST_FIRST(&s->clients); c != NULL; c = following) {
		following = LIST_NEXT(c, link);
		flush(c);
	}
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	flush(user);
}

/* What does not find its place ends the connection: the client then knows that it got no answer. */
static void on_answer(void *user, const struct cx_answer *answer)
{
	uint8_t message[CX_LOCAL_MESSAGE_BYTES];
	struct served *v = user;
	struct client *c = v->client;
	uint64_t id = v->id;
	size_t n_bytes;

	if (c->fd < 0) {
		free_served(v);
		free_if_unused(c);
		return;
	}
	n_bytes = cx_local_pack_answer(answer, id, message);
	if (n_bytes > v->room) {
		free_served(v);
		v = new_served(c, id, n_bytes);
	}
	if (v != NULL) {
		v->bytes = n_bytes;
		memcpy(v->message, message, n_bytes);
		STAILQ_INSERT_TAIL(&c->unsent, v, link);
	}
	wipe(message, n_bytes);
	if (v == NULL)
		drop(c);
}

static int take_part(struct client *c, const uint8_t *message, size_t n_bytes)
{
	struct cx_answer answer;
	struct part *part;
	uint64_t id;
	int rc = cx_local_parse_answer(message, n_bytes, &answer, &id);

	if (rc < 0)
		return rc;
	LIST_FOREACH (part, &c->parts, link) {
		if (part->id == id && part->push->command == answer.command) {
			end_part(part, answer.result);
			return 0;
		}
	}
	return -EPROTO;
}

/* Returns 0, or -errno: drop the client. */
static int take_message(void *user, bool is_answer, const uint8_t *message, size_t n_bytes)
{
	struct client *c = user;
	struct cx_request request;
	struct served *v;
	uint64_t id;
	int rc;

	if (is_answer)
		return take_part(c, message, n_bytes);
	rc = cx_local_parse_request(message, n_bytes, &request, &id);
	if (rc < 0)
		return rc;
	v = new_served(c, id, MOST_BYTES);
	if (v == NULL)
		return -ENOMEM;
	rc = hss_request(c->server->hss, &request, on_answer, v);
	if (rc < 0)
		free_served(v);
	return rc;
}

/* Returns 0 also when there was nothing to read, or -errno: drop the client. */
static int read_some(struct client *c)
{
	struct cx_local_server *s = c->server;
	unsigned room = (CX_LOCAL_OPEN - c->n_open) / CX_LOCAL_TOGETHER + 1;
	int n = recvmmsg(c->fd, s->read_head, room < BURST ? room : BURST, MSG_DONTWAIT | MSG_TRUNC,
			 NULL);
	int rc = 0;

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	for (int i = 0; rc >= 0 && i < n; i++)
		rc = cx_local_take_all(s->read[i], s->read_head[i].msg_len, take_message, c);
	return rc < 0 ? rc : 0;
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct client *c = user;
	struct hss *hss = c->server->hss;
	int rc = c->n_open < CX_LOCAL_OPEN ? read_some(c) : 0;

	if (rc < 0) {
		if (rc != -ECONNRESET)
			log_warn("cx: a client is dropped: %s", strerror(-rc));
		drop(c);
	} else if (c->n_open >= CX_LOCAL_OPEN) {
		event_del(c->readable);
		c->is_reading = false;
	}
	hss_answer(hss);
}

static void on_acceptable(evutil_socket_t fd, short what, void *user)
{
	struct cx_local_server *s = user;
	struct client *c;
	int peer = accept4(s->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (peer < 0)
		return;
	c = s->n_clients < CX_LOCAL_CLIENTS ? calloc(1, sizeof(*c)) : NULL;
	if (c == NULL) {
		log_warn("cx: a client is refused: %u are served already", s->n_clients);
		close(peer);
		return;
	}
	c->server = s;
	c->fd = peer;
	STAILQ_INIT(&c->unsent);
	LIST_INIT(&c->parts);
	LIST_INSERT_HEAD(&s->clients, c, link);
	s->n_clients++;
	c->readable = event_new(loop_base(s->loop), peer, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(loop_base(s->loop), peer, EV_WRITE, on_writable, c);
	c->is_reading = c->readable != NULL && event_add(c->readable, NULL) == 0;
	if (c->writable == NULL || !c->is_reading)
		drop(c);
}

/* A socket that nobody listens on any more is in the way of bind(); one in use is not ours. */
static int remove_stale(const struct sockaddr_un *local)
{
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = connect(fd, (const struct sockaddr *)local, sizeof(*local)) == 0 ? 0 : -errno;
	close(fd);
	if (rc == -ECONNREFUSED)
		return unlink(local->sun_path) == 0 ? 0 : -errno;
	return rc == -ENOENT ? 0 : -EADDRINUSE;
}

static int listen_on(struct cx_local_server *s)
{
	mode_t mask;
	int rc = remove_stale(&s->local);

	if (rc < 0)
		return rc;
	s->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (s->fd < 0)
		return -errno;
	mask = umask(0177); /* mode 0600 from its first moment */
	rc = bind(s->fd, (const struct sockaddr *)&s->local, sizeof(s->local)) < 0 ? -errno : 0;
	umask(mask);
	if (rc == 0 && listen(s->fd, CX_LOCAL_CLIENTS) < 0)
		rc = -errno;
	return rc;
}

int cx_local_server_new(struct loop *loop, const char *path, struct hss *hss,
			struct cx_local_server **out)
{
	struct cx_local_server *s = calloc(1, sizeof(*s));
	int rc;

	if (s == NULL)
		return -ENOMEM;
	s->loop = loop;
	s->hss = hss;
	s->fd = -1;
	s->local.sun_family = AF_UNIX;
	LIST_INIT(&s->clients);
	STAILQ_INIT(&s->spare);
	for (unsigned i = 0; i < BURST; i++) {
		s->read_in[i] =
			(struct iovec){ .iov_base = s->read[i], .iov_len = sizeof(s->read[i]) };
		s->read_head[i].msg_hdr =
			(struct msghdr){ .msg_iov = &s->read_in[i], .msg_iovlen = 1 };
	}
	hss_listen(hss, on_given, s);
	rc = strlen(path) < sizeof(s->local.sun_path) ? 0 : -ENAMETOOLONG;
	if (rc == 0) {
		strcpy(s->local.sun_path, path);
		rc = listen_on(s);
	}
	if (rc == 0) {
		s->acceptable =
			event_new(loop_base(loop), s->fd, EV_READ | EV_PERSIST, on_acceptable, s);
		if (s->acceptable == NULL || event_add(s->acceptable, NULL) < 0)
			rc = -ENOMEM;
	}
	if (rc < 0) {
		cx_local_server_free(s);
		return rc;
	}
	*out = s;
	return 0;
}

/* False: no memory, and nothing was queued. */
static bool queue_part(struct client *c, struct push *push, const struct cx_request *request)
{
	uint64_t id = c->server->next_id++;
	uint8_t message[CX_LOCAL_MESSAGE_BYTES];
	size_t n_bytes = cx_local_pack_request(request, id, message);
	struct part *part = malloc(sizeof(*part));
	struct served *v = part != NULL ? new_served(c, id, n_bytes) : NULL;

	if (v == NULL) {
		free(part);
		return false;
	}
	*part = (struct part){ .push = push, .id = id };
	LIST_INSERT_HEAD(&c->parts, part, link);
	push->n_parts++;
	v->bytes = n_bytes;
	memcpy(v->message, message, n_bytes);
	STAILQ_INSERT_TAIL(&c->unsent, v, link);
	return true;
}

int cx_local_push(struct cx_local_server *s, const struct cx_request *request, cx_done *done,
		  void *user)
{
	struct client *c, *following;
	struct push *push;

	if (LIST_EMPTY(&s->clients))
		return -EHOSTUNREACH;
	push = malloc(sizeof(*push));
	if (push == NULL)
		return -ENOMEM;
	*push = (struct push){ .command = request->command,
			       .result = CX_UNABLE_TO_DELIVER,
			       .n_parts = 1,
			       .done = done,
			       .user = user };
	for (c = LIST_FIRST(&s->clients); c != NULL; c = following) {
		following = LIST_NEXT(c, link); /* one that is gone is dropped by flush() */
		if (queue_part(c, push, request))
			flush(c);
	}
	settle(push, CX_UNABLE_TO_DELIVER);
	return 0;
}

void cx_local_server_free(struct cx_local_server *s)
{
	struct client *c;
	struct served *v;

	if (s == NULL)
		return;
	hss_listen(s->hss, NULL, NULL);
	while ((c = LIST_FIRST(&s->clients)) != NULL)
		drop(c);
	while ((v = STAILQ_FIRST(&s->spare)) != NULL) {
		STAILQ_REMOVE_HEAD(&s->spare, link);
		free(v);
	}
	if (s->acceptable != NULL) {
		event_free(s->acceptable);
		unlink(s->local.sun_path);
	}
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
