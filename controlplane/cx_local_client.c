/* The CSCFs' end of the local Cx socket. */
#include "controlplane/cx_local.h"

#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "controlplane/log.h"
#include "controlplane/loop.h"
#include "crypto/wipe.h"

/* Answers read in one turn, so that a busy HSS does not keep the loop from the SIP sockets. */
#define READ_BURST 64

struct asked {
	TAILQ_ENTRY(asked) link;
	uint64_t id;
	uint64_t deadline_ms;
	cx_done *done;
	void *user;
	bool is_sent; /* and in that list */
	struct cx_request request;
};

TAILQ_HEAD(asked_list, asked);

/* Ids grow by one, so both lists are in order of deadline and at[] finds an answer's request. */
struct client {
	struct cx cx;
	struct loop *loop;
	struct sockaddr_un peer;
	int fd; /* -1 = not connected */
	struct event *readable;
	struct event *writable;
	struct timer reconnect;
	struct timer timeout;
	uint64_t next_id;
	struct asked *at[CX_LOCAL_OUTSTANDING]; /* by id modulo */
	struct asked_list unsent;
	struct asked_list sent;
};

static void flush(struct client *c);

/* Takes a request out of its list and gives its answer. */
static void finish(struct client *c, struct asked *a, const struct cx_answer *answer)
{
	TAILQ_REMOVE(a->is_sent ? &c->sent : &c->unsent, a, link);
	c->at[a->id % CX_LOCAL_OUTSTANDING] = NULL;
	a->done(a->user, answer);
	free(a);
}

static void fail(struct client *c, struct asked *a)
{
	struct cx_answer answer = { .command = a->request.command, .result = CX_UNABLE_TO_DELIVER };

	finish(c, a, &answer);
}

static void disconnect(struct client *c)
{
	struct asked *a;

	if (c->readable != NULL)
		event_free(c->readable);
	if (c->writable != NULL)
		event_free(c->writable);
	c->readable = NULL;
	c->writable = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	/* What a callback asks meanwhile is not sent before there is a new connection. */
	while ((a = TAILQ_FIRST(&c->sent)) != NULL)
		fail(c, a);
}

/* After a timer that cannot be set the connection is tried by the next request. */
static void retry_later(struct client *c)
{
	timer_set(c->loop, &c->reconnect, CX_LOCAL_RECONNECT_MS);
}

static void set_timeout(struct client *c)
{
	const struct asked *s = TAILQ_FIRST(&c->sent);
	const struct asked *u = TAILQ_FIRST(&c->unsent);
	uint64_t now_ms = loop_now_ms(c->loop);
	uint64_t at_ms;

	if (s == NULL && u == NULL) {
		timer_cancel(c->loop, &c->timeout);
		return;
	}
	/* What is sent is older than what is not. */
	at_ms = s != NULL ? s->deadline_ms : u->deadline_ms;
	if (timer_set(c->loop, &c->timeout, at_ms > now_ms ? at_ms - now_ms : 0) < 0)
		log_error("cx: no timer is left; requests to the HSS wait without a limit");
}

static void on_timeout(void *user)
{
	struct client *c = user;
	uint64_t now_ms = loop_now_ms(c->loop);
	struct asked *a;

	log_warn("cx: the HSS does not answer");
	while ((a = TAILQ_FIRST(&c->sent)) != NULL && a->deadline_ms <= now_ms)
		fail(c, a);
	while ((a = TAILQ_FIRST(&c->unsent)) != NULL && a->deadline_ms <= now_ms)
		fail(c, a);
	set_timeout(c);
}

/* RTR or PPR. Returns 0 or -errno: then the HSS learns by the end of the connection. */
static int answer_push(struct client *c, const struct cx_local_message *message, size_t n_bytes)
{
	struct cx_answer answer = { .result = CX_UNABLE_TO_COMPLY };
	struct cx_local_message out;
	struct cx_request request;
	uint64_t id;
	int rc = cx_local_parse_request(message, n_bytes, &request, &id);

	if (rc < 0)
		return rc;
	answer.command = request.command;
	if (request.command != CX_RTR && request.command != CX_PPR)
		return -EPROTO;
	if (c->cx.heard != NULL)
		answer.result = c->cx.heard(c->cx.heard_user, &request);
	n_bytes = cx_local_pack_answer(&answer, id, &out);
	return send(c->fd, &out, n_bytes, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -EPIPE : 0;
}

/* Returns 0, -EAGAIN when there is nothing more to read, or another -errno: disconnect. */
static int read_answer(struct client *c)
{
	struct cx_local_message message;
	struct cx_answer answer;
	struct asked *a;
	uint64_t id;
	ssize_t n = recv(c->fd, &message, sizeof(message), MSG_DONTWAIT | MSG_TRUNC);
	int rc;

	if (n < 0)
		return -errno;
	if (n == 0)
		return -ECONNRESET;
	if ((size_t)n >= sizeof(message.header) && (size_t)n <= sizeof(message) &&
	    message.header.is_answer == 0)
		return answer_push(c, &message, (size_t)n);
	rc = (size_t)n > sizeof(message) ? -EPROTO
					 : cx_local_parse_answer(&message, (size_t)n, &answer, &id);
	if (rc == 0) {
		a = c->at[id % CX_LOCAL_OUTSTANDING];
		/* An answer that comes after its timeout meets nobody: no error. */
		if (a != NULL && a->id == id && a->is_sent && a->request.command == answer.command)
			finish(c, a, &answer);
	}
	if (rc == 0)
		cx_answer_clear(&answer, answer.command);
	wipe(&message, (size_t)n < sizeof(message) ? (size_t)n : sizeof(message));
	return rc;
}

static void on_readable(evutil_socket_t fd, short what, void *user)
{
	struct client *c = user;
	int rc = 0;

	for (int i = 0; rc == 0 && i < READ_BURST; i++)
		rc = read_answer(c);
	if (rc < 0 && rc != -EAGAIN && rc != -EINTR) {
		log_warn("cx: connection to the HSS lost: %s", strerror(-rc));
		disconnect(c);
		retry_later(c);
	}
	set_timeout(c);
}

static void on_writable(evutil_socket_t fd, short what, void *user)
{
	flush(user);
}

static int connect_now(struct client *c)
{
	int rc;

	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (c->fd < 0)
		return -errno;
	if (connect(c->fd, (const struct sockaddr *)&c->peer, sizeof(c->peer)) < 0) {
		rc = -errno;
		disconnect(c);
		return rc;
	}
	c->readable = event_new(loop_base(c->loop), c->fd, EV_READ | EV_PERSIST, on_readable, c);
	c->writable = event_new(loop_base(c->loop), c->fd, EV_WRITE, on_writable, c);
	if (c->readable == NULL || c->writable == NULL || event_add(c->readable, NULL) < 0) {
		disconnect(c);
		return -ENOMEM;
	}
	return 0;
}

static void on_reconnect(void *user)
{
	struct client *c = user;
	int rc = c->fd >= 0 ? 0 : connect_now(c);

	if (rc < 0) {
		log_warn("cx: cannot reach the HSS at %s: %s", c->peer.sun_path, strerror(-rc));
		retry_later(c);
		return;
	}
	flush(c);
}

/* Sends what waits until the socket is full. */
static void flush(struct client *c)
{
	struct cx_local_message message;
	struct asked *a;
	size_t bytes;

	while (c->fd >= 0 && (a = TAILQ_FIRST(&c->unsent)) != NULL) {
		bytes = cx_local_pack_request(&a->request, a->id, &message);
		if (send(c->fd, &message, bytes, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0) {
			TAILQ_REMOVE(&c->unsent, a, link);
			TAILQ_INSERT_TAIL(&c->sent, a, link);
			a->is_sent = true;
			continue;
		}
		if (errno == EAGAIN || errno == ENOBUFS) {
			event_add(c->writable, NULL);
			return;
		}
		/* The read side sees the end too, and settles what was sent. */
		return;
	}
}

static int send_local(struct cx *cx, const struct cx_request *request, cx_done *done, void *user)
{
	struct client *c = (struct client *)cx;
	struct asked *a;

	if (c->at[c->next_id % CX_LOCAL_OUTSTANDING] != NULL)
		return -ENOBUFS;
	a = malloc(sizeof(*a));
	if (a == NULL)
		return -ENOMEM;
	*a = (struct asked){ .id = c->next_id++,
			     .deadline_ms = loop_now_ms(c->loop) + CX_LOCAL_TIMEOUT_MS,
			     .done = done,
			     .user = user,
			     .request = *request };
	c->at[a->id % CX_LOCAL_OUTSTANDING] = a;
	TAILQ_INSERT_TAIL(&c->unsent, a, link);
	if (c->fd < 0 && !timer_is_set(&c->reconnect))
		timer_set(c->loop, &c->reconnect, 0);
	flush(c);
	if (!timer_is_set(&c->timeout))
		set_timeout(c);
	return 0;
}

static void free_local(struct cx *cx)
{
	struct client *c = (struct client *)cx;
	struct asked *a;

	disconnect(c);
	while ((a = TAILQ_FIRST(&c->unsent)) != NULL)
		fail(c, a);
	timer_cancel(c->loop, &c->reconnect);
	timer_cancel(c->loop, &c->timeout);
	free(c);
}

struct cx *cx_local_client_new(struct loop *loop, const char *path)
{
	struct client *c = calloc(1, sizeof(*c));

	if (c == NULL || strlen(path) >= sizeof(c->peer.sun_path)) {
		free(c);
		return NULL;
	}
	c->cx = (struct cx){ .send = send_local, .free = free_local };
	c->loop = loop;
	c->fd = -1;
	c->peer.sun_family = AF_UNIX;
	strcpy(c->peer.sun_path, path);
	TAILQ_INIT(&c->unsent);
	TAILQ_INIT(&c->sent);
	timer_init(&c->reconnect, on_reconnect, c);
	timer_init(&c->timeout, on_timeout, c);
	timer_set(loop, &c->reconnect, 0);
	return &c->cx;
}
