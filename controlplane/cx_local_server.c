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

/* Requests read from one client in one turn: they share a commit with those of the others. */
#define READ_BURST 64

struct client;

/* A request from its arrival until its answer is in the socket. */
struct served {
	STAILQ_ENTRY(served) link;
	struct client *client;
	uint64_t id;
	size_t bytes; /* of the packed answer that waits in `message` */
	struct cx_local_message message;
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
};

static void free_served(struct served *v)
{
	v->client->n_open--;
	wipe(&v->message, v->bytes);
	free(v);
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

/* Sends what waits until the socket is full. False: the client is gone. */
static bool flush(struct client *c)
{
	struct served *v;

	while ((v = STAILQ_FIRST(&c->unsent)) != NULL) {
		if (send(c->fd, &v->message, v->bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0) {
			if (errno == EAGAIN || errno == ENOBUFS) {
				event_add(c->writable, NULL);
				return true;
			}
			drop(c);
			return false;
		}
		STAILQ_REMOVE_HEAD(&c->unsent, link);
		free_served(v);
	}
	if (c->n_open < CX_LOCAL_OPEN)
		event_add(c->readable, NULL);
	return true;
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	flush(user);
}

static void on_answer(void *user, const struct cx_answer *answer)
{
	struct served *v = user;
	struct client *c = v->client;

	if (c->fd < 0) {
		free_served(v);
		free_if_unused(c);
		return;
	}
	v->bytes = cx_local_pack_answer(answer, v->id, &v->message);
	STAILQ_INSERT_TAIL(&c->unsent, v, link);
	flush(c);
}

static int take_part(struct client *c, const struct cx_local_message *message, size_t n_bytes)
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

/* Returns 0, -EAGAIN when there is nothing more to read, or another -errno: drop the client. */
static int read_request(struct client *c)
{
	struct cx_local_message message;
	struct cx_request request;
	struct served *v;
	uint64_t id;
	ssize_t n = recv(c->fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
	int rc;

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ECONNRESET;
	if ((size_t)n > sizeof(message))
		return -EPROTO;
	if ((size_t)n >= sizeof(message.header) && message.header.is_answer == 1)
		return take_part(c, &message, (size_t)n);
	rc = cx_local_parse_request(&message, (size_t)n, &request, &id);
	if (rc < 0)
		return rc;
	v = malloc(sizeof(*v));
	if (v == NULL)
		return -ENOMEM;
	v->client = c;
	v->id = id;
	v->bytes = 0;
	c->n_open++;
	rc = hss_request(c->server->hss, &request, on_answer, v);
	if (rc < 0)
		free_served(v);
	return rc;
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct client *c = user;
	int rc = 0;

	for (int i = 0; rc == 0 && i < READ_BURST && c->n_open < CX_LOCAL_OPEN; i++)
		rc = read_request(c);
	if (rc < 0 && rc != -EAGAIN && rc != -EINTR) {
		if (rc != -ECONNRESET)
			log_warn("cx: a client is dropped: %s", strerror(-rc));
		drop(c);
	} else if (c->n_open >= CX_LOCAL_OPEN) {
		event_del(c->readable);
	}
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
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) < 0)
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
	if (rc == -ENOENT)
		return 0;
	return -EADDRINUSE;
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
	struct part *part = malloc(sizeof(*part));
	struct served *v = part != NULL ? malloc(sizeof(*v)) : NULL;

	if (v == NULL) {
		free(part);
		return false;
	}
	*part = (struct part){ .push = push, .id = c->server->next_id++ };
	LIST_INSERT_HEAD(&c->parts, part, link);
	push->n_parts++;
	v->client = c;
	v->id = part->id;
	v->bytes = cx_local_pack_request(request, part->id, &v->message);
	c->n_open++;
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

	if (s == NULL)
		return;
	while ((c = LIST_FIRST(&s->clients)) != NULL)
		drop(c);
	if (s->acceptable != NULL) {
		event_free(s->acceptable);
		unlink(s->local.sun_path);
	}
	if (s->fd >= 0)
		close(s->fd);
	free(s);
}
